/*
 * map.c: insertion-ordered maps: an array of entries, and an index over it from 9 entries on.
 *
 * The index is open addressing with linear probing at load at most 5/8; a slot holds
 * hash << 32 | position + 1, 0 for never used, and REMOVED for a removed one. Removing leaves an
 * EMPTY entry in the array, so that the order stays and iterators need no repair; when more than
 * half of the array is removed entries it is compacted, which is charged. Without an index every
 * lookup walks over the removed ones, for nothing: then the array is compacted early, however much
 * room it has.
 *
 * Object has text keys, found by their bytes. HashMap and HashSet have keys of any hashable value,
 * by the HASH and EQ protocols. Hashes depend on a key of the process that no script can learn, so
 * that none can bring about long probes, which nobody would be charged for. Nothing that a script
 * can see depends on it: neither an order nor (B3) what is charged, since keys whose hashes are the
 * same by chance are compared for nothing, and keys that somebody changed in the map to make them so
 * for nothing only MISSES_FREE times in a lookup. In the index such keys, and those removed, stand one behind
 * the other: more slots of one hash than chance makes (SAME_FREE) are paid for by their number. How many slots of
 * other hashes lie between them depends on the key of the process, and is not.
 */
#include <string.h>

#include "worker/vm/machine.h"

#define LINEAR_MAX 8u
#define LINEAR_USED_MAX 64u
#define INDEX_KEPT_MAX 64u
#define ENTRY_SIZE 32u
#define ENTRIES_MAX ((uint32_t)1 << 27)
#define REMOVED 0xffffffffu
#define MISSES_FREE 4u
#define SAME_FREE 16u

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply and fold, 8 bytes at a time, after wyhash. */
static uint32_t key_hash(uint64_t seed, const char *data, size_t size)
{
    uint64_t h = seed ^ size;
    uint64_t word;
    for (; size >= 8; data += 8, size -= 8) {
        memcpy(&word, data, 8);
        h = mix(h ^ word, UINT64_C(0xe7037ed1a0b428db) ^ seed);
    }
    word = 0;
    memcpy(&word, data, size);
    h = mix(h ^ word, UINT64_C(0x8ebc6af09c88c6e3) ^ seed);
    return (uint32_t)(h ^ h >> 32);
}

static uint64_t key_seed(const struct rn_vm *vm)
{
    return mix(vm->hash_key ^ UINT64_C(0x589965cc75374cc3), UINT64_C(0xa0761d6478bd642f)) | 1;
}

static struct rn_map *new_map(struct rn_vm *vm, enum rn_object_kind kind, uint32_t type)
{
    struct rn_map *map = rn_heap_object(vm, kind, type, sizeof(*map));
    if (map != NULL) {
        memset((uint8_t *)map + sizeof(struct rn_object), 0,
               sizeof(*map) - sizeof(struct rn_object));
    }
    return map;
}

static bool is_removed(const struct rn_map *map, uint32_t position)
{
    // The first word of an entry is the tag of the value, or of the key: either says EMPTY.
    return map->entries[position].key.tag == RN_VALUE_EMPTY;
}

/*
 * A removed entry's payload is where to look on, 0: behind it. Entries are added at the end only, so
 * what was found removed once stays so until the next tidying, and is passed over in one step.
 */
static uint32_t behind(const struct rn_map *map, uint32_t position)
{
    uint64_t hint = map->entries[position].key.u64;
    return hint > position ? (uint32_t)hint : position + 1;
}

uint32_t rn_map_live_from(struct rn_map *map, uint64_t position)
{
    uint32_t begun = position < map->used ? (uint32_t)position : map->used;
    uint32_t at = begun;
    while (at < map->used && is_removed(map, at)) {
        at = behind(map, at);
    }
    for (uint32_t i = begun; i < at;) {
        uint32_t next = behind(map, i);
        map->entries[i].key.u64 = at;
        i = next;
    }
    return at;
}

/* False: as rn_check_spent. */
static bool pay_same(struct rn_vm *vm, uint32_t same)
{
    if (RN_LIKELY(same <= SAME_FREE)) {
        return true;
    }
    rn_charge(vm, same);
    return rn_check_spent(vm) == RN_DONE;
}

