/*
 * scripts.h: the scripts of the tree, for sweeps that need many: of tests/conformance, lang, golden and of docs/examples.
 *
 * RUNEWARD_FAULT_ALL=1 in the environment: sweeps take every value for every script, which takes an hour;
 * RUNEWARD_FAULT_ALL=PART: for those whose path has PART in it. Without it the four largest
 * scripts get every value, each other one every STEP-th from a beginning of its own, so that all values occur.
 */
#ifndef RN_TESTS_FAULT_SCRIPTS_H
#define RN_TESTS_FAULT_SCRIPTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct script {
    char *path;
    char *text;
    size_t size;
    uint64_t first; /* values of a sweep: first, first + step .. */
    uint64_t step;
};

/* Reads them, the largest first. RN_SOURCE is the root of the tree. */
int scripts_set_up(void **state);
int scripts_tear_down(void **state);
size_t scripts_count(void);
const struct script *scripts_at(size_t index);
bool sweeps_take_all(void);

#endif
