/*
 * desk.h: one thread that does one thing at a time for another one.
 *
 *      REST ── give ──► ASKED ──► (works) ──► DONE ── take ──► REST
 *
 * Between give and take what the work is about is the thread's alone.
 */
#ifndef RN_CLI_LSP_DESK_H
#define RN_CLI_LSP_DESK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum rn_lsp_desk_state {
    RN_LSP_DESK_REST,
    RN_LSP_DESK_ASKED,
    RN_LSP_DESK_DONE,
};

struct rn_lsp_desk {
    void (*work)(void *user);
    void *user;
    int done_fd; /* borrowed: an eventfd that says that something is done */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* to the thread: asked, ending; from it: done */
    enum rn_lsp_desk_state state;
    bool ending;
    bool started;
};

/* False: there is no thread; then nothing is to be ended. */
bool rn_lsp_desk_init(struct rn_lsp_desk *desk, void (*work)(void *user), void *user, int done_fd);
bool rn_lsp_desk_rests(struct rn_lsp_desk *desk);
/* The desk rests. */
void rn_lsp_desk_give(struct rn_lsp_desk *desk);
/* True: what was given is done, and the desk rests. */
bool rn_lsp_desk_take(struct rn_lsp_desk *desk);
/* Ends the thread. False: it has not come to an end in that time, and goes on. */
bool rn_lsp_desk_done(struct rn_lsp_desk *desk, uint64_t wait_ns);

#endif
