/*
 * build_peer.c: starting and keeping compilers.
 *
 * Compilers have a domain of their own, away from the workers of every tenant.
 */
#include "supervisor/build_peer.h"

#include <errno.h>
#include <poll.h>

#include "base/alloc.h"
#include "bytecode/unit.h"
#include "shm/fd.h"
#include "shm/transport.h"
#include "supervisor/error.h"
#include "supervisor/supervisor.h"

/* Milliseconds to wait for the notice of an end. */
#define EXIT_WAIT_MS 500

void rn_compiler_free(struct rn_compiler *compiler)
{
    if (!compiler) {
        return;
    }
    if (compiler->child.pidfd >= 0) {
        rn_child_kill(&compiler->child);
        rn_fd_close(compiler->child.pidfd);
    }
    rn_fd_close(compiler->fd);
    rn_pool_domain_release(compiler->domain);
    rn_free(compiler);
}

static enum rn_error spawn(struct rn_compiler *compiler, struct rn_spawn_failure *out_failure)
{
    int fds[2];
    RN_TRY(rn_transport_pair(fds));
    compiler->fd = fds[0];
    RN_AUTO_FD int theirs = fds[1];
    struct rn_spawn_request request = {
        .role = RN_ROLE_COMPILER,
        .socket_fd = theirs,
        .segment_fds =
            {[RN_SEGMENT_CONTROL] = -1, [RN_SEGMENT_RING] = -1, [RN_SEGMENT_CONTEXT] = -1},
        .arena_size = RN_COMPILER_ARENA_SIZE,
        .cpu_seconds = 120,
    };
    return rn_zygote_spawn(compiler->domain->zygote, &request, &compiler->child, out_failure);
}

static enum rn_error wait_ready(struct rn_compiler *compiler)
{
    struct pollfd polled = {.fd = compiler->fd, .events = POLLIN};
    int ready;
    do {
        ready = poll(&polled, 1, RN_START_TIMEOUT_MS);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return ready == 0 ? RN_E_TIMED_OUT : RN_E_SYSTEM;
    }
    struct rn_wire_message wire = {.bytes = compiler->packet};
    struct rn_message message;
    RN_TRY(rn_transport_receive(compiler->fd, compiler->packet, RN_WAIT_NEVER, &wire.size));
    RN_TRY(rn_message_decode(wire, RN_FROM_COMPILER, &message));
    if (message.type != RN_MESSAGE_COMPILER_READY || message.sequence != 0) {
        return RN_E_MESSAGE_STATE;
    }
    compiler->sequence_in = 1;
    return message.as.COMPILER_READY.isa_digest == rn_isa_digest() ? RN_OK : RN_E_UNIT_VERSION;
}

/* Seen from outside, like every process behind the wall. */
static enum rn_error check_wall(struct rn_compiler *compiler, struct rn_spawn_failure *out_failure)
{
    const rune_supervisor *supervisor = compiler->domain->supervisor;
    struct rn_wall_report report;
    enum rn_layer missing;
    RN_TRY(rn_child_report(compiler->domain->zygote, &compiler->child, &report));
    rn_wall_report_merge(&report, rn_zygote_report(compiler->domain->zygote));
    uint64_t required = rn_policy_required(rn_supervisor_policy(supervisor));
    enum rn_error error = rn_wall_report_check(&report, required, &missing);
    if (error != RN_OK) {
        *out_failure =
            (struct rn_spawn_failure){.step = "layer", .has_layer = true, .layer = missing};
    }
    return error;
}

static void explain_end(struct rn_compiler *compiler, struct rn_spawn_failure *out_failure)
{
    struct rn_child_exit end;
    if (compiler->child.pidfd < 0) {
        rn_domain_collect(compiler->domain);
        return;
    }
    rn_child_kill(&compiler->child);
    if (rn_compiler_exit(compiler, &end)) {
        rn_start_explain(&end, out_failure);
    }
}

static rune_status start(rune_supervisor *supervisor, struct rn_compiler **out_compiler,
                         rune_error **error)
{
    struct rn_domain *domain;
    rune_status status = rn_pool_domain(supervisor, "", true, &domain, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct rn_compiler *compiler = rn_alloc(sizeof(*compiler));
    if (!compiler) {
        rn_pool_domain_release(domain);
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    compiler->domain = domain;
    compiler->fd = -1;
    compiler->child.pidfd = -1;
    struct rn_spawn_failure failure = {.step = "compiler"};
    enum rn_error failed = spawn(compiler, &failure);
    if (failed == RN_OK) {
        failure.step = "waiting for it";
        failed = wait_ready(compiler);
    }
    if (failed == RN_OK) {
        failure.step = "looking at it";
        failed = check_wall(compiler, &failure);
    }
    if (failed != RN_OK) {
        failure.error = failure.error == 0 && rn_start_has_errno(failed) ? errno : failure.error;
        explain_end(compiler, &failure);
        rn_compiler_free(compiler);
        return rn_fail_spawn(error, failed, &failure);
    }
    *out_compiler = compiler;
    return RUNE_OK;
}

/* The spare may have died meanwhile. */
static bool is_alive(const struct rn_compiler *compiler)
{
    struct pollfd polled = {.fd = compiler->child.pidfd, .events = POLLIN};
    return poll(&polled, 1, 0) == 0;
}

rune_status rn_compiler_take(rune_supervisor *supervisor, struct rn_compiler **out_compiler,
                             rune_error **error)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    struct rn_compiler *compiler = RN_TAKE(pool->compiler);
    bool closing = pool->closing;
    pool->stats.builds++;
    pool->must_work = true;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    if (closing) {
        rn_compiler_free(compiler);
        return rn_fail(error, RUNE_E_CLOSED, "the supervisor was closed");
    }
    if (compiler && is_alive(compiler)) {
        *out_compiler = compiler;
        return RUNE_OK;
    }
    rn_compiler_free(compiler);
    return start(supervisor, out_compiler, error);
}

bool rn_compiler_exit(struct rn_compiler *compiler, struct rn_child_exit *out_exit)
{
    struct pollfd polled = {.fd = compiler->child.pidfd, .events = POLLIN};
    if (poll(&polled, 1, EXIT_WAIT_MS) <= 0) {
        return false;
    }
    for (int waited_ms = 0; waited_ms < EXIT_WAIT_MS; waited_ms += 2) {
        if (rn_domain_find_end(compiler->domain, compiler->child.id, out_exit)) {
            return true;
        }
        if (rn_pool_domain_is_broken(compiler->domain)) {
            break;
        }
        struct pollfd notices = {.fd = rn_zygote_fd(compiler->domain->zygote), .events = POLLIN};
        (void)poll(&notices, 1, 2);
    }
    return false;
}

void rn_compilers_refill(rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    bool wanted = pool->stats.builds > 0 && !pool->compiler && !pool->ending && !pool->closing &&
                  supervisor->options.spares > 0;
    pthread_mutex_unlock(&pool->lock);
    struct rn_compiler *compiler = NULL;
    if (!wanted || start(supervisor, &compiler, NULL) != RUNE_OK) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    if (!pool->compiler) {
        pool->compiler = RN_TAKE(compiler);
    }
    pthread_mutex_unlock(&pool->lock);
    rn_compiler_free(compiler);
}

void rn_compilers_done(rune_supervisor *supervisor)
{
    rn_compiler_free(RN_TAKE(supervisor->pool.compiler));
}
