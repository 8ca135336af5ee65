/*
 * A system call of a zygote, a worker or a compiler fails, of those in calls_walled.def: the n-th, for every n, with every errno;
 * and at every place for ever. What is asked of it ends in time, well or with a named error; the next process works; none of them
 * is left, and none, nor the host, keeps a processor busy with what will never succeed.
 */
#include "tests/fault/walled_host.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define CALLS_MAX 400
#define ENOUGH 3
/* Less than the host waits for a start in vain: it is told. */
#define SCENE_MS 8000
#define LOOK_MS 30
/* System calls and processor time of a host and its processes that only wait. */
#define IDLE_CALLS 400
#define IDLE_CPU_MS 20

struct subject {
    const char *name;
    enum fault_scope scope;
    bool (*scene)(void);
    long step; /* of n, unless sweeps take all */
};

static const struct subject subjects[] = {
    {"a build", FAULT_COMPILER, scene_of_a_walled_build, 1},
    {"a format", FAULT_COMPILER, scene_of_a_walled_format, 3},
    {"a new worker", FAULT_WORKER, scene_of_a_new_worker, 4},
    {"a shared worker", FAULT_WORKER, scene_of_a_shared_worker, 2},
    {"a zygote", FAULT_ZYGOTE, scene_of_a_zygote, 3},
};
#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

struct sweep {
    const struct subject *subject;
    long tried;
    long survived;
    int64_t longest_ms;
    int quiet;
    long starts; /* that failed while they were waited for, */
    long told;   /* and of which the error said how the process ended */
};

static const char *what_failed(void)
{
    static char text[128];
    (void)snprintf(text, sizeof(text), "%s: %s", fault_name(), strerrordesc_np(fault_errno()));
    return text;
}

/* Runs the scene with what has been said to fail. */
static bool run_in_time(struct sweep *sweep)
{
    int64_t begun = now_ms();
    bool good = sweep->subject->scene();
    int64_t took = now_ms() - begun;
    if (took > SCENE_MS) {
        fail_msg("%s, %s: %lld ms", sweep->subject->name, what_failed(), (long long)took);
    }
    if (took > 2000) {
        print_message("  %s: %lld ms\n", what_failed(), (long long)took);
    }
    sweep->longest_ms = took > sweep->longest_ms ? took : sweep->longest_ms;
    return good;
}

static void read_error(struct sweep *sweep)
{
    const char *text = what_was_said();
    if (strstr(text, "(waiting for it)")) {
        sweep->starts++;
        sweep->told += strstr(text, "; it ended with exit code ") ||
                       strstr(text, "; it died of SIG") ||
                       strstr(text, "; it could not map its memory");
    }
}

static enum fault_outcome run_once(struct sweep *sweep)
{
    bool good = run_in_time(sweep);
    fault_none();
    enum fault_outcome outcome = fault_outcome();
    sweep->tried += outcome == FAULT_HIT;
    sweep->survived += outcome == FAULT_HIT && good;
    if (outcome == FAULT_HIT && !good) {
        read_error(sweep);
        must_work(sweep->subject->scene);
    }
    return outcome;
}

static void tell(const struct sweep *sweep, const char *how)
{
    print_message("%s: %ld calls failed%s, %ld times it went well all the same, %lld ms at most\n",
                  sweep->subject->name, sweep->tried, how, sweep->survived,
                  (long long)sweep->longest_ms);
}

static long fail_each(const struct subject *subject)
{
    struct sweep sweep = {.subject = subject};
    long step = sweeps_take_all() ? 1 : subject->step;
    must_work(subject->scene);
    fault_in(subject->scope, false);
    for (long n = 1; n < CALLS_MAX && sweep.quiet < ENOUGH; n += step) {
        enum fault_outcome outcome = FAULT_HIT;
        for (unsigned index = 0; outcome == FAULT_HIT; index++) {
            fault_at(n, index);
            outcome = run_once(&sweep);
        }
        sweep.quiet = outcome == FAULT_MISSED ? sweep.quiet + 1 : 0;
    }
    assert_int_equal(sweep.quiet, ENOUGH);
    assert_in_range(sweep.tried, 10, CALLS_MAX * 5);
    tell(&sweep, "");
    print_message("  %ld starts failed, of %ld it was said how they ended\n", sweep.starts,
                  sweep.told);
    return sweep.starts - sweep.told;
}

static void every_call(void **state)
{
    (void)state;
    long untold = 0;
    for (size_t i = 0; i < SUBJECTS; i++) {
        long here = fail_each(&subjects[i]);
        for (int again = 0; again < 4 && here > 1; again++) {
            here = fail_each(
                &subjects[i]); // on a busy machine more of them end later than they are waited for
        }
        untold += here;
    }
    assert_in_range(untold, 0, 2); // one may end later than it is waited for
}

/* ---- For ever ---- */

static int64_t cpu_ms(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Nobody is busy, whatever goes on failing. What has begun may take a few looks to end. */
static void nobody_is_busy(const struct sweep *sweep)
{
    uint64_t calls = 0;
    int64_t cpu = 0;
    for (int look = 0; look < 5; look++) {
        uint64_t calls_before = fault_calls();
        int64_t cpu_before = cpu_ms();
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
        calls = fault_calls() - calls_before;
        cpu = cpu_ms() - cpu_before;
        if (calls <= IDLE_CALLS && cpu <= IDLE_CPU_MS) {
            return;
        }
    }
    fail_msg("%s, %s for ever: %llu calls and %lld ms of the host in %d ms", sweep->subject->name,
             what_failed(), (unsigned long long)calls, (long long)cpu, LOOK_MS);
}

/* At every place that no scene had come to before, with every errno. */
static void fail_for_ever(const struct subject *subject)
{
    struct sweep sweep = {.subject = subject};
    fault_forget();
    for (long runs = 0; runs < CALLS_MAX && sweep.quiet < ENOUGH; runs++) {
        fault_in(subject->scope, true);
        fault_new();
        bool good = run_in_time(&sweep);
        bool hit = fault_outcome() == FAULT_HIT;
        sweep.quiet = hit ? 0 : sweep.quiet + 1;
        sweep.tried += hit;
        sweep.survived += hit && good;
        if (hit) {
            nobody_is_busy(&sweep);
        }
        fault_none();
        if (hit) {
            must_work(subject->scene);
        }
    }
    assert_int_equal(sweep.quiet, ENOUGH);
    tell(&sweep, " for ever");
}

static void for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUBJECTS; i++) {
        fail_for_ever(&subjects[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call),
        cmocka_unit_test(for_ever),
    };
    return cmocka_run_group_tests(tests, walled_set_up, walled_tear_down);
}
