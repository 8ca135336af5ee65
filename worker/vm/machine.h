/*
 * machine.h: the Vm from inside: engine, link, heap, stacks, frames.
 *
 * Only files of this folder include it. The library sees native.h, the main loop vm.h.
 *
 * A stack (of the execution itself, or of a coroutine) is one buffer: registers grow up from its
 * start, frames grow down from its end.
 *
 *      values                      base                                frame              end
 *      +--------------------------+-----------------------+   free    +---------+--------+
 *      | registers of the callers | of the function       |           | frames, innermost|
 *      +--------------------------+-----------------------+           +---------+--------+
 *
 * A function's registers begin where its arguments were put: in the window of its caller.
 * Everything from `values` to the height of the innermost function at its pc is live, in one run.
 *
 * Budget. vm->fuel is what may be spent before the loop must look up; spent = granted - fuel. A
 * charging instruction subtracts its block's cost and looks up when that makes fuel negative.
 * rn_interrupt makes the next one look up without changing what was spent.
 */
#ifndef RN_WORKER_VM_MACHINE_H
#define RN_WORKER_VM_MACHINE_H

#include "bytecode/opcode.h"
#include "bytecode/unit.h"
#include "worker/vm/pages.h"
#include "worker/vm/vm.h"

#define RN_SIZE_CLASSES 25u
#define RN_SMALL_SIZE_MAX 2048u
#define RN_WALK_DEPTH_MAX 10000u
/* Steps of one walk that cost 1. So many values hardly fit a heap; values that share parts are walked
 * without end, in one instruction, while the worker's other calls wait: each step beyond costs more. So do
 * the bytes of texts, which they share as well. */
#define RN_WALK_STEPS ((uint64_t)4 << 20)
#define RN_WALK_STEP_COST 128u
#define RN_COLLECT_MIN ((uint64_t)256 << 10)

/* What a call site, an import or a method name leads to, in one word: payload << 3 | form. */
enum rn_callee_form {
    RN_CALLEE_NONE,
    RN_CALLEE_NATIVE,   /* index of a native */
    RN_CALLEE_SCRIPT,   /* function index in the script's Unit */
    RN_CALLEE_STANDARD, /* function index in the standard Unit */
    RN_CALLEE_HOST,     /* index of a host function */
    RN_CALLEE_TYPE,     /* dense type id whose constructor it is */
};
typedef uint64_t rn_callee;

static inline rn_callee rn_callee_make(enum rn_callee_form form, uint32_t index)
{
    return (uint64_t)index << 3 | form;
}
static inline enum rn_callee_form rn_callee_form(rn_callee callee)
{
    return (enum rn_callee_form)(callee & 7);
}
static inline uint32_t rn_callee_index(rn_callee callee)
{
    return (uint32_t)(callee >> 3);
}

/* One entry of an inline cache: what `type` leads to at `site`. A key is site << 32 | type. */
struct rn_cache_entry {
    uint64_t key;
    uint64_t payload; /* slot, hint or callee */
};

struct rn_cache {
    struct rn_cache_entry *entries;
    uint32_t mask;
    uint32_t pages; /* of its own; 0: it lies behind the link's tables */
};

/* What the engine and links know about a type, by dense id. */
struct rn_type_record {
    struct rn_utf8 path;
    uint64_t hash;
    const struct rune_verified_unit *unit; /* NULL: of the library */
    uint32_t fields;      /* in NAMES of the unit, or RN_NONE; enums: id of the first variant */
    uint32_t field_count; /* enums: number of variants */
    uint32_t parent;
    uint32_t variant_index;
    uint32_t unit_type; /* its index in `unit`; library types: in the standard Unit, or RN_NONE */
    uint32_t step;      /* functions of the standard Unit, or RN_NONE */
    uint32_t step_back;
    uint8_t shape;
    uint8_t flags; /* enum rn_type_record_flag */
};

enum rn_type_record_flag {
    RN_TYPE_RECORD_ENUM = 1u << 0,
    RN_TYPE_RECORD_VARIANT = 1u << 1,
    RN_TYPE_RECORD_LIBRARY = 1u << 2,
};

/* A Unit made ready: the script's, or the standard one (engine->standard). */
struct rn_link {
    struct rune_verified_unit unit;
    struct rn_engine *engine;
    uint32_t *type_ids;           /* dense id of each type of the Unit */
    rn_callee *imports;           /* each import resolved */
    struct rn_type_record *types; /* own types, from first_type on */
    struct rn_host_function *hosts;
    uint32_t first_type;
    uint32_t type_count;
    uint32_t host_count;
    uint32_t pages; /* of this struct and its tables together */
    bool standard;
    struct rn_cache cache;
    struct rn_cache_entry only_entry; /* the cache of a link that found no room for one */
    /* Live heights at instructions that push frames outside a window: pc + 1 << 32 | height. */
    uint64_t heights[64];
};

