/* paths.c: operands to files. */
#include "cli/paths.h"
#include "cli/exit_codes.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

static bool add(struct rn_session *session, struct rn_paths *paths, const char *name)
{
    if (rn_bytes_append(&paths->names, name, strlen(name) + 1)) {
        paths->count++;
        return true;
    }
    session->code = rn_console_take_error(&session->console, NULL);
    return false;
}

static bool is_script(const FTSENT *entry)
{
    const char *name = entry->fts_name;
    return entry->fts_info == FTS_F && entry->fts_namelen > 3 &&
           strcmp(name + entry->fts_namelen - 3, ".rn") == 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool walk(struct rn_session *session, struct rn_paths *paths, FTS *tree)
{
    FTSENT *entry;
    while ((entry = fts_read(tree)) != NULL) {
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) {
            rn_console_complain("%s: %s", entry->fts_path, strerror(entry->fts_errno));
            session->code = RN_EXIT_NO_INPUT;
            return false;
        }
        if (entry->fts_info == FTS_D && entry->fts_level > 0 && entry->fts_name[0] == '.') {
            fts_set(tree, entry, FTS_SKIP);
        } else if (is_script(entry) && !add(session, paths, entry->fts_path)) {
            return false;
        }
    }
    return true;
}

static bool add_folder(struct rn_session *session, struct rn_paths *paths, const char *name)
{
    char *const roots[] = {(char *)name, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (tree == NULL) {
        rn_console_complain("%s: %s", name, strerror(errno));
        session->code = RN_EXIT_NO_INPUT;
        return false;
    }
    size_t before = paths->count;
    bool good = walk(session, paths, tree);
    fts_close(tree);
    if (good && paths->count == before) {
        rn_console_complain("%s: there is no .rn file in this folder", name);
        session->code = RN_EXIT_NO_INPUT;
    }
    return good && paths->count > before;
}

static bool expand(struct rn_session *session, struct rn_paths *paths, const char *name)
{
    struct stat status;
    if (strcmp(name, "-") == 0 || stat(name, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return add(session, paths, name); // what is missing is told when it is read
    }
    if (rn_args_has(session->args, RN_OPTION_RECURSIVE)) {
        return add_folder(session, paths, name);
    }
    rn_console_complain("%s is a folder; -r takes the .rn files in it", name);
    session->code = RN_EXIT_NO_INPUT;
    return false;
}

bool rn_paths_expand(struct rn_session *session, size_t count, struct rn_paths *out_paths)
{
    *out_paths = (struct rn_paths){.count = 0};
    for (size_t i = 0; i < count; i++) {
        if (!expand(session, out_paths, session->args->operands[i])) {
            rn_paths_done(out_paths);
            return false;
        }
    }
    return true;
}

const char *rn_paths_next(const struct rn_paths *paths, const char *name)
{
    const char *next = name == NULL ? paths->names.data : name + strlen(name) + 1;
    return paths->count == 0 || next == paths->names.data + paths->names.size ? NULL : next;
}

void rn_paths_done(struct rn_paths *paths)
{
    rn_bytes_done(&paths->names);
    paths->count = 0;
}
