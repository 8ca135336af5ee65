/*
 * config_text.h: the form of a file of defaults: a small part of TOML, line by line.
 *
 *      # a comment
 *      color = "never"        text in quotes, "..." with escapes or '...' without
 *      [limits]               a table
 *      budget = 1_000_000     a decimal integer
 *      quiet = true           a switch
 *
 * What else TOML has (lists, inline and dotted tables, dates, fractions, text of several lines) is refused by name.
 *
 * Trust: reads files of anybody.
 */
#ifndef RN_CLI_CONFIG_TEXT_H
#define RN_CLI_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct rn_config_place {
    unsigned line;   /* from 1 */
    unsigned column; /* from 1, in characters */
};

enum rn_config_kind {
    RN_CONFIG_TABLE, /* begins here; there is no key and no value */
    RN_CONFIG_TEXT,
    RN_CONFIG_INTEGER,
    RN_CONFIG_SWITCH,
};

/* Strings are in the text that is read. */
struct rn_config_entry {
    enum rn_config_kind kind;
    const char *table; /* "" in front of the first one */
    const char *key;
    const char *text;             /* of an integer its digits, and a minus in front */
    bool on;                      /* of a switch */
    struct rn_config_place place; /* of the name of table or key */
    struct rn_config_place value; /* of the value */
};

struct rn_config_reader {
    char *line_start;
    char *at;
    char *end;
    unsigned line;
    const char *table;
    const char *why; /* what is wrong, and where; NULL: nothing so far */
    struct rn_config_place bad;
};

/* `text[size]` is there, and zero. The text is written over while it is read, and borrowed by what is read. */
void rn_config_reader_init(struct rn_config_reader *reader, char *text, size_t size);
/* The next entry. False: there are no more, or `why` says why not. */
bool rn_config_reader_next(struct rn_config_reader *reader, struct rn_config_entry *out_entry);

#endif
