/*
 * time.c: Duration and Instant as far as they are numbers. What waits is in worker/vm/sleep.c, sums
 * and comparisons are operators of the Vm.
 */
#include "worker/std/time.h"
#include "worker/std/std.h"

#include <string.h>

#include "worker/std/fmt_parts.h"

#define NS_PER_SECOND 1000000000u

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

struct duration {
    uint64_t seconds;
    uint32_t nanoseconds;
};

static enum rn_outcome arg(struct rn_vm *vm, struct rn_value value, struct duration *out)
{
    return rn_arg_duration(vm, value, &out->seconds, &out->nanoseconds);
}

/* ---- Making ---- */

NATIVE(duration_new)
{
    (void)count;
    uint64_t seconds;
    uint32_t nanoseconds;
    RN_TRY_VM(rn_arg_u64(vm, args[0], &seconds));
    RN_TRY_VM(rn_std_arg_u32(vm, args[1], &nanoseconds));
    if (__builtin_add_overflow(seconds, nanoseconds / NS_PER_SECOND, &seconds)) {
        return rn_raise_panic_literal(vm, "overflow in Duration::new");
    }
    return rn_make_duration(vm, seconds, nanoseconds % NS_PER_SECOND, &args[0]);
}

/* `args[0]` parts, `per_second` of which are a second. */
static enum rn_outcome from_parts(struct rn_vm *vm, struct rn_value *args, uint32_t per_second)
{
    uint64_t parts;
    RN_TRY_VM(rn_arg_u64(vm, args[0], &parts));
    uint32_t rest = (uint32_t)(parts % per_second) * (NS_PER_SECOND / per_second);
    return rn_make_duration(vm, parts / per_second, rest, &args[0]);
}

NATIVE(duration_from_secs)
{
    (void)count;
    return from_parts(vm, args, 1);
}

NATIVE(duration_from_millis)
{
    (void)count;
    return from_parts(vm, args, 1000);
}

NATIVE(duration_from_micros)
{
    (void)count;
    return from_parts(vm, args, 1000000);
}

NATIVE(duration_from_nanos)
{
    (void)count;
    return from_parts(vm, args, NS_PER_SECOND);
}

