/*
 * output.c: what a script prints, until the embedder takes it.
 *
 * Runs of {u8 stream, u32 size, bytes}; text for the same stream extends the last run. All that a
 * native gives is taken, up to the limit of the call; when much is waiting the run loop hands it
 * out.
 */
#include <string.h>

#include "worker/vm/machine.h"

#define RUN_HEADER 5u
#define OUTPUT_HIGH 32768u

static bool reserve(struct rn_vm *vm, size_t extra)
{
    size_t needed = (size_t)vm->output_size + extra;
    if (needed <= (size_t)vm->output_pages * RN_PAGE_SIZE) {
        return true;
    }
    struct rn_pages *pool = &vm->engine->pages;
    uint32_t pages = rn_pages_for(needed);
    pages = pages < vm->output_pages * 2 ? vm->output_pages * 2 : pages;
    uint8_t *memory = needed > UINT32_MAX / 2 ? NULL : rn_pages_alloc(pool, pages);
    if (memory == NULL) {
        rn_reach_limit(vm, RN_LIMIT_REGION);
        return false;
    }
    if (vm->output != NULL) {
        memcpy(memory, vm->output, vm->output_size);
        rn_pages_free(pool, vm->output, vm->output_pages);
    }
    vm->output = memory;
    vm->output_pages = pages;
    return true;
}

static void begin_run(struct rn_vm *vm, unsigned stream)
{
    vm->output_run = vm->output_size;
    vm->output[vm->output_size] = (uint8_t)stream;
    memset(vm->output + vm->output_size + 1, 0, RUN_HEADER - 1);
    vm->output_size += RUN_HEADER;
}

static void append(struct rn_vm *vm, const char *data, size_t size)
{
    uint32_t run_size = 0;
    memcpy(vm->output + vm->output_size, data, size);
    vm->output_size += (uint32_t)size;
    memcpy(&run_size, vm->output + vm->output_run + 1, sizeof(run_size));
    run_size += (uint32_t)size;
    memcpy(vm->output + vm->output_run + 1, &run_size, sizeof(run_size));
}

enum rn_outcome rn_output(struct rn_vm *vm, unsigned stream, const char *data, size_t size)
{
    bool cut = false;
    rn_charge(vm, size / 16);
    if (vm->limits.output != 0 && size > vm->limits.output - vm->output_bytes) {
        size = vm->limits.output - vm->output_bytes;
        cut = true;
    }
    if (!reserve(vm, size + RUN_HEADER)) {
        return RN_RAISED;
    }
    if (vm->output_size == 0 || vm->output[vm->output_run] != stream) {
        begin_run(vm, stream);
    }
    append(vm, data, size);
    vm->output_bytes += size;
    if (vm->output_size >= OUTPUT_HIGH) {
        rn_interrupt(vm);
    }
    return cut ? rn_reach_limit(vm, RN_LIMIT_OUTPUT) : RN_DONE;
}

struct rn_vm_output rn_vm_output(const struct rn_vm *vm)
{
    return (struct rn_vm_output){vm->output, vm->output_size};
}

void rn_vm_output_taken(struct rn_vm *vm)
{
    vm->output_size = 0;
    vm->output_run = 0;
}

void rn_output_end(struct rn_vm *vm)
{
    if (vm->output != NULL) {
        rn_pages_free(&vm->engine->pages, vm->output, vm->output_pages);
    }
    vm->output = NULL;
    vm->output_pages = 0;
    rn_vm_output_taken(vm);
}
