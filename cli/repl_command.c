/* repl_command.c: what the commands of a session do. */
#include "cli/repl_command.h"

#include "cli/args.h"
#include "cli/call.h"
#include "cli/exit_codes.h"
#include "cli/out_file.h"
#include "cli/quantity.h"
#include "cli/visible.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A command at work. */
struct work {
    struct rn_repl *repl;
    struct rn_repl_names *names;
    const char *operand; /* "": none */
    bool ends;
};

struct command {
    const char *name;
    const char *operand; /* NULL: it takes none */
    const char *summary;
    void (*run)(struct work *work);
};

#define REPL_COMMAND(function, name, operand, summary) static void do_##function(struct work *work);
#include "cli/repl_commands.def"
#undef REPL_COMMAND

static const struct command commands[] = {
#define REPL_COMMAND(function, name, operand, summary) {name, operand, summary, do_##function},
#include "cli/repl_commands.def"
#undef REPL_COMMAND
};
#define COMMANDS (sizeof commands / sizeof *commands)

static void do_help(struct work *work)
{
    (void)work;
    puts("Type Rune: items, statements, expressions; the value of the last one is shown, and is "
         "`it` in the next.\n"
         "An entry that fails changes nothing. Ctrl-C ends what runs, or drops what is half typed; "
         "Ctrl-D ends.\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  :%-7s %-5s %s\n", commands[i].name,
               commands[i].operand ? commands[i].operand : "", commands[i].summary);
    }
}

static void do_quit(struct work *work)
{
    work->ends = true;
}

static void do_reset(struct work *work)
{
    if (!rn_repl_reset(work->repl)) {
        rn_console_complain("out of memory");
        work->ends = true;
    }
}

static void do_undo(struct work *work)
{
    if (!rn_repl_undo(work->repl)) {
        rn_console_complain("there is no entry");
    }
}

void rn_repl_load(struct rn_repl *repl, const char *path)
{
    char name[RN_REPL_NAME_MAX];
    struct rn_bytes text = {0};
    rn_visible_copy(path, strlen(path), name, sizeof name);
    if (!rn_session_read(repl->session, path, &text)) {
        rn_repl_failed(repl, repl->session->code);
    } else {
        (void)rn_repl_enter(repl, name, text.data ? text.data : "", text.size, false);
    }
    rn_bytes_done(&text);
}

static void do_load(struct work *work)
{
    rn_repl_load(work->repl, work->operand);
}

static void do_save(struct work *work)
{
    struct rn_bytes text = {0};
    struct rn_out_file file = {.stream = NULL};
    bool whole = rn_repl_script_close(&work->repl->script, &text);
    FILE *out = whole ? rn_out_file_open(&file, work->operand) : NULL;
    bool written = out && fwrite(text.data, 1, text.size, out) == text.size;
    if (!rn_out_file_close(&file, written) || !written) {
        rn_console_complain("%s: %s", work->operand, whole ? strerror(errno) : "out of memory");
        rn_repl_failed(work->repl, RN_EXIT_OUTPUT);
    }
    rn_bytes_done(&text);
}

static void show_item(const struct rn_outline_item *item)
{
    rn_visible_put(stdout, item->signature, strlen(item->signature), true);
    if (item->signature[0] == '\0') {
        printf("%s ", item->kind);
        rn_visible_put(stdout, item->path, strlen(item->path), false);
    }
    puts("");
    rn_visible_put(stdout, item->docs, strlen(item->docs), true);
}

static void do_doc(struct work *work)
{
    if (rn_repl_names_find(work->names, work->operand, show_item) == 0) {
        rn_console_complain("nothing is called %s", work->operand);
    }
}

static void do_items(struct work *work)
{
    struct rn_outline items;
    if (!rn_repl_names_items(work->repl, &items)) {
        return;
    }
    for (size_t i = 0; i < items.count; i++) {
        const struct rn_outline_item *item = rn_outline_at(&items, i);
        rn_visible_put(stdout, item->signature, strlen(item->signature), false);
        puts("");
    }
    rn_outline_done(&items);
}

/* Runs the operand without keeping it. */
static bool run_once(struct work *work, enum rn_repl_use use)
{
    rune_text *items = NULL;
    struct rn_repl_new entry = {
        .name = "<expression>", .text = work->operand, .size = strlen(work->operand)};
    int code = RN_EXIT_FAILED;
    if (rn_repl_check(work->repl, &entry, false, &items) == RN_REPL_WHOLE) {
        code = rn_repl_try(work->repl, &entry, use);
        rn_repl_failed(work->repl, code);
    }
    rune_text_free(items);
    return code == 0;
}

static void do_type(struct work *work)
{
    (void)run_once(work, RN_REPL_NAME_TYPE);
}

static void do_time(struct work *work)
{
    if (run_once(work, RN_REPL_DROP)) {
        const struct rn_repl_run *run = &work->repl->run;
        printf("%llu instructions, %llu us\n",
               (unsigned long long)(run->budget[1] - run->budget[0]),
               (unsigned long long)((run->end_ns - run->entry_ns) / 1000));
    }
}

static void do_limits(struct work *work)
{
    (void)rn_call_print_limits(work->repl->session);
}

static void do_disasm(struct work *work)
{
    rune_text *listing = rn_repl_listing(work->repl);
    if (listing) {
        rn_visible_put(stdout, rune_text_data(listing), rune_text_size(listing), true);
    }
    rune_text_free(listing);
}

static void run(struct work *work, const struct command *command)
{
    bool has = work->operand[0] != '\0';
    if (has == (command->operand != NULL)) {
        command->run(work);
    } else {
        rn_console_complain(command->operand ? ":%s %s: the operand is missing"
                                             : ":%s%s takes no operand",
                            command->name, command->operand ? command->operand : "");
        rn_repl_failed(work->repl, RN_EXIT_USAGE);
    }
}

static void unknown(struct rn_repl *repl, const char *word)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    const char *near = rn_args_suggest(word, names, COMMANDS);
    if (near) {
        rn_console_complain("there is no :%s (did you mean :%s?)", word, near);
    } else {
        rn_console_complain("there is no :%s, see :help", word);
    }
    rn_repl_failed(repl, RN_EXIT_USAGE);
}

bool rn_repl_command(struct rn_repl *repl, struct rn_repl_names *names, const char *line)
{
    char word[32];
    size_t size = strcspn(line + 1, " \t");
    struct work work = {.repl = repl, .names = names, .operand = line + 1 + size};
    work.operand += strspn(work.operand, " \t");
    snprintf(word, sizeof word, "%.*s", (int)(size < sizeof word ? size : sizeof word), line + 1);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(word, commands[i].name) == 0) {
            run(&work, &commands[i]);
            return !work.ends;
        }
    }
    unknown(repl, word);
    return true;
}
