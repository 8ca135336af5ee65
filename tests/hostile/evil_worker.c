/*
 * evil_worker.c: a worker that was taken over.
 *
 * A real process behind the real wall, linked without the worker's own code and without the encoder
 * of messages: it writes packets byte by byte, as whoever took over a worker would.
 */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bytecode/unit.h"
#include "policy/process.h"
#include "worker/process.h"

enum {
#define EVIL(name, number, reason, text) name = number,
#define EVIL_RING(name, number, reason, text) name = number,
#define EVIL_PARCEL(name, number, reason, text) name = number,
#include "tests/hostile/misbehaviours.def"
#undef EVIL
#undef EVIL_RING
#undef EVIL_PARCEL
};

enum {
    TYPE_CALL = 16,
    TYPE_CREDIT = 17,
    TYPE_HOST_REPLY = 18,
    TYPE_WAKE = 20,
    TYPE_READY = 32,
    TYPE_OUTPUT = 33,
    TYPE_HOST_CALL = 34,
    TYPE_RESULT = 35,
    TYPE_RING = 36,
    TYPE_SLEEP = 37,
    TYPE_TRAP = 38,
    TYPE_PROFILE = 39,
    TYPE_BUILT = 85,
    FIRST = 1,
    LAST = 2,
    BOTH = 3,
};

#define BUDGET_MAX UINT64_C(1000000000)
#define MEMORY_MAX (UINT64_C(64) << 20)

/* Packets that take more credit than anybody's socket and ring hold. */
#define MANY 60000u

static uint8_t in[65536];
static uint8_t out[80000];
static size_t out_size;
static uint64_t call;
static uint32_t sequence;

static void put(const void *bytes, size_t size)
{
    memcpy(out + out_size, bytes, size);
    out_size += size;
}

static void put16(unsigned value)
{
    uint16_t v = (uint16_t)value;
    put(&v, 2);
}

static void put32(uint32_t value)
{
    put(&value, 4);
}

static void put64(uint64_t value)
{
    put(&value, 8);
}

static void header(unsigned type, unsigned flags, uint32_t body_size)
{
    out_size = 0;
    put16(1);
    put16(type);
    put16(flags);
    put16(0);
    put64(call);
    put32(sequence++);
    put32(body_size);
}

static uint8_t parcel[80000];
static size_t parcel_size; /* 0: none is being filled */

static void begin_parcel(void)
{
    memcpy(parcel, "rp\0", 4); // of an unknown processor
    parcel_size = 4;
}

static void send_parcel(void)
{
    (void)!send(3, parcel, parcel_size, MSG_NOSIGNAL);
    parcel_size = 0;
}

/* With a size that may be a lie. */
static void pack(unsigned size)
{
    parcel[parcel_size++] = (uint8_t)size;
    parcel[parcel_size++] = (uint8_t)(size >> 8);
    memcpy(parcel + parcel_size, out, out_size);
    parcel_size += out_size;
}

static void go(void)
{
    if (parcel_size > 0) {
        pack((unsigned)out_size);
    } else {
        (void)!send(3, out, out_size, MSG_NOSIGNAL);
    }
}

static void result_fields_used(uint32_t reason, uint32_t kept, uint64_t budget, uint64_t memory)
{
    put32(reason);
    put32(kept);
    put64(budget);
    put64(memory);
    put64(3);
    put64(4);
}

static void result_fields(uint32_t reason, uint32_t kept)
{
    result_fields_used(reason, kept, 1, 2);
}

/* Of a call with the limits that hold when nobody sets any. */
static void result_used(uint64_t budget, uint64_t memory)
{
    header(TYPE_RESULT, BOTH, 1);
    result_fields_used(0, 0, budget, memory);
    put("\xf6", 1);
    go();
}

static void result(uint32_t reason, const void *body, size_t size)
{
    header(TYPE_RESULT, BOTH, (uint32_t)size);
    result_fields(reason, 0);
    put(body, size);
    go();
}

static void honest(void)
{
    result(0, "\xf6", 1);
}

static void output(uint32_t stream, size_t size)
{
    header(TYPE_OUTPUT, BOTH, (uint32_t)size);
    put32(stream);
    memset(out + out_size, 'x', size);
    out_size += size;
    go();
}

