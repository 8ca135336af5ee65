/*
 * suspended.c: 50,000 executions of one worker, all in the middle of something at once.
 *
 * In the memory that a worker has for its Vms: one Vm for each execution, which waits for its host
 * (from within a closure that a library adapter calls) or sleeps (two coroutines deep); and one
 * execution with as many coroutines that sleep. All of them go on to their ends afterwards. Prints
 * what one costs; fails beyond 250 MiB.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "compiler/compile.h"
#include "worker/std/library.h"
#include "worker/vm/vm.h"

enum {
    EXECUTIONS = 50000,
};

#define REGION_SIZE ((size_t)448 << 20)
#define USED_MAX ((size_t)250 << 20)

static const char source[] =
    "pub fn waits() { [1, 2, 3].iter().map(|x| host::ask(x) + x).collect::<Vec>().len() as i64 }\n"
    "async fn nap(n) { time::sleep(time::Duration::from_millis(n)).await; n }\n"
    "pub async fn sleep() { let name = String::from(\"sleeper\"); nap(5).await + name.len() as i64 "
    "}\n"
    "pub async fn many() { let all = []; for i in 0..50000 { all.push(nap(i)); }\n"
    "    std::future::join(all).await.iter().sum::<i64>() }\n";

static struct rn_vm *vms[EXECUTIONS];

struct machine {
    struct rn_compile_output output;
    struct rune_verified_unit unit;
    struct rn_engine *engine;
    struct rn_link *link;
};

static void compile(struct machine *m)
{
    struct rn_context *context;
    const struct rn_context_item ask = {.path = RN_UTF8("host::ask"),
                                        .kind = RN_ITEM_FUNCTION,
                                        .flags = RN_ITEM_HOST,
                                        .arity = 1,
                                        .type_id = RN_NONE};
    RN_CHECK(rn_context_new(&context) == RN_OK && rn_context_add(context, &ask) == RN_OK);
    struct rn_compile_input input = {.name = "suspended.rn",
                                     .text = source,
                                     .size = sizeof(source) - 1,
                                     .context = context,
                                     .memory_max = 256u << 20};
    RN_CHECK(rn_compile(&input, &m->output) == RN_OK);
    rn_context_free(context);
    struct rune_unit_image image = {m->output.image.data, m->output.image.size};
    RN_CHECK(rn_unit_verify(image, false, &m->unit, NULL) == RN_OK);
}

static void start(struct rn_vm *vm, const char *item)
{
    struct rn_vm_call call = {.item = rn_hash_item(item, strlen(item))};
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
}

static enum rn_event run(struct rn_vm *vm)
{
    enum rn_event event;
    do {
        event = rn_vm_run(vm, 1u << 20);
    } while (event == RN_EVENT_SLICE);
    return event;
}

static void expect_i64(struct rn_vm *vm, enum rn_event event, int64_t value)
{
    RN_CHECK(event == RN_EVENT_DONE);
    struct rn_value result = rn_vm_result_value(vm);
    RN_CHECK(result.tag == RN_VALUE_I64 && result.i64 == value);
}

/* To the end, answering 10 to the host calls of `waits`. */
static void answer_all(struct rn_vm *vm)
{
    uint8_t storage[16];
    struct rn_buf ten;
    rn_buf_init_fixed(&ten, storage, sizeof(storage));
    rn_const_write_i64(&ten, 10);
    enum rn_event event = RN_EVENT_HOST_CALL;
    while (event == RN_EVENT_HOST_CALL) {
        RN_CHECK(rn_vm_reply(vm, rn_vm_host_call(vm)->id, ten.data, ten.size) == RN_OK);
        event = run(vm);
    }
    expect_i64(vm, event, 3);
}

static void wake_all(struct rn_vm *vm, int64_t result)
{
    enum rn_event event = RN_EVENT_WAITING;
    while (event == RN_EVENT_WAITING) {
        rn_vm_wake(vm, 0);
        event = run(vm);
        uint64_t ns;
        RN_CHECK(event != RN_EVENT_WAITING || rn_vm_take_sleep(vm, &ns));
    }
    expect_i64(vm, event, result);
}

static bool report(const struct machine *m, const char *what, size_t before)
{
    size_t used = rn_engine_used(m->engine) - before;
    printf("%d %s: %zu MiB, %zu bytes each\n", EXECUTIONS, what, used >> 20, used / EXECUTIONS);
    return used <= USED_MAX;
}

static bool many_vms(struct machine *m, const char *item, const char *what)
{
    size_t before = rn_engine_used(m->engine);
    for (int i = 0; i < EXECUTIONS; i++) {
        uint64_t ns;
        RN_CHECK(rn_vm_new(m->engine, m->link, &vms[i]) == RN_OK);
        start(vms[i], item);
        enum rn_event event = run(vms[i]);
        RN_CHECK(event == RN_EVENT_HOST_CALL ||
                 (event == RN_EVENT_WAITING && rn_vm_take_sleep(vms[i], &ns) && ns == 5000000));
        if (event == RN_EVENT_HOST_CALL) {
            rn_vm_host_call_taken(vms[i]); // it is on its way
        }
    }
    bool fits = report(m, what, before);
    for (int i = 0; i < EXECUTIONS; i++) {
        if (item[0] == 'w') {
            answer_all(vms[i]);
        } else {
            wake_all(vms[i], 12);
        }
        rn_vm_free(vms[i]);
    }
    RN_CHECK(rn_engine_used(m->engine) == before);
    return fits;
}

/* A hundred of them are woken one after the other, each of which polls all that are left. */
static bool many_coroutines(struct machine *m)
{
    struct rn_vm *vm;
    uint64_t ns;
    size_t before = rn_engine_used(m->engine);
    RN_CHECK(rn_vm_new(m->engine, m->link, &vm) == RN_OK);
    start(vm, "many");
    RN_CHECK(run(vm) == RN_EVENT_WAITING && rn_vm_take_sleep(vm, &ns) && ns == 1000000);
    bool fits = report(m, "coroutines of one execution", before);
    for (int i = 0; i < 100; i++) {
        rn_vm_wake(vm, 0);
        RN_CHECK(run(vm) == RN_EVENT_WAITING && rn_vm_take_sleep(vm, &ns) && ns == 1000000);
    }
    rn_vm_free(vm);
    RN_CHECK(rn_engine_used(m->engine) == before);
    return fits;
}

int main(void)
{
    static struct machine m;
    void *region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    RN_CHECK(region != MAP_FAILED);
    compile(&m);
    RN_CHECK(rn_engine_new(region, REGION_SIZE, &rn_std_library, &m.engine) == RN_OK);
    const struct rn_host_function ask = {rn_hash_item("host::ask", 9), 1, false};
    RN_CHECK(rn_link_new(m.engine, &m.unit, &ask, 1, &m.link) == RN_OK);
    bool fits = many_vms(&m, "waits", "executions that wait for their hosts, within an adapter");
    fits = many_vms(&m, "sleep", "executions that sleep, two coroutines deep") && fits;
    fits = many_coroutines(&m) && fits;
    rn_link_free(m.engine, m.link);
    rn_compile_output_done(&m.output);
    return fits ? 0 : 1;
}
