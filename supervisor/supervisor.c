/* supervisor.c: options, start, close, report, log. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "policy/cgroup.h"
#include "policy/look.h"
#include "policy/report.h"
#include "supervisor/call.h"
#include "supervisor/error.h"
#include "supervisor/journal_folder.h"
#include "supervisor/remote.h"
#include "supervisor/runner.h"
#include "supervisor/text.h"

#define LOG_LINE_MAX 1024u

/* Options */

rune_supervisor_options *rune_supervisor_options_new(void)
{
    rune_supervisor_options *options = rn_alloc(sizeof(*options));
    if (options) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        options->workers = processors > 0 ? (unsigned)processors : 1;
        options->spares = 1;
        options->policy = RUNE_POLICY_STRICT;
        options->isolation = RUNE_ISOLATION_SHARED;
        options->calls_per_worker = 256;
        rn_limits_init(&options->limits);
    }
    return options;
}

void rune_supervisor_options_set_workers(rune_supervisor_options *options, unsigned count)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options->workers = count > 0 ? count : processors > 0 ? (unsigned)processors : 1;
}

void rune_supervisor_options_set_spares(rune_supervisor_options *options, unsigned count)
{
    options->spares = count < RN_DOMAIN_PEERS_MAX / 2 ? count : RN_DOMAIN_PEERS_MAX / 2;
}

void rune_supervisor_options_set_policy(rune_supervisor_options *options, rune_policy policy)
{
    options->policy = policy;
}

void rune_supervisor_options_set_speculation(rune_supervisor_options *options,
                                             rune_speculation speculation)
{
    options->speculation = speculation;
}

void rune_supervisor_options_set_isolation(rune_supervisor_options *options,
                                           rune_isolation isolation)
{
    options->isolation = isolation;
}

rune_status rune_supervisor_options_set_limits(rune_supervisor_options *options,
                                               const rune_limits *limits)
{
    if (!options || !limits) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    options->limits = *limits;
    return RUNE_OK;
}

void rune_supervisor_options_set_calls_per_worker(rune_supervisor_options *options, unsigned count)
{
    options->calls_per_worker = count == 0 ? 1 : count < RN_SLOTS_MAX ? count : RN_SLOTS_MAX;
}

void rune_supervisor_options_set_external_loop(rune_supervisor_options *options, bool external)
{
    options->external_loop = external;
}

void rune_supervisor_options_set_ring(rune_supervisor_options *options, bool ring)
{
    options->no_ring = !ring;
}

void rune_supervisor_options_set_placement(rune_supervisor_options *options,
                                           rune_placement placement)
{
    options->placement = placement;
}

void rune_supervisor_options_set_diagnose(rune_supervisor_options *options, bool diagnose)
{
    options->diagnose = diagnose;
}

void rune_supervisor_options_set_profile(rune_supervisor_options *options, bool profile)
{
    options->profile = profile;
}

rune_status rune_supervisor_options_set_helpers(rune_supervisor_options *options,
                                                const char *directory)
{
    if (!options || !directory) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    char *copy = rn_strndup(directory, strlen(directory));
    if (!copy) {
        return RUNE_E_NO_MEMORY;
    }
    rn_free(options->helpers);
    options->helpers = copy;
    return RUNE_OK;
}

rune_status rune_supervisor_options_set_journal(rune_supervisor_options *options,
                                                const char *directory, unsigned files_max,
                                                uint64_t bytes_max)
{
    if (!options || !directory) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    char *copy = rn_strndup(directory, strlen(directory));
    if (!copy) {
        return RUNE_E_NO_MEMORY;
    }
    rn_free(options->journal);
    options->journal = copy;
    options->journal_files_max = files_max == 0                     ? RN_JOURNAL_FILES_DEFAULT
                                 : files_max < RN_JOURNAL_FILES_MAX ? files_max
                                                                    : RN_JOURNAL_FILES_MAX;
    options->journal_bytes_max = bytes_max == 0 ? RN_JOURNAL_FOLDER_BYTES_DEFAULT : bytes_max;
    return RUNE_OK;
}

