/*
 * roots.c: which scripts are compiled, and when.
 *
 * A document that is no module of a script known so far is a root itself, or leads to one (analysis.h). A root
 * stays for as long as it, or one of its modules, is open.
 */
#include "cli/lsp/server.h"

#include <string.h>

struct rn_lsp_root *rn_lsp_root_at(const struct rn_lsp_server *server, size_t index)
{
    return (struct rn_lsp_root *)(void *)server->roots.data + index;
}

static bool has_path(const struct rn_lsp_root *root, const char *path)
{
    return strcmp(root->path.data, path) == 0 ||
           rn_lsp_texts_find(&root->answer.texts, path) != NULL;
}

/* ---- Touching ---- */

static void touch(struct rn_lsp_root *root, bool at_once)
{
    uint64_t now = rn_lsp_now_ns();
    root->since_ns = root->since_ns == 0 ? now : root->since_ns;
    uint64_t latest = root->since_ns + RN_LSP_PATIENCE_NS;
    uint64_t due = at_once ? now : now + RN_LSP_SETTLE_NS;
    root->due_ns = due < latest ? due : latest;
}

static void add_root(struct rn_lsp_server *server, const char *path, bool seeks)
{
    struct rn_lsp_root root = {.seeks = seeks};
    size_t size = strlen(path);
    if (server->root_count >= RN_LSP_ROOTS_MAX || !rn_bytes_append(&root.path, path, size + 1) ||
        !rn_bytes_append(&server->roots, (const char *)&root, sizeof root)) {
        rn_bytes_done(&root.path);
        rn_lsp_log(server, "too many scripts are open: one more is not compiled");
        return;
    }
    touch(rn_lsp_root_at(server, server->root_count++), true);
}

void rn_lsp_roots_touch(struct rn_lsp_server *server, const struct rn_lsp_document *document,
                        bool at_once)
{
    bool known = false;
    for (size_t i = 0; i < server->root_count; i++) {
        struct rn_lsp_root *root = rn_lsp_root_at(server, i);
        if (has_path(root, document->path.data)) {
            touch(root, at_once);
            known = true;
        }
    }
    if (!known && !document->is_lost) {
        add_root(server, document->path.data, document->is_file);
    }
}

void rn_lsp_roots_touch_all(struct rn_lsp_server *server)
{
    for (size_t i = 0; i < server->root_count; i++) {
        touch(rn_lsp_root_at(server, i), false);
    }
}

/* ---- The end of a root ---- */

static bool is_wanted(const struct rn_lsp_server *server, const struct rn_lsp_root *root)
{
    for (size_t i = 0; i < server->documents.count; i++) {
        if (has_path(root, rn_lsp_document_at(&server->documents, i)->path.data)) {
            return true;
        }
    }
    return false;
}

/* What it said is taken back. */
static void remove_root(struct rn_lsp_server *server, size_t index)
{
    struct rn_lsp_root gone = *rn_lsp_root_at(server, index);
    server->root_count--;
    server->roots.size -= sizeof gone;
    *rn_lsp_root_at(server, index) = *rn_lsp_root_at(server, server->root_count);
    rn_lsp_publish(server, &gone.answer.texts);
    rn_bytes_done(&gone.path);
    rn_lsp_answer_done(&gone.answer);
}

void rn_lsp_roots_tidy(struct rn_lsp_server *server)
{
    for (size_t i = server->root_count; i > 0; i--) {
        if (!is_wanted(server, rn_lsp_root_at(server, i - 1))) {
            remove_root(server, i - 1);
        }
    }
}

/* ---- Compiling ---- */

/* Its own folder, or that of the workspace if it is in it. */
static bool set_top(const struct rn_lsp_server *server, const char *path, struct rn_bytes *top)
{
    const char *slash = strrchr(path, '/');
    size_t size = server->top.size;
    bool inside = size > 0 && strncmp(path, server->top.data, size) == 0 && path[size] == '/';
    size = inside ? size : slash == NULL ? 0 : (size_t)(slash - path);
    bool good = rn_bytes_append(top, path, size) && rn_bytes_append(top, "", 1);
    top->size = good ? size : 0;
    return good;
}

static bool ask(struct rn_lsp_server *server, const struct rn_lsp_root *root)
{
    struct rn_lsp_question *question = &server->question;
    rn_lsp_question_done(question);
    question->seeks = root->seeks;
    return rn_bytes_append(&question->path, root->path.data, root->path.size) &&
           set_top(server, root->path.data, &question->top) &&
           rn_lsp_documents_copy(&server->documents, &question->open);
}

