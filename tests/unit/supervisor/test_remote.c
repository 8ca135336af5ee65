/*
 * A client's connection beside a daemon that does not read for a while: what the client's receiving thread
 * has to say waits, and the thread does not. And beside one that asks for host functions as it should not.
 *
 * The daemon is a thread of the test that speaks the protocol by hand.
 */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shm/message.h"

#define LARGE (8u << 20)
#define OUTPUTS 3

static char folder[64];
static int listener;
static sem_t has_large; /* the large call has begun to come */
static sem_t heard;     /* one for each output that the client's sink was given */
static unsigned credit; /* packets given for the small call, read at the end */
static bool large_was_whole;

struct peer {
    int fd;
    uint32_t sequence;
};

/* The daemon */

static void say(struct peer *peer, const struct rn_message *message)
{
    uint8_t packet[RN_PACKET_MAX];
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    size_t size = rn_outgoing_packet(&outgoing, peer->sequence++, packet);
    (void)!send(peer->fd, packet, size, MSG_NOSIGNAL);
}

/* The next packet; false: none comes any more. */
static bool hear(const struct peer *peer, struct rn_message *out_message)
{
    static uint8_t packet[RN_PACKET_MAX];
    ssize_t size = recv(peer->fd, packet, sizeof(packet), 0);
    struct rn_wire_message wire = {packet, size > 0 ? (size_t)size : 0};
    return size > 0 && rn_message_decode(wire, RN_FROM_CLIENT, out_message) == RN_OK;
}

static void hear_call(const struct peer *peer, struct rn_message *out_call)
{
    while (hear(peer, out_call) && out_call->type != RN_MESSAGE_CLIENT_CALL) {
    }
}

static void answer_open(struct peer *peer, uint64_t number)
{
    struct rn_message open;
    if (hear(peer, &open)) {
        struct rn_message answer = {.type = RN_MESSAGE_DAEMON_ANSWER,
                                    .call = open.call,
                                    .as.DAEMON_ANSWER = {.value = number}};
        say(peer, &answer);
    }
}

static void await(sem_t *semaphore)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    if (sem_timedwait(semaphore, &until) != 0) {
        fail_msg("waited in vain");
    }
}

/* Reads what waits until both calls' packets are there. */
static void read_rest(const struct peer *peer, uint64_t small, const struct rn_message *large)
{
    struct rn_message message;
    size_t left = large->body_total - large->body_size;
    while ((left > 0 || credit < OUTPUTS) && hear(peer, &message)) {
        if (message.type == RN_MESSAGE_CLIENT_CALL) {
            left -= message.body_size;
        } else if (message.type == RN_MESSAGE_CLIENT_CREDIT && message.call == small) {
            credit += message.as.CLIENT_CREDIT.packets;
        }
    }
    large_was_whole = left == 0;
}

static void *daemon_of_one(void *argument)
{
    struct peer peer = {.fd = accept(listener, NULL, NULL)};
    struct rn_message small;
    struct rn_message large;
    struct rn_message welcome = {.type = RN_MESSAGE_DAEMON_WELCOME,
                                 .as.DAEMON_WELCOME = {.calls_max = 10}};
    (void)argument;
    say(&peer, &welcome);
    answer_open(&peer, 1);
    answer_open(&peer, 2);
    hear_call(&peer, &small);
    hear_call(&peer, &large);
    sem_post(&has_large);
    for (int i = 0; i < OUTPUTS; i++) {
        struct rn_message output = {.type = RN_MESSAGE_DAEMON_OUTPUT,
                                    .call = small.call,
                                    .body = (const uint8_t *)"x",
                                    .body_size = 1};
        say(&peer, &output);
        await(&heard);
    }
    read_rest(&peer, small.call, &large);
    close(peer.fd);
    return NULL;
}

/* The client */

static bool sink(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    sem_post(&heard);
    return true;
}

static rune_vm *open_vm(rune_supervisor *client)
{
    rune_vm *vm = NULL;
    assert_int_equal(rune_connect_vm(client, "a", NULL, &vm, NULL), RUNE_OK);
    return vm;
}

