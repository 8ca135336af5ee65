/*
 * trial.h: one execution of a compiled text in this process, and all that anybody can see of it: so that
 * executions under other limits and in other slices can be compared.
 *
 * A machine holds an engine with the library; one at a time. A program is compiled, verified and linked
 * in it. Outcomes are values: the text of an error is a copy, output a length and a hash.
 */
#ifndef RN_TESTS_INPROC_TRIAL_H
#define RN_TESTS_INPROC_TRIAL_H

#include "compiler/compile.h"
#include "worker/vm/machine.h"

struct trial_machine {
    void *region;
    struct rn_engine *engine;
    struct rn_context *context;
};

struct trial_program {
    struct trial_machine *machine;
    struct rn_compile_output output;
    struct rune_verified_unit unit;
    struct rn_link *link;
};

struct trial_outcome {
    enum rn_event event;
    enum rn_limit limit; /* of LIMIT */
    struct rn_vm_usage usage;
    uint64_t output_hash;
    uint64_t slices;   /* that it took */
    char message[200]; /* of RAISED */
};

void trial_machine_init(struct trial_machine *machine);
void trial_machine_done(struct trial_machine *machine);

/* False: it does not compile. `loader` may be NULL. */
bool trial_compile(struct trial_machine *machine, const struct rn_compile_input *input,
                   struct trial_program *out_program);
/* The module in that file, with those below it. Aborts if it does not compile. */
void trial_compile_file(struct trial_machine *machine, const char *path,
                        struct trial_program *out_program);
void trial_program_done(struct trial_program *program);

/* The item's execution from beginning to end, under `call`'s limits and arguments. Time that it sleeps
 * passes at once; who waits for anything else ends with WAITING. Aborts if memory stays in use. */
struct trial_outcome trial_run(struct trial_program *program, const struct rn_vm_call *call,
                               uint64_t slice);

/* Makes memory so scarce that whoever runs gets no more than about `bytes`, unless it comes to a collection
 * first. */
void trial_starve(struct rn_vm *vm, uint64_t bytes);

/* The same in slices of one block. Before slice number `slice` the call is starved. */
struct trial_starvation {
    uint64_t slice;
    uint64_t bytes;
};
struct trial_outcome trial_run_starved(struct trial_program *program, const struct rn_vm_call *call,
                                       const struct trial_starvation *starvation);

/* Whether two end alike: event, limit, output, error. */
bool trial_same_end(const struct trial_outcome *a, const struct trial_outcome *b);
bool trial_ended_at(const struct trial_outcome *outcome, enum rn_limit limit);
/* Whether nobody can tell the two apart: end, output, error, budget and peak. */
bool trial_same(const struct trial_outcome *a, const struct trial_outcome *b);
void trial_print(const char *title, const struct trial_outcome *outcome);

#endif
