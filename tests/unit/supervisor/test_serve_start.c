/*
 * Two daemons that are started at one path at once: one of them serves, the other one is told so. The second starts
 * inside a system call of the first, which is made by wrappers of our own.
 */
#include "tests/unit/supervisor/daemon.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int __real_bind(int fd, const struct sockaddr *address, socklen_t size);
int __real_listen(int fd, int backlog);
int __real_unlink(const char *path);
int __real_flock(int fd, int operation);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_listen(int fd, int backlog);
int __wrap_unlink(const char *path);
int __wrap_flock(int fd, int operation);

/* Of the first daemon, before which the second starts. */
enum moment {
    NEVER,
    BEFORE_UNLINK,
    BEFORE_BIND,
    BEFORE_LISTEN,
};

static char path[80];
static enum moment moment;
static rune_status second_status;
static char second_message[256];
static int removed_locks; /* files that are removed and made anew before they can be locked */
static int lock_errno;    /* what flock() says, if it is not 0 */

static rune_status start_at(rune_server **out_server, char message[256])
{
    rune_error *error = NULL;
    rune_server_options *options = rune_server_options_new();
    assert_int_equal(rune_server_options_set_directory(options, daemon_folder), RUNE_OK);
    assert_int_equal(rune_server_options_set_socket(options, path), RUNE_OK);
    rune_status status = rune_server_new(supervisor, options, out_server, &error);
    (void)snprintf(message, 256, "%s", status == RUNE_OK ? "" : rune_error_message(error));
    rune_error_free(error);
    rune_server_options_free(options);
    return status;
}

static void pass(enum moment at)
{
    if (moment == at) {
        moment = NEVER;
        rune_server *second = NULL;
        second_status = start_at(&second, second_message);
    }
}

int __wrap_unlink(const char *name)
{
    if (strcmp(name, path) == 0) {
        pass(BEFORE_UNLINK);
    }
    return __real_unlink(name);
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    pass(BEFORE_BIND);
    return __real_bind(fd, address, size);
}

int __wrap_listen(int fd, int backlog)
{
    pass(BEFORE_LISTEN);
    return __real_listen(fd, backlog);
}

int __wrap_flock(int fd, int operation)
{
    char name[200];
    (void)snprintf(name, sizeof(name), "%s.lock", path);
    if (removed_locks > 0) {
        removed_locks--;
        assert_int_equal(__real_unlink(name), 0);
    }
    if (lock_errno != 0) {
        errno = lock_errno;
        return -1;
    }
    return __real_flock(fd, operation);
}

static int set_up(void **state)
{
    (void)state;
    removed_locks = 0;
    lock_errno = 0;
    daemon_start("pub fn main() { 1 }\n", NULL);
    (void)snprintf(path, sizeof(path), "%s/run/other", daemon_folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    daemon_stop();
    daemon_remove();
    return 0;
}

/* What a daemon leaves behind that was killed. */
static void leave_a_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(__real_bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static bool exists(const char *ending)
{
    struct stat about;
    char name[200];
    (void)snprintf(name, sizeof(name), "%s%s", path, ending);
    return lstat(name, &about) == 0;
}

static bool answers(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    bool answer = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return answer;
}

static void start_both(enum moment at)
{
    rune_server *first = NULL;
    char message[256];
    moment = at;
    assert_int_equal(start_at(&first, message), RUNE_OK);
    assert_int_equal(moment, NEVER);
    assert_int_equal(second_status, RUNE_E_BUSY);
    assert_non_null(strstr(second_message, "another daemon is starting there"));
    assert_true(answers());
    assert_false(exists(".lock"));
    rune_server_free(first);
    assert_false(exists(""));
}

static void test_one_of_two_serves(void **state)
{
    (void)state;
    leave_a_socket();
    start_both(BEFORE_UNLINK);
    leave_a_socket();
    start_both(BEFORE_BIND);
    leave_a_socket();
    start_both(BEFORE_LISTEN);
    start_both(BEFORE_BIND);
    start_both(BEFORE_LISTEN);
}

/* A daemon that was killed while it started has left its lock, which nobody holds. */
static void test_a_lock_that_was_left(void **state)
{
    rune_server *server = NULL;
    char message[256];
    char name[200];
    (void)state;
    (void)snprintf(name, sizeof(name), "%s.lock", path);
    FILE *left = fopen(name, "we");
    assert_non_null(left);
    assert_int_equal(fclose(left), 0);
    leave_a_socket();
    assert_int_equal(start_at(&server, message), RUNE_OK);
    assert_true(answers());
    assert_false(exists(".lock"));
    rune_server_free(server);
}

/* One that was opened just before its owner removed it says nothing about who may begin now. */
static void test_a_lock_that_was_removed(void **state)
{
    rune_server *server = NULL;
    char message[256];
    (void)state;
    removed_locks = 3;
    assert_int_equal(start_at(&server, message), RUNE_OK);
    assert_int_equal(removed_locks, 0);
    assert_true(answers());
    rune_server_free(server);
    // Without end there is somebody else about it all the time.
    removed_locks = 1000;
    assert_int_equal(start_at(&server, message), RUNE_E_BUSY);
    assert_true(removed_locks > 900);
    assert_false(exists(""));
}

/* Nor does a start need what a file system does not have. */
static void test_without_locks(void **state)
{
    rune_server *server = NULL;
    char message[256];
    (void)state;
    lock_errno = ENOLCK;
    assert_int_equal(start_at(&server, message), RUNE_OK);
    assert_true(answers());
    assert_false(exists(".lock"));
    rune_server_free(server);
}

/* Whoever answers is said, also where no file can be made; else that it cannot. */
static void test_a_lock_that_cannot_be_made(void **state)
{
    rune_server *server = NULL;
    rune_server *other = NULL;
    char message[256];
    char name[200];
    (void)state;
    (void)snprintf(name, sizeof(name), "%s.lock", path);
    assert_int_equal(start_at(&server, message), RUNE_OK);
    assert_int_equal(symlink("nowhere", name), 0);
    assert_int_equal(start_at(&other, message), RUNE_E_BUSY);
    assert_non_null(strstr(message, "another daemon answers there"));
    rune_server_free(server);
    assert_int_equal(start_at(&other, message), RUNE_E_SYSTEM);
    assert_non_null(strstr(message, name));
    assert_false(exists(""));
    assert_true(exists(".lock"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_of_two_serves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lock_that_was_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lock_that_was_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_locks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lock_that_cannot_be_made, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
