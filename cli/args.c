/* args.c: tables and the parser that they drive. */
#include "cli/args.h"

#include "cli/console.h"

#include <string.h>

#define GLOBAL RN_GROUP_GLOBAL
#define BUILD RN_GROUP_BUILD
#define CALL RN_GROUP_CALL
#define COMPILE RN_GROUP_COMPILE
#define TESTS RN_GROUP_TESTS
#define FILES RN_GROUP_FILES
#define WARN RN_GROUP_WARN
#define FMT RN_GROUP_FMT
#define BENCH RN_GROUP_BENCH
#define DOC RN_GROUP_DOC
#define SOCKET RN_GROUP_SOCKET
#define SERVE RN_GROUP_SERVE
#define WATCH RN_GROUP_WATCH
#define WALL RN_GROUP_WALL
#define PROFILE RN_GROUP_PROFILE
#define COVERAGE RN_GROUP_COVERAGE
#define EXPLORE RN_GROUP_EXPLORE
#define ONCE RN_GROUP_ONCE
#define JOURNAL RN_GROUP_JOURNAL
#define REPLAY RN_GROUP_REPLAY
#define REPL RN_GROUP_REPL

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct rn_option_info options[RN_OPTION_COUNT] = {
#define OPTION(id, name, letter, value, groups, help)                                              \
    [RN_OPTION_##id] = {name, letter, value, groups, help},
#include "cli/options.def"
#undef OPTION
};

static const struct rn_command_info commands[RN_COMMAND_COUNT] = {
#define COMMAND(id, name, operands, groups, summary)                                               \
    [RN_COMMAND_##id] = {name, operands, (groups) | GLOBAL, summary},
#include "cli/commands.def"
#undef COMMAND
};

const struct rn_option_info *rn_option_info(enum rn_option option)
{
    return &options[option];
}

const struct rn_command_info *rn_command_info(enum rn_command command)
{
    return &commands[command];
}

bool rn_command_find(const char *name, enum rn_command *out_command)
{
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            *out_command = (enum rn_command)i;
            return true;
        }
    }
    return false;
}

#define WORD_MAX 32u

static unsigned minimum(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// Insertions, deletions and replacements between two words of at most WORD_MAX bytes.
static unsigned distance(const char *a, const char *b)
{
    unsigned row[WORD_MAX + 1];
    size_t b_size = strlen(b);
    for (unsigned j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= strlen(a); i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b_size; j++) {
            unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = minimum(replaced, minimum(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_size];
}

const char *rn_args_suggest(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    unsigned best_distance = 3;
    if (strlen(word) > WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) <= WORD_MAX && distance(word, words[i]) < best_distance) {
            best = words[i];
            best_distance = distance(word, words[i]);
        }
    }
    return best;
}

static void complain_about_option(const char *word, size_t size)
{
    char name[WORD_MAX + 1] = "";
    const char *names[RN_OPTION_COUNT];
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        names[i] = options[i].name;
    }
    memcpy(name, word, size < WORD_MAX ? size : WORD_MAX);
    const char *near = rn_args_suggest(name, names, COUNT_OF(names));
    if (near != NULL) {
        rn_console_complain("unknown option --%s (did you mean --%s?)", name, near);
    } else {
        rn_console_complain("unknown option --%s", name);
    }
}

struct parser {
    struct rn_args *args;
    char **argv;
    int argc;
    int at;
};

// "USER:RIGHTS,...": the first ones would be forgotten.
static bool is_list(const struct rn_option_info *info)
{
    size_t size = info->value == NULL ? 0 : strlen(info->value);
    return size > 4 && strcmp(info->value + size - 4, ",...") == 0;
}

static bool set(struct parser *parser, enum rn_option option, const char *inline_value)
{
    const struct rn_option_info *info = &options[option];
    const char *value = inline_value;
    if (info->value == NULL) {
        if (inline_value != NULL) {
            rn_console_complain("--%s takes no value", info->name);
            return false;
        }
        value = "";
    } else if (value == NULL) {
        if (parser->at >= parser->argc) {
            rn_console_complain("--%s needs a value: %s", info->name, info->value);
            return false;
        }
        value = parser->argv[parser->at++];
    }
    if (is_list(info) && parser->args->values[option] != NULL) {
        rn_console_complain("--%s is there twice: write one list, with commas", info->name);
        return false;
    }
    parser->args->values[option] = value;
    return true;
}

static bool parse_long(struct parser *parser, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t size = equals == NULL ? strlen(word) : (size_t)(equals - word);
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        if (strlen(options[i].name) == size && strncmp(options[i].name, word, size) == 0) {
            return set(parser, (enum rn_option)i, equals == NULL ? NULL : equals + 1);
        }
    }
    complain_about_option(word, size);
    return false;
}

static bool parse_letters(struct parser *parser, const char *letters)
{
    for (const char *at = letters; *at != '\0'; at++) {
        unsigned i = 0;
        while (i < RN_OPTION_COUNT && options[i].letter != *at) {
            i++;
        }
        if (i == RN_OPTION_COUNT) {
            rn_console_complain("unknown option -%c", *at);
            return false;
        }
        bool takes_rest = options[i].value != NULL && at[1] != '\0';
        if (!set(parser, (enum rn_option)i, takes_rest ? at + 1 : NULL)) {
            return false;
        }
        if (takes_rest) {
            break;
        }
    }
    return true;
}

static bool parse_words(struct parser *parser)
{
    struct rn_args *args = parser->args;
    while (parser->at < parser->argc) {
        char *word = parser->argv[parser->at++];
        if (strcmp(word, "--") == 0) {
            break;
        }
        bool is_option = word[0] == '-' && word[1] != '\0';
        if (!is_option) {
            args->operands[args->operand_count++] = word;
        } else if (!(word[1] == '-' ? parse_long(parser, word + 2)
                                    : parse_letters(parser, word + 1))) {
            return false;
        }
    }
    while (parser->at < parser->argc) {
        args->operands[args->operand_count++] = parser->argv[parser->at++];
    }
    return true;
}

// Takes the command's name away from the operands.
static bool choose_command(struct rn_args *args)
{
    if (args->operand_count == 0) {
        args->command = RN_COMMAND_HELP;
        return true;
    }
    const char *word = args->operands[0];
    if (rn_command_find(word, &args->command)) {
        args->operands++;
        args->operand_count--;
        return true;
    }
    args->command = RN_COMMAND_RUN;
    if (strpbrk(word, "./-") != NULL) {
        return true;
    }
    const char *names[RN_COMMAND_COUNT];
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        names[i] = commands[i].name;
    }
    const char *near = rn_args_suggest(word, names, COUNT_OF(names));
    if (near != NULL) {
        rn_console_complain("unknown command %s (did you mean %s? for a file, write ./%s)", word,
                            near, word);
    }
    return near == NULL;
}

static bool check_groups(const struct rn_args *args)
{
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        if (args->values[i] != NULL && (options[i].groups & commands[args->command].groups) == 0) {
            rn_console_complain("%s does not take --%s", commands[args->command].name,
                                options[i].name);
            return false;
        }
    }
    return true;
}

bool rn_args_parse(struct rn_args *args, int argc, char **argv)
{
    *args = (struct rn_args){.operands = argv};
    struct parser parser = {.args = args, .argv = argv, .argc = argc, .at = 1};
    if (argc == 0) {
        args->command = RN_COMMAND_HELP;
        return true;
    }
    return parse_words(&parser) && choose_command(args) && check_groups(args);
}
