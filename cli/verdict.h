/* verdict.h: whether a test passed. */
#ifndef RN_CLI_VERDICT_H
#define RN_CLI_VERDICT_H

#include "cli/call.h"

#define RN_VERDICT_MAX (RN_CALL_FAILURE_MAX + sizeof("returned "))

/* A test fails by an error, and by returning Err or None: why, be it in `room`; NULL: it passed. */
const char *rn_verdict(const rune_unit *unit, const rune_record *record, char room[RN_VERDICT_MAX]);
/* The same of one that should panic. */
const char *rn_verdict_of_panic(const rune_record *record);

#endif
