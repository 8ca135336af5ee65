/*
 * index.h: what names mean (rune_names, source.h), read into tables.
 *
 * Trust: reads what a compiler process made of a hostile source.
 */
#ifndef RN_CLI_LSP_INDEX_H
#define RN_CLI_LSP_INDEX_H

#include "cli/lsp/texts.h"

#include <runeward/runeward.h>

enum rn_lsp_kind {
    RN_LSP_MODULE,
    RN_LSP_FUNCTION,
    RN_LSP_METHOD,
    RN_LSP_STRUCT,
    RN_LSP_ENUM,
    RN_LSP_VARIANT,
    RN_LSP_FIELD,
    RN_LSP_CONST,
    RN_LSP_STATIC,
    RN_LSP_LOCAL,   /* from here on: no item of the sources */
    RN_LSP_LIBRARY, /* an item of the library: a path */
    RN_LSP_MEMBER,  /* behind a dot: a name */
    RN_LSP_KIND_COUNT
};

/* Texts are never NULL, end with a zero byte, and live as long as the index; places are in the text `source`. */
struct rn_lsp_meant {
    enum rn_lsp_kind kind;
    const char *path;
    const char *name;
    const char *signature;
    const char *docs;
    uint32_t source; /* among the texts; those without a place: UINT32_MAX */
    uint32_t start;
    uint32_t end;
    uint32_t whole_start; /* items: all of it; variables: where they can be seen */
    uint32_t whole_end;
};

struct rn_lsp_use {
    uint32_t source;
    uint32_t start;
    uint32_t end;
    uint32_t meant;
    bool declares; /* this is where it is declared */
};

/* All zero is empty. Uses are in order of source and start. */
struct rn_lsp_index {
    struct rn_store store;
    struct rn_bytes sources; /* of uint32_t: number of the compiler's to that of the text */
    struct rn_bytes meants;
    size_t meant_count;
    struct rn_bytes uses;
    size_t use_count;
};

/* `texts`: what the names are in. MESSAGE_INVALID: no compiler of ours says that. NO_MEMORY, JSON_INVALID,
 * JSON_DEPTH. Then nothing is to be ended. */
rune_status rn_lsp_index_parse(const char *text, size_t size, const struct rn_lsp_texts *texts,
                               struct rn_lsp_index *out_index);
const struct rn_lsp_meant *rn_lsp_meant_at(const struct rn_lsp_index *index, size_t at);
const struct rn_lsp_use *rn_lsp_use_at(const struct rn_lsp_index *index, size_t at);
/* The name at a place, or that ends there; NULL: none. */
const struct rn_lsp_use *rn_lsp_index_find(const struct rn_lsp_index *index, size_t source,
                                           size_t offset);
void rn_lsp_index_done(struct rn_lsp_index *index);

#endif
