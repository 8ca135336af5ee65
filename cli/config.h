/*
 * config.h: defaults of options, from the file of `--config`.
 *
 *      format = "json"          options that every command has, and again in [output] those about output
 *      [limits]                 limits of every command that runs scripts
 *      wall = "2s"
 *      [test]                   any option of one command, in place of those above
 *      wall = "10s"
 *
 * What stands on the command line holds, then the command's table, then the others. The whole file is checked, whatever the
 * command: form and names here, values by option_value.h.
 */
#ifndef RN_CLI_CONFIG_H
#define RN_CLI_CONFIG_H

#include "cli/args.h"
#include "cli/bytes.h"
#include "cli/config_text.h"

#define RN_CONFIG_SIZE_MAX ((size_t)64 << 10)

/* One for each command, and in front of them: */
enum {
    RN_CONFIG_TOP, /* without a name */
    RN_CONFIG_OUTPUT,
    RN_CONFIG_LIMITS,
    RN_CONFIG_COMMANDS,
    RN_CONFIG_TABLES = RN_CONFIG_COMMANDS + RN_COMMAND_COUNT,
};

struct rn_config_setting {
    const char *value; /* as on a command line, "" for a switch; NULL: a switch that is off */
    unsigned line;     /* 0: it is not set */
};

struct rn_config {
    const char *file;     /* its name; NULL: there is none */
    struct rn_bytes text; /* with a zero byte at the end; values are in it */
    unsigned lines[RN_CONFIG_TABLES];
    struct rn_config_setting settings[RN_CONFIG_TABLES][RN_OPTION_COUNT];
};

/*
 * Reads the file that --config names, or RUNEWARD_CONFIG; "" is none. 0, or the exit code after a complaint. In any case
 * rn_config_done, which what was applied must not outlive.
 */
int rn_config_load(struct rn_config *config, const struct rn_args *args);
/* Checks `text`, which is there, and takes down the settings. False after a complaint. */
bool rn_config_parse(struct rn_config *config);
/* Gives the command what it takes and was not given. */
void rn_config_apply(const struct rn_config *config, struct rn_args *args);
void rn_config_done(struct rn_config *config);

#endif
