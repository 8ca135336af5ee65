/*
 * test_evil_client.c: what a client without our library may do to a daemon.
 *
 * A real daemon, and for each misbehaviour a raw connection of its own. Some break the protocol:
 * they get a goodbye that names the mistake, and their connection is closed. Others are merely
 * unpleasant, and get an error, or nothing. After each, a client that behaves is served as before.
 */
#include "tests/unit/supervisor/daemon.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytecode/const_value.h"
#include "shm/message.h"

static const char script[] = "static COUNT = 5;\n"
                             "pub fn main() { 1 }\n"
                             "pub fn count() { COUNT }\n"
                             "pub fn spin() { loop {} }\n"
                             "pub fn echo(x) { x }\n"
                             "pub fn idler() { || 3 }\n"
                             "pub fn spinner() { || loop {} }\n"
                             "pub fn flood() { loop { println!(\"{}\", \"0123456789\"); } }\n";

static rune_supervisor *good;
static rune_vm *good_vm;

struct client {
    int fd;
    uint32_t sequence;
};

/* Raw packets */

static struct client open_client(void)
{
    struct client client = {.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(daemon_socket) < sizeof(address.sun_path));
    memcpy(address.sun_path, daemon_socket, strlen(daemon_socket));
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return client;
}

static void send_raw(struct client *client, const void *bytes, size_t size)
{
    (void)!send(client->fd, bytes, size, MSG_NOSIGNAL);
}

/* A well-made packet, which a test may spoil before it goes. */
static size_t make(struct client *client, const struct rn_message *message, uint8_t *packet)
{
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    return rn_outgoing_packet(&outgoing, client->sequence++, packet);
}

static void send_message(struct client *client, const struct rn_message *message)
{
    uint8_t packet[RN_PACKET_MAX];
    send_raw(client, packet, make(client, message, packet));
}

/* The next packet; false: the daemon has closed. */
static bool receive(struct client *client, struct rn_message *out_message)
{
    static uint8_t packet[RN_PACKET_MAX];
    struct pollfd polled = {.fd = client->fd, .events = POLLIN};
    if (poll(&polled, 1, PATIENCE_MS) != 1) {
        fail_msg("the daemon neither answers nor closes");
    }
    ssize_t size = recv(client->fd, packet, sizeof(packet), 0);
    if (size < 0 && errno == ECONNRESET) {
        // Something of ours was not read; what the daemon said comes after.
        size = recv(client->fd, packet, sizeof(packet), 0);
    }
    if (size <= 0) {
        return false;
    }
    struct rn_wire_message wire = {packet, (size_t)size};
    assert_int_equal(rn_message_decode(wire, RN_TO_CLIENT, out_message), RN_OK);
    return true;
}

/* Reads up to the goodbye and the end; the error that it names. */
static int goodbye(struct client *client)
{
    struct rn_message message;
    int status = 0;
    while (receive(client, &message)) {
        if (message.type == RN_MESSAGE_DAEMON_GOODBYE) {
            status = -(int)message.as.DAEMON_GOODBYE.status;
            assert_true(message.body_size > 0);
        }
    }
    close(client->fd);
    return status;
}

static void await(struct client *client, enum rn_message_type type, struct rn_message *out_message)
{
    do {
        if (!receive(client, out_message)) {
            fail_msg("the daemon closed");
        }
    } while (out_message->type != type);
}

/* The status of the next answer. */
static int answer(struct client *client)
{
    struct rn_message message;
    await(client, RN_MESSAGE_DAEMON_ANSWER, &message);
    return -(int)message.as.DAEMON_ANSWER.status;
}

/* Why the next call ended: its record begins with the reason; and whether the Vm has the statics. */
static uint32_t end_taken(struct client *client, bool *out_taken)
{
    struct rn_message end;
    uint32_t reason;
    await(client, RN_MESSAGE_DAEMON_END, &end);
    assert_in_range(end.body_size, sizeof(reason), RN_PACKET_MAX);
    memcpy(&reason, end.body, sizeof(reason));
    *out_taken = end.as.DAEMON_END.taken != 0;
    return reason;
}

static uint32_t end_reason(struct client *client)
{
    bool taken;
    return end_taken(client, &taken);
}

static uint32_t open_vm(struct client *client, uint64_t id)
{
    struct rn_message got;
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_OPEN, .call = id, .body = (const uint8_t *)"a", .body_size = 1};
    send_message(client, &message);
    await(client, RN_MESSAGE_DAEMON_ANSWER, &got);
    assert_int_equal(got.as.DAEMON_ANSWER.status, 0);
    return (uint32_t)got.as.DAEMON_ANSWER.value;
}

static void send_call(struct client *client, uint64_t id, uint32_t vm, const char *item,
                      uint32_t credit)
{
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_CALL,
        .call = id,
        .body = (const uint8_t *)item,
        .body_size = strlen(item),
        .as.CLIENT_CALL = {.vm = vm, .credit = credit, .item_size = (uint32_t)strlen(item)}};
    send_message(client, &message);
}

static void expect_served(void)
{
    assert_int_equal(call_i64(good_vm, "main"), 1);
}

/* What breaks the protocol */

static void test_noise(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        struct client client = open_client();
        uint8_t bytes[512];
        srand(seed);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)rand();
        }
        send_raw(&client, bytes, 1 + seed % sizeof(bytes));
        assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    }
    expect_served();
}

static const struct rn_message query = {
    .type = RN_MESSAGE_CLIENT_QUERY, .call = 1, .as.CLIENT_QUERY = {.what = 5}};

/* One byte of a good packet changed. */
static int spoiled(size_t at, uint8_t value)
{
    struct client client = open_client();
    uint8_t packet[RN_PACKET_MAX];
    size_t size = make(&client, &query, packet);
    packet[at] = value;
    send_raw(&client, packet, size);
    return goodbye(&client);
}

static void test_headers(void **state)
{
    (void)state;
    assert_int_equal(spoiled(0, 9), RUNE_E_MESSAGE_INVALID);               // version
    assert_int_equal(spoiled(2, 250), RUNE_E_MESSAGE_INVALID);             // unknown type
    assert_int_equal(spoiled(2, RN_MESSAGE_CALL), RUNE_E_MESSAGE_INVALID); // a worker's
    assert_int_equal(spoiled(2, RN_MESSAGE_DAEMON_ANSWER), RUNE_E_MESSAGE_INVALID);
    assert_int_equal(spoiled(4, 0xff), RUNE_E_MESSAGE_INVALID); // flags
    assert_int_equal(spoiled(4, 0), RUNE_E_MESSAGE_INVALID);    // neither first nor last
    assert_int_equal(spoiled(6, 1), RUNE_E_MESSAGE_INVALID);    // reserved
    assert_int_equal(spoiled(16, 5), RUNE_E_MESSAGE_STATE);     // sequence
    assert_int_equal(spoiled(20, 1), RUNE_E_MESSAGE_INVALID);   // a body that is not there
    expect_served();
}

static void test_sizes(void **state)
{
    uint8_t packet[RN_PACKET_MAX + 100] = {0};
    (void)state;
    struct client client = open_client();
    size_t size = make(&client, &query, packet);
    send_raw(&client, packet, size - 1);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    client = open_client();
    (void)make(&client, &query, packet);
    send_raw(&client, packet, sizeof(packet)); // larger than any packet
    assert_int_equal(goodbye(&client), RUNE_E_TOO_LARGE);
    client = open_client();
    send_raw(&client, "", 0); // reads as an end
    assert_int_equal(goodbye(&client), 0);
    expect_served();
}

/* The first packet of a message that announces more than it brings. */
static size_t make_part(struct client *client, uint64_t id, uint32_t total, uint8_t *packet)
{
    static uint8_t body[1000];
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_LOAD, .call = id, .body = body, .body_size = sizeof(body)};
    size_t size = make(client, &message, packet);
    packet[4] = 1; // first, not last
    memcpy(packet + 20, &total, sizeof(total));
    return size;
}

static void test_fragments(void **state)
{
    uint8_t packet[RN_PACKET_MAX];
    (void)state;
    // Another message before the first is whole.
    struct client client = open_client();
    send_raw(&client, packet, make_part(&client, 1, 5000, packet));
    send_message(&client, &query);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_STATE);
    // Two beginnings.
    client = open_client();
    send_raw(&client, packet, make_part(&client, 1, 5000, packet));
    send_raw(&client, packet, make_part(&client, 1, 5000, packet));
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_STATE);
    // A part without a beginning.
    client = open_client();
    size_t size = make_part(&client, 1, 0, packet);
    packet[4] = 2;
    send_raw(&client, packet, size);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_STATE);
    // More than was announced.
    client = open_client();
    send_raw(&client, packet, make_part(&client, 1, 1500, packet));
    size = make_part(&client, 1, 0, packet);
    packet[4] = 2;
    send_raw(&client, packet, size);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    // More than may be.
    client = open_client();
    send_raw(&client, packet, make_part(&client, 1, UINT32_MAX, packet));
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    expect_served();
}

/* A great promise costs the daemon nothing, and everybody the same little. */
static void test_promises(void **state)
{
    struct client clients[32];
    uint8_t packet[RN_PACKET_MAX];
    (void)state;
    for (size_t i = 0; i < 32; i++) {
        clients[i] = open_client();
        send_raw(&clients[i], packet, make_part(&clients[i], 1, 200u << 20, packet));
    }
    expect_served();
    for (size_t i = 0; i < 32; i++) {
        close(clients[i].fd);
    }
}

/* The beginning of a LOAD of so many bytes, in full packets. */
static void send_parts(struct client *client, uint32_t total, int count)
{
    static uint8_t packet[RN_PACKET_MAX];
    send_raw(client, packet, make_part(client, 1, total, packet));
    for (int i = 0; i < count; i++) {
        memset(packet, 0, sizeof(packet));
        uint16_t head[] = {RN_MESSAGE_VERSION, RN_MESSAGE_CLIENT_LOAD, 0, 0};
        uint64_t id = 1;
        uint32_t sequence = client->sequence++;
        memcpy(packet, head, sizeof(head));
        memcpy(packet + 8, &id, sizeof(id));
        memcpy(packet + 16, &sequence, sizeof(sequence));
        send_raw(client, packet, sizeof(packet));
    }
}

