/*
 * coroutine.c: generators, streams and futures.
 *
 * A coroutine is a stack of its own in the heap. Resuming one saves the stack that runs and loads
 * the other; whoever resumed it is its `resumer`. What comes of it (a yielded value, the result, or
 * "not now") goes to the resumer: another stack, which stands at the instruction that wanted it, or
 * a future that stands for several (join, select) or for one step (a stream's next).
 *
 * Futures are polled, as in Rune: one that cannot go on reports so to its resumer, which tries its
 * other branches or reports the same upwards, until the execution waits for a host reply. It is
 * then polled again from the top: a stack that waits stands at its AWAIT or SELECT, which is
 * executed again. Nothing here recurses: `drive` turns one action into the next until a stack runs, or
 * until the slice is over between two branches of a join.
 */
#include <string.h>

#include "base/math.h"
#include "worker/vm/machine.h"
#include "worker/vm/profile.h"

static enum rn_outcome switched(void)
{
    return (enum rn_outcome)RN_SWITCHED;
}

/* --- Making --- */

static uint32_t coroutine_type(uint8_t kind)
{
    return kind == RN_FUNCTION_GENERATOR ? RN_TYPE_ID_GENERATOR
           : kind == RN_FUNCTION_STREAM  ? RN_TYPE_ID_STREAM
                                         : RN_TYPE_ID_FUTURE;
}

static bool init_stack(struct rn_vm *vm, struct rn_fiber *fiber, uint32_t registers)
{
    size_t wanted = registers * sizeof(struct rn_value) + 2 * sizeof(struct rn_frame);
    size_t capacity;
    fiber->values = rn_heap_buffer(vm, wanted, &capacity);
    if (fiber->values == NULL) {
        return false;
    }
    fiber->size = (uint32_t)(capacity & ~(size_t)15);
    fiber->frame = rn_fiber_last_frame(fiber);
    *fiber->frame = (struct rn_frame){.kind = RN_FRAME_BOTTOM};
    return true;
}

enum rn_outcome rn_coroutine_new(struct rn_vm *vm, const struct rn_link *link, uint32_t function,
                                 const struct rn_call_values *values, struct rn_value *out)
{
    const struct rn_unit_function *row = &link->unit.functions[function];
    struct rn_coroutine *coroutine =
        rn_heap_object(vm, RN_OBJECT_COROUTINE, coroutine_type(row->kind), sizeof(*coroutine));
    if (coroutine == NULL) {
        return RN_RAISED;
    }
    struct rn_fiber *fiber = &coroutine->fiber;
    *fiber = (struct rn_fiber){
        .pc = link->unit.code + row->code_start,
        .code = link->unit.code + row->code_start,
        .link = link,
        .state = RN_FIBER_NEW,
    };
    if (!init_stack(vm, fiber, row->register_count)) {
        return RN_RAISED;
    }
    memcpy(fiber->values, values->args, values->arg_count * sizeof(struct rn_value));
    if (values->capture_count > 0) {
        memcpy(fiber->values + values->arg_count, values->captures,
               values->capture_count * sizeof(struct rn_value));
    }
    *out = rn_value_object(coroutine);
    return RN_DONE;
}

/* Moves a copy of a fiber to a copy of its stack. */
static bool own_stack(struct rn_vm *vm, struct rn_fiber *fiber)
{
    if (fiber->values == NULL) {
        return true;
    }
    size_t capacity;
    struct rn_value *values = rn_heap_buffer(vm, fiber->size, &capacity);
    if (values == NULL) {
        return false;
    }
    memcpy(values, fiber->values, fiber->size);
    size_t frame = (size_t)((uint8_t *)fiber->frame - (uint8_t *)fiber->values);
    fiber->frame = (struct rn_frame *)(void *)((uint8_t *)values + frame);
    fiber->values = values;
    return true;
}

