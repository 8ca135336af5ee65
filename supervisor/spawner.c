/*
 * spawner.c: the client side of zygotes.
 *
 * A zygote's handle is a small state: packets come in on one socket in any order (ends of old
 * children between a request and its answer), so whatever is not waited for goes into a queue of
 * ends. The lock is held over request and answer; the answer's wait is bounded.
 */
#include "supervisor/spawner.h"

#include "base/alloc.h"
#include "policy/look.h"
#include "policy/zygote_wire.h"
#include "shm/fd.h"
#include "supervisor/detach.h"
#include "supervisor/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Uids of domains as root: beyond the ranges that distributions and container managers hand out.
#define DEFAULT_UID_BASE 2000000000u
#define UID_RANGE (1u << 24)
#define HELLO_TIMEOUT_MS 10000
#define SPAWN_TIMEOUT_MS 5000
#define REAP_TIMEOUT_MS 1000

struct rn_spawner {
    int worker_fd;
    int compiler_fd;
    enum rn_policy policy;
    uint64_t required;
    uint64_t given_up;
    uint32_t uid_base;
    uint32_t uid_start;
    _Atomic uint32_t domain_count;
};

struct end {
    struct end *next;
    struct rn_child_exit exit;
};

struct rn_zygote {
    struct rn_spawner *spawner;
    pthread_mutex_t lock;
    int socket_fd;
    int pidfd;
    bool gone;
    bool has_pid_namespace;
    uint64_t last_id;
    struct rn_wall_report report;
    struct end *first_end;
    struct end **last_end;
};

static void fail(struct rn_spawn_failure *out_failure, const char *step, int error)
{
    *out_failure = (struct rn_spawn_failure){.step = step, .error = error};
}

/* Spawners */

static enum rn_error open_image(const char *path, const char *step, int *out_fd,
                                struct rn_spawn_failure *out_failure)
{
    *out_fd = rn_fd_take_above_standard(open(path, O_RDONLY | O_CLOEXEC));
    if (*out_fd < 0) {
        fail(out_failure, step, errno);
        return RN_E_SETUP;
    }
    return RN_OK;
}

static enum rn_error open_images(struct rn_spawner *spawner,
                                 const struct rn_spawner_options *options,
                                 struct rn_spawn_failure *out_failure)
{
    RN_TRY(open_image(options->worker_path, "worker image", &spawner->worker_fd, out_failure));
    RN_TRY(
        open_image(options->compiler_path, "compiler image", &spawner->compiler_fd, out_failure));
    // Domains of two hosts should not share a uid, and nothing but chance keeps hosts apart.
    if (getrandom(&spawner->uid_start, sizeof(spawner->uid_start), 0) !=
        (ssize_t)sizeof(spawner->uid_start)) {
        fail(out_failure, "random numbers", errno);
        return RN_E_SETUP;
    }
    return RN_OK;
}

enum rn_error rn_spawner_new(const struct rn_spawner_options *options,
                             struct rn_spawner **out_spawner, struct rn_spawn_failure *out_failure)
{
    fail(out_failure, "spawner", 0);
    struct rn_spawner *spawner = rn_alloc(sizeof(*spawner));
    if (spawner == NULL) {
        return RN_E_NO_MEMORY;
    }
    spawner->worker_fd = -1;
    spawner->compiler_fd = -1;
    spawner->policy = options->policy;
    spawner->required = rn_policy_required(options->policy) | options->require;
    spawner->given_up = options->give_up & RN_LAYERS_TO_GIVE_UP;
    spawner->uid_base = options->uid_base == 0 ? DEFAULT_UID_BASE : options->uid_base;
    enum rn_error error = open_images(spawner, options, out_failure);
    if (error != RN_OK) {
        rn_spawner_free(spawner);
        return error;
    }
    *out_spawner = spawner;
    return RN_OK;
}

int rn_spawner_compiler_fd(const struct rn_spawner *spawner)
{
    return spawner->compiler_fd;
}

void rn_spawner_free(struct rn_spawner *spawner)
{
    if (spawner == NULL) {
        return;
    }
    if (spawner->worker_fd >= 0) {
        close(spawner->worker_fd);
    }
    if (spawner->compiler_fd >= 0) {
        close(spawner->compiler_fd);
    }
    rn_free(spawner);
}

