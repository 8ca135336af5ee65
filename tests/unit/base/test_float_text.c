/* Doubles as text, against the C library as oracle. */
#include "base/float_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Checks of each kind; a sanitizer makes the library slow. */
#ifdef RN_SANITIZED
enum {
    RANDOM_COUNT = 200000,
};
#else
enum {
    RANDOM_COUNT = 1000000,
};
#endif

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

typedef void append_function(struct rn_buf *buf, double value);

static void expect(append_function *append, double value, const char *expected)
{
    char text[400];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, text, sizeof(text));
    append(&buf, value);
    assert_int_equal(buf.error, RN_OK);
    text[buf.size] = '\0';
    assert_string_equal(text, expected);
}

static void test_display(void **state)
{
    (void)state;
    expect(rn_f64_append_display, 0.0, "0");
    expect(rn_f64_append_display, -0.0, "-0");
    expect(rn_f64_append_display, 1.0, "1");
    expect(rn_f64_append_display, 0.1, "0.1");
    expect(rn_f64_append_display, -2.5, "-2.5");
    expect(rn_f64_append_display, 1e21, "1000000000000000000000");
    expect(rn_f64_append_display, 1e-7, "0.0000001");
    expect(rn_f64_append_display, 123456.789, "123456.789");
    expect(rn_f64_append_display, 0.1 + 0.2, "0.30000000000000004");
    expect(rn_f64_append_display, 9007199254740993.0, "9007199254740992");
    expect(rn_f64_append_display, from_bits(UINT64_C(0x7ff8000000000000)), "NaN");
    expect(rn_f64_append_display, from_bits(UINT64_C(0x7ff0000000000000)), "inf");
    expect(rn_f64_append_display, from_bits(UINT64_C(0xfff0000000000000)), "-inf");
}

static void test_debug(void **state)
{
    (void)state;
    expect(rn_f64_append_debug, 0.0, "0.0");
    expect(rn_f64_append_debug, -0.0, "-0.0");
    expect(rn_f64_append_debug, 1.0, "1.0");
    expect(rn_f64_append_debug, 1.5, "1.5");
    expect(rn_f64_append_debug, 1e15, "1000000000000000.0");
    expect(rn_f64_append_debug, 1e16, "1e16");
    expect(rn_f64_append_debug, 1e-5, "1e-5");
    expect(rn_f64_append_debug, 9.99e-5, "9.99e-5");
    expect(rn_f64_append_debug, 1e-4, "0.0001");
    expect(rn_f64_append_general, 1e-5, "0.00001");
    expect(rn_f64_append_general, 9.9e-6, "9.9e-6");
    expect(rn_f64_append_general, 1e16, "1e16");
    expect(rn_f64_append_debug, 1.5e-7, "1.5e-7");
    expect(rn_f64_append_debug, 9.9e-6, "9.9e-6");
    expect(rn_f64_append_debug, 9999999999999998.0, "9999999999999998.0");
    expect(rn_f64_append_debug, -1e100, "-1e100");
    expect(rn_f64_append_debug, 1.2345678901234568e17, "1.2345678901234568e17");
    expect(rn_f64_append_debug, 5e-324, "5e-324");
    expect(rn_f64_append_debug, 2.2250738585072014e-308, "2.2250738585072014e-308");
    expect(rn_f64_append_debug, 9007199254740992.0, "9007199254740992.0");
    expect(rn_f64_append_debug, 1e23, "1e23");
    // Two candidates equally far away: the even one.
    expect(rn_f64_append_debug, 0x1p-25, "2.9802322387695312e-8");
    expect(rn_f64_append_debug, 0x1.0000000000002p+49, "562949953421312.2");
    expect(rn_f64_append_debug, 1.7976931348623157e308, "1.7976931348623157e308");
}

static void expect_fixed(double value, uint32_t precision)
{
    char ours[1600];
    char theirs[1600];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, ours, sizeof(ours));
    rn_f64_append_fixed(&buf, value, precision);
    assert_int_equal(buf.error, RN_OK);
    ours[buf.size] = '\0';
    snprintf(theirs, sizeof(theirs), "%.*f", (int)precision, value);
    assert_string_equal(ours, theirs);
}

