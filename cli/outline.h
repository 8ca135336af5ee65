/*
 * outline.h: the outline of a source (runeward/source.h), read into items.
 *
 * Trust: reads what a compiler process made of a hostile source.
 */
#ifndef RN_CLI_OUTLINE_H
#define RN_CLI_OUTLINE_H

#include "cli/session.h"
#include "cli/store.h"

#include <stdint.h>

struct rn_outline_member {
    const char *name;
    const char *signature;
    const char *docs;
};

/* Texts end with a zero byte, without others inside, and live as long as the outline. */
struct rn_outline_item {
    const char *kind; /* one of a few words of ours */
    const char *path;
    const char *name;
    const char *source;
    const char *signature;
    const char *attributes; /* separated by commas */
    const char *docs;       /* lines that end with a line break */
    uint32_t line;
    uint32_t docs_line; /* of the first line of docs; 0: none */
    bool is_public;
    const struct rn_outline_member *members;
    size_t member_count;
};

struct rn_outline {
    struct rn_store store;
    struct rn_bytes items; /* of struct rn_outline_item */
    size_t count;
};

/* More members than that are left out. */
#define RN_OUTLINE_MEMBERS_MAX 4096u

/* False: nothing is to be ended; `session->code` is set. Diagnostics have been shown unless `silent`. */
bool rn_outline_read(struct rn_session *session, const char *path, bool silent,
                     struct rn_outline *out_outline);
/* The text alone. JSON_INVALID, JSON_DEPTH, NO_MEMORY, MESSAGE_INVALID: an unknown kind, a line that no source has
 * (with the last two `error` may stay NULL). Then nothing is to be ended. */
rune_status rn_outline_parse(const char *text, size_t size, struct rn_outline *out_outline,
                             rune_error **error);
const struct rn_outline_item *rn_outline_at(const struct rn_outline *outline, size_t index);
void rn_outline_done(struct rn_outline *outline);

#endif