static void test_more_than_may_be_held(void **state)
{
    (void)state;
    struct client client = open_client();
    send_parts(&client, 200u << 20, 1100);
    assert_int_equal(goodbye(&client), RUNE_E_OVERLOADED);
    expect_served();
}

static int body_error(enum rn_message_type type, const char *body, size_t size,
                      struct rn_message fields)
{
    struct client client = open_client();
    if (type == RN_MESSAGE_CLIENT_CALL) {
        fields.as.CLIENT_CALL.vm = open_vm(&client, 1); // of none, nothing is looked at
    }
    fields.type = type;
    fields.call = 3;
    fields.body = (const uint8_t *)body;
    fields.body_size = size;
    send_message(&client, &fields);
    return goodbye(&client);
}

static void test_bodies(void **state)
{
    struct rn_message none = {.call = 3};
    (void)state;
    // Sizes of parts beyond the body.
    struct rn_message open = {.as.CLIENT_OPEN = {.domain_size = 100}};
    assert_int_not_equal(body_error(RN_MESSAGE_CLIENT_OPEN, "a", 1, open), 0);
    open = (struct rn_message){.as.CLIENT_OPEN = {.tags_size = UINT32_MAX}};
    assert_int_not_equal(body_error(RN_MESSAGE_CLIENT_OPEN, "a", 1, open), 0);
    open = (struct rn_message){.as.CLIENT_OPEN = {.isolation = 77}};
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_OPEN, "a", 1, open), RUNE_E_MESSAGE_INVALID);
    // Text that is none.
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_SCRIPT, "\xff\xfe", 2, none),
                     RUNE_E_MESSAGE_INVALID);
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_SCRIPT, "a\0b", 3, none), RUNE_E_MESSAGE_INVALID);
    // Tags out of order, and cut.
    open = (struct rn_message){.as.CLIENT_OPEN = {.tags_size = 24}};
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_OPEN,
                                "\x02\0\x08\0\1\0\0\0\0\0\0\0\x01\0\x08\0\1\0\0\0\0\0\0\0", 24,
                                open),
                     RUNE_E_MESSAGE_INVALID);
    open = (struct rn_message){.as.CLIENT_OPEN = {.tags_size = 3}};
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_OPEN, "\x02\0\x08", 3, open),
                     RUNE_E_MESSAGE_INVALID);
    // Arguments that are no value, or no tuple.
    struct rn_message call = {.as.CLIENT_CALL = {.vm = 1, .item_size = 4}};
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_CALL, "main\xff\xff", 6, call),
                     RUNE_E_CBOR_INVALID);
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_CALL, "main\x01", 5, call),
                     RUNE_E_MESSAGE_INVALID);
    call.as.CLIENT_CALL.credit = UINT32_MAX;
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_CALL, "main", 4, call), RUNE_E_MESSAGE_INVALID);
    // A build of nothing, of too much, of what is not there.
    struct rn_message build = {.as.CLIENT_BUILD = {.sources = 0}};
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_BUILD, "", 0, build), RUNE_E_MESSAGE_INVALID);
    build.as.CLIENT_BUILD.sources = UINT32_MAX;
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_BUILD, "", 0, build), RUNE_E_MESSAGE_INVALID);
    build.as.CLIENT_BUILD.sources = 1;
    assert_int_not_equal(body_error(RN_MESSAGE_CLIENT_BUILD, "\xff\xff\xff\xff\0\0\0\0", 8, build),
                         0);
    build.as.CLIENT_BUILD.domain_size = 201;
    assert_int_equal(body_error(RN_MESSAGE_CLIENT_BUILD, "", 0, build), RUNE_E_MESSAGE_INVALID);
    expect_served();
}

static void test_credit_beyond_its_bound(void **state)
{
    (void)state;
    struct client client = open_client();
    uint32_t vm = open_vm(&client, 1);
    send_call(&client, 2, vm, "spin", 1);
    struct rn_message credit = {
        .type = RN_MESSAGE_CLIENT_CREDIT, .call = 2, .as.CLIENT_CREDIT = {.packets = UINT32_MAX}};
    send_message(&client, &credit);
    assert_int_equal(goodbye(&client), RUNE_E_NO_CREDIT);
    daemon_await("calls_now", 0);
    expect_served();
}

static void test_one_number_for_two_calls(void **state)
{
    (void)state;
    struct client client = open_client();
    uint32_t vm = open_vm(&client, 1);
    send_call(&client, 2, vm, "spin", 1);
    send_call(&client, 2, vm, "spin", 1);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_STATE);
    daemon_await("calls_now", 0);
    expect_served();
}

/* Calls with statics: `item`, tags of the two, the statics, the rest. */
static size_t make_call(uint8_t *body, size_t size, const char *item, uint64_t target,
                        uint64_t statics_size, const rune_const_value *statics)
{
    struct rn_call_tags tags = {.present =
                                    1u << RN_CALL_TAG_STATICS_SIZE | 1u << RN_CALL_TAG_TARGET};
    struct rn_buf out;
    size_t bytes = 0;
    const void *cbor = rune_value_to_cbor(statics, &bytes);
    tags.values[RN_CALL_TAG_TARGET] = target;
    tags.values[RN_CALL_TAG_STATICS_SIZE] = statics_size == SIZE_MAX ? bytes : statics_size;
    rn_buf_init_fixed(&out, body, size);
    rn_buf_append_text(&out, item);
    rn_call_tags_encode(&tags, &out);
    rn_buf_append(&out, cbor, bytes);
    assert_int_equal(rn_buf_status(&out), RN_OK);
    return out.size;
}

#define TAGS_SIZE 24u

/* How the connection ends over such a call; the value is consumed. */
static int statics_error(const char *item, uint64_t target, uint64_t statics_size,
                         rune_const_value *statics)
{
    uint8_t body[512];
    size_t size = make_call(body, sizeof(body), item, target, statics_size, statics);
    struct rn_message call = {
        .as.CLIENT_CALL = {.item_size = (uint32_t)strlen(item), .tags_size = TAGS_SIZE}};
    rune_value_unref(statics);
    return body_error(RN_MESSAGE_CLIENT_CALL, (const char *)body, size, call);
}

static rune_const_value *object_of(const char *key, int64_t number)
{
    rune_const_value *value = rune_value_i64(number);
    const rune_const_value *values[] = {value};
    rune_const_value *object = rune_value_object(&key, values, 1);
    rune_value_unref(value);
    assert_non_null(object);
    return object;
}

static void test_statics_that_are_none(void **state)
{
    (void)state;
    // Larger than what there is, nothing at all, no Object, half of one.
    assert_int_equal(statics_error("main", 0, 1000, object_of("COUNT", 1)), RUNE_E_MESSAGE_INVALID);
    assert_int_equal(statics_error("main", 0, UINT64_MAX - 1, object_of("COUNT", 1)),
                     RUNE_E_MESSAGE_INVALID);
    assert_int_equal(statics_error("main", 0, SIZE_MAX, rune_value_i64(1)), RUNE_E_MESSAGE_INVALID);
    assert_int_equal(statics_error("main", 0, 3, object_of("COUNT", 1)), RUNE_E_TRUNCATED);
    // Who gets statics passes no arguments.
    assert_int_equal(statics_error("", RN_CALL_TARGET_STATICS, 0, rune_value_tuple(NULL, 0)),
                     RUNE_E_MESSAGE_INVALID);
    // A function that is a value has no statics, and must be there.
    assert_int_equal(statics_error("", RN_CALL_TARGET_VALUE, SIZE_MAX, object_of("COUNT", 1)),
                     RUNE_E_MESSAGE_INVALID);
    // Which function of those that the Vm keeps? And there are no other targets.
    for (uint64_t target = RN_CALL_TARGET_FUNCTION; target < RN_CALL_TARGET_COUNT + 2; target++) {
        assert_int_equal(statics_error("main", target, 0, NULL), RUNE_E_MESSAGE_INVALID);
    }
    assert_int_equal(statics_error("main", UINT64_MAX, 0, NULL), RUNE_E_MESSAGE_INVALID);
    expect_served();
}

/* What is merely unpleasant */

static void send_statics(struct client *client, uint64_t id, uint32_t vm, const char *item,
                         const rune_const_value *statics)
{
    uint8_t body[512];
    size_t size = make_call(body, sizeof(body), item, 0, SIZE_MAX, statics);
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_CALL,
        .call = id,
        .body = body,
        .body_size = size,
        .as.CLIENT_CALL = {
            .vm = vm, .credit = 1, .item_size = (uint32_t)strlen(item), .tags_size = TAGS_SIZE}};
    send_message(client, &message);
}

/* Of a Vm of another connection, of one that runs a call, of what the script does not have. */
static void test_statics_of_others(void **state)
{
    (void)state;
    bool taken = true;
    rune_const_value *good_object = object_of("COUNT", 77);
    rune_const_value *unknown = object_of("NOPE", 77);
    struct client owner = open_client();
    struct client client = open_client();
    uint32_t vm = open_vm(&owner, 1);
    send_statics(&client, 2, vm, "count", good_object);
    assert_int_equal(end_taken(&client, &taken), RUNE_REASON_USAGE);
    assert_false(taken);
    send_statics(&owner, 2, vm, "count", unknown);
    assert_int_equal(end_taken(&owner, &taken), RUNE_REASON_USAGE);
    assert_false(taken);
    send_call(&owner, 3, vm, "spin", 1);
    send_statics(&owner, 4, vm, "count", good_object);
    assert_int_equal(end_taken(&owner, &taken), RUNE_REASON_USAGE);
    assert_false(taken);
    struct rn_message cancel = {.type = RN_MESSAGE_CLIENT_CANCEL, .call = 3};
    send_message(&owner, &cancel);
    assert_int_equal(end_taken(&owner, &taken), RUNE_REASON_CANCELLED);
    // A function that is not there: the values are, as they would be without a daemon.
    send_statics(&owner, 5, vm, "nothing", good_object);
    assert_int_equal(end_taken(&owner, &taken), RUNE_REASON_USAGE);
    assert_true(taken);
    rune_value_unref(good_object);
    rune_value_unref(unknown);
    close(owner.fd);
    close(client.fd);
    expect_served();
}

