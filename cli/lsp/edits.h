/* edits.h: from one text to another one by edits of the lines that differ. */
#ifndef RN_CLI_LSP_EDITS_H
#define RN_CLI_LSP_EDITS_H

#include "cli/lsp/documents.h"
#include "cli/lsp/write.h"

/* An array of TextEdits, from the document's text to the one given; empty if they are the same. */
void rn_lsp_put_edits(struct rn_lsp_out *out, const struct rn_lsp_document *document,
                      const char *text, size_t size, enum rn_lsp_encoding encoding);

#endif
