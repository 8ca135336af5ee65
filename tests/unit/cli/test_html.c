/* HTML from doc comments: which Markdown is known, what is escaped, which links are links. */
#include "cli/html.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

struct sample {
    const char *text;
    const char *html;
};

static void expect(const struct rn_html *html, const struct sample *sample)
{
    size_t size = strlen(sample->html);
    assert_false(html->no_memory);
    if (html->out.size != size || (size > 0 && memcmp(html->out.data, sample->html, size) != 0)) {
        fail_msg("%s: %.*s, not %s", sample->text, (int)html->out.size,
                 html->out.size > 0 ? html->out.data : "", sample->html);
    }
}

static void expect_markdown(const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rn_html html = {.no_memory = false};
        rn_html_markdown(&html, samples[i].text, 1);
        expect(&html, &samples[i]);
        rn_bytes_done(&html.out);
    }
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void test_text(void **state)
{
    static const struct sample samples[] = {
        {"", ""},
        {"a < b > c & \"d\" 'e'", "a &lt; b &gt; c &amp; &quot;d&quot; &#39;e&#39;"},
        {"a\tb\nc", "a\tb\nc"},
        {"a\x01\x1f"
         "b\r",
         "a\xef\xbf\xbd\xef\xbf\xbd"
         "b\xef\xbf\xbd"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct rn_html html = {.no_memory = false};
        rn_html_text(&html, samples[i].text, strlen(samples[i].text));
        expect(&html, &samples[i]);
        rn_bytes_done(&html.out);
    }
}

static void test_what_cannot_be_seen(void **state)
{
    static const struct sample samples[] = {
        {"a<\xe2\x80\xae\x01\n\xff\\x01", "a&lt;<i>\\u{202e}</i><i>\\x01</i>\n<i>\\xff</i>\\x01"},
        {"\xc3\xa9\t", "\xc3\xa9\t"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct rn_html html = {.no_memory = false};
        rn_html_visible(&html, samples[i].text, strlen(samples[i].text), true);
        expect(&html, &samples[i]);
        rn_bytes_done(&html.out);
    }
    struct rn_html html = {.no_memory = false};
    rn_html_visible(&html, "a\n", 2, false);
    expect(&html, &(struct sample){"a\n", "a<i>\\x0a</i>"});
    rn_bytes_done(&html.out);
}

static void test_a_page_has_its_maximum(void **state)
{
    (void)state;
    struct rn_html html = {.max = 6};
    rn_html_raw(&html, "abc");
    rn_html_text(&html, "<", 1); // would be 7
    assert_true(html.full);
    rn_html_raw(&html, "d"); // all of it or nothing
    expect(&html, &(struct sample){"", "abc"});
    rn_bytes_done(&html.out);
    html = (struct rn_html){.max = 5};
    rn_html_number(&html, 1234);
    assert_false(html.full);
    expect(&html, &(struct sample){"", "1,234"});
    rn_bytes_done(&html.out);
}

static void test_code(void **state)
{
    static const struct sample samples[] = {
        {"let a_1 = 12;", "<span class=\"k\">let</span> a_1 = <span class=\"n\">12</span>;"},
        {"\xc3\xa9 Zlet9", "\xc3\xa9 Zlet9"},
        {"a / b", "a / b"},
        {"a /", "a /"},
        {"x // <y>\nz", "x <span class=\"c\">// &lt;y&gt;</span>\nz"},
        {"x // y", "x <span class=\"c\">// y</span>"},
        {"/* a */ b", "<span class=\"c\">/* a */</span> b"},
        {"/* a", "<span class=\"c\">/* a</span>"},
        {"\"a\\\"b\" c", "<span class=\"s\">&quot;a\\&quot;b&quot;</span> c"},
        {"\"a", "<span class=\"s\">&quot;a</span>"},
        {"\"a\\", "<span class=\"s\">&quot;a\\</span>"},
        {"`a ${b}` c", "<span class=\"s\">`a ${b}`</span> c"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct rn_html html = {.no_memory = false};
        rn_html_code(&html, samples[i].text, strlen(samples[i].text));
        expect(&html, &samples[i]);
        rn_bytes_done(&html.out);
    }
}

static void test_marks(void **state)
{
    static const struct sample samples[] = {
        {"a `b*c*` d", "<p>a <code>b*c*</code> d</p>\n"},
        {"**a *b* c** d", "<p><strong>a <em>b</em> c</strong> d</p>\n"},
        {"*a", "<p>*a</p>\n"},
        {"a *", "<p>a *</p>\n"},
        {"* a* b", "<ul><li>a* b</li></ul>\n"},
        {"x * a* b", "<p>x * a* b</p>\n"},
        {"`` a", "<p>`` a</p>\n"},
        {"**", "<p>**</p>\n"},
        {"****", "<p>****</p>\n"},
        {"x `a", "<p>x `a</p>\n"},
    };
    (void)state;
    expect_markdown(samples, COUNT_OF(samples));
}

#define LINK "<a rel=\"nofollow noopener\" href=\""

static void test_links(void **state)
{
    static const struct sample samples[] = {
        {"[a](https://b.c/d?e=f&g) h", "<p>" LINK "https://b.c/d?e=f&amp;g\">a</a> h</p>\n"},
        {"[a](HTTP://b)", "<p>" LINK "HTTP://b\">a</a></p>\n"},
        {"[*a*](b/c:d)", "<p>" LINK "b/c:d\"><em>a</em></a></p>\n"},
        {"[a](#b)", "<p>" LINK "#b\">a</a></p>\n"},
        {"[a](?b:c)", "<p>" LINK "?b:c\">a</a></p>\n"},
        {"[a](b)", "<p>" LINK "b\">a</a></p>\n"},
        {"[a]()", "<p>a</p>\n"},
        {"[a](javascript:b)", "<p>a</p>\n"},
        {"[a](data:b)", "<p>a</p>\n"},
        {"[a](httpx:b)", "<p>a</p>\n"},
        {"[a](:b)", "<p>a</p>\n"},
        {"[a](b c)", "<p>a</p>\n"},
        {"[a](\\\\b)", "<p>a</p>\n"},
        {"[a](java\tscript:b)", "<p>a</p>\n"},
        {"[a](b", "<p>[a](b</p>\n"},
        {"[a] (b)", "<p>[a] (b)</p>\n"},
        {"[a [b](c)", "<p>[a " LINK "c\">b</a></p>\n"},
    };
    (void)state;
    expect_markdown(samples, COUNT_OF(samples));
}

static void test_blocks(void **state)
{
    static const struct sample samples[] = {
        {"a\nb\n\nc", "<p>a\nb</p>\n<p>c</p>\n"},
        {"# a\n## b\n###### c\nd", "<h2>a</h2>\n<h3>b</h3>\n<h6>c</h6>\n<p>d</p>\n"},
        {"#a", "<p>#a</p>\n"},
        {"#", "<p>#</p>\n"},
        {"####### a", "<p>####### a</p>\n"},
        {"- a\n  b\n+ c\n* d\n\n", "<ul><li>a\nb</li><li>c</li><li>d</li></ul>\n"},
        {"1. a\n23. b\n- c", "<ol><li>a</li><li>b</li></ol>\n<ul><li>c</li></ul>\n"},
        {"1) a", "<p>1) a</p>\n"},
        {"1.a", "<p>1.a</p>\n"},
        {"1.", "<p>1.</p>\n"},
        {"12", "<p>12</p>\n"},
        {"-a", "<p>-a</p>\n"},
        {"-", "<p>-</p>\n"},
        {"1234567890. a", "<p>1234567890. a</p>\n"},
        {"a\n \t\nb", "<p>a</p>\n<p>b</p>\n"},
        {"a\n```\nlet b;\n# hidden\n```\nc",
         "<p>a</p>\n<pre><code><span class=\"k\">let</span> b;\n</code></pre>\n<p>c</p>\n"},
        {"```text\nlet <b>;\n# shown\n```", "<pre><code>let &lt;b&gt;;\n# shown\n</code></pre>\n"},
        {"```\n```", "<pre><code></code></pre>\n"},
        {"```\na", "<pre><code>a\n</code></pre>\n"},
    };
    (void)state;
    expect_markdown(samples, COUNT_OF(samples));
}

static void test_summaries(void **state)
{
    static const struct sample samples[] = {
        {"", ""},
        {"a\nb *c*\n\nd", "a b <em>c</em>"},
        {"a\n```\nb\n```", "a"},
        {"  \na", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct rn_html html = {.no_memory = false};
        rn_html_summary(&html, samples[i].text);
        expect(&html, &samples[i]);
        rn_bytes_done(&html.out);
    }
}

/* Marks in marks have an end, and so have searches for the ends of marks. */
static void test_nesting_and_length(void **state)
{
    (void)state;
    static char text[64 * 1024];
    memset(text, '*', sizeof(text) - 1);
    struct rn_html html = {.no_memory = false};
    rn_html_markdown(&html, text, 1);
    assert_true(html.out.size >= sizeof(text) - 1);
    rn_bytes_done(&html.out);
    // Marks without an end on each of many lines: more than so much is not searched altogether.
    html = (struct rn_html){.no_memory = false};
    for (int i = 0; i < 4096; i++) {
        char line[2048];
        memset(line, '[', sizeof(line) - 1);
        memcpy(line, "a **", 4);
        memcpy(line + sizeof(line) - 4, "**", 3);
        rn_html_markdown(&html, line, 1);
    }
    assert_in_range(html.wasted, 16 << 20, (16 << 20) + 4096);
    rn_bytes_done(&html.out);
    html = (struct rn_html){.no_memory = false};
    rn_html_markdown(&html, "[[[[[[[[[[*a*](1)](2)](3)](4)](5)](6)](7)](8)](9)](10)", 1);
    assert_non_null(memmem(html.out.data, html.out.size, "<em>a</em></a>", 14));
    assert_null(memmem(html.out.data, html.out.size, "href=\"10\"", 9));
    rn_bytes_done(&html.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_what_cannot_be_seen),
        cmocka_unit_test(test_a_page_has_its_maximum),
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_summaries),
        cmocka_unit_test(test_nesting_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
