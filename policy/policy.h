/*
 * policy.h: what the wall consists of, and the step into it.
 *
 * A worker's wall is a set of layers (layers.def). Those that need files, rights or further
 * processes are applied once per trust domain by its zygote (policy/domain.h); the rest,
 * system-call filter last, by each process for itself through policy/process.h. This header has the
 * vocabulary of both sides: roles, layers, required sets and the report.
 *
 * The flavour is fixed at compile time. A sanitizer build has a filter of its own that lets the
 * sanitizers report, keeps the file system in sight, and says so in every report; no option of a
 * running program changes the filter.
 *
 * Threads: everything here is a pure function or works on the caller's storage.
 */
#ifndef RN_POLICY_POLICY_H
#define RN_POLICY_POLICY_H

#include "base/error.h"

/* What a process behind the wall is for: decides which row of syscalls.def apply. */
enum rn_role {
    RN_ROLE_WORKER,
    RN_ROLE_COMPILER,
    RN_ROLE_COUNT,
};

enum rn_layer {
#define RN_LAYER(name, text, strict, best_effort, protects, remedy) RN_LAYER_##name,
#include "policy/layers.def"
#undef RN_LAYER
    RN_LAYER_COUNT,
};

/* A set of layers: bit n is layer n. */
#define RN_LAYER_BIT(layer) (UINT64_C(1) << (layer))

/* What a host may do without, since it costs more time than it is worth to some; all the rest is kept. */
#define RN_LAYERS_TO_GIVE_UP                                                                       \
    (RN_LAYER_BIT(RN_LAYER_STORE_SPECULATION) | RN_LAYER_BIT(RN_LAYER_BRANCH_SPECULATION))

/* The named lists of required layers. */
enum rn_policy {
    RN_POLICY_STRICT,
    RN_POLICY_BEST_EFFORT,
};

struct rn_layer_info {
    const char *name;
    const char *protects;
    const char *remedy;
};

/* Static storage; `layer` is below RN_LAYER_COUNT. */
const struct rn_layer_info *rn_layer_info(enum rn_layer layer);
/* False when no layer has that name. */
bool rn_layer_from_name(const char *name, enum rn_layer *out_layer);
const char *rn_policy_name(enum rn_policy policy);
uint64_t rn_policy_required(enum rn_policy policy);
const char *rn_role_name(enum rn_role role);

/*
 * What was wanted, what is there, and why the difference. refused_errno[n] is the errno of the step
 * that layer n failed with, 0 where nothing was refused or nothing is known.
 */
struct rn_wall_report {
    uint64_t wanted;
    uint64_t active;
    uint64_t given_up; /* the host did without them, for speed */
    int32_t refused_errno[RN_LAYER_COUNT];
    uint32_t landlock_abi; /* 0: none */
    uint32_t filters;      /* system-call filters on the process, when seen from outside */
    uint32_t uid;          /* as the host sees it */
    bool catches_traps;    /* it has a handler for SIGSYS, when seen from outside */
    bool sanitizer_flavour;
};

void rn_wall_report_init(struct rn_wall_report *report);
void rn_wall_report_active(struct rn_wall_report *report, enum rn_layer layer);
void rn_wall_report_refused(struct rn_wall_report *report, enum rn_layer layer, int error);
/* Adds what `other` knows: its active layers, and reasons for those still missing. */
void rn_wall_report_merge(struct rn_wall_report *report, const struct rn_wall_report *other);
/*
 * RN_OK when all of `required` is active; else RN_E_WALL_REFUSED and the first missing layer. In a
 * sanitizer build layers that the flavour cannot have are not asked for.
 */
enum rn_error rn_wall_report_check(const struct rn_wall_report *report, uint64_t required,
                                   enum rn_layer *out_missing) RN_MUST_CHECK;
/* Layers that this build's flavour can have at all. */
uint64_t rn_wall_possible(void);
/* "release" or "sanitizer". */
const char *rn_wall_flavour(void);

/* The largest mapping of a Unit that the filter lets a worker make. */
#define RN_WALL_MAP_MAX (UINT64_C(64) << 20)
/* The largest address range that one munmap may name. */
#define RN_WALL_UNMAP_MAX RN_WALL_MAP_MAX
/* All Units that one worker may have attached at a time; its address space has room for no more. */
#define RN_WALL_UNITS_MAX (UINT64_C(512) << 20)
/* The only descriptor of a process behind the wall. */
#define RN_WALL_SOCKET_FD 3

/*
 * A process that finds a required layer missing ends with the exit code rn_wall_exit_code(layer);
 * whoever waits for it learns the layer by rn_wall_layer_of_exit (false for other codes).
 */
int rn_wall_exit_code(enum rn_layer layer);
bool rn_wall_layer_of_exit(int code, enum rn_layer *out_layer);
/* The exit code of one that could not map its segments, or reserve its arena. */
#define RN_WALL_EXIT_MEMORY 72

#endif