/* Nanoseconds of a fraction below 1, to the nearest, of two the even one. */
static uint32_t nanoseconds_of(double fraction)
{
    uint64_t bits;
    memcpy(&bits, &fraction, sizeof(bits));
    uint64_t exponent = bits >> 52 & 0x7ff; // of -0.0, which is none below 0, without the sign
    if (exponent < 1023 - 48) {
        return 0; // below half a nanosecond by far
    }
    __extension__ unsigned __int128 scaled =
        (unsigned __int128)((bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52) * NS_PER_SECOND;
    unsigned shift = (unsigned)(1023 + 52 - exponent);
    uint64_t whole = (uint64_t)(scaled >> shift);
    __extension__ unsigned __int128 rest = scaled - ((unsigned __int128)whole << shift);
    __extension__ unsigned __int128 half = (unsigned __int128)1 << (shift - 1);
    return (uint32_t)(whole + (rest > half || (rest == half && (whole & 1) != 0)));
}

NATIVE(duration_from_secs_f64)
{
    (void)count;
    double value;
    RN_TRY_VM(rn_arg_f64(vm, args[0], &value));
    if (value < 0) {
        return rn_raise_panic_literal(
            vm, "cannot convert float seconds to Duration: value is negative");
    }
    if (!(value < 18446744073709551616.0)) {
        return rn_raise_panic_literal(
            vm, "cannot convert float seconds to Duration: value is either too big or NaN");
    }
    uint64_t seconds = (uint64_t)value;
    uint32_t nanoseconds = nanoseconds_of(value - (double)seconds);
    if (nanoseconds == NS_PER_SECOND) {
        seconds++; // of so many seconds there are no fractions
        nanoseconds = 0;
    }
    return rn_make_duration(vm, seconds, nanoseconds, &args[0]);
}

NATIVE(duration_second)
{
    (void)count;
    return rn_make_duration(vm, 1, 0, &args[0]);
}

NATIVE(duration_millisecond)
{
    (void)count;
    return rn_make_duration(vm, 0, 1000000, &args[0]);
}

NATIVE(duration_microsecond)
{
    (void)count;
    return rn_make_duration(vm, 0, 1000, &args[0]);
}

NATIVE(duration_nanosecond)
{
    (void)count;
    return rn_make_duration(vm, 0, 1, &args[0]);
}

NATIVE(duration_zero)
{
    (void)count;
    return rn_make_duration(vm, 0, 0, &args[0]);
}

NATIVE(duration_max)
{
    (void)count;
    return rn_make_duration(vm, UINT64_MAX, NS_PER_SECOND - 1, &args[0]);
}

/* ---- Reading ---- */

NATIVE(duration_is_zero)
{
    (void)count;
    struct duration self;
    RN_TRY_VM(arg(vm, args[0], &self));
    return rn_std_bool(args, self.seconds == 0 && self.nanoseconds == 0);
}

NATIVE(duration_as_secs)
{
    (void)count;
    struct duration self;
    RN_TRY_VM(arg(vm, args[0], &self));
    return rn_std_u64(args, self.seconds);
}

static enum rn_outcome subsecond(struct rn_vm *vm, struct rn_value *args, uint32_t divisor)
{
    struct duration self;
    RN_TRY_VM(arg(vm, args[0], &self));
    return rn_std_u64(args, self.nanoseconds / divisor);
}

NATIVE(duration_subsec_millis)
{
    (void)count;
    return subsecond(vm, args, 1000000);
}

NATIVE(duration_subsec_micros)
{
    (void)count;
    return subsecond(vm, args, 1000);
}

NATIVE(duration_subsec_nanos)
{
    (void)count;
    return subsecond(vm, args, 1);
}

/* The whole of it in parts, if that fits. */
static enum rn_outcome total(struct rn_vm *vm, struct rn_value *args, uint32_t per_second)
{
    struct duration self;
    uint64_t parts;
    RN_TRY_VM(arg(vm, args[0], &self));
    if (__builtin_mul_overflow(self.seconds, per_second, &parts) ||
        __builtin_add_overflow(parts, self.nanoseconds / (NS_PER_SECOND / per_second), &parts)) {
        return rn_raise(vm, RN_VM_ERROR_INTEGER_TO_VALUE, args[0], RN_UTF8("u64"));
    }
    return rn_std_u64(args, parts);
}

NATIVE(duration_as_millis)
{
    (void)count;
    return total(vm, args, 1000);
}

NATIVE(duration_as_micros)
{
    (void)count;
    return total(vm, args, 1000000);
}

NATIVE(duration_as_nanos)
{
    (void)count;
    return total(vm, args, NS_PER_SECOND);
}

NATIVE(duration_as_secs_f64)
{
    (void)count;
    struct duration self;
    RN_TRY_VM(arg(vm, args[0], &self));
    args[0] = rn_value_f64((double)self.seconds + (double)self.nanoseconds / (double)NS_PER_SECOND);
    return RN_DONE;
}

NATIVE(instant_duration_since)
{
    (void)count;
    struct rn_object *self;
    struct rn_object *earlier;
    RN_TRY_VM(rn_arg_exact(vm, args[0], RN_TYPE_ID_INSTANT, &self));
    RN_TRY_VM(rn_arg_exact(vm, args[1], RN_TYPE_ID_INSTANT, &earlier));
    uint64_t from = ((const struct rn_tuple *)earlier)->items[0].u64;
    uint64_t to = ((const struct rn_tuple *)self)->items[0].u64;
    uint64_t ns = to < from ? 0 : to - from;
    return rn_make_duration(vm, ns / NS_PER_SECOND, (uint32_t)(ns % NS_PER_SECOND), &args[0]);
}

/* ---- Debug text ---- */

/* "2.569s": `rest` of `unit` parts as decimals without trailing zeros. */
static enum rn_outcome append_decimal(struct rn_vm *vm, struct rn_string *text, uint64_t whole,
                                      uint32_t rest, uint32_t unit)
{
    char decimals[10] = {'.'};
    size_t size = 1;
    size_t significant = 0;
    for (uint32_t place = unit / 10; place > 0; place /= 10) {
        uint32_t digit = rest / place % 10;
        decimals[size++] = (char)('0' + digit);
        significant = digit != 0 ? size : significant;
    }
    RN_TRY_VM(rn_fmt_append_u64(vm, text, whole));
    return rn_fmt_append(vm, text, decimals, significant);
}

static enum rn_outcome append_duration(struct rn_vm *vm, struct rn_string *text,
                                       const struct rn_value *items)
{
    static const struct {
        uint32_t ns;
        const char *name;
    } units[] = {{1000000, "ms"}, {1000, "\u00b5s"}, {1, "ns"}};
    uint64_t seconds = items[0].u64;
    uint32_t ns = (uint32_t)items[1].u64;
    if (seconds > 0) {
        RN_TRY_VM(append_decimal(vm, text, seconds, ns, NS_PER_SECOND));
        return rn_fmt_append_text(vm, text, "s");
    }
    size_t i = 0;
    while (units[i].ns > 1 && ns < units[i].ns) {
        i++;
    }
    RN_TRY_VM(append_decimal(vm, text, ns / units[i].ns, ns % units[i].ns, units[i].ns));
    return rn_fmt_append_text(vm, text, units[i].name);
}

enum rn_outcome rn_std_append_time(struct rn_vm *vm, struct rn_string *text, struct rn_value value,
                                   bool *out_done)
{
    *out_done = true;
    if (rn_object_is(value, RN_TYPE_ID_DURATION)) {
        return append_duration(vm, text, rn_as_tuple(value)->items);
    }
    if (rn_object_is(value, RN_TYPE_ID_INSTANT)) {
        uint64_t ns = rn_as_tuple(value)->items[0].u64;
        RN_TRY_VM(rn_fmt_append_text(vm, text, "Instant { tv_sec: "));
        RN_TRY_VM(rn_fmt_append_u64(vm, text, ns / NS_PER_SECOND));
        RN_TRY_VM(rn_fmt_append_text(vm, text, ", tv_nsec: "));
        RN_TRY_VM(rn_fmt_append_u64(vm, text, ns % NS_PER_SECOND));
        return rn_fmt_append_text(vm, text, " }");
    }
    *out_done = false;
    return RN_DONE;
}