static void test_fixed(void **state)
{
    (void)state;
    static const double values[] = {0.0,    -0.0,    0.5,    1.5,    2.5,     0.125,
                                    -0.001, 1e300,   5e-324, 0.1,    99.95,   0.045,
                                    123.45, 1.0 / 3, 1e22,   9.9999, 2.2e-308};
    for (size_t i = 0; i < RN_COUNT_OF(values); i++) {
        for (uint32_t precision = 0; precision < 25; precision++) {
            expect_fixed(values[i], precision);
        }
        expect_fixed(values[i], 1100);
    }
    uint64_t random = 88172645463325252;
    for (int i = 0; i < 20000; i++) {
        double value = from_bits(next_random(&random));
        if (value - value == 0) {
            expect_fixed(value, (uint32_t)(random % 20));
        }
    }
}

/* Reads back as the same double, and no shorter %.Ng does. */
static void check_shortest(double value)
{
    struct rn_f64_digits digits;
    rn_f64_shortest(value, &digits);
    char text[64];
    snprintf(text, sizeof(text), "0.%.*se%d", (int)digits.count, digits.digits, digits.exponent);
    double magnitude = value < 0 ? -value : value;
    if (strtod(text, NULL) != magnitude) {
        fail_msg("%a: %s", value, text);
    }
    double parsed = -1;
    assert_true(rn_f64_parse(text, strlen(text), &parsed));
    assert_int_equal(to_bits(parsed), to_bits(magnitude));
    assert_true(digits.count <= 17);
    if (digits.count > 1) {
        snprintf(text, sizeof(text), "%.*e", (int)digits.count - 2, magnitude);
        if (strtod(text, NULL) == magnitude) {
            fail_msg("%a: shorter: %s", value, text);
        }
    }
    // The nearest with as many digits, unless only others read back.
    char nearest[64];
    snprintf(text, sizeof(text), "%.*se%d", (int)digits.count, digits.digits,
             digits.exponent - (int)digits.count);
    snprintf(nearest, sizeof(nearest), "%.*e", (int)digits.count - 1, magnitude);
    if (strtold(text, NULL) != strtold(nearest, NULL) && strtod(nearest, NULL) == magnitude) {
        fail_msg("%a: nearer: %s", value, nearest);
    }
}

static void test_shortest(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252;
    for (int i = 0; i < RANDOM_COUNT / 4; i++) {
        uint64_t bits = next_random(&random);
        double value = from_bits(bits);
        if (value - value == 0 && value != 0) {
            check_shortest(value);
        }
        check_shortest((double)(bits >> 40) / 1000);
        check_shortest((double)(bits >> 20) * 1e-3);
    }
    for (int exponent = -1074; exponent < 1024; exponent++) {
        double power = from_bits(exponent < -1022 ? UINT64_C(1) << (exponent + 1074)
                                                  : (uint64_t)(exponent + 1023) << 52);
        check_shortest(power);
        check_shortest(from_bits(to_bits(power) - (exponent > -1074)));
        check_shortest(from_bits(to_bits(power) + 1));
    }
}

static void expect_parse(const char *text)
{
    double ours = -1;
    assert_true(rn_f64_parse(text, strlen(text), &ours));
    if (to_bits(ours) != to_bits(strtod(text, NULL))) {
        fail_msg("%s: %a, not %a", text, ours, strtod(text, NULL));
    }
}

static void test_parse(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "+1.5",
        ".5",
        "5.",
        "1e10",
        "1E-10",
        "1e400",
        "-1e400",
        "1e-400",
        "0e999999",
        "9007199254740993",
        "9007199254740993.0000000000000000000000000000000000000000000000001",
        "9007199254740992.9999999999999999999999999999999999999999",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "179769313486231580793728971405301e276",
        "1e23",
        "8.5e22",
        "0.000000000000000000000000000000000000000000001e45",
        "6929495644600919.5",
        "3.518437208883201171875e13",
        "123456789012345678901234567890",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "00000000000000000000001.0000000000",
    };
    for (size_t i = 0; i < RN_COUNT_OF(texts); i++) {
        expect_parse(texts[i]);
    }
    static const char *const refused[] = {"",    "-",  "+",  ".",   "e5",  "1e",   "1e+", "1.2.3",
                                          "0x1", "1 ", " 1", "inf", "NaN", "1e5x", "--1", "1_0"};
    for (size_t i = 0; i < RN_COUNT_OF(refused); i++) {
        double value;
        assert_false(rn_f64_parse(refused[i], strlen(refused[i]), &value));
    }
}

