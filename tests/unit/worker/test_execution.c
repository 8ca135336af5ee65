/* Executions as an embedder drives them: limits, slices, output, host calls, results. */
#include "tests/unit/worker/machine.h"

/* loop {} */
static void build_endless(struct machine *m)
{
    begin(m->b, "endless", 0);
    struct rn_label next = rn_builder_label(m->b, 0);
    rn_builder_place(m->b, next);
    rn_emit_JUMP(m->b, next);
    rn_builder_end(m->b);
}

/* Pushes vectors of three onto a vector, `rounds` times; keeps them if `keep`. */
static void build_vectors(struct machine *m, const char *path, int32_t rounds, bool keep)
{
    struct rn_builder *b = m->b;
    begin(b, path, 0);
    rn_emit_VEC(b, 0, 0);
    rn_emit_INT(b, 1, rounds);
    struct rn_label next = rn_builder_label(b, 2);
    rn_builder_place(b, next);
    for (uint32_t i = 2; i < 5; i++) {
        rn_emit_INT(b, i, 7);
    }
    rn_emit_VEC(b, 2, 3);
    if (keep) {
        rn_emit_VEC_EXTEND(b, 0, 2, 1);
    }
    rn_emit_SUB_INT(b, 1, 1, 1);
    rn_builder_set_height(b, 2);
    rn_emit_JUMP_NE_INT(b, 1, 0, next);
    end(b, 0);
}

static void a_budget_is_spent_to_the_unit(void **state)
{
    struct machine *m = *state;
    build_endless(m);
    finish(m);
    m->limits.budget = 1000;
    start(m, "endless");
    assert_int_equal(run_slices(m, 37), RN_EVENT_LIMIT);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_BUDGET);
    assert_int_equal(rn_vm_usage(m->vm).budget, 1000);
    assert_int_equal(rn_vm_run(m->vm, 100), RN_EVENT_LIMIT);
}

static void slices_change_nothing(void **state)
{
    struct machine *m = *state;
    build_vectors(m, "f", 4000, true);
    finish(m);
    struct rn_vm_usage whole = {0};
    static const uint64_t slices[] = {UINT64_MAX, 1, 13, 1000};
    for (size_t i = 0; i < RN_COUNT_OF(slices); i++) {
        start(m, "f");
        assert_int_equal(run_slices(m, slices[i]), RN_EVENT_DONE);
        struct rn_vm_usage usage = rn_vm_usage(m->vm);
        whole = i == 0 ? usage : whole;
        assert_memory_equal(&usage, &whole, sizeof(usage));
    }
    assert_true(whole.memory_peak > 4000 * 96);
}

static void a_slice_ends_where_it_says(void **state)
{
    struct machine *m = *state;
    build_endless(m);
    finish(m);
    start(m, "endless");
    assert_int_equal(rn_vm_run(m->vm, 500), RN_EVENT_SLICE);
    assert_in_range(rn_vm_usage(m->vm).budget, 499, 501);
    assert_int_equal(rn_vm_run(m->vm, 500), RN_EVENT_SLICE);
    assert_in_range(rn_vm_usage(m->vm).budget, 998, 1002);
}

static void a_flag_cancels(void **state)
{
    struct machine *m = *state;
    uint32_t flag = 0;
    build_endless(m);
    finish(m);
    m->cancel = &flag;
    start(m, "endless");
    assert_int_equal(rn_vm_run(m->vm, 500), RN_EVENT_SLICE);
    flag = 1;
    assert_int_equal(rn_vm_run(m->vm, 500), RN_EVENT_CANCELLED);
}

/* `doubles`: into r0, a vector of itself again and again: two to that many parts of one. */
static void emit_doubles(struct rn_builder *b, int32_t doubles)
{
    rn_emit_VEC(b, 0, 0);
    rn_emit_INT(b, 1, doubles);
    struct rn_label next = rn_builder_label(b, 2);
    rn_builder_place(b, next);
    rn_emit_MOVE(b, 2, 0);
    rn_emit_MOVE(b, 3, 0);
    rn_emit_VEC(b, 2, 2);
    rn_emit_MOVE(b, 0, 2);
    rn_emit_SUB_INT(b, 1, 1, 1);
    rn_builder_set_height(b, 2);
    rn_emit_JUMP_NE_INT(b, 1, 0, next);
}

/* Values that share their parts are small, and encoded for long. */
static void encoding_ends_when_the_call_is_to_stop(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t flag = 0;
    begin(b, "f", 0);
    emit_doubles(b, 18);
    end(b, 0);
    begin(b, "ask", 0);
    emit_doubles(b, 18);
    rn_emit_CALL_IMPORT(b, 0, 1, rn_builder_import(b, RN_UTF8("host::ask"), 1));
    end(b, 0);
    const struct rn_host_function function = {rn_hash_item("host::ask", 9), 1, false};
    finish_with_hosts(m, &function, 1);
    m->cancel = &flag;
    const uint8_t *data;
    size_t size;
    call(m, "f");
    flag = 1;
    assert_int_equal(rn_vm_result(m->vm, &data, &size), RN_E_CANCELLED);
    flag = 0;
    assert_int_equal(rn_vm_result(m->vm, &data, &size), RN_OK);
    assert_true(size > (size_t)1 << 18);
    start(m, "ask");
    flag = 1;
    assert_int_equal(rn_vm_run(m->vm, 100000000), RN_EVENT_CANCELLED);
    assert_int_equal(rn_vm_usage(m->vm).host_calls, 0);
}

static void garbage_is_collected_within_the_limit(void **state)
{
    struct machine *m = *state;
    build_vectors(m, "garbage", 100000, false);
    build_vectors(m, "kept", 100000, true);
    finish(m);
    m->limits.memory = (uint64_t)1 << 20;
    call(m, "garbage");
    assert_true(rn_vm_usage(m->vm).memory_peak < (uint64_t)300 << 10);
    start(m, "kept");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_LIMIT);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_MEMORY);
    assert_int_equal(rn_vm_error(m->vm)->frame_count, 1);
}

/* One class of cells after the other: what the dead ones leave serves the next. */
static void blocks_without_life_are_given_back(void **state)
{
    struct machine *m = *state;
    build_endless(m);
    finish(m);
    start(m, "endless");
    size_t before = rn_engine_used(m->engine);
    for (size_t size = 32; size <= RN_SMALL_SIZE_MAX; size += 32) {
        for (size_t made = 0; made < (size_t)2 << 20; made += size) {
            assert_non_null(rn_heap_object(m->vm, RN_OBJECT_RANGE, RN_TYPE_ID_RANGE_FULL, size));
        }
        assert_true(m->vm->heap.taken >= (uint64_t)2 << 20);
        rn_collect_idle(m->vm);
        assert_in_range(m->vm->heap.taken, 1, 3 * RN_COLLECT_MIN);
        assert_in_range(rn_engine_used(m->engine) - before, 1, 3 * RN_COLLECT_MIN);
    }
    m->vm->heap.accounted = 0;
}

