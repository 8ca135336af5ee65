/* walled.c: see walled.h. With RN_WALLED_COMPILER it is the compiler's part, else the worker's. */
#include "tests/fault/walled.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/math.h"
#include "tests/fault/state.h"
#include "tests/tools/close_around.h"

struct fault_state *fault_state;
enum fault_scope walled_scope;

static bool map_state(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || (size_t)info.st_size < sizeof(*fault_state)) {
        return false;
    }
    void *there = mmap(NULL, sizeof(*fault_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fault_state = there == MAP_FAILED ? NULL : there;
    return fault_state != NULL;
}

/* Whoever starts a zygote finds the file; whom a zygote executes, its descriptor. */
__attribute__((constructor)) static void attach(int argc, char **argv)
{
    bool starts_zygote = argc > 1 && strcmp(argv[1], "--zygote") == 0;
#ifdef RN_WALLED_COMPILER
    walled_scope = FAULT_COMPILER;
#else
    walled_scope = starts_zygote ? FAULT_ZYGOTE : FAULT_WORKER;
#endif
    int fd = starts_zygote ? open(RN_WALLED_STATE, O_RDWR) : WALLED_FD;
    if (fd < 0 || !map_state(fd)) {
        return;
    }
    if (starts_zygote) {
        (void)dup2(fd, WALLED_FD);
    }
    (void)close(fd);
}

long walled_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_close_range && (unsigned)b > RN_COUNTERS_FD) {
        const unsigned range[2] = {(unsigned)a, (unsigned)b};
        return close_around(range, (unsigned)c, WALLED_FD, RN_COUNTERS_FD);
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

/* What is left to this program of an arena. */
static size_t arena_of(size_t size)
{
    bool concerned = fault_state && atomic_load(&fault_state->scope) == (int)walled_scope;
    uint64_t wanted = concerned ? atomic_load(&fault_state->arena) : 0;
    return wanted == 0 ? size : rn_min_size(size, (size_t)wanted);
}

#ifdef RN_WALLED_COMPILER
void __real_rn_alloc_set_region(void *range, size_t size);
void __wrap_rn_alloc_set_region(void *range, size_t size);
void __wrap_rn_alloc_set_region(void *range, size_t size)
{
    __real_rn_alloc_set_region(range, arena_of(size));
}
#else
#include "worker/vm/vm.h"

enum rn_error __real_rn_engine_new(void *base, size_t size, const struct rn_library *library,
                                   struct rn_engine **out_engine);
enum rn_error __wrap_rn_engine_new(void *base, size_t size, const struct rn_library *library,
                                   struct rn_engine **out_engine);
enum rn_error __wrap_rn_engine_new(void *base, size_t size, const struct rn_library *library,
                                   struct rn_engine **out_engine)
{
    return __real_rn_engine_new(base, arena_of(size), library, out_engine);
}
#endif
