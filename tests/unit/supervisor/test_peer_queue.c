/* What waits for a worker's socket: order, the half message, and the memory that it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/peer_queue.h"

static struct rn_outgoing message(uint64_t call, const void *body, size_t size)
{
    struct rn_message message = {
        .type = RN_MESSAGE_HOST_REPLY, .call = call, .body = body, .body_size = size};
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, &message);
    return outgoing;
}

static void append(struct rn_peer_queue *queue, uint64_t call, const void *body, size_t size)
{
    struct rn_outgoing outgoing = message(call, body, size);
    assert_int_equal(rn_peer_queue_append(queue, &outgoing, -1), RN_OK);
}

static void expect_next(struct rn_peer_queue *queue, uint64_t call)
{
    assert_non_null(queue->first);
    assert_int_equal(queue->first->outgoing.message.call, call);
    rn_peer_queue_remove_first(queue);
}

static void test_order(void **state)
{
    (void)state;
    struct rn_peer_queue queue;
    rn_peer_queue_init(&queue);
    append(&queue, 1, NULL, 0);
    append(&queue, 2, "ab", 2);
    struct rn_outgoing urgent = message(3, NULL, 0);
    assert_int_equal(rn_peer_queue_overtake(&queue, &urgent), RN_OK);
    append(&queue, 4, NULL, 0);
    expect_next(&queue, 3);
    expect_next(&queue, 1);
    expect_next(&queue, 2);
    expect_next(&queue, 4);
    assert_null(queue.first);
    assert_int_equal(rn_peer_queue_overtake(&queue, &urgent), RN_OK);
    append(&queue, 5, NULL, 0);
    expect_next(&queue, 3);
    expect_next(&queue, 5);
    assert_int_equal(queue.bytes, 0);
}

static void test_bodies_are_copies_and_counted(void **state)
{
    (void)state;
    struct rn_peer_queue queue;
    char body[1000];
    rn_peer_queue_init(&queue);
    memset(body, 'a', sizeof(body));
    append(&queue, 1, body, sizeof(body));
    size_t one = queue.bytes;
    assert_true(one > sizeof(body));
    memset(body, 'b', sizeof(body));
    append(&queue, 2, body, sizeof(body));
    assert_int_equal(queue.bytes, 2 * one);
    assert_int_equal(*(const char *)queue.first->outgoing.message.body, 'a');
    rn_peer_queue_remove_first(&queue);
    assert_int_equal(queue.bytes, one);
    rn_peer_queue_done(&queue);
    assert_int_equal(queue.bytes, 0);
}

/* Of a message of two packets one has gone: it is the half one until it is removed, whatever overtakes, and what
 * has gone meanwhile is given back with the rest. */
static void test_half_sent(void **state)
{
    (void)state;
    static uint8_t body[RN_PACKET_MAX + 1];
    struct rn_peer_queue queue;
    rn_peer_queue_init(&queue);
    append(&queue, 1, body, sizeof(body));
    append(&queue, 2, NULL, 0);
    assert_null(queue.half_sent);
    assert_false(rn_outgoing_sent(&queue.first->outgoing));
    rn_peer_queue_note_half(&queue);
    struct rn_outgoing urgent = message(3, NULL, 0);
    assert_int_equal(rn_peer_queue_overtake(&queue, &urgent), RN_OK);
    assert_int_equal(queue.half_sent->outgoing.message.call, 1);
    expect_next(&queue, 3);
    assert_ptr_equal(queue.half_sent, queue.first);
    assert_true(rn_outgoing_sent(&queue.first->outgoing));
    expect_next(&queue, 1);
    assert_null(queue.half_sent);
    expect_next(&queue, 2);
    assert_int_equal(queue.bytes, 0);
}

static void test_begun_before_it_waits(void **state)
{
    (void)state;
    static uint8_t body[RN_PACKET_MAX + 1];
    struct rn_peer_queue queue;
    rn_peer_queue_init(&queue);
    struct rn_outgoing begun = message(1, body, sizeof(body));
    assert_false(rn_outgoing_sent(&begun));
    assert_int_equal(rn_peer_queue_append(&queue, &begun, -1), RN_OK);
    assert_ptr_equal(queue.half_sent, queue.first);
    rn_peer_queue_done(&queue);
}

static struct rn_message credit(uint64_t call, uint32_t packets)
{
    return (struct rn_message){
        .type = RN_MESSAGE_CREDIT, .call = call, .as.CREDIT = {.packets = packets}};
}

/* What comes for a call whose CREDIT waits is added to that, wherever it stands among those that have overtaken. */
static void test_one_credit_of_a_call(void **state)
{
    (void)state;
    struct rn_peer_queue queue;
    rn_peer_queue_init(&queue);
    append(&queue, 1, NULL, 0);
    for (uint64_t call = 1; call <= 2; call++) {
        struct rn_outgoing outgoing;
        struct rn_message first = credit(call, 4);
        assert_false(rn_peer_queue_add_credit(&queue, &first));
        rn_outgoing_init(&outgoing, &first);
        assert_int_equal(rn_peer_queue_overtake(&queue, &outgoing), RN_OK);
    }
    size_t bytes = queue.bytes;
    for (int i = 0; i < 100; i++) {
        struct rn_message more = credit(1, 5);
        assert_true(rn_peer_queue_add_credit(&queue, &more));
    }
    struct rn_message of_another = credit(3, 1);
    assert_false(rn_peer_queue_add_credit(&queue, &of_another));
    assert_int_equal(queue.bytes, bytes);
    assert_int_equal(queue.first->outgoing.message.as.CREDIT.packets, 4);
    expect_next(&queue, 2);
    assert_int_equal(queue.first->outgoing.message.as.CREDIT.packets, 504);
    expect_next(&queue, 1);
    expect_next(&queue, 1);
    assert_null(queue.first);
}

/* A descriptor is duplicated for a message that still has to bring it, and closed with it. */
static void test_descriptors(void **state)
{
    (void)state;
    struct rn_peer_queue queue;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    rn_peer_queue_init(&queue);
    struct rn_outgoing outgoing = message(1, NULL, 0);
    assert_int_equal(rn_peer_queue_append(&queue, &outgoing, ends[1]), RN_OK);
    assert_true(queue.first->fd > 2 && queue.first->fd != ends[1]);
    close(ends[1]);
    rn_peer_queue_done(&queue);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 0); // nobody can write there any more
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),       cmocka_unit_test(test_bodies_are_copies_and_counted),
        cmocka_unit_test(test_half_sent),   cmocka_unit_test(test_begun_before_it_waits),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_one_credit_of_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