/* Without memory it is tried again when something changes. */
static void give(struct rn_lsp_server *server, struct rn_lsp_root *root)
{
    bool good = ask(server, root);
    root->since_ns = 0;
    root->due_ns = 0;
    root->asked = good;
    if (good) {
        rn_lsp_desk_give(&server->analyst);
    }
}

uint64_t rn_lsp_roots_work(struct rn_lsp_server *server)
{
    struct rn_lsp_root *first = NULL;
    for (size_t i = 0; i < server->root_count; i++) {
        struct rn_lsp_root *root = rn_lsp_root_at(server, i);
        if (root->due_ns != 0 && (first == NULL || root->due_ns < first->due_ns)) {
            first = root;
        }
    }
    if (first == NULL || !rn_lsp_desk_rests(&server->analyst)) {
        return UINT64_MAX; // the desk says when it is done
    }
    if (first->due_ns > rn_lsp_now_ns()) {
        return first->due_ns;
    }
    give(server, first);
    return UINT64_MAX;
}

/* ---- What came out ---- */

static size_t find_root(const struct rn_lsp_server *server, const char *path)
{
    for (size_t i = 0; i < server->root_count; i++) {
        if (strcmp(rn_lsp_root_at(server, i)->path.data, path) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* The root that was asked about turned out to be a module of another one, which takes its place. */
static size_t follow(struct rn_lsp_server *server, size_t index, const char *script)
{
    size_t other = find_root(server, script);
    struct rn_lsp_root *root = rn_lsp_root_at(server, index);
    struct rn_bytes path = {0};
    if (other != SIZE_MAX && other != index) {
        remove_root(server, index);
        return find_root(server, script);
    }
    if (rn_bytes_append(&path, script, strlen(script) + 1)) {
        rn_bytes_done(&root->path);
        root->path = path;
    }
    return index;
}

/* What was a module before, and is none any more. */
static void take_back(struct rn_lsp_server *server, const struct rn_lsp_texts *before,
                      const struct rn_lsp_texts *now)
{
    for (size_t i = 0; i < before->count; i++) {
        const char *path = rn_lsp_texts_at(before, i)->path;
        const struct rn_lsp_document *document = rn_lsp_document_of_path(&server->documents, path);
        if (rn_lsp_texts_find(now, path) == NULL) {
            rn_lsp_publish_path(server, path);
            if (document != NULL) { // it is on its own now, or another script's
                rn_lsp_roots_touch(server, document, true);
            }
        }
    }
}

static void keep(struct rn_lsp_server *server, struct rn_lsp_root *root)
{
    struct rn_lsp_answer before = root->answer;
    root->answer = server->answer;
    root->has_answer = true;
    root->asked = false;
    root->seeks = false;
    server->answer = (struct rn_lsp_answer){.is_script = false};
    rn_lsp_publish(server, &root->answer.texts);
    take_back(server, &before.texts, &root->answer.texts);
    rn_lsp_answer_done(&before);
}

/* Roots that are modules of this one mean nothing on their own. */
static void absorb(struct rn_lsp_server *server, const char *path)
{
    for (size_t i = server->root_count; i > 0; i--) {
        size_t by = find_root(server, path);
        const char *other = rn_lsp_root_at(server, i - 1)->path.data;
        if (by != i - 1 &&
            rn_lsp_texts_find(&rn_lsp_root_at(server, by)->answer.texts, other) != NULL) {
            remove_root(server, i - 1);
        }
    }
}

void rn_lsp_roots_take(struct rn_lsp_server *server)
{
    if (!rn_lsp_desk_take(&server->analyst)) {
        return;
    }
    size_t index = find_root(server, server->question.path.data);
    const struct rn_lsp_texts *texts = &server->answer.texts;
    const char *script =
        texts->count == 0 ? server->question.path.data : rn_lsp_texts_at(texts, 0)->path;
    if (index != SIZE_MAX && strcmp(script, server->question.path.data) != 0) {
        index = follow(server, index, script);
    }
    if (index == SIZE_MAX) { // closed meanwhile
        rn_lsp_answer_done(&server->answer);
        return;
    }
    struct rn_bytes path = {0};
    bool named = rn_bytes_append(&path, script, strlen(script) + 1);
    keep(server, rn_lsp_root_at(server, index));
    if (named && find_root(server, path.data) != SIZE_MAX) {
        absorb(server, path.data);
    }
    rn_bytes_done(&path);
    rn_lsp_roots_tidy(server);
}