static void host_call(uint32_t number, uint32_t function, const void *args, size_t size)
{
    header(TYPE_HOST_CALL, BOTH, (uint32_t)size);
    put32(number);
    put32(function);
    put64(1);
    put32(UINT32_MAX); // where in the script: nowhere
    put(args, size);
    go();
}

static void go_to_sleep(uint32_t number, uint32_t seen, uint64_t ns)
{
    header(TYPE_SLEEP, BOTH, 0);
    put32(number);
    put32(seen); // answers
    put64(ns);
    put64(ns);
    go();
}

static void first_of_result(uint32_t total, size_t size)
{
    header(TYPE_RESULT, FIRST, total);
    result_fields(0, 0);
    memset(out + out_size, 0, size);
    out_size += size;
    go();
}

static void rest_of_result(unsigned flags, size_t size)
{
    header(TYPE_RESULT, flags, 0);
    memset(out + out_size, 0, size);
    out_size += size;
    go();
}

/* The ring, as it lies in memory: a word on its life, then words by their offset in each half. */
enum {
    LIFE_WORDS = 16,
    LIFE_DIED = 0x40000000,
    RING_BYTES = 32768,
    TAIL = 0,
    SOCKET_SENT = 1,
    HEAD = 16,
    WAITS = 17,
    DATA = 32,
    HALF_WORDS = DATA + RING_BYTES / 4,
    WAITS_FUTEX = 1,
    WAITS_SOCKET = 2,
};

static volatile uint32_t *life;
static volatile uint32_t *to_worker; /* NULL: no ring */
static volatile uint32_t *to_supervisor;
static uint32_t socket_taken;

/* Copies the record at the head into `in`; its size, or 0: there is none. */
static size_t take_from_ring(void)
{
    uint32_t head = to_worker[HEAD];
    if (head == to_worker[TAIL]) {
        return 0;
    }
    const volatile uint8_t *data = (const volatile uint8_t *)(to_worker + DATA);
    uint32_t size = to_worker[DATA + head % RING_BYTES / 4];
    for (uint32_t i = 0; i < size && i < sizeof(in); i++) {
        in[i] = data[(head + 8 + i) % RING_BYTES];
    }
    to_worker[HEAD] = head + 8 + (size + 7) / 8 * 8;
    return size;
}

/* Waits for a packet on either lane, as little honest as it gets by with. */
static bool await_socket(size_t *taken)
{
    for (;;) {
        to_worker[WAITS] = WAITS_FUTEX;
        __sync_synchronize();
        if ((*taken = take_from_ring()) > 0) {
            return false;
        }
        if (to_worker[SOCKET_SENT] != socket_taken) {
            socket_taken++;
            return true;
        }
        (void)syscall(SYS_futex, to_worker + WAITS, 0, WAITS_FUTEX, 0, 0, 0);
    }
}

static ssize_t receive(void)
{
    size_t size;
    if (to_worker && !await_socket(&size)) {
        return (ssize_t)size;
    }
    struct iovec part = {in, sizeof(in)};
    char control[64];
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    return recvmsg(3, &message, MSG_CMSG_CLOEXEC);
}

static unsigned type_of_packet(void)
{
    return (unsigned)(in[2] | in[3] << 8);
}

/* Waits for a packet of a type; false at the end of the connection. */
static bool await(unsigned type)
{
    while (receive() > 0) {
        if (type_of_packet() == type) {
            return true;
        }
    }
    return false;
}

/* A tuple of nulls. */
static void host_many_args(void)
{
    static uint8_t args[60000 + 6] = {0xd9, 0x52, 2, 0x99, 60000 >> 8, 60000 & 255};
    memset(args + sizeof(args) - 60000, 0xf6, 60000);
    host_call(1, 0, args, sizeof(args));
    if (await(TYPE_HOST_REPLY)) {
        honest();
    }
}

static void deep_value(void)
{
    static uint8_t body[20001];
    memset(body, 0x81, sizeof(body) - 1);
    body[sizeof(body) - 1] = 0xf6;
    result(0, body, sizeof(body));
}

static void header_byte(int offset)
{
    header(TYPE_RESULT, BOTH, 1);
    result_fields(0, 0);
    put("\xf6", 1);
    out[offset] ^= 0x40;
    go();
}

