/* exit_codes.h: the ends of the command that are no end of a call; those come from rune_reason_exit_code. */
#ifndef RN_CLI_EXIT_CODES_H
#define RN_CLI_EXIT_CODES_H

enum {
    RN_EXIT_FAILED = 1,      /* a failing test, a file that is not formatted */
    RN_EXIT_USAGE = 64,      /* options or operands that do not fit */
    RN_EXIT_NO_INPUT = 66,   /* a file that is not there, or cannot be read */
    RN_EXIT_SETUP = 71,      /* the system refused what the command needs */
    RN_EXIT_OUTPUT = 74,     /* what was to be written did not get out whole */
    RN_EXIT_CONFIG = 78,     /* what stands in the file of --config */
    RN_EXIT_DIVERGED = 76,   /* a call that is run again did something else */
    RN_EXIT_CANCELLED = 130, /* Ctrl-C */
};

#endif