enum rn_outcome rn_coroutine_clone(struct rn_vm *vm, struct rn_coroutine *coroutine,
                                   struct rn_value *out)
{
    if (coroutine->header.type == RN_TYPE_ID_FUTURE) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("CLONE"),
                        rn_value_object(coroutine));
    }
    if (coroutine->fiber.state == RN_FIBER_RUNNING) {
        return rn_raise(vm, RN_VM_ERROR_ACCESS_READ, rn_value_object(coroutine));
    }
    struct rn_coroutine *copy =
        rn_heap_object(vm, RN_OBJECT_COROUTINE, coroutine->header.type, sizeof(*copy));
    if (copy == NULL) {
        return RN_RAISED;
    }
    copy->fiber = coroutine->fiber;
    if (!own_stack(vm, &copy->fiber)) {
        return RN_RAISED; // the copy stands on the stack of the original: nobody may see it
    }
    *out = rn_value_object(copy);
    return RN_DONE;
}

static struct rn_future *future_new(struct rn_vm *vm, enum rn_future_form form, struct rn_value a)
{
    struct rn_future *future =
        rn_heap_object(vm, RN_OBJECT_FUTURE, RN_TYPE_ID_FUTURE, sizeof(*future));
    if (future == NULL) {
        return NULL;
    }
    future->a = a;
    future->b = rn_value_empty();
    future->resumer = NULL;
    future->index = 0;
    future->left = 0;
    future->form = (uint8_t)form;
    future->state = RN_FIBER_NEW;
    future->tuple = false;
    future->below = 0;
    return future;
}

enum rn_outcome rn_future_new(struct rn_vm *vm, enum rn_future_form form, struct rn_value a,
                              struct rn_value *out)
{
    struct rn_future *future = future_new(vm, form, a);
    if (future == NULL) {
        return RN_RAISED;
    }
    *out = rn_value_object(future);
    return RN_DONE;
}

enum rn_outcome rn_host_future_new(struct rn_vm *vm, uint32_t id, struct rn_value *out)
{
    uint64_t name = (uint64_t)vm->executions << 32 | id;
    return rn_future_new(vm, RN_FUTURE_HOST, rn_value_u64(name), out);
}

/* --- Switching --- */

static struct rn_object *current(const struct rn_vm *vm)
{
    return vm->coroutine == NULL ? NULL : &vm->coroutine->header;
}

static void load(struct rn_vm *vm, struct rn_object *stack)
{
    rn_fiber_load(vm, (struct rn_coroutine *)stack);
    rn_vm_fiber(vm)->state = RN_FIBER_RUNNING;
    rn_profile_load(vm);
}

/* Frames under whatever `resumer` resumes or polls. Its stack is saved. */
static uint64_t depth_at(const struct rn_vm *vm, const struct rn_object *resumer)
{
    if (resumer != NULL && resumer->kind == RN_OBJECT_FUTURE) {
        return ((const struct rn_future *)resumer)->below;
    }
    const struct rn_fiber *fiber =
        resumer == NULL ? &vm->main : &((const struct rn_coroutine *)resumer)->fiber;
    return rn_depth_at(fiber, fiber->frame);
}

/* Runs `coroutine` for `resumer`, as a call; the stack that runs now is saved by the caller. A coroutine
 * at a YIELD goes on behind it with `sent`. */
static enum rn_outcome enter(struct rn_vm *vm, struct rn_coroutine *coroutine,
                             struct rn_object *resumer, enum rn_resume_kind kind,
                             struct rn_value sent)
{
    struct rn_fiber *fiber = &coroutine->fiber;
    // Each time anew: it may have been made, or resumed, in another place.
    fiber->below = (uint32_t)depth_at(vm, resumer);
    if (RN_UNLIKELY(vm->limits.depth != 0 && rn_depth_at(fiber, fiber->frame) > vm->limits.depth)) {
        return rn_reach_limit(vm, RN_LIMIT_DEPTH);
    }
    fiber->resumer = resumer;
    fiber->resume = (uint8_t)kind;
    rn_profile_resume(vm, fiber, resumer);
    load(vm, &coroutine->header);
    if (fiber->yielded) {
        fiber->yielded = false;
        vm->base[vm->pc->a] = sent;
        vm->pc++;
    }
    return switched();
}

/* The stack is done: its memory goes at once. Until its resumer is loaded, the execution's own
 * stack stands in. */
static void finish(struct rn_vm *vm, struct rn_fiber *fiber)
{
    rn_fiber_load(vm, NULL);
    rn_heap_buffer_free(vm, fiber->values);
    fiber->values = NULL;
    fiber->state = RN_FIBER_DONE;
}

