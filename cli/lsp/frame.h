/*
 * frame.h: what an editor writes, cut into messages.
 *
 *      Content-Length: 52\r\n
 *      Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n     (may be left out, as may others)
 *      \r\n
 *      {"jsonrpc":"2.0", ...                                           52 bytes
 *
 * Memory is taken for bytes that have come, never for what a header announces. A message that is too
 * large is passed over, and the next one is read; a head that does not say how long its message is ends
 * the reading, as nobody knows where the next one begins.
 *
 * Trust: reads bytes from an editor, or whoever speaks for it.
 */
#ifndef RN_CLI_LSP_FRAME_H
#define RN_CLI_LSP_FRAME_H

#include "cli/bytes.h"

#include <stdint.h>

/* A source of 16 MiB (build.h) with every other byte escaped. */
#define RN_LSP_MESSAGE_MAX ((size_t)32 << 20)
/* What is passed over; more is no message. */
#define RN_LSP_SKIP_MAX ((uint64_t)1 << 32)
#define RN_LSP_HEAD_MAX 4096u

enum rn_lsp_frame {
    RN_LSP_FRAME_NONE,      /* more bytes are needed */
    RN_LSP_FRAME_MESSAGE,   /* one is there */
    RN_LSP_FRAME_TOO_LARGE, /* one is passed over */
    RN_LSP_FRAME_BROKEN,    /* a head that is none; it stays so */
};

/* All zero is the beginning. */
struct rn_lsp_frames {
    struct rn_bytes bytes; /* that were fed, from `at` on not used yet */
    size_t at;
    uint64_t skip;   /* bytes still to be passed over */
    const char *why; /* BROKEN: what is wrong with the head */
};

/* Bytes that have come. False without memory. */
bool rn_lsp_frames_feed(struct rn_lsp_frames *frames, const char *data, size_t size);
/* MESSAGE: its bytes, which may be changed, borrowed until the next call of either function. */
enum rn_lsp_frame rn_lsp_frames_next(struct rn_lsp_frames *frames, char **out_data,
                                     size_t *out_size);
void rn_lsp_frames_done(struct rn_lsp_frames *frames);

#endif
