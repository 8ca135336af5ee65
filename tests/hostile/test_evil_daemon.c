/*
 * A daemon that misbehaves, against our client: each step that a host takes ends, with a named error from the one on at
 * which the daemon did what it must not; and where the client's memory runs out, likewise. Nothing is left.
 *
 * The daemon is a thread that speaks the protocol by hand. It answers whatever is asked, until the request at which it
 * misbehaves. Unit, record and diagnostics are true ones, made beforehand.
 */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "bytecode/diagnostic.h"
#include "shm/message.h"
#include "supervisor/wire.h"

static const char source[] = "static COUNT = 1;\n"
                             "pub fn main() { println!(\"said\"); 7 }\n";

static char folder[64];
static char path[128];
static char scripts[96]; /* a folder of the client's own */
static char script[128];
static int listener;

/* What a true daemon sends. */
static struct rn_buf unit_file;
static struct rn_buf said;
static struct rn_buf record;
static struct rn_buf statics;         /* a record as well, whose value is the statics */
static struct rn_buf unknown_statics; /* .. among them one that the Unit does not have */
static struct rn_buf other_statics;   /* .. of another Unit */

/* The daemon */

struct peer {
    int fd;
    uint32_t sequence;
};

static bool send_packets(struct peer *peer, const struct rn_message *message, size_t packets)
{
    static uint8_t packet[RN_PACKET_MAX];
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    bool more = true;
    for (size_t i = 0; more && i < packets; i++) {
        size_t size = rn_outgoing_packet(&outgoing, peer->sequence++, packet);
        if (send(peer->fd, packet, size, MSG_NOSIGNAL) != (ssize_t)size) {
            return false;
        }
        more = !rn_outgoing_sent(&outgoing);
    }
    return true;
}

static bool say(struct peer *peer, const struct rn_message *message)
{
    return send_packets(peer, message, SIZE_MAX);
}

static struct rn_message answer_to(const struct rn_message *request, uint64_t value,
                                   const struct rn_buf *body)
{
    return (struct rn_message){.type = RN_MESSAGE_DAEMON_ANSWER,
                               .call = request->call,
                               .body = body ? body->data : NULL,
                               .body_size = body ? body->size : 0,
                               .as.DAEMON_ANSWER = {.value = value}};
}

static bool answer(struct peer *peer, const struct rn_message *request, uint64_t value,
                   const struct rn_buf *body)
{
    struct rn_message message = answer_to(request, value, body);
    return say(peer, &message);
}

/* Diagnostics and Unit in one body, without rn_alloc: the client's allocations are counted. */
static bool answer_build(struct peer *peer, const struct rn_message *request)
{
    static uint8_t body[1 << 20];
    memcpy(body, said.data, said.size);
    memcpy(body + said.size, unit_file.data, unit_file.size);
    struct rn_message message = answer_to(request, 3, NULL);
    message.body = body;
    message.body_size = said.size + unit_file.size;
    message.as.DAEMON_ANSWER.said_size = (uint32_t)said.size;
    return say(peer, &message);
}

/* Likewise, with a text. */
static bool answer_text(struct peer *peer, const struct rn_message *request, const char *text,
                        size_t size)
{
    static uint8_t body[RN_TEXT_BODY_MAX + 4096];
    memcpy(body, said.data, said.size);
    memcpy(body + said.size, text, size);
    struct rn_message message = answer_to(request, 0, NULL);
    message.body = body;
    message.body_size = said.size + size;
    message.as.DAEMON_ANSWER.said_size = (uint32_t)said.size;
    return say(peer, &message);
}

static bool tell(struct peer *peer, enum rn_message_type type, uint64_t call, const char *body)
{
    struct rn_message message = {
        .type = type, .call = call, .body = (const uint8_t *)body, .body_size = strlen(body)};
    return say(peer, &message);
}

static bool end_with(struct peer *peer, const struct rn_message *request, const struct rn_buf *body)
{
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_END,
                                 .call = request->call,
                                 .body = body->data,
                                 .body_size = body->size,
                                 .as.DAEMON_END = {.taken = 1}};
    return say(peer, &message);
}

/* A call that gets all statics is of no function. */
static bool gets_statics(const struct rn_message *request)
{
    return request->type == RN_MESSAGE_CLIENT_CALL && request->as.CLIENT_CALL.item_size == 0;
}

/* The call of the item whose result is to stay. */
static bool keeps(const struct rn_message *request)
{
    return request->type == RN_MESSAGE_CLIENT_CALL && request->as.CLIENT_CALL.item_size == 4 &&
           memcmp(request->body, "keep", 4) == 0;
}

/* With what the result is called from now on. */
static bool end_with_name(struct peer *peer, const struct rn_message *request,
                          const struct rn_buf *body, uint32_t function)
{
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_END,
                                 .call = request->call,
                                 .body = body->data,
                                 .body_size = body->size,
                                 .as.DAEMON_END = {.function = function, .epoch = 9}};
    return say(peer, &message);
}

static bool end_call(struct peer *peer, const struct rn_message *request)
{
    if (gets_statics(request)) {
        return end_with(peer, request, &statics);
    }
    if (keeps(request)) {
        return end_with_name(peer, request, &record, 3);
    }
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_END,
                                 .call = request->call,
                                 .body = record.data,
                                 .body_size = record.size};
    return tell(peer, RN_MESSAGE_DAEMON_OUTPUT, request->call, "said\n") && say(peer, &message);
}

static bool answer_query(struct peer *peer, const struct rn_message *request)
{
    static const uint8_t counts[7 * sizeof(uint64_t)] = {7};
    struct rn_message message = answer_to(request, 0, NULL);
    message.body = counts;
    message.body_size = sizeof(counts);
    return say(peer, &message);
}

