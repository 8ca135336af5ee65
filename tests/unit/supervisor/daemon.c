/* daemon.c: a daemon in a thread of the test. */
#include "tests/unit/supervisor/daemon.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

char daemon_folder[64];
char daemon_socket[128];
rune_server *daemon_server;
static pthread_t thread;

static void *run(void *argument)
{
    rune_server_run(argument);
    return NULL;
}

void daemon_write(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", daemon_folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void daemon_start(const char *script, void (*change)(rune_server_options *options))
{
    rune_error *error = NULL;
    strcpy(daemon_folder, "/tmp/runeward-serve-XXXXXX");
    assert_non_null(mkdtemp(daemon_folder));
    assert_int_equal(chmod(daemon_folder, 0711), 0);
    (void)snprintf(daemon_socket, sizeof(daemon_socket), "%s/run/socket", daemon_folder);
    daemon_write("a.rn", script);
    rune_server_options *options = rune_server_options_new();
    assert_int_equal(rune_server_options_set_directory(options, daemon_folder), RUNE_OK);
    assert_int_equal(rune_server_options_set_socket(options, daemon_socket), RUNE_OK);
    if (change) {
        change(options);
    }
    if (rune_server_new(supervisor, options, &daemon_server, &error) != RUNE_OK) {
        fail_msg("no daemon: %s", rune_error_message(error));
    }
    rune_server_options_free(options);
    assert_int_equal(pthread_create(&thread, NULL, run, daemon_server), 0);
}

void daemon_stop(void)
{
    if (daemon_server) {
        rune_server_drain(daemon_server, 0);
        pthread_join(thread, NULL);
        rune_server_free(daemon_server);
        daemon_server = NULL;
    }
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

void daemon_remove(void)
{
    (void)nftw(daemon_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

rune_supervisor *daemon_connect(void)
{
    rune_supervisor *remote = NULL;
    rune_error *error = NULL;
    rune_status status;
    int64_t until = now_ms() + PATIENCE_MS;
    // A connection that was given up counts until the daemon has noticed.
    while ((status = rune_supervisor_connect(daemon_socket, NULL, &remote, &error)) ==
               RUNE_E_OVERLOADED &&
           now_ms() < until) {
        rune_error_free(error);
        error = NULL;
    }
    if (status != RUNE_OK) {
        fail_msg("no connection: %s", rune_error_message(error));
    }
    return remote;
}

rune_vm *daemon_vm(rune_supervisor *client)
{
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    if (rune_connect_vm(client, "a", NULL, &vm, &error) != RUNE_OK) {
        fail_msg("%s", rune_error_message(error));
    }
    return vm;
}

void daemon_leave(rune_supervisor *client)
{
    rune_supervisor_free(client);
    daemon_stop();
    daemon_remove();
}

long long daemon_status(const char *key)
{
    char name[64];
    rune_text *text = NULL;
    rune_supervisor *remote = daemon_connect();
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_STATUS, &text, NULL), RUNE_OK);
    (void)snprintf(name, sizeof(name), "\"%s\":", key);
    const char *at = strstr(rune_text_data(text), name);
    assert_non_null(at);
    long long value = strtoll(at + strlen(name), NULL, 10);
    rune_text_free(text);
    rune_supervisor_free(remote);
    return value;
}

void daemon_await(const char *key, long long wanted)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (daemon_status(key) != wanted && now_ms() < until) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_int_equal(daemon_status(key), wanted);
}
