/* attempts.h: ways out of the wall, as one table for the subject and its tests. */
#ifndef RN_TESTS_WALL_ATTEMPTS_H
#define RN_TESTS_WALL_ATTEMPTS_H

#include "policy/process.h"

/* What an attempt may need to know of the world outside. */
struct attempt_target {
    uint64_t host_pid;
    uint64_t port;          /* of a TCP listener of the host on 127.0.0.1 */
    char abstract_name[32]; /* of an abstract socket of the host */
};

struct attempt {
    const char *name;
    /* Not negative: it worked, which is what must not happen. Else minus the errno. */
    long (*run)(struct rn_process *process, const struct attempt_target *target);
};

extern const struct attempt attempts[];
extern const unsigned attempt_count;

#endif
