/*
 * sweep.c: rn-sweep SCRIPT...: every script under limits that end it somewhere.
 *
 * A script runs once as it is: with as much memory as it used at most, or in slices, nothing may change.
 * With less budget it must end at just that limit, in slices likewise. When memory ends somewhere within,
 * it ends at that limit or as it did. Nothing may stay behind in the engine. So runs end in many places, in
 * every native and instruction that takes memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "compiler/files.h"
#include "tests/inproc/trial.h"

#define BUDGET_MAX UINT64_C(2000000)
#define MEMORY_MAX (UINT64_C(64) << 20)
#define ENDS 6 /* of each kind, for a script that is not long */

static uint32_t seed = 1;
static int starved; /* runs that ended for want of memory */

static uint64_t below(uint64_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return bound == 0 ? 0 : (uint64_t)(seed >> 4) % bound;
}

struct script {
    const char *path;
    struct trial_program program;
    struct rn_vm_call call; /* with limits that it does not meet */
    struct trial_outcome whole;
    int problems;
};

static void complain(struct script *script, const char *what, uint64_t limit,
                     const struct trial_outcome *outcome)
{
    printf("%s: %s, limit %llu\n", script->path, what, (unsigned long long)limit);
    trial_print("  as it is", &script->whole);
    trial_print("  now", outcome);
    script->problems++;
}

static void end_at(struct script *script, uint64_t budget)
{
    script->call.limits.budget = budget;
    struct trial_outcome outcome = trial_run(&script->program, &script->call, 1000000);
    struct trial_outcome again = trial_run(&script->program, &script->call, 1 + below(50));
    script->call.limits.budget = BUDGET_MAX;
    // The last block may raise before it is paid for (B1).
    bool raised =
        script->whole.event == RN_EVENT_RAISED && trial_same_end(&outcome, &script->whole);
    if (!raised && !trial_ended_at(&outcome, RN_LIMIT_BUDGET)) {
        complain(script, "does not end at its budget", budget, &outcome);
    } else if (!trial_same(&outcome, &again)) {
        complain(script, "ends otherwise in slices", budget, &again);
    }
}

static void starve(struct script *script, uint64_t slices)
{
    struct trial_starvation starvation = {below(slices), below(3) * below(500)};
    struct trial_outcome outcome = trial_run_starved(&script->program, &script->call, &starvation);
    if (trial_ended_at(&outcome, RN_LIMIT_MEMORY)) {
        starved++;
    } else if (!trial_same_end(&outcome, &script->whole)) {
        complain(script, "ends otherwise without memory", starvation.slice, &outcome);
    }
}

static void sweep(struct script *script)
{
    uint64_t budget = script->whole.usage.budget;
    uint64_t peak = script->whole.usage.memory_peak;
    int ends = budget > 200000 ? 2 : ENDS;
    script->call.limits.memory = peak == 0 ? 1 : peak;
    struct trial_outcome outcome = trial_run(&script->program, &script->call, 1000000);
    if (!trial_same(&outcome, &script->whole)) {
        complain(script, "differs with as much memory as it uses", peak, &outcome);
    }
    script->call.limits.memory = MEMORY_MAX;
    for (int i = 0; i < ends && budget > 1; i++) {
        end_at(script, 1 + below(budget - 1));
    }
    struct trial_outcome sliced = trial_run(&script->program, &script->call, 1);
    if (!trial_same(&sliced, &script->whole)) {
        complain(script, "differs in slices", 1, &sliced);
    }
    for (int i = 0; i < ends * 4; i++) {
        starve(script, sliced.slices);
    }
}

static bool compile(struct trial_machine *machine, struct script *script)
{
    struct rn_files files = {.root = script->path};
    struct rn_module_loader loader = rn_files_loader(&files);
    RN_AUTO_FREE char *text = NULL;
    struct rn_compile_input input = {.name = script->path, .loader = &loader};
    RN_CHECK(rn_files_read(script->path, &text, &input.size) == RN_OK);
    input.text = text;
    input.script = strstr(text, "fn main") == NULL;
    script->call = (struct rn_vm_call){
        .item = input.script ? 0 : rn_hash_item("main", 4),
        .seed = 1,
        .clock_ns = 1000000000,
        .limits = {.budget = BUDGET_MAX, .memory = MEMORY_MAX, .output = 1u << 20, .depth = 1000},
    };
    return trial_compile(machine, &input, &script->program);
}

int main(int count, char **arguments)
{
    struct trial_machine machine;
    int problems = 0;
    int swept = 0;
    trial_machine_init(&machine);
    for (int i = 1; i < count; i++) {
        struct script script = {.path = arguments[i]};
        if (!compile(&machine, &script)) {
            continue; // scripts that are wrong on purpose
        }
        script.whole = trial_run(&script.program, &script.call, 1000000);
        if (script.whole.event == RN_EVENT_DONE || script.whole.event == RN_EVENT_RAISED) {
            sweep(&script);
            swept++;
        }
        problems += script.problems;
        trial_program_done(&script.program);
    }
    trial_machine_done(&machine);
    printf("%d scripts, %d runs ended for want of memory, %d problems\n", swept, starved, problems);
    return problems == 0 && swept * 2 > count && starved > swept ? 0 : 1;
}