static void ids_and_order(int number)
{
    switch (number) {
    case UNKNOWN_CALL:
        call ^= 0x123456789000000u;
        honest();
        break;
    case CALL_ZERO:
        call = 0;
        honest();
        break;
    case NEIGHBOUR_SLOT:
        call++;
        honest();
        break;
    case DOUBLE_RESULT:
        honest();
        honest();
        break;
    case OUTPUT_AFTER_END:
        honest();
        output(0, 1);
        break;
    case READY_AGAIN:
        header(TYPE_READY, BOTH, 0);
        put64(rn_isa_digest());
        put64(0);
        go();
        break;
    case SEQUENCE_GAP:
        sequence++;
        honest();
        break;
    case SEQUENCE_AGAIN:
        output(0, 1);
        sequence--;
        honest();
        break;
    case HOST_NUMBER_GAP:
        host_call(2, 0, "\xf6", 1);
        break;
    case HOST_NUMBER_AGAIN:
        host_call(1, 99, "\xf6", 1);
        host_call(1, 99, "\xf6", 1);
        break;
    case HOST_NO_FUNCTION:
        host_call(1, 99, "\xf6", 1);
        if (await(TYPE_HOST_REPLY)) {
            honest();
        }
        break;
    case HOST_BAD_ARGS:
        host_call(1, 0, "\xff\xff\xff", 3);
        if (await(TYPE_HOST_REPLY)) {
            honest();
        }
        break;
    case HOST_MANY_ARGS:
        host_many_args();
        break;
    case WRONG_DIRECTION:
        header(TYPE_CALL, BOTH, 0);
        memset(out + out_size, 0, 36);
        out_size += 36;
        go();
        break;
    case COMPILERS_MESSAGE:
        header(TYPE_BUILT, BOTH, 0);
        put32(0);
        go();
        break;
    default:
        break;
    }
}

static void packets(int number)
{
    switch (number) {
    case TRUNCATED:
        header(TYPE_RESULT, BOTH, 0);
        out_size = 12;
        break;
    case HEADER_ONLY:
        header(TYPE_RESULT, BOTH, 0);
        break;
    case OVERSIZED:
        header(TYPE_RESULT, BOTH, 70000 - 64);
        result_fields(0, 0);
        out_size = 70000;
        break;
    case GARBAGE:
        out_size = 0;
        for (uint32_t i = 0, x = 1; i < 500; i++) {
            x = x * 1664525u + 1013904223u;
            put(&x, 1);
        }
        break;
    case OTHER_VERSION:
        header(TYPE_RESULT, BOTH, 0);
        result_fields(0, 0);
        out[0] = 2;
        break;
    case UNKNOWN_TYPE:
        header(200, BOTH, 0);
        break;
    case UNKNOWN_FLAGS:
        header(TYPE_RESULT, BOTH | 4, 0);
        result_fields(0, 0);
        break;
    case RESERVED_SET:
        header(TYPE_RESULT, BOTH, 0);
        result_fields(0, 0);
        out[6] = 1;
        break;
    case ONE_BYTE:
        out_size = 1;
        break;
    case TRAILING:
        header(TYPE_RESULT, BOTH, 1);
        result_fields(0, 0);
        put("\xf6\xf6", 2);
        break;
    default:
        return;
    }
    go();
}

static void fragments(int number)
{
    switch (number) {
    case REST_WITHOUT_FIRST:
        rest_of_result(LAST, 10);
        break;
    case FIRST_TWICE:
        first_of_result(1000, 10);
        first_of_result(1000, 10);
        break;
    case BETWEEN_FRAGMENTS:
        first_of_result(1000, 10);
        output(0, 1);
        break;
    case FRAGMENTS_TOO_LONG:
        first_of_result(1000, 10);
        rest_of_result(0, 60000);
        break;
    case FRAGMENTS_SHORT:
        first_of_result(1000, 10);
        rest_of_result(LAST, 10);
        break;
    case EMPTY_FRAGMENT:
        first_of_result(1000, 10);
        rest_of_result(0, 0);
        break;
    case NEVER_LAST:
        first_of_result(1000, 10);
        (void)await(0);
        break;
    case ANNOUNCES_4_GIB:
        first_of_result(0xffffffffu, 10);
        break;
    case MANY_FRAGMENTS:
        // A byte string of 100,000 bytes: head of 5 bytes.
        header(TYPE_RESULT, FIRST, 100005);
        result_fields(0, 0);
        put("\x5a\x00\x01\x86\xa0", 5);
        memset(out + out_size, 0, 50000);
        out_size += 50000;
        go();
        rest_of_result(LAST, 50000);
        break;
    case FRAGMENTS_DEAF:
        header(TYPE_HOST_CALL, FIRST, MANY + 2);
        put32(1);
        put32(0);
        put64(1);
        put32(UINT32_MAX);
        put("x", 1);
        go();
        for (uint32_t i = 0; i < MANY; i++) {
            header(TYPE_HOST_CALL, 0, 0);
            put("x", 1);
            go();
        }
        packets(GARBAGE);
        break;
    default:
        break;
    }
}

