/*
 * lockdown.h: the layers that each process applies to itself, one function per step.
 *
 * Called by process.c in the order that its comment gives; each step writes what it achieved into
 * the report and leaves the decision whether that is enough to its caller. None needs memory from
 * the heap.
 */
#ifndef RN_POLICY_LOCKDOWN_H
#define RN_POLICY_LOCKDOWN_H

#include "policy/process.h"

/* Marks every descriptor from `first` on as gone. False (errno set) when that cannot be done. */
bool rn_lockdown_close_from(int first) RN_MUST_CHECK;

/* The end of the process `parent` ends this one. False when it has ended already. */
bool rn_lockdown_follow_parent(struct rn_wall_report *report, int parent) RN_MUST_CHECK;

struct rn_lockdown_limits {
    uint64_t address_space; /* bytes of mappings beyond the program image */
    uint32_t cpu_seconds;   /* 0: no bound */
};
void rn_lockdown_limits(struct rn_wall_report *report, const struct rn_lockdown_limits *limits);

void rn_lockdown_not_dumpable(struct rn_wall_report *report);
void rn_lockdown_no_new_privs(struct rn_wall_report *report);
/* Denies all that Landlock of this kernel knows. */
void rn_lockdown_landlock(struct rn_wall_report *report);
void rn_lockdown_speculation(struct rn_wall_report *report);
void rn_lockdown_no_exec_gain(struct rn_wall_report *report);
/* Seals the program's read-only segments, and the mappings given. */
void rn_lockdown_seal(struct rn_wall_report *report, const struct rn_mapping *mappings,
                      size_t count);
/* The last step. */
void rn_lockdown_filter(struct rn_wall_report *report, enum rn_role role);

/* The version of Landlock that the kernel has, or 0 with errno. */
uint32_t rn_landlock_abi(void);

#endif
