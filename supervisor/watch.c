/*
 * watch.c: a folder of scripts, rebuilt as they change.
 *
 *      news of files (watch_folders.c)
 *          -> scripts that are, or use, such a file fall due (watch_table.c)
 *          -> built, without the lock (watch_build.c); what happened meanwhile, or until the saves have settled, falls
 *             due again and the result is dropped, because it may be half of what was saved
 *          -> Unit, diagnostics, inputs change places under the lock; the host is told
 *
 * Over a connection the same thread builds there and serves its own modules. It never waits for the thread
 * that receives to do anything but receive, and that one never waits for it: freed there, the watch ends by
 * itself, and has borrowed nothing that it would need for that. Versions that were replaced are given up in the
 * daemon.
 */
#include <runeward/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "bytecode/json.h"
#include "shm/fd.h"
#include "supervisor/build.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/remote.h"
#include "supervisor/supervisor.h"
#include "supervisor/text.h"
#include "supervisor/unit.h"
#include "supervisor/wake.h"
#include "supervisor/watch_state.h"

#define BYTES_DEFAULT (UINT64_C(1) << 30)
#define SETTLE_DEFAULT_NS UINT64_C(2000000)
#define SETTLE_MAX_NS UINT64_C(1000000000)
/* The root is looked for this often while it is not there ... */
#define ROOT_RETRY_NS UINT64_C(200000000)
/* ... and whether it still is, while there is nothing in it. */
#define ROOT_EMPTY_NS UINT64_C(1000000000)
#define JSON_MAX (16u << 20)

struct rune_watch_options {
    const rune_context *context;
    rune_options *build; /* NULL: defaults */
    uint64_t settle_ns;
    uint64_t bytes_max;
    rune_change_fn on_broken; /* or NULL */
    void *user;
};

/* Options */

rune_watch_options *rune_watch_options_new(void)
{
    rune_watch_options *options = rn_alloc(sizeof(*options));
    if (options) {
        options->settle_ns = SETTLE_DEFAULT_NS;
        options->bytes_max = BYTES_DEFAULT;
    }
    return options;
}

void rune_watch_options_set_context(rune_watch_options *options, const rune_context *context)
{
    options->context = context;
}

rune_status rune_watch_options_set_build(rune_watch_options *options, const rune_options *build)
{
    rune_options *copy = rn_options_copy(build);
    if (!copy) {
        return RUNE_E_NO_MEMORY;
    }
    rune_options_free(options->build);
    options->build = copy;
    return RUNE_OK;
}

void rune_watch_options_set_settle(rune_watch_options *options, uint64_t settle_ns)
{
    options->settle_ns = settle_ns < SETTLE_MAX_NS ? settle_ns : SETTLE_MAX_NS;
}

void rune_watch_options_set_bytes_max(rune_watch_options *options, uint64_t bytes)
{
    options->bytes_max = bytes;
}

void rn_watch_options_set_broken(rune_watch_options *options, rune_change_fn fn, void *user)
{
    options->on_broken = fn;
    options->user = user;
}

void rune_watch_options_free(rune_watch_options *options)
{
    if (options) {
        rune_options_free(options->build);
        rn_free(options);
    }
}

/* Telling the host */

/* A first build waits until it is known whether the file is a module. */
void rn_watch_tell(rune_watch *watch, const struct rn_watch_script *script, rune_change_kind kind)
{
    struct rune_change change = {.kind = kind,
                                 .name = script->name,
                                 .unit = kind == RUNE_CHANGE_GONE ? NULL : script->unit,
                                 .diagnostics = script->diagnostics,
                                 .error = kind == RUNE_CHANGE_BROKEN ? script->error : NULL};
    pthread_mutex_lock(&watch->fn_lock);
    if (watch->fn && !atomic_load(&watch->ending)) {
        watch->fn(watch->user, &change);
    }
    pthread_mutex_unlock(&watch->fn_lock);
}

/* Modules */

static void mark_used(rune_watch *watch, const struct rn_watch_script *script,
                      const struct rn_inputs *inputs)
{
    char path[RN_FOLDER_PATH_MAX];
    size_t folder = rn_watch_folder_size(script);
    for (size_t i = 0; i < inputs->count; i++) {
        size_t size = folder;
        memcpy(path, script->path, folder);
        for (const char *c = inputs->items[i].item; *c && size < sizeof(path); c++) {
            bool colons = c[0] == ':' && c[1] == ':';
            path[size++] = colons ? '/' : *c;
            c += colons;
        }
        struct rn_watch_script *module = rn_watch_find(watch, path, size);
        if (module && module != script) {
            module->used = true;
        }
    }
}