void rune_supervisor_options_free(rune_supervisor_options *options)
{
    if (options) {
        rn_free(options->helpers);
        rn_free(options->journal);
        rn_free(options);
    }
}

/* Failures of starting processes */

bool rn_start_has_errno(enum rn_error failed)
{
    return failed == RN_E_SYSTEM || failed == RN_E_CLOSED || failed == RN_E_NOT_FOUND;
}

void rn_start_explain(const struct rn_child_exit *end, struct rn_spawn_failure *out_failure)
{
    if (!end->signalled && rn_wall_layer_of_exit(end->code, &out_failure->layer)) {
        out_failure->step = "layer";
        out_failure->has_layer = true;
    }
    out_failure->has_end = !end->signalled || end->code != SIGKILL; // that may have been ours
    out_failure->signalled = end->signalled;
    out_failure->code = end->code;
}

/* A limit of this process, which those that it starts inherit; false if there is none. */
static bool limit_of(__rlimit_resource_t resource, uint64_t *out_limit)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return false;
    }
    *out_limit = limit.rlim_cur;
    return true;
}

static void describe_memory(char *out_text, size_t size)
{
    uint64_t limit;
    if (limit_of(RLIMIT_AS, &limit)) {
        (void)snprintf(out_text, size,
                       "; it could not map its memory: the limit of this process's address space "
                       "(RLIMIT_AS), %" PRIu64 " bytes, is the limit of each that it starts",
                       limit);
    } else {
        (void)snprintf(out_text, size, "; it could not map its memory");
    }
}

/* How it ended, if it did by itself, or what limit of this process's own stood in the way. */
static void describe_end(const struct rn_spawn_failure *failure, char *out_text, size_t size)
{
    uint64_t limit;
    out_text[0] = 0;
    const char *name = sigabbrev_np(failure->code);
    if (failure->error == EMFILE && limit_of(RLIMIT_NOFILE, &limit)) {
        (void)snprintf(out_text, size, "; the limit is %" PRIu64 " (RLIMIT_NOFILE)", limit);
    } else if (failure->has_end && failure->signalled) {
        (void)snprintf(out_text, size, "; it died of SIG%s", name ? name : "?");
    } else if (failure->has_end && failure->code == RN_WALL_EXIT_MEMORY) {
        describe_memory(out_text, size);
    } else if (failure->has_end) {
        (void)snprintf(out_text, size, "; it ended with exit code %d", failure->code);
    }
}

rune_status rn_fail_spawn(rune_error **error, enum rn_error failed,
                          const struct rn_spawn_failure *failure)
{
    rune_status status = (rune_status)failed;
    if (failure->has_layer) {
        const struct rn_layer_info *layer = rn_layer_info(failure->layer);
        return rn_fail_reason(error, RUNE_E_WALL_REFUSED, RUNE_REASON_SETUP, layer->name,
                              "the wall lacks the layer %s; to have it: %s", layer->name,
                              layer->remedy);
    }
    const char *why = failure->error != 0 ? strerrordesc_np(failure->error) : NULL;
    // CLOSED would say that the supervisor was, and nobody would try again.
    if (failed == RN_E_CLOSED || failed == RN_E_NOT_FOUND) {
        status = RUNE_E_SETUP;
    }
    char end[200];
    describe_end(failure, end, sizeof(end));
    return rn_fail_reason(error, status, RUNE_REASON_SETUP, rune_status_name(status),
                          "a process could not be started (%s): %s%s", failure->step,
                          why ? why : rune_status_message(status), end);
}

/* Parts */

static enum rn_error make_cookie(rune_supervisor *supervisor)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return RN_E_SYSTEM;
    }
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        munmap(page, size);
        return RN_E_SYSTEM;
    }
    supervisor->fork_cookie = page;
    atomic_store(supervisor->fork_cookie, 1);
    return RN_OK;
}

bool rn_supervisor_is_forked(const rune_supervisor *supervisor)
{
    return atomic_load_explicit(supervisor->fork_cookie, memory_order_relaxed) == 0;
}

enum rn_policy rn_supervisor_policy(const rune_supervisor *supervisor)
{
    return supervisor->options.policy == RUNE_POLICY_STRICT ? RN_POLICY_STRICT
                                                            : RN_POLICY_BEST_EFFORT;
}

