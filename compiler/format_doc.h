/*
 * format_doc.h: a text with the places where its lines may be broken, and its layout in a width.
 *
 * A document is a run of operations. Between OPEN and CLOSE is a group: if it fits on the rest of
 * the line, its LINEs are spaces and its SOFTs nothing; otherwise each of them is a line break and
 * what stands between INDENT and DEDENT moves in. Groups are decided from outside to inside. A group
 * with a HARD in it never fits; one whose `hug` is set may stay unbroken nevertheless if everything up
 * to that operation fits, and leaves the breaking to the groups inside: `f(a, |b| {` .. `})`.
 *
 * Line breaks and comments at the end of a line are kept back until the next text comes, so that
 * breaks meet without piling up and a comma may still go before a comment.
 */
#ifndef RN_COMPILER_FORMAT_DOC_H
#define RN_COMPILER_FORMAT_DOC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"

enum rn_doc_kind {
    RN_DOC_TEXT,      /* may hold line breaks of its own, which stay as they are */
    RN_DOC_SPACE,     /* never at the end of a line */
    RN_DOC_LINE,      /* a space, or a line break */
    RN_DOC_SOFT,      /* nothing, or a line break */
    RN_DOC_HARD,      /* a line break */
    RN_DOC_BLANK,     /* a line break and an empty line */
    RN_DOC_IF_BROKEN, /* a text if the group is broken */
    RN_DOC_OPEN,
    RN_DOC_CLOSE,
    RN_DOC_INDENT,
    RN_DOC_DEDENT,
    RN_DOC_REMARK,  /* a comment up to the end of the line */
    RN_DOC_COMMENT, /* a comment; further lines of it move as far as the first one does */
    RN_DOC_COUNT
};

struct rn_doc_op {
    uint8_t kind; /* enum rn_doc_kind */
    struct rn_utf8 text;
    uint32_t end;   /* OPEN: index of its CLOSE; of the group around it while it is open;
                       COMMENT: column where it stood */
    uint32_t hug;   /* OPEN: see above; 0: none */
    uint32_t width; /* flat, of all operations before this one */
    uint32_t hards; /* HARD, BLANK and REMARK before this one */
};

struct rn_doc {
    struct rn_doc_op *ops; /* on the C heap */
    uint32_t count;
    uint32_t capacity;
    uint32_t open; /* innermost open group, or 0 */
    uint32_t depth;
    uint32_t depth_max;
    enum rn_error error; /* sticky */
};
typedef struct rn_doc rn_doc;

struct rn_doc_layout {
    uint32_t width;  /* columns of a line */
    uint32_t indent; /* columns of a level */
    bool tabs;       /* a level is a tab, counted as `indent` columns */
};

void rn_doc_init(struct rn_doc *doc);
void rn_doc_done(struct rn_doc *doc);

/* The texts are borrowed until the end of the layout. */
void rn_doc_text(struct rn_doc *doc, struct rn_utf8 text);
void rn_doc_if_broken(struct rn_doc *doc, struct rn_utf8 text);
void rn_doc_remark(struct rn_doc *doc, struct rn_utf8 text);
void rn_doc_comment(struct rn_doc *doc, struct rn_utf8 text, uint32_t column);
/* SPACE, LINE, SOFT, HARD, BLANK, INDENT, DEDENT. */
void rn_doc_add(struct rn_doc *doc, enum rn_doc_kind kind);
/* Returns the index of the OPEN. */
uint32_t rn_doc_open(struct rn_doc *doc);
void rn_doc_close(struct rn_doc *doc);
/* The first LINE, SOFT or break at or behind `from`, or 0. */
uint32_t rn_doc_first_break(const struct rn_doc *doc, uint32_t from);

/* RN_E_NO_MEMORY, RN_E_TOO_LARGE. */
enum rn_error rn_doc_print(const struct rn_doc *doc, const struct rn_doc_layout *layout,
                           struct rn_buf *out) RN_MUST_CHECK;

#endif