static uint32_t count_free(const struct rn_heap *heap, uint32_t size_class)
{
    uint32_t count = 0;
    for (uint32_t at = heap->free[size_class]; at != 0; count++) {
        at = ((struct rn_object *)(void *)(heap->pages->base + ((size_t)at << 4)))->link;
    }
    return count;
}

/* A small heap stands in two blocks of 2 KiB together, whatever is in it, and a collection knows both. */
static void the_first_blocks_hold_cells_of_all_classes(void **state)
{
    static const uint16_t sizes[] = {32, 64, 256, 48, 16, 512, 128};
    struct machine *m = *state;
    build_endless(m);
    finish(m);
    start(m, "endless");
    struct rn_heap *heap = &m->vm->heap;
    assert_int_equal(heap->taken, 0);
    for (size_t i = 0; i < RN_COUNT_OF(sizes); i++) {
        assert_non_null(rn_heap_object(m->vm, RN_OBJECT_RANGE, RN_TYPE_ID_RANGE_FULL, sizes[i]));
        assert_int_equal(heap->taken, i < 5 ? RN_PAGE_SIZE : 2048);
    }
    rn_collect_idle(m->vm);
    assert_int_equal(heap->taken, 2048);
    static const uint32_t classes[] = {1, 2, 3, 4, 8, 12, 16};
    for (size_t i = 0; i < RN_COUNT_OF(classes); i++) {
        assert_int_equal(count_free(heap, classes[i]), 1);
    }
    for (size_t i = 0; i < RN_COUNT_OF(sizes); i++) {
        assert_non_null(rn_heap_object(m->vm, RN_OBJECT_RANGE, RN_TYPE_ID_RANGE_FULL, sizes[i]));
    }
    assert_int_equal(heap->taken, 2048);
    do { // until both are full: then a class has blocks of its own
        assert_non_null(rn_heap_object(m->vm, RN_OBJECT_RANGE, RN_TYPE_ID_RANGE_FULL, 64));
    } while (heap->taken == 2048);
    assert_int_equal(heap->taken, 4096);
    assert_in_range(heap->accounted, 1700, 2048); // little of them was wasted
}

/* Little lives, but some of it in every block. */
static void blocks_count_against_the_limit(void **state)
{
    struct machine *m = *state;
    build_endless(m);
    finish(m);
    m->limits.memory = (uint64_t)1 << 20;
    start(m, "endless");
    struct rn_heap *heap = &m->vm->heap;
    struct rn_block *block;
    do {
        assert_non_null(rn_heap_object(m->vm, RN_OBJECT_RANGE, RN_TYPE_ID_RANGE_FULL, 64));
        heap->accounted = 4096; // of one cell in each block
    } while (heap->taken <= rn_heap_taken_max(heap));
    assert_true(heap->collection_due);
    do {
        block = heap->blocks;
        heap->accounted = 4096;
    } while (rn_heap_object(m->vm, RN_OBJECT_RANGE, RN_TYPE_ID_RANGE_FULL, 64) != NULL);
    assert_ptr_equal(heap->blocks, block);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_MEMORY);
    assert_in_range(heap->taken, (uint64_t)3 << 20, (uint64_t)4 << 20);
}

static void asking_for_iterators_is_paid_before(void **state)
{
    struct machine *m = *state;
    build_endless(m);
    finish(m);
    m->limits.budget = 100000;
    start(m, "endless");
    (void)rn_vm_run(m->vm, 1);
    struct rn_vec *vec = rn_vec_new(m->vm, 4);
    assert_non_null(vec);
    uint64_t spent = rn_vm_usage(m->vm).budget;
    struct rn_access access;
    assert_int_equal(rn_value_access(m->vm, rn_value_object(vec), &access), RN_DONE);
    assert_true(rn_vm_usage(m->vm).budget - spent >= m->vm->heap.taken / 64);
    m->vm->heap.taken += (uint64_t)64 << 20; // as if there were so many dead cells
    assert_int_equal(rn_value_access(m->vm, rn_value_object(vec), &access), RN_RAISED);
    m->vm->heap.taken -= (uint64_t)64 << 20;
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_BUDGET);
}

/* What a call left that ended for its memory is no burden of the next. */
static void a_kept_heap_survives_a_memory_limit(void **state)
{
    struct machine *m = *state;
    uint32_t held = rn_builder_static(m->b, RN_UTF8("HELD"), RN_NONE);
    begin(m->b, "hold", 0);
    rn_emit_VEC(m->b, 0, 0);
    rn_emit_STATIC_SET(m->b, 0, held);
    end(m->b, 0);
    build_vectors(m, "garbage", 100000, false);
    finish(m);
    m->limits.memory = (uint64_t)1 << 20;
    call(m, "hold");
    rn_heap_set_live(&m->vm->heap, (uint64_t)3 << 20);
    call(m, "garbage");
    assert_true(rn_vm_usage(m->vm).memory_peak < (uint64_t)300 << 10);
}

static void a_full_region_is_not_a_memory_limit(void **state)
{
    struct machine *m = *state;
    // A text that doubles.
    begin(m->b, "kept", 0);
    rn_emit_TEXT(m->b, 0, rn_builder_string(m->b, RN_UTF8("0123456789abcdef")));
    struct rn_label next = rn_builder_label(m->b, 1);
    rn_builder_place(m->b, next);
    rn_emit_ADD_ASSIGN(m->b, 0, 0);
    rn_emit_JUMP(m->b, next);
    rn_builder_end(m->b);
    finish(m);
    start(m, "kept");
    assert_int_equal(run_slices(m, 1000000), RN_EVENT_LIMIT);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_REGION);
}

/* A Vm that was used before, in a region that has no page left for its statics. */
static void a_call_that_cannot_start_used_nothing(void **state)
{
    struct machine *m = *state;
    (void)rn_builder_static(m->b, RN_UTF8("N"), RN_NONE);
    build_endless(m);
    finish(m);
    m->limits.budget = 1000;
    start(m, "endless");
    assert_int_equal(run_slices(m, 100), RN_EVENT_LIMIT);
    rn_vm_reset(m->vm, NULL);
    struct rn_pages *pages = &m->engine->pages;
    for (uint32_t run = UINT32_C(1) << 20; run > 0; run /= 2) {
        while (rn_pages_alloc(pages, run) != NULL) {
        }
    }
    struct rn_vm_call call = {.item = rn_hash_item("endless", 7), .limits = {.budget = 10}};
    assert_int_equal(rn_vm_start(m->vm, &call), RN_E_NO_MEMORY);
    assert_int_equal(rn_vm_usage(m->vm).budget, 0);
}

static void recursion_ends_by_depth_or_memory(void **state)
{
    struct machine *m = *state;
    uint32_t f = begin(m->b, "f", 0);
    rn_emit_CALL(m->b, 0, 0, f);
    end(m->b, 0);
    finish(m);
    m->limits.depth = 100;
    start(m, "f");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_LIMIT);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_DEPTH);
    assert_int_equal(rn_vm_error(m->vm)->frames_total, 100);
    m->limits = (struct rn_vm_limits){.memory = (uint64_t)1 << 20};
    start(m, "f");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_LIMIT);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_MEMORY);
    assert_int_equal(rn_vm_error(m->vm)->frame_count, RN_VM_FRAMES_MAX);
    assert_true(rn_vm_error(m->vm)->frames_total > 10000);
}