/* What it is that asks for modules. */
static enum rn_build_kind kind_that_needs;

static bool begin_build(struct peer *peer, const struct rn_message *request)
{
    kind_that_needs = (enum rn_build_kind)request->as.CLIENT_BUILD.kind;
    return kind_that_needs == RN_BUILD_KIND_FORMAT
               ? answer_text(peer, request, "laid out", 8)
               : tell(peer, RN_MESSAGE_DAEMON_NEED, request->call, "m");
}

static bool end_build(struct peer *peer, const struct rn_message *request)
{
    return kind_that_needs == RN_BUILD_KIND_OUTLINE ? answer_text(peer, request, "{}\n", 3)
                                                    : answer_build(peer, request);
}

/* True: goes on. */
static bool serve(struct peer *peer, const struct rn_message *request)
{
    switch ((uint32_t)request->type) {
    case RN_MESSAGE_CLIENT_BUILD:
        return begin_build(peer, request);
    case RN_MESSAGE_CLIENT_MODULE:
        return end_build(peer, request);
    case RN_MESSAGE_CLIENT_LOAD:
    case RN_MESSAGE_CLIENT_OPEN:
    case RN_MESSAGE_CLIENT_SET_UNIT:
    case RN_MESSAGE_CLIENT_RESET:
    case RN_MESSAGE_CLIENT_CONTROL:
        return answer(peer, request, 5, NULL);
    case RN_MESSAGE_CLIENT_SCRIPT:
        return answer(peer, request, 9, &unit_file);
    case RN_MESSAGE_CLIENT_QUERY:
        return answer_query(peer, request);
    case RN_MESSAGE_CLIENT_CALL:
        return end_call(peer, request);
    default: // not answered
        return true;
    }
}

/* What a daemon does instead. */

static bool do_close(struct peer *peer, const struct rn_message *request)
{
    (void)peer;
    (void)request;
    return false;
}

static bool do_noise(struct peer *peer, const struct rn_message *request)
{
    static const char noise[] = "this is no packet at all";
    (void)request;
    return send(peer->fd, noise, sizeof(noise), MSG_NOSIGNAL) > 0;
}

static bool do_skip_a_number(struct peer *peer, const struct rn_message *request)
{
    peer->sequence++;
    return answer(peer, request, 5, NULL);
}

static bool do_welcome(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_WELCOME};
    (void)request;
    return say(peer, &message);
}

static bool do_answer_nobody(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = answer_to(request, 5, NULL);
    message.call += 1000;
    return say(peer, &message);
}

static bool do_output_of_nobody(struct peer *peer, const struct rn_message *request)
{
    return tell(peer, RN_MESSAGE_DAEMON_OUTPUT, request->call + 1000, "x");
}

static bool do_need_of_nobody(struct peer *peer, const struct rn_message *request)
{
    return tell(peer, RN_MESSAGE_DAEMON_NEED, request->call + 1000, "m");
}

static bool do_answer_twice(struct peer *peer, const struct rn_message *request)
{
    return answer(peer, request, 5, NULL) && answer(peer, request, 5, NULL);
}

/* An answer of several packets. */
static struct rn_message long_answer(const struct rn_message *request)
{
    static const uint8_t body[3 * RN_PACKET_MAX];
    struct rn_message message = answer_to(request, 5, NULL);
    message.body = body;
    message.body_size = sizeof(body);
    return message;
}

static bool do_half_an_answer(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = long_answer(request);
    return send_packets(peer, &message, 2) && false;
}

static bool do_begin_twice(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = long_answer(request);
    return send_packets(peer, &message, 1) && say(peer, &message);
}

static bool do_output_between(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = long_answer(request);
    return send_packets(peer, &message, 1) &&
           tell(peer, RN_MESSAGE_DAEMON_OUTPUT, request->call, "x");
}

