/*
 * Sources laid out, and what they declare: texts, diagnostics, what is refused. With a supervisor of one's own, and the
 * same through a daemon, which must say word for word what the other says.
 */
#include "tests/unit/supervisor/daemon.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rune_supervisor *by; /* that is asked */

typedef rune_status (*tool_fn)(rune_supervisor *supervisor, const rune_sources *sources,
                               const rune_options *options, rune_diagnostics *diagnostics,
                               rune_text **out_text, rune_error **error);

/* What one question came to. */
struct said {
    rune_status status;
    rune_text *text;
    rune_error *error;
    rune_text *diagnostics;
};

static struct said ask(rune_supervisor *asked, tool_fn tool, const rune_sources *sources,
                       const rune_options *options)
{
    struct said said = {.text = NULL};
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    said.status = tool(asked, sources, options, diagnostics, &said.text, &said.error);
    assert_true((said.status == RUNE_OK) == (said.text != NULL));
    assert_true((said.status == RUNE_OK) == (said.error == NULL));
    assert_int_equal(rune_diagnostics_to_json(diagnostics, &said.diagnostics), RUNE_OK);
    rune_diagnostics_free(diagnostics);
    return said;
}

static void done(struct said *said)
{
    rune_text_free(said->text);
    rune_error_free(said->error);
    rune_text_free(said->diagnostics);
}

static rune_sources *source(const char *text)
{
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_sources_insert_memory(sources, "a.rn", text, strlen(text), NULL),
                     RUNE_OK);
    return sources;
}

static void expect_text(const struct said *said, const char *text)
{
    if (said->status != RUNE_OK) {
        fail_msg("%s\n%s", rune_error_message(said->error), rune_text_data(said->diagnostics));
    }
    assert_string_equal(rune_text_data(said->text), text);
    assert_int_equal(rune_text_size(said->text), strlen(text));
}

/* That a supervisor of one's own says the same. */
static void expect_same(const struct said *said, tool_fn tool, const rune_sources *sources,
                        const rune_options *options)
{
    struct said own = ask(supervisor, tool, sources, options);
    assert_int_equal(said->status, own.status);
    assert_string_equal(rune_text_data(said->diagnostics), rune_text_data(own.diagnostics));
    if (own.status == RUNE_OK) {
        expect_text(said, rune_text_data(own.text));
    } else {
        assert_string_equal(rune_error_message(said->error), rune_error_message(own.error));
        assert_string_equal(rune_error_kind(said->error), rune_error_kind(own.error));
        assert_int_equal(rune_error_reason(said->error), rune_error_reason(own.error));
    }
    done(&own);
}

static void expect_layout(const rune_sources *sources, const rune_options *options,
                          const char *text)
{
    struct said said = ask(by, rune_format, sources, options);
    expect_text(&said, text);
    done(&said);
}

static void test_a_layout(void **state)
{
    (void)state;
    rune_options *options = rune_options_new();
    rune_sources *sources = source("pub fn main(){if x{1}}");
    expect_layout(sources, NULL, "pub fn main() {\n    if x {\n        1\n    }\n}\n");
    expect_layout(sources, options, "pub fn main() {\n    if x {\n        1\n    }\n}\n");
    rune_options_set_indent(options, 2);
    expect_layout(sources, options, "pub fn main() {\n  if x {\n    1\n  }\n}\n");
    rune_options_set_indent(options, 0);
    rune_options_set_final_newline(options, false);
    expect_layout(sources, options, "pub fn main() {\n\tif x {\n\t\t1\n\t}\n}");
    rune_sources_free(sources);
    sources = source("");
    expect_layout(sources, options, "");
    rune_sources_free(sources);
    rune_options_free(options);
}

/* Only of the root: what else there is, and what it asks for, does not matter. */
static void test_a_layout_is_of_the_root(void **state)
{
    (void)state;
    rune_sources *sources = source("mod a; mod missing;");
    assert_int_equal(rune_sources_insert_memory(sources, "a", "fn (", 4, NULL), RUNE_OK);
    expect_layout(sources, NULL, "mod a;\nmod missing;\n");
    rune_sources_free(sources);
}