static uint32_t build_async(struct rn_builder *b, const char *path)
{
    uint32_t function = declare(b, path, 0, RN_FUNCTION_ASYNC);
    rn_builder_begin(b, function);
    rn_emit_UNIT(b, 0);
    end(b, 0);
    return function;
}

/* All that wait for each other count, and all are in the trace. */
static void nested_coroutines_end_by_depth(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t generator = declare(b, "generator", 0, RN_FUNCTION_GENERATOR);
    rn_builder_begin(b, generator);
    rn_emit_CALL(b, 0, 0, generator);
    rn_emit_CALL_METHOD(b, 0, 1, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("next"), RN_UTF8("")));
    rn_emit_YIELD(b, 0, 0);
    end(b, 0);
    begin(b, "generators", 0);
    rn_emit_CALL(b, 0, 0, generator);
    rn_emit_CALL_METHOD(b, 0, 1, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("next"), RN_UTF8("")));
    end(b, 0);
    uint32_t one = build_async(b, "one");
    uint32_t futures = declare(b, "futures", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, futures);
    rn_builder_begin(b, futures);
    rn_emit_CALL(b, 0, 0, one);
    rn_emit_CALL(b, 1, 0, futures);
    rn_emit_VEC(b, 0, 2);
    rn_emit_CALL_IMPORT(b, 0, 1, rn_builder_import(b, RN_UTF8("std::future::join"), 1));
    rn_emit_AWAIT(b, 0, 0);
    end(b, 0);
    finish(m);
    static const char *const paths[] = {"generators", "futures"};
    for (uint64_t i = 0; i < 200; i++) {
        m->limits.depth = 1 + i / 2;
        start(m, paths[i % 2]);
        assert_int_equal(run_slices(m, 1), RN_EVENT_LIMIT);
        assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_DEPTH);
        assert_int_equal(rn_vm_error(m->vm)->frames_total, m->limits.depth);
    }
}

static void everything_goes_when_a_call_ends(void **state)
{
    struct machine *m = *state;
    build_vectors(m, "kept", 4000, true);
    finish(m);
    size_t before = rn_engine_used(m->engine);
    start(m, "kept");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
    assert_true(rn_engine_used(m->engine) > before + 4000 * 96);
    rn_vm_end(m->vm);
    assert_int_equal(rn_engine_used(m->engine), before);
    start(m, "kept");
    assert_int_equal(m->vm->heap.taken, 0); // as of any other Vm
    assert_int_equal(run_slices(m, 10), RN_EVENT_DONE);
    rn_vm_end(m->vm);
    assert_int_equal(rn_engine_used(m->engine), before);
    rn_vm_free(m->vm);
    m->vm = NULL;
    assert_true(rn_engine_used(m->engine) < before);
    rn_link_free(m->engine, m->link);
    assert_true(rn_engine_used(m->engine) < before);
}

/* `first` steps a generator that HELD holds, and whose stack moves when it goes `depth` calls down. What
 * it does then is left to the caller: to go on after the call in its body, with the unit in r0. */
static uint32_t begin_held_generator(struct rn_builder *b, int32_t depth)
{
    uint32_t held = rn_builder_static(b, RN_UTF8("HELD"), RN_NONE);
    uint32_t down = begin(b, "down", 1);
    struct rn_label bottom = rn_builder_label(b, 1);
    rn_emit_JUMP_EQ_INT(b, 0, 0, bottom);
    rn_emit_SUB_INT(b, 1, 0, 1);
    rn_emit_CALL(b, 1, 1, down);
    rn_builder_set_height(b, 1);
    rn_emit_JUMP(b, bottom);
    rn_builder_place(b, bottom);
    end(b, 0);
    uint32_t generator = declare(b, "generator", 0, RN_FUNCTION_GENERATOR);
    begin(b, "first", 0);
    rn_emit_CALL(b, 0, 0, generator);
    rn_emit_STATIC_SET(b, 0, held);
    rn_emit_ITER(b, 0, 0);
    struct rn_label exit = rn_builder_label(b, 1);
    rn_emit_ITER_NEXT(b, 1, 0, exit);
    rn_builder_set_height(b, 1);
    rn_emit_JUMP(b, exit);
    rn_builder_place(b, exit);
    end(b, 0);
    rn_builder_begin(b, generator);
    rn_emit_INT(b, 0, depth);
    rn_emit_CALL(b, 0, 1, down);
    return held;
}

/* A call ends inside of a generator that a static holds, after its stack has moved: that can never go on,
 * and nobody looks at its registers again, which what failed may have left in any state. */
static void a_static_may_hold_what_was_running(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t held = begin_held_generator(b, 50);
    rn_emit_PANIC(b, rn_builder_string(b, RN_UTF8("inside")));
    rn_builder_end(b);
    begin(b, "again", 0);
    rn_emit_STATIC_GET(b, 0, held);
    rn_emit_CALL_METHOD(b, 0, 1, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("next"), RN_UTF8("")));
    end(b, 0);
    build_vectors(m, "garbage", 10000, false);
    finish(m);
    assert_raises(m, "first", "Panicked: inside");
    call(m, "garbage");
    assert_true(rn_vm_has_state(m->vm));
    const struct rn_coroutine *coroutine = (const void *)m->vm->statics[0].object;
    assert_int_equal(coroutine->fiber.state, RN_FIBER_RUNNING);
    assert_null(coroutine->fiber.values);
    assert_raises(m, "again",
                  "Cannot write, value has snapshot -X000000 and is not available for writing");
}

/* A copy of a coroutine that fails with its stack must not be seen: it would stand on the other's. */
static void a_coroutine_is_copied_whole_or_not(void **state)
{
    struct machine *m = *state;
    begin_held_generator(m->b, 5000);
    rn_emit_YIELD(m->b, 0, 0);
    end(m->b, 0);
    finish(m);
    call(m, "first");
    struct rn_value held = m->vm->statics[0];
    uint64_t size = ((const struct rn_coroutine *)held.object)->fiber.size;
    struct rn_value copy = rn_value_i64(7);
    // There is room for the coroutine, but not for its stack.
    rn_heap_set_limit(&m->vm->heap, size - 1);
    m->vm->heap.accounted = size;
    assert_int_equal(rn_value_clone(m->vm, held, &copy), RN_RAISED);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_MEMORY);
    assert_i64(copy, 7);
}

/* A coroutine that waits for its next resumption has its stack, however the call ended. */
static bool is_suspended_whole(const struct rn_coroutine *coroutine)
{
    assert_true(coroutine->fiber.state != RN_FIBER_SUSPENDED || coroutine->fiber.values != NULL);
    return coroutine->fiber.state == RN_FIBER_SUSPENDED;
}

/* Runs `path` on a Vm without Globals under each budget from 1 on, until it needs no more, and then
 * `again` on what it left in the static. In how many the static's coroutine was suspended. */
