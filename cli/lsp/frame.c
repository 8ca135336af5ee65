/* frame.c: heads and lengths. Trust: see frame.h. */
#include "cli/lsp/frame.h"

#include <string.h>
#include <strings.h>

#define KEPT_MAX ((size_t)1 << 20) /* of storage while nothing is in it */

/* What a head says; the length only if it is there once. */
struct head {
    uint64_t length;
    bool has_length;
    const char *why;
};

/* ---- Heads ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits and nothing else, but for blanks around them. */
static void read_length(struct head *head, const char *text, size_t size)
{
    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        size--;
    }
    uint64_t length = 0;
    bool good = size > 0;
    for (size_t i = 0; i < size && good; i++) {
        good = is_digit(text[i]) && length <= RN_LSP_SKIP_MAX;
        length = length * 10 + (good ? (uint64_t)(text[i] - '0') : 0);
    }
    if (!good || length > RN_LSP_SKIP_MAX) {
        head->why = "Content-Length is no length of a message";
    } else if (head->has_length) {
        head->why = "Content-Length comes twice";
    }
    head->length = length;
    head->has_length = true;
}

/* One line, without its end. */
static void read_line(struct head *head, const char *line, size_t size)
{
    static const char name[] = "Content-Length";
    const char *colon = memchr(line, ':', size);
    size_t before = colon == NULL ? 0 : (size_t)(colon - line);
    if (before == 0) {
        head->why = "a line of the head is no header";
    } else if (before == sizeof name - 1 && strncasecmp(line, name, before) == 0) {
        read_length(head, colon + 1, size - before - 1);
    }
}

static struct head read_head(const char *data, size_t size)
{
    struct head head = {.why = NULL};
    while (size > 0 && head.why == NULL) {
        const char *end = memmem(data, size, "\r\n", 2);
        size_t line = end == NULL ? size : (size_t)(end - data);
        read_line(&head, data, line);
        line += end == NULL ? 0 : 2;
        data += line;
        size -= line;
    }
    if (head.why == NULL && !head.has_length) {
        head.why = "a head without Content-Length";
    }
    return head;
}

/* ---- Bytes ---- */

/* What was used goes, so that what comes next has its place. */
static void compact(struct rn_lsp_frames *frames)
{
    struct rn_bytes *bytes = &frames->bytes;
    if (frames->at == 0) {
        return;
    }
    bytes->size -= frames->at;
    if (bytes->size > 0) {
        memmove(bytes->data, bytes->data + frames->at, bytes->size);
    }
    frames->at = 0;
    if (bytes->size == 0 && bytes->capacity > KEPT_MAX) {
        rn_bytes_done(bytes);
    }
}

static void skip(struct rn_lsp_frames *frames)
{
    size_t left = frames->bytes.size - frames->at;
    size_t step = frames->skip < left ? (size_t)frames->skip : left;
    frames->at += step;
    frames->skip -= step;
}

bool rn_lsp_frames_feed(struct rn_lsp_frames *frames, const char *data, size_t size)
{
    compact(frames);
    bool good = rn_bytes_append(&frames->bytes, data, size);
    skip(frames);
    return good;
}

static enum rn_lsp_frame broken(struct rn_lsp_frames *frames, const char *why)
{
    frames->why = why;
    return RN_LSP_FRAME_BROKEN;
}

enum rn_lsp_frame rn_lsp_frames_next(struct rn_lsp_frames *frames, char **out_data,
                                     size_t *out_size)
{
    skip(frames);
    char *data = frames->bytes.data + frames->at;
    size_t left = frames->bytes.size - frames->at;
    if (frames->why != NULL) {
        return RN_LSP_FRAME_BROKEN;
    }
    const char *end =
        left == 0 ? NULL
                  : memmem(data, left < RN_LSP_HEAD_MAX ? left : RN_LSP_HEAD_MAX, "\r\n\r\n", 4);
    if (end == NULL) {
        return left >= RN_LSP_HEAD_MAX ? broken(frames, "a head without end") : RN_LSP_FRAME_NONE;
    }
    size_t size = (size_t)(end - data) + 4;
    struct head head = read_head(data, size - 4);
    if (head.why != NULL) {
        return broken(frames, head.why);
    }
    if (head.length > RN_LSP_MESSAGE_MAX) {
        frames->at += size;
        frames->skip = head.length;
        return RN_LSP_FRAME_TOO_LARGE;
    }
    if (left - size < head.length) {
        return RN_LSP_FRAME_NONE;
    }
    *out_data = data + size;
    *out_size = (size_t)head.length;
    frames->at += size + (size_t)head.length;
    return RN_LSP_FRAME_MESSAGE;
}

void rn_lsp_frames_done(struct rn_lsp_frames *frames)
{
    rn_bytes_done(&frames->bytes);
    *frames = (struct rn_lsp_frames){.at = 0};
}
