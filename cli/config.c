/* config.c: entries of a file to settings, settings to options. */
#include "cli/config.h"

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/option_value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_MAX 1024u

#define RUNS_SCRIPTS (RN_GROUP_CALL | RN_GROUP_SERVE)

static const char *const tables[] = {"", "output", "limits"};

static const char *table_name(unsigned table)
{
    return table < RN_CONFIG_COMMANDS
               ? tables[table]
               : rn_command_info((enum rn_command)(table - RN_CONFIG_COMMANDS))->name;
}

/* ---- What may stand where ---- */

static bool is_limit(enum rn_option option)
{
    static const enum rn_option limits[] = {
        RN_OPTION_BUDGET, RN_OPTION_WALL,  RN_OPTION_CPU,        RN_OPTION_MEMORY,
        RN_OPTION_OUTPUT, RN_OPTION_DEPTH, RN_OPTION_HOST_CALLS,
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i] == option) {
            return true;
        }
    }
    return false;
}

static bool is_of_output(enum rn_option option)
{
    return option == RN_OPTION_FORMAT || option == RN_OPTION_COLOR || option == RN_OPTION_QUIET ||
           option == RN_OPTION_VERBOSE;
}

/* Of a command that runs no scripts `--output` is something else. */
static bool command_takes(enum rn_command command, enum rn_option option)
{
    unsigned groups = rn_command_info(command)->groups;
    return (rn_option_info(option)->groups & groups) != 0 &&
           (!is_limit(option) || (groups & RUNS_SCRIPTS) != 0);
}

static bool table_takes(unsigned table, enum rn_option option)
{
    switch (table) {
    case RN_CONFIG_TOP:
        return (rn_option_info(option)->groups & RN_GROUP_GLOBAL) != 0;
    case RN_CONFIG_OUTPUT:
        return is_of_output(option);
    case RN_CONFIG_LIMITS:
        return is_limit(option);
    default:
        return command_takes((enum rn_command)(table - RN_CONFIG_COMMANDS), option);
    }
}

static bool is_for_one_line(enum rn_option option)
{
    return (rn_option_info(option)->groups & RN_GROUP_ONCE) != 0;
}

/* ---- Complaints ---- */

static bool complain(const struct rn_config *config, struct rn_config_place place,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool complain(const struct rn_config *config, struct rn_config_place place,
                     const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(message, sizeof message, format, values);
    va_end(values);
    rn_console_complain("%s:%u:%u: %s", config->file, place.line, place.column, message);
    return false;
}

static bool complain_about_table(const struct rn_config *config,
                                 const struct rn_config_entry *entry)
{
    const char *names[RN_CONFIG_TABLES];
    for (unsigned i = 0; i < RN_CONFIG_TABLES; i++) {
        names[i] = table_name(i);
    }
    const char *near = rn_args_suggest(entry->table, names + 1, RN_CONFIG_TABLES - 1);
    if (near != NULL) {
        return complain(config, entry->place, "there is no table [%s] (did you mean [%s]?)",
                        entry->table, near);
    }
    return complain(config, entry->place,
                    "there is no table [%s]: they are output, limits, and the commands",
                    entry->table);
}

static const char *suggest_limit(const char *key)
{
    const char *names[RN_OPTION_COUNT];
    size_t count = 0;
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        if (is_limit((enum rn_option)i)) {
            names[count++] = rn_option_info((enum rn_option)i)->name;
        }
    }
    return rn_args_suggest(key, names, count);
}

static bool complain_about_key(const struct rn_config *config, unsigned table,
                               const struct rn_config_entry *entry)
{
    const char *names[RN_OPTION_COUNT];
    size_t count = 0;
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        if (table_takes(table, (enum rn_option)i) && !is_for_one_line((enum rn_option)i)) {
            names[count++] = rn_option_info((enum rn_option)i)->name;
        }
    }
    const char *near = rn_args_suggest(entry->key, names, count);
    char where[64] = "";
    if (near == NULL && table == RN_CONFIG_TOP && (near = suggest_limit(entry->key)) != NULL) {
        return complain(config, entry->place,
                        "unknown option %s (did you mean %s, which stands in [limits]?)",
                        entry->key, near);
    }
    if (table != RN_CONFIG_TOP) {
        snprintf(where, sizeof where, " in [%s]", table_name(table));
    }
    if (near != NULL) {
        return complain(config, entry->place, "unknown option %s%s (did you mean %s?)", entry->key,
                        where, near);
    }
    return complain(config, entry->place, "unknown option %s%s", entry->key, where);
}

/* An option that is there, and has no place in this table. */
static bool complain_about_option(const struct rn_config *config, unsigned table,
                                  const struct rn_config_entry *entry, enum rn_option option)
{
    if (is_for_one_line(option)) {
        return complain(config, entry->place, "--%s is for one command line, it has no default",
                        entry->key);
    }
    if (table == RN_CONFIG_TOP) {
        return complain(config, entry->place, "not every command takes --%s: it stands in [%s]",
                        entry->key, is_limit(option) ? "limits" : "COMMAND");
    }
    return complain(config, entry->place, "[%s] does not take %s", table_name(table), entry->key);
}

/* ---- Settings ---- */

