/*
 * serve_socket.c: the daemon's socket, and who is let in.
 *
 * A peer is known by SO_PEERCRED as of its connect, before a byte is read. 65534 stands for every
 * user that this namespace does not know, so it is nobody in particular and never let in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "shm/fd.h"
#include "supervisor/clock.h"
#include "supervisor/error.h"
#include "supervisor/serve.h"
#include "supervisor/supervisor.h"

#define BACKLOG 128
/* Connections taken in one turn of the loop. */
#define ACCEPTS_MAX 16u
/* Without descriptors, nobody is accepted for this long. */
#define ACCEPT_PAUSE_NS UINT64_C(100000000)
/* The lock beside a socket, while one is being made. */
#define TURN_ENDING ".lock"
/* Locks that turn out to have been removed, one after the other, before somebody else must be busy there. */
#define TURN_ATTEMPTS 16

/* Making the socket */

static bool address_of(const char *path, struct sockaddr_un *out_address)
{
    *out_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(out_address->sun_path)) {
        return false;
    }
    memcpy(out_address->sun_path, path, strlen(path));
    return true;
}

/* A folder that is there already keeps its mode: others may have their reasons for it. */
static void say_who_is_kept_out(struct rune_server *server, const char *folder, mode_t mode)
{
    if ((mode & 0011) != 0011) {
        rn_supervisor_log(server->supervisor, 1,
                          "serve: %s has mode %04o: users who are let in may not get to the socket "
                          "there (0711 lets them)",
                          folder, (unsigned)mode & 07777);
    }
}

/* The folder is made if it is not there. Who may write to it could put another socket there. */
static rune_status check_folder(struct rune_server *server, const char *path, bool shared,
                                rune_error **error)
{
    struct stat about;
    const char *slash = strrchr(path, '/');
    RN_AUTO_FREE char *folder =
        slash ? rn_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : rn_strndup(".", 1);
    if (!folder) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    if (mkdir(folder, shared ? 0711 : 0700) != 0 && errno != EEXIST) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", folder, strerrordesc_np(errno));
    }
    if (stat(folder, &about) != 0) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", folder, strerrordesc_np(errno));
    }
    bool sticky = (about.st_mode & S_ISVTX) != 0;
    bool foreign = about.st_uid != geteuid() && about.st_uid != 0;
    if (foreign || ((about.st_mode & 022) != 0 && !sticky)) {
        return rn_fail(error, RUNE_E_DENIED,
                       "%s: others may write to the folder of the socket; have one of mode %s",
                       folder, shared ? "0711" : "0700");
    }
    if (shared) {
        say_who_is_kept_out(server, folder, about.st_mode);
    }
    return RUNE_OK;
}

/* A socket that refuses is what a daemon left behind, or has not made ready yet. Any other answer, "wrong type"
 * as well, comes from somebody who listens. */
static rune_status look_who_listens(const char *path, const struct sockaddr_un *address,
                                    bool *out_refuses, rune_error **error)
{
    struct stat about;
    *out_refuses = false;
    if (lstat(path, &about) != 0) {
        return RUNE_OK;
    }
    if (!S_ISSOCK(about.st_mode)) {
        return rn_fail(error, RUNE_E_BUSY, "%s: there is something else than a socket", path);
    }
    RN_AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN) {
        return rn_fail(error, RUNE_E_BUSY, "%s: another daemon answers there", path);
    }
    if (errno != ECONNREFUSED) {
        return rn_fail(error, RUNE_E_BUSY, "%s: the socket there is not a daemon's: %s", path,
                       strerrordesc_np(errno));
    }
    *out_refuses = true;
    return RUNE_OK;
}

/* Whose turn it is to make the socket; `fd` has the lock on the file at `path`, which is there meanwhile. */
struct turn {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(TURN_ENDING)];
    int fd;
};

/* Locks the file at the path, if nobody has. WOULD_BLOCK; NOT_FOUND: it was removed by whoever had it. */
static enum rn_error lock_once(struct turn *turn)
{
    struct stat about;
    RN_AUTO_FD int fd = rn_fd_take_above_standard(
        open(turn->path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (fd < 0) {
        return RN_E_SYSTEM;
    }
    // A file system without locks has none to give: two daemons may meet there.
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return RN_E_WOULD_BLOCK;
    }
    if (fstat(fd, &about) != 0) {
        return RN_E_SYSTEM;
    }
    if (about.st_nlink == 0) {
        return RN_E_NOT_FOUND;
    }
    turn->fd = RN_TAKE_FD(fd);
    return RN_OK;
}

/* From looking until it listens, a socket is one daemon's alone: what refuses may be another one's that is not
 * ready yet. */
static rune_status take_turn(struct turn *turn, const char *path, rune_error **error)
{
    enum rn_error taken = RN_E_NOT_FOUND;
    (void)snprintf(turn->path, sizeof(turn->path), "%s" TURN_ENDING, path);
    for (int i = 0; i < TURN_ATTEMPTS && taken == RN_E_NOT_FOUND; i++) {
        taken = lock_once(turn);
    }
    if (taken == RN_E_SYSTEM) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", turn->path, strerrordesc_np(errno));
    }
    return taken == RN_OK
               ? RUNE_OK
               : rn_fail(error, RUNE_E_BUSY, "%s: another daemon is starting there", path);
}

