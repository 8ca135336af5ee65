/*
 * vm.h: the machine, as a worker's main loop (or an in-process runner) holds it.
 *
 *     engine   one a process: the region, the library linked once, the error reserve
 *     link     one a (Unit, host functions): import table, types, inline caches
 *     vm       one a script state: heap, statics, at most one live execution
 *
 * All memory comes from the region given to rn_engine_new; nothing here allocates elsewhere, makes
 * a system call or keeps global state. Several Vms may be in the middle of an execution at once:
 * each rn_vm_run goes on with one of them for a slice. One thread.
 *
 * An execution:
 *     rn_vm_start ─► rn_vm_run ─┬─► RN_EVENT_SLICE, OUTPUT, HOST_CALL, WAITING ─► run again
 *                               └─► RN_EVENT_DONE, RAISED, LIMIT, CANCELLED ─► rn_vm_end
 */
#ifndef RN_WORKER_VM_VM_H
#define RN_WORKER_VM_VM_H

#include "base/error.h"
#include "bytecode/unit.h"
#include "shm/message.h"
#include "worker/vm/native.h"

struct rn_engine;
struct rn_link;
struct rn_vm;

/* `base` is page-aligned memory set to zero; the engine lives in it. Fails if it is below 1 MiB or
 * the library does not fit together. */
enum rn_error rn_engine_new(void *base, size_t size, const struct rn_library *library,
                            struct rn_engine **out_engine) RN_MUST_CHECK;
/* What hashes of maps depend on, of Vms made after it: best a number that nobody else knows. No script sees
 * it, nor what comes of it. 0 until it is set. */
void rn_engine_set_hash_key(struct rn_engine *engine, uint64_t key);
/* The link of the standard Unit, for a Vm that is to run the library alone; NULL: there is none. */
struct rn_link *rn_engine_standard(struct rn_engine *engine);
/* Bytes of the region in use by links and Vms. */
size_t rn_engine_used(const struct rn_engine *engine);
/* Memory of the region for what must outlive a run; zero. NULL without room. */
void *rn_engine_take(struct rn_engine *engine, size_t size) RN_MUST_CHECK;
/* What rn_engine_take gave for the same size. */
void rn_engine_give_back(struct rn_engine *engine, void *memory, size_t size);

/* A function that the host offers: found by item hash among the imports of a Unit. */
struct rn_host_function {
    uint64_t hash;
    int16_t arity; /* -1: any */
    bool is_async; /* gives a Future; else the script waits */
};

/*
 * Links a Unit. The unit and its image must outlive the link. Imports that nothing provides raise
 * MissingFunction when they are called. Host functions are copied.
 */
enum rn_error rn_link_new(struct rn_engine *engine, const struct rune_verified_unit *unit,
                          const struct rn_host_function *functions, size_t function_count,
                          struct rn_link **out_link) RN_MUST_CHECK;
/* No Vm uses it any more. Accepts NULL. */
void rn_link_free(struct rn_engine *engine, struct rn_link *link);

/* RN_E_NO_MEMORY: the region is full (`overloaded`). A Vm is 2 KiB until it runs. */
enum rn_error rn_vm_new(struct rn_engine *engine, struct rn_link *link,
                        struct rn_vm **out_vm) RN_MUST_CHECK;
void rn_vm_free(struct rn_vm *vm);
/* Back to the state after rn_vm_new, with another link if not NULL; statics are gone. */
void rn_vm_reset(struct rn_vm *vm, struct rn_link *link);

/* 0: no limit, but for memory (then the region is). */
struct rn_vm_limits {
    uint64_t budget;
    uint64_t memory;
    uint64_t output;
    uint64_t host_calls;
    bool no_host_calls; /* their limit is 0, which above means none */
    uint64_t depth;     /* frames */
    /* Encoded bytes of the result, and of the arguments of one host call; 0: 64 MiB. */
    uint64_t encoded_size;
};

enum rn_limit {
    RN_LIMIT_NONE,
    RN_LIMIT_BUDGET,
    RN_LIMIT_MEMORY,
    RN_LIMIT_OUTPUT,
    RN_LIMIT_HOST_CALLS,
    RN_LIMIT_DEPTH,
    RN_LIMIT_REGION, /* the worker's memory, not the call's own limit: `overloaded` */
};

