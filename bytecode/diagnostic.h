/*
 * diagnostic.h: what is wrong where in a source, and how it is shown to people and programs.
 *
 * A list owns its sources and its diagnostics. The compiler fills it, the wire form takes it out of
 * the compiler's jail, the renderer prints it. Message shapes, codes and helps are rows of
 * diagnostics.def; every argument is text, whose control characters the renderers escape.
 * Trust: decodes bytes from a compiler process; renders text from anybody.
 */
#ifndef RN_BYTECODE_DIAGNOSTIC_H
#define RN_BYTECODE_DIAGNOSTIC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"

/* A run of bytes in one source. `source` RN_SPAN_NOWHERE: no place is known. */
struct rn_span {
    uint32_t source;
    uint32_t start;
    uint32_t end;
};

#define RN_SPAN_NOWHERE UINT32_MAX
#define RN_SOURCES_MAX 4096u
#define RN_SOURCE_SIZE_MAX (16u << 20)
#define RN_LINE_BLOCK 4096u

enum rn_severity {
    RN_SEVERITY_ERROR,
    RN_SEVERITY_WARNING,
    RN_SEVERITY_COUNT
};

enum rn_diagnostic_code {
    RN_DIAGNOSTIC_NONE, /* run-time errors and others that bring their own text */
#define DIAGNOSTIC(name, severity, code, message, help) RN_DIAGNOSTIC_##name,
#include "bytecode/diagnostics.def"
#undef DIAGNOSTIC
    RN_DIAGNOSTIC_COUNT
};

struct rn_diagnostic_info {
    const char *name;    /* "MISSING_LOCAL" */
    const char *code;    /* "E0301" */
    const char *message; /* each `{}` stands for an argument */
    const char *help;    /* or NULL */
    uint8_t severity;
};

/* Indexed by enum rn_diagnostic_code. */
extern const struct rn_diagnostic_info rn_diagnostic_infos[RN_DIAGNOSTIC_COUNT];

/* A further place with a few words. */
struct rn_diagnostic_label {
    struct rn_diagnostic_label *next;
    struct rn_span span;
    struct rn_utf8 text;
};

enum rn_remark_kind {
    RN_REMARK_NOTE,
    RN_REMARK_HELP,
    RN_REMARK_COUNT
};

struct rn_remark {
    struct rn_remark *next;
    struct rn_utf8 text;
    uint8_t kind; /* enum rn_remark_kind */
};

struct rn_diagnostic {
    struct rn_diagnostic *next;
    uint16_t code;    /* enum rn_diagnostic_code */
    uint8_t severity; /* enum rn_severity */
    struct rn_span span;
    struct rn_utf8 message;
    struct rn_utf8 span_text; /* words under the primary carets; may be empty */
    struct rn_diagnostic_label *labels;
    struct rn_remark *remarks;
};

/* Where a block of RN_LINE_BLOCK bytes begins, so that a place in it is found by that block alone. */
struct rn_line_mark {
    uint32_t newlines;   /* before it */
    uint32_t line_start; /* offset of the line that goes on there */
    uint32_t characters; /* of that line, before the block */
};

struct rn_source {
    struct rn_utf8 name;
    struct rn_utf8 text;                   /* data NULL: not known here, nothing can be quoted */
    const struct rn_line_mark *line_marks; /* of each block; NULL without a text */
};

/*
 * In the order of reporting. Beyond the maximum they are only counted. Not thread safe.
 */
struct rn_diagnostics {
    struct rn_arena arena; /* of everything but texts of sources */
    struct rn_diagnostic *first;
    struct rn_diagnostic *last;
    uint32_t error_count; /* all that were reported */
    uint32_t warning_count;
    uint32_t kept_errors; /* those in the list */
    uint32_t kept_warnings;
    struct rn_source *sources;
    uint32_t source_count;
    enum rn_error error; /* sticky: memory ran out while reporting, and something is missing */
};
typedef struct rn_diagnostics rn_diagnostics;

#define RN_DIAGNOSTICS_MAX 64u       /* of each severity */
#define RN_DIAGNOSTIC_EXTRAS_MAX 16u /* labels of one; remarks of one. Further ones are left out */

void rn_diagnostics_init(struct rn_diagnostics *list);
void rn_diagnostics_done(struct rn_diagnostics *list);

