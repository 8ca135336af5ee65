/*
 * repl.h: a session: entries that are compiled, run and kept.
 *
 * A session is a script that grows (repl_script.h): an entry is compiled behind all earlier ones, and the whole is run
 * in a fresh Vm. Keeping values in a Vm between Units would not run anything twice, but a closure, a generator or an
 * instance belongs to the Unit that made it, and a Vm forgets its Globals with its Unit: only copies of plain data would
 * survive. Runs are functions of their inputs, so running again gives the same values: what was printed is
 * compared and left out, time is given again by a timeline (no second waiting), the seed is the session's. An entry that
 * does not come to its end changes nothing, since the script is only then longer. The price is time, which is told.
 */
#ifndef RN_CLI_REPL_H
#define RN_CLI_REPL_H

#include "cli/repl_script.h"
#include "cli/session.h"

#include <stdint.h>

/* What all entries of the script use and print when they are run again. */
struct rn_repl_past {
    uint64_t budget;
    uint64_t wall_us;
    uint64_t cpu_us;
    uint64_t output; /* bytes */
    size_t moments;  /* of the timeline */
};

/* A run: what it came to, told by the script's marks. */
struct rn_repl_run {
    unsigned marks;
    uint64_t begun_ns;
    uint64_t entry_ns; /* when the entry began, and ended: */
    uint64_t end_ns;
    uint64_t budget[2];    /* at each mark */
    uint64_t output[2];    /* likewise */
    uint64_t output_bytes; /* so far */
    uint64_t digest;       /* of what came before the value was shown */
    bool differs;          /* from what is known of the past */
};

struct rn_repl {
    struct rn_session *session;
    rune_context *context;
    rune_runtime *runtime;
    rune_timeline *timeline;
    struct rn_repl_script script;
    struct rn_bytes pasts; /* what was so before each entry, for rn_repl_undo */
    struct rn_repl_past past;
    uint64_t digest; /* of what all entries print */
    struct rn_bytes
        items; /* outlines of what entries declared, one object a line, for names and docs */
    size_t block_items; /* where those of the innermost block begin */
    struct rn_repl_run run;
    unsigned number; /* of the entry at hand */
    int code;        /* of the first entry that failed; 0: none did */
    bool told_slow;
    bool hung_up; /* SIGTERM or SIGHUP came while an entry ran */
};

/* False after a complaint; `session->code` is set. */
bool rn_repl_init(struct rn_repl *repl, struct rn_session *session);
void rn_repl_done(struct rn_repl *repl);
/* As at the beginning. */
bool rn_repl_reset(struct rn_repl *repl);
/* Without the last entry. False: there is none. */
bool rn_repl_undo(struct rn_repl *repl);

enum rn_repl_state {
    RN_REPL_WHOLE,
    RN_REPL_MORE, /* it goes on */
    RN_REPL_WRONG,
};

/* repl_check.c: what the compiler says of an entry by itself. `*entry` has name and text, and gets its form.
 * `may_go_on` as below. The outline of its items goes to *out_items if it is whole; NULL: none. */
enum rn_repl_state rn_repl_check(struct rn_repl *repl, struct rn_repl_new *entry, bool may_go_on,
                                 rune_text **out_items);

/* repl_run.c: compiles and runs an entry that is whole. The exit code: 0 if it came to its end. */
int rn_repl_try(struct rn_repl *repl, struct rn_repl_new *entry, enum rn_repl_use use);

/* Checks, runs and keeps it. What went wrong was shown, and `code` is set. `may_go_on`: nothing is said of an entry that
 * ended too early. */
enum rn_repl_state rn_repl_enter(struct rn_repl *repl, const char *name, const char *text,
                                 size_t size, bool may_go_on);
/* What is in the script so far, as instructions; NULL after a complaint. */
rune_text *rn_repl_listing(struct rn_repl *repl);
/* A failure counts if it is the first. */
void rn_repl_failed(struct rn_repl *repl, int code);

#endif
