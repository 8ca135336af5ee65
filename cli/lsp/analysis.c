/* analysis.c: builds and outlines of what is open. */
#include "cli/lsp/analysis.h"

#include "cli/lsp/modules.h"
#include "cli/lsp/server.h"
#include "cli/members.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* After that no further script is looked at for having a module. */
#define SEEK_NS UINT64_C(5000000000)
#define FOLDERS_MAX 8u
#define CANDIDATES_MAX 16u /* of each */
#define NAMES_MAX 1024u    /* of a folder, of which those are the first */

void rn_lsp_question_done(struct rn_lsp_question *question)
{
    rn_lsp_texts_done(&question->open);
    rn_bytes_done(&question->path);
    rn_bytes_done(&question->top);
}

void rn_lsp_answer_done(struct rn_lsp_answer *answer)
{
    rn_lsp_texts_done(&answer->texts);
    rune_value_unref(answer->diagnostics);
    rune_text_free(answer->failure);
    rn_lsp_index_done(&answer->index);
    *answer = (struct rn_lsp_answer){.is_script = false};
}

static void fail(struct rn_lsp_answer *answer, const char *why)
{
    rune_text_free(answer->failure);
    answer->failure = rune_text_new(why, strlen(why));
}

/* ---- Asking ---- */

struct asking {
    const struct rn_lsp_question *question;
    struct rn_lsp_modules modules;
    rune_sources *sources;
    rune_options *options;
    rune_diagnostics *diagnostics;
    rune_error *error;
};

static void asking_done(struct asking *asking)
{
    rune_sources_free(asking->sources);
    rune_options_free(asking->options);
    rune_diagnostics_free(asking->diagnostics);
    rune_error_free(asking->error);
}

/* The script at `path`, whose texts go to `used`. */
static rune_status begin(struct asking *asking, const struct rn_lsp_question *question,
                         const char *path, bool is_script, struct rn_lsp_texts *used)
{
    const struct rn_lsp_text *root = NULL;
    *asking = (struct asking){.question = question,
                              .modules = {.open = &question->open,
                                          .used = used,
                                          .follows = strcmp(path, question->path.data) == 0},
                              .sources = rune_sources_new(),
                              .options = rune_options_new(),
                              .diagnostics = rune_diagnostics_new()};
    if (asking->sources == NULL || asking->options == NULL || asking->diagnostics == NULL) {
        return RUNE_E_NO_MEMORY;
    }
    rune_options_set_script(asking->options, is_script);
    rune_sources_set_loader(asking->sources, rn_lsp_modules_load, &asking->modules);
    rune_status status = rn_lsp_modules_root(&asking->modules, path, &root);
    return status == RUNE_OK ? rune_sources_insert_memory(asking->sources, root->path, root->data,
                                                          root->size, &asking->error)
                             : status;
}

static void take_diagnostics(const struct asking *asking, struct rn_lsp_answer *answer)
{
    rune_text *text = NULL;
    rune_value_unref(answer->diagnostics);
    answer->diagnostics = NULL;
    if (rune_diagnostics_to_json(asking->diagnostics, &text) != RUNE_OK ||
        rune_value_from_json(rune_text_data(text), rune_text_size(text), &answer->diagnostics,
                             NULL) != RUNE_OK) {
        fail(answer, "not enough memory for the diagnostics");
    }
    rune_text_free(text);
}

/* A build, for its diagnostics. */
static void build(const struct rn_lsp_question *question, const char *path, bool is_script,
                  struct rn_lsp_answer *answer)
{
    struct asking asking;
    rune_unit *unit = NULL;
    answer->is_script = is_script;
    rune_status status = begin(&asking, question, path, is_script, &answer->texts);
    if (status == RUNE_OK) {
        status = rune_build(question->supervisor, asking.sources, NULL, asking.options,
                            asking.diagnostics, &unit, &asking.error);
    }
    rune_unit_unref(unit);
    if (status == RUNE_OK || status == RUNE_E_COMPILE_FAILED) {
        take_diagnostics(&asking, answer);
    } else {
        fail(answer,
             asking.error == NULL ? rune_status_message(status) : rune_error_message(asking.error));
    }
    asking_done(&asking);
}

/* What names mean in the very texts that were built. */
static void find_names(const struct rn_lsp_question *question, struct rn_lsp_answer *answer)
{
    struct asking asking;
    struct rn_lsp_texts used = {.count = 0};
    struct rn_lsp_question same = {
        .supervisor = question->supervisor, .open = answer->texts, .path = question->path};
    rune_text *text = NULL;
    if (answer->texts.count == 0 || answer->failure != NULL) {
        return;
    }
    rune_status status =
        begin(&asking, &same, rn_lsp_texts_at(&answer->texts, 0)->path, answer->is_script, &used);
    if (status == RUNE_OK) {
        status = rune_names(question->supervisor, asking.sources, asking.options,
                            asking.diagnostics, &text, &asking.error);
    }
    if (status == RUNE_OK) {
        (void)rn_lsp_index_parse(rune_text_data(text), rune_text_size(text), &answer->texts,
                                 &answer->index);
    }
    rune_text_free(text);
    asking_done(&asking);
    rn_lsp_texts_done(&used);
}

/* ---- Module or script ---- */

