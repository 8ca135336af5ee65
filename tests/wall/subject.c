/*
 * subject.c: a process behind the wall that does what a test tells it to.
 *
 * It stands where runeward-worker stands: the same zygote, the same lock-down, another body. Orders
 * come over the socket as `struct order`; the answer is the raw result of the call asked for.
 */
#include "tests/wall/subject.h"

#include "worker/process.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static long raw_syscall(uint64_t number, const uint64_t a[6])
{
    register uint64_t r10 __asm__("r10") = a[3];
    register uint64_t r8 __asm__("r8") = a[4];
    register uint64_t r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static long raw_int80(uint64_t number)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
                     : "r8", "r9", "r10", "r11", "memory");
    return result;
}

static void answer(long result)
{
    send(RN_WALL_SOCKET_FD, &result, sizeof(result), MSG_NOSIGNAL);
}

static long touch_arena(struct rn_process *process, uint64_t size)
{
    for (uint64_t at = 0; at < size && at < process->arena.size; at += 4096) {
        process->arena.data[at] = 1;
    }
    return (long)process->arena.size;
}

static long obey(struct rn_process *process, const struct order *order)
{
    switch (order->kind) {
    case ORDER_SYSCALL:
        return raw_syscall(order->number, order->arguments);
    case ORDER_INT80:
        return raw_int80(order->number);
    case ORDER_SPIN:
        for (;;) {
            __asm__ volatile("pause");
        }
    case ORDER_ARENA_ADDRESS:
        return (long)(uintptr_t)process->arena.data;
    case ORDER_TOUCH_ARENA:
        return touch_arena(process, order->arguments[0]);
    case ORDER_TEXT_ADDRESS:
        return (long)((uintptr_t)&raw_syscall & ~4095ul);
    case ORDER_READ_SEGMENT:
        return process->segments[order->number].data == NULL
                   ? -1
                   : process->segments[order->number].data[order->arguments[0]];
    case ORDER_WRITE_SEGMENT:
        process->segments[order->number].data[order->arguments[0]] = 7;
        return 0;
    case ORDER_SEED:
        return (long)process->seed[0] << 8 | process->seed[1];
    case ORDER_ATTEMPT:
        return attempts[order->number % attempt_count].run(process, &order->target);
    case ORDER_EXIT:
        rn_process_exit((int)order->number);
    }
    return -1;
}

int rn_worker_main(struct rn_process *process)
{
    answer((long)process->report.active);
    for (;;) {
        struct order order;
        struct iovec iov = {&order, sizeof(order)};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
        if (recvmsg(RN_WALL_SOCKET_FD, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(order)) {
            return 0;
        }
        answer(obey(process, &order));
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--zygote") == 0) {
        return rn_zygote_main(argc, argv);
    }
    enum rn_role role =
        strcmp(argv[0], "runeward-compiler") == 0 ? RN_ROLE_COMPILER : RN_ROLE_WORKER;
    rn_process_run(argc, argv, role, rn_worker_main);
}
