/* word_set.h: words, each once: what was offered already, of however many that are looked at. */
#ifndef RN_CLI_WORD_SET_H
#define RN_CLI_WORD_SET_H

#include "cli/store.h"

/* All zero is empty. */
struct rn_word_set {
    struct rn_store store;
    struct rn_bytes
        slots; /* of const char *, a power of two of them, at most half in use; NULL: free */
    size_t count;
};

/* A copy of the word, which has no zero byte. *out_new: it was not there yet. False without memory. */
bool rn_word_set_add(struct rn_word_set *set, const char *word, size_t size, bool *out_new);
bool rn_word_set_has(const struct rn_word_set *set, const char *word, size_t size);
void rn_word_set_done(struct rn_word_set *set);

#endif
