/*
 * watch.c: a folder of scripts, rebuilt as they change.
 *
 *      news of files (watch_folders.c)
 *          -> scripts that are, or use, such a file fall due
 *          -> built, without the lock; what happened meanwhile, or until the saves have settled, falls
 *             due again and the result is dropped, because it may be half of what was saved
 *          -> Unit, diagnostics, inputs change places under the lock; the host is told
 *
 * The table of scripts is sorted by name. Only the watch's thread changes it, under the lock; others
 * read it under the lock.
 *
 * Over a connection the same thread builds there and serves its own modules. It never waits for the thread
 * that receives to do anything but receive, and that one never waits for it: freed there, the watch ends by
 * itself, and has borrowed nothing that it would need for that. Versions that were replaced are given up in the
 * daemon.
 */
#include <runeward/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
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
#include "supervisor/watch_folders.h"

#define SCRIPTS_MAX 4096u
#define BYTES_DEFAULT (UINT64_C(1) << 30)
#define SETTLE_DEFAULT_NS UINT64_C(2000000)
#define SETTLE_MAX_NS UINT64_C(1000000000)
/* Saves that follow each other are not waited for longer than this. */
#define HOLD_NS UINT64_C(20000000)
/* A file that is being written, or has gone, gets this long until the next news of it ... */
#define UNSETTLED_NS UINT64_C(50000000)
/* ... and no longer than this altogether; then it is taken as it is. */
#define UNSETTLED_MAX_NS UINT64_C(10000000000)
/* A script without its file goes after this. */
#define GONE_NS UINT64_C(500000000)
/* A build that failed for reasons of the machine is tried again after this. */
#define RETRY_NS UINT64_C(1000000000)
/* The root is looked for this often while it is not there. */
#define ROOT_RETRY_NS UINT64_C(200000000)
#define JSON_MAX (16u << 20)

struct rune_watch_options {
    const rune_context *context;
    rune_options *build; /* NULL: defaults */
    uint64_t settle_ns;
    uint64_t bytes_max;
};

struct script {
    char *name;                    /* "shop/prices" */
    char *path;                    /* "shop/prices.rn" */
    rune_unit *unit;               /* counted, or NULL */
    rune_diagnostics *diagnostics; /* of the last build, or NULL */
    bool broken;                   /* the last build failed ... */
    rune_error *error;             /* ... for this reason; NULL without memory */
    struct rn_inputs inputs;       /* of the last build */
    struct rn_inputs good;         /* of the build of `unit`, if the last one failed */
    bool is_module;                /* used by another script */
    bool untold; /* what the first build gave has not been told: it may be a module */

    /* Of the thread alone. */
    uint64_t due_ns; /* 0: up to date */
    bool is_patient; /* it was built since it was saved first: next time it lets the saves settle */
    uint64_t since_ns;   /* of the first news that the last build does not know */
    uint64_t missing_ns; /* since when its file is not there; 0: it is */
    bool was_empty;      /* when it was read last */
    bool is_new;         /* never built */
    bool used;
};

struct rune_watch {
    _Atomic unsigned refs;       /* of the handle, and of the thread */
    rune_supervisor *supervisor; /* counted */
    struct rn_remote *remote;    /* the supervisor's, or NULL: our own workers */
    struct rn_remote_listener listener;
    bool lost;           /* that the connection has ended was told */
    struct rn_buf items; /* of a connection: context and statics, encoded ... */
    bool has_items;      /* ... if there are any */
    const rune_context *context;
    rune_options *build;
    uint64_t settle_ns;
    uint64_t bytes_max; /* of all Units */
    char *shown;        /* "scripts/" */
    struct rn_folders *folders;

    pthread_t thread;
    bool has_thread;
    int event_fd;
    atomic_bool ending;
    atomic_bool reload;

    pthread_mutex_t lock; /* of the table */
    struct script **scripts;
    size_t count;
    size_t capacity;
    bool full; /* told once */

