/* vm.h: a Vm, its options and those of calls, as the supervisor holds them. */
#ifndef RN_SUPERVISOR_VM_H
#define RN_SUPERVISOR_VM_H

#include <runeward/globals.h>
#include <runeward/replay.h>
#include <runeward/timeline.h>
#include <runeward/vm.h>

#include "shm/message.h"
#include "supervisor/limits.h"
#include "supervisor/pool.h"

struct rune_vm_options {
    char domain[RN_DOMAIN_NAME_MAX + 1];
    bool has_isolation;
    rune_isolation isolation;
    struct rune_limits limits;
    void *user;
    bool for_replay; /* it runs calls from files only */
};

struct rn_trace;

/* A call that is run from a file (run_file.c). */
struct rn_run_input {
    struct rn_journal *journal; /* the call takes it, and leaves NULL */
    struct rn_trace *trace;
    uint64_t clock_ns; /* what the call was told at its beginning */
};

struct rune_call_options {
    struct rune_limits limits;
    uint64_t seed;
    bool clock;
    rune_cancel_token *token;
    rune_output_fn output;
    void *output_user;
    const rune_host_call *parent;
    void *forward_user;              /* what rn_host_forward gets, and: */
    const struct rn_call_room *room; /* see call.h */
    bool wait;
    bool replay;
    bool journal;
    rune_timeline *timeline;    /* borrowed, or NULL */
    struct rn_run_input *input; /* borrowed; NULL: an ordinary call */
};

/* Who has a Vm; and a bit beside that: functions were dropped, which the worker does not know yet. In one word, since
 * whoever gives the Vm back may not look at it again: from then on others may free it. */
enum rn_vm_busy {
    RN_VM_FREE,
    RN_VM_CLAIMED, /* by a call, or by whoever changes it */
    RN_VM_TIDIED,  /* for a moment, while functions that were dropped are given up */
    RN_VM_DROPPED = 4
};

/* The functions that a Vm keeps, by number. */
struct rn_vm_functions {
    uint64_t kept[RN_VM_FUNCTIONS_MAX / 64];    /* by the worker */
    uint64_t dropped[RN_VM_FUNCTIONS_MAX / 64]; /* of those, that it is to forget */
    uint32_t count;
};

struct rune_vm {
    _Atomic uint32_t refs;       /* of the host, and one for each function that it holds */
    _Atomic uint32_t busy;       /* enum rn_vm_busy */
    rune_supervisor *supervisor; /* counted */
    rune_runtime *runtime;       /* counted, may be NULL */
    rune_unit *unit;             /* counted */
    struct rn_domain *domain;
    _Atomic(struct rune_vm_pool *) pool; /* it was taken out of, and is to go back to; NULL: none */
    uint64_t serial;
    struct rune_limits limits;
    void *user;
    rune_isolation isolation;
    /* Where its Globals are: the handle there, and a counted peer. */
    uint32_t handle;
    struct rn_peer *home;
    struct rn_call *spare; /* for its next call; NULL: none. Whoever claimed the Vm has it */
    rune_globals *pending; /* statics that go out with the next call; NULL: none */
    /* Of a Vm in a daemon: */
    char *domain_name;  /* owned: as its host gave it */
    char *script;       /* owned: its name in the daemon's folder; NULL: it is of `unit` */
    rune_unit *version; /* counted: what was last seen to serve under that name, or NULL */
    bool lost;
    bool used; /* of one in a daemon: there may be more to its Globals than `pending` */
    /* Under the supervisor's functions_lock, too: */
    uint64_t epoch;                    /* counts what made the worker forget everything */
    struct rn_vm_functions *functions; /* owned; NULL until it keeps one: few ever do */
};

/* A function that a Vm keeps. */
struct rn_kept {
    uint32_t number; /* from 1 */
    uint64_t epoch;
};

/* What a daemon calls one, in the words of a client: nothing may be believed. rn_vm_find_kept looks it up. */
struct rn_kept_name {
    uint32_t number; /* 0: none */
    uint64_t epoch;
};

struct rn_call;

/* What a call is about. */
struct rn_request_target {
    enum rn_call_target kind;
    uint64_t item;    /* as the kind says */
    uint32_t export;  /* of an item: its index among the Unit's exports; RN_NONE: the script body */
    const char *name; /* for records; borrowed until the call has ended */
    struct rn_kept_name kept; /* of a function that a Vm in a daemon keeps */
};

