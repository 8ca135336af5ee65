/*
 * One order over socket and ring: two threads play supervisor and worker and send each other packets
 * of all sizes, now and then idle for long enough to fall asleep.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/fd.h"
#include "shm/lane.h"
#include "shm/message.h"

enum {
    PACKETS = 20000,
};

struct ends {
    int fds[2];
    struct rn_ring *ring;
    struct rn_lane supervisor;
    struct rn_lane worker;
    uint8_t buffers[2][RN_PACKET_MAX];
};

static int set_up(void **state)
{
    struct ends *e = calloc(1, sizeof(*e));
    int fd = -1;
    assert_int_equal(rn_transport_pair(e->fds), RN_OK);
    assert_int_equal(rn_ring_make(&e->ring, &fd), RN_OK);
    close(fd);
    rn_lane_init(&e->supervisor, e->fds[0], e->ring, false, e->buffers[0]);
    rn_lane_init(&e->worker, e->fds[1], e->ring, true, e->buffers[1]);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    struct ends *e = *state;
    close(e->fds[0]);
    if (e->fds[1] >= 0) {
        close(e->fds[1]);
    }
    rn_ring_unmap(e->ring);
    free(e);
    return 0;
}

/* What stands for RING in these packets. */
static const uint32_t wake_mark = 0xffffffffu;

static size_t size_of(uint32_t i)
{
    uint32_t x = i * 2654435761u;
    return x % 20 == 0 ? 5000 + x % 20000 : 5 + x % 300;
}

static void send_one(struct rn_lane *lane, uint32_t number, size_t size)
{
    static _Thread_local uint8_t packet[RN_PACKET_MAX];
    bool wake = false;
    memcpy(packet, &number, sizeof(number));
    memset(packet + 4, (int)(number & 0xff), size - 4);
    RN_CHECK(rn_lane_send(lane, packet, size, RN_WAIT_ALLOWED, &wake) == RN_OK);
    if (wake) {
        RN_CHECK(rn_lane_send_socket(lane, &wake_mark, 4, RN_WAIT_ALLOWED) == RN_OK);
    }
}

static void nap(uint32_t i)
{
    if (i % 997 == 0) {
        struct timespec pause = {.tv_nsec = 3000000};
        (void)nanosleep(&pause, NULL);
    }
}

static void receive_all(struct rn_lane *lane)
{
    for (uint32_t next = 0; next < PACKETS;) {
        struct rn_lane_packet packet;
        RN_CHECK(rn_lane_receive(lane, RN_WAIT_ALLOWED, &packet) == RN_OK);
        uint32_t number;
        memcpy(&number, packet.bytes, sizeof(number));
        if (number == wake_mark) {
            RN_CHECK(!lane->is_worker && rn_lane_take_wake(lane));
            continue;
        }
        RN_CHECK(number == next && packet.size == size_of(next) &&
                 packet.bytes[packet.size - 1] == (number & 0xff));
        next++;
        nap(next + 500);
    }
}

static void *send_all(void *argument)
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        send_one(argument, i, size_of(i));
        nap(i);
    }
    return NULL;
}

static void *receive_all_of_worker(void *argument)
{
    receive_all(argument);
    return NULL;
}

static void test_order_towards_the_supervisor(void **state)
{
    struct ends *e = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_all, &e->worker), 0);
    receive_all(&e->supervisor);
    pthread_join(thread, NULL);
}

static void test_order_towards_the_worker(void **state)
{
    struct ends *e = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, receive_all_of_worker, &e->worker), 0);
    (void)send_all(&e->supervisor);
    pthread_join(thread, NULL);
}

static void test_nothing_there(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_NEVER, &packet), RN_E_WOULD_BLOCK);
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_E_WOULD_BLOCK);
    assert_false(rn_lane_has_packet(&e->supervisor));
    send_one(&e->worker, 7, 8);
    assert_true(rn_lane_has_packet(&e->supervisor));
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_OK);
    assert_int_equal(packet.size, 8);
}