    pthread_mutex_t fn_lock; /* held while `fn` runs; recursive */
    rune_change_fn fn;
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

void rune_watch_options_free(rune_watch_options *options)
{
    if (options) {
        rune_options_free(options->build);
        rn_free(options);
    }
}

/* The table */

static void free_script(struct script *script)
{
    rune_unit_unref(script->unit);
    rune_diagnostics_free(script->diagnostics);
    rune_error_free(script->error);
    rn_inputs_done(&script->inputs);
    rn_inputs_done(&script->good);
    rn_free(script->name);
    rn_free(script->path);
    rn_free(script);
}

/* The place of a name of `size` bytes, or where it would stand. */
static size_t place_of(const rune_watch *watch, const char *name, size_t size)
{
    size_t low = 0;
    size_t high = watch->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(watch->scripts[middle]->name, name, size);
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct script *find_script(const rune_watch *watch, const char *name, size_t size)
{
    size_t at = place_of(watch, name, size);
    if (at < watch->count && strncmp(watch->scripts[at]->name, name, size) == 0 &&
        watch->scripts[at]->name[size] == 0) {
        return watch->scripts[at];
    }
    return NULL;
}

static bool grow(rune_watch *watch)
{
    if (watch->count < watch->capacity) {
        return true;
    }
    size_t capacity = watch->capacity == 0 ? 16 : watch->capacity * 2;
    void *grown = rn_realloc(watch->scripts, capacity * sizeof(*watch->scripts));
    if (!grown) {
        return false;
    }
    watch->scripts = grown;
    watch->capacity = capacity;
    return true;
}

static struct script *new_script(const char *path, size_t name_size)
{
    struct script *script = rn_alloc(sizeof(*script));
    if (!script) {
        return NULL;
    }
    script->name = rn_strndup(path, name_size);
    script->path = rn_strndup(path, strlen(path));
    script->is_new = true;
    if (!script->name || !script->path) {
        free_script(script);
        return NULL;
    }
    return script;
}

/* A file that was not known; NULL if it is no script, or there is no room for it. */
static struct script *add_script(rune_watch *watch, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = strlen(path) - strlen(".rn");
    if (strcmp(slash ? slash + 1 : path, "mod.rn") == 0) {
        return NULL;
    }
    struct script *script = watch->count < SCRIPTS_MAX ? new_script(path, size) : NULL;
    pthread_mutex_lock(&watch->lock);
    bool room = script && grow(watch);
    if (room) {
        size_t at = place_of(watch, path, size);
        memmove(&watch->scripts[at + 1], &watch->scripts[at],
                (watch->count - at) * sizeof(struct script *));
        watch->scripts[at] = script;
        watch->count++;
    }
    pthread_mutex_unlock(&watch->lock);
    if (!room) {
        if (script) {
            free_script(script);
        }
        if (!watch->full) {
            rn_supervisor_log(watch->supervisor, 1, "watch: %s: no room for more scripts", path);
        }
        watch->full = true;
        return NULL;
    }
    return script;
}

static void remove_script(rune_watch *watch, struct script *script)
{
    pthread_mutex_lock(&watch->lock);
    size_t at = place_of(watch, script->name, strlen(script->name));
    memmove(&watch->scripts[at], &watch->scripts[at + 1],
            (watch->count - at - 1) * sizeof(struct script *));
    watch->count--;
    watch->full = false;
    pthread_mutex_unlock(&watch->lock);
    free_script(script);
}

/* News */

/* Bytes of the folder that a script stands in, with the slash. */
static size_t folder_size(const struct script *script)
{
    const char *slash = strrchr(script->path, '/');
    return slash ? (size_t)(slash - script->path) + 1 : 0;
}

static bool uses(const struct script *script, const struct rn_inputs *inputs, const char *path)
{
    size_t folder = folder_size(script);
    if (inputs->count == 0 || strncmp(path, script->path, folder) != 0) {
        return false;
    }
    for (size_t i = 0; i < inputs->count; i++) {
        if (rn_sources_is_candidate(inputs->items[i].item, path + folder)) {
            return true;
        }
    }
    return false;
}

/* True if one of the script's files may be in the folder `path`. */
static bool reaches_into(const struct script *script, const char *path)
{
    size_t folder = folder_size(script);
    bool above =
        script->inputs.count + script->good.count > 0 && strncmp(path, script->path, folder) == 0;
    return above || strncmp(script->path, path, strlen(path)) == 0;
}

static bool concerns(const struct script *script, const char *path)
{
    size_t size = strlen(path);
    if (size == 0 || path[size - 1] == '/') {
        return reaches_into(script, path);
    }
    return strcmp(script->path, path) == 0 || uses(script, &script->inputs, path) ||
           uses(script, &script->good, path);
}

/* A first save is built at once; saves that follow it put the next build off, within bounds. */
static void fall_due(const rune_watch *watch, struct script *script, bool settled)
{
    uint64_t now = rn_now_ns();
    if (script->since_ns == 0) {
        script->since_ns = now;
    }
    uint64_t settle_ns = script->is_patient ? watch->settle_ns : 0;
    uint64_t wait_ns = settled ? settle_ns : UNSETTLED_NS;
    uint64_t hold_ns = settled ? HOLD_NS : UNSETTLED_MAX_NS;
    uint64_t at = rn_after_ns(now, wait_ns);
    uint64_t latest = rn_after_ns(script->since_ns, hold_ns > wait_ns ? hold_ns : wait_ns);
    script->due_ns = at < latest ? at : latest > now ? latest : now;
    script->was_empty = false;
}

static void on_news(void *user, enum rn_news news, const char *path)
{
    rune_watch *watch = user;
    bool known = false;
    for (size_t i = 0; i < watch->count; i++) {
        struct script *script = watch->scripts[i];
        if (concerns(script, path) && (!script->is_module || news >= RN_NEWS_GONE)) {
            fall_due(watch, script, news == RN_NEWS_SAVED);
        }
        known = known || strcmp(script->path, path) == 0;
    }
    if (!known && news <= RN_NEWS_WRITTEN) {
        struct script *script = add_script(watch, path);
        if (script) {
            fall_due(watch, script, news == RN_NEWS_SAVED);
        }
    }
}

/* Telling the host */

/* A first build waits until it is known whether the file is a module. */
static void tell(rune_watch *watch, const struct script *script, rune_change_kind kind)
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

/* Building */

struct result {
    rune_status status;
    rune_unit *unit;
    rune_diagnostics *diagnostics;
    rune_error *error;
    struct rn_inputs inputs;
};

static void result_done(struct result *result)
{
    rune_unit_unref(result->unit);
    rune_diagnostics_free(result->diagnostics);
    rune_error_free(result->error);
    rn_inputs_done(&result->inputs);
}

/* BUSY: the file was written to while it was read. */
static enum rn_error read_file(rune_watch *watch, struct script *script, bool insist,
                               rune_sources *sources)
{
    int root = rn_folders_root(watch->folders);
    if (root < 0) {
        return RN_E_NOT_FOUND;
    }
    enum rn_error error = rn_sources_insert_beneath(sources, root, watch->shown, script->path);
    // What happened to the file before it was read has been told by now ...
    rn_folders_read(watch->folders);
    bool torn = script->since_ns != 0;
    if (error == RN_OK && sources->texts[0].size == 0 && !script->was_empty) {
        // ... but for a file that was made empty this moment, to be filled the next.
        script->was_empty = true;
        script->due_ns = rn_after_ns(rn_now_ns(), UNSETTLED_NS);
        return RN_E_BUSY;
    }
    script->was_empty = false;
    return error == RN_OK && torn && !insist ? RN_E_BUSY : error;
}

static enum rn_error build_file(rune_watch *watch, struct script *script, bool insist,
                                struct result *result)
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

static uint64_t bytes_of(const rune_unit *unit)
{
    return unit ? (uint64_t)unit->segment.size + unit->debug_size : 0;
}

/* What does not serve, or not any more, need not be held by a daemon. */
static void give_up_unit(const rune_watch *watch, const struct script *script, rune_unit *unit)
{
    if (unit && watch->remote && !is_same(unit, script->unit)) {
        rn_remote_unit_retire(watch->remote, unit);
    }
    rune_unit_unref(unit);
}

static void drop_result(const rune_watch *watch, const struct script *script, struct result *result)
{
    give_up_unit(watch, script, RN_TAKE(result->unit));
    result_done(result);
}

/* A Unit that would take the folder beyond its bytes is as one that did not compile. */
static void bound(const rune_watch *watch, const struct script *script, struct result *result)
{
    uint64_t bytes = bytes_of(result->unit);
    for (size_t i = 0; result->unit && i < watch->count; i++) {
        bytes += watch->scripts[i] == script ? 0 : bytes_of(watch->scripts[i]->unit);
    }
    if (result->unit && bytes > watch->bytes_max) {
        give_up_unit(watch, script, RN_TAKE(result->unit));
        result->status = rn_fail(&result->error, RUNE_E_TOO_LARGE,
                                 "the Units of all scripts would take more than %llu bytes",
                                 (unsigned long long)watch->bytes_max);
    }
}

/* The result takes the place of what was there, which the caller gets in exchange. */
static void publish(rune_watch *watch, struct script *script, struct result *result)
{
    bool was_broken = script->broken;
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
    } else if (script->good.count == 0) {
        SWAP(script->good, script->inputs);
    }
    SWAP(script->inputs, result->inputs);
    script->untold = script->untold || script->is_new;
    pthread_mutex_unlock(&watch->lock);
    script->is_new = false;
    if (!script->untold && (script->broken || changed || was_broken)) {
        tell(watch, script, script->broken ? RUNE_CHANGE_BROKEN : RUNE_CHANGE_LOADED);
    }
}

/* A file that is not there is given time to come back; then the script goes. */
static void miss(rune_watch *watch, struct script *script)
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
    give_up_unit(watch, script, unit);
    if (!script->is_new && !script->untold) {
        tell(watch, script, RUNE_CHANGE_GONE);
    }
    remove_script(watch, script);
}