/* Puts `value` where the stack `resumer` waits for it, and lets that run. */
static enum rn_outcome hand_over(struct rn_vm *vm, struct rn_object *resumer, struct rn_value value)
{
    load(vm, resumer);
    rn_vm_fiber(vm)->waiting = false;
    vm->base[vm->pc->a] = value;
    vm->pc++;
    return switched();
}

static struct rn_object **resumer_of(struct rn_object *object)
{
    return object->kind == RN_OBJECT_COROUTINE ? &((struct rn_coroutine *)object)->fiber.resumer
                                               : &((struct rn_future *)object)->resumer;
}

/* `object` does not run any more: whoever resumed it gets what came of it, and is not kept alive by it
 * until somebody resumes it again. */
static struct rn_object *take_resumer(struct rn_object *object)
{
    struct rn_object **resumer = resumer_of(object);
    struct rn_object *taken = *resumer;
    *resumer = NULL;
    return taken;
}

/* A future that runs others for `resumer`, whose stack is saved. */
static void begin(struct rn_vm *vm, struct rn_future *future, struct rn_object *resumer)
{
    future->resumer = resumer;
    future->below = (uint32_t)depth_at(vm, resumer);
    future->state = RN_FIBER_RUNNING;
}

void rn_coroutines_drop(struct rn_vm *vm)
{
    struct rn_object *object = current(vm);
    while (object != NULL) {
        if (object->kind == RN_OBJECT_COROUTINE) {
            struct rn_fiber *fiber = &((struct rn_coroutine *)object)->fiber;
            RN_ASSERT(fiber->state == RN_FIBER_RUNNING);
            rn_heap_buffer_free(vm, fiber->values);
            fiber->values = NULL;
        }
        object = take_resumer(object);
    }
    vm->coroutine = NULL;
    vm->driving = RN_DRIVING_NOTHING;
}

/* --- Actions --- */

enum action_kind {
    ACT_POLL,     /* `future` for `target` */
    ACT_COMPLETE, /* `value` for `target` */
    ACT_PENDING,  /* `target` cannot have it now */
};

struct action {
    enum action_kind kind;
    struct rn_object *target; /* NULL: the execution itself */
    struct rn_value value;    /* or the future */
};

static bool is_future(struct rn_value value)
{
    return rn_object_is(value, RN_TYPE_ID_FUTURE);
}

static bool is_done(struct rn_value future)
{
    return future.object->kind == RN_OBJECT_COROUTINE
               ? ((struct rn_coroutine *)future.object)->fiber.state == RN_FIBER_DONE
               : ((struct rn_future *)future.object)->state == RN_FIBER_DONE;
}

static struct rn_vec *join_items(const struct rn_future *join)
{
    return (struct rn_vec *)join->a.object;
}

/* What a select passes over completed elsewhere; a join waits for each of its own, and polling one that
 * completed before is an error. */
static bool is_left(const struct rn_future *all, struct rn_value branch)
{
    return is_future(branch) && (all->form == RN_FUTURE_JOIN || !is_done(branch));
}

/* The next unfinished branch of a join or select from `index` on, or what that means for it. */
static enum rn_outcome next_branch(struct rn_vm *vm, struct rn_future *all, struct action *act)
{
    const struct rn_vec *items = join_items(all);
    uint32_t begun_at = all->index;
    while (all->index < items->count && !is_left(all, items->items[all->index])) {
        all->index++;
    }
    rn_charge(vm, (all->index - begun_at) / 8); // each poll passes over those that are finished
    if (all->index < items->count) {
        *act = (struct action){ACT_POLL, &all->header, items->items[all->index]};
        return RN_DONE;
    }
    if (all->form == RN_FUTURE_SELECT || all->left > 0) {
        all->state = RN_FIBER_SUSPENDED;
        *act = (struct action){ACT_PENDING, take_resumer(&all->header), rn_value_unit()};
        return RN_DONE;
    }
    struct rn_value result = all->b;
    const struct rn_vec *results = rn_as_vec(result);
    if (all->tuple && results->count == 0) {
        result = rn_value_unit();
    } else if (all->tuple) {
        struct rn_tuple *tuple = rn_tuple_new(vm, results->count);
        if (tuple == NULL) {
            return RN_RAISED;
        }
        memcpy(tuple->items, results->items, results->count * sizeof(struct rn_value));
        result = rn_value_object(tuple);
    }
    all->state = RN_FIBER_DONE; // nothing can fail any more: until then it has its resumer
    *act = (struct action){ACT_COMPLETE, take_resumer(&all->header), result};
    return RN_DONE;
}