/* A second packet whose first never came. */
static bool send_rest(struct peer *peer, struct rn_message *message)
{
    static uint8_t packet[RN_PACKET_MAX];
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    assert_false(rn_outgoing_sent(&outgoing));
    size_t size = rn_outgoing_packet(&outgoing, peer->sequence++, packet);
    return send(peer->fd, packet, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool do_end_without_beginning(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = long_answer(request);
    return send_rest(peer, &message);
}

static bool do_go_on_with_another(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = long_answer(request);
    bool sent = send_packets(peer, &message, 1);
    message.call++;
    return sent && send_rest(peer, &message);
}

static bool do_go_on_as_an_end(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = long_answer(request);
    bool sent = send_packets(peer, &message, 1);
    message.type = RN_MESSAGE_DAEMON_END;
    return sent && send_rest(peer, &message);
}

static bool fail_with(struct peer *peer, const struct rn_message *request, uint32_t status,
                      uint32_t said_size, const char *body, size_t size)
{
    struct rn_message message = answer_to(request, 5, NULL);
    message.body = (const uint8_t *)body;
    message.body_size = size;
    message.as.DAEMON_ANSWER.status = status;
    message.as.DAEMON_ANSWER.said_size = said_size;
    return say(peer, &message);
}

static bool do_fail_without_error(struct peer *peer, const struct rn_message *request)
{
    return fail_with(peer, request, 7, 0, "", 0);
}

static bool do_fail_beyond_all_codes(struct peer *peer, const struct rn_message *request)
{
    return fail_with(peer, request, 4000, 0, "", 0);
}

static bool do_say_more_than_there_is(struct peer *peer, const struct rn_message *request)
{
    return fail_with(peer, request, 0, 100, "abc", 3);
}

static bool do_diagnose_nonsense(struct peer *peer, const struct rn_message *request)
{
    return fail_with(peer, request, 0, 3, "abc", 3);
}

static bool do_send_no_unit(struct peer *peer, const struct rn_message *request)
{
    static const char nonsense[] = "no Unit";
    return fail_with(peer, request, 0, 0, nonsense, sizeof(nonsense));
}

/* An error as a true daemon words it: the client hands it on, and the connection stays. */
static bool do_fail_properly(struct peer *peer, const struct rn_message *request)
{
    static const char error[] = "\x07\0\0\0" // NOT_FOUND
                                "\x02\0\0\0" // a reason
                                "\0\0\0\0"   // no signal
                                "\0"         // not safe to retry
                                "\4\0\0\0gone"
                                "\6\0\0\0is not"
                                "\0\0\0\0\0\0\0\0" // no frames
                                "\0\0\0";
    return fail_with(peer, request, 7, 0, error, sizeof(error));
}

/* The same to what asks for a text only; an outline needs a module first. */

static bool is_format(const struct rn_message *request)
{
    return request->as.CLIENT_BUILD.kind == RN_BUILD_KIND_FORMAT;
}

static bool do_close_for_a_text(struct peer *peer, const struct rn_message *request)
{
    return !is_format(request) && serve(peer, request);
}

static bool do_send_no_text(struct peer *peer, const struct rn_message *request)
{
    return is_format(request) ? answer_text(peer, request, "laid \xc3\x28", 7)
                              : serve(peer, request);
}

static bool do_send_half_a_character(struct peer *peer, const struct rn_message *request)
{
    return kind_that_needs == RN_BUILD_KIND_OUTLINE ? answer_text(peer, request, "{}\xe2\x82", 4)
                                                    : serve(peer, request);
}

/* One byte more than any may have. */
static bool do_send_a_text_without_end(struct peer *peer, const struct rn_message *request)
{
    static char text[RN_TEXT_BODY_MAX + 1];
    memset(text, 'x', sizeof(text));
    return is_format(request) ? answer_text(peer, request, text, sizeof(text))
                              : serve(peer, request);
}

static bool do_send_a_unit_as_a_text(struct peer *peer, const struct rn_message *request)
{
    return is_format(request) ? answer_build(peer, request) : serve(peer, request);
}

/* It would be a text but for the number. */
static bool do_number_a_text(struct peer *peer, const struct rn_message *request)
{
    return is_format(request) ? answer(peer, request, 5, NULL) : serve(peer, request);
}

static bool do_say_more_than_the_text(struct peer *peer, const struct rn_message *request)
{
    return is_format(request) ? do_say_more_than_there_is(peer, request) : serve(peer, request);
}

static bool do_diagnose_a_text_with_nonsense(struct peer *peer, const struct rn_message *request)
{
    return is_format(request) ? do_diagnose_nonsense(peer, request) : serve(peer, request);
}

static bool do_fail_a_text_without_error(struct peer *peer, const struct rn_message *request)
{
    return is_format(request) ? do_fail_without_error(peer, request) : serve(peer, request);
}

static bool do_fail_a_text_properly(struct peer *peer, const struct rn_message *request)
{
    return is_format(request) ? do_fail_properly(peer, request) : serve(peer, request);
}

static bool do_leave_an_outline(struct peer *peer, const struct rn_message *request)
{
    return kind_that_needs != RN_BUILD_KIND_OUTLINE && serve(peer, request);
}

static bool do_end_without_record(struct peer *peer, const struct rn_message *request)
{
    return tell(peer, RN_MESSAGE_DAEMON_END, request->call, "no record");
}

static bool do_end_with_half_a_record(struct peer *peer, const struct rn_message *request)
{
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_END,
                                 .call = request->call,
                                 .body = record.data,
                                 .body_size = record.size / 2};
    return say(peer, &message);
}

static bool do_end_without_statics(struct peer *peer, const struct rn_message *request)
{
    return gets_statics(request) ? end_with(peer, request, &record) : end_call(peer, request);
}

static bool do_end_with_unknown_statics(struct peer *peer, const struct rn_message *request)
{
    return gets_statics(request) ? end_with(peer, request, &unknown_statics)
                                 : end_call(peer, request);
}

/* Each time that it is asked. */
static bool do_end_with_statics_of_another(struct peer *peer, const struct rn_message *request)
{
    return gets_statics(request) ? end_with(peer, request, &other_statics)
                                 : end_call(peer, request);
}

static bool do_end_with_a_name_for_nothing(struct peer *peer, const struct rn_message *request)
{
    return end_with_name(peer, request, &record, 3);
}

static bool do_end_without_name(struct peer *peer, const struct rn_message *request)
{
    return keeps(request) ? end_with_name(peer, request, &record, 0) : end_call(peer, request);
}

static bool do_end_with_a_name_beyond_all(struct peer *peer, const struct rn_message *request)
{
    return keeps(request) ? end_with_name(peer, request, &record, RN_VM_FUNCTIONS_MAX + 1)
                          : end_call(peer, request);
}

static bool do_end_with_a_function_of_another(struct peer *peer, const struct rn_message *request)
{
    return keeps(request) ? end_with_name(peer, request, &other_statics, 3)
                          : end_call(peer, request);
}

static bool do_not_serve_the_script_again(struct peer *peer, const struct rn_message *request)
{
    static unsigned asked; // once for the step before
    return asked++ % 2 == 0 ? serve(peer, request) : do_fail_properly(peer, request);
}

/* The first is that of the step before, texts apart. */
static bool is_next_build(const struct rn_message *request)
{
    static unsigned asked;
    return request->as.CLIENT_BUILD.kind == RN_BUILD_KIND_UNIT && asked++ % 2 == 1;
}

static bool do_close_at_the_next_build(struct peer *peer, const struct rn_message *request)
{
    return !is_next_build(request) && serve(peer, request);
}

static bool do_noise_at_the_next_build(struct peer *peer, const struct rn_message *request)
{
    return is_next_build(request) ? do_noise(peer, request) : serve(peer, request);
}

static bool goodbye(struct peer *peer, uint32_t status, const char *text)
{
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_GOODBYE,
                                 .body = (const uint8_t *)text,
                                 .body_size = strlen(text),
                                 .as.DAEMON_GOODBYE = {.status = status}};
    (void)say(peer, &message);
    return false;
}

