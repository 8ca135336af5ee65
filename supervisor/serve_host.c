/*
 * serve_host.c: contexts of clients, and calls of the functions in them.
 *
 *      the script ──► forward ──► DAEMON_HOST_CALL ──► the client ──► CLIENT_HOST_REPLY ──► the script
 *
 * Nobody here looks into arguments or answers: they go on as they came, and whoever gets them checks them.
 * Arguments of more than one packet count on the account from the first one on (rn_call_room); a call ends if it has
 * no room for them. On their way to the client they count until they are sent, and it is the script that gets an
 * error if there is no room. A function that the client never answers ends with the call, by
 * its limits, its cancel, or the connection's end.
 *
 * A host call stays in the list of its call until it was answered, or the call is forgotten: so an answer
 * to one that is not there breaks the protocol, and one that comes too late does not.
 *
 * Trust: reads answers of clients.
 */
#include "base/alloc.h"
#include "base/cursor.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/host_call.h"
#include "supervisor/serve.h"
#include "supervisor/wire.h"

/* What a function of a runtime takes, with the beginning of its path, and a runtime. */
#define FUNCTION_SIZE 144u
#define RUNTIME_SIZE 8192u

struct rn_serve_host {
    struct rn_serve_host *next;
    uint32_t number;
    rune_host_call *call; /* ours to answer or drop */
};

/* Contexts in the connection's table */

static struct rn_serve_context *find_place(struct rn_serve_connection *connection,
                                           uint32_t *out_number)
{
    for (uint32_t i = 0; i < RN_SERVE_CONTEXTS_MAX; i++) {
        if (i >= connection->used.contexts || !connection->contexts[i].items) {
            *out_number = i + 1;
            return &connection->contexts[i];
        }
    }
    return NULL;
}

uint32_t rn_serve_context_add(struct rn_serve_connection *connection, uint8_t *items, size_t size,
                              rune_runtime *runtime)
{
    uint32_t number = 0;
    struct rn_serve_context *place = find_place(connection, &number);
    size_t held = size + RUNTIME_SIZE + runtime->functions.count * FUNCTION_SIZE;
    bool fits = place && connection->account->contexts < RN_SERVE_ACCOUNT_CONTEXTS_MAX &&
                rn_serve_hold(connection, held);
    if (!fits) {
        rn_free(items);
        rune_runtime_unref(runtime);
        return 0;
    }
    rn_serve_use(&connection->used.contexts, number - 1);
    *place = (struct rn_serve_context){
        .items = items, .size = size, .held = held, .runtime = runtime, .named = true};
    connection->account->contexts++;
    return number;
}

const struct rn_serve_context *rn_serve_context_at(const struct rn_serve_connection *connection,
                                                   uint32_t number)
{
    bool known =
        number > 0 && number <= RN_SERVE_CONTEXTS_MAX && connection->contexts[number - 1].named;
    return known ? &connection->contexts[number - 1] : NULL;
}

/* Counts it out once nobody needs it (D4). */
static void settle(struct rn_serve_connection *connection, struct rn_serve_context *context)
{
    if (context->items && !context->named && context->users == 0) {
        connection->account->contexts--;
        rn_serve_unhold(connection, context->held);
        rn_free(RN_TAKE(context->items));
        rune_runtime_unref(RN_TAKE(context->runtime));
    }
}

void rn_serve_context_drop(struct rn_serve_connection *connection, uint32_t number)
{
    if (rn_serve_context_at(connection, number)) {
        connection->contexts[number - 1].named = false;
        settle(connection, &connection->contexts[number - 1]);
    }
}

void rn_serve_context_enter(struct rn_serve_connection *connection, uint32_t number)
{
    if (number != 0) {
        connection->contexts[number - 1].users++;
    }
}

void rn_serve_context_leave(struct rn_serve_connection *connection, uint32_t number)
{
    if (number != 0) {
        connection->contexts[number - 1].users--;
        settle(connection, &connection->contexts[number - 1]);
    }
}

/* Host calls of a call */