/* Polls the stream behind a next() or resume() future. */
static enum rn_outcome poll_stream(struct rn_vm *vm, struct rn_future *future, struct action *act)
{
    struct rn_coroutine *stream = (struct rn_coroutine *)future->a.object;
    bool next = future->form == RN_FUTURE_STREAM_NEXT;
    if (stream->fiber.state == RN_FIBER_RUNNING) {
        return rn_raise(vm, RN_VM_ERROR_ACCESS_WRITE, future->a);
    }
    if (stream->fiber.state == RN_FIBER_DONE) {
        if (!next) {
            return rn_raise(vm, RN_VM_ERROR_GENERATOR_COMPLETE);
        }
        future->state = RN_FIBER_DONE;
        *act = (struct action){ACT_COMPLETE, take_resumer(&future->header), rn_value_none()};
        return RN_DONE;
    }
    // A stream that waits inside stands at its AWAIT, and takes no value.
    return enter(vm, stream, &future->header, next ? RN_RESUME_NEXT : RN_RESUME_STATE,
                 next ? rn_value_unit() : future->b);
}

static enum rn_outcome poll(struct rn_vm *vm, struct action *act)
{
    struct rn_object *object = act->value.object;
    if (object->kind == RN_OBJECT_COROUTINE) {
        struct rn_coroutine *coroutine = (struct rn_coroutine *)object;
        if (coroutine->fiber.state == RN_FIBER_DONE) {
            return rn_raise(vm, RN_VM_ERROR_FUTURE_COMPLETED);
        }
        if (coroutine->fiber.state == RN_FIBER_RUNNING) {
            return rn_raise(vm, RN_VM_ERROR_ACCESS_WRITE, act->value);
        }
        return enter(vm, coroutine, act->target, RN_RESUME_AWAIT, rn_value_unit());
    }
    struct rn_future *future = (struct rn_future *)object;
    if (future->state == RN_FIBER_DONE) {
        return rn_raise(vm, RN_VM_ERROR_FUTURE_COMPLETED);
    }
    if (future->state == RN_FIBER_RUNNING) {
        return rn_raise(vm, RN_VM_ERROR_ACCESS_WRITE, act->value);
    }
    switch ((enum rn_future_form)future->form) {
    case RN_FUTURE_STREAM_NEXT:
    case RN_FUTURE_STREAM_RESUME:
        begin(vm, future, act->target);
        return poll_stream(vm, future, act);
    case RN_FUTURE_JOIN:
        begin(vm, future, act->target);
        future->index = 0;
        return next_branch(vm, future, act);
    case RN_FUTURE_HOST:
        if (future->b.tag == RN_VALUE_EMPTY && !rn_host_take_reply(vm, future)) {
            *act = (struct action){ACT_PENDING, act->target, rn_value_unit()};
            return vm->raised ? RN_RAISED : RN_DONE;
        }
        future->state = RN_FIBER_DONE;
        *act = (struct action){ACT_COMPLETE, act->target, future->b};
        return RN_DONE;
    case RN_FUTURE_SLEEP:
    case RN_FUTURE_INTERVAL:
    case RN_FUTURE_TICK: {
        struct rn_value value = rn_value_unit();
        bool there = rn_time_poll(vm, future, &value);
        future->state = there ? RN_FIBER_DONE : RN_FIBER_SUSPENDED;
        *act = (struct action){there ? ACT_COMPLETE : ACT_PENDING, act->target, value};
        return RN_DONE;
    }
    case RN_FUTURE_SELECT:
        break;
    }
    RN_CHECK(false);
    return RN_RAISED;
}