/*
 * Adds a source; its index goes to *out_index: 0 is the root, further ones follow in the order in
 * which the loader gave them. Name and text are copied. RN_E_TOO_LARGE beyond RN_SOURCES_MAX or
 * RN_SOURCE_SIZE_MAX. `text` NULL: only the name is known.
 */
enum rn_error rn_diagnostics_add_source(struct rn_diagnostics *list, const char *name,
                                        const char *text, size_t size,
                                        uint32_t *out_index) RN_MUST_CHECK;

/*
 * Reports. `arguments` fill the `{}` of the message in order (copied). Returns the diagnostic, to
 * which labels and remarks may be added at once, or NULL when it was only counted (functions below
 * accept NULL).
 */
struct rn_diagnostic *rn_diagnostics_add(struct rn_diagnostics *list, enum rn_diagnostic_code code,
                                         struct rn_span span, const struct rn_utf8 *arguments,
                                         size_t count);

/* Puts the warnings in the order of the sources; errors stay where they are in the list. */
void rn_diagnostics_sort_warnings(struct rn_diagnostics *list);

/* rn_diagnose(list, MISSING_LOCAL, span, name): the form in which it is written. */
#define rn_diagnose(list, name, span, ...)                                                         \
    rn_diagnostics_add((list), RN_DIAGNOSTIC_##name, (span), (struct rn_utf8[]){__VA_ARGS__},      \
                       sizeof((struct rn_utf8[]){__VA_ARGS__}) / sizeof(struct rn_utf8))

/* A diagnostic that brings its own text: run-time errors, faults of other parts. */
struct rn_diagnostic *rn_diagnostics_add_text(struct rn_diagnostics *list,
                                              enum rn_severity severity, struct rn_span span,
                                              struct rn_utf8 message);

/* Words under the primary carets. */
void rn_diagnostic_describe(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                            const char *format, ...) RN_PRINTF(3, 4);
void rn_diagnostic_label(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                         struct rn_span span, const char *format, ...) RN_PRINTF(4, 5);
void rn_diagnostic_note(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                        const char *format, ...) RN_PRINTF(3, 4);
void rn_diagnostic_help(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                        const char *format, ...) RN_PRINTF(3, 4);

/* Text of a C string; of a number, in storage that the caller lends for as long. */
struct rn_utf8 rn_text(const char *text);
struct rn_number_text {
    char data[24];
};
struct rn_utf8 rn_text_u64(struct rn_number_text *storage, uint64_t value);
struct rn_utf8 rn_text_i64(struct rn_number_text *storage, int64_t value);

/*
 * Line and column of an offset, both counted from 1; the column in characters. At most RN_LINE_BLOCK
 * bytes are looked at, however long the line is: sources may be forged, with a single line.
 */
struct rn_position {
    uint32_t line;
    uint32_t column;
    uint32_t line_start; /* offset of the line's first byte */
};
struct rn_position rn_source_position(const struct rn_source *source, uint32_t offset);

/*
 * Wire form: names of all sources, their texts if `with_texts` and a diagnostic points there, then
 * the diagnostics. Decoding fills an initialised, empty list; RN_E_MESSAGE_INVALID (and the list
 * stays empty) when anything is out of bounds, not UTF-8, or beyond the limits.
 */
enum rn_error rn_diagnostics_encode(const struct rn_diagnostics *list, bool with_texts,
                                    struct rn_buf *out) RN_MUST_CHECK;
enum rn_error rn_diagnostics_decode(struct rn_diagnostics *list, const void *bytes,
                                    size_t size) RN_MUST_CHECK;

struct rn_render_options {
    bool color;        /* ANSI colours */
    uint8_t tab_width; /* 0: 4 */
};

/*
 * One diagnostic: `file:line:col: error[E0301]: text`, the excerpt with carets and labels, notes
 * and helps, an empty line. Appended to `out`, whose maximum bounds it.
 */
void rn_diagnostic_render(const struct rn_diagnostics *list, const struct rn_diagnostic *diagnostic,
                          const struct rn_render_options *options, struct rn_buf *out);
/* All of them and how many were left out. */
void rn_diagnostics_render(const struct rn_diagnostics *list,
                           const struct rn_render_options *options, struct rn_buf *out);
/* One JSON object per diagnostic, one a line, keys in fixed order. */
void rn_diagnostics_render_json(const struct rn_diagnostics *list, struct rn_buf *out);

#endif
