/*
 * host.c: calls of the host's functions.
 *
 * The arguments are encoded and handed to the embedder. A synchronous call leaves the execution at
 * its instruction until the reply is there; an asynchronous one gives a Future at once. Replies are
 * queued as they come and become visible one at a time, when nothing else can run: so an execution
 * is a function of the order in which they were delivered.
 *
 * A call's id is a number within its execution, so that a run on another worker has the same. A future
 * that a static keeps knows its execution as well: the next one's replies are not for it.
 *
 * Replies that nobody has read count against the memory limit, each of the two lists for itself. Those
 * of which the Future is gone are dropped, when the others have doubled or the limit is reached.
 */
#include <string.h>

#include "worker/vm/machine.h"

static enum rn_outcome encode_args(struct rn_vm *vm, const struct rn_value *window, uint32_t count)
{
    struct rn_value args = rn_value_unit();
    if (count > 0) {
        struct rn_tuple *tuple = rn_tuple_new(vm, count);
        if (tuple == NULL) {
            return RN_RAISED;
        }
        memcpy(tuple->items, window, count * sizeof(struct rn_value));
        args = rn_value_object(tuple);
    }
    rn_encoded_done(vm, &vm->host_args);
    return rn_encode_pages(vm, args, vm->limits.encoded_size, &vm->host_args);
}

enum rn_outcome rn_host_begin(struct rn_vm *vm, uint32_t host, struct rn_value *window,
                              uint32_t count)
{
    const struct rn_host_function *function = &vm->script->hosts[host];
    if (function->arity >= 0 && (uint32_t)function->arity != count) {
        return rn_raise(vm, RN_VM_ERROR_BAD_ARGUMENT_COUNT, (uint64_t)count,
                        (uint64_t)function->arity);
    }
    if (vm->limits.no_host_calls ||
        (vm->limits.host_calls != 0 && vm->host_calls >= vm->limits.host_calls)) {
        return rn_reach_limit(vm, RN_LIMIT_HOST_CALLS);
    }
    RN_TRY_VM(encode_args(vm, window, count));
    vm->host_calls++;
    uint32_t id = ++vm->host_ids;
    vm->host_call = (struct rn_vm_host_call){
        .id = id,
        .function = host,
        .is_async = function->is_async,
        .args = vm->host_args.data,
        .args_size = vm->host_args.size,
        .budget_position = vm->granted - (uint64_t)vm->fuel,
        .pc = rn_script_place(vm),
    };
    if (function->is_async) {
        RN_TRY_VM(rn_host_future_new(vm, id, window));
        vm->pc++;
    } else {
        vm->awaited_id = id;
        vm->execution = RN_EXECUTION_WAITING;
    }
    return (enum rn_outcome)RN_HOST_CALL;
}

const struct rn_vm_host_call *rn_vm_host_call(const struct rn_vm *vm)
{
    return &vm->host_call;
}

void rn_vm_host_call_taken(struct rn_vm *vm)
{
    rn_encoded_done(vm, &vm->host_args);
    vm->host_call.args = NULL;
    vm->host_call.args_size = 0;
}

/* --- Replies --- */

static uint64_t bytes_of(const struct rn_reply *reply)
{
    return (uint64_t)reply->pages * RN_PAGE_SIZE;
}

static enum rn_error add_reply(struct rn_vm *vm, uint32_t id, const void *data, size_t size,
                               bool failed)
{
    if (id == 0 || id > vm->host_ids || vm->execution == RN_EXECUTION_NONE) {
        return RN_E_NOT_FOUND;
    }
    if (size > UINT32_MAX / 2) {
        return RN_E_TOO_LARGE;
    }
    if (vm->queue_bytes > vm->heap.limit) {
        (void)rn_reach_limit(vm, RN_LIMIT_MEMORY);
        return RN_OK;
    }
    uint32_t pages = rn_pages_for(sizeof(struct rn_reply) + size);
    struct rn_reply *reply = rn_pages_alloc(&vm->engine->pages, pages);
    if (reply == NULL) {
        return RN_E_NO_MEMORY;
    }
    reply->id = id;
    reply->pages = pages;
    reply->size = size;
    reply->failed = failed;
    if (size > 0) {
        memcpy(reply->data, data, size);
    }
    if (vm->queue_last == NULL) {
        vm->queue = reply;
    } else {
        vm->queue_last->next = reply;
    }
    vm->queue_last = reply;
    vm->queue_bytes += bytes_of(reply);
    rn_time_reply(vm);
    return RN_OK;
}

enum rn_error rn_vm_reply(struct rn_vm *vm, uint32_t id, const uint8_t *data, size_t size)
{
    return add_reply(vm, id, data, size, false);
}

enum rn_error rn_vm_reply_error(struct rn_vm *vm, uint32_t id, const char *text, size_t size)
{
    return add_reply(vm, id, text, size, true);
}

