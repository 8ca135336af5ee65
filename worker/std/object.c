/* object.c: functions of std::object::Object. */
#include "worker/std/std.h"

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_object_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

static enum rn_outcome mut(struct rn_vm *vm, struct rn_value value, struct rn_map **out_object)
{
    RN_TRY_VM(rn_check_write(vm, value));
    return rn_arg_object(vm, value, out_object);
}

NATIVE(new)
{
    (void)count;
    return rn_std_object(args, rn_object_new(vm, 0));
}

NATIVE(with_capacity)
{
    (void)count;
    uint64_t capacity;
    RN_TRY_VM(rn_arg_size(vm, args[0], &capacity));
    return rn_std_object(args, rn_object_new(vm, capacity));
}

NATIVE(len)
{
    (void)count;
    struct rn_map *object;
    RN_TRY_VM(rn_arg_object(vm, args[0], &object));
    return rn_std_u64(args, object->live);
}

NATIVE(is_empty)
{
    (void)count;
    struct rn_map *object;
    RN_TRY_VM(rn_arg_object(vm, args[0], &object));
    return rn_std_bool(args, object->live == 0);
}

/* An absent value stands for none. */
static enum rn_outcome give(struct rn_vm *vm, struct rn_value *args, struct rn_value value)
{
    return value.tag == RN_VALUE_EMPTY ? rn_std_none(args) : rn_std_some(vm, args, value);
}

NATIVE(insert)
{
    (void)count;
    struct rn_map *object;
    struct rn_string *key;
    struct rn_value old;
    RN_TRY_VM(mut(vm, args[0], &object));
    RN_TRY_VM(rn_arg_string(vm, args[1], &key));
    RN_TRY_VM(rn_object_insert(vm, object, key->data, key->size, args[2], &old));
    return give(vm, args, old);
}

NATIVE(remove)
{
    (void)count;
    struct rn_map *object;
    struct rn_string *key;
    RN_TRY_VM(mut(vm, args[0], &object));
    RN_TRY_VM(rn_arg_string(vm, args[1], &key));
    rn_std_charge_bytes(vm, key->size);
    return give(vm, args, rn_object_remove(vm, object, key->data, key->size));
}

NATIVE(clear)
{
    (void)count;
    struct rn_map *object;
    RN_TRY_VM(mut(vm, args[0], &object));
    rn_map_clear(vm, object);
    return rn_std_unit(args);
}

static enum rn_outcome find(struct rn_vm *vm, struct rn_value *args, struct rn_value **out_value)
{
    struct rn_map *object;
    struct rn_string *key;
    RN_TRY_VM(rn_arg_object(vm, args[0], &object));
    RN_TRY_VM(rn_arg_string(vm, args[1], &key));
    rn_std_charge_bytes(vm, key->size);
    *out_value = rn_object_get(object, key->data, key->size);
    return RN_DONE;
}

NATIVE(contains_key)
{
    (void)count;
    struct rn_value *value;
    RN_TRY_VM(find(vm, args, &value));
    return rn_std_bool(args, value != NULL);
}

NATIVE(get)
{
    (void)count;
    struct rn_value *value;
    RN_TRY_VM(find(vm, args, &value));
    return value == NULL ? rn_std_none(args) : rn_std_some(vm, args, *value);
}

static enum rn_outcome iterate(struct rn_vm *vm, struct rn_value *args, uint32_t type,
                               enum rn_iter_kind kind)
{
    struct rn_map *object;
    RN_TRY_VM(rn_arg_object(vm, args[0], &object));
    struct rn_iter *iter = rn_iter_new(vm, type, kind, args[0]);
    if (iter == NULL) {
        return RN_RAISED;
    }
    iter->index = 0;
    iter->end = object->live; // items that remain
    iter->version = object->header.version;
    return rn_std_object(args, iter);
}

NATIVE(keys)
{
    (void)count;
    return iterate(vm, args, RN_TYPE_ID_OBJECT_KEYS, RN_ITER_OBJECT_KEYS);
}

NATIVE(values)
{
    (void)count;
    return iterate(vm, args, RN_TYPE_ID_OBJECT_VALUES, RN_ITER_OBJECT_VALUES);
}
