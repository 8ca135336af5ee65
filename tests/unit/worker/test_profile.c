/* Vms that count: in a region that has room for that, and in one that has none. */
#include "tests/unit/worker/machine.h"

/* Ten rounds of a loop. */
static void build_rounds(struct machine *m)
{
    struct rn_builder *b = m->b;
    begin(b, "rounds", 0);
    rn_emit_INT(b, 0, 10);
    struct rn_label next = rn_builder_label(b, 1);
    rn_builder_place(b, next);
    rn_emit_SUB_INT(b, 0, 0, 1);
    rn_emit_JUMP_NE_INT(b, 0, 0, next);
    end(b, 0);
}

static uint64_t count_places(struct rn_vm *vm, uint64_t *out_most)
{
    uint64_t spent = 0;
    struct rn_vm_profile_place place = {.pc = 0};
    *out_most = 0;
    for (uint32_t from = 0; rn_vm_profile_next(vm, from, &place); from = place.pc + 1) {
        spent += place.spent;
        *out_most = place.hits > *out_most ? place.hits : *out_most;
    }
    return spent;
}

static void all_is_counted_in_slices_too(void **state)
{
    struct machine *m = *state;
    build_rounds(m);
    finish(m);
    static const uint64_t slices[] = {UINT64_MAX, 1, 7};
    for (size_t i = 0; i < RN_COUNT_OF(slices); i++) {
        uint64_t most;
        start(m, "rounds");
        assert_int_equal(run_slices(m, slices[i]), RN_EVENT_DONE);
        assert_int_equal(rn_vm_profile_node_count(m->vm), 3); // the call, the rest, one function
        assert_int_equal(rn_vm_profile_node(m->vm, 2).calls, 1);
        assert_int_equal(count_places(m->vm, &most), rn_vm_usage(m->vm).budget);
        assert_int_equal(most, 10);
    }
    rn_vm_profile_drop(m->vm);
    assert_int_equal(rn_vm_profile_node_count(m->vm), 0);
}

static void without_room_there_is_no_call_and_no_profile(void **state)
{
    struct machine *m = *state;
    struct rn_vm_profile_place place;
    build_rounds(m);
    finish(m);
    for (size_t size = (size_t)16 << 20; size >= 512; size /= 2) {
        while (rn_engine_take(m->engine, size)) {
        }
    }
    struct rn_vm_call call = {.item = 0};
    assert_int_equal(rn_vm_start(m->vm, &call), RN_E_NO_MEMORY);
    assert_int_equal(rn_vm_profile_node_count(m->vm), 0);
    assert_false(rn_vm_profile_next(m->vm, 0, &place));
    rn_vm_profile_drop(m->vm);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_is_counted_in_slices_too),
        TEST(without_room_there_is_no_call_and_no_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
