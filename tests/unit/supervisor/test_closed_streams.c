/*
 * A host that has closed its standard streams and writes to them all the same, as perror() does: nothing
 * that the library keeps may be there to take it.
 */
#include "tests/unit/supervisor/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STREAMS 3
#define STASH_FD 100

static int stash[STREAMS];

static int close_streams(void **state)
{
    (void)state;
    for (int fd = 0; fd < STREAMS; fd++) {
        stash[fd] = fcntl(fd, F_DUPFD_CLOEXEC, STASH_FD);
        (void)close(fd);
    }
    supervisor = new_supervisor(2, 2);
    return 0;
}

static int open_streams(void **state)
{
    (void)state;
    rune_supervisor_free(supervisor);
    for (int fd = 0; fd < STREAMS; fd++) {
        if (stash[fd] >= 0) {
            (void)dup2(stash[fd], fd);
            (void)close(stash[fd]);
        }
    }
    return 0;
}

/* What another thread only reads from has such a number for a moment. */
static void expect_free(void)
{
    int64_t until = now_ms() + PATIENCE_MS;
    for (int fd = 0; fd < STREAMS; fd++) {
        while (fcntl(fd, F_GETFD) >= 0 && now_ms() < until) {
            sched_yield();
        }
        // Not write(), in which the thread sanitizer sees a race with whoever has the number for a moment.
        assert_int_equal(syscall(SYS_write, fd, "a message", 9), -1);
        assert_int_equal(errno, EBADF);
    }
}

static void test_calls(void **state)
{
    (void)state;
    rune_record *record = NULL;
    rune_execution *execution = NULL;
    expect_free();
    rune_unit *unit = build("pub fn main() { 1 }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_i64(vm, "main"), 1);
    expect_free();
    assert_int_equal(rune_vm_send_execute(vm, "main", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_true(rune_execution_fd(execution) >= STREAMS);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    expect_free();
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    rune_record_free(record);
    rune_execution_free(execution);
    const rune_batch_call batch[] = {{.vm = vm, .item = "main"}};
    assert_int_equal(rune_call_many(batch, 1, &record, NULL), RUNE_OK);
    rune_record_free(record);
    expect_free();
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

/* Sources keep the folder of their root. */
static void keep_sources(void)
{
    char path[128];
    rune_sources *sources = rune_sources_new();
    (void)snprintf(path, sizeof(path), "%s/a.rn", daemon_folder);
    assert_int_equal(rune_sources_insert_file(sources, path, NULL), RUNE_OK);
    expect_free();
    rune_sources_free(sources);
}

static void test_a_daemon_and_its_client(void **state)
{
    (void)state;
    daemon_start("pub fn main() { 1 }", NULL); // with a watch
    expect_free();
    rune_supervisor *client = daemon_connect();
    rune_vm *vm = daemon_vm(client);
    expect_free();
    assert_int_equal(call_i64(vm, "main"), 1);
    expect_free();
    assert_int_equal(call_i64(vm, "main"), 1);
    keep_sources();
    rune_vm_free(vm);
    daemon_leave(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls, close_streams, open_streams),
        cmocka_unit_test_setup_teardown(test_a_daemon_and_its_client, close_streams, open_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
