/* vm.c: Vms, the options of calls, and the synchronous call. */
#include "supervisor/vm.h"

#include <sched.h>
#include <string.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "shm/message.h"
#include "supervisor/call.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/globals.h"
#include "supervisor/host_call.h"
#include "supervisor/record.h"
#include "supervisor/remote.h"
#include "supervisor/supervisor.h"
#include "supervisor/timeline.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"

/* Exports that fill a page: with more, a worker is told where to look. */
#define EXPORTS_WITHOUT_HINT 256u
/* A Unit that got so many workers killed is moved to workers of its own. */
#define KILLS_MAX 2u
/* Calls that Vms of one supervisor keep the storage of. */
#define SPARE_CALLS_MAX 1024u

/* Options */

rune_vm_options *rune_vm_options_new(void)
{
    rune_vm_options *options = rn_alloc(sizeof(*options));
    if (options) {
        rn_limits_init(&options->limits);
    }
    return options;
}

rune_status rune_vm_options_set_domain(rune_vm_options *options, const char *domain)
{
    if (!options || !domain) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    size_t size = strlen(domain);
    if (size > RN_DOMAIN_NAME_MAX) {
        return RUNE_E_TOO_LARGE;
    }
    memcpy(options->domain, domain, size + 1);
    return RUNE_OK;
}

void rune_vm_options_set_isolation(rune_vm_options *options, rune_isolation isolation)
{
    options->has_isolation = true;
    options->isolation = isolation;
}

rune_status rune_vm_options_set_limits(rune_vm_options *options, const rune_limits *limits)
{
    if (!options || !limits) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    options->limits = *limits;
    return RUNE_OK;
}

void rune_vm_options_set_user(rune_vm_options *options, void *user)
{
    options->user = user;
}

void rune_vm_options_free(rune_vm_options *options)
{
    rn_free(options);
}

rune_call_options *rune_call_options_new(void)
{
    rune_call_options *options = rn_alloc(sizeof(*options));
    if (options) {
        rn_limits_init(&options->limits);
        options->replay = true;
    }
    return options;
}

rune_status rune_call_options_set_limits(rune_call_options *options, const rune_limits *limits)
{
    if (!options || !limits) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    options->limits = *limits;
    return RUNE_OK;
}

void rune_call_options_set_seed(rune_call_options *options, uint64_t seed)
{
    options->seed = seed;
}

void rune_call_options_set_clock(rune_call_options *options, bool granted)
{
    options->clock = granted;
}

void rune_call_options_set_cancel_token(rune_call_options *options, rune_cancel_token *token)
{
    rune_cancel_token *old = options->token;
    options->token = rune_cancel_token_ref(token);
    rune_cancel_token_unref(old);
}

void rune_call_options_set_output(rune_call_options *options, rune_output_fn fn, void *user)
{
    options->output = fn;
    options->output_user = user;
}

void rune_call_options_set_parent(rune_call_options *options, const rune_host_call *parent)
{
    options->parent = parent;
}

void rune_call_options_set_wait(rune_call_options *options, bool wait)
{
    options->wait = wait;
}

void rune_call_options_set_replay(rune_call_options *options, bool wanted)
{
    options->replay = wanted;
}

void rune_call_options_set_journal(rune_call_options *options, bool kept)
{
    options->journal = kept;
}

void rune_call_options_free(rune_call_options *options)
{
    if (options) {
        rune_cancel_token_unref(options->token);
        rn_free(options);
    }
}

/* Vms */

