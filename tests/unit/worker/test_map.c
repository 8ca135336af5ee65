/* Maps: order of insertion, tombstones, compaction, keys by text and by value; and the account. */
#include "tests/unit/worker/machine.h"

/* A Vm between calls will do: nothing here runs. */
static int set_up_vm(void **state)
{
    set_up(state);
    struct machine *m = *state;
    begin(m->b, "f", 0);
    rn_emit_UNIT(m->b, 0);
    end(m->b, 0);
    finish(m);
    start(m, "f");
    return 0;
}

static void object_set(struct rn_vm *vm, struct rn_map *object, unsigned key, int64_t value)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "k%u", key);
    assert_int_equal(rn_object_insert(vm, object, text, (size_t)size, rn_value_i64(value), NULL),
                     RN_DONE);
}

static struct rn_value object_take(struct rn_vm *vm, struct rn_map *object, unsigned key)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "k%u", key);
    return rn_object_remove(vm, object, text, (size_t)size);
}

static const struct rn_value *object_at(const struct rn_map *object, unsigned key)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "k%u", key);
    return rn_object_get(object, text, (size_t)size);
}

static void objects_of_any_size_find_their_keys(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *object = rn_object_new(vm, 0);
    for (unsigned i = 0; i < 1000; i++) {
        object_set(vm, object, i, i);
        assert_int_equal(object->live, i + 1);
        assert_null(object_at(object, i + 1));
        assert_int_equal(object_at(object, i / 2)->i64, i / 2);
    }
    uint32_t version = object->header.version;
    object_set(vm, object, 500, -1);
    assert_int_equal(object_at(object, 500)->i64, -1);
    assert_int_equal(object->header.version, version); // overwriting keeps the place
}

static void removal_keeps_the_order(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *object = rn_object_new(vm, 0);
    for (unsigned i = 0; i < 100; i++) {
        object_set(vm, object, i, i);
    }
    for (unsigned i = 0; i < 100; i += 3) {
        assert_int_equal(object_take(vm, object, i).i64, i);
        assert_int_equal(object_take(vm, object, i).tag, RN_VALUE_EMPTY);
    }
    object_set(vm, object, 0, 1000);
    struct rn_value value;
    assert_int_equal(rn_value_iter(vm, rn_value_object(object), &value), RN_DONE);
    struct rn_iter *iter = rn_as_iter(value);
    int64_t last = -1;
    for (;;) {
        assert_int_equal(rn_iter_next(vm, iter, &value), RN_DONE);
        if (value.tag == RN_VALUE_EMPTY) {
            break;
        }
        int64_t item = rn_as_tuple(value)->items[1].i64;
        assert_true(item > last);
        last = item;
    }
    assert_int_equal(last, 1000);
}

/* A queue that is added to at one end and emptied at the other stays small. */
static void removed_entries_are_compacted(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *object = rn_object_new(vm, 0);
    for (unsigned i = 0; i < 50000; i++) {
        object_set(vm, object, i, i);
        if (i >= 20) {
            assert_int_equal(object_take(vm, object, i - 20).i64, i - 20);
        }
    }
    assert_int_equal(object->live, 20);
    assert_true(object->capacity < 200);
}

/* One that was large once, and lost its index when it was emptied: lookups walk over few entries. */
static void few_keys_in_a_large_map_stay_together(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *object = rn_object_new(vm, 10000);
    object_set(vm, object, 0, 0);
    (void)object_take(vm, object, 0);
    assert_int_equal(object->index_capacity, 0);
    assert_in_range(object->capacity, 10000, 20000);
    object_set(vm, object, 1, 1);
    for (unsigned i = 2; i < 5000; i++) {
        object_set(vm, object, i, i);
        assert_int_equal(object_take(vm, object, i).i64, i);
        assert_in_range(object->used, 1, 64);
    }
    assert_int_equal(object_take(vm, object, 1).i64, 1);
}

