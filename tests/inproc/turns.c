/*
 * turns.c: rn-turns SCRIPT: what one turn of a call may spend beyond its slice, counted, not timed: others in
 * the worker wait for it, and so does a cancel. Each public function of the script runs with small slices; a
 * native that works in rounds must end one when all is spent, whatever its elements cost.
 */
#include <stdio.h>

#include "bytecode/hash.h"
#include "tests/inproc/trial.h"

#define SLICE 10000u
/* Sixteen of the script's dearest elements, which are sorted by insertion at once: 120 times 2,048. */
#define BEYOND 250000u
#define MEMORY (UINT64_C(64) << 20)

/* The most that a turn spent. */
static uint64_t dearest_turn(struct rn_vm *vm, uint64_t item)
{
    struct rn_vm_call call = {.item = item, .limits = {.memory = MEMORY}};
    uint64_t before = 0;
    uint64_t most = 0;
    enum rn_event event;
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
    do {
        event = rn_vm_run(vm, SLICE);
        uint64_t spent = rn_vm_usage(vm).budget;
        most = spent - before > most ? spent - before : most;
        before = spent;
    } while (event == RN_EVENT_SLICE);
    RN_CHECK(event == RN_EVENT_DONE);
    return most;
}

static bool try_one(struct trial_program *program, uint32_t index)
{
    const struct rune_verified_unit *unit = &program->unit;
    struct rn_vm *vm;
    RN_CHECK(rn_vm_new(program->machine->engine, program->link, &vm) == RN_OK);
    uint64_t most = dearest_turn(vm, unit->exports[index].hash);
    rn_vm_free(vm);
    bool good = most > 0 && most <= SLICE + BEYOND;
    printf("function %u: a turn of %u spent up to %llu%s\n", index, SLICE, (unsigned long long)most,
           good ? "" : ": too much");
    return good;
}

int main(int count, char **arguments)
{
    struct trial_machine machine;
    struct trial_program program;
    RN_CHECK(count == 2);
    trial_machine_init(&machine);
    trial_compile_file(&machine, arguments[1], &program);
    uint32_t functions = program.unit.counts[RN_SECTION_EXPORTS];
    bool good = functions > 0;
    for (uint32_t i = 0; i < functions; i++) {
        good = try_one(&program, i) && good;
    }
    trial_program_done(&program);
    trial_machine_done(&machine);
    return good ? 0 : 1;
}