/* A call of the value, as the only argument. */
static void send_value(struct client *client, uint64_t id, uint32_t vm,
                       const rune_const_value *value)
{
    uint8_t body[512];
    const rune_const_value *values[] = {value};
    rune_const_value *args = rune_value_tuple(values, 1);
    size_t size = make_call(body, sizeof(body), "", RN_CALL_TARGET_VALUE, 0, args);
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_CALL,
                                 .call = id,
                                 .body = body,
                                 .body_size = size,
                                 .as.CLIENT_CALL = {.vm = vm, .credit = 1, .tags_size = TAGS_SIZE}};
    rune_value_unref(args);
    send_message(client, &message);
}

/* What is no function, or another Unit's; and one of a Vm in which statics wait that are not for it. */
static void test_functions_of_others(void **state)
{
    (void)state;
    bool taken = false;
    rune_unit *unit = NULL;
    rune_sync_function *function = NULL;
    rune_sync_function *foreign = NULL;
    rune_const_value *number = rune_value_i64(1);
    rune_const_value *waiting = object_of("COUNT", 77);
    rune_unit *other = build("pub fn main() { 2 }");
    rune_supervisor *maker = daemon_connect();
    assert_int_equal(rune_connect_unit(maker, "a", &unit, NULL), RUNE_OK);
    assert_int_equal(rune_sync_function_lookup(maker, NULL, unit, NULL, "main", &function, NULL),
                     RUNE_OK);
    assert_int_equal(rune_sync_function_lookup(maker, NULL, other, NULL, "main", &foreign, NULL),
                     RUNE_OK);
    struct client client = open_client();
    uint32_t vm = open_vm(&client, 1);
    send_value(&client, 2, vm, number);
    assert_int_equal(end_reason(&client), RUNE_REASON_USAGE);
    send_value(&client, 3, vm, rune_sync_function_to_value(foreign));
    assert_int_equal(end_reason(&client), RUNE_REASON_USAGE);
    send_statics(&client, 4, vm, "nothing", waiting);
    assert_int_equal(end_taken(&client, &taken), RUNE_REASON_USAGE);
    assert_true(taken);
    send_value(&client, 5, vm, rune_sync_function_to_value(function));
    assert_int_equal(end_reason(&client), RUNE_REASON_OK);
    close(client.fd);
    rune_sync_function_unref(function);
    rune_sync_function_unref(foreign);
    rune_unit_unref(unit);
    rune_unit_unref(other);
    rune_supervisor_free(maker); // with the Unit that it has there
    rune_value_unref(number);
    rune_value_unref(waiting);
    expect_served();
}

/* Functions that Vms keep */

struct function_call {
    const char *item;
    uint64_t target;
    uint64_t keep;
    uint64_t number;
    uint64_t epoch;
    const rune_const_value *args; /* a tuple, or NULL */
};

static size_t make_function_call(uint8_t *body, size_t size, const struct function_call *call,
                                 struct rn_message *out_fields)
{
    struct rn_call_tags tags = {.present = 0};
    static const enum rn_call_tag all[] = {RN_CALL_TAG_TARGET, RN_CALL_TAG_KEEP,
                                           RN_CALL_TAG_FUNCTION, RN_CALL_TAG_EPOCH};
    const uint64_t values[] = {call->target, call->keep, call->number, call->epoch};
    struct rn_buf out;
    size_t bytes = 0;
    const void *cbor = rune_value_to_cbor(call->args, &bytes);
    for (size_t i = 0; i < 4; i++) {
        tags.values[all[i]] = values[i];
        tags.present |= 1u << all[i];
    }
    rn_buf_init_fixed(&out, body, size);
    rn_buf_append_text(&out, call->item);
    size_t item_size = out.size;
    rn_call_tags_encode(&tags, &out);
    out_fields->as.CLIENT_CALL =
        (struct rn_fields_CLIENT_CALL){.credit = 1,
                                       .item_size = (uint32_t)item_size,
                                       .tags_size = (uint32_t)(out.size - item_size)};
    rn_buf_append(&out, cbor, bytes);
    assert_int_equal(rn_buf_status(&out), RN_OK);
    return out.size;
}

static void send_function_call(struct client *client, uint64_t id, uint32_t vm,
                               struct function_call call)
{
    uint8_t body[512];
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_CALL, .call = id, .body = body};
    message.body_size = make_function_call(body, sizeof(body), &call, &message);
    message.as.CLIENT_CALL.vm = vm;
    send_message(client, &message);
}

static int function_error(struct function_call call)
{
    uint8_t body[512];
    struct rn_message fields = {.call = 3};
    size_t size = make_function_call(body, sizeof(body), &call, &fields);
    return body_error(RN_MESSAGE_CLIENT_CALL, (const char *)body, size, fields);
}

/* What the next call's end says; its reason. */
static uint32_t end_named(struct client *client, struct function_call *out_call)
{
    struct rn_message end;
    uint32_t reason;
    await(client, RN_MESSAGE_DAEMON_END, &end);
    memcpy(&reason, end.body, sizeof(reason));
    *out_call = (struct function_call){.item = "",
                                       .target = RN_CALL_TARGET_FUNCTION,
                                       .number = end.as.DAEMON_END.function,
                                       .epoch = end.as.DAEMON_END.epoch};
    return reason;
}

static struct function_call keep_there(struct client *client, uint64_t id, uint32_t vm,
                                       const char *item)
{
    struct function_call kept;
    send_function_call(client, id, vm, (struct function_call){.item = item, .keep = 1});
    assert_int_equal(end_named(client, &kept), RUNE_REASON_OK);
    assert_in_range(kept.number, 1, RN_VM_FUNCTIONS_MAX);
    return kept;
}

static void drop_there(struct client *client, uint32_t vm, uint64_t number, uint64_t epoch)
{
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_FUNCTION_DROP,
        .as.CLIENT_FUNCTION_DROP = {.vm = vm, .function = (uint32_t)number, .epoch = epoch}};
    send_message(client, &message);
}

static void test_functions_that_are_none(void **state)
{
    (void)state;
    const rune_const_value *values[] = {NULL};
    rune_const_value *args = rune_value_tuple(values, 0);
    // Beyond all numbers; which one; one of a call that is of none; what is given and not called takes nothing.
    assert_int_equal(function_error((struct function_call){
                         .item = "", .target = RN_CALL_TARGET_FUNCTION, .number = 1025}),
                     RUNE_E_MESSAGE_INVALID);
    assert_int_equal(function_error((struct function_call){.item = "",
                                                           .target = RN_CALL_TARGET_FUNCTION,
                                                           .number = (UINT64_C(1) << 32) + 1}),
                     RUNE_E_MESSAGE_INVALID);
    assert_int_equal(
        function_error((struct function_call){.item = "", .target = RN_CALL_TARGET_SEND}),
        RUNE_E_MESSAGE_INVALID);
    assert_int_equal(function_error((struct function_call){.item = "main", .number = 1}),
                     RUNE_E_MESSAGE_INVALID);
    assert_int_equal(function_error((struct function_call){
                         .item = "", .target = RN_CALL_TARGET_SEND, .number = 1, .args = args}),
                     RUNE_E_MESSAGE_INVALID);
    // Only what an item gives can stay.
    assert_int_equal(function_error((struct function_call){.item = "idler", .keep = 2}),
                     RUNE_E_MESSAGE_INVALID);
    for (uint64_t target = RN_CALL_TARGET_STATICS; target < RN_CALL_TARGET_COUNT; target++) {
        bool named = target == RN_CALL_TARGET_FUNCTION || target == RN_CALL_TARGET_SEND;
        assert_int_equal(function_error((struct function_call){
                             .item = "", .target = target, .keep = 1, .number = named}),
                         RUNE_E_MESSAGE_INVALID);
    }
    rune_value_unref(args);
    expect_served();
}

/* It ends for the caller's own mistake. */
static void expect_none(struct client *client, uint32_t vm, struct function_call call)
{
    static uint64_t id = 1000;
    struct function_call got;
    send_function_call(client, ++id, vm, call);
    assert_int_equal(end_named(client, &got), RUNE_REASON_USAGE);
    assert_int_equal(got.number, 0);
}

static void expect_some(struct client *client, uint32_t vm, struct function_call call)
{
    static uint64_t id = 2000;
    struct function_call got;
    send_function_call(client, ++id, vm, call);
    assert_int_equal(end_named(client, &got), RUNE_REASON_OK);
    assert_int_equal(got.number, 0); // which names a result that stays alone
}

/* Of a Vm that never kept it, of another connection's, of one that was reset or closed. */
static void test_functions_of_other_vms(void **state)
{
    (void)state;
    struct client owner = open_client();
    struct client client = open_client();
    uint32_t vm = open_vm(&owner, 1);
    uint32_t second = open_vm(&owner, 2);
    struct function_call kept = keep_there(&owner, 3, vm, "idler");
    struct function_call other = kept;
    expect_some(&owner, vm, kept);
    expect_none(&owner, second, kept);
    expect_none(&client, vm, kept);
    other.number = 1024;
    expect_none(&owner, vm, other);
    other = kept;
    other.epoch++;
    expect_none(&owner, vm, other);
    other.epoch = UINT64_MAX;
    other.target = RN_CALL_TARGET_SEND;
    expect_none(&owner, vm, other);
    struct rn_message reset = {
        .type = RN_MESSAGE_CLIENT_RESET, .call = 4, .as.CLIENT_RESET = {.vm = vm}};
    send_message(&owner, &reset);
    assert_int_equal(answer(&owner), RUNE_OK);
    expect_none(&owner, vm, kept);
    kept = keep_there(&owner, 5, vm, "idler");
    struct rn_message closing = {.type = RN_MESSAGE_CLIENT_CLOSE, .as.CLIENT_CLOSE = {.vm = vm}};
    send_message(&owner, &closing);
    expect_none(&owner, vm, kept);
    // Another Vm with that number has none of them.
    assert_int_equal(open_vm(&owner, 6), vm);
    expect_none(&owner, vm, kept);
    close(owner.fd);
    close(client.fd);
    expect_served();
}

