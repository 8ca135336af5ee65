/*
 * replay.h: calls kept in files, and run again.
 *
 * A replay file is a call with all that it was given: its Unit, item, arguments, statics, limits and
 * seed, what the host functions answered and when it was woken, and how it ended. So it can be run
 * again elsewhere, step by step, without any host function.
 *
 * It holds arguments and answers as they were, secrets included: keep it as you would keep those.
 *
 * Of a call are kept at most 4 MiB of answers, of all running calls together 64 MiB; one that took in
 * more has no file. Nor has a call that did not begin, whose Vm had Globals in its worker from earlier
 * calls, or whose result is a Function that its Vm keeps: there is more to them than the file would
 * hold.
 */
#ifndef RUNEWARD_REPLAY_H
#define RUNEWARD_REPLAY_H

#include <runeward/vm.h>

RUNE_BEGIN

/* Keeping */

/*
 * True: the call's record has its replay file, whatever the end (rune_record_journal); default false.
 * The bytes are made when the call ends and hold a copy of the Unit. Calls in a daemon have none.
 */
RUNE_API void rune_call_options_set_journal(rune_call_options *options, bool kept);
/* The bytes of the call's replay file; a text object of the caller's. NOT_FOUND: it has none, the
 * message says why. NO_MEMORY. */
RUNE_API rune_status rune_record_journal(const rune_record *record, rune_text **out_bytes,
                                         rune_error **error) RUNE_MUST_CHECK;
/* The same into a file that its owner alone may read, which takes the place of any other of that name.
 * NOT_FOUND, NO_MEMORY, SYSTEM. */
RUNE_API rune_status rune_record_save_journal(const rune_record *record, const char *path,
                                              rune_error **error) RUNE_MUST_CHECK;

/*
 * Each call of this supervisor that fails leaves a replay file in that folder: `TIME-REASON-NUMBER.replay`,
 * at most 16 in a second. There are at most `files_max` (0: 64) of at most `bytes_max` (0: 256 MiB)
 * together: the oldest go. The folder has to be there, be of the process's own user, and be writable by
 * nobody else, or rune_supervisor_new fails: SYSTEM, DENIED. Files are written by the thread that ends
 * the call; what cannot be written is logged. NO_MEMORY.
 */
RUNE_API rune_status rune_supervisor_options_set_journal(rune_supervisor_options *options,
                                                         const char *directory, unsigned files_max,
                                                         uint64_t bytes_max) RUNE_MUST_CHECK;

/* Reading. A rune_replay is immutable and may be shared by threads; the caller's: rune_replay_free. */

typedef struct rune_replay rune_replay;

/* Checks everything, the Unit included, whoever wrote it. REPLAY_INVALID, REPLAY_VERSION, and what
 * rune_unit_load says of the Unit; NO_MEMORY; of a file also NOT_FOUND, SYSTEM, TOO_LARGE. */
RUNE_API rune_status rune_replay_load(const void *data, size_t size, rune_replay **out_replay,
                                      rune_error **error) RUNE_MUST_CHECK;
RUNE_API rune_status rune_replay_load_file(const char *path, rune_replay **out_replay,
                                           rune_error **error) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_replay_free(rune_replay *replay);

/* What a file holds. Everything is borrowed from the rune_replay. */
typedef struct rune_replay_info {
    rune_unit *unit;
    const char *item;             /* "" is the script body */
    const rune_const_value *args; /* a tuple, or unit */
    uint64_t seed;
    bool clock; /* the script could read the time */
    uint32_t host_calls;
    uint32_t answers; /* of host functions */
    uint32_t wakes;   /* from sleep */
    /* How it ended. */
    rune_reason reason;
    int signal;                    /* of RUNE_REASON_CRASHED, else 0 */
    const char *kind;              /* as rune_error_kind */
    const char *message;           /* as rune_error_message */
    const rune_const_value *value; /* or NULL */
    uint64_t budget;               /* 0 if the worker could not tell any more, as is: */
    uint64_t memory_peak;
    uint64_t output_bytes; /* delivered */
} rune_replay_info;
RUNE_API void rune_replay_describe(const rune_replay *replay, rune_replay_info *out_info);
/* The limit that was in force. */
RUNE_API uint64_t rune_replay_limit(const rune_replay *replay, rune_limit limit);

