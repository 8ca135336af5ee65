/* interrupt.c: a thread that waits for signals. */
#include "cli/interrupt.h"

#include "cli/exit_codes.h"

#include <unistd.h>

static void *wait_for_signal(void *argument)
{
    struct rn_interrupt *interrupt = argument;
    int number;
    while (sigwait(&interrupt->signals, &number) == 0 && number != SIGUSR1) {
        if (interrupt->cancelled && interrupt->again_ends) {
            _exit(RN_EXIT_CANCELLED);
        }
        rune_cancel_token_cancel(interrupt->token);
        interrupt->number = number;
        interrupt->cancelled = true;
    }
    return NULL;
}

void rn_interrupt_begin(struct rn_interrupt *interrupt, rune_cancel_token *token, bool again_ends)
{
    *interrupt = (struct rn_interrupt){.token = token, .again_ends = again_ends};
    sigemptyset(&interrupt->signals);
    sigaddset(&interrupt->signals, SIGINT);
    sigaddset(&interrupt->signals, SIGTERM);
    sigaddset(&interrupt->signals, SIGHUP);
    sigaddset(&interrupt->signals, SIGUSR1); // our own, to end the thread
    pthread_sigmask(SIG_BLOCK, &interrupt->signals, &interrupt->old);
    interrupt->running = pthread_create(&interrupt->thread, NULL, wait_for_signal, interrupt) == 0;
}

void rn_interrupt_end(struct rn_interrupt *interrupt)
{
    if (interrupt->running) {
        pthread_kill(interrupt->thread, SIGUSR1);
        pthread_join(interrupt->thread, NULL);
    }
    pthread_sigmask(SIG_SETMASK, &interrupt->old, NULL);
}