static enum rn_outcome complete_select(struct rn_vm *vm, struct rn_future *select,
                                       struct rn_value value)
{
    struct rn_tuple *pair = rn_tuple_new(vm, 2);
    if (pair == NULL) {
        return RN_RAISED;
    }
    pair->items[0] = rn_value_i64(select->index);
    pair->items[1] = value;
    select->state = RN_FIBER_DONE;
    return hand_over(vm, take_resumer(&select->header), rn_value_object(pair));
}

static enum rn_outcome complete(struct rn_vm *vm, struct action *act)
{
    struct rn_object *target = act->target;
    if (target == NULL || target->kind == RN_OBJECT_COROUTINE) {
        return hand_over(vm, target, act->value);
    }
    struct rn_future *future = (struct rn_future *)target;
    if (future->form == RN_FUTURE_SELECT) {
        return complete_select(vm, future, act->value);
    }
    if (future->form == RN_FUTURE_JOIN) {
        rn_as_vec(future->b)->items[future->index] = act->value;
        join_items(future)->items[future->index] = rn_value_unit();
        future->left--;
        future->index++;
        return next_branch(vm, future, act);
    }
    // One step of a stream.
    future->state = RN_FIBER_DONE;
    act->target = take_resumer(target);
    return RN_DONE;
}

static enum rn_outcome pending(struct rn_vm *vm, struct action *act)
{
    struct rn_object *target = act->target;
    if (target == NULL) {
        rn_fiber_load(vm, NULL);
        return (enum rn_outcome)RN_SUSPENDED;
    }
    if (target->kind == RN_OBJECT_COROUTINE) {
        ((struct rn_coroutine *)target)->fiber.state = RN_FIBER_SUSPENDED;
        act->target = take_resumer(target);
        return RN_DONE;
    }
    struct rn_future *future = (struct rn_future *)target;
    if (future->form == RN_FUTURE_SELECT || future->form == RN_FUTURE_JOIN) {
        future->index++;
        return next_branch(vm, future, act);
    }
    future->state = RN_FIBER_SUSPENDED;
    act->target = take_resumer(target);
    return RN_DONE;
}

/* RN_DONE: the next action is in *act. */
static enum rn_outcome take_action(struct rn_vm *vm, struct action *act)
{
    rn_charge(vm, 1);
    RN_TRY_VM(rn_check_spent(vm));
    switch (act->kind) {
    case ACT_POLL:
        return poll(vm, act);
    case ACT_COMPLETE:
        return complete(vm, act);
    case ACT_PENDING:
        return pending(vm, act);
    }
    RN_CHECK(false);
    return RN_RAISED;
}

/* The stack that waits for what `target` gets. */
static struct rn_object *stack_of(struct rn_object *target)
{
    while (target != NULL && target->kind == RN_OBJECT_FUTURE) {
        target = ((struct rn_future *)target)->resumer;
    }
    return target;
}

/* Joins have as many branches as fit the memory, none of which needs to have a stack: between two of them
 * the loop may look up, for a slice that is over or a collection that is due. */
static bool gives_way(const struct rn_vm *vm, const struct action *act)
{
    return vm->fuel < 0 && act->kind != ACT_COMPLETE && act->target != NULL &&
           act->target->kind == RN_OBJECT_FUTURE &&
           ((const struct rn_future *)act->target)->form == RN_FUTURE_JOIN;
}

/* The stack that waits for the join stands at its instruction, as if at a native that works in rounds. */
static enum rn_outcome give_way(struct rn_vm *vm, const struct action *act)
{
    load(vm, stack_of(act->target));
    vm->result = rn_value_object(act->target);
    vm->driving = act->kind == ACT_POLL ? RN_DRIVING_POLL : RN_DRIVING_PENDING;
    return RN_AGAIN;
}

/* Until a stack runs, or nothing can. The stack that ran last may be suspended by then, and somebody may
 * hold it: when an action fails, those that it was for are the ones that end. */
static enum rn_outcome drive(struct rn_vm *vm, struct action act)
{
    enum rn_outcome outcome;
    do {
        outcome = take_action(vm, &act);
    } while (outcome == RN_DONE && !gives_way(vm, &act));
    if (outcome == RN_DONE) {
        return give_way(vm, &act);
    }
    if (outcome == RN_RAISED) {
        load(vm, stack_of(act.target));
    }
    return outcome;
}

