/*
 * surrogates.h: halves of characters in JSON.
 *
 * A character beyond U+FFFF is written as two escapes, `\ud83d\ude00`. Editors that keep texts in UTF-16 may hold, and
 * write, one half alone. JSON readers refuse it, and so does ours; but a change with one must not be lost.
 *
 * Trust: reads bytes from an editor.
 */
#ifndef RN_CLI_LSP_SURROGATES_H
#define RN_CLI_LSP_SURROGATES_H

#include <stddef.h>

/* Halves without the other one become U+FFFD, which counts as one unit of UTF-16, too. What is no JSON stays none. */
void rn_lsp_mend_surrogates(char *json, size_t size);

#endif