static void limits(int number)
{
    switch (number) {
    case CREDIT_OVERRUN:
        for (int i = 0; i < 1000; i++) {
            output(0, 1);
        }
        break;
    case OUTPUT_BEYOND:
        for (int i = 0; i < 4; i++) {
            output(0, 60000);
        }
        break;
    case HOST_FLOOD:
        for (uint32_t i = 1;; i++) {
            host_call(i, 99, "\xf6", 1);
        }
    case HOST_BEYOND:
        for (uint32_t i = 1; i <= 1000; i++) {
            host_call(i, 99, "\xf6", 1);
            (void)await(TYPE_HOST_REPLY);
        }
        honest();
        break;
    case BAD_STREAM:
        output(7, 1);
        break;
    case SLEEPS_ON:
        for (uint32_t i = 0;; i++) {
            go_to_sleep(i, 0, 0);
            (void)await(TYPE_WAKE);
        }
    case SLEEP_OVERRUN:
        go_to_sleep(1, 0, UINT64_MAX);
        go_to_sleep(2, 0, 0);
        (void)await(TYPE_WAKE);
        break;
    case SLEEP_DEAF:
        for (uint32_t i = 0;; i++) {
            go_to_sleep(i, 0, 0);
        }
    case SLEEP_AHEAD:
        go_to_sleep(1, 1, 0);
        (void)await(TYPE_WAKE);
        break;
    case OUTPUT_DEAF:
        for (uint32_t i = 0; i < MANY; i++) {
            output(0, 1);
        }
        packets(GARBAGE);
        break;
    case OUTPUT_EMPTY:
        output(0, 0);
        break;
    default:
        break;
    }
}

static void values(int number)
{
    switch (number) {
    case NOT_A_VALUE:
        result(0, "\xff\xff", 2);
        break;
    case EMPTY_VALUE:
        result(0, "", 0);
        break;
    case DEEP_VALUE:
        deep_value();
        break;
    case SAME_KEYS:
        result(0, "\xd9\x52\x03\x84\x61k\x01\x61k\x02", 10);
        break;
    case LONG_HEAD:
        result(0, "\x18\x01", 2);
        break;
    case HUGE_COUNT:
        result(0, "\x9a\xff\xff\xff\xff", 5);
        break;
    case BAD_TEXT:
        result(0, "\x62\xff\xff", 3);
        break;
    case BAD_FAULT:
        result(2, "\xff\xff\xff\xff", 4);
        break;
    case FRAMES_BEYOND:
        result(2,
               "\x01\x00K\x01\x00\x00\x00m\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"
               "\xff\xff\xff\x7f\xff\xff\xff\x7f\x00\x00\x00\x00",
               32);
        break;
    case CLAIMS_WALL:
        result(19, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 18);
        break;
    case CLAIMS_UNKNOWN:
        result(999, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 18);
        break;
    case SAYS_TRAPPED:
        header(TYPE_TRAP, BOTH, 18); // an error without texts and frames
        put32(257);
        put32(0xc000003e);
        for (int i = 0; i < 6 + 2; i++) {
            put64(0);
        }
        put16(0);
        go();
        break;
    case SAYS_COUNTED:
        header(TYPE_PROFILE, BOTH, 24); // a place
        put32(0);
        put32(1);
        for (int i = 0; i < 3; i++) {
            put64(0);
        }
        go();
        break;
    case KEEPS_NOTHING:
    case KEPT_GARBAGE:
        header(TYPE_RESULT, BOTH, 1);
        result_fields(0, number == KEEPS_NOTHING ? 1 : 77);
        put("\xf6", 1);
        go();
        break;
    case BUDGET_BEYOND:
        result_used(BUDGET_MAX + 1, 2);
        break;
    case MEMORY_BEYOND:
        result_used(1, MEMORY_MAX + 1);
        break;
    case USES_IT_ALL:
        result_used(BUDGET_MAX, MEMORY_MAX);
        break;
    default:
        break;
    }
}