enum rn_outcome rn_coroutines_go_on(struct rn_vm *vm)
{
    struct rn_future *join = (struct rn_future *)vm->result.object;
    struct action act = {ACT_PENDING, &join->header, rn_value_unit()};
    if (vm->driving == RN_DRIVING_POLL) {
        act = (struct action){ACT_POLL, &join->header, join_items(join)->items[join->index]};
    }
    vm->result = rn_value_unit();
    vm->driving = RN_DRIVING_NOTHING;
    return drive(vm, act);
}

/* --- Instructions --- */

enum rn_outcome rn_op_await(struct rn_vm *vm, struct rn_value future)
{
    struct rn_fiber *fiber = rn_vm_fiber(vm);
    if (!is_future(future)) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("INTO_FUTURE"), future);
    }
    if (!fiber->waiting) {
        RN_TRY_VM(rn_take(vm, future));
        fiber->waiting = true;
    }
    rn_fiber_save(vm);
    return drive(vm, (struct action){ACT_POLL, current(vm), future});
}

/* Holds each future that is left, so that one which is there twice is refused: its value could go to
 * one branch only. */
static enum rn_outcome hold_branches(struct rn_vm *vm, const struct rn_value *window,
                                     uint32_t count, bool *out_left)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_future(window[i])) {
            RN_TRY_VM(rn_check_write(vm, window[i]));
            if (!is_done(window[i])) {
                window[i].object->flags |= RN_OBJECT_HELD;
                *out_left = true;
            }
        } else if (window[i].tag != RN_VALUE_UNIT) {
            return rn_raise_expected(vm, RN_TYPE_ID_FUTURE, window[i]);
        }
    }
    return RN_DONE;
}

static void release_branches(const struct rn_value *window, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_future(window[i])) {
            window[i].object->flags &= (uint8_t)~RN_OBJECT_HELD;
        }
    }
}

enum rn_outcome rn_op_select(struct rn_vm *vm, struct rn_value *window, uint32_t count)
{
    struct rn_vec *branches = rn_vec_new(vm, count);
    if (branches == NULL) {
        return RN_RAISED;
    }
    bool left = false;
    enum rn_outcome outcome = hold_branches(vm, window, count, &left);
    release_branches(window, count);
    RN_TRY_VM(outcome);
    for (uint32_t i = 0; i < count; i++) {
        branches->items[branches->count++] = window[i];
    }
    struct rn_future *select = future_new(vm, RN_FUTURE_SELECT, rn_value_object(branches));
    if (select == NULL) {
        return RN_RAISED;
    }
    rn_fiber_save(vm);
    begin(vm, select, current(vm));
    if (!left) {
        select->index = UINT32_MAX;
        struct rn_tuple *pair = rn_tuple_new(vm, 2);
        if (pair == NULL) {
            return RN_RAISED;
        }
        pair->items[0] = rn_value_i64(-1);
        return hand_over(vm, select->resumer, rn_value_object(pair));
    }
    struct action act;
    RN_TRY_VM(next_branch(vm, select, &act));
    return drive(vm, act);
}

/* What the resumer makes of a value that was yielded or returned. */
static enum rn_outcome wrap(struct rn_vm *vm, uint8_t resume, bool returned, struct rn_value *value)
{
    switch ((enum rn_resume_kind)resume) {
    case RN_RESUME_NEXT:
        if (returned) {
            *value = rn_value_none();
            return RN_DONE;
        }
        return rn_make_some(vm, *value, value);
    case RN_RESUME_STATE:
        return rn_make_variant(vm,
                               returned ? RN_VARIANT_ID_GENERATOR_STATE_COMPLETE
                                        : RN_VARIANT_ID_GENERATOR_STATE_YIELDED,
                               *value, value);
    case RN_RESUME_AWAIT:
    case RN_RESUME_STEP:
        break;
    }
    return RN_DONE;
}

