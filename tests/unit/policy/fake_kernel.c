/* fake_kernel.c: see fake_kernel.h. */
#include "tests/unit/policy/fake_kernel.h"

#include "base/check.h"
#include "policy/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct fake_kernel fake;

static bool on;
/* Calls with a label (NULL: any), from the first to the last, fail. */
struct order {
    const char *label;
    size_t first;
    size_t last;
    int error;
    size_t seen;
};
static struct order orders[2];

void fake_start(void)
{
    fake = (struct fake_kernel){
        .uid = 1000,
        .gid = 1000,
        .parent = 1,
        .landlock_abi = 6,
        .rlimit = {RLIM_INFINITY, RLIM_INFINITY},
        .uid_map = "0 0 4294967295\n",
        .segment_size = 8192,
    };
    memset(orders, 0, sizeof(orders));
    on = true;
}

void fake_stop(void)
{
    on = false;
}

void fake_fail(const char *label, unsigned times, int error)
{
    orders[0] = (struct order){label, 1, times, error, 0};
    orders[1] = (struct order){0};
}

void fake_fail_range(size_t first, size_t last, int error)
{
    orders[0] = (struct order){NULL, first, last, error, 0};
    orders[1] = (struct order){0};
}

void fake_fail_nth(size_t n, int error)
{
    fake_fail_range(n, n, error);
}

void fake_fail_also(size_t n, int error)
{
    orders[1] = (struct order){NULL, n, n, error, 0};
}

size_t fake_count(const char *label)
{
    size_t count = 0;
    for (size_t i = 0; i < fake.count; i++) {
        count += strcmp(fake.labels[i], label) == 0;
    }
    return count;
}

/* Notes the call. True, with errno: it is to fail. */
static bool is_refused(const char *label)
{
    bool refused = false;
    assert_true(fake.count < FAKE_CALLS_MAX);
    fake.labels[fake.count++] = label;
    for (size_t i = 0; i < RN_COUNT_OF(orders); i++) {
        struct order *order = &orders[i];
        if (order->last == 0 || (order->label != NULL && strcmp(order->label, label) != 0)) {
            continue;
        }
        order->seen++;
        if (order->seen >= order->first && order->seen <= order->last) {
            errno = order->error;
            refused = true;
        }
    }
    return refused;
}

static int answer(const char *label)
{
    return is_refused(label) ? -1 : 0;
}

#define FAKE(type, name, parameters, arguments, faked)                                             \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return on ? (faked) : __real_##name arguments;                                             \
    }

