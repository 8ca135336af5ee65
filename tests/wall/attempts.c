/*
 * attempts.c: what native code in a worker would try.
 *
 * Behind the whole wall each dies at its first system call. In the twin without the filter each
 * must still fail by another layer.
 */
#include "tests/wall/attempts.h"

#include "policy/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define UNUSED __attribute__((unused))
#define PARAMETERS UNUSED struct rn_process *process, UNUSED const struct attempt_target *target

static long result_of(long result)
{
    return result < 0 ? -errno : result;
}

static long open_path(const char *path, int flags)
{
    return result_of(open(path, flags, 0600));
}

static long read_a_file(PARAMETERS)
{
    return open_path("/etc/passwd", O_RDONLY);
}

static long read_its_maps(PARAMETERS)
{
    return open_path("/proc/self/maps", O_RDONLY);
}

static long list_the_root(PARAMETERS)
{
    return open_path("/", O_RDONLY | O_DIRECTORY);
}

static long leave_by_dots(PARAMETERS)
{
    return open_path("../../../../../../etc/passwd", O_RDONLY);
}

static long make_a_file(PARAMETERS)
{
    return open_path("/x", O_CREAT | O_WRONLY);
}

static long open_a_device(PARAMETERS)
{
    return open_path("/dev/null", O_RDWR);
}

static long connect_by_tcp(PARAMETERS)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)target->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? -errno : result_of(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

static long connect_to_abstract(PARAMETERS)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(target->abstract_name);
    memcpy(address.sun_path + 1, target->abstract_name, size);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
    return fd < 0 ? -errno : result_of(connect(fd, (struct sockaddr *)&address, length));
}

static long signal_the_host(PARAMETERS)
{
    return result_of(kill((pid_t)target->host_pid, 0));
}

static long signal_the_zygote(PARAMETERS)
{
    return result_of(kill(getppid(), 0));
}

static long trace_the_zygote(PARAMETERS)
{
    return result_of(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static long read_the_zygote(PARAMETERS)
{
    char byte;
    struct iovec here = {&byte, 1};
    struct iovec there = {process->arena.data, 1};
    return result_of(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static long make_a_process(PARAMETERS)
{
    struct clone_args args = {.exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        rn_process_exit(0);
    }
    return result_of(pid);
}

static long execute_a_program(PARAMETERS)
{
    char *argv[] = {NULL};
    return result_of(execve("/bin/true", argv, argv));
}

static long map_writable_code(PARAMETERS)
{
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? -errno : 0;
}

static long make_the_arena_code(PARAMETERS)
{
    return result_of(mprotect(process->arena.data, 4096, PROT_READ | PROT_EXEC));
}

static long unmap_the_arena(PARAMETERS)
{
    return result_of(munmap(process->arena.data, 4096));
}

static long replace_the_arena(PARAMETERS)
{
    void *page =
        mmap(process->arena.data, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return page == MAP_FAILED ? -errno : 0;
}

static long write_its_text(PARAMETERS)
{
    uintptr_t page = (uintptr_t)&write_its_text & ~(uintptr_t)4095;
    return result_of(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE));
}

static long make_a_user_namespace(PARAMETERS)
{
    return result_of(unshare(CLONE_NEWUSER));
}

static long make_a_mount_namespace(PARAMETERS)
{
    return result_of(unshare(CLONE_NEWNS));
}

static long mount_something(PARAMETERS)
{
    return result_of(mount("none", "/", "tmpfs", 0, NULL));
}

static long change_its_root(PARAMETERS)
{
    return result_of(chroot("/"));
}

static long become_root(PARAMETERS)
{
    return result_of(setuid(0));
}

static long raise_a_limit(PARAMETERS)
{
    struct rlimit more = {64, 64};
    return result_of(setrlimit(RLIMIT_NOFILE, &more));
}

static long open_many_descriptors(PARAMETERS)
{
    long fd = 0;
    for (unsigned i = 0; i < 16 && fd >= 0; i++) {
        fd = dup(RN_WALL_SOCKET_FD);
    }
    return result_of(fd);
}

static long load_a_kernel_program(PARAMETERS)
{
    uint64_t attributes[16] = {1};
    return result_of(syscall(SYS_bpf, 5, attributes, sizeof(attributes)));
}

static long set_the_clock(PARAMETERS)
{
    struct timespec zero = {0};
    return result_of(syscall(SYS_clock_settime, 0, &zero));
}

const struct attempt attempts[] = {
    {"read a file", read_a_file},
    {"read its maps", read_its_maps},
    {"list the root", list_the_root},
    {"leave by dots", leave_by_dots},
    {"make a file", make_a_file},
    {"open a device", open_a_device},
    {"connect by TCP", connect_by_tcp},
    {"connect to an abstract socket", connect_to_abstract},
    {"signal the host", signal_the_host},
    {"signal the zygote", signal_the_zygote},
    {"trace the zygote", trace_the_zygote},
    {"read the zygote", read_the_zygote},
    {"make a process", make_a_process},
    {"execute a program", execute_a_program},
    {"map writable code", map_writable_code},
    {"make the arena code", make_the_arena_code},
    {"unmap the arena", unmap_the_arena},
    {"replace the arena", replace_the_arena},
    {"write its text", write_its_text},
    {"make a user namespace", make_a_user_namespace},
    {"make a mount namespace", make_a_mount_namespace},
    {"mount something", mount_something},
    {"change its root", change_its_root},
    {"become root", become_root},
    {"raise a limit", raise_a_limit},
    {"open many descriptors", open_many_descriptors},
    {"load a kernel program", load_a_kernel_program},
    {"set the clock", set_the_clock},
};
const unsigned attempt_count = RN_COUNT_OF(attempts);
