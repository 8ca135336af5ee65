/* replay.c: what a call notes of its first run, and how that steers a second one. */
#include "supervisor/replay.h"

#include <signal.h>

#include "base/alloc.h"
#include "supervisor/call.h"
#include "supervisor/context.h"
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
    bool wanted = (replay->wanted && replay->runs == 1) || replay->kept;
    if (!replay->journal && wanted && !replay->given_up) {
        replay->journal = rn_journal_new(&call->supervisor->journals_bytes);
        replay->given_up = !replay->journal;
    }
    return replay->journal;
}

/* A second run that has come as far as the first is noted no more: there is no third. */
static void forget_if_done(struct rn_replay *replay)
{
    bool needed = replay->kept || replay->from_file;
    if (replay->runs > 1 && !needed && replay->journal &&
        rn_journal_is_caught_up(replay->journal)) {
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
    if (call->replay.runs > 1 && !rn_journal_is_caught_up(call->replay.journal)) {
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

bool rn_replay_has_room(const struct rn_call *call, size_t size)
{
    const struct rn_replay *replay = &call->replay;
    bool behind = replay->journal && replay->runs > 1 && !replay->from_file &&
                  !rn_journal_is_caught_up(replay->journal);
    return !behind ||
           atomic_load(&call->supervisor->journals_bytes) + size <= RN_JOURNALS_BYTES_MAX;
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

/* The script does nothing more before it has its answer. */
static bool stands_still(const struct rn_call *call, const struct rn_event *event)
{
    const struct rn_host_entry *entry = rn_runtime_function(call->runtime, event->function);
    return !entry || !entry->is_async;
}

/* Where the journal of a file ends: a host function that nobody calls, an answer that nobody gives. */
static enum rn_divergence find_end(const struct rn_call *call, const struct rn_event *event,
                                   bool known)
{
    const struct rn_replay *replay = &call->replay;
    if (!replay->from_file) {
        return RN_SAME;
    }
    if (!known) {
        return RN_WENT_ON;
    }
    bool answered = rn_journal_call_at(replay->journal, event->number - 1)->answered;
    return !answered && stands_still(call, event) ? RN_WAITS : RN_SAME;
}

/* A file may have its steps in an order in which no call can get them. */
static bool is_left_waiting(const struct rn_call *call, const struct rn_event *event,
                            uint32_t before)
{
    const struct rn_journal *journal = call->replay.journal;
    if (!call->replay.from_file || !stands_still(call, event) || !may_send(call)) {
        return false;
    }
    for (uint32_t i = before; i < rn_journal_steps_sent(journal); i++) {
        struct rn_step step = rn_journal_step_at(journal, i);
        if (step.kind != RN_STEP_WAKE && step.number == event->number) {
            return false;
        }
    }
    return true;
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
    divergence = divergence == RN_SAME ? find_end(call, event, known) : divergence;
    if (divergence != RN_SAME) {
        note_divergence(replay, divergence);
        return true;
    }
    if (!known && rn_journal_add_call(journal, &made) != RN_OK) {
        note_failed(call);
        return call->failed;
    }
    uint32_t before = rn_journal_steps_sent(journal);
    (void)give_known(call);
    if (is_left_waiting(call, event, before)) {
        note_divergence(replay, RN_OTHER_ORDER);
    }
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
        replay->more_output = replay->more_output || known < event->size;
        known = replay->divergence == RN_SAME ? known : event->size;
        forget_if_done(replay);
    }
    known = replay->from_file ? 0 : known;
    pthread_mutex_unlock(&peer->lock);
    return known;
}

bool rn_replay_drop_output(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    return true;
}

void rn_replay_delivered(struct rn_call *call, const struct rn_event *event)
{
    struct rn_peer *peer = rn_call_lock(call);
    struct rn_journal *journal = call->replay.from_file ? NULL : to_note(call);
    if (journal &&
        rn_journal_add_output(journal, event->number, event->data, event->size) != RN_OK) {
        note_failed(call);
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
        note_divergence(replay, replay->from_file ? RN_WAITS : RN_SAME);
        return replay->from_file;
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
    rn_journal_free(RN_TAKE(replay->journal));
}
