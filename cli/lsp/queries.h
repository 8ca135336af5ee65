/*
 * queries.h: a place in a document, and what was found out about it.
 *
 * What was found out speaks of texts as they were compiled; the document may be another one by now. Places are
 * carried from one to the other (text.h).
 */
#ifndef RN_CLI_LSP_QUERIES_H
#define RN_CLI_LSP_QUERIES_H

#include "cli/lsp/server.h"

struct rn_lsp_place {
    const struct rn_lsp_document *document;
    const struct rn_lsp_answer *answer; /* of a script that the document belongs to */
    size_t source;                      /* the document among its texts */
    size_t offset;                      /* in the document */
    size_t carried;                     /* in the text that was compiled */
    const struct rn_lsp_use *use;       /* the name there, or NULL */
};

/* The place that a request names. False: nothing is known about that document. */
bool rn_lsp_place_find(struct rn_lsp_server *server, const rune_const_value *params,
                       struct rn_lsp_place *out_place);
/* What the name there means; NULL: none. */
const struct rn_lsp_meant *rn_lsp_place_meant(const struct rn_lsp_place *place);
/* {"uri":..,"range":..} of a piece of one of the texts. */
void rn_lsp_put_location(struct rn_lsp_server *server, struct rn_lsp_out *out,
                         const struct rn_lsp_answer *answer, size_t source, size_t start,
                         size_t end);
void rn_lsp_put_location_range(struct rn_lsp_server *server, struct rn_lsp_out *out,
                               const struct rn_lsp_answer *answer, size_t source, size_t start,
                               size_t end);
void rn_lsp_put_uri(struct rn_lsp_server *server, struct rn_lsp_out *out, const char *path);
/* True if they may be the same thing: a member is whatever has its name. */
bool rn_lsp_same_meaning(const struct rn_lsp_index *index, size_t a, size_t b);
/* What the library has under a path; NULL: nothing. */
const struct rn_outline_item *rn_lsp_library_find(const struct rn_lsp_server *server,
                                                  const char *path);
/* The last name of a path, and how long what stands before it is. */
const char *rn_lsp_path_name(const char *path, size_t *out_before);

#endif
