/*
 * watching.h: a folder that is watched, how it is written to, and what the watch tells.
 */
#ifndef RN_TESTS_SUPERVISOR_WATCHING_H
#define RN_TESTS_SUPERVISOR_WATCHING_H

#include <pthread.h>

#include "tests/unit/supervisor/harness.h"

extern char folder[64];

/* What was told, counted. */
struct told {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned loaded;
    unsigned broken;
    unsigned gone;
    char last[256];
};
extern struct told told;

/* An empty folder, nothing told; and without it. */
int watching_set_up(void **state);
int watching_tear_down(void **state);

/* The change function of watch_with; `user` is not used. */
void on_change(void *user, const rune_change *change);
unsigned count_of(const unsigned *count);
/* Waits until `*count` is at least `wanted`. */
void wait_for(const unsigned *count, unsigned wanted);

/* The path of a name in the folder, until three more were asked for. */
const char *at(const char *name);
void write_file(const char *name, const char *text);
/* As most editors save. */
void replace_file(const char *name, const char *text);

/* Watches the folder, and counts. `options` may be NULL. */
rune_watch *watch_with(rune_supervisor *by, const rune_watch_options *options);
/* What main of the script gives now; -1: no Unit. */
int64_t result_by(rune_supervisor *by, rune_watch *watch, const char *name);

#endif
