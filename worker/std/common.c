/* common.c: small helpers of the natives. */
#include "worker/std/std.h"

#include <string.h>

enum rn_outcome rn_std_some(struct rn_vm *vm, struct rn_value *args, struct rn_value value)
{
    return rn_make_some(vm, value, &args[0]);
}

enum rn_outcome rn_std_text(struct rn_vm *vm, struct rn_value *args, const char *data, size_t size)
{
    return rn_std_object(args, rn_string_new(vm, data, size));
}

enum rn_outcome rn_std_error(struct rn_vm *vm, struct rn_value *args, uint32_t type, uint32_t code)
{
    struct rn_tuple *error = rn_struct_new(vm, type, 1);
    if (error == NULL) {
        return RN_RAISED;
    }
    error->items[0] = rn_value_u64(code);
    return rn_make_err(vm, rn_value_object(error), &args[0]);
}

enum rn_outcome rn_std_vec_mut(struct rn_vm *vm, struct rn_value value, struct rn_vec **out_vec)
{
    RN_TRY_VM(rn_check_write(vm, value));
    return rn_arg_vec(vm, value, out_vec);
}

enum rn_outcome rn_std_string_mut(struct rn_vm *vm, struct rn_value value,
                                  struct rn_string **out_string)
{
    RN_TRY_VM(rn_check_write(vm, value));
    return rn_arg_string(vm, value, out_string);
}

enum rn_outcome rn_std_bytes_mut(struct rn_vm *vm, struct rn_value value,
                                 struct rn_string **out_bytes)
{
    RN_TRY_VM(rn_check_write(vm, value));
    return rn_arg_bytes(vm, value, out_bytes);
}

bool rn_std_shrink(struct rn_vm *vm, struct rn_string *string)
{
    if (string->capacity <= string->size) {
        return true;
    }
    size_t capacity = 0;
    char *data = NULL;
    if (string->size != 0) {
        data = rn_heap_buffer(vm, string->size, &capacity);
        if (data == NULL) {
            return false;
        }
        memcpy(data, string->data, string->size);
    }
    rn_heap_buffer_free(vm, (void *)(uintptr_t)string->data);
    string->data = data == NULL ? "" : data;
    string->capacity = (uint32_t)capacity;
    return true;
}

/* `end` one past the last; `inclusive` ends at the greatest size name nothing. */
static void set_range(struct rn_std_part *part, uint64_t from, uint64_t to, bool inclusive,
                      uint64_t length)
{
    part->is_range = true;
    if (inclusive && to == UINT64_MAX) {
        part->found = false;
        return;
    }
    part->from = from;
    part->to = to + inclusive;
    part->found = part->from <= part->to && part->to <= length;
}

enum rn_outcome rn_std_part(struct rn_vm *vm, struct rn_value index, uint64_t length,
                            struct rn_std_part *out_part)
{
    *out_part = (struct rn_std_part){0};
    uint64_t from = 0;
    uint64_t to = length;
    if (!rn_value_is_object(index) || index.object->kind != RN_OBJECT_RANGE) {
        RN_TRY_VM(rn_arg_size(vm, index, &out_part->from));
        out_part->found = out_part->from < length;
        return RN_DONE;
    }
    RN_TRY_VM(rn_check_read(vm, index));
    const struct rn_value *bounds = rn_as_tuple(index)->items;
    uint32_t type = index.object->type;
    bool has_from = type == RN_TYPE_ID_RANGE_FROM || type == RN_TYPE_ID_RANGE ||
                    type == RN_TYPE_ID_RANGE_INCLUSIVE;
    if (has_from) {
        RN_TRY_VM(rn_arg_size(vm, bounds[0], &from));
    }
    if (type != RN_TYPE_ID_RANGE_FROM && type != RN_TYPE_ID_RANGE_FULL) {
        RN_TRY_VM(rn_arg_size(vm, bounds[has_from ? 1 : 0], &to));
    }
    bool inclusive = type == RN_TYPE_ID_RANGE_INCLUSIVE || type == RN_TYPE_ID_RANGE_TO_INCLUSIVE;
    set_range(out_part, from, to, inclusive, length);
    return RN_DONE;
}

static enum rn_outcome does_not_fit(struct rn_vm *vm, struct rn_value value, struct rn_utf8 name)
{
    return rn_raise(vm, RN_VM_ERROR_VALUE_TO_INTEGER, value, name);
}

/* The integer as i64 if `min` <= it <= `max`. */
static enum rn_outcome integer_within(struct rn_vm *vm, struct rn_value value, int64_t min,
                                      int64_t max, struct rn_utf8 name, int64_t *out_value)
{
    if (value.tag != RN_VALUE_I64 && value.tag != RN_VALUE_U64) {
        return rn_raise(vm, RN_VM_ERROR_EXPECTED_NUMBER, value);
    }
    bool fits = value.tag == RN_VALUE_I64 ? value.i64 >= min && value.i64 <= max
                                          : value.u64 <= (uint64_t)max;
    if (!fits) {
        return does_not_fit(vm, value, name);
    }
    *out_value = value.i64;
    return RN_DONE;
}

enum rn_outcome rn_std_arg_u32(struct rn_vm *vm, struct rn_value value, uint32_t *out_value)
{
    int64_t number = 0;
    RN_TRY_VM(integer_within(vm, value, 0, UINT32_MAX, RN_UTF8("u32"), &number));
    *out_value = (uint32_t)number;
    return RN_DONE;
}

enum rn_outcome rn_std_arg_i32(struct rn_vm *vm, struct rn_value value, int32_t *out_value)
{
    int64_t number = 0;
    RN_TRY_VM(integer_within(vm, value, INT32_MIN, INT32_MAX, RN_UTF8("i32"), &number));
    *out_value = (int32_t)number;
    return RN_DONE;
}

bool rn_std_utf8_chunk(struct rn_utf8 text, size_t *at, bool *out_last, size_t *out_bad)
{
    size_t left = text.size - *at;
    size_t size = left < RN_STD_CHUNK_BYTES ? left : RN_STD_CHUNK_BYTES;
    size_t bad;
    *out_last = size == left;
    if (!rn_utf8_valid(text.data + *at, size, &bad)) {
        if (*out_last || bad == 0 || size - bad > 3) {
            *out_bad = *at + bad;
            return false;
        }
        size = bad;
    }
    *at += size;
    return true;
}
