/*
 * evil_compiler.c: a compiler that was taken over by the source it compiles.
 *
 * A real process behind the real wall, linked without the compiler and without the encoder of
 * messages. A good image it has from the source itself: whoever wants one writes it there, in
 * hexadecimal digits.
 */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bytecode/unit.h"
#include "policy/process.h"

enum {
#define EVIL(name, number, reason, text) name = number,
#include "tests/hostile/compiler_misbehaviours.def"
#undef EVIL
};

enum {
    TYPE_RESULT = 35,
    TYPE_BUILD = 64,
    TYPE_FORMAT = 66,
    TYPE_OUTLINE = 67,
    TYPE_NAMES = 68,
    TYPE_READY = 80,
    TYPE_NEED = 81,
    TYPE_IMAGE = 82,
    TYPE_DEBUG = 83,
    TYPE_DIAGNOSTICS = 84,
    TYPE_BUILT = 85,
    TYPE_FORMATTED = 86,
    TYPE_OUTLINED = 87,
    TYPE_NAMED = 88,
    FIRST = 1,
    LAST = 2,
    BOTH = 3,
    HEADER = 24,
    BUILD_FIELDS = 20, /* of FORMAT as well */
    OUTLINE_FIELDS = 16,
    GOOD_MAX = 32768,
    MODULES_MAX = 4096,
};

static uint8_t in[65536];
static uint8_t out[80000];
static size_t out_size;
static uint64_t call;
static uint32_t sequence;

static uint16_t asked;            /* type of the request */
static uint8_t good[2][GOOD_MAX]; /* image and debug segment */
static size_t good_size[2];

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

static bool go(void)
{
    return send(3, out, out_size, MSG_NOSIGNAL) >= 0;
}

/* A whole message without fields. */
static bool message(unsigned type, const void *body, size_t size)
{
    header(type, BOTH, (uint32_t)size);
    put(body, size);
    return go();
}

static void fragment(unsigned type, unsigned flags, uint32_t total, size_t size)
{
    header(type, flags, total);
    memset(out + out_size, 0, size);
    out_size += size;
    (void)go();
}

static void built(uint32_t status)
{
    header(TYPE_BUILT, BOTH, 0);
    put32(status);
    (void)go();
}

static void image(void)
{
    (void)message(TYPE_IMAGE, good[0], good_size[0]);
}

static void debug(void)
{
    (void)message(TYPE_DEBUG, good[1], good_size[1]);
}

static void honest(void)
{
    image();
    debug();
    built(0);
}

static void random_bytes(uint8_t *bytes, size_t size)
{
    uint32_t x = 12345;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(x >> 24);
    }
}

static ssize_t receive(void)
{
    struct iovec part = {in, sizeof(in)};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    return recvmsg(3, &packet, MSG_CMSG_CLOEXEC);
}

static void order(int number)
{
    switch (number) {
    case NOTHING_BUT_BUILT:
        built(0);
        break;
    case IMAGE_ONLY:
        image();
        built(0);
        break;
    case DEBUG_ONLY:
        debug();
        built(0);
        break;
    case IMAGE_TWICE:
        image();
        honest();
        break;
    case READY_AGAIN:
        header(TYPE_READY, BOTH, 0);
        put64(rn_isa_digest());
        put64(0);
        (void)go();
        break;
    case FORMATTED_INSTEAD:
        (void)message(TYPE_FORMATTED, "text", 4);
        break;
    case TEXT_NOT_UTF8:
        (void)message(asked == TYPE_OUTLINE ? TYPE_OUTLINED
                      : asked == TYPE_NAMES ? TYPE_NAMED
                                            : TYPE_FORMATTED,
                      "a\xff", 2);
        built(0);
        break;
    case OUTLINED_INSTEAD:
        (void)message(TYPE_OUTLINED, "{}", 2);
        break;
    case BUILD_BACK:
        header(TYPE_BUILD, BOTH, 0);
        memset(out + out_size, 0, BUILD_FIELDS);
        out_size += BUILD_FIELDS;
        (void)go();
        break;
    case WORKERS_RESULT:
        fragment(TYPE_RESULT, BOTH, 0, 40);
        break;
    case SEQUENCE_GAP:
        sequence++;
        honest();
        break;
    case SEQUENCE_AGAIN:
        image();
        sequence--;
        debug();
        break;
    case BUILT_IN_BETWEEN:
        fragment(TYPE_IMAGE, FIRST, 1000, 10);
        built(0);
        break;
    case NEED_IN_BETWEEN:
        fragment(TYPE_IMAGE, FIRST, 1000, 10);
        (void)message(TYPE_NEED, "a", 1);
        break;
    case WITH_A_CALL:
        call = 7;
        image();
        break;
    default:
        break;
    }
}

