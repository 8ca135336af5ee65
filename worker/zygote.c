/*
 * zygote.c: pid 1 of a trust domain; makes its processes and tells how they end.
 *
 * Two lives in one program. Executed by the host with the host's rights it is the *helper*: it
 * sheds what it inherited, clones itself into the domain's namespaces and is gone. The clone is the
 * *zygote*: it puts the shared layers in place, says HELLO, and from then on makes children on
 * request by vfork and exec of the images it keeps open. Each child so has an address layout of its
 * own and nothing of anybody's memory.
 *
 * It runs no foreign code and reads from one side only, the control socket; its end is that
 * socket's end, or the host's: a process that the host forked may hold the socket's other end for
 * longer. As pid 1 it takes the whole domain with it.
 */
#include "base/alloc.h"
#include "policy/domain.h"
#include "policy/kernel.h"
#include "policy/lockdown.h"
#include "policy/zygote_wire.h"
#include "worker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define EXIT_USAGE 64
#define EXIT_SETUP 71
#define FDS_MAX (1 + RN_SEGMENT_COUNT)
// Descriptors that a request brings are moved up here, out of the way of the child's own numbers.
#define PARKED_FD 16
// How often deadlines are looked at while there are children.
#define LOOK_INTERVAL_MS 1000
#define DEFAULT_STACK (UINT64_C(8) << 20)
// A packet that the kernel has no memory for is tried again after a millisecond, so many times.
#define SEND_ATTEMPTS 20

struct child {
    struct child *next;
    uint64_t id;
    pid_t pid;
    const _Atomic uint64_t *deadline; /* first word of its control segment, or NULL */
    bool killed_at_deadline;
};

struct zygote {
    struct child *children;
    int signal_fd;
};

struct request {
    struct rn_zygote_spawn spawn;
    int fds[FDS_MAX];
    size_t fd_count;
    int error; // errno: it is sound, but cannot be fulfilled
};

static void look_at_deadlines(struct zygote *zygote)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    for (struct child *child = zygote->children; child != NULL; child = child->next) {
        uint64_t deadline =
            child->deadline == NULL
                ? 0
                : __atomic_load_n((const uint64_t *)child->deadline, __ATOMIC_RELAXED);
        if (deadline != 0 && deadline < now_ns && !child->killed_at_deadline) {
            // Not reaped yet, so the number is still its own.
            child->killed_at_deadline = kill(child->pid, SIGKILL) == 0;
        }
    }
}

static bool is_passing(int error)
{
    return error == EINTR || error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS;
}

// A host that reads nothing may be one that is stopped: deadlines are for that, and are kept meanwhile. False: it has
// ended.
static bool await_reader(struct zygote *zygote)
{
    struct pollfd polled[] = {{RN_ZYGOTE_CONTROL_FD, POLLOUT, 0}, {RN_ZYGOTE_HOST_FD, POLLIN, 0}};
    (void)poll(polled, RN_COUNT_OF(polled), LOOK_INTERVAL_MS);
    look_at_deadlines(zygote);
    return polled[1].revents == 0;
}

// Whoever cannot speak to the host has to end, and takes its domain along: not for want of a moment.
static bool send_at_last(struct zygote *zygote, const struct msghdr *message, size_t size)
{
    for (int attempt = 0; attempt < SEND_ATTEMPTS;) {
        if (sendmsg(RN_ZYGOTE_CONTROL_FD, message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size) {
            return true;
        }
        if (errno == EAGAIN) {
            if (!await_reader(zygote)) {
                return false;
            }
            continue;
        }
        if (!is_passing(errno)) {
            return false;
        }
        poll(NULL, 0, 1);
        attempt++;
    }
    return false;
}

static bool send_packet(struct zygote *zygote, const struct rn_zygote_packet *packet, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
    struct iovec iov = {(void *)packet, sizeof(*packet)};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    return send_at_last(zygote, &message, sizeof(*packet));
}

static struct rn_zygote_packet packet_of(enum rn_zygote_packet_kind kind)
{
    return (struct rn_zygote_packet){.magic = RN_ZYGOTE_MAGIC, .kind = kind};
}

/* Requests */

static void take_descriptors(struct msghdr *message, struct request *request)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && request->fd_count < FDS_MAX; i++) {
            memcpy(&request->fds[request->fd_count++], CMSG_DATA(header) + i * sizeof(int),
                   sizeof(int));
        }
    }
}