static void maps_tell_types_of_keys_apart(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *map = rn_map_new(vm, RN_TYPE_ID_HASH_MAP, 0);
    struct rn_value old;
    const struct rn_value keys[] = {
        rn_value_i64(1),   rn_value_u64(1),
        rn_value_f64(1.0), rn_value_object(rn_string_new(vm, "1", 1)),
        rn_value_none(),
    };
    for (size_t i = 0; i < RN_COUNT_OF(keys); i++) {
        struct rn_value value = rn_value_i64((int64_t)i);
        assert_int_equal(rn_map_insert(vm, map, keys[i], value, &old), RN_DONE);
        assert_int_equal(old.tag, RN_VALUE_EMPTY);
    }
    for (size_t i = 0; i < RN_COUNT_OF(keys); i++) {
        struct rn_map_entry *entry;
        assert_int_equal(rn_map_get(vm, map, keys[i], &entry), RN_DONE);
        assert_int_equal(entry->value.i64, i);
    }
    assert_int_equal(rn_map_get(vm, map, rn_value_bool(true), &(struct rn_map_entry *){NULL}),
                     RN_RAISED);
}

static void many_integers_are_found(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *map = rn_map_new(vm, RN_TYPE_ID_HASH_MAP, 0);
    struct rn_map_entry *entry;
    struct rn_value old;
    for (int64_t i = 0; i < 30000; i++) {
        // Dense runs, and keys far apart.
        int64_t key = i % 2 == 0 ? i : i << 40;
        assert_int_equal(rn_map_insert(vm, map, rn_value_i64(key), rn_value_i64(i), &old), RN_DONE);
    }
    for (int64_t i = 0; i < 30000; i++) {
        int64_t key = i % 2 == 0 ? i : i << 40;
        assert_int_equal(rn_map_get(vm, map, rn_value_i64(key), &entry), RN_DONE);
        assert_non_null(entry);
        assert_int_equal(entry->value.i64, i);
        assert_int_equal(rn_map_remove(vm, map, rn_value_i64(key), &old), RN_DONE);
        assert_int_equal(old.i64, i);
    }
    assert_int_equal(map->live, 0);
}

/* Somewhere in the index a probe ends. */
static bool has_free_slot(const struct rn_map *map)
{
    for (uint32_t i = 0; i < map->index_capacity; i++) {
        if (map->index[i] == 0) {
            return true;
        }
    }
    return map->index_capacity == 0;
}

static void probes_end_in_a_map_that_was_larger(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    for (unsigned size = 9; size < 40; size++) {
        struct rn_map *object = rn_object_new(vm, 0);
        for (unsigned i = 0; i < size; i++) {
            object_set(vm, object, i, i);
        }
        for (unsigned i = 1; i < size; i++) {
            assert_int_equal(object_take(vm, object, i).i64, i);
        }
        for (unsigned i = 100; i < 200; i++) {
            object_set(vm, object, i, i);
            assert_int_equal(object_take(vm, object, i).i64, i);
            assert_true(has_free_slot(object));
        }
        assert_null(object_at(object, 7));
        assert_int_equal(object_at(object, 0)->i64, 0);
    }
}

/* Full, and most of its entries removed: the next one makes it tidy up. */
static struct rn_map *untidy(struct rn_vm *vm)
{
    struct rn_map *object = rn_object_new(vm, 0);
    unsigned i = 0;
    do {
        object_set(vm, object, i, i + 1);
        i++;
    } while (object->used < 60 || object->used < object->capacity);
    for (unsigned k = 0; k < i; k++) {
        if (k % 3 != 0) {
            (void)object_take(vm, object, k);
        }
    }
    return object;
}