/* What is not there, twice, with somebody else's words, and while a call of it runs. */
static void test_functions_dropped_by_liars(void **state)
{
    (void)state;
    struct client owner = open_client();
    struct client client = open_client();
    uint32_t vm = open_vm(&owner, 1);
    struct function_call kept = keep_there(&owner, 2, vm, "idler");
    struct function_call spinner = keep_there(&owner, 3, vm, "spinner");
    const uint64_t numbers[] = {0, 3, 1024, 1025, UINT32_MAX};
    for (size_t i = 0; i < 5; i++) {
        drop_there(&owner, vm, numbers[i], kept.epoch);
        drop_there(&owner, 0, numbers[i], kept.epoch);
        drop_there(&owner, UINT32_MAX, numbers[i], kept.epoch);
        drop_there(&client, vm, numbers[i], kept.epoch);
    }
    drop_there(&owner, vm, kept.number, kept.epoch + 1);
    drop_there(&client, vm, kept.number, kept.epoch);
    expect_some(&owner, vm, kept);
    send_function_call(&owner, 4, vm, spinner);
    drop_there(&owner, vm, spinner.number, spinner.epoch);
    drop_there(&owner, vm, spinner.number, spinner.epoch);
    struct rn_message cancel = {.type = RN_MESSAGE_CLIENT_CANCEL, .call = 4};
    send_message(&owner, &cancel);
    assert_int_equal(end_reason(&owner), RUNE_REASON_CANCELLED);
    expect_none(&owner, vm, spinner);
    drop_there(&owner, vm, kept.number, kept.epoch);
    drop_there(&owner, vm, kept.number, kept.epoch);
    expect_none(&owner, vm, kept);
    close(owner.fd);
    close(client.fd);
    expect_served();
}

/* The functions that Vms of all connections keep, as the daemon counts them. */
static long long functions_counted(void)
{
    rune_text *text = NULL;
    long long sum = 0;
    assert_int_equal(rune_connect_query(good, RUNE_QUERY_PS, &text, NULL), RUNE_OK);
    for (const char *at = rune_text_data(text); (at = strstr(at, "\"functions\":")) != NULL;) {
        at += strlen("\"functions\":");
        sum += strtoll(at, NULL, 10);
    }
    rune_text_free(text);
    return sum;
}

/* Dropped before it is there, by who can guess what it will be called; the call ends badly, then well. */
static void test_functions_dropped_too_early(void **state)
{
    (void)state;
    struct client owner = open_client();
    struct function_call got;
    uint32_t vm = open_vm(&owner, 1);
    long long before = functions_counted();
    struct function_call first = keep_there(&owner, 2, vm, "idler");
    struct function_call second = keep_there(&owner, 3, vm, "idler");
    for (uint64_t i = 0; i < 5; i++) {
        send_function_call(&owner, 10 + i, vm, (struct function_call){.item = "spin", .keep = 1});
        drop_there(&owner, vm, 3, first.epoch);
        drop_there(&owner, vm, 3, first.epoch);
        struct rn_message cancel = {.type = RN_MESSAGE_CLIENT_CANCEL, .call = 10 + i};
        send_message(&owner, &cancel);
        assert_int_equal(end_named(&owner, &got), RUNE_REASON_CANCELLED);
        assert_int_equal(functions_counted(), before + 2);
        send_function_call(&owner, 20 + i, vm, (struct function_call){.item = "idler", .keep = 1});
        drop_there(&owner, vm, 3, first.epoch);
        assert_int_equal(end_named(&owner, &got), RUNE_REASON_OK);
        drop_there(&owner, vm, 3, first.epoch);
        expect_some(&owner, vm, first);
        assert_int_equal(functions_counted(), before + 2);
    }
    expect_some(&owner, vm, second);
    close(owner.fd);
    expect_served();
}

/* As many as a Vm keeps, in several, and then nobody is there any more. */
static void test_functions_left_behind(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct client client = open_client();
        struct function_call got;
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t vm = open_vm(&client, 1);
            for (uint64_t id = 0; id < RN_VM_FUNCTIONS_MAX; id++) {
                (void)keep_there(&client, 2 + id, vm, "idler");
            }
            send_function_call(&client, 2, vm, (struct function_call){.item = "idler", .keep = 1});
            assert_int_equal(end_named(&client, &got), RUNE_REASON_OVERLOADED);
        }
        close(client.fd);
    }
    // Gone in the middle of keeping one.
    for (int i = 0; i < 20; i++) {
        struct client client = open_client();
        uint32_t vm = open_vm(&client, 1);
        send_function_call(&client, 2, vm, (struct function_call){.item = "idler", .keep = 1});
        close(client.fd);
    }
    daemon_await("connections", 2);
    expect_served();
}

static void test_names_of_others(void **state)
{
    (void)state;
    // The Vm and the Units of one connection are nothing in another.
    struct client owner = open_client();
    assert_int_equal(open_vm(&owner, 1), 1);
    struct client client = open_client();
    send_call(&client, 2, 1, "main", 1);
    assert_int_equal(end_reason(&client), RUNE_REASON_USAGE);
    for (uint32_t number = 0; number < 300; number += 99) {
        struct rn_message reset = {
            .type = RN_MESSAGE_CLIENT_RESET, .call = 3, .as.CLIENT_RESET = {.vm = number}};
        send_message(&client, &reset);
        assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
        struct rn_message set = {.type = RN_MESSAGE_CLIENT_SET_UNIT,
                                 .call = 4,
                                 .as.CLIENT_SET_UNIT = {.vm = 1, .unit = number}};
        send_message(&client, &set);
        assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
        struct rn_message open = {
            .type = RN_MESSAGE_CLIENT_OPEN, .call = 5, .as.CLIENT_OPEN = {.unit = number + 1}};
        send_message(&client, &open);
        assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
        struct rn_message drop = {.type = RN_MESSAGE_CLIENT_DROP,
                                  .as.CLIENT_DROP = {.unit = number}};
        send_message(&client, &drop);
        struct rn_message closing = {.type = RN_MESSAGE_CLIENT_CLOSE,
                                     .as.CLIENT_CLOSE = {.vm = number}};
        send_message(&client, &closing);
    }
    close(client.fd);
    close(owner.fd);
    expect_served();
}

static void test_answers_to_nothing(void **state)
{
    (void)state;
    struct client client = open_client();
    struct rn_message module = {.type = RN_MESSAGE_CLIENT_MODULE, .call = 77};
    struct rn_message cancel = {.type = RN_MESSAGE_CLIENT_CANCEL, .call = 77};
    struct rn_message credit = {
        .type = RN_MESSAGE_CLIENT_CREDIT, .call = 77, .as.CLIENT_CREDIT = {.packets = 5}};
    send_message(&client, &module);
    send_message(&client, &cancel);
    send_message(&client, &credit);
    struct rn_message unknown = {
        .type = RN_MESSAGE_CLIENT_QUERY, .call = 1, .as.CLIENT_QUERY = {.what = 1000}};
    send_message(&client, &unknown);
    assert_int_equal(answer(&client), RUNE_E_UNSUPPORTED);
    struct rn_message control = {
        .type = RN_MESSAGE_CLIENT_CONTROL, .call = 1, .as.CLIENT_CONTROL = {.what = 1000}};
    send_message(&client, &control);
    assert_int_equal(answer(&client), RUNE_E_UNSUPPORTED);
    control.as.CLIENT_CONTROL.what = 2; // kill whom?
    control.as.CLIENT_CONTROL.value = UINT64_MAX;
    send_message(&client, &control);
    assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
    close(client.fd);
    expect_served();
}

/* Units from strangers pass the verifier or are refused. */
static void test_a_forged_unit(void **state)
{
    (void)state;
    struct client client = open_client();
    static const char bytes[400] = "\x7fRNUFIL\n\1\0\0\0\x20\0\0\0";
    struct rn_message load = {.type = RN_MESSAGE_CLIENT_LOAD,
                              .call = 1,
                              .body = (const uint8_t *)bytes,
                              .body_size = sizeof(bytes)};
    send_message(&client, &load);
    assert_int_equal(answer(&client), RUNE_E_UNIT_INVALID);
    load.body_size = 0;
    send_message(&client, &load);
    assert_int_equal(answer(&client), RUNE_E_UNIT_INVALID);
    close(client.fd);
    expect_served();
}

static void send_whole(struct client *client, const struct rn_message *message)
{
    static uint8_t packet[RN_PACKET_MAX];
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    do {
        send_raw(client, packet, rn_outgoing_packet(&outgoing, client->sequence++, packet));
    } while (!rn_outgoing_sent(&outgoing));
}

/* 256 arguments behind a vector of 15 Mi elements: taken apart one by one, or on the loop's thread, they would
 * hold everybody up. */
static void test_arguments_that_take_long(void **state)
{
    enum {
        ELEMENTS = 15 << 20,
        OTHERS = 255,
    };
    static const uint8_t head[] = {'e',  'c',  'h',  'o',  0xd9, 0x52, 0x02, 0x99,
                                   0x01, 0x00, 0x9a, 0x00, 0xf0, 0x00, 0x00};
    size_t size = sizeof(head) + ELEMENTS + OTHERS;
    uint8_t *body = malloc(size);
    (void)state;
    assert_non_null(body);
    memcpy(body, head, sizeof(head));
    memset(body + sizeof(head), 0xf6, ELEMENTS + OTHERS);
    struct client client = open_client();
    uint32_t vm = open_vm(&client, 1);
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_CALL,
                                 .call = 2,
                                 .body = body,
                                 .body_size = size,
                                 .as.CLIENT_CALL = {.vm = vm, .credit = 1, .item_size = 4}};
    send_whole(&client, &message);
    int64_t begun_ms = now_ms();
    expect_served();
    assert_true(now_ms() - begun_ms < 5000);
    assert_int_equal(end_reason(&client), RUNE_REASON_MEMORY); // of the call
    // Nothing of the sort is read for a Vm that is not there.
    message.call = 3;
    message.as.CLIENT_CALL.vm = 77;
    send_whole(&client, &message);
    assert_int_equal(end_reason(&client), RUNE_REASON_USAGE);
    close(client.fd);
    free(body);
    expect_served();
}