static bool is_lost(const rune_watch *watch)
{
    return watch->remote && rn_remote_is_lost(watch->remote);
}

/* The machine's fault rather than the script's: worth another try. A connection does not come back. */
static bool is_passing(const rune_watch *watch, rune_status status)
{
    return !is_lost(watch) && status != RUNE_OK && status != RUNE_E_COMPILE_FAILED &&
           status != RUNE_E_LIMIT && status != RUNE_E_TOO_LARGE && status != RUNE_E_DENIED &&
           status != RUNE_E_CLOSED && status != RUNE_E_FORKED;
}

/* A file that others use is not built for itself. */
static void look_at_module(rune_watch *watch, struct script *script)
{
    int root = rn_folders_root(watch->folders);
    if (root < 0 || faccessat(root, script->path, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        remove_script(watch, script);
    }
}

static void sleep_until(rune_watch *watch, uint64_t at_ns)
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
static bool settle(rune_watch *watch, const struct script *script, uint64_t since_ns)
{
    uint64_t until_ns = rn_after_ns(since_ns, watch->settle_ns);
    if (rn_now_ns() >= until_ns) {
        return true;
    }
    while (script->since_ns == 0 && rn_now_ns() < until_ns && !atomic_load(&watch->ending)) {
        sleep_until(watch, until_ns);
        rn_folders_read(watch->folders);
    }
    return script->since_ns == 0;
}

/* Looks at one that is due; it may be gone afterwards. */
static void rebuild(rune_watch *watch, struct script *script)
{
    struct result result = {.status = RUNE_OK};
    uint64_t since_ns = script->since_ns;
    script->due_ns = 0;
    script->since_ns = 0;
    script->is_patient = true;
    if (script->is_module) {
        look_at_module(watch, script);
        return;
    }
    bool insist = since_ns != 0 && rn_now_ns() >= rn_after_ns(since_ns, UNSETTLED_MAX_NS);
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
    bound(watch, script, &result);
    if (is_passing(watch, result.status) && script->due_ns == 0) {
        script->due_ns = rn_after_ns(rn_now_ns(), RETRY_NS);
    }
    publish(watch, script, &result);
    drop_result(watch, script, &result);
}

/* Modules */

static void mark_used(rune_watch *watch, const struct script *script,
                      const struct rn_inputs *inputs)
{
    char path[RN_FOLDER_PATH_MAX];
    size_t folder = folder_size(script);
    for (size_t i = 0; i < inputs->count; i++) {
        size_t size = folder;
        memcpy(path, script->path, folder);
        for (const char *c = inputs->items[i].item; *c && size < sizeof(path); c++) {
            bool colons = c[0] == ':' && c[1] == ':';
            path[size++] = colons ? '/' : *c;
            c += colons;
        }
        struct script *module = find_script(watch, path, size);
        if (module && module != script) {
            module->used = true;
        }
    }
}

static void become_module(rune_watch *watch, struct script *script)
{
    bool told = !script->untold && !script->is_new;
    pthread_mutex_lock(&watch->lock);
    rune_unit *unit = RN_TAKE(script->unit);
    script->is_module = true;
    script->untold = false;
    pthread_mutex_unlock(&watch->lock);
    give_up_unit(watch, script, unit);
    script->due_ns = 0;
    script->since_ns = 0;
    rn_inputs_done(&script->inputs);
    rn_inputs_done(&script->good);
    if (told) {
        tell(watch, script, RUNE_CHANGE_GONE);
    }
}

static void become_script(rune_watch *watch, struct script *script)
{
    pthread_mutex_lock(&watch->lock);
    script->is_module = false;
    pthread_mutex_unlock(&watch->lock);
    script->is_new = true;
    fall_due(watch, script, true);
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
        struct script *script = watch->scripts[i];
        if (script->used && !script->is_module) {
            become_module(watch, script);
        } else if (!script->used && script->is_module) {
            become_script(watch, script);
        } else if (script->untold) {
            pthread_mutex_lock(&watch->lock);
            script->untold = false;
            pthread_mutex_unlock(&watch->lock);
            tell(watch, script, script->broken ? RUNE_CHANGE_BROKEN : RUNE_CHANGE_LOADED);
        }
    }
}

