/* record.h: how a call ended. */
#ifndef RN_SUPERVISOR_RECORD_H
#define RN_SUPERVISOR_RECORD_H

#include <runeward/profile.h>
#include <runeward/vm.h>

#include "supervisor/limits.h"
#include "supervisor/value.h"

/* A result of up to so many bytes lies in its record's block. */
#define RN_RECORD_SMALL_MAX 40u

struct rune_record {
    _Atomic uint32_t refs; /* its owner's, and that of the value within */
    rune_reason reason;
    rune_const_value *value; /* counted, or NULL */
    rune_error *error;       /* owned, or NULL */
    rune_usage usage;
    struct rune_limits limits;
    char unit_id[2 * 32 + 1];
    int32_t worker; /* process id as the host sees it; 0: none */
    uint32_t attempts;
    rune_profile *profile; /* owned, or NULL */
    bool output_cut;       /* the host did not take all of it */
    uint8_t *journal;      /* owned: a replay file; NULL: there is none, because: */
    size_t journal_size;
    const char *no_journal; /* static storage; NULL: it was not asked for */
    rune_const_value within;
    uint8_t within_bytes[RN_RECORD_SMALL_MAX];
    char item[]; /* what was called */
};

/* All zero but for the item. NULL without memory. */
rune_record *rn_record_new(const char *item) RN_MUST_CHECK;
/* Its value: a copy of at most RN_RECORD_SMALL_MAX bytes from a worker. What rn_value_take says of them. */
enum rn_error rn_record_set_small(rune_record *record, const uint8_t *bytes,
                                  size_t size) RN_MUST_CHECK;
/* The block goes with the last reference; rune_record_free gives up what it holds. */
void rn_record_unref(rune_record *record);

#endif