static bool find_table(const char *name, unsigned *out_table)
{
    for (unsigned i = 0; i < RN_CONFIG_TABLES; i++) {
        if (strcmp(table_name(i), name) == 0) {
            *out_table = i;
            return true;
        }
    }
    return false;
}

static bool take_table(struct rn_config *config, const struct rn_config_entry *entry,
                       unsigned *out_table)
{
    if (*entry->table == '\0' || !find_table(entry->table, out_table)) {
        return complain_about_table(config, entry);
    }
    unsigned before = config->lines[*out_table];
    config->lines[*out_table] = entry->place.line;
    return before == 0 || complain(config, entry->place, "[%s] is there already, in line %u",
                                   entry->table, before);
}

/* The value as the command line would have it. */
static bool take_value(const struct rn_config *config, const struct rn_config_entry *entry,
                       enum rn_option option, const char **out_value)
{
    char why[RN_OPTION_WHY_MAX];
    const struct rn_option_info *info = rn_option_info(option);
    if (info->value == NULL) {
        *out_value = entry->on ? "" : NULL;
        return entry->kind == RN_CONFIG_SWITCH ||
               complain(config, entry->value, "--%s takes no value: it is true or false",
                        info->name);
    }
    *out_value = entry->text;
    if (entry->kind == RN_CONFIG_SWITCH) {
        return complain(config, entry->value, "--%s needs a value: %s", info->name, info->value);
    }
    return rn_option_check(option, entry->text, why) || complain(config, entry->value, "%s", why);
}

static bool set(struct rn_config *config, unsigned table, const struct rn_config_entry *entry,
                enum rn_option option)
{
    struct rn_config_setting *setting = &config->settings[table][option];
    if (setting->line != 0) {
        return complain(config, entry->place, "%s is there already, in line %u", entry->key,
                        setting->line);
    }
    setting->line = entry->place.line;
    return take_value(config, entry, option, &setting->value);
}

static bool take_setting(struct rn_config *config, unsigned table,
                         const struct rn_config_entry *entry)
{
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        enum rn_option option = (enum rn_option)i;
        if (strcmp(rn_option_info(option)->name, entry->key) == 0) {
            bool taken = table_takes(table, option) && !is_for_one_line(option);
            return taken ? set(config, table, entry, option)
                         : complain_about_option(config, table, entry, option);
        }
    }
    return complain_about_key(config, table, entry);
}

bool rn_config_parse(struct rn_config *config)
{
    struct rn_config_reader reader;
    struct rn_config_entry entry;
    unsigned table = RN_CONFIG_TOP;
    rn_config_reader_init(&reader, config->text.data, config->text.size - 1);
    while (rn_config_reader_next(&reader, &entry)) {
        bool good = entry.kind == RN_CONFIG_TABLE ? take_table(config, &entry, &table)
                                                  : take_setting(config, table, &entry);
        if (!good) {
            return false;
        }
    }
    return reader.why == NULL || complain(config, reader.bad, "%s", reader.why);
}

/* ---- The file ---- */

static int read_file(struct rn_config *config)
{
    int fd = open(config->file, O_RDONLY | O_CLOEXEC);
    bool complete = fd >= 0 && rn_bytes_read(&config->text, fd, RN_CONFIG_SIZE_MAX);
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (!complete) {
        rn_console_complain("%s: %s", config->file, strerror(why));
        return RN_EXIT_NO_INPUT;
    }
    if (config->text.size > RN_CONFIG_SIZE_MAX) {
        rn_console_complain("%s: more than %zu KiB are no file of defaults", config->file,
                            RN_CONFIG_SIZE_MAX >> 10);
        return RN_EXIT_CONFIG;
    }
    if (!rn_bytes_append(&config->text, "", 1)) {
        rn_console_complain("out of memory");
        return RN_EXIT_SETUP;
    }
    return 0;
}

int rn_config_load(struct rn_config *config, const struct rn_args *args)
{
    const char *given = args->values[RN_OPTION_CONFIG];
    *config = (struct rn_config){.file = given != NULL ? given : getenv("RUNEWARD_CONFIG")};
    if (config->file == NULL || *config->file == '\0') {
        config->file = NULL;
        return 0;
    }
    int code = read_file(config);
    return code == 0 && !rn_config_parse(config) ? RN_EXIT_CONFIG : code;
}

void rn_config_done(struct rn_config *config)
{
    rn_bytes_done(&config->text);
}

/* ---- Options ---- */

/* The first of them that sets it, or NULL. */
static const struct rn_config_setting *find(const struct rn_config *config, enum rn_command command,
                                            enum rn_option option)
{
    const unsigned order[] = {RN_CONFIG_COMMANDS + command, RN_CONFIG_LIMITS, RN_CONFIG_OUTPUT,
                              RN_CONFIG_TOP};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (config->settings[order[i]][option].line != 0) {
            return &config->settings[order[i]][option];
        }
    }
    return NULL;
}

void rn_config_apply(const struct rn_config *config, struct rn_args *args)
{
    args->config = config->file;
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        enum rn_option option = (enum rn_option)i;
        const struct rn_config_setting *setting = find(config, args->command, option);
        bool open = args->values[option] == NULL && command_takes(args->command, option);
        if (setting != NULL && open) {
            args->values[option] = setting->value;
            args->lines[option] = setting->line;
        }
    }
}
