/*
 * cgroup.h: is a process bounded by control groups?
 *
 * Limits of memory and processes are the operator's to give to the host (a service manager's or a
 * container's options); its domains live inside them. This only looks whether there are any, in
 * either version of control groups, on the way from the process's group up to the root.
 */
#ifndef RN_POLICY_CGROUP_H
#define RN_POLICY_CGROUP_H

#include "base/check.h"

#include <sys/types.h>

struct rn_cgroup_bounds {
    bool memory;
    bool processes;
};

/* Nothing is bounded where procfs or the control groups cannot be read. */
struct rn_cgroup_bounds rn_cgroup_bounds_of(pid_t pid);

/* How often the kernel has killed in the process's group for want of memory; 0 where it does not say. */
uint64_t rn_cgroup_oom_kills(pid_t pid);

#endif