static void become_module(rune_watch *watch, struct rn_watch_script *script)
{
    bool told = !script->untold && !script->is_new;
    pthread_mutex_lock(&watch->lock);
    rune_unit *unit = RN_TAKE(script->unit);
    script->is_module = true;
    script->untold = false;
    pthread_mutex_unlock(&watch->lock);
    rn_watch_give_up(watch, script, unit);
    script->due_ns = 0;
    script->since_ns = 0;
    rn_inputs_done(&script->inputs);
    rn_inputs_done(&script->good);
    if (told) {
        rn_watch_tell(watch, script, RUNE_CHANGE_GONE);
    }
}

static void become_script(rune_watch *watch, struct rn_watch_script *script)
{
    pthread_mutex_lock(&watch->lock);
    script->is_module = false;
    pthread_mutex_unlock(&watch->lock);
    script->is_new = true;
    rn_watch_fall_due(watch, script, true);
}

/* Who is a module of whom now, and what there is to say of those that are not. */
static void sort_out_modules(rune_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        watch->scripts[i]->used = false;
    }
    for (size_t i = 0; i < watch->count; i++) {
        mark_used(watch, watch->scripts[i], &watch->scripts[i]->inputs);
        mark_used(watch, watch->scripts[i], &watch->scripts[i]->good);
    }
    for (size_t i = 0; i < watch->count; i++) {
        struct rn_watch_script *script = watch->scripts[i];
        if (script->used && !script->is_module) {
            become_module(watch, script);
        } else if (!script->used && script->is_module) {
            become_script(watch, script);
        } else if (script->untold) {
            pthread_mutex_lock(&watch->lock);
            script->untold = false;
            pthread_mutex_unlock(&watch->lock);
            rn_watch_tell(watch, script, script->broken ? RUNE_CHANGE_BROKEN : RUNE_CHANGE_LOADED);
        }
    }
}

/* Whoever has waited longest, so that no name goes before others. */
static struct rn_watch_script *first_due(const rune_watch *watch, uint64_t now_ns)
{
    struct rn_watch_script *first = NULL;
    for (size_t i = 0; i < watch->count; i++) {
        struct rn_watch_script *script = watch->scripts[i];
        if (script->due_ns != 0 && script->due_ns <= now_ns &&
            (!first || script->due_ns < first->due_ns)) {
            first = script;
        }
    }
    return first;
}

/* Builds what is due at that time; what falls due meanwhile waits for the next round. */
static void work(rune_watch *watch, uint64_t now_ns)
{
    struct rn_watch_script *script;
    bool worked = false;
    while (!atomic_load(&watch->ending) && (script = first_due(watch, now_ns)) != NULL) {
        (void)rn_watch_rebuild(watch, script);
        worked = true;
    }
    if (worked) {
        sort_out_modules(watch);
    }
}

/* The end of a connection */

bool rn_watch_is_lost(const rune_watch *watch)
{
    return watch->remote && rn_remote_is_lost(watch->remote);
}

/* Nothing of it is built any more, which its error says from now on. */
static void lose(rune_watch *watch, struct rn_watch_script *script)
{
    rune_error *error = NULL;
    (void)rn_remote_fail(watch->remote, &error);
    pthread_mutex_lock(&watch->lock);
    rune_error *old = script->error;
    script->error = error;
    script->broken = true;
    pthread_mutex_unlock(&watch->lock);
    rune_error_free(old);
    rn_watch_tell(watch, script, RUNE_CHANGE_BROKEN);
}

/* True of one whose build was out. */
static bool has_said_so(const struct rn_watch_script *script)
{
    return script->error && strcmp(rune_error_kind(script->error), "daemon_lost") == 0;
}

/* Once: every script keeps what it has, and says why that is the last. */
static void lose_all(rune_watch *watch)
{
    watch->lost = true;
    for (size_t i = 0; i < watch->count && !atomic_load(&watch->ending); i++) {
        struct rn_watch_script *script = watch->scripts[i];
        if (!script->is_module && !script->is_new && !has_said_so(script)) {
            lose(watch, script);
        }
    }
}

/* The thread */

static void unref_watch(rune_watch *watch);

static uint64_t next_look_at_root(const rune_watch *watch)
{
    if (rn_folders_root(watch->folders) < 0) {
        return rn_after_ns(rn_now_ns(), ROOT_RETRY_NS);
    }
    return watch->count == 0 ? rn_after_ns(rn_now_ns(), ROOT_EMPTY_NS) : RN_NEVER_NS;
}

