/* The list of calls with news: oldest first, each once, and nobody sleeps through one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>

#include "supervisor/call.h"
#include "supervisor/group.h"

enum {
    CALLS = 64,
    ROUNDS = 20000,
};

static struct rn_call calls[CALLS];

static void test_the_oldest_comes_first(void **state)
{
    (void)state;
    struct rn_group group;
    rn_group_init(&group);
    assert_false(rn_group_has_news(&group));
    assert_null(rn_group_next(&group));
    for (int i = 0; i < 4; i++) {
        rn_group_note(&group, &calls[i]);
    }
    rn_group_note(&group, &calls[0]); // known already
    assert_ptr_equal(rn_group_next(&group), &calls[0]);
    rn_group_note(&group, &calls[0]); // news again: behind those that have waited
    for (int i = 1; i < 4; i++) {
        assert_true(rn_group_has_news(&group));
        assert_ptr_equal(rn_group_next(&group), &calls[i]);
    }
    assert_ptr_equal(rn_group_next(&group), &calls[0]);
    assert_null(rn_group_next(&group));
    assert_false(rn_group_has_news(&group));
    rn_group_done(&group);
}

static bool is_readable(const struct rn_group *group)
{
    struct pollfd polled = {.fd = group->event_fd, .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

static void test_who_sleeps_is_woken_once(void **state)
{
    (void)state;
    struct rn_group group;
    bool may = false;
    rn_group_init(&group);
    rn_group_note(&group, &calls[0]);
    assert_int_equal(rn_group_fall_asleep(&group, &may), RN_OK);
    assert_false(may); // there are news
    rn_group_wake_up(&group);
    assert_ptr_equal(rn_group_next(&group), &calls[0]);
    assert_int_equal(rn_group_fall_asleep(&group, &may), RN_OK);
    assert_true(may);
    assert_false(is_readable(&group));
    rn_group_note(&group, &calls[1]);
    rn_group_note(&group, &calls[2]);
    assert_true(is_readable(&group));
    rn_group_wake_up(&group);
    assert_false(is_readable(&group));
    rn_group_note(&group, &calls[3]); // awake: nobody is to be woken
    assert_false(is_readable(&group));
    for (int i = 1; i < 4; i++) {
        assert_ptr_equal(rn_group_next(&group), &calls[i]);
    }
    rn_group_done(&group);
}

/* Before it sleeps or while it does; but once. */
static void test_who_is_called_does_not_sleep(void **state)
{
    (void)state;
    struct rn_group group;
    bool may = true;
    rn_group_init(&group);
    rn_group_call(&group);
    assert_int_equal(rn_group_fall_asleep(&group, &may), RN_OK);
    assert_false(may);
    assert_false(rn_group_has_news(&group));
    rn_group_wake_up(&group);
    assert_int_equal(rn_group_fall_asleep(&group, &may), RN_OK);
    assert_true(may);
    rn_group_call(&group);
    rn_group_call(&group);
    assert_true(is_readable(&group));
    rn_group_wake_up(&group);
    assert_false(is_readable(&group));
    assert_int_equal(rn_group_fall_asleep(&group, &may), RN_OK);
    assert_true(may);
    rn_group_wake_up(&group);
    rn_group_done(&group);
}

/* Two threads with news, and a sleeper that counts them. */
static void *note_all(void *argument)
{
    struct rn_group *group = argument;
    for (int i = 0; i < ROUNDS; i++) {
        rn_group_note(group, &calls[i % CALLS]);
    }
    rn_group_note(group, &calls[CALLS - 1]);
    return NULL;
}

static void test_nobody_sleeps_through_news(void **state)
{
    (void)state;
    struct rn_group group;
    pthread_t threads[2];
    rn_group_init(&group);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, note_all, &group), 0);
    }
    int seen[CALLS] = {0};
    for (int taken = 0; taken < ROUNDS / 100; taken++) {
        bool may;
        struct rn_call *call;
        while ((call = rn_group_next(&group)) != NULL) {
            seen[call - calls]++;
        }
        assert_int_equal(rn_group_fall_asleep(&group, &may), RN_OK);
        struct pollfd polled = {.fd = group.event_fd, .events = POLLIN};
        int ready = may ? poll(&polled, 1, 20) : 1;
        rn_group_wake_up(&group);
        if (ready == 0) {
            assert_false(rn_group_has_news(&group)); // both have ended
            break;
        }
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    struct rn_call *call;
    while ((call = rn_group_next(&group)) != NULL) {
        seen[call - calls]++;
    }
    for (int i = 0; i < CALLS; i++) {
        assert_true(seen[i] > 0 && !calls[i].is_noted);
    }
    rn_group_done(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oldest_comes_first),
        cmocka_unit_test(test_who_sleeps_is_woken_once),
        cmocka_unit_test(test_who_is_called_does_not_sleep),
        cmocka_unit_test(test_nobody_sleeps_through_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