/* Running */

typedef enum rune_replay_event_kind {
    RUNE_REPLAY_HOST_CALL = 0, /* a host function is called */
    RUNE_REPLAY_ANSWER = 1,    /* its value is given to the script */
    RUNE_REPLAY_FAILURE = 2,   /* its error is */
    RUNE_REPLAY_WAKE = 3,      /* the time that the script waited for has come */
    RUNE_REPLAY_OUTPUT = 4
} rune_replay_event_kind;

/* One step. What does not belong to its kind is 0 or NULL; everything is borrowed until return. */
typedef struct rune_replay_event {
    rune_replay_event_kind kind;
    uint32_t number;  /* HOST_CALL, ANSWER, FAILURE: of the host call, from 1 */
    const char *item; /* of those: the host function */
    uint64_t budget;  /* HOST_CALL: spent by the script before it */
    rune_frame place; /* HOST_CALL: of the script; `function` is "" if it is not known */
    bool differs;     /* HOST_CALL, OUTPUT: not what the journal has */
    const rune_const_value *value; /* HOST_CALL: the arguments, a tuple or unit; ANSWER */
    const char *text;              /* FAILURE, OUTPUT */
    size_t text_size;
    int stream;      /* OUTPUT: RUNE_STREAM_.. */
    uint64_t now_ns; /* WAKE: the clock, if the script may read it */
} rune_replay_event;
/* Gets the steps in their order, on the thread that runs the call. */
typedef void (*rune_replay_event_fn)(void *user, const rune_replay_event *event);

typedef struct rune_replay_options {
    rune_replay_event_fn event; /* or NULL */
    void *event_user;
    rune_output_fn output; /* or NULL: dropped */
    void *output_user;
    rune_cancel_token *token; /* or NULL; borrowed until return */
} rune_replay_options;

/*
 * True: what a worker of this supervisor is kept from by the wall is named: a call that ends as VIOLATION
 * says which system call with which arguments it was, and its error has the place in the script. Such
 * workers are a program of their own, which survives that for a moment; so they run replays and nothing
 * else: rune_vm_new says UNSUPPORTED. Default false.
 */
RUNE_API void rune_supervisor_options_set_diagnose(rune_supervisor_options *options, bool diagnose);

typedef enum rune_replay_verdict {
    RUNE_REPLAY_SAME = 0,
    /* The first run was ended from outside (a limit of time, a cancel, its worker's death). The second did
     * the same until then; what would have come next nobody knows. */
    RUNE_REPLAY_AS_FAR = 1,
    RUNE_REPLAY_DIVERGED = 2
} rune_replay_verdict;

typedef struct rune_replay_result rune_replay_result;

/*
 * Runs the call again in a worker of its own, of the default domain, on answers from the file. The limits
 * are those of the file, as far as the supervisor's own are not lower. `options` may be NULL. RUNE_OK
 * means that it was run: the result, the caller's, says how that ended. Else as rune_vm_call_record, and
 * UNSUPPORTED in a daemon.
 */
RUNE_API rune_status rune_replay_run(rune_supervisor *supervisor, const rune_replay *replay,
                                     const rune_replay_options *options,
                                     rune_replay_result **out_result,
                                     rune_error **error) RUNE_MUST_CHECK;
RUNE_API rune_replay_verdict rune_replay_result_verdict(const rune_replay_result *result);
/* What differs, a clause for people; "" if nothing does. Borrowed, as is the record of this run. */
RUNE_API const char *rune_replay_result_difference(const rune_replay_result *result);
RUNE_API const rune_record *rune_replay_result_record(const rune_replay_result *result);
/* Accepts NULL. */
RUNE_API void rune_replay_result_free(rune_replay_result *result);

RUNE_END

#endif