static bool do_leave(struct peer *peer, const struct rn_message *request)
{
    (void)request;
    return goodbye(peer, -RUNE_E_OVERLOADED, "full");
}

static bool do_deny(struct peer *peer, const struct rn_message *request)
{
    (void)request;
    return goodbye(peer, -RUNE_E_DENIED, "no");
}

static bool do_leave_for_no_reason(struct peer *peer, const struct rn_message *request)
{
    (void)request;
    return goodbye(peer, 0, "");
}

static bool do_leave_in_no_language(struct peer *peer, const struct rn_message *request)
{
    (void)request;
    return goodbye(peer, 5000, "\xff\xfe");
}

/* The client: the steps of a host, in order */

enum step {
    STEP_CONNECT,
    STEP_QUERY,
    STEP_CONTROL,
    STEP_BUILD,
    STEP_FORMAT,
    STEP_OUTLINE,
    STEP_SCRIPT,
    STEP_VM,
    STEP_CALL,
    STEP_RESET,
    STEP_SET_UNIT,
    STEP_EXECUTE,
    STEP_GLOBALS,
    STEP_FUNCTION,
    STEP_WATCH,
    STEP_COUNT
};

struct life {
    rune_supervisor *client;
    rune_unit *built;
    rune_unit *script;
    rune_vm *vm;
    atomic_bool over;
    rune_status status[STEP_COUNT];
    char why[STEP_COUNT][128];
};

/* Notes the end of a step; the error is consumed. */
static void note(struct life *life, enum step step, rune_status status, rune_error *error)
{
    life->status[step] = status;
    (void)snprintf(life->why[step], sizeof(life->why[step]), "%s",
                   error ? rune_error_message(error) : "");
    assert_true(status != RUNE_OK || !error);
    rune_error_free(error);
}

static void build_there(struct life *life)
{
    rune_error *error = NULL;
    rune_status status = RUNE_E_NO_MEMORY;
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_sources *sources = rune_sources_new();
    if (diagnostics && sources) {
        status = rune_sources_insert_memory(sources, "a.rn", source, sizeof(source) - 1, &error);
    }
    if (status == RUNE_OK) {
        status = rune_build(life->client, sources, NULL, NULL, diagnostics, &life->built, &error);
    }
    note(life, STEP_BUILD, status, error);
    rune_sources_free(sources);
    rune_diagnostics_free(diagnostics);
}

static void ask_for_texts(struct life *life)
{
    static const struct {
        enum step step;
        rune_status (*ask)(rune_supervisor *supervisor, const rune_sources *sources,
                           const rune_options *options, rune_diagnostics *diagnostics,
                           rune_text **out_text, rune_error **error);
    } tools[] = {{STEP_FORMAT, rune_format}, {STEP_OUTLINE, rune_outline}};
    for (size_t i = 0; i < RN_COUNT_OF(tools); i++) {
        rune_error *error = NULL;
        rune_text *text = NULL;
        rune_status status = RUNE_E_NO_MEMORY;
        rune_diagnostics *diagnostics = rune_diagnostics_new();
        rune_sources *sources = rune_sources_new();
        if (diagnostics && sources) {
            status =
                rune_sources_insert_memory(sources, "a.rn", source, sizeof(source) - 1, &error);
        }
        if (status == RUNE_OK) {
            status = tools[i].ask(life->client, sources, NULL, diagnostics, &text, &error);
        }
        assert_true((status == RUNE_OK) == (text != NULL));
        note(life, tools[i].step, status, error);
        rune_text_free(text);
        rune_sources_free(sources);
        rune_diagnostics_free(diagnostics);
    }
}

static unsigned outputs;

static bool take(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    outputs += size == strlen("said\n");
    return outputs % 3 != 0 || outputs == 0; // now and then it is asked again
}

static rune_status end_of(rune_record *ended, rune_error **error)
{
    rune_status status = RUNE_OK;
    if (rune_record_reason(ended) != RUNE_REASON_OK) {
        const rune_error *why = rune_record_error(ended);
        status = why ? rune_error_status(why) : RUNE_E_INTERNAL;
    }
    (void)error;
    rune_record_free(ended);
    return status;
}

static void call_there(struct life *life)
{
    rune_error *error = NULL;
    rune_record *ended = NULL;
    rune_status status = RUNE_E_NO_MEMORY;
    rune_call_options *options = rune_call_options_new();
    if (options) {
        rune_call_options_set_output(options, take, NULL);
        status = rune_vm_call_record(life->vm, "main", NULL, 0, options, &ended, &error);
    }
    note(life, STEP_CALL, status == RUNE_OK ? end_of(ended, &error) : status, error);
    rune_call_options_free(options);
}