/* Puts a slot into an index of `mask` + 1, where there is room. False: that was too much work. */
static bool index_put(struct rn_vm *vm, uint64_t *index, uint32_t mask, uint64_t slot)
{
    uint32_t i = (uint32_t)(slot >> 32) & mask;
    uint32_t same = 0;
    while (index[i] != 0 && (uint32_t)index[i] != REMOVED) {
        same += index[i] >> 32 == slot >> 32;
        i = (i + 1) & mask;
    }
    index[i] = slot;
    return pay_same(vm, same);
}

static void index_insert(struct rn_vm *vm, const struct rn_map *map, uint32_t hash,
                         uint32_t position)
{
    // It is in, and the end of the budget can wait for the next instruction.
    (void)index_put(vm, map->index, map->index_capacity - 1, (uint64_t)hash << 32 | (position + 1));
}

static uint64_t *new_index(struct rn_vm *vm, uint32_t capacity)
{
    size_t bytes;
    size_t wanted = ((size_t)capacity + 1) * sizeof(uint64_t);
    uint64_t *index = rn_heap_buffer(vm, wanted, &bytes);
    if (index != NULL) {
        if (bytes <= RN_SMALL_SIZE_MAX) {
            memset(index, 0, wanted); // larger storage comes in pages that are zero
        }
        index[capacity] = key_seed(vm);
    }
    return index;
}

static void set_index(struct rn_vm *vm, struct rn_map *map, uint64_t *index, uint32_t capacity)
{
    rn_heap_buffer_free(vm, map->index);
    map->index = index;
    map->index_capacity = capacity;
}

/* Computes the hash of an entry that is not in an index yet. */
static enum rn_outcome entry_hash(struct rn_vm *vm, const struct rn_map *map, uint32_t position,
                                  uint32_t *out_hash)
{
    uint64_t hash = 0;
    if (map->header.kind == RN_OBJECT_OBJECT) {
        const struct rn_key *key = &map->object_entries[position].key;
        hash = key_hash(key_seed(vm), key->data, key->size);
    } else {
        RN_TRY_VM(rn_value_hash(vm, map->entries[position].key, &hash));
    }
    *out_hash = (uint32_t)hash;
    return RN_DONE;
}

/* The first index over the entries. */
static bool index_entries(struct rn_vm *vm, const struct rn_map *map, uint64_t *index,
                          uint32_t capacity)
{
    for (uint32_t i = 0; i < map->used; i++) {
        uint32_t hash;
        if (is_removed(map, i)) {
            continue;
        }
        if (entry_hash(vm, map, i, &hash) != RN_DONE) {
            return false;
        }
        if (!index_put(vm, index, capacity - 1, (uint64_t)hash << 32 | (i + 1))) {
            return false;
        }
    }
    return true;
}

/* The slots of the map in an index of its own for as many or more. Slots are read in their order, and so written
 * in the order of as many places as the index has grown by: never across the cache. */
static bool copy_slots(struct rn_vm *vm, const struct rn_map *map, uint64_t *index,
                       uint32_t capacity)
{
    for (uint32_t i = 0; i < map->index_capacity; i++) {
        uint32_t position = (uint32_t)map->index[i];
        if (position != 0 && position != REMOVED &&
            !index_put(vm, index, capacity - 1, map->index[i])) {
            return false;
        }
    }
    return true;
}

/* A larger index over entries that have not moved. */
static bool index_grow(struct rn_vm *vm, struct rn_map *map, uint32_t capacity)
{
    uint64_t *index = new_index(vm, capacity);
    if (index == NULL) {
        return false;
    }
    bool done = map->index_capacity == 0 ? index_entries(vm, map, index, capacity)
                                         : copy_slots(vm, map, index, capacity);
    if (!done) {
        rn_heap_buffer_free(vm, index);
        return false;
    }
    set_index(vm, map, index, capacity);
    return true;
}

/* Hashes of all entries by position, from the index. */
static uint32_t *collect_hashes(struct rn_vm *vm, const struct rn_map *map)
{
    size_t bytes;
    uint32_t *hashes = rn_heap_buffer(vm, (size_t)(map->used + 1) * sizeof(uint32_t), &bytes);
    for (uint32_t i = 0; hashes != NULL && i < map->index_capacity; i++) {
        uint32_t position = (uint32_t)map->index[i];
        if (position != 0 && position != REMOVED) {
            hashes[position - 1] = (uint32_t)(map->index[i] >> 32);
        }
    }
    return hashes;
}

