/* Packets through one half of a ring, and what a producer that lies can leave there. */
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/ring.h"

static struct rn_ring *ring;

static int set_up(void **state)
{
    (void)state;
    int fd = -1;
    assert_int_equal(rn_ring_make(&ring, &fd), RN_OK);
    close(fd);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rn_ring_unmap(ring);
    return 0;
}

static void fill(uint8_t *packet, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++) {
        packet[i] = (uint8_t)(seed + i * 7);
    }
}

static void test_packets_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct rn_ring_end tail = {0};
    struct rn_ring_end head = {0};
    uint8_t in[RN_RING_PACKET_MAX];
    uint8_t out[RN_RING_PACKET_MAX];
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t size = 1 + i * 37 % RN_RING_PACKET_MAX;
        struct rn_ring_packet packet;
        fill(in, size, i);
        assert_true(rn_ring_push(&ring->to_worker, &tail, in, size, i));
        assert_int_equal(rn_ring_peek(&ring->to_worker, &head, &packet), RN_OK);
        assert_true(packet.present);
        assert_int_equal(packet.size, size);
        assert_int_equal(packet.stamp, i);
        rn_ring_take(&ring->to_worker, &head, &packet, out);
        assert_memory_equal(in, out, size);
        assert_int_equal(rn_ring_peek(&ring->to_worker, &head, &packet), RN_OK);
        assert_false(packet.present);
    }
}

static void test_a_full_ring_takes_no_more(void **state)
{
    (void)state;
    struct rn_ring_end tail = {0};
    struct rn_ring_end head = {0};
    uint32_t count = 0;
    uint8_t bytes[RN_RING_PACKET_MAX] = {0};
    while (rn_ring_push(&ring->to_worker, &tail, bytes, 1000, 0)) {
        count++;
    }
    assert_int_equal(count, RN_RING_BYTES / 1008);
    struct rn_ring_packet packet;
    assert_int_equal(rn_ring_peek(&ring->to_worker, &head, &packet), RN_OK);
    rn_ring_take(&ring->to_worker, &head, &packet, bytes);
    assert_true(rn_ring_push(&ring->to_worker, &tail, bytes, 1000, 0));
    assert_false(rn_ring_push(&ring->to_worker, &tail, bytes, 1000, 0));
}

/* What one side has seen of the other is not looked at again while it suffices. */
static void test_a_look_serves_for_all_that_it_saw(void **state)
{
    (void)state;
    struct rn_ring_end tail = {0};
    struct rn_ring_end head = {0};
    struct rn_ring_packet packet;
    uint8_t bytes[RN_RING_PACKET_MAX];
    assert_true(rn_ring_push(&ring->to_worker, &tail, "a", 1, 0));
    assert_true(rn_ring_push(&ring->to_worker, &tail, "b", 1, 0));
    assert_int_equal(rn_ring_peek(&ring->to_worker, &head, &packet), RN_OK);
    assert_true(rn_ring_push(&ring->to_worker, &tail, "c", 1, 0));
    for (uint8_t i = 0; i < 3; i++) {
        assert_int_equal(head.seen, 32);
        assert_int_equal(rn_ring_peek(&ring->to_worker, &head, &packet), RN_OK);
        assert_true(packet.present);
        rn_ring_take(&ring->to_worker, &head, &packet, bytes);
        assert_int_equal(bytes[0], 'a' + i);
    }
    assert_int_equal(head.seen, 48);
    assert_int_equal(tail.seen, 0); // there was room all the time
}

static void test_sizes_that_belong_on_the_socket(void **state)
{
    (void)state;
    static const uint8_t bytes[RN_RING_PACKET_MAX + 1];
    struct rn_ring_end tail = {0};
    assert_false(rn_ring_push(&ring->to_worker, &tail, bytes, 0, 0));
    assert_false(rn_ring_push(&ring->to_worker, &tail, bytes, sizeof(bytes), 0));
    assert_int_equal(tail.at, 0);
}

