/*
 * A watch over a connection: what test_watch.c does not ask of every watch. Host functions and modules of the client's
 * own; what the daemon holds of versions that were replaced; calls while scripts are saved; a daemon that goes; a
 * watch that is freed while a build is out, also where the connection receives.
 *
 * usage: test_supervisor_remote_watch [SECONDS [SAVES]]
 */
#include "tests/unit/supervisor/daemon.h"
#include "tests/unit/supervisor/watching.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "shm/message.h"
#include "supervisor/remote_held.h"

#define CALLERS 2
#define SAVE_EVERY_MS 50
#define HELD_MAX 4 /* what serves, a version before it, and those of the Vms */

static int seconds = 3;
static int saves = 300;
static rune_supervisor *remote;

static int set_up_with(void **state, void (*change)(rune_server_options *options))
{
    daemon_start("pub fn main() { 1 }", change);
    remote = daemon_connect();
    return watching_set_up(state);
}

static int set_up(void **state)
{
    return set_up_with(state, NULL);
}

static int tear_down(void **state)
{
    daemon_leave(remote);
    return watching_tear_down(state);
}

static void save_version(const char *name, int version)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "fn same() { %d }\npub fn main() { (%d, same()) }", version,
                   version);
    replace_file(name, text);
}

/* The daemon's count of the connection's Units. */
static long units_held(void)
{
    rune_text *text = NULL;
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_PS, &text, NULL), RUNE_OK);
    const char *found = strstr(rune_text_data(text), "\"units\":");
    assert_non_null(found);
    long units = strtol(found + strlen("\"units\":"), NULL, 10);
    rune_text_free(text);
    return units;
}

/* A version goes a moment after the next one was told. */
static void await_units(long most)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (units_held() > most && now_ms() < until) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_in_range(units_held(), 0, most);
}

/* What is the client's own */

static void test_functions_and_modules_of_the_client(void **state)
{
    (void)state;
    rune_watch_options *options = rune_watch_options_new();
    rune_options *build_options = rune_options_new();
    rune_statics *statics = rune_statics_new();
    rune_context *own = rune_context_with_default_modules();
    rune_module *module = rune_module_new("own");
    rune_const_value *answer = rune_value_i64(40);
    assert_int_equal(rune_module_constant(module, "ANSWER", answer, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(own, module, NULL), RUNE_OK);
    assert_int_equal(rune_statics_insert(statics, "STEP", answer, NULL), RUNE_OK);
    rune_options_set_statics(build_options, statics);
    assert_int_equal(rune_watch_options_set_build(options, build_options), RUNE_OK);
    rune_watch_options_set_context(options, own);
    assert_int_equal(mkdir(at("shop"), 0700), 0);
    write_file("a.rn", "mod shop; pub fn main() { own::ANSWER + STEP + shop::tax::rate() }");
    write_file("shop/mod.rn", "pub mod tax;");
    write_file("shop/tax.rn", "pub fn rate() { 1 }");
    rune_watch *watch = watch_with(remote, options);
    // Nothing of the caller's is needed any more.
    rune_watch_options_free(options);
    rune_options_free(build_options);
    rune_statics_free(statics);
    rune_context_free(own);
    rune_module_free(module);
    rune_value_unref(answer);
    assert_int_equal(result_by(remote, watch, "a"), 81);
    write_file("shop/tax.rn", "pub fn rate() { 2 }");
    wait_for(&told.loaded, 1);
    assert_int_equal(result_by(remote, watch, "a"), 82);
    rune_watch_free(watch);
}

static void test_host_functions_of_the_client(void **state)
{
    (void)state;
    rune_watch_options *options = rune_watch_options_new();
    rune_watch_options_set_context(options, context);
    write_file("a.rn", "pub fn main() { host::double(21) }");
    rune_watch *watch = watch_with(remote, options);
    rune_watch_options_free(options);
    assert_int_equal(result_by(remote, watch, "a"), 42);
    write_file("a.rn", "pub fn main() { host::double(4) }");
    wait_for(&told.loaded, 1);
    assert_int_equal(result_by(remote, watch, "a"), 8);
    rune_watch_free(watch);
}

static void test_a_context_that_is_too_large(void **state)
{
    static char text[64 << 10];
    (void)state;
    rune_watch *watch = NULL;
    rune_error *error = NULL;
    rune_context *own = rune_context_with_default_modules();
    rune_module *module = rune_module_new("own");
    memset(text, 'x', sizeof(text));
    rune_const_value *large = rune_value_string(text, sizeof(text));
    for (int i = 0; i < 70; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "LARGE%d", i);
        assert_int_equal(rune_module_constant(module, name, large, NULL), RUNE_OK);
    }
    assert_int_equal(rune_context_install(own, module, NULL), RUNE_OK);
    rune_watch_options *options = rune_watch_options_new();
    rune_watch_options_set_context(options, own);
    assert_int_equal(rune_watch_new(remote, folder, options, &watch, &error), RUNE_E_TOO_LARGE);
    assert_non_null(strstr(rune_error_message(error), "the context"));
    rune_error_free(error);
    rune_watch_options_free(options);
    rune_context_free(own);
    rune_module_free(module);
    rune_value_unref(large);
}