static uint32_t index_capacity_for(uint32_t entries)
{
    uint32_t capacity = 16;
    while (capacity / 8 * 5 < entries) {
        capacity *= 2;
    }
    return capacity;
}

/* Moves the entries together; positions change. */
static void compact(struct rn_vm *vm, struct rn_map *map)
{
    uint32_t to = 0;
    rn_charge(vm, map->used);
    for (uint32_t from = 0; from < map->used; from++) {
        if (!is_removed(map, from)) {
            map->entries[to++] = map->entries[from];
        }
    }
    map->used = to;
}

static bool grow_entries(struct rn_vm *vm, struct rn_map *map, uint32_t capacity)
{
    if (capacity > ENTRIES_MAX) {
        rn_reach_limit(vm, RN_LIMIT_MEMORY);
        return false;
    }
    size_t bytes;
    void *storage = rn_heap_buffer_grow(vm, map->storage, (size_t)map->used * ENTRY_SIZE,
                                        (size_t)capacity * ENTRY_SIZE, &bytes);
    if (storage == NULL) {
        return false;
    }
    map->storage = storage;
    map->capacity = (uint32_t)(bytes / ENTRY_SIZE);
    return true;
}

/* An index over the entries as they will be when they have moved together. */
static bool index_compacted(struct rn_vm *vm, const struct rn_map *map, uint64_t *index,
                            uint32_t capacity)
{
    uint32_t *hashes = collect_hashes(vm, map);
    bool done = hashes != NULL;
    uint32_t to = 0;
    for (uint32_t i = 0; done && i < map->used; i++) {
        if (!is_removed(map, i)) {
            done = index_put(vm, index, capacity - 1, (uint64_t)hashes[i] << 32 | ++to);
        }
    }
    rn_heap_buffer_free(vm, hashes);
    return done;
}

/* Removed entries go; positions change. If it fails nothing has changed: the map may be in a static. */
static bool tidy(struct rn_vm *vm, struct rn_map *map, uint32_t needed)
{
    if (map->index_capacity == 0) {
        compact(vm, map);
        return true;
    }
    uint32_t capacity = index_capacity_for(needed);
    uint64_t *index = new_index(vm, capacity);
    if (index == NULL || !index_compacted(vm, map, index, capacity)) {
        rn_heap_buffer_free(vm, index);
        return false;
    }
    compact(vm, map);
    set_index(vm, map, index, capacity);
    return true;
}

/* More than half of the array is removed entries, and it is full, or longer than lookups should walk. */
static bool is_untidy(const struct rn_map *map, uint32_t extra)
{
    bool is_long = map->index_capacity == 0 && map->used + extra > LINEAR_USED_MAX;
    return (is_long || map->used + extra > map->capacity) && map->used - map->live > map->used / 2;
}

/* Room for `extra` more entries, with an index if there are many. Positions may change. */
static bool reserve(struct rn_vm *vm, struct rn_map *map, uint32_t extra)
{
    uint32_t needed = map->live + extra;
    if (is_untidy(map, extra) && !tidy(vm, map, needed)) {
        return false;
    }
    if (map->used + extra > map->capacity) {
        uint32_t wanted = map->capacity < 2 ? 2 : map->capacity * 2;
        wanted = map->used + extra > wanted ? map->used + extra : wanted;
        if (!grow_entries(vm, map, wanted)) {
            return false;
        }
    }
    // Each entry since the last tidying may have taken a slot: a probe must always find one that was never used.
    bool indexed = needed > LINEAR_MAX || map->index_capacity != 0;
    bool index_small = indexed && map->index_capacity / 8 * 5 < map->used + extra;
    return !index_small || index_grow(vm, map, index_capacity_for(map->used + extra));
}

struct rn_map *rn_object_new(struct rn_vm *vm, size_t capacity)
{
    struct rn_map *map = new_map(vm, RN_OBJECT_OBJECT, RN_TYPE_ID_OBJECT);
    if (map == NULL ||
        (capacity > 0 &&
         !reserve(vm, map, capacity > ENTRIES_MAX ? ENTRIES_MAX : (uint32_t)capacity))) {
        return NULL;
    }
    return map;
}

