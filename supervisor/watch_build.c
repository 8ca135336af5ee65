/* watch_build.c: a script of a watch from its files to its Unit, with what else was saved meanwhile in mind. */
#include "supervisor/watch_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "supervisor/build.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/probes.h"
#include "supervisor/unit.h"
#include "supervisor/wake.h"

/* A script without its file goes after this. */
#define GONE_NS UINT64_C(500000000)
/* A build that failed for reasons of the machine is tried again after this. */
#define RETRY_NS UINT64_C(1000000000)

static void result_done(struct rn_watch_result *result)
{
    rune_unit_unref(result->unit);
    rune_diagnostics_free(result->diagnostics);
    rune_error_free(result->error);
    rn_inputs_done(&result->inputs);
}

/* BUSY: the file was written to while it was read. */
static enum rn_error read_file(rune_watch *watch, struct rn_watch_script *script, bool insist,
                               rune_sources *sources)
{
    int root = rn_folders_root(watch->folders);
    if (root < 0) {
        return RN_E_NOT_FOUND;
    }
    enum rn_error error = rn_sources_insert_beneath(sources, root, watch->shown, script->path);
    int why = errno;
    // What happened to the file before it was read has been told by now ...
    rn_folders_read(watch->folders);
    errno = why;
    bool torn = script->since_ns != 0;
    if (error == RN_OK && sources->texts[0].size == 0 && !script->was_empty && !insist) {
        // ... but for a file that was made empty this moment, to be filled the next.
        script->was_empty = true;
        script->due_ns = rn_after_ns(rn_now_ns(), RN_WATCH_UNSETTLED_NS);
        return RN_E_BUSY;
    }
    script->was_empty = false;
    return error == RN_OK && torn && !insist ? RN_E_BUSY : error;
}

static enum rn_error build_file(rune_watch *watch, struct rn_watch_script *script, bool insist,
                                struct rn_watch_result *result)
{
    rune_sources *sources = rune_sources_new();
    result->diagnostics = rune_diagnostics_new();
    enum rn_error error = sources && result->diagnostics ? RN_OK : RN_E_NO_MEMORY;
    if (error == RN_OK) {
        error = read_file(watch, script, insist, sources);
    }
    if (error == RN_OK) {
        struct rn_build_request request = {.sources = sources,
                                           .context = watch->context,
                                           .options = watch->build,
                                           .diagnostics = result->diagnostics,
                                           .inputs = &result->inputs,
                                           .items = watch->has_items ? &watch->items : NULL,
                                           .stop = &watch->ending};
        result->status = rn_build(watch->supervisor, &request, &result->unit, &result->error);
    } else {
        result->status = rn_fail_plain(&result->error, error);
    }
    rune_sources_free(sources);
    return error;
}

static bool is_same(const rune_unit *a, const rune_unit *b)
{
    return a && b && memcmp(a->id, b->id, sizeof(a->id)) == 0 && a->debug_size == b->debug_size &&
           (a->debug_size == 0 || memcmp(a->debug_bytes, b->debug_bytes, a->debug_size) == 0);
}

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        __typeof__(a) swapped_ = (a);                                                              \
        (a) = (b);                                                                                 \
        (b) = swapped_;                                                                            \
    } while (0)

/* What does not serve, or not any more, need not be held by a daemon. */
void rn_watch_give_up(const rune_watch *watch, const struct rn_watch_script *script,
                      rune_unit *unit)
{
    if (unit && watch->remote && !is_same(unit, script->unit)) {
        rn_remote_unit_retire(watch->remote, unit);
    }
    rune_unit_unref(unit);
}

static void drop_result(const rune_watch *watch, const struct rn_watch_script *script,
                        struct rn_watch_result *result)
{
    rn_watch_give_up(watch, script, RN_TAKE(result->unit));
    result_done(result);
}

/* True of one that fails for the reason of the last time. */
static bool says_the_same(const struct rn_watch_script *script,
                          const struct rn_watch_result *result)
{
    return script->broken && script->error && result->error &&
           strcmp(rune_error_message(script->error), rune_error_message(result->error)) == 0;
}

/* The result takes the place of what was there, which the caller gets in exchange. */
static void publish(rune_watch *watch, struct rn_watch_script *script,
                    struct rn_watch_result *result, bool news)
{
    bool was_broken = script->broken;
    bool known = !news && says_the_same(script, result);
    bool changed = result->unit && !is_same(result->unit, script->unit);
    pthread_mutex_lock(&watch->lock);
    if (changed) {
        SWAP(script->unit, result->unit);
    }
    SWAP(script->diagnostics, result->diagnostics);
    SWAP(script->error, result->error);
    script->broken = result->status != RUNE_OK;
    if (result->status == RUNE_OK) {
        rn_inputs_done(&script->good);
    } else if (!was_broken) {
        SWAP(script->good, script->inputs);
    }
    SWAP(script->inputs, result->inputs);
    script->untold = script->untold || script->is_new;
    pthread_mutex_unlock(&watch->lock);
    script->is_new = false;
    rn_probe_script_change(script->name, script->unit ? script->unit->id_text : "", script->broken);
    if (!script->untold && !known && (script->broken || changed || was_broken)) {
        rn_watch_tell(watch, script, script->broken ? RUNE_CHANGE_BROKEN : RUNE_CHANGE_LOADED);
    }
}

