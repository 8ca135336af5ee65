/* word_set.c: open addressing; twice as many slots when half of them are in use. */
#include "cli/word_set.h"

#include <stdint.h>
#include <string.h>

#define SLOTS_FIRST 64u

static size_t slot_count(const struct rn_word_set *set)
{
    return set->slots.size / sizeof(const char *);
}

static const char **slots_of(const struct rn_word_set *set)
{
    return (const char **)(void *)set->slots.data;
}

static uint64_t hash(const char *word, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)word[i]) * 0x100000001b3u;
    }
    return hash ^ hash >> 32;
}

/* The slot of the word, or the free one where it belongs. */
static const char **find(const struct rn_word_set *set, const char *word, size_t size)
{
    const char **slots = slots_of(set);
    size_t mask = slot_count(set) - 1;
    size_t at = hash(word, size) & mask;
    while (slots[at] != NULL && (strlen(slots[at]) != size || memcmp(slots[at], word, size) != 0)) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

static bool grow(struct rn_word_set *set)
{
    size_t count = slot_count(set) == 0 ? SLOTS_FIRST : 2 * slot_count(set);
    struct rn_word_set grown = {.count = set->count};
    const char *free_slot = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!rn_bytes_append(&grown.slots, (const char *)&free_slot, sizeof free_slot)) {
            rn_bytes_done(&grown.slots);
            return false;
        }
    }
    for (size_t i = 0; i < slot_count(set); i++) {
        const char *word = slots_of(set)[i];
        if (word != NULL) {
            *find(&grown, word, strlen(word)) = word;
        }
    }
    rn_bytes_done(&set->slots);
    set->slots = grown.slots;
    return true;
}

bool rn_word_set_add(struct rn_word_set *set, const char *word, size_t size, bool *out_new)
{
    if (2 * (set->count + 1) > slot_count(set) && !grow(set)) {
        return false;
    }
    const char **slot = find(set, word, size);
    *out_new = *slot == NULL;
    if (*out_new) {
        *slot = rn_store_copy(&set->store, word, size);
        set->count += *slot != NULL;
    }
    return *slot != NULL;
}

bool rn_word_set_has(const struct rn_word_set *set, const char *word, size_t size)
{
    return set->count > 0 && *find(set, word, size) != NULL;
}

void rn_word_set_done(struct rn_word_set *set)
{
    rn_store_done(&set->store);
    rn_bytes_done(&set->slots);
    *set = (struct rn_word_set){.count = 0};
}
