/*
 * report.h: what is told of a run of tests: as text, as characters, as JSON, TAP or JUnit XML.
 */
#ifndef RN_CLI_REPORT_H
#define RN_CLI_REPORT_H

#include "cli/bytes.h"
#include "cli/session.h"

#include <stdint.h>

enum rn_test_outcome {
    RN_TEST_PASSED,
    RN_TEST_FAILED,
    RN_TEST_SKIPPED,
    RN_TEST_BUILD_ERROR, /* of a file, or of a test in a doc comment */
};
#define RN_TEST_OUTCOMES 4u

struct rn_test_result {
    const char *file;
    const char *name; /* "" for a file that does not compile */
    enum rn_test_outcome outcome;
    const char *why;           /* a few words; NULL when it passed */
    const rune_error *error;   /* or NULL */
    const rune_record *record; /* or NULL */
    const rune_unit *unit;     /* of the record */
    const struct rn_bytes *output;
    const rune_text *diagnostics; /* JSON; of a build error, or NULL */
    uint64_t wall_us;
};

enum rn_report_kind {
    RN_REPORT_NONE,
    RN_REPORT_TAP,
    RN_REPORT_JUNIT,
};

struct rn_report {
    const struct rn_console *console;
    enum rn_report_kind kind; /* of --report */
    const char *path;         /* of --report; NULL: standard output, in place of the text */
    struct rn_bytes out;      /* of --report */
    struct rn_bytes suite;    /* JUnit: the cases of the file at hand */
    char file[256];           /* JUnit: its name */
    unsigned suite_counts[RN_TEST_OUTCOMES];
    unsigned counts[RN_TEST_OUTCOMES];
    unsigned unchosen; /* tests that filters left out: counted, not listed */
    unsigned numbered; /* TAP */
    bool first;        /* JSON */
    bool no_memory;
};

/* From --report. False after a complaint. */
bool rn_report_init(struct rn_report *report, const struct rn_session *session);
void rn_report_add(struct rn_report *report, const struct rn_test_result *result);
/* Says how it ended and writes the file. The exit code. */
int rn_report_finish(struct rn_report *report);

#endif