/* A file that is not there is given time to come back; then the script goes. */
static void miss(rune_watch *watch, struct rn_watch_script *script)
{
    uint64_t now = rn_now_ns();
    if (script->missing_ns == 0) {
        script->missing_ns = now;
    }
    uint64_t until = rn_after_ns(script->missing_ns, script->unit ? GONE_NS : 0);
    if (now < until) {
        script->due_ns = until;
        return;
    }
    pthread_mutex_lock(&watch->lock);
    rune_unit *unit = RN_TAKE(script->unit);
    pthread_mutex_unlock(&watch->lock);
    rn_watch_give_up(watch, script, unit);
    if (!script->is_new && !script->untold) {
        rn_watch_tell(watch, script, RUNE_CHANGE_GONE);
    }
    rn_watch_remove(watch, script);
}

/* The machine's fault rather than the script's: worth another try. A connection does not come back. */
static bool is_passing(const rune_watch *watch, rune_status status)
{
    return !rn_watch_is_lost(watch) && status != RUNE_OK && status != RUNE_E_COMPILE_FAILED &&
           status != RUNE_E_LIMIT && status != RUNE_E_TOO_LARGE && status != RUNE_E_DENIED &&
           status != RUNE_E_CLOSED && status != RUNE_E_FORKED;
}

/* A file that others use is not built for itself. */
static void look_at_module(rune_watch *watch, struct rn_watch_script *script)
{
    int root = rn_folders_root(watch->folders);
    if (root < 0 || faccessat(root, script->path, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        rn_watch_remove(watch, script);
    }
}

void rn_watch_sleep_until(rune_watch *watch, uint64_t at_ns)
{
    struct pollfd polled[] = {{.fd = watch->event_fd, .events = POLLIN},
                              {.fd = rn_folders_fd(watch->folders), .events = POLLIN}};
    uint64_t now = rn_now_ns();
    uint64_t left = at_ns > now ? at_ns - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
                               .tv_nsec = (long)(left % 1000000000u)};
    (void)ppoll(polled, RN_COUNT_OF(polled), at_ns == RN_NEVER_NS ? NULL : &timeout, NULL);
    if (polled[0].revents) {
        rn_wake_clear(watch->event_fd);
    }
}

/* What was built at once waits until its save is old enough. False: more was saved meanwhile. */
static bool settle(rune_watch *watch, const struct rn_watch_script *script, uint64_t since_ns)
{
    uint64_t until_ns = rn_after_ns(since_ns, watch->settle_ns);
    if (rn_now_ns() >= until_ns) {
        return true;
    }
    while (script->since_ns == 0 && rn_now_ns() < until_ns && !atomic_load(&watch->ending)) {
        rn_watch_sleep_until(watch, until_ns);
        rn_folders_read(watch->folders);
    }
    return script->since_ns == 0;
}

/* Looks at one that is due; it may be gone afterwards. */
void rn_watch_rebuild(rune_watch *watch, struct rn_watch_script *script)
{
    struct rn_watch_result result = {.status = RUNE_OK};
    uint64_t since_ns = script->since_ns;
    script->due_ns = 0;
    script->since_ns = 0;
    script->is_patient = true;
    if (script->is_module) {
        look_at_module(watch, script);
        return;
    }
    bool insist = since_ns != 0 && rn_now_ns() >= rn_after_ns(since_ns, RN_WATCH_UNSETTLED_MAX_NS);
    enum rn_error found = build_file(watch, script, insist, &result);
    rn_folders_read(watch->folders);
    bool torn = found == RN_E_BUSY || (script->since_ns != 0 && result.inputs.count > 0) ||
                !settle(watch, script, since_ns);
    if ((torn && !insist) || atomic_load(&watch->ending)) {
        // Half of one save and half of the next, perhaps. The news has made it due again.
        script->since_ns = since_ns != 0 ? since_ns : script->since_ns;
        drop_result(watch, script, &result);
        return;
    }
    if (found == RN_E_NOT_FOUND) {
        result_done(&result);
        miss(watch, script);
        return;
    }
    script->missing_ns = 0;
    script->is_patient = script->since_ns != 0;
    rn_watch_bound(watch, script, &result);
    if (is_passing(watch, result.status) && script->due_ns == 0) {
        script->due_ns = rn_after_ns(rn_now_ns(), RETRY_NS);
    }
    // Without news it is one more try, which says nothing that was said already.
    publish(watch, script, &result, since_ns != 0);
    drop_result(watch, script, &result);
}