static void *call_large(void *vm)
{
    static char text[LARGE];
    rune_const_value *arg = rune_value_bytes(text, sizeof(text));
    const rune_const_value *args[] = {arg};
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_status status = rune_vm_call(vm, "main", args, 1, NULL, &value, &error);
    rune_error_free(error);
    rune_value_unref(arg);
    return (void *)(intptr_t)status;
}

static void test_receiving_never_waits_for_sending(void **state)
{
    (void)state;
    pthread_t daemon;
    pthread_t caller;
    rune_supervisor *client = NULL;
    rune_execution *execution = NULL;
    void *status;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    assert_int_equal(pthread_create(&daemon, NULL, daemon_of_one, NULL), 0);
    assert_int_equal(rune_supervisor_connect(path, NULL, &client, NULL), RUNE_OK);
    rune_vm *vm = open_vm(client);
    rune_vm *other = open_vm(client);
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, sink, NULL);
    assert_int_equal(rune_vm_send_execute(vm, "main", NULL, 0, options, &execution, NULL), RUNE_OK);
    assert_int_equal(pthread_create(&caller, NULL, call_large, other), 0);
    await(&has_large);
    pthread_join(daemon, NULL);
    // The daemon has gone: everything ends.
    pthread_join(caller, &status);
    assert_int_equal((rune_status)(intptr_t)status, RUNE_E_CLOSED);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(credit, OUTPUTS);
    assert_true(large_was_whole);
    rune_execution_free(execution);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_vm_free(other);
    rune_supervisor_free(client);
}

/* Host calls */

#define HELD_MAX 300u

/* What the daemon asks for when the call is there, and what it hears. */
static struct {
    struct rn_message asked[HELD_MAX];
    size_t asked_count;
    uint32_t failed[HELD_MAX]; /* of the answers, by number */
    size_t answered;
    size_t wanted;
} asking;

static rune_host_call *held[HELD_MAX];
static size_t held_count;

static void hold(void *user, rune_host_call *call)
{
    (void)user;
    assert_in_range(held_count, 0, HELD_MAX - 1);
    held[held_count++] = call;
}

static void answer_one(void *user, rune_host_call *call)
{
    (void)user;
    (void)rune_host_call_reply(call, rune_host_call_arg(call, 0));
}

/* Answers everything with the number 1 until a call comes. */
static bool hear_first_call(struct peer *peer, struct rn_message *out_call)
{
    while (hear(peer, out_call)) {
        if (out_call->type == RN_MESSAGE_CLIENT_CALL) {
            return true;
        }
        struct rn_message answer = {.type = RN_MESSAGE_DAEMON_ANSWER,
                                    .call = out_call->call,
                                    .as.DAEMON_ANSWER = {.value = 1}};
        say(peer, &answer);
    }
    return false;
}

static void *daemon_that_asks(void *argument)
{
    struct peer peer = {.fd = accept(listener, NULL, NULL)};
    struct rn_message call;
    struct rn_message welcome = {.type = RN_MESSAGE_DAEMON_WELCOME,
                                 .as.DAEMON_WELCOME = {.calls_max = 10}};
    struct rn_message got;
    (void)argument;
    say(&peer, &welcome);
    if (hear_first_call(&peer, &call)) {
        for (size_t i = 0; i < asking.asked_count; i++) {
            asking.asked[i].type = RN_MESSAGE_DAEMON_HOST_CALL;
            asking.asked[i].call = call.call;
            asking.asked[i].as.DAEMON_HOST_CALL.number = (uint32_t)i;
            say(&peer, &asking.asked[i]);
        }
        while (asking.answered < asking.wanted && hear(&peer, &got)) {
            if (got.type == RN_MESSAGE_CLIENT_HOST_REPLY && got.call == call.call) {
                asking.failed[got.as.CLIENT_HOST_REPLY.number] = got.as.CLIENT_HOST_REPLY.failed;
                asking.answered++;
            }
        }
    }
    if (asking.wanted > 0) {
        shutdown(peer.fd, SHUT_RDWR);
    }
    while (hear(&peer, &got)) {
    }
    close(peer.fd);
    return NULL;
}