static void test_wakes_are_counted(void **state)
{
    struct ends *e = *state;
    bool wake = true;
    assert_false(rn_lane_take_wake(&e->supervisor));
    assert_int_equal(rn_lane_send(&e->worker, "abcd", 4, RN_WAIT_NEVER, &wake), RN_OK);
    assert_false(wake);
    rn_lane_watch(&e->supervisor);
    assert_int_equal(rn_lane_send(&e->worker, "abcd", 4, RN_WAIT_NEVER, &wake), RN_OK);
    assert_true(wake);
    assert_true(rn_lane_take_wake(&e->supervisor));
    assert_false(rn_lane_take_wake(&e->supervisor));
}

static void test_one_wake_for_many(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    bool wake = true;
    assert_int_equal(rn_lane_ring(&e->worker, RN_WAIT_NEVER, &wake), RN_OK);
    assert_false(wake); // nothing was sent
    rn_lane_watch(&e->supervisor);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(rn_lane_send_silently(&e->worker, &i, sizeof(i), RN_WAIT_NEVER), RN_OK);
        assert_int_equal(atomic_load(&e->ring->to_supervisor.waits), RN_RING_SOCKET);
    }
    assert_int_equal(rn_lane_ring(&e->worker, RN_WAIT_NEVER, &wake), RN_OK);
    assert_true(wake);
    assert_int_equal(rn_lane_ring(&e->worker, RN_WAIT_NEVER, &wake), RN_OK);
    assert_false(wake);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_OK);
        assert_memory_equal(packet.bytes, &i, sizeof(i));
    }
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_E_WOULD_BLOCK);
}

/* Many packets are worth a wake-up by themselves only where the other side can run meanwhile. */
static void test_silence_by_processor(void **state)
{
    struct ends *e = *state;
    bool wake;
    for (uint32_t i = 0; i < 4; i++) {
        assert_false(rn_lane_is_silent_for_long(&e->worker, 4));
        assert_int_equal(rn_lane_send_silently(&e->worker, &i, sizeof(i), RN_WAIT_NEVER), RN_OK);
    }
    assert_true(rn_lane_is_silent_for_long(&e->worker, 4)); // where the other side is nobody knows
    atomic_store(&e->ring->to_worker.cpu, 1000);
    assert_true(rn_lane_is_silent_for_long(&e->worker, 4));
    uint32_t here = rn_ring_cpu();
    atomic_store(&e->ring->to_worker.cpu, here);
    bool long_enough = rn_lane_is_silent_for_long(&e->worker, 4);
    assert_true(here == 0 || !long_enough || rn_ring_cpu() != here);
    assert_int_equal(rn_lane_ring(&e->worker, RN_WAIT_NEVER, &wake), RN_OK);
    atomic_store(&e->ring->to_worker.cpu, 1000);
    assert_false(rn_lane_is_silent_for_long(&e->worker, 4));
}

/* Watching twice is owed one wake, since the worker gives one. */
static void test_watching_twice(void **state)
{
    struct ends *e = *state;
    rn_lane_watch(&e->supervisor);
    rn_lane_watch(&e->supervisor);
    assert_true(rn_lane_take_wake(&e->supervisor));
    assert_false(rn_lane_take_wake(&e->supervisor));
}

static void test_lingering(void **state)
{
    struct ends *e = *state;
    uint32_t here = rn_ring_cpu();
    bool wake;
    assert_false(rn_lane_linger(&e->worker)); // the other side is awake
    rn_lane_watch(&e->supervisor);
    e->worker.linger_luck = 2;
    assert_int_equal(rn_lane_send(&e->supervisor, "x", 1, RN_WAIT_NEVER, &wake), RN_OK);
    atomic_store(&e->ring->to_worker.cpu, here);
    assert_false(rn_lane_linger(&e->worker) && rn_ring_cpu() == here);
    atomic_store(&e->ring->to_worker.cpu, 1000);
    assert_int_equal(rn_lane_linger(&e->worker), here != 0);
    struct rn_lane_packet packet;
    assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_NEVER, &packet), RN_OK);
    assert_false(rn_lane_linger(&e->worker)); // nothing comes
}