struct rn_map *rn_map_new(struct rn_vm *vm, uint32_t type, size_t capacity)
{
    struct rn_map *map = new_map(vm, RN_OBJECT_MAP, type);
    if (map == NULL ||
        (capacity > 0 &&
         !reserve(vm, map, capacity > ENTRIES_MAX ? ENTRIES_MAX : (uint32_t)capacity))) {
        return NULL;
    }
    return map;
}

static bool key_is(const struct rn_key *key, const char *data, uint32_t size)
{
    return key->size == size && (key->data == data || memcmp(key->data, data, size) == 0);
}

static uint32_t find_linear(const struct rn_map *object, const char *data, uint32_t size)
{
    for (uint32_t i = 0; i < object->used; i++) {
        const struct rn_object_entry *entry = &object->object_entries[i];
        if (entry->value.tag != RN_VALUE_EMPTY && key_is(&entry->key, data, size)) {
            return i;
        }
    }
    return RN_NONE;
}

static uint32_t text_hash(const struct rn_map *object, const char *data, size_t size)
{
    return object->index_capacity == 0
               ? 0
               : key_hash(object->index[object->index_capacity], data, size);
}

static uint32_t find_text(const struct rn_map *object, const char *data, uint32_t size,
                          uint32_t hash)
{
    if (object->index_capacity == 0) {
        return find_linear(object, data, size);
    }
    uint32_t mask = object->index_capacity - 1;
    for (uint32_t i = hash & mask; object->index[i] != 0; i = (i + 1) & mask) {
        uint64_t slot = object->index[i];
        uint32_t position = (uint32_t)slot - 1;
        if (slot >> 32 == hash && (uint32_t)slot != REMOVED &&
            key_is(&object->object_entries[position].key, data, size)) {
            return position;
        }
    }
    return RN_NONE;
}

uint32_t rn_object_find(const struct rn_map *object, const char *data, uint32_t size)
{
    return find_text(object, data, size, text_hash(object, data, size));
}

struct rn_value *rn_object_get(const struct rn_map *object, const char *key, size_t size)
{
    if (size > UINT32_MAX) {
        return NULL;
    }
    uint32_t position = rn_object_find(object, key, (uint32_t)size);
    return position == RN_NONE ? NULL : &object->object_entries[position].value;
}

/* Appends an entry whose key is known to be absent. */
static enum rn_outcome object_append(struct rn_vm *vm, struct rn_map *object, struct rn_key key,
                                     struct rn_value value)
{
    if (!reserve(vm, object, 1)) {
        return RN_RAISED;
    }
    object->object_entries[object->used] = (struct rn_object_entry){.value = value, .key = key};
    if (object->index_capacity != 0) {
        index_insert(vm, object, text_hash(object, key.data, key.size), object->used);
    }
    object->used++;
    object->live++;
    object->header.version++;
    return RN_DONE;
}

enum rn_outcome rn_object_insert_static(struct rn_vm *vm, struct rn_map *object, struct rn_utf8 key,
                                        struct rn_value value)
{
    RN_TRY_VM(rn_pay_text(vm, key.size));
    uint32_t position = rn_object_find(object, key.data, (uint32_t)key.size);
    if (position != RN_NONE) {
        object->object_entries[position].value = value;
        return RN_DONE;
    }
    return object_append(vm, object, (struct rn_key){key.data, (uint32_t)key.size, 0}, value);
}

enum rn_outcome rn_object_insert(struct rn_vm *vm, struct rn_map *object, const char *key,
                                 size_t size, struct rn_value value, struct rn_value *out_old)
{
    rn_charge(vm, size / 16);
    uint32_t position = rn_object_find(object, key, (uint32_t)size);
    if (out_old != NULL) {
        *out_old = position == RN_NONE ? rn_value_empty() : object->object_entries[position].value;
    }
    if (position != RN_NONE) {
        object->object_entries[position].value = value;
        return RN_DONE;
    }
    size_t capacity;
    char *copy = rn_heap_buffer(vm, size == 0 ? 1 : size, &capacity);
    if (copy == NULL) {
        return RN_RAISED;
    }
    memcpy(copy, key, size);
    return object_append(vm, object, (struct rn_key){copy, (uint32_t)size, 1}, value);
}

/* No entry is left. A large index goes: to clear it again and again is work that no budget pays. */
static void forget_entries(struct rn_vm *vm, struct rn_map *map)
{
    map->used = 0;
    map->live = 0;
    if (map->index_capacity > INDEX_KEPT_MAX) {
        rn_heap_buffer_free(vm, map->index);
        map->index = NULL;
        map->index_capacity = 0;
    } else if (map->index_capacity != 0) {
        memset(map->index, 0, map->index_capacity * sizeof(uint64_t));
    }
}

