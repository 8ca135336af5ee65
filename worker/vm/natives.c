/*
 * natives.c: functions of the library that are no more than an operation of the Vm.
 */
#include "worker/vm/machine.h"

/* Calls std::cmp::eq_iter in the window, as the last thing. */
static enum rn_outcome library_eq(struct rn_vm *vm, struct rn_value *args)
{
    const struct rn_engine *engine = vm->engine;
    if (engine->sequence_eq == RN_NONE) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_BINARY, RN_UTF8("PARTIAL_EQ"), args[0],
                        args[1]);
    }
    return rn_call_function(vm, engine->standard, engine->sequence_eq, args, 2);
}

enum rn_outcome rn_std_value_eq(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    bool equal = false;
    enum rn_outcome outcome = rn_value_eq(vm, args[0], args[1], RN_PARTIAL, &equal);
    if (outcome == (enum rn_outcome)RN_LIBRARY) {
        return library_eq(vm, args);
    }
    args[0] = rn_value_bool(equal);
    return outcome;
}

enum rn_outcome rn_std_value_total_eq(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    bool equal = false;
    RN_TRY_VM(rn_value_eq(vm, args[0], args[1], RN_TOTAL, &equal));
    args[0] = rn_value_bool(equal);
    return RN_DONE;
}

static struct rn_value ordering_value(enum rn_partial_ordering ordering)
{
    return rn_value_ordering((enum rn_ordering)ordering);
}

/* The argument of a method is of the type of its receiver: integers are converted, as for any native. */
static enum rn_outcome convert_argument(struct rn_vm *vm, struct rn_value *args)
{
    if (args[0].tag == args[1].tag) {
        return RN_DONE;
    }
    int64_t wide;
    uint64_t unsigned_wide;
    switch (args[0].tag) {
    case RN_VALUE_I64:
        RN_TRY_VM(rn_arg_i64(vm, args[1], &wide));
        args[1] = rn_value_i64(wide);
        return RN_DONE;
    case RN_VALUE_U64:
        RN_TRY_VM(rn_arg_u64(vm, args[1], &unsigned_wide));
        args[1] = rn_value_u64(unsigned_wide);
        return RN_DONE;
    case RN_VALUE_F64:
        return rn_raise_expected(vm, RN_TYPE_ID_F64, args[1]);
    case RN_VALUE_ORDERING:
        return rn_raise_expected(vm, RN_TYPE_ID_ORDERING, args[1]);
    default:
        return RN_DONE;
    }
}

/* `()` is a Tuple where its methods are called, which it is not for operators. */
static bool is_unit_receiver(const struct rn_value *args)
{
    return args[0].tag == RN_VALUE_UNIT && args[1].tag != RN_VALUE_UNIT;
}

static enum rn_outcome compare_as_method(struct rn_vm *vm, struct rn_value *args,
                                         enum rn_compare_mode mode,
                                         enum rn_partial_ordering *out_ordering)
{
    struct rn_value *items;
    uint32_t count;
    RN_TRY_VM(convert_argument(vm, args));
    if (is_unit_receiver(args)) {
        RN_TRY_VM(rn_arg_tuple(vm, args[1], &items, &count));
        *out_ordering = count == 0 ? RN_PARTIAL_EQUAL : RN_PARTIAL_LESS;
        return RN_DONE;
    }
    return rn_value_compare(vm, args[0], args[1], mode, out_ordering);
}

enum rn_outcome rn_std_method_eq(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    RN_TRY_VM(convert_argument(vm, args));
    return is_unit_receiver(args) ? library_eq(vm, args) : rn_std_value_eq(vm, args, count);
}

static enum rn_outcome some_ordering(struct rn_vm *vm, enum rn_partial_ordering ordering,
                                     struct rn_value *out)
{
    if (ordering == RN_PARTIAL_UNORDERED) {
        *out = rn_value_none();
        return RN_DONE;
    }
    return rn_make_some(vm, ordering_value(ordering), out);
}

enum rn_outcome rn_std_value_partial_cmp(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    enum rn_partial_ordering ordering;
    RN_TRY_VM(rn_value_compare(vm, args[0], args[1], RN_PARTIAL, &ordering));
    return some_ordering(vm, ordering, &args[0]);
}

enum rn_outcome rn_std_method_partial_cmp(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    enum rn_partial_ordering ordering;
    RN_TRY_VM(compare_as_method(vm, args, RN_PARTIAL, &ordering));
    return some_ordering(vm, ordering, &args[0]);
}