/* A runtime with host::one(x) and async host::hold(). */
static rune_runtime *make_runtime(void)
{
    rune_runtime *made = NULL;
    rune_context *with = rune_context_with_default_modules();
    rune_module *module = rune_module_new("host");
    assert_int_equal(rune_module_function(module, "one", 1, 0, answer_one, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(module, "hold", 0, RUNE_FUNCTION_ASYNC, hold, NULL, NULL),
                     RUNE_OK);
    assert_int_equal(rune_context_install(with, module, NULL), RUNE_OK);
    assert_int_equal(rune_context_runtime(with, &made, NULL), RUNE_OK);
    rune_module_free(module);
    rune_context_free(with);
    return made;
}

/* How a call ends of which the daemon asks what it is to ask. */
static rune_status call_asked(rune_runtime *with)
{
    pthread_t daemon;
    char path[128];
    rune_supervisor *client = NULL;
    rune_vm *vm = NULL;
    rune_const_value *value = NULL;
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    assert_int_equal(pthread_create(&daemon, NULL, daemon_that_asks, NULL), 0);
    assert_int_equal(rune_supervisor_connect(path, NULL, &client, NULL), RUNE_OK);
    rune_unit *unit = build("pub fn main() { 1 }");
    assert_int_equal(rune_vm_new(client, with, unit, NULL, &vm, NULL), RUNE_OK);
    rune_status status = rune_vm_call(vm, "main", NULL, 0, NULL, &value, NULL);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_supervisor_free(client);
    pthread_join(daemon, NULL);
    return status;
}

static void test_functions_asked_for_wrongly(void **state)
{
    (void)state;
    static const uint8_t one[] = {0xd9, 0x52, 0x02, 0x81, 0x07};
    static const uint8_t two[] = {0xd9, 0x52, 0x02, 0x82, 0x07, 0x07};
    const struct {
        uint32_t function;
        const uint8_t *args;
        size_t size;
        uint32_t failed;
    } rows[] = {
        {0, one, 5, 0},           // as it should be
        {2, one, 5, 1},           // no such function
        {UINT32_MAX, NULL, 0, 1}, //
        {0, NULL, 0, 1},          // too few arguments, and too many
        {0, two, 6, 1},           //
        {0, one, 4, 1},           // bytes that are no value, and a value that is no tuple
        {0, one + 4, 1, 1},       //
        {0, one, 5, 0},
    };
    memset(&asking, 0, sizeof(asking));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        asking.asked[i] =
            (struct rn_message){.body = rows[i].args,
                                .body_size = rows[i].size,
                                .as.DAEMON_HOST_CALL = {.function = rows[i].function}};
    }
    asking.asked_count = sizeof(rows) / sizeof(rows[0]);
    asking.wanted = asking.asked_count;
    rune_runtime *with = make_runtime();
    assert_int_equal(call_asked(with), RUNE_E_CLOSED);
    assert_int_equal(asking.answered, asking.wanted);
    for (size_t i = 0; i < asking.wanted; i++) {
        assert_int_equal(asking.failed[i], rows[i].failed);
    }
    rune_runtime_unref(with);
}

/* More than a script may have out; functions of a call that has none. */
static void test_functions_asked_for_without_right(void **state)
{
    (void)state;
    rune_runtime *with = make_runtime();
    memset(&asking, 0, sizeof(asking));
    for (size_t i = 0; i < HELD_MAX; i++) {
        asking.asked[i].as.DAEMON_HOST_CALL.function = 1;
    }
    asking.asked_count = HELD_MAX;
    held_count = 0;
    assert_int_equal(call_asked(with), RUNE_E_MESSAGE_STATE);
    assert_in_range(held_count, 0, 256);
    while (held_count > 0) {
        assert_int_equal(rune_host_call_drop(held[--held_count]), RUNE_E_STALE);
    }
    asking.asked_count = 1;
    assert_int_equal(call_asked(NULL), RUNE_E_MESSAGE_STATE);
    rune_runtime_unref(with);
}

static int set_up(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    strcpy(folder, "/tmp/runeward-remote-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    sem_init(&has_large, 0, 0);
    sem_init(&heard, 0, 0);
    return 0;
}

static int tear_down(void **state)
{
    char path[128];
    (void)state;
    close(listener);
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_receiving_never_waits_for_sending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_functions_asked_for_wrongly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_functions_asked_for_without_right, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