/* Takes an entry out of array and index. */
static void remove_position(struct rn_vm *vm, struct rn_map *map, uint32_t hash, uint32_t position)
{
    map->entries[position].key = rn_value_empty();
    map->entries[position].value = rn_value_empty();
    map->live--;
    map->header.version++;
    if (map->index_capacity != 0) {
        uint32_t mask = map->index_capacity - 1;
        uint32_t i = hash & mask;
        while ((uint32_t)map->index[i] != position + 1) {
            RN_CHECK(map->index[i] != 0);
            i = (i + 1) & mask;
        }
        map->index[i] |= REMOVED; // its hash stays
    }
    if (map->live == 0) {
        forget_entries(vm, map);
    }
}

struct rn_value rn_object_remove(struct rn_vm *vm, struct rn_map *object, const char *key,
                                 size_t size)
{
    uint32_t hash = text_hash(object, key, size);
    uint32_t position = find_text(object, key, (uint32_t)size, hash);
    if (position == RN_NONE) {
        return rn_value_empty();
    }
    struct rn_object_entry *entry = &object->object_entries[position];
    struct rn_value old = entry->value;
    if (entry->key.heap) {
        rn_heap_buffer_free(vm, (void *)(uintptr_t)entry->key.data);
    }
    remove_position(vm, object, hash, position);
    return old;
}

/* --- Keys of any value --- */

/* True without raising for the kinds that are common; keys of different types differ. */
static enum rn_outcome keys_equal(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                                  bool *out_equal)
{
    if (a.tag != b.tag) {
        // None, and an Option that was taken.
        uint32_t type = rn_exact_type_of(a);
        *out_equal = type == RN_VARIANT_ID_OPTION_NONE && type == rn_exact_type_of(b);
        return RN_DONE;
    }
    if (a.tag != RN_VALUE_OBJECT) {
        *out_equal = (a.tag == RN_VALUE_F64 ? a.f64 == b.f64 : a.u64 == b.u64);
        return RN_DONE;
    }
    if (a.object->type != b.object->type) {
        *out_equal = false;
        return RN_DONE;
    }
    if (a.object->kind == RN_OBJECT_STRING) {
        const struct rn_string *x = rn_as_string(a);
        const struct rn_string *y = rn_as_string(b);
        *out_equal = false;
        if (x->size == y->size) {
            rn_charge(vm, x->size / 64);
            *out_equal = memcmp(x->data, y->data, x->size) == 0;
        }
        return RN_DONE;
    }
    return rn_value_eq(vm, a, b, RN_TOTAL, out_equal);
}

static enum rn_outcome map_find(struct rn_vm *vm, const struct rn_map *map, struct rn_value key,
                                uint32_t hash, uint32_t *out_position)
{
    bool equal = false;
    *out_position = RN_NONE;
    if (map->index_capacity == 0) {
        for (uint32_t i = 0; i < map->used && !equal; i++) {
            if (!is_removed(map, i)) {
                RN_TRY_VM(keys_equal(vm, map->entries[i].key, key, &equal));
            }
            *out_position = equal ? i : RN_NONE;
        }
        return RN_DONE;
    }
    uint32_t mask = map->index_capacity - 1;
    uint32_t misses = 0;
    uint32_t same = 0;
    for (uint32_t i = hash & mask; map->index[i] != 0 && !equal; i = (i + 1) & mask) {
        uint64_t slot = map->index[i];
        same += slot >> 32 == hash;
        if (slot >> 32 == hash && (uint32_t)slot != REMOVED) {
            uint32_t position = (uint32_t)slot - 1;
            int64_t fuel = vm->fuel;
            RN_TRY_VM(keys_equal(vm, map->entries[position].key, key, &equal));
            *out_position = equal ? position : RN_NONE;
            vm->fuel = !equal && misses++ < MISSES_FREE ? fuel : vm->fuel;
        }
    }
    return pay_same(vm, same) ? RN_DONE : RN_RAISED;
}