/* A call that succeeds without effect. */
#define FAKE_NOTHING(name, parameters, arguments)                                                  \
    FAKE(int, name, parameters, arguments, answer(#name))

/* What has a real effect, if it does not fail. */
#define FAKE_REFUSAL(type, name, parameters, arguments, failure)                                   \
    FAKE(type, name, parameters, arguments,                                                        \
         is_refused(#name) ? (type)(failure) : __real_##name arguments)

FAKE_NOTHING(mount, (const char *a, const char *b, const char *c, unsigned long d, const void *e),
             (a, b, c, d, e))
FAKE_NOTHING(umount2, (const char *a, int b), (a, b))
FAKE_NOTHING(chdir, (const char *a), (a))
FAKE_NOTHING(chroot, (const char *a), (a))
FAKE_NOTHING(setsid, (void), ())
FAKE_NOTHING(setgroups, (size_t a, const gid_t *b), (a, b))
FAKE_NOTHING(setresgid, (gid_t a, gid_t b, gid_t c), (a, b, c))
FAKE_NOTHING(setresuid, (uid_t a, uid_t b, uid_t c), (a, b, c))
FAKE_NOTHING(close, (int a), (a))
FAKE_NOTHING(madvise, (void *a, size_t b, int c), (a, b, c))
FAKE_NOTHING(waitpid, (pid_t a, int *b, int c), (a, b, c))
FAKE(int, open, (const char *a, int b, unsigned c), (a, b, c), answer("open"))
FAKE(int, geteuid, (void), (), (int)fake.uid)
FAKE(int, getegid, (void), (), (int)fake.gid)
FAKE(int, getppid, (void), (), fake.parent)
FAKE_REFUSAL(int, munmap, (void *a, size_t b), (a, b), -1)
FAKE_REFUSAL(int, mprotect, (void *a, size_t b, int c), (a, b, c), -1)
FAKE(ssize_t, read, (int a, void *b, size_t c), (a, b, c),
     is_refused("read")  ? -1
     : fake.gate_is_shut ? 0
                         : (ssize_t)c)
FAKE(ssize_t, write, (int a, const void *b, size_t c), (a, b, c),
     is_refused("write") ? -1 : (ssize_t)c - fake.write_is_short)
FAKE(ssize_t, getrandom, (void *a, size_t b, unsigned c), (a, b, c),
     is_refused("getrandom") ? -1 : (ssize_t)(fake.seed_is_short ? b / 2 : b))
/* Memory is real but of no file, so that segments can be mapped from descriptors of nothing. */
void *__real_mmap(void *a, size_t b, int c, int d, int e, off_t f);
static void *give_memory(size_t size, int protection, int flags)
{
    const size_t huge = (size_t)2 << 20;
    flags = (flags & MAP_NORESERVE) | MAP_PRIVATE | MAP_ANONYMOUS;
    if (is_refused("mmap")) {
        return MAP_FAILED;
    }
    if (fake.map_before == 0) {
        return __real_mmap(NULL, size, protection, flags, -1, 0);
    }
    uintptr_t range = (uintptr_t)__real_mmap(NULL, size + 2 * huge, protection, flags, -1, 0);
    uintptr_t multiple = (range + fake.map_before + huge - 1) & ~(uintptr_t)(huge - 1);
    return (void *)(multiple - fake.map_before);
}

FAKE(void *, mmap, (void *a, size_t b, int c, int d, int e, off_t f), (a, b, c, d, e, f),
     give_memory(b, c, d))

static const char *prctl_label(int option)
{
    switch (option) {
    case PR_SET_PDEATHSIG:
        return "pdeathsig";
    case PR_SET_DUMPABLE:
        return "dumpable";
    case PR_SET_NO_NEW_PRIVS:
        return "no_new_privs";
    case PR_SET_SPECULATION_CTRL:
        return "speculation";
    case PR_SET_MDWE:
        return "mdwe";
    case PR_SCHED_CORE:
        return "sched_core";
    case PR_CAPBSET_DROP:
        return "bounding_set";
    case PR_SET_SECUREBITS:
        return "securebits";
    case PR_CAP_AMBIENT:
        return "ambient";
    default:
        return "prctl";
    }
}

FAKE(int, prctl, (int a, unsigned long b, unsigned long c, unsigned long d, unsigned long e),
     (a, b, c, d, e), answer(prctl_label(a)))

static int give_limit(struct rlimit *out_limit)
{
    *out_limit = fake.rlimit;
    return answer("getrlimit");
}

static int take_limit(int resource, const struct rlimit *limit)
{
    fake.limits[resource] = *limit;
    return answer("setrlimit");
}

FAKE(int, getrlimit, (int a, struct rlimit *b), (a, b), give_limit(b))
FAKE(int, setrlimit, (int a, const struct rlimit *b), (a, b), take_limit(a, b))

static int give_pair(int pair[2])
{
    pair[0] = 1000;
    pair[1] = 1001;
    return answer("socketpair");
}

static int give_size(struct stat *out_info)
{
    *out_info = (struct stat){.st_size = fake.segment_size};
    return answer("fstat");
}

FAKE(int, socketpair, (int a, int b, int c, int d[2]), (a, b, c, d), give_pair(d))
FAKE(int, fstat, (int a, struct stat *b), (a, b), give_size(b))

static FILE *give_map(void)
{
    if (is_refused("fopen") || fake.uid_map == NULL) {
        return NULL;
    }
    return fmemopen((void *)(uintptr_t)fake.uid_map, strlen(fake.uid_map), "r");
}

FAKE(FILE *, fopen, (const char *a, const char *b), (a, b), give_map())

static void end(int code)
{
    fake.exit_code = code;
    longjmp(fake.ended, 1);
}

void __real__exit(int code) RN_NORETURN;
void __wrap__exit(int code) RN_NORETURN;
void __wrap__exit(int code)
{
    if (on) {
        end(code);
    }
    __real__exit(code);
}

void __real_rn_alloc_set_region(void *range, size_t size);
void __wrap_rn_alloc_set_region(void *range, size_t size);
void __wrap_rn_alloc_set_region(void *range, size_t size)
{
    if (on) {
        fake.region_size = size;
    } else {
        __real_rn_alloc_set_region(range, size);
    }
}

static long fake_clone3(const struct clone_args *args)
{
    fake.clone_flags = args->flags;
    *(int *)(uintptr_t)args->pidfd = 1002;
    if (is_refused("clone3")) {
        return -1;
    }
    return fake.is_child ? 0 : FAKE_PID;
}

static long fake_create_ruleset(const void *rules, size_t size)
{
    if (rules == NULL) {
        errno = ENOSYS;
        return fake.landlock_abi > 0 ? fake.landlock_abi : -1;
    }
    fake.landlock_size = size;
    memcpy(fake.landlock_words, rules, size);
    return is_refused("landlock_create_ruleset") ? -1 : 1003;
}

static long fake_set_robust_list(const struct robust_list_head *head)
{
    fake.robust_futex = (const char *)head->list_op_pending + head->futex_offset;
    return answer("set_robust_list");
}

static long fake_syscall(long number, long a, long b)
{
    switch (number) {
    case SYS_clone3:
        return fake_clone3((const struct clone_args *)a);
    case SYS_landlock_create_ruleset:
        return fake_create_ruleset((const void *)a, (size_t)b);
    case SYS_landlock_restrict_self:
        return answer("landlock_restrict_self");
    case SYS_close_range:
        return answer("close_range");
    case SYS_set_robust_list:
        return fake_set_robust_list((const struct robust_list_head *)a);
    case SYS_mseal:
        return answer("mseal");
    case SYS_seccomp:
        return is_refused("seccomp") ? -1 : fake.filter_is_late ? 7 : 0;
    case SYS_capset:
        return answer("capset");
    case SYS_pivot_root:
        return answer("pivot_root");
    case SYS_exit_group:
        end((int)a);
        return -1;
    default:
        fail_msg("system call %ld is not faked", number);
        return -1;
    }
}

FAKE(long, syscall, (long n, long a, long b, long c, long d, long e, long f), (n, a, b, c, d, e, f),
     fake_syscall(n, a, b))
