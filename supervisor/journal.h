/*
 * journal.h: what a call got from outside and what was seen of it, so that it can be run again.
 *
 * A run is a function of its CALL (Unit, item, arguments, statics, seed, limits, clock) and of the
 * *steps* that its worker was given: answers of host functions and wake-ups, in their order
 * (shm/call_state.h, S10). The journal holds the steps, what each host call looked like, and how much
 * output was delivered. A second run is given the same steps; what it does is compared.
 *
 *      calls    1   2   3          made by the first run, in order; digest of the arguments, budget
 *      steps    answer 2 │ wake │ answer 1 │ ...          ▲ matched: as many were made again
 *                                 ▲ sent: next to be given to the second run
 *      output   ████████████░░░    delivered; again: as much came again, and is not delivered
 *
 * J1  Steps are given in the order in which they were added, each once in a run: an answer after its
 *     host call was made in that run, a wake-up when the run waits for time.
 * J2  A host function is called at most once for each number: host calls that are in the journal are
 *     compared instead, and answered by their step, which may come yet.
 * J3  Each byte of output is delivered at most once.
 * J4  The n-th host call of a second run has the function, the arguments, the place in the budget and
 *     the output before it of the first run's, and its output begins with what was delivered; whatever
 *     differs ends the call.
 * J5  A call is run again at most once.
 * J6  A journal is bounded, as are all journals of a supervisor: what would exceed that is refused, and
 *     the call cannot be run again. A second run that has not caught up cannot do without its journal: an
 *     answer that would bring all of them beyond their bound ends it (rn_replay_has_room).
 *
 * Plain data: no I/O, no locks. A journal is made with its first entry: a call that neither calls the
 * host nor prints has none. One that comes from a file (replay_file.h) is restored entry by entry; of the
 * output there only sizes and digests are known.
 */
#ifndef RN_SUPERVISOR_JOURNAL_H
#define RN_SUPERVISOR_JOURNAL_H

#include "base/buf.h"

#include <stdatomic.h>

#define RN_JOURNAL_DIGEST_SIZE 32u
#define RN_JOURNAL_STREAMS 2u
/* Bytes of one journal, and of all that a supervisor keeps. */
#define RN_JOURNAL_BYTES_MAX (4u << 20)
#define RN_JOURNALS_BYTES_MAX (64u << 20)

enum rn_step_kind {
    RN_STEP_ANSWER,  /* the value of a host call */
    RN_STEP_FAILURE, /* its error */
    RN_STEP_WAKE,    /* the time that the run waited for has come */
};

struct rn_step {
    enum rn_step_kind kind;
    uint32_t number;     /* of the host call */
    uint64_t now_ns;     /* WAKE: the clock, if the call may read it */
    const uint8_t *body; /* borrowed until the next step is added */
    size_t size;
};

/* A host call as it was made. `args` are borrowed; the journal keeps a digest of them. */
struct rn_journal_made {
    uint32_t number; /* from 1 */
    uint32_t function;
    uint64_t budget;
    const uint8_t *args;
    size_t args_size;
};

/* A host call as the journal has it. */
struct rn_journal_call {
    uint32_t function;
    bool answered; /* by one of the steps */
    uint64_t budget;
    uint64_t output; /* bytes delivered before, of both streams */
    uint8_t digest[RN_JOURNAL_DIGEST_SIZE];
};

/* What was delivered of a stream. */
struct rn_journal_output {
    uint64_t size;
    uint8_t digest[RN_JOURNAL_DIGEST_SIZE];
};

/* What differs between two runs. */
enum rn_divergence {
    RN_SAME,
    RN_OTHER_FUNCTION,
    RN_OTHER_ARGUMENTS,
    RN_OTHER_BUDGET,
    RN_OTHER_OUTPUT,
    RN_OTHER_ORDER, /* waits for time, where the first run went on to a host call */
    RN_ENDED_EARLY, /* without all that the first run did */
    /* Of journals from files, which have an end: */
    RN_WENT_ON, /* to a host call that is not in it */
    RN_WAITS,   /* for an answer or for time, which are not in it */
};

struct rn_journal;

/* `total` counts the bytes of all journals of a supervisor; NULL without memory. */
struct rn_journal *rn_journal_new(_Atomic uint64_t *total) RN_MUST_CHECK;
/* Accepts NULL. */
void rn_journal_free(struct rn_journal *journal);

/* The first run. TOO_LARGE (J6), NO_MEMORY: the journal is of no use any more. */

/* The next host call. */
enum rn_error rn_journal_add_call(struct rn_journal *journal,
                                  const struct rn_journal_made *made) RN_MUST_CHECK;
/* Copies the body. A run that is given the steps of an earlier one adds to them, too. */
enum rn_error rn_journal_add_step(struct rn_journal *journal,
                                  const struct rn_step *step) RN_MUST_CHECK;
/* Output that was delivered. NO_MEMORY only. */
enum rn_error rn_journal_add_output(struct rn_journal *journal, uint32_t stream, const void *data,
                                    size_t size) RN_MUST_CHECK;

/* The second run. */

/* Another run begins. */
void rn_journal_rewind(struct rn_journal *journal);
/* True if that call is in the journal, else it is to be added. *out_divergence: J4. */
bool rn_journal_match_call(struct rn_journal *journal, const struct rn_journal_made *made,
                           enum rn_divergence *out_divergence) RN_MUST_CHECK;
/* Output that came: *out_known bytes of it were delivered before. */
enum rn_divergence rn_journal_match_output(struct rn_journal *journal, uint32_t stream,
                                           const void *data, size_t size,
                                           size_t *out_known) RN_MUST_CHECK;
/* True if the run has done all that is in the journal: what comes now is new. */
bool rn_journal_is_caught_up(const struct rn_journal *journal);

/* Of files. */

/* What is there, in order. */
uint32_t rn_journal_call_count(const struct rn_journal *journal);
const struct rn_journal_call *rn_journal_call_at(const struct rn_journal *journal, uint32_t index);
uint32_t rn_journal_step_count(const struct rn_journal *journal);
struct rn_step rn_journal_step_at(const struct rn_journal *journal, uint32_t index);
struct rn_journal_output rn_journal_output_of(const struct rn_journal *journal, uint32_t stream);
/* Puts back the next host call; steps by rn_journal_add_step; then the output. All of it before
 * rn_journal_rewind. TOO_LARGE, NO_MEMORY. */
enum rn_error rn_journal_restore_call(struct rn_journal *journal,
                                      const struct rn_journal_call *call) RN_MUST_CHECK;
enum rn_error rn_journal_restore_output(struct rn_journal *journal, uint32_t stream,
                                        const struct rn_journal_output *output) RN_MUST_CHECK;
/* How many steps were given in this run. */
uint32_t rn_journal_steps_sent(const struct rn_journal *journal);

/* Both. */

/* The next step that may be given (J1), or false. `waits`: the run waits for time. */
bool rn_journal_next_step(const struct rn_journal *journal, bool waits, struct rn_step *out_step);
/* That step was given. */
void rn_journal_step_sent(struct rn_journal *journal);
/* True if steps are left that were not given in this run. */
bool rn_journal_has_steps(const struct rn_journal *journal);
/* The host call that the next of them answers; 0: none. */
uint32_t rn_journal_next_call(const struct rn_journal *journal);

/* "it called another host function": for people. */
const char *rn_divergence_text(enum rn_divergence divergence);

#endif
