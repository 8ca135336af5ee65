/* Format strings: texts, holes and specifications; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "compiler/format_string.h"

static void show_hole(const struct rn_format_part *part, struct rn_buf *out)
{
    const struct rn_unit_spec *spec = &part->spec;
    rn_buf_append_text(out, "{");
    if (part->argument == RN_FORMAT_POSITION) {
        rn_buf_append_format(out, "#%u", part->position);
    } else {
        rn_buf_append(out, part->name.data, part->name.size);
    }
    if (!part->plain) {
        rn_buf_append_text(out, ":");
        rn_buf_append_utf8(out, spec->fill);
        rn_buf_append_format(out, "a%uf%ut%u", spec->align, spec->flags, spec->type);
        if (spec->width != RN_NONE) {
            rn_buf_append_format(out, "w%u", spec->width);
        }
        if (spec->precision != RN_NONE) {
            rn_buf_append_format(out, "p%u", spec->precision);
        }
        rn_buf_append_text(out, part->precision_taken ? "*" : "");
    }
    rn_buf_append_text(out, "}");
}

/* Parts separated by `|`; errors as `!kind`. */
static void check(const char *text, const char *wanted)
{
    struct rn_format_reader reader;
    rn_format_reader_init(&reader, (struct rn_utf8){text, strlen(text)});
    struct rn_buf out;
    rn_buf_init(&out, 4096);
    for (;;) {
        struct rn_format_part part = rn_format_next(&reader);
        if (part.kind == RN_FORMAT_END) {
            break;
        }
        rn_buf_append_text(&out, out.size == 0 ? "" : "|");
        if (part.kind == RN_FORMAT_TEXT) {
            rn_buf_append(&out, part.text.data, part.text.size);
        } else if (part.kind == RN_FORMAT_HOLE) {
            show_hole(&part, &out);
        } else {
            rn_buf_append_format(&out, "!%u", part.kind);
            break;
        }
    }
    rn_buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.data, wanted);
    rn_buf_done(&out);
}

static void texts(void **state)
{
    (void)state;
    check("", "");
    check("plain", "plain");
    check("a{{b}}c", "a|{|b|}|c");
    check("{}", "{}");
    check("a{}b{}", "a|{}|b|{}");
    check("{0}{name}{12}", "{#0}|{name}|{#12}");
    check("{:}", "{}");
    check("{né}", "{né}");
}

static void specifications(void **state)
{
    (void)state;
    check("{:?}", "{: a0f0t1}");
    check("{:5}", "{: a0f0t0w5}");
    check("{:>5}", "{: a2f16t0w5}");
    check("{:*^7.2}", "{:*a1f16t0w7p2}");
    check("{:é<3}", "{:éa0f16t0w3}");
    check("{:+05}", "{: a0f9t0w5}");
    check("{:#x}", "{: a0f4t2}");
    check("{x:X}", "{x: a0f0t3}");
    check("{:b}{:p}", "{: a0f0t4}|{: a0f0t5}");
    check("{:-}", "{: a0f2t0}");
    check("{:.*}", "{: a0f0t0*}");
    check("{:.0}", "{: a0f0t0p0}");
    check("{:0}", "{: a0f8t0}");
    check("{:}>3}", "{:}a2f16t0w3}");
}

static void refused(void **state)
{
    (void)state;
    char lone[8];
    char cut[8];
    char bad[8];
    char number[8];
    snprintf(lone, sizeof(lone), "!%u", RN_FORMAT_LONE_CLOSE);
    snprintf(cut, sizeof(cut), "!%u", RN_FORMAT_CUT_OFF);
    snprintf(bad, sizeof(bad), "!%u", RN_FORMAT_BAD_CHAR);
    snprintf(number, sizeof(number), "!%u", RN_FORMAT_BAD_NUMBER);
    check("}", lone);
    check("{", cut);
    check("{:", cut);
    check("{:5", cut);
    check("{:d}", bad);
    check("{:5$}", bad);
    check("{:99999999999}", number);
    check("{:.70000}", number);
    check("{99999999999999999999999}", number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(specifications),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
