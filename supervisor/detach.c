/*
 * detach.c: clone, clone, exec.
 *
 *     host thread   --clone(VM|FILES|VFORK, no signal)-->  middle, ends at once
 *                                    middle  --clone(VM|VFORK|PIDFD)-->  the program
 *
 * A process made without an exit signal raises none when it ends and is seen only by a wait that
 * asks for such. The program's parent is the middle, so that it falls to init when the middle ends.
 * FILES lets the middle's pidfd appear among the host's descriptors. Both share the host's memory
 * and run on stacks of their own while the host's thread is held; they call nothing that locks.
 */
#include "supervisor/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE 32768u
// Descriptors are moved here, above those that they become, before they get their numbers.
#define PARKED_FD (3 + (int)RN_DETACH_FDS_MAX)

#ifdef __SANITIZE_THREAD__
// The thread sanitizer takes clone() for a fork and looks no more after it; its other name is not
// watched.
int __clone(int (*fn)(void *), void *stack, int flags, void *argument, ...);
#define CLONE __clone
#else
#define CLONE clone
#endif

struct launch {
    const struct rn_detach *detach;
    uint8_t *inner_stack_top;
    int pidfd;
    int error; // of whoever failed; 0 after the exec
};

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_SANITIZE __attribute__((no_sanitize("thread", "address")))
#endif
#endif
#ifndef NO_SANITIZE
#define NO_SANITIZE __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

// Where the limit does not even reach the first such number, the kernel says EINVAL.
NO_SANITIZE static int park(int fd)
{
    int parked = fcntl(fd, F_DUPFD_CLOEXEC, PARKED_FD);
    if (parked < 0 && errno == EINVAL) {
        errno = EMFILE;
    }
    return parked;
}

NO_SANITIZE static int place(const struct rn_detach *detach)
{
    int parked[RN_DETACH_FDS_MAX];
    for (unsigned i = 0; i < detach->fd_count; i++) {
        parked[i] = park(detach->fds[i]);
        if (parked[i] < 0) {
            return -1;
        }
    }
    int image = park(detach->image_fd);
    for (unsigned i = 0; i < detach->fd_count; i++) {
        if (syscall(SYS_dup3, parked[i], 3 + (int)i, 0) < 0) {
            return -1;
        }
    }
    return image;
}

// With the host's signal handlers still in its table, no signal may arrive before the exec; the
// program starts with everything blocked and sets its own mask.
NO_SANITIZE static int run_program(void *argument)
{
    struct launch *launch = argument;
    int image = place(launch->detach);
    if (image >= 0) {
        char *envp[] = {NULL};
        syscall(SYS_execveat, image, "", launch->detach->argv, envp, AT_EMPTY_PATH);
    }
    launch->error = errno;
    return (int)syscall(SYS_exit_group, 127);
}

NO_SANITIZE static int run_middle(void *argument)
{
    struct launch *launch = argument;
    pid_t pid = CLONE(run_program, launch->inner_stack_top,
                      CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, launch, &launch->pidfd);
    if (pid < 0) {
        launch->error = errno;
    }
    return (int)syscall(SYS_exit_group, 0);
}

static int launch_both(struct launch *launch, uint8_t *stacks)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    launch->inner_stack_top = stacks + STACK_SIZE;
    pid_t middle =
        CLONE(run_middle, stacks + 2 * STACK_SIZE, CLONE_VM | CLONE_FILES | CLONE_VFORK, launch);
    int error = middle < 0 ? errno : 0;
    if (middle > 0) {
        while (waitpid(middle, NULL, (int)__WCLONE) < 0 && errno == EINTR) {
            // Nothing else can be wrong: the middle has ended by now.
        }
        error = launch->error;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

int rn_detach_exec(const struct rn_detach *detach, int *out_pidfd)
{
    uint8_t *stacks = mmap(NULL, 2 * STACK_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stacks == MAP_FAILED) {
        return errno;
    }
    struct launch launch = {.detach = detach, .pidfd = -1};
    int error = launch_both(&launch, stacks);
    munmap(stacks, 2 * STACK_SIZE);
    if (error != 0) {
        if (launch.pidfd >= 0) {
            // It has ended. A host that is init would have it as a child.
            (void)waitid(P_PIDFD, (id_t)launch.pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
            close(launch.pidfd);
        }
        return error;
    }
    *out_pidfd = launch.pidfd;
    return 0;
}
