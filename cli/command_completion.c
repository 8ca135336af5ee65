/*
 * command_completion.c: completions for bash, zsh and fish, from the tables.
 *
 * After a command each shell offers the options that this command takes. A first word that is no
 * command is a FILE to run.
 */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static unsigned groups_of(unsigned command)
{
    return rn_command_info((enum rn_command)command)->groups;
}

static bool takes(unsigned command, unsigned option)
{
    return (rn_option_info((enum rn_option)option)->groups & groups_of(command)) != 0;
}

static const char *name_of(unsigned command)
{
    return rn_command_info((enum rn_command)command)->name;
}

/* "text|json|jsonl": words to choose from, unlike "FILE" or "N|tab". */
static bool is_choice(const char *value)
{
    return value != NULL && strchr(value, '|') != NULL &&
           strspn(value, "abcdefghijklmnopqrstuvwxyz_|") == strlen(value);
}

static bool is_path(const char *value)
{
    return value != NULL && (strstr(value, "FILE") != NULL || strstr(value, "DIR") != NULL ||
                             strstr(value, "PATH") != NULL);
}

/* A text in single quotes; a backslash stands before each of `special`. */
static void put_escaped(const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
        } else if (strchr(special, *text) != NULL) {
            printf("\\%c", *text);
        } else {
            putchar(*text);
        }
    }
}

static void put_choices(const char *value)
{
    for (; *value != '\0'; value++) {
        putchar(*value == '|' ? ' ' : *value);
    }
}

/* ---- bash ---- */

static void bash_case(const char *pattern, unsigned command)
{
    printf("    %s) options=\"", pattern);
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        if (takes(command, i)) {
            printf(" --%s", rn_option_info((enum rn_option)i)->name);
        }
    }
    puts("\" ;;");
}

static void complete_bash(void)
{
    puts("_runeward()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} "
         "options\n    case $command in");
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        bash_case(name_of(i), i);
    }
    bash_case("*", RN_COMMAND_RUN);
    fputs("    esac\n    if [ \"$COMP_CWORD\" = 1 ]; then\n        options=\"$options", stdout);
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        printf(" %s", name_of(i));
    }
    puts("\"\n    fi\n    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\"; compgen "
         "-f -- \"$word\")\n}\ncomplete -o filenames -F _runeward runeward");
}

/* ---- zsh ---- */

static void zsh_option(unsigned option)
{
    const struct rn_option_info *info = rn_option_info((enum rn_option)option);
    const char *assign = info->value == NULL ? "" : "=";
    if (info->letter == 0) {
        printf("            '--%s%s[", info->name, assign);
    } else {
        printf("            '(-%c --%s)'{-%c%s,--%s%s}'[", info->letter, info->name, info->letter,
               info->value == NULL ? "" : "+", info->name, assign);
    }
    put_escaped(info->help, "[]\\");
    putchar(']');
    if (info->value != NULL) {
        putchar(':');
        put_escaped(info->value, ":[]\\");
        putchar(':');
    }
    if (is_choice(info->value)) {
        putchar('(');
        put_choices(info->value);
        putchar(')');
    } else if (is_path(info->value)) {
        fputs("_files", stdout);
    }
    puts("' \\");
}

static void zsh_case(const char *pattern, unsigned command)
{
    printf("    %s)\n        _arguments \\\n", pattern);
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        if (takes(command, i)) {
            zsh_option(i);
        }
    }
    puts("            '*:file:_files' ;;");
}

static void complete_zsh(void)
{
    puts("#compdef runeward\n\n_runeward()\n{\n    local -a commands\n    commands=(");
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        printf("        '%s:", name_of(i));
        put_escaped(rn_command_info((enum rn_command)i)->summary, ":\\");
        puts("'");
    }
    puts("    )\n    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
         "        _describe command commands\n        _files\n        return\n    fi\n"
         "    case $words[2] in");
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        zsh_case(name_of(i), i);
    }
    zsh_case("*", RN_COMMAND_RUN);
    puts("    esac\n}\n\n_runeward \"$@\"");
}

/* ---- fish ---- */

/* Commands that take the option, or those that do not. */
static void fish_commands(unsigned option, bool taking)
{
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        if (takes(i, option) == taking) {
            printf(" %s", name_of(i));
        }
    }
}

/* What `run` takes is offered where no command stands, too: then a FILE does. */
static void fish_condition(unsigned option)
{
    if ((rn_option_info((enum rn_option)option)->groups & RN_GROUP_GLOBAL) != 0) {
        return;
    }
    bool of_run = takes(RN_COMMAND_RUN, option);
    printf(" -n '%s__fish_seen_subcommand_from", of_run ? "not " : "");
    fish_commands(option, !of_run);
    putchar('\'');
}

static void fish_option(unsigned option)
{
    const struct rn_option_info *info = rn_option_info((enum rn_option)option);
    fputs("complete -c runeward", stdout);
    fish_condition(option);
    printf(" -l %s", info->name);
    if (info->letter != 0) {
        printf(" -s %c", info->letter);
    }
    if (is_choice(info->value)) {
        fputs(" -x -a '", stdout);
        put_choices(info->value);
        putchar('\'');
    } else if (info->value != NULL) {
        fputs(is_path(info->value) ? " -r" : " -x", stdout);
    }
    fputs(" -d '", stdout);
    put_escaped(info->help, "\\");
    puts("'");
}

static void complete_fish(void)
{
    for (unsigned i = 0; i < RN_COMMAND_COUNT; i++) {
        printf("complete -c runeward -n __fish_use_subcommand -a %s -d '", name_of(i));
        put_escaped(rn_command_info((enum rn_command)i)->summary, "\\");
        puts("'");
    }
    for (unsigned i = 0; i < RN_OPTION_COUNT; i++) {
        fish_option(i);
    }
}

int rn_command_completion(struct rn_session *session)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
    const char *shell = session->args->operand_count == 1 ? session->args->operands[0] : "";
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(shells[i].shell, shell) == 0) {
            shells[i].print();
            return 0;
        }
    }
    return rn_command_misused(session);
}
