/* policy.c: names of layers, roles and policies, and the arithmetic of reports. */
#include "policy/policy.h"

#include <assert.h>
#include <string.h>

static const struct rn_layer_info layer_infos[RN_LAYER_COUNT] = {
#define RN_LAYER(name, text, strict, best_effort, protects, remedy)                                \
    [RN_LAYER_##name] = {text, protects, remedy},
#include "policy/layers.def"
#undef RN_LAYER
};

static_assert(RN_LAYER_COUNT < 64, "a set of layers is one word");

// Exit codes of a process whose wall lacks a layer: above sysexits.h, below 128 + signal.
#define EXIT_CODE_BASE 90
static_assert(EXIT_CODE_BASE + RN_LAYER_COUNT <= 118, "exit codes stay below those of limits");

const struct rn_layer_info *rn_layer_info(enum rn_layer layer)
{
    RN_CHECK((unsigned)layer < RN_LAYER_COUNT);
    return &layer_infos[layer];
}

bool rn_layer_from_name(const char *name, enum rn_layer *out_layer)
{
    for (unsigned i = 0; i < RN_LAYER_COUNT; i++) {
        if (strcmp(layer_infos[i].name, name) == 0) {
            *out_layer = (enum rn_layer)i;
            return true;
        }
    }
    return false;
}

const char *rn_policy_name(enum rn_policy policy)
{
    return policy == RN_POLICY_STRICT ? "strict" : "best_effort";
}

uint64_t rn_policy_required(enum rn_policy policy)
{
    static const uint64_t strict = 0
#define RN_LAYER(name, text, strict, best_effort, protects, remedy)                                \
    | ((strict) ? RN_LAYER_BIT(RN_LAYER_##name) : 0)
#include "policy/layers.def"
#undef RN_LAYER
        ;
    static const uint64_t best_effort = 0
#define RN_LAYER(name, text, strict, best_effort, protects, remedy)                                \
    | ((best_effort) ? RN_LAYER_BIT(RN_LAYER_##name) : 0)
#include "policy/layers.def"
#undef RN_LAYER
        ;
    return policy == RN_POLICY_STRICT ? strict : best_effort;
}

const char *rn_role_name(enum rn_role role)
{
    return role == RN_ROLE_WORKER ? "worker" : "compiler";
}

void rn_wall_report_init(struct rn_wall_report *report)
{
    *report = (struct rn_wall_report){0};
#ifdef RN_SANITIZED
    report->sanitizer_flavour = true;
#endif
}

void rn_wall_report_active(struct rn_wall_report *report, enum rn_layer layer)
{
    report->wanted |= RN_LAYER_BIT(layer);
    report->active |= RN_LAYER_BIT(layer);
    report->refused_errno[layer] = 0;
}

void rn_wall_report_refused(struct rn_wall_report *report, enum rn_layer layer, int error)
{
    report->wanted |= RN_LAYER_BIT(layer);
    report->active &= ~RN_LAYER_BIT(layer);
    report->refused_errno[layer] = error;
}

void rn_wall_report_merge(struct rn_wall_report *report, const struct rn_wall_report *other)
{
    report->wanted |= other->wanted;
    report->active |= other->active;
    report->given_up |= other->given_up;
    for (unsigned i = 0; i < RN_LAYER_COUNT; i++) {
        if ((report->active & RN_LAYER_BIT(i)) != 0) {
            report->refused_errno[i] = 0;
        } else if (report->refused_errno[i] == 0) {
            report->refused_errno[i] = other->refused_errno[i];
        }
    }
    if (report->landlock_abi == 0) {
        report->landlock_abi = other->landlock_abi;
    }
    if (report->filters == 0) {
        report->filters = other->filters;
    }
    report->sanitizer_flavour = report->sanitizer_flavour || other->sanitizer_flavour;
}

uint64_t rn_wall_possible(void)
{
    uint64_t all = RN_LAYER_BIT(RN_LAYER_COUNT) - 1;
#ifdef RN_SANITIZED
    // A sanitizer maps a shadow of terabytes, opens files to report, and is a dynamic program.
    all &= ~(RN_LAYER_BIT(RN_LAYER_EMPTY_ROOT) | RN_LAYER_BIT(RN_LAYER_LANDLOCK) |
             RN_LAYER_BIT(RN_LAYER_NO_EXEC_GAIN) | RN_LAYER_BIT(RN_LAYER_MSEAL) |
             RN_LAYER_BIT(RN_LAYER_DESCRIPTORS));
#endif
    return all;
}

const char *rn_wall_flavour(void)
{
#ifdef RN_SANITIZED
    return "sanitizer";
#else
    return "release";
#endif
}

enum rn_error rn_wall_report_check(const struct rn_wall_report *report, uint64_t required,
                                   enum rn_layer *out_missing)
{
    uint64_t missing = required & rn_wall_possible() & ~report->active;
    if (missing == 0) {
        return RN_OK;
    }
    *out_missing = (enum rn_layer)__builtin_ctzll(missing);
    return RN_E_WALL_REFUSED;
}

int rn_wall_exit_code(enum rn_layer layer)
{
    return EXIT_CODE_BASE + (int)layer;
}

bool rn_wall_layer_of_exit(int code, enum rn_layer *out_layer)
{
    if (code < EXIT_CODE_BASE || code >= EXIT_CODE_BASE + RN_LAYER_COUNT) {
        return false;
    }
    *out_layer = (enum rn_layer)(code - EXIT_CODE_BASE);
    return true;
}
