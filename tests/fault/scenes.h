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

/* RUNEWARD_FAULT_ALL=1 in the environment: sweeps take every value; =NAME: of the scene of that name alone. */
bool sweeps_take_all(void);

/* Goes well, now that nothing fails. */
void must_work(bool (*scene)(void));
/* The text of the last scene's error. */
const char *what_was_said(void);

/*
 * Descriptors but for those of workers, two each, of which there are more or fewer. A zygote that a
 * fault took away is made again for the next call or build, its spare behind it.
 */
int fds_at_rest(void);
/* As many as before, or fewer, if not at once: a compiler that is kept ready comes and goes. */
void expect_no_more_fds(int before);

/* Unless sweeps take all, they fail the first allocation, and every so manieth after it; 0: none. */
struct scene {
    const char *name;
    bool (*run)(void);
    unsigned allocations;
};

/* All of them; SCENES are there, the first PLAIN of which are short. */
#define SCENES 14u
#define PLAIN 6u
extern const struct scene scenes[SCENES];
/* See sweeps_take_all. */
bool is_wanted(const struct scene *scene);

/* On the harness's supervisor: an execution with output and a host call; a Unit built, cached, saved, loaded. */
bool scene_of_an_execution(void);
bool scene_of_files(void);

/* scenes_wide.c */
int scenes_wide_set_up(void);
void scenes_wide_tear_down(void);
/* A function and a closure kept, called, made sync, called elsewhere, and passed back to the script. */
bool scene_of_functions(void);
/* A batch of calls in Vms of a pool. */
bool scene_of_a_batch(void);
/* Host functions that reply later, from a thread. */
bool scene_of_later_replies(void);
/* The worker is killed in the middle, and the call runs again from its journal. */
bool scene_of_a_killed_worker(void);
/* A call that is cancelled while it waits, and one that reaches a limit. */
bool scene_of_ends(void);
/* A struct that a call gave, as JSON with its names. */
bool scene_of_names(void);
/* Formatting, an outline, diagnostics of a source with mistakes. */
bool scene_of_source_tools(void);
/* A daemon, a client: a build, texts, a Unit brought along, calls, a query, a watch; both go. */
bool scene_of_a_daemon(void);

/* If the last error since the last question says that a system call failed, it says why. */
bool has_reason(const char *name, int why);

/* What the scenes share: what failed must have a name. These free the error, the record. */
bool went_well(rune_status status, rune_error *error);
/* The same for a call that sets the error: it is looked at after the call. */
#define WENT_WELL(call, error)                                                                     \
    __extension__({                                                                                \
        rune_status status_ = (call);                                                              \
        went_well(status_, (error));                                                               \
    })
bool is_good(rune_status status, rune_record *record, rune_error *error);
/* A path in the scenes' folder; two are kept. */
const char *at(const char *name);
bool take(void *user, int stream, const char *data, size_t size);

#endif