/* A static keeps it after the call has reached its limit. */
static void a_map_without_memory_is_as_before(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    unsigned refused = 0;
    for (uint64_t limit = 8; limit < 4000; limit += 24) {
        struct rn_map *object = untidy(vm);
        uint32_t live = object->live;
        unsigned count = object->used;
        rn_heap_set_limit(&vm->heap, limit);
        bool done = rn_object_insert_static(vm, object, (struct rn_utf8){"new", 3},
                                            rn_value_i64(-1)) == RN_DONE;
        rn_heap_set_limit(&vm->heap, UINT64_MAX);
        refused += !done;
        assert_int_equal(object->live, live + done);
        assert_int_equal(rn_object_get(object, "new", 3) != NULL, done);
        for (unsigned k = 0; k < count; k++) {
            const struct rn_value *value = object_at(object, k);
            assert_int_equal(value != NULL, k % 3 == 0);
            assert_true(value == NULL || value->i64 == k + 1);
        }
        rn_map_clear(vm, object);
    }
    assert_in_range(refused, 1, 160);
}

static struct rn_value vec_of(struct rn_vm *vm, struct rn_value a, struct rn_value b)
{
    struct rn_vec *vec = rn_vec_new(vm, 0);
    assert_true(rn_vec_push(vm, vec, a) && rn_vec_push(vm, vec, b));
    return rn_value_object(vec);
}

/* What it may spend from here on. */
static void refuel(struct rn_vm *vm, int64_t fuel)
{
    vm->fuel = fuel;
    vm->granted = (uint64_t)fuel;
}

/* Since then. The fuel alone does not tell: an interruption, as RN_STRESS has one at each allocation, takes what is
 * left, and from what was granted as well. */
static int64_t spent(const struct rn_vm *vm)
{
    return (int64_t)(vm->granted - (uint64_t)vm->fuel);
}

#define KEY_COUNT 100000

/* B3: among so many keys some hash alike by chance, others under each key of the process. */
static void the_key_of_hashes_is_not_charged(void **state)
{
    static struct rn_value keys[KEY_COUNT];
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    const int64_t fuel = INT64_C(1) << 40;
    int64_t costs[6];
    for (int64_t i = 0; i < KEY_COUNT; i++) {
        keys[i] = vec_of(vm, rn_value_i64(i), rn_value_i64(0));
    }
    for (uint64_t key = 0; key < RN_COUNT_OF(costs); key++) {
        struct rn_map *map = rn_map_new(vm, RN_TYPE_ID_HASH_SET, 0);
        vm->hash_key = key;
        refuel(vm, fuel);
        for (int64_t i = 0; i < KEY_COUNT; i++) {
            assert_int_equal(rn_map_insert(vm, map, keys[i], rn_value_unit(), NULL), RN_DONE);
        }
        costs[key] = spent(vm);
        rn_heap_buffer_free(vm, map->storage);
        rn_heap_buffer_free(vm, map->index);
        *map = (struct rn_map){.header = map->header};
    }
    for (size_t key = 1; key < RN_COUNT_OF(costs); key++) {
        assert_int_equal(costs[key], costs[0]);
    }
}

/* Keys that were changed in the map hash alike as often as one likes: they are not compared for nothing. */
static void changed_keys_are_charged(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *map = rn_map_new(vm, RN_TYPE_ID_HASH_SET, 0);
    struct rn_map_entry *entry;
    for (int64_t i = 0; i < 100; i++) {
        struct rn_value key = vec_of(vm, rn_value_i64(1), rn_value_i64(2));
        assert_int_equal(rn_map_insert(vm, map, key, rn_value_unit(), NULL), RN_DONE);
        rn_as_vec(key)->items[1] = rn_value_i64(3);
    }
    assert_int_equal(map->live, 100);
    refuel(vm, 1000000);
    struct rn_value key = vec_of(vm, rn_value_i64(1), rn_value_i64(2));
    assert_int_equal(rn_map_get(vm, map, key, &entry), RN_DONE);
    assert_null(entry);
    assert_true(spent(vm) > 2 * 90);
}