static struct script *first_due(const rune_watch *watch, uint64_t now_ns)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->scripts[i]->due_ns != 0 && watch->scripts[i]->due_ns <= now_ns) {
            return watch->scripts[i];
        }
    }
    return NULL;
}

/* Builds what is due at that time; what falls due meanwhile waits for the next round. */
static void work(rune_watch *watch, uint64_t now_ns)
{
    struct script *script;
    bool worked = false;
    while (!atomic_load(&watch->ending) && (script = first_due(watch, now_ns)) != NULL) {
        (void)rebuild(watch, script);
        worked = true;
    }
    if (worked) {
        sort_out_modules(watch);
    }
}

/* The end of a connection */

/* Nothing of it is built any more, which its error says from now on. */
static void lose(rune_watch *watch, struct script *script)
{
    rune_error *error = NULL;
    (void)rn_remote_fail(watch->remote, &error);
    pthread_mutex_lock(&watch->lock);
    SWAP(script->error, error);
    script->broken = true;
    pthread_mutex_unlock(&watch->lock);
    rune_error_free(error);
    tell(watch, script, RUNE_CHANGE_BROKEN);
}

/* True of one whose build was out. */
static bool has_said_so(const struct script *script)
{
    return script->error && strcmp(rune_error_kind(script->error), "daemon_lost") == 0;
}

