/*
 * publish.c: diagnostics of a compiler as those of an editor.
 *
 * Each goes to the document that it is about, with places in other ones beside it. A document that several
 * scripts have for a module gets what the compilation of any of them says, each thing once.
 *
 * Trust: reads diagnostics of compilers.
 */
#include "cli/lsp/queries.h"

#include "cli/members.h"

#include <string.h>

#define PER_DOCUMENT_MAX 512u

struct page {
    struct rn_lsp_server *server;
    const char *path;
    const struct rn_lsp_answer *answer;
    struct rn_lsp_out out; /* the array so far */
    size_t count;
};

/* ---- Pieces ---- */

/* The text that a span is in; NULL: nowhere. */
static const struct rn_lsp_text *text_of(const struct rn_lsp_answer *answer,
                                         const rune_const_value *span)
{
    rune_const_value *file = rune_value_get(span, "file");
    size_t index = SIZE_MAX;
    const char *data;
    size_t size;
    if (rune_value_get_string(file, &data, &size)) {
        index = rn_lsp_texts_index(&answer->texts, data, size);
    }
    rune_value_unref(file);
    return index == SIZE_MAX ? NULL : rn_lsp_texts_at(&answer->texts, index);
}

static size_t place(const rune_const_value *span, const char *key, size_t size)
{
    long long number = rn_member_number(span, key);
    return number < 0 ? 0 : (size_t)number < size ? (size_t)number : size;
}

/* A place of no width becomes the character there, so that it can be seen. */
static void put_span(struct page *page, struct rn_lsp_out *out, const struct rn_lsp_text *text,
                     const rune_const_value *span)
{
    size_t start = place(span, "start", text->size);
    size_t end = place(span, "end", text->size);
    if (end <= start) {
        bool seen = start < text->size && text->data[start] != '\n' && text->data[start] != '\r';
        end = start + (seen ? rn_lsp_char_size(text->data + start, text->size - start) : 0);
    }
    rn_lsp_put_range(out, rn_lsp_text_position(text, start, page->server->encoding),
                     rn_lsp_text_position(text, end, page->server->encoding));
}

/* ---- Messages ---- */

/* A string under a key, without the rest of the string. */
static void add_text(struct rn_bytes *all, const char *before, const rune_const_value *value,
                     bool *good)
{
    const char *data;
    size_t size;
    if (rune_value_get_string(value, &data, &size) && size > 0) {
        *good = *good && rn_bytes_append(all, before, strlen(before)) &&
                rn_bytes_append(all, data, size);
    }
}

static void add_texts(struct rn_bytes *all, const char *before, const rune_const_value *row,
                      const char *key, bool *good)
{
    rune_const_value *list = rune_value_get(row, key);
    rune_const_value *text;
    rune_value_iter at;
    rune_value_iter_init(&at, list);
    while (rune_value_iter_next(&at, &text) == RUNE_OK) {
        add_text(all, before, text, good);
        rune_value_unref(text);
    }
    rune_value_unref(list);
}

/* The message, what is said of its place, notes and helps. */
static void put_message(struct rn_lsp_out *out, const rune_const_value *row)
{
    struct rn_bytes all = {0};
    rune_const_value *message = rune_value_get(row, "message");
    rune_const_value *text = rune_value_get(row, "text");
    bool good = true;
    add_text(&all, "", message, &good);
    add_text(&all, ": ", text, &good);
    add_texts(&all, "\nnote: ", row, "notes", &good);
    add_texts(&all, "\nhelp: ", row, "helps", &good);
    out->failed = out->failed || !good;
    rn_lsp_put_string(out, all.size == 0 ? "" : all.data, all.size);
    rune_value_unref(text);
    rune_value_unref(message);
    rn_bytes_done(&all);
}

static void put_label(struct page *page, struct rn_lsp_out *out, const rune_const_value *label)
{
    rune_const_value *span = rune_value_get(label, "span");
    rune_const_value *said = rune_value_get(label, "text");
    const struct rn_lsp_text *text = text_of(page->answer, span);
    const char *data = "";
    size_t size = 0;
    (void)rune_value_get_string(said, &data, &size);
    if (text != NULL) {
        rn_lsp_put_comma(out);
        rn_lsp_put(out, "{\"location\":{\"uri\":");
        rn_lsp_put_uri(page->server, out, text->path);
        rn_lsp_put(out, ",\"range\":");
        put_span(page, out, text, span);
        rn_lsp_put(out, "},\"message\":");
        rn_lsp_put_string(out, data, size);
        rn_lsp_put(out, "}");
    }
    rune_value_unref(said);
    rune_value_unref(span);
}