/* The JSON of a function of which no more is said. */
static bool has_function(const rune_text *outline, const char *path, const char *in)
{
    char wanted[160];
    const char *name = strrchr(path, ':') ? strrchr(path, ':') + 1 : path;
    (void)snprintf(wanted, sizeof(wanted),
                   "{\"kind\":\"function\",\"path\":\"%s\",\"name\":\"%s\",\"public\":true,"
                   "\"source\":\"%s\"",
                   path, name, in);
    return strstr(rune_text_data(outline), wanted) != NULL;
}

static void *loader_user = &loader_user;

static rune_status load(void *user, const char *item, rune_loaded *loaded)
{
    static const char text[] = "pub fn from_loader() {}";
    assert_ptr_equal(user, loader_user);
    return strcmp(item, "c") == 0 ? rune_sources_loaded(loaded, "c!", text, sizeof(text) - 1)
                                  : RUNE_E_NOT_FOUND;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Modules are in memory, in files, and where a loader has them. */
static void test_an_outline(void **state)
{
    (void)state;
    char folder[] = "/tmp/runeward-tools-XXXXXX";
    char path[2][64];
    rune_sources *sources = rune_sources_new();
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path[0], sizeof(path[0]), "%s/root.rn", folder);
    (void)snprintf(path[1], sizeof(path[1]), "%s/b.rn", folder);
    write_file(path[0], "mod a; mod b; mod c; pub fn main() { a::from_memory() }");
    write_file(path[1], "pub fn from_file() {}");
    assert_int_equal(rune_sources_insert_file(sources, path[0], NULL), RUNE_OK);
    assert_int_equal(rune_sources_insert_memory(sources, "a", "pub fn from_memory() {}", 23, NULL),
                     RUNE_OK);
    rune_sources_set_loader(sources, load, loader_user);
    struct said said = ask(by, rune_outline, sources, NULL);
    assert_int_equal(said.status, RUNE_OK);
    assert_true(has_function(said.text, "main", path[0]));
    assert_true(has_function(said.text, "a::from_memory", "a"));
    assert_true(has_function(said.text, "b::from_file", path[1]));
    assert_true(has_function(said.text, "c::from_loader", "c!"));
    expect_same(&said, rune_outline, sources, NULL);
    done(&said);
    rune_sources_free(sources);
    (void)unlink(path[0]);
    (void)unlink(path[1]);
    (void)rmdir(folder);
}

/* What is no file of items may be a script; what is neither is told as what it was said to be. */
static void test_an_outline_of_a_script(void **state)
{
    (void)state;
    rune_options *options = rune_options_new();
    rune_sources *sources = source("let x = 1; pub fn f() {} x");
    rune_sources *neither = source("let x = );");
    struct said said = ask(by, rune_outline, sources, NULL);
    assert_int_equal(said.status, RUNE_OK);
    assert_true(has_function(said.text, "f", "a.rn"));
    expect_same(&said, rune_outline, sources, NULL);
    done(&said);
    said = ask(by, rune_outline, neither, NULL);
    assert_int_equal(said.status, RUNE_E_COMPILE_FAILED);
    expect_same(&said, rune_outline, neither, NULL);
    rune_options_set_script(options, true);
    struct said as_script = ask(by, rune_outline, neither, options);
    expect_same(&as_script, rune_outline, neither, options);
    assert_string_not_equal(rune_text_data(said.diagnostics),
                            rune_text_data(as_script.diagnostics));
    done(&said);
    done(&as_script);
    rune_sources_free(sources);
    rune_sources_free(neither);
    rune_options_free(options);
}