/* A worker that ends is noticed by whoever waits, whatever it claims in the ring. */
static void test_the_end_of_the_other_side(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    atomic_store(&e->ring->to_supervisor.socket_sent, 5);
    close(RN_TAKE_FD(e->fds[1]));
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_ALLOWED, &packet), RN_E_CLOSED);
}

static void test_a_lie_is_told(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    atomic_store(&e->ring->to_supervisor.tail, RN_RING_BYTES * 2);
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_ALLOWED, &packet),
                     RN_E_MESSAGE_INVALID);
}

/* Both ends anew, with the socket alone. */
static void drop_ring(struct ends *e)
{
    rn_lane_init(&e->supervisor, e->fds[0], NULL, false, e->buffers[0]);
    rn_lane_init(&e->worker, e->fds[1], NULL, true, e->buffers[1]);
}

static void test_without_a_ring(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    drop_ring(e);
    send_one(&e->worker, 1, 100);
    send_one(&e->supervisor, 2, 100);
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_ALLOWED, &packet), RN_OK);
    assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_ALLOWED, &packet), RN_OK);
    assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_NEVER, &packet), RN_E_WOULD_BLOCK);
    rn_lane_watch(&e->supervisor);
    assert_false(rn_lane_has_packet(&e->supervisor));
}

/* Parcels */

/* Some packets by themselves, others in parcels of some. */
static void *send_all_in_parcels(void *argument)
{
    static uint8_t packet[RN_PACKET_MAX];
    struct rn_lane *lane = argument;
    bool wake;
    for (uint32_t i = 0; i < PACKETS; i++) {
        memcpy(packet, &i, sizeof(i));
        memset(packet + 4, (int)(i & 0xff), size_of(i) - 4);
        RN_CHECK((i % 101 == 0
                      ? rn_lane_send_socket(lane, packet, size_of(i), RN_WAIT_ALLOWED)
                      : rn_lane_send_silently(lane, packet, size_of(i), RN_WAIT_ALLOWED)) == RN_OK);
        if (i % 997 == 0 || i % 64 == i / 64 % 64 || i == PACKETS - 1) {
            RN_CHECK(rn_lane_ring(lane, RN_WAIT_ALLOWED, &wake) == RN_OK && !wake);
        }
        nap(i);
    }
    return NULL;
}

static void test_order_of_parcels(void **state)
{
    struct ends *e = *state;
    pthread_t thread;
    drop_ring(e);
    for (int way = 0; way < 2; way++) {
        struct rn_lane *sender = way ? &e->supervisor : &e->worker;
        assert_int_equal(pthread_create(&thread, NULL, send_all_in_parcels, sender), 0);
        receive_all(way ? &e->worker : &e->supervisor);
        pthread_join(thread, NULL);
        assert_int_equal(sender->silent, 0);
    }
}

static void send_silently(struct rn_lane *lane, uint32_t number)
{
    assert_int_equal(rn_lane_send_silently(lane, &number, sizeof(number), RN_WAIT_NEVER), RN_OK);
}

static void take_number(struct rn_lane *lane, uint32_t number)
{
    struct rn_lane_packet packet;
    assert_int_equal(rn_lane_receive(lane, RN_WAIT_NEVER, &packet), RN_OK);
    assert_int_equal(packet.size, sizeof(number));
    assert_memory_equal(packet.bytes, &number, sizeof(number));
    assert_int_equal(packet.fd, -1);
}

/* What is left of a parcel is at hand, where poll does not see it. */
static void test_one_send_for_many(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    bool wake;
    drop_ring(e);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(rn_lane_is_silent_for_long(&e->worker, 5), i >= 5);
        send_silently(&e->worker, i);
    }
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_E_WOULD_BLOCK);
    assert_int_equal(rn_lane_ring(&e->worker, RN_WAIT_NEVER, &wake), RN_OK);
    assert_false(rn_lane_has_packet(&e->supervisor));
    for (uint32_t i = 0; i < 10; i++) {
        take_number(&e->supervisor, i);
        assert_int_equal(rn_lane_has_packet(&e->supervisor), i < 9);
    }
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_E_WOULD_BLOCK);
}

