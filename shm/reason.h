/* reason.h: the numbers of reasons.def as they travel in RESULT, and which a worker may claim. */
#ifndef RN_SHM_REASON_H
#define RN_SHM_REASON_H

#include "base/check.h"

enum rn_reason {
#define REASON(name, number, exit_code, text) RN_REASON_##name = number,
#include "shm/reasons.def"
#undef REASON
    RN_REASON_COUNT
};

/* What a worker can know. Everything else is the supervisor's to say. */
static inline bool rn_reason_is_workers(uint32_t reason)
{
    switch (reason) {
    case RN_REASON_OK:
    case RN_REASON_SCRIPT_ERROR:
    case RN_REASON_USAGE:
    case RN_REASON_OVERLOADED:
    case RN_REASON_INTERNAL:
    case RN_REASON_DEPTH:
    case RN_REASON_HOST_CALLS:
    case RN_REASON_BUDGET:
    case RN_REASON_MEMORY:
    case RN_REASON_OUTPUT:
    case RN_REASON_CANCELLED:
        return true;
    default:
        return false;
    }
}

#endif
