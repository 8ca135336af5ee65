/* Messages of an editor: whole, in pieces, too large, and heads that are none. */
#include "cli/lsp/frame.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void feed(struct rn_lsp_frames *frames, const char *text)
{
    assert_true(rn_lsp_frames_feed(frames, text, strlen(text)));
}

static void expect(struct rn_lsp_frames *frames, const char *body)
{
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(rn_lsp_frames_next(frames, &data, &size), RN_LSP_FRAME_MESSAGE);
    assert_int_equal(size, strlen(body));
    assert_memory_equal(data, body, size);
}

static void expect_none(struct rn_lsp_frames *frames)
{
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(rn_lsp_frames_next(frames, &data, &size), RN_LSP_FRAME_NONE);
}

static void expect_broken(const char *head)
{
    struct rn_lsp_frames frames = {.at = 0};
    char *data = NULL;
    size_t size = 0;
    feed(&frames, head);
    assert_int_equal(rn_lsp_frames_next(&frames, &data, &size), RN_LSP_FRAME_BROKEN);
    assert_non_null(frames.why);
    feed(&frames, "Content-Length: 2\r\n\r\n{}");
    assert_int_equal(rn_lsp_frames_next(&frames, &data, &size), RN_LSP_FRAME_BROKEN);
    rn_lsp_frames_done(&frames);
}

static void test_several_at_once(void **state)
{
    (void)state;
    struct rn_lsp_frames frames = {.at = 0};
    expect_none(&frames);
    feed(&frames,
         "Content-Length: 2\r\n\r\n{}content-length:0\r\nA: b\r\n\r\nContent-Length: 1\r\n\r\n");
    expect(&frames, "{}");
    expect(&frames, "");
    expect_none(&frames);
    feed(&frames, "x");
    expect(&frames, "x");
    expect_none(&frames);
    rn_lsp_frames_done(&frames);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    static const char whole[] = "Content-Type: x\r\nContent-Length: 7\r\n\r\n\r\n\r\n\r\n!";
    struct rn_lsp_frames frames = {.at = 0};
    for (size_t i = 0; i + 1 < sizeof whole; i++) {
        expect_none(&frames);
        assert_true(rn_lsp_frames_feed(&frames, &whole[i], 1));
    }
    expect(&frames, "\r\n\r\n\r\n!");
    rn_lsp_frames_done(&frames);
}

static void test_too_large(void **state)
{
    (void)state;
    struct rn_lsp_frames frames = {.at = 0};
    static char room[1 << 20];
    char *data = NULL;
    size_t size = 0;
    char head[64];
    memset(room, '\n', sizeof room);
    snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", RN_LSP_MESSAGE_MAX + 1);
    feed(&frames, head);
    assert_int_equal(rn_lsp_frames_next(&frames, &data, &size), RN_LSP_FRAME_TOO_LARGE);
    for (size_t left = RN_LSP_MESSAGE_MAX + 1; left > 0;) {
        size_t step = left < sizeof room ? left : sizeof room;
        expect_none(&frames);
        assert_true(rn_lsp_frames_feed(&frames, room, step));
        left -= step;
        assert_true(frames.bytes.capacity <= 4 * sizeof room); // nothing of it is kept
    }
    feed(&frames, "Content-Length: 2\r\n\r\n{}");
    expect(&frames, "{}");
    rn_lsp_frames_done(&frames);
}

static void test_heads_that_are_none(void **state)
{
    (void)state;
    expect_broken("\r\n\r\n");
    expect_broken("Content-Length: 4294967297\r\n\r\n");
    expect_broken("Content-Length: 18446744073709551618\r\n\r\n");
    expect_broken("Content-Length: -2\r\n\r\n");
    expect_broken("Content-Length: 2 2\r\n\r\n");
    expect_broken("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}");
    expect_broken("Content-Length 2\r\n\r\n{}");
    expect_broken("Length: 2\r\n\r\n{}");
    char endless[RN_LSP_HEAD_MAX + 1];
    memset(endless, 'a', sizeof endless);
    endless[RN_LSP_HEAD_MAX] = 0;
    expect_broken(endless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_heads_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
