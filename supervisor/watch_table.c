/* watch_table.c: the scripts of a watch, and which of them news of a file concerns. */
#include "supervisor/watch_state.h"

#include <string.h>

#include "base/alloc.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"

/* Saves that follow each other are not waited for longer than this. */
#define HOLD_NS UINT64_C(20000000)

void rn_watch_script_free(struct rn_watch_script *script)
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

struct rn_watch_script *rn_watch_find(const rune_watch *watch, const char *name, size_t size)
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

static struct rn_watch_script *new_script(const char *path, size_t name_size)
{
    struct rn_watch_script *script = rn_alloc(sizeof(*script));
    if (!script) {
        return NULL;
    }
    script->name = rn_strndup(path, name_size);
    script->path = rn_strndup(path, strlen(path));
    script->is_new = true;
    if (!script->name || !script->path) {
        rn_watch_script_free(script);
        return NULL;
    }
    return script;
}

/* A file that was not known; NULL if it is no script, or there is no room for it. */
static struct rn_watch_script *add_script(rune_watch *watch, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = strlen(path) - strlen(".rn");
    if (strcmp(slash ? slash + 1 : path, "mod.rn") == 0) {
        return NULL;
    }
    struct rn_watch_script *script =
        watch->count < RN_WATCH_SCRIPTS_MAX ? new_script(path, size) : NULL;
    pthread_mutex_lock(&watch->lock);
    bool room = script && grow(watch);
    if (room) {
        size_t at = place_of(watch, path, size);
        memmove(&watch->scripts[at + 1], &watch->scripts[at],
                (watch->count - at) * sizeof(struct rn_watch_script *));
        watch->scripts[at] = script;
        watch->count++;
    }
    pthread_mutex_unlock(&watch->lock);
    if (!room) {
        if (script) {
            rn_watch_script_free(script);
        }
        if (!watch->full) {
            rn_supervisor_log(watch->supervisor, 1, "watch: %s: no room for more scripts", path);
        }
        watch->full = true;
        return NULL;
    }
    return script;
}

void rn_watch_remove(rune_watch *watch, struct rn_watch_script *script)
{
    pthread_mutex_lock(&watch->lock);
    size_t at = place_of(watch, script->name, strlen(script->name));
    memmove(&watch->scripts[at], &watch->scripts[at + 1],
            (watch->count - at - 1) * sizeof(struct rn_watch_script *));
    watch->count--;
    watch->full = false;
    pthread_mutex_unlock(&watch->lock);
    rn_watch_script_free(script);
}

/* News */

/* Bytes of the folder that a script stands in, with the slash. */
size_t rn_watch_folder_size(const struct rn_watch_script *script)
{
    const char *slash = strrchr(script->path, '/');
    return slash ? (size_t)(slash - script->path) + 1 : 0;
}

static bool uses(const struct rn_watch_script *script, const struct rn_inputs *inputs,
                 const char *path)
{
    size_t folder = rn_watch_folder_size(script);
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
static bool reaches_into(const struct rn_watch_script *script, const char *path)
{
    size_t folder = rn_watch_folder_size(script);
    bool above =
        script->inputs.count + script->good.count > 0 && strncmp(path, script->path, folder) == 0;
    return above || strncmp(script->path, path, strlen(path)) == 0;
}

static bool concerns(const struct rn_watch_script *script, const char *path)
{
    size_t size = strlen(path);
    if (size == 0 || path[size - 1] == '/') {
        return reaches_into(script, path);
    }
    return strcmp(script->path, path) == 0 || uses(script, &script->inputs, path) ||
           uses(script, &script->good, path);
}

/* A first save is built at once; saves that follow it put the next build off, within bounds. */
void rn_watch_fall_due(const rune_watch *watch, struct rn_watch_script *script, bool settled)
{
    uint64_t now = rn_now_ns();
    if (script->since_ns == 0) {
        script->since_ns = now;
    }
    uint64_t settle_ns = script->is_patient ? watch->settle_ns : 0;
    uint64_t wait_ns = settled ? settle_ns : RN_WATCH_UNSETTLED_NS;
    uint64_t hold_ns = settled ? HOLD_NS : RN_WATCH_UNSETTLED_MAX_NS;
    uint64_t at = rn_after_ns(now, wait_ns);
    uint64_t latest = rn_after_ns(script->since_ns, hold_ns > wait_ns ? hold_ns : wait_ns);
    script->due_ns = at < latest ? at : latest > now ? latest : now;
    script->was_empty = false;
}

bool rn_watch_on_news(void *user, enum rn_news news, const char *path)
{
    rune_watch *watch = user;
    bool known = false;
    for (size_t i = 0; i < watch->count; i++) {
        struct rn_watch_script *script = watch->scripts[i];
        if (concerns(script, path) && (!script->is_module || news >= RN_NEWS_GONE)) {
            rn_watch_fall_due(watch, script, news == RN_NEWS_SAVED);
        }
        known = known || strcmp(script->path, path) == 0;
    }
    if (!known && news <= RN_NEWS_WRITTEN) {
        struct rn_watch_script *script = add_script(watch, path);
        if (script) {
            rn_watch_fall_due(watch, script, news == RN_NEWS_SAVED);
        }
    }
    return !atomic_load(&watch->ending);
}
