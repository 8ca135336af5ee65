/* test_args.c: the command line as data. */
#include "cli/args.h"
#include "cli/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char complaint[256];

// Stands in for the console's, which would write to standard error.
void rn_console_complain(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(complaint, sizeof(complaint), format, values);
    va_end(values);
}

#define ARGV_MAX 16

static bool parse(struct rn_args *args, const char *line)
{
    static char words[ARGV_MAX][64];
    static char *argv[ARGV_MAX];
    int argc = 0;
    complaint[0] = '\0';
    while (sscanf(line, "%63s", words[argc]) == 1) {
        argv[argc] = words[argc];
        line += strspn(line, " ") + strlen(words[argc]);
        argc++;
    }
    return rn_args_parse(args, argc, argv);
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    struct rn_args args;
    assert_true(parse(&args, "runeward --format json run --wall 2s a.rn x --budget=5M y"));
    assert_int_equal(args.command, RN_COMMAND_RUN);
    assert_string_equal(args.values[RN_OPTION_FORMAT], "json");
    assert_string_equal(args.values[RN_OPTION_WALL], "2s");
    assert_string_equal(args.values[RN_OPTION_BUDGET], "5M");
    assert_false(rn_args_has(&args, RN_OPTION_CPU));
    assert_int_equal(args.operand_count, 3);
    assert_string_equal(args.operands[0], "a.rn");
    assert_string_equal(args.operands[2], "y");
}

static void a_file_means_run(void **state)
{
    (void)state;
    struct rn_args args;
    assert_true(parse(&args, "runeward dir/a.rn one"));
    assert_int_equal(args.command, RN_COMMAND_RUN);
    assert_int_equal(args.operand_count, 2);
    assert_true(parse(&args, "runeward -"));
    assert_int_equal(args.command, RN_COMMAND_RUN);
}

static void behind_two_dashes_nothing_is_an_option(void **state)
{
    (void)state;
    struct rn_args args;
    assert_true(parse(&args, "runeward run a.rn -- --wall -q"));
    assert_int_equal(args.operand_count, 3);
    assert_string_equal(args.operands[1], "--wall");
    assert_false(rn_args_has(&args, RN_OPTION_WALL));
}

static void letters_join(void **state)
{
    (void)state;
    struct rn_args args;
    assert_true(parse(&args, "runeward compile -qvox.rnu a.rn"));
    assert_true(rn_args_has(&args, RN_OPTION_QUIET));
    assert_true(rn_args_has(&args, RN_OPTION_VERBOSE));
    assert_string_equal(args.values[RN_OPTION_OUT], "x.rnu");
    assert_true(parse(&args, "runeward compile -o y.rnu a.rn"));
    assert_string_equal(args.values[RN_OPTION_OUT], "y.rnu");
}

static const struct {
    const char *line;
    const char *complaint;
} wrong[] = {
    {"runeward run a.rn --walll 2s", "unknown option --walll (did you mean --wall?)"},
    {"runeward run a.rn --zebra", "unknown option --zebra"},
    {"runeward run a.rn --wall", "--wall needs a value: TIME"},
    {"runeward run a.rn --script=yes", "--script takes no value"},
    {"runeward run a.rn -z", "unknown option -z"},
    {"runeward doctor --wall 2s", "doctor does not take --wall"},
    {"runeward chekc a.rn",
     "unknown command chekc (did you mean check? for a file, write ./chekc)"},
};

static void mistakes_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct rn_args args;
        assert_false(parse(&args, wrong[i].line));
        assert_string_equal(complaint, wrong[i].complaint);
    }
}

// One letter must not stand for two options, nor one name.
static void the_table_is_unambiguous(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        const struct rn_option_info *a = rn_option_info((enum rn_option)i);
        for (unsigned j = i + 1; j < RN_OPTION_COUNT; j++) {
            const struct rn_option_info *b = rn_option_info((enum rn_option)j);
            assert_string_not_equal(a->name, b->name);
            assert_true(a->letter == 0 || a->letter != b->letter);
        }
        assert_int_not_equal(a->groups, 0);
        assert_null(strchr(a->help, '\''));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(a_file_means_run),
        cmocka_unit_test(behind_two_dashes_nothing_is_an_option),
        cmocka_unit_test(letters_join),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_table_is_unambiguous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