static void test_parse_midpoints(void **state)
{
    (void)state;
    uint64_t random = 362436069;
    char text[1300];
    for (int i = 0; i < 3000; i++) {
        uint64_t bits = next_random(&random) >> 1;
        double value = from_bits(bits);
        double next = from_bits(bits + 1);
        if (next - next != 0) {
            continue;
        }
        // long double holds the midpoint, and the library prints it exactly.
        int size = snprintf(text, sizeof(text), "%.1100Lg", ((long double)value + next) / 2);
        expect_parse(text);
        text[size] = '\0';
        char *exponent = strchr(text, 'e');
        if (exponent == NULL && strchr(text, '.') != NULL) {
            strcat(text, "1");
            expect_parse(text);
        }
    }
}

static void test_parse_random(void **state)
{
    (void)state;
    uint64_t random = 521288629;
    char text[64];
    for (int i = 0; i < RANDOM_COUNT; i++) {
        uint64_t digits = next_random(&random) >> (random % 60);
        int exponent = (int)(next_random(&random) % 680) - 350;
        snprintf(text, sizeof(text), "%llue%d", (unsigned long long)digits, exponent);
        expect_parse(text);
    }
}

static void test_parse_many_digits(void **state)
{
    (void)state;
    char text[3000];
    memset(text, '3', sizeof(text));
    text[1] = '.';
    text[sizeof(text) - 1] = '\0';
    expect_parse(text);
    memset(text, '0', 1000);
    memset(text + 1000, '7', 1900);
    memcpy(text + 2900, "e-1800", 7);
    expect_parse(text);
    // One digit far away decides a tie.
    memset(text, '0', sizeof(text));
    memcpy(text, "9007199254740993.", 17);
    memcpy(text + 2900, "1", 2);
    expect_parse(text);
}

/* Up to 40 times one digit, or several that differ. */
static char *put_run(char *at, uint64_t random)
{
    size_t count = (random >> 8) % 41;
    bool varies = (random & 3) == 0;
    for (size_t i = 0; i < count; i++) {
        *at++ = (char)('0' + (varies ? (random >> (i % 50)) % 10 : (random & 4) ? 0 : random % 10));
    }
    return at;
}

/* Long texts are read eight bytes at a time: whatever stands where must count, and be refused. */
static void test_parse_runs(void **state)
{
    (void)state;
    uint64_t random = 2463534242;
    for (int i = 0; i < RANDOM_COUNT; i++) {
        char text[200];
        char *at = put_run(put_run(text, next_random(&random)), next_random(&random));
        *at++ = '.';
        at = put_run(put_run(at, next_random(&random)), next_random(&random));
        *at++ = (char)('0' + next_random(&random) % 10);
        if (random % 3 == 0) {
            *at++ = 'e';
            *at++ = random % 2 == 0 ? '-' : '+';
            memset(at, '0', random % 20);
            at += random % 20;
            at += snprintf(at, 8, "%d", (int)(next_random(&random) % 400));
        }
        *at = '\0';
        expect_parse(text);
        size_t size = (size_t)(at - text);
        text[next_random(&random) % size] = "x/:;"[random % 4];
        double value;
        assert_false(rn_f64_parse(text, size, &value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_display),      cmocka_unit_test(test_debug),
        cmocka_unit_test(test_fixed),        cmocka_unit_test(test_shortest),
        cmocka_unit_test(test_parse),        cmocka_unit_test(test_parse_midpoints),
        cmocka_unit_test(test_parse_random), cmocka_unit_test(test_parse_many_digits),
        cmocka_unit_test(test_parse_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
