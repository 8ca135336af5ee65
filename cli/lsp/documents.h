/*
 * documents.h: what an editor has open.
 *
 * Trust: reads texts and changes from an editor.
 */
#ifndef RN_CLI_LSP_DOCUMENTS_H
#define RN_CLI_LSP_DOCUMENTS_H

#include "cli/lsp/texts.h"

#include <runeward/runeward.h>

/* A text that is larger is not kept. */
#define RN_LSP_TEXT_MAX ((size_t)24 << 20)
/* More documents than that are not kept. */
#define RN_LSP_DOCUMENTS_MAX 1024u

struct rn_lsp_document {
    struct rn_bytes uri;  /* with a zero byte behind it, as is the next */
    struct rn_bytes path; /* of what is no file the URI */
    struct rn_bytes text;
    struct rn_lsp_lines lines;
    int64_t version;  /* the editor's, which begins anew when it opens it anew */
    int64_t revision; /* ours: no two texts have the same */
    bool is_file;
    bool is_lost; /* what it says is not known: `why` */
    const char *why;
};

/* All zero is empty. */
struct rn_lsp_documents {
    struct rn_bytes room; /* of struct rn_lsp_document */
    size_t count;
    int64_t revisions; /* so far */
};

struct rn_lsp_document *rn_lsp_document_at(const struct rn_lsp_documents *documents, size_t index);
/* NULL: none. */
struct rn_lsp_document *rn_lsp_document_find(const struct rn_lsp_documents *documents,
                                             const char *uri, size_t size);
struct rn_lsp_document *rn_lsp_document_of_path(const struct rn_lsp_documents *documents,
                                                const char *path);
/* NULL: too many, or no memory. What was open under that URI is replaced. */
struct rn_lsp_document *rn_lsp_document_open(struct rn_lsp_documents *documents, const char *uri,
                                             size_t size);
void rn_lsp_document_close(struct rn_lsp_documents *documents, struct rn_lsp_document *document);
/* It has or gets another text: results about the one before are not about it. */
void rn_lsp_document_renew(struct rn_lsp_documents *documents, struct rn_lsp_document *document);
/* The whole text. */
void rn_lsp_document_set(struct rn_lsp_document *document, const char *data, size_t size);
/* One entry of `contentChanges`: a text for a range, or for the whole. */
void rn_lsp_document_change(struct rn_lsp_document *document, const rune_const_value *change,
                            enum rn_lsp_encoding encoding);
/* Until its whole text comes again. `why` is static. */
void rn_lsp_document_lose(struct rn_lsp_document *document, const char *why);
/* Line and column as a byte. */
size_t rn_lsp_document_offset(const struct rn_lsp_document *document,
                              const rune_const_value *position, enum rn_lsp_encoding encoding);
/* All that are known, as they are now. False without memory. */
bool rn_lsp_documents_copy(const struct rn_lsp_documents *documents, struct rn_lsp_texts *out);
void rn_lsp_documents_done(struct rn_lsp_documents *documents);

#endif
