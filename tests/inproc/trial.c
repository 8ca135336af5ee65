/* trial.c: the embedder's side of vm.h again, taking notes. */
#include "tests/inproc/trial.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/math.h"
#include "compiler/files.h"
#include "worker/std/library.h"

#define REGION_SIZE ((size_t)512 << 20)

void trial_machine_init(struct trial_machine *machine)
{
    machine->region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    RN_CHECK(machine->region != MAP_FAILED);
    RN_CHECK(rn_engine_new(machine->region, REGION_SIZE, &rn_std_library, &machine->engine) ==
             RN_OK);
    RN_CHECK(rn_context_new(&machine->context) == RN_OK);
}

void trial_machine_done(struct trial_machine *machine)
{
    rn_context_free(machine->context);
    munmap(machine->region, REGION_SIZE);
}

bool trial_compile(struct trial_machine *machine, const struct rn_compile_input *input,
                   struct trial_program *out_program)
{
    struct rn_compile_input complete = *input;
    complete.context = machine->context;
    *out_program = (struct trial_program){.machine = machine};
    if (rn_compile(&complete, &out_program->output) != RN_OK) {
        rn_compile_output_done(&out_program->output);
        return false;
    }
    struct rune_unit_image image = {out_program->output.image.data, out_program->output.image.size};
    RN_CHECK(rn_unit_verify(image, false, &out_program->unit, NULL) == RN_OK);
    RN_CHECK(rn_link_new(machine->engine, &out_program->unit, NULL, 0, &out_program->link) ==
             RN_OK);
    return true;
}

void trial_compile_file(struct trial_machine *machine, const char *path,
                        struct trial_program *out_program)
{
    struct rn_files files = {.root = path};
    struct rn_module_loader loader = rn_files_loader(&files);
    RN_AUTO_FREE char *text = NULL;
    struct rn_compile_input input = {.name = path, .loader = &loader};
    RN_CHECK(rn_files_read(path, &text, &input.size) == RN_OK);
    input.text = text;
    RN_CHECK(trial_compile(machine, &input, out_program));
}

void trial_program_done(struct trial_program *program)
{
    rn_link_free(program->machine->engine, program->link);
    rn_compile_output_done(&program->output);
}

// FNV-1a over what was printed, however it was cut.
static void take_output(struct rn_vm *vm, struct trial_outcome *outcome)
{
    struct rn_vm_output output = rn_vm_output(vm);
    size_t at = 0;
    while (at + 5 <= output.size) {
        uint32_t size;
        memcpy(&size, output.data + at + 1, sizeof(size));
        for (uint32_t i = 0; i < size; i++) {
            outcome->output_hash ^= output.data[at + 5 + i];
            outcome->output_hash *= UINT64_C(1099511628211);
        }
        at += 5 + size;
    }
    rn_vm_output_taken(vm);
}

// As if all but `bytes` of the memory up to which a call may go within one instruction were in use: see
// look_closer() in worker/vm/heap.c.
void trial_starve(struct rn_vm *vm, uint64_t bytes)
{
    const uint64_t limit = 1 << 20;
    vm->heap.accounted = limit + limit / 2 + RN_COLLECT_MIN - bytes;
    rn_heap_set_limit(&vm->heap, limit);
}

struct run {
    const struct rn_vm_call *call;
    uint64_t slice;
    const struct trial_starvation *starvation; /* or NULL */
};

static enum rn_event drive(struct rn_vm *vm, const struct run *run, struct trial_outcome *outcome)
{
    uint64_t now_ns = run->call->clock_ns;
    for (;;) {
        if (run->starvation != NULL && outcome->slices == run->starvation->slice) {
            trial_starve(vm, run->starvation->bytes);
        }
        enum rn_event event = rn_vm_run(vm, run->slice);
        uint64_t ns;
        outcome->slices++;
        take_output(vm, outcome);
        if (event == RN_EVENT_WAITING && rn_vm_take_sleep(vm, &ns)) {
            now_ns += ns;
            rn_vm_wake(vm, now_ns);
        } else if (event != RN_EVENT_SLICE && event != RN_EVENT_OUTPUT) {
            return event;
        }
    }
}

static struct trial_outcome run_through(struct trial_program *program, const struct run *run)
{
    struct trial_outcome outcome = {.output_hash = UINT64_C(14695981039346656037)};
    struct rn_engine *engine = program->machine->engine;
    size_t before = rn_engine_used(engine);
    struct rn_vm *vm;
    RN_CHECK(rn_vm_new(engine, program->link, &vm) == RN_OK);
    RN_CHECK(rn_vm_start(vm, run->call) == RN_OK);
    outcome.event = drive(vm, run, &outcome);
    outcome.usage = rn_vm_usage(vm);
    if (outcome.event == RN_EVENT_LIMIT) {
        outcome.limit = rn_vm_limit(vm);
    } else if (outcome.event == RN_EVENT_RAISED) {
        const struct rn_vm_error_report *report = rn_vm_error(vm);
        memcpy(outcome.message, report->message,
               rn_min_size(report->message_size, sizeof(outcome.message) - 1));
    }
    rn_vm_end(vm);
    rn_vm_free(vm);
    RN_CHECK(rn_engine_used(engine) == before);
    return outcome;
}

struct trial_outcome trial_run(struct trial_program *program, const struct rn_vm_call *call,
                               uint64_t slice)
{
    return run_through(program, &(struct run){call, slice, NULL});
}

struct trial_outcome trial_run_starved(struct trial_program *program, const struct rn_vm_call *call,
                                       const struct trial_starvation *starvation)
{
    return run_through(program, &(struct run){call, 1, starvation});
}

bool trial_ended_at(const struct trial_outcome *outcome, enum rn_limit limit)
{
    return outcome->event == RN_EVENT_LIMIT && outcome->limit == limit;
}

bool trial_same_end(const struct trial_outcome *a, const struct trial_outcome *b)
{
    return a->event == b->event && a->limit == b->limit && a->output_hash == b->output_hash &&
           strcmp(a->message, b->message) == 0;
}

bool trial_same(const struct trial_outcome *a, const struct trial_outcome *b)
{
    return trial_same_end(a, b) && a->usage.budget == b->usage.budget &&
           a->usage.memory_peak == b->usage.memory_peak &&
           a->usage.output_bytes == b->usage.output_bytes;
}

void trial_print(const char *title, const struct trial_outcome *o)
{
    printf("%s: event %d, limit %d, budget %llu, peak %llu, output %llu: %s\n", title,
           (int)o->event, (int)o->limit, (unsigned long long)o->usage.budget,
           (unsigned long long)o->usage.memory_peak, (unsigned long long)o->usage.output_bytes,
           o->message);
}
