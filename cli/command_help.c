/*
 * command_help.c: help, version and the man page, all from the tables.
 */
#include "cli/commands.h"
#include "cli/exit_codes.h"

#include <runeward/tools.h>

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *summary;
    const char *text;
} topics[] = {
#define TOPIC(name, summary, text) {name, summary, text},
#include "cli/topics.def"
#undef TOPIC
};
#define TOPIC_COUNT (sizeof(topics) / sizeof(topics[0]))

/* Help texts */

static void print_option(FILE *out, enum rn_option option)
{
    const struct rn_option_info *info = rn_option_info(option);
    char words[64];
    const char *value = info->value == NULL ? "" : info->value;
    snprintf(words, sizeof(words), "--%s%s%s", info->name, *value == '\0' ? "" : " ", value);
    if (info->letter != 0) {
        fprintf(out, "  -%c, %-28s %s\n", info->letter, words, info->help);
    } else {
        fprintf(out, "      %-28s %s\n", words, info->help);
    }
}

static void print_options(FILE *out, unsigned groups)
{
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        if ((rn_option_info((enum rn_option)i)->groups & groups) != 0) {
            print_option(out, (enum rn_option)i);
        }
    }
}

static void print_usage(FILE *out, enum rn_command command)
{
    const struct rn_command_info *info = rn_command_info(command);
    fprintf(out, "usage: runeward %s [options]%s%s\n", info->name,
            *info->operands == '\0' ? "" : " ", info->operands);
}

static void print_command_help(enum rn_command command)
{
    const struct rn_command_info *info = rn_command_info(command);
    print_usage(stdout, command);
    printf("\n%s\n", info->summary);
    if ((info->groups & ~(unsigned)RN_GROUP_GLOBAL) != 0) {
        puts("\noptions:");
        print_options(stdout, info->groups & ~(unsigned)RN_GROUP_GLOBAL);
    }
    puts("\nglobal options:");
    print_options(stdout, RN_GROUP_GLOBAL);
}

static void print_overview(FILE *out)
{
    fputs("runeward: runs untrusted Rune scripts in sandboxed processes\n\n"
          "usage: runeward [options] COMMAND [options] [operands]\n"
          "       runeward [options] FILE [ARGS]\n\ncommands:\n",
          out);
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        const struct rn_command_info *info = rn_command_info((enum rn_command)i);
        fprintf(out, "  %-12s %s\n", info->name, info->summary);
    }
    fputs("\noptions of every command:\n", out);
    print_options(out, RN_GROUP_GLOBAL);
    fputs("\ntopics for `runeward help`:\n", out);
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        fprintf(out, "  %-12s %s\n", topics[i].name, topics[i].summary);
    }
    fputs("  E0301        what a diagnostic means\n", out);
}

static bool print_topic(const char *name)
{
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        if (strcmp(topics[i].name, name) == 0) {
            puts(topics[i].text);
            return true;
        }
    }
    return false;
}

static bool print_code(const char *code)
{
    rune_text *text = NULL;
    return rune_tools_explain(code, &text) == RUNE_OK && rn_console_take_text(text);
}

int rn_command_misused(const struct rn_session *session)
{
    print_usage(stderr, session->args->command);
    return RN_EXIT_USAGE;
}

/* The man page, as scdoc source */

static void print_man_options(unsigned groups)
{
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        const struct rn_option_info *info = rn_option_info((enum rn_option)i);
        if ((info->groups & groups) == 0) {
            continue;
        }
        if (info->letter != 0) {
            printf("*-%c*, ", info->letter);
        }
        printf("*--%s*", info->name);
        if (info->value != NULL) {
            printf(" _%s_", info->value);
        }
        printf("\n\t%s\n\n", info->help);
    }
}

static void print_man_command(const struct rn_command_info *info)
{
    unsigned own = info->groups & ~(unsigned)RN_GROUP_GLOBAL;
    printf("## %s %s\n\n%s.\n\n", info->name, info->operands, info->summary);
    if (own != 0) {
        print_man_options(own);
    }
}

static void print_man_page(void)
{
    puts("runeward(1)\n\n# NAME\n\nruneward - run untrusted Rune scripts in sandboxed processes\n\n"
         "# SYNOPSIS\n\n*runeward* [options] _COMMAND_ [options] [operands]\n\n"
         "*runeward* [options] _FILE_ [_ARGS_]\n\n# COMMANDS\n");
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        print_man_command(rn_command_info((enum rn_command)i));
    }
    puts("# OPTIONS OF EVERY COMMAND\n");
    print_man_options(RN_GROUP_GLOBAL);
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        printf("# %s\n\n```\n%s\n```\n\n", topics[i].name, topics[i].text);
    }
}

int rn_command_help(struct rn_session *session)
{
    const char *word = session->args->operand_count == 0 ? NULL : session->args->operands[0];
    enum rn_command command;
    if (word == NULL) {
        print_overview(stdout);
    } else if (rn_command_find(word, &command)) {
        print_command_help(command);
    } else if (strcmp(word, "man") == 0) {
        print_man_page();
    } else if (!print_topic(word) && !print_code(word)) {
        rn_console_complain("no help on %s; `runeward help` lists commands and topics", word);
        return RN_EXIT_USAGE;
    }
    return 0;
}

int rn_command_version(struct rn_session *session)
{
    if (session->console.format != RN_FORMAT_TEXT) {
        printf("{\"v\":1,\"version\":\"%s\",\"isa\":\"%016llx\"}\n", rune_version_string(),
               (unsigned long long)rune_version_isa());
    } else {
        printf("runeward %s (instruction set %016llx)\n", rune_version_string(),
               (unsigned long long)rune_version_isa());
    }
    return 0;
}