rune_status rune_vm_new(rune_supervisor *supervisor, rune_runtime *runtime, rune_unit *unit,
                        const rune_vm_options *options, rune_vm **out_vm, rune_error **error)
{
    if (!supervisor || !unit) {
        return rn_fail_null(error, supervisor ? "unit" : "supervisor");
    }
    if (options && options->has_isolation &&
        rn_isolation_check(options->isolation, error) != RUNE_OK) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (supervisor->remote) {
        return rn_remote_vm_new(supervisor,
                                (struct rn_remote_script){.unit = unit, .runtime = runtime},
                                options, out_vm, error);
    }
    if (rn_pool_is_closing(supervisor)) {
        return rn_fail(error, RUNE_E_CLOSED, "the supervisor was closed");
    }
    if (supervisor->options.diagnose && !(options && options->for_replay)) {
        return rn_fail(error, RUNE_E_UNSUPPORTED, "a supervisor that diagnoses runs replays only");
    }
    struct rn_domain *domain = NULL;
    rune_status status =
        rn_pool_domain(supervisor, options ? options->domain : "", false, &domain, error);
    if (status != RUNE_OK) {
        return status;
    }
    rune_vm *vm = rn_alloc(sizeof(*vm));
    if (!vm) {
        rn_pool_domain_release(domain);
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    atomic_init(&vm->refs, 1);
    rn_supervisor_ref(supervisor);
    vm->supervisor = supervisor;
    vm->runtime = rune_runtime_ref(runtime);
    vm->unit = rune_unit_ref(unit);
    vm->domain = domain;
    vm->serial = atomic_fetch_add(&supervisor->next_serial, 1) + 1;
    vm->isolation =
        options && options->has_isolation ? options->isolation : supervisor->options.isolation;
    rn_limits_init(&vm->limits);
    if (options) {
        vm->limits = options->limits;
        vm->user = options->user;
    }
    *out_vm = vm;
    return RUNE_OK;
}

rune_status rn_vm_claim(rune_vm *vm, rune_error **error)
{
    if (!vm) {
        return rn_fail_null(error, "vm");
    }
    if (rn_supervisor_is_forked(vm->supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    uint32_t state = RN_VM_FREE;
    while (!atomic_compare_exchange_strong(&vm->busy, &state,
                                           RN_VM_CLAIMED | (state & RN_VM_DROPPED))) {
        uint32_t who = state & ~(uint32_t)RN_VM_DROPPED;
        if (who == RN_VM_CLAIMED) {
            return rn_fail(error, RUNE_E_BUSY, "a call of this Vm runs already");
        }
        if (who == RN_VM_TIDIED) {
            // No call runs: another thread is about to be done with a function that it dropped.
            state = RN_VM_FREE;
            (void)sched_yield();
        }
    }
    return RUNE_OK;
}

/* Gives up what the worker keeps for it. */
static void leave_home(rune_vm *vm)
{
    if (vm->home) {
        pthread_mutex_lock(&vm->home->lock);
        rn_peer_drop_vm(vm->home, vm->handle, vm->unit, vm->runtime);
        pthread_mutex_unlock(&vm->home->lock);
        rn_peer_unref(vm->home);
        rn_pool_tell_room(vm->supervisor);
    }
    vm->home = NULL;
    vm->handle = 0;
    vm->lost = false;
}

static void lock_functions(const rune_vm *vm)
{
    pthread_mutex_lock(&vm->supervisor->functions_lock);
}

static void unlock_functions(const rune_vm *vm)
{
    pthread_mutex_unlock(&vm->supervisor->functions_lock);
}

void rn_vm_forget_functions(rune_vm *vm)
{
    lock_functions(vm);
    vm->epoch++;
    rn_free(RN_TAKE(vm->functions));
    (void)atomic_fetch_and(&vm->busy, ~(uint32_t)RN_VM_DROPPED);
    unlock_functions(vm);
}

/* Gives up the Globals and functions, wherever they are. */
static void forget(rune_vm *vm)
{
    leave_home(vm);
    rune_globals_free(RN_TAKE(vm->pending));
    rn_vm_forget_functions(vm);
}

/* Functions */

/* The lowest number that is free, taken; 0: none is. */
static uint32_t take_number(struct rn_vm_functions *functions)
{
    for (uint32_t i = 0; i < RN_VM_FUNCTIONS_MAX; i++) {
        if (!(functions->kept[i / 64] >> (i % 64) & 1)) {
            functions->kept[i / 64] |= UINT64_C(1) << (i % 64);
            functions->count++;
            return i + 1;
        }
    }
    return 0;
}

rune_status rn_vm_keep(rune_vm *vm, struct rn_kept *out_kept, rune_error **error)
{
    if (vm->isolation == RUNE_ISOLATION_CALL) {
        return rn_fail(error, RUNE_E_UNSUPPORTED,
                       "a Vm with a worker for each call keeps no functions");
    }
    lock_functions(vm);
    if (!vm->functions) {
        vm->functions = rn_alloc(sizeof(*vm->functions));
    }
    bool has_memory = vm->functions != NULL;
    struct rn_kept kept = {has_memory ? take_number(vm->functions) : 0, vm->epoch};
    unlock_functions(vm);
    if (!has_memory) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    if (kept.number == 0) {
        return rn_fail(error, RUNE_E_OVERLOADED, "the Vm keeps %u functions already",
                       RN_VM_FUNCTIONS_MAX);
    }
    *out_kept = kept;
    return RUNE_OK;
}

/* Under the lock: the worker keeps a function of number `i` + 1, be it that it is to forget it. */
static bool is_kept(const rune_vm *vm, uint32_t i)
{
    return vm->functions && i < RN_VM_FUNCTIONS_MAX &&
           (vm->functions->kept[i / 64] >> (i % 64) & 1) != 0;
}

rune_status rn_vm_find_kept(rune_vm *vm, struct rn_kept_name name, struct rn_kept *out_kept,
                            rune_error **error)
{
    uint32_t i = name.number - 1; // of none it is larger than any
    lock_functions(vm);
    bool stale = name.epoch != vm->epoch;
    bool there = is_kept(vm, i) && !(vm->functions->dropped[i / 64] >> (i % 64) & 1);
    unlock_functions(vm);
    if (stale) {
        return rn_fail(error, RUNE_E_STALE, "the Vm that kept this function was reset");
    }
    if (!there) {
        return rn_fail_reason(error, RUNE_E_NOT_FOUND, RUNE_REASON_USAGE, "no_function",
                              "the Vm keeps no such function");
    }
    *out_kept = (struct rn_kept){name.number, name.epoch};
    return RUNE_OK;
}

uint32_t rn_vm_kept_count(rune_vm *vm)
{
    lock_functions(vm);
    uint32_t count = vm->functions ? vm->functions->count : 0;
    unlock_functions(vm);
    return count;
}

/* Under the lock. Whoever drops may come twice, and for one that went with a call that should have kept it. */
static bool mark_dropped(rune_vm *vm, const struct rn_kept *kept)
{
    uint32_t i = kept->number - 1;
    bool there = vm->epoch == kept->epoch && is_kept(vm, i);
    if (there) {
        vm->functions->dropped[i / 64] |= UINT64_C(1) << (i % 64);
        (void)atomic_fetch_or(&vm->busy, RN_VM_DROPPED);
    }
    return there;
}

rune_status rn_vm_fail_unkept(const rune_vm *vm, rune_error **error)
{
    return vm->lost ? rn_fail_plain(error, RN_E_VM_LOST)
                    : rn_fail(error, RUNE_E_OVERLOADED, "the worker cannot keep any more Vms");
}

void rn_vm_unkeep(rune_vm *vm, const struct rn_kept *kept)
{
    lock_functions(vm);
    (void)mark_dropped(vm, kept);
    unlock_functions(vm);
}

/* Of a claimed Vm: the next function that is to go; 0: none. */
static uint32_t take_dropped(rune_vm *vm)
{
    uint32_t number = 0;
    lock_functions(vm);
    struct rn_vm_functions *functions = vm->functions;
    for (uint32_t word = 0; functions && word < RN_VM_FUNCTIONS_MAX / 64; word++) {
        if (functions->dropped[word] != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(functions->dropped[word]);
            RN_CHECK(functions->count > 0 && (functions->kept[word] >> bit & 1));
            functions->dropped[word] &= ~(UINT64_C(1) << bit);
            functions->kept[word] &= ~(UINT64_C(1) << bit);
            functions->count--;
            number = word * 64 + bit + 1;
            break;
        }
    }
    unlock_functions(vm);
    return number;
}

/* A Vm that keeps nothing any more is not bound to its worker either. */
static void drop_functions(rune_vm *vm)
{
    uint32_t number = take_dropped(vm);
    if (number == 0) {
        return;
    }
    for (; number != 0; number = take_dropped(vm)) {
        if (vm->home) {
            pthread_mutex_lock(&vm->home->lock);
            rn_peer_drop_function(vm->home, vm->handle, number);
            pthread_mutex_unlock(&vm->home->lock);
        }
    }
    if (rn_vm_kept_count(vm) == 0 && (vm->home || vm->lost) &&
        vm->unit->unit.counts[RN_SECTION_STATICS] == 0) {
        leave_home(vm);
    }
}

/* What was dropped meanwhile, by threads that found the Vm taken, goes first. */
static void give_back(rune_vm *vm, uint32_t who)
{
    uint32_t state = who;
    while (!atomic_compare_exchange_strong(&vm->busy, &state, RN_VM_FREE)) {
        RN_ASSERT(state == (who | RN_VM_DROPPED));
        (void)atomic_fetch_and(&vm->busy, ~(uint32_t)RN_VM_DROPPED);
        drop_functions(vm);
        state = who;
    }
}

/* Gives up what was dropped, unless somebody has the Vm, who will. */
static void tidy(rune_vm *vm)
{
    uint32_t state = RN_VM_FREE | RN_VM_DROPPED;
    if (atomic_compare_exchange_strong(&vm->busy, &state, RN_VM_TIDIED | RN_VM_DROPPED)) {
        give_back(vm, RN_VM_TIDIED);
    }
}

void rn_vm_release(rune_vm *vm)
{
    give_back(vm, RN_VM_CLAIMED);
}

void rn_vm_drop_function(rune_vm *vm, const struct rn_kept *kept)
{
    if (rn_supervisor_is_forked(vm->supervisor)) {
        return;
    }
    lock_functions(vm);
    bool there = mark_dropped(vm, kept);
    unlock_functions(vm);
    if (there) {
        tidy(vm);
    }
}

/* The storage of its last call; NULL: none. */
static struct rn_call *take_spare(rune_vm *vm)
{
    struct rn_call *spare = RN_TAKE(vm->spare);
    if (spare) {
        atomic_fetch_sub(&vm->supervisor->spare_calls, 1);
    }
    return spare;
}

rune_status rune_vm_reset(rune_vm *vm)
{
    rune_status status = rn_vm_claim(vm, NULL);
    if (status == RUNE_OK && vm->supervisor->remote) {
        status = rn_remote_vm_reset(vm); // which forgets what is pending
        rn_vm_release(vm);
    } else if (status == RUNE_OK) {
        forget(vm);
        rn_vm_release(vm);
    }
    return status;
}

rune_status rune_vm_set_unit(rune_vm *vm, rune_unit *unit)
{
    rune_status status = unit ? rn_vm_claim(vm, NULL) : RUNE_E_INVALID_ARGUMENT;
    if (status == RUNE_OK && vm->unit == unit) {
        rn_vm_release(vm); // nothing changes, its Globals included
    } else if (status == RUNE_OK && vm->supervisor->remote) {
        status = rn_remote_vm_set(vm, unit, vm->runtime);
        rn_vm_release(vm);
    } else if (status == RUNE_OK) {
        forget(vm);
        rune_unit *old = vm->unit;
        rn_call_unref(take_spare(vm)); // which holds the old one
        vm->unit = rune_unit_ref(unit);
        rune_unit_unref(old);
        rn_vm_release(vm);
    }
    return status;
}

rune_status rune_vm_set_runtime(rune_vm *vm, rune_runtime *runtime)
{
    rune_status status = rn_vm_claim(vm, NULL);
    if (status == RUNE_OK && vm->runtime == runtime) {
        rn_vm_release(vm);
    } else if (status == RUNE_OK && vm->supervisor->remote) {
        status = rn_remote_vm_set(vm, vm->unit, runtime);
        rn_vm_release(vm);
    } else if (status == RUNE_OK) {
        forget(vm);
        rune_runtime *old = vm->runtime;
        rn_call_unref(take_spare(vm));
        vm->runtime = rune_runtime_ref(runtime);
        rune_runtime_unref(old);
        rn_vm_release(vm);
    }
    return status;
}

rune_vm *rn_vm_ref(rune_vm *vm)
{
    atomic_fetch_add_explicit(&vm->refs, 1, memory_order_relaxed);
    return vm;
}

void rn_vm_unref(rune_vm *vm)
{
    if (!vm || rn_supervisor_is_forked(vm->supervisor) ||
        atomic_fetch_sub_explicit(&vm->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    rune_supervisor *supervisor = vm->supervisor;
    RN_ASSERT(!atomic_load(&vm->busy)); // a thread calls what another frees
    if (supervisor->remote) {
        rn_remote_vm_free(vm);
        return;
    }
    forget(vm);
    rn_call_unref(take_spare(vm));
    if (vm->isolation == RUNE_ISOLATION_VM) {
        rn_pool_retire_key(supervisor, vm->serial);
    }
    rn_pool_domain_release(vm->domain);
    rune_unit_unref(vm->unit);
    rune_runtime_unref(vm->runtime);
    rn_free(vm);
    rune_supervisor_free(supervisor);
}

void rune_vm_free(rune_vm *vm)
{
    rn_vm_unref(vm);
}

/* By content: an address may be another Unit's by the time that the worker is chosen again. */
static uint64_t unit_key(const rune_unit *unit)
{
    uint64_t key;
    memcpy(&key, unit->id, sizeof(key));
    return key;
}

struct rn_pool_request rn_vm_wanted_worker(const rune_vm *vm)
{
    rune_isolation isolation = vm->isolation;
    if (isolation == RUNE_ISOLATION_SHARED && atomic_load(&vm->unit->kills) >= KILLS_MAX) {
        isolation = RUNE_ISOLATION_UNIT;
    }
    return (struct rn_pool_request){
        .domain = vm->domain,
        .unit = vm->unit,
        .runtime = vm->runtime,
        .isolation = isolation,
        .key = isolation == RUNE_ISOLATION_UNIT ? unit_key(vm->unit) : vm->serial,
    };
}

bool rn_vm_is_warm(const rune_vm *vm)
{
    struct rn_pool_request request = rn_vm_wanted_worker(vm);
    request.keeps = vm->unit->unit.counts[RN_SECTION_STATICS] > 0;
    return vm->home ||
           (!rn_pool_domain_is_broken(vm->domain) && rn_pool_is_warm(vm->supervisor, &request));
}

/* Preparing calls */

/* What a call made inside a host function takes over from the call that it serves. */
static rune_status inherit(struct rn_call *call, const rune_host_call *parent, rune_error **error)
{
    if (!parent) {
        return RUNE_OK;
    }
    const struct rn_call *from = parent->call;
    if (!from) {
        return rn_fail(error, RUNE_E_UNSUPPORTED,
                       "the host function serves a call in a daemon, this call would be made here");
    }
    call->depth = from->depth + 1;
    if (call->depth > RN_CALL_NESTING_MAX) {
        return rn_fail(error, RUNE_E_OVERLOADED, "host functions and calls are nested %u deep",
                       RN_CALL_NESTING_MAX);
    }
    uint64_t budget = from->limits.values[RUNE_LIMIT_BUDGET];
    uint64_t left = budget > parent->budget ? budget - parent->budget : 1;
    struct rune_limits limits = from->limits;
    limits.values[RUNE_LIMIT_BUDGET] = budget == RUNE_UNLIMITED ? budget : left;
    rn_limits_lower(&call->limits, &limits);
    call->deadline_ns = from->deadline_ns;
    call->bypass = true;
    return RUNE_OK;
}

static void set_tag(struct rn_call_tags *tags, enum rn_call_tag tag, uint64_t value)
{
    tags->values[tag] = value;
    tags->present |= 1u << tag;
}

static void set_limit(struct rn_call_tags *tags, enum rn_call_tag tag, uint64_t value)
{
    if (value != RUNE_UNLIMITED) {
        set_tag(tags, tag, value);
    }
}

/* Tags, statics and arguments, as they travel. */
static enum rn_error encode(struct rn_call *call, const struct rn_request *request)
{
    RN_AUTO(rn_buf) struct rn_buf statics;
    rn_buf_init(&statics, RN_CALL_BODY_MAX);
    if (request->target.kind != RN_CALL_TARGET_VALUE) { // which has no storage for them
        rn_globals_append(call->vm->pending, &statics);
    }
    RN_TRY(rn_buf_status(&statics));
    struct rn_call_tags tags = {.present = 0};
    const uint64_t *limits = call->limits.values;
    set_limit(&tags, RN_CALL_TAG_BUDGET, limits[RUNE_LIMIT_BUDGET]);
    set_limit(&tags, RN_CALL_TAG_MEMORY, limits[RUNE_LIMIT_MEMORY]);
    set_limit(&tags, RN_CALL_TAG_OUTPUT_BYTES, limits[RUNE_LIMIT_OUTPUT]);
    set_limit(&tags, RN_CALL_TAG_DEPTH, limits[RUNE_LIMIT_DEPTH]);
    set_limit(&tags, RN_CALL_TAG_HOST_CALLS, limits[RUNE_LIMIT_HOST_CALLS]);
    set_tag(&tags, RN_CALL_TAG_SEED, call->seed);
    if (call->clock) {
        set_tag(&tags, RN_CALL_TAG_CLOCK, call->clock_ns);
    }
    if (call->unit->unit.counts[RN_SECTION_EXPORTS] > EXPORTS_WITHOUT_HINT) {
        set_tag(&tags, RN_CALL_TAG_EXPORT, request->target.export);
    }
    if (statics.size > 0) {
        set_tag(&tags, RN_CALL_TAG_STATICS_SIZE, statics.size);
    }
    if (request->target.kind != RN_CALL_TARGET_ITEM) {
        set_tag(&tags, RN_CALL_TAG_TARGET, request->target.kind);
    }
    if (request->keep != 0) {
        set_tag(&tags, RN_CALL_TAG_KEEP, request->keep);
    }
    rn_call_tags_encode(&tags, &call->body);
    call->tags_size = (uint32_t)call->body.size;
    call->statics_size = statics.size;
    rn_buf_append(&call->body, statics.data, statics.size);
    rn_value_append_args(&call->body, request->args.values, request->args.count);
    return rn_buf_status(&call->body);
}

/* What a journal is needed for; J6 still holds. */
static void set_journal(struct rn_call *call, const struct rn_request *request)
{
    const rune_call_options *options = request->options;
    struct rn_replay *replay = &call->replay;
    bool is_whole = request->keep == 0 && (request->target.kind == RN_CALL_TARGET_ITEM ||
                                           request->target.kind == RN_CALL_TARGET_VALUE);
    replay->wanted = !options || options->replay;
    replay->in_record = options && options->journal;
    replay->asked = replay->in_record || call->supervisor->journal_folder;
    replay->kept = replay->asked && is_whole;
    if (options && options->input) {
        replay->from_file = true;
        replay->kept = false;
        replay->journal = RN_TAKE(options->input->journal);
        replay->trace = options->input->trace;
        call->clock_ns = options->input->clock_ns;
    }
    if (replay->kept && !call->output) {
        call->output = rn_replay_drop_output; // so that it is noted what there was
    }
}

static rune_status fill(struct rn_call *call, rune_vm *vm, const rune_call_options *options,
                        rune_error **error)
{
    call->supervisor = vm->supervisor;
    call->vm = vm;
    if (!call->unit) { // else it was a call of the same Vm before
        call->unit = rune_unit_ref(vm->unit);
        call->runtime = rune_runtime_ref(vm->runtime);
    }
    RN_ASSERT(call->unit == vm->unit && call->runtime == vm->runtime);
    call->limits = vm->limits;
    rn_limits_lower(&call->limits, &vm->supervisor->options.limits);
    if (options) {
        rn_limits_lower(&call->limits, &options->limits);
        call->seed = options->seed;
        call->clock = options->clock;
        call->timeline = options->timeline;
        call->clock_ns = rn_timeline_begin(call->timeline, options->clock ? rn_now_ns() : 0);
        call->output = options->output;
        call->output_user = options->output_user;
        call->forward_user = options->forward_user;
        call->room = options->room;
        call->wait = options->wait;
        call->token = options->token;
        rune_status status = inherit(call, options->parent, error);
        if (status != RUNE_OK) {
            return status;
        }
    }
    rn_limits_fill(&call->limits);
    if (call->limits.values[RUNE_LIMIT_MEMORY] > RN_MEMORY_LIMIT_MAX) {
        call->limits.values[RUNE_LIMIT_MEMORY] = RN_MEMORY_LIMIT_MAX;
    }
    return RUNE_OK;
}

rune_status rn_vm_find_item(const rune_vm *vm, const char *item,
                            struct rn_request_target *out_target, rune_error **error)
{
    uint64_t hash = item[0] == 0 ? 0 : rn_hash_item(item, strlen(item));
    uint32_t export = rn_unit_export_index(&vm->unit->unit, hash, RN_NONE);
    if (hash == 0 ? !rune_unit_has(vm->unit, "") : export == RN_NONE) {
        return rn_unit_fail_missing(vm->unit, item, error);
    }
    *out_target = (struct rn_request_target){
        .kind = RN_CALL_TARGET_ITEM, .item = hash, .export = export, .name = item};
    return RUNE_OK;
}

rune_status rn_call_check(const char *item, struct rn_args args, rune_error **error)
{
    if (!item || (!args.values && args.count > 0)) {
        return rn_fail_null(error, item ? "args" : "item");
    }
    for (size_t i = 0; i < args.count; i++) {
        if (!args.values[i]) {
            return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "argument %zu is NULL", i);
        }
    }
    return RUNE_OK;
}

rune_status rn_args_fail(struct rn_args args, enum rn_error failed, rune_error **error)
{
    size_t size = 0;
    size_t largest = 0;
    for (size_t i = 0; i < args.count; i++) {
        size += args.values[i]->size;
        largest = args.values[i]->size > args.values[largest]->size ? i : largest;
    }
    if (failed != RN_E_TOO_LARGE || args.count == 0) {
        return rn_fail_plain(error, failed);
    }
    return rn_fail(error, RUNE_E_TOO_LARGE,
                   "a call takes %u bytes, its arguments have %zu, of which argument %zu has %zu",
                   RN_CALL_BODY_MAX, size, largest, args.values[largest]->size);
}

/* A worker of one call keeps nothing: each begins with what the host set. */
static bool keeps_state(const rune_vm *vm, const struct rn_request *request)
{
    bool has_statics = vm->unit->unit.counts[RN_SECTION_STATICS] > 0 &&
                       request->target.kind != RN_CALL_TARGET_VALUE;
    return vm->isolation != RUNE_ISOLATION_CALL && (has_statics || request->keep != 0);
}

static struct rn_call *new_call(rune_vm *vm)
{
    struct rn_call *spare = take_spare(vm);
    return spare ? spare : rn_call_new();
}

void rn_vm_take_back(rune_vm *vm, struct rn_call *call)
{
    _Atomic uint32_t *spares = &vm->supervisor->spare_calls;
    if (call && !vm->spare && atomic_load(spares) < SPARE_CALLS_MAX && rn_call_renew(call)) {
        atomic_fetch_add(spares, 1);
        vm->spare = call;
    } else {
        rn_call_unref(call);
    }
}

rune_status rn_vm_prepare(rune_vm *vm, const struct rn_request *request, struct rn_call **out_call,
                          rune_error **error)
{
    const rune_call_options *options = request->options;
    RN_ASSERT(!vm->supervisor->remote);
    struct rn_call *call = new_call(vm);
    if (!call) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    call->item = request->target.item;
    call->target = request->target.kind;
    call->item_name = request->target.name;
    call->wants_usage = request->wants_usage;
    call->keeps = keeps_state(vm, request);
    rune_status status = fill(call, vm, options, error);
    if (status == RUNE_OK) {
        set_journal(call, request);
        enum rn_error failed = encode(call, request);
        status = failed == RN_OK ? RUNE_OK : rn_args_fail(request->args, failed, error);
    }
    if (status == RUNE_OK && options && (options->token || options->parent)) {
        enum rn_error failed = rn_call_prepare_watch(call);
        status = failed == RN_OK ? RUNE_OK : rn_fail_plain(error, failed);
    }
    if (status == RUNE_OK && options && options->token &&
        rune_cancel_token_is_cancelled(options->token)) {
        status = rn_fail(error, RUNE_E_CANCELLED, "the call was cancelled before it began");
    }
    if (status != RUNE_OK) {
        rn_call_unref(call);
        return status;
    }
    *out_call = call;
    return RUNE_OK;
}

/* A record of a call that did not begin. */
rune_record *rn_record_of_failure(const rune_vm *vm, const char *item, rune_error *error)
{
    rune_record *record = rn_record_new(item);
    if (record) {
        record->reason = error->reason;
        record->error = error;
        record->limits = vm->limits;
        memcpy(record->unit_id, vm->unit->id_text, sizeof(record->unit_id));
    }
    return record;
}

/* The token under which the call runs that a host function serves. Of async ones the call may end
 * at any time, and is not looked at. */
static rune_cancel_token *parent_token(const rune_host_call *parent)
{
    if (!parent || !parent->call || parent->entry->is_async || parent->entry->forward) {
        return NULL;
    }
    const struct rn_call *from = parent->call;
    if (!from->watches) {
        return NULL;
    }
    return from->watches->own.token ? from->watches->own.token : from->watches->parent.token;
}

void rn_vm_watch(struct rn_call *call, const rune_call_options *options)
{
    if (options) {
        rn_call_watch(call, options->token, parent_token(options->parent));
    }
}

rune_status rn_vm_carry_out(rune_vm *vm, const struct rn_request *request, rune_record **out_record,
                            rune_error **error)
{
    struct rn_call *call = NULL;
    rune_error *why = NULL;
    if (vm->supervisor->remote) {
        return rn_remote_call(vm, request, out_record, error);
    }
    rune_status status = rn_vm_prepare(vm, request, &call, &why);
    if (status == RUNE_OK) {
        status = rn_call_begin(call, &why);
    }
    if (status == RUNE_OK) {
        rn_vm_watch(call, request->options);
        rn_call_drive(call);
        status = rn_call_end(call, out_record);
    } else if (why) {
        *out_record = rn_record_of_failure(vm, request->target.name, why);
        status = *out_record ? RUNE_OK : RUNE_E_NO_MEMORY;
    }
    rn_vm_take_back(vm, call);
    return status == RUNE_OK ? RUNE_OK : rn_fail_plain(error, (enum rn_error)status);
}

/* A function that is not there is an end like any other. */
static rune_status call_item(rune_vm *vm, const char *item, struct rn_request *request,
                             rune_record **out_record, rune_error **error)
{
    rune_error *why = NULL;
    request->target.name = item;
    rune_status status =
        vm->supervisor->remote ? RUNE_OK : rn_vm_find_item(vm, item, &request->target, &why);
    if (status == RUNE_OK) {
        return rn_vm_carry_out(vm, request, out_record, error);
    }
    *out_record = why ? rn_record_of_failure(vm, item, why) : NULL;
    return *out_record ? RUNE_OK : rn_fail_plain(error, RN_E_NO_MEMORY);
}

static rune_status call_claimed(rune_vm *vm, const char *item, struct rn_request *request,
                                rune_record **out_record, rune_error **error)
{
    rune_status status = rn_call_check(item, request->args, error);
    if (status == RUNE_OK) {
        status = rn_vm_claim(vm, error);
    }
    if (status == RUNE_OK) {
        status = call_item(vm, item, request, out_record, error);
        rn_vm_release(vm);
    }
    return status;
}

rune_status rune_vm_call_record(rune_vm *vm, const char *item, const rune_const_value *const *args,
                                size_t arg_count, const rune_call_options *options,
                                rune_record **out_record, rune_error **error)
{
    struct rn_request request = {
        .args = {args, arg_count}, .options = options, .wants_usage = true};
    return call_claimed(vm, item, &request, out_record, error);
}

rune_status rn_record_unwrap(rune_record *record, rune_const_value **out_value, rune_error **error)
{
    rune_status status = RUNE_OK;
    if (record->reason == RUNE_REASON_OK) {
        *out_value = RN_TAKE(record->value);
    } else {
        status = record->error ? record->error->status : rn_status_of_reason(record->reason);
        if (error) {
            *error = RN_TAKE(record->error);
        }
    }
    rune_record_free(record);
    return status;
}

rune_status rune_vm_call(rune_vm *vm, const char *item, const rune_const_value *const *args,
                         size_t arg_count, const rune_call_options *options,
                         rune_const_value **out_value, rune_error **error)
{
    struct rn_request request = {.args = {args, arg_count}, .options = options};
    rune_record *record = NULL;
    rune_status status = call_claimed(vm, item, &request, &record, error);
    return status == RUNE_OK ? rn_record_unwrap(record, out_value, error) : status;
}
