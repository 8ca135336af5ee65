/*
 * walled_host.h: a host whose zygotes, workers and compilers are those of walled.h, and what it has them do.
 */
#ifndef RN_TESTS_FAULT_WALLED_HOST_H
#define RN_TESTS_FAULT_WALLED_HOST_H

#include "tests/fault/faults.h"
#include "tests/fault/scenes.h"

/* `supervisor` is one without spares, over those programs. */
int walled_set_up(void **state);
int walled_tear_down(void **state);

/* Another one. */
rune_supervisor *walled_supervisor(unsigned spares);

/* Programs of the scope have so much of their arenas (0: all), from their start on. */
void walled_arena(enum fault_scope scope, uint64_t bytes);

/* Processes of these programs. Those that end are waited for until there are no more than `most`. */
unsigned walled_processes(unsigned most);

/* In `supervisor`; true and false as in scenes.h. Each call has a second. */
bool scene_of_a_walled_build(void);
bool scene_of_a_walled_format(void);
/* A worker for one call: large argument, output and result, calls of the host. */
bool scene_of_a_new_worker(void);
/* A worker that stays: Units come and go, calls are cancelled and end by limits. */
bool scene_of_a_shared_worker(void);
/* In a supervisor of its own, with a spare. */
bool scene_of_a_zygote(void);

#endif
