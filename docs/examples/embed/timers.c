/*
 * timers.c: two executions of one script that sleep at the same time.
 *
 * The script waits for an asynchronous function of the program, which answers from a thread of its
 * own. Nobody waits for the executions by himself: each tells its end through a callback.
 */
#include <pthread.h>
#include <time.h>

#include "example.h"

static const char source[] = "pub async fn main(timeout) {\n"
                             "    timer::sleep(timeout).await\n"
                             "}\n";

static void *sleep_and_answer(void *argument)
{
    rune_host_call *call = argument;
    double seconds = 0;
    (void)rune_value_get_f64(rune_host_call_arg(call, 0), &seconds);
    (void)nanosleep(&(struct timespec){.tv_sec = (time_t)seconds,
                                       .tv_nsec = (long)((seconds - (int)seconds) * 1e9)},
                    NULL);
    rune_const_value *unit = rune_value_unit();
    (void)rune_host_call_reply(call, unit);
    rune_value_unref(unit);
    return NULL;
}

/* timer::sleep(seconds): the call is ours until it is answered. */
static void timer_sleep(void *user, rune_host_call *call)
{
    pthread_t thread;
    (void)user;
    if (pthread_create(&thread, NULL, sleep_and_answer, call) != 0) {
        (void)rune_host_call_fail(call, "no thread for the timer");
        return;
    }
    pthread_detach(thread);
}

static void ticked(void *user, rune_execution *execution)
{
    rune_record *record = NULL;
    (void)user;
    if (rune_execution_complete(execution, &record) == RUNE_OK &&
        rune_record_reason(record) == RUNE_REASON_OK) {
        (void)printf("timer ticked\n");
    }
    rune_record_free(record);
}

static rune_execution *start_timer(rune_vm *vm, double seconds)
{
    rune_execution *execution = NULL;
    rune_error *error = NULL;
    rune_const_value *timeout = rune_value_f64(seconds);
    const rune_const_value *args[] = {timeout};
    must(rune_vm_send_execute(vm, "main", args, 1, NULL, &execution, &error), &error);
    must(rune_execution_on_end(execution, ticked, NULL), NULL);
    rune_value_unref(timeout);
    return execution;
}

int main(void)
{
    rune_supervisor *supervisor = start();
    rune_module *module = rune_module_new("timer");
    add_function(module, "sleep", 1, RUNE_FUNCTION_ASYNC, timer_sleep, NULL);
    rune_context *context = context_with(module);
    rune_runtime *runtime = freeze(context);
    rune_unit *unit = build(supervisor, context, NULL, source);
    rune_vm *first = make_vm(supervisor, runtime, unit);
    rune_vm *second = make_vm(supervisor, runtime, unit);

    rune_execution *slow = start_timer(first, 0.5);
    rune_execution *fast = start_timer(second, 0.2);
    must(rune_execution_wait(slow, UINT64_MAX), NULL);
    must(rune_execution_wait(fast, UINT64_MAX), NULL);

    rune_execution_free(slow);
    rune_execution_free(fast);
    rune_vm_free(first);
    rune_vm_free(second);
    rune_unit_unref(unit);
    rune_runtime_unref(runtime);
    rune_context_free(context);
    rune_supervisor_free(supervisor);
    return 0;
}