static void close_descriptors(struct request *request)
{
    for (size_t i = 0; i < request->fd_count; i++) {
        close(request->fds[i]);
    }
    request->fd_count = 0;
}

static bool is_sound(const struct request *request, ssize_t size, int flags)
{
    const struct rn_zygote_spawn *spawn = &request->spawn;
    return size == (ssize_t)sizeof(*spawn) && (flags & MSG_TRUNC) == 0 &&
           spawn->magic == RN_ZYGOTE_MAGIC && spawn->role < RN_ROLE_COUNT &&
           spawn->segment_mask < (1u << RN_SEGMENT_COUNT);
}

static bool is_complete(const struct request *request)
{
    return request->fd_count == 1 + (size_t)__builtin_popcount(request->spawn.segment_mask);
}

static ssize_t receive_packet(struct msghdr *message)
{
    ssize_t size;
    do {
        size = recvmsg(RN_ZYGOTE_CONTROL_FD, message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    return size;
}

// False at the end of the control socket, or when it brings what no spawner sends. Descriptors that this
// process could not take are the request's error: the domain goes on.
static bool receive(struct request *request)
{
    char control[CMSG_SPACE(FDS_MAX * sizeof(int))] __attribute__((aligned(8)));
    struct iovec iov = {&request->spawn, sizeof(request->spawn)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    request->fd_count = 0;
    ssize_t size = receive_packet(&message);
    if (size <= 0) {
        return false;
    }
    take_descriptors(&message, request);
    request->error = (message.msg_flags & MSG_CTRUNC) != 0 ? EMFILE : 0;
    if (!is_sound(request, size, message.msg_flags) ||
        (request->error == 0 && !is_complete(request))) {
        close_descriptors(request);
        return false;
    }
    return true;
}

/* Children */

struct birth {
    const struct request *request;
    char numbers[6][24]; /* the child's arguments, in hexadecimal */
    int image;           /* parked descriptor */
    int fds[FDS_MAX];    /* parked descriptors */
    int error;           /* errno of what failed in the child, which shares our memory */
};

static bool set_stack(const struct rn_zygote_spawn *spawn)
{
    rlim_t size = spawn->stack_size == 0 ? DEFAULT_STACK : spawn->stack_size;
    struct rlimit old;
    if (getrlimit(RLIMIT_STACK, &old) == 0 && old.rlim_max < size) {
        size = old.rlim_max;
    }
    return setrlimit(RLIMIT_STACK, &(struct rlimit){size, size}) == 0;
}

static bool place_descriptors(const struct birth *birth)
{
    size_t count = birth->request->fd_count;
    for (size_t i = 0; i < count; i++) {
        if (dup2(birth->fds[i], RN_WALL_SOCKET_FD + (int)i) < 0) {
            return false;
        }
    }
    unsigned first = (unsigned)RN_WALL_SOCKET_FD + (unsigned)count;
    return syscall(SYS_close_range, first, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

// Runs in the child on a stack of its own, with our memory, until the exec.
static int run_child(void *argument)
{
    struct birth *birth = argument;
    bool is_compiler = birth->request->spawn.role == RN_ROLE_COMPILER;
    char *argv[] = {is_compiler ? (char *)"runeward-compiler" : (char *)"runeward-worker",
                    (char *)"--child",
                    birth->numbers[0],
                    birth->numbers[1],
                    birth->numbers[2],
                    birth->numbers[3],
                    birth->numbers[4],
                    birth->numbers[5],
                    NULL};
    char *envp[] = {NULL};
    sigset_t none;
    sigemptyset(&none);
    if (set_stack(&birth->request->spawn) && place_descriptors(birth) &&
        sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
        syscall(SYS_execveat, birth->image, "", argv, envp, AT_EMPTY_PATH);
    }
    birth->error = errno;
    _exit(127);
}

static void format_arguments(struct birth *birth)
{
    const struct rn_zygote_spawn *spawn = &birth->request->spawn;
    uint64_t values[] = {(uint64_t)getpid(), spawn->required,     spawn->arena_size,
                         spawn->cpu_seconds, spawn->segment_mask, spawn->given_up};
    for (size_t i = 0; i < RN_COUNT_OF(values); i++) {
        snprintf(birth->numbers[i], sizeof(birth->numbers[i]), "%llx",
                 (unsigned long long)values[i]);
    }
}

// Where the limit does not even reach the first such number, the kernel says EINVAL.
static int move_up(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, PARKED_FD);
    if (moved < 0 && errno == EINVAL) {
        errno = EMFILE;
    }
    return moved;
}

static bool park(struct birth *birth)
{
    const struct request *request = birth->request;
    int image =
        request->spawn.role == RN_ROLE_COMPILER ? RN_ZYGOTE_COMPILER_FD : RN_ZYGOTE_WORKER_FD;
    birth->image = move_up(image);
    bool parked = birth->image >= 0;
    for (size_t i = 0; i < request->fd_count; i++) {
        birth->fds[i] = move_up(request->fds[i]);
        parked = parked && birth->fds[i] >= 0;
    }
    return parked;
}

static void unpark(struct birth *birth)
{
    close(birth->image);
    for (size_t i = 0; i < birth->request->fd_count; i++) {
        close(birth->fds[i]);
    }
}

// The child's number and a descriptor of it, or -1 with the errno of whatever failed.
static pid_t give_birth(const struct request *request, int *out_pidfd)
{
    static uint8_t stack[32768] __attribute__((aligned(16)));
    struct birth birth = {.request = request};
    format_arguments(&birth);
    pid_t pid = -1;
    if (park(&birth)) {
        pid = clone(run_child, stack + sizeof(stack),
                    CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &birth, out_pidfd);
    }
    int error = errno;
    unpark(&birth);
    if (pid > 0 && birth.error != 0) {
        waitpid(pid, NULL, 0);
        close(*out_pidfd);
        error = birth.error;
        pid = -1;
    }
    errno = error;
    return pid;
}

// Where the child's deadline is written: NULL without a control segment. False with errno: who has a
// deadline must not live without it.
static bool map_deadline(const struct request *request, const _Atomic uint64_t **out_deadline)
{
    *out_deadline = NULL;
    if ((request->spawn.segment_mask & (1u << RN_SEGMENT_CONTROL)) == 0) {
        return true;
    }
    struct stat info;
    if (fstat(request->fds[1], &info) != 0) {
        return false;
    }
    if (info.st_size < (off_t)sizeof(uint64_t)) {
        errno = EINVAL;
        return false;
    }
    void *page = mmap(NULL, sizeof(uint64_t), PROT_READ, MAP_SHARED, request->fds[1], 0);
    *out_deadline = page == MAP_FAILED ? NULL : page;
    return page != MAP_FAILED;
}

static void forget(struct child *child)
{
    if (child != NULL && child->deadline != NULL) {
        munmap((void *)(uintptr_t)child->deadline, sizeof(uint64_t));
    }
    rn_free(child);
}

// The errno of what failed, or 0.
static int start(const struct request *request, struct child *child, int *out_pidfd)
{
    if (child == NULL) {
        return ENOMEM;
    }
    if (request->error != 0) {
        return request->error;
    }
    child->id = request->spawn.id;
    if (!map_deadline(request, &child->deadline)) {
        return errno;
    }
    child->pid = give_birth(request, out_pidfd);
    return child->pid < 0 ? errno : 0;
}

static bool spawn(struct zygote *zygote, struct request *request)
{
    struct rn_zygote_packet packet = packet_of(RN_ZYGOTE_PACKET_SPAWNED);
    packet.id = request->spawn.id;
    struct child *child = rn_alloc(sizeof(*child));
    int pidfd = -1;
    packet.error = start(request, child, &pidfd);
    close_descriptors(request);
    if (packet.error != 0) {
        forget(child);
    } else {
        child->next = zygote->children;
        zygote->children = child;
    }
    bool sent = send_packet(zygote, &packet, pidfd);
    if (pidfd >= 0) {
        close(pidfd);
    }
    return sent;
}

/* Ends */

static uint64_t nanoseconds(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_usec * 1000u;
}

static bool tell_end(struct zygote *zygote, const struct child *child, int status,
                     const struct rusage *usage)
{
    struct rn_zygote_packet packet = packet_of(RN_ZYGOTE_PACKET_ENDED);
    packet.id = child->id;
    packet.signalled = WIFSIGNALED(status);
    packet.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    packet.deadline = child->killed_at_deadline;
    packet.cpu_ns = nanoseconds(&usage->ru_utime) + nanoseconds(&usage->ru_stime);
    packet.memory_peak = (uint64_t)usage->ru_maxrss * 1024u;
    return send_packet(zygote, &packet, -1);
}

// Collects every process that has ended; strangers are orphans of the namespace.
static bool reap(struct zygote *zygote)
{
    int status;
    struct rusage usage;
    pid_t pid;
    bool told = true;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        for (struct child **at = &zygote->children; *at != NULL; at = &(*at)->next) {
            struct child *child = *at;
            if (child->pid == pid) {
                *at = child->next;
                told = tell_end(zygote, child, status, &usage) && told;
                forget(child);
                break;
            }
        }
    }
    return told;
}

// False when it cannot be read: it would be reported again and again.
static bool drain_signals(struct zygote *zygote)
{
    struct signalfd_siginfo info;
    ssize_t size;
    do {
        // The number of signals says nothing about the number of ends.
        size = read(zygote->signal_fd, &info, sizeof(info));
    } while (size > 0 || (size < 0 && errno == EINTR));
    return size < 0 && errno == EAGAIN;
}

static bool serve_once(struct zygote *zygote)
{
    struct pollfd polled[] = {{RN_ZYGOTE_CONTROL_FD, POLLIN, 0},
                              {zygote->signal_fd, POLLIN, 0},
                              {RN_ZYGOTE_HOST_FD, POLLIN, 0}};
    int ready = poll(polled, RN_COUNT_OF(polled), zygote->children == NULL ? -1 : LOOK_INTERVAL_MS);
    if (ready < 0) {
        return errno == EINTR;
    }
    if (polled[2].revents != 0) {
        return false;
    }
    if (polled[1].revents != 0) {
        if (!drain_signals(zygote) || !reap(zygote)) {
            return false;
        }
    }
    look_at_deadlines(zygote);
    if (polled[0].revents != 0) {
        struct request request;
        return receive(&request) && spawn(zygote, &request);
    }
    return true;
}

static int open_signal_fd(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(struct rn_domain *domain)
{
    rn_domain_enter(domain);
    struct zygote zygote = {.signal_fd = open_signal_fd()};
    struct rn_zygote_packet hello = packet_of(RN_ZYGOTE_PACKET_HELLO);
    hello.report = domain->report;
    if (zygote.signal_fd < 0 || !send_packet(&zygote, &hello, -1)) {
        return EXIT_SETUP;
    }
    while (serve_once(&zygote)) {
        // until the control socket ends, or the host
    }
    // Without a pid namespace nobody else ends them, and they would fall to a host that is init.
    for (struct child *child = zygote.children; child != NULL; child = child->next) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    return 0;
}

/* The helper */

static void null_standard_descriptors(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++) {
#ifdef RN_SANITIZED
        if (fd == 2) {
            continue; // where reports go
        }
#endif
        dup2(null, fd);
    }
    if (null > RN_ZYGOTE_HOST_FD) {
        close(null);
    }
}

// Undoes what a host may have changed for itself and exec does not.
static bool shed_inheritance(void)
{
    for (int signal_number = 1; signal_number < NSIG; signal_number++) {
        signal(signal_number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(077);
    null_standard_descriptors();
    return rn_lockdown_close_from(RN_ZYGOTE_HOST_FD + 1) && chdir("/") == 0;
}

static bool be_first_to_go(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, "1000", 4) == 4;
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = error;
    return written;
}

static int help(struct rn_domain *domain)
{
    if (be_first_to_go()) {
        rn_wall_report_active(&domain->report, RN_LAYER_OOM_FIRST);
    } else {
        rn_wall_report_refused(&domain->report, RN_LAYER_OOM_FIRST, errno);
    }
    int pidfd = -1;
    pid_t pid = rn_domain_clone(domain, &pidfd);
    if (pid == 0) {
        return serve(domain);
    }
    struct rn_zygote_packet packet = packet_of(RN_ZYGOTE_PACKET_ZYGOTE);
    packet.error = pid < 0 ? errno : 0;
    struct zygote childless = {.signal_fd = -1};
    bool told = send_packet(&childless, &packet, pidfd);
    if (!told && pid > 0) {
        kill(pid, SIGKILL); // or the host would wait for what it is never told
    }
    return told && pid > 0 ? 0 : EXIT_SETUP;
}

int rn_zygote_main(int argc, char **argv)
{
    if (argc != 3 || !shed_inheritance()) {
        return EXIT_USAGE;
    }
    char *end;
    unsigned long uid = strtoul(argv[2], &end, 10);
    if (end == argv[2] || *end != '\0' || uid > UINT32_MAX) {
        return EXIT_USAGE;
    }
    struct rn_domain domain;
    rn_domain_init(&domain, (uint32_t)uid);
    return help(&domain);
}