static void free_reply(struct rn_vm *vm, struct rn_reply *reply)
{
    rn_pages_free(&vm->engine->pages, reply, reply->pages);
}

/* The value of a reply, which is used up. */
static enum rn_outcome open_reply(struct rn_vm *vm, struct rn_reply *reply, struct rn_value *out)
{
    enum rn_outcome outcome;
    if (reply->failed) {
        struct rn_utf8 text = {(const char *)reply->data, reply->size};
        outcome = rn_raise(vm, RN_VM_ERROR_HOST, text);
    } else {
        outcome = rn_value_decode(vm, reply->data, reply->size, out);
    }
    free_reply(vm, reply);
    return outcome;
}

/* The next reply, or the one that the whole execution waits for, wherever it stands. */
static struct rn_reply *take_next(struct rn_vm *vm)
{
    struct rn_reply *before = NULL;
    struct rn_reply *reply = vm->queue;
    uint32_t position = 0;
    while (reply != NULL && vm->awaited_id != 0 && reply->id != vm->awaited_id) {
        before = reply;
        reply = reply->next;
        position++;
    }
    if (reply != NULL) {
        *(before == NULL ? &vm->queue : &before->next) = reply->next;
        vm->queue_last = reply->next == NULL ? before : vm->queue_last;
        vm->queue_bytes -= bytes_of(reply);
        vm->wake_behind -= position < vm->wake_behind;
    }
    return reply;
}

/* Takes a reply out of those that are visible. */
static void unlink_visible(struct rn_vm *vm, struct rn_reply **link)
{
    struct rn_reply *reply = *link;
    *link = reply->next;
    vm->visible_bytes -= bytes_of(reply);
    vm->visible_count--;
}

static void drop_unwanted(struct rn_vm *vm)
{
    if (!rn_collect_replies(vm)) {
        return;
    }
    for (struct rn_reply **link = &vm->visible; *link != NULL;) {
        struct rn_reply *reply = *link;
        if (reply->wanted) {
            link = &reply->next;
        } else {
            unlink_visible(vm, link);
            free_reply(vm, reply);
        }
    }
}

static void make_visible(struct rn_vm *vm, struct rn_reply *reply)
{
    reply->next = vm->visible;
    vm->visible = reply;
    vm->visible_bytes += bytes_of(reply);
    vm->visible_count++;
    if (vm->visible_bytes > vm->visible_above || vm->visible_bytes > vm->heap.limit) {
        drop_unwanted(vm);
        uint64_t twice = 2 * vm->visible_bytes;
        vm->visible_above = twice > RN_COLLECT_MIN ? twice : RN_COLLECT_MIN;
    }
    if (vm->visible_bytes > vm->heap.limit) {
        (void)rn_reach_limit(vm, RN_LIMIT_MEMORY);
    }
}

bool rn_host_next_reply(struct rn_vm *vm)
{
    if (vm->asking != RN_ASKING_NOTHING) {
        return false;
    }
    struct rn_reply *reply = take_next(vm);
    if (reply == NULL) {
        return false;
    }
    if (vm->awaited_id == 0) {
        make_visible(vm, reply);
        return true;
    }
    vm->awaited_id = 0;
    struct rn_value value;
    if (open_reply(vm, reply, &value) == RN_DONE) {
        vm->base[vm->pc->a] = value;
        vm->pc++;
    }
    return true;
}

bool rn_host_take_reply(struct rn_vm *vm, struct rn_future *future)
{
    uint32_t passed = 0;
    if (future->a.u64 >> 32 != vm->executions) {
        (void)rn_raise(vm, RN_VM_ERROR_FUTURE_COMPLETED);
        return false;
    }
    for (struct rn_reply **link = &vm->visible; *link != NULL; link = &(*link)->next) {
        struct rn_reply *reply = *link;
        rn_charge(vm, ++passed % 4 == 0);
        if (reply->id == (uint32_t)future->a.u64) {
            unlink_visible(vm, link);
            return open_reply(vm, reply, &future->b) == RN_DONE;
        }
    }
    return false;
}

static void free_list(struct rn_vm *vm, struct rn_reply **list)
{
    while (*list != NULL) {
        struct rn_reply *reply = *list;
        *list = reply->next;
        free_reply(vm, reply);
    }
}

void rn_host_end(struct rn_vm *vm)
{
    free_list(vm, &vm->queue);
    free_list(vm, &vm->visible);
    vm->queue_last = NULL;
    vm->queue_bytes = 0;
    vm->visible_bytes = 0;
    vm->visible_count = 0;
    rn_encoded_done(vm, &vm->host_args);
    vm->awaited_id = 0;
    vm->host_ids = 0; // what goes out does not tell which execution of the Vm it is
    vm->executions++;
    vm->host_calls = 0;
}
