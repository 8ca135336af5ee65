/* test_config.c: which option stands where, and which of several values holds. */
#include "cli/config.h"
#include "cli/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char complaint[512];

// Stands in for the console's, which would write to standard error.
void rn_console_complain(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(complaint, sizeof(complaint), format, values);
    va_end(values);
}

static bool parse(struct rn_config *config, const char *text)
{
    complaint[0] = '\0';
    *config = (struct rn_config){.file = "f"};
    assert_true(rn_bytes_append(&config->text, text, strlen(text) + 1));
    return rn_config_parse(config);
}

static void expect_refusal(const char *text, const char *why)
{
    struct rn_config config;
    assert_false(parse(&config, text));
    assert_string_equal(complaint, why);
    rn_config_done(&config);
}

/* What a command has of it. */
static struct rn_args apply(struct rn_config *config, const char *text, enum rn_command command)
{
    struct rn_args args = {.command = command};
    if (!parse(config, text)) {
        fail_msg("%s", complaint);
    }
    rn_config_apply(config, &args);
    return args;
}

static void a_command_gets_what_it_takes(void **state)
{
    static const char text[] = "format = \"json\"\n"
                               "[limits]\nwall = \"2s\"\nbudget = 1_000\noutput = 4096\n"
                               "[fmt]\nindent = 2\n";
    struct rn_config config;
    (void)state;
    struct rn_args args = apply(&config, text, RN_COMMAND_RUN);
    assert_string_equal(args.values[RN_OPTION_FORMAT], "json");
    assert_string_equal(args.values[RN_OPTION_WALL], "2s");
    assert_string_equal(args.values[RN_OPTION_BUDGET], "1000");
    assert_string_equal(args.values[RN_OPTION_OUTPUT], "4096");
    assert_int_equal(args.lines[RN_OPTION_BUDGET], 4);
    assert_string_equal(args.config, "f");
    assert_null(args.values[RN_OPTION_INDENT]);
    assert_true(rn_args_has(&args, RN_OPTION_WALL) && !rn_args_given(&args, RN_OPTION_WALL));
    rn_config_done(&config);
    args = apply(&config, text, RN_COMMAND_FMT);
    assert_string_equal(args.values[RN_OPTION_INDENT], "2");
    assert_null(args.values[RN_OPTION_WALL]);
    rn_config_done(&config);
    args = apply(&config, text, RN_COMMAND_DOC); // whose --output is a folder
    assert_null(args.values[RN_OPTION_OUTPUT]);
    rn_config_done(&config);
    args = apply(&config, text, RN_COMMAND_SERVE);
    assert_string_equal(args.values[RN_OPTION_OUTPUT], "4096");
    rn_config_done(&config);
}

static void the_nearest_value_holds(void **state)
{
    static const char text[] = "color = \"always\"\nverbose = true\nquiet = true\n"
                               "[output]\ncolor = \"never\"\n"
                               "[limits]\nwall = \"2s\"\n"
                               "[test]\nwall = \"3s\"\nquiet = false\n";
    struct rn_config config;
    (void)state;
    struct rn_args args = apply(&config, text, RN_COMMAND_TEST);
    assert_string_equal(args.values[RN_OPTION_COLOR], "never");
    assert_string_equal(args.values[RN_OPTION_WALL], "3s");
    assert_int_equal(args.lines[RN_OPTION_WALL], 9);
    assert_string_equal(args.values[RN_OPTION_VERBOSE], "");
    assert_null(args.values[RN_OPTION_QUIET]);
    args = (struct rn_args){.command = RN_COMMAND_RUN};
    args.values[RN_OPTION_WALL] = "1s";
    rn_config_apply(&config, &args);
    assert_string_equal(args.values[RN_OPTION_WALL], "1s");
    assert_true(rn_args_given(&args, RN_OPTION_WALL));
    assert_string_equal(args.values[RN_OPTION_QUIET], "");
    rn_config_done(&config);
}