/* A million statics, none of which is there: looked for elsewhere, one by one and not twice. */
static void test_statics_that_take_long(void **state)
{
    enum {
        ENTRIES = 1 << 20,
        ENTRY = 8, /* key of six characters, with its head; a small number */
        HEAD = 8,  /* of an Object with so many */
    };
    static const char item[] = "count";
    size_t size = sizeof(item) - 1 + TAGS_SIZE + HEAD + (size_t)ENTRIES * ENTRY;
    uint8_t *body = malloc(size + 1);
    (void)state;
    assert_non_null(body);
    size_t at = make_call(body, size, item, 0, HEAD + (size_t)ENTRIES * ENTRY, NULL);
    struct rn_buf head;
    rn_buf_init_fixed(&head, body + at, HEAD);
    rn_const_begin_object(&head, ENTRIES);
    at += head.size;
    for (unsigned i = 0; i < ENTRIES; i++, at += ENTRY) {
        (void)snprintf((char *)body + at, ENTRY, "\x66%06x", i & 0xffffff);
        body[at + ENTRY - 1] = 1;
    }
    assert_int_equal(at, size);
    struct client client = open_client();
    uint32_t vm = open_vm(&client, 1);
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_CALL,
        .call = 2,
        .body = body,
        .body_size = size,
        .as.CLIENT_CALL = {
            .vm = vm, .credit = 1, .item_size = sizeof(item) - 1, .tags_size = TAGS_SIZE}};
    send_whole(&client, &message);
    int64_t begun_ms = now_ms();
    expect_served();
    assert_true(now_ms() - begun_ms < 5000);
    assert_int_equal(end_reason(&client), RUNE_REASON_USAGE);
    close(client.fd);
    free(body);
    expect_served();
}

/* Units of all connections of a user together. */
static void test_units_without_end(void **state)
{
    (void)state;
    enum {
        CONNECTIONS = 5,
        EACH = 256,
    };
    struct client clients[CONNECTIONS];
    rune_text *bytes = NULL;
    rune_unit *unit = build("pub fn main() { 1 }");
    assert_int_equal(rune_unit_save(unit, &bytes, NULL), RUNE_OK);
    struct rn_message load = {.type = RN_MESSAGE_CLIENT_LOAD,
                              .body = (const uint8_t *)rune_text_data(bytes),
                              .body_size = rune_text_size(bytes)};
    int held = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = open_client();
        for (int j = 0; j < EACH; j++) {
            load.call = (uint64_t)j + 1;
            send_message(&clients[i], &load);
            int status = answer(&clients[i]);
            assert_true(status == RUNE_OK || status == RUNE_E_OVERLOADED);
            held += status == RUNE_OK;
        }
    }
    assert_int_equal(held, 1024);
    struct rn_message drop = {.type = RN_MESSAGE_CLIENT_DROP, .as.CLIENT_DROP = {.unit = 7}};
    send_message(&clients[0], &drop);
    send_message(&clients[0], &load);
    assert_int_equal(answer(&clients[0]), RUNE_OK);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(clients[i].fd);
    }
    rune_text_free(bytes);
    rune_unit_unref(unit);
    expect_served();
}

/* Units that were dropped while Vms have them, which nothing else would bound. */
static void test_units_that_vms_keep(void **state)
{
    (void)state;
    enum {
        UNITS = 256,
    };
    rune_text *bytes = NULL;
    rune_unit *unit = build("pub fn main() { 1 }");
    assert_int_equal(rune_unit_save(unit, &bytes, NULL), RUNE_OK);
    struct client client = open_client();
    struct rn_message load = {.type = RN_MESSAGE_CLIENT_LOAD,
                              .call = 1,
                              .body = (const uint8_t *)rune_text_data(bytes),
                              .body_size = rune_text_size(bytes)};
    struct rn_message open = {.type = RN_MESSAGE_CLIENT_OPEN,
                              .call = 2,
                              .body = (const uint8_t *)"a",
                              .body_size = 1,
                              .as.CLIENT_OPEN = {.domain_size = 1}};
    struct rn_message drop = {.type = RN_MESSAGE_CLIENT_DROP};
    for (uint32_t i = 1; i <= UNITS; i++) {
        send_message(&client, &load);
        assert_int_equal(answer(&client), RUNE_OK);
        open.as.CLIENT_OPEN.unit = i;
        send_message(&client, &open);
        assert_int_equal(answer(&client), RUNE_OK);
        drop.as.CLIENT_DROP.unit = i;
        send_message(&client, &drop);
        send_message(&client, &open); // it has no name any more
        assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
    }
    send_message(&client, &load);
    assert_int_equal(answer(&client), RUNE_E_OVERLOADED);
    // With its last Vm a Unit goes, and its place is free for the next request.
    struct rn_message closing = {.type = RN_MESSAGE_CLIENT_CLOSE, .as.CLIENT_CLOSE = {.vm = 7}};
    send_message(&client, &closing);
    send_message(&client, &load);
    assert_int_equal(answer(&client), RUNE_OK);
    // One Vm takes another Unit: that which it had goes.
    struct rn_message set = {
        .type = RN_MESSAGE_CLIENT_SET_UNIT, .call = 3, .as.CLIENT_SET_UNIT = {.vm = 8, .unit = 7}};
    send_message(&client, &set);
    assert_int_equal(answer(&client), RUNE_OK);
    send_message(&client, &load);
    assert_int_equal(answer(&client), RUNE_OK);
    close(client.fd);
    rune_text_free(bytes);
    rune_unit_unref(unit);
    daemon_await("connections", 2);
    expect_served();
}

/* A Unit that the account has no room to send is not kept under a number that nobody was told. */
static void test_a_script_that_is_not_sent(void **state)
{
    (void)state;
    struct client client = open_client();
    struct client holder = open_client();
    struct rn_message got;
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_SCRIPT, .call = 1, .body = (const uint8_t *)"a", .body_size = 1};
    // All that the account has but for 200 bytes, and more than its half of that has come.
    send_parts(&holder, (64u << 20) - 200, 600);
    send_message(&client, &message);
    assert_int_equal(answer(&client), RUNE_E_OVERLOADED);
    close(holder.fd);
    daemon_await("connections", 3);
    send_message(&client, &message);
    await(&client, RN_MESSAGE_DAEMON_ANSWER, &got);
    assert_int_equal(got.as.DAEMON_ANSWER.status, 0);
    assert_int_equal(got.as.DAEMON_ANSWER.value, 1);
    close(client.fd);
    expect_served();
}

/* The next message within 100 ms is a question of a build, whose number is given; 0: there is none. */
static uint64_t next_need(struct client *client)
{
    struct rn_message message;
    struct pollfd polled = {.fd = client->fd, .events = POLLIN};
    if (poll(&polled, 1, 100) != 1) {
        return 0;
    }
    await(client, RN_MESSAGE_DAEMON_NEED, &message);
    return message.call;
}

/* Builds that wait for their client take no more than two of the threads, however many there are. */
static void test_builds_that_wait(void **state)
{
    (void)state;
    static const uint8_t body[] = {4,   0,   0,   0,   6,   0,   0,   0,   'm',
                                   '.', 'r', 'n', 'm', 'o', 'd', ' ', 'x', ';'};
    struct client client = open_client();
    struct rn_message got;
    uint64_t needs[5] = {0};
    int count = 0;
    (void)!receive(&client, &got); // the welcome
    for (uint64_t id = 1; id <= 4; id++) {
        struct rn_message message = {.type = RN_MESSAGE_CLIENT_BUILD,
                                     .call = id,
                                     .body = body,
                                     .body_size = sizeof(body),
                                     .as.CLIENT_BUILD = {.sources = 1}};
        send_message(&client, &message);
    }
    int64_t until_ms = now_ms() + PATIENCE_MS;
    while (count < 2 && now_ms() < until_ms) {
        needs[count] = next_need(&client);
        count += needs[count] != 0;
    }
    assert_int_equal(count, 2);
    assert_int_equal(next_need(&client), 0);
    struct rn_message module = {.type = RN_MESSAGE_CLIENT_MODULE,
                                .call = needs[0],
                                .as.CLIENT_MODULE = {.status = (uint32_t)-RUNE_E_NOT_FOUND}};
    send_message(&client, &module);
    await(&client, RN_MESSAGE_DAEMON_NEED, &got);
    assert_true(got.call != needs[0] && got.call != needs[1]);
    close(client.fd);
    expect_served();
}

/* The texts of modules count until the build is over, all of them. */
static void test_modules_without_end(void **state)
{
    static const char body[] = "\4\0\0\0\x22\0\0\0m.rnmod a; mod b; mod c; mod d; mod e;";
    const size_t text_size = 15u << 20;
    (void)state;
    uint8_t *text = malloc(4 + text_size);
    assert_non_null(text);
    memset(text, ' ', 4 + text_size);
    memcpy(text, "x.rn", 4);
    struct client client = open_client();
    struct rn_message got;
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_BUILD,
                                 .call = 1,
                                 .body = (const uint8_t *)body,
                                 .body_size = 8 + 4 + 0x22,
                                 .as.CLIENT_BUILD = {.sources = 1}};
    send_message(&client, &message);
    int status = 0;
    int asked = 0;
    while (receive(&client, &got) && got.type != RN_MESSAGE_DAEMON_ANSWER) {
        if (got.type == RN_MESSAGE_DAEMON_NEED) {
            struct rn_message module = {.type = RN_MESSAGE_CLIENT_MODULE,
                                        .call = 1,
                                        .body = text,
                                        .body_size = 4 + text_size,
                                        .as.CLIENT_MODULE = {.name_size = 4}};
            send_whole(&client, &module);
            asked++;
        } else if (got.type == RN_MESSAGE_DAEMON_GOODBYE) {
            status = -(int)got.as.DAEMON_GOODBYE.status;
        }
    }
    assert_int_equal(status, RUNE_E_OVERLOADED);
    assert_int_equal(asked, 5);
    close(client.fd);
    free(text);
    daemon_await("connections", 2);
    expect_served();
}