/* The file goes before the lock does. Unlocked, not just closed: a process that is being started may have a copy. */
static void end_turn(struct turn *turn)
{
    if (turn->fd >= 0) {
        (void)unlink(turn->path);
        (void)flock(turn->fd, LOCK_UN);
        rn_fd_close(RN_TAKE_FD(turn->fd));
    }
}

static rune_status remove_stale(const char *path, const struct sockaddr_un *address,
                                rune_error **error)
{
    bool refuses;
    rune_status status = look_who_listens(path, address, &refuses, error);
    if (status == RUNE_OK && refuses && unlink(path) != 0) {
        status = rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    }
    return status;
}

/* What is to be removed at the end, as long as it is at its path. */
static rune_status keep_name(struct rune_server *server, const char *path, rune_error **error)
{
    struct stat about;
    if (lstat(path, &about) != 0) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    }
    server->socket = rn_strndup(path, strlen(path));
    server->socket_device = about.st_dev;
    server->socket_inode = about.st_ino;
    return server->socket ? RUNE_OK : rn_fail_plain(error, RN_E_NO_MEMORY);
}

static rune_status make_socket(struct rune_server *server, const struct sockaddr_un *address,
                               bool shared, rune_error **error)
{
    const char *path = address->sun_path; // which ends with a zero: address_of
    rune_status status = remove_stale(path, address, error);
    if (status != RUNE_OK) {
        return status;
    }
    server->listen_fd = rn_fd_take_above_standard(
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // Nobody connects before it listens, so the mode may come after the name.
    if (server->listen_fd < 0 ||
        bind(server->listen_fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        chmod(path, shared ? 0666 : 0600) != 0 || listen(server->listen_fd, BACKLOG) != 0) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    }
    return keep_name(server, path, error);
}

static rune_status bind_to(struct rune_server *server, const char *path, bool shared,
                           rune_error **error)
{
    struct sockaddr_un address;
    struct turn turn = {.fd = -1};
    bool refuses;
    if (!address_of(path, &address)) {
        return rn_fail(error, RUNE_E_TOO_LARGE, "%s: the path of a socket has at most %zu bytes",
                       path, sizeof(address.sun_path) - 1);
    }
    rune_status status = check_folder(server, path, shared, error);
    if (status == RUNE_OK) {
        // Before a file is made, which the folder may not permit: who answers is to be said in any case.
        status = look_who_listens(path, &address, &refuses, error);
    }
    if (status == RUNE_OK) {
        status = take_turn(&turn, path, error);
    }
    if (status == RUNE_OK) {
        status = make_socket(server, &address, shared, error);
    }
    end_turn(&turn);
    return status;
}

static rune_status check_listener(int fd, rune_error **error)
{
    int type = 0;
    int listens = 0;
    int family = 0;
    socklen_t size = sizeof(int);
    bool good = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
                getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
                getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0;
    if (!good || type != SOCK_SEQPACKET || !listens || family != AF_UNIX) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT,
                       "descriptor %d is no listening Unix socket of sequential packets", fd);
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return RUNE_OK;
}

rune_status rn_serve_listen(struct rune_server *server, const rune_server_options *options,
                            rune_error **error)
{
    rune_status status;
    if (options->listener >= 0) {
        status = check_listener(options->listener, error);
        server->listen_fd = status == RUNE_OK ? options->listener : -1;
    } else if (options->socket) {
        status = bind_to(server, options->socket, options->allowed_count > 0, error);
    } else {
        status = rn_fail(error, RUNE_E_INVALID_ARGUMENT, "a server needs a socket");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->listen_fd};
    if (status == RUNE_OK &&
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->listen_fd, &event) != 0) {
        status = rn_fail_plain(error, RN_E_SYSTEM);
    }
    server->spare_fd = rn_fd_take_above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
    return status;
}