static uint64_t next_look(const rune_watch *watch)
{
    uint64_t next = next_look_at_root(watch);
    uint64_t again = rn_folders_again_ns(watch->folders);
    return again != 0 && again < next ? again : next;
}

static uint64_t next_due(const rune_watch *watch)
{
    uint64_t next = next_look(watch);
    for (size_t i = 0; i < watch->count; i++) {
        uint64_t due = watch->scripts[i]->due_ns;
        next = due != 0 && due < next ? due : next;
    }
    return next;
}

/* What woke settle() may have been meant for the thread's own round. */
static bool is_called(const rune_watch *watch)
{
    return atomic_load(&watch->reload) || (!watch->lost && rn_watch_is_lost(watch));
}

/* The folder itself: that it has gone, or is back, is said once; to whoever asks, again. */
static void look_at_root(rune_watch *watch, bool is_asked)
{
    if (rn_folders_is_deleted(watch->folders)) {
        rn_folders_look_again(watch->folders);
    }
    const char *name = rn_folders_name(watch->folders);
    int missing = rn_folders_missing(watch->folders);
    int before = atomic_exchange(&watch->missing, missing);
    if (missing != 0 && (is_asked || missing != before)) {
        rn_supervisor_log(watch->supervisor, 1, "watch: %s: the folder is gone: %s", name,
                          strerrordesc_np(missing));
    } else if (missing == 0 && before != 0) {
        rn_supervisor_log(watch->supervisor, 0, "watch: %s: the folder is back", name);
    }
}

/* One that has come back since the thread looked is there. */
static bool is_back(const rune_watch *watch)
{
    int fd = open(rn_folders_name(watch->folders), O_PATH | O_DIRECTORY | O_CLOEXEC);
    rn_fd_close(fd);
    return fd >= 0;
}

rune_status rn_watch_check_folder(const rune_watch *watch, rune_error **error)
{
    int missing = atomic_load(&watch->missing);
    missing = missing != 0 && is_back(watch) ? 0 : missing;
    return missing == 0 ? RUNE_OK
                        : rn_fail(error, RUNE_E_NOT_FOUND, "%s: the folder is gone: %s",
                                  rn_folders_name(watch->folders), strerrordesc_np(missing));
}

static void *serve(void *argument)
{
    rune_watch *watch = argument;
    while (!atomic_load(&watch->ending)) {
        rn_watch_sleep_until(watch, is_called(watch) ? 0 : next_due(watch));
        bool is_asked = atomic_exchange(&watch->reload, false);
        if (is_asked) {
            rn_folders_look_again(watch->folders);
        }
        rn_folders_read(watch->folders);
        look_at_root(watch, is_asked);
        if (!watch->lost && rn_watch_is_lost(watch)) {
            lose_all(watch);
        }
        work(watch, rn_now_ns());
    }
    unref_watch(watch);
    return NULL;
}

static bool start_thread(rune_watch *watch)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    atomic_fetch_add(&watch->refs, 1);
    int failed = pthread_create(&watch->thread, NULL, serve, watch);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    watch->has_thread = failed == 0;
    atomic_fetch_sub(&watch->refs, failed ? 1 : 0);
    errno = failed;
    return watch->has_thread;
}

/* Making */

static void init_locks(rune_watch *watch)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&watch->lock, NULL);
    pthread_mutex_init(&watch->fn_lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
}

static char *shown_folder(const char *directory)
{
    RN_AUTO(rn_buf) struct rn_buf shown;
    size_t size = strlen(directory);
    size_t ignored;
    rn_buf_init(&shown, RN_FOLDER_PATH_MAX);
    if (strcmp(directory, ".") != 0) {
        rn_buf_append_text(&shown, directory);
        rn_buf_append_text(&shown, size > 0 && directory[size - 1] == '/' ? "" : "/");
    }
    rn_buf_append_u8(&shown, 0);
    return rn_buf_status(&shown) == RN_OK ? (char *)rn_buf_take(&shown, &ignored) : NULL;
}

static rune_watch *new_watch(rune_supervisor *supervisor, const char *directory,
                             const rune_watch_options *options)
{
    rune_watch *watch = rn_alloc(sizeof(*watch));
    if (!watch) {
        return NULL;
    }
    init_locks(watch);
    atomic_init(&watch->refs, 1);
    rn_supervisor_ref(supervisor);
    watch->supervisor = supervisor;
    watch->context = options ? options->context : NULL;
    watch->bytes_max = options ? options->bytes_max : BYTES_DEFAULT;
    watch->build = rn_options_copy(options ? options->build : NULL);
    watch->shown = shown_folder(directory);
    watch->event_fd = -1;
    if (!watch->build || !watch->shown) {
        rune_watch_free(watch);
        return NULL;
    }
    watch->event_fd = rn_fd_take_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return watch;
}