/* Who may do nothing: every message there is is refused, but for a look at what is everybody's. */
static void test_messages_without_right(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned type;
        unsigned direction;
    } rows[] = {
#define MESSAGE(name, number, direction, states, body_max, fds, fields, text)                      \
    {#name, number, RN_##direction},
#include "shm/messages.def"
    };
    int count = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].direction == RN_FROM_CLIENT) {
            struct client client = open_client();
            struct rn_message message = {.type = (enum rn_message_type)rows[i].type, .call = 9};
            if (message.type == RN_MESSAGE_CLIENT_QUERY) {
                message.as.CLIENT_QUERY.what = 5;
            }
            send_message(&client, &message);
            int status = answer(&client);
            if (status != (message.type == RN_MESSAGE_CLIENT_QUERY ? RUNE_OK : RUNE_E_DENIED)) {
                fail_msg("%s: %s", rows[i].name, rune_status_name((rune_status)status));
            }
            close(client.fd);
            count++;
        }
    }
    assert_int_equal(count, 17);
}

/* Functions of the client's own */

/* Two functions, host::f(x) and async host::g(..): version, count, then kind, flags, arity, sizes, path. */
static const char items[] = "\1\2\0\0\0"
                            "\4\2\1\0\7\0\0\0\0\0\0\0host::f"
                            "\4\3\xff\xff\7\0\0\0\0\0\0\0host::g";

static const char host_source[] = "pub fn main() { host::f(7) }\n"
                                  "pub fn twice() { host::f(1); host::f(2) }\n"
                                  "pub async fn wait() { host::g().await }\n"
                                  "pub async fn waits() { let f = [];\n"
                                  "    for i in 0..300 { f.push(host::g()); }\n"
                                  "    for x in f { x.await; } }\n"
                                  "pub async fn flood() { let s = \"0123456789abcdef\";\n"
                                  "    for i in 0..16 { s = `${s}${s}`; }\n"
                                  "    let last = host::g();\n"
                                  "    for i in 0..100 { last = host::g(s); }\n"
                                  "    last.await }\n";

static struct rn_message context_of(uint64_t id, const void *bytes, size_t size)
{
    return (struct rn_message){
        .type = RN_MESSAGE_CLIENT_CONTEXT, .call = id, .body = bytes, .body_size = size};
}

/* The number in the next answer, which is good. */
static uint32_t answer_number(struct client *client)
{
    struct rn_message message;
    await(client, RN_MESSAGE_DAEMON_ANSWER, &message);
    assert_int_equal(message.as.DAEMON_ANSWER.status, 0);
    return (uint32_t)message.as.DAEMON_ANSWER.value;
}

static uint32_t send_context(struct client *client)
{
    struct rn_message message = context_of(90, items, sizeof(items) - 1);
    send_message(client, &message);
    return answer_number(client);
}

static void build_with(struct client *client, uint32_t own)
{
    uint8_t body[sizeof(host_source) + 9];
    uint32_t sizes[] = {1, sizeof(host_source) - 1};
    memcpy(body, sizes, sizeof(sizes));
    body[8] = 'm';
    memcpy(body + 9, host_source, sizeof(host_source) - 1);
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_BUILD,
                                 .call = 91,
                                 .body = body,
                                 .body_size = sizeof(body) - 1,
                                 .as.CLIENT_BUILD = {.sources = 1, .context = own}};
    send_message(client, &message);
}

static uint32_t open_with(struct client *client, uint32_t unit, uint32_t own)
{
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_OPEN,
                                 .call = 92,
                                 .as.CLIENT_OPEN = {.unit = unit, .context = own}};
    send_message(client, &message);
    return answer_number(client);
}

/* A client with a Vm, number 1, of a script that calls its functions. */
static struct client open_host(void)
{
    struct client client = open_client();
    uint32_t own = send_context(&client);
    build_with(&client, own);
    assert_int_equal(open_with(&client, answer_number(&client), own), 1);
    return client;
}

/* Begins a call and gives the number of its first host call. */
static uint32_t host_call(struct client *client, uint64_t id, const char *item, uint32_t function)
{
    struct rn_message message;
    send_call(client, id, 1, item, 1);
    await(client, RN_MESSAGE_DAEMON_HOST_CALL, &message);
    assert_int_equal(message.call, id);
    assert_int_equal(message.as.DAEMON_HOST_CALL.function, function);
    return message.as.DAEMON_HOST_CALL.number;
}

static void reply(struct client *client, uint64_t id, uint32_t number, uint32_t failed,
                  const char *body, size_t size)
{
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_HOST_REPLY,
                                 .call = id,
                                 .body = (const uint8_t *)body,
                                 .body_size = size,
                                 .as.CLIENT_HOST_REPLY = {.number = number, .failed = failed}};
    send_message(client, &message);
}

static void test_answers_of_host_functions(void **state)
{
    (void)state;
    struct client client = open_host();
    reply(&client, 2, host_call(&client, 2, "main", 0), 0, "\7", 1);
    assert_int_equal(end_reason(&client), RUNE_REASON_OK);
    reply(&client, 3, host_call(&client, 3, "main", 0), 1, "no", 2);
    assert_int_equal(end_reason(&client), RUNE_REASON_SCRIPT_ERROR);
    // What is no value, or cut, or more than one, is an error of the script's.
    static const char *const bad[] = {"\xff", "\x1b", "\1\1", "\x82\1", "\x7f"};
    for (uint64_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        reply(&client, 4 + i, host_call(&client, 4 + i, "main", 0), 0, bad[i], strlen(bad[i]));
        assert_int_equal(end_reason(&client), RUNE_REASON_SCRIPT_ERROR);
    }
    // Of calls that have ended, or never were: too late, and no more.
    reply(&client, 2, 1, 0, "\7", 1);
    reply(&client, 777, 1, 0, "\7", 1);
    reply(&client, 20, host_call(&client, 20, "wait", 1), 0, "\7", 1);
    assert_int_equal(end_reason(&client), RUNE_REASON_OK);
    close(client.fd);
    expect_served();
}

static void test_answers_nobody_asked_for(void **state)
{
    static char text[5000];
    (void)state;
    // A number that was not given, of a call that runs.
    struct client client = open_host();
    uint32_t number = host_call(&client, 2, "main", 0);
    reply(&client, 2, number + 1, 0, "\7", 1);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_STATE);
    // Twice the same.
    client = open_host();
    number = host_call(&client, 2, "twice", 0);
    reply(&client, 2, number, 0, "\7", 1);
    reply(&client, 2, number, 0, "\7", 1);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_STATE);
    // Neither value nor error; an error that is no text, and one that is too long.
    client = open_host();
    reply(&client, 2, host_call(&client, 2, "main", 0), 0, "", 0);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    client = open_host();
    reply(&client, 2, host_call(&client, 2, "main", 0), 2, "\7", 1);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    client = open_host();
    reply(&client, 2, host_call(&client, 2, "main", 0), 1, "\xff", 1);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    client = open_host();
    memset(text, 'x', sizeof(text));
    reply(&client, 2, host_call(&client, 2, "main", 0), 1, text, sizeof(text));
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    daemon_await("calls_now", 0);
    expect_served();
}

/* Host calls of one connection are nothing in another, whatever numbers it guesses. */
static void test_host_calls_of_others(void **state)
{
    (void)state;
    struct client owner = open_host();
    uint32_t number = host_call(&owner, 2, "main", 0);
    struct client client = open_host();
    reply(&client, 2, number, 0, "\7", 1); // it has no such call
    struct rn_message call = {
        .type = RN_MESSAGE_CLIENT_CALL,
        .call = 3,
        .body = (const uint8_t *)"main",
        .body_size = 4,
        .as.CLIENT_CALL = {.vm = 1, .item_size = 4, .parent = 2, .served = number}};
    send_message(&client, &call);
    assert_int_equal(end_reason(&client), RUNE_REASON_CANCELLED);
    // Nor may a call serve itself, or one that was answered.
    call.call = 4;
    call.as.CLIENT_CALL.parent = 4;
    send_message(&client, &call);
    assert_int_equal(end_reason(&client), RUNE_REASON_CANCELLED);
    reply(&owner, 2, number, 0, "\7", 1);
    assert_int_equal(end_reason(&owner), RUNE_REASON_OK);
    call.call = 5;
    call.as.CLIENT_CALL.parent = 2;
    send_message(&owner, &call);
    assert_int_equal(end_reason(&owner), RUNE_REASON_CANCELLED);
    close(client.fd);
    close(owner.fd);
    expect_served();
}

static int context_error(const void *bytes, size_t size)
{
    struct client client = open_client();
    struct rn_message message = context_of(1, bytes, size);
    send_message(&client, &message);
    int status = answer(&client);
    close(client.fd);
    return status;
}