static uint32_t next_uid(struct rn_spawner *spawner)
{
    uint32_t count = atomic_fetch_add_explicit(&spawner->domain_count, 1, memory_order_relaxed);
    return spawner->uid_base + (spawner->uid_start + count) % UID_RANGE;
}

/* Packets */

static int take_descriptor(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd = -1;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(&fd, CMSG_DATA(header), sizeof(int));
    }
    return fd;
}

// One packet without waiting; *out_fd is -1 or the receiver's to close.
static enum rn_error receive(struct rn_zygote *zygote, struct rn_zygote_packet *packet, int *out_fd)
{
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
    struct iovec iov = {packet, sizeof(*packet)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    ssize_t size;
    do {
        size = recvmsg(zygote->socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN) {
        return RN_E_WOULD_BLOCK;
    }
    if (size <= 0) {
        errno = size == 0 ? ECONNRESET : errno;
        zygote->gone = true;
        return RN_E_CLOSED;
    }
    int fd = rn_fd_take_above_standard(take_descriptor(&message));
    if (size != (ssize_t)sizeof(*packet) || packet->magic != RN_ZYGOTE_MAGIC) {
        if (fd >= 0) {
            close(fd);
        }
        errno = EPROTO;
        zygote->gone = true;
        return RN_E_CLOSED;
    }
    *out_fd = fd;
    return RN_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum rn_error receive_until(struct rn_zygote *zygote, int64_t deadline_ms,
                                   struct rn_zygote_packet *packet, int *out_fd)
{
    for (;;) {
        enum rn_error error = receive(zygote, packet, out_fd);
        if (error != RN_E_WOULD_BLOCK) {
            return error;
        }
        int64_t left = deadline_ms - now_ms();
        if (left <= 0) {
            return RN_E_TIMED_OUT;
        }
        struct pollfd polled = {zygote->socket_fd, POLLIN, 0};
        if (poll(&polled, 1, (int)left) < 0 && errno != EINTR) {
            return RN_E_SYSTEM;
        }
    }
}

// What cannot be kept for want of memory is lost; its owner still sees the end by its pidfd.
static void keep_end(struct rn_zygote *zygote, const struct rn_zygote_packet *packet)
{
    struct end *end = rn_alloc(sizeof(*end));
    if (end == NULL) {
        return;
    }
    end->exit = (struct rn_child_exit){
        .id = packet->id,
        .signalled = packet->signalled != 0,
        .code = packet->code,
        .deadline = packet->deadline != 0,
        .cpu_ns = packet->cpu_ns,
        .memory_peak = packet->memory_peak,
    };
    *zygote->last_end = end;
    zygote->last_end = &end->next;
}

/* Zygotes */

// True once the process is no concern of the host's: reaped, or not its child.
static bool try_reap(int pidfd)
{
    siginfo_t info = {0};
    return waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0 || info.si_pid != 0;
}

// What ends here falls to init, who waits for it. A host that is init, or a subreaper, would keep it
// as a zombie; everywhere else this is one system call. For one that ends, or was killed.
static void reap(int pidfd)
{
    int64_t deadline = now_ms() + REAP_TIMEOUT_MS;
    while (!try_reap(pidfd)) {
        int64_t left = deadline - now_ms();
        struct pollfd polled = {pidfd, POLLIN, 0};
        if (left <= 0 || (poll(&polled, 1, (int)left) < 0 && errno != EINTR)) {
            return;
        }
    }
}

static int execute_helper(struct rn_zygote *zygote, int control_fd, int host_fd,
                          int *out_helper_pidfd)
{
    const struct rn_spawner *spawner = zygote->spawner;
    char uid[16];
    snprintf(uid, sizeof(uid), "%u", next_uid(zygote->spawner));
    char *argv[] = {(char *)"runeward-worker", (char *)"--zygote", uid, NULL};
    struct rn_detach detach = {
        .image_fd = spawner->worker_fd,
        .argv = argv,
        .fds = {control_fd, spawner->worker_fd, spawner->compiler_fd, host_fd},
        .fd_count = 4,
    };
    return rn_detach_exec(&detach, out_helper_pidfd);
}

static enum rn_error start(struct rn_zygote *zygote, int *out_helper_pidfd,
                           struct rn_spawn_failure *out_failure)
{
    int host_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (host_fd < 0) {
        fail(out_failure, "descriptor of the host", errno);
        return RN_E_SETUP;
    }
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        fail(out_failure, "control socket", errno);
        close(host_fd);
        return RN_E_SETUP;
    }
    // What a host writes to a standard stream that it has closed would come out at either end.
    zygote->socket_fd = rn_fd_take_above_standard(ends[0]);
    RN_AUTO_FD int theirs = rn_fd_take_above_standard(ends[1]);
    if (zygote->socket_fd < 0 || theirs < 0) {
        fail(out_failure, "control socket", errno);
        close(host_fd);
        return RN_E_SETUP;
    }
    int error = execute_helper(zygote, theirs, host_fd, out_helper_pidfd);
    close(host_fd);
    if (error != 0) {
        fail(out_failure, "executing the worker image", error);
        return RN_E_SETUP;
    }
    return RN_OK;
}

// The helper's and the zygote's first packets, in either order.
static enum rn_error greet(struct rn_zygote *zygote, struct rn_spawn_failure *out_failure)
{
    int64_t deadline = now_ms() + HELLO_TIMEOUT_MS;
    bool greeted = false;
    while (!greeted || zygote->pidfd < 0) {
        struct rn_zygote_packet packet;
        int fd;
        enum rn_error error = receive_until(zygote, deadline, &packet, &fd);
        if (error != RN_OK) {
            fail(out_failure, "greeting of the zygote", error == RN_E_TIMED_OUT ? 0 : errno);
            return error == RN_E_TIMED_OUT ? error : RN_E_SETUP;
        }
        if (packet.kind == RN_ZYGOTE_PACKET_ZYGOTE && fd >= 0 && zygote->pidfd < 0) {
            zygote->pidfd = fd;
        } else if (packet.kind == RN_ZYGOTE_PACKET_HELLO && fd < 0) {
            zygote->report = packet.report;
            zygote->has_pid_namespace =
                (packet.report.active & RN_LAYER_BIT(RN_LAYER_PID_NAMESPACE)) != 0;
            greeted = true;
        } else {
            fail(out_failure, "namespaces", packet.error);
            return RN_E_SETUP;
        }
    }
    return RN_OK;
}

// Layers of which a zygote can answer; the rest are each child's own, or the supervisor's.
static uint64_t zygote_layers(void)
{
    return RN_LAYER_BIT(RN_LAYER_NO_NEW_PRIVS) | RN_LAYER_BIT(RN_LAYER_CAPABILITIES) |
           RN_LAYER_BIT(RN_LAYER_EMPTY_ROOT) | RN_LAYER_BIT(RN_LAYER_PID_NAMESPACE) |
           RN_LAYER_BIT(RN_LAYER_NET_NAMESPACE) | RN_LAYER_BIT(RN_LAYER_OWN_UID) |
           RN_LAYER_BIT(RN_LAYER_USER_NAMESPACE) | RN_LAYER_BIT(RN_LAYER_IPC_NAMESPACE) |
           RN_LAYER_BIT(RN_LAYER_UTS_NAMESPACE) | RN_LAYER_BIT(RN_LAYER_CGROUP_NAMESPACE) |
           RN_LAYER_BIT(RN_LAYER_SESSION) | RN_LAYER_BIT(RN_LAYER_CORE_SCHEDULING) |
           RN_LAYER_BIT(RN_LAYER_OOM_FIRST) | RN_LAYER_BIT(RN_LAYER_SEALED_UNITS);
}

static enum rn_error check_layers(const struct rn_zygote *zygote,
                                  struct rn_spawn_failure *out_failure)
{
    enum rn_layer missing;
    enum rn_error error = rn_wall_report_check(
        &zygote->report, zygote->spawner->required & zygote_layers(), &missing);
    if (error != RN_OK) {
        fail(out_failure, "layer", zygote->report.refused_errno[missing]);
        out_failure->has_layer = true;
        out_failure->layer = missing;
    }
    return error;
}

// The supervisor's own layer: can a Unit be sealed on this machine?
static void probe_seals(struct rn_wall_report *report)
{
    int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    int fd = memfd_create("runeward-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && fcntl(fd, F_ADD_SEALS, seals) == 0 && fcntl(fd, F_GET_SEALS) == seals) {
        rn_wall_report_active(report, RN_LAYER_SEALED_UNITS);
    } else {
        rn_wall_report_refused(report, RN_LAYER_SEALED_UNITS, errno);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static enum rn_error start_and_check(struct rn_zygote *zygote, struct rn_spawn_failure *out_failure)
{
    int helper_pidfd;
    RN_TRY(start(zygote, &helper_pidfd, out_failure));
    enum rn_error error = greet(zygote, out_failure);
    reap(helper_pidfd);
    close(helper_pidfd);
    RN_TRY(error);
    probe_seals(&zygote->report);
    RN_TRY(check_layers(zygote, out_failure));
    // From here on, what can be seen on a child is believed only when it is seen there.
    zygote->report.active &= ~rn_wall_visible();
    return RN_OK;
}

enum rn_error rn_zygote_new(struct rn_spawner *spawner, struct rn_zygote **out_zygote,
                            struct rn_spawn_failure *out_failure)
{
    fail(out_failure, "zygote", 0);
    struct rn_zygote *zygote = rn_alloc(sizeof(*zygote));
    if (zygote == NULL) {
        return RN_E_NO_MEMORY;
    }
    zygote->spawner = spawner;
    zygote->socket_fd = -1;
    zygote->pidfd = -1;
    zygote->last_end = &zygote->first_end;
    pthread_mutex_init(&zygote->lock, NULL);
    enum rn_error error = start_and_check(zygote, out_failure);
    if (error != RN_OK) {
        rn_zygote_free(zygote);
        return error;
    }
    *out_zygote = zygote;
    return RN_OK;
}

static void send_kill(int pidfd)
{
    for (int i = 0; i < RN_WAKE_ATTEMPTS; i++) {
        if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0 || errno == ESRCH) {
            return;
        }
    }
}

void rn_zygote_free(struct rn_zygote *zygote)
{
    if (zygote == NULL) {
        return;
    }
    // Without a pid namespace the zygote itself ends its children, at the end of its socket: shut
    // down, since a process that the host forked may have it, too.
    if (zygote->pidfd >= 0 && zygote->has_pid_namespace) {
        send_kill(zygote->pidfd);
    }
    if (zygote->socket_fd >= 0) {
        (void)shutdown(zygote->socket_fd, SHUT_RDWR);
        close(zygote->socket_fd);
    }
    if (zygote->pidfd >= 0) {
        reap(zygote->pidfd);
        close(zygote->pidfd);
    }
    while (zygote->first_end != NULL) {
        struct end *end = zygote->first_end;
        zygote->first_end = end->next;
        rn_free(end);
    }
    pthread_mutex_destroy(&zygote->lock);
    rn_free(zygote);
}

const struct rn_wall_report *rn_zygote_report(const struct rn_zygote *zygote)
{
    return &zygote->report;
}

int rn_zygote_fd(const struct rn_zygote *zygote)
{
    return zygote->socket_fd;
}

/* Children */

struct spawn_message {
    struct rn_zygote_spawn body;
    int fds[1 + RN_SEGMENT_COUNT];
    size_t fd_count;
};

static void fill(struct spawn_message *message, struct rn_zygote *zygote,
                 const struct rn_spawn_request *request)
{
    message->body = (struct rn_zygote_spawn){
        .magic = RN_ZYGOTE_MAGIC,
        .role = (uint32_t)request->role,
        .id = ++zygote->last_id,
        .required = zygote->spawner->required,
        .given_up = zygote->spawner->given_up,
        .arena_size = request->arena_size,
        .stack_size = request->stack_size,
        .cpu_seconds = request->cpu_seconds,
    };
    message->fds[0] = request->socket_fd;
    message->fd_count = 1;
    for (unsigned slot = 0; slot < RN_SEGMENT_COUNT; slot++) {
        if (request->segment_fds[slot] >= 0) {
            message->body.segment_mask |= 1u << slot;
            message->fds[message->fd_count++] = request->segment_fds[slot];
        }
    }
}

static enum rn_error send_spawn(struct rn_zygote *zygote, struct spawn_message *spawn)
{
    char control[CMSG_SPACE(sizeof(spawn->fds))] __attribute__((aligned(8))) = {0};
    size_t fds_size = spawn->fd_count * sizeof(int);
    struct iovec iov = {&spawn->body, sizeof(spawn->body)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(fds_size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds_size);
    memcpy(CMSG_DATA(header), spawn->fds, fds_size);
    ssize_t sent;
    do {
        sent = sendmsg(zygote->socket_fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)sizeof(spawn->body)) {
        return RN_OK;
    }
    return errno == EPIPE || errno == ECONNRESET ? RN_E_CLOSED : RN_E_SYSTEM;
}

static enum rn_error wait_for_answer(struct rn_zygote *zygote, uint64_t id, int *out_pidfd,
                                     struct rn_spawn_failure *out_failure)
{
    int64_t deadline = now_ms() + SPAWN_TIMEOUT_MS;
    for (;;) {
        struct rn_zygote_packet packet;
        int fd;
        RN_TRY(receive_until(zygote, deadline, &packet, &fd));
        if (packet.kind == RN_ZYGOTE_PACKET_SPAWNED && packet.id == id) {
            if (packet.error != 0 || fd < 0) {
                fail(out_failure, "executing the child", packet.error);
                return RN_E_SYSTEM;
            }
            *out_pidfd = fd;
            return RN_OK;
        }
        if (packet.kind == RN_ZYGOTE_PACKET_ENDED) {
            keep_end(zygote, &packet);
        }
        if (fd >= 0) {
            // The answer to a request that was given up.
            send_kill(fd);
            close(fd);
        }
    }
}

// The process number behind a pidfd, as this process sees it; 0 with errno when procfs does not say.
static pid_t pid_of(int pidfd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    char text[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (size <= 0) {
        errno = why;
        return 0;
    }
    text[size] = '\0';
    const char *line = strstr(text, "\nPid:");
    int pid = 0;
    return line != NULL && sscanf(line, "\nPid: %d", &pid) == 1 && pid > 0 ? pid : 0;
}

static enum rn_error spawn_locked(struct rn_zygote *zygote, const struct rn_spawn_request *request,
                                  struct rn_child *out_child, struct rn_spawn_failure *out_failure)
{
    if (zygote->gone) {
        return RN_E_CLOSED;
    }
    struct spawn_message message;
    fill(&message, zygote, request);
    enum rn_error error = send_spawn(zygote, &message);
    if (error != RN_OK) {
        fail(out_failure, "asking the zygote", errno);
        return error;
    }
    RN_TRY(wait_for_answer(zygote, message.body.id, &out_child->pidfd, out_failure));
    out_child->id = message.body.id;
    return RN_OK;
}

enum rn_error rn_zygote_spawn(struct rn_zygote *zygote, const struct rn_spawn_request *request,
                              struct rn_child *out_child, struct rn_spawn_failure *out_failure)
{
    fail(out_failure, "zygote", 0);
    struct rn_child child = {.pidfd = -1};
    pthread_mutex_lock(&zygote->lock);
    enum rn_error error = spawn_locked(zygote, request, &child, out_failure);
    pthread_mutex_unlock(&zygote->lock);
    if (error == RN_OK) {
        child.pid = pid_of(child.pidfd);
        fail(out_failure, "looking at it", child.pid == 0 ? errno : 0);
        *out_child = child;
    }
    return error;
}

void rn_child_kill(const struct rn_child *child)
{
    send_kill(child->pidfd);
}

bool rn_child_stat(const struct rn_child *child, struct rn_child_stat *out_stat)
{
    char path[40];
    char text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)child->pid);
    RN_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    text[size > 0 ? size : 0] = 0;
    const char *rest = strrchr(text, ')'); // the name before it may hold anything
    return rest &&
           sscanf(rest, ") %c %*d %*d %*d %*d %*d %u", &out_stat->state, &out_stat->flags) == 2;
}

static bool take_end(struct rn_zygote *zygote, struct rn_child_exit *out_exit)
{
    struct end *end = zygote->first_end;
    if (end == NULL) {
        return false;
    }
    zygote->first_end = end->next;
    if (zygote->first_end == NULL) {
        zygote->last_end = &zygote->first_end;
    }
    *out_exit = end->exit;
    rn_free(end);
    return true;
}

static enum rn_error next_exit_locked(struct rn_zygote *zygote, struct rn_child_exit *out_exit)
{
    while (!take_end(zygote, out_exit)) {
        if (zygote->gone) {
            return RN_E_CLOSED;
        }
        struct rn_zygote_packet packet;
        int fd;
        RN_TRY(receive(zygote, &packet, &fd));
        if (packet.kind == RN_ZYGOTE_PACKET_ENDED) {
            keep_end(zygote, &packet);
        }
        if (fd >= 0) {
            send_kill(fd);
            close(fd);
        }
    }
    return RN_OK;
}

#ifdef __SANITIZE_THREAD__
// The thread sanitizer does not see that this one locks.
#define pthread_mutex_clocklock(lock, clock, at) pthread_mutex_timedlock(lock, at)
#define LOCK_CLOCK CLOCK_REALTIME
#else
#define LOCK_CLOCK CLOCK_MONOTONIC
#endif

static bool lock_within(pthread_mutex_t *lock, uint64_t wait_ns)
{
    struct timespec at;
    if (wait_ns == UINT64_MAX) {
        return pthread_mutex_lock(lock) == 0;
    }
    if (wait_ns == 0 || clock_gettime(LOCK_CLOCK, &at) != 0) {
        return pthread_mutex_trylock(lock) == 0;
    }
    uint64_t ns = (uint64_t)at.tv_nsec + wait_ns % 1000000000u;
    at.tv_sec += (time_t)(wait_ns / 1000000000u + ns / 1000000000u);
    at.tv_nsec = (long)(ns % 1000000000u);
    return pthread_mutex_clocklock(lock, LOCK_CLOCK, &at) == 0;
}

enum rn_error rn_zygote_next_exit(struct rn_zygote *zygote, uint64_t wait_ns,
                                  struct rn_child_exit *out_exit)
{
    if (!lock_within(&zygote->lock, wait_ns)) {
        return RN_E_WOULD_BLOCK;
    }
    enum rn_error error = next_exit_locked(zygote, out_exit);
    pthread_mutex_unlock(&zygote->lock);
    return error;
}

static bool has_ended(const struct rn_child *child)
{
    struct pollfd polled = {child->pidfd, POLLIN, 0};
    int ready;
    do {
        ready = poll(&polled, 1, 0);
    } while (ready < 0 && errno == EINTR);
    errno = ready > 0 ? ESRCH : errno;
    return ready != 0; // not known is no
}

// As an ordinary user without user namespaces the kernel shows nobody the descriptors of a process
// that is not dumpable. One that has the filter and spoke has passed process.c's own check of the
// layers that no policy goes without; that then stands for the look that is denied.
static void infer_floor(struct rn_wall_report *report)
{
    uint64_t floor = rn_policy_required(RN_POLICY_BEST_EFFORT);
    if ((report->active & RN_LAYER_BIT(RN_LAYER_SECCOMP)) == 0) {
        return;
    }
    for (unsigned layer = 0; layer < RN_LAYER_COUNT; layer++) {
        int error = report->refused_errno[layer];
        if ((floor & RN_LAYER_BIT(layer)) != 0 && (error == EACCES || error == EPERM)) {
            rn_wall_report_active(report, (enum rn_layer)layer);
        }
    }
}

void rn_child_look_early(const struct rn_child *child, struct rn_wall_report *out_early)
{
    rn_wall_look_early(child->pid, out_early);
}

enum rn_error rn_child_report(const struct rn_zygote *zygote, const struct rn_child *child,
                              struct rn_wall_report *out_report)
{
    struct rn_wall_report early;
    rn_child_look_early(child, &early);
    return rn_child_report_late(zygote, child, &early, out_report);
}

enum rn_error rn_child_report_late(const struct rn_zygote *zygote, const struct rn_child *child,
                                   const struct rn_wall_report *early,
                                   struct rn_wall_report *out_report)
{
    struct rn_wall_report seen;
    RN_TRY(rn_wall_look_late(child->pid, early, &seen));
    // Alive now means that the number was its own all the time.
    if (has_ended(child)) {
        return RN_E_NOT_FOUND;
    }
    rn_wall_report_merge(&seen, &zygote->report);
    infer_floor(&seen);
    seen.given_up = zygote->spawner->given_up;
    *out_report = seen;
    return RN_OK;
}
