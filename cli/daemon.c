/* daemon.c: the socket's path, and the service manager's protocol (sd_notify, LISTEN_FDS) by hand. */
#include "cli/daemon.h"
#include "cli/exit_codes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_INHERITED 3

bool rn_daemon_socket(struct rn_session *session, char out_path[RN_SOCKET_PATH_MAX])
{
    const char *given = session->args->values[RN_OPTION_SOCKET];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int size = -1;
    if (given != NULL) {
        size = snprintf(out_path, RN_SOCKET_PATH_MAX, "%s", given);
    } else if (geteuid() == 0) {
        size = snprintf(out_path, RN_SOCKET_PATH_MAX, "/run/runeward/socket");
    } else if (runtime != NULL && runtime[0] == '/') {
        size = snprintf(out_path, RN_SOCKET_PATH_MAX, "%s/runeward/socket", runtime);
    }
    if (size > 0 && size < (int)RN_SOCKET_PATH_MAX) {
        return true;
    }
    rn_console_complain(size < 0 ? "without XDG_RUNTIME_DIR, --socket says where the daemon is"
                                 : "--socket: the path is too long");
    session->code = RN_EXIT_USAGE;
    return false;
}

bool rn_daemon_connect(struct rn_session *session)
{
    char path[RN_SOCKET_PATH_MAX];
    rune_error *error = NULL;
    if (!rn_daemon_socket(session, path)) {
        return false;
    }
    if (rune_supervisor_connect(path, NULL, &session->supervisor, &error) == RUNE_OK) {
        return true;
    }
    session->code = rn_console_take_error(&session->console, error);
    return false;
}

void rn_daemon_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof(address.sun_path)) {
        return;
    }
    size_t size = strlen(path);
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') {
        address.sun_path[0] = 0; // a name without a file
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
        (void)close(fd);
    }
}

int rn_daemon_inherited(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || strtoll(pid, NULL, 10) != getpid() ||
        strtoll(count, NULL, 10) < 1) {
        return -1;
    }
    if (strtoll(count, NULL, 10) > 1) {
        rn_console_complain("of the sockets that the service manager passes, the first is used");
    }
    return FIRST_INHERITED;
}
