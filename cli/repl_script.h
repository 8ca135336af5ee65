/*
 * repl_script.h: the script that a session is, which grows by one entry after the other.
 *
 *     let it = ();                                  the last value
 *     let a = 1;                     <entry 1>      statements, as they were typed
 *     let it = match (
 *     a + 1                          <entry 2>      an expression
 *     ) { () => it, it => it };
 *     a.push(2); let it = match (a   <entry 3>      statements and an expression
 *     ) { () => it, it => it };
 *     {                                             defines something anew: what follows is in a block
 *     fn f() { 2 }                   <entry 4>
 *
 * Plain text and where the entries are in it. What is an expression the compiler has said.
 */
#ifndef RN_CLI_REPL_SCRIPT_H
#define RN_CLI_REPL_SCRIPT_H

#include "cli/bytes.h"

#include <runeward/runeward.h>

#include <stdint.h>

#define RN_REPL_SOURCE "<session>"
#define RN_REPL_NAME_MAX 256u
/* Names that begin like this are those of what stands around an entry that is run; no entry has one. */
#define RN_REPL_OWN "__session"
/* Blocks in blocks; the compiler takes 256 levels of nesting. */
#define RN_REPL_BLOCKS_MAX 128u

/* How an entry is compiled. */
enum rn_repl_form {
    RN_REPL_STATEMENTS,
    RN_REPL_TRAILING,   /* statements and an expression, which is their value */
    RN_REPL_UNFINISHED, /* statements without the last semicolon */
    RN_REPL_EXPRESSION,
};

/* What becomes of the entry's value at the end of a run. */
enum rn_repl_use {
    RN_REPL_SHOW,
    RN_REPL_NAME_TYPE,
    RN_REPL_DROP,
};

struct rn_repl_entry {
    char name[RN_REPL_NAME_MAX]; /* as in "<entry 3>" */
    uint32_t line;               /* its first one in the script */
    uint32_t line_count;
    /* Of the script before it: */
    size_t size;
    uint32_t lines;
    unsigned blocks;
};

struct rn_repl_script {
    struct rn_bytes text;
    uint32_t lines;
    unsigned blocks;         /* that are open */
    struct rn_bytes entries; /* of struct rn_repl_entry */
    size_t count;
};

/* An entry that is to be run or kept. */
struct rn_repl_new {
    const char *name;
    const char *text;
    size_t size;
    enum rn_repl_form form;
    bool in_block; /* it defines something that is there already */
    size_t
        tail; /* of statements: where the expression begins that is their value; 0: there is none */
};

/* False without memory; the script is as it was. */
bool rn_repl_script_init(struct rn_repl_script *script);
bool rn_repl_script_add(struct rn_repl_script *script, const struct rn_repl_new *entry);
/* Without its last entry. False: there is none. */
bool rn_repl_script_undo(struct rn_repl_script *script);
void rn_repl_script_done(struct rn_repl_script *script);
const struct rn_repl_entry *rn_repl_script_at(const struct rn_repl_script *script, size_t index);

/*
 * The whole to be compiled, appended to `out`: what there is, the entry, and `end` as its value, which nothing else
 * gives. `mark` is a call that stands before the entry and before its value is used. Its place, for parts.h, is the
 * last of `out_parts`, an array of struct rune_part with names in the script and the entry. False without memory.
 */
bool rn_repl_script_compose(const struct rn_repl_script *script, const struct rn_repl_new *entry,
                            enum rn_repl_use use, struct rn_bytes *out, struct rn_bytes *out_parts);
/* The script with its blocks closed, as `runeward run --script` takes it. */
bool rn_repl_script_close(const struct rn_repl_script *script, struct rn_bytes *out);

/* The value of a run that came to its end, with as many entries. */
void rn_repl_script_end(const struct rn_repl_script *script, char out[32]);

#endif
