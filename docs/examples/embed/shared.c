/*
 * shared.c: a counter, a map and a channel that scripts in different processes share.
 *
 * The objects live in the program. What a static of a script holds is the number of one: any Vm that
 * is given the same number shares it, whatever worker it is in. The functions that work on them
 * lock; receiving from an empty channel is a host call that is answered when somebody sends.
 */
#include <pthread.h>

#include "example.h"

enum {
    HITS,  /* a counter */
    SEEN,  /* a map of names and how often they came */
    QUEUE, /* a channel */
    NAMES_MAX = 64,
    WAITING_MAX = 64,
    SENT_MAX = 1024,
    WORKERS = 4,
    ROUNDS = 100,
};

static const char source[] = "static HITS; static SEEN; static QUEUE;\n"
                             "\n"
                             "pub fn produce(name, rounds) {\n"
                             "    for n in 0..rounds {\n"
                             "        shared::increment(HITS);\n"
                             "        shared::count(SEEN, name);\n"
                             "        shared::send(QUEUE, n);\n"
                             "    }\n"
                             "}\n"
                             "pub async fn consume(count) {\n"
                             "    let sum = 0;\n"
                             "    for _ in 0..count {\n"
                             "        sum += shared::receive(QUEUE).await;\n"
                             "    }\n"
                             "    sum\n"
                             "}\n";

struct name {
    char text[32];
    int64_t count;
};

struct shared {
    pthread_mutex_t lock;
    int64_t hits;
    struct name names[NAMES_MAX];
    size_t name_count;
    rune_const_value *sent[SENT_MAX]; /* nobody has received them yet: a ring */
    size_t sent_first;
    size_t sent_count;
    rune_host_call *waiting[WAITING_MAX]; /* receivers, oldest first */
    size_t waiting_count;
};

static bool is(const rune_host_call *call, int64_t wanted)
{
    int64_t which = -1;
    return rune_value_get_i64(rune_host_call_arg(call, 0), &which) && which == wanted;
}

static void answer(rune_host_call *call, rune_const_value *value)
{
    (void)rune_host_call_reply(call, value);
    rune_value_unref(value);
}

static void shared_increment(void *user, rune_host_call *call)
{
    struct shared *shared = user;
    if (!is(call, HITS)) {
        (void)rune_host_call_fail(call, "not a counter");
        return;
    }
    pthread_mutex_lock(&shared->lock);
    int64_t now = ++shared->hits;
    pthread_mutex_unlock(&shared->lock);
    answer(call, rune_value_i64(now));
}

/* Under the lock: the entry of that name, made if need be; NULL: no room. */
static struct name *find_name(struct shared *shared, const char *text, size_t size)
{
    for (size_t i = 0; i < shared->name_count; i++) {
        if (strlen(shared->names[i].text) == size &&
            memcmp(shared->names[i].text, text, size) == 0) {
            return &shared->names[i];
        }
    }
    if (shared->name_count == NAMES_MAX || size >= sizeof(shared->names[0].text)) {
        return NULL;
    }
    struct name *name = &shared->names[shared->name_count++];
    memcpy(name->text, text, size);
    return name;
}

static void shared_count(void *user, rune_host_call *call)
{
    struct shared *shared = user;
    const char *text;
    size_t size;
    if (!is(call, SEEN) || !rune_value_get_string(rune_host_call_arg(call, 1), &text, &size)) {
        (void)rune_host_call_fail(call, "not a map, or not a String");
        return;
    }
    pthread_mutex_lock(&shared->lock);
    struct name *name = find_name(shared, text, size);
    int64_t now = name ? ++name->count : 0;
    pthread_mutex_unlock(&shared->lock);
    if (name) {
        answer(call, rune_value_i64(now));
    } else {
        (void)rune_host_call_fail(call, "the map is full");
    }
}

/* Under the lock: the oldest receiver, or NULL. */
static rune_host_call *next_receiver(struct shared *shared)
{
    if (shared->waiting_count == 0) {
        return NULL;
    }
    rune_host_call *receiver = shared->waiting[0];
    shared->waiting_count--;
    memmove(shared->waiting, shared->waiting + 1, shared->waiting_count * sizeof(receiver));
    return receiver;
}

/* Under the lock. A receiver whose call has ended meanwhile takes nothing: the next one gets it. */
static bool hand_out(struct shared *shared, const rune_const_value *value)
{
    rune_host_call *receiver;
    while ((receiver = next_receiver(shared)) != NULL) {
        if (rune_host_call_reply(receiver, value) == RUNE_OK) {
            return true;
        }
    }
    if (shared->sent_count == SENT_MAX) {
        return false;
    }
    size_t at = (shared->sent_first + shared->sent_count++) % SENT_MAX;
    shared->sent[at] = rune_value_ref(value);
    return true;
}

static void shared_send(void *user, rune_host_call *call)
{
    struct shared *shared = user;
    if (!is(call, QUEUE)) {
        (void)rune_host_call_fail(call, "not a channel");
        return;
    }
    pthread_mutex_lock(&shared->lock);
    bool taken = hand_out(shared, rune_host_call_arg(call, 1));
    pthread_mutex_unlock(&shared->lock);
    if (taken) {
        answer(call, rune_value_unit());
    } else {
        (void)rune_host_call_fail(call, "the channel is full");
    }
}

