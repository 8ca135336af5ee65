/* record.h: how a call ended. */
#ifndef RN_SUPERVISOR_RECORD_H
#define RN_SUPERVISOR_RECORD_H

#include <runeward/vm.h>

#include "supervisor/limits.h"

struct rune_record {
    rune_reason reason;
    rune_const_value *value; /* counted, or NULL */
    rune_error *error;       /* owned, or NULL */
    rune_usage usage;
    struct rune_limits limits;
    char unit_id[2 * 32 + 1];
    int32_t worker; /* process id as the host sees it; 0: none */
    uint32_t attempts;
    uint8_t *journal; /* owned: a replay file; NULL: there is none, because: */
    size_t journal_size;
    const char *no_journal; /* static storage; NULL: it was not asked for */
    char item[];            /* what was called */
};

/* All zero but for the item. NULL without memory. */
rune_record *rn_record_new(const char *item) RN_MUST_CHECK;

#endif
