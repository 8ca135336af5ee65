/*
 * call.h: one call from its options to its end.
 *
 * The owner of a call is the thread that made it, by itself or with others (batch.c), or for an
 * execution the runner. It waits for events (output, host calls), acts on them, and ends the call when
 * its result is there.
 *
 * C1  Exactly one reason ends a call. A result that the worker sent before it saw a cancel wins, if the
 *     host has taken what came before it.
 * C2  `stop` is set at most once, by whoever was first: deadline, processor time, cancel.
 * C3  An answer of an async host function after the end finds `open` false and is dropped.
 * C4  A call whose worker died of something else is run again on another one, once, if its first run
 *     can be repeated (journal.h). Its owner alone does that; for everybody else the call goes on.
 * C5  `peer` changes under the lock of the peer that is left. Whoever is not the owner locks by
 *     rn_call_lock; peers that were left are kept until the call is freed.
 * C6  Closing (supervisor.c) misses no call. One that has taken a peer is counted until it has given it back, and
 *     from one peer to the next it is `moving`. One that enters a table asks afterwards whether everything is to be
 *     cancelled; that is said before tables are looked through, so one of the two sees the other.
 */
#ifndef RN_SUPERVISOR_CALL_H
#define RN_SUPERVISOR_CALL_H

#include <runeward/profile.h>
#include <runeward/timeline.h>
#include <runeward/vm.h>

#include "base/buf.h"
#include "shm/call_state.h"
#include "shm/reason.h"
#include "supervisor/clock.h"
#include "supervisor/group.h"
#include "supervisor/limits.h"
#include "supervisor/peer.h"
#include "supervisor/record.h"
#include "supervisor/replay.h"

#define RN_CALL_NESTING_MAX 16u
#define RN_CALL_CREDIT 8u
/* Peers that a second run tries when one after the other turns out to be dead. */
#define RN_CALL_PEERS_AGAIN 4u
/* Arguments of host calls that have not been answered: with more, a call gets no credit. Small ones do not
 * count, since there are few (RN_HOST_CALLS_OUT_MAX). */
#define RN_CALL_HOST_BYTES_MAX (64u << 20)
#define RN_CALL_HOST_BYTES_SMALL 4096u

/* Why a call has no value though its result came. */
#define RN_CALL_UNREAD "the result was dropped: more waits for this user than may be held"
#define RN_CALL_ARGS_UNREAD                                                                        \
    "the arguments of a host call were dropped: more waits for this user than may be held"

/*
 * Whoever counts what comes for a call, a daemon for its user, and goes by what each message of more than
 * one packet announces; also for a second run.
 */
struct rn_call_room {
    /* Is there room for a result of so many bytes? If not, they are let pass, and the call ends without. Under
     * the peer's lock. */
    bool (*result)(void *user, size_t size);
    /* The same for arguments of a host call. If not, the call ends. */
    bool (*args)(void *user, size_t size);
    /* Those were handed on, or never will be: once for each that there was room for, before rn_call_end returns. */
    void (*args_over)(void *user, size_t size);
};

struct rn_event {
    struct rn_event *next;
    enum rn_message_type type; /* OUTPUT or HOST_CALL */
    uint32_t number;           /* of the host call; stream of the output */
    uint32_t function;
    uint64_t budget; /* spent when the host call was made */
    uint32_t pc;     /* of the script, which made it */
    bool is_noted;   /* output: a journal and a trace have seen it; what is left is the host's */
    uint8_t *data;   /* owned */
    size_t size;
    size_t held; /* of rn_call_room */
};

/* What the peer looked like when the call had ended. */
struct rn_call_end {
    /* NULL: it lived; else how it died is in its `death`. Borrowed: the call counts its peers. */
    struct rn_peer *dead;
    uint32_t sharing; /* calls that ran there, this one included */
};

struct rn_call_result {
    struct rn_fields_RESULT fields;
    uint8_t *body; /* owned, or `small` */
    size_t size;
    uint8_t small[RN_RECORD_SMALL_MAX];
};

/* Its owner, who sleeps until there is news, with the peer's lock; his own storage. */
struct rn_call_sleeper {
    pthread_cond_t cond;
    struct rn_call *call;
    struct rn_call_sleeper *next; /* in the peer's list */
    struct rn_call_sleeper **link;
};

/*
 * What few calls need, and only those have: each is a block of its own, which its call owns.
 */

/* Of one that runs under tokens; made before it begins. */
struct rn_call_watches {
    struct rn_call *call;
    struct rn_cancel_watch own;
    struct rn_cancel_watch parent;
};

/* A message in fragments, until it is whole. */
struct rn_call_assembly {
    struct rn_fields_HOST_CALL fields; /* of a HOST_CALL */
    size_t size;
    size_t held;   /* of rn_call_room */
    uint8_t *data; /* owned */
};

