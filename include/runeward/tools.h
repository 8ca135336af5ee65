/*
 * tools.h: looking into Units and into the wall, for commands and editors.
 *
 * A library of its own (libruneward-tools, besides libruneward): a host that only runs scripts does
 * not need it. Every function is thread safe; texts (rune_text) are the caller's.
 */
#ifndef RUNEWARD_TOOLS_H
#define RUNEWARD_TOOLS_H

#include <runeward/unit.h>

RUNE_BEGIN

/* A listing of the Unit's instructions, constants and tables. NO_MEMORY, TOO_LARGE. */
RUNE_API rune_status rune_tools_disassemble(const rune_unit *unit,
                                            rune_text **out_text) RUNE_MUST_CHECK;

/*
 * A listing as data: functions, their instructions, and the pieces of source that those come from. Without
 * debug information there are no sources. Functions and instructions stand in the order of the Unit, those of
 * one function in a row, so that an index means the same as in a profile (profile.h).
 *
 * Read only, from any threads. What it gives is borrowed from it. Names and texts of sources do not end with a
 * zero byte, may have one in them, and say what whoever wrote script or file wanted them to say.
 */
typedef struct rune_listing rune_listing;

#define RUNE_LISTING_NONE SIZE_MAX

typedef struct rune_listing_source {
    const char *name;
    size_t name_size;
    const char *text;
    size_t text_size;
} rune_listing_source;

typedef struct rune_listing_function {
    const char *name; /* its path; none is the script's body */
    size_t name_size;
    const char *
        shape; /* "args 1 captures 0 registers 3 immediate", as in the text; ends with a zero byte */
    size_t first; /* its first instruction */
    size_t count; /* at least 1 */
} rune_listing_function;

typedef struct rune_listing_instruction {
    const char *text;  /* "JUMP_NOT_LT r1, r0, L5, cost 1": ASCII, ends with a zero byte */
    const char *table; /* the jump table that it uses, "switch 0 int 1 L4 L9 else L12"; or NULL */
    size_t function;   /* whose it is; L5 is the sixth one of that */
    size_t target;     /* the instruction that it may go to, or RUNE_LISTING_NONE */
    size_t refers;     /* the function that it calls or makes a value of, or RUNE_LISTING_NONE */
    size_t source;     /* where it comes from, or RUNE_LISTING_NONE, and the rest is 0: */
    size_t start;      /* bytes into the text */
    size_t end;
    uint32_t line; /* from 1; in which it begins */
} rune_listing_instruction;

/* The Unit is counted. INVALID_ARGUMENT: there is none; NO_MEMORY; TOO_LARGE: more than 1 GiB of text. The
 * caller's: rune_listing_free. */
RUNE_API rune_status rune_listing_new(rune_unit *unit, rune_listing **out_listing) RUNE_MUST_CHECK;
RUNE_API size_t rune_listing_instruction_count(const rune_listing *listing);
/* False: there are no more. */
RUNE_API bool rune_listing_source_at(const rune_listing *listing, size_t index,
                                     rune_listing_source *out_source);
RUNE_API bool rune_listing_function_at(const rune_listing *listing, size_t index,
                                       rune_listing_function *out_function);
RUNE_API bool rune_listing_instruction_at(const rune_listing *listing, size_t index,
                                          rune_listing_instruction *out_instruction);
/* Accepts NULL. */
RUNE_API void rune_listing_free(rune_listing *listing);

/*
 * The wall's rules as they are compiled in: JSON with the system calls of each role, the conditions
 * on their arguments and the reasons, and the layers with what they protect and who requires them.
 */
RUNE_API rune_status rune_tools_policy(rune_text **out_json) RUNE_MUST_CHECK;

/*
 * What the diagnostic `code` ("E0301") means, for people: its message, in which `{}` stands for a
 * name, what leads to it, a wrong example and what to write instead. NOT_FOUND, NO_MEMORY.
 */
RUNE_API rune_status rune_tools_explain(const char *code, rune_text **out_text) RUNE_MUST_CHECK;
/* The `index`th code in the order of the table, or NULL at the end. Static storage. */
RUNE_API const char *rune_tools_code_at(size_t index);

/*
 * What the standard library declares, in the form of rune_outline (source.h): kinds function, method,
 * struct, const, macro, trait; without documentation. NO_MEMORY.
 */
RUNE_API rune_status rune_tools_library(rune_text **out_text) RUNE_MUST_CHECK;

RUNE_END

#endif
