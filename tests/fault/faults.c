/*
 * faults.c: what stands in the place of the system calls of calls.def.
 *
 * The linker puts __wrap_NAME in the place of NAME; or, with RN_PRELOAD, this is a library that is loaded before others, and a
 * command's own calls fail as a file in memory says (tests/fault/command.py); or, with RN_WALLED, it is part of the programs that
 * walled.c makes, and the calls are those of calls_walled.def. Calls are made from any thread, and from processes that share this
 * memory.
 */
#include "tests/fault/faults.h"
#include "tests/fault/state.h"
#ifdef RN_WALLED
#include "tests/fault/walled.h"
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOTHING (-1)

#ifdef RN_WALLED
#define TABLE "tests/fault/calls_walled.def"
#else
#define TABLE "tests/fault/calls.def"
#endif

#ifdef RN_PRELOAD
struct fault_state *fault_state;

/* Mapped from the file of that name, so that a series of processes goes through all places. */
__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("RUNEWARD_FAULTS");
    int fd = path ? (int)syscall(SYS_open, path, O_RDWR | O_CLOEXEC) : -1;
    void *there = (void *)syscall(SYS_mmap, NULL, sizeof(*fault_state), PROT_READ | PROT_WRITE,
                                  MAP_SHARED, fd, 0);
    fault_state = fd >= 0 && there != MAP_FAILED ? there : NULL;
    (void)syscall(SYS_close, fd);
}

/* Of the command itself, wherever it was loaded; 0: a place of a library. */
static uintptr_t place_of(void *address)
{
    Dl_info info;
    if (!fault_state || dladdr(address, &info) == 0 || strstr(info.dli_fname, ".so")) {
        return 0;
    }
    return (uintptr_t)address - (uintptr_t)info.dli_fbase;
}

#define HOOK(type, name, parameters)                                                               \
    __attribute__((visibility("default"))) type hook_##name parameters __asm__(#name);             \
    type hook_##name parameters
#define REAL(name) ((__typeof__(&hook_##name))(uintptr_t)dlsym(RTLD_NEXT, #name))
#else
#ifdef RN_WALLED
/* In the program, wherever it was loaded; 0: nothing of it fails. */
static uintptr_t place_of(void *address)
{
    bool concerned = fault_state && atomic_load(&fault_state->scope) == (int)walled_scope;
    return concerned ? (uintptr_t)address - (uintptr_t)&__ehdr_start : 0;
}
#else
static struct fault_state here;
struct fault_state *fault_state = &here;

static uintptr_t place_of(void *address)
{
    return (uintptr_t)address;
}
#endif

#define HOOK(type, name, parameters)                                                               \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters
#define REAL(name) __real_##name
#endif

/* A table that only grows; NULL when it is full. */
static struct fault_place *find(uintptr_t address)
{
    for (size_t i = 0; i < FAULT_PLACES; i++) {
        struct fault_place *place = &fault_state->places[(address + i) % FAULT_PLACES];
        uintptr_t there = 0;
        if (atomic_compare_exchange_strong(&place->address, &there, address) || there == address) {
            return place;
        }
    }
    return NULL;
}

/* The index of an errno that this place has not seen; `count` if it has seen all. */
static unsigned take_unseen(uintptr_t address, unsigned count)
{
    struct fault_place *place = find(address);
    for (unsigned index = 0; place && index < count; index++) {
        if (!(atomic_load(&place->seen) & 1u << index)) {
            atomic_fetch_or(&place->seen, 1u << index);
            return index;
        }
    }
    return count;
}

/* Whether it is this call's turn, and with which of `count` errnos; `count`: it has not so many. */
static bool is_turn(uintptr_t address, unsigned count, unsigned *out_index)
{
    int new = FAULT_MODE_NEW;
    if (atomic_load(&fault_state->mode) == FAULT_MODE_COUNT) {
        *out_index = atomic_load(&fault_state->wanted);
        return atomic_load(&fault_state->left) > 0 && atomic_fetch_sub(&fault_state->left, 1) == 1;
    }
    if (atomic_load(&fault_state->mode) != FAULT_MODE_NEW) {
        return false;
    }
    *out_index = take_unseen(address, count);
    return *out_index < count &&
           atomic_compare_exchange_strong(&fault_state->mode, &new, FAULT_MODE_NONE);
}