struct rn_name_entry {
    uint64_t hash;
    uint32_t owner;  /* type id, trait | RN_OWNER_TRAIT, or a kind of item path */
    uint32_t callee; /* an rn_callee; 0: empty */
};
#define RN_OWNER_TRAIT 0x80000000u
#define RN_OWNER_TYPES 0xfffffffeu  /* paths of types; the callee's index is the type id */
#define RN_OWNER_TRAITS 0xfffffffdu /* paths of traits; the callee's index is the trait */
/* RN_NONE: paths of functions. */

/* A type's traits, in one run of `traits`. */
struct rn_type_traits {
    uint32_t first;
    uint32_t count;
};

/* Owner and name, or item path, to callee: open addressing. Made with the engine, or beforehand. */
struct rn_names {
    const struct rn_name_entry *entries;
    uint32_t mask;
    uint32_t trait_count;
    const uint16_t *traits;
    const struct rn_type_traits *types; /* of each type of the engine */
    uint32_t type_count;
    uint32_t impl_count; /* in `traits` */
};

struct rn_engine {
    struct rn_pages pages;
    const struct rn_library *library;
    uint64_t hash_key;
    struct rn_link *standard;     /* NULL if there is no standard Unit */
    struct rn_type_record *types; /* of the library, then of the standard Unit */
    uint32_t type_count;
    struct rn_names names;
    uint32_t
        sequence_eq; /* functions of the standard Unit that operators fall back to, or RN_NONE */
    /* The reserve: one error at a time. */
    struct rn_vm_error_report report;
    struct rn_vm_frame frames[RN_VM_FRAMES_MAX];
    char message[RN_VM_MESSAGE_MAX];
};

/* What RETURN does with the result, and where. */
enum rn_frame_kind {
    RN_FRAME_CALL,   /* it stands in the callee's R[0]: the window of the call */
    RN_FRAME_TEST,   /* finish the comparison at pc - 1 with it: rn_finish_test */
    RN_FRAME_STEP,   /* the item of the ITER_NEXT at pc - 1; RETURN_DONE goes to its exit */
    RN_FRAME_BOTTOM, /* the end of this stack */
};

#define RN_FRAME_NODE_MAX 0xffffffu /* of a profile's node that stands in a frame */
struct rn_frame {
    const struct rn_inst *pc; /* of the caller: where it goes on */
    const struct rn_inst *code;
    const struct rn_link *link;
    uint32_t delta; /* registers from the caller's base to the callee's */
#ifdef RN_PROFILE
    uint32_t kind : 8;  /* enum rn_frame_kind */
    uint32_t node : 24; /* profile.h: Q2 */
#else
    uint32_t kind; /* enum rn_frame_kind */
#endif
};

enum rn_fiber_state {
    RN_FIBER_NEW,
    RN_FIBER_SUSPENDED,
    RN_FIBER_RUNNING, /* it, or what it waits for */
    RN_FIBER_DONE,
};

/* A stack with the place where it stopped. While it runs, the Vm has the current values. */
struct rn_fiber {
    struct rn_value *values;
    struct rn_frame *frame;
    const struct rn_inst *pc;
    const struct rn_inst *code;
    const struct rn_link *link;
    uint32_t base;  /* registers from `values` */
    uint32_t size;  /* bytes of the buffer */
    uint32_t below; /* while it runs: frames of the stacks under it (R7) */
    uint8_t state;  /* enum rn_fiber_state */
    uint8_t resume; /* enum rn_resume_kind: what its resumer wants */
    bool yielded;   /* it stands at a YIELD, which takes the value of the next resumption */
    bool waiting;   /* it stands at an AWAIT whose future was taken already */
    struct rn_object *resumer; /* coroutine or future; NULL: the execution, or nobody */
};

/* What became of a coroutine goes to register a of the instruction at which its resumer stands. */
enum rn_resume_kind {
    RN_RESUME_AWAIT, /* its result is the result of AWAIT or a future */
    RN_RESUME_NEXT,  /* Some(yielded), None at the end */
    RN_RESUME_STATE, /* Yielded or Complete */
    RN_RESUME_STEP,  /* an item or the end of a loop */
};

struct rn_coroutine {
    struct rn_object header;
    struct rn_fiber fiber;
};

enum rn_future_form {
    RN_FUTURE_STREAM_NEXT,   /* a: the stream */
    RN_FUTURE_STREAM_RESUME, /* a: the stream, b: the value sent */
    RN_FUTURE_JOIN,  /* a: a Vec of futures, finished ones replaced by unit; b: a Vec of results */
    RN_FUTURE_HOST,  /* a: u64 execution << 32 | id; b: the reply, EMPTY until it is there */
    RN_FUTURE_SLEEP, /* a: u64 nanoseconds; from the first poll on when it ends */
    RN_FUTURE_INTERVAL, /* a: the Interval that it gives */
    RN_FUTURE_TICK,     /* a: the Interval whose next tick it is */
    RN_FUTURE_SELECT,   /* the branches of a SELECT that waits: `index` is the one polled */
};

