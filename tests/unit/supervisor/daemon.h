/*
 * daemon.h: a daemon in a thread of the test, over a folder of its own, and clients of it.
 */
#ifndef RN_TESTS_SUPERVISOR_DAEMON_H
#define RN_TESTS_SUPERVISOR_DAEMON_H

#include "tests/unit/supervisor/harness.h"

extern char daemon_folder[64];  /* scripts */
extern char daemon_socket[128]; /* beside it */
extern rune_server *daemon_server;

/* Writes the script, starts. `change` (may be NULL) adds to the options. */
void daemon_start(const char *script, void (*change)(rune_server_options *options));
/* Drains and waits for its end. */
void daemon_stop(void);
/* Removes the folder. */
void daemon_remove(void);
void daemon_write(const char *name, const char *text);
rune_supervisor *daemon_connect(void);
/* A Vm of the script by its name. */
rune_vm *daemon_vm(rune_supervisor *client);
/* The end of a fixture: the client's, the daemon's, the folder's. */
void daemon_leave(rune_supervisor *client);
/* The value under `"key":` in the daemon's status. */
long long daemon_status(const char *key);
/* Waits until that value is as wanted. */
void daemon_await(const char *key, long long wanted);

#endif