/* Versions */

static void check_versions(rune_vm *vm, int64_t *out_version)
{
    int64_t last = -1;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    if (rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error) != RUNE_OK) {
        fail_msg("a call failed: %s", rune_error_message(error));
    }
    rune_const_value *first = rune_value_at(value, 0);
    rune_const_value *second = rune_value_at(value, 1);
    assert_true(rune_value_get_i64(first, out_version) && rune_value_get_i64(second, &last));
    assert_int_equal(*out_version, last);
    rune_value_unref(first);
    rune_value_unref(second);
    rune_value_unref(value);
}

static void test_many_versions_are_not_held(void **state)
{
    (void)state;
    rune_vm *vm = NULL;
    save_version("a.rn", 0);
    write_file("b.rn", "mod part; pub fn main() { part::f() }");
    write_file("part.rn", "pub fn f() { 1 }");
    rune_watch *watch = watch_with(remote, NULL);
    for (int i = 1; i <= saves; i++) {
        int64_t version = 0;
        save_version("a.rn", i);
        wait_for(&told.loaded, (unsigned)i);
        rune_unit *unit = rune_watch_current(watch, "a");
        if (!vm) {
            assert_int_equal(rune_vm_new(remote, NULL, unit, NULL, &vm, NULL), RUNE_OK);
        } else {
            assert_int_equal(rune_vm_set_unit(vm, unit), RUNE_OK);
        }
        rune_unit_unref(unit);
        check_versions(vm, &version);
        assert_int_equal(version, i);
        await_units(HELD_MAX);
    }
    assert_true(daemon_status("builds") >= saves + 3);
    // Broken ones, and ones that came out the same, leave nothing either.
    for (unsigned i = 1; i <= 2 * HELD_MAX; i++) {
        replace_file("a.rn", "pub fn main() { 1 +");
        wait_for(&told.broken, i);
        save_version("a.rn", saves);
        wait_for(&told.loaded, (unsigned)saves + i);
    }
    await_units(HELD_MAX);
    rune_vm_free(vm);
    rune_watch_free(watch);
    await_units(1);
}

/* More scripts than the daemon holds Units for a client: each serves, and those that fell out are brought again. */
static void test_more_scripts_than_are_held(void **state)
{
    (void)state;
    char name[32];
    char text[64];
    const int scripts = RN_REMOTE_HELD_MAX + 6;
    for (int i = 0; i < scripts; i++) {
        (void)snprintf(name, sizeof(name), "s%d.rn", i);
        (void)snprintf(text, sizeof(text), "pub fn main() { %d }", i);
        write_file(name, text);
    }
    rune_watch *watch = watch_with(remote, NULL);
    for (int i = 0; i < scripts; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        rune_unit *unit = rune_watch_current(watch, name);
        assert_non_null(unit);
        rune_vm *vm = vm_by(remote, unit, RUNE_ISOLATION_SHARED, "");
        assert_int_equal(call_i64(vm, "main"), i);
        rune_vm_free(vm);
        rune_unit_unref(unit);
    }
    await_units(RN_REMOTE_HELD_MAX);
    assert_int_equal(daemon_status("builds"), scripts);
    rune_watch_free(watch);
    await_units(1);
}