static uint32_t end_everywhere(struct machine *m, const char *path)
{
    uint32_t suspended = 0;
    enum rn_event event;
    for (m->limits.budget = 1;; m->limits.budget++) {
        rn_vm_reset(m->vm, NULL);
        start(m, path);
        do {
            event = rn_vm_run(m->vm, UINT64_MAX);
        } while (event == RN_EVENT_HOST_CALL);
        if (event != RN_EVENT_LIMIT) {
            break;
        }
        if (m->vm->statics[0].tag != RN_VALUE_OBJECT) {
            continue;
        }
        struct rn_vm_limits limits = m->limits;
        m->limits.budget = 0;
        start(m, "again");
        suspended += is_suspended_whole((const void *)m->vm->statics[0].object);
        assert_true(run_slices(m, 1000) != RN_EVENT_LIMIT);
        rn_vm_end(m->vm);
        (void)is_suspended_whole((const void *)m->vm->statics[0].object);
        m->limits = limits;
    }
    m->limits.budget = 0;
    return suspended;
}

static void build_again(struct rn_builder *b, uint32_t held)
{
    begin(b, "again", 0);
    rn_emit_STATIC_GET(b, 0, held);
    rn_emit_CALL_METHOD(b, 0, 1, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("next"), RN_UTF8("")));
    end(b, 0);
}

/* A generator that waits does not keep alive who resumed it last. */
static void nobody_is_kept_by_what_it_resumed(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t held = begin_held_generator(b, 3);
    rn_emit_YIELD(b, 0, 0);
    rn_emit_YIELD(b, 0, 0);
    end(b, 0);
    uint32_t next = rn_builder_site(b, RN_SITE_CALL, RN_UTF8("next"), RN_UTF8(""));
    uint32_t outer = declare(b, "outer", 0, RN_FUNCTION_GENERATOR);
    rn_builder_begin(b, outer);
    rn_emit_STATIC_GET(b, 0, held);
    rn_emit_CALL_METHOD(b, 0, 1, next);
    rn_emit_YIELD(b, 0, 0);
    end(b, 0);
    begin(b, "second", 0);
    rn_emit_CALL(b, 0, 0, outer);
    rn_emit_CALL_METHOD(b, 0, 1, next);
    end(b, 0);
    finish(m);
    call(m, "first");
    call(m, "second");
    const struct rn_coroutine *coroutine = (const void *)m->vm->statics[0].object;
    assert_int_equal(coroutine->fiber.state, RN_FIBER_SUSPENDED);
    assert_null(coroutine->fiber.resumer);
}

/* The budget may end between a generator that yields and what it yields to. */
static void a_generator_that_yielded_last_goes_on(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t held = begin_held_generator(b, 3);
    rn_emit_YIELD(b, 0, 0);
    rn_emit_YIELD(b, 0, 0);
    end(b, 0);
    build_again(b, held);
    finish(m);
    assert_true(end_everywhere(m, "first") > 0);
}

/* Or between a stream that waits and the other branch of a select. */
static void a_stream_that_waited_last_goes_on(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t held = rn_builder_static(b, RN_UTF8("HELD"), RN_NONE);
    uint32_t fetch = rn_builder_import(b, RN_UTF8("host::fetch"), 1);
    uint32_t next = rn_builder_site(b, RN_SITE_CALL, RN_UTF8("next"), RN_UTF8(""));
    uint32_t stream = declare(b, "stream", 0, RN_FUNCTION_STREAM);
    rn_builder_begin(b, stream);
    rn_emit_INT(b, 0, 1);
    rn_emit_CALL_IMPORT(b, 0, 1, fetch);
    rn_emit_AWAIT(b, 0, 0);
    rn_emit_YIELD(b, 0, 0);
    end(b, 0);
    uint32_t first = declare(b, "first", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, first);
    rn_builder_begin(b, first);
    rn_emit_CALL(b, 0, 0, stream);
    rn_emit_STATIC_SET(b, 0, held);
    rn_emit_CALL_METHOD(b, 0, 1, next);
    rn_emit_INT(b, 1, 2);
    rn_emit_CALL_IMPORT(b, 1, 1, fetch);
    rn_emit_SELECT(b, 0, 2);
    end(b, 0);
    build_again(b, held);
    const struct rn_host_function hosts[] = {{rn_hash_item("host::fetch", 11), 1, true}};
    finish_with_hosts(m, hosts, 1);
    assert_true(end_everywhere(m, "first") > 0);
}

static void several_run_side_by_side(void **state)
{
    struct machine *m = *state;
    struct rn_vm *vms[3];
    build_vectors(m, "f", 2000, true);
    finish(m);
    struct rn_vm_call run = {.item = rn_hash_item("f", 1)};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rn_vm_new(m->engine, m->link, &vms[i]), RN_OK);
        assert_int_equal(rn_vm_start(vms[i], &run), RN_OK);
    }
    size_t done;
    do {
        done = 0;
        for (size_t i = 0; i < 3; i++) {
            enum rn_event event = rn_vm_run(vms[i], 100 * (i + 1));
            assert_true(event == RN_EVENT_SLICE || event == RN_EVENT_DONE);
            done += event == RN_EVENT_DONE;
        }
    } while (done < 3);
    struct rn_vm_usage first = rn_vm_usage(vms[0]);
    for (size_t i = 0; i < 3; i++) {
        struct rn_vm_usage usage = rn_vm_usage(vms[i]);
        assert_memory_equal(&usage, &first, sizeof(usage));
        rn_vm_free(vms[i]);
    }
}

static void a_missing_entry_is_the_scripts_error(void **state)
{
    struct machine *m = *state;
    begin(m->b, "f", 2);
    end(m->b, 0);
    finish(m);
    start(m, "g");
    assert_int_equal(rn_vm_run(m->vm, 1000), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_MISSING_ENTRY_HASH);
    assert_int_equal(rn_vm_error(m->vm)->frame_count, 0);
    assert_raises(m, "f", "Wrong number of arguments 0, expected 2");
    assert_int_equal(rn_vm_error(m->vm)->frame_count, 1); // whose arguments, and no place in it
    assert_int_equal(rn_vm_error(m->vm)->frames_total, 1);
    assert_int_equal(rn_vm_error(m->vm)->frames[0].pc, RN_NONE);
}

/* --- Values in and out --- */