static void execute_there(struct life *life)
{
    rune_error *error = NULL;
    rune_record *ended = NULL;
    rune_execution *execution = NULL;
    rune_status status = RUNE_E_NO_MEMORY;
    rune_call_options *options = rune_call_options_new();
    if (options) {
        rune_call_options_set_output(options, take, NULL);
        status = rune_vm_send_execute(life->vm, "main", NULL, 0, options, &execution, &error);
    }
    if (status == RUNE_OK) {
        assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
        status = rune_execution_complete(execution, &ended);
    }
    note(life, STEP_EXECUTE, status == RUNE_OK ? end_of(ended, &error) : status, error);
    rune_execution_free(execution);
    rune_call_options_free(options);
}

/* Of a script by name: what it is of is asked for. */
static void get_globals(struct life *life)
{
    rune_error *error = NULL;
    rune_vm *vm = NULL;
    rune_globals *globals = NULL;
    rune_const_value *value = rune_value_i64(3);
    rune_status status = value ? RUNE_OK : RUNE_E_NO_MEMORY;
    if (status == RUNE_OK) {
        status = rune_connect_vm(life->client, "a", NULL, &vm, &error);
    }
    if (status == RUNE_OK) {
        status = rune_vm_set_static(vm, "COUNT", value, &error);
    }
    if (status == RUNE_OK) {
        status = rune_vm_globals(vm, &globals, &error);
    }
    note(life, STEP_GLOBALS, status, error);
    rune_globals_free(globals);
    rune_value_unref(value);
    rune_vm_free(vm);
}

/* Which is called as well, and goes in the end. */
static void keep_function(struct life *life)
{
    rune_error *error = NULL;
    rune_vm *vm = NULL;
    rune_function *function = NULL;
    rune_const_value *value = NULL;
    rune_status status = rune_connect_vm(life->client, "a", NULL, &vm, &error);
    if (status == RUNE_OK) {
        status = rune_vm_call_function(vm, "keep", NULL, 0, NULL, &function, &error);
    }
    if (status == RUNE_OK) {
        status = rune_function_call(function, NULL, 0, NULL, &value, &error);
    }
    note(life, STEP_FUNCTION, status, error);
    rune_value_unref(value);
    rune_function_unref(function);
    rune_vm_free(vm);
}

static void watch_there(struct life *life)
{
    rune_error *error = NULL;
    rune_watch *watch = NULL;
    rune_status status = rune_watch_new(life->client, scripts, NULL, &watch, &error);
    rune_unit *unit = status == RUNE_OK ? rune_watch_current(watch, "a") : NULL;
    note(life, STEP_WATCH, status == RUNE_OK && !unit ? RUNE_E_STALE : status, error);
    rune_unit_unref(unit);
    rune_watch_free(watch);
}

static void ask_there(struct life *life)
{
    rune_error *error = NULL;
    rune_text *text = NULL;
    rune_stats stats;
    rune_status status = rune_connect_query(life->client, RUNE_QUERY_STATUS, &text, &error);
    rune_text_free(text);
    if (status == RUNE_OK) {
        rune_supervisor_stats(life->client, &stats);
    }
    note(life, STEP_QUERY, status, error);
    error = NULL;
    status = rune_connect_control(life->client, RUNE_CONTROL_RELOAD, 0, &error);
    note(life, STEP_CONTROL, status, error);
    error = NULL;
    status = rune_connect_unit(life->client, "a", &life->script, &error);
    note(life, STEP_SCRIPT, status, error);
}

static void use_vm(struct life *life)
{
    rune_error *error = NULL;
    rune_status status = rune_vm_new(life->client, NULL, life->script, NULL, &life->vm, &error);
    note(life, STEP_VM, status, error);
    if (status != RUNE_OK) {
        return;
    }
    call_there(life);
    note(life, STEP_RESET, rune_vm_reset(life->vm), NULL);
    if (life->built) {
        note(life, STEP_SET_UNIT, rune_vm_set_unit(life->vm, life->built), NULL);
    }
    execute_there(life);
    get_globals(life);
    keep_function(life);
    watch_there(life);
}

static void *clients_life(void *argument)
{
    struct life *life = argument;
    rune_error *error = NULL;
    for (int i = 0; i < STEP_COUNT; i++) {
        life->status[i] = RUNE_E_STALE; // not taken
    }
    rune_status status = rune_supervisor_connect(path, NULL, &life->client, &error);
    note(life, STEP_CONNECT, status, error);
    if (status == RUNE_OK) {
        build_there(life);
        ask_for_texts(life);
        ask_there(life);
        if (life->script) {
            use_vm(life);
        }
    }
    rune_vm_free(life->vm);
    rune_unit_unref(life->script);
    rune_unit_unref(life->built);
    rune_supervisor_free(life->client);
    atomic_store(&life->over, true);
    return NULL;
}

/* Both */

struct misbehaviour {
    const char *name;
    enum rn_message_type at; /* the request; WELCOME: before any */
    bool (*act)(struct peer *peer, const struct rn_message *request);
    enum step step; /* the first that fails */
    rune_status status;
};

static bool hear(const struct peer *peer, struct rn_message *out_message)
{
    static uint8_t packet[RN_PACKET_MAX];
    ssize_t size = recv(peer->fd, packet, sizeof(packet), 0);
    struct rn_wire_message wire = {packet, size > 0 ? (size_t)size : 0};
    return size > 0 && rn_message_decode(wire, RN_FROM_CLIENT, out_message) == RN_OK;
}