enum rn_outcome rn_map_get(struct rn_vm *vm, struct rn_map *map, struct rn_value key,
                           struct rn_map_entry **out_entry)
{
    uint64_t hash;
    uint32_t position;
    RN_TRY_VM(rn_value_hash(vm, key, &hash));
    RN_TRY_VM(map_find(vm, map, key, (uint32_t)hash, &position));
    *out_entry = position == RN_NONE ? NULL : &map->entries[position];
    return RN_DONE;
}

enum rn_outcome rn_map_insert(struct rn_vm *vm, struct rn_map *map, struct rn_value key,
                              struct rn_value value, struct rn_value *out_old)
{
    uint64_t hash;
    uint32_t position;
    RN_TRY_VM(rn_value_hash(vm, key, &hash));
    RN_TRY_VM(map_find(vm, map, key, (uint32_t)hash, &position));
    struct rn_value old = rn_value_empty();
    if (position != RN_NONE) {
        old = map->entries[position].value;
        map->entries[position].value = value;
    } else {
        if (!reserve(vm, map, 1)) {
            return RN_RAISED;
        }
        map->entries[map->used] = (struct rn_map_entry){.key = key, .value = value};
        if (map->index_capacity != 0) {
            index_insert(vm, map, (uint32_t)hash, map->used);
        }
        map->used++;
        map->live++;
        map->header.version++;
    }
    if (out_old != NULL) {
        *out_old = old;
    }
    return RN_DONE;
}

enum rn_outcome rn_map_remove(struct rn_vm *vm, struct rn_map *map, struct rn_value key,
                              struct rn_value *out_old)
{
    uint64_t hash;
    uint32_t position;
    RN_TRY_VM(rn_value_hash(vm, key, &hash));
    RN_TRY_VM(map_find(vm, map, key, (uint32_t)hash, &position));
    if (position == RN_NONE) {
        *out_old = rn_value_empty();
        return RN_DONE;
    }
    *out_old = map->entries[position].value;
    remove_position(vm, map, (uint32_t)hash, position);
    return RN_DONE;
}

void rn_map_clear(struct rn_vm *vm, struct rn_map *map)
{
    if (map->header.kind == RN_OBJECT_OBJECT) {
        for (uint32_t i = 0; i < map->used; i++) {
            if (map->object_entries[i].key.heap) {
                rn_heap_buffer_free(vm, (void *)(uintptr_t)map->object_entries[i].key.data);
            }
        }
    }
    forget_entries(vm, map);
    map->header.version++;
}

/* Key texts in the heap are copied: each belongs to one entry. */
static enum rn_outcome own_keys(struct rn_vm *vm, struct rn_map *copy)
{
    for (uint32_t i = 0; i < copy->used; i++) {
        struct rn_key *key = &copy->object_entries[i].key;
        if (key->heap) {
            size_t capacity;
            char *data = rn_heap_buffer(vm, key->size == 0 ? 1 : key->size, &capacity);
            if (data == NULL) {
                return RN_RAISED;
            }
            memcpy(data, key->data, key->size);
            key->data = data;
        }
    }
    return RN_DONE;
}

static bool copy_index(struct rn_vm *vm, const struct rn_map *map, struct rn_map *copy)
{
    size_t bytes;
    size_t size = ((size_t)map->index_capacity + 1) * sizeof(uint64_t);
    copy->index = rn_heap_buffer(vm, size, &bytes);
    if (copy->index == NULL) {
        return false;
    }
    memcpy(copy->index, map->index, size);
    copy->index_capacity = map->index_capacity;
    return true;
}

/* Nobody sees a copy that is not complete: its keys are still those of the original, which gives them
 * back one day. */
enum rn_outcome rn_map_clone(struct rn_vm *vm, const struct rn_map *map, struct rn_value *out)
{
    struct rn_map *copy = new_map(vm, (enum rn_object_kind)map->header.kind, map->header.type);
    if (copy == NULL || (map->used > 0 && !grow_entries(vm, copy, map->used))) {
        return RN_RAISED;
    }
    if (map->used > 0) {
        memcpy(copy->storage, map->storage, (size_t)map->used * ENTRY_SIZE);
        copy->used = map->used;
        copy->live = map->live;
        if (map->index_capacity != 0 && !copy_index(vm, map, copy)) {
            return RN_RAISED;
        }
        if (map->header.kind == RN_OBJECT_OBJECT) {
            RN_TRY_VM(own_keys(vm, copy));
        }
    }
    *out = rn_value_object(copy);
    return RN_DONE;
}
