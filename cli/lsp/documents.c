/* documents.c: texts that change. Trust: see documents.h. */
#include "cli/lsp/documents.h"

#include "cli/lsp/uri.h"
#include "cli/members.h"

#include <string.h>

/* ---- The list ---- */

struct rn_lsp_document *rn_lsp_document_at(const struct rn_lsp_documents *documents, size_t index)
{
    return (struct rn_lsp_document *)(void *)documents->room.data + index;
}

struct rn_lsp_document *rn_lsp_document_find(const struct rn_lsp_documents *documents,
                                             const char *uri, size_t size)
{
    for (size_t i = 0; i < documents->count; i++) {
        struct rn_lsp_document *document = rn_lsp_document_at(documents, i);
        if (document->uri.size == size && memcmp(document->uri.data, uri, size) == 0) {
            return document;
        }
    }
    return NULL;
}

struct rn_lsp_document *rn_lsp_document_of_path(const struct rn_lsp_documents *documents,
                                                const char *path)
{
    for (size_t i = 0; i < documents->count; i++) {
        struct rn_lsp_document *document = rn_lsp_document_at(documents, i);
        if (strcmp(document->path.data, path) == 0) {
            return document;
        }
    }
    return NULL;
}

static void document_done(struct rn_lsp_document *document)
{
    rn_bytes_done(&document->uri);
    rn_bytes_done(&document->path);
    rn_bytes_done(&document->text);
    rn_lsp_lines_done(&document->lines);
}

static bool set_text(struct rn_bytes *bytes, const char *data, size_t size)
{
    bool good = rn_bytes_append(bytes, data, size) && rn_bytes_append(bytes, "", 1);
    bytes->size = good ? size : bytes->size;
    return good;
}

static bool set_names(struct rn_lsp_document *document, const char *uri, size_t size)
{
    document->is_file = rn_lsp_uri_to_path(uri, size, &document->path);
    return set_text(&document->uri, uri, size) &&
           (document->is_file || set_text(&document->path, uri, size));
}

struct rn_lsp_document *rn_lsp_document_open(struct rn_lsp_documents *documents, const char *uri,
                                             size_t size)
{
    struct rn_lsp_document made = {.is_lost = true};
    struct rn_lsp_document *known = rn_lsp_document_find(documents, uri, size);
    if (known != NULL) {
        return known;
    }
    if (documents->count >= RN_LSP_DOCUMENTS_MAX || memchr(uri, 0, size) != NULL ||
        !set_names(&made, uri, size) ||
        !rn_bytes_append(&documents->room, (const char *)&made, sizeof made)) {
        document_done(&made);
        return NULL;
    }
    return rn_lsp_document_at(documents, documents->count++);
}

void rn_lsp_document_close(struct rn_lsp_documents *documents, struct rn_lsp_document *document)
{
    document_done(document);
    documents->count--;
    *document = *rn_lsp_document_at(documents, documents->count);
    documents->room.size -= sizeof *document;
}

void rn_lsp_documents_done(struct rn_lsp_documents *documents)
{
    while (documents->count > 0) {
        rn_lsp_document_close(documents, rn_lsp_document_at(documents, 0));
    }
    rn_bytes_done(&documents->room);
}

bool rn_lsp_documents_copy(const struct rn_lsp_documents *documents, struct rn_lsp_texts *out)
{
    bool good = true;
    for (size_t i = 0; i < documents->count && good; i++) {
        const struct rn_lsp_document *document = rn_lsp_document_at(documents, i);
        const char *data = document->text.size == 0 ? "" : document->text.data;
        good = document->is_lost || rn_lsp_texts_add(out, document->path.data, data,
                                                     document->text.size, document->revision);
    }
    return good;
}

/* ---- Texts ---- */

void rn_lsp_document_renew(struct rn_lsp_documents *documents, struct rn_lsp_document *document)
{
    document->revision = ++documents->revisions;
}

void rn_lsp_document_lose(struct rn_lsp_document *document, const char *why)
{
    rn_bytes_done(&document->text);
    rn_lsp_lines_done(&document->lines);
    (void)rn_lsp_lines_init(&document->lines, "", 0);
    document->is_lost = true;
    document->why = why;
}

void rn_lsp_document_set(struct rn_lsp_document *document, const char *data, size_t size)
{
    rn_bytes_done(&document->text);
    rn_lsp_lines_done(&document->lines);
    document->is_lost = false;
    if (size > RN_LSP_TEXT_MAX) {
        rn_lsp_document_lose(document, "the text is too large");
    } else if (!rn_bytes_append(&document->text, data, size) ||
               !rn_lsp_lines_init(&document->lines, document->text.data, size)) {
        rn_lsp_document_lose(document, "there is no memory for the text");
    }
}

size_t rn_lsp_document_offset(const struct rn_lsp_document *document,
                              const rune_const_value *position, enum rn_lsp_encoding encoding)
{
    long long line = rn_member_number(position, "line");
    long long column = rn_member_number(position, "character");
    struct rn_lsp_position at = {
        .line = line < 0            ? 0
                : line > UINT32_MAX ? UINT32_MAX
                                    : (uint32_t)line,
        .column = column < 0            ? 0
                  : column > UINT32_MAX ? UINT32_MAX
                                        : (uint32_t)column,
    };
    return rn_lsp_offset(document->text.data, document->text.size, &document->lines, at, encoding);
}

static size_t offset_of(const struct rn_lsp_document *document, const rune_const_value *range,
                        const char *end, enum rn_lsp_encoding encoding)
{
    rune_const_value *position = rune_value_get(range, end);
    size_t offset = rn_lsp_document_offset(document, position, encoding);
    rune_value_unref(position);
    return offset;
}

static void replace(struct rn_lsp_document *document, const rune_const_value *range,
                    const char *data, size_t size, enum rn_lsp_encoding encoding)
{
    struct rn_lsp_span span = {.start = offset_of(document, range, "start", encoding),
                               .end = offset_of(document, range, "end", encoding)};
    if (document->is_lost) {
        return;
    }
    if (span.start > span.end) {
        rn_lsp_document_lose(document, "a change ends before it begins");
    } else if (size > RN_LSP_TEXT_MAX - document->text.size + (span.end - span.start)) {
        rn_lsp_document_lose(document, "the text is too large");
    } else if (!rn_lsp_replace(&document->text, &document->lines, span, data, size)) {
        rn_lsp_document_lose(document, "there is no memory for the text");
    }
}

void rn_lsp_document_change(struct rn_lsp_document *document, const rune_const_value *change,
                            enum rn_lsp_encoding encoding)
{
    rune_const_value *text = rune_value_get(change, "text");
    rune_const_value *range = rune_value_get(change, "range");
    const char *data = "";
    size_t size = 0;
    if (!rune_value_get_string(text, &data, &size)) {
        rn_lsp_document_lose(document, "a change has no text");
    } else if (rune_value_kind_of(range) == RUNE_VALUE_OBJECT) {
        replace(document, range, data, size, encoding);
    } else {
        rn_lsp_document_set(document, data, size);
    }
    rune_value_unref(range);
    rune_value_unref(text);
}