void rn_serve_stop_listening(struct rune_server *server)
{
    struct stat about;
    // Another one may have taken the place since.
    if (server->socket && lstat(server->socket, &about) == 0 &&
        about.st_dev == server->socket_device && about.st_ino == server->socket_inode) {
        (void)unlink(server->socket);
    }
    rn_free(RN_TAKE(server->socket));
    rn_fd_close(RN_TAKE_FD(server->listen_fd));
    rn_fd_close(RN_TAKE_FD(server->spare_fd));
}

/* Letting in */

static unsigned rights_of(const struct rune_server *server, uint32_t uid)
{
    if (uid == RN_SERVE_UID_NEVER || uid == UINT32_MAX) {
        return 0;
    }
    for (size_t i = 0; i < server->allowed_count; i++) {
        if (server->allowed[i].uid == uid) {
            return server->allowed[i].rights;
        }
    }
    return uid == geteuid() || uid == 0 ? RUNE_RIGHT_ALL : 0;
}

/* One packet with the reason, if the socket takes it; the peer may not even look. */
static void turn_away(int fd, rune_status status, const char *sentence)
{
    uint8_t packet[RN_MESSAGE_HEADER_SIZE + RN_MESSAGE_FIELDS_MAX + 256];
    uint8_t whole[RN_PACKET_MAX];
    struct rn_outgoing outgoing;
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_GOODBYE,
                                 .body = (const uint8_t *)sentence,
                                 .body_size = strlen(sentence),
                                 .as.DAEMON_GOODBYE = {.status = (uint32_t)-status}};
    RN_CHECK(message.body_size < 256);
    rn_outgoing_init(&outgoing, &message);
    size_t size = rn_outgoing_packet(&outgoing, 0, whole);
    memcpy(packet, whole, size);
    (void)!send(fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    rn_fd_close(fd);
}

static struct rn_serve_account *find_account(struct rune_server *server, uint32_t uid)
{
    for (struct rn_serve_account *account = server->accounts; account; account = account->next) {
        if (account->uid == uid) {
            return account;
        }
    }
    struct rn_serve_account *account = rn_alloc(sizeof(*account));
    if (account) {
        account->uid = uid;
        account->next = server->accounts;
        server->accounts = account;
    }
    return account;
}

void rn_serve_leave_account(struct rune_server *server, struct rn_serve_account *account)
{
    account->connections--;
    if (account->connections > 0) {
        return;
    }
    struct rn_serve_account **at = &server->accounts;
    while (*at != account) {
        at = &(*at)->next;
    }
    *at = account->next;
    for (size_t i = 0; i < RN_SERVE_DOMAINS_MAX; i++) {
        rn_free(account->domains[i].name);
    }
    rn_free(account);
}

static void refuse(struct rune_server *server, int fd, rune_status status, const char *sentence)
{
    pthread_mutex_lock(&server->lock);
    server->counts.refused++;
    pthread_mutex_unlock(&server->lock);
    turn_away(fd, status, sentence);
}

static void let_in(struct rune_server *server, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        rn_fd_close(fd);
        return;
    }
    unsigned rights = rights_of(server, peer.uid);
    if (rights == 0) {
        rn_supervisor_log_seldom(server->supervisor, RN_SELDOM_TURNED_AWAY,
                                 "serve: uid %u (pid %d) was turned away", peer.uid, peer.pid);
        refuse(server, fd, RUNE_E_DENIED, "this user may not talk to the daemon");
        return;
    }
    struct rn_serve_account *account = find_account(server, peer.uid);
    if (!account) {
        refuse(server, fd, RUNE_E_NO_MEMORY, "the daemon has no memory");
        return;
    }
    account->rights = rights;
    account->connections++;
    if (account->connections > server->limits[RUNE_PEER_CONNECTIONS] ||
        server->connection_count >= RN_SERVE_CONNECTIONS_MAX) {
        rn_serve_leave_account(server, account);
        refuse(server, fd, RUNE_E_OVERLOADED, "this user has as many connections as it may");
        return;
    }
    rn_serve_connection_open(server, account, fd, (uint32_t)peer.pid);
}

static int accept_one(const struct rune_server *server)
{
    return rn_fd_take_above_standard(
        accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

/* No descriptor is left: one is given up to take the peer and turn it away, or the kernel would say
 * so without end. */
static void turn_one_away(struct rune_server *server)
{
    rn_fd_close(RN_TAKE_FD(server->spare_fd));
    int fd = accept_one(server);
    if (fd >= 0) {
        refuse(server, fd, RUNE_E_OVERLOADED, "the daemon has no descriptors left");
    }
    server->spare_fd = rn_fd_take_above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
    server->accept_ns = rn_after_ns(rn_now_ns(), ACCEPT_PAUSE_NS);
}

void rn_serve_accept(struct rune_server *server)
{
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept_one(server);
        if (fd >= 0) {
            let_in(server, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            turn_one_away(server);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}