static void test_malformed_contexts(void **state)
{
    uint8_t bytes[sizeof(items)];
    (void)state;
    assert_int_not_equal(context_error("", 0), RUNE_OK);
    for (size_t size = 1; size < sizeof(items) - 1; size++) {
        assert_int_not_equal(context_error(items, size), RUNE_OK);
    }
    static const struct {
        size_t at;
        uint8_t value;
    } spoilt[] = {
        {0, 9},    // version
        {1, 3},    // one more than there are
        {4, 0xff}, // more than may be
        {5, 0},    // kinds: a module, a type, a method, a static with flags, an alias, none
        {5, 1},    {5, 5},     {5, 7},    {5, 9},
        {5, 200},  {6, 0},                           // flags: not the host's; of the library
        {6, 6},    {6, 0xff},  {7, 65},   {8, 0x80}, // arity
        {9, 0xff},                                   // size of the path
        {13, 5},                                     // a constant that a function has
        {17, ':'},                                   // the path
        {17, 0},   {17, 0xff}, {42, 'f'},            // the same one twice
    };
    for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
        memcpy(bytes, items, sizeof(bytes));
        bytes[spoilt[i].at] = spoilt[i].value;
        if (context_error(bytes, sizeof(items) - 1) == RUNE_OK) {
            fail_msg("byte %zu: %u", spoilt[i].at, spoilt[i].value);
        }
    }
    // A constant that is no value, a path of the library.
    assert_int_not_equal(context_error("\1\1\0\0\0\6\0\0\0\1\0\0\0\1\0\0\0a\xff", 19), RUNE_OK);
    assert_int_equal(context_error("\1\1\0\0\0\6\0\0\0\1\0\0\0\1\0\0\0a\7", 19), RUNE_OK);
    assert_int_not_equal(context_error("\1\1\0\0\0\4\2\0\0\x0e\0\0\0\0\0\0\0std::io::print", 31),
                         RUNE_OK);
    expect_served();
}

/* Numbers that are nothing, a context with a script that is not the client's, and one that went. */
static void test_contexts_that_are_not_there(void **state)
{
    (void)state;
    struct client client = open_client();
    uint32_t own = send_context(&client);
    static const uint32_t numbers[] = {2, 128, 129, UINT32_MAX};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        build_with(&client, numbers[i]);
        assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
        struct rn_message drop = {.type = RN_MESSAGE_CLIENT_DROP,
                                  .as.CLIENT_DROP = {.context = numbers[i]}};
        send_message(&client, &drop);
    }
    build_with(&client, own);
    uint32_t unit = answer_number(&client);
    struct rn_message open = {
        .type = RN_MESSAGE_CLIENT_OPEN, .call = 1, .as.CLIENT_OPEN = {.unit = unit, .context = 2}};
    send_message(&client, &open);
    assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
    uint32_t vm = open_with(&client, unit, own);
    struct rn_message set = {.type = RN_MESSAGE_CLIENT_SET_UNIT,
                             .call = 2,
                             .as.CLIENT_SET_UNIT = {.vm = vm, .unit = unit, .context = 2}};
    send_message(&client, &set);
    assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
    // One that was dropped is there as long as a Vm has it.
    struct rn_message drop = {.type = RN_MESSAGE_CLIENT_DROP, .as.CLIENT_DROP = {.context = own}};
    send_message(&client, &drop);
    send_message(&client, &drop);
    build_with(&client, own);
    assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
    reply(&client, 3, host_call(&client, 3, "main", 0), 0, "\7", 1);
    assert_int_equal(end_reason(&client), RUNE_REASON_OK);
    set.as.CLIENT_SET_UNIT.context = 0;
    send_message(&client, &set);
    assert_int_equal(answer(&client), RUNE_OK);
    assert_int_equal(send_context(&client), own); // its place is free again
    open.body = (const uint8_t *)"a";
    open.body_size = 1;
    open.as.CLIENT_OPEN.unit = 0;
    open.as.CLIENT_OPEN.context = own;
    send_message(&client, &open);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    expect_served();
}

/* Of all connections of a user together, and of one; what is larger than it may be ends the connection. */
static void test_contexts_without_end(void **state)
{
    (void)state;
    enum {
        CONNECTIONS = 5,
        EACH = 130,
    };
    struct client clients[CONNECTIONS];
    struct rn_message message = context_of(1, items, sizeof(items) - 1);
    int held = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = open_client();
        for (int j = 0; j < EACH; j++) {
            send_message(&clients[i], &message);
            int status = answer(&clients[i]);
            assert_true(status == RUNE_OK || status == RUNE_E_OVERLOADED);
            assert_true(j < 128 || status == RUNE_E_OVERLOADED);
            held += status == RUNE_OK;
        }
    }
    assert_int_equal(held, 512);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(clients[i].fd);
    }
    uint8_t packet[RN_PACKET_MAX];
    struct client client = open_client();
    size_t size = make(&client, &message, packet);
    uint32_t total = (4u << 20) + 1;
    packet[4] = 1;
    memcpy(packet + 20, &total, sizeof(total));
    send_raw(&client, packet, size);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    daemon_await("connections", 2);
    // All that they held has been given back.
    client = open_client();
    assert_int_equal(send_context(&client), 1);
    close(client.fd);
    expect_served();
}

/* Goes, or says nothing, while its functions are asked for. */
static void test_functions_that_nobody_runs(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        struct client client = open_host();
        (void)host_call(&client, 2, i % 2 == 0 ? "main" : "wait", i % 2);
        close(client.fd);
    }
    daemon_await("calls_now", 0);
    // The wall limit: 100 ms.
    static const char body[] = "main\x18\0\x08\0\0\xe1\xf5\5\0\0\0\0";
    struct client client = open_host();
    struct rn_message call = {.type = RN_MESSAGE_CLIENT_CALL,
                              .call = 2,
                              .body = (const uint8_t *)body,
                              .body_size = sizeof(body) - 1,
                              .as.CLIENT_CALL = {.vm = 1, .item_size = 4, .tags_size = 12}};
    send_message(&client, &call);
    assert_int_equal(end_reason(&client), RUNE_REASON_WALL);
    // A cancel, and its end while the answer is on its way.
    uint32_t number = host_call(&client, 3, "main", 0);
    struct rn_message cancel = {.type = RN_MESSAGE_CLIENT_CANCEL, .call = 3};
    send_message(&client, &cancel);
    reply(&client, 3, number, 0, "\7", 1);
    assert_int_equal(end_reason(&client), RUNE_REASON_CANCELLED);
    close(client.fd);
    daemon_await("calls_now", 0);
    expect_served();
}

/* More than may be out, for which the script waits, and more than may be held, with which it ends. */
static void test_host_calls_that_nobody_reads(void **state)
{
    (void)state;
    struct rn_message got;
    struct client client = open_host();
    send_call(&client, 2, 1, "waits", 1);
    for (int i = 0; i < 256; i++) {
        await(&client, RN_MESSAGE_DAEMON_HOST_CALL, &got);
    }
    struct pollfd polled = {.fd = client.fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 50), 0);
    expect_served();
    close(client.fd);
    daemon_await("calls_now", 0);
    // 100 times 1 MiB, of which the account has room for 64 at most.
    client = open_host();
    send_call(&client, 2, 1, "flood", 1);
    int64_t until_ms = now_ms() + PATIENCE_MS;
    while (daemon_status("calls_now") != 0 && now_ms() < until_ms) {
    }
    int count = 0;
    while (receive(&client, &got) && got.type != RN_MESSAGE_DAEMON_END) {
        count += got.type == RN_MESSAGE_DAEMON_HOST_CALL && got.first;
    }
    assert_in_range(count, 1, 64);
    uint32_t reason;
    assert_int_equal(got.type, RN_MESSAGE_DAEMON_END);
    memcpy(&reason, got.body, sizeof(reason));
    assert_int_equal(reason, RUNE_REASON_OVERLOADED);
    close(client.fd);
    expect_served();
}