/* The call that the client waits with, or NULL; it stays in the list. */
static struct rn_serve_host **find(struct rn_serve_call *call, uint32_t number)
{
    struct rn_serve_host **at = &call->hosts;
    while (*at && (*at)->number != number) {
        at = &(*at)->next;
    }
    return at;
}

/* Takes it out of the list, for whoever did is the one to answer; NULL: somebody has. */
static rune_host_call *take(struct rn_serve_call *call, uint32_t number)
{
    rune_host_call *host_call = NULL;
    pthread_mutex_lock(&call->connection->lock);
    struct rn_serve_host **at = find(call, number);
    struct rn_serve_host *host = *at;
    if (host) {
        *at = host->next;
        host_call = host->call;
    }
    pthread_mutex_unlock(&call->connection->lock);
    rn_free(host);
    return host_call;
}

/* Lists it under a number of its own; 0: no memory. */
static uint32_t add(struct rn_serve_call *call, rune_host_call *host_call)
{
    struct rn_serve_host *host = rn_alloc(sizeof(*host));
    if (!host) {
        return 0;
    }
    pthread_mutex_lock(&call->connection->lock);
    uint32_t number = ++call->host_number;
    *host = (struct rn_serve_host){.next = call->hosts, .number = number, .call = host_call};
    call->hosts = host;
    pthread_mutex_unlock(&call->connection->lock);
    return number;
}

void rn_serve_forward(void *user, rune_host_call *host_call, uint8_t *args, size_t size)
{
    struct rn_serve_call *call = user;
    struct rn_serve_connection *connection = call->connection;
    uint32_t function = host_call->function;
    uint32_t number = add(call, host_call);
    if (number == 0) {
        rn_free(args);
        (void)rune_host_call_fail(host_call, "the daemon has no memory");
        return;
    }
    // From here on the client's answer may come, and the host call be gone.
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_HOST_CALL,
                                 .call = call->id,
                                 .body_size = size,
                                 .as.DAEMON_HOST_CALL = {.number = number, .function = function}};
    if (!rn_serve_send(connection, &message, args, false)) {
        host_call = take(call, number);
        if (host_call) {
            (void)rune_host_call_fail(host_call, "more waits for this user than may be held");
        }
    }
    rn_serve_wake(connection->server);
}

static enum rn_error fail(rune_host_call *host_call, const uint8_t *body, size_t size)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, body, size);
    RN_AUTO_FREE char *text = rn_wire_take_text(&cursor, size);
    (void)rune_host_call_fail(host_call, text ? text : "the host function failed");
    return rn_cursor_status(&cursor);
}

enum rn_error rn_serve_host_reply(struct rn_serve_connection *connection,
                                  const struct rn_message *head, const uint8_t *body, size_t size)
{
    const struct rn_fields_CLIENT_HOST_REPLY *fields = &head->as.CLIENT_HOST_REPLY;
    if (fields->failed > 1 || (fields->failed == 1 ? size > RN_HOST_ERROR_MAX : size == 0)) {
        return RN_E_MESSAGE_INVALID;
    }
    struct rn_serve_call *call = rn_serve_call_find(connection, head->call);
    if (!call) {
        return RN_OK; // it has ended meanwhile
    }
    rune_host_call *host_call = take(call, fields->number);
    if (!host_call) {
        return RN_E_MESSAGE_STATE;
    }
    if (fields->failed == 1) {
        return fail(host_call, body, size);
    }
    (void)rn_host_call_answer(host_call, body, size);
    return RN_OK;
}

rune_host_call *rn_serve_host_find(struct rn_serve_connection *connection, uint64_t id,
                                   uint32_t number)
{
    struct rn_serve_call *call = rn_serve_call_find(connection, id);
    if (!call) {
        return NULL;
    }
    pthread_mutex_lock(&connection->lock);
    struct rn_serve_host *host = *find(call, number);
    rune_host_call *host_call = host ? rn_host_call_ref(host->call) : NULL;
    pthread_mutex_unlock(&connection->lock);
    return host_call;
}

void rn_serve_hosts_end(struct rn_serve_call *call)
{
    while (call->hosts) {
        (void)rune_host_call_drop(take(call, call->hosts->number));
    }
}