static void put_labels(struct page *page, struct rn_lsp_out *out, const rune_const_value *row)
{
    rune_const_value *labels = rune_value_get(row, "labels");
    rune_const_value *label;
    rune_value_iter at;
    if (rune_value_count(labels) > 0) {
        rn_lsp_put(out, ",\"relatedInformation\":[");
        rune_value_iter_init(&at, labels);
        while (rune_value_iter_next(&at, &label) == RUNE_OK) {
            put_label(page, out, label);
            rune_value_unref(label);
        }
        rn_lsp_put(out, "]");
    }
    rune_value_unref(labels);
}

/* ---- One diagnostic ---- */

static void put_diagnostic(struct page *page, struct rn_lsp_out *out, const rune_const_value *row,
                           const rune_const_value *span)
{
    char word[32];
    const struct rn_lsp_text *text = text_of(page->answer, span);
    text = text == NULL ? rn_lsp_texts_at(&page->answer->texts, 0) : text;
    rn_member_text(row, "severity", word, sizeof word);
    rn_lsp_put(out, "{\"range\":");
    put_span(page, out, text, span);
    rn_lsp_put(out, strcmp(word, "error") == 0 ? ",\"severity\":1" : ",\"severity\":2");
    rn_lsp_put(out, ",\"source\":\"rune\",\"code\":");
    rn_member_text(row, "code", word, sizeof word);
    rn_lsp_put_text(out, word);
    if (strcmp(word, "W0001") == 0) {
        rn_lsp_put(out, ",\"tags\":[1]"); // unused: shown faintly
    }
    rn_lsp_put(out, ",\"message\":");
    put_message(out, row);
    put_labels(page, out, row);
    rn_lsp_put(out, "}");
}

/* Bytes that are there already, between commas or brackets. */
static bool has(const struct page *page, const struct rn_lsp_out *one)
{
    return one->bytes.size > 0 && page->out.bytes.size > 0 &&
           memmem(page->out.bytes.data, page->out.bytes.size, one->bytes.data, one->bytes.size) !=
               NULL;
}

static void add(struct page *page, struct rn_lsp_out *one)
{
    if (!has(page, one) && page->count < PER_DOCUMENT_MAX) {
        rn_lsp_put_comma(&page->out);
        rn_lsp_put_bytes(&page->out, one->bytes.data, one->bytes.size);
        page->count++;
    }
    page->out.failed = page->out.failed || one->failed;
    rn_lsp_out_done(one);
}

/* What is nowhere is said of the script. */
static void take_row(void *user, const rune_const_value *row)
{
    struct page *page = user;
    rune_const_value *span = rune_value_get(row, "span");
    const struct rn_lsp_text *text = text_of(page->answer, span);
    struct rn_lsp_out one = {.failed = false};
    text = text == NULL ? rn_lsp_texts_at(&page->answer->texts, 0) : text;
    if (strcmp(text->path, page->path) == 0) {
        put_diagnostic(page, &one, row, span);
        add(page, &one);
    }
    rune_value_unref(span);
}

static void take_failure(struct page *page)
{
    struct rn_lsp_out one = {.failed = false};
    struct rn_lsp_position start = {0, 0};
    if (strcmp(rn_lsp_texts_at(&page->answer->texts, 0)->path, page->path) == 0) {
        rn_lsp_put(&one, "{\"range\":");
        rn_lsp_put_range(&one, start, start);
        rn_lsp_put(&one, ",\"severity\":1,\"source\":\"rune\",\"message\":");
        rn_lsp_put_text(&one, rune_text_data(page->answer->failure));
        rn_lsp_put(&one, "}");
        add(page, &one);
    }
}

static void take_answer(struct page *page)
{
    rune_const_value *row;
    rune_value_iter at;
    if (page->answer->texts.count == 0) {
        return;
    }
    if (page->answer->failure != NULL) {
        take_failure(page);
    }
    rune_value_iter_init(&at, page->answer->diagnostics);
    while (rune_value_iter_next(&at, &row) == RUNE_OK) {
        take_row(page, row);
        rune_value_unref(row);
    }
}

/* ---- What was said ---- */

/* Where the path stands among those that have diagnostics; NULL: it does not. */
static char *find_published(const struct rn_lsp_server *server, const char *path)
{
    char *at = server->published.data;
    char *end = at + server->published.size;
    while (at < end && strcmp(at, path) != 0) {
        at += strlen(at) + 1;
    }
    return at < end ? at : NULL;
}