struct rn_future {
    struct rn_object header;
    struct rn_value a;
    struct rn_value b;
    struct rn_object *resumer;
    uint32_t index;
    uint32_t left;
    uint8_t form;   /* enum rn_future_form */
    uint8_t state;  /* enum rn_fiber_state */
    bool tuple;     /* JOIN: of a tuple, gives a tuple */
    uint32_t below; /* while it runs: frames of the stacks under it, as of a fiber */
};

struct rn_block {
    _Alignas(16) struct rn_block *next;
    struct rn_block *previous;
    uint8_t *cells;
    uint8_t *end; /* of the block; cells beyond the class's bump pointer were never used */
    uint32_t pages;
    uint32_t size_class; /* 0: one large object; RN_MIXED_CLASS: cells of any class */
};

#define RN_MIXED_CLASS RN_SIZE_CLASSES
/* What stands in the blocks of mixed cells. */
#define RN_MIXED_SIZE_MAX 512u

_Static_assert(sizeof(struct rn_block) % 16 == 0, "cells are aligned");

struct rn_heap {
    struct rn_pages *pages;
    struct rn_block *blocks;
    uint64_t accounted;
    uint64_t watch; /* look closer beyond: the lesser of the next two */
    uint64_t collect_above;
    uint64_t limit;
    uint64_t peak;       /* up to date once something was given back: rn_heap_peak */
    uint64_t taken;      /* bytes of the blocks, which are pages of the region */
    uint64_t take_above; /* a new block beyond makes a collection due */
    bool collection_due;
    bool is_new;                    /* has had no block since it was made or released */
    bool mixed_twice;               /* `mixed_block` is the second of its kind, which is the last */
    uint32_t free[RN_SIZE_CLASSES]; /* offset of a cell in units of 16 bytes, 0: none */
    uint16_t block_counts[RN_SIZE_CLASSES];
    struct rn_bump {
        uint8_t *next;
        uint8_t *end;
    } bump[RN_SIZE_CLASSES];
    struct rn_bump mixed;         /* of the block which holds the first cells of all classes: */
    struct rn_block *mixed_block; /* NULL: there is none yet */
};

/* A ConstValue in pages of the region, the holder's to give back. */
struct rn_encoded {
    uint8_t *data;
    size_t size;
    uint32_t pages;
};

#define RN_TIME_NEVER UINT64_MAX

/* What the whole execution waits for the time for. */
enum rn_asking {
    RN_ASKING_NOTHING,
    RN_ASKING_NOW,     /* Instant::now */
    RN_ASKING_ELAPSED, /* elapsed, since `since_ns` */
};

/* What is next of the join that gave way, which is in `result`. */
enum rn_driving {
    RN_DRIVING_NOTHING,
    RN_DRIVING_POLL,    /* of its next branch */
    RN_DRIVING_PENDING, /* the branch before cannot go on */
};

/* What a host function answered, in pages of its own. */
struct rn_reply {
    struct rn_reply *next;
    uint32_t id;
    uint32_t pages;
    size_t size;
    bool failed; /* data is a message */
    bool wanted; /* somebody can still read it: rn_collect_replies */
    uint8_t data[];
};

enum rn_execution_state {
    RN_EXECUTION_NONE,
    RN_EXECUTION_NEW, /* not begun: the arguments are in vm->result */
    RN_EXECUTION_READY,
    RN_EXECUTION_WAITING, /* for the reply of a host call */
    RN_EXECUTION_ENDED,
};

struct rn_vm {
    int64_t fuel;
    struct rn_frame *frame;
    struct rn_value *values;
    struct rn_value *base;
    const struct rn_inst *pc;
    const struct rn_inst *code;
    const struct rn_link *link; /* of the function that runs */
    const struct rn_native *natives;
    struct rn_coroutine *coroutine; /* that runs; NULL: the execution itself */
    struct rn_fiber main;

    uint64_t granted;
    uint64_t budget;    /* absolute, UINT64_MAX: none */
    uint64_t slice_end; /* absolute */
    struct rn_link *script;
    struct rn_engine *engine;
    struct rn_heap heap;

    /* A native that wants to be called again (RN_AGAIN), and on which window. */
    const struct rn_native *again;
    uint32_t again_window; /* from `values` */
    uint32_t again_count;
    uint32_t native_round;
    uint32_t tail_count;
    uint64_t native_state[2];
    uint64_t hash_key; /* of the process, as long as the heap lives */
    uint64_t seed;
    uint64_t randoms; /* numbers drawn: rn_vm_random */

    struct rn_value *statics; /* of the script's Unit, EMPTY until read or set; NULL: none */
    uint32_t static_count;
    uint32_t static_pages;

    struct rn_value *functions; /* that the host keeps, by number from 1; EMPTY or a Function */
    uint32_t function_capacity;
    uint32_t function_pages;
    uint32_t keep; /* under this number the result is kept; 0: not */

    uint8_t execution; /* enum rn_execution_state */
    uint8_t event;     /* of a final state: enum rn_event */
    uint8_t limit;     /* enum rn_limit */
    bool raised;
    struct rn_vm_limits limits;
    const volatile uint32_t *cancel;
    struct rn_value result; /* until it begins the arguments, while a join gives way that join */