static rune_status fail_helpers(const rune_supervisor *supervisor, const char *worker,
                                rune_error **error)
{
    RN_AUTO_FREE char *searched = rn_helpers_searched(supervisor->options.helpers);
    return rn_fail_reason(
        error, RUNE_E_NOT_FOUND, RUNE_REASON_UNAVAILABLE, "helpers",
        "%s and runeward-compiler are not, or may not be executed, in %s; "
        "rune_supervisor_options_set_helpers, or --helpers of the command, names their folder",
        worker, searched ? searched : "any folder");
}

static const char *worker_name(const struct rune_supervisor_options *options)
{
    if (options->diagnose) {
        return "runeward-worker-diagnose";
    }
    return options->profile ? "runeward-worker-profile" : "runeward-worker";
}

static uint64_t layers_given_up(rune_speculation speculation)
{
    static const uint64_t given_up[] = {
        [RUNE_SPECULATION_RESTRICTED] = 0,
        [RUNE_SPECULATION_STORES] = RN_LAYER_BIT(RN_LAYER_STORE_SPECULATION),
        [RUNE_SPECULATION_FREE] = RN_LAYERS_TO_GIVE_UP,
    };
    return given_up[speculation];
}

static rune_status make_spawner(rune_supervisor *supervisor, rune_error **error)
{
    RN_AUTO_FREE char *worker = NULL;
    RN_AUTO_FREE char *compiler = NULL;
    const char *name = worker_name(&supervisor->options);
    if (rn_helpers_find(supervisor->options.helpers, name, &worker, &compiler) != RN_OK) {
        return fail_helpers(supervisor, name, error);
    }
    struct rn_spawner_options options = {
        .worker_path = worker,
        .compiler_path = compiler,
        .policy = rn_supervisor_policy(supervisor),
        .give_up = layers_given_up(supervisor->options.speculation),
    };
    struct rn_spawn_failure failure = {.step = "spawner"};
    enum rn_error failed = rn_spawner_new(&options, &supervisor->spawner, &failure);
    return failed == RN_OK ? RUNE_OK : rn_fail_spawn(error, failed, &failure);
}

/* The first worker, so that a wall that cannot be built is reported at once. */
static rune_status make_first_worker(rune_supervisor *supervisor, rune_error **error)
{
    struct rn_domain *domain;
    struct rn_peer *peer;
    rune_status status = rn_pool_domain(supervisor, "", false, &domain, error);
    if (status == RUNE_OK) {
        status = rn_peer_start(domain, &peer, error);
        rn_pool_domain_release(domain);
    }
    if (status == RUNE_OK) {
        pthread_mutex_lock(&supervisor->pool.lock);
        peer->place = RN_PLACE_SPARE;
        supervisor->pool.stats.workers_started++;
        pthread_mutex_unlock(&supervisor->pool.lock);
        rn_peer_unref(peer);
    }
    return status;
}

static rune_status open_journal(rune_supervisor *supervisor, rune_error **error)
{
    const rune_supervisor_options *options = &supervisor->options;
    struct rn_journal_bounds bounds = {options->journal_files_max, options->journal_bytes_max};
    return options->journal ? rn_journal_folder_open(options->journal, &bounds,
                                                     &supervisor->journal_folder, error)
                            : RUNE_OK;
}

/* For `failed` with an errno: which step it was. */
static rune_status fail_step(rune_error **error, enum rn_error failed, const char *step)
{
    return failed == RN_E_SYSTEM
               ? rn_fail(error, RUNE_E_SYSTEM, "a supervisor could not be started (%s): %s", step,
                         strerrordesc_np(errno))
               : rn_fail_plain(error, failed);
}

