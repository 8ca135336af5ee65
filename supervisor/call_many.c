/*
 * call_many.c: a batch of calls. One to our own workers is made by batch.c; with calls to a
 * daemon in it, it is made of executions, of all Vms at once, of one Vm in order.
 *
 * A call whose Vm is busy waits for the one of the batch that has it; one that finds no room in any
 * worker waits for the oldest that runs.
 */
#include <runeward/execution.h>

#include "base/alloc.h"
#include "supervisor/batch.h"
#include "supervisor/error.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"

struct batch {
    const rune_batch_call *calls;
    rune_execution **executions; /* NULL: not begun, or ended */
    rune_record **records;
    size_t oldest; /* none before it runs */
};

/* Waits for the end of call `index` and takes its record. */
static rune_status finish(struct batch *batch, size_t index)
{
    rune_execution *execution = RN_TAKE(batch->executions[index]);
    if (!execution) {
        return RUNE_OK;
    }
    rune_status status = rune_execution_wait(execution, UINT64_MAX);
    if (status == RUNE_OK) {
        status = rune_execution_complete(execution, &batch->records[index]);
    }
    rune_execution_free(execution);
    return status;
}

/* The newest call before `index` that has the same Vm, or any if `vm` is NULL; `index`: none. */
static size_t find_running(const struct batch *batch, size_t index, const rune_vm *vm)
{
    for (size_t i = index; vm && i > 0; i--) {
        if (batch->executions[i - 1] && batch->calls[i - 1].vm == vm) {
            return i - 1;
        }
    }
    for (size_t i = batch->oldest; !vm && i < index; i++) {
        if (batch->executions[i]) {
            return i;
        }
    }
    return index;
}

/* Begins call `index`, after those that it has to wait for. */
static rune_status begin(struct batch *batch, size_t index)
{
    const rune_batch_call *call = &batch->calls[index];
    for (;;) {
        rune_error *why = NULL;
        rune_status status = rune_vm_send_execute(call->vm, call->item, call->args, call->arg_count,
                                                  call->options, &batch->executions[index], &why);
        size_t other = index;
        if (status == RUNE_E_BUSY) {
            other = find_running(batch, index, call->vm);
        } else if (status == RUNE_E_OVERLOADED) {
            other = find_running(batch, index, NULL);
        }
        if (status == RUNE_OK || (other == index && why)) {
            batch->records[index] = why ? rn_record_of_failure(call->vm, call->item, why) : NULL;
            bool lost = why && !batch->records[index];
            if (lost) {
                rune_error_free(why);
            }
            return lost ? RUNE_E_NO_MEMORY : RUNE_OK;
        }
        rune_error_free(why);
        if (other == index) {
            return RUNE_E_NO_MEMORY;
        }
        status = finish(batch, other);
        if (status != RUNE_OK) {
            return status;
        }
        batch->oldest = other == batch->oldest ? other + 1 : batch->oldest;
    }
}

static rune_status run(struct batch *batch, size_t count)
{
    rune_status status = RUNE_OK;
    for (size_t i = 0; status == RUNE_OK && i < count; i++) {
        status = begin(batch, i);
    }
    for (size_t i = 0; i < count; i++) {
        if (status == RUNE_OK) {
            status = finish(batch, i);
        } else {
            rune_execution_free(RN_TAKE(batch->executions[i]));
        }
    }
    for (size_t i = 0; status != RUNE_OK && i < count; i++) {
        rune_record_free(RN_TAKE(batch->records[i]));
    }
    return status;
}

static bool has_remote(const rune_batch_call *calls, size_t count)
{
    size_t i = 0;
    while (i < count && !calls[i].vm->supervisor->remote) {
        i++;
    }
    return i < count;
}

static rune_status run_executions(const rune_batch_call *calls, size_t count,
                                  rune_record **out_records)
{
    RN_AUTO_FREE rune_execution **executions = rn_alloc_array(count, sizeof(rune_execution *));
    if (!executions) {
        return RUNE_E_NO_MEMORY;
    }
    struct batch batch = {.calls = calls, .executions = executions, .records = out_records};
    return run(&batch, count);
}

rune_status rune_call_many(const rune_batch_call *calls, size_t count, rune_record **out_records,
                           rune_error **error)
{
    for (size_t i = 0; i < count; i++) {
        if (!calls[i].vm || !calls[i].item) {
            return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "`calls[%zu].%s` is NULL", i,
                           calls[i].vm ? "item" : "vm");
        }
    }
    if (count == 0) {
        return RUNE_OK;
    }
    if (rn_supervisor_in_callback(calls[0].vm->supervisor)) {
        return rn_fail(error, RUNE_E_BUSY, "a callback of an execution cannot wait for executions");
    }
    for (size_t i = 0; i < count; i++) {
        out_records[i] = NULL;
    }
    rune_status status = has_remote(calls, count) ? run_executions(calls, count, out_records)
                                                  : rn_batch_run(calls, count, out_records);
    return status == RUNE_OK ? RUNE_OK : rn_fail_plain(error, (enum rn_error)status);
}
