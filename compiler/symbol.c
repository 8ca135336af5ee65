/*
 * symbol.c: interning by open addressing.
 *
 * Names come from hostile text, so the hash is keyed by an address of this process: nobody outside
 * can choose names that collide. Symbol numbers depend on the order of interning only.
 */
#include "compiler/symbol.h"

#include <string.h>

#define FIRST_CAPACITY 512u

static uint64_t load_bytes(const char *text, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, text, size);
    return value;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t hash_name(const struct rn_symbols *symbols, const char *text, size_t size)
{
    uint64_t key = (uint64_t)(uintptr_t)symbols->arena ^ 0x9e3779b97f4a7c15u;
    uint64_t hash = key ^ size;
    while (size > 8) {
        hash = mix(hash ^ load_bytes(text, 8), 0xa0761d6478bd642fu ^ key);
        text += 8;
        size -= 8;
    }
    hash = mix(hash ^ load_bytes(text, size), 0xe7037ed1a0b428dbu);
    return (uint32_t)(hash ^ (hash >> 32));
}

static enum rn_error grow(struct rn_symbols *symbols)
{
    uint32_t capacity = symbols->capacity == 0 ? FIRST_CAPACITY : symbols->capacity * 2;
    struct rn_utf8 *texts = rn_arena_alloc(symbols->arena, capacity * sizeof *texts);
    uint32_t *hashes = rn_arena_alloc(symbols->arena, capacity * sizeof *hashes);
    uint32_t *slots = rn_arena_alloc(symbols->arena, 2 * (size_t)capacity * sizeof *slots);
    if (texts == NULL || hashes == NULL || slots == NULL) {
        return RN_E_NO_MEMORY;
    }
    uint32_t mask = 2 * capacity - 1;
    for (uint32_t i = 1; i < symbols->count; i++) {
        uint32_t at = symbols->hashes[i] & mask;
        while (slots[at] != 0) {
            at = (at + 1) & mask;
        }
        slots[at] = i;
        texts[i] = symbols->texts[i];
        hashes[i] = symbols->hashes[i];
    }
    texts[0] = (struct rn_utf8){"", 0};
    symbols->texts = texts;
    symbols->hashes = hashes;
    symbols->slots = slots;
    symbols->mask = mask;
    symbols->capacity = capacity;
    return RN_OK;
}

enum rn_error rn_symbols_init(struct rn_symbols *symbols, struct rn_arena *arena)
{
    *symbols = (struct rn_symbols){.arena = arena, .count = 1};
    return grow(symbols);
}

/* The slot that holds the name, or the empty one where it belongs. */
static uint32_t find_slot(const struct rn_symbols *symbols, uint32_t hash, const char *text,
                          size_t size)
{
    uint32_t at = hash & symbols->mask;
    for (;;) {
        uint32_t symbol = symbols->slots[at];
        if (symbol == 0 ||
            (symbols->hashes[symbol] == hash && symbols->texts[symbol].size == size &&
             memcmp(symbols->texts[symbol].data, text, size) == 0)) {
            return at;
        }
        at = (at + 1) & symbols->mask;
    }
}

rn_symbol rn_symbols_intern(struct rn_symbols *symbols, const char *text, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint32_t hash = hash_name(symbols, text, size);
    uint32_t at = find_slot(symbols, hash, text, size);
    if (symbols->slots[at] != 0) {
        return symbols->slots[at];
    }
    if (symbols->count == symbols->capacity) {
        if (grow(symbols) != RN_OK) {
            return 0;
        }
        at = find_slot(symbols, hash, text, size);
    }
    rn_symbol symbol = symbols->count++;
    symbols->texts[symbol] = (struct rn_utf8){text, size};
    symbols->hashes[symbol] = hash;
    symbols->slots[at] = symbol;
    return symbol;
}

rn_symbol rn_symbols_find(const struct rn_symbols *symbols, const char *text, size_t size)
{
    if (size == 0) {
        return 0;
    }
    return symbols->slots[find_slot(symbols, hash_name(symbols, text, size), text, size)];
}