static rune_status start(rune_supervisor *supervisor, rune_error **error)
{
    if (sodium_init() < 0) {
        return rn_fail_plain(error, RN_E_INTERNAL);
    }
    rune_status status = open_journal(supervisor, error);
    if (status != RUNE_OK) {
        return status;
    }
    enum rn_error failed = make_cookie(supervisor);
    if (failed != RN_OK) {
        return fail_step(error, failed, "a page that forks do not copy");
    }
    failed = rn_clock_new(&supervisor->clock);
    if (failed != RN_OK) {
        return fail_step(error, failed, "the thread of deadlines");
    }
    status = make_spawner(supervisor, error);
    if (status == RUNE_OK) {
        status = make_first_worker(supervisor, error);
    }
    if (status == RUNE_OK) {
        failed = rn_pool_start(supervisor);
        status = failed == RN_OK ? RUNE_OK : fail_step(error, failed, "the thread of spares");
    }
    return status;
}

static void free_options(rune_supervisor *supervisor)
{
    rn_free(supervisor->options.helpers);
    rn_free(supervisor->options.journal);
}

/* One of which nothing runs. */
static void release(rune_supervisor *supervisor)
{
    if (supervisor->fork_cookie) {
        munmap(supervisor->fork_cookie, (size_t)sysconf(_SC_PAGESIZE));
    }
    pthread_mutex_destroy(&supervisor->runner_lock);
    pthread_mutex_destroy(&supervisor->log_lock);
    pthread_mutex_destroy(&supervisor->digest_lock);
    pthread_mutex_destroy(&supervisor->functions_lock);
    rn_execution_locks_done(supervisor->execution_locks);
    rn_journal_folder_free(supervisor->journal_folder);
    free_options(supervisor);
    rn_free(supervisor);
}

static void free_supervisor(rune_supervisor *supervisor)
{
    if (supervisor->fork_cookie && rn_supervisor_is_forked(supervisor)) {
        // The threads are not here, and the processes belong to the parent. What other threads were
        // changing at the fork may be half changed here, so that nothing is walked or freed; the
        // descriptors keep no process alive, and go with this one.
        return;
    }
    if (supervisor->remote) {
        rn_remote_free(supervisor->remote);
    } else {
        rn_pool_end_sweeps(supervisor); // which may have the runner send on
        rn_runner_free(supervisor->runner);
        rn_pool_done(supervisor);
        rn_clock_free(supervisor->clock);
        rn_spawner_free(supervisor->spawner);
    }
    release(supervisor);
}

/* A copy of the caller's, or NULL of NULL. */
static bool copy_text(const char *text, char **out_copy)
{
    *out_copy = text ? rn_strndup(text, strlen(text)) : NULL;
    return *out_copy || !text;
}

static enum rn_error copy_options(rune_supervisor *supervisor,
                                  const rune_supervisor_options *options)
{
    supervisor->options = *options;
    bool good = copy_text(options->helpers, &supervisor->options.helpers);
    return copy_text(options->journal, &supervisor->options.journal) && good ? RN_OK
                                                                             : RN_E_NO_MEMORY;
}

/* With options and locks; everything else is still to be started. */
static rune_supervisor *new_supervisor(const rune_supervisor_options *options)
{
    rune_supervisor_options *defaults = options ? NULL : rune_supervisor_options_new();
    rune_supervisor *supervisor = rn_alloc(sizeof(*supervisor));
    const rune_supervisor_options *chosen = options ? options : defaults;
    if (!supervisor || !chosen || copy_options(supervisor, chosen) != RN_OK) {
        rune_supervisor_options_free(defaults);
        if (supervisor) {
            free_options(supervisor);
        }
        rn_free(supervisor);
        return NULL;
    }
    rune_supervisor_options_free(defaults);
    atomic_init(&supervisor->refs, 1);
    atomic_init(&supervisor->oom_kills, rn_cgroup_oom_kills(getpid()));
    pthread_mutex_init(&supervisor->runner_lock, NULL);
    pthread_mutex_init(&supervisor->log_lock, NULL);
    pthread_mutex_init(&supervisor->digest_lock, NULL);
    pthread_mutex_init(&supervisor->functions_lock, NULL);
    rn_execution_locks_init(supervisor->execution_locks);
    return supervisor;
}

rune_status rn_isolation_check(rune_isolation isolation, rune_error **error)
{
    return (unsigned)isolation <= RUNE_ISOLATION_CALL
               ? RUNE_OK
               : rn_fail(error, RUNE_E_INVALID_ARGUMENT, "there is no isolation %d",
                         (int)isolation);
}

