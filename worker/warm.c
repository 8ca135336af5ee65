/*
 * warm.c: what the first call of a process would find cold is touched before there is one.
 *
 * A page that is used for the first time costs a fault, and a first call needs some thirty: tables,
 * control segment, ring, memory for a link and a Vm, the code of everything between a packet and its
 * answer. So the worker makes a Vm, has it run a function of the library, and puts it to the spare ones,
 * where calls leave theirs; it does so after READY, while the supervisor looks at the wall, and leaves off
 * when a packet has come.
 *
 * Nothing foreign runs, and no script can tell: a Vm counts and begins anew with each call, inline caches
 * change time only, and pages are cleared when they are handed out again. Nothing here can fail: what has
 * no room stays cold.
 */
#include "worker/worker.h"

#include <string.h>

#include "bytecode/const_value.h"
#include "bytecode/hash.h"

/* Compares two iterables: decodes, steps, calls, encodes. */
#define ITEM "std::cmp::eq_iter"

enum {
    PAGE_SIZE = 4096,
    REGION_SIZE = 32 << 10, /* of a link and the first blocks of a heap */
    ARGS_SIZE = 64,
    BUDGET = 10000,
};

static void touch(const volatile void *start, size_t size)
{
    const volatile uint8_t *bytes = start;
    for (size_t at = 0; at < size; at += PAGE_SIZE) {
        (void)bytes[at];
    }
}

/* A page that was only read is a page of zeros, and faults once more when it is written to. */
static void touch_writable(volatile void *start, size_t size)
{
    volatile uint8_t *bytes = start;
    for (size_t at = 0; at < size; at += PAGE_SIZE) {
        bytes[at] = bytes[at];
    }
}

static void touch_tables(struct rn_worker *worker)
{
    touch_writable(&worker->units[0], sizeof(worker->units[0]));
    touch_writable(&worker->contexts[1], sizeof(worker->contexts[1]));
    touch_writable(&worker->links[0], sizeof(worker->links[0]));
    touch_writable(&worker->vms[0], sizeof(worker->vms[0]));
    touch_writable(&worker->functions[0], sizeof(worker->functions[0]));
    touch_writable(&worker->first_slots[0], sizeof(worker->first_slots[0]));
    touch_writable(worker->packet_in, 1);
    touch_writable(worker->packet_out, 1);
    if (worker->control) {
        touch(worker->control, 1);
    }
    if (worker->lane.in) {
        touch(worker->lane.in->data, 1);
        touch_writable(worker->lane.out->data, 1);
    }
}

static void touch_region(struct rn_worker *worker)
{
    void *memory = rn_engine_take(worker->engine, REGION_SIZE);
    if (memory) {
        touch_writable(memory, REGION_SIZE);
        rn_engine_give_back(worker->engine, memory, REGION_SIZE);
    }
}

/* ([1], [1]) */
static void write_args(struct rn_buf *out)
{
    rn_const_begin_tuple(out, 2);
    for (int i = 0; i < 2; i++) {
        rn_const_begin_vec(out, 1);
        rn_const_write_i64(out, 1);
    }
}

static void run_library(struct rn_vm *vm)
{
    uint8_t bytes[ARGS_SIZE];
    struct rn_buf args;
    rn_buf_init_fixed(&args, bytes, sizeof(bytes));
    write_args(&args);
    struct rn_vm_call call = {.target = RN_CALL_TARGET_ITEM,
                              .item = rn_hash_item(ITEM, strlen(ITEM)),
                              .export_hint = RN_NONE,
                              .args = args.data,
                              .args_size = args.size,
                              .limits = {.budget = BUDGET}};
    const uint8_t *result;
    size_t size;
    if (rn_vm_start(vm, &call) == RN_OK && rn_vm_run(vm, BUDGET) == RN_EVENT_DONE) {
        (void)(rn_vm_result(vm, &result, &size) == RN_OK);
    }
    rn_vm_reset(vm, NULL);
}

static void make_spare_vm(struct rn_worker *worker)
{
    struct rn_vm *vm;
    struct rn_link *library = rn_engine_standard(worker->engine);
    if (library && rn_vm_new(worker->engine, library, &vm) == RN_OK) {
        run_library(vm);
        worker->spare_vms[worker->spare_vm_count++] = vm;
    }
}

void rn_worker_warm(struct rn_worker *worker)
{
    touch_tables(worker);
    if (!rn_lane_has_news(&worker->lane)) {
        make_spare_vm(worker);
    }
    if (!rn_lane_has_news(&worker->lane)) {
        touch_region(worker);
    }
}