/* With the same words, and the same diagnostics, whoever reads it. */
static void test_what_cannot_be_read(void **state)
{
    (void)state;
    static const tool_fn tools[] = {rune_format, rune_outline};
    static const char *const texts[] = {"fn (", "pub fn f() { \"", "\xff\xfe", "mod missing;",
                                        "fn f() { #[a] }"};
    for (size_t i = 0; i < 2 * sizeof(texts) / sizeof(texts[0]); i++) {
        rune_sources *sources = source(texts[i / 2]);
        struct said said = ask(by, tools[i % 2], sources, NULL);
        expect_same(&said, tools[i % 2], sources, NULL);
        assert_true(said.status == RUNE_E_COMPILE_FAILED || said.status == RUNE_OK);
        assert_true(said.status == RUNE_OK || strlen(rune_text_data(said.diagnostics)) > 10);
        done(&said);
        rune_sources_free(sources);
    }
}

/* What was in the diagnostics goes, and nobody needs any. */
static void test_diagnostics_are_replaced(void **state)
{
    (void)state;
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_text *text = NULL;
    rune_sources *wrong = source("fn (");
    rune_sources *right = source("fn f() {}");
    assert_int_equal(rune_format(by, wrong, NULL, diagnostics, &text, NULL), RUNE_E_COMPILE_FAILED);
    assert_true(rune_diagnostics_has_error(diagnostics));
    assert_int_equal(rune_outline(by, right, NULL, diagnostics, &text, NULL), RUNE_OK);
    assert_int_equal(rune_diagnostics_count(diagnostics), 0);
    rune_text_free(text);
    text = NULL;
    assert_int_equal(rune_outline(by, wrong, NULL, NULL, &text, NULL), RUNE_E_COMPILE_FAILED);
    assert_null(text);
    rune_sources_free(wrong);
    rune_sources_free(right);
    rune_diagnostics_free(diagnostics);
}

static void expect_refused(tool_fn tool, const rune_sources *sources, const rune_options *options,
                           rune_status status, const char *kind)
{
    struct said said = ask(by, tool, sources, options);
    assert_int_equal(said.status, status);
    if (kind) {
        assert_string_equal(rune_error_kind(said.error), kind);
    }
    expect_same(&said, tool, sources, options);
    done(&said);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    rune_options *options = rune_options_new();
    rune_sources *none = rune_sources_new();
    rune_sources *sources = source("pub fn f() {}");
    expect_refused(rune_format, none, NULL, RUNE_E_INVALID_ARGUMENT, NULL);
    expect_refused(rune_outline, none, NULL, RUNE_E_INVALID_ARGUMENT, NULL);
    rune_options_set_indent(options, 17);
    expect_refused(rune_format, sources, options, RUNE_E_INVALID_ARGUMENT, NULL);
    rune_options_set_indent(options, 16);
    rune_options_set_memory_max(options, 1);
    expect_refused(rune_format, sources, options, RUNE_E_LIMIT, "build_memory");
    expect_refused(rune_outline, sources, options, RUNE_E_LIMIT, "build_memory");
    rune_options_set_memory_max(options, 0);
    rune_options_set_wall(options, 1);
    expect_refused(rune_format, sources, options, RUNE_E_LIMIT, "wall");
    expect_refused(rune_outline, sources, options, RUNE_E_LIMIT, "wall");
    rune_sources_free(none);
    rune_sources_free(sources);
    rune_options_free(options);
}

/* So many functions of nested blocks, of which the layout is 700 times as long; the caller's. */
static char *nested(unsigned functions)
{
    enum {
        DEPTH = 100
    };
    char *text = malloc(functions * (2 * DEPTH + 40u) + 1);
    char *at = text;
    assert_non_null(text);
    *at = 0;
    for (unsigned i = 0; i < functions; i++) {
        at += sprintf(at, "fn f%u() { ", i);
        memset(at, '{', DEPTH);
        at += DEPTH;
        at += sprintf(at, "1;");
        memset(at, '}', DEPTH);
        at += DEPTH;
        at += sprintf(at, " }\n");
    }
    return text;
}

