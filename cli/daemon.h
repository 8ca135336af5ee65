/* daemon.h: what commands that are a daemon, or talk to one, have in common. */
#ifndef RN_CLI_DAEMON_H
#define RN_CLI_DAEMON_H

#include "cli/session.h"

#define RN_SOCKET_PATH_MAX 512u

/* --socket, or the default of this user. False: there is none; `code` is set, the reason was said. */
bool rn_daemon_socket(struct rn_session *session, char out_path[RN_SOCKET_PATH_MAX]);
/* Connects `session->supervisor`. False: `code` is set, the reason was said. */
bool rn_daemon_connect(struct rn_session *session);

/* Tells the service manager, if there is one: "READY=1", lines between line ends. */
void rn_daemon_notify(const char *state);
/* The one socket that the service manager listens on for this process, or -1. */
int rn_daemon_inherited(void);

#endif