/* Once: every script keeps what it has, and says why that is the last. */
static void lose_all(rune_watch *watch)
{
    watch->lost = true;
    for (size_t i = 0; i < watch->count && !atomic_load(&watch->ending); i++) {
        struct script *script = watch->scripts[i];
        if (!script->is_module && !script->is_new && !has_said_so(script)) {
            lose(watch, script);
        }
    }
}

/* The thread */

static void unref_watch(rune_watch *watch);

static uint64_t next_due(const rune_watch *watch)
{
    uint64_t next =
        rn_folders_root(watch->folders) < 0 ? rn_after_ns(rn_now_ns(), ROOT_RETRY_NS) : RN_NEVER_NS;
    for (size_t i = 0; i < watch->count; i++) {
        uint64_t due = watch->scripts[i]->due_ns;
        next = due != 0 && due < next ? due : next;
    }
    return next;
}

/* What woke settle() may have been meant for the thread's own round. */
static bool is_called(const rune_watch *watch)
{
    return atomic_load(&watch->reload) || (!watch->lost && is_lost(watch));
}

static void *serve(void *argument)
{
    rune_watch *watch = argument;
    while (!atomic_load(&watch->ending)) {
        sleep_until(watch, is_called(watch) ? 0 : next_due(watch));
        if (atomic_exchange(&watch->reload, false)) {
            rn_folders_look_again(watch->folders);
        }
        rn_folders_read(watch->folders);
        if (!watch->lost && is_lost(watch)) {
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
    watch->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return watch;
}

static rune_status open_folders(rune_watch *watch, const char *directory, rune_error **error)
{
    enum rn_error failed = rn_folders_new(directory, on_news, watch, &watch->folders);
    if (failed == RN_OK && watch->full) {
        failed = watch->count < SCRIPTS_MAX ? RN_E_NO_MEMORY : RN_E_TOO_LARGE;
    }
    if (failed == RN_OK) {
        return RUNE_OK;
    }
    return rn_fail(error, (rune_status)failed, "%s: %s", directory,
                   failed == RN_E_SYSTEM || failed == RN_E_NOT_FOUND ? strerrordesc_np(errno)
                   : failed == RN_E_TOO_LARGE ? "more scripts, folders or watches than there may be"
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

/* What is there was built: unless the connection was lost over it, the thread takes over. */
static rune_status begin(rune_watch *watch, rune_error **error)
{
    if (is_lost(watch)) {
        return rn_remote_fail(watch->remote, error);
    }
    return start_thread(watch) ? RUNE_OK : rn_fail_plain(error, RN_E_SYSTEM);
}

rune_status rune_watch_new(rune_supervisor *supervisor, const char *directory,
                           const rune_watch_options *options, rune_watch **out_watch,
                           rune_error **error)
{
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
        work(watch, rn_after_ns(rn_now_ns(), UNSETTLED_NS));
        watch->settle_ns =
            options ? options->settle_ns : SETTLE_DEFAULT_NS; // not for what was there
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
        free_script(watch->scripts[i]);
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

/* Under the lock. A new file is a script once it is known that none has it for a module. */
static bool is_script(const struct script *script)
{
    return !script->is_module && !script->untold;
}

/* Under the lock. NULL: there is none of that name. */
static struct script *find_served(const rune_watch *watch, const char *name)
{
    struct script *script = find_script(watch, name, strlen(name));
    return script && is_script(script) ? script : NULL;
}

rune_unit *rune_watch_current(rune_watch *watch, const char *name)
{
    pthread_mutex_lock(&watch->lock);
    const struct script *script = find_served(watch, name);
    rune_unit *unit = script ? rune_unit_ref(script->unit) : NULL;
    pthread_mutex_unlock(&watch->lock);
    return unit;
}

/* Under the lock. */
static enum rn_error copy_diagnostics(const struct script *script, rune_diagnostics *copy)
{
    RN_AUTO(rn_buf) struct rn_buf bytes;
    rn_buf_init(&bytes, JSON_MAX);
    if (!script->diagnostics) {
        return RN_OK;
    }
    RN_TRY(rn_diagnostics_encode(&script->diagnostics->list, true, &bytes));
    return rn_diagnostics_replace(copy, bytes.data, bytes.size);
}

rune_status rune_watch_diagnostics(rune_watch *watch, const char *name,
                                   rune_diagnostics **out_diagnostics)
{
    rune_diagnostics *copy = rune_diagnostics_new();
    if (!copy) {
        return RUNE_E_NO_MEMORY;
    }
    pthread_mutex_lock(&watch->lock);
    const struct script *script = find_served(watch, name);
    enum rn_error error = script ? copy_diagnostics(script, copy) : RN_E_NOT_FOUND;
    pthread_mutex_unlock(&watch->lock);
    if (error != RN_OK) {
        rune_diagnostics_free(copy);
        return (rune_status)error;
    }
    *out_diagnostics = copy;
    return RUNE_OK;
}

static void append_script(struct rn_buf *out, const struct script *script)
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