/* Whatever is wrong with the source, what is right of it is told. */
static void test_names(void **state)
{
    (void)state;
    rune_sources *sources =
        source("mod c; mod missing; fn f(a) { let = a; } fn g() { f(c::from_loader()) }");
    rune_sources_set_loader(sources, load, loader_user);
    struct said said = ask(by, rune_names, sources, NULL);
    assert_int_equal(said.status, RUNE_OK);
    const char *text = rune_text_data(said.text);
    assert_ptr_equal(strstr(text, "{\"source\":\"a.rn\"}\n{\"source\":\"c!\"}\n"), text);
    assert_non_null(
        strstr(text, "\"path\":\"c::from_loader\",\"name\":\"from_loader\",\"source\":1"));
    assert_non_null(strstr(text, "{\"uses\":["));
    assert_non_null(strstr(rune_text_data(said.diagnostics), "missing"));
    expect_same(&said, rune_names, sources, NULL);
    done(&said);
    rune_sources_free(sources);
}

/* Texts of many packets. */
static void test_long_texts(void **state)
{
    (void)state;
    rune_options *options = rune_options_new();
    char *text = nested(20);
    rune_sources *sources = source(text);
    rune_options_set_indent(options, 16);
    struct said said = ask(by, rune_format, sources, options);
    assert_int_equal(said.status, RUNE_OK);
    assert_in_range(rune_text_size(said.text), 3000000, 4000000);
    expect_same(&said, rune_format, sources, options);
    done(&said);
    said = ask(by, rune_outline, sources, options);
    assert_int_equal(said.status, RUNE_OK);
    expect_same(&said, rune_outline, sources, options);
    done(&said);
    said = ask(by, rune_names, sources, options);
    assert_int_equal(said.status, RUNE_OK);
    expect_same(&said, rune_names, sources, options);
    done(&said);
    rune_sources_free(sources);
    rune_options_free(options);
    free(text);
}

static void *ask_often(void *argument)
{
    rune_sources *sources = source("pub fn f(){1}");
    (void)argument;
    for (int i = 0; i < 10; i++) {
        expect_layout(sources, NULL, "pub fn f() {\n    1\n}\n");
        struct said said = ask(by, rune_outline, sources, NULL);
        assert_int_equal(said.status, RUNE_OK);
        assert_true(has_function(said.text, "f", "a.rn"));
        done(&said);
    }
    rune_sources_free(sources);
    return NULL;
}

static void test_from_many_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* Of a connection alone. */

/* On the thread that receives. */
static bool ask_in_sink(void *user, int stream, const char *data, size_t size)
{
    rune_status *statuses = user;
    rune_text *text = NULL;
    rune_sources *sources = source("fn f() {}");
    (void)stream;
    (void)data;
    (void)size;
    statuses[0] = rune_format(by, sources, NULL, NULL, &text, NULL);
    statuses[1] = rune_outline(by, sources, NULL, NULL, &text, NULL);
    assert_null(text);
    rune_sources_free(sources);
    return true;
}