static void packets(int number)
{
    header(TYPE_IMAGE, BOTH, 1);
    put("x", 1);
    switch (number) {
    case TRUNCATED:
        out_size = HEADER / 2;
        break;
    case GARBAGE:
        random_bytes(out, 500);
        out_size = 500;
        break;
    case ONE_BYTE:
        out_size = 1;
        break;
    case OVERSIZED:
        out_size = 70000;
        break;
    case OTHER_VERSION:
        out[0] = 2;
        break;
    case UNKNOWN_TYPE:
        out[2] = 200;
        break;
    case UNKNOWN_FLAGS:
        out[4] |= 4;
        break;
    case RESERVED_SET:
        out[6] = 1;
        break;
    default:
        sequence--;
        header(TYPE_BUILT, BOTH, 3);
        put32(0);
        put("abc", 3);
        break;
    }
    (void)go();
}

static void fragments(int number)
{
    switch (number) {
    case REST_WITHOUT_FIRST:
        fragment(TYPE_IMAGE, LAST, 0, 10);
        break;
    case ANNOUNCES_4_GIB:
        fragment(TYPE_IMAGE, FIRST, UINT32_MAX, 10);
        break;
    case ANNOUNCES_65_MIB:
        fragment(TYPE_IMAGE, FIRST, (64u << 20) + 1, 10);
        break;
    case ANNOUNCES_64_MIB:
        fragment(TYPE_IMAGE, FIRST, 64u << 20, 10);
        (void)receive();
        break;
    case FRAGMENTS_TOO_LONG:
        fragment(TYPE_IMAGE, FIRST, 1000, 10);
        fragment(TYPE_IMAGE, 0, 0, 60000);
        break;
    case FRAGMENTS_SHORT:
        fragment(TYPE_IMAGE, FIRST, 1000, 10);
        fragment(TYPE_IMAGE, LAST, 0, 10);
        break;
    case FRAGMENTS_TINY:
        fragment(TYPE_IMAGE, FIRST, 64u << 20, 1);
        for (uint32_t i = 0; i < (64u << 20) - 2; i++) {
            fragment(TYPE_IMAGE, 0, 0, 1);
        }
        break;
    case EMPTY_FRAGMENT:
        fragment(TYPE_IMAGE, FIRST, 1000, 10);
        fragment(TYPE_IMAGE, 0, 0, 0);
        break;
    default:
        fragment(TYPE_NEED, BOTH, 4097, 4097);
        break;
    }
}

/* Images that do not verify, with a good debug segment; or the other way round. */
static void images(int number)
{
    size_t size = good_size[0];
    switch (number) {
    case IMAGE_EMPTY:
        good_size[0] = 0;
        break;
    case IMAGE_GARBAGE:
        random_bytes(good[0], size);
        break;
    case IMAGE_CUT:
        good_size[0] = size / 2;
        break;
    case IMAGE_LONGER:
        good_size[0] = size + 8;
        break;
    case IMAGE_ZEROS:
        memset(good[0], 0, size);
        break;
    case IMAGE_FLIPPED:
        good[0][4] ^= 1;
        break;
    case IMAGE_CODE_FLIPPED:
        for (size_t i = size / 4 * 3; i < size; i++) {
            good[0][i] = (uint8_t)~good[0][i];
        }
        break;
    case DEBUG_GARBAGE:
        random_bytes(good[1], good_size[1]);
        break;
    default:
        good_size[1] = 0;
        break;
    }
    honest();
}

/* Asks for a module that must not be there: whoever gets its text after all ends at once. */
static void ask_for(const void *name, size_t size)
{
    uint32_t status;
    (void)message(TYPE_NEED, name, size);
    if (receive() >= HEADER + 8) {
        memcpy(&status, in + HEADER, 4);
        if (status == 0) {
            rn_process_exit(1);
        }
    }
}

static void ask(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ask_for(names[i], strlen(names[i]));
    }
}

static void modules(int number)
{
    static const char *const dots[] = {
        "..",   "../main",   "..::..::main", "a::..::..::b",       "./../x", "a/../../b", ".",
        "a::.", "..\\..\\x", "%2e%2e::x",    "a::../../etc/passwd"};
    static const char *const absolute[] = {
        "/etc/passwd", "/", "::etc::passwd", "//etc/passwd", "/proc/self/environ", "~/.bashrc"};
    switch (number) {
    case NEED_DOTS:
        ask(dots, sizeof(dots) / sizeof(dots[0]));
        break;
    case NEED_ABSOLUTE:
        ask(absolute, sizeof(absolute) / sizeof(absolute[0]));
        break;
    case NEED_ZERO_BYTES:
        ask_for("a\0b", 3);
        ask_for("\0", 1);
        ask_for("main.rn\0../x", 12);
        break;
    case NEED_NOT_UTF8:
        ask_for("\xff\xfe", 2);
        ask_for("a::\xc0\xaf", 5);
        break;
    case NEED_EMPTY:
        ask_for("", 0);
        break;
    case NEED_FLOOD:
    case NEED_MOST:
        for (int i = 0; i < MODULES_MAX + (number == NEED_FLOOD); i++) {
            ask_for("nobody", 6);
        }
        break;
    case NEED_FOR_EVER:
        for (;;) {
            ask_for("nobody", 6);
        }
    default:
        while (message(TYPE_NEED, "nobody", 6)) {
        }
        break;
    }
    honest();
}