static void test_a_consumer_that_lies_stops_the_producer(void **state)
{
    (void)state;
    static const uint8_t bytes[1000];
    struct rn_ring_end tail = {0};
    while (rn_ring_push(&ring->to_worker, &tail, bytes, sizeof(bytes), 0)) {
        assert_true(tail.at <= RN_RING_BYTES);
    }
    uint32_t lies[] = {tail.at + 8, tail.at + RN_RING_BYTES, tail.at - RN_RING_BYTES - 8, 12345678};
    for (size_t i = 0; i < RN_COUNT_OF(lies); i++) {
        atomic_store(&ring->to_worker.head, lies[i]);
        assert_false(rn_ring_push(&ring->to_worker, &tail, bytes, sizeof(bytes), 0));
    }
    atomic_store(&ring->to_worker.head, 1008);
    assert_true(rn_ring_push(&ring->to_worker, &tail, bytes, sizeof(bytes), 0));
}

static enum rn_error peek_claim(uint32_t tail, uint32_t size)
{
    struct rn_ring_half *half = &ring->to_supervisor;
    struct rn_ring_packet packet;
    memcpy(half->data, &size, sizeof(size));
    atomic_store(&half->tail, tail);
    return rn_ring_peek(half, &(struct rn_ring_end){0}, &packet);
}

static void test_claims_of_a_producer(void **state)
{
    (void)state;
    assert_int_equal(peek_claim(16, 8), RN_OK);
    assert_int_equal(peek_claim(16, 1), RN_OK);
    assert_int_equal(peek_claim(RN_RING_BYTES, RN_RING_PACKET_MAX), RN_OK);
    assert_int_equal(peek_claim(RN_RING_BYTES + 8, 8), RN_E_MESSAGE_INVALID);
    assert_int_equal(peek_claim((uint32_t)-8, 8), RN_E_MESSAGE_INVALID);
    assert_int_equal(peek_claim(4, 8), RN_E_MESSAGE_INVALID);
    assert_int_equal(peek_claim(8, 0), RN_E_MESSAGE_INVALID);
    assert_int_equal(peek_claim(16, 9), RN_E_MESSAGE_INVALID);
    assert_int_equal(peek_claim(RN_RING_BYTES, RN_RING_PACKET_MAX + 1), RN_E_MESSAGE_INVALID);
    assert_int_equal(peek_claim(RN_RING_BYTES, UINT32_MAX), RN_E_MESSAGE_INVALID);
}

static void test_who_must_be_woken_by_a_packet(void **state)
{
    (void)state;
    struct rn_ring_half *half = &ring->to_supervisor;
    rn_ring_bell(half);
    assert_false(rn_ring_must_wake(half));
    rn_ring_say_waits(half, RN_RING_SOCKET);
    rn_ring_bell(half);
    assert_int_equal(atomic_load(&half->waits), RN_RING_SOCKET);
    assert_true(rn_ring_must_wake(half));
    assert_false(rn_ring_must_wake(half));
    rn_ring_say_waits(half, RN_RING_FUTEX);
    assert_false(rn_ring_must_wake(half));
    rn_ring_bell(half);
    assert_int_equal(atomic_load(&half->waits), RN_RING_AWAKE);
}

/* W1: a bell for what was taken already is all that rings; the word must not be slept on any more. */
static void test_nobody_sleeps_once_a_late_bell_has_rung(void **state)
{
    (void)state;
    struct rn_ring_half *half = &ring->to_worker;
    struct rn_ring_packet packet;
    uint8_t bytes[RN_RING_PACKET_MAX];
    struct rn_ring_end tail = {0};
    struct rn_ring_end head = {0};
    assert_true(rn_ring_push(half, &tail, "x", 1, 0));
    assert_int_equal(rn_ring_peek(half, &head, &packet), RN_OK);
    rn_ring_take(half, &head, &packet, bytes);
    rn_ring_say_waits(half, RN_RING_FUTEX);
    rn_ring_bell(half);
    alarm(60); // ends a test that sleeps
    rn_ring_sleep(half, 0);
    alarm(0);
    rn_ring_say_waits(half, RN_RING_AWAKE);
}

