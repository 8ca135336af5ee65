/*
 * process.c: from exec to lock-down.
 *
 * The order matters: descriptors first, so that nothing keeps the old world; then all mappings,
 * while mapping is still possible; limits once their sizes are known; no_new_privs, which Landlock
 * and the filter need; what takes prctl; sealing after the last change of mappings; the filter
 * last, since it takes away every call used before it.
 *
 * The zygote passes numbers in argv and descriptors from RN_WALL_SOCKET_FD on: the socket, then the
 * segments of the mask in the order of their slots.
 */
#include "policy/process.h"

#include "base/alloc.h"
#include "base/math.h"
#include "policy/kernel.h"
#include "policy/lockdown.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define EXIT_USAGE 64
#define EXIT_SETUP 71
#define HUGE_PAGE ((size_t)2 << 20)

// Of Linux 6.18; older headers do not name it.
#define THP_EXCEPT_ADVISED (1ul << 1)

struct arguments {
    uint64_t parent;       /* process number of the zygote */
    uint64_t required;     /* layers that must be active */
    uint64_t arena_size;   /* bytes */
    uint64_t cpu_seconds;  /* 0: no bound */
    uint64_t segment_mask; /* bit per enum rn_segment_slot */
    uint64_t given_up;     /* layers that the host does without */
};

void rn_process_exit(int code)
{
    for (;;) {
        syscall(SYS_exit_group, code);
    }
}

static bool parse_number(const char *text, uint64_t *out_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 16);
    *out_number = number;
    return errno == 0 && end != text && *end == '\0';
}

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    return argc == 8 && strcmp(argv[1], "--child") == 0 && parse_number(argv[2], &out->parent) &&
           parse_number(argv[3], &out->required) && parse_number(argv[4], &out->arena_size) &&
           parse_number(argv[5], &out->cpu_seconds) && parse_number(argv[6], &out->segment_mask) &&
           out->segment_mask < (1u << RN_SEGMENT_COUNT) && out->arena_size <= UINT64_C(1) << 40 &&
           parse_number(argv[7], &out->given_up) && (out->given_up & ~RN_LAYERS_TO_GIVE_UP) == 0;
}

static bool map_segment(struct rn_process *process, enum rn_segment_slot slot, int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || info.st_size <= 0) {
        return false;
    }
    int protection = slot == RN_SEGMENT_RING ? PROT_READ | PROT_WRITE : PROT_READ;
    void *data = mmap(NULL, (size_t)info.st_size, protection, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        return false;
    }
    process->segments[slot] = (struct rn_mapping){data, (size_t)info.st_size};
    close(fd);
    return true;
}

static bool map_segments(struct rn_process *process, uint64_t mask)
{
    int fd = RN_WALL_SOCKET_FD + 1;
    for (unsigned slot = 0; slot < RN_SEGMENT_COUNT; slot++) {
        if ((mask >> slot & 1) != 0 && !map_segment(process, (enum rn_segment_slot)slot, fd++)) {
            return false;
        }
    }
    return true;
}

// Whether the process lives is to be read in its ring, without asking the kernel, which looks at a robust
// futex that is `pending` when the thread ends, though the list itself is empty. The C library's list goes:
// nothing here has robust mutexes, and there is one thread.
static void register_life(const struct rn_mapping *ring)
{
    static struct robust_list_head robust;
    if (ring->data == NULL) {
        return;
    }
    uint32_t *life = (uint32_t *)(void *)ring->data;
    robust.list.next = &robust.list;
    robust.list_op_pending = (struct robust_list *)(void *)life;
    bool registered = syscall(SYS_set_robust_list, &robust, sizeof(robust)) == 0;
    *life = registered ? (uint32_t)getpid() : 0;
}

static void unmap(uint8_t *start, const uint8_t *end)
{
    if (start < end) {
        munmap(start, (size_t)(end - start));
    }
}