enum rn_outcome rn_std_value_cmp(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    enum rn_partial_ordering ordering;
    RN_TRY_VM(rn_value_compare(vm, args[0], args[1], RN_TOTAL, &ordering));
    args[0] = ordering_value(ordering);
    return RN_DONE;
}

enum rn_outcome rn_std_method_cmp(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (RN_LIKELY((args[0].tag | args[1].tag) == RN_VALUE_I64)) {
        // What rn_value_compare does: comparators do little else.
        int64_t a = args[0].i64;
        int64_t b = args[1].i64;
        rn_charge(vm, 1);
        args[0] = rn_value_ordering((enum rn_ordering)(1 + (a > b) - (a < b)));
        return RN_DONE;
    }
    enum rn_partial_ordering ordering;
    RN_TRY_VM(compare_as_method(vm, args, RN_TOTAL, &ordering));
    args[0] = ordering_value(ordering);
    return RN_DONE;
}

/* The truth of "the ordering is among `wanted`", a set of bits. */
static enum rn_outcome ordered(struct rn_vm *vm, struct rn_value *args, unsigned wanted)
{
    enum rn_partial_ordering ordering;
    RN_TRY_VM(compare_as_method(vm, args, RN_PARTIAL, &ordering));
    args[0] = rn_value_bool((wanted >> ordering & 1) != 0);
    return RN_DONE;
}

#define LESS (1u << RN_PARTIAL_LESS)
#define EQUAL (1u << RN_PARTIAL_EQUAL)
#define GREATER (1u << RN_PARTIAL_GREATER)

enum rn_outcome rn_std_value_lt(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return ordered(vm, args, LESS);
}

enum rn_outcome rn_std_value_le(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return ordered(vm, args, LESS | EQUAL);
}

enum rn_outcome rn_std_value_gt(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return ordered(vm, args, GREATER);
}

enum rn_outcome rn_std_value_ge(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return ordered(vm, args, GREATER | EQUAL);
}

/* Of two equal values the smallest is the first, the largest the second. */
enum rn_outcome rn_std_value_min(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    enum rn_partial_ordering ordering;
    RN_TRY_VM(rn_value_compare(vm, args[0], args[1], RN_TOTAL, &ordering));
    args[0] = ordering == RN_PARTIAL_GREATER ? args[1] : args[0];
    return RN_DONE;
}

enum rn_outcome rn_std_value_max(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    enum rn_partial_ordering ordering;
    RN_TRY_VM(rn_value_compare(vm, args[0], args[1], RN_TOTAL, &ordering));
    args[0] = ordering == RN_PARTIAL_GREATER ? args[0] : args[1];
    return RN_DONE;
}

enum rn_outcome rn_std_method_min(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    enum rn_partial_ordering ordering;
    RN_TRY_VM(compare_as_method(vm, args, RN_TOTAL, &ordering));
    args[0] = ordering == RN_PARTIAL_GREATER ? args[1] : args[0];
    return RN_DONE;
}

enum rn_outcome rn_std_method_max(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    enum rn_partial_ordering ordering;
    RN_TRY_VM(compare_as_method(vm, args, RN_TOTAL, &ordering));
    args[0] = ordering == RN_PARTIAL_GREATER ? args[0] : args[1];
    return RN_DONE;
}

enum rn_outcome rn_std_value_clone(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return rn_value_clone(vm, args[0], &args[0]);
}

enum rn_outcome rn_std_value_hash(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    // What a script sees must not depend on the key of the process, and must not tell it.
    uint64_t key = vm->hash_key;
    uint64_t hash = 0;
    vm->hash_key = 0;
    enum rn_outcome outcome = rn_value_hash(vm, args[0], &hash);
    vm->hash_key = key;
    args[0] = rn_value_u64(hash);
    return outcome;
}

enum rn_outcome rn_std_value_into_iter(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return rn_value_iter(vm, args[0], &args[0]);
}

/* --- Iterators as objects --- */

static enum rn_outcome arg_iter(struct rn_vm *vm, struct rn_value value, struct rn_iter **out_iter)
{
    if (value.tag != RN_VALUE_OBJECT || value.object->kind != RN_OBJECT_ITER) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("NEXT"), value);
    }
    RN_TRY_VM(rn_check_write(vm, value));
    *out_iter = rn_as_iter(value);
    return RN_DONE;
}

static enum rn_outcome option_of(struct rn_vm *vm, struct rn_value item, struct rn_value *out)
{
    if (item.tag == RN_VALUE_EMPTY) {
        *out = rn_value_none();
        return RN_DONE;
    }
    return rn_make_some(vm, item, out);
}

