/*
 * profile.h: what calls spend, and where: counted, without a clock.
 *
 * A supervisor that profiles has workers that count each instruction, about half as fast as others, behind
 * the same wall. Everything else is as it always is: results, budgets, limits. What is counted is budget, so
 * that the same call has the same profile on every run and on every machine.
 *
 * A call's profile comes with its record, whatever the call's end was, unless its worker was killed. Profiles of
 * one Unit can be added up, for coverage. One thread at a time, but for profiles of records: those are read only.
 */
#ifndef RUNEWARD_PROFILE_H
#define RUNEWARD_PROFILE_H

#include <runeward/supervisor.h>
#include <runeward/text.h>
#include <runeward/unit.h>
#include <runeward/vm.h>

RUNE_BEGIN

typedef struct rune_profile rune_profile;
typedef struct rune_profile_report rune_profile_report;

/* Workers count what their calls spend; default false. INVALID_ARGUMENT of rune_supervisor_new: together with
 * rune_supervisor_options_set_diagnose (replay.h), whose workers are others. They are `runeward-worker-profile`, in the folder
 * of helpers, which rune_supervisor_new does not find: UNAVAILABLE. */
RUNE_API void rune_supervisor_options_set_profile(rune_supervisor_options *options, bool profile);

/* Borrowed from the record. NULL: its supervisor does not profile (one that connects to a daemon never
 * does), the call did not begin, or its worker could not tell any more. */
RUNE_API const rune_profile *rune_record_profile(const rune_record *record);

/* An empty one. The Unit is counted. NO_MEMORY. The caller's: rune_profile_free. */
RUNE_API rune_status rune_profile_new(rune_unit *unit, rune_profile **out_profile,
                                      rune_error **error) RUNE_MUST_CHECK;
/* Adds what `other` has to it. INVALID_ARGUMENT: that is of another Unit; NO_MEMORY: nothing was added. */
RUNE_API rune_status rune_profile_add(rune_profile *profile, const rune_profile *other,
                                      rune_error **error) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_profile_free(rune_profile *profile);

/* Budget of all of it. Of a call that ended in good order this is what its usage says, to the unit; the few
 * instructions in front of an error are counted here, and there they are not. */
RUNE_API uint64_t rune_profile_spent(const rune_profile *profile);

/* An instruction of the Unit that ran. */
typedef struct rune_profile_instruction {
    size_t index;   /* of rune_listing_instruction_at (tools.h) */
    uint64_t hits;  /* how often it ran */
    uint64_t spent; /* by it, and by the library for it */
} rune_profile_instruction;

/* By `index`, each once. False: there are no more. What all of them spent, and what was spent in front of the first
 * one, is rune_profile_spent. */
RUNE_API bool rune_profile_instruction_at(const rune_profile *profile, size_t rank,
                                          rune_profile_instruction *out_instruction);

/*
 * Paths of calls and what was spent at their ends, in the form that tools for flame graphs read:
 * "main;parse;next 1234" and a line break. A recursive call counts where its function is on the path already.
 * INVALID_ARGUMENT: it is NULL; NO_MEMORY; TOO_LARGE: it would be more than 64 MiB.
 */
RUNE_API rune_status rune_profile_stacks(const rune_profile *profile,
                                         rune_text **out_text) RUNE_MUST_CHECK;

/* A function of the script. Strings are borrowed from the report. */
typedef struct rune_profile_function {
    size_t index;         /* of rune_listing_function_at (tools.h) */
    const char *function; /* its path; "" is the script's body */
    const char *source;   /* where it stands; "" and 0: that is not known */
    uint32_t line;
    uint64_t calls;
    uint64_t self;  /* spent in it, and in the library for it */
    uint64_t total; /* the same with everything that it called */
} rune_profile_function;

/* A line of a source that instructions come from. */
typedef struct rune_profile_line {
    const char *source;
    uint32_t line;
    uint64_t hits;  /* how often its most frequent instruction ran; 0: the line never did */
    uint64_t spent; /* by it, and by the library for it */
} rune_profile_line;

/*
 * Takes a time that grows with the Unit, be little of it run. Functions that were called, the dearest one first by `self`; and all lines of the Unit that anything comes
 * from, those that did not run too, by source and line. NO_MEMORY. The caller's; it outlives the profile.
 */
RUNE_API rune_status rune_profile_report_new(const rune_profile *profile,
                                             rune_profile_report **out_report,
                                             rune_error **error) RUNE_MUST_CHECK;
/* False: there are no more. */
RUNE_API bool rune_profile_report_function(const rune_profile_report *report, size_t index,
                                           rune_profile_function *out_function);
RUNE_API bool rune_profile_report_line(const rune_profile_report *report, size_t index,
                                       rune_profile_line *out_line);
/* The index of the line that spent the most (rank 0), the next most (1), and so on; SIZE_MAX: there are no more. */
RUNE_API size_t rune_profile_report_dearest(const rune_profile_report *report, size_t rank);
/* The text of a line, without its end; "" if it is too long. NOT_FOUND: there is no such line; NO_MEMORY. */
RUNE_API rune_status rune_profile_report_text(const rune_profile_report *report, size_t index,
                                              rune_text **out_text) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_profile_report_free(rune_profile_report *report);

RUNE_END

#endif