struct rn_args {
    const rune_const_value *const *values;
    size_t count;
};

struct rn_request {
    struct rn_request_target target;
    struct rn_args args;
    const rune_call_options *options; /* or NULL */
    bool wants_usage;                 /* somebody will read the record's usage */
    uint32_t keep;                    /* number of the function that the result is; 0: a value */
    struct rn_kept_name *out_kept;    /* .. and what the daemon calls it, where the Vm is in one */
};

/* The function with that path. NOT_FOUND. */
rune_status rn_vm_find_item(const rune_vm *vm, const char *item,
                            struct rn_request_target *out_target, rune_error **error) RN_MUST_CHECK;
/* INVALID_ARGUMENT if the item, `values` of a count or one of them is NULL. */
rune_status rn_call_check(const char *item, struct rn_args args, rune_error **error) RN_MUST_CHECK;

/* What did not fit, if that is why a call could not be encoded. */
rune_status rn_args_fail(struct rn_args args, enum rn_error failed, rune_error **error);

/* The Vm is the caller's until rn_vm_release. INVALID_ARGUMENT: it is NULL; FORKED; BUSY: another call of it runs. */
rune_status rn_vm_claim(rune_vm *vm, rune_error **error) RN_MUST_CHECK;
/* The Vm may be called again. Functions that were dropped meanwhile go. */
void rn_vm_release(rune_vm *vm);
rune_vm *rn_vm_ref(rune_vm *vm);
/* Accepts NULL. */
void rn_vm_unref(rune_vm *vm);
/* Nobody needs the function any more. Any thread, whether the Vm is claimed or not. */
void rn_vm_drop_function(rune_vm *vm, const struct rn_kept *kept);
/* The function with that name. STALE: it went when the Vm was reset; NOT_FOUND: the Vm keeps none such. Any thread. */
rune_status rn_vm_find_kept(rune_vm *vm, struct rn_kept_name name, struct rn_kept *out_kept,
                            rune_error **error) RN_MUST_CHECK;
/* How many it keeps, those included that a call keeps from being given up. Any thread. */
uint32_t rn_vm_kept_count(rune_vm *vm);

/* What its calls ask of the pool, for as long as it has no home: domain, isolation, key. */
struct rn_pool_request rn_vm_wanted_worker(const rune_vm *vm);
/* True if a call of it would not wait for a worker to start. */
bool rn_vm_is_warm(const rune_vm *vm);

/* Of a claimed Vm: */

/* A number for a function. UNSUPPORTED: nothing stays in the Vm's workers; OVERLOADED: there are too many. */
rune_status rn_vm_keep(rune_vm *vm, struct rn_kept *out_kept, rune_error **error) RN_MUST_CHECK;
/* Of a claimed Vm: why a function that its last call was to keep is kept nowhere. OVERLOADED, VM_LOST. */
rune_status rn_vm_fail_unkept(const rune_vm *vm, rune_error **error);
/* The worker does not keep it after all. */
void rn_vm_unkeep(rune_vm *vm, const struct rn_kept *kept);
/* What it kept has gone. */
void rn_vm_forget_functions(rune_vm *vm);

/* A call made ready: everything that the options say is in it. *error says why not. */
rune_status rn_vm_prepare(rune_vm *vm, const struct rn_request *request, struct rn_call **out_call,
                          rune_error **error) RN_MUST_CHECK;
/* The call is over; the Vm, which is still claimed, may use its storage for the next one. NULL: none. */
void rn_vm_take_back(rune_vm *vm, struct rn_call *call);
/* After the beginning: the call ends when its token, or that of the call it serves, is cancelled. */
void rn_vm_watch(struct rn_call *call, const rune_call_options *options);
/* Begins, waits and ends; a record also of a call that could not begin. */
rune_status rn_vm_carry_out(rune_vm *vm, const struct rn_request *request, rune_record **out_record,
                            rune_error **error) RN_MUST_CHECK;

/* The record of a call that did not begin; takes the error. NULL without memory, and then the error
 * is still the caller's. */
rune_record *rn_record_of_failure(const rune_vm *vm, const char *item,
                                  rune_error *error) RN_MUST_CHECK;
/* The value of a call that ended well, else its error. Consumes the record. */
rune_status rn_record_unwrap(rune_record *record, rune_const_value **out_value,
                             rune_error **error) RN_MUST_CHECK;

#endif
