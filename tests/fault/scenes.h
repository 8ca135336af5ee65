/*
 * scenes.h: what hosts do, from beginning to end, with whatever fails on the way.
 *
 * True: all went well. False: something failed, by a named error; what was made has been freed again.
 */
#ifndef RN_TESTS_FAULT_SCENES_H
#define RN_TESTS_FAULT_SCENES_H

#include "tests/unit/supervisor/harness.h"

/* Makes and removes the folder that the scenes share; `unit` is what living calls call. */
int scenes_set_up(void **state);
int scenes_tear_down(void **state);

/* Goes well, now that nothing fails. */
void must_work(bool (*scene)(void));
/*
 * Descriptors but for those of workers, two each, of which there are more or fewer. A zygote that a
 * fault took away is made again for the next call or build, its spare behind it.
 */
int fds_at_rest(void);
/* As many as before, or fewer, if not at once: a compiler that is kept ready comes and goes. */
void expect_no_more_fds(int before);

/* A supervisor of its own: made, a build, a call, all gone. */
bool scene_of_a_life(void);
/* On the harness's supervisor: a call in a new worker, with output and a host call. */
bool scene_of_a_call(void);
/* The same as an execution. */
bool scene_of_an_execution(void);
/* Statics set, a snapshot taken, and put back. */
bool scene_of_globals(void);
/* A Unit built, kept in a cache, saved to a file and loaded. */
bool scene_of_files(void);
/* A folder watched. */
bool scene_of_a_watch(void);

#endif
