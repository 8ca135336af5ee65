/*
 * sleep.c: the call's clock: sleeping, intervals, and the time if the host grants it.
 *
 * A call has a clock of its own that begins at 0 and goes on only when nothing can run: then to the
 * earliest time that anybody waits for, once the embedder has let that long pass. So the order in
 * which sleeps end follows from their lengths, and a run stays a function of its inputs. If the host
 * grants a clock, it begins at the host's time and is put right with each answer.
 *
 * Futures of time are polled like all others: one whose time has not come leaves it in `wake_ns`.
 */
#include "worker/vm/machine.h"

#define NS_PER_SECOND 1000000000u

/* Fields of an Interval. */
enum {
    PERIOD, /* nanoseconds */
    NEXT,   /* when it ticks next; unit: it has not begun */
    INTERVAL_FIELDS
};

static uint64_t add_ns(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? RN_TIME_NEVER - 1 : sum;
}

/* ---- Durations and Instants ---- */

enum rn_outcome rn_arg_duration(struct rn_vm *vm, struct rn_value value, uint64_t *out_seconds,
                                uint32_t *out_nanoseconds)
{
    struct rn_object *object;
    RN_TRY_VM(rn_arg_exact(vm, value, RN_TYPE_ID_DURATION, &object));
    const struct rn_value *items = ((const struct rn_tuple *)object)->items;
    *out_seconds = items[0].u64;
    *out_nanoseconds = (uint32_t)items[1].u64;
    return RN_DONE;
}

enum rn_outcome rn_make_duration(struct rn_vm *vm, uint64_t seconds, uint32_t nanoseconds,
                                 struct rn_value *out_value)
{
    struct rn_tuple *duration = rn_struct_new(vm, RN_TYPE_ID_DURATION, 2);
    if (duration == NULL) {
        return RN_RAISED;
    }
    duration->items[0] = rn_value_u64(seconds);
    duration->items[1] = rn_value_u64(nanoseconds);
    *out_value = rn_value_object(duration);
    return RN_DONE;
}

enum rn_outcome rn_make_instant(struct rn_vm *vm, uint64_t ns, struct rn_value *out_value)
{
    struct rn_tuple *instant = rn_struct_new(vm, RN_TYPE_ID_INSTANT, 1);
    if (instant == NULL) {
        return RN_RAISED;
    }
    instant->items[0] = rn_value_u64(ns);
    *out_value = rn_value_object(instant);
    return RN_DONE;
}

/* A Duration in nanoseconds, of which there may be too many: then about 584 years. */
static enum rn_outcome arg_ns(struct rn_vm *vm, struct rn_value value, uint64_t *out_ns)
{
    uint64_t seconds;
    uint32_t nanoseconds;
    RN_TRY_VM(rn_arg_duration(vm, value, &seconds, &nanoseconds));
    if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &seconds)) {
        seconds = RN_TIME_NEVER - 1;
    }
    *out_ns = add_ns(seconds, nanoseconds);
    return RN_DONE;
}

static enum rn_outcome add_to_instant(struct rn_vm *vm, const struct rn_value *items,
                                      uint64_t seconds, uint32_t nanoseconds, uint64_t *out_ns)
{
    uint64_t ns;
    if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &ns) ||
        __builtin_add_overflow(ns, nanoseconds, &ns) ||
        __builtin_add_overflow(ns, items[0].u64, out_ns)) {
        return rn_raise_panic_literal(vm, "overflow when adding duration to instant");
    }
    return RN_DONE;
}

enum rn_outcome rn_time_add(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                            struct rn_value *out)
{
    uint64_t seconds;
    uint32_t nanoseconds;
    RN_TRY_VM(rn_check_read(vm, a));
    RN_TRY_VM(rn_arg_duration(vm, b, &seconds, &nanoseconds));
    const struct rn_value *items = rn_as_tuple(a)->items;
    if (a.object->type == RN_TYPE_ID_INSTANT) {
        uint64_t ns = 0;
        RN_TRY_VM(add_to_instant(vm, items, seconds, nanoseconds, &ns));
        return rn_make_instant(vm, ns, out);
    }
    nanoseconds += (uint32_t)items[1].u64;
    if (__builtin_add_overflow(seconds, items[0].u64, &seconds) ||
        __builtin_add_overflow(seconds, nanoseconds / NS_PER_SECOND, &seconds)) {
        return rn_raise_panic_literal(vm, "overflow when adding durations");
    }
    return rn_make_duration(vm, seconds, nanoseconds % NS_PER_SECOND, out);
}

