/*
 * Programs that a grammar makes of any bytes: each compiles, the verifier accepts what the compiler
 * made, and it runs within its limits, in one go and in slices of one block alike.
 */
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "compiler/compile.h"
#include "tests/differential/program.h"
#include "worker/std/library.h"
#include "worker/vm/vm.h"

#define REGION_SIZE ((size_t)64 << 20)
#define OUTPUT_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a run shows. */
struct trace {
    enum rn_event event;
    struct rn_vm_usage usage;
    size_t output_size;
    uint8_t output[2 * OUTPUT_MAX];
};

static void take_output(struct rn_vm *vm, struct trace *trace)
{
    struct rn_vm_output output = rn_vm_output(vm);
    for (size_t at = 0; at + 5 <= output.size;) {
        uint32_t size;
        memcpy(&size, output.data + at + 1, sizeof(size));
        RN_CHECK(trace->output_size + size <= sizeof(trace->output));
        memcpy(trace->output + trace->output_size, output.data + at + 5, size);
        trace->output_size += size;
        at += 5 + size;
    }
    rn_vm_output_taken(vm);
}

static void run(struct rn_vm *vm, uint64_t slice, struct trace *trace)
{
    struct rn_vm_call call = {
        .item = rn_hash_item("main", 4),
        .seed = 7,
        .limits = {.budget = 30000, .memory = 8u << 20, .output = OUTPUT_MAX}};
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
    *trace = (struct trace){0};
    bool over = false;
    while (!over) {
        uint64_t ns;
        trace->event = rn_vm_run(vm, slice);
        take_output(vm, trace);
        if (trace->event == RN_EVENT_WAITING) {
            RN_CHECK(rn_vm_take_sleep(vm, &ns)); // nothing else is ever waited for
            rn_vm_wake(vm, 0);
        }
        over = trace->event == RN_EVENT_DONE || trace->event == RN_EVENT_RAISED ||
               trace->event == RN_EVENT_LIMIT;
    }
    trace->usage = rn_vm_usage(vm);
    rn_vm_end(vm);
}

static void run_unit(const struct rune_verified_unit *unit)
{
    static void *region;
    static struct trace first;
    static struct trace second;
    struct rn_engine *engine;
    struct rn_link *link;
    struct rn_vm *vm;
    if (region == NULL) {
        region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        RN_CHECK(region != MAP_FAILED);
    }
    RN_CHECK(madvise(region, REGION_SIZE, MADV_DONTNEED) == 0); // all zero again
    RN_CHECK(rn_engine_new(region, REGION_SIZE, &rn_std_library, &engine) == RN_OK);
    RN_CHECK(rn_link_new(engine, unit, NULL, 0, &link) == RN_OK);
    RN_CHECK(rn_vm_new(engine, link, &vm) == RN_OK);
    size_t used = rn_engine_used(engine);
    run(vm, UINT64_MAX, &first);
    RN_CHECK(rn_engine_used(engine) == used);
    run(vm, 1, &second);
    RN_CHECK(first.event == second.event);
    RN_CHECK(first.usage.budget == second.usage.budget);
    RN_CHECK(first.usage.memory_peak == second.usage.memory_peak);
    RN_CHECK(first.output_size == second.output_size);
    RN_CHECK(memcmp(first.output, second.output, first.output_size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rn_context *context;
    if (context == NULL) {
        RN_CHECK(rn_context_new(&context) == RN_OK);
    }
    struct program_choices choices = {.data = data == NULL ? (const uint8_t *)"" : data,
                                      .size = size};
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_buf_init(&text, 1u << 20);
    program_write(&choices, &text);
    RN_CHECK(rn_buf_status(&text) == RN_OK);
    struct rn_compile_input input = {.name = "program.rn",
                                     .text = (const char *)text.data,
                                     .size = text.size,
                                     .context = context,
                                     .memory_max = 256u << 20};
    struct rn_compile_output output;
    RN_CHECK(rn_compile(&input, &output) == RN_OK);
    struct rune_verified_unit unit;
    struct rune_unit_image image = {output.image.data, output.image.size};
    RN_CHECK(rn_unit_verify(image, false, &unit, NULL) == RN_OK);
    run_unit(&unit);
    rn_compile_output_done(&output);
    return 0;
}
