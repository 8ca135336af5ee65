/* batch.h: a batch of calls to our own workers, all driven by the thread that makes them. */
#ifndef RN_SUPERVISOR_BATCH_H
#define RN_SUPERVISOR_BATCH_H

#include <runeward/execution.h>

#include "base/check.h"

/* rune_call_many, without a daemon: `out_records` holds `count` NULLs. NO_MEMORY: so it does then. */
rune_status rn_batch_run(const rune_batch_call *calls, size_t count,
                         rune_record **out_records) RN_MUST_CHECK;

#endif