/* Asks without end and never reads: its own requests stop, nobody else's. */
static void test_a_client_that_does_not_read(void **state)
{
    (void)state;
    struct client client = open_client();
    struct rn_message metrics = {
        .type = RN_MESSAGE_CLIENT_QUERY, .call = 1, .as.CLIENT_QUERY = {.what = 2}};
    uint8_t packet[RN_PACKET_MAX];
    size_t sent = 0;
    for (; sent < 100000; sent++) {
        size_t size = make(&client, &metrics, packet);
        if (send(client.fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            break;
        }
    }
    assert_int_equal(errno, EAGAIN);
    assert_true(sent < 100000);
    expect_served();
    close(client.fd);
    expect_served();
}

/* A script that prints for a client that does not read stands still, and ends with it. */
static void test_output_that_nobody_reads(void **state)
{
    // The item, and as much output as it likes.
    static const char body[] = "flood\3\0\x08\0\0\0\0\0\0\1\0\0";
    (void)state;
    struct client client = open_client();
    uint32_t vm = open_vm(&client, 1);
    struct rn_message call = {
        .type = RN_MESSAGE_CLIENT_CALL,
        .call = 2,
        .body = (const uint8_t *)body,
        .body_size = sizeof(body) - 1,
        .as.CLIENT_CALL = {.vm = vm, .credit = 1000, .item_size = 5, .tags_size = 12}};
    send_message(&client, &call);
    daemon_await("calls_now", 1);
    expect_served();
    close(client.fd);
    daemon_await("calls_now", 0);
}

/* Texts instead of Units */

/* A source under the name "m"; the caller's, as is the body. */
static struct rn_message text_of(uint64_t id, const char *text, enum rn_build_kind kind)
{
    uint32_t sizes[] = {1, (uint32_t)strlen(text)};
    uint8_t *body = malloc(9 + sizes[1] + 1);
    assert_non_null(body);
    memcpy(body, sizes, sizeof(sizes));
    body[8] = 'm';
    memcpy(body + 9, text, sizes[1]);
    return (struct rn_message){.type = RN_MESSAGE_CLIENT_BUILD,
                               .call = id,
                               .body = body,
                               .body_size = 9 + (size_t)sizes[1],
                               .as.CLIENT_BUILD = {.sources = 1, .kind = (uint32_t)kind}};
}

/* Ends the connection as malformed. */
static void expect_malformed(const struct rn_message *message)
{
    struct client client = open_client();
    send_message(&client, message);
    assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
}

static void test_texts_of_no_kind(void **state)
{
    (void)state;
    struct rn_message message = text_of(1, "fn f(){}", RN_BUILD_KIND_COUNT);
    struct rn_message got;
    expect_malformed(&message);
    message.as.CLIENT_BUILD.kind = UINT32_MAX;
    expect_malformed(&message);
    message.as.CLIENT_BUILD.kind = RN_BUILD_KIND_FORMAT;
    message.as.CLIENT_BUILD.bare_end = 2;
    expect_malformed(&message);
    message.as.CLIENT_BUILD.bare_end = 0;
    // What is merely wrong is said, and the connection stays.
    struct client client = open_client();
    message.as.CLIENT_BUILD.indent = UINT32_MAX;
    send_message(&client, &message);
    assert_int_equal(answer(&client), RUNE_E_INVALID_ARGUMENT);
    message.as.CLIENT_BUILD.indent = 17;
    send_message(&client, &message);
    assert_int_equal(answer(&client), RUNE_E_INVALID_ARGUMENT);
    message.as.CLIENT_BUILD.indent = 16;
    message.as.CLIENT_BUILD.context = 5;
    send_message(&client, &message);
    assert_int_equal(answer(&client), RUNE_E_NOT_FOUND);
    message.as.CLIENT_BUILD.context = 0;
    send_message(&client, &message);
    await(&client, RN_MESSAGE_DAEMON_ANSWER, &got);
    assert_int_equal(got.as.DAEMON_ANSWER.status, 0);
    assert_int_equal(got.as.DAEMON_ANSWER.value, 0); // it is no Unit, and has no number
    assert_true(got.body_size > 10 &&
                memcmp(got.body + got.body_size - 10, "fn f() {}\n", 10) == 0);
    close(client.fd);
    free((void *)message.body);
    expect_served();
}

static void test_a_text_with_a_context(void **state)
{
    (void)state;
    for (uint32_t kind = RN_BUILD_KIND_FORMAT; kind < RN_BUILD_KIND_COUNT; kind++) {
        struct client client = open_client();
        struct rn_message message = text_of(1, "fn f(){}", (enum rn_build_kind)kind);
        message.as.CLIENT_BUILD.context = send_context(&client);
        send_message(&client, &message);
        assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
        free((void *)message.body);
    }
    expect_served();
}

/* Functions of nested blocks, 22 KB, whose layout takes 16 MB. */
static struct rn_message long_text(uint64_t id)
{
    enum {
        DEPTH = 100,
        FUNCTIONS = 100
    };
    char *text = calloc(FUNCTIONS, 2 * DEPTH + 40);
    char *at = text;
    assert_non_null(text);
    for (int i = 0; i < FUNCTIONS; i++) {
        at += sprintf(at, "fn f%03d() { ", i);
        memset(at, '{', DEPTH);
        at = stpcpy(at + DEPTH, "1;");
        memset(at, '}', DEPTH);
        at = stpcpy(at + DEPTH, " }\n");
    }
    struct rn_message message = text_of(id, text, RN_BUILD_KIND_FORMAT);
    message.as.CLIENT_BUILD.indent = 16;
    free(text);
    return message;
}

/* Beyond what the account may hold texts are left out, until somebody reads or goes. */
static void test_texts_that_nobody_reads(void **state)
{
    (void)state;
    struct client clients[4];
    struct rn_message message = long_text(1);
    long long built = daemon_status("builds");
    for (int i = 0; i < 4; i++) {
        clients[i] = open_client();
        send_message(&clients[i], &message);
        daemon_await("builds", built + i + 1);
    }
    struct client late = open_client();
    send_message(&late, &message);
    assert_int_equal(answer(&late), RUNE_E_OVERLOADED);
    expect_served();
    assert_int_equal(answer(&clients[0]), RUNE_OK);
    for (int i = 0; i < 4; i++) {
        close(clients[i].fd);
    }
    daemon_await("connections", 3);
    message.call = 2;
    send_message(&late, &message);
    assert_int_equal(answer(&late), RUNE_OK);
    close(late.fd);
    free((void *)message.body);
    daemon_await("connections", 2);
    expect_served();
}

/* A text takes the same right as a Unit. */
static void test_texts_without_right(void **state)
{
    (void)state;
    struct client client = open_client();
    for (uint32_t kind = 0; kind <= RN_BUILD_KIND_COUNT; kind++) {
        struct rn_message message = text_of(kind, "fn f(){}", (enum rn_build_kind)kind);
        send_message(&client, &message);
        assert_int_equal(answer(&client), RUNE_E_DENIED);
        free((void *)message.body);
    }
    close(client.fd);
}

static void test_half_a_conversation(void **state)
{
    (void)state;
    struct client client = open_client();
    uint32_t vm = open_vm(&client, 1);
    send_call(&client, 2, vm, "spin", 1);
    daemon_await("calls_now", 1);
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    daemon_await("calls_now", 0);
    close(client.fd);
    // The other half: it does not want to hear any more.
    client = open_client();
    vm = open_vm(&client, 1);
    assert_int_equal(shutdown(client.fd, SHUT_RD), 0);
    send_call(&client, 2, vm, "spin", 1);
    close(client.fd);
    daemon_await("calls_now", 0);
    expect_served();
}

/* Goes in the middle of everything. */
static void test_vanishing(void **state)
{
    static const char source[] = "\7\0\0\0\x1a\0\0\0main.rnmod part; pub fn main() {}";
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct client client = open_client();
        struct rn_message build = {.type = RN_MESSAGE_CLIENT_BUILD,
                                   .call = 1,
                                   .body = (const uint8_t *)source,
                                   .body_size = 8 + 7 + 0x1a,
                                   .as.CLIENT_BUILD = {.sources = 1}};
        // A layout asks for no module.
        build.as.CLIENT_BUILD.kind = i % 8 == 0   ? RN_BUILD_KIND_UNIT
                                     : i % 4 == 0 ? RN_BUILD_KIND_OUTLINE
                                                  : (uint32_t)i % RN_BUILD_KIND_COUNT;
        send_message(&client, &build);
        struct rn_message open = {.type = RN_MESSAGE_CLIENT_OPEN,
                                  .call = 2,
                                  .body = (const uint8_t *)"a",
                                  .body_size = 1};
        send_message(&client, &open);
        send_call(&client, 3, 1, "spin", 1);
        if (i % 4 == 0) {
            struct rn_message need;
            await(&client, RN_MESSAGE_DAEMON_NEED, &need);
        }
        close(client.fd);
    }
    daemon_await("calls_now", 0);
    daemon_await("connections", 2); // the good one, and the one that asks
    expect_served();
}

/* Descriptors that come along are not taken. */
static void test_descriptors(void **state)
{
    uint8_t packet[RN_PACKET_MAX];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    (void)state;
    enum {
        DESCRIPTORS = 50
    };
    int before = count_fds();
    // A connection ends at the first packet with one: each has one of its own.
    for (int i = 0; i < DESCRIPTORS; i++) {
        struct client client = open_client();
        struct iovec data = {.iov_base = packet, .iov_len = make(&client, &query, packet)};
        struct msghdr message = {.msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};
        control.header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        int fd = STDERR_FILENO;
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        assert_true(sendmsg(client.fd, &message, MSG_NOSIGNAL) > 0);
        assert_int_equal(goodbye(&client), RUNE_E_MESSAGE_INVALID);
    }
    daemon_await("connections", 2);
    // Spare workers may come up meanwhile; so many descriptors would show all the same.
    assert_true(count_fds() < before + DESCRIPTORS / 2);
    expect_served();
}

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    daemon_start(script, NULL);
    good = daemon_connect();
    assert_int_equal(rune_connect_vm(good, "a", NULL, &good_vm, NULL), RUNE_OK);
    return failed;
}

/* The right to host functions alone lets nobody call or build anything. */
static void allow_next_to_nothing(rune_server_options *options)
{
    assert_int_equal(rune_server_options_allow(options, geteuid(), RUNE_RIGHT_HOST_FUNCTIONS),
                     RUNE_OK);
}

static int set_up_without_rights(void **state)
{
    int failed = harness_set_up(state);
    daemon_start(script, allow_next_to_nothing);
    return failed;
}

static int tear_down(void **state)
{
    rune_vm_free(good_vm);
    rune_supervisor_free(good);
    good_vm = NULL;
    good = NULL;
    daemon_stop();
    daemon_remove();
    return harness_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_more_than_may_be_held),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_statics_that_are_none),
        cmocka_unit_test(test_credit_beyond_its_bound),
        cmocka_unit_test(test_one_number_for_two_calls),
        cmocka_unit_test(test_names_of_others),
        cmocka_unit_test(test_statics_of_others),
        cmocka_unit_test(test_functions_of_others),
        cmocka_unit_test(test_functions_that_are_none),
        cmocka_unit_test(test_functions_of_other_vms),
        cmocka_unit_test(test_functions_dropped_by_liars),
        cmocka_unit_test(test_functions_dropped_too_early),
        cmocka_unit_test(test_functions_left_behind),
        cmocka_unit_test(test_answers_to_nothing),
        cmocka_unit_test(test_a_forged_unit),
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_output_that_nobody_reads),
        cmocka_unit_test(test_half_a_conversation),
        cmocka_unit_test(test_vanishing),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_arguments_that_take_long),
        cmocka_unit_test(test_statics_that_take_long),
        cmocka_unit_test(test_units_without_end),
        cmocka_unit_test(test_units_that_vms_keep),
        cmocka_unit_test(test_a_script_that_is_not_sent),
        cmocka_unit_test(test_builds_that_wait),
        cmocka_unit_test(test_modules_without_end),
        cmocka_unit_test(test_texts_of_no_kind),
        cmocka_unit_test(test_a_text_with_a_context),
        cmocka_unit_test(test_texts_that_nobody_reads),
        cmocka_unit_test(test_answers_of_host_functions),
        cmocka_unit_test(test_answers_nobody_asked_for),
        cmocka_unit_test(test_host_calls_of_others),
        cmocka_unit_test(test_malformed_contexts),
        cmocka_unit_test(test_contexts_that_are_not_there),
        cmocka_unit_test(test_contexts_without_end),
        cmocka_unit_test(test_functions_that_nobody_runs),
        cmocka_unit_test(test_host_calls_that_nobody_reads),
    };
    const struct CMUnitTest without[] = {
        cmocka_unit_test(test_messages_without_right),
        cmocka_unit_test(test_texts_without_right),
    };
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    return failed + cmocka_run_group_tests(without, set_up_without_rights, tear_down);
}