/* What its worker said that it was kept from, and an error with the place. */
struct rn_call_trap {
    struct rn_fields_TRAP fields;
    size_t size;
    uint8_t body[];
};

/* Peers that it was at before, counted; made before it leaves the first. */
struct rn_call_left {
    struct rn_peer *peers[RN_CALL_PEERS_AGAIN];
    uint32_t count;
};

/* Tens of thousands of executions may wait at once: what a call is made of is counted in bytes. */
struct rn_call {
    /* What rn_call_renew leaves as it is. */
    _Atomic uint32_t refs;
    struct rn_buf body;     /* of CALL: tags and arguments */
    struct rune_unit *unit; /* counted, as is the runtime: its Vm's */
    struct rune_runtime *runtime;

    struct rune_supervisor *supervisor; /* its Vm keeps it alive */
    rune_vm *vm;                        /* borrowed while the call runs */
    _Atomic(struct rn_peer *) peer;     /* counted once begun; C5 */
    struct rn_peer *offered;   /* borrowed; NULL, or where to begin: the load is counted already */
    struct rn_call_left *left; /* NULL: it was at no other peer */
    uint32_t tags_size;
    enum rn_call_target target;
    size_t statics_size;
    uint64_t item;         /* hash */
    const char *item_name; /* borrowed from the caller, who outlives the call */

    /* What was asked for. */
    struct rune_limits limits;
    uint64_t seed;
    uint64_t clock_ns; /* with `clock`: as it was at the beginning */
    rune_output_fn output;
    void *output_user;
    void *forward_user;              /* of host functions that are forwarded, and of: */
    const struct rn_call_room *room; /* NULL: there is for all */
    rune_cancel_token *token; /* that ends this wait; borrowed until the call begins, or NULL */
    struct rn_call_watches *watches; /* NULL: no token cancels it */
    void *owner;                     /* the execution, or a batch's entry */
    /* Where whoever has news for it notes it; NULL: it has an owner of its own. */
    struct rn_group *group;
    uint32_t depth;   /* of nesting in host functions */
    bool clock;       /* the script may read the time */
    bool bypass;      /* admission */
    bool wait;        /* for a free worker */
    bool is_async;    /* the runner owns it */
    bool wants_usage; /* somebody will read its usage */
    bool keeps;       /* something may stay in the worker after it */
    bool keeps_load;  /* at its end that is not given back, but noted here: */
    bool has_load;
    atomic_bool calls_back; /* its end runs code of the host */
    atomic_bool is_noted;   /* in its group */

    /* The runner's: */
    bool is_driven; /* its beginning is over; under the runner's lock, as is: */
    bool is_listed;
    bool has_left; /* its end was told to the owner; the runner's thread only, as is: */
    struct rn_call *left_next;
    union { // no call of a group is the runner's
        struct rn_call *runner_next;
        struct rn_call *group_next;
    };

    /* Times. */
    uint64_t begun_ns;
    uint64_t ended_ns; /* once rn_call_end has made the record */
    uint64_t deadline_ns;
    struct rn_cpu_span cpu;
    _Atomic uint64_t host_ns;
    uint64_t look_ns;            /* when a call that has begun is looked at first */
    struct rn_timer timer;       /* then, and again */
    struct rn_timer sleep_timer; /* of the last SLEEP */

    /* Under the peer's lock. */
    uint64_t id;
    uint32_t slot;
    uint32_t unit_index;
    uint32_t context_index;
    uint32_t vm_handle;
    uint32_t sequence_out;
    uint32_t ungranted; /* packets taken off the owner's hands, credit not yet given back */
    struct rn_call_state state;
    struct rn_event *events;
    struct rn_event **events_end;
    const char *unread;         /* NULL, or why it ends as overloaded: no room for what it brings */
    uint64_t host_bytes;        /* of arguments, see RN_CALL_HOST_BYTES_MAX */
    struct rn_call *young_next; /* in the peer's list of those whose timers are not set yet */
    struct rn_call **young_link; /* NULL: it is in none */
    uint64_t sleep_until_ns;     /* of the last SLEEP, by the call's own clock, as are: */
    uint64_t sleep_due_ns;       /* when that is; 0: it has been woken since */
    uint32_t sleep_number;
    rune_timeline *timeline; /* borrowed, or NULL */
    size_t timeline_at;      /* its moments that this call has had */
    enum rn_reason stop;
    uint64_t stop_ns;     /* when its worker was told of `stop`, and */
    uint64_t stop_cpu_ns; /* what that worker had used by then */
    struct rn_replay replay;
    struct rn_call_assembly *assembly; /* NULL: nothing comes in parts, or has no memory */
    struct rn_call_sleeper *sleeper;   /* NULL: its owner does not sleep */
    struct rune_host_call *host_calls; /* async ones that are out */
    struct rn_call_trap *trap;         /* NULL: its worker said nothing of the kind */
    rune_profile *profile;             /* owned; NULL: nothing was counted */
    struct rn_call_result result;
    struct rn_call_end end;
    unsigned journal_turn; /* of the second's replay files in the folder; 0: none */
    bool was_pinned;       /* the Vm's Globals were there before the call */
    bool moves;    /* it has left a peer, and its second run has not begun; the owner's alone */
    bool vm_lost;  /* they went with the worker; once the peer was left (rn_peer_finish) */
    bool is_timed; /* `timer` was set */
    bool slept;    /* `sleep_timer` was set */
    bool in_table;
    bool ending;      /* rn_call_end has begun */
    bool closed;      /* rn_call_close took it out of the table */
    bool lied;        /* one of its packets was refused */
    bool failed;      /* no memory for a message: ends as internal */
    bool open;        /* answers of host functions are still taken */
    bool has_more;    /* rn_call_finish has something to do */
    bool journal_due; /* a replay file is to be made */
    bool has_async;   /* an async host function was called */
    bool had_effect;  /* a host function ran or output was delivered */