static rune_status open_folders(rune_watch *watch, const char *directory, rune_error **error)
{
    enum rn_error failed = rn_folders_new(directory, rn_watch_on_news, watch, &watch->folders);
    if (failed == RN_OK && watch->full) {
        failed = watch->count < RN_WATCH_SCRIPTS_MAX ? RN_E_NO_MEMORY : RN_E_TOO_LARGE;
    }
    if (failed == RN_OK) {
        return RUNE_OK;
    }
    if (failed == RN_E_SYSTEM || failed == RN_E_NOT_FOUND) {
        return rn_fail_folder(error, directory);
    }
    return rn_fail(error, (rune_status)failed, "%s: %s", directory,
                   failed == RN_E_TOO_LARGE ? "more scripts, folders or watches than there may be"
                                            : rn_error_message(failed));
}

/* Of a connection: from here on it is known when it ends, and the caller's context is not needed any more. */
static rune_status join_remote(rune_watch *watch, rune_error **error)
{
    struct rn_remote *remote = watch->supervisor->remote;
    const rune_context *context = RN_TAKE(watch->context);
    const rune_statics *statics = watch->build->statics;
    rune_status status = rn_remote_may_build(remote, error);
    if (status == RUNE_OK && (context || statics)) {
        watch->has_items = true;
        status = rn_remote_encode(statics, context, &watch->items, error);
    }
    if (status == RUNE_OK) {
        watch->remote = remote;
        watch->listener.event_fd = watch->event_fd;
        rn_remote_listen(remote, &watch->listener);
    }
    return status;
}

/* Under the lock. A new file is a script once it is known that none has it for a module. */
static bool is_script(const struct rn_watch_script *script)
{
    return !script->is_module && !script->untold;
}

/* What was found broken; nobody but this thread knows the watch yet. */
static void tell_broken(rune_watch *watch, const rune_watch_options *options)
{
    rune_watch_on_change(watch, options->on_broken, options->user);
    for (size_t i = 0; i < watch->count; i++) {
        if (is_script(watch->scripts[i]) && watch->scripts[i]->broken) {
            rn_watch_tell(watch, watch->scripts[i], RUNE_CHANGE_BROKEN);
        }
    }
    rune_watch_on_change(watch, NULL, NULL);
}

/* What is there was built: unless the connection was lost over it, the thread takes over. */
static rune_status begin(rune_watch *watch, rune_error **error)
{
    if (rn_watch_is_lost(watch)) {
        return rn_remote_fail(watch->remote, error);
    }
    return start_thread(watch) ? RUNE_OK : rn_fail_plain(error, RN_E_SYSTEM);
}

rune_status rune_watch_new(rune_supervisor *supervisor, const char *directory,
                           const rune_watch_options *options, rune_watch **out_watch,
                           rune_error **error)
{
    if (!supervisor || !directory) {
        return rn_fail_null(error, supervisor ? "directory" : "supervisor");
    }
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    rune_watch *watch = new_watch(supervisor, directory, options);
    if (!watch) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    if (watch->event_fd < 0) {
        int why = errno;
        rune_watch_free(watch);
        errno = why;
        return rn_fail_plain(error, RN_E_SYSTEM);
    }
    rune_status status = supervisor->remote ? join_remote(watch, error) : RUNE_OK;
    if (status == RUNE_OK) {
        status = open_folders(watch, directory, error);
    }
    if (status == RUNE_OK) {
        work(watch, rn_after_ns(rn_now_ns(), RN_WATCH_UNSETTLED_NS));
        watch->settle_ns =
            options ? options->settle_ns : SETTLE_DEFAULT_NS; // not for what was there
        if (options && options->on_broken) {
            tell_broken(watch, options);
        }
        status = begin(watch, error);
    }
    if (status != RUNE_OK) {
        rune_watch_free(watch);
        return status;
    }
    *out_watch = watch;
    return RUNE_OK;
}

