/*
 * faults.h: one system call, of those in calls.def or calls_walled.def, fails.
 *
 * Either the n-th from now, with one of its errnos, or the first at a place in the program where one of the errnos has not been
 * seen yet: so a scene that is run again and again fails everywhere, however its threads take turns.
 */
#ifndef RN_TESTS_FAULT_FAULTS_H
#define RN_TESTS_FAULT_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* In which programs; those behind the wall by what they do (walled.h). */
enum fault_scope {
    FAULT_HERE,
    FAULT_ZYGOTE, /* and what starts it */
    FAULT_WORKER,
    FAULT_COMPILER,
};

/* The n-th call from now (1: the next) fails with the errno of that index in its row. */
void fault_at(long n, unsigned index);
/* The first call at a place, with an errno of its row, that has not failed before. */
void fault_new(void);
/* From now on nothing fails. */
void fault_none(void);
/* For whatever is said to fail from now on: in which programs, and whether that place fails for ever once it has failed. */
void fault_in(enum fault_scope scope, bool forever);
/* Every place is one where nothing has failed yet. */
void fault_forget(void);
/* Calls of these programs since fault_in. */
uint64_t fault_calls(void);

enum fault_outcome {
    FAULT_MISSED, /* there were not so many calls, or nothing new among them */
    FAULT_BEYOND, /* the n-th call has not so many errnos */
    FAULT_HIT,
};

/* What came of it since fault_at or fault_new. */
enum fault_outcome fault_outcome(void);
/* Of FAULT_HIT: the call's name, and the errno (0: only a part of it was done). */
const char *fault_name(void);
int fault_errno(void);

#endif
