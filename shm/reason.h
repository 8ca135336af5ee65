/* reason.h: the numbers of reasons.def as they travel in RESULT, and which a worker may claim. */
#ifndef RN_SHM_REASON_H
#define RN_SHM_REASON_H

#include "base/check.h"

enum rn_reason {
#define REASON(name, number, exit_code, status, worker, text) RN_REASON_##name = number,
#include "shm/reasons.def"
#undef REASON
    RN_REASON_COUNT
};

/* What a worker can know. Everything else is the supervisor's to say. */
static inline bool rn_reason_is_workers(uint32_t reason)
{
    static const bool workers[] = {
#define REASON(name, number, exit_code, status, worker, text) [number] = (worker),
#include "shm/reasons.def"
#undef REASON
    };
    return reason < RN_REASON_COUNT && workers[reason];
}

#endif