enum rn_outcome rn_std_iter_next(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    struct rn_iter *iter;
    struct rn_value item;
    RN_TRY_VM(arg_iter(vm, args[0], &iter));
    if (iter->iter == RN_ITER_GENERATOR) {
        return rn_std_generator_next(vm, args, count);
    }
    RN_TRY_VM(rn_iter_next(vm, iter, &item));
    return option_of(vm, item, &args[0]);
}

enum rn_outcome rn_std_iter_next_back(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_iter *iter;
    struct rn_value item;
    RN_TRY_VM(arg_iter(vm, args[0], &iter));
    RN_TRY_VM(rn_iter_next_back(vm, iter, &item));
    return option_of(vm, item, &args[0]);
}

/* Items that are positions apart: arrays and integer ranges step at once. */
static bool can_skip(const struct rn_iter *iter)
{
    return iter->iter == RN_ITER_VEC || iter->iter == RN_ITER_TUPLE ||
           iter->iter == RN_ITER_VEC_DEQUE || iter->iter == RN_ITER_BYTES ||
           iter->iter == RN_ITER_RANGE_I64 || iter->iter == RN_ITER_RANGE_U64;
}

/* Skips as many of `n` items as can be at once; the rest is stepped over, in rounds. */
static enum rn_outcome skip(struct rn_vm *vm, struct rn_iter *iter, bool back, uint64_t *n)
{
    enum {
        ROUND = 4096
    };
    uint64_t left;
    struct rn_value item;
    if (can_skip(iter) && rn_iter_remaining(iter, &left)) {
        left -= left > 0 && iter->last ? 1 : 0;
        uint64_t steps = *n < left ? *n : left;
        steps = back && iter->last ? 0 : steps;
        iter->index += back ? 0 : steps;
        iter->end -= back ? steps : 0;
        *n -= steps;
    }
    for (unsigned i = 0; i<ROUND && * n> 0; i++) {
        RN_TRY_VM(back ? rn_iter_next_back(vm, iter, &item) : rn_iter_next(vm, iter, &item));
        if (item.tag == RN_VALUE_EMPTY) {
            *n = 0;
        } else {
            --*n;
        }
        rn_charge(vm, 1);
    }
    return RN_DONE;
}

static enum rn_outcome nth(struct rn_vm *vm, struct rn_value *args, bool back)
{
    struct rn_iter *iter;
    uint64_t n;
    struct rn_value item;
    RN_TRY_VM(arg_iter(vm, args[0], &iter));
    if (iter->iter == RN_ITER_GENERATOR) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("NTH"), args[0]);
    }
    RN_TRY_VM(rn_arg_size(vm, args[1], &n));
    RN_TRY_VM(skip(vm, iter, back, &n));
    if (n > 0) {
        args[1] = rn_value_u64(n);
        return RN_AGAIN;
    }
    RN_TRY_VM(back ? rn_iter_next_back(vm, iter, &item) : rn_iter_next(vm, iter, &item));
    return option_of(vm, item, &args[0]);
}

enum rn_outcome rn_std_iter_nth(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return nth(vm, args, false);
}

enum rn_outcome rn_std_iter_nth_back(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return nth(vm, args, true);
}

/* A range that does not say how much is left has 2^64 items, or no end. */
static bool is_range(const struct rn_iter *iter)
{
    return iter->iter >= RN_ITER_RANGE_I64 && iter->iter <= RN_ITER_RANGE_FROM_CHAR;
}

enum rn_outcome rn_std_iter_size_hint(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_iter *iter;
    RN_TRY_VM(arg_iter(vm, args[0], &iter));
    uint64_t lower;
    bool bounded = rn_iter_remaining(iter, &lower);
    if (!bounded) {
        lower = is_range(iter) ? UINT64_MAX : 0;
    }
    struct rn_value limit = rn_value_none();
    if (bounded) {
        RN_TRY_VM(rn_make_some(vm, rn_value_u64(lower), &limit));
    }
    struct rn_tuple *hint = rn_tuple_new(vm, 2);
    if (hint == NULL) {
        return RN_RAISED;
    }
    hint->items[0] = rn_value_u64(lower);
    hint->items[1] = limit;
    args[0] = rn_value_object(hint);
    return RN_DONE;
}

enum rn_outcome rn_std_iter_len(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_iter *iter;
    uint64_t left;
    RN_TRY_VM(arg_iter(vm, args[0], &iter));
    if (!rn_iter_remaining(iter, &left)) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("LEN"), args[0]);
    }
    args[0] = rn_value_u64(left);
    return RN_DONE;
}
