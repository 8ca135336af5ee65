/* What a daemon holds for its client: what is dropped there, and when. A socket pair is the connection. */
#include "supervisor/remote_held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/remote_state.h"

static struct rn_remote *remote;
static int daemon_end;

static int set_up(void **state)
{
    int ends[2];
    (void)state;
    remote = calloc(1, sizeof(*remote));
    assert_non_null(remote);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    remote->fd = ends[0];
    daemon_end = ends[1];
    remote->out_end = &remote->out;
    pthread_mutex_init(&remote->lock, NULL);
    pthread_mutex_init(&remote->send_lock, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(remote->fd);
    close(daemon_end);
    pthread_mutex_destroy(&remote->lock);
    pthread_mutex_destroy(&remote->send_lock);
    free(remote);
    return 0;
}

/* The number of a Unit that the daemon was told to drop; 0: none. */
static uint32_t dropped(void)
{
    static uint8_t packet[RN_PACKET_MAX];
    struct rn_message message;
    ssize_t size = recv(daemon_end, packet, sizeof(packet), MSG_DONTWAIT);
    if (size <= 0) {
        return 0;
    }
    struct rn_wire_message wire = {.bytes = packet, .size = (size_t)size};
    assert_int_equal(rn_message_decode(wire, RN_FROM_CLIENT, &message), RN_OK);
    assert_int_equal(message.type, RN_MESSAGE_CLIENT_DROP);
    assert_int_equal(message.as.CLIENT_DROP.context, 0);
    return message.as.CLIENT_DROP.unit;
}

static struct rn_remote_held thing(uint32_t content)
{
    struct rn_remote_held made = {.bytes = 1};
    memcpy(made.digest, &content, sizeof(content));
    return made;
}

static uint32_t note(uint32_t content, uint32_t number)
{
    struct rn_remote_held noted = thing(content);
    noted.number = number;
    return rn_remote_held_note(remote, &remote->units, &noted);
}

static uint32_t note_used(uint32_t content, uint32_t number, bool retired)
{
    struct rn_remote_held noted = thing(content);
    noted.number = number;
    noted.uses = 1;
    noted.retired = retired;
    return rn_remote_held_note(remote, &remote->units, &noted);
}

static uint32_t use(uint32_t content)
{
    return rn_remote_held_use(remote, &remote->units, thing(content).digest);
}

static void leave(uint32_t number)
{
    rn_remote_held_leave(remote, &remote->units, number);
}

static void retire(uint32_t content)
{
    rn_remote_held_retire(remote, &remote->units, thing(content).digest);
}

static void test_what_is_in_use_is_not_dropped(void **state)
{
    (void)state;
    assert_int_equal(use(1), 0);
    assert_int_equal(note(1, 101), 101);
    assert_int_equal(use(1), 101);
    assert_int_equal(use(1), 101);
    retire(1);
    for (uint32_t i = 2; i <= RN_REMOTE_HELD_MAX; i++) {
        (void)note(i, 100 + i);
    }
    assert_int_equal(dropped(), 0);
    // The oldest that nobody uses makes room.
    (void)note(1000, 1100);
    assert_int_equal(dropped(), 102);
    leave(101);
    (void)note(1001, 1101);
    assert_int_equal(dropped(), 103);
    leave(101);
    (void)note(1002, 1102);
    assert_int_equal(dropped(), 101);
    assert_int_equal(use(1), 0);
    assert_int_equal(dropped(), 0);
}

static void test_one_version_follows_another(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < 200; i++) {
        (void)note(i, 100 + i);
        assert_int_equal(dropped(), 0);
        retire(i);
        assert_int_equal(dropped(), 100 + i);
    }
    // Of those who come back to old ones only the last leaves his there.
    (void)note_used(1, 301, true);
    (void)note_used(2, 302, true);
    leave(301);
    leave(302);
    assert_int_equal(dropped(), 301);
    assert_int_equal(use(2), 302);
    (void)note_used(3, 303, true);
    leave(303);
    assert_int_equal(dropped(), 0);
    leave(302);
    assert_int_equal(dropped(), 303);
    // One that serves again is not retired any more.
    assert_int_equal(note(2, 402), 302);
    assert_int_equal(dropped(), 402);
    (void)note_used(4, 304, true);
    leave(304);
    assert_int_equal(dropped(), 0);
}

static void test_the_same_has_one_number(void **state)
{
    (void)state;
    assert_int_equal(note(1, 101), 101);
    assert_int_equal(note(1, 102), 101);
    assert_int_equal(dropped(), 102);
    assert_int_equal(note(1, 101), 101);
    assert_int_equal(dropped(), 0);
    assert_int_equal(note(2, 0), 0);
    assert_int_equal(use(2), 0);
}

static void test_bytes_are_bounded(void **state)
{
    (void)state;
    struct rn_remote_held large = thing(10);
    large.number = 110;
    large.bytes = RN_REMOTE_HELD_BYTES_MAX - 1;
    (void)note(1, 101);
    (void)rn_remote_held_note(remote, &remote->units, &large);
    assert_int_equal(dropped(), 0);
    (void)note(2, 102);
    assert_int_equal(dropped(), 101);
    // One that is larger than all together is held alone.
    large = thing(11);
    large.number = 111;
    large.bytes = 2 * RN_REMOTE_HELD_BYTES_MAX;
    (void)rn_remote_held_note(remote, &remote->units, &large);
    assert_int_equal(dropped(), 110);
    assert_int_equal(dropped(), 102);
    assert_int_equal(dropped(), 0);
    assert_int_equal(use(11), 111);
}

/* More at once than there are places: what found none goes when it was used. */
static void test_all_are_in_use(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= RN_REMOTE_HELD_MAX; i++) {
        (void)note_used(i, 100 + i, false);
    }
    assert_int_equal(note_used(1000, 1100, false), 1100);
    assert_int_equal(dropped(), 0);
    leave(1100);
    assert_int_equal(dropped(), 1100);
    assert_int_equal(note(1001, 1101), 1101);
    assert_int_equal(dropped(), 1101);
    leave(0);
    assert_int_equal(dropped(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_in_use_is_not_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_version_follows_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_has_one_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_are_in_use, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
