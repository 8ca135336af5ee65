/*
 * wire.h: errors, records and grants as they travel between daemon and client.
 *
 * Both ends use the same functions. Texts have their size in front (32 bits) and are UTF-8; a
 * decoder takes memory only for what is there.
 *
 * Trust: reads bytes from clients and daemons.
 */
#ifndef RN_SUPERVISOR_WIRE_H
#define RN_SUPERVISOR_WIRE_H

#include "base/buf.h"
#include "base/cursor.h"
#include "shm/message.h"
#include "supervisor/error.h"
#include "supervisor/record.h"
#include "supervisor/vm.h"

/* `error` may be NULL (there was no memory for it): then status and reason alone travel. */
void rn_wire_put_error(struct rn_buf *out, const rune_error *error, rune_status status);
/* The error is the caller's. MESSAGE_INVALID, NO_MEMORY. */
enum rn_error rn_wire_get_error(struct rn_cursor *cursor, rune_error **out_error) RN_MUST_CHECK;

void rn_wire_put_record(struct rn_buf *out, const rune_record *record);
/* `item` is copied into the record, which is the caller's. MESSAGE_INVALID, NO_MEMORY. */
enum rn_error rn_wire_get_record(const void *bytes, size_t size, const char *item,
                                 rune_record **out_record) RN_MUST_CHECK;

/* What a client grants a Vm or a call. */
struct rn_wire_grant {
    struct rune_limits limits;
    uint64_t seed;
    bool clock;
    bool once;
    /* Of calls alone: */
    enum rn_call_target target;
    uint64_t statics_size;        /* bytes of statics that go with it */
    bool keep;                    /* the result stays in the Vm */
    struct rn_kept_name function; /* that it is about, of those that stayed */
};

/* What is set of it, as tags. */
void rn_wire_put_grant(struct rn_buf *out, const struct rn_wire_grant *grant);
enum rn_error rn_wire_get_grant(const void *bytes, size_t size,
                                struct rn_wire_grant *out_grant) RN_MUST_CHECK;

/* A text of `size` bytes with a zero byte behind it, checked for UTF-8 and zero bytes inside; the
 * caller's. NULL: the cursor has failed. */
char *rn_wire_take_text(struct rn_cursor *cursor, size_t size) RN_MUST_CHECK;
/* What that takes, and no more than `max` bytes of it: refused here it costs a request, at the other end the
 * connection. TOO_LARGE, INVALID_UTF8; `what` names it. */
rune_status rn_wire_check_text(const char *what, const char *text, size_t max,
                               rune_error **error) RN_MUST_CHECK;

/* Of a domain's name, bytes: there the uid is put before it. */
#define RN_WIRE_DOMAIN_MAX 200u

#endif