/* Values that no enum has. */
static rune_status check_options(const rune_supervisor_options *options, rune_error **error)
{
    if (!options) {
        return RUNE_OK;
    }
    if ((unsigned)options->policy > RUNE_POLICY_BEST_EFFORT) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "there is no policy %d",
                       (int)options->policy);
    }
    if ((unsigned)options->speculation > RUNE_SPECULATION_FREE) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "there is no speculation %d",
                       (int)options->speculation);
    }
    if ((unsigned)options->placement > RUNE_PLACEMENT_CALLER) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "there is no placement %d",
                       (int)options->placement);
    }
    if (options->diagnose && options->profile) {
        return rn_fail(
            error, RUNE_E_INVALID_ARGUMENT,
            "a supervisor diagnoses or profiles, with different workers: make one for each");
    }
    return rn_isolation_check(options->isolation, error);
}

rune_status rune_supervisor_new(const rune_supervisor_options *options,
                                rune_supervisor **out_supervisor, rune_error **error)
{
    rune_status known = check_options(options, error);
    if (known != RUNE_OK) {
        return known;
    }
    rune_supervisor *supervisor = new_supervisor(options);
    if (!supervisor) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    if (rn_pool_init(&supervisor->pool) != RN_OK) {
        release(supervisor);
        return rn_fail_plain(error, RN_E_SYSTEM);
    }
    rune_status status = start(supervisor, error);
    if (status != RUNE_OK) {
        free_supervisor(supervisor);
        return status;
    }
    *out_supervisor = supervisor;
    return RUNE_OK;
}

rune_status rune_supervisor_connect(const char *path, const rune_supervisor_options *options,
                                    rune_supervisor **out_supervisor, rune_error **error)
{
    if (!path) {
        return rn_fail_null(error, "path");
    }
    rune_supervisor *supervisor = new_supervisor(options);
    struct rn_remote *remote = NULL;
    if (!supervisor) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    enum rn_error failed = sodium_init() < 0 ? RN_E_INTERNAL : make_cookie(supervisor);
    rune_status status = failed == RN_OK ? (rune_status)rn_remote_new(path, &remote, error)
                                         : rn_fail_plain(error, failed);
    if (status != RUNE_OK) {
        release(supervisor);
        return status;
    }
    supervisor->options.external_loop = false; // there is nothing that a host could drive
    supervisor->remote = remote;
    *out_supervisor = supervisor;
    return RUNE_OK;
}

bool rn_supervisor_oom_killed(rune_supervisor *supervisor)
{
    uint64_t kills = rn_cgroup_oom_kills(getpid());
    return atomic_exchange(&supervisor->oom_kills, kills) != kills;
}

void rn_supervisor_ref(rune_supervisor *supervisor)
{
    atomic_fetch_add_explicit(&supervisor->refs, 1, memory_order_relaxed);
}

void rune_supervisor_free(rune_supervisor *supervisor)
{
    if (supervisor && atomic_fetch_sub_explicit(&supervisor->refs, 1, memory_order_acq_rel) == 1) {
        free_supervisor(supervisor);
    }
}

struct rn_runner *rn_supervisor_runner(rune_supervisor *supervisor)
{
    struct rn_runner *runner = atomic_load(&supervisor->runner);
    if (runner) {
        return runner;
    }
    pthread_mutex_lock(&supervisor->runner_lock);
    runner = atomic_load(&supervisor->runner);
    if (!runner && rn_runner_new(supervisor, &runner) == RN_OK) {
        atomic_store(&supervisor->runner, runner);
    }
    pthread_mutex_unlock(&supervisor->runner_lock);
    return runner;
}

struct rn_runner *rn_supervisor_external_runner(rune_supervisor *supervisor)
{
    return supervisor->options.external_loop ? rn_supervisor_runner(supervisor) : NULL;
}

