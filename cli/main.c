/* main.c: runeward. Parses, dispatches, exits. */
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/exit_codes.h"
#include "cli/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int command_function(struct rn_session *session);

static command_function *const functions[RN_COMMAND_COUNT] = {
    [RN_COMMAND_RUN] = rn_command_run,
    [RN_COMMAND_CALL] = rn_command_call,
    [RN_COMMAND_CHECK] = rn_command_check,
    [RN_COMMAND_TEST] = rn_command_test,
    [RN_COMMAND_COMPILE] = rn_command_compile,
    [RN_COMMAND_DISASM] = rn_command_disasm,
    [RN_COMMAND_VERIFY] = rn_command_verify,
    [RN_COMMAND_DOCTOR] = rn_command_doctor,
    [RN_COMMAND_DOC] = rn_command_doc,
    [RN_COMMAND_FMT] = rn_command_fmt,
    [RN_COMMAND_BENCH] = rn_command_bench,
    [RN_COMMAND_POLICY] = rn_command_policy,
    [RN_COMMAND_REPL] = rn_command_repl,
    [RN_COMMAND_REPLAY] = rn_command_replay,
    [RN_COMMAND_SERVE] = rn_command_serve,
    [RN_COMMAND_CTL] = rn_command_ctl,
    [RN_COMMAND_HELP] = rn_command_help,
    [RN_COMMAND_VERSION] = rn_command_version,
    [RN_COMMAND_COMPLETION] = rn_command_completion,
    [RN_COMMAND_EXPLORE] = rn_command_explore,
    [RN_COMMAND_PROFILE] = rn_command_profile,
    [RN_COMMAND_COVERAGE] = rn_command_coverage,
    [RN_COMMAND_LSP] = rn_command_lsp,
};

// `runeward COMMAND --help` is `runeward help COMMAND`; so is a bare `runeward --help`.
static int help_on(struct rn_session *session, struct rn_args *args)
{
    static char *words[1];
    words[0] = (char *)rn_command_info(args->command)->name;
    args->operand_count = args->command == RN_COMMAND_HELP ? 0 : 1;
    args->operands = words;
    return rn_command_help(session);
}

static int run_command(struct rn_args *args)
{
    struct rn_session session;
    if (!rn_session_init(&session, args)) {
        return RN_EXIT_USAGE;
    }
    int code = rn_args_has(args, RN_OPTION_HELP) ? help_on(&session, args)
                                                 : functions[args->command](&session);
    if (session.interrupted) {
        code = RN_EXIT_CANCELLED;
    }
    rn_session_done(&session);
    return code;
}

// Standard streams that were closed would be the first descriptors to be opened, and what is printed
// would go to a worker's socket.
static bool open_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd) {
            rn_console_complain("a standard stream is closed, and /dev/null: %s", strerror(errno));
            return false;
        }
    }
    return true;
}

/* What is about the command itself does not fail for a file of defaults. */
static bool takes_defaults(const struct rn_args *args)
{
    return args->command != RN_COMMAND_HELP && args->command != RN_COMMAND_VERSION &&
           args->command != RN_COMMAND_COMPLETION && !rn_args_has(args, RN_OPTION_HELP);
}

static int run_with_defaults(struct rn_args *args)
{
    struct rn_config config = {.file = NULL};
    int code = takes_defaults(args) ? rn_config_load(&config, args) : 0;
    if (code == 0) {
        rn_config_apply(&config, args);
        code = rn_args_has(args, RN_OPTION_WATCH) && !rn_args_has(args, RN_OPTION_HELP)
                   ? rn_watch_run(args, run_command)
                   : rn_console_finish(run_command(args));
    }
    rn_config_done(&config);
    return code;
}

int main(int argc, char **argv)
{
    struct rn_args args;
    if (!open_standard_streams()) {
        return RN_EXIT_SETUP;
    }
    if (!rn_args_parse(&args, argc, argv)) {
        return RN_EXIT_USAGE;
    }
    if (argc <= 1) {
        run_command(&args); // help, which is what no words stand for
        return rn_console_finish(RN_EXIT_USAGE);
    }
    return run_with_defaults(&args);
}
