/*
 * explore.h: a Unit, its sources and one run of it as one page for a browser: `runeward explore`.
 *
 * On the left the sources, on the right the instructions, each group with a link to the line that it comes from and
 * the line with one back. The page needs nothing else, says so to the browser, and works without its script, which
 * marks what belongs together. Of two runs with the same ends the pages are the same byte for byte: no times, no ids.
 *
 * What comes from a script stands in text only, never in an attribute, a style or a script.
 */
#ifndef RN_CLI_EXPLORE_H
#define RN_CLI_EXPLORE_H

#include "cli/explore_counts.h"
#include "cli/html.h"

#define RN_EXPLORE_PAGE_MAX ((size_t)64 << 20)

struct rn_explore {
    const char *file; /* as the user named it */
    const rune_listing *listing;
    const rune_diagnostics *diagnostics; /* of its build, or NULL */
    const char *item;                    /* what was called; "": the body */
    const rune_unit *unit;               /* of what was called */
    const rune_record *record;           /* how that ended; NULL: nothing was called, or could be */
    const struct rn_bytes *output;       /* what it printed */
    struct rn_explore_counts counts;
};

/* Fills `counts`, which are the caller's to be done with in any case, and writes the page. */
enum rn_explore_status rn_explore_page(struct rn_explore *explore, struct rn_html *page);

/* explore_panes.c */
void rn_explore_put_sources(struct rn_html *page, const struct rn_explore *explore);
void rn_explore_put_functions(struct rn_html *page, const struct rn_explore *explore);
/* A link to a line: "name:12". */
void rn_explore_put_place(struct rn_html *page, const struct rn_explore *explore, size_t source,
                          size_t line);
/* The name of a function, or "(the script's body)". */
void rn_explore_put_name(struct rn_html *page, const char *name, size_t size);
void rn_explore_put_format(struct rn_html *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