    uint8_t target; /* enum rn_call_target */
    uint32_t entry; /* function of the script's Unit, RN_NONE: there is none of that item */
    uint64_t entry_hash;

    /* Host calls: replies wait in `queue` until nothing can run, then are `visible` until taken. */
    struct rn_vm_host_call host_call;
    struct rn_encoded host_args;
    uint32_t host_ids;   /* of this execution */
    uint32_t awaited_id; /* of a call that the whole execution waits for, or 0 */
    uint64_t host_calls;
    struct rn_reply *queue;
    struct rn_reply *queue_last;
    struct rn_reply *visible;
    uint64_t queue_bytes;   /* of pages */
    uint64_t visible_bytes; /* of pages */
    uint64_t visible_above; /* beyond, look for those that nobody can read */
    uint32_t visible_count;
    uint32_t executions; /* that have ended; a host's future knows how many had */

    /* The call's clock (sleep.c): it stands still but when the execution waits for it. */
    uint64_t clock_ns;
    uint64_t wake_ns;     /* the earliest time that somebody waits for, or RN_TIME_NEVER */
    uint64_t told_ns;     /* what the embedder was asked to wait for, or RN_TIME_NEVER */
    uint64_t since_ns;    /* elapsed(): the earlier time */
    uint32_t wake_behind; /* `woken`: replies that came before */
    uint8_t asking;       /* enum rn_asking */
    bool has_clock;       /* granted: the time of day of the embedder */
    bool woken;
    uint8_t driving; /* enum rn_driving */

    /* Output, in pages of their own */
    uint8_t *output;
    uint32_t output_size;
    uint32_t output_pages;
    uint32_t output_run; /* where the last run begins */
    uint64_t output_bytes;
    struct rn_encoded encoded; /* the result */
#ifdef RN_PROFILE
    struct rn_profile *profile; /* of the execution, in pages of its own; NULL before the first */
    uint32_t node;              /* of the function that runs */
#endif
    uint32_t pages; /* of this struct with the first stack */
    struct rn_value self_stack[];
};

/* Outcomes that only the run loop's own helpers return, beside those of native.h. */
enum rn_inner_outcome {
    RN_FRAME_PUSHED = RN_OUTCOME_LIBRARY_COUNT, /* go on with vm->pc, base, code, link */
    RN_SWITCHED,                                /* another stack runs now: reload everything */
    RN_SUSPENDED,                               /* nothing can run: rn_vm_run returns */
    RN_LIBRARY,   /* the standard Unit's code is needed for this pair of values */
    RN_HOST_CALL, /* a host call was begun */
    RN_FINISHED,  /* the execution is over */
};

/* heap.c */
void rn_heap_init(struct rn_heap *heap, struct rn_pages *pages);
/* Everything goes. */
void rn_heap_release(struct rn_heap *heap);
void rn_heap_set_limit(struct rn_heap *heap, uint64_t limit);
/* After a collection of the schedule found `live` bytes. */
void rn_heap_set_live(struct rn_heap *heap, uint64_t live);
/* Bytes that the blocks may take when a collection is done. */
uint64_t rn_heap_taken_max(const struct rn_heap *heap);
/* What an earlier execution left does not fit the limit: it is to be collected before anything is
 * allocated. */
bool rn_heap_is_over(const struct rn_heap *heap);
static inline uint64_t rn_heap_peak(const struct rn_heap *heap)
{
    return heap->accounted > heap->peak ? heap->accounted : heap->peak;
}
/* Cell size of a small object of `size_class`. */
extern const uint16_t rn_class_sizes[RN_SIZE_CLASSES];
size_t rn_object_cell_size(const struct rn_object *object);
/* Gives an object that nothing refers to back to its class, or its pages to the region. The account
 * is the caller's. */
void rn_heap_free_object(struct rn_heap *heap, struct rn_object *object);
/* Gives the pages of a block back, in which nothing lives and no cell is on a free list. */
void rn_heap_free_block(struct rn_heap *heap, struct rn_block *block);
/* What was in the cell is not readable any more, in builds that look for such mistakes. */
void rn_heap_poison(struct rn_object *object);
static inline struct rn_buffer *rn_buffer_of(const void *data)
{
    return (struct rn_buffer *)(void *)((uint8_t *)(uintptr_t)data - sizeof(struct rn_object));
}

/* collect.c: at a charging instruction, with everything saved in the Vm. */
void rn_collect(struct rn_vm *vm);
/* Before an execution begins: nothing is on a stack. */
void rn_collect_idle(struct rn_vm *vm);
/* Before the next reply is looked at: tells of each visible one whether somebody can still read it.
 * False: no room to find that out. */
bool rn_collect_replies(struct rn_vm *vm);
/* Iterators over `object` that are reachable now; charged by the blocks walked before they are, and
 * by the bytes that live. */
enum rn_outcome rn_count_iterators(struct rn_vm *vm, const struct rn_object *object,
                                   uint32_t *out_count);

