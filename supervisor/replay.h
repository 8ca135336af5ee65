/*
 * replay.h: what a call notes of its first run, and how that steers a second one (journal.h).
 *
 * All that reaches the worker of a call from outside, answers and wake-ups, goes through
 * rn_replay_give; all that comes from it is shown to rn_replay_host_call, rn_replay_output and
 * rn_replay_sleep before anything is done about it.
 *
 * A call that is run from a file (run_file.c) is nothing but a second run, which gets its output
 * delivered and ends where the journal ends.
 *
 * Locks: "locked" means under the lock of the call's peer (rn_call_lock).
 */
#ifndef RN_SUPERVISOR_REPLAY_H
#define RN_SUPERVISOR_REPLAY_H

#include <runeward/status.h>

#include "supervisor/journal.h"

struct rn_call;
struct rn_event;
struct rn_peer;
struct rn_death;
struct rn_trace;

/* Part of a call. Locked. */
struct rn_replay {
    bool wanted;    /* by the host; and the Vm had no Globals in the worker */
    bool asked;     /* for a replay file at the end, */
    bool in_record; /* by the call's options */
    bool kept;      /* there will be one, if J6 permits it */
    bool given_up;  /* J6 */
    bool
        from_file; /* the journal is one, and the first run this call's only one; no host function runs */
    bool more_output; /* than the file has */
    uint32_t runs;    /* begun */
    enum rn_divergence divergence;
    struct rn_journal *journal; /* NULL: nothing to note yet, or any more */
    struct rn_trace *trace; /* of a run from a file: who watches it (trace.h), or NULL; borrowed */
};

/* A host call that came: true if the host function is not to be called for it, being called before,
 * or because the run went another way. Else it is noted. Locked. */
bool rn_replay_host_call(struct rn_call *call, const struct rn_event *event);
/* Output that came: how many of its bytes are not to be delivered (again). Takes the lock. */
size_t rn_replay_output(struct rn_call *call, const struct rn_event *event);
/* Those bytes were delivered. Takes the lock. */
void rn_replay_delivered(struct rn_call *call, const struct rn_event *event);
/* The worker waits for time. True: what it gets next is known already. Locked. */
bool rn_replay_sleep(struct rn_call *call);
/* An answer or a wake-up for the worker, in its turn. Locked. */
rune_status rn_replay_give(struct rn_call *call, const struct rn_step *step);

/* J6: false if a second run that is behind, and cannot do without its journal, would hold too much. Locked. */
bool rn_replay_has_room(const struct rn_call *call, size_t size);

/* The sink of a call that has none, but whose output is noted. */
bool rn_replay_drop_output(void *user, int stream, const char *data, size_t size);

/* True if the call, whose worker is dead, may be run again. Locked. */
bool rn_replay_may(const struct rn_call *call, const struct rn_death *death);
/* Another run is about to begin. Locked. */
void rn_replay_rewind(struct rn_call *call);
/* The call has its result: notes if that came too early. Locked. */
void rn_replay_end(struct rn_call *call);
/* Frees the journal, which counts in the supervisor: at the end of the call, which answers of the host may
 * outlive. Again is harmless. */
void rn_replay_done(struct rn_replay *replay);

#endif