struct rn_vm_call {
    enum rn_call_target target;
    uint64_t item;        /* as the target says; of ITEM 0 and a main function: the script body */
    uint32_t export_hint; /* where it may be among the exports; RN_NONE: unknown */
    const uint8_t *args;  /* a ConstValue: tuple of the arguments, in CBOR; NULL: none. Copied */
    size_t args_size;
    const uint8_t *statics; /* a ConstValue to set statics from: vec of index, value, ..; or NULL */
    size_t statics_size;
    uint32_t keep;     /* the result is a Function: keep it under this number; 0: not */
    uint64_t seed;     /* of random numbers */
    uint64_t clock_ns; /* where the clock that the script may read begins; 0: it may read none */
    struct rn_vm_limits limits;
    const volatile uint32_t *cancel; /* not NULL: the execution ends when it is not 0 */
};

/*
 * Begins an execution. Errors that the script is to blame for (missing entry, wrong number of
 * arguments) are not returned here but come as RN_EVENT_RAISED from the first run.
 * RN_E_CBOR_*: args or statics do not decode; RN_E_INVALID_ARGUMENT: they do, to something else. RN_E_CANCELLED: by
 * `cancel`, before anything ran. RN_E_NO_MEMORY: the region is full.
 */
enum rn_error rn_vm_start(struct rn_vm *vm, const struct rn_vm_call *call) RN_MUST_CHECK;

enum rn_event {
    RN_EVENT_SLICE,     /* the slice is used up: run again */
    RN_EVENT_OUTPUT,    /* much output is waiting: take it, then run again */
    RN_EVENT_HOST_CALL, /* rn_vm_host_call has it; run again (async) or after the reply */
    RN_EVENT_WAITING,   /* nothing can run until a reply comes, or time has passed */
    RN_EVENT_DONE,      /* rn_vm_result */
    RN_EVENT_RAISED,    /* rn_vm_error */
    RN_EVENT_LIMIT,     /* rn_vm_limit; rn_vm_error has the place */
    RN_EVENT_CANCELLED,
};

/* Runs for about `slice` units of budget (at least one block). */
enum rn_event rn_vm_run(struct rn_vm *vm, uint64_t slice);

/* Ends the execution in any state. Without statics that hold objects and kept functions, the heap
 * goes in bulk. */
void rn_vm_end(struct rn_vm *vm);
/* A function that the host keeps goes. */
void rn_vm_drop_function(struct rn_vm *vm, uint32_t number);
/* True if statics hold something or a function is kept: the Vm is bound to this process. */
bool rn_vm_has_state(const struct rn_vm *vm);

/* Output. Borrowed until rn_vm_output_taken. Look after OUTPUT and after every final event. */
struct rn_vm_output {
    const uint8_t *data; /* runs of: u8 stream, u32 size (little endian), bytes */
    size_t size;
};
struct rn_vm_output rn_vm_output(const struct rn_vm *vm);
void rn_vm_output_taken(struct rn_vm *vm);

/* Host calls. The arguments are a tuple in CBOR, borrowed until the next run. */
struct rn_vm_host_call {
    uint32_t id;       /* within the execution, from 1 */
    uint32_t function; /* index into the link's host functions */
    bool is_async;
    const uint8_t *args;
    size_t args_size;
    uint64_t budget_position;
    uint32_t pc; /* of the script, into CODE; RN_NONE: it is not on the stack */
};
const struct rn_vm_host_call *rn_vm_host_call(const struct rn_vm *vm);
/* The arguments were taken; they are gone from here on. */
void rn_vm_host_call_taken(struct rn_vm *vm);
/* The reply of call `id`, in CBOR; RN_E_NOT_FOUND if none such waits. Replies become visible one at
 * a time, in this order, when nothing else can run. */
enum rn_error rn_vm_reply(struct rn_vm *vm, uint32_t id, const uint8_t *data,
                          size_t size) RN_MUST_CHECK;
