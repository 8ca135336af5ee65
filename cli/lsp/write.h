/*
 * write.h: JSON that goes to an editor.
 *
 * A writer remembers that memory ran out; what it holds is then of no use.
 */
#ifndef RN_CLI_LSP_WRITE_H
#define RN_CLI_LSP_WRITE_H

#include "cli/bytes.h"
#include "cli/lsp/text.h"

#include <runeward/runeward.h>

/* All zero is empty. */
struct rn_lsp_out {
    struct rn_bytes bytes;
    bool failed;
};

/* As it is: names, braces. */
void rn_lsp_put(struct rn_lsp_out *out, const char *json);
void rn_lsp_put_bytes(struct rn_lsp_out *out, const char *json, size_t size);
void rn_lsp_put_number(struct rn_lsp_out *out, int64_t number);
/* With quotes. A byte that is no UTF-8 becomes U+FFFD. */
void rn_lsp_put_string(struct rn_lsp_out *out, const char *data, size_t size);
void rn_lsp_put_text(struct rn_lsp_out *out, const char *text);
/* A value that came as JSON; NULL is null. */
void rn_lsp_put_value(struct rn_lsp_out *out, const rune_const_value *value);
void rn_lsp_put_range(struct rn_lsp_out *out, struct rn_lsp_position start,
                      struct rn_lsp_position end);
/* A comma, unless what stands before it has just been opened. */
void rn_lsp_put_comma(struct rn_lsp_out *out);
void rn_lsp_out_done(struct rn_lsp_out *out);

#endif
