/* verdict.c: see verdict.h. */
#include "cli/verdict.h"

#include <stdio.h>
#include <string.h>

// A result that cannot leave the worker, such as an iterator: `path` leads to what it is that cannot.
static bool returned_inner(const rune_record *record, const char *path)
{
    const rune_error *error = rune_record_error(record);
    return rune_record_reason(record) == RUNE_REASON_SCRIPT_ERROR && error != NULL &&
           rune_error_frame_count(error) == 0 &&
           strcmp(rune_error_kind(error), "ConstNotSupported") == 0 &&
           strncmp(rune_error_message(error), path, strlen(path)) == 0 &&
           (*path == 0 || strchr(":.[", rune_error_message(error)[strlen(path)]) != NULL);
}

const char *rn_verdict(const rune_unit *unit, const rune_record *record, char room[RN_VERDICT_MAX])
{
    char failure[RN_CALL_FAILURE_MAX];
    const rune_const_value *value = rune_record_value(record);
    if (returned_inner(record, "value.Err")) {
        return "returned an Err";
    }
    if (returned_inner(record, "")) {
        return NULL;
    }
    if (rune_record_reason(record) != RUNE_REASON_OK) {
        return rune_reason_name(rune_record_reason(record));
    }
    if (rn_call_failure(unit, record, failure)) {
        (void)snprintf(room, RN_VERDICT_MAX, "returned %s", failure);
        return room;
    }
    if (rune_value_kind_of(value) == RUNE_VALUE_OPTION && !rune_value_is_some(value)) {
        return "returned None";
    }
    return NULL;
}

const char *rn_verdict_of_panic(const rune_record *record)
{
    rune_reason reason = rune_record_reason(record);
    if (reason == RUNE_REASON_SCRIPT_ERROR && !returned_inner(record, "")) {
        return NULL;
    }
    return reason == RUNE_REASON_OK || returned_inner(record, "") ? "ended without a panic"
                                                                  : rune_reason_name(reason);
}
