/*
 * format.h: source text to the same text in the usual layout.
 *
 * The text is read by the parser; its tree says where lines may be broken (format_tree.c,
 * format_item.c), its tokens and comments are what is written (format.c). Of the tokens only these
 * may differ: commas at the end of a list or behind an arm of a match come and go, a semicolon that
 * a warning calls needless goes, braces around a single import go, and space at the end of a doc
 * comment. format_check.c looks at the result, which knows nothing of how it was made; a result
 * that does not pass is an error and no result. The text is laid out until it stays as it is.
 *
 * Trust: reads source text from anybody.
 */
#ifndef RN_COMPILER_FORMAT_H
#define RN_COMPILER_FORMAT_H

#include "base/buf.h"
#include "bytecode/diagnostic.h"

#define RN_FORMAT_INDENT_MAX 16u

struct rn_format_input {
    const char *name; /* of the source, for diagnostics */
    const char *text; /* not yet known to be UTF-8 */
    size_t size;
    size_t memory_max;     /* 0: a default of 512 MiB */
    uint8_t indent;        /* columns of a level, at most RN_FORMAT_INDENT_MAX; 0: four */
    bool tabs;             /* a level is a tab */
    bool no_final_newline; /* the text does not end with a line break */
};

/*
 * The formatted text goes to `out`. A source is read as a file of items, else as the body of a
 * script. RN_E_COMPILE_FAILED: diagnostics say what is wrong with the text. RN_E_TOO_LARGE,
 * RN_E_NO_MEMORY (reported, too).
 */
enum rn_error rn_format(const struct rn_format_input *input, struct rn_diagnostics *diagnostics,
                        struct rn_buf *out) RN_MUST_CHECK;

#endif
