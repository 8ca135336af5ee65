/*
 * test_escape.c: every attempt of attempts.c, behind the whole wall and behind what is left of it
 * when the filter is missing.
 */
#include "tests/wall/attempts.h"
#include "tests/wall/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

// What the host offers to be found: a TCP port and an abstract socket.
struct bait {
    int tcp;
    int abstract;
    struct attempt_target target;
};

static void lay_bait(struct bait *bait)
{
    struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(tcp);
    bait->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bait->tcp, (struct sockaddr *)&tcp, size), 0);
    assert_int_equal(listen(bait->tcp, 4), 0);
    assert_int_equal(getsockname(bait->tcp, (struct sockaddr *)&tcp, &size), 0);
    struct sockaddr_un abstract = {.sun_family = AF_UNIX};
    bait->target =
        (struct attempt_target){.host_pid = (uint64_t)getpid(), .port = ntohs(tcp.sin_port)};
    snprintf(bait->target.abstract_name, sizeof(bait->target.abstract_name), "rn-bait-%d",
             (int)getpid());
    size_t length = strlen(bait->target.abstract_name);
    memcpy(abstract.sun_path + 1, bait->target.abstract_name, length);
    bait->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bait->abstract, (struct sockaddr *)&abstract,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)),
                     0);
    assert_int_equal(listen(bait->abstract, 4), 0);
}

static void take_bait_away(struct bait *bait)
{
    close(bait->tcp);
    close(bait->abstract);
}

static void behind_the_whole_wall_each_is_a_death(void **state)
{
    (void)state;
    struct harness harness;
    struct bait bait;
    lay_bait(&bait);
    harness_open(&harness, RN_POLICY_STRICT);
    for (unsigned i = 0; i < attempt_count; i++) {
        struct subject subject;
        subject_spawn(&harness, RN_ROLE_WORKER, &subject);
        struct order order = {.kind = ORDER_ATTEMPT, .number = i, .target = bait.target};
        long answer = 0;
        bool alive = subject_order(&subject, &order, &answer);
        struct rn_child_exit ended =
            alive ? subject_end(&harness, &subject) : subject_wait(&harness, &subject);
        // What only unmaps is let through by the filter, and sealed against by the kernel.
        bool sealed = alive && answer < 0 && strcmp(attempts[i].name, "unmap the arena") == 0;
        if (!sealed && (alive || !ended.signalled || ended.code != SIGSYS)) {
            fail_msg("%s: %s (%ld)", attempts[i].name, alive ? "alive" : "another end", answer);
        }
    }
    harness_close(&harness);
    take_bait_away(&bait);
}

static void without_the_filter_each_still_fails(void **state)
{
    (void)state;
    struct harness harness;
    struct bait bait;
    struct subject subject;
    unsigned escaped = 0;
    lay_bait(&bait);
    harness_open_with(&harness, RN_POLICY_STRICT, RN_WALL_TWIN);
    for (unsigned i = 0; i < attempt_count; i++) {
        subject_spawn(&harness, RN_ROLE_WORKER, &subject);
        struct order order = {.kind = ORDER_ATTEMPT, .number = i, .target = bait.target};
        long answer = 0;
        if (!subject_order(&subject, &order, &answer)) {
            subject_wait(&harness, &subject);
            continue;
        }
        print_message("%-30s %s\n", attempts[i].name,
                      answer < 0 ? strerrorname_np((int)-answer) : "WORKED");
        escaped += answer >= 0;
        subject_end(&harness, &subject);
    }
    assert_int_equal(escaped, 0);
    harness_close(&harness);
    take_bait_away(&bait);
}

// The twin must be seen as what it is: a report from outside does not believe its word.
static void a_missing_filter_is_seen(void **state)
{
    (void)state;
    struct harness harness;
    struct subject subject;
    struct rn_wall_report report;
    harness_open_with(&harness, RN_POLICY_STRICT, RN_WALL_TWIN);
    subject_spawn(&harness, RN_ROLE_WORKER, &subject);
    assert_true((subject.own_layers & RN_LAYER_BIT(RN_LAYER_SECCOMP)) != 0);
    assert_int_equal(rn_child_report(harness.zygote, &subject.child, &report), RN_OK);
    assert_int_equal(report.active & RN_LAYER_BIT(RN_LAYER_SECCOMP), 0);
    subject_end(&harness, &subject);
    harness_close(&harness);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !harness_be_nobody(argc, argv)) {
        puts("skipped: cannot become an ordinary user");
        return 77;
    }
#ifdef RN_SANITIZED
    puts("skipped: the sanitizer flavour has fewer layers");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_the_whole_wall_each_is_a_death),
        cmocka_unit_test(without_the_filter_each_still_fails),
        cmocka_unit_test(a_missing_filter_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