/* -1: none comes, since the client has ended. */
static int await_client(const struct life *life)
{
    struct pollfd polled = {.fd = listener, .events = POLLIN};
    while (poll(&polled, 1, 10) == 0) {
        if (atomic_load(&life->over)) {
            return -1;
        }
    }
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void be_a_daemon(const struct misbehaviour *how, const struct life *life)
{
    struct peer peer = {.fd = await_client(life)};
    struct rn_message request = {.type = RN_MESSAGE_DAEMON_WELCOME};
    struct rn_message welcome = {.type = RN_MESSAGE_DAEMON_WELCOME,
                                 .as.DAEMON_WELCOME = {.rights = RUNE_RIGHT_ALL, .calls_max = 10}};
    if (peer.fd < 0) {
        return;
    }
    bool goes_on = how && how->at == RN_MESSAGE_DAEMON_WELCOME ? how->act(&peer, &request)
                                                               : say(&peer, &welcome);
    while (goes_on && hear(&peer, &request)) {
        if (request.last) {
            goes_on =
                how && request.type == how->at ? how->act(&peer, &request) : serve(&peer, &request);
        }
    }
    close(peer.fd);
}

/* A client lives beside the daemon. */
static void live(const struct misbehaviour *how, struct life *life)
{
    pthread_t client;
    *life = (struct life){.client = NULL};
    assert_int_equal(pthread_create(&client, NULL, clients_life, life), 0);
    be_a_daemon(how, life);
    pthread_join(client, NULL);
}

static const struct misbehaviour misbehaviours[] = {
#define AT(request) RN_MESSAGE_##request
    {"not a word", AT(DAEMON_WELCOME), do_close, STEP_CONNECT, RUNE_E_CLOSED},
    {"noise", AT(DAEMON_WELCOME), do_noise, STEP_CONNECT, RUNE_E_CLOSED},
    {"an answer first", AT(DAEMON_WELCOME), do_answer_nobody, STEP_CONNECT, RUNE_E_CLOSED},
    {"denied", AT(DAEMON_WELCOME), do_deny, STEP_CONNECT, RUNE_E_DENIED},
    {"full", AT(DAEMON_WELCOME), do_leave, STEP_CONNECT, RUNE_E_OVERLOADED},
    {"left", AT(DAEMON_WELCOME), do_leave_for_no_reason, STEP_CONNECT, RUNE_E_CLOSED},
    {"gone", AT(CLIENT_BUILD), do_close, STEP_BUILD, RUNE_E_CLOSED},
    {"noise later", AT(CLIENT_BUILD), do_noise, STEP_BUILD, RUNE_E_MESSAGE_INVALID},
    {"welcome again", AT(CLIENT_BUILD), do_welcome, STEP_BUILD, RUNE_E_MESSAGE_STATE},
    {"a number left out", AT(CLIENT_BUILD), do_skip_a_number, STEP_BUILD, RUNE_E_MESSAGE_STATE},
    {"an answer to nobody", AT(CLIENT_BUILD), do_answer_nobody, STEP_BUILD, RUNE_E_MESSAGE_STATE},
    {"output of nobody", AT(CLIENT_BUILD), do_output_of_nobody, STEP_BUILD, RUNE_E_MESSAGE_STATE},
    {"a module for nobody", AT(CLIENT_BUILD), do_need_of_nobody, STEP_BUILD, RUNE_E_MESSAGE_STATE},
    {"half an answer", AT(CLIENT_BUILD), do_half_an_answer, STEP_BUILD, RUNE_E_CLOSED},
    {"two beginnings", AT(CLIENT_BUILD), do_begin_twice, STEP_BUILD, RUNE_E_MESSAGE_STATE},
    {"no beginning", AT(CLIENT_BUILD), do_end_without_beginning, STEP_BUILD,
     RUNE_E_MESSAGE_INVALID},
    {"another's end", AT(CLIENT_BUILD), do_go_on_with_another, STEP_BUILD, RUNE_E_MESSAGE_INVALID},
    {"an end of another kind", AT(CLIENT_BUILD), do_go_on_as_an_end, STEP_BUILD,
     RUNE_E_MESSAGE_INVALID},
    {"output between", AT(CLIENT_BUILD), do_output_between, STEP_BUILD, RUNE_E_MESSAGE_STATE},
    {"no error", AT(CLIENT_BUILD), do_fail_without_error, STEP_BUILD, RUNE_E_MESSAGE_INVALID},
    {"no such code", AT(CLIENT_BUILD), do_fail_beyond_all_codes, STEP_BUILD,
     RUNE_E_MESSAGE_INVALID},
    {"said too much", AT(CLIENT_BUILD), do_say_more_than_there_is, STEP_BUILD,
     RUNE_E_MESSAGE_INVALID},
    {"no diagnostics", AT(CLIENT_BUILD), do_diagnose_nonsense, STEP_BUILD, RUNE_E_MESSAGE_INVALID},
    {"a text for a Unit", AT(CLIENT_BUILD), do_send_no_unit, STEP_BUILD, RUNE_E_UNIT_INVALID},
    {"gone for a text", AT(CLIENT_BUILD), do_close_for_a_text, STEP_FORMAT, RUNE_E_CLOSED},
    {"no text", AT(CLIENT_BUILD), do_send_no_text, STEP_FORMAT, RUNE_E_MESSAGE_INVALID},
    {"half a character", AT(CLIENT_MODULE), do_send_half_a_character, STEP_OUTLINE,
     RUNE_E_MESSAGE_INVALID},
    {"a text without end", AT(CLIENT_BUILD), do_send_a_text_without_end, STEP_FORMAT,
     RUNE_E_MESSAGE_INVALID},
    {"a Unit for a text", AT(CLIENT_BUILD), do_send_a_unit_as_a_text, STEP_FORMAT,
     RUNE_E_MESSAGE_INVALID},
    {"a text with a number", AT(CLIENT_BUILD), do_number_a_text, STEP_FORMAT,
     RUNE_E_MESSAGE_INVALID},
    {"said more than the text", AT(CLIENT_BUILD), do_say_more_than_the_text, STEP_FORMAT,
     RUNE_E_MESSAGE_INVALID},
    {"no diagnostics of a text", AT(CLIENT_BUILD), do_diagnose_a_text_with_nonsense, STEP_FORMAT,
     RUNE_E_MESSAGE_INVALID},
    {"a text without error", AT(CLIENT_BUILD), do_fail_a_text_without_error, STEP_FORMAT,
     RUNE_E_MESSAGE_INVALID},
    {"a text that fails", AT(CLIENT_BUILD), do_fail_a_text_properly, STEP_FORMAT, RUNE_E_NOT_FOUND},
    {"gone in an outline", AT(CLIENT_MODULE), do_leave_an_outline, STEP_OUTLINE, RUNE_E_CLOSED},
    {"left in the middle", AT(CLIENT_MODULE), do_leave, STEP_BUILD, RUNE_E_OVERLOADED},
    {"left in no language", AT(CLIENT_MODULE), do_leave_in_no_language, STEP_BUILD, RUNE_E_CLOSED},
    {"a query without error", AT(CLIENT_QUERY), do_fail_without_error, STEP_QUERY,
     RUNE_E_MESSAGE_INVALID},
    {"a query without code", AT(CLIENT_QUERY), do_fail_beyond_all_codes, STEP_QUERY,
     RUNE_E_MESSAGE_INVALID},
    {"a query that fails", AT(CLIENT_QUERY), do_fail_properly, STEP_QUERY, RUNE_E_NOT_FOUND},
    {"two answers", AT(CLIENT_CONTROL), do_answer_twice, STEP_SCRIPT, RUNE_E_MESSAGE_STATE},
    {"no Unit", AT(CLIENT_SCRIPT), do_send_no_unit, STEP_SCRIPT, RUNE_E_UNIT_INVALID},
    {"a Unit behind the end", AT(CLIENT_SCRIPT), do_say_more_than_there_is, STEP_SCRIPT,
     RUNE_E_MESSAGE_INVALID},
    {"a script that fails", AT(CLIENT_SCRIPT), do_fail_properly, STEP_SCRIPT, RUNE_E_NOT_FOUND},
    {"no Vm", AT(CLIENT_OPEN), do_fail_properly, STEP_VM, RUNE_E_NOT_FOUND},
    {"no record", AT(CLIENT_CALL), do_end_without_record, STEP_CALL, RUNE_E_MESSAGE_INVALID},
    {"half a record", AT(CLIENT_CALL), do_end_with_half_a_record, STEP_CALL,
     RUNE_E_MESSAGE_INVALID},
    {"gone in a call", AT(CLIENT_CALL), do_close, STEP_CALL, RUNE_E_CLOSED},
    {"a name for nothing", AT(CLIENT_CALL), do_end_with_a_name_for_nothing, STEP_CALL,
     RUNE_E_MESSAGE_INVALID},
    {"a reset that fails", AT(CLIENT_RESET), do_fail_properly, STEP_RESET, RUNE_E_NOT_FOUND},
    {"a Unit that is not taken", AT(CLIENT_SET_UNIT), do_fail_properly, STEP_SET_UNIT,
     RUNE_E_NOT_FOUND},
    {"gone at last", AT(CLIENT_SET_UNIT), do_close, STEP_SET_UNIT, RUNE_E_CLOSED},
    {"no statics", AT(CLIENT_CALL), do_end_without_statics, STEP_GLOBALS, RUNE_E_INVALID_ARGUMENT},
    {"statics that are not there", AT(CLIENT_CALL), do_end_with_unknown_statics, STEP_GLOBALS,
     RUNE_E_NOT_FOUND},
    {"statics of another", AT(CLIENT_CALL), do_end_with_statics_of_another, STEP_GLOBALS,
     RUNE_E_STALE},
    {"statics of nothing", AT(CLIENT_SCRIPT), do_not_serve_the_script_again, STEP_GLOBALS,
     RUNE_E_NOT_FOUND},
    {"a function without name", AT(CLIENT_CALL), do_end_without_name, STEP_FUNCTION,
     RUNE_E_MESSAGE_INVALID},
    {"a name beyond all", AT(CLIENT_CALL), do_end_with_a_name_beyond_all, STEP_FUNCTION,
     RUNE_E_MESSAGE_INVALID},
    {"a function of another", AT(CLIENT_CALL), do_end_with_a_function_of_another, STEP_FUNCTION,
     RUNE_E_STALE},
    {"gone from a watch", AT(CLIENT_BUILD), do_close_at_the_next_build, STEP_WATCH, RUNE_E_CLOSED},
    {"noise to a watch", AT(CLIENT_BUILD), do_noise_at_the_next_build, STEP_WATCH,
     RUNE_E_MESSAGE_INVALID},
#undef AT
};

/* In the order in which they are taken. */
static const enum step order[STEP_COUNT] = {
    STEP_CONNECT,  STEP_BUILD,   STEP_FORMAT,  STEP_OUTLINE,  STEP_QUERY,
    STEP_CONTROL,  STEP_SCRIPT,  STEP_VM,      STEP_CALL,     STEP_RESET,
    STEP_SET_UNIT, STEP_EXECUTE, STEP_GLOBALS, STEP_FUNCTION, STEP_WATCH};

static void check_life(const struct misbehaviour *how, const struct life *life)
{
    int i = 0;
    while (i < STEP_COUNT - 1 && life->status[order[i]] == RUNE_OK) {
        i++;
    }
    enum step step = order[i];
    if (step != how->step || life->status[step] != how->status) {
        fail_msg("%s: step %d (not %d) ended with %d: %s", how->name, (int)step, (int)how->step,
                 (int)life->status[step], life->why[step]);
    }
}

/* The connection's own thread may hold the last handle, and ends by itself then. */
static void expect_all_given_back(uint64_t live_before)
{
    for (int i = 0; i < 2000 && rn_alloc_live() != live_before; i++) {
        usleep(5000);
    }
    assert_int_equal(rn_alloc_live(), live_before);
}

static void test_each_misbehaviour(void **state)
{
    (void)state;
    struct life life;
    int fds = count_fds();
    uint64_t live_before = rn_alloc_live();
    for (size_t i = 0; i < RN_COUNT_OF(misbehaviours); i++) {
        live(&misbehaviours[i], &life);
        check_life(&misbehaviours[i], &life);
        expect_all_given_back(live_before);
        assert_int_equal(count_fds(), fds);
    }
}

static void test_a_daemon_that_behaves(void **state)
{
    (void)state;
    struct life life;
    outputs = 0;
    live(NULL, &life);
    for (int i = 0; i < STEP_COUNT; i++) {
        assert_int_equal(life.status[i], RUNE_OK);
    }
    assert_true(outputs >= 2);
}

/* The n-th allocation of the client fails, for every n. */
static void test_memory_ends(void **state)
{
    (void)state;
    struct life life;
    uint64_t live_before = rn_alloc_live();
    int quiet = 0;
    for (uint64_t n = 1; quiet < 3; n++) {
        uint64_t count = rn_alloc_count();
        rn_alloc_fail_at(n, false);
        live(NULL, &life);
        rn_alloc_fail_at(0, false);
        quiet = rn_alloc_count() - count < n ? quiet + 1 : 0;
        for (int i = 0; i < STEP_COUNT; i++) {
            rune_status status = life.status[i];
            assert_true(status == RUNE_OK || status == RUNE_E_NO_MEMORY || status == RUNE_E_STALE ||
                        status == RUNE_E_CLOSED || status == RUNE_E_SYSTEM);
        }
        expect_all_given_back(live_before);
        assert_in_range(n, 1, 10000);
    }
}

/* Set-up */

static void copy(struct rn_buf *out, const void *data, size_t size)
{
    rn_buf_init(out, RN_CLIENT_UNIT_MAX);
    rn_buf_append(out, data, size);
    assert_int_equal(out->error, RN_OK);
}

/* The record of a call, but for its value. */
static void put_statics(struct rn_buf *out, const rune_record *like, const char *key, char id)
{
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *values[] = {one};
    rune_const_value *object = rune_value_object(&key, values, 1);
    rune_record made = *like;
    assert_non_null(object);
    made.value = object;
    made.unit_id[0] = id;
    rn_buf_init(out, RN_CLIENT_RECORD_MAX);
    rn_wire_put_record(out, &made);
    assert_int_equal(out->error, RN_OK);
    rune_value_unref(object);
    rune_value_unref(one);
}

static void make_true_parts(void)
{
    rune_text *bytes = NULL;
    rune_unit *unit = build(source);
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_record *ended = call_record(vm, "main", NULL);
    struct rn_diagnostics none;
    assert_int_equal(rune_unit_save(unit, &bytes, NULL), RUNE_OK);
    copy(&unit_file, rune_text_data(bytes), rune_text_size(bytes));
    rn_buf_init(&record, RN_CLIENT_RECORD_MAX);
    rn_wire_put_record(&record, ended);
    char id = ended->unit_id[0];
    put_statics(&statics, ended, "COUNT", id);
    put_statics(&unknown_statics, ended, "NOPE", id);
    put_statics(&other_statics, ended, "COUNT", id == '0' ? '1' : '0');
    rn_buf_init(&said, RN_DIAGNOSTICS_BODY_MAX);
    rn_diagnostics_init(&none);
    assert_int_equal(rn_diagnostics_encode(&none, true, &said), RN_OK);
    assert_in_range(said.size + unit_file.size, 1, 1 << 20);
    rn_diagnostics_done(&none);
    rune_record_free(ended);
    rune_text_free(bytes);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

static int set_up(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int failed = harness_set_up(state);
    make_true_parts();
    rune_supervisor_free(supervisor);
    supervisor = NULL;
    strcpy(folder, "/tmp/runeward-evil-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    (void)snprintf(scripts, sizeof(scripts), "%s/scripts", folder);
    (void)snprintf(script, sizeof(script), "%s/a.rn", scripts);
    assert_int_equal(mkdir(scripts, 0700), 0);
    FILE *file = fopen(script, "we");
    assert_non_null(file);
    assert_true(fputs(source, file) >= 0);
    assert_int_equal(fclose(file), 0);
    memcpy(address.sun_path, path, strlen(path));
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    return failed;
}

static int tear_down(void **state)
{
    close(listener);
    (void)unlink(path);
    (void)unlink(script);
    (void)rmdir(scripts);
    (void)rmdir(folder);
    rn_buf_done(&unit_file);
    rn_buf_done(&said);
    rn_buf_done(&record);
    rn_buf_done(&statics);
    rn_buf_done(&unknown_statics);
    rn_buf_done(&other_statics);
    return harness_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_daemon_that_behaves),
        cmocka_unit_test(test_each_misbehaviour),
        cmocka_unit_test(test_memory_ends),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
