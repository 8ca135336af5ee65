/* Keys of objects: what repeats is found, beside a search that compares each with each. */
#include "bytecode/const_value_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

enum {
    KEYS_MAX = 700,
    KEY_SIZE_MAX = 24,
};

struct made {
    uint8_t bytes[KEYS_MAX * KEY_SIZE_MAX];
    size_t size;
    size_t count;
    struct {
        uint32_t object;
        uint32_t at;
        uint32_t size;
    } keys[KEYS_MAX];
};

static void add(struct made *made, uint32_t object, const void *text, size_t size)
{
    made->keys[made->count].object = object;
    made->keys[made->count].at = (uint32_t)made->size;
    made->keys[made->count++].size = (uint32_t)size;
    memcpy(made->bytes + made->size, text, size);
    made->size += size;
}

static bool is_same(const struct made *made, size_t a, size_t b)
{
    return made->keys[a].object == made->keys[b].object &&
           made->keys[a].size == made->keys[b].size &&
           memcmp(made->bytes + made->keys[a].at, made->bytes + made->keys[b].at,
                  made->keys[a].size) == 0;
}

/* Places are numbers here: texts of no bytes share an offset. */
static size_t search(const struct made *made)
{
    for (size_t i = 0; i < made->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (is_same(made, i, k)) {
                return i;
            }
        }
    }
    return SIZE_MAX;
}

static size_t find(const struct made *made)
{
    struct rn_const_keys keys;
    size_t found = 0;
    rn_const_keys_init(&keys, made->bytes);
    for (size_t i = 0; i < made->count; i++) {
        rn_const_keys_note(&keys, made->keys[i].object, (uint32_t)i,
                           (const char *)made->bytes + made->keys[i].at, made->keys[i].size);
    }
    assert_int_equal(rn_const_keys_find(&keys, &found), RN_OK);
    rn_const_keys_done(&keys);
    return found;
}

static void test_none(void **state)
{
    (void)state;
    struct made made = {.size = 0};
    assert_true(find(&made) == SIZE_MAX);
    add(&made, 0, "", 0);
    assert_true(find(&made) == SIZE_MAX);
}

static void test_by_hand(void **state)
{
    (void)state;
    struct made made = {.size = 0};
    add(&made, 0, "b", 1);
    add(&made, 0, "a\0", 2);
    add(&made, 0, "a", 1);
    add(&made, 0, "", 0);
    add(&made, 0, "\0\0\0\0\0\0\0\0\0", 9);
    add(&made, 0, "\0\0\0\0\0\0\0\0", 8);
    add(&made, 7, "b", 1); // of another object
    add(&made, 0, "abcdefghij", 10);
    add(&made, 0, "abcdefghik", 10);
    add(&made, 0, "abcdefgh", 8);
    add(&made, 0, "\xff", 1);
    assert_true(find(&made) == SIZE_MAX);
    add(&made, 0, "abcdefghik", 10);
    assert_int_equal(find(&made), 11);
    add(&made, 7, "b", 1);
    assert_int_equal(find(&made), 11);
    made.count--;
    made.count--;
    add(&made, 0, "", 0);
    assert_int_equal(find(&made), 11);
}

/* Few letters, zeros among them, and long beginnings that are the same. */
static void make(struct made *made, unsigned *seed)
{
    *made = (struct made){.size = 0};
    size_t count = (size_t)rand_r(seed) % KEYS_MAX;
    unsigned letters = 2 + (unsigned)rand_r(seed) % 200;
    unsigned objects = 1 + (unsigned)rand_r(seed) % 4;
    size_t same = (size_t)rand_r(seed) % 12;
    for (size_t i = 0; i < count; i++) {
        uint8_t text[KEY_SIZE_MAX] = "same same same";
        size_t size = same + (size_t)rand_r(seed) % (KEY_SIZE_MAX - same);
        for (size_t k = same; k < size; k++) {
            text[k] = (uint8_t)((unsigned)rand_r(seed) % letters);
        }
        add(made, (unsigned)rand_r(seed) % objects, text, size);
    }
}

static void test_beside_a_search(void **state)
{
    (void)state;
    static struct made made;
    unsigned seed = 1;
    int repeated = 0;
    for (int i = 0; i < 400; i++) {
        make(&made, &seed);
        size_t found = find(&made);
        assert_true(found == search(&made));
        repeated += found != SIZE_MAX;
    }
    assert_in_range(repeated, 50, 390); // both are met
}

static void test_without_memory(void **state)
{
    (void)state;
    struct made made = {.size = 0};
    struct rn_const_keys keys;
    size_t found;
    add(&made, 0, "b", 1);
    add(&made, 0, "a", 1);
    for (uint64_t n = 1; n <= 2; n++) {
        rn_const_keys_init(&keys, made.bytes);
        rn_alloc_fail_at(n, false);
        rn_const_keys_note(&keys, 0, 0, (const char *)made.bytes, 1);
        rn_const_keys_note(&keys, 0, 1, (const char *)made.bytes + 1, 1);
        assert_int_equal(rn_const_keys_find(&keys, &found), RN_E_NO_MEMORY);
        rn_alloc_fail_at(0, false);
        rn_const_keys_done(&keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_beside_a_search),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
