/*
 * texts.h: texts as they were at one moment: what an editor has open, or what was compiled.
 *
 * Compiling takes its time, on another thread; meanwhile the editor changes what it has. So each
 * compilation works on texts of its own, and its results speak of these.
 */
#ifndef RN_CLI_LSP_TEXTS_H
#define RN_CLI_LSP_TEXTS_H

#include "cli/lsp/text.h"
#include "cli/store.h"

struct rn_lsp_text {
    const char *path; /* or the URI of what is no file */
    const char *data;
    size_t size;
    int64_t revision; /* the document's; of files -1 */
    struct rn_lsp_lines lines;
};

/* All zero is empty. Paths and texts live as long as this. */
struct rn_lsp_texts {
    struct rn_store store;
    struct rn_bytes room;  /* of struct rn_lsp_text */
    struct rn_bytes order; /* of uint32_t: the texts by their paths, of one path the first */
    size_t count;
    size_t size; /* of all texts together */
};

/* A copy; of a path that is there already the one that was there stays the one that is found. False without memory. */
bool rn_lsp_texts_add(struct rn_lsp_texts *texts, const char *path, const char *data, size_t size,
                      int64_t revision);
const struct rn_lsp_text *rn_lsp_texts_at(const struct rn_lsp_texts *texts, size_t index);
/* NULL: none of that path. */
const struct rn_lsp_text *rn_lsp_texts_find(const struct rn_lsp_texts *texts, const char *path);
/* The same for a path of so many bytes; its index, or SIZE_MAX. */
size_t rn_lsp_texts_index(const struct rn_lsp_texts *texts, const char *path, size_t size);
/* Where a byte of a text is. */
struct rn_lsp_position rn_lsp_text_position(const struct rn_lsp_text *text, size_t offset,
                                            enum rn_lsp_encoding encoding);
void rn_lsp_texts_done(struct rn_lsp_texts *texts);

#endif