/* A parcel says where its sender was: one that is here does not run before this side sleeps. */
static void test_silence_of_parcels(void **state)
{
    struct ends *e = *state;
    bool wake;
    uint32_t here = rn_ring_cpu();
    drop_ring(e);
    for (uint32_t i = 0; i < 4; i++) {
        send_silently(&e->worker, i);
        send_silently(&e->supervisor, i);
    }
    assert_true(rn_lane_is_silent_for_long(&e->supervisor, 4));
    assert_int_equal(rn_lane_ring(&e->worker, RN_WAIT_NEVER, &wake), RN_OK);
    take_number(&e->supervisor, 0);
    bool long_enough = rn_lane_is_silent_for_long(&e->supervisor, 4);
    assert_true(here == 0 || !long_enough || rn_ring_cpu() != here);
    atomic_store(&e->supervisor.parcel_cpu, 1000);
    assert_true(rn_lane_is_silent_for_long(&e->supervisor, 4));
}

/* Receiving is free while a parcel has packets, and only then. */
static void test_looking(void **state)
{
    struct ends *e = *state;
    bool wake;
    drop_ring(e);
    send_silently(&e->supervisor, 1);
    send_silently(&e->supervisor, 2);
    assert_int_equal(rn_lane_ring(&e->supervisor, RN_WAIT_NEVER, &wake), RN_OK);
    take_number(&e->worker, 1);
    assert_false(rn_lane_may_look(&e->worker)); // it has sent nothing
    send_silently(&e->worker, 3);
    assert_true(rn_lane_may_look(&e->worker));
    take_number(&e->worker, 2);
    assert_false(rn_lane_may_look(&e->worker));
    assert_false(rn_lane_linger(&e->worker));
}

static void test_what_cannot_be_put_in_comes_behind(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    static uint8_t large[RN_PARCEL_PACKET_MAX + 1];
    bool wake;
    drop_ring(e);
    send_silently(&e->supervisor, 1);
    assert_int_equal(rn_lane_send_silently(&e->supervisor, large, sizeof(large), RN_WAIT_NEVER),
                     RN_OK);
    send_silently(&e->supervisor, 2);
    assert_int_equal(rn_lane_send_fd(&e->supervisor, "fd", 2, e->fds[0], RN_WAIT_NEVER), RN_OK);
    send_silently(&e->supervisor, 3);
    assert_int_equal(rn_lane_send(&e->supervisor, "last", 4, RN_WAIT_NEVER, &wake), RN_OK);
    take_number(&e->worker, 1);
    assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_NEVER, &packet), RN_OK);
    assert_int_equal(packet.size, sizeof(large));
    take_number(&e->worker, 2);
    assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_NEVER, &packet), RN_OK);
    assert_int_equal(packet.size, 2);
    assert_true(packet.fd >= 0);
    close(packet.fd);
    take_number(&e->worker, 3);
    assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_NEVER, &packet), RN_OK);
    assert_memory_equal(packet.bytes, "last", 4);
}

/* A parcel for which the socket has no room stays, takes what fits, and goes first when there is room. */
static void test_a_full_socket(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    static uint8_t large[RN_PACKET_MAX];
    bool wake;
    uint32_t sent = 0;
    uint32_t put = 0;
    drop_ring(e);
    while (rn_lane_send_socket(&e->supervisor, large, sizeof(large), RN_WAIT_NEVER) == RN_OK) {
        sent++;
    }
    send_silently(&e->supervisor, put++);
    send_silently(&e->supervisor, put++);
    assert_int_equal(rn_lane_ring(&e->supervisor, RN_WAIT_NEVER, &wake), RN_E_WOULD_BLOCK);
    assert_true(e->supervisor.stuck);
    while (rn_lane_send_silently(&e->supervisor, &put, sizeof(put), RN_WAIT_NEVER) == RN_OK) {
        put++;
    }
    assert_true(e->supervisor.parcel.size > RN_PARCEL_MAX - 6);
    assert_int_equal(rn_lane_send(&e->supervisor, "x", 1, RN_WAIT_NEVER, &wake), RN_E_WOULD_BLOCK);
    assert_int_equal(rn_lane_send_fd(&e->supervisor, "x", 1, e->fds[0], RN_WAIT_NEVER),
                     RN_E_WOULD_BLOCK);
    for (uint32_t i = 0; i < sent; i++) {
        assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_NEVER, &packet), RN_OK);
        assert_int_equal(packet.size, sizeof(large));
    }
    send_silently(&e->supervisor, put++); // there is room now
    assert_false(e->supervisor.stuck);
    assert_int_equal(rn_lane_ring(&e->supervisor, RN_WAIT_NEVER, &wake), RN_OK);
    for (uint32_t i = 0; i < put; i++) {
        take_number(&e->worker, i);
    }
    assert_int_equal(rn_lane_receive(&e->worker, RN_WAIT_NEVER, &packet), RN_E_WOULD_BLOCK);
}

