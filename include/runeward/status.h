/*
 * status.h: what functions return, and why a call ended.
 *
 * A fallible function returns a `rune_status`: RUNE_OK (0) or a negative code. Codes are stable and
 * never reused; expect unknown ones from a newer library. A call that was carried out has, besides,
 * exactly one `rune_reason`.
 */
#ifndef RUNEWARD_STATUS_H
#define RUNEWARD_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
#define RUNE_BEGIN extern "C" {
#define RUNE_END }
#else
#define RUNE_BEGIN
#define RUNE_END
#endif

#if defined(__GNUC__)
#define RUNE_API __attribute__((visibility("default")))
#define RUNE_MUST_CHECK __attribute__((warn_unused_result))
#else
#define RUNE_API
#define RUNE_MUST_CHECK
#endif

RUNE_BEGIN

typedef enum rune_status {
    RUNE_OK = 0,
    RUNE_E_NO_MEMORY = -1,
    RUNE_E_TOO_LARGE = -2,
    RUNE_E_TRUNCATED = -3,
    RUNE_E_OVERFLOW = -4,
    RUNE_E_INVALID_UTF8 = -5,
    RUNE_E_INVALID_ARGUMENT = -6,
    RUNE_E_NOT_FOUND = -7,
    RUNE_E_SYSTEM = -8,
    RUNE_E_CLOSED = -9,
    RUNE_E_WOULD_BLOCK = -10,
    RUNE_E_TIMED_OUT = -11,
    RUNE_E_CANCELLED = -12,
    RUNE_E_UNSUPPORTED = -13,
    RUNE_E_FORKED = -14,
    RUNE_E_UNIT_INVALID = -20,
    RUNE_E_UNIT_VERSION = -21,
    RUNE_E_UNIT_DEBUG = -22,
    RUNE_E_CBOR_INVALID = -60,
    RUNE_E_CBOR_DEPTH = -61,
    RUNE_E_CBOR_COUNT = -62,
    RUNE_E_CBOR_TRAILING = -63,
    RUNE_E_JSON_INVALID = -64,
    RUNE_E_JSON_DEPTH = -65,
    RUNE_E_CONST_UNSUPPORTED = -66,
    RUNE_E_FUNCTION_INVALID = -67,
    RUNE_E_COMPILE_FAILED = -80,
    RUNE_E_SEAL_MISSING = -100,
    RUNE_E_MESSAGE_INVALID = -101,
    RUNE_E_MESSAGE_STATE = -102,
    RUNE_E_NO_CREDIT = -103,
    RUNE_E_WALL_REFUSED = -120,
    RUNE_E_SCRIPT_ERROR = -140,
    RUNE_E_LIMIT = -141,
    RUNE_E_WORKER_LOST = -142,
    RUNE_E_OVERLOADED = -143,
    RUNE_E_VM_LOST = -144,
    RUNE_E_VIOLATION = -145,
    RUNE_E_SETUP = -146,
    RUNE_E_DENIED = -147,
    RUNE_E_INTERNAL = -148,
    RUNE_E_STALE = -149,
    RUNE_E_BUSY = -150,
    RUNE_E_CRASHED = -151,
    RUNE_E_REPLAY_INVALID = -152,
    RUNE_E_REPLAY_VERSION = -153
} rune_status;

/* The code's symbolic name ("NO_MEMORY"), or "UNKNOWN". Static storage. Any thread. */
RUNE_API const char *rune_status_name(rune_status status);
/* One lower-case clause for people. Static storage. Any thread. */
RUNE_API const char *rune_status_message(rune_status status);

/* Why a call, a build or a command ended. Values are stable and never reused. */
typedef enum rune_reason {
    RUNE_REASON_OK = 0,
    RUNE_REASON_FAILED = 1,       /* compile error, failing test, unformatted file */
    RUNE_REASON_SCRIPT_ERROR = 2, /* error or panic raised by the script */
    RUNE_REASON_USAGE = 3,        /* the request itself was wrong: no such item, bad arguments */
    RUNE_REASON_NO_INPUT = 4,     /* a file could not be read */
    RUNE_REASON_CONFIG = 5,       /* configuration */
    RUNE_REASON_UNAVAILABLE = 6,  /* no supervisor, daemon or helper to be had */
    RUNE_REASON_OVERLOADED = 7,   /* too much is waiting already */
    RUNE_REASON_WORKER_LOST = 8,  /* a bystander of a worker that had to go */
    RUNE_REASON_VM_LOST = 9,      /* the worker that held this Vm's Globals has gone */
    RUNE_REASON_DENIED = 10,      /* not permitted */
    RUNE_REASON_INTERNAL = 11,    /* our own mistake */
    RUNE_REASON_SETUP = 12,       /* the wall could not be built */
    RUNE_REASON_DEPTH = 13,       /* limit of call depth */
    RUNE_REASON_HOST_CALLS = 14,  /* limit of host calls */
    RUNE_REASON_BUDGET = 15,      /* limit of instructions */
    RUNE_REASON_MEMORY = 16,      /* limit of bytes */
    RUNE_REASON_OUTPUT = 17,      /* limit of output bytes */
    RUNE_REASON_CPU = 18,         /* limit of processor time */
    RUNE_REASON_WALL = 19,        /* limit of wall-clock time */
    RUNE_REASON_CANCELLED = 20,   /* by the host */
    RUNE_REASON_VIOLATION = 21,   /* the worker tried a forbidden system call, or lied */
    RUNE_REASON_CRASHED = 22      /* the worker died of a signal */
} rune_reason;

/* "ok", "script_error" …, or "unknown". Static storage. Any thread. */
RUNE_API const char *rune_reason_name(rune_reason reason);
/* The exit code of a command that ends so. `signal` matters for RUNE_REASON_CRASHED only. */
RUNE_API int rune_reason_exit_code(rune_reason reason, int signal);

RUNE_END

#endif