enum rn_outcome rn_op_yield(struct rn_vm *vm, struct rn_value value)
{
    if (vm->coroutine == NULL) {
        return rn_raise(vm, RN_VM_ERROR_HALTED_YIELDED);
    }
    struct rn_coroutine *coroutine = vm->coroutine;
    struct rn_fiber *fiber = &coroutine->fiber;
    if (fiber->resume == RN_RESUME_AWAIT) {
        return rn_raise(vm, RN_VM_ERROR_HALTED_YIELDED);
    }
    RN_TRY_VM(wrap(vm, fiber->resume, false, &value));
    rn_fiber_save(vm);
    fiber->state = RN_FIBER_SUSPENDED;
    fiber->yielded = true;
    return drive(vm, (struct action){ACT_COMPLETE, take_resumer(&coroutine->header), value});
}

/* A loop over a generator: past its end. */
static enum rn_outcome leave_loop(struct rn_vm *vm, struct rn_object *resumer)
{
    load(vm, resumer);
    vm->pc = vm->code + vm->pc->imm;
    return switched();
}

enum rn_outcome rn_coroutine_return(struct rn_vm *vm, struct rn_value result)
{
    if (vm->coroutine == NULL) {
        vm->result = result;
        return (enum rn_outcome)RN_FINISHED;
    }
    struct rn_coroutine *coroutine = vm->coroutine;
    uint8_t resume = coroutine->fiber.resume;
    RN_TRY_VM(wrap(vm, resume, true, &result));
    finish(vm, &coroutine->fiber);
    struct rn_object *resumer = take_resumer(&coroutine->header);
    if (resume == RN_RESUME_STEP) {
        return leave_loop(vm, resumer);
    }
    return drive(vm, (struct action){ACT_COMPLETE, resumer, result});
}

/* --- Generators, streams --- */

static enum rn_outcome resume_generator(struct rn_vm *vm, struct rn_value value,
                                        enum rn_resume_kind kind, struct rn_value sent)
{
    struct rn_coroutine *generator = (struct rn_coroutine *)value.object;
    RN_TRY_VM(rn_check_write(vm, value));
    if (generator->fiber.state == RN_FIBER_RUNNING) {
        return rn_raise(vm, RN_VM_ERROR_ACCESS_WRITE, value);
    }
    rn_fiber_save(vm);
    return enter(vm, generator, current(vm), kind, sent);
}

enum rn_outcome rn_step_generator(struct rn_vm *vm, struct rn_value generator)
{
    if (((struct rn_coroutine *)generator.object)->fiber.state == RN_FIBER_DONE) {
        vm->pc = vm->code + vm->pc->imm;
        return switched();
    }
    return resume_generator(vm, generator, RN_RESUME_STEP, rn_value_unit());
}

/* The generator itself, or that of its iterator. */
static enum rn_outcome arg_generator(struct rn_vm *vm, struct rn_value value, struct rn_value *out)
{
    if (rn_object_is(value, RN_TYPE_ID_GENERATOR_ITER)) {
        value = rn_as_iter(value)->source;
    }
    if (!rn_object_is(value, RN_TYPE_ID_GENERATOR)) {
        return rn_raise_expected(vm, RN_TYPE_ID_GENERATOR, value);
    }
    *out = value;
    return RN_DONE;
}

bool rn_coroutine_is_complete(struct rn_value coroutine)
{
    return ((const struct rn_coroutine *)coroutine.object)->fiber.state == RN_FIBER_DONE;
}

enum rn_outcome rn_std_generator_next(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_value generator;
    RN_TRY_VM(arg_generator(vm, args[0], &generator));
    if (((struct rn_coroutine *)generator.object)->fiber.state == RN_FIBER_DONE) {
        args[0] = rn_value_none();
        return RN_DONE;
    }
    return resume_generator(vm, generator, RN_RESUME_NEXT, rn_value_unit());
}

enum rn_outcome rn_std_generator_resume(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_value generator;
    RN_TRY_VM(arg_generator(vm, args[0], &generator));
    if (((struct rn_coroutine *)generator.object)->fiber.state == RN_FIBER_DONE) {
        return rn_raise(vm, RN_VM_ERROR_GENERATOR_COMPLETE);
    }
    return resume_generator(vm, generator, RN_RESUME_STATE, args[1]);
}

enum rn_outcome rn_std_generator_iter(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return rn_value_iter(vm, args[0], &args[0]);
}

