/* replay.c: what a call notes of its first run, and how that steers a second one. */
#include "supervisor/replay.h"

#include <signal.h>

#include "base/alloc.h"
#include "supervisor/call.h"
#include "supervisor/supervisor.h"

/* J6: from here on the call goes on without a journal. */
static void give_up(struct rn_replay *replay)
{
    rn_journal_free(RN_TAKE(replay->journal));
    replay->given_up = true;
}

/* The journal to note something in; NULL: nothing is noted. */
static struct rn_journal *to_note(struct rn_call *call)
{
    struct rn_replay *replay = &call->replay;
    if (!replay->journal && replay->wanted && !replay->given_up && replay->runs == 1) {
        replay->journal = rn_journal_new(&call->supervisor->journals_bytes);
        replay->given_up = !replay->journal;
    }
    return replay->journal;
}

/* A second run that has come as far as the first is noted no more: there is no third. */
static void forget_if_done(struct rn_replay *replay)
{
    if (replay->runs > 1 && replay->journal && rn_journal_is_caught_up(replay->journal)) {
        rn_journal_free(RN_TAKE(replay->journal));
    }
}

static void note_divergence(struct rn_replay *replay, enum rn_divergence divergence)
{
    if (replay->divergence == RN_SAME) {
        replay->divergence = divergence;
    }
}

/* What could not be noted: a second run cannot do without it. */
static void note_failed(struct rn_call *call)
{
    if (call->replay.runs > 1) {
        call->failed = true;
    } else {
        give_up(&call->replay);
    }
}

static rune_status send_step(struct rn_call *call, const struct rn_step *step)
{
    struct rn_message message = {.call = call->id};
    if (step->kind == RN_STEP_WAKE) {
        message.type = RN_MESSAGE_WAKE;
        message.as.WAKE =
            (struct rn_fields_WAKE){.number = call->sleep_number, .now_ns = step->now_ns};
        rn_call_state_woken(&call->state);
        call->sleep_due_ns = 0;
    } else {
        message.type = RN_MESSAGE_HOST_REPLY;
        message.body = step->body;
        message.body_size = step->size;
        message.as.HOST_REPLY = (struct rn_fields_HOST_REPLY){
            .number = step->number, .failed = step->kind == RN_STEP_FAILURE};
        rn_call_state_replied(&call->state);
    }
    return (rune_status)rn_peer_send(call->peer, &message, -1);
}

static bool may_send(const struct rn_call *call)
{
    return call->in_table && !call->peer->dead && call->state.state != RN_STATE_DONE;
}

/* J1: gives what may be given. */
static rune_status give_known(struct rn_call *call)
{
    struct rn_journal *journal = call->replay.journal;
    struct rn_step step;
    rune_status status = RUNE_OK;
    while (status == RUNE_OK && may_send(call) &&
           rn_journal_next_step(journal, call->state.sleep_out, &step)) {
        rn_journal_step_sent(journal);
        status = send_step(call, &step);
    }
    forget_if_done(&call->replay);
    // One that has gone meanwhile is followed by another, which is given it all.
    return status == RUNE_E_CLOSED ? RUNE_OK : status;
}

rune_status rn_replay_give(struct rn_call *call, const struct rn_step *step)
{
    struct rn_journal *journal = to_note(call);
    if (journal && rn_journal_add_step(journal, step) == RN_OK) {
        return give_known(call);
    }
    if (journal) {
        note_failed(call);
    }
    return may_send(call) ? send_step(call, step) : RUNE_E_STALE;
}

bool rn_replay_host_call(struct rn_call *call, const struct rn_event *event)
{
    struct rn_replay *replay = &call->replay;
    struct rn_journal *journal = to_note(call);
    if (replay->divergence != RN_SAME || !journal) {
        return replay->divergence != RN_SAME;
    }
    struct rn_journal_made made = {.number = event->number,
                                   .function = event->function,
                                   .budget = event->budget,
                                   .args = event->data,
                                   .args_size = event->size};
    enum rn_divergence divergence;
    bool known = rn_journal_match_call(journal, &made, &divergence);
    if (divergence != RN_SAME) {
        note_divergence(replay, divergence);
        return true;
    }
    if (!known && rn_journal_add_call(journal, &made) != RN_OK) {
        note_failed(call);
        return call->failed;
    }
    (void)give_known(call);
    return known;
}

size_t rn_replay_output(struct rn_call *call, const struct rn_event *event)
{
    size_t known = 0;
    struct rn_peer *peer = rn_call_lock(call);
    struct rn_replay *replay = &call->replay;
    if (replay->divergence != RN_SAME) {
        known = event->size;
    } else if (replay->journal && replay->runs > 1) {
        note_divergence(replay, rn_journal_match_output(replay->journal, event->number, event->data,
                                                        event->size, &known));
        known = replay->divergence == RN_SAME ? known : event->size;
        forget_if_done(replay);
    }
    pthread_mutex_unlock(&peer->lock);
    return known;
}

void rn_replay_delivered(struct rn_call *call, const struct rn_event *event)
{
    struct rn_peer *peer = rn_call_lock(call);
    struct rn_journal *journal = to_note(call);
    if (journal) {
        rn_journal_add_output(journal, event->number, event->data, event->size);
    }
    pthread_mutex_unlock(&peer->lock);
}

bool rn_replay_sleep(struct rn_call *call)
{
    struct rn_replay *replay = &call->replay;
    if (!replay->journal || replay->runs == 1) {
        return false;
    }
    (void)give_known(call);
    if (!call->state.sleep_out) {
        return true; // it was woken
    }
    if (!replay->journal || !rn_journal_has_steps(replay->journal)) {
        return false;
    }
    // What is next is the answer to a host call, which this run will not make before it is woken.
    if (call->state.host_calls < rn_journal_next_call(replay->journal)) {
        note_divergence(replay, RN_OTHER_ORDER);
    }
    return true;
}

/* Signals that only come from outside: none that an instruction of the worker raises. */
static bool is_from_outside(int signal)
{
    return signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP ||
           signal == SIGQUIT;
}

/* What the worker died of is no doing of this call, as far as anybody can tell. */
static bool is_innocent(const struct rn_call *call, const struct rn_death *death)
{
    if (death->culprit != 0) {
        return death->culprit != call->id;
    }
    if (death->lie != RN_OK || death->ordered) {
        return false;
    }
    if (!death->known || death->exit.deadline) {
        return true;
    }
    return !death->exit.signalled || is_from_outside(death->exit.code);
}

bool rn_replay_may(const struct rn_call *call, const struct rn_death *death)
{
    const struct rn_replay *replay = &call->replay;
    return replay->wanted && !replay->given_up && replay->runs == 1 && !call->was_pinned &&
           call->stop == RN_REASON_OK && !call->failed && !call->lied &&
           call->state.state != RN_STATE_DONE && rn_now_ns() < call->deadline_ns &&
           is_innocent(call, death);
}

void rn_replay_rewind(struct rn_call *call)
{
    if (call->replay.journal) {
        rn_journal_rewind(call->replay.journal);
    }
}

void rn_replay_end(struct rn_call *call)
{
    struct rn_replay *replay = &call->replay;
    bool early = replay->journal && replay->runs > 1 && !rn_journal_is_caught_up(replay->journal);
    if (early) {
        note_divergence(replay, RN_ENDED_EARLY);
    }
}

void rn_replay_done(struct rn_replay *replay)
{
    rn_journal_free(replay->journal);
}
