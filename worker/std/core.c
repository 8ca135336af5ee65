/* core.c: functions of std itself, std::any, std::mem, std::io and ranges. */
#include "worker/std/fmt.h"
#include "worker/std/fmt_parts.h"
#include "worker/std/std.h"

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

NATIVE(panic)
{
    (void)count;
    struct rn_string *message;
    RN_TRY_VM(rn_arg_string(vm, args[0], &message));
    return rn_raise_panic(vm, message->data, message->size);
}

/* ---- Access ---- */

/* Natives hold values exclusively only while they run: what is not moved can be read. */
NATIVE(is_readable)
{
    (void)vm;
    (void)count;
    bool moved = rn_value_is_object(args[0]) && (args[0].object->flags & RN_OBJECT_MOVED) != 0;
    return rn_std_bool(args, !moved);
}

NATIVE(is_writable)
{
    (void)count;
    struct rn_access access;
    RN_TRY_VM(rn_value_access(vm, args[0], &access));
    return rn_std_bool(args, !access.moved && !access.exclusive && access.shared == 0);
}

NATIVE(mem_drop)
{
    (void)count;
    RN_TRY_VM(rn_take(vm, args[0]));
    return rn_std_unit(args);
}

/* Fields of a Snapshot. */
enum {
    MOVED,
    EXCLUSIVE,
    SHARED,
    SNAPSHOT_FIELDS
};

NATIVE(mem_snapshot)
{
    (void)count;
    if (!rn_value_is_object(args[0])) {
        return rn_std_none(args);
    }
    struct rn_access access;
    RN_TRY_VM(rn_value_access(vm, args[0], &access));
    struct rn_tuple *snapshot = rn_struct_new(vm, RN_TYPE_ID_SNAPSHOT, SNAPSHOT_FIELDS);
    if (snapshot == NULL) {
        return RN_RAISED;
    }
    snapshot->items[MOVED] = rn_value_bool(access.moved);
    snapshot->items[EXCLUSIVE] = rn_value_bool(access.exclusive);
    snapshot->items[SHARED] = rn_value_u64(access.shared);
    return rn_std_some(vm, args, rn_value_object(snapshot));
}

static enum rn_outcome snapshot_field(struct rn_vm *vm, const struct rn_value *args, int field,
                                      struct rn_value *out_value)
{
    struct rn_object *object;
    RN_TRY_VM(rn_arg_exact(vm, args[0], RN_TYPE_ID_SNAPSHOT, &object));
    *out_value = ((struct rn_tuple *)object)->items[field];
    return RN_DONE;
}

NATIVE(mem_snapshot_shared)
{
    (void)count;
    return snapshot_field(vm, args, SHARED, &args[0]);
}

/* A moved value counts as held exclusively. */
static enum rn_outcome snapshot_is_free(struct rn_vm *vm, const struct rn_value *args,
                                        bool *out_free)
{
    struct rn_value moved;
    struct rn_value exclusive;
    RN_TRY_VM(snapshot_field(vm, args, MOVED, &moved));
    RN_TRY_VM(snapshot_field(vm, args, EXCLUSIVE, &exclusive));
    *out_free = !rn_value_is_true(moved) && !rn_value_is_true(exclusive);
    return RN_DONE;
}

NATIVE(mem_snapshot_is_exclusive)
{
    (void)count;
    bool is_free;
    RN_TRY_VM(snapshot_is_free(vm, args, &is_free));
    return rn_std_bool(args, !is_free);
}

NATIVE(mem_snapshot_is_readable)
{
    (void)count;
    bool is_free;
    RN_TRY_VM(snapshot_is_free(vm, args, &is_free));
    return rn_std_bool(args, is_free);
}

/* Rune tells the same as for reading: shared borrows do not count here. */
NATIVE(mem_snapshot_is_writable)
{
    (void)count;
    bool is_free;
    RN_TRY_VM(snapshot_is_free(vm, args, &is_free));
    return rn_std_bool(args, is_free);
}

/* ---- Types ---- */

NATIVE(type_of_val)
{
    (void)count;
    args[0] = rn_value_type(rn_type_of(vm, args[0]));
    return RN_DONE;
}

NATIVE(type_name_of_val)
{
    (void)count;
    RN_TRY_VM(rn_check_read(vm, args[0]));
    struct rn_string *text = rn_string_with_capacity(vm, 0);
    if (text == NULL) {
        return RN_RAISED;
    }
    RN_TRY_VM(rn_fmt_append_type(vm, text, rn_type_of(vm, args[0])));
    return rn_std_object(args, text);
}

/* ---- Output ---- */

enum {
    STDOUT
};

NATIVE(io_print)
{
    (void)count;
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    rn_std_charge_bytes(vm, text->size);
    RN_TRY_VM(rn_output(vm, STDOUT, text->data, text->size));
    return rn_std_unit(args);
}

NATIVE(io_println)
{
    RN_TRY_VM(rn_std_io_print(vm, args, count));
    RN_TRY_VM(rn_output(vm, STDOUT, "\n", 1));
    return RN_DONE;
}

NATIVE(io_dbg)
{
    for (uint32_t i = 0; i < count; i++) {
        struct rn_string *text = rn_string_with_capacity(vm, 0);
        if (text == NULL) {
            return RN_RAISED;
        }
        RN_TRY_VM(rn_fmt_debug(vm, text, args[i]));
        rn_std_charge_bytes(vm, text->size);
        RN_TRY_VM(rn_output(vm, STDOUT, text->data, text->size));
        RN_TRY_VM(rn_output(vm, STDOUT, "\n", 1));
    }
    return rn_std_unit(args);
}

/* ---- Ranges ---- */

/* Bounds are asked about the value, never the other way round, as the message of a mismatch tells. */
static enum rn_outcome is_side(struct rn_vm *vm, struct rn_value bound, struct rn_value value,
                               enum rn_partial_ordering side, bool or_equal, bool *out_is)
{
    enum rn_partial_ordering ordering;
    RN_TRY_VM(rn_value_compare(vm, bound, value, RN_PARTIAL, &ordering));
    *out_is = ordering == side || (or_equal && ordering == RN_PARTIAL_EQUAL);
    return RN_DONE;
}

NATIVE(range_contains)
{
    (void)count;
    RN_TRY_VM(rn_check_read(vm, args[0]));
    if (!rn_value_is_object(args[0]) || args[0].object->kind != RN_OBJECT_RANGE) {
        return rn_raise_expected(vm, RN_TYPE_ID_RANGE, args[0]);
    }
    const struct rn_value *bounds = rn_as_tuple(args[0])->items;
    uint32_t type = args[0].object->type;
    bool has_start = type == RN_TYPE_ID_RANGE || type == RN_TYPE_ID_RANGE_FROM ||
                     type == RN_TYPE_ID_RANGE_INCLUSIVE;
    bool has_end = type != RN_TYPE_ID_RANGE_FROM && type != RN_TYPE_ID_RANGE_FULL;
    bool inclusive = type == RN_TYPE_ID_RANGE_INCLUSIVE || type == RN_TYPE_ID_RANGE_TO_INCLUSIVE;
    bool inside = true;
    if (has_start) {
        RN_TRY_VM(is_side(vm, bounds[0], args[1], RN_PARTIAL_LESS, true, &inside));
    }
    if (inside && has_end) {
        struct rn_value end = bounds[has_start ? 1 : 0];
        RN_TRY_VM(is_side(vm, end, args[1], RN_PARTIAL_GREATER, inclusive, &inside));
    }
    return rn_std_bool(args, inside);
}
