/* Pages: runs of any length, zero when handed out, joined again when given back. */
#include "tests/unit/worker/machine.h"

#define SIZE ((size_t)4 << 20)

struct pool {
    void *memory;
    struct rn_pages pages;
};

static int make_pool(void **state)
{
    struct pool *pool = rn_alloc(sizeof(*pool));
    pool->memory = rn_alloc(SIZE + RN_PAGE_SIZE);
    assert_non_null(pool->memory);
    void *start = (void *)rn_align_up((uintptr_t)pool->memory, RN_PAGE_SIZE);
    assert_int_equal(rn_pages_init(&pool->pages, start, SIZE), RN_OK);
    *state = pool;
    return 0;
}

static int free_pool(void **state)
{
    struct pool *pool = *state;
    rn_free(pool->memory);
    rn_free(pool);
    return 0;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    while (size > 0 && *bytes == 0) {
        bytes++;
        size--;
    }
    return size == 0;
}

static void bad_ranges_are_refused(void **state)
{
    struct pool *pool = *state;
    struct rn_pages pages;
    uint8_t *start = (void *)rn_align_up((uintptr_t)pool->memory, RN_PAGE_SIZE);
    assert_int_equal(rn_pages_init(&pages, start + 16, SIZE / 2), RN_E_INVALID_ARGUMENT);
    assert_int_equal(rn_pages_init(&pages, start, RN_PAGE_SIZE), RN_E_NO_MEMORY);
    assert_int_equal(rn_pages_init(&pages, start, (size_t)1 << 36), RN_E_INVALID_ARGUMENT);
}

static void all_of_it_can_be_had(void **state)
{
    struct rn_pages *pages = &((struct pool *)*state)->pages;
    uint32_t count = pages->page_count;
    uint32_t table = (uint32_t)(SIZE / RN_PAGE_SIZE / RN_PAGE_SIZE); // a byte for each page
    assert_true(count > SIZE / RN_PAGE_SIZE - table - 4);
    for (uint32_t i = 0; i < count; i++) {
        assert_non_null(rn_pages_alloc(pages, 1));
    }
    assert_null(rn_pages_alloc(pages, 1));
    for (uint32_t i = 0; i < count; i++) {
        rn_pages_free(pages, pages->base + (size_t)i * RN_PAGE_SIZE, 1);
    }
    assert_int_equal(pages->free_count, count);
    assert_non_null(rn_pages_alloc(pages, 1024)); // neighbours have joined
}

static void odd_lengths_keep_only_what_they_asked_for(void **state)
{
    struct rn_pages *pages = &((struct pool *)*state)->pages;
    uint32_t free_count = pages->free_count;
    void *run = rn_pages_alloc(pages, 37);
    assert_int_equal(pages->free_count, free_count - 37);
    assert_null(rn_pages_alloc(pages, free_count));
    assert_null(rn_pages_alloc(pages, 0));
    rn_pages_free(pages, run, 37);
    assert_int_equal(pages->free_count, free_count);
}

/* Takes and gives back at random; what is taken is zero and nobody else's. */
static void pages_are_zero_and_apart(void **state)
{
    struct rn_pages *pages = &((struct pool *)*state)->pages;
    enum {
        RUNS = 64
    };
    uint8_t *runs[RUNS] = {0};
    uint32_t lengths[RUNS] = {0};
    uint32_t free_count = pages->free_count;
    uint32_t seed = 1;
    unsigned extended = 0;
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned at = (seed >> 8) % RUNS;
        size_t size = (size_t)lengths[at] * RN_PAGE_SIZE;
        if (runs[at] != NULL) {
            // Its own mark at both ends: nobody wrote over it.
            assert_int_equal(runs[at][0], at + 1);
            assert_int_equal(runs[at][size - 1], at + 1);
            uint32_t more = 1 + (seed >> 16) % 9;
            if ((seed >> 28) != 0 && rn_pages_extend(pages, runs[at], lengths[at], more)) {
                assert_true(is_zero(runs[at] + size, more * RN_PAGE_SIZE));
                lengths[at] += more;
                memset(runs[at] + size, (int)at + 1, more * RN_PAGE_SIZE);
                extended++;
                continue;
            }
            rn_pages_free(pages, runs[at], lengths[at]);
            runs[at] = NULL;
            continue;
        }
        lengths[at] = 1 + (seed >> 20) % 50;
        runs[at] = rn_pages_alloc(pages, lengths[at]);
        if (runs[at] != NULL) {
            size = (size_t)lengths[at] * RN_PAGE_SIZE;
            assert_true(is_zero(runs[at], size));
            memset(runs[at], (int)at + 1, size);
        }
    }
    for (unsigned at = 0; at < RUNS; at++) {
        if (runs[at] != NULL) {
            rn_pages_free(pages, runs[at], lengths[at]);
        }
    }
    assert_int_equal(pages->free_count, free_count);
    assert_true(extended > 100);
}