static void words(int number)
{
    uint8_t said[400];
    random_bytes(said, sizeof(said));
    switch (number) {
    case SAID_GARBAGE:
        (void)message(TYPE_DIAGNOSTICS, said, sizeof(said));
        honest();
        break;
    case SAID_CUT:
        memset(said, 0xff, sizeof(said));
        (void)message(TYPE_DIAGNOSTICS, said, 3);
        honest();
        break;
    case SAID_NOTHING:
        built(80); // COMPILE_FAILED
        break;
    case STATUS_UNKNOWN:
        built(999);
        break;
    case STATUS_HUGE:
        built(UINT32_MAX);
        break;
    case STATUS_MEMORY:
        built(1); // NO_MEMORY
        break;
    case STATUS_OVERLOADED:
        built(143);
        break;
    case STATUS_LIMIT:
        built(141);
        break;
    case STATUS_TOO_LARGE:
        built(2);
        break;
    default:
        built(145); // VIOLATION
        break;
    }
}

static void deaths(int number)
{
    volatile uint64_t spin = 0;
    switch (number) {
    case SILENT:
        (void)receive();
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
    case READS_A_FILE:
        (void)syscall(SYS_openat, -100, "/etc/passwd", 0, 0);
        break;
    case HALF_AND_EXITS:
        fragment(TYPE_IMAGE, FIRST, 1000, 10);
        rn_process_exit(0);
    case BUILDS_AND_DIES:
        honest();
        rn_process_exit(0);
    case BUILDS_AND_GOES_ON:
        honest();
        while (message(TYPE_NEED, "more", 4)) {
        }
        break;
    default:
        fragment(TYPE_IMAGE, FIRST, 60u << 20, 1);
        for (;;) {
            for (int i = 0; i < 10000000; i++) {
                spin++;
            }
            fragment(TYPE_IMAGE, 0, 0, 1);
        }
    }
}

static void misbehave(int number)
{
    if (number == 0) {
        honest();
    } else if (number >= SILENT) {
        deaths(number);
    } else if (number >= SAID_GARBAGE) {
        words(number);
    } else if (number >= NEED_DOTS) {
        modules(number);
    } else if (number >= IMAGE_EMPTY) {
        images(number);
    } else if (number >= REST_WITHOUT_FIRST) {
        fragments(number);
    } else if (number >= TRUNCATED) {
        packets(number);
    } else {
        order(number);
    }
}

static unsigned digit(uint8_t c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "evil NUMBER IMAGE DEBUG": both in hexadecimal digits. */
static int read_order(const uint8_t *text, const uint8_t *end)
{
    int number = 0;
    text += strlen("evil ");
    while (text < end && *text != ' ') {
        number = number * 10 + (*text++ - '0');
    }
    for (int part = 0; part < 2; part++) {
        text++;
        while (text + 1 < end && *text != ' ' && good_size[part] < GOOD_MAX - 8) {
            good[part][good_size[part]++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
            text += 2;
        }
    }
    return number;
}

/* The text of the request: behind header, fields, name and context. One packet, or it is not for us. */
static int order_of(size_t size)
{
    uint32_t name_size;
    uint32_t context_size = 0;
    memcpy(&asked, in + 2, 2);
    memcpy(&name_size, in + HEADER + (asked == TYPE_FORMAT ? 0 : 4), 4);
    if (asked == TYPE_BUILD) {
        memcpy(&context_size, in + HEADER + 8, 4);
    }
    size_t fields = asked == TYPE_OUTLINE || asked == TYPE_NAMES ? OUTLINE_FIELDS : BUILD_FIELDS;
    size_t at = HEADER + fields + (size_t)name_size + context_size;
    if (at + 6 > size || memcmp(in + at, "evil ", 5) != 0) {
        return SILENT;
    }
    return read_order(in + at, in + size);
}

static int body(struct rn_process *process)
{
    (void)process;
    header(TYPE_READY, BOTH, 0);
    put64(rn_isa_digest());
    put64(0);
    (void)go();
    ssize_t size = receive();
    if (size <= 0) {
        return 0;
    }
    misbehave(order_of((size_t)size));
    (void)receive();
    return 0;
}

int main(int argc, char **argv)
{
    rn_process_run(argc, argv, RN_ROLE_COMPILER, body);
}
