/*
 * ring.c: producing, consuming, waking and sleeping on one half of a ring.
 *
 * W1  Nobody sleeps through a packet whose sender has rung.
 *
 *     consumer   waits = FUTEX    looks at tail, then at socket_sent    sleeps while waits is FUTEX
 *     producer   sends    touches tail    waits: FUTEX -> AWAKE, and if it was FUTEX, wakes
 *
 * What touches tail and waits is sequentially consistent: either the consumer's look at tail sees the
 * producer's touch, and with it all that was sent on either lane, or the producer sees FUTEX. Whoever
 * takes FUTEX away wakes: before the consumer sleeps the kernel finds another word, after it a sleeper.
 * So a bell that comes late, for packets that were taken already, costs a look, and never the next
 * wake-up: nobody sleeps while `waits` says AWAKE.
 *
 * Trust: reads memory that workers write.
 */
#include "shm/ring.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/math.h"

#define MASK (RN_RING_BYTES - 1)
#define HEAD_SIZE 8u
#define WAKE_ATTEMPTS 8

static uint32_t record_size(uint32_t size)
{
    return HEAD_SIZE + ((size + 7u) & ~7u);
}

static void copy_in(struct rn_ring_half *half, uint32_t at, const void *bytes, uint32_t size)
{
    uint32_t offset = at & MASK;
    uint32_t first = size < RN_RING_BYTES - offset ? size : RN_RING_BYTES - offset;
    memcpy(half->data + offset, bytes, first);
    memcpy(half->data, (const uint8_t *)bytes + first, size - first);
}

static void copy_out(const struct rn_ring_half *half, uint32_t at, void *bytes, uint32_t size)
{
    uint32_t offset = at & MASK;
    uint32_t first = size < RN_RING_BYTES - offset ? size : RN_RING_BYTES - offset;
    memcpy(bytes, half->data + offset, first);
    memcpy((uint8_t *)bytes + first, half->data, size - first);
}

/* A head that was never there leaves no room. */
static bool has_room(const struct rn_ring_end *end, uint32_t size)
{
    uint32_t used = end->at - end->seen;
    return used <= RN_RING_BYTES && record_size(size) <= RN_RING_BYTES - used;
}

bool rn_ring_push(struct rn_ring_half *half, struct rn_ring_end *end, const void *packet,
                  uint32_t size, uint32_t stamp)
{
    if (size == 0 || size > RN_RING_PACKET_MAX) {
        return false;
    }
    if (!has_room(end, size)) {
        end->seen = atomic_load_explicit(&half->head, memory_order_acquire);
        if (!has_room(end, size)) {
            return false;
        }
    }
    uint32_t head[2] = {size, stamp};
    copy_in(half, end->at, head, HEAD_SIZE);
    copy_in(half, end->at + HEAD_SIZE, packet, size);
    end->at += record_size(size);
    atomic_store_explicit(&half->tail, end->at, memory_order_release);
    return true;
}

enum rn_error rn_ring_peek(const struct rn_ring_half *half, struct rn_ring_end *end,
                           struct rn_ring_packet *out_packet)
{
    if (end->seen == end->at) {
        end->seen = atomic_load(&half->tail); // W1
    }
    uint32_t left = end->seen - end->at;
    out_packet->present = left != 0;
    if (left == 0) {
        return RN_OK;
    }
    if (left > RN_RING_BYTES || left < HEAD_SIZE) {
        return RN_E_MESSAGE_INVALID;
    }
    uint32_t fields[2];
    copy_out(half, end->at, fields, HEAD_SIZE);
    if (fields[0] == 0 || fields[0] > RN_RING_PACKET_MAX || record_size(fields[0]) > left) {
        return RN_E_MESSAGE_INVALID;
    }
    out_packet->size = fields[0];
    out_packet->stamp = fields[1];
    return RN_OK;
}

void rn_ring_take(struct rn_ring_half *half, struct rn_ring_end *end,
                  const struct rn_ring_packet *packet, void *to)
{
    RN_CHECK(packet->present && packet->size <= RN_RING_PACKET_MAX);
    copy_out(half, end->at + HEAD_SIZE, to, packet->size);
    end->at += record_size(packet->size);
    atomic_store_explicit(&half->head, end->at, memory_order_release);
}

/* Nobody rings again for a packet that has gone already: what is refused is tried again. */
static void wake(struct rn_ring_half *half)
{
    for (int i = 0; i < WAKE_ATTEMPTS; i++) {
        if (syscall(SYS_futex, &half->waits, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0) {
            return;
        }
    }
}

void rn_ring_bell(struct rn_ring_half *half)
{
    uint32_t waits = RN_RING_FUTEX;
    atomic_fetch_add(&half->tail, 0); // W1; the thread sanitizer knows no fences
    if (atomic_load(&half->waits) == RN_RING_FUTEX &&
        atomic_compare_exchange_strong(&half->waits, &waits, RN_RING_AWAKE)) {
        wake(half);
    }
}

bool rn_ring_must_wake(struct rn_ring_half *half)
{
    uint32_t waits = RN_RING_SOCKET;
    return atomic_load(&half->waits) == RN_RING_SOCKET &&
           atomic_compare_exchange_strong(&half->waits, &waits, RN_RING_AWAKE);
}

void rn_ring_say_waits(struct rn_ring_half *half, enum rn_ring_waits waits)
{
    atomic_store(&half->waits, waits);
}

void rn_ring_sleep(struct rn_ring_half *half, uint64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                               .tv_nsec = (long)(timeout_ns % 1000000000u)};
    (void)syscall(SYS_futex, &half->waits, FUTEX_WAIT, RN_RING_FUTEX,
                  timeout_ns == 0 ? NULL : &timeout, NULL, 0);
}

uint32_t rn_ring_cpu(void)
{
    if (__rseq_size == 0) {
        return 0;
    }
    const struct rseq *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    int32_t cpu = (int32_t) * (const volatile uint32_t *)&area->cpu_id;
    return cpu < 0 ? 0 : (uint32_t)cpu + 1;
}
