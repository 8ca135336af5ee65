/*
 * call.h: one call of a script's function, under the options of the command line.
 */
#ifndef RN_CLI_CALL_H
#define RN_CLI_CALL_H

#include "cli/bytes.h"
#include "cli/session.h"

#include <runeward/tools.h>

#define RN_CALL_ARGS_MAX 64u

struct rn_call {
    struct rn_session *session;
    rune_unit *unit;                          /* or, in a daemon: */
    const char *script;                       /* name in its folder; NULL: `unit` */
    const char *item;                         /* "" is the script body */
    rune_const_value *args[RN_CALL_ARGS_MAX]; /* owned */
    size_t arg_count;
    bool collect;           /* keep all output instead of writing it */
    struct rn_bytes output; /* what was collected: standard output, or all */
};

/* True when limits and the like on the command line are sound; else they were complained about. */
bool rn_call_check_options(struct rn_session *session);
/* `--limits`: each limit, its value, and where it comes from. */
int rn_call_print_limits(struct rn_session *session);

/* call_args.c: false after a complaint, whereupon rn_call_done. The script's main with these words, or its body; `file` names it. */
bool rn_call_aim_at_main(struct rn_call *call, const char *file, char *const *words, size_t count);
/* Is there code outside functions, for the body to run? */
bool rn_call_has_body(const rune_listing *listing);
/* The operands behind the file: of main, or JSON for --item. False after a complaint. */
bool rn_call_aim(struct rn_call *call, const struct rn_args *args);
/* Arguments in JSON. */
bool rn_call_take_json(struct rn_call *call, char *const *words, size_t count);

/* The limits of the command line; the caller's. NULL without memory. */
rune_limits *rn_call_limits(const struct rn_session *session);
/* Seed and clock of the command line, which has been checked. */
void rn_call_set_inputs(const struct rn_session *session, rune_call_options *options);
/* Writes why a call failed to standard error, and which option sets the limit that it reached. */
void rn_call_show_error(struct rn_session *session, const rune_record *record);
/* Makes the call. NULL: `session->code` is set. The record is the caller's. */
rune_record *rn_call_make(struct rn_call *call);
/* Gives back arguments and output; the unit stays the caller's. */
void rn_call_done(struct rn_call *call);

/* Bytes of what rn_call_failure writes, with its zero byte. */
#define RN_CALL_FAILURE_MAX 1040u
/* A result that is an Err, as in `Err("no tea")`, with the names of the Unit's types (NULL: without); a long one is
 * cut. False: it is none. */
bool rn_call_failure(const rune_unit *unit, const rune_record *record,
                     char out[RN_CALL_FAILURE_MAX]);

/* Shows how a call ended in the format chosen, writes --meta, and returns the exit code. */
int rn_call_report(const struct rn_call *call, const rune_record *record, bool print_value);
/* The same of a call whose result is not what was asked for: in the text format, what went wrong. */
int rn_call_report_end(const struct rn_call *call, const rune_record *record);

#endif
