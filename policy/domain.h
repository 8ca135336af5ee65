/*
 * domain.h: the layers that a trust domain shares: namespaces, uid, empty root, no capabilities.
 *
 * Used by the helper that becomes a zygote. rn_domain_clone makes the process that will be pid 1 of
 * the domain, in new namespaces where the machine permits, and gives it its identity from outside;
 * rn_domain_enter runs in that process and puts the rest of the shared layers in place. What fails
 * is reported, and the next weaker form is tried: with a user namespace, as root without one, none.
 */
#ifndef RN_POLICY_DOMAIN_H
#define RN_POLICY_DOMAIN_H

#include "policy/policy.h"

#include <sys/types.h>

struct rn_domain {
    uint32_t uid;        /* as root: what the domain runs as; ordinary users keep their own */
    bool privileged;     /* the helper is root and gives the domain `uid` */
    bool user_namespace; /* made by rn_domain_clone */
    struct rn_wall_report report;
};

/* In the helper: `uid` is used when it runs as root. */
void rn_domain_init(struct rn_domain *domain, uint32_t uid);

/*
 * Clones. In the new process it returns 0 once its identity stands; in the helper the new process's
 * number, and a descriptor of it in *out_pidfd. -1 with errno when no form of it works. The caller
 * has one thread.
 */
pid_t rn_domain_clone(struct rn_domain *domain, int *out_pidfd);

/* In the new process; the report has the outcome. Descriptors stay as they are. */
void rn_domain_enter(struct rn_domain *domain);

#endif
