/* map.c: functions of std::collections::HashMap and HashSet. */
#include "worker/std/std.h"

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

/* Both kinds share a layout; a set's values are units. */
static enum rn_outcome read(struct rn_vm *vm, struct rn_value value, uint32_t type,
                            struct rn_map **out_map)
{
    return rn_arg_map(vm, value, type, out_map);
}

static enum rn_outcome mut(struct rn_vm *vm, struct rn_value value, uint32_t type,
                           struct rn_map **out_map)
{
    RN_TRY_VM(rn_check_write(vm, value));
    return rn_arg_map(vm, value, type, out_map);
}

static enum rn_outcome with_capacity(struct rn_vm *vm, struct rn_value *args, uint32_t type)
{
    uint64_t capacity;
    RN_TRY_VM(rn_arg_size(vm, args[0], &capacity));
    return rn_std_object(args, rn_map_new(vm, type, capacity));
}

/* What both kinds have under the same name. */
#define COMMON(prefix, type)                                                                       \
    NATIVE(prefix##_new)                                                                           \
    {                                                                                              \
        (void)count;                                                                               \
        return rn_std_object(args, rn_map_new(vm, type, 0));                                       \
    }                                                                                              \
    NATIVE(prefix##_with_capacity)                                                                 \
    {                                                                                              \
        (void)count;                                                                               \
        return with_capacity(vm, args, type);                                                      \
    }                                                                                              \
    NATIVE(prefix##_len)                                                                           \
    {                                                                                              \
        (void)count;                                                                               \
        struct rn_map *map;                                                                        \
        RN_TRY_VM(read(vm, args[0], type, &map));                                                  \
        return rn_std_u64(args, map->live);                                                        \
    }                                                                                              \
    NATIVE(prefix##_is_empty)                                                                      \
    {                                                                                              \
        (void)count;                                                                               \
        struct rn_map *map;                                                                        \
        RN_TRY_VM(read(vm, args[0], type, &map));                                                  \
        return rn_std_bool(args, map->live == 0);                                                  \
    }                                                                                              \
    NATIVE(prefix##_capacity)                                                                      \
    {                                                                                              \
        (void)count;                                                                               \
        struct rn_map *map;                                                                        \
        RN_TRY_VM(read(vm, args[0], type, &map));                                                  \
        return rn_std_u64(args, map->capacity);                                                    \
    }                                                                                              \
    NATIVE(prefix##_clear)                                                                         \
    {                                                                                              \
        (void)count;                                                                               \
        struct rn_map *map;                                                                        \
        RN_TRY_VM(mut(vm, args[0], type, &map));                                                   \
        rn_map_clear(vm, map);                                                                     \
        return rn_std_unit(args);                                                                  \
    }

COMMON(hash_map, RN_TYPE_ID_HASH_MAP)
COMMON(hash_set, RN_TYPE_ID_HASH_SET)

static enum rn_outcome give(struct rn_vm *vm, struct rn_value *args, struct rn_value value)
{
    return value.tag == RN_VALUE_EMPTY ? rn_std_none(args) : rn_std_some(vm, args, value);
}

NATIVE(hash_map_insert)
{
    (void)count;
    struct rn_map *map;
    struct rn_value old;
    RN_TRY_VM(mut(vm, args[0], RN_TYPE_ID_HASH_MAP, &map));
    RN_TRY_VM(rn_map_insert(vm, map, args[1], args[2], &old));
    return give(vm, args, old);
}

NATIVE(hash_map_remove)
{
    (void)count;
    struct rn_map *map;
    struct rn_value old;
    RN_TRY_VM(mut(vm, args[0], RN_TYPE_ID_HASH_MAP, &map));
    RN_TRY_VM(rn_map_remove(vm, map, args[1], &old));
    return give(vm, args, old);
}

static enum rn_outcome find(struct rn_vm *vm, const struct rn_value *args, uint32_t type,
                            struct rn_map_entry **out_entry)
{
    struct rn_map *map;
    RN_TRY_VM(read(vm, args[0], type, &map));
    return rn_map_get(vm, map, args[1], out_entry);
}

NATIVE(hash_map_get)
{
    (void)count;
    struct rn_map_entry *entry;
    RN_TRY_VM(find(vm, args, RN_TYPE_ID_HASH_MAP, &entry));
    return entry == NULL ? rn_std_none(args) : rn_std_some(vm, args, entry->value);
}

NATIVE(hash_map_contains_key)
{
    (void)count;
    struct rn_map_entry *entry;
    RN_TRY_VM(find(vm, args, RN_TYPE_ID_HASH_MAP, &entry));
    return rn_std_bool(args, entry != NULL);
}

static enum rn_outcome iterate(struct rn_vm *vm, struct rn_value *args, uint32_t type,
                               enum rn_iter_kind kind)
{
    struct rn_map *map;
    RN_TRY_VM(read(vm, args[0], RN_TYPE_ID_HASH_MAP, &map));
    struct rn_iter *iter = rn_iter_new(vm, type, kind, args[0]);
    if (iter == NULL) {
        return RN_RAISED;
    }
    iter->index = 0;
    iter->end = map->live; // items that remain
    iter->version = map->header.version;
    return rn_std_object(args, iter);
}

NATIVE(hash_map_keys)
{
    (void)count;
    return iterate(vm, args, RN_TYPE_ID_HASH_MAP_KEYS, RN_ITER_MAP_KEYS);
}

NATIVE(hash_map_values)
{
    (void)count;
    return iterate(vm, args, RN_TYPE_ID_HASH_MAP_VALUES, RN_ITER_MAP_VALUES);
}

NATIVE(hash_set_insert)
{
    (void)count;
    struct rn_map *set;
    struct rn_value old;
    RN_TRY_VM(mut(vm, args[0], RN_TYPE_ID_HASH_SET, &set));
    RN_TRY_VM(rn_map_insert(vm, set, args[1], rn_value_unit(), &old));
    return rn_std_bool(args, old.tag == RN_VALUE_EMPTY);
}

NATIVE(hash_set_remove)
{
    (void)count;
    struct rn_map *set;
    struct rn_value old;
    RN_TRY_VM(mut(vm, args[0], RN_TYPE_ID_HASH_SET, &set));
    RN_TRY_VM(rn_map_remove(vm, set, args[1], &old));
    return rn_std_bool(args, old.tag != RN_VALUE_EMPTY);
}

NATIVE(hash_set_contains)
{
    (void)count;
    struct rn_map_entry *entry;
    RN_TRY_VM(find(vm, args, RN_TYPE_ID_HASH_SET, &entry));
    return rn_std_bool(args, entry != NULL);
}
