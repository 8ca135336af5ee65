/*
 * intern.h: finds an entry of a table by its content, so that each is stored once.
 *
 * Holds indices only; what an entry's content is, the owner says through a callback.
 */
#ifndef RN_BYTECODE_INTERN_H
#define RN_BYTECODE_INTERN_H

#include "base/error.h"
#include "base/utf8.h"

struct rn_intern_slot {
    uint32_t hash;
    uint32_t entry; /* index + 1; 0: empty */
};

struct rn_intern {
    struct rn_intern_slot *slots;
    uint32_t capacity; /* power of two, or 0 */
    uint32_t count;
};

/* The bytes of entry `index` of the owner's table. */
typedef struct rn_utf8 rn_intern_content(const void *owner, uint32_t index);

void rn_intern_done(struct rn_intern *intern);
/* The index of an entry with these bytes, or RN_NONE. */
uint32_t rn_intern_find(const struct rn_intern *intern, struct rn_utf8 bytes,
                        rn_intern_content *content, const void *owner);
/* Adds entry `index`, not there yet, whose content is `bytes`. */
enum rn_error rn_intern_add(struct rn_intern *intern, struct rn_utf8 bytes,
                            uint32_t index) RN_MUST_CHECK;

#endif