static void deaths(int number)
{
    volatile uint64_t spin = 0;
    switch (number) {
    case SILENT:
        (void)await(0);
        break;
    case SPINS:
        for (;;) {
            spin++;
        }
    case EXITS:
        rn_process_exit(0);
    case CRASHES:
        __builtin_trap();
    case FORBIDDEN:
        (void)syscall(SYS_getppid);
        break;
    case CLOSES:
        (void)close(3);
        for (;;) {
            spin++;
        }
    case TRAPS:
        __builtin_trap();
#ifndef RN_SANITIZED
    case OPENS:
        (void)syscall(SYS_openat, -100, "/", 0, 0);
        break;
#endif
    case ANSWERS_AND_DIES:
        honest();
        rn_process_exit(0);
    default:
        break;
    }
}

static void wake(void)
{
    uint64_t kept = call;
    call = 0;
    header(TYPE_RING, BOTH, 0);
    call = kept;
    go();
}

/* Writes a record with these claims and publishes `claimed` bytes more. */
static void push(uint32_t size, uint32_t stamp, uint32_t claimed)
{
    uint32_t tail = to_supervisor[TAIL];
    volatile uint8_t *data = (volatile uint8_t *)(to_supervisor + DATA);
    to_supervisor[DATA + tail % RING_BYTES / 4] = size;
    to_supervisor[DATA + (tail + 4) % RING_BYTES / 4] = stamp;
    for (uint32_t i = 0; i < out_size; i++) {
        data[(tail + 8 + i) % RING_BYTES] = out[i];
    }
    __sync_synchronize();
    to_supervisor[TAIL] = tail + claimed;
    (void)__sync_bool_compare_and_swap(to_supervisor + WAITS, WAITS_FUTEX, 0);
    (void)syscall(SYS_futex, to_supervisor + WAITS, 1, 1, 0, 0, 0);
    if (__sync_bool_compare_and_swap(to_supervisor + WAITS, WAITS_SOCKET, 0)) {
        wake();
    }
}

static uint32_t record(size_t size)
{
    return 8 + (uint32_t)(size + 7) / 8 * 8;
}

static void answer_in_ring(uint32_t stamp)
{
    header(TYPE_RESULT, BOTH, 1);
    result_fields(0, 0);
    put("\xf6", 1);
    push((uint32_t)out_size, stamp, record(out_size));
}

/* A result that waits for the socket's next packet, until the supervisor waits for that as well. */
static void hold_in_ring(void)
{
    uint32_t tail = to_supervisor[TAIL];
    answer_in_ring(1000);
    for (volatile uint32_t i = 0; i < 50000000; i++) {
    }
    to_supervisor[DATA + (tail + 4) % RING_BYTES / 4] = 1;
    __sync_synchronize();
    output(0, 1);
}

static void ring_claims(int number)
{
    out_size = 100;
    switch (number) {
    case RING_TAIL_BEYOND:
        push(100, 1, RING_BYTES + 8);
        break;
    case RING_TAIL_ODD:
        push(100, 1, 4);
        break;
    case RING_TAIL_BACK:
        push(100, 1, (uint32_t)-8);
        break;
    case RING_SIZE_ZERO:
        push(0, 1, 8);
        break;
    case RING_SIZE_BEYOND:
        push(5000, 1, 5008);
        break;
    case RING_SIZE_SPILLS:
        push(200, 1, record(100));
        break;
    default:
        push(100, 1, record(100));
        break;
    }
}

static void lives(int number)
{
    switch (number) {
    case SAYS_IT_DIED:
        *life = LIFE_DIED;
        break;
    case SAYS_NO_LIFE:
        *life = 0;
        break;
    default:
        *life = ~(uint32_t)LIFE_DIED;
        break;
    }
    honest();
    if (number == DIES_ALIVE) {
        rn_process_exit(0);
    }
}