/* Texts of another size are told apart at once, and stand one behind the other in the index all the same. */
static void changed_texts_are_charged(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *map = rn_map_new(vm, RN_TYPE_ID_HASH_MAP, 0);
    struct rn_map_entry *entry;
    const int64_t fuel = INT64_C(1) << 40;
    refuel(vm, fuel);
    for (unsigned i = 0; i < 8000; i++) {
        struct rn_string *key = rn_string_new(vm, "a", 1);
        assert_int_equal(rn_map_insert(vm, map, rn_value_object(key), rn_value_i64(i), NULL),
                         RN_DONE);
        assert_true(rn_string_append(vm, key, "b", 1));
    }
    assert_int_equal(map->live, 8000);
    // Lookups before each of them, and the index that grew.
    assert_true(spent(vm) > INT64_C(8000) * 8000 / 2);
    refuel(vm, fuel);
    struct rn_value other = rn_value_object(rn_string_new(vm, "a", 1));
    assert_int_equal(rn_map_get(vm, map, other, &entry), RN_DONE);
    assert_null(entry);
    assert_in_range(spent(vm), 7990, 10000);
}

/* It grows past the budget, or does not grow and is as before. */
static void an_index_that_costs_too_much_is_not_made(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *map = rn_map_new(vm, RN_TYPE_ID_HASH_MAP, 0);
    refuel(vm, INT64_C(1) << 40);
    vm->budget = vm->granted;
    uint32_t capacity = 0;
    for (unsigned i = 0; map->used < 5000 || map->used < capacity / 8 * 5; i++) {
        struct rn_string *key = rn_string_new(vm, "a", 1);
        assert_int_equal(rn_map_insert(vm, map, rn_value_object(key), rn_value_i64(i), NULL),
                         RN_DONE);
        assert_true(rn_string_append(vm, key, "b", 1));
        capacity = map->index_capacity;
    }
    uint32_t used = map->used;
    refuel(vm, 200000); // enough to look for it and for memory, not for all slots
    vm->budget = 200000;
    struct rn_value key = rn_value_object(rn_string_new(vm, "a", 1));
    assert_int_equal(rn_map_insert(vm, map, key, rn_value_unit(), NULL), RN_RAISED);
    assert_int_equal(rn_vm_limit(vm), RN_LIMIT_BUDGET);
    assert_int_equal(map->used, used);
    assert_int_equal(map->index_capacity, capacity);
}

#define LARGE ((size_t)4 << 20)

/* The same value so many times. */
static struct rn_value repeated(struct rn_vm *vm, struct rn_value value, unsigned count)
{
    struct rn_vec *vec = rn_vec_new(vm, count);
    for (unsigned i = 0; i < count; i++) {
        assert_true(rn_vec_push(vm, vec, value));
    }
    return rn_value_object(vec);
}

/* No heap holds what shared texts amount to: a walk over them is bounded by what it costs, as over shared parts. */
static void large_texts_that_are_shared_cost_more(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    RN_AUTO_FREE char *text = rn_alloc_array(LARGE, 1);
    struct rn_value texts[2];
    struct rn_value objects[2];
    assert_non_null(text);
    memset(text, 'a', LARGE);
    for (int i = 0; i < 2; i++) {
        struct rn_map *object = rn_object_new(vm, 0);
        assert_int_equal(rn_object_insert(vm, object, text, LARGE, rn_value_unit(), NULL), RN_DONE);
        texts[i] = rn_value_object(rn_string_new(vm, text, LARGE));
        objects[i] = rn_value_object(object);
    }
    const int64_t fuel = INT64_C(1) << 40;
    const int64_t cheap = INT64_C(16) << 20;
    uint64_t hash;
    bool equal;
    refuel(vm, fuel);
    assert_int_equal(rn_value_hash(vm, repeated(vm, texts[0], 12), &hash), RN_DONE);
    assert_true(spent(vm) < cheap);
    refuel(vm, fuel);
    assert_int_equal(rn_value_hash(vm, repeated(vm, texts[0], 24), &hash), RN_DONE);
    assert_true(spent(vm) > 8 * cheap);
    refuel(vm, fuel);
    assert_int_equal(
        rn_value_eq(vm, repeated(vm, texts[0], 24), repeated(vm, texts[1], 24), RN_TOTAL, &equal),
        RN_DONE);
    assert_true(equal && spent(vm) > 8 * cheap);
    refuel(vm, fuel);
    assert_int_equal(rn_value_eq(vm, repeated(vm, objects[0], 96), repeated(vm, objects[1], 96),
                                 RN_TOTAL, &equal),
                     RN_DONE);
    assert_true(equal && spent(vm) > 8 * cheap);
}

