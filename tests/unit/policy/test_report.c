/* test_report.c: reports, required sets, and their JSON. */
#include "base/alloc.h"
#include "policy/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_report_adds_up(void **state)
{
    (void)state;
    struct rn_wall_report report;
    struct rn_wall_report other;
    rn_wall_report_init(&report);
    rn_wall_report_init(&other);
    rn_wall_report_refused(&report, RN_LAYER_MSEAL, ENOSYS);
    rn_wall_report_refused(&other, RN_LAYER_LANDLOCK, EPERM);
    rn_wall_report_active(&other, RN_LAYER_MSEAL);
    rn_wall_report_merge(&report, &other);
    assert_int_equal(report.active, RN_LAYER_BIT(RN_LAYER_MSEAL));
    assert_int_equal(report.refused_errno[RN_LAYER_MSEAL], 0);
    assert_int_equal(report.refused_errno[RN_LAYER_LANDLOCK], EPERM);
}

static void what_only_one_knows_is_kept(void **state)
{
    (void)state;
    struct rn_wall_report report;
    for (unsigned of_first = 0; of_first < 2; of_first++) {
        struct rn_wall_report reports[2];
        rn_wall_report_init(&reports[0]);
        rn_wall_report_init(&reports[1]);
        reports[of_first].sanitizer_flavour = true;
        reports[of_first].landlock_abi = 7;
        reports[of_first].filters = 2;
        report = reports[0];
        rn_wall_report_merge(&report, &reports[1]);
        assert_true(report.sanitizer_flavour);
        assert_int_equal(report.landlock_abi, 7);
        assert_int_equal(report.filters, 2);
    }
}

static void the_first_missing_layer_is_named(void **state)
{
    (void)state;
    struct rn_wall_report report;
    rn_wall_report_init(&report);
    enum rn_layer missing = RN_LAYER_COUNT;
    rn_wall_report_active(&report, RN_LAYER_SECCOMP);
    uint64_t required = rn_policy_required(RN_POLICY_BEST_EFFORT);
    assert_int_equal(rn_wall_report_check(&report, required, &missing), RN_E_WALL_REFUSED);
    assert_int_equal(missing, RN_LAYER_NO_NEW_PRIVS);
    rn_wall_report_active(&report, RN_LAYER_NO_NEW_PRIVS);
    rn_wall_report_active(&report, RN_LAYER_RLIMITS);
    rn_wall_report_active(&report, RN_LAYER_DESCRIPTORS);
    assert_int_equal(rn_wall_report_check(&report, required, &missing), RN_OK);
}

static void best_effort_is_part_of_strict(void **state)
{
    (void)state;
    uint64_t strict = rn_policy_required(RN_POLICY_STRICT);
    uint64_t best_effort = rn_policy_required(RN_POLICY_BEST_EFFORT);
    assert_int_equal(best_effort & ~strict, 0);
    assert_int_equal(__builtin_popcountll(strict), 10);
    assert_int_equal(__builtin_popcountll(best_effort), 4);
}

static void exit_codes_name_layers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RN_LAYER_COUNT; i++) {
        enum rn_layer layer;
        assert_true(rn_wall_layer_of_exit(rn_wall_exit_code((enum rn_layer)i), &layer));
        assert_int_equal(layer, i);
        assert_true(rn_layer_from_name(rn_layer_info((enum rn_layer)i)->name, &layer));
        assert_int_equal(layer, i);
    }
    enum rn_layer layer;
    assert_false(rn_wall_layer_of_exit(0, &layer));
    assert_false(rn_wall_layer_of_exit(71, &layer));
    int first = rn_wall_exit_code((enum rn_layer)0);
    assert_false(rn_wall_layer_of_exit(first + RN_LAYER_COUNT, &layer));
    assert_false(rn_layer_from_name("moat", &layer));
}

// Quotes pair up outside of strings only if no text holds one; no backslash, no control byte.
static void assert_plain_json(const struct rn_buf *buf)
{
    assert_int_equal(rn_buf_status(buf), RN_OK);
    unsigned quotes = 0;
    int depth = 0;
    for (size_t i = 0; i < buf->size; i++) {
        uint8_t c = buf->data[i];
        assert_true(c >= ' ' && c != '\\');
        quotes += c == '"';
        if (quotes % 2 == 0) {
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        } else if (c == '"') {
            uint8_t before = buf->data[i - 1];
            assert_true(before == '{' || before == ',' || before == ':');
        }
    }
    assert_int_equal(quotes % 2, 0);
    assert_int_equal(depth, 0);
}

static void json_needs_no_escapes(void **state)
{
    (void)state;
    struct rn_wall_report report;
    rn_wall_report_init(&report);
    for (unsigned i = 0; i < RN_LAYER_COUNT; i++) {
        rn_wall_report_refused(&report, (enum rn_layer)i, (int)i + 1);
    }
    RN_AUTO(rn_buf) struct rn_buf buf;
    rn_buf_init(&buf, 1u << 20);
    // An errno without a text, and a report of the other flavour.
    rn_wall_report_refused(&report, RN_LAYER_MSEAL, 9999);
    report.sanitizer_flavour = true;
    rn_wall_report_to_json(&report, RN_POLICY_STRICT, 0, &buf);
    assert_plain_json(&buf);
    rn_buf_append_u8(&buf, 0);
    assert_non_null(strstr((const char *)buf.data, "\"flavour\":\"sanitizer\""));
    assert_non_null(strstr((const char *)buf.data, "\"errno\":9999,\"error\":\"\""));
    rn_buf_clear(&buf);
    report.sanitizer_flavour = false;
    rn_wall_report_to_json(&report, RN_POLICY_BEST_EFFORT, 0, &buf);
    assert_plain_json(&buf);
    rn_buf_clear(&buf);
    rn_policy_to_json(&buf);
    assert_plain_json(&buf);
    rn_buf_append_u8(&buf, 0);
    assert_non_null(strstr((const char *)buf.data, "\"call\":\"sendto\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_adds_up),
        cmocka_unit_test(what_only_one_knows_is_kept),
        cmocka_unit_test(the_first_missing_layer_is_named),
        cmocka_unit_test(best_effort_is_part_of_strict),
        cmocka_unit_test(exit_codes_name_layers),
        cmocka_unit_test(json_needs_no_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