static void test_in_a_callback(void **state)
{
    (void)state;
    rune_status statuses[2] = {RUNE_OK, RUNE_OK};
    rune_execution *execution = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_vm *vm = daemon_vm(by);
    rune_call_options_set_output(options, ask_in_sink, statuses);
    assert_int_equal(rune_vm_send_execute(vm, "main", NULL, 0, options, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(statuses[0], RUNE_E_BUSY);
    assert_int_equal(statuses[1], RUNE_E_BUSY);
    rune_execution_free(execution);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

static rune_status stop_daemon(void *user, const char *item, rune_loaded *loaded)
{
    (void)user;
    (void)item;
    (void)loaded;
    daemon_stop();
    return RUNE_E_NOT_FOUND;
}

/* While it waits for a module. */
static void test_the_daemon_goes(void **state)
{
    (void)state;
    rune_sources *sources = source("mod a;");
    rune_sources_set_loader(sources, stop_daemon, NULL);
    struct said said = ask(by, rune_outline, sources, NULL);
    assert_int_equal(said.status, RUNE_E_CLOSED);
    assert_int_equal(rune_error_reason(said.error), RUNE_REASON_UNAVAILABLE);
    done(&said);
    said = ask(by, rune_format, sources, NULL);
    assert_int_equal(said.status, RUNE_E_CLOSED);
    done(&said);
    rune_sources_free(sources);
}

static rune_status close_client(void *user, const char *item, rune_loaded *loaded)
{
    (void)user;
    (void)item;
    (void)loaded;
    (void)!rune_supervisor_close(by, 0);
    return RUNE_E_NOT_FOUND;
}

/* What is out ends, one way or the other; nothing new begins. */
static void test_the_client_closes(void **state)
{
    (void)state;
    rune_sources *sources = source("mod a;");
    rune_sources_set_loader(sources, close_client, NULL);
    struct said said = ask(by, rune_outline, sources, NULL);
    assert_true(said.status == RUNE_E_COMPILE_FAILED || said.status == RUNE_E_CLOSED);
    done(&said);
    said = ask(by, rune_outline, sources, NULL);
    assert_int_equal(said.status, RUNE_E_CLOSED);
    done(&said);
    rune_sources_free(sources);
}

static void test_without_the_right(void **state)
{
    (void)state;
    rune_sources *sources = source("fn f() {}");
    struct said said = ask(by, rune_format, sources, NULL);
    assert_int_equal(said.status, RUNE_E_DENIED);
    done(&said);
    said = ask(by, rune_outline, sources, NULL);
    assert_int_equal(said.status, RUNE_E_DENIED);
    done(&said);
    rune_sources_free(sources);
}

/* A text counts on the user's account like a Unit; what is too much is not sent, and the connection stays. */
static void test_no_room_for_a_text(void **state)
{
    (void)state;
    char *text = nested(2);
    rune_sources *sources = source(text);
    rune_sources *small = source("fn f(){}");
    struct said said = ask(by, rune_format, sources, NULL);
    assert_int_equal(said.status, RUNE_E_OVERLOADED);
    done(&said);
    expect_layout(small, NULL, "fn f() {}\n");
    rune_sources_free(sources);
    rune_sources_free(small);
    free(text);
}

static int set_up(void **state)
{
    (void)state;
    by = supervisor;
    return 0;
}

static int set_up_with(void (*change)(rune_server_options *options))
{
    daemon_start("pub fn main() { println!(\"x\"); }", change);
    by = daemon_connect();
    return 0;
}

static int set_up_daemon(void **state)
{
    (void)state;
    return set_up_with(NULL);
}

static void allow_calls(rune_server_options *options)
{
    assert_int_equal(rune_server_options_allow(options, geteuid(), RUNE_RIGHT_CALL), RUNE_OK);
}

static int set_up_without_right(void **state)
{
    (void)state;
    return set_up_with(allow_calls);
}

static void little_room(rune_server_options *options)
{
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_BYTES, 32768), RUNE_OK);
}

static int set_up_without_room(void **state)
{
    (void)state;
    return set_up_with(little_room);
}

static int tear_down_daemon(void **state)
{
    (void)state;
    daemon_leave(by);
    return 0;
}

/* Each of them twice. */
#define EACH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, set_up, NULL),                                           \
        cmocka_unit_test_setup_teardown(test, set_up_daemon, tear_down_daemon)
#define THERE(test, set_up) cmocka_unit_test_setup_teardown(test, set_up, tear_down_daemon)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_a_layout),
        EACH(test_a_layout_is_of_the_root),
        EACH(test_an_outline),
        EACH(test_an_outline_of_a_script),
        EACH(test_names),
        EACH(test_what_cannot_be_read),
        EACH(test_diagnostics_are_replaced),
        EACH(test_what_is_refused),
        EACH(test_long_texts),
        EACH(test_from_many_threads),
        THERE(test_in_a_callback, set_up_daemon),
        THERE(test_the_daemon_goes, set_up_daemon),
        THERE(test_the_client_closes, set_up_daemon),
        THERE(test_without_the_right, set_up_without_right),
        THERE(test_no_room_for_a_text, set_up_without_room),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