/* The open image is what every compiler executes, whatever is at its path by now. */
static enum rn_error digest_compiler(rune_supervisor *supervisor)
{
    uint8_t part[16384];
    crypto_generichash_state state;
    int fd = rn_spawner_compiler_fd(supervisor->spawner);
    ssize_t got;
    crypto_generichash_init(&state, NULL, 0, sizeof(supervisor->compiler_digest));
    for (off_t at = 0; (got = pread(fd, part, sizeof(part), at)) > 0; at += got) {
        crypto_generichash_update(&state, part, (size_t)got);
    }
    crypto_generichash_final(&state, supervisor->compiler_digest,
                             sizeof(supervisor->compiler_digest));
    return got == 0 ? RN_OK : RN_E_SYSTEM;
}

enum rn_error rn_supervisor_compiler_digest(rune_supervisor *supervisor, uint8_t out_digest[32])
{
    pthread_mutex_lock(&supervisor->digest_lock);
    enum rn_error error = RN_OK;
    if (!supervisor->has_compiler_digest) {
        error = digest_compiler(supervisor);
        supervisor->has_compiler_digest = error == RN_OK;
    }
    memcpy(out_digest, supervisor->compiler_digest, sizeof(supervisor->compiler_digest));
    pthread_mutex_unlock(&supervisor->digest_lock);
    return error;
}

/* Close */

/* Asks every call of a peer to end. */
static void cancel_calls(struct rn_peer *peer)
{
    bool more = true;
    for (uint32_t i = 0; more; i++) {
        pthread_mutex_lock(&peer->lock);
        struct rn_call *call = rn_slots_at(&peer->slots, i);
        call = call ? rn_call_ref(call) : NULL;
        more = i < peer->slots.used;
        pthread_mutex_unlock(&peer->lock);
        if (call) {
            rn_call_stop(call, RN_REASON_CANCELLED);
            rn_call_unref(call);
        }
    }
}

/* C6: what is in no table yet finds out itself. */
static void cancel_all(rune_supervisor *supervisor)
{
    struct rn_peer *peer;
    atomic_store(&supervisor->pool.cancelling, true);
    for (uint64_t serial = 0; (peer = rn_pool_next(supervisor, serial)) != NULL;) {
        serial = peer->serial;
        cancel_calls(peer);
        rn_peer_unref(peer);
    }
}