static void arguments_and_results_are_const_values(void **state)
{
    struct machine *m = *state;
    uint8_t storage[256];
    struct rn_buf args;
    struct rn_builder_type type = {RN_UTF8("P"), RN_TYPE_TUPLE_STRUCT, NULL, 1};
    rn_builder_struct(m->b, &type);
    begin(m->b, "same", 1);
    end(m->b, 0);
    finish(m);
    rn_buf_init_fixed(&args, storage, sizeof(storage));
    rn_const_begin_tuple(&args, 1);
    rn_const_begin_object(&args, 3);
    rn_const_write_string(&args, "list", 4);
    rn_const_begin_vec(&args, 2);
    rn_const_write_u64(&args, 5);
    rn_const_begin_some(&args);
    rn_const_write_f64(&args, 0.5);
    rn_const_write_string(&args, "p", 1);
    rn_const_begin_struct(&args, rn_hash_item("P", 1), 1);
    rn_const_write_char(&args, 'x');
    rn_const_write_string(&args, "map", 3);
    rn_const_begin_hash_map(&args, 1);
    rn_const_write_i64(&args, 1);
    rn_const_write_bool(&args, true);
    struct rn_vm_call run = {
        .item = rn_hash_item("same", 4), .args = args.data, .args_size = args.size};
    assert_int_equal(rn_vm_start(m->vm, &run), RN_OK);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
    const uint8_t *data;
    size_t size;
    assert_int_equal(rn_vm_result(m->vm, &data, &size), RN_OK);
    // The result is the one element of the tuple, byte for byte.
    assert_true(size < args.size);
    assert_memory_equal(data, args.data + args.size - size, size);
}

/* That is how a call ends whose time was up before its worker came to it: not for want of room. */
static void a_flag_cancels_before_the_first_instruction(void **state)
{
    struct machine *m = *state;
    uint8_t storage[64];
    struct rn_buf args;
    uint32_t flag = 1;
    begin(m->b, "same", 1);
    end(m->b, 0);
    finish(m);
    rn_buf_init_fixed(&args, storage, sizeof(storage));
    rn_const_begin_tuple(&args, 1);
    rn_const_write_i64(&args, 7);
    struct rn_vm_call run = {.item = rn_hash_item("same", 4),
                             .args = args.data,
                             .args_size = args.size,
                             .cancel = &flag};
    assert_int_equal(rn_vm_start(m->vm, &run), RN_E_CANCELLED);
    flag = 0;
    assert_int_equal(rn_vm_start(m->vm, &run), RN_OK);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
}

static void bad_arguments_are_refused(void **state)
{
    struct machine *m = *state;
    begin(m->b, "f", 1);
    end(m->b, 0);
    finish(m);
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        {"", 0},                                          // nothing
        {"\x01\x01", 2},                                  // two values
        {"\x01", 1},                                      // not a tuple
        {"\xa0", 1},                                      // a CBOR map
        {"\x9f\xff", 2},                                  // of indefinite length
        {"\xd9\x52\x02\x81", 4},                          // ends early
        {"\xd9\x52\x02\x9a\xff\xff\xff\xff\x00", 9},      // a count that nothing stands behind
        {"\xd9\x52\x02\x81\xd9\x52\x0b\x82\x01\x01", 10}, // a struct of no known type
    };
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        struct rn_vm_call run = {.item = rn_hash_item("f", 1),
                                 .args = (const uint8_t *)rows[i].bytes,
                                 .args_size = rows[i].size};
        assert_int_not_equal(rn_vm_start(m->vm, &run), RN_OK);
    }
}

static void what_cannot_be_sent_says_where(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    const struct rn_utf8 keys[] = {RN_UTF8("items")};
    uint32_t g = declare(b, "g", 0, RN_FUNCTION_GENERATOR);
    rn_builder_begin(b, g);
    rn_emit_UNIT(b, 0);
    end(b, 0);
    begin(b, "f", 0);
    rn_emit_UNIT(b, 0);
    rn_emit_CALL(b, 1, 0, g);
    rn_emit_VEC(b, 0, 2);
    rn_emit_OBJECT(b, 0, 1, rn_builder_keys(b, keys, 1));
    end(b, 0);
    finish(m);
    call(m, "f");
    const uint8_t *data;
    size_t size;
    assert_int_equal(rn_vm_result(m->vm, &data, &size), RN_E_CONST_UNSUPPORTED);
    static const char expected[] =
        "value.items[1]: `::std::ops::generator::Generator` cannot be sent to another process";
    assert_int_equal(rn_vm_error(m->vm)->message_size, sizeof(expected) - 1);
    assert_memory_equal(rn_vm_error(m->vm)->message, expected, sizeof(expected) - 1);
}

static void results_of_any_depth_are_bounded(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    for (uint32_t i = 0; i < 2; i++) {
        begin(b, i == 0 ? "deep" : "deeper", 0);
        rn_emit_VEC(b, 0, 0);
        rn_emit_INT(b, 1, i == 0 ? 9000 : 20000);
        struct rn_label next = rn_builder_label(b, 2);
        rn_builder_place(b, next);
        rn_emit_MOVE(b, 2, 0);
        rn_emit_VEC(b, 2, 1);
        rn_emit_MOVE(b, 0, 2);
        rn_emit_SUB_INT(b, 1, 1, 1);
        rn_builder_set_height(b, 2);
        rn_emit_JUMP_NE_INT(b, 1, 0, next);
        end(b, 0);
    }
    begin(b, "same", 1);
    end(b, 0);
    finish(m);
    const uint8_t *data;
    size_t size;
    call(m, "deep");
    assert_int_equal(rn_vm_result(m->vm, &data, &size), RN_OK);
    assert_int_equal(size, 9001);
    // And back in, as the one argument.
    uint8_t *args = rn_alloc(size + 4);
    struct rn_buf head;
    rn_buf_init_fixed(&head, args, 4);
    rn_const_begin_tuple(&head, 1);
    memcpy(args + head.size, data, size);
    struct rn_vm_call run = {
        .item = rn_hash_item("same", 4), .args = args, .args_size = head.size + size};
    assert_int_equal(rn_vm_start(m->vm, &run), RN_OK);
    rn_free(args);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
    call(m, "deeper");
    assert_int_equal(rn_vm_result(m->vm, &data, &size), RN_E_CONST_UNSUPPORTED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_NESTED);
}

/* --- Output --- */

static void build_print(struct machine *m)
{
    struct rn_builder *b = m->b;
    uint32_t print = rn_builder_import(b, RN_UTF8("test::print"), 1);
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 10000);
    struct rn_label next = rn_builder_label(b, 1);
    rn_builder_place(b, next);
    rn_emit_STRING(b, 1, rn_builder_string(b, RN_UTF8("0123456789")));
    rn_emit_CALL_IMPORT(b, 1, 1, print);
    rn_emit_SUB_INT(b, 0, 0, 1);
    rn_builder_set_height(b, 1);
    rn_emit_JUMP_NE_INT(b, 0, 0, next);
    end(b, 0);
}

static void output_is_handed_out_as_it_fills(void **state)
{
    struct machine *m = *state;
    build_print(m);
    finish(m);
    start(m, "f");
    size_t total = 0;
    unsigned times = 0;
    enum rn_event event;
    do {
        event = rn_vm_run(m->vm, 1000000);
        struct rn_vm_output output = rn_vm_output(m->vm);
        uint32_t size;
        memcpy(&size, output.data + 1, sizeof(size));
        assert_int_equal(output.size, size + 5);
        assert_true(size < 40000);
        total += size;
        times++;
        rn_vm_output_taken(m->vm);
    } while (event == RN_EVENT_OUTPUT);
    assert_int_equal(event, RN_EVENT_DONE);
    assert_int_equal(total, 100000);
    assert_true(times > 2);
    assert_int_equal(rn_vm_usage(m->vm).output_bytes, 100000);
}