static void a_run_grows_only_into_free_pages(void **state)
{
    struct rn_pages *pages = &((struct pool *)*state)->pages;
    void *run = rn_pages_alloc(pages, 300); // the rest of 512 stays free behind it
    uint32_t free_count = pages->free_count;
    assert_true(rn_pages_extend(pages, run, 300, 100));
    assert_int_equal(pages->free_count, free_count - 100);
    assert_false(rn_pages_extend(pages, run, 400, pages->page_count));
    while (rn_pages_alloc(pages, 1) != (uint8_t *)run + 400 * RN_PAGE_SIZE) {
        assert_true(pages->free_count > 0);
    }
    assert_false(rn_pages_extend(pages, run, 400, 1));
    rn_pages_free(pages, (uint8_t *)run + 400 * RN_PAGE_SIZE, 1);
    assert_true(rn_pages_extend(pages, run, 400, 1));
}

/* Few pages are ever touched, and the last run has all that is behind it. */
static void the_lowest_pages_come_first(void **state)
{
    struct rn_pages *pages = &((struct pool *)*state)->pages;
    uint8_t *first = rn_pages_alloc(pages, 1);
    uint8_t *last = rn_pages_alloc(pages, 64);
    assert_ptr_equal(first, pages->base);
    assert_ptr_equal(last, pages->base + (size_t)64 * RN_PAGE_SIZE);
    assert_int_equal(pages->high_water, 128);
    assert_ptr_equal(rn_pages_alloc(pages, 2), first + (size_t)2 * RN_PAGE_SIZE);
    assert_int_equal(pages->high_water, 128);
    assert_true(rn_pages_extend(pages, last, 64, pages->page_count - 128));
    assert_false(rn_pages_extend(pages, last, pages->page_count - 64, 1));
}

static void what_is_free_at_the_top_is_found_again(void **state)
{
    struct rn_pages *pages = &((struct pool *)*state)->pages;
    uint8_t *runs[40];
    for (unsigned i = 0; i < RN_COUNT_OF(runs); i++) {
        runs[i] = rn_pages_alloc(pages, 3 + i);
        assert_non_null(runs[i]);
    }
    uint32_t high_water = pages->high_water;
    for (unsigned i = 0; i < RN_COUNT_OF(runs); i++) {
        unsigned at = i * 7 % RN_COUNT_OF(runs);
        rn_pages_free(pages, runs[at], 3 + at);
    }
    assert_int_equal(pages->top, 0);
    assert_int_equal(pages->high_water, high_water);
    assert_ptr_equal(rn_pages_alloc(pages, pages->page_count), pages->base);
}

/* Kept pages are clean when they are had again, and nobody goes without for them. */
static void single_pages_are_kept_for_a_while(void **state)
{
    struct rn_pages *pages = &((struct pool *)*state)->pages;
    uint8_t *singles[2 * RN_PAGES_KEPT];
    for (unsigned i = 0; i < RN_COUNT_OF(singles); i++) {
        singles[i] = rn_pages_alloc(pages, 1);
        assert_non_null(singles[i]);
        memset(singles[i], 0xff, RN_PAGE_SIZE);
    }
    for (unsigned i = 0; i < RN_COUNT_OF(singles); i++) {
        rn_pages_free(pages, singles[i], 1);
    }
    assert_int_equal(pages->kept_count, RN_PAGES_KEPT);
    assert_int_equal(pages->free_count, pages->page_count);
    uint8_t *again = rn_pages_alloc(pages, 1);
    assert_ptr_equal(again, singles[RN_PAGES_KEPT - 1]); // the warmest
    assert_true(is_zero(again, RN_PAGE_SIZE));
    assert_true(rn_pages_extend(pages, again, 1, RN_PAGES_KEPT)); // what is kept is not in the way
    rn_pages_free(pages, again, 1 + RN_PAGES_KEPT);
    rn_pages_free(pages, rn_pages_alloc(pages, 1), 1);
    assert_int_equal(pages->kept_count, 1);
    assert_ptr_equal(rn_pages_alloc(pages, pages->page_count), pages->base);
    assert_int_equal(pages->kept_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pool, free_pool)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_ranges_are_refused),
        TEST(all_of_it_can_be_had),
        TEST(odd_lengths_keep_only_what_they_asked_for),
        TEST(pages_are_zero_and_apart),
        TEST(a_run_grows_only_into_free_pages),
        TEST(the_lowest_pages_come_first),
        TEST(what_is_free_at_the_top_is_found_again),
        TEST(single_pages_are_kept_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