/* The errno that this call is to fail with, 0 for a part of it, or NOTHING. */
static int error_of(const char *name, uintptr_t address, const int *errors, unsigned count)
{
    unsigned index;
    if (address == 0) {
        return NOTHING;
    }
    atomic_fetch_add(&fault_state->calls, 1);
    if (atomic_load(&fault_state->stuck) == address) {
        return atomic_load(&fault_state->error);
    }
    if (atomic_load(&fault_state->mode) == FAULT_MODE_NONE || !is_turn(address, count, &index)) {
        return NOTHING;
    }
    if (index >= count) {
        atomic_store(&fault_state->outcome, FAULT_BEYOND);
        return NOTHING;
    }
    (void)snprintf(fault_state->name, sizeof(fault_state->name), "%s", name);
    atomic_store(&fault_state->error, errors[index]);
    atomic_store(&fault_state->outcome, FAULT_HIT);
    // No signal comes for ever.
    bool stuck = atomic_load(&fault_state->forever) && errors[index] != EINTR;
    atomic_store(&fault_state->stuck, stuck ? address : 0);
    return errors[index];
}

#define ERROR_OF(name, ...)                                                                        \
    error_of(name, place_of(__builtin_return_address(0)), (const int[]){__VA_ARGS__},              \
             sizeof((int[]){__VA_ARGS__}) / sizeof(int))

/* Less than what was asked, unless that is a number that nobody gives in parts. */
#define PART(size) ((size) > 8 ? (size) / 2 : (size))

#define PARTS(type, name, parameters, arguments, part, result, ...)                                \
    HOOK(type, name, parameters)                                                                   \
    {                                                                                              \
        int error = ERROR_OF(#name, __VA_ARGS__);                                                  \
        if (error > 0) {                                                                           \
            errno = error;                                                                         \
            return result;                                                                         \
        }                                                                                          \
        return error == 0 ? REAL(name) part : REAL(name) arguments;                                \
    }
#define FAULT(type, name, parameters, arguments, result, ...)                                      \
    PARTS(type, name, parameters, arguments, arguments, result, __VA_ARGS__)
#define AFTER(type, name, parameters, arguments, result, ...)                                      \
    HOOK(type, name, parameters)                                                                   \
    {                                                                                              \
        int error = ERROR_OF(#name, __VA_ARGS__);                                                  \
        type given = REAL(name) arguments;                                                         \
        if (error > 0) {                                                                           \
            errno = error;                                                                         \
            return result;                                                                         \
        }                                                                                          \
        return given;                                                                              \
    }
#define NUMBER(...)
#include TABLE
#undef PARTS
#undef FAULT
#undef AFTER
#undef NUMBER

/* ---- syscall(number, ...) ---- */

struct numbered {
    long number;
    const char *name;
    const int *errors;
    unsigned count;
};

#define PARTS(...)
#define AFTER(...)
#define FAULT(...)
#define NUMBER(number, ...)                                                                        \
    {number, #number, (const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int)},
static const struct numbered numbered[] = {
#include TABLE
};

#ifdef RN_WALLED
#define SYSTEM_CALL walled_syscall
#else
#define SYSTEM_CALL REAL(syscall)
#endif

HOOK(long, syscall, (long number, long a, long b, long c, long d, long e, long f))
{
    uintptr_t address = place_of(__builtin_return_address(0));
    for (size_t i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++) {
        const struct numbered *row = &numbered[i];
        int error = NOTHING;
        if (row->number == number) {
            error = error_of(row->name, address, row->errors, row->count);
        }
        if (error > 0) {
            errno = error;
            return -1;
        }
    }
    return SYSTEM_CALL(number, a, b, c, d, e, f);
}