static void output_is_cut_at_its_limit(void **state)
{
    struct machine *m = *state;
    build_print(m);
    finish(m);
    m->limits.output = 25;
    start(m, "f");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_LIMIT);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_OUTPUT);
    assert_int_equal(rn_vm_output(m->vm).size, 30);
    assert_memory_equal(rn_vm_output(m->vm).data + 5, "0123456789012345678901234", 25);
}

/* --- Host calls --- */

static void build_host(struct machine *m)
{
    struct rn_builder *b = m->b;
    uint32_t ask = rn_builder_import(b, RN_UTF8("host::ask"), 1);
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_CALL_IMPORT(b, 0, 1, ask);
    rn_emit_ADD_INT(b, 0, 0, 1);
    end(b, 0);
    // Two at once, awaited together.
    uint32_t fetch = rn_builder_import(b, RN_UTF8("host::fetch"), 1);
    uint32_t join = rn_builder_import(b, RN_UTF8("std::future::join"), 1);
    uint32_t g = declare(b, "g", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, g);
    rn_builder_begin(b, g);
    rn_emit_INT(b, 0, 10);
    rn_emit_CALL_IMPORT(b, 0, 1, fetch);
    rn_emit_INT(b, 1, 20);
    rn_emit_CALL_IMPORT(b, 1, 1, fetch);
    rn_emit_VEC(b, 0, 2);
    rn_emit_CALL_IMPORT(b, 0, 1, join);
    rn_emit_AWAIT(b, 0, 0);
    end(b, 0);
    // The first of two.
    uint32_t s = declare(b, "s", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, s);
    rn_builder_begin(b, s);
    rn_emit_INT(b, 0, 10);
    rn_emit_CALL_IMPORT(b, 0, 1, fetch);
    rn_emit_INT(b, 1, 20);
    rn_emit_CALL_IMPORT(b, 1, 1, fetch);
    rn_emit_SELECT(b, 0, 2);
    end(b, 0);
    // One that goes on while another is waited for.
    uint32_t w = declare(b, "w", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, w);
    rn_builder_begin(b, w);
    rn_emit_INT(b, 0, 10);
    rn_emit_CALL_IMPORT(b, 0, 1, fetch);
    rn_emit_INT(b, 1, 1);
    rn_emit_CALL_IMPORT(b, 1, 1, ask);
    rn_emit_AWAIT(b, 0, 0);
    rn_emit_ADD(b, 0, 0, 1);
    end(b, 0);
    // A future that outlives its execution.
    uint32_t kept = rn_builder_static(b, RN_UTF8("KEPT"), RN_NONE);
    begin(b, "keep", 0);
    rn_emit_INT(b, 0, 10);
    rn_emit_CALL_IMPORT(b, 0, 1, fetch);
    rn_emit_STATIC_SET(b, 0, kept);
    rn_emit_UNIT(b, 0);
    end(b, 0);
    uint32_t late = declare(b, "late", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, late);
    rn_builder_begin(b, late);
    rn_emit_INT(b, 0, 20);
    rn_emit_CALL_IMPORT(b, 0, 1, fetch);
    rn_emit_STATIC_GET(b, 0, kept);
    rn_emit_AWAIT(b, 0, 0);
    end(b, 0);
    const struct rn_host_function hosts[] = {
        {rn_hash_item("host::ask", 9), 1, false},
        {rn_hash_item("host::fetch", 11), 1, true},
    };
    finish_with_hosts(m, hosts, 2);
}

static void reply_i64(struct machine *m, uint32_t id, int64_t value)
{
    uint8_t storage[16];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, storage, sizeof(storage));
    rn_const_write_i64(&buf, value);
    assert_int_equal(rn_vm_reply(m->vm, id, buf.data, buf.size), RN_OK);
}

/* `wide` joins many answers of the host at once, `deep` one answer and a join of one and a join of .. */
static void build_joins(struct machine *m, int32_t count)
{
    struct rn_builder *b = m->b;
    uint32_t fetch = rn_builder_import(b, RN_UTF8("host::fetch"), 1);
    uint32_t join = rn_builder_import(b, RN_UTF8("std::future::join"), 1);
    uint32_t wide = declare(b, "wide", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, wide);
    rn_builder_begin(b, wide);
    rn_emit_VEC(b, 0, 0);
    rn_emit_INT(b, 1, count);
    struct rn_label next = rn_builder_label(b, 2);
    rn_builder_place(b, next);
    rn_emit_INT(b, 2, 1);
    rn_emit_CALL_IMPORT(b, 2, 1, fetch);
    rn_emit_VEC_EXTEND(b, 0, 2, 1);
    rn_builder_set_height(b, 2);
    rn_emit_SUB_INT(b, 1, 1, 1);
    rn_emit_JUMP_NE_INT(b, 1, 0, next);
    rn_emit_CALL_IMPORT(b, 0, 1, join);
    rn_emit_AWAIT(b, 0, 0);
    end(b, 0);
    uint32_t deep = declare(b, "deep", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, deep);
    rn_builder_begin(b, deep);
    rn_emit_INT(b, 0, count);
    rn_emit_INT(b, 1, 1);
    rn_emit_CALL_IMPORT(b, 1, 1, fetch);
    rn_emit_INT(b, 2, 1);
    rn_emit_CALL_IMPORT(b, 2, 1, fetch);
    rn_emit_VEC(b, 1, 2);
    next = rn_builder_label(b, 2);
    rn_builder_place(b, next);
    rn_emit_CALL_IMPORT(b, 1, 1, join);
    rn_emit_VEC(b, 1, 1);
    rn_emit_SUB_INT(b, 0, 0, 1);
    rn_emit_JUMP_NE_INT(b, 0, 0, next);
    rn_emit_CALL_IMPORT(b, 1, 1, join);
    rn_emit_AWAIT(b, 0, 1);
    end(b, 0);
    const struct rn_host_function hosts[] = {{rn_hash_item("host::fetch", 11), 1, true}};
    finish_with_hosts(m, hosts, 1);
}

/* All is polled after an answer, in turns of which none is longer than it may be. Gives their number. */
static uint32_t poll_in_turns(struct machine *m, uint64_t slice)
{
    uint32_t turns = 0;
    enum rn_event event;
    do {
        uint64_t before = rn_vm_usage(m->vm).budget;
        event = rn_vm_run(m->vm, slice);
        assert_true(rn_vm_usage(m->vm).budget - before <= slice + 20);
        turns++;
    } while (event == RN_EVENT_SLICE);
    assert_int_equal(event, RN_EVENT_WAITING);
    return turns;
}