enum rn_outcome rn_time_advance(struct rn_vm *vm, struct rn_value a, struct rn_value b)
{
    struct rn_value sum;
    RN_TRY_VM(rn_check_write(vm, a));
    RN_TRY_VM(rn_time_add(vm, a, b, &sum));
    for (uint32_t i = 0; i < a.object->count; i++) {
        rn_as_tuple(a)->items[i] = rn_as_tuple(sum)->items[i];
    }
    return RN_DONE;
}

/* ---- The clock ---- */

void rn_time_start(struct rn_vm *vm, uint64_t clock_ns)
{
    vm->clock_ns = clock_ns;
    vm->has_clock = clock_ns != 0;
    vm->wake_ns = RN_TIME_NEVER;
    vm->told_ns = RN_TIME_NEVER;
    vm->asking = RN_ASKING_NOTHING;
    vm->woken = false;
    vm->wake_behind = 0;
}

void rn_time_forget(struct rn_vm *vm)
{
    vm->wake_ns = RN_TIME_NEVER;
}

bool rn_vm_take_sleep(struct rn_vm *vm, uint64_t *out_ns)
{
    if (vm->execution != RN_EXECUTION_WAITING || vm->awaited_id != 0 || vm->woken) {
        return false;
    }
    uint64_t until_ns = vm->asking != RN_ASKING_NOTHING ? vm->clock_ns : vm->wake_ns;
    if (until_ns == RN_TIME_NEVER || until_ns == vm->told_ns) {
        return false;
    }
    vm->told_ns = until_ns;
    *out_ns = until_ns - vm->clock_ns;
    return true;
}

uint64_t rn_vm_sleep_until(const struct rn_vm *vm)
{
    return vm->told_ns;
}

void rn_time_reply(struct rn_vm *vm)
{
    if (!vm->woken) {
        vm->told_ns = RN_TIME_NEVER;
    }
}

void rn_vm_wake(struct rn_vm *vm, uint64_t now_ns)
{
    if (vm->execution == RN_EXECUTION_NONE || vm->execution == RN_EXECUTION_ENDED ||
        vm->told_ns == RN_TIME_NEVER || vm->woken) {
        return;
    }
    vm->woken = true;
    vm->wake_behind = 0;
    for (const struct rn_reply *reply = vm->queue; reply != NULL; reply = reply->next) {
        vm->wake_behind++;
    }
    if (vm->has_clock && now_ns > vm->told_ns) {
        vm->told_ns = now_ns;
    }
}

/* What Instant::now or elapsed waited for, into the register where its result goes. */
static void answer(struct rn_vm *vm)
{
    struct rn_value value;
    uint64_t ns = vm->clock_ns - (vm->clock_ns < vm->since_ns ? vm->clock_ns : vm->since_ns);
    enum rn_outcome outcome =
        vm->asking == RN_ASKING_NOW
            ? rn_make_instant(vm, vm->clock_ns, &value)
            : rn_make_duration(vm, ns / NS_PER_SECOND, (uint32_t)(ns % NS_PER_SECOND), &value);
    vm->asking = RN_ASKING_NOTHING;
    if (outcome == RN_DONE) {
        vm->base[vm->pc->a] = value;
        vm->pc++;
    }
}

bool rn_time_next(struct rn_vm *vm)
{
    bool asked = vm->asking != RN_ASKING_NOTHING;
    if (!vm->woken || vm->awaited_id != 0 || (!asked && vm->wake_behind > 0)) {
        return false;
    }
    vm->woken = false;
    if (vm->told_ns > vm->clock_ns) {
        vm->clock_ns = vm->told_ns;
    }
    vm->told_ns = RN_TIME_NEVER;
    if (asked) {
        answer(vm);
    }
    return true;
}

/* ---- Futures ---- */

static bool is_due(struct rn_vm *vm, uint64_t at_ns)
{
    if (at_ns > vm->clock_ns && at_ns < vm->wake_ns) {
        vm->wake_ns = at_ns;
    }
    return at_ns <= vm->clock_ns;
}

bool rn_time_poll(struct rn_vm *vm, struct rn_future *future, struct rn_value *out)
{
    if (future->form == RN_FUTURE_SLEEP) {
        if (future->state == RN_FIBER_NEW) {
            future->a.u64 = add_ns(vm->clock_ns, future->a.u64);
        }
        return is_due(vm, future->a.u64);
    }
    struct rn_value *fields = rn_as_tuple(future->a)->items;
    if (fields[NEXT].tag == RN_VALUE_UNIT) {
        fields[NEXT] = rn_value_u64(vm->clock_ns);
    }
    if (future->form == RN_FUTURE_INTERVAL) {
        *out = future->a;
        return true;
    }
    if (!is_due(vm, fields[NEXT].u64)) {
        return false;
    }
    fields[NEXT].u64 = add_ns(fields[NEXT].u64, fields[PERIOD].u64);
    return true;
}

