/*
 * args.h: the command line as data.
 *
 * Driven by options.def and commands.def. Options may stand anywhere before `--`, as `--name VALUE`
 * or `--name=VALUE`; a first word that is no command is a FILE to run.
 */
#ifndef RN_CLI_ARGS_H
#define RN_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

enum rn_option {
#define OPTION(id, name, letter, value, groups, help) RN_OPTION_##id,
#include "cli/options.def"
#undef OPTION
    RN_OPTION_COUNT,
};

enum rn_command {
#define COMMAND(id, name, operands, groups, summary) RN_COMMAND_##id,
#include "cli/commands.def"
#undef COMMAND
    RN_COMMAND_COUNT,
};

enum rn_option_group {
    RN_GROUP_GLOBAL = 1,
    RN_GROUP_BUILD = 2,
    RN_GROUP_CALL = 4,
    RN_GROUP_COMPILE = 8,
    RN_GROUP_TESTS = 16,
    RN_GROUP_FILES = 32,
    RN_GROUP_WARN = 64,
    RN_GROUP_FMT = 128,
    RN_GROUP_BENCH = 256,
    RN_GROUP_DOC = 512,
    RN_GROUP_SOCKET = 1024,
    RN_GROUP_SERVE = 2048,
    RN_GROUP_WATCH = 4096,
    RN_GROUP_WALL = 8192,
    RN_GROUP_JOURNAL = 16384,
    RN_GROUP_REPLAY = 32768,
    RN_GROUP_PROFILE = 65536,
    RN_GROUP_COVERAGE = 131072,
    RN_GROUP_EXPLORE = 262144,
    RN_GROUP_REPL = 524288,
    RN_GROUP_ONCE = 1 << 30, /* of no command: a file of defaults (config.h) cannot set it */
};

struct rn_option_info {
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* NULL: a switch */
    unsigned groups;
    const char *help;
};

struct rn_command_info {
    const char *name;
    const char *operands;
    unsigned groups;
    const char *summary;
};

/* Static storage. */
const struct rn_option_info *rn_option_info(enum rn_option option);
const struct rn_command_info *rn_command_info(enum rn_command command);
/* False when there is no such command. */
bool rn_command_find(const char *name, enum rn_command *out_command);

struct rn_args {
    enum rn_command command;
    const char *values[RN_OPTION_COUNT]; /* NULL: not given; "" for switches; into argv */
    char **operands;                     /* argv, compacted */
    size_t operand_count;
    const char *config;              /* the file of defaults (config.h), or NULL */
    unsigned lines[RN_OPTION_COUNT]; /* in it, that set the value; 0: the command line did */
};

/*
 * Fills `args` from argv, which is reordered. False when the command line is wrong; the reason has
 * been written to standard error.
 */
bool rn_args_parse(struct rn_args *args, int argc, char **argv);

static inline bool rn_args_has(const struct rn_args *args, enum rn_option option)
{
    return args->values[option] != NULL;
}

/* By the command line. */
static inline bool rn_args_given(const struct rn_args *args, enum rn_option option)
{
    return args->values[option] != NULL && args->lines[option] == 0;
}

/* The nearest of `count` words to a mistyped one, or NULL if none is near. */
const char *rn_args_suggest(const char *word, const char *const *words, size_t count);

#endif