/* Asynchronous: the call waits until there is something. */
static void shared_receive(void *user, rune_host_call *call)
{
    struct shared *shared = user;
    rune_const_value *value = NULL;
    bool waits = false;
    if (!is(call, QUEUE)) {
        (void)rune_host_call_fail(call, "not a channel");
        return;
    }
    pthread_mutex_lock(&shared->lock);
    if (shared->sent_count > 0) {
        value = shared->sent[shared->sent_first];
        shared->sent_first = (shared->sent_first + 1) % SENT_MAX;
        shared->sent_count--;
    } else if (shared->waiting_count < WAITING_MAX) {
        shared->waiting[shared->waiting_count++] = call;
        waits = true;
    }
    pthread_mutex_unlock(&shared->lock);
    if (value) {
        answer(call, value);
    } else if (!waits) {
        (void)rune_host_call_fail(call, "too many receivers");
    }
}

/* A Vm whose statics name the shared objects, in a process of its own. */
static rune_vm *make_sharing_vm(rune_supervisor *supervisor, rune_runtime *runtime, rune_unit *unit)
{
    static const char *const items[] = {[HITS] = "HITS", [SEEN] = "SEEN", [QUEUE] = "QUEUE"};
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_isolation(options, RUNE_ISOLATION_VM);
    must(rune_vm_new(supervisor, runtime, unit, options, &vm, &error), &error);
    rune_vm_options_free(options);
    for (int64_t i = 0; i < 3; i++) {
        rune_const_value *number = rune_value_i64(i);
        must(rune_vm_set_static(vm, items[i], number, &error), &error);
        rune_value_unref(number);
    }
    return vm;
}

static rune_execution *execute(rune_vm *vm, const char *item, rune_const_value *first,
                               rune_const_value *second)
{
    rune_execution *execution = NULL;
    rune_error *error = NULL;
    const rune_const_value *args[] = {first, second};
    must(rune_vm_send_execute(vm, item, args, second ? 2 : 1, NULL, &execution, &error), &error);
    rune_value_unref(first);
    rune_value_unref(second);
    return execution;
}

/* The result of an execution, which is over then. */
static int64_t result(rune_execution *execution)
{
    int64_t number = 0;
    rune_record *record = NULL;
    must(rune_execution_wait(execution, UINT64_MAX), NULL);
    must(rune_execution_complete(execution, &record), NULL);
    if (rune_record_reason(record) != RUNE_REASON_OK) {
        (void)fprintf(stderr, "%s\n", rune_error_message(rune_record_error(record)));
        exit(2);
    }
    (void)rune_value_get_i64(rune_record_value(record), &number);
    rune_record_free(record);
    rune_execution_free(execution);
    return number;
}

static rune_supervisor *start_with(unsigned workers)
{
    rune_supervisor *supervisor = NULL;
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_workers(options, workers);
    must(rune_supervisor_new(options, &supervisor, &error), &error);
    rune_supervisor_options_free(options);
    return supervisor;
}

int main(void)
{
    static struct shared shared = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static const char *const names[WORKERS] = {"red", "green", "blue", "red"};
    rune_vm *vms[WORKERS + 1];
    rune_execution *executions[WORKERS];
    rune_supervisor *supervisor = start_with(WORKERS + 1);
    rune_module *module = rune_module_new("shared");
    add_function(module, "increment", 1, 0, shared_increment, &shared);
    add_function(module, "count", 2, 0, shared_count, &shared);
    add_function(module, "send", 2, 0, shared_send, &shared);
    add_function(module, "receive", 1, RUNE_FUNCTION_ASYNC, shared_receive, &shared);
    rune_context *context = context_with(module);
    rune_runtime *runtime = freeze(context);
    rune_unit *unit = build(supervisor, context, NULL, source);

    for (int i = 0; i <= WORKERS; i++) {
        vms[i] = make_sharing_vm(supervisor, runtime, unit);
    }
    rune_execution *consumer =
        execute(vms[WORKERS], "consume", rune_value_i64(WORKERS * ROUNDS), NULL);
    for (int i = 0; i < WORKERS; i++) {
        executions[i] =
            execute(vms[i], "produce", rune_value_text(names[i]), rune_value_i64(ROUNDS));
    }
    for (int i = 0; i < WORKERS; i++) {
        (void)result(executions[i]);
    }
    (void)printf("received: %lld\n", (long long)result(consumer));
    (void)printf("hits: %lld\n", (long long)shared.hits);
    for (size_t i = 0; i < 3; i++) {
        struct name *name = find_name(&shared, names[i], strlen(names[i]));
        (void)printf("%s: %lld\n", names[i], (long long)(name ? name->count : 0));
    }

    for (int i = 0; i <= WORKERS; i++) {
        rune_vm_free(vms[i]);
    }
    rune_unit_unref(unit);
    rune_runtime_unref(runtime);
    rune_context_free(context);
    rune_supervisor_free(supervisor);
    return 0;
}