/* Who holds an old version calls it all the same. */
static void test_an_old_version_serves_who_has_it(void **state)
{
    (void)state;
    save_version("a.rn", 1);
    rune_watch *watch = watch_with(remote, NULL);
    rune_unit *old = rune_watch_current(watch, "a");
    for (int i = 2; i < 20; i++) {
        int64_t version = 0;
        rune_vm *vm = NULL;
        save_version("a.rn", i);
        wait_for(&told.loaded, (unsigned)i - 1);
        assert_int_equal(rune_vm_new(remote, NULL, old, NULL, &vm, NULL), RUNE_OK);
        check_versions(vm, &version);
        assert_int_equal(version, 1);
        rune_vm_free(vm);
        await_units(HELD_MAX);
    }
    rune_unit_unref(old);
    rune_watch_free(watch);
}

static rune_watch *watched;
static atomic_bool ending;
static _Atomic int64_t newest;
static _Atomic uint64_t calls;

static void *call_on(void *argument)
{
    rune_vm *vm = NULL;
    rune_unit *unit = NULL;
    (void)argument;
    while (!atomic_load(&ending)) {
        int64_t version = 0;
        rune_unit *current = rune_watch_current(watched, "a");
        assert_non_null(current);
        if (!vm || atomic_load(&calls) % 16 == 0) {
            rune_vm_free(vm);
            assert_int_equal(rune_vm_new(remote, NULL, current, NULL, &vm, NULL), RUNE_OK);
        } else if (current != unit) {
            assert_int_equal(rune_vm_set_unit(vm, current), RUNE_OK);
        }
        rune_unit_unref(unit);
        unit = current;
        check_versions(vm, &version);
        int64_t seen = atomic_load(&newest);
        while (seen < version && !atomic_compare_exchange_weak(&newest, &seen, version)) {
        }
        atomic_fetch_add(&calls, 1);
    }
    rune_vm_free(vm);
    rune_unit_unref(unit);
    return NULL;
}

static void on_trouble(void *user, const rune_change *change)
{
    if (change->kind == RUNE_CHANGE_BROKEN) {
        print_message("broken: %s\n", rune_error_message(change->error));
    }
    on_change(user, change);
}

static void test_calls_while_scripts_are_saved(void **state)
{
    pthread_t threads[CALLERS];
    int version = 1;
    (void)state;
    save_version("a.rn", version);
    watched = watch_with(remote, NULL);
    rune_watch_on_change(watched, on_trouble, NULL);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_on, NULL), 0);
    }
    for (int64_t until = now_ms() + seconds * 1000; now_ms() < until;) {
        int64_t begun = now_ms();
        save_version("a.rn", ++version);
        while (now_ms() < begun + SAVE_EVERY_MS) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        await_units(HELD_MAX + CALLERS);
    }
    for (int64_t until = now_ms() + PATIENCE_MS;
         atomic_load(&newest) < version && now_ms() < until;) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    atomic_store(&ending, true);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
    }
    print_message("%d saves, %u versions served, %llu calls\n", version - 1, count_of(&told.loaded),
                  (unsigned long long)atomic_load(&calls));
    assert_int_equal(atomic_load(&newest), version);
    assert_int_equal(count_of(&told.broken) + count_of(&told.gone), 0);
    rune_watch_free(watched);
}

/* A daemon that goes */

static struct {
    rune_status status;
    char kind[32];
    bool unit;
} lost;

static void on_loss(void *user, const rune_change *change)
{
    if (change->kind == RUNE_CHANGE_BROKEN) {
        lost.status = rune_error_status(change->error);
        (void)snprintf(lost.kind, sizeof(lost.kind), "%s", rune_error_kind(change->error));
        lost.unit = change->unit != NULL;
    }
    on_change(user, change);
}

static int64_t cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Nothing more is told, and nobody is busy. */
static void assert_quiet(void)
{
    unsigned broken = count_of(&told.broken);
    int64_t begun = cpu_ms();
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 500000000}, NULL);
    assert_int_equal(count_of(&told.broken), broken);
    assert_true(cpu_ms() - begun < 300);
}

