/*
 * interrupt.h: Ctrl-C cancels what runs: a thread waits for the signal and uses the token. SIGTERM and SIGHUP do the same.
 */
#ifndef RN_CLI_INTERRUPT_H
#define RN_CLI_INTERRUPT_H

#include <runeward/runeward.h>

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct rn_interrupt {
    rune_cancel_token *token; /* borrowed */
    sigset_t signals;
    sigset_t old;
    pthread_t thread;
    bool running;
    bool again_ends; /* a second one ends the command at once */
    bool cancelled;
    int number; /* the last signal that came */
};

/* Until the end signals go nowhere else. */
void rn_interrupt_begin(struct rn_interrupt *interrupt, rune_cancel_token *token, bool again_ends);
void rn_interrupt_end(struct rn_interrupt *interrupt);

#endif