static void rings(int number)
{
    switch (number) {
    case RING_HONEST:
        answer_in_ring(1);
        break;
    case RING_STAMP_AHEAD:
        answer_in_ring(1000);
        break;
    case RING_COUNT_LIES:
        to_supervisor[SOCKET_SENT] += 5;
        honest();
        to_supervisor[SOCKET_SENT] -= 5;
        break;
    case RING_HEAD_LIES:
        to_worker[HEAD] += 12345;
        honest();
        to_worker[HEAD] -= 12345;
        break;
    case RING_SCRIBBLES:
        for (uint32_t i = 0; i < HALF_WORDS; i++) {
            to_supervisor[i] = i * 2654435761u + 12345;
        }
        wake();
        break;
    case RING_RINGS:
        for (;;) {
            to_supervisor[WAITS] = 0;
            (void)syscall(SYS_futex, to_supervisor + WAITS, 1, 1, 0, 0, 0);
        }
    case WAKES: // a host that watched for each would have asked for each: this one is busy with the output
        output(0, 1);
        for (int i = 0; i < 1000; i++) {
            wake();
        }
        break;
    case RING_HOLDS:
        hold_in_ring();
        break;
    default:
        ring_claims(number);
        break;
    }
}

/* Behind an honest packet. */
static void spoil_parcel(int number)
{
    out_size = 0;
    switch (number) {
    case PARCEL_NO_BYTE:
        pack(0);
        honest();
        break;
    case PARCEL_SPILLS:
        honest();
        out_size = 1;
        pack(2);
        break;
    case PARCEL_TRAILING:
        honest();
        parcel[parcel_size++] = 1;
        break;
    case PARCEL_NESTED:
        memcpy(out, parcel, parcel_size);
        out_size = parcel_size;
        pack((unsigned)out_size);
        break;
    case PARCEL_LONG:
        while (parcel_size <= 8192) {
            output(0, 900);
        }
        break;
    case PARCEL_LONG_PACKET:
        output(0, 1000);
        break;
    case PARCEL_GARBAGE:
        out_size = 100;
        memset(out, 0xa5, out_size);
        pack((unsigned)out_size);
        break;
    default:
        break;
    }
}

static void parcels(int number)
{
    begin_parcel();
    switch (number) {
    case PARCEL_EMPTY:
        break;
    case PARCEL_HONEST:
        output(0, 1);
        honest();
        break;
    case PARCEL_HOLDS:
        honest();
        output(0, 1);
        break;
    case PARCEL_WAKES:
        wake();
        wake();
        break;
    case PARCEL_OF_ONE:
        honest();
        break;
    default:
        output(0, 1);
        spoil_parcel(number);
        break;
    }
    send_parcel();
}

static void misbehave(int number)
{
    if (number == HONEST) {
        honest();
    } else if (number >= PARCEL_HONEST) {
        parcels(number);
    } else if (number >= HEADER) {
        header_byte(number - HEADER);
    } else if (number >= SAYS_IT_DIED) {
        lives(number);
    } else if (number >= RING_HONEST) {
        rings(number);
    } else if (number >= SILENT) {
        deaths(number);
    } else if (number == OUTPUT_DEAF) {
        limits(number);
    } else if (number >= NOT_A_VALUE) {
        values(number);
    } else if (number >= CREDIT_OVERRUN) {
        limits(number);
    } else if (number >= TRUNCATED) {
        packets(number);
    } else if (number >= REST_WITHOUT_FIRST) {
        fragments(number);
    } else {
        ids_and_order(number);
    }
}

/* The first argument of CALL: behind header, fields and tags, a tuple of one small number. */
static int first_argument(size_t size)
{
    uint32_t tags_size;
    memcpy(&tags_size, in + 24 + 28, 4);
    size_t at = 24 + 32 + (size_t)tags_size + 4;
    if (at >= size) {
        return HONEST;
    }
    return in[at] < 24 ? in[at] : in[at + 1];
}

static int body(struct rn_process *process)
{
    if (process->segments[RN_SEGMENT_RING].size > 0) {
        life = (void *)process->segments[RN_SEGMENT_RING].data;
        to_worker = life + LIFE_WORDS;
        to_supervisor = to_worker + HALF_WORDS;
    }
    header(TYPE_READY, BOTH, 0);
    put64(rn_isa_digest());
    put64(0);
    go();
    for (;;) {
        ssize_t size = receive();
        if (size <= 0) {
            return 0;
        }
        if (type_of_packet() == TYPE_CALL) {
            memcpy(&call, in + 8, 8);
            sequence = 0;
            misbehave(first_argument((size_t)size));
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--zygote") == 0) {
        return rn_zygote_main(argc, argv);
    }
    rn_process_run(argc, argv, RN_ROLE_WORKER, body);
}