/* stack.c */
/* Room for `count` registers above `from` and one more frame; moves the stack. False: a limit. */
bool rn_stack_grow(struct rn_vm *vm, struct rn_value *from, uint32_t count);
static inline struct rn_fiber *rn_vm_fiber(struct rn_vm *vm)
{
    return vm->coroutine == NULL ? &vm->main : &vm->coroutine->fiber;
}
/* The frame that stands for the function at the bottom. */
static inline struct rn_frame *rn_fiber_last_frame(const struct rn_fiber *fiber)
{
    return (struct rn_frame *)(void *)((uint8_t *)fiber->values + fiber->size) - 1;
}
static inline void rn_fiber_save(struct rn_vm *vm)
{
    struct rn_fiber *fiber = rn_vm_fiber(vm);
    fiber->frame = vm->frame;
    fiber->pc = vm->pc;
    fiber->code = vm->code;
    fiber->link = vm->link;
    fiber->base = (uint32_t)(vm->base - vm->values);
#ifdef RN_PROFILE
    rn_fiber_last_frame(fiber)->node = vm->node & RN_FRAME_NODE_MAX;
#endif
}
static inline void rn_fiber_load(struct rn_vm *vm, struct rn_coroutine *coroutine)
{
    vm->coroutine = coroutine;
    const struct rn_fiber *fiber = rn_vm_fiber(vm);
    vm->values = fiber->values;
    vm->frame = fiber->frame;
    vm->pc = fiber->pc;
    vm->code = fiber->code;
    vm->link = fiber->link;
    vm->base = fiber->values + fiber->base;
#ifdef RN_PROFILE
    vm->node = rn_fiber_last_frame(fiber)->node;
#endif
}
/* Frames of a fiber whose innermost is `frame`, and of those under it. The last one stands for the
 * function at the bottom. */
static inline uint64_t rn_depth_at(const struct rn_fiber *fiber, const struct rn_frame *frame)
{
    const uint8_t *end = (const uint8_t *)fiber->values + fiber->size;
    return fiber->below + (size_t)(end - (const uint8_t *)frame) / sizeof(*frame);
}
/* The same of the stack that runs. */
static inline uint64_t rn_stack_depth(struct rn_vm *vm)
{
    return rn_depth_at(rn_vm_fiber(vm), vm->frame);
}
/* The live height at `pc` of `link`, cached. */
uint32_t rn_height_at(const struct rn_link *link, const struct rn_inst *pc);
/* Pushes a frame for function `function` of `link` whose registers begin at `window`, where its
 * arguments are. The caller goes on behind vm->pc. */
enum rn_outcome rn_push_frame(struct rn_vm *vm, const struct rn_link *link, uint32_t function,
                              struct rn_value *window, enum rn_frame_kind kind);

/* call.c: windows and callees. `window` holds `count` arguments; vm->pc is the instruction that
 * calls. */
enum rn_outcome rn_call_callee(struct rn_vm *vm, rn_callee callee, struct rn_value *window,
                               uint32_t count);
/* window[0] is what is called, the arguments stand behind it. */
enum rn_outcome rn_call_value(struct rn_vm *vm, struct rn_value *window, uint32_t count);
enum rn_outcome rn_call_function(struct rn_vm *vm, const struct rn_link *link, uint32_t function,
                                 struct rn_value *window, uint32_t count);
enum rn_outcome rn_construct(struct rn_vm *vm, uint32_t type, struct rn_value *window,
                             uint32_t count);
/* The callee of `name` on values of exact type `type`, or 0. */
rn_callee rn_find_method(const struct rn_vm *vm, uint32_t type, uint64_t name_hash);
enum rn_outcome rn_call_method_slow(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                                    struct rn_value *window, uint32_t count);
enum rn_outcome rn_call_native(struct rn_vm *vm, const struct rn_native *native,
                               struct rn_value *window, uint32_t count);
/* What follows from what a native gave back: tail calls, another round. */
enum rn_outcome rn_finish_native(struct rn_vm *vm, const struct rn_native *native,
                                 enum rn_outcome outcome, struct rn_value *window, uint32_t count);
struct rn_function *rn_function_new(struct rn_vm *vm, const struct rn_link *link, uint32_t form,
                                    uint32_t index, uint32_t captures);

/* missing.c: raises. The target of a key is an Object or a struct with named fields. */
enum rn_outcome rn_raise_missing_method(struct rn_vm *vm, const struct rn_link *link,
                                        struct rn_utf8 name, struct rn_value value);
enum rn_outcome rn_raise_missing_key(struct rn_vm *vm, struct rn_utf8 name, struct rn_value target);
/* A field that is to be set or updated. */
enum rn_outcome rn_raise_missing_part(struct rn_vm *vm, struct rn_utf8 name,
                                      struct rn_value target);
/* Of a value that has no fields at all. */
enum rn_outcome rn_raise_missing_field(struct rn_vm *vm, struct rn_utf8 name,
                                       struct rn_value target);