static void note(struct rn_lsp_server *server, const char *path, bool has_some)
{
    struct rn_bytes *all = &server->published;
    size_t size = strlen(path) + 1;
    char *known = find_published(server, path);
    if (has_some && known == NULL) {
        (void)rn_bytes_append(all, path, size);
    } else if (!has_some && known != NULL) {
        memmove(known, known + size, all->size - (size_t)(known - all->data) - size);
        all->size -= size;
    }
}

static void send(struct page *page, const struct rn_lsp_document *document)
{
    struct rn_lsp_out out = {.failed = page->out.failed};
    rn_lsp_put(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/publishDiagnostics\","
                     "\"params\":{\"uri\":");
    rn_lsp_put_uri(page->server, &out, page->path);
    if (document != NULL) {
        rn_lsp_put(&out, ",\"version\":");
        rn_lsp_put_number(&out, document->version);
    }
    rn_lsp_put(&out, ",\"diagnostics\":[");
    rn_lsp_put_bytes(&out, page->out.bytes.data, page->out.bytes.size);
    rn_lsp_put(&out, "]}}");
    rn_lsp_send(page->server, &out);
}

/* A compilation of a text that is not the document's any more says nothing about it. */
static bool is_stale(const struct rn_lsp_answer *answer, const char *path,
                     const struct rn_lsp_document *document)
{
    const struct rn_lsp_text *text = rn_lsp_texts_find(&answer->texts, path);
    return text != NULL && document != NULL && text->revision != document->revision;
}

void rn_lsp_publish_path(struct rn_lsp_server *server, const char *path)
{
    struct page page = {.server = server, .path = path};
    struct rn_lsp_document *document = rn_lsp_document_of_path(&server->documents, path);
    bool stale = false;
    for (size_t i = 0; i < server->root_count; i++) {
        page.answer = &rn_lsp_root_at(server, i)->answer;
        stale = stale || is_stale(page.answer, path, document);
        take_answer(&page);
    }
    bool known = document != NULL || page.count > 0 || find_published(server, path) != NULL;
    if (known && !stale) {
        note(server, path, page.count > 0);
        send(&page, document);
    }
    rn_lsp_out_done(&page.out);
}

/* ---- All of a compilation ---- */

static void publish_open(struct rn_lsp_server *server, const struct rn_lsp_texts *texts)
{
    for (size_t i = 0; i < server->documents.count && server->state == RN_LSP_RUNNING; i++) {
        const char *path = rn_lsp_document_at(&server->documents, i)->path.data;
        if (rn_lsp_texts_find(texts, path) != NULL) {
            rn_lsp_publish_path(server, path);
        }
    }
}

/* Of what is not open: `known` tells whether it had diagnostics before. */
static void publish_closed(struct rn_lsp_server *server, const struct rn_lsp_texts *texts,
                           const char *path, bool known)
{
    if (server->state == RN_LSP_RUNNING && rn_lsp_texts_find(texts, path) != NULL &&
        rn_lsp_document_of_path(&server->documents, path) == NULL &&
        (find_published(server, path) != NULL) == known) {
        rn_lsp_publish_path(server, path);
    }
}

/* Those that had diagnostics may have none any more, and leave the list meanwhile. */
static void publish_known(struct rn_lsp_server *server, const struct rn_lsp_texts *texts)
{
    struct rn_bytes copy = {0};
    if (!rn_bytes_append(&copy, server->published.data, server->published.size)) {
        return;
    }
    for (size_t at = 0; at < copy.size; at += strlen(copy.data + at) + 1) {
        publish_closed(server, texts, copy.data + at, true);
    }
    rn_bytes_done(&copy);
}

static void publish_new(struct rn_lsp_server *server, const struct rn_lsp_texts *texts,
                        const struct rn_lsp_answer *answer)
{
    rune_const_value *row;
    rune_value_iter at;
    if (answer->texts.count == 0) {
        return;
    }
    publish_closed(server, texts, rn_lsp_texts_at(&answer->texts, 0)->path, false);
    rune_value_iter_init(&at, answer->diagnostics);
    while (rune_value_iter_next(&at, &row) == RUNE_OK) {
        rune_const_value *span = rune_value_get(row, "span");
        const struct rn_lsp_text *text = text_of(answer, span);
        if (text != NULL) {
            publish_closed(server, texts, text->path, false);
        }
        rune_value_unref(span);
        rune_value_unref(row);
    }
}

/* A script may have thousands of modules, of which few have anything to be said: those are looked for. */
void rn_lsp_publish(struct rn_lsp_server *server, const struct rn_lsp_texts *texts)
{
    publish_open(server, texts);
    publish_known(server, texts);
    for (size_t i = 0; i < server->root_count; i++) {
        publish_new(server, texts, &rn_lsp_root_at(server, i)->answer);
    }
}
