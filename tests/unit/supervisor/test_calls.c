/* Calls from end to end: values in and out, output, host functions, errors with places, Globals. */
#include "base/check.h"
#include "tests/unit/supervisor/harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_arguments_and_results(void **state)
{
    (void)state;
    rune_unit *unit = build("pub fn main(a, b) { [b, a, #{ sum: a + b.len() as i64 }] }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *a = rune_value_i64(40);
    rune_const_value *b = rune_value_text("\xc3\xa4h");
    const rune_const_value *args[] = {a, b};
    rune_const_value *value = NULL;
    rune_text *json = NULL;
    assert_int_equal(rune_vm_call(vm, "main", args, 2, NULL, &value, NULL), RUNE_OK);
    assert_int_equal(rune_value_to_json(value, &json, NULL), RUNE_OK);
    assert_string_equal(rune_text_data(json), "[\"\xc3\xa4h\",40,{\"sum\":43}]");
    rune_text_free(json);
    rune_value_unref(value);
    rune_value_unref(a);
    rune_value_unref(b);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void test_large_values_both_ways(void **state)
{
    (void)state;
    static char text[3000000];
    memset(text, 'x', sizeof(text));
    rune_unit *unit = build("pub fn main(a) { a.push('!'); a }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *large = rune_value_string(text, sizeof(text));
    const rune_const_value *args[] = {large};
    for (int i = 0; i < 3; i++) {
        rune_const_value *value = NULL;
        rune_error *error = NULL;
        const char *data;
        size_t size;
        rune_status status = rune_vm_call(vm, "main", args, 1, NULL, &value, &error);
        assert_string_equal(error ? rune_error_message(error) : "", "");
        assert_int_equal(status, RUNE_OK);
        assert_true(rune_value_get_string(value, &data, &size));
        assert_int_equal(size, sizeof(text) + 1);
        assert_int_equal(data[sizeof(text)], '!');
        rune_value_unref(value);
    }
    rune_value_unref(large);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static bool collect(void *user, int stream, const char *data, size_t size)
{
    char **end = user;
    assert_int_equal(stream, RUNE_STREAM_STDOUT);
    memcpy(*end, data, size);
    *end += size;
    return true;
}

static void test_output_in_order(void **state)
{
    (void)state;
    static char text[400000];
    char *end = text;
    rune_unit *unit = build("pub fn main() { for i in 0..50000 { println!(\"{}\", i % 10); } }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, collect, &end);
    assert_int_equal(call_reason(vm, "main", options), RUNE_REASON_OK);
    assert_int_equal(end - text, 100000);
    for (int i = 0; i < 50000; i++) {
        assert_int_equal(text[2 * i], '0' + i % 10);
        assert_int_equal(text[2 * i + 1], '\n');
    }
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

struct moody {
    int refusals;
    size_t size;
};

static bool sometimes(void *user, int stream, const char *data, size_t size)
{
    struct moody *moody = user;
    (void)stream;
    (void)data;
    if (moody->refusals++ % 3 != 2) {
        return false;
    }
    moody->size += size;
    return true;
}

static void test_a_sink_that_refuses(void **state)
{
    (void)state;
    struct moody moody = {0};
    rune_unit *unit = build("pub fn main() { for i in 0..30000 { println!(\"0123456789\"); } 7 }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, sometimes, &moody);
    assert_int_equal(call_reason(vm, "main", options), RUNE_REASON_OK);
    assert_int_equal(moody.size, 330000);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

/* Takes the first bytes; then it refuses until the end. */
static bool no_more(void *user, int stream, const char *data, size_t size)
{
    struct moody *moody = user;
    (void)stream;
    (void)data;
    bool takes = moody->refusals++ == 0;
    moody->size += takes ? size : 0;
    return takes;
}

static void assert_cut(rune_record *record, const char *message, size_t size)
{
    rune_text *json = NULL;
    assert_null(rune_record_value(record));
    assert_string_equal(rune_error_message(rune_record_error(record)), message);
    assert_int_equal(rune_record_usage(record)->output_bytes, size);
    assert_int_equal(rune_record_to_json(record, NULL, 0, &json), RUNE_OK);
    assert_non_null(strstr(rune_text_data(json), "\"truncated\":true"));
    rune_text_free(json);
    rune_record_free(record);
}

/* A result does not overtake output: a call that is done ends by its deadline, or as cancelled, and its record
 * says what the host has taken. */
static void test_output_that_is_never_taken(void **state)
{
    (void)state;
    struct moody moody = {.refusals = 1};
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    rune_unit *unit = build("pub fn few() { println!(\"hello\"); 1 }\n"
                            "pub fn many() { for i in 0..30000 { println!(\"0123456789\"); } 2 }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, UINT64_C(100000000));
    rune_call_options_set_output(options, no_more, &moody);
    record = call_record(vm, "few", options);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_WALL);
    assert_cut(record,
               "the limit of 100 ms of wall-clock time was reached while the host refused the "
               "call's output",
               0);
    // One that has more to say is not done: it waits until somebody takes it.
    moody.refusals = 0;
    record = call_record(vm, "many", options);
    assert_in_range(moody.size, 1, 329999);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_WALL);
    assert_cut(record, "the limit of 100 ms of wall-clock time was reached", moody.size);
    // The same of an execution, which is cancelled when the script has long been done.
    rune_call_options_free(options);
    options = rune_call_options_new();
    moody = (struct moody){.refusals = 1};
    rune_call_options_set_output(options, no_more, &moody);
    assert_int_equal(rune_vm_send_execute(vm, "few", NULL, 0, options, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, 50000000), RUNE_E_TIMED_OUT);
    rune_execution_cancel(execution);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CANCELLED);
    assert_cut(record, "the call was cancelled while the host refused the call's output", 0);
    rune_execution_free(execution);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void assert_name(const char *data, size_t size, const char *wanted)
{
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(data, wanted, size);
}

static rune_const_value *call_value(rune_vm *vm, const char *item)
{
    rune_const_value *value = NULL;
    assert_int_equal(rune_vm_call(vm, item, NULL, 0, NULL, &value, NULL), RUNE_OK);
    return value;
}

/* Values say by hashes which struct or variant they are; the Unit has the names. */
static void test_structs_and_variants(void **state)
{
    (void)state;
    uint64_t hash = 0;
    const char *data = NULL;
    size_t size = 0;
    rune_unit *unit = build("struct S { a, b } enum E { Allow, Deny(why), Ask { who } }\n"
                            "mod m { pub struct T(x); pub fn t() { T(1) } }\n"
                            "pub fn s() { S { a: 1, b: 2 } } pub fn allow() { E::Allow }\n"
                            "pub fn ask() { E::Ask { who: 1 } } pub fn t() { m::t() }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *value = call_value(vm, "s");
    assert_true(rune_value_is(value, "S"));
    assert_true(rune_value_is(value, "::S"));
    assert_false(rune_value_is(value, "E"));
    assert_false(rune_value_is(value, NULL));
    assert_false(rune_value_get_variant(value, &hash));
    assert_true(rune_value_get_type(value, &hash));
    assert_true(hash == rune_value_hash_item("S"));
    assert_true(rune_unit_type_item(unit, hash, &data, &size));
    assert_name(data, size, "S");
    assert_true(rune_unit_field(unit, hash, 1, &data, &size));
    assert_name(data, size, "b");
    assert_false(rune_unit_field(unit, hash, 2, &data, &size));
    assert_false(rune_unit_type_item(unit, 1, &data, &size));
    assert_false(rune_value_key_at(value, 0, &data, &size));
    rune_value_unref(value);
    value = call_value(vm, "ask");
    assert_true(rune_value_is(value, "E"));
    assert_true(rune_value_is(value, "E::Ask"));
    assert_false(rune_value_is(value, "E::Allow"));
    assert_true(rune_value_get_variant(value, &hash));
    assert_true(rune_unit_type_item(unit, hash, &data, &size));
    assert_name(data, size, "E::Ask");
    assert_true(rune_unit_field(unit, hash, 0, &data, &size));
    assert_name(data, size, "who");
    assert_true(rune_value_get_type(value, &hash));
    assert_true(rune_unit_type_item(unit, hash, &data, &size));
    assert_name(data, size, "E");
    assert_false(rune_unit_field(unit, hash, 0, &data, &size));
    rune_value_unref(value);
    value = call_value(vm, "allow");
    assert_true(rune_value_is(value, "E::Allow"));
    rune_value_unref(value);
    value = call_value(vm, "t");
    assert_true(rune_value_is(value, "m::T"));
    assert_false(rune_unit_field(unit, rune_value_hash_item("m::T"), 0, &data, &size));
    rune_value_unref(value);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void test_host_functions(void **state)
{
    (void)state;
    rune_unit *unit =
        build("pub fn main() { let n = 1; for _ in 0..20 { n = host::double(n); } n }\n"
              "pub async fn later() { host::later(1).await + host::later(2).await }\n"
              "pub fn answer() { host::ANSWER }\n");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_i64(vm, "main"), 1 << 20);
    assert_int_equal(call_i64(vm, "later"), 2003);
    assert_int_equal(call_i64(vm, "answer"), 42);
    rune_record *record = call_record(vm, "main", NULL);
    assert_int_equal(rune_record_usage(record)->host_calls, 20);
    rune_record_free(record);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

/* What a host that answers late holds; it answers all once that many have come. */
struct held {
    rune_host_call *calls[256];
    size_t count;
    size_t count_max;
};

static void hold(void *user, rune_host_call *call)
{
    struct held *held = user;
    held->calls[held->count++] = call;
    held->count_max = held->count > held->count_max ? held->count : held->count_max;
    if (held->count == 256) {
        rune_const_value *value = rune_value_i64(1);
        while (held->count > 0) {
            assert_int_equal(rune_host_call_reply(held->calls[--held->count], value), RUNE_OK);
        }
        rune_value_unref(value);
    }
}

/* A script may ask for more than may be out at once: it waits, and the worker stays honest. */
static void test_many_host_calls_at_once(void **state)
{
    (void)state;
    struct held held = {.count = 0};
    rune_module *module = rune_module_new("late");
    rune_context *own = rune_context_with_default_modules();
    rune_runtime *own_runtime;
    rune_sources *sources = rune_sources_new();
    rune_unit *unit;
    rune_vm *vm;
    static const char source[] =
        "pub async fn main() { let all = []; for _ in 0..1024 { all.push(late::answer()); } "
        "std::future::join(all).await.iter().sum::<i64>() }";
    assert_int_equal(
        rune_module_function(module, "answer", 0, RUNE_FUNCTION_ASYNC, hold, &held, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(own, module, NULL), RUNE_OK);
    assert_int_equal(rune_context_runtime(own, &own_runtime, NULL), RUNE_OK);
    assert_int_equal(
        rune_sources_insert_memory(sources, "late.rn", source, sizeof(source) - 1, NULL), RUNE_OK);
    assert_int_equal(rune_build(supervisor, sources, own, NULL, NULL, &unit, NULL), RUNE_OK);
    assert_int_equal(rune_vm_new(supervisor, own_runtime, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(call_i64(vm, "main"), 1024);
    assert_int_equal(held.count_max, 256);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_sources_free(sources);
    rune_runtime_unref(own_runtime);
    rune_context_free(own);
    rune_module_free(module);
}

static void expect_error(rune_vm *vm, const char *item, const char *part)
{
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    assert_int_equal(rune_vm_call(vm, item, NULL, 0, NULL, &value, &error), RUNE_E_SCRIPT_ERROR);
    if (!strstr(rune_error_message(error), part)) {
        fail_msg("%s: expected `%s` in `%s`", item, part, rune_error_message(error));
    }
    rune_error_free(error);
}

static void test_host_functions_that_fail(void **state)
{
    (void)state;
    rune_unit *unit = build("pub fn fails() { host::fail() }\n"
                            "pub fn never() { host::never() }\n"
                            "pub fn wrong() { host::double(\"a\") }\n");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    expect_error(vm, "fails", "no luck today");
    expect_error(vm, "never", "gave no answer");
    expect_error(vm, "wrong", "takes an i64");
    rune_vm_free(vm);
    // Without the runtime nothing of the host can be called.
    assert_int_equal(rune_vm_new(supervisor, NULL, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(call_reason(vm, "fails", NULL), RUNE_REASON_SCRIPT_ERROR);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void test_errors_have_places(void **state)
{
    (void)state;
    rune_unit *unit = build("fn inner(a) {\n    1 / a\n}\npub fn main() {\n    inner(0)\n}\n");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_frame frame;
    rune_text *text = NULL;
    assert_int_equal(rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error), RUNE_E_SCRIPT_ERROR);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_SCRIPT_ERROR);
    assert_string_equal(rune_error_kind(error), "DivideByZero");
    assert_int_equal(rune_error_frame_count(error), 2);
    assert_true(rune_error_frame(error, 0, &frame));
    assert_string_equal(frame.function, "inner");
    assert_string_equal(frame.source, "test.rn");
    assert_int_equal(frame.line, 2);
    assert_int_equal(frame.column, 5);
    assert_string_equal(frame.text, "    1 / a");
    assert_true(rune_error_frame(error, 1, &frame));
    assert_string_equal(frame.function, "main");
    assert_int_equal(frame.line, 5);
    assert_false(rune_error_frame(error, 2, &frame));
    assert_int_equal(rune_error_render(error, false, &text), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "test.rn:2:5: error: "));
    assert_non_null(strstr(rune_text_data(text), "^^^^^"));
    rune_text_free(text);
    rune_error_free(error);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

/* What is shown of an error of `source`, which is on one line. */
static rune_text *render_failure(const char *source)
{
    rune_unit *unit = build(source);
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_text *text = NULL;
    assert_int_equal(rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error), RUNE_E_SCRIPT_ERROR);
    assert_int_equal(rune_error_render(error, false, &text), RUNE_OK);
    rune_error_free(error);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    return text;
}

/* The carets stand below what failed, and the line that they mark is no longer than `shown_max`. */
static void assert_marked(const char *text, const char *failed, size_t shown_max)
{
    const char *line = strstr(text, "\n1 | ");
    assert_non_null(line);
    const char *mark = strchr(line + 1, '\n');
    assert_non_null(mark);
    assert_true((size_t)(mark - line) <= shown_max);
    const char *caret = strchr(mark, '^');
    assert_non_null(caret);
    // Characters, not bytes, stand before the caret; the line begins with a newline, too.
    const char *at = line + 1;
    for (const char *space = mark + 1; space < caret; space++) {
        at++;
        while (((unsigned char)*at & 0xc0) == 0x80) {
            at++;
        }
    }
    assert_memory_equal(at, failed, strlen(failed));
    assert_int_equal(strspn(caret, "^"), strlen(failed));
}

static void test_long_lines_are_cut(void **state)
{
    (void)state;
    char source[4096];
    static const struct {
        int before;
        int after;
        const char *filler;
    } cases[] = {{0, 0, ""}, {0, 400, "-"}, {400, 0, "-"}, {400, 400, "-"}, {250, 250, "\u00e9"}};
    for (size_t i = 0; i < RN_COUNT_OF(cases); i++) {
        size_t size = (size_t)snprintf(source, sizeof(source), "pub fn main() { /*");
        for (int j = 0; j < cases[i].before; j++) {
            size += (size_t)snprintf(source + size, sizeof(source) - size, "%s", cases[i].filler);
        }
        size += (size_t)snprintf(source + size, sizeof(source) - size, " */ 1 / 0 /* ");
        for (int j = 0; j < cases[i].after; j++) {
            size += (size_t)snprintf(source + size, sizeof(source) - size, "%s", cases[i].filler);
        }
        snprintf(source + size, sizeof(source) - size, "*/ }\n");
        rune_text *text = render_failure(source);
        assert_marked(rune_text_data(text), "1 / 0", 260);
        bool cut = cases[i].before + cases[i].after > 0;
        assert_int_equal(strstr(rune_text_data(text), "\u2026") != NULL, cut);
        rune_text_free(text);
    }
}

static void test_wrong_requests(void **state)
{
    (void)state;
    rune_unit *unit = build("pub fn main() { 1 }\npub fn closure() { || 1 }\n"
                            "pub fn generator() { fn g() { yield 1; } g() }\n");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    assert_int_equal(rune_vm_call(vm, "nothing", NULL, 0, NULL, &value, &error), RUNE_E_NOT_FOUND);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_USAGE);
    rune_error_free(error);
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *args[] = {one};
    assert_int_not_equal(rune_vm_call(vm, "main", args, 1, NULL, &value, NULL), RUNE_OK);
    rune_value_unref(one);
    assert_int_equal(call_reason(vm, "generator", NULL), RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(call_i64(vm, "main"), 1);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void test_a_script_body(void **state)
{
    (void)state;
    rune_unit *unit = build_in(supervisor, "let a = 20; a + 22", true);
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_true(rune_unit_has(unit, ""));
    assert_int_equal(call_i64(vm, ""), 42);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void test_the_record_as_json(void **state)
{
    (void)state;
    rune_unit *unit = build("pub fn main() { [1, \"two\"] }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_record *record = call_record(vm, "main", NULL);
    rune_text *text = NULL;
    rune_const_value *parsed = NULL;
    const char *data;
    size_t size;
    assert_int_equal(rune_record_to_json(record, "out", 3, &text), RUNE_OK);
    assert_int_equal(
        rune_value_from_json(rune_text_data(text), rune_text_size(text), &parsed, NULL), RUNE_OK);
    rune_const_value *reason = rune_value_get(parsed, "reason");
    assert_true(rune_value_get_string(reason, &data, &size));
    assert_memory_equal(data, "ok", 2);
    rune_const_value *usage = rune_value_get(parsed, "usage");
    rune_const_value *budget = rune_value_get(usage, "budget");
    int64_t spent = 0;
    assert_true(rune_value_get_i64(budget, &spent));
    assert_true(spent > 0);
    rune_value_unref(budget);
    rune_value_unref(usage);
    rune_value_unref(reason);
    rune_value_unref(parsed);
    rune_text_free(text);
    rune_record_free(record);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

/* Budget and memory are the same on every run, whoever else computes. */
static void test_counts_are_exact(void **state)
{
    (void)state;
    rune_unit *unit =
        build("pub fn main() { let v = []; for i in 0..1000 { v.push(`${i}`); } v.len() }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_record *first = call_record(vm, "main", NULL);
    for (int i = 0; i < 20; i++) {
        rune_record *record = call_record(vm, "main", NULL);
        assert_int_equal(rune_record_usage(record)->budget, rune_record_usage(first)->budget);
        assert_int_equal(rune_record_usage(record)->memory_peak,
                         rune_record_usage(first)->memory_peak);
        rune_record_free(record);
    }
    rune_record_free(first);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

struct nesting {
    int left;
    rune_runtime *runtime;
};

/* A host function that calls back into another Vm. */
static void call_again(void *user, rune_host_call *call)
{
    struct nesting *nesting = user;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_parent(options, call);
    rune_vm_options *with_user = rune_vm_options_new();
    rune_vm_options_set_user(with_user, rune_host_call_user(call));
    rune_vm *vm;
    assert_int_equal(
        rune_vm_new(supervisor, nesting->runtime, rune_host_call_user(call), with_user, &vm, NULL),
        RUNE_OK);
    const char *item = nesting->left-- > 0 ? "main" : "leaf";
    rune_status status = rune_vm_call(vm, item, NULL, 0, options, &value, &error);
    if (status == RUNE_OK) {
        (void)rune_host_call_reply(call, value);
    } else {
        (void)rune_host_call_fail(call, rune_error_message(error));
    }
    rune_value_unref(value);
    rune_error_free(error);
    rune_vm_free(vm);
    rune_vm_options_free(with_user);
    rune_call_options_free(options);
}

/* Every number is a seed of its own, the largest as well. */
static void test_every_seed_is_one(void **state)
{
    (void)state;
    int64_t numbers[3] = {0};
    const uint64_t seeds[3] = {0, UINT64_MAX, UINT64_MAX - 1};
    rune_unit *unit = build("pub fn main() { rand::rng().random::<i64>() }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = rune_call_options_new();
    for (int i = 0; i < 3; i++) {
        rune_call_options_set_seed(options, seeds[i]);
        rune_record *record = call_record(vm, "main", options);
        assert_true(rune_value_get_i64(rune_record_value(record), &numbers[i]));
        rune_record_free(record);
    }
    assert_true(numbers[0] != numbers[1] && numbers[1] != numbers[2]);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void test_nested_calls(void **state)
{
    (void)state;
    struct nesting nesting = {.left = 5};
    rune_module *module = rune_module_new("nest");
    assert_int_equal(rune_module_function(module, "call", 0, 0, call_again, &nesting, NULL), 0);
    rune_context *own = rune_context_with_default_modules();
    assert_int_equal(rune_context_install(own, module, NULL), RUNE_OK);
    rune_runtime *own_runtime;
    assert_int_equal(rune_context_runtime(own, &own_runtime, NULL), RUNE_OK);
    nesting.runtime = own_runtime;
    static const char source[] = "pub fn main() { nest::call() + 1 }\n"
                                 "pub fn leaf() { 36 }\n";
    rune_sources *sources = rune_sources_new();
    rune_unit *unit = NULL;
    assert_int_equal(rune_sources_insert_memory(sources, "n.rn", source, strlen(source), NULL), 0);
    assert_int_equal(rune_build(supervisor, sources, own, NULL, NULL, &unit, NULL), RUNE_OK);
    rune_sources_free(sources);
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_user(options, unit);
    rune_vm *vm;
    assert_int_equal(rune_vm_new(supervisor, own_runtime, unit, options, &vm, NULL), RUNE_OK);
    assert_int_equal(call_i64(vm, "main"), 42);
    nesting.left = 1000; // deeper than calls may nest
    expect_error(vm, "main", "nested 16 deep");
    rune_vm_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_runtime_unref(own_runtime);
    rune_context_free(own);
    rune_module_free(module);
}

static void test_globals(void **state)
{
    (void)state;
    rune_unit *unit = build("static COUNT = 0;\n"
                            "pub fn main() { COUNT += 1; COUNT }\n");
    rune_vm *a = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *b = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_i64(a, "main"), 1);
    assert_int_equal(call_i64(a, "main"), 2);
    assert_int_equal(call_i64(b, "main"), 1);
    assert_int_equal(call_i64(a, "main"), 3);
    assert_int_equal(rune_vm_reset(a), RUNE_OK);
    assert_int_equal(call_i64(a, "main"), 1);
    assert_int_equal(call_i64(b, "main"), 2);
    rune_vm_free(a);
    rune_vm_free(b);
    rune_unit_unref(unit);
}

static void test_another_unit_for_a_warm_vm(void **state)
{
    (void)state;
    rune_unit *one = build("pub fn main() { 1 }");
    rune_unit *two = build("pub fn main() { 2 }");
    rune_vm *vm = new_vm(one, RUNE_ISOLATION_SHARED, "");
    for (int i = 0; i < 50; i++) {
        assert_int_equal(call_i64(vm, "main"), 1);
        assert_int_equal(rune_vm_set_unit(vm, two), RUNE_OK);
        assert_int_equal(call_i64(vm, "main"), 2);
        assert_int_equal(rune_vm_set_unit(vm, one), RUNE_OK);
    }
    rune_vm_free(vm);
    rune_unit_unref(one);
    rune_unit_unref(two);
}

/* The Unit and the runtime that a Vm has already leave its state alone. */
static void test_the_same_unit_again(void **state)
{
    (void)state;
    rune_unit *counts = build("static N = 0; pub fn main() { N += 1; N }");
    rune_vm *vm = new_vm(counts, RUNE_ISOLATION_SHARED, "");
    for (int64_t i = 1; i < 4; i++) {
        assert_int_equal(rune_vm_set_unit(vm, counts), RUNE_OK);
        assert_int_equal(rune_vm_set_runtime(vm, runtime), RUNE_OK);
        assert_int_equal(call_i64(vm, "main"), i);
    }
    rune_vm_free(vm);
    rune_unit_unref(counts);
}

/* More Units than a worker may hold: old ones are detached. */
static void test_many_units(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        char source[64];
        (void)snprintf(source, sizeof(source), "pub fn main() { %d }", i);
        rune_unit *unit = build(source);
        rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
        assert_int_equal(call_i64(vm, "main"), i);
        rune_vm_free(vm);
        rune_unit_unref(unit);
    }
}

static void test_save_and_load(void **state)
{
    (void)state;
    rune_unit *unit = build("pub fn main() { 5 }\n#[test]\nfn t() {}\n");
    rune_text *bytes = NULL;
    rune_unit *again = NULL;
    assert_int_equal(rune_unit_save(unit, &bytes, NULL), RUNE_OK);
    assert_int_equal(rune_unit_load(rune_text_data(bytes), rune_text_size(bytes), &again, NULL),
                     RUNE_OK);
    assert_memory_equal(rune_unit_id(again), rune_unit_id(unit), RUNE_UNIT_ID_SIZE);
    rune_vm *vm = new_vm(again, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_i64(vm, "main"), 5);
    rune_vm_free(vm);
    // Any changed byte is refused: by the content id, or before.
    char *copy = malloc(rune_text_size(bytes));
    for (size_t i = 0; i < rune_text_size(bytes); i += 7) {
        rune_unit *bad = NULL;
        memcpy(copy, rune_text_data(bytes), rune_text_size(bytes));
        copy[i] ^= 0x10;
        size_t debug_size;
        (void)rune_unit_debug(unit, &debug_size);
        if (i < rune_text_size(bytes) - debug_size) {
            assert_int_not_equal(rune_unit_load(copy, rune_text_size(bytes), &bad, NULL), RUNE_OK);
        }
    }
    free(copy);
    rune_text_free(bytes);
    rune_unit_unref(unit);
    rune_unit_unref(again);
}

static void test_diagnostics(void **state)
{
    (void)state;
    static const char source[] = "pub fn main() { missing }\n";
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    rune_text *text = NULL;
    rune_diagnostic diagnostic;
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_sources_insert_memory(sources, "bad.rn", source, strlen(source), NULL),
                     0);
    assert_int_equal(rune_build(supervisor, sources, NULL, NULL, diagnostics, &unit, &error),
                     RUNE_E_COMPILE_FAILED);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_FAILED);
    assert_true(rune_diagnostics_has_error(diagnostics));
    assert_true(rune_diagnostics_at(diagnostics, 0, &diagnostic));
    assert_string_equal(diagnostic.source, "bad.rn");
    assert_int_equal(diagnostic.line, 1);
    assert_int_equal(diagnostic.column, 17);
    assert_int_equal(rune_diagnostics_render(diagnostics, false, &text), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "bad.rn:1:17: error"));
    rune_text_free(text);
    rune_error_free(error);
    rune_sources_free(sources);
    rune_diagnostics_free(diagnostics);
}

static rune_status load_module(void *user, const char *item, rune_loaded *loaded)
{
    int *asked = user;
    (*asked)++;
    if (strcmp(item, "far") != 0) {
        return RUNE_E_NOT_FOUND;
    }
    return rune_sources_loaded(loaded, "far.rn", "pub fn f() { 3 }", 16);
}

static void test_modules(void **state)
{
    (void)state;
    int asked = 0;
    static const char root[] = "mod near; mod far; pub fn main() { near::f() + far::f() }";
    rune_sources *sources = rune_sources_new();
    rune_unit *unit = NULL;
    assert_int_equal(rune_sources_insert_memory(sources, "root.rn", root, strlen(root), NULL), 0);
    assert_int_equal(rune_sources_insert_memory(sources, "near", "pub fn f() { 4 }", 16, NULL), 0);
    rune_sources_set_loader(sources, load_module, &asked);
    assert_int_equal(rune_build(supervisor, sources, NULL, NULL, NULL, &unit, NULL), RUNE_OK);
    assert_int_equal(asked, 1);
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_i64(vm, "main"), 7);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_sources_free(sources);
}

static void assert_missing(const char *source, const char *item, const char *said)
{
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_unit *unit = build(source);
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(rune_vm_call(vm, item, NULL, 0, NULL, &value, &error), RUNE_E_NOT_FOUND);
    assert_string_equal(rune_error_message(error), said);
    rune_error_free(error);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void test_who_misses_a_function_hears_what_there_is(void **state)
{
    (void)state;
    char many[4096] = "";
    for (int i = 0; i < 65; i++) {
        size_t end = strlen(many);
        snprintf(many + end, sizeof(many) - end, "pub fn f%02d_with_a_long_name() { 1 }\n", i);
    }
    assert_missing("pub fn only() { 1 }", "main",
                   "there is no public function `main`; there is `only`");
    assert_missing("pub fn b() { c() } pub fn a() { 1 } fn c() { 2 } pub fn main() { 3 }", "c",
                   "there is no public function `c`; there are `a`, `b` and `main`");
    assert_missing("pub fn main() { 3 }", "", "there is no script body; there is `main`");
    assert_missing(many, "main", "there is no public function `main`");
    strstr(many, "pub fn f60")[0] = 0;
    assert_missing(many, "main",
                   "there is no public function `main`; there are `f00_with_a_long_name`, "
                   "`f01_with_a_long_name`, `f02_with_a_long_name`, `f03_with_a_long_name`, "
                   "`f04_with_a_long_name`, `f05_with_a_long_name`, `f06_with_a_long_name`, "
                   "`f07_with_a_long_name`, `f08_with_a_long_name`, `f09_with_a_long_name`, "
                   "50 more");
}

static void *call_many(void *argument)
{
    rune_vm *vm = new_vm(argument, RUNE_ISOLATION_SHARED, "");
    for (int i = 0; i < 300; i++) {
        assert_int_equal(call_i64(vm, i % 3 == 0 ? "with_host" : "main"), 84);
    }
    rune_vm_free(vm);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    rune_unit *unit = build("pub fn main() { 84 }\npub fn with_host() { host::double(42) }\n");
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, unit), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    rune_unit_unref(unit);
}

static void expect_json(rune_vm *vm, const char *item, const char *expected)
{
    rune_text *text = NULL;
    rune_record *record = call_record(vm, item, NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(rune_value_to_json(rune_record_value(record), &text, NULL), RUNE_OK);
    assert_string_equal(rune_text_data(text), expected);
    rune_text_free(text);
    rune_record_free(record);
}

static void expect_refused(rune_vm *vm, const char *item, const char *message)
{
    rune_record *record = call_record(vm, item, NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
    assert_string_equal(rune_error_message(rune_record_error(record)), message);
    rune_record_free(record);
}

/* What only a script has types for: errors of the library leave it as what they say, wherever in a result they
 * are, and in what a host function is passed. Captures of a function stay what they are, or do not leave. */
static void test_errors_of_the_library_leave_as_texts(void **state)
{
    (void)state;
    rune_unit *unit =
        build("pub fn int() { \"x\".parse::<i64>()?; 1 }\n"
              "pub fn empty() { \"\".parse::<i64>() }\n"
              "pub fn all() { #{ f: \"x\".parse::<f64>(), c: [Some(\"ab\".parse::<char>())],\n"
              "    j: json::from_string(\"[\"), u: String::from_utf8(b\"\\xff\") } }\n"
              "pub fn bare() { match \"x\".parse::<i64>() { Err(e) => e, v => v } }\n"
              "pub fn held() { let e = \"x\".parse::<i64>(); || e }\n"
              "pub fn after() { let e = \"x\".parse::<i64>(); (add, e) }\n"
              "fn add(a) { a }\n"
              "pub fn iter() { Ok(Some([1].iter())) }\n"
              "pub fn passed() { host::double(\"x\".parse::<i64>()) }\n");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    expect_json(vm, "int", "{\"Err\":\"invalid digit found in string\"}");
    expect_json(vm, "empty", "{\"Err\":\"cannot parse a number from an empty string\"}");
    expect_json(vm, "all",
                "{\"f\":{\"Err\":\"invalid float literal\"},"
                "\"c\":[{\"Err\":\"too many characters in string\"}],"
                "\"j\":{\"Err\":\"EOF while parsing a list at line 1 column 1\"},"
                "\"u\":{\"Err\":\"invalid utf-8 sequence\"}}");
    expect_json(vm, "bare", "\"invalid digit found in string\"");
    expect_refused(vm, "held",
                   "value.captures[0].Err: `::std::num::ParseIntError` cannot be sent to another "
                   "process");
    expect_refused(vm, "iter",
                   "value.Ok.Some: `::std::slice::Iter` cannot be sent to another process");
    rune_record *record = call_record(vm, "after", NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK); // the function has ended by then
    rune_record_free(record);
    record = call_record(vm, "passed", NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
    assert_null(strstr(rune_error_message(rune_record_error(record)), "cannot be sent"));
    rune_record_free(record);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_and_results),
        cmocka_unit_test(test_large_values_both_ways),
        cmocka_unit_test(test_output_in_order),
        cmocka_unit_test(test_a_sink_that_refuses),
        cmocka_unit_test(test_output_that_is_never_taken),
        cmocka_unit_test(test_structs_and_variants),
        cmocka_unit_test(test_errors_of_the_library_leave_as_texts),
        cmocka_unit_test(test_host_functions),
        cmocka_unit_test(test_many_host_calls_at_once),
        cmocka_unit_test(test_host_functions_that_fail),
        cmocka_unit_test(test_errors_have_places),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_wrong_requests),
        cmocka_unit_test(test_a_script_body),
        cmocka_unit_test(test_the_record_as_json),
        cmocka_unit_test(test_counts_are_exact),
        cmocka_unit_test(test_every_seed_is_one),
        cmocka_unit_test(test_nested_calls),
        cmocka_unit_test(test_globals),
        cmocka_unit_test(test_another_unit_for_a_warm_vm),
        cmocka_unit_test(test_the_same_unit_again),
        cmocka_unit_test(test_many_units),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_diagnostics),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_who_misses_a_function_hears_what_there_is),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