static enum rn_outcome stream_step(struct rn_vm *vm, struct rn_value *args,
                                   enum rn_future_form form, struct rn_value sent)
{
    struct rn_object *stream;
    RN_TRY_VM(rn_arg_exact(vm, args[0], RN_TYPE_ID_STREAM, &stream));
    struct rn_future *future = future_new(vm, form, args[0]);
    if (future == NULL) {
        return RN_RAISED;
    }
    future->b = sent;
    args[0] = rn_value_object(future);
    return RN_DONE;
}

enum rn_outcome rn_std_stream_next(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return stream_step(vm, args, RN_FUTURE_STREAM_NEXT, rn_value_unit());
}

enum rn_outcome rn_std_stream_resume(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return stream_step(vm, args, RN_FUTURE_STREAM_RESUME, args[1]);
}

/* --- join --- */

/* Parts and results of one round (N6). */
#define JOIN_CHUNK 4096u

static enum rn_outcome join_parts(struct rn_vm *vm, struct rn_value value,
                                  const struct rn_value **out_items, uint32_t *out_count)
{
    if (rn_object_is(value, RN_TYPE_ID_VEC)) {
        struct rn_vec *vec;
        RN_TRY_VM(rn_arg_vec(vm, value, &vec));
        *out_items = vec->items;
        *out_count = vec->count;
        return RN_DONE;
    }
    struct rn_value *items;
    RN_TRY_VM(rn_arg_tuple(vm, value, &items, out_count));
    *out_items = items;
    return RN_DONE;
}

/* A join of the parts of a Vec or tuple, of which it has taken none: `b` holds them until it has. */
static enum rn_outcome join_new(struct rn_vm *vm, struct rn_value parts, struct rn_value *out)
{
    const struct rn_value *items;
    uint32_t n;
    RN_TRY_VM(join_parts(vm, parts, &items, &n));
    struct rn_vec *futures = rn_vec_new(vm, n);
    struct rn_future *join =
        futures == NULL ? NULL : future_new(vm, RN_FUTURE_JOIN, rn_value_object(futures));
    if (join == NULL) {
        return RN_RAISED;
    }
    join->b = parts;
    join->left = n;
    join->tuple = !rn_object_is(parts, RN_TYPE_ID_VEC);
    *out = rn_value_object(join);
    return RN_DONE;
}

/* Takes the next of its parts; with the last one, room for the results takes their place. */
static enum rn_outcome take_parts(struct rn_vm *vm, struct rn_future *join)
{
    const struct rn_value *items;
    uint32_t n;
    struct rn_vec *futures = join_items(join);
    RN_TRY_VM(join_parts(vm, join->b, &items, &n));
    for (uint32_t left = JOIN_CHUNK; left > 0 && futures->count < n; left--) {
        struct rn_value part = items[futures->count];
        if (!is_future(part)) {
            return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("INTO_FUTURE"), part);
        }
        RN_TRY_VM(rn_take(vm, part));
        futures->items[futures->count++] = part;
    }
    if (futures->count < n) {
        return RN_AGAIN;
    }
    struct rn_vec *results = rn_vec_new(vm, n);
    if (results == NULL) {
        return RN_RAISED;
    }
    join->b = rn_value_object(results);
    return RN_DONE;
}

static enum rn_outcome clear_results(struct rn_future *join)
{
    struct rn_vec *results = rn_as_vec(join->b);
    for (uint32_t left = JOIN_CHUNK; left > 0 && results->count < join->left; left--) {
        results->items[results->count++] = rn_value_unit();
    }
    return results->count < join->left ? RN_AGAIN : RN_DONE;
}

enum rn_outcome rn_std_future_join(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    uint64_t *all_taken = &rn_native_state(vm)[0];
    if (rn_native_round(vm) == 0) {
        *all_taken = false;
        RN_TRY_VM(join_new(vm, args[0], &args[0]));
    } else {
        rn_charge(vm, JOIN_CHUNK); // so that rounds fill slices
    }
    struct rn_future *join = (struct rn_future *)args[0].object;
    if (!*all_taken) {
        RN_TRY_VM(take_parts(vm, join));
        *all_taken = true;
    }
    return clear_results(join);
}
