/* remote_host.c: host calls that a daemon asks for. Trust: see remote_host.h. */
#include "supervisor/remote_host.h"

#include "base/alloc.h"
#include "supervisor/context.h"
#include "supervisor/host_call.h"
#include "supervisor/remote.h"

struct rn_remote_hosts *rn_remote_hosts_new(struct rn_remote *remote, rune_runtime *runtime,
                                            void *user)
{
    struct rn_remote_hosts *hosts = rn_alloc(sizeof(*hosts));
    if (hosts) {
        atomic_init(&hosts->refs, 1);
        pthread_mutex_init(&hosts->lock, NULL);
        pthread_cond_init(&hosts->told, NULL);
        hosts->remote = rn_remote_ref(remote);
        hosts->runtime = rune_runtime_ref(runtime);
        hosts->user = user;
        hosts->open = true;
    }
    return hosts;
}

struct rn_remote_hosts *rn_remote_hosts_ref(struct rn_remote_hosts *hosts)
{
    atomic_fetch_add_explicit(&hosts->refs, 1, memory_order_relaxed);
    return hosts;
}

void rn_remote_hosts_unref(struct rn_remote_hosts *hosts)
{
    if (!hosts || atomic_fetch_sub_explicit(&hosts->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    rn_remote_unref(hosts->remote);
    rune_runtime_unref(hosts->runtime);
    pthread_cond_destroy(&hosts->told);
    pthread_mutex_destroy(&hosts->lock);
    rn_free(hosts);
}

void rn_remote_hosts_run(struct rn_remote_hosts *hosts, struct rn_remote_event *event)
{
    const struct rn_host_entry *entry = rn_runtime_function(hosts->runtime, event->function);
    if (!entry ||
        !rn_host_call_run_remote(hosts, event->number, entry, RN_TAKE(event->data), event->size)) {
        (void)rn_remote_host_fail(hosts, event->number,
                                  "the host function cannot be called like this");
    }
}

void rn_remote_hosts_end(struct rn_remote_hosts *hosts)
{
    if (hosts) {
        rn_host_calls_end(NULL, hosts);
        rn_remote_hosts_unref(hosts);
    }
}

/* An answer that comes too late after all is none to the daemon, which knows the call no more. */
static rune_status answer(struct rn_remote_hosts *hosts, uint32_t number,
                          struct rn_message *message)
{
    pthread_mutex_lock(&hosts->lock);
    bool open = hosts->open;
    pthread_mutex_unlock(&hosts->lock);
    atomic_fetch_sub(&hosts->out, 1);
    if (!open) {
        return RUNE_E_STALE;
    }
    message->type = RN_MESSAGE_CLIENT_HOST_REPLY;
    message->call = hosts->id;
    message->as.CLIENT_HOST_REPLY.number = number;
    rn_remote_tell(hosts->remote, message);
    return RUNE_OK;
}

rune_status rn_remote_host_give(struct rn_remote_hosts *hosts, uint32_t number, const void *body,
                                size_t size)
{
    struct rn_message message = {.body = body, .body_size = size};
    return answer(hosts, number, &message);
}

rune_status rn_remote_host_fail(struct rn_remote_hosts *hosts, uint32_t number, const char *message)
{
    struct rn_host_message sent;
    rn_host_message_init(&sent, message);
    struct rn_message failure = {.body = (const uint8_t *)sent.text,
                                 .body_size = sent.size,
                                 .as.CLIENT_HOST_REPLY = {.failed = 1}};
    return answer(hosts, number, &failure);
}