static void polling_a_join_takes_turns(void **state)
{
    struct machine *m = *state;
    static const char *const paths[] = {"wide", "deep"};
    build_joins(m, 2000);
    for (size_t i = 0; i < RN_COUNT_OF(paths); i++) {
        uint64_t spent[2];
        for (size_t large = 0; large < 2; large++) {
            start(m, paths[i]);
            enum rn_event event;
            do {
                event = rn_vm_run(m->vm, 1000);
            } while (event == RN_EVENT_SLICE || event == RN_EVENT_HOST_CALL);
            assert_int_equal(event, RN_EVENT_WAITING);
            reply_i64(m, rn_vm_host_call(m->vm)->id, 1);
            uint32_t turns = poll_in_turns(m, large ? UINT64_MAX / 2 : 50);
            assert_true(large ? turns == 1 : turns > 30);
            spent[large] = rn_vm_usage(m->vm).budget;
        }
        assert_true(spent[0] == spent[1]);
    }
}

static void a_script_waits_for_its_host(void **state)
{
    struct machine *m = *state;
    build_host(m);
    start(m, "f");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
    const struct rn_vm_host_call *host = rn_vm_host_call(m->vm);
    assert_int_equal(host->function, 0);
    assert_int_equal(host->args_size, 5); // tag, array of one, 1
    assert_int_equal(rn_vm_run(m->vm, 1000), RN_EVENT_WAITING);
    uint32_t id = host->id;
    assert_int_equal(rn_vm_reply(m->vm, id + 1, NULL, 0), RN_E_NOT_FOUND);
    reply_i64(m, id, 41);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
    assert_i64(rn_vm_result_value(m->vm), 42);
    assert_int_equal(rn_vm_usage(m->vm).host_calls, 1);
}

static void a_failing_host_raises(void **state)
{
    struct machine *m = *state;
    build_host(m);
    start(m, "f");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
    assert_int_equal(rn_vm_reply_error(m->vm, rn_vm_host_call(m->vm)->id, "no luck", 7), RN_OK);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_HOST);
    assert_memory_equal(rn_vm_error(m->vm)->message, "no luck", 7);
    m->limits.host_calls = 1;
    start(m, "g");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_LIMIT);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_HOST_CALLS);
}

static void a_reply_that_is_no_value_raises(void **state)
{
    struct machine *m = *state;
    build_host(m);
    start(m, "f");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
    assert_int_equal(rn_vm_reply(m->vm, rn_vm_host_call(m->vm)->id, (const uint8_t *)"\xa0", 1),
                     RN_OK);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_RAISED);
}

static void futures_of_the_host_run_at_once(void **state)
{
    struct machine *m = *state;
    build_host(m);
    uint32_t ids[2];
    start(m, "g");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
        assert_true(rn_vm_host_call(m->vm)->is_async);
        ids[i] = rn_vm_host_call(m->vm)->id;
    }
    assert_int_equal(run_slices(m, 1000), RN_EVENT_WAITING);
    reply_i64(m, ids[1], 200);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_WAITING);
    reply_i64(m, ids[0], 100);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
    const struct rn_vec *results = rn_as_vec(rn_vm_result_value(m->vm));
    assert_i64(results->items[0], 100);
    assert_i64(results->items[1], 200);
}

/* The ids of each execution begin anew; the answer to another is not for a future of the one before. */
static void a_kept_future_gets_no_reply_of_the_next_execution(void **state)
{
    struct machine *m = *state;
    build_host(m);
    start(m, "keep");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
    uint32_t id = rn_vm_host_call(m->vm)->id;
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
    start(m, "late");
    assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
    assert_int_equal(rn_vm_host_call(m->vm)->id, id);
    reply_i64(m, id, 200);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_FUTURE_COMPLETED);
}

static void select_takes_the_reply_that_came_first(void **state)
{
    struct machine *m = *state;
    build_host(m);
    uint32_t ids[2];
    start(m, "s");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
        ids[i] = rn_vm_host_call(m->vm)->id;
    }
    // Both are there before the script looks: the order of delivery decides.
    reply_i64(m, ids[1], 200);
    reply_i64(m, ids[0], 100);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
    const struct rn_value *pair = rn_as_tuple(rn_vm_result_value(m->vm))->items;
    assert_i64(pair[0], 1);
    assert_i64(pair[1], 200);
}

/* The answer to an asynchronous call comes before the one that the whole execution waits for. */
static void an_early_answer_waits_its_turn(void **state)
{
    struct machine *m = *state;
    build_host(m);
    uint32_t ids[2];
    start(m, "w");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
        ids[i] = rn_vm_host_call(m->vm)->id;
    }
    assert_int_equal(run_slices(m, 1000), RN_EVENT_WAITING);
    reply_i64(m, ids[0], 100);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_WAITING);
    reply_i64(m, ids[1], 5);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_DONE);
    assert_i64(rn_vm_result_value(m->vm), 105);
}

/* fetch(i), of which the answer is dropped, and fetch(i), of which it is awaited; without end. */
static void build_dropper(struct machine *m)
{
    struct rn_builder *b = m->b;
    uint32_t fetch = rn_builder_import(b, RN_UTF8("host::fetch"), 1);
    uint32_t f = declare(b, "f", 0, RN_FUNCTION_ASYNC);
    rn_builder_export(b, f);
    rn_builder_begin(b, f);
    struct rn_label next = rn_builder_label(b, 0);
    rn_builder_place(b, next);
    rn_emit_INT(b, 0, 1);
    rn_emit_CALL_IMPORT(b, 0, 1, fetch);
    rn_emit_INT(b, 0, 2);
    rn_emit_CALL_IMPORT(b, 0, 1, fetch);
    rn_emit_AWAIT(b, 0, 0);
    rn_builder_set_height(b, 0);
    rn_emit_JUMP(b, next);
    rn_builder_end(b);
    const struct rn_host_function hosts[] = {{rn_hash_item("host::fetch", 11), 1, true}};
    finish_with_hosts(m, hosts, 1);
    m->limits.memory = (uint64_t)1 << 20;
    start(m, "f");
}

enum {
    LARGE_REPLY = 64 << 10
};

static void reply_large(struct machine *m, uint32_t id)
{
    static char text[LARGE_REPLY];
    struct rn_buf buf;
    rn_buf_init(&buf, 2 * LARGE_REPLY);
    memset(text, 'x', sizeof(text));
    rn_const_write_string(&buf, text, sizeof(text));
    assert_int_equal(rn_vm_reply(m->vm, id, buf.data, buf.size), RN_OK);
    rn_buf_done(&buf);
}

static void answers_that_nobody_can_read_go(void **state)
{
    struct machine *m = *state;
    build_dropper(m);
    size_t before = rn_engine_used(m->engine);
    uint32_t id = 0;
    for (unsigned i = 0; i < 200; i++) {
        enum rn_event event = run_slices(m, 1000);
        if (event == RN_EVENT_HOST_CALL) {
            id = rn_vm_host_call(m->vm)->id;
            continue;
        }
        assert_int_equal(event, RN_EVENT_WAITING);
        reply_large(m, id - 1);
        reply_large(m, id);
        assert_true(rn_engine_used(m->engine) - before < (size_t)3 << 20);
    }
    assert_true(id > 100);
}