enum rn_outcome rn_std_time_sleep(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    uint64_t ns;
    RN_TRY_VM(arg_ns(vm, args[0], &ns));
    return rn_future_new(vm, RN_FUTURE_SLEEP, rn_value_u64(ns), &args[0]);
}

/* `next` unit: it begins when its future is awaited. */
static enum rn_outcome interval(struct rn_vm *vm, struct rn_value period, struct rn_value next,
                                struct rn_value *out)
{
    uint64_t period_ns;
    RN_TRY_VM(arg_ns(vm, period, &period_ns));
    if (period_ns == 0) {
        return rn_raise_panic_literal(vm, "`period` must be non-zero.");
    }
    struct rn_tuple *value = rn_struct_new(vm, RN_TYPE_ID_INTERVAL, INTERVAL_FIELDS);
    if (value == NULL) {
        return RN_RAISED;
    }
    value->items[PERIOD] = rn_value_u64(period_ns);
    value->items[NEXT] = next;
    return rn_future_new(vm, RN_FUTURE_INTERVAL, rn_value_object(value), out);
}

enum rn_outcome rn_std_time_interval(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return interval(vm, args[0], rn_value_unit(), &args[0]);
}

static enum rn_outcome arg_instant(struct rn_vm *vm, struct rn_value value, uint64_t *out_ns)
{
    struct rn_object *object;
    RN_TRY_VM(rn_arg_exact(vm, value, RN_TYPE_ID_INSTANT, &object));
    *out_ns = ((const struct rn_tuple *)object)->items[0].u64;
    return RN_DONE;
}

enum rn_outcome rn_std_time_interval_at(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    uint64_t start_ns;
    RN_TRY_VM(arg_instant(vm, args[0], &start_ns));
    return interval(vm, args[1], rn_value_u64(start_ns), &args[0]);
}

static enum rn_outcome arg_interval(struct rn_vm *vm, struct rn_value value,
                                    struct rn_value **out_fields)
{
    struct rn_object *object;
    RN_TRY_VM(rn_check_write(vm, value));
    RN_TRY_VM(rn_arg_exact(vm, value, RN_TYPE_ID_INTERVAL, &object));
    *out_fields = ((struct rn_tuple *)object)->items;
    return RN_DONE;
}

enum rn_outcome rn_std_interval_tick(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_value *fields;
    RN_TRY_VM(arg_interval(vm, args[0], &fields));
    return rn_future_new(vm, RN_FUTURE_TICK, args[0], &args[0]);
}

static enum rn_outcome reset(struct rn_value *args, struct rn_value *fields, uint64_t next_ns)
{
    fields[NEXT] = rn_value_u64(next_ns);
    args[0] = rn_value_unit();
    return RN_DONE;
}

enum rn_outcome rn_std_interval_reset(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_value *fields;
    RN_TRY_VM(arg_interval(vm, args[0], &fields));
    return reset(args, fields, add_ns(vm->clock_ns, fields[PERIOD].u64));
}

enum rn_outcome rn_std_interval_reset_immediately(struct rn_vm *vm, struct rn_value *args,
                                                  uint32_t count)
{
    (void)count;
    struct rn_value *fields;
    RN_TRY_VM(arg_interval(vm, args[0], &fields));
    return reset(args, fields, vm->clock_ns);
}

enum rn_outcome rn_std_interval_reset_after(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_value *fields;
    uint64_t ns;
    RN_TRY_VM(arg_interval(vm, args[0], &fields));
    RN_TRY_VM(arg_ns(vm, args[1], &ns));
    return reset(args, fields, add_ns(vm->clock_ns, ns));
}

enum rn_outcome rn_std_interval_reset_at(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_value *fields;
    uint64_t ns;
    RN_TRY_VM(arg_interval(vm, args[0], &fields));
    RN_TRY_VM(arg_instant(vm, args[1], &ns));
    return reset(args, fields, ns);
}

/* ---- Reading the clock ---- */

static enum rn_outcome ask(struct rn_vm *vm, enum rn_asking asking)
{
    if (!vm->has_clock) {
        return rn_raise(vm, RN_VM_ERROR_NO_CLOCK);
    }
    vm->asking = (uint8_t)asking;
    vm->told_ns = RN_TIME_NEVER;
    return (enum rn_outcome)RN_SUSPENDED;
}

enum rn_outcome rn_std_instant_now(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)args;
    (void)count;
    return ask(vm, RN_ASKING_NOW);
}

enum rn_outcome rn_std_instant_elapsed(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    RN_TRY_VM(arg_instant(vm, args[0], &vm->since_ns));
    return ask(vm, RN_ASKING_ELAPSED);
}