static void what_has_no_place_is_refused(void **state)
{
    (void)state;
    expect_refusal("[limit]\n", "f:1:2: there is no table [limit] (did you mean [limits]?)");
    expect_refusal(
        "[ elephants]\n",
        "f:1:3: there is no table [elephants]: they are output, limits, and the commands");
    expect_refusal("[limits]\n wal = 1\n",
                   "f:2:2: unknown option wal in [limits] (did you mean wall?)");
    expect_refusal(
        "budgett = 1",
        "f:1:1: unknown option budgett (did you mean budget, which stands in [limits]?)");
    expect_refusal("fromat = \"json\"", "f:1:1: unknown option fromat (did you mean format?)");
    expect_refusal("elephants = 1", "f:1:1: unknown option elephants");
    expect_refusal("wall = \"1s\"", "f:1:1: not every command takes --wall: it stands in [limits]");
    expect_refusal("socket = \"s\"",
                   "f:1:1: not every command takes --socket: it stands in [COMMAND]");
    expect_refusal("[run]\nsocket = \"s\"", "f:2:1: [run] does not take socket");
    expect_refusal("[doc]\noutput = \"d\"", "f:2:1: [doc] does not take output");
    expect_refusal("[output]\nwall = \"1s\"", "f:2:1: [output] does not take wall");
    expect_refusal("help = true", "f:1:1: --help is for one command line, it has no default");
    expect_refusal("config = \"g\"", "f:1:1: --config is for one command line, it has no default");
    expect_refusal("[compile]\nout = \"g\"",
                   "f:2:1: --out is for one command line, it has no default");
    expect_refusal("[run]\nwall = \"1s\"\n[run]", "f:3:2: [run] is there already, in line 1");
    expect_refusal("quiet = true\nquiet = true", "f:2:1: quiet is there already, in line 1");
}

static void what_is_no_value_is_refused(void **state)
{
    (void)state;
    expect_refusal("quiet = \"yes\"", "f:1:9: --quiet takes no value: it is true or false");
    expect_refusal("format = true", "f:1:10: --format needs a value: text|json|jsonl");
    expect_refusal("format = \"jso\"", "f:1:10: --format is text, json or jsonl");
    expect_refusal("format = \"\"", "f:1:10: --format is text, json or jsonl");
    expect_refusal("policy = \"strict|best_effort\"", "f:1:10: --policy is strict or best_effort");
    expect_refusal("[limits]\nwall = 2", "f:2:8: --wall: 2 is not a time such as 2s");
    expect_refusal("[limits]\nbudget = -1", "f:2:10: --budget: -1 is not a number such as 500M");
    expect_refusal("[limits]\nbudget = 0", "f:2:10: --budget cannot be 0");
    expect_refusal("[fmt]\nindent = 17",
                   "f:2:10: --indent: 17 is not a number from 1 to 16, or tab");
    expect_refusal("[fmt]\nindent = 0", "f:2:10: --indent: 0 is not a number from 1 to 16, or tab");
    expect_refusal("[serve]\nworkers = 257", "f:2:11: --workers: 257 is not a number up to 256");
    expect_refusal("[test]\nreport = \"tap=\"",
                   "f:2:10: --report: tap= is not tap, junit, tap=FILE or junit=FILE");
    expect_refusal("a", "f:1:2: behind a name comes =");
}

/* Each option has a place, or is for one command line. */
static void every_option_has_its_place(void **state)
{
    (void)state;
    for (unsigned command = 0; command < RN_COMMAND_COUNT; command++) {
        for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
            const struct rn_option_info *info = rn_option_info((enum rn_option)i);
            const struct rn_command_info *of = rn_command_info((enum rn_command)command);
            char text[128];
            struct rn_config config;
            snprintf(text, sizeof text, "[%s]\n%s = %s\n", of->name, info->name,
                     info->value == NULL ? "true" : "'.'");
            bool good = parse(&config, text);
            bool about_value =
                strstr(complaint, ": --") != NULL && strstr(complaint, "default") == NULL;
            bool taken = (info->groups & of->groups) != 0 && (info->groups & RN_GROUP_ONCE) == 0 &&
                         (i != RN_OPTION_OUTPUT || command != RN_COMMAND_DOC);
            if ((good || about_value) != taken) {
                fail_msg("[%s] %s: %s", of->name, info->name, good ? "taken" : complaint);
            }
            rn_config_done(&config);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gets_what_it_takes),
        cmocka_unit_test(the_nearest_value_holds),
        cmocka_unit_test(what_has_no_place_is_refused),
        cmocka_unit_test(what_is_no_value_is_refused),
        cmocka_unit_test(every_option_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
