/*
 * symbol.h: interned names. Equal names have equal numbers; 0 is the empty name.
 */
#ifndef RN_COMPILER_SYMBOL_H
#define RN_COMPILER_SYMBOL_H

#include "base/arena.h"
#include "base/utf8.h"

typedef uint32_t rn_symbol;

struct rn_symbols {
    struct rn_arena *arena; /* of tables and texts not borrowed; borrowed itself */
    struct rn_utf8 *texts;  /* by symbol */
    uint32_t *hashes;       /* by symbol */
    uint32_t *slots;        /* symbol or 0, open addressing */
    uint32_t count;
    uint32_t capacity;
    uint32_t mask;
};

enum rn_error rn_symbols_init(struct rn_symbols *symbols, struct rn_arena *arena) RN_MUST_CHECK;
/* The text must live as long as the table. 0 when memory is gone (or the text is empty). */
rn_symbol rn_symbols_intern(struct rn_symbols *symbols, const char *text, size_t size);
/* The symbol if it was interned before, else 0. */
rn_symbol rn_symbols_find(const struct rn_symbols *symbols, const char *text, size_t size);

static inline struct rn_utf8 rn_symbol_text(const struct rn_symbols *symbols, rn_symbol symbol)
{
    RN_ASSERT(symbol < symbols->count);
    return symbols->texts[symbol];
}

#endif
