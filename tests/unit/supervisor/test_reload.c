/*
 * Hot reload at full load: threads call without pause while the script is saved every 50 ms.
 *
 * usage: test_supervisor_reload [SECONDS]
 *
 * No call fails, and each sees one version only: the script gives its version from two functions and
 * from a module, and all three must agree. Prints how long a save took to serve.
 */
#include "tests/unit/supervisor/harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define SAVE_EVERY_MS 50
#define SAVES_MAX 100000
#define TIME_BITS 40 /* of `newest`: microseconds */
#define LINES 1000   /* of the script, ten to a function */

static int seconds = 3;
static char folder[64];
static rune_watch *watch;
static atomic_bool ending;
/* The newest version that any call has seen, and when one saw it first, in one word: both change at once. */
static _Atomic uint64_t newest;
static _Atomic uint64_t calls;
static _Atomic uint64_t mixed;
static _Atomic uint64_t failures;

/* Since the first call of it. */
static uint64_t now_us(void)
{
    static _Atomic uint64_t start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    uint64_t none = 0;
    (void)atomic_compare_exchange_strong(&start, &none, us);
    return us - atomic_load(&start);
}

/* As an editor saves: a new file takes the place of the old one. */
static void replace_file(const char *name, const char *text, size_t size)
{
    char temporary[128];
    char path[128];
    (void)snprintf(temporary, sizeof(temporary), "%s/.save~", folder);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
    assert_int_equal(rename(temporary, path), 0);
}

/* A script of a thousand lines. */
static void save(int64_t version)
{
    static char text[LINES * 64];
    int size = snprintf(text, sizeof(text),
                        "fn first() { %lld }\nfn last() { %lld }\n"
                        "pub fn main() { let a = first(); let n = 0; for i in 0..50 { n += i; }\n"
                        "(a, last()) }\n",
                        (long long)version, (long long)version);
    for (int i = 0; i < LINES / 10; i++) {
        size += snprintf(text + size, sizeof(text) - (size_t)size,
                         "pub fn work%d(items, limit) {\n    let total = 0;\n"
                         "    for item in items {\n        if item.price > limit {\n"
                         "            continue;\n        }\n"
                         "        total += item.price * item.count;\n    }\n"
                         "    `total ${total}`\n}\n",
                         i);
    }
    replace_file("a.rn", text, (size_t)size);
}

static uint64_t version_of(uint64_t noted)
{
    return noted >> TIME_BITS;
}

static uint64_t time_of(uint64_t noted)
{
    return noted & ((UINT64_C(1) << TIME_BITS) - 1);
}

static void note(int64_t version)
{
    uint64_t seen = atomic_load(&newest);
    while (
        version_of(seen) < (uint64_t)version &&
        !atomic_compare_exchange_weak(&newest, &seen, (uint64_t)version << TIME_BITS | now_us())) {
    }
}

static void check(const rune_const_value *pair)
{
    int64_t a = -1;
    int64_t b = -2;
    rune_const_value *first = rune_value_at(pair, 0);
    rune_const_value *last = rune_value_at(pair, 1);
    (void)rune_value_get_i64(first, &a);
    (void)rune_value_get_i64(last, &b);
    atomic_fetch_add(&mixed, a != b);
    note(a);
    rune_value_unref(first);
    rune_value_unref(last);
}

static void on_change(void *user, const rune_change *change)
{
    (void)user;
    if (change->kind == RUNE_CHANGE_BROKEN) {
        atomic_fetch_add(&failures, 1);
        print_message("broken: %s\n", rune_error_message(change->error));
    }
}

static void *call_on(void *argument)
{
    rune_vm *vm = NULL;
    rune_unit *unit = NULL;
    (void)argument;
    while (!atomic_load(&ending)) {
        rune_const_value *value = NULL;
        rune_error *error = NULL;
        rune_unit *current = rune_watch_current(watch, "a");
        assert_non_null(current);
        if (!vm) {
            assert_int_equal(rune_vm_new(supervisor, NULL, current, NULL, &vm, NULL), RUNE_OK);
        } else if (current != unit) {
            assert_int_equal(rune_vm_set_unit(vm, current), RUNE_OK);
        }
        rune_unit_unref(unit);
        unit = current;
        if (rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error) != RUNE_OK) {
            fail_msg("a call failed: %s", rune_error_message(error));
        }
        check(value);
        rune_value_unref(value);
        atomic_fetch_add(&calls, 1);
    }
    rune_vm_free(vm);
    rune_unit_unref(unit);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

/* Saves, and waits until a call has seen that version. */
static size_t save_on(uint64_t *waits_us)
{
    size_t saves = 0;
    uint64_t until = now_us() + (uint64_t)seconds * 1000000;
    uint64_t next = now_us();
    while (now_us() < until && saves < SAVES_MAX) {
        int64_t version = (int64_t)saves + 2;
        save(version);
        uint64_t begun = now_us();
        next += SAVE_EVERY_MS * 1000;
        while (version_of(atomic_load(&newest)) < (uint64_t)version && now_us() < begun + 5000000) {
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        }
        uint64_t noted = atomic_load(&newest);
        assert_int_equal(version_of(noted), version);
        waits_us[saves++] = time_of(noted) > begun ? time_of(noted) - begun : 0;
        uint64_t now = now_us();
        if (now < next) {
            nanosleep(&(struct timespec){.tv_nsec = (long)(next - now) * 1000}, NULL);
        }
    }
    return saves;
}

static void test_reload_at_full_load(void **state)
{
    pthread_t threads[THREADS];
    uint64_t *waits_us = calloc(SAVES_MAX, sizeof(*waits_us));
    (void)state;
    strcpy(folder, "/tmp/runeward-reload-XXXXXX");
    assert_non_null(mkdtemp(folder));
    save(1);
    assert_int_equal(rune_watch_new(supervisor, folder, NULL, &watch, NULL), RUNE_OK);
    rune_watch_on_change(watch, on_change, NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_on, NULL), 0);
    }
    size_t saves = save_on(waits_us);
    atomic_store(&ending, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    qsort(waits_us, saves, sizeof(*waits_us), by_value);
    print_message("%zu saves of %d lines, %llu calls: save to first call on the new version, ms: "
                  "median %.1f, p90 %.1f, p99 %.1f, max %.1f\n",
                  saves, LINES, (unsigned long long)atomic_load(&calls),
                  (double)waits_us[saves / 2] / 1e3, (double)waits_us[saves * 9 / 10] / 1e3,
                  (double)waits_us[saves * 99 / 100] / 1e3, (double)waits_us[saves - 1] / 1e3);
    assert_int_equal(atomic_load(&mixed), 0);
    assert_int_equal(atomic_load(&failures), 0);
    assert_true(saves > 0);
    rune_watch_free(watch);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/a.rn", folder);
    (void)unlink(path);
    (void)rmdir(folder);
    free(waits_us);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reload_at_full_load)};
    seconds = argc > 1 ? atoi(argv[1]) : seconds;
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
