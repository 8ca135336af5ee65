/*
 * fake_kernel.h: a kernel that does nothing and refuses what it is told to.
 *
 * Linked with the wall's code in the place of the system calls that policy/CMakeLists.txt lists, so that every step of
 * building the wall can fail, on any machine and without rights. Between fake_start and fake_stop each
 * of these calls is noted under a label and succeeds without effect, or fails as fake_fail says; outside
 * of that time all go to the real kernel.
 */
#ifndef RN_TESTS_POLICY_FAKE_KERNEL_H
#define RN_TESTS_POLICY_FAKE_KERNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cmocka.h>

#define FAKE_CALLS_MAX 512

struct fake_kernel {
    /* What the faked calls answer. */
    unsigned uid;
    unsigned gid;
    int parent;           /* getppid */
    long landlock_abi;    /* 0: ENOSYS */
    struct rlimit rlimit; /* of every resource */
    const char *uid_map;  /* the file's text; NULL: it cannot be opened */
    bool is_child;        /* clone3 gives 0 */
    bool gate_is_shut;    /* reading from the gate gives the end */
    bool write_is_short;
    bool filter_is_late; /* seccomp names a thread that could not follow */
    bool seed_is_short;  /* getrandom gives half of it */
    off_t segment_size;  /* fstat */
    size_t map_before;   /* bytes from where a range is reserved to a multiple of 2 MiB; 0: any */

    /* What happened. */
    size_t count;
    const char *labels[FAKE_CALLS_MAX];
    struct rlimit limits[RLIMIT_NLIMITS]; /* as set */
    uint64_t clone_flags;                 /* of the last clone3 */
    size_t landlock_size;                 /* of the structure that was passed */
    uint64_t landlock_words[3];           /* its content */
    const void *robust_futex;             /* that the kernel looks at when the process ends */
    size_t region_size;                   /* of rn_alloc_set_region */
    int exit_code;                        /* of _exit and exit_group, which jump to `ended` */
    jmp_buf ended;
};

extern struct fake_kernel fake;

/* Everything forgotten, an ordinary modern kernel, nothing fails. */
void fake_start(void);
void fake_stop(void);

/*
 * Which calls fail; each replaces what was said before. Calls are counted from now, from 1.
 * fake_fail_also adds one more to them.
 */
void fake_fail_nth(size_t n, int error);
void fake_fail_range(size_t first, size_t last, int error);
void fake_fail_also(size_t n, int error);
/* The first `times` calls with this label (NULL: any) fail. */
void fake_fail(const char *label, unsigned times, int error);

/* How often a call with that label was made. */
size_t fake_count(const char *label);

/* What clone3 gives. */
#define FAKE_PID 4242

#endif