/* Where in the script the first error is: SIZE_MAX: there is none at all; elsewhere: 0. */
static size_t first_error(const struct rn_lsp_answer *answer)
{
    rune_const_value *row;
    rune_value_iter at;
    size_t first = answer->failure == NULL ? SIZE_MAX : 0;
    rune_value_iter_init(&at, answer->diagnostics);
    while (first == SIZE_MAX && rune_value_iter_next(&at, &row) == RUNE_OK) {
        char word[16];
        if (strcmp(rn_member_text(row, "severity", word, sizeof word), "error") == 0) {
            rune_const_value *span = rune_value_get(row, "span");
            first = (size_t)rn_member_number(span, "start");
            rune_value_unref(span);
        }
        rune_value_unref(row);
    }
    return first;
}

static void build_either(const struct rn_lsp_question *question, const char *path,
                         struct rn_lsp_answer *answer)
{
    struct rn_lsp_answer other = {.is_script = true};
    build(question, path, false, answer);
    size_t first = first_error(answer);
    if (first == SIZE_MAX || answer->failure != NULL) {
        return;
    }
    build(question, path, true, &other);
    if (other.failure == NULL && first_error(&other) > first) {
        struct rn_lsp_answer worse = *answer;
        *answer = other;
        other = worse;
    }
    rn_lsp_answer_done(&other);
}

/* ---- Looking for the script of a module ---- */

/* True if the file at `path` has the one in question for a module. */
static bool has_module(const struct rn_lsp_question *question, const char *path)
{
    struct asking asking;
    struct rn_lsp_texts used = {.count = 0};
    rune_text *text = NULL;
    rune_status status = begin(&asking, question, path, false, &used);
    if (status == RUNE_OK) {
        status = rune_outline(question->supervisor, asking.sources, asking.options,
                              asking.diagnostics, &text, &asking.error);
    }
    bool has = status == RUNE_OK || status == RUNE_E_COMPILE_FAILED;
    has = has && rn_lsp_texts_find(&used, question->path.data) != NULL;
    rune_text_free(text);
    asking_done(&asking);
    rn_lsp_texts_done(&used);
    return has;
}

/* 0 of files that are mostly scripts with modules. */
static int rank_of(const char *path)
{
    static const char *const first[] = {"/main.rn", "/mod.rn", "/lib.rn"};
    const char *name = strrchr(path, '/');
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        if (strcmp(name, first[i]) == 0) {
            return 0;
        }
    }
    return 1;
}

static int compare(const void *a, const void *b)
{
    const char *left = *(const char *const *)a;
    const char *right = *(const char *const *)b;
    int order = rank_of(left) - rank_of(right);
    return order != 0 ? order : strcmp(left, right);
}

/* The scripts of a folder, the likely ones first, then by name. */
static size_t list_scripts(const char *folder, struct rn_store *store,
                           const char *out_paths[NAMES_MAX])
{
    DIR *directory = opendir(folder);
    size_t count = 0;
    struct dirent *entry;
    while (directory != NULL && count < NAMES_MAX && (entry = readdir(directory)) != NULL) {
        size_t size = strlen(entry->d_name);
        size_t before = strlen(folder);
        bool fits =
            size > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + size - 3, ".rn") == 0;
        char *path = fits ? rn_store_take(store, before + size + 1) : NULL;
        if (path != NULL) {
            memcpy(path, folder, before);
            memcpy(path + before, entry->d_name, size);
            out_paths[count++] = path;
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    qsort(out_paths, count, sizeof *out_paths, compare);
    return count < CANDIDATES_MAX ? count : CANDIDATES_MAX;
}

static const char *seek_in(const struct rn_lsp_question *question, const char *folder,
                           struct rn_store *store, uint64_t until_ns)
{
    const char *paths[NAMES_MAX];
    size_t count = list_scripts(folder, store, paths);
    for (size_t i = 0; i < count && rn_lsp_now_ns() < until_ns; i++) {
        if (strcmp(paths[i], question->path.data) != 0 && has_module(question, paths[i])) {
            return paths[i];
        }
    }
    return NULL;
}

/* The script that has the path in question for a module, else that path: of those in its own folder and above
 * the uppermost, as what lies between may be a module of it itself. */
static const char *seek(const struct rn_lsp_question *question, struct rn_store *store)
{
    const char *found = question->path.data;
    uint64_t until_ns = rn_lsp_now_ns() + SEEK_NS;
    char *folder = rn_store_copy(store, found, strlen(found));
    for (unsigned i = 0; i < FOLDERS_MAX && folder != NULL; i++) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || (i > 0 && (size_t)(slash - folder) < question->top.size)) {
            break;
        }
        slash[1] = 0;
        const char *script = seek_in(question, folder, store, until_ns);
        found = script == NULL ? found : script;
        *slash = 0;
    }
    return found;
}

void rn_lsp_analyse(const struct rn_lsp_question *question, struct rn_lsp_answer *out_answer)
{
    struct rn_store store = {.left = 0};
    const char *path = question->seeks ? seek(question, &store) : question->path.data;
    *out_answer = (struct rn_lsp_answer){.is_script = false};
    build_either(question, path, out_answer);
    find_names(question, out_answer);
    rn_store_done(&store);
}