static void free_watch(rune_watch *watch)
{
    if (watch->remote) {
        rn_remote_unlisten(watch->remote, &watch->listener);
    }
    rn_buf_done(&watch->items);
    rn_folders_free(watch->folders);
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->remote && watch->scripts[i]->unit) {
            rn_remote_unit_retire(watch->remote, watch->scripts[i]->unit);
        }
        rn_watch_script_free(watch->scripts[i]);
    }
    rn_free(watch->scripts);
    rn_fd_close(watch->event_fd);
    rune_options_free(watch->build);
    rn_free(watch->shown);
    pthread_mutex_destroy(&watch->lock);
    pthread_mutex_destroy(&watch->fn_lock);
    rune_supervisor *supervisor = watch->supervisor;
    rn_free(watch);
    rune_supervisor_free(supervisor);
}

static void unref_watch(rune_watch *watch)
{
    if (atomic_fetch_sub(&watch->refs, 1) == 1) {
        free_watch(watch);
    }
}

/* Where a connection receives nobody waits for the thread, which may wait for what would be received. */
static void end_thread(rune_watch *watch)
{
    rn_wake(watch->event_fd);
    if (watch->remote) {
        rn_remote_nudge(watch->remote);
    }
    if (watch->remote && rn_remote_in_callback(watch->remote)) {
        pthread_detach(watch->thread);
    } else {
        pthread_join(watch->thread, NULL);
    }
}

void rune_watch_free(rune_watch *watch)
{
    if (!watch || rn_supervisor_is_forked(watch->supervisor)) {
        return;
    }
    atomic_store(&watch->ending, true);
    if (watch->has_thread) {
        end_thread(watch);
    }
    unref_watch(watch);
}

/* Asking */

/* Under the lock. NULL: there is none of that name. */
static struct rn_watch_script *find_served(const rune_watch *watch, const char *name)
{
    struct rn_watch_script *script = rn_watch_find(watch, name, strlen(name));
    return script && is_script(script) ? script : NULL;
}

rune_unit *rune_watch_current(rune_watch *watch, const char *name)
{
    pthread_mutex_lock(&watch->lock);
    const struct rn_watch_script *script = name ? find_served(watch, name) : NULL;
    rune_unit *unit = script ? rune_unit_ref(script->unit) : NULL;
    pthread_mutex_unlock(&watch->lock);
    return unit;
}

rune_status rune_watch_diagnostics(rune_watch *watch, const char *name,
                                   rune_diagnostics **out_diagnostics)
{
    rune_diagnostics *copy = rune_diagnostics_new();
    if (!copy) {
        return RUNE_E_NO_MEMORY;
    }
    pthread_mutex_lock(&watch->lock);
    const struct rn_watch_script *script = find_served(watch, name);
    enum rn_error error = script ? RN_OK : RN_E_NOT_FOUND;
    if (script && script->diagnostics) {
        error = rn_diagnostics_copy(script->diagnostics, copy);
    }
    pthread_mutex_unlock(&watch->lock);
    if (error != RN_OK) {
        rune_diagnostics_free(copy);
        return (rune_status)error;
    }
    *out_diagnostics = copy;
    return RUNE_OK;
}

static void append_script(struct rn_buf *out, const struct rn_watch_script *script)
{
    rn_buf_append_text(out, out->size > 1 ? ",{\"name\":" : "{\"name\":");
    rn_json_append_string(out, script->name, strlen(script->name));
    rn_buf_append_text(out, ",\"unit\":");
    if (script->unit) {
        rn_buf_append_format(out, "\"%s\"", script->unit->id_text);
    } else {
        rn_buf_append_text(out, "null");
    }
    rn_buf_append_format(out, ",\"broken\":%s,\"error\":", script->broken ? "true" : "false");
    if (script->error) {
        rn_json_append_string(out, script->error->message, strlen(script->error->message));
    } else {
        rn_buf_append_text(out, "null");
    }
    rn_buf_append_u8(out, '}');
}

rune_status rune_watch_to_json(rune_watch *watch, rune_text **out_text)
{
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, JSON_MAX);
    rn_buf_append_u8(&out, '[');
    pthread_mutex_lock(&watch->lock);
    for (size_t i = 0; i < watch->count; i++) {
        if (is_script(watch->scripts[i])) {
            append_script(&out, watch->scripts[i]);
        }
    }
    pthread_mutex_unlock(&watch->lock);
    rn_buf_append_u8(&out, ']');
    return rn_text_take(&out, out_text);
}

void rune_watch_on_change(rune_watch *watch, rune_change_fn fn, void *user)
{
    pthread_mutex_lock(&watch->fn_lock);
    watch->fn = fn;
    watch->user = user;
    pthread_mutex_unlock(&watch->fn_lock);
}

void rune_watch_reload(rune_watch *watch)
{
    atomic_store(&watch->reload, true);
    rn_wake(watch->event_fd);
}