static void answers_that_wait_count_against_the_limit(void **state)
{
    struct machine *m = *state;
    build_dropper(m);
    size_t before = rn_engine_used(m->engine);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_HOST_CALL);
    for (unsigned i = 0; i < 100; i++) {
        reply_large(m, 1);
    }
    assert_true(rn_engine_used(m->engine) - before < (size_t)2 << 20);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_LIMIT);
    assert_int_equal(rn_vm_limit(m->vm), RN_LIMIT_MEMORY);
}

/* --- Walks --- */

/* Two to the power of `levels` parts, of which all are the same. */
static struct rn_value shared_parts(struct machine *m, unsigned levels)
{
    struct rn_value value = rn_value_i64(1);
    for (unsigned i = 0; i < levels; i++) {
        struct rn_vec *vec = rn_vec_new(m->vm, 2);
        assert_non_null(vec);
        assert_true(rn_vec_push(m->vm, vec, value));
        assert_true(rn_vec_push(m->vm, vec, value));
        value = rn_value_object(vec);
    }
    return value;
}

static void walks_over_shared_parts_become_expensive(void **state)
{
    struct machine *m = *state;
    build_endless(m);
    finish(m);
    start(m, "endless");
    struct rn_value small[] = {shared_parts(m, 10), shared_parts(m, 10)};
    struct rn_value large[] = {shared_parts(m, 22), shared_parts(m, 22)};
    bool equal = false;
    uint64_t hash;
    uint64_t spent = rn_vm_usage(m->vm).budget;
    assert_int_equal(rn_value_eq(m->vm, small[0], small[1], RN_PARTIAL, &equal), RN_DONE);
    assert_true(equal);
    assert_in_range(rn_vm_usage(m->vm).budget - spent, 2 << 10, 3 << 10);
    spent = rn_vm_usage(m->vm).budget;
    assert_int_equal(rn_value_eq(m->vm, large[0], large[1], RN_PARTIAL, &equal), RN_DONE);
    assert_true(equal);
    assert_true(rn_vm_usage(m->vm).budget - spent > RN_WALK_STEPS * 100);
    spent = rn_vm_usage(m->vm).budget;
    assert_int_equal(rn_value_hash(m->vm, large[0], &hash), RN_DONE);
    assert_true(rn_vm_usage(m->vm).budget - spent > RN_WALK_STEPS * 100);
}

/* As after 2^32 changes: the same count, other bytes. */
static void chars_stand_on_borders(void **state)
{
    struct machine *m = *state;
    build_endless(m);
    finish(m);
    start(m, "endless");
    static const char *const texts[] = {"a\xc3\xa9", "\xc3\xa9"
                                                     "a"};
    struct rn_value item;
    for (size_t back = 0; back < 2; back++) {
        struct rn_string *text = rn_string_new(m->vm, texts[back], 3);
        assert_non_null(text);
        struct rn_iter *iter =
            rn_iter_new(m->vm, RN_TYPE_ID_CHARS, RN_ITER_CHARS, rn_value_object(text));
        assert_non_null(iter);
        iter->index = back == 0 ? 1 : 0;
        iter->end = back == 0 ? 3 : 2;
        iter->version = text->header.version;
        assert_int_equal(rn_iter_next(m->vm, iter, &item), RN_DONE);
        assert_int_equal(item.tag, RN_VALUE_CHAR);
        iter->index = back == 0 ? 1 : 0;
        memcpy((char *)(uintptr_t)text->data, texts[1 - back], 3);
        assert_int_equal(rn_iter_next(m->vm, iter, &item), RN_RAISED);
        assert_int_equal(rn_iter_next_back(m->vm, iter, &item), RN_RAISED);
    }
}

static void names_of_functions_are_searched_within_bounds(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t add = rn_builder_import(b, RN_UTF8("test::add"), 2);
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_INT(b, 1, 2);
    rn_emit_CALL_IMPORT(b, 0, 2, add);
    end(b, 0);
    finish(m);
    start(m, "f");
    struct rn_vec *vec = rn_vec_new(m->vm, 3);
    assert_non_null(vec);
    for (unsigned i = 0; i < 3; i++) {
        struct rn_function *function = rn_function_new(m->vm, NULL, RN_FORM_NATIVE, 0, 0);
        assert_non_null(function);
        assert_true(rn_vec_push(m->vm, vec, rn_value_object(function)));
    }
    uint8_t storage[512];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, storage, sizeof(storage));
    assert_int_equal(rn_encode(m->vm, rn_value_object(vec), &buf), RN_DONE);
    m->link->unit.counts[RN_SECTION_IMPORTS] = 100 << 20; // the first one is it
    rn_buf_init_fixed(&buf, storage, sizeof(storage));
    assert_int_equal(rn_encode(m->vm, rn_value_object(vec), &buf), RN_RAISED);
    m->link->unit.counts[RN_SECTION_IMPORTS] = 1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_budget_is_spent_to_the_unit),
        TEST(slices_change_nothing),
        TEST(a_slice_ends_where_it_says),
        TEST(a_flag_cancels),
        TEST(a_flag_cancels_before_the_first_instruction),
        TEST(encoding_ends_when_the_call_is_to_stop),
        TEST(garbage_is_collected_within_the_limit),
        TEST(blocks_without_life_are_given_back),
        TEST(the_first_blocks_hold_cells_of_all_classes),
        TEST(blocks_count_against_the_limit),
        TEST(asking_for_iterators_is_paid_before),
        TEST(a_kept_heap_survives_a_memory_limit),
        TEST(a_full_region_is_not_a_memory_limit),
        TEST(a_call_that_cannot_start_used_nothing),
        TEST(recursion_ends_by_depth_or_memory),
        TEST(nested_coroutines_end_by_depth),
        TEST(everything_goes_when_a_call_ends),
        TEST(a_static_may_hold_what_was_running),
        TEST(a_coroutine_is_copied_whole_or_not),
        TEST(nobody_is_kept_by_what_it_resumed),
        TEST(a_generator_that_yielded_last_goes_on),
        TEST(a_stream_that_waited_last_goes_on),
        TEST(several_run_side_by_side),
        TEST(a_missing_entry_is_the_scripts_error),
        TEST(arguments_and_results_are_const_values),
        TEST(bad_arguments_are_refused),
        TEST(what_cannot_be_sent_says_where),
        TEST(results_of_any_depth_are_bounded),
        TEST(output_is_handed_out_as_it_fills),
        TEST(output_is_cut_at_its_limit),
        TEST(polling_a_join_takes_turns),
        TEST(a_script_waits_for_its_host),
        TEST(a_failing_host_raises),
        TEST(a_reply_that_is_no_value_raises),
        TEST(futures_of_the_host_run_at_once),
        TEST(a_kept_future_gets_no_reply_of_the_next_execution),
        TEST(select_takes_the_reply_that_came_first),
        TEST(an_early_answer_waits_its_turn),
        TEST(answers_that_nobody_can_read_go),
        TEST(answers_that_wait_count_against_the_limit),
        TEST(walks_over_shared_parts_become_expensive),
        TEST(chars_stand_on_borders),
        TEST(names_of_functions_are_searched_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
