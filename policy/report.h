/*
 * report.h: the wall as JSON, for `runeward doctor`, `runeward policy` and the API.
 *
 * Every text in it comes from this folder's tables or from strerror; none holds a character that
 * JSON escapes (a test looks).
 */
#ifndef RN_POLICY_REPORT_H
#define RN_POLICY_REPORT_H

#include "base/buf.h"
#include "policy/policy.h"

/*
 * {"v":1,"flavour":…,"policy":…,"complete":…,"uid":…,"landlock_abi":…,"filters":…,"layers":[
 *   {"name":…,"required":…,"active":…,"seen_from_outside":…,"errno":…,"error":…,"protects":…,
 *    "remedy":…},…]}
 * in the order of layers.def. `complete`: every required layer is active. Failure is in the buffer.
 */
void rn_wall_report_to_json(const struct rn_wall_report *report, enum rn_policy policy,
                            uint64_t require, struct rn_buf *out);

/*
 * {"v":1,"flavour":…,"roles":[{"role":…,"instructions":…,"calls":[{"call":…,"when":…,
 *  "reason":…},…]},…],"layers":[{"name":…,"strict":…,"best_effort":…,"protects":…,"remedy":…},…]}
 */
void rn_policy_to_json(struct rn_buf *out);

#endif
