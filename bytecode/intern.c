/* intern.c: open addressing with linear probing, at most half full. */
#include "bytecode/intern.h"

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "bytecode/unit_layout.h"

#include <string.h>

enum {
    CAPACITY_MIN = 32,
};

void rn_intern_done(struct rn_intern *intern)
{
    rn_free(intern->slots);
    *intern = (struct rn_intern){0};
}

static uint32_t hash_of(struct rn_utf8 bytes)
{
    return (uint32_t)rn_hash_text(bytes.data, bytes.size);
}

static bool equal(struct rn_utf8 a, struct rn_utf8 b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

uint32_t rn_intern_find(const struct rn_intern *intern, struct rn_utf8 bytes,
                        rn_intern_content *content, const void *owner)
{
    if (intern->capacity == 0) {
        return RN_NONE;
    }
    uint32_t hash = hash_of(bytes);
    uint32_t mask = intern->capacity - 1;
    for (uint32_t i = hash & mask; intern->slots[i].entry != 0; i = (i + 1) & mask) {
        uint32_t index = intern->slots[i].entry - 1;
        if (intern->slots[i].hash == hash && equal(content(owner, index), bytes)) {
            return index;
        }
    }
    return RN_NONE;
}

static void insert(struct rn_intern_slot *slots, uint32_t capacity, struct rn_intern_slot slot)
{
    uint32_t mask = capacity - 1;
    uint32_t i = slot.hash & mask;
    while (slots[i].entry != 0) {
        i = (i + 1) & mask;
    }
    slots[i] = slot;
}

static enum rn_error grow(struct rn_intern *intern)
{
    uint32_t capacity = intern->capacity == 0 ? CAPACITY_MIN : intern->capacity * 2;
    struct rn_intern_slot *slots = rn_alloc_array(capacity, sizeof(*slots));
    if (slots == NULL) {
        return RN_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < intern->capacity; i++) {
        if (intern->slots[i].entry != 0) {
            insert(slots, capacity, intern->slots[i]);
        }
    }
    rn_free(intern->slots);
    intern->slots = slots;
    intern->capacity = capacity;
    return RN_OK;
}

enum rn_error rn_intern_add(struct rn_intern *intern, struct rn_utf8 bytes, uint32_t index)
{
    if (intern->count >= intern->capacity / 2) {
        RN_TRY(grow(intern));
    }
    insert(intern->slots, intern->capacity,
           (struct rn_intern_slot){.hash = hash_of(bytes), .entry = index + 1});
    intern->count++;
    return RN_OK;
}
