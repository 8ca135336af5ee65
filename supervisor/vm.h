/* vm.h: a Vm, its options and those of calls, as the supervisor holds them. */
#ifndef RN_SUPERVISOR_VM_H
#define RN_SUPERVISOR_VM_H

#include <runeward/vm.h>

#include "supervisor/limits.h"
#include "supervisor/pool.h"

struct rune_vm_options {
    char domain[RN_DOMAIN_NAME_MAX + 1];
    bool has_isolation;
    rune_isolation isolation;
    struct rune_limits limits;
    void *user;
};

struct rune_call_options {
    struct rune_limits limits;
    uint64_t seed;
    rune_cancel_token *token;
    rune_output_fn output;
    void *output_user;
    const rune_host_call *parent;
    bool wait;
};

struct rune_vm {
    rune_supervisor *supervisor; /* counted */
    rune_runtime *runtime;       /* counted, may be NULL */
    rune_unit *unit;             /* counted */
    struct rn_domain *domain;
    uint64_t serial;
    rune_isolation isolation;
    struct rune_limits limits;
    void *user;
    atomic_bool busy;
    /* Where its Globals are: a counted peer, and the handle there. */
    struct rn_peer *home;
    uint32_t handle;
    bool lost;
};

struct rn_call;

/* A call made ready: everything that the options say is in it. *error says why not. */
rune_status rn_vm_prepare(rune_vm *vm, const char *item, const rune_const_value *const *args,
                          size_t arg_count, const rune_call_options *options,
                          struct rn_call **out_call, rune_error **error) RN_MUST_CHECK;
/* The Vm may be called again. */
void rn_vm_release(rune_vm *vm);

#endif