/* Both sides at work: each waits without end, so that a lost wake-up is a test that hangs. */
static void *answer(void *argument)
{
    uint32_t *rounds = argument;
    struct rn_ring_end head = {0};
    struct rn_ring_end tail = {0};
    uint8_t bytes[RN_RING_PACKET_MAX];
    for (uint32_t done = 0; done < *rounds;) {
        struct rn_ring_packet packet = {.present = false};
        assert_int_equal(rn_ring_peek(&ring->to_worker, &head, &packet), RN_OK);
        if (packet.present) {
            rn_ring_take(&ring->to_worker, &head, &packet, bytes);
            done++;
            assert_true(rn_ring_push(&ring->to_supervisor, &tail, bytes, packet.size, 0));
            rn_ring_bell(&ring->to_supervisor);
            continue;
        }
        rn_ring_say_waits(&ring->to_worker, RN_RING_FUTEX);
        if (atomic_load(&ring->to_worker.tail) == head.at) {
            rn_ring_sleep(&ring->to_worker, 0);
        }
        rn_ring_say_waits(&ring->to_worker, RN_RING_AWAKE);
    }
    return NULL;
}

static void await_one(struct rn_ring_end *head)
{
    uint8_t bytes[RN_RING_PACKET_MAX];
    struct rn_ring_packet packet = {.present = false};
    while (!packet.present) {
        assert_int_equal(rn_ring_peek(&ring->to_supervisor, head, &packet), RN_OK);
        if (!packet.present) {
            rn_ring_say_waits(&ring->to_supervisor, RN_RING_FUTEX);
            if (atomic_load(&ring->to_supervisor.tail) == head->at) {
                rn_ring_sleep(&ring->to_supervisor, 0);
            }
            rn_ring_say_waits(&ring->to_supervisor, RN_RING_AWAKE);
        }
    }
    rn_ring_take(&ring->to_supervisor, head, &packet, bytes);
}

static void test_no_wake_up_is_lost(void **state)
{
    (void)state;
    uint32_t rounds = 200000;
    struct rn_ring_end head = {0};
    struct rn_ring_end tail = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, &rounds), 0);
    alarm(120);
    for (uint32_t i = 0; i < rounds; i++) {
        assert_true(rn_ring_push(&ring->to_worker, &tail, "ping", 4, 0));
        for (uint32_t wait = i % 64; wait > 0; wait--) {
            __builtin_ia32_pause(); // the bell comes before, while and after the packet is taken
        }
        rn_ring_bell(&ring->to_worker);
        await_one(&head);
    }
    alarm(0);
    pthread_join(thread, NULL);
}

static void test_claims_of_a_life(void **state)
{
    (void)state;
    static const struct {
        uint32_t word;
        enum rn_ring_life life;
    } claims[] = {
        {0, RN_RING_LIFE_UNTOLD},
        {FUTEX_WAITERS, RN_RING_LIFE_UNTOLD},
        {1, RN_RING_LIVES},
        {FUTEX_WAITERS | FUTEX_TID_MASK, RN_RING_LIVES},
        {FUTEX_OWNER_DIED, RN_RING_DIED},
        {FUTEX_OWNER_DIED | 1, RN_RING_DIED},
        {UINT32_MAX, RN_RING_DIED},
    };
    assert_int_equal(rn_ring_life(ring), RN_RING_LIFE_UNTOLD);
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        atomic_store(&ring->life, claims[i].word);
        assert_int_equal(rn_ring_life(ring), claims[i].life);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_packets_come_out_as_they_went_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_ring_takes_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_look_serves_for_all_that_it_saw, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes_that_belong_on_the_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_consumer_that_lies_stops_the_producer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_claims_of_a_producer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_must_be_woken_by_a_packet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_sleeps_once_a_late_bell_has_rung, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_claims_of_a_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_wake_up_is_lost, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
