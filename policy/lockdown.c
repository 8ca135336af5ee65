/* lockdown.c: the steps, in the order of the header. */
#include "policy/lockdown.h"

#include "policy/filter.h"
#include "policy/kernel.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void note(struct rn_wall_report *report, enum rn_layer layer, bool achieved)
{
    if (achieved) {
        rn_wall_report_active(report, layer);
    } else {
        rn_wall_report_refused(report, layer, errno);
    }
}

bool rn_lockdown_close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0) {
        return true;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1u << 20) {
        return false;
    }
    for (int fd = first; fd < (int)limit.rlim_cur; fd++) {
        close(fd);
    }
    return true;
}

bool rn_lockdown_follow_parent(struct rn_wall_report *report, int parent)
{
    note(report, RN_LAYER_PARENT_DEATH, prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    // It fires on later ends only, so an earlier one has to be looked for.
    return getppid() == parent;
}

static bool limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit old;
    if (getrlimit(resource, &old) != 0) {
        return false;
    }
    if (old.rlim_max < value) {
        value = old.rlim_max;
    }
    return setrlimit(resource, &(struct rlimit){value, value}) == 0;
}

// Hard limits of every process behind the wall. FSIZE and NPROC hold though the filter denies what
// they bound: each layer must stop its share alone.
static const struct {
    __rlimit_resource_t resource;
    rlim_t value;
} fixed_limits[] = {
    {RLIMIT_CORE, 0},     {RLIMIT_FSIZE, 0},  {RLIMIT_NPROC, 0},
    {RLIMIT_MEMLOCK, 0},  {RLIMIT_NICE, 0},   {RLIMIT_RTPRIO, 0},
    {RLIMIT_MSGQUEUE, 0}, {RLIMIT_NOFILE, 8}, {RLIMIT_SIGPENDING, 8},
};

void rn_lockdown_limits(struct rn_wall_report *report, const struct rn_lockdown_limits *limits)
{
    bool achieved = limit(RLIMIT_CORE, 0);
#ifndef RN_SANITIZED
    for (size_t i = 0; i < RN_COUNT_OF(fixed_limits) && achieved; i++) {
        achieved = limit(fixed_limits[i].resource, fixed_limits[i].value);
    }
    achieved = achieved && limit(RLIMIT_AS, limits->address_space);
#else
    (void)fixed_limits; // a sanitizer maps terabytes and opens files to report
#endif
    if (limits->cpu_seconds > 0) {
        achieved = achieved && limit(RLIMIT_CPU, limits->cpu_seconds);
    }
    note(report, RN_LAYER_RLIMITS, achieved);
}

void rn_lockdown_not_dumpable(struct rn_wall_report *report)
{
    note(report, RN_LAYER_NOT_DUMPABLE, prctl(PR_SET_DUMPABLE, 0) == 0);
}

void rn_lockdown_no_new_privs(struct rn_wall_report *report)
{
    note(report, RN_LAYER_NO_NEW_PRIVS, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

uint32_t rn_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, RN_LANDLOCK_VERSION_QUERY);
    return abi > 0 ? (uint32_t)abi : 0;
}

// Every right that `abi` knows, and the size of the structure that it accepts.
static size_t landlock_rules(uint32_t abi, struct rn_landlock_ruleset *out_rules)
{
    *out_rules = (struct rn_landlock_ruleset){.handled_access_fs = RN_LANDLOCK_FS_ABI1};
    out_rules->handled_access_fs |= abi >= 2 ? RN_LANDLOCK_FS_REFER : 0;
    out_rules->handled_access_fs |= abi >= 3 ? RN_LANDLOCK_FS_TRUNCATE : 0;
    out_rules->handled_access_fs |= abi >= 5 ? RN_LANDLOCK_FS_IOCTL_DEV : 0;
    out_rules->handled_access_net = abi >= 4 ? RN_LANDLOCK_NET_BIND_CONNECT : 0;
    out_rules->scoped = abi >= 6 ? RN_LANDLOCK_SCOPE_ALL : 0;
    if (abi >= 6) {
        return sizeof(*out_rules);
    }
    return abi >= 4 ? offsetof(struct rn_landlock_ruleset, scoped)
                    : offsetof(struct rn_landlock_ruleset, handled_access_net);
}

void rn_lockdown_landlock(struct rn_wall_report *report)
{
    uint32_t abi = rn_landlock_abi();
    if (abi == 0) {
        rn_wall_report_refused(report, RN_LAYER_LANDLOCK, errno);
        return;
    }
    struct rn_landlock_ruleset rules;
    size_t size = landlock_rules(abi, &rules);
    long fd = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    bool achieved = fd >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    note(report, RN_LAYER_LANDLOCK, achieved);
    if (fd >= 0) {
        close((int)fd);
    }
    report->landlock_abi = achieved ? abi : 0;
}

// PR_SPEC_FORCE_DISABLE cannot be undone by the process.
static void restrict_speculation(struct rn_wall_report *report, enum rn_layer layer,
                                 unsigned long kind)
{
    if ((report->given_up & RN_LAYER_BIT(layer)) == 0) {
        note(report, layer, prctl(PR_SET_SPECULATION_CTRL, kind, PR_SPEC_FORCE_DISABLE, 0, 0) == 0);
    }
}

void rn_lockdown_speculation(struct rn_wall_report *report)
{
    restrict_speculation(report, RN_LAYER_STORE_SPECULATION, PR_SPEC_STORE_BYPASS);
    restrict_speculation(report, RN_LAYER_BRANCH_SPECULATION, PR_SPEC_INDIRECT_BRANCH);
}

void rn_lockdown_no_exec_gain(struct rn_wall_report *report)
{
    note(report, RN_LAYER_NO_EXEC_GAIN, prctl(PR_SET_MDWE, RN_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0);
}

static bool seal_range(const void *start, size_t size)
{
    return syscall(SYS_mseal, start, size, 0) == 0;
}

// The image of this program, provided by the linker.
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static bool seal_program(void)
{
    const uint8_t *base = (const uint8_t *)&__ehdr_start;
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)(const void *)(base + __ehdr_start.e_phoff);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < __ehdr_start.e_phnum; i++) {
        const ElfW(Phdr) *h = &headers[i];
        bool fixed = h->p_type == PT_LOAD && (h->p_flags & PF_W) == 0;
        if (!fixed && h->p_type != PT_GNU_RELRO) {
            continue;
        }
        uintptr_t start = (uintptr_t)(base + h->p_vaddr) & ~(page - 1);
        uintptr_t end = (uintptr_t)(base + h->p_vaddr + h->p_memsz);
        // The last page of a RELRO range may be shared with data that stays writable.
        end = fixed ? (end + page - 1) & ~(page - 1) : end & ~(page - 1);
        // never: nothing between them; the linker ends RELRO on a page, unless pages are larger than 4 KiB
        if (end > start && !seal_range((const void *)start, end - start)) {
            return false;
        }
    }
    return true;
}

void rn_lockdown_seal(struct rn_wall_report *report, const struct rn_mapping *mappings,
                      size_t count)
{
    bool achieved = seal_program();
    for (size_t i = 0; i < count && achieved; i++) {
        achieved = mappings[i].data == NULL || seal_range(mappings[i].data, mappings[i].size);
    }
    note(report, RN_LAYER_MSEAL, achieved);
}

void rn_lockdown_filter(struct rn_wall_report *report, enum rn_role role)
{
    int error = rn_filter_load(role);
    if (error == 0) {
        rn_wall_report_active(report, RN_LAYER_SECCOMP);
    } else {
        rn_wall_report_refused(report, RN_LAYER_SECCOMP, error);
    }
}