/* Under the pool's lock, up to a tenth of a second. With an external loop, whoever waits drives it. */
static void wait_change(rune_supervisor *supervisor, uint64_t until_ns)
{
    struct rn_pool *pool = &supervisor->pool;
    if (supervisor->options.external_loop) {
        pthread_mutex_unlock(&pool->lock);
        struct rn_runner *runner = rn_supervisor_runner(supervisor);
        if (!runner || !rn_runner_turn(runner, RN_RUNNER_EVENTS_MAX, 1)) {
            (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        pthread_mutex_lock(&pool->lock);
        return;
    }
    uint64_t step = rn_after_ns(rn_now_ns(), 100000000u);
    rn_cond_wait_until(&pool->changed, &pool->lock, until_ns < step ? until_ns : step);
}

static bool has_calls(const struct rn_pool *pool)
{
    return pool->calls_now > 0 || pool->moving > 0;
}

/* True once no call runs. */
static bool wait_idle(rune_supervisor *supervisor, uint64_t until_ns)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    while (has_calls(pool) && rn_now_ns() < until_ns) {
        wait_change(supervisor, until_ns);
    }
    bool idle = !has_calls(pool);
    pthread_mutex_unlock(&pool->lock);
    return idle;
}

bool rn_supervisor_in_callback(rune_supervisor *supervisor)
{
    if (supervisor->remote) {
        return rn_remote_in_callback(supervisor->remote);
    }
    struct rn_runner *runner = atomic_load(&supervisor->runner);
    return runner && rn_runner_is_here(runner);
}

rune_status rune_supervisor_close(rune_supervisor *supervisor, uint64_t deadline_ns)
{
    if (rn_supervisor_is_forked(supervisor)) {
        return RUNE_E_FORKED;
    }
    if (rn_supervisor_in_callback(supervisor)) {
        return RUNE_E_BUSY;
    }
    if (supervisor->remote) {
        return rn_remote_close(supervisor->remote, deadline_ns);
    }
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    if (wait_idle(supervisor, rn_after_ns(rn_now_ns(), deadline_ns))) {
        return RUNE_OK;
    }
    cancel_all(supervisor);
    (void)wait_idle(supervisor, rn_after_ns(rn_now_ns(), 20 * RN_GRACE_NS));
    return RUNE_E_TIMED_OUT;
}

/* External loop */

int rune_supervisor_fd(rune_supervisor *supervisor)
{
    struct rn_runner *runner = rn_supervisor_external_runner(supervisor);
    return runner ? rn_runner_fd(runner) : -1;
}

uint64_t rune_supervisor_next_timeout_ns(rune_supervisor *supervisor)
{
    struct rn_runner *runner = rn_supervisor_external_runner(supervisor);
    return runner ? rn_runner_timeout_ns(runner) : UINT64_MAX;
}

rune_status rune_supervisor_dispatch(rune_supervisor *supervisor, unsigned max)
{
    if (rn_supervisor_is_forked(supervisor)) {
        return RUNE_E_FORKED;
    }
    struct rn_runner *runner = rn_supervisor_external_runner(supervisor);
    if (!runner) {
        return supervisor->options.external_loop ? RUNE_E_SYSTEM : RUNE_E_UNSUPPORTED;
    }
    int events = max == 0 || max > RN_RUNNER_EVENTS_MAX ? RN_RUNNER_EVENTS_MAX : (int)max;
    return rn_runner_turn(runner, events, 0) ? RUNE_OK : RUNE_E_BUSY;
}

/* Looking in */

void rune_supervisor_stats(rune_supervisor *supervisor, rune_stats *out_stats)
{
    struct rn_pool *pool = &supervisor->pool;
    if (supervisor->remote) {
        *out_stats = (rune_stats){.calls = 0};
        (void)!rn_remote_stats(supervisor->remote, out_stats);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    *out_stats = pool->stats;
    out_stats->calls_now = pool->calls_now;
    for (struct rn_domain *domain = pool->domains; domain; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            out_stats->workers_now++;
            out_stats->spares_now += peer->place == RN_PLACE_SPARE;
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Looks at a fresh worker of the domain from outside. */
static rune_status look_at_worker(struct rn_domain *domain, struct rn_wall_report *out_report,
                                  rune_error **error)
{
    struct rn_peer *peer;
    rune_status status = rn_peer_start(domain, &peer, error);
    if (status != RUNE_OK) {
        return status;
    }
    enum rn_error failed = rn_child_report(domain->zygote, &peer->child, out_report);
    if (failed == RN_OK) {
        rn_wall_believe(out_report, peer->layers_said);
    }
    rn_peer_retire(peer);
    rn_peer_unref(peer);
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    return RUNE_OK;
}

rune_status rune_supervisor_report(rune_supervisor *supervisor, rune_text **out_text,
                                   rune_error **error)
{
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (supervisor->remote) {
        return rune_connect_query(supervisor, RUNE_QUERY_WALL, out_text, error);
    }
    struct rn_domain *domain;
    struct rn_wall_report report;
    rune_status status = rn_pool_domain(supervisor, "", false, &domain, error);
    if (status != RUNE_OK) {
        return status;
    }
    status = look_at_worker(domain, &report, error);
    rn_pool_domain_release(domain);
    if (status != RUNE_OK) {
        return status;
    }
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, 1u << 20);
    rn_wall_report_to_json(&report, rn_supervisor_policy(supervisor), 0, &out);
    status = rn_text_take(&out, out_text);
    return status == RUNE_OK ? RUNE_OK : rn_fail_plain(error, (enum rn_error)status);
}

void rune_supervisor_set_log(rune_supervisor *supervisor, rune_log_fn fn, void *user)
{
    pthread_mutex_lock(&supervisor->log_lock);
    supervisor->log = fn;
    supervisor->log_user = user;
    pthread_mutex_unlock(&supervisor->log_lock);
}

void rn_supervisor_log(rune_supervisor *supervisor, int level, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    pthread_mutex_lock(&supervisor->log_lock);
    if (supervisor->log) {
        supervisor->log(supervisor->log_user, level, line);
    }
    pthread_mutex_unlock(&supervisor->log_lock);
}
