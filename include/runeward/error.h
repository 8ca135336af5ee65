/*
 * error.h: why a function failed.
 *
 * Fallible functions take `rune_error **` last. NULL is allowed; otherwise the pointer is written
 * only on failure, and the error then belongs to the caller: rune_error_free. Without memory for an
 * error NULL is written; the status says what failed in any case. An error is one thread's at a time.
 * Texts inside are borrowed until it is freed. Readers accept NULL: OK, "", 0, false; _render and
 * _to_json say INVALID_ARGUMENT then.
 */
#ifndef RUNEWARD_ERROR_H
#define RUNEWARD_ERROR_H

#include <runeward/text.h>

RUNE_BEGIN

typedef struct rune_error rune_error;

/* One entry of a script's backtrace, innermost first. */
typedef struct rune_frame {
    const char *function; /* item path, or "" for a script body */
    const char *source;   /* name of the source, or "" without debug information */
    uint32_t line;        /* from 1; 0 if unknown */
    uint32_t column;      /* from 1, in characters; 0 if unknown */
    const char *text;     /* the source line without its end, or "" */
    uint32_t text_size;   /* bytes in `text` */
    uint32_t width;       /* characters that the span covers on this line, at least 1 */
} rune_frame;

RUNE_API rune_status rune_error_status(const rune_error *error);
/* The one reason why the call ended; for failures outside a call the nearest fitting one. */
RUNE_API rune_reason rune_error_reason(const rune_error *error);
/* A stable word for programs: "panic", "divide_by_zero", "NO_MEMORY" … */
RUNE_API const char *rune_error_kind(const rune_error *error);
/* A sentence for people, without position. */
RUNE_API const char *rune_error_message(const rune_error *error);
/* The signal of RUNE_REASON_CRASHED, else 0. */
RUNE_API int rune_error_signal(const rune_error *error);
/* True if the call certainly had no effect outside its worker, so that it may be tried again. */
RUNE_API bool rune_error_retry_safe(const rune_error *error);
/* Frames of the backtrace; false if there is no such index. Of a function that was called with a wrong number of arguments
 * from outside there is one, without a place: none of it ran. */
RUNE_API size_t rune_error_frame_count(const rune_error *error);
RUNE_API bool rune_error_frame(const rune_error *error, size_t index, rune_frame *out_frame);

/*
 * For a terminal: first line `file:line:col: error: text`, then excerpt and backtrace. Control
 * bytes of scripts are escaped. `color`: with ANSI colours. The text is the caller's. NO_MEMORY.
 */
RUNE_API rune_status rune_error_render(const rune_error *error, bool color,
                                       rune_text **out_text) RUNE_MUST_CHECK;
/* {"reason":…,"kind":…,"message":…,"backtrace":[…]}. The text is the caller's. NO_MEMORY. */
RUNE_API rune_status rune_error_to_json(const rune_error *error,
                                        rune_text **out_text) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_error_free(rune_error *error);

RUNE_END

#endif
