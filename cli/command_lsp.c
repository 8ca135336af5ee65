/*
 * command_lsp.c: lsp: a language server on standard input and output.
 *
 * The loop waits for the editor, for the desks, and for the moment when something is due. It never waits in
 * a read or write: an editor that takes nothing is not read from once much waits for it.
 */
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/lsp/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 << 10)
/* What a pipe takes without waiting once it says that it takes something. */
#define WRITE_SIZE 4096u
#define LAST_WRITE_MS 2000

/* ---- In and out ---- */

static void end(struct rn_lsp_server *server, int code)
{
    server->code = code;
    server->state = RN_LSP_ENDED;
}

/* An editor that is gone needs no answers. In the middle of a message it was cut off. */
static void read_some(struct rn_lsp_server *server)
{
    char room[READ_SIZE];
    ssize_t got = read(STDIN_FILENO, room, sizeof room);
    if (got > 0) {
        rn_lsp_take_bytes(server, room, (size_t)got);
    } else if (got == 0) {
        bool whole = server->frames.at == server->frames.bytes.size && server->frames.skip == 0;
        if (!whole) {
            rn_console_complain("standard input ended in the middle of a message; an editor starts "
                                "this and writes messages with a `Content-Length`");
        }
        end(server, whole ? 0 : RN_EXIT_FAILED);
    } else if (errno != EINTR && errno != EAGAIN) {
        rn_console_complain("standard input: %s", strerror(errno));
        end(server, RN_EXIT_NO_INPUT);
    }
}

static size_t out_left(const struct rn_lsp_server *server)
{
    return server->out.size - server->out_at;
}

static void write_some(struct rn_lsp_server *server)
{
    size_t left = out_left(server);
    ssize_t wrote = write(STDOUT_FILENO, server->out.data + server->out_at,
                          left < WRITE_SIZE ? left : WRITE_SIZE);
    if (wrote < 0 && errno != EINTR && errno != EAGAIN) {
        rn_bytes_done(&server->out);
        server->out_at = 0;
        end(server, RN_EXIT_OUTPUT);
        return;
    }
    server->out_at += wrote > 0 ? (size_t)wrote : 0;
    if (out_left(server) == 0) {
        rn_bytes_done(&server->out);
        server->out_at = 0;
    } else if (server->out_at >=
               out_left(server)) { // an editor that is always behind costs no more than that
        (void)rn_bytes_splice(&server->out, 0, server->out_at, NULL, 0);
        server->out_at = 0;
    }
}

/* What was said last gets out, if anybody still takes it. */
static void write_rest(struct rn_lsp_server *server)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (out_left(server) > 0 && poll(&out, 1, LAST_WRITE_MS) > 0) {
        write_some(server);
    }
}

/* ---- The loop ---- */

static int wait_ms(uint64_t due_ns)
{
    uint64_t now = rn_lsp_now_ns();
    if (due_ns == UINT64_MAX) {
        return -1;
    }
    return due_ns <= now ? 0 : (int)((due_ns - now) / 1000000u + 1);
}

static void take_done(struct rn_lsp_server *server)
{
    uint64_t count;
    ssize_t got = read(server->done_fd, &count, sizeof count); // what it counts does not matter
    (void)got;
    rn_lsp_roots_take(server);
    rn_lsp_layouts_take(server);
}

static void turn(struct rn_lsp_server *server)
{
    bool has_room = out_left(server) < RN_LSP_OUT_MAX;
    struct pollfd fds[3] = {
        {.fd = has_room ? server->done_fd : -1, .events = POLLIN},
        {.fd = has_room ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = out_left(server) > 0 ? STDOUT_FILENO : -1, .events = POLLOUT},
    };
    if (poll(fds, 3, wait_ms(rn_lsp_roots_work(server))) < 0) {
        if (errno != EINTR) {
            rn_console_complain("poll: %s", strerror(errno));
            end(server, RN_EXIT_FAILED);
        }
        return;
    }
    if (fds[2].revents != 0) {
        write_some(server);
    }
    if (fds[1].revents != 0 && server->state != RN_LSP_ENDED) {
        read_some(server);
    }
    if (fds[0].revents != 0 && server->state != RN_LSP_ENDED) {
        take_done(server);
    }
    rn_lsp_parked_go(server);
}

static int serve(struct rn_session *session)
{
    struct rn_lsp_server server;
    if (!rn_lsp_server_init(&server, session)) {
        rn_console_complain("the server could not start: %s", strerror(errno));
        return RN_EXIT_SETUP;
    }
    while (server.state != RN_LSP_ENDED) {
        turn(&server);
    }
    write_rest(&server);
    int code = server.code;
    if (!rn_lsp_server_done(&server)) {
        _exit(code); // the compiler that still works ends with this process
    }
    return code;
}

int rn_command_lsp(struct rn_session *session)
{
    if (session->args->operand_count != 0) {
        return rn_command_misused(session);
    }
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE); // an editor that is gone is told by its pipe
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    return rn_session_start(session) ? serve(session) : session->code;
}