static uint64_t hash_of(struct rn_vm *vm, struct rn_value value)
{
    uint64_t hash = 0;
    assert_int_equal(rn_value_hash(vm, value, &hash), RN_DONE);
    return hash;
}

static void shapes_and_types_hash_apart(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_value one = rn_value_i64(1);
    struct rn_value bits = rn_value_f64(1.0);
    struct rn_value empty = rn_value_object(rn_vec_new(vm, 0));
    const struct rn_value values[] = {
        vec_of(vm, empty, vec_of(vm, empty, empty)),
        vec_of(vm, vec_of(vm, empty, empty), empty),
        vec_of(vm, rn_value_unit(), one),
        vec_of(vm, one, rn_value_unit()),
        vec_of(vm, rn_value_none(), one),
        vec_of(vm, rn_value_i64(0), one),
        vec_of(vm, rn_value_u64(0), one),
        vec_of(vm, bits, one),
        vec_of(vm, rn_value_i64((int64_t)bits.u64), one),
        vec_of(vm, vec_of(vm, one, one), vec_of(vm, rn_value_i64(2), one)),
        vec_of(vm, vec_of(vm, one, rn_value_i64(2)), vec_of(vm, one, one)),
    };
    for (size_t i = 0; i < RN_COUNT_OF(values); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(hash_of(vm, values[i]), hash_of(vm, values[k]));
        }
    }
}

static void the_account_returns_what_growth_left_behind(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_vec *vec = rn_vec_new(vm, 0);
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(rn_vec_push(vm, vec, rn_value_i64(i)));
    }
    // The header and the newest storage, no more.
    uint64_t expected =
        rn_object_cell_size(&vec->header) + rn_object_cell_size(&rn_buffer_of(vec->items)->header);
    assert_int_equal(vm->heap.accounted, expected);
    assert_true(rn_heap_peak(&vm->heap) > expected);
}

/* A copy whose keys are not all its own yet must not be seen: those of the other may go before it. */
static void an_object_is_copied_whole_or_not(void **state)
{
    struct rn_vm *vm = ((struct machine *)*state)->vm;
    struct rn_map *object = rn_object_new(vm, 0);
    size_t size = 64 << 10;
    RN_AUTO_FREE char *key = rn_alloc_array(size, 1);
    assert_non_null(key);
    for (unsigned i = 0; i < 64; i++) {
        key[0] = (char)i;
        assert_int_equal(rn_object_insert(vm, object, key, size, rn_value_unit(), NULL), RN_DONE);
    }
    rn_heap_set_limit(&vm->heap, vm->heap.accounted);
    struct rn_value copy = rn_value_i64(7);
    assert_int_equal(rn_value_clone(vm, rn_value_object(object), &copy), RN_RAISED);
    assert_int_equal(rn_vm_limit(vm), RN_LIMIT_MEMORY);
    assert_i64(copy, 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_vm, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_of_any_size_find_their_keys),
        TEST(removal_keeps_the_order),
        TEST(removed_entries_are_compacted),
        TEST(few_keys_in_a_large_map_stay_together),
        TEST(maps_tell_types_of_keys_apart),
        TEST(many_integers_are_found),
        TEST(probes_end_in_a_map_that_was_larger),
        TEST(a_map_without_memory_is_as_before),
        TEST(an_object_is_copied_whole_or_not),
        TEST(the_key_of_hashes_is_not_charged),
        TEST(changed_keys_are_charged),
        TEST(large_texts_that_are_shared_cost_more),
        TEST(changed_texts_are_charged),
        TEST(an_index_that_costs_too_much_is_not_made),
        TEST(shapes_and_types_hash_apart),
        TEST(the_account_returns_what_growth_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