// Bytes at the beginning of an arena whose pages are small: what a process holds at rest, and most
// calls and builds.
static size_t small_pages_size(enum rn_role role)
{
    return role == RN_ROLE_COMPILER ? RN_ARENA_SMALL_COMPILER : RN_ARENA_SMALL_WORKER;
}

// Faults are what growing costs most, above all in virtual machines: large pages where the kernel
// has them.
static void advise(const struct rn_process *process)
{
    uint8_t *start = process->arena.data;
    size_t size = process->arena.size;
    size_t small = small_pages_size(process->role);
    if (size <= small) {
        return;
    }
    madvise(start, small, MADV_NOHUGEPAGE);
    madvise(start + small, size - small, MADV_HUGEPAGE);
}

#ifndef RN_SANITIZED
// A compiler waits for its one build, and has the pages of a short one beforehand. They are written
// to: a hypervisor may add a fault of its own to the first use of what the kernel has populated.
static void touch_pages(const struct rn_process *process)
{
    volatile uint8_t *start = process->arena.data;
    size_t size = rn_min_size(process->arena.size, RN_ARENA_READY_COMPILER);
    for (size_t at = 0; at < size; at += 4096) {
        start[at] = 0;
    }
}
#endif

// A guard page on either side; what is reserved costs nothing until it is touched.
static bool reserve_arena(struct rn_process *process, uint64_t wanted)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = rn_align_up((size_t)wanted, page);
    size_t small = small_pages_size(process->role);
    if (size == 0) {
        return true;
    }
    size_t total = size + 2 * page + HUGE_PAGE;
    uint8_t *range =
        mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
        return false;
    }
    uint8_t *start = (uint8_t *)rn_align_up((uintptr_t)range + page + small, HUGE_PAGE) - small;
    unmap(range, start - page);
    unmap(start + size + page, range + total);
    process->arena = (struct rn_mapping){start, size};
    if (mprotect(start, size, PROT_READ | PROT_WRITE) != 0) {
        return false;
    }
    advise(process);
    return true;
}

static struct rn_lockdown_limits limits_for(const struct rn_process *process,
                                            const struct arguments *arguments)
{
    struct rlimit stack = {0};
    getrlimit(RLIMIT_STACK, &stack);
    // Slack for the program image, the C library's start-up heap and what the kernel maps.
    uint64_t total = (UINT64_C(32) << 20) + process->arena.size;
    total += stack.rlim_cur == RLIM_INFINITY ? UINT64_C(8) << 20 : stack.rlim_cur;
    for (unsigned slot = 0; slot < RN_SEGMENT_COUNT; slot++) {
        total += process->segments[slot].size;
    }
    if (process->role == RN_ROLE_WORKER) {
        total += RN_WALL_UNITS_MAX;
    }
    return (struct rn_lockdown_limits){total, (uint32_t)arguments->cpu_seconds};
}

static bool seed(struct rn_process *process)
{
    ssize_t size = getrandom(process->seed, sizeof(process->seed), 0);
    return size == (ssize_t)sizeof(process->seed);
}

static void seal(struct rn_process *process)
{
    struct rn_mapping mappings[RN_SEGMENT_COUNT + 1];
    memcpy(mappings, process->segments, sizeof(process->segments));
    mappings[RN_SEGMENT_COUNT] = process->arena;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (process->arena.data != NULL) {
        mappings[RN_SEGMENT_COUNT].data -= page;
        mappings[RN_SEGMENT_COUNT].size += 2 * page;
    }
    rn_lockdown_seal(&process->report, mappings, RN_COUNT_OF(mappings));
}

static bool close_strangers(struct rn_wall_report *report, uint64_t segment_mask)
{
    int kept = RN_WALL_SOCKET_FD + 1 + __builtin_popcountll(segment_mask);
    if (!rn_lockdown_close_from(kept)) {
        rn_wall_report_refused(report, RN_LAYER_DESCRIPTORS, errno);
        return false;
    }
#ifndef RN_SANITIZED
    for (int fd = 0; fd < RN_WALL_SOCKET_FD; fd++) {
        close(fd);
    }
    rn_wall_report_active(report, RN_LAYER_DESCRIPTORS);
#endif
    return true;
}

