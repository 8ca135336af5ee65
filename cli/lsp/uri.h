/*
 * uri.h: names of documents: "file:///home/me/a%20b.rn" and "/home/me/a b.rn".
 *
 * Trust: reads names from an editor.
 */
#ifndef RN_CLI_LSP_URI_H
#define RN_CLI_LSP_URI_H

#include "cli/bytes.h"

/* The path of a file's URI, with a zero byte behind it; false: of no file of this machine, or no memory. */
bool rn_lsp_uri_to_path(const char *uri, size_t size, struct rn_bytes *out_path);
/* Appends; false without memory. */
bool rn_lsp_uri_of_path(const char *path, struct rn_bytes *out_uri);

#endif