static void test_the_daemon_goes(void **state)
{
    (void)state;
    write_file("a.rn", "pub fn main() { 1 }");
    write_file("b.rn", "mod part; pub fn main() { 2 }");
    write_file("part.rn", "");
    rune_watch *watch = watch_with(remote, NULL);
    rune_watch_on_change(watch, on_loss, NULL);
    daemon_stop();
    daemon_remove();
    wait_for(&told.broken, 2);
    assert_int_equal(lost.status, RUNE_E_CLOSED);
    assert_string_equal(lost.kind, "daemon_lost");
    assert_true(lost.unit);
    assert_quiet();
    // What it had stays, and saves say why that is the last.
    rune_unit *unit = rune_watch_current(watch, "a");
    assert_non_null(unit);
    write_file("a.rn", "pub fn main() { 3 }");
    wait_for(&told.broken, 3);
    rune_text *text = NULL;
    assert_int_equal(rune_watch_to_json(watch, &text), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), rune_unit_id_text(unit)));
    assert_non_null(strstr(rune_text_data(text), "\"broken\":true,\"error\":\""));
    rune_text_free(text);
    assert_quiet();
    assert_int_equal(unlink(at("b.rn")), 0);
    wait_for(&told.gone, 1);
    rune_watch *second = NULL;
    assert_int_equal(rune_watch_new(remote, folder, NULL, &second, NULL), RUNE_E_CLOSED);
    rune_watch_free(watch);
    // The Unit is good for another connection.
    rune_vm *vm = NULL;
    daemon_start("pub fn main() { 1 }", NULL);
    rune_supervisor *next = daemon_connect();
    assert_int_equal(rune_vm_new(next, NULL, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(call_i64(vm, "main"), 1);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_supervisor_free(next);
}

static void test_a_supervisor_that_is_closed(void **state)
{
    (void)state;
    write_file("a.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_with(remote, NULL);
    rune_watch_on_change(watch, on_loss, NULL);
    assert_int_equal(rune_supervisor_close(remote, UINT64_C(1000000000)), RUNE_OK);
    write_file("a.rn", "pub fn main() { 2 }");
    wait_for(&told.broken, 1);
    assert_int_equal(lost.status, RUNE_E_CLOSED);
    assert_string_equal(lost.kind, "closed");
    assert_quiet();
    rune_watch_free(watch);
}

static void call_only(rune_server_options *options)
{
    assert_int_equal(rune_server_options_allow(options, getuid(), RUNE_RIGHT_CALL), RUNE_OK);
}

static int set_up_denied(void **state)
{
    return set_up_with(state, call_only);
}

static void test_without_the_right(void **state)
{
    (void)state;
    rune_watch *watch = NULL;
    rune_error *error = NULL;
    assert_int_equal(rune_watch_new(remote, folder, NULL, &watch, &error), RUNE_E_DENIED);
    rune_error_free(error);
}

/* Where the connection receives */

static void watch_there(void *user, rune_execution *execution)
{
    rune_watch *watch = NULL;
    (void)execution;
    *(rune_status *)user = rune_watch_new(remote, folder, NULL, &watch, NULL);
}

/* Runs `fn` on the thread that receives. */
static void run_there(rune_watch *watch, rune_execution_fn fn, void *user)
{
    rune_vm *vm = NULL;
    rune_execution *execution = NULL;
    rune_unit *unit = rune_watch_current(watch, "a");
    assert_int_equal(rune_vm_new(remote, NULL, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_send_execute(vm, "wait", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_on_end(execution, fn, user), RUNE_OK);
    rune_execution_cancel(execution);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    rune_execution_free(execution);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static void test_made_where_the_connection_receives(void **state)
{
    (void)state;
    rune_status status = RUNE_OK;
    write_file("a.rn", "pub fn main() { 1 } pub fn wait() { loop {} }");
    rune_watch *watch = watch_with(remote, NULL);
    run_there(watch, watch_there, &status);
    assert_int_equal(status, RUNE_E_BUSY);
    rune_watch_free(watch);
}

static rune_vm *change_vm;
static atomic_bool in_change;
static atomic_bool freed;
static atomic_bool change_done;

/* A change function that waits for the connection: for calls, until the watch was freed. */
static void call_meanwhile(void *user, const rune_change *change)
{
    (void)user;
    (void)change;
    atomic_store(&in_change, true);
    while (!atomic_load(&freed)) {
        assert_int_equal(call_i64(change_vm, "main"), 1);
    }
    assert_int_equal(call_i64(change_vm, "main"), 1);
    atomic_store(&change_done, true);
}

static void free_there(void *user, rune_execution *execution)
{
    (void)execution;
    rune_watch_free(user);
    atomic_store(&freed, true);
}

static void await(const atomic_bool *flag)
{
    for (int64_t until = now_ms() + PATIENCE_MS; !atomic_load(flag) && now_ms() < until;) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_true(atomic_load(flag));
}

static void test_freed_where_the_connection_receives(void **state)
{
    (void)state;
    write_file("a.rn", "pub fn main() { 1 } pub fn wait() { loop {} }");
    rune_watch *watch = watch_with(remote, NULL);
    rune_unit *unit = rune_watch_current(watch, "a");
    assert_int_equal(rune_vm_new(remote, NULL, unit, NULL, &change_vm, NULL), RUNE_OK);
    rune_watch_on_change(watch, call_meanwhile, NULL);
    write_file("b.rn", "pub fn main() { 1 }");
    await(&in_change);
    run_there(watch, free_there, watch);
    await(&freed);
    await(&change_done);
    rune_vm_free(change_vm);
    rune_unit_unref(unit);
}

/* A daemon that lets in, reads, and answers when it is told to: by hand. */

static struct {
    int listener;
    int fd;
    char path[108]; /* as many as an address has */
    uint32_t sequence;
    uint8_t packet[RN_PACKET_MAX];
} mute;

static void say(struct rn_message message)
{
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, &message);
    size_t size = rn_outgoing_packet(&outgoing, mute.sequence++, mute.packet);
    assert_true(rn_outgoing_sent(&outgoing));
    assert_int_equal(send(mute.fd, mute.packet, size, MSG_NOSIGNAL), size);
}

/* The next message of one type; others are passed over. Its body stays until the next. */
static struct rn_message hear(enum rn_message_type type)
{
    struct rn_message message;
    do {
        struct pollfd polled = {.fd = mute.fd, .events = POLLIN};
        assert_int_equal(poll(&polled, 1, PATIENCE_MS), 1);
        ssize_t size = recv(mute.fd, mute.packet, sizeof(mute.packet), 0);
        assert_true(size > 0);
        struct rn_wire_message wire = {.bytes = mute.packet, .size = (size_t)size};
        assert_int_equal(rn_message_decode(wire, RN_FROM_CLIENT, &message), RN_OK);
    } while (message.type != type);
    return message;
}

static void *let_in(void *argument)
{
    (void)argument;
    mute.fd = accept4(mute.listener, NULL, NULL, SOCK_CLOEXEC);
    say((struct rn_message){.type = RN_MESSAGE_DAEMON_WELCOME,
                            .as.DAEMON_WELCOME = {.rights = RUNE_RIGHT_ALL, .calls_max = 1}});
    return NULL;
}

static int set_up_mute(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t thread;
    int failed = watching_set_up(state);
    mute.sequence = 0;
    (void)snprintf(mute.path, sizeof(mute.path), "%s/socket", folder);
    strcpy(address.sun_path, mute.path);
    mute.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(mute.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(mute.listener, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, let_in, NULL), 0);
    assert_int_equal(rune_supervisor_connect(mute.path, NULL, &remote, NULL), RUNE_OK);
    pthread_join(thread, NULL);
    return failed;
}

static int tear_down_mute(void **state)
{
    rune_supervisor_free(remote);
    close(mute.fd);
    close(mute.listener);
    return watching_tear_down(state);
}

static void free_at_once(rune_watch *watch)
{
    int64_t begun = now_ms();
    rune_watch_free(watch);
    assert_true(now_ms() - begun < 2000);
}

static void *query(void *argument)
{
    rune_text *text = NULL;
    *(rune_status *)argument = rune_connect_query(remote, RUNE_QUERY_STATUS, &text, NULL);
    rune_text_free(text);
    return NULL;
}

/* The connection is as good as before: a question is answered. */
static void assert_connected(void)
{
    pthread_t thread;
    rune_status status = RUNE_E_INTERNAL;
    assert_int_equal(pthread_create(&thread, NULL, query, &status), 0);
    say((struct rn_message){.type = RN_MESSAGE_DAEMON_ANSWER,
                            .call = hear(RN_MESSAGE_CLIENT_QUERY).call});
    pthread_join(thread, NULL);
    assert_int_equal(status, RUNE_OK);
}

/* A build that nobody waits for any more gets no modules, and its Unit is not kept. */
static void test_freed_while_a_build_is_out(void **state)
{
    (void)state;
    rune_watch *watch = watch_with(remote, NULL);
    write_file("a.rn", "mod part; pub fn main() { 1 }");
    uint64_t build_id = hear(RN_MESSAGE_CLIENT_BUILD).call;
    free_at_once(watch);
    static const char item[] = "part";
    say((struct rn_message){.type = RN_MESSAGE_DAEMON_NEED,
                            .call = build_id,
                            .body = (const uint8_t *)item,
                            .body_size = strlen(item)});
    struct rn_message module = hear(RN_MESSAGE_CLIENT_MODULE);
    assert_int_equal(module.call, build_id);
    assert_int_equal(module.as.CLIENT_MODULE.status, (uint32_t)-RN_E_CANCELLED);
    say((struct rn_message){
        .type = RN_MESSAGE_DAEMON_ANSWER, .call = build_id, .as.DAEMON_ANSWER = {.value = 7}});
    assert_int_equal(hear(RN_MESSAGE_CLIENT_DROP).as.CLIENT_DROP.unit, 7);
    assert_connected();
}

static void test_freed_while_a_context_is_out(void **state)
{
    (void)state;
    rune_watch_options *options = rune_watch_options_new();
    rune_watch_options_set_context(options, context);
    rune_watch *watch = watch_with(remote, options);
    rune_watch_options_free(options);
    write_file("a.rn", "pub fn main() { 1 }");
    uint64_t id = hear(RN_MESSAGE_CLIENT_CONTEXT).call;
    free_at_once(watch);
    say((struct rn_message){
        .type = RN_MESSAGE_DAEMON_ANSWER, .call = id, .as.DAEMON_ANSWER = {.value = 5}});
    assert_int_equal(hear(RN_MESSAGE_CLIENT_DROP).as.CLIENT_DROP.context, 5);
    assert_connected();
}

/* The daemon ends with the build that was given up, or with one that is waited for. */
static void test_lost_while_a_build_is_out(void **state)
{
    (void)state;
    rune_watch *watch = watch_with(remote, NULL);
    rune_watch *other = watch_with(remote, NULL);
    rune_watch_on_change(watch, on_loss, NULL);
    rune_watch_on_change(other, NULL, NULL);
    write_file("a.rn", "pub fn main() { 1 }");
    (void)hear(RN_MESSAGE_CLIENT_BUILD);
    (void)hear(RN_MESSAGE_CLIENT_BUILD);
    free_at_once(other);
    assert_int_equal(shutdown(mute.fd, SHUT_RDWR), 0);
    wait_for(&told.broken, 1);
    assert_int_equal(lost.status, RUNE_E_CLOSED);
    assert_quiet();
    assert_int_equal(count_of(&told.broken), 1);
    rune_watch_free(watch);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_functions_and_modules_of_the_client, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_host_functions_of_the_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_context_that_is_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_versions_are_not_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_scripts_than_are_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_old_version_serves_who_has_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_calls_while_scripts_are_saved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_daemon_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_supervisor_that_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_the_right, set_up_denied, tear_down),
        cmocka_unit_test_setup_teardown(test_made_where_the_connection_receives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_freed_where_the_connection_receives, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_freed_while_a_build_is_out, set_up_mute,
                                        tear_down_mute),
        cmocka_unit_test_setup_teardown(test_freed_while_a_context_is_out, set_up_mute,
                                        tear_down_mute),
        cmocka_unit_test_setup_teardown(test_lost_while_a_build_is_out, set_up_mute,
                                        tear_down_mute),
    };
    seconds = argc > 1 ? atoi(argv[1]) : seconds;
    saves = argc > 2 ? atoi(argv[2]) : saves;
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