static void enter_wall(struct rn_process *process, const struct arguments *arguments)
{
    struct rn_wall_report *report = &process->report;
    struct rn_lockdown_limits limits = limits_for(process, arguments);
    rn_lockdown_limits(report, &limits);
    rn_lockdown_not_dumpable(report);
    prctl(PR_SET_THP_DISABLE, 1, THP_EXCEPT_ADVISED, 0, 0); // failure costs memory
    rn_lockdown_no_new_privs(report);
#ifndef RN_SANITIZED
    rn_lockdown_landlock(report);
#endif
    rn_lockdown_speculation(report);
#ifndef RN_SANITIZED
    rn_lockdown_no_exec_gain(report);
    seal(process);
#else
    (void)seal;
#endif
    rn_lockdown_filter(report, process->role);
}

// Layers that are this process's own to apply; the zygote answered for the others.
static uint64_t own_layers(void)
{
    return RN_LAYER_BIT(RN_LAYER_SECCOMP) | RN_LAYER_BIT(RN_LAYER_NO_NEW_PRIVS) |
           RN_LAYER_BIT(RN_LAYER_RLIMITS) | RN_LAYER_BIT(RN_LAYER_DESCRIPTORS) |
           RN_LAYER_BIT(RN_LAYER_NOT_DUMPABLE) | RN_LAYER_BIT(RN_LAYER_PARENT_DEATH) |
           RN_LAYER_BIT(RN_LAYER_LANDLOCK) | RN_LAYER_BIT(RN_LAYER_NO_EXEC_GAIN) |
           RN_LAYER_BIT(RN_LAYER_MSEAL) | RN_LAYER_BIT(RN_LAYER_STORE_SPECULATION) |
           RN_LAYER_BIT(RN_LAYER_BRANCH_SPECULATION);
}

static void check_wall(const struct rn_wall_report *report, uint64_t required)
{
    // Even the weakest policy has these; a zygote that does not ask for them is mistaken.
    required |= rn_policy_required(RN_POLICY_BEST_EFFORT);
    enum rn_layer missing;
    if (rn_wall_report_check(report, required & own_layers(), &missing) != RN_OK) {
        rn_process_exit(rn_wall_exit_code(missing));
    }
}

void rn_process_run(int argc, char **argv, enum rn_role role, rn_process_body *body)
{
    static struct rn_process process;
    struct arguments arguments;
    if (!parse_arguments(argc, argv, &arguments)) {
        rn_process_exit(EXIT_USAGE);
    }
    process.role = role;
    process.socket_fd = RN_WALL_SOCKET_FD;
    rn_wall_report_init(&process.report);
    process.report.given_up = arguments.given_up;
    if (!close_strangers(&process.report, arguments.segment_mask)) {
        rn_process_exit(rn_wall_exit_code(RN_LAYER_DESCRIPTORS));
    }
    if (!rn_lockdown_follow_parent(&process.report, (int)arguments.parent)) {
        rn_process_exit(EXIT_SETUP);
    }
    if (!map_segments(&process, arguments.segment_mask) ||
        !reserve_arena(&process, arguments.arena_size)) {
        rn_process_exit(RN_WALL_EXIT_MEMORY);
    }
    register_life(&process.segments[RN_SEGMENT_RING]);
    if (!seed(&process)) {
        rn_process_exit(EXIT_SETUP);
    }
#ifndef RN_SANITIZED
    if (role == RN_ROLE_COMPILER) {
        touch_pages(&process);
        rn_alloc_set_region(process.arena.data, process.arena.size);
    }
#endif
    enter_wall(&process, &arguments);
    check_wall(&process.report, arguments.required);
    rn_process_exit(body(&process));
}
