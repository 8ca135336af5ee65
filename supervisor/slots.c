/* slots.c: a growing table with a list of its free entries. */
#include "supervisor/slots.h"

#include "base/alloc.h"
#include "shm/control.h"

#define CAPACITY_FIRST 64u

static bool grow(struct rn_slots *slots)
{
    uint32_t capacity = slots->capacity == 0 ? CAPACITY_FIRST : slots->capacity * 2;
    void *entries = rn_realloc(slots->entries, capacity * sizeof(*slots->entries));
    if (!entries) {
        return false;
    }
    slots->entries = entries;
    slots->capacity = capacity;
    return true;
}

enum rn_error rn_slots_put(struct rn_slots *slots, struct rn_call *call, uint32_t *out_slot)
{
    if (slots->freed != 0) {
        *out_slot = slots->freed - 1;
        slots->freed = slots->entries[*out_slot].next_free;
    } else {
        if (slots->used >= RN_SLOTS_MAX) {
            return RN_E_WOULD_BLOCK;
        }
        if (slots->used == slots->capacity && !grow(slots)) {
            return RN_E_NO_MEMORY;
        }
        *out_slot = slots->used++;
    }
    slots->entries[*out_slot] = (struct rn_slot_entry){.call = call};
    return RN_OK;
}

struct rn_call *rn_slots_at(const struct rn_slots *slots, uint32_t slot)
{
    return slot < slots->used ? slots->entries[slot].call : NULL;
}

void rn_slots_remove(struct rn_slots *slots, uint32_t slot)
{
    RN_CHECK(rn_slots_at(slots, slot) != NULL);
    slots->entries[slot] = (struct rn_slot_entry){.next_free = slots->freed};
    slots->freed = slot + 1;
}

void rn_slots_done(struct rn_slots *slots)
{
    rn_free(slots->entries);
    *slots = (struct rn_slots){.capacity = 0};
}
