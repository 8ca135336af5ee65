/*
 * process.h: the life of a process behind the wall, from exec to lock-down.
 *
 * worker/main.c and compiler/main.c call rn_process_run. It reads what the zygote passed, maps the
 * supervisor's segments, reserves the arena, applies the layers that are each process's own, loads
 * the system-call filter as the last step, and only then calls the body. From there on the process
 * has the socket, its mappings and nothing else: no descriptor but RN_WALL_SOCKET_FD, no heap, no
 * clock call, no way to open or map anything but sealed Units (workers only).
 *
 * What the body may call (policy/syscalls.def):
 *   worker    recvmsg and sendto on fd 3 (flags MSG_CMSG_CLOEXEC for the first, MSG_NOSIGNAL for
 *             the second, MSG_DONTWAIT optional for both), mmap(0, n, PROT_READ, MAP_SHARED, fd, 0),
 *             munmap, madvise(MADV_DONTNEED), fcntl(F_GET_SEALS), close, futex wake and untimed
 *             wait (both without FUTEX_PRIVATE_FLAG), exit_group
 *   compiler  recvmsg, sendto, exit_group
 * send(2) is sendto without an address. Anything else ends the process at once with SIGSYS.
 *
 * Threads: one, for life.
 */
#ifndef RN_POLICY_PROCESS_H
#define RN_POLICY_PROCESS_H

#include "policy/policy.h"

/* The segments that a supervisor may hand over at birth; they are memfds it made and sealed. */
enum rn_segment_slot {
    RN_SEGMENT_CONTROL, /* mapped read-only; its first 8 bytes are the kill deadline (spawner.h) */
    RN_SEGMENT_RING, /* mapped read-write; its first 4 bytes tell of the process's end (ring.h) */
    RN_SEGMENT_CONTEXT, /* mapped read-only: the frozen context, or a compiler's input */
    RN_SEGMENT_COUNT,
};

/* Bytes at the beginning of an arena whose pages are small; beyond, they are large where the kernel
 * has them. Of a compiler's, some are there before it is told what to build. */
#define RN_ARENA_SMALL_WORKER ((size_t)4 << 20)
#define RN_ARENA_SMALL_COMPILER ((size_t)512 << 10)
#define RN_ARENA_READY_COMPILER ((size_t)256 << 10)

struct rn_mapping {
    uint8_t *data; /* NULL when the segment was not passed */
    size_t size;
};

struct rn_process {
    enum rn_role role;
    int socket_fd; /* RN_WALL_SOCKET_FD */
    struct rn_mapping segments[RN_SEGMENT_COUNT];
    struct rn_mapping arena;      /* zeroed, private, page aligned, guarded */
    uint8_t seed[32];             /* from the kernel's generator, per process */
    struct rn_wall_report report; /* the process's own view; the host takes its own */
};

/* What the process does behind the wall. Its return value is the exit code. */
typedef int rn_process_body(struct rn_process *process);

/*
 * Never returns to an unwalled program: ends the process with the body's result, or with
 * rn_wall_exit_code() when the wall could not be built, or 64 for arguments not from a zygote.
 * For RN_ROLE_COMPILER the arena becomes the region of rn_alloc and its kin before the body runs.
 */
RN_NORETURN void rn_process_run(int argc, char **argv, enum rn_role role, rn_process_body *body);

/* Ends the process by exit_group, without any handler or flush. */
RN_NORETURN void rn_process_exit(int code);

#endif
