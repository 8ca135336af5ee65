/*
 * roots.c: modules are told from scripts by the outlines of all.
 *
 * A file that some other one loads is a module, if that other one is a script itself: of two that load each
 * other neither is left out. Files are compared by inode, as their names may be written in different ways. A
 * script whose outline cannot be had tells of no modules; what is wrong with it is said when it is compiled.
 */
#include "cli/roots.h"

#include "cli/outline.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    const char *path;
    struct stat about;
    bool is_loaded; /* by some other file */
    bool is_module; /* of a script */
};

/* That file `by` loads file `of`. */
struct load {
    size_t by;
    size_t of;
};

struct roots {
    struct rn_bytes room; /* of the files */
    struct file *files;
    size_t count;
    struct rn_bytes loads; /* struct load */
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* A file may be there more than once. False: no memory. */
static bool add_load(struct roots *roots, size_t by, const char *source)
{
    struct stat about;
    if (stat(source, &about) != 0 || is_same(&about, &roots->files[by].about)) {
        return true; // gone meanwhile, or itself
    }
    bool good = true;
    for (size_t of = 0; good && of < roots->count; of++) {
        struct load load = {by, of};
        if (is_same(&about, &roots->files[of].about)) {
            good = rn_bytes_append(&roots->loads, (const char *)&load, sizeof(load));
        }
    }
    return good;
}

/* False: no memory. */
static bool add_loads_of(struct rn_session *session, struct roots *roots, size_t by)
{
    struct rn_outline outline;
    const char *path = roots->files[by].path;
    if (access(path, R_OK) != 0 || !rn_outline_read(session, path, true, &outline)) {
        return true;
    }
    bool good = true;
    const char *before = path;
    for (size_t i = 0; good && i < outline.count; i++) {
        const char *source = rn_outline_at(&outline, i)->source;
        if (strcmp(source, before) != 0) {
            good = add_load(roots, by, source);
            before = source;
        }
    }
    rn_outline_done(&outline);
    return good;
}

static void find_modules(struct roots *roots)
{
    const struct load *loads = (const void *)roots->loads.data;
    size_t count = roots->loads.size / sizeof(*loads);
    for (size_t i = 0; i < count; i++) {
        roots->files[loads[i].of].is_loaded = true;
    }
    for (size_t i = 0; i < count; i++) {
        struct file *of = &roots->files[loads[i].of];
        of->is_module = of->is_module || !roots->files[loads[i].by].is_loaded;
    }
}

static bool is_named(const struct rn_args *args, const char *path)
{
    for (size_t i = 0; i < args->operand_count; i++) {
        if (strcmp(args->operands[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static bool keep_scripts(const struct rn_args *args, const struct roots *roots,
                         struct rn_paths *out_kept)
{
    bool good = true;
    for (size_t i = 0; good && i < roots->count; i++) {
        const char *path = roots->files[i].path;
        if (!roots->files[i].is_module || is_named(args, path)) {
            good = rn_bytes_append(&out_kept->names, path, strlen(path) + 1);
            out_kept->count++;
        }
    }
    return good;
}

static bool add_files(struct roots *roots, const struct rn_paths *paths)
{
    bool good = true;
    for (const char *path = rn_paths_next(paths, NULL); good && path != NULL;
         path = rn_paths_next(paths, path)) {
        struct file file = {.path = path};
        if (stat(path, &file.about) != 0) {
            file.about = (struct stat){.st_ino = 0}; // no file's
        }
        good = rn_bytes_append(&roots->room, (const char *)&file, sizeof(file));
        roots->count++;
    }
    roots->files = (void *)roots->room.data;
    return good;
}

static bool look_at_all(struct rn_session *session, const struct rn_paths *paths,
                        struct roots *roots)
{
    bool good = add_files(roots, paths);
    for (size_t i = 0; good && i < roots->count; i++) {
        good = add_loads_of(session, roots, i);
    }
    if (good) {
        find_modules(roots);
    }
    return good;
}

bool rn_roots_only(struct rn_session *session, struct rn_paths *paths)
{
    struct roots roots = {.files = NULL};
    struct rn_paths kept = {.count = 0};
    int code = session->code;
    if (!rn_args_has(session->args, RN_OPTION_RECURSIVE) || paths->count < 2) {
        return true;
    }
    bool good = look_at_all(session, paths, &roots) && keep_scripts(session->args, &roots, &kept);
    session->code = good ? code : rn_console_take_error(&session->console, NULL);
    rn_bytes_done(&roots.room);
    rn_bytes_done(&roots.loads);
    rn_paths_done(good ? paths : &kept);
    *paths = good ? kept : *paths;
    return good;
}
