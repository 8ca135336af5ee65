/*
 * harness.h: a domain with subjects behind the wall, for the tests beside it.
 */
#ifndef RN_TESTS_WALL_HARNESS_H
#define RN_TESTS_WALL_HARNESS_H

#include "supervisor/spawner.h"
#include "tests/wall/subject.h"

struct harness {
    struct rn_spawner *spawner;
    struct rn_zygote *zygote;
};

struct subject {
    struct rn_child child;
    int socket_fd;
    uint64_t own_layers; /* what it says itself */
};

/* Fails the test with the step when the domain cannot be made. */
void harness_open(struct harness *harness, enum rn_policy policy);
/* The same with another program as subject. */
void harness_open_with(struct harness *harness, enum rn_policy policy, const char *program);
void harness_close(struct harness *harness);

void subject_spawn(struct harness *harness, enum rn_role role, struct subject *subject);
void subject_spawn_with(struct harness *harness, const struct rn_spawn_request *request,
                        struct subject *subject);
/* True with the answer, or false when the subject has died of it. */
bool subject_order(const struct subject *subject, const struct order *order, long *out_answer);
/* Closes our ends and waits for the zygote's notice. */
struct rn_child_exit subject_end(struct harness *harness, struct subject *subject);
/* Waits for the notice of an end that comes by itself. */
struct rn_child_exit subject_wait(struct harness *harness, struct subject *subject);

/* Becomes an ordinary user when the test was started with `--nobody`; call first in main. */
bool harness_be_nobody(int argc, char **argv);

#endif