/* The host function failed: the script sees an error of kind Host. */
enum rn_error rn_vm_reply_error(struct rn_vm *vm, uint32_t id, const char *text,
                                size_t size) RN_MUST_CHECK;

/*
 * After WAITING: true if the execution also waits for time to pass: call rn_vm_wake in *out_ns from
 * now. Told once; another true replaces what was told before. A reply makes void what was told: if
 * the execution still waits for time after it, that is told again. So replies and wake-ups have one
 * order, that in which the embedder gave them.
 *
 * The call's clock goes on by what was told and by nothing else, unless the call has a clock to read:
 * so what sleeps does not depend on how long anything took.
 */
bool rn_vm_take_sleep(struct rn_vm *vm, uint64_t *out_ns);
/* What the call's clock shows then: the same time told twice has begun to pass at the first. */
uint64_t rn_vm_sleep_until(const struct rn_vm *vm);
/* `now_ns`: the time, if the call has a clock. Nothing happens if nothing was told. */
void rn_vm_wake(struct rn_vm *vm, uint64_t now_ns);

/* After DONE. The value in CBOR, borrowed until rn_vm_end. RN_E_CONST_UNSUPPORTED: it cannot be
 * sent; rn_vm_error then holds the path to what cannot, or that it is too large. RN_E_NO_MEMORY: there is
 * no room to encode it; rn_vm_limit says whether in the call's memory or in the region. RN_E_CANCELLED: it was
 * to stop meanwhile. */
enum rn_error rn_vm_result(struct rn_vm *vm, const uint8_t **out_data,
                           size_t *out_size) RN_MUST_CHECK;
/* The value itself, for runners in the same process. */
struct rn_value rn_vm_result_value(const struct rn_vm *vm);

#define RN_VM_FRAMES_MAX 64u
#define RN_VM_MESSAGE_MAX 4096u

struct rn_vm_frame {
    uint32_t function; /* index in its Unit */
    uint32_t pc;       /* into CODE */
    bool standard;     /* of the standard Unit */
};

/* In the engine's reserve: valid until the next run of any Vm. */
struct rn_vm_error_report {
    enum rn_vm_error_kind kind;
    const char *kind_name; /* static */
    const char *message;   /* UTF-8, not terminated */
    size_t message_size;
    const struct rn_vm_frame *frames; /* innermost first */
    uint32_t frame_count;
    uint64_t frames_total; /* there may be more than are kept */
};
const struct rn_vm_error_report *rn_vm_error(const struct rn_vm *vm);
enum rn_limit rn_vm_limit(const struct rn_vm *vm);
/* Of a Vm in the middle of rn_vm_run that will never come back from it: where the script stands. */
const struct rn_vm_error_report *rn_vm_take_down(struct rn_vm *vm);

struct rn_vm_usage {
    uint64_t budget;
    uint64_t memory_peak;
    uint64_t output_bytes;
    uint64_t host_calls;
};
struct rn_vm_usage rn_vm_usage(const struct rn_vm *vm);

/*
 * Of a Vm of a worker that profiles (profile.h; no other has these functions): what the execution has spent
 * so far, in the nodes and places of shm/profile.h.
 */
struct rn_vm_profile_node {
    uint32_t parent;
    uint32_t function; /* of the script's Unit; RN_NONE: of none */
    uint64_t spent;    /* by it, and by the library for it; not in what it called */
    uint64_t calls;
};
/* An instruction of the script's Unit. */
struct rn_vm_profile_place {
    uint32_t pc;
    uint64_t hits;
    uint64_t spent; /* by it, and by the library for it */
};
/* 0: nothing has been started. */
uint32_t rn_vm_profile_node_count(struct rn_vm *vm);
/* `index` below that. */
struct rn_vm_profile_node rn_vm_profile_node(const struct rn_vm *vm, uint32_t index);
/* They are needed no more. */
void rn_vm_profile_drop(struct rn_vm *vm);
/* The first place from `from` on at which anything was spent. False: there is none. After the count. */
bool rn_vm_profile_next(const struct rn_vm *vm, uint32_t from,
                        struct rn_vm_profile_place *out_place);

#endif
