/*
 * look.h: what a live process's wall looks like from outside.
 *
 * Reads procfs only; nothing the process says is believed. Layers that leave no trace there
 * (rn_wall_visible) cannot be judged and are left alone.
 */
#ifndef RN_POLICY_LOOK_H
#define RN_POLICY_LOOK_H

#include "policy/policy.h"

#include <sys/types.h>

/* Layers that can be seen from outside by a process that may look. */
uint64_t rn_wall_visible(void);

/*
 * Fills the report for process `pid`. The caller makes sure, before and after, that the number
 * still is that of the process it means. RN_E_NOT_FOUND: no such process. Files that this user may
 * not read leave their layers inactive with the errno.
 */
enum rn_error rn_wall_look(pid_t pid, struct rn_wall_report *out_report) RN_MUST_CHECK;

/*
 * The same in two steps, for a process that is being made. Early, before its first message: what it has from
 * its zygote and can neither shed nor gain. Late, after it: its own layers, and the others once more if
 * one of them was not seen early.
 */
void rn_wall_look_early(pid_t pid, struct rn_wall_report *out_early);
enum rn_error rn_wall_look_late(pid_t pid, const struct rn_wall_report *early,
                                struct rn_wall_report *out_report) RN_MUST_CHECK;

/*
 * Adds the layers of `said` that leave no trace outside: a set that the process itself gave in its
 * first message, before any foreign byte had reached it. Layers that can be seen are not changed.
 */
void rn_wall_believe(struct rn_wall_report *report, uint64_t said);

#endif