/* link.c, types.c */
/* What the item with that hash of the library or the host leads to; 0: nothing. */
rn_callee rn_link_resolve(const struct rn_link *link, uint64_t hash);
/* Notes what `type` leads to at `site`; K1 in link.c. */
void rn_cache_put(const struct rn_link *link, uint32_t site, uint32_t type, uint64_t payload);
/* Ids count the library's types first, then those of the standard Unit and of the script's. */
static inline const struct rn_type_record *rn_type_record(const struct rn_vm *vm, uint32_t type)
{
    const struct rn_engine *engine = vm->engine;
    if (type < engine->type_count) {
        return &engine->types[type];
    }
    const struct rn_link *link = vm->script;
    RN_CHECK(type - link->first_type < link->type_count);
    return &link->types[type - link->first_type];
}
uint32_t rn_engine_find_type(const struct rn_engine *engine, uint64_t hash);
uint32_t rn_find_type(const struct rn_vm *vm, uint64_t hash);

/* names_make.c: everything that the library and the standard Unit (if linked) offer. */
enum rn_error rn_names_make(struct rn_engine *engine) RN_MUST_CHECK;

/* names.c */
static inline uint32_t rn_names_slot(const struct rn_names *names, uint32_t owner, uint64_t hash)
{
    return (uint32_t)(hash ^ (owner * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & names->mask;
}
/* A step function: loops call it, on values of its type; no name may reach it. */
bool rn_callee_is_step(const struct rn_engine *engine, rn_callee callee);
/* 0 if there is none. */
rn_callee rn_names_find(const struct rn_engine *engine, uint32_t owner, uint64_t hash);

/* One more step of a walk that may go over shared parts; `steps` counts them. RN_RAISED as
 * rn_check_spent. */
static inline enum rn_outcome rn_walk_step(struct rn_vm *vm, uint64_t *steps)
{
    vm->fuel -= RN_LIKELY(++*steps <= RN_WALK_STEPS) ? 1 : RN_WALK_STEP_COST;
    return RN_LIKELY(vm->fuel >= 0) ? RN_DONE : rn_check_spent(vm);
}

/* Bytes of a text in such a walk: 16 of them are a step. */
static inline void rn_walk_text(struct rn_vm *vm, uint64_t *steps, size_t size)
{
    uint64_t more = size / 16;
    *steps += more;
    rn_charge(vm, RN_LIKELY(*steps <= RN_WALK_STEPS) ? more : more * RN_WALK_STEP_COST);
}

/* A text of that size is hashed or compared: few pay anything for a name. RN_RAISED as rn_check_spent. */
static inline enum rn_outcome rn_pay_text(struct rn_vm *vm, size_t size)
{
    vm->fuel -= (int64_t)(size / 64);
    return RN_LIKELY(size < 4096) ? RN_DONE : rn_check_spent(vm);
}

/* error.c */
void rn_interrupt(struct rn_vm *vm);
static inline bool rn_vm_is_cancelled(const struct rn_vm *vm)
{
    return vm->cancel != NULL && *vm->cancel != 0;
}
/* A limit was reached: the execution ends. Always RN_RAISED. */
enum rn_outcome rn_reach_limit(struct rn_vm *vm, enum rn_limit limit);
void rn_capture_frames(struct rn_vm *vm);
/* Where the script stands, be it that it called the library, which runs now: into CODE of its Unit. */
uint32_t rn_script_place(struct rn_vm *vm);

/* access */
static inline bool rn_is_moved(struct rn_value value)
{
    return value.tag == RN_VALUE_OBJECT && (value.object->flags & RN_OBJECT_MOVED) != 0;
}

/* Operators out of line: operands b and c (or an integer) to *out; see the files. */
enum rn_outcome rn_op_binary(struct rn_vm *vm, enum rn_opcode op, struct rn_value a,
                             struct rn_value b, struct rn_value *out);
enum rn_outcome rn_op_assign(struct rn_vm *vm, enum rn_opcode op, struct rn_value *target,
                             struct rn_value b);
enum rn_outcome rn_op_neg(struct rn_vm *vm, struct rn_value a, struct rn_value *out);
enum rn_outcome rn_op_not(struct rn_vm *vm, struct rn_value a, struct rn_value *out);
enum rn_outcome rn_op_cast(struct rn_vm *vm, struct rn_value a, unsigned kind,
                           struct rn_value *out);
/* Comparison of an EQ, LT .. or JUMP_* instruction at vm->pc: RN_DONE with the truth in *out, or a
 * frame was pushed. */
enum rn_outcome rn_op_test(struct rn_vm *vm, enum rn_opcode op, struct rn_value a,
                           struct rn_value b, bool *out);
/* The truth of the comparison at `inst`, given what the standard Unit's function returned. */
bool rn_finish_test(const struct rn_inst *inst, struct rn_value result);

enum rn_outcome rn_op_index_get(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                struct rn_value *out);
enum rn_outcome rn_op_index_set(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                struct rn_value value);
/* A struct with named fields that scripts may reach: not the library's own. */
bool rn_has_open_fields(const struct rn_vm *vm, struct rn_value value);
/* The slot of a field by its text, or RN_NONE. Charged by the slots and the texts compared. */
uint32_t rn_field_slot(struct rn_vm *vm, const struct rn_type_record *record, struct rn_utf8 name);
/* The field or Object entry of that name; NULL for values that have no named parts. */
enum rn_outcome rn_named_part(struct rn_vm *vm, struct rn_value target, struct rn_utf8 name,
                              struct rn_value **out_part);
/* *out_done false: the value has no named parts. */
enum rn_outcome rn_set_named_part(struct rn_vm *vm, struct rn_value target, struct rn_utf8 name,
                                  bool name_is_static, struct rn_value value, bool *out_done);
enum rn_outcome rn_op_key_get(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                              struct rn_value target, struct rn_value *out);
enum rn_outcome rn_op_key_set(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                              struct rn_value target, struct rn_value value);
enum rn_outcome rn_op_field_get(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                                struct rn_value target, struct rn_value *out);
enum rn_outcome rn_op_field_set(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                                struct rn_value target, struct rn_value value);
enum rn_outcome rn_op_tuple_get(struct rn_vm *vm, struct rn_value target, uint32_t index,
                                struct rn_value *out);
enum rn_outcome rn_op_tuple_set(struct rn_vm *vm, struct rn_value target, uint32_t index,
                                struct rn_value value);

enum rn_outcome rn_op_constant(struct rn_vm *vm, const struct rn_link *link, uint32_t constant,
                               struct rn_value *out);
enum rn_outcome rn_op_match_constant(struct rn_vm *vm, const struct rn_link *link,
                                     uint32_t constant, struct rn_value value, bool *out);
enum rn_outcome rn_op_build(struct rn_vm *vm, const struct rn_link *link,
                            const struct rn_inst *inst, struct rn_value *base);
/* A value of type `type` (struct, variant, range) with these fields; raises if it has others. */
enum rn_outcome rn_make_struct(struct rn_vm *vm, uint32_t type, const struct rn_value *values,
                               uint32_t count, struct rn_value *out);
enum rn_outcome rn_op_match(struct rn_vm *vm, const struct rn_link *link,
                            const struct rn_inst *inst, const struct rn_value *base, bool *out);
enum rn_outcome rn_op_text(struct rn_vm *vm, const struct rn_link *link, const struct rn_inst *inst,
                           struct rn_value *base);
enum rn_outcome rn_op_static_get(struct rn_vm *vm, uint32_t index, struct rn_value *out);
enum rn_outcome rn_op_static_set(struct rn_vm *vm, uint32_t index, struct rn_value value);
enum rn_outcome rn_op_try(struct rn_vm *vm, struct rn_value value, struct rn_value *out,
                          bool *out_return);
enum rn_outcome rn_op_iter(struct rn_vm *vm, struct rn_value value, struct rn_value *out);

/* function.c */
struct rn_function_id {
    const uint8_t *content_id; /* 32 bytes; zeros: of the library or the host */
    uint64_t item;
};
struct rn_captures {
    const struct rn_value *values;
    uint32_t count;
};
/* How many imports are looked through for the function's name. */
uint32_t rn_function_search(const struct rn_vm *vm, const struct rn_function *function);
/* False: a function that cannot travel. */
bool rn_function_identify(struct rn_vm *vm, const struct rn_function *function,
                          struct rn_function_id *out_id);
/* The function of that identity with these captures; EMPTY if there is none that takes so many. */
enum rn_outcome rn_function_find(struct rn_vm *vm, const struct rn_function_id *id,
                                 const struct rn_captures *captures, struct rn_value *out);
void rn_functions_drop(struct rn_vm *vm);
bool rn_functions_any(const struct rn_vm *vm);
/* NULL: none is kept under that number. */
const struct rn_function *rn_functions_get(const struct rn_vm *vm, uint64_t number);
/* Keeps `value`, which must be a Function, and gives the hash of its item. */
enum rn_outcome rn_functions_keep(struct rn_vm *vm, uint32_t number, struct rn_value value,
                                  struct rn_value *out);

/* statics.c */
/* Unless there is storage already. */
enum rn_error rn_statics_make(struct rn_vm *vm) RN_MUST_CHECK;
void rn_statics_drop(struct rn_vm *vm);
bool rn_statics_hold_values(const struct rn_vm *vm);
bool rn_statics_hold_objects(const struct rn_vm *vm);
/* From a ConstValue: vec of index, value, ..; what stood in vm->result is lost. */
enum rn_error rn_statics_set(struct rn_vm *vm, const uint8_t *data, size_t size) RN_MUST_CHECK;
/* An Object with the values of the static `item`, or with 0 of all, under their paths. */
enum rn_outcome rn_statics_object(struct rn_vm *vm, uint64_t item, struct rn_value *out);

/* map.c */
/* Position of the entry with that text, or RN_NONE. */
uint32_t rn_object_find(const struct rn_map *object, const char *data, uint32_t size);
/* Inserts or overwrites under a key whose text outlives the heap. */
enum rn_outcome rn_object_insert_static(struct rn_vm *vm, struct rn_map *object, struct rn_utf8 key,
                                        struct rn_value value);

/* *out is written when the copy is complete. */
enum rn_outcome rn_map_clone(struct rn_vm *vm, const struct rn_map *map, struct rn_value *out);

/* encode.c, decode.c: ConstValues in CBOR */
struct rn_buf;
void rn_encoded_done(struct rn_vm *vm, struct rn_encoded *encoded);
/* RN_DONE with buf->error set: it does not fit. */
enum rn_outcome rn_encode(struct rn_vm *vm, struct rn_value value, struct rn_buf *buf);
enum rn_outcome rn_encode_pages(struct rn_vm *vm, struct rn_value value, size_t size_max,
                                struct rn_encoded *out);
/* RN_E_CBOR_* and the like for the bytes; RN_E_NO_MEMORY: the Vm knows why. */
enum rn_error rn_decode(struct rn_vm *vm, const uint8_t *data, size_t size, struct rn_value *out);

/* coroutine.c */
/* A coroutine for a call of `function`, with `args` and then `captures` in its registers. */
struct rn_call_values {
    const struct rn_value *args;
    const struct rn_value *captures;
    uint32_t arg_count;
    uint32_t capture_count;
};
enum rn_outcome rn_coroutine_new(struct rn_vm *vm, const struct rn_link *link, uint32_t function,
                                 const struct rn_call_values *values, struct rn_value *out);
enum rn_outcome rn_coroutine_clone(struct rn_vm *vm, struct rn_coroutine *coroutine,
                                   struct rn_value *out);
/* The loop's coroutine instructions; vm->pc is the instruction itself, and stays or is advanced by
 * what resumes the stack. Each gives RN_SWITCHED, RN_SUSPENDED or RN_RAISED, or RN_AGAIN if a join gave
 * way to the loop, with the stack loaded that waits for it. */
enum rn_outcome rn_op_yield(struct rn_vm *vm, struct rn_value value);
enum rn_outcome rn_op_await(struct rn_vm *vm, struct rn_value future);
enum rn_outcome rn_op_select(struct rn_vm *vm, struct rn_value *window, uint32_t count);
/* The bottom function of a stack returned. RN_FINISHED if that ends the execution. */
enum rn_outcome rn_coroutine_return(struct rn_vm *vm, struct rn_value result);
/* Steps the generator of a RN_ITER_GENERATOR for the ITER_NEXT at vm->pc. */
enum rn_outcome rn_step_generator(struct rn_vm *vm, struct rn_value generator);

/* Goes on with the join that gave way between two of its branches. */
enum rn_outcome rn_coroutines_go_on(struct rn_vm *vm);

/* The end of the execution: the stack that runs and those of its resumers go, with whatever an
 * instruction that raised left half done there. A static may hold them: they are RUNNING for ever. */
void rn_coroutines_drop(struct rn_vm *vm);

enum rn_outcome rn_future_new(struct rn_vm *vm, enum rn_future_form form, struct rn_value a,
                              struct rn_value *out);

/* sleep.c */
void rn_time_start(struct rn_vm *vm, uint64_t clock_ns);
/* A future of time: true if it is there, with what it gives. */
bool rn_time_poll(struct rn_vm *vm, struct rn_future *future, struct rn_value *out);
/* Everything that waits is about to be polled again. */
void rn_time_forget(struct rn_vm *vm);
/* A reply has come: what the embedder was told is void, unless it has answered that already. */
void rn_time_reply(struct rn_vm *vm);
/* Durations and Instants, and what is added to them. */
static inline bool rn_is_time(struct rn_value value)
{
    return rn_object_is(value, RN_TYPE_ID_DURATION) || rn_object_is(value, RN_TYPE_ID_INSTANT);
}
enum rn_outcome rn_time_add(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                            struct rn_value *out);
enum rn_outcome rn_time_advance(struct rn_vm *vm, struct rn_value a, struct rn_value b);
/* Goes on to the time that was waited for, if that has come before the next reply. */
bool rn_time_next(struct rn_vm *vm);

/* host.c: begins a call of a host function on its window. */
enum rn_outcome rn_host_begin(struct rn_vm *vm, uint32_t host, struct rn_value *window,
                              uint32_t count);

/* Makes the next reply visible, and gives it to an execution that waits for just that. False: there
 * is none. May raise. */
bool rn_host_next_reply(struct rn_vm *vm);
void rn_host_end(struct rn_vm *vm);
enum rn_outcome rn_host_future_new(struct rn_vm *vm, uint32_t id, struct rn_value *out);
/* Moves a reply that has come into the future; false if there is none yet, or it raised. A future that
 * an earlier execution left, in a static, gets none: that raises. */
bool rn_host_take_reply(struct rn_vm *vm, struct rn_future *future);

/* output.c */
void rn_output_end(struct rn_vm *vm);

/* run.c */
enum rn_event rn_run_loop(struct rn_vm *vm);

#endif
