/*
 * error.h: making the errors that the host gets.
 *
 * All makers accept a NULL `error` (the host does not want to know) and leave NULL when there is no
 * memory: the status alone then tells.
 */
#ifndef RN_SUPERVISOR_ERROR_H
#define RN_SUPERVISOR_ERROR_H

#include <runeward/error.h>

#include "base/arena.h"
#include "shm/fault.h"

struct rune_unit;

struct rune_error {
    struct rn_arena arena; /* of every text below */
    rune_status status;
    rune_reason reason;
    int signal;
    bool retry_safe;
    const char *kind;
    const char *message;
    rune_frame *frames;
    size_t frame_count;
    uint64_t frames_total; /* there may be more than were kept */
};

/* Fails with a status: its nearest reason, its name as kind, and a message. Returns `status`. */
rune_status rn_fail(rune_error **error, rune_status status, const char *format, ...)
    RN_PRINTF(3, 4);
/* The same with the status's own message. */
rune_status rn_fail_plain(rune_error **error, enum rn_error status);
/* A folder that somebody named cannot be opened, by errno: NOT_FOUND, SYSTEM. */
rune_status rn_fail_folder(rune_error **error, const char *path);
/* INVALID_ARGUMENT: that parameter is NULL and may not be. */
rune_status rn_fail_null(rune_error **error, const char *parameter);
/* Fails with everything chosen. */
rune_status rn_fail_reason(rune_error **error, rune_status status, rune_reason reason,
                           const char *kind, const char *format, ...) RN_PRINTF(5, 6);

/* What a worker reported, with its frames looked up in the Unit's debug information. */
rune_status rn_fail_fault(rune_error **error, rune_status status, rune_reason reason,
                          const struct rn_fault *fault, const struct rune_unit *unit);

/* Appends what rune_error_to_json gives. */
void rn_error_append_json(const struct rune_error *error, struct rn_buf *out);

/* The status that a call with this reason returns. */
rune_status rn_status_of_reason(rune_reason reason);

#endif