static void test_a_parcel_for_nobody(void **state)
{
    struct ends *e = *state;
    bool wake;
    drop_ring(e);
    close(RN_TAKE_FD(e->fds[1]));
    send_silently(&e->supervisor, 1);
    send_silently(&e->supervisor, 2);
    assert_false(e->supervisor.lost);
    assert_int_equal(rn_lane_ring(&e->supervisor, RN_WAIT_NEVER, &wake), RN_E_CLOSED);
    assert_true(e->supervisor.lost && !e->supervisor.stuck);
    assert_int_equal(rn_lane_ring(&e->supervisor, RN_WAIT_NEVER, &wake), RN_OK); // nothing is left
}

static void test_lying_parcels(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    drop_ring(e);
    assert_int_equal(rn_transport_send(e->fds[1], "rp\0\0\1\0a\2\0b", 10, RN_WAIT_NEVER), RN_OK);
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_ALLOWED, &packet),
                     RN_E_MESSAGE_INVALID);
    assert_false(rn_lane_has_packet(&e->supervisor));
}

/* There it is a packet like any other, which the message decoder refuses. */
static void test_no_parcels_beside_a_ring(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    assert_int_equal(rn_lane_send_socket(&e->worker, "rp\0\0\1\0a\1\0b", 10, RN_WAIT_NEVER), RN_OK);
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_ALLOWED, &packet), RN_OK);
    assert_int_equal(packet.size, 10);
    struct rn_wire_message wire = {packet.bytes, packet.size};
    struct rn_message message;
    assert_int_equal(rn_message_decode(wire, RN_FROM_WORKER, &message), RN_E_MESSAGE_INVALID);
}

/* A packet that claims to wait for others is not there for those who ask before they poll. */
static void test_a_stamp_from_the_future(void **state)
{
    struct ends *e = *state;
    struct rn_lane_packet packet;
    struct rn_ring_end tail = {0};
    assert_true(rn_ring_push(&e->ring->to_supervisor, &tail, "abcd", 4, 2));
    assert_false(rn_lane_has_packet(&e->supervisor));
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_E_WOULD_BLOCK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rn_transport_send(e->fds[1], "12345", 5, RN_WAIT_NEVER), RN_OK);
        assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_OK);
        assert_int_equal(packet.size, 5);
    }
    assert_true(rn_lane_has_packet(&e->supervisor));
    assert_int_equal(rn_lane_receive(&e->supervisor, RN_WAIT_NEVER, &packet), RN_OK);
    assert_int_equal(packet.size, 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_order_towards_the_supervisor),
        CASE(test_order_towards_the_worker),
        CASE(test_nothing_there),
        CASE(test_wakes_are_counted),
        CASE(test_one_wake_for_many),
        CASE(test_silence_by_processor),
        CASE(test_watching_twice),
        CASE(test_lingering),
        CASE(test_the_end_of_the_other_side),
        CASE(test_a_lie_is_told),
        CASE(test_a_stamp_from_the_future),
        CASE(test_without_a_ring),
        CASE(test_order_of_parcels),
        CASE(test_one_send_for_many),
        CASE(test_silence_of_parcels),
        CASE(test_looking),
        CASE(test_what_cannot_be_put_in_comes_behind),
        CASE(test_a_full_socket),
        CASE(test_a_parcel_for_nobody),
        CASE(test_lying_parcels),
        CASE(test_no_parcels_beside_a_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