    uint64_t output_bytes;
    uint64_t host_call_count;
};

/* Everything is set to nothing; the caller fills what was asked for. NULL without memory. */
struct rn_call *rn_call_new(void) RN_MUST_CHECK;
struct rn_call *rn_call_ref(struct rn_call *call);
void rn_call_unref(struct rn_call *call);
/* One that is over, with nobody else's reference left: made as new, its storage kept. False: somebody has
 * one, and it is as it was. */
bool rn_call_renew(struct rn_call *call) RN_MUST_CHECK;

/* Finds a peer and begins. On failure the call is over; *error says why. */
rune_status rn_call_begin(struct rn_call *call, rune_error **error) RN_MUST_CHECK;
/* Makes it able to watch tokens; before the beginning. NO_MEMORY. */
enum rn_error rn_call_prepare_watch(struct rn_call *call) RN_MUST_CHECK;
/* Stops it when one of the tokens (may be NULL) is cancelled; after the beginning. */
void rn_call_watch(struct rn_call *call, rune_cancel_token *token, rune_cancel_token *parent);
/* Acts on events until the call has ended; the owner's thread. */
void rn_call_drive(struct rn_call *call);
/* What a step led to. */
enum rn_call_step {
    RN_CALL_WAITS,   /* for news */
    RN_CALL_REFUSED, /* something of the host's refused: to be stepped again soon */
    RN_CALL_MORE,    /* there are more events: to be stepped again when others have been */
    RN_CALL_ENDED
};
/* The same without waiting, for the runner. */
enum rn_call_step rn_call_step(struct rn_call *call);
/* A worker that died of what it ran, or had to be killed for it, counts against the Unit. */
void rn_call_count_kill(struct rn_call *call);
/* call_end.c. True if its result has come, by `now_ns`, and no event is left: it is over, and rn_call_end must
 * follow. */
bool rn_call_close(struct rn_call *call, uint64_t now_ns);
/* After its end: gives back what it used and makes the record. NO_MEMORY. An execution that
 * `has_more` then is finished by whoever takes the record. */
rune_status rn_call_end(struct rn_call *call, rune_record **out_record) RN_MUST_CHECK;
/* The rest of it, which takes time: a large result is read, a replay file made. */
void rn_call_finish(struct rn_call *call, rune_record *record);

/* Locks the call's peer, whichever that is, and gives it. After the beginning; any thread. */
struct rn_peer *rn_call_lock(struct rn_call *call);

/* Asks the call to end with this reason, if nobody has before. Any thread. */
void rn_call_stop(struct rn_call *call, enum rn_reason reason);

/* call_receive.c */

/* What its worker said so far, and nobody acted upon. */
void rn_call_drop_received(struct rn_call *call);
/* The owner is done with an event, which he took off the list: its credit goes back. Under the peer's lock. */
void rn_call_acted_upon(struct rn_call *call, struct rn_event *event);
void rn_event_free(struct rn_event *event);
/* One whole or partial packet for this call, checked by its state machine; under the peer's lock.
 */
enum rn_error rn_call_receive(struct rn_call *call, const struct rn_message *message) RN_MUST_CHECK;
/* Arguments of a host call have been freed; without the lock. */
void rn_call_host_bytes_freed(struct rn_call *call, size_t size);
/* Nobody else counts the event's arguments from here on. */
void rn_call_give_room_back(struct rn_call *call, struct rn_event *event);
/* Nor those of any event that is left. */
void rn_call_give_all_room_back(struct rn_call *call);
/* Its result has come, and is one: whose result was refused ends with its worker. Under the peer's lock. */
bool rn_call_is_done(const struct rn_call *call);
/* True if the owner has something to do; under the peer's lock. */
bool rn_call_has_news(const struct rn_call *call);

#endif
