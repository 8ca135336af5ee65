/*
 * kept.c: rn-kept SCRIPT: one Vm keeps the function that the script's main gives, and calls it under limits
 * that end most calls somewhere, whatever it is just doing. What the function holds must be such that the next
 * call can go on with it; and all memory comes back in the end.
 */
#include <stdio.h>

#include "bytecode/hash.h"
#include "tests/inproc/trial.h"

#define VMS 1000
#define CALLS 20
#define OUTPUT_MAX (1u << 16)
#define MEMORY (UINT64_C(4) << 20)

static uint32_t seed = 1;

static uint32_t below(uint32_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % bound;
}

struct plan {
    uint32_t stop;   /* it is cancelled before this turn, counted from 0 */
    uint32_t starve; /* memory becomes scarce when it wakes for this time, counted from 0; */
    uint64_t bytes;  /* so many are left then */
};

static const struct plan no_plan = {.stop = UINT32_MAX, .starve = UINT32_MAX};

/* Time that it sleeps passes at once. */
static enum rn_event drive(struct rn_vm *vm, uint64_t slice, volatile uint32_t *cancel,
                           const struct plan *plan)
{
    enum rn_event event;
    uint64_t now_ns = 0;
    uint64_t ns;
    uint32_t wakes = 0;
    for (uint32_t turn = 0;; turn++) {
        *cancel = turn >= plan->stop;
        event = rn_vm_run(vm, slice);
        if (event == RN_EVENT_WAITING && rn_vm_take_sleep(vm, &ns)) {
            now_ns += ns;
            rn_vm_wake(vm, now_ns);
            if (wakes++ == plan->starve) {
                trial_starve(vm, plan->bytes);
            }
        } else if (event != RN_EVENT_SLICE) {
            return event;
        }
    }
}

/* A call that ends somewhere, or not. */
static enum rn_event call_kept(struct rn_vm *vm)
{
    volatile uint32_t cancel = 0;
    struct rn_vm_call call = {.target = RN_CALL_TARGET_FUNCTION,
                              .item = 1,
                              .cancel = &cancel,
                              .limits = {.budget = below(2) == 0 ? 20000 : 1 + below(500),
                                         .memory = below(8) == 0 ? 1 + below(20000) : MEMORY,
                                         .output = OUTPUT_MAX,
                                         .depth = below(4) == 0 ? 1 + below(5) : 0}};
    struct plan plan = no_plan;
    if (below(8) == 0) {
        plan.stop = below(30);
    } else if (below(4) == 0) {
        plan.starve = below(3);
        plan.bytes = below(2000);
    }
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
    return drive(vm, 1 + below(50), &cancel, &plan);
}

static void keep_main(struct rn_vm *vm)
{
    volatile uint32_t cancel = 0;
    struct rn_vm_call call = {.item = rn_hash_item("main", 4),
                              .keep = 1,
                              .limits = {.memory = MEMORY, .output = OUTPUT_MAX}};
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
    RN_CHECK(drive(vm, 1000, &cancel, &no_plan) == RN_EVENT_DONE);
}

/* Not everything that stopped within can go on: each Vm makes a few calls only. */
static void use_one(struct trial_program *program, unsigned *ends)
{
    struct rn_engine *engine = program->machine->engine;
    size_t before = rn_engine_used(engine);
    struct rn_vm *vm;
    RN_CHECK(rn_vm_new(engine, program->link, &vm) == RN_OK);
    keep_main(vm);
    for (int i = 0; i < CALLS; i++) {
        ends[call_kept(vm)]++;
    }
    RN_CHECK(rn_vm_has_state(vm));
    rn_vm_free(vm);
    RN_CHECK(rn_engine_used(engine) == before);
}

int main(int count, char **arguments)
{
    struct trial_machine machine;
    struct trial_program program;
    unsigned ends[RN_EVENT_CANCELLED + 1] = {0};
    RN_CHECK(count == 2);
    trial_machine_init(&machine);
    trial_compile_file(&machine, arguments[1], &program);
    for (int i = 0; i < VMS; i++) {
        use_one(&program, ends);
    }
    trial_program_done(&program);
    trial_machine_done(&machine);
    printf("%u done, %u raised, %u at a limit, %u cancelled\n", ends[RN_EVENT_DONE],
           ends[RN_EVENT_RAISED], ends[RN_EVENT_LIMIT], ends[RN_EVENT_CANCELLED]);
    unsigned least = VMS * CALLS / 100;
    bool all = ends[RN_EVENT_DONE] > least && ends[RN_EVENT_RAISED] > least &&
               ends[RN_EVENT_LIMIT] > least && ends[RN_EVENT_CANCELLED] > least;
    return all ? 0 : 1;
}
