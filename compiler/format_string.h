/*
 * format_string.h: reads a format string, "{:>5} and {name}".
 *
 *      {{ and }}   a brace
 *      { name? (: (fill? [<^>])? [+-]? #? 0? width? (. (digits | *))? [?xXbp]?)? }
 *
 * Trust: reads text from anybody.
 */
#ifndef RN_COMPILER_FORMAT_STRING_H
#define RN_COMPILER_FORMAT_STRING_H

#include "base/utf8.h"
#include "bytecode/unit_layout.h"

enum rn_format_part_kind {
    RN_FORMAT_END,
    RN_FORMAT_TEXT,
    RN_FORMAT_HOLE,
    RN_FORMAT_LONE_CLOSE, /* error: `}` without `{` */
    RN_FORMAT_CUT_OFF,    /* error: ends inside a hole */
    RN_FORMAT_BAD_CHAR,   /* error: `scalar` */
    RN_FORMAT_BAD_NUMBER, /* error: width, precision or position out of range */
};

enum rn_format_argument {
    RN_FORMAT_NEXT,     /* {} */
    RN_FORMAT_POSITION, /* {0} */
    RN_FORMAT_NAME,     /* {name} */
};

struct rn_format_part {
    uint8_t kind;        /* enum rn_format_part_kind */
    struct rn_utf8 text; /* TEXT: a run without braces to resolve */
    uint8_t argument;    /* enum rn_format_argument */
    uint32_t position;
    struct rn_utf8 name;
    bool plain;           /* no specification at all */
    bool precision_taken; /* `.*`: an argument says the precision */
    struct rn_unit_spec spec;
    uint32_t scalar;
};

struct rn_format_reader {
    struct rn_utf8 text;
    size_t offset;
};

/* Valid UTF-8. */
void rn_format_reader_init(struct rn_format_reader *reader, struct rn_utf8 text);
/* The next part; after END or an error always the same. Texts are borrowed from the format string.
 */
struct rn_format_part rn_format_next(struct rn_format_reader *reader);

#endif
