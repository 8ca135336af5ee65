/* serve_report.c: what a daemon tells of itself: JSON for commands, text for Prometheus. */
#include <runeward/version.h>

#include <string.h>

#include "bytecode/json.h"
#include "supervisor/clock.h"
#include "supervisor/error.h"
#include "supervisor/serve.h"
#include "supervisor/supervisor.h"

static unsigned long long number(uint64_t value)
{
    return (unsigned long long)value;
}

/* Under the server's lock: a copy. */
static struct rn_serve_counts counts_of(struct rune_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct rn_serve_counts counts = server->counts;
    pthread_mutex_unlock(&server->lock);
    return counts;
}

/* Status */

static uint64_t calls_of(const struct rn_serve_counts *counts)
{
    uint64_t calls = 0;
    for (size_t i = 0; i < RN_COUNT_OF(counts->ends); i++) {
        calls += counts->ends[i];
    }
    return calls;
}

static void append_scripts(struct rune_server *server, struct rn_buf *out)
{
    rune_text *text = NULL;
    if (server->watch && rune_watch_to_json(server->watch, &text) == RUNE_OK) {
        rn_buf_append(out, rune_text_data(text), rune_text_size(text));
    } else {
        rn_buf_append_text(out, "[]");
    }
    rune_text_free(text);
}

static void append_status(struct rune_server *server, struct rn_buf *out)
{
    struct rn_serve_counts counts = counts_of(server);
    rune_stats stats;
    rune_supervisor_stats(server->supervisor, &stats);
    rn_buf_append_format(out,
                         "{\"v\":1,\"version\":\"%s\",\"uptime_ms\":%llu,\"draining\":%s,"
                         "\"connections\":%u,\"accepted\":%llu,\"refused\":%llu,"
                         "\"protocol_errors\":%llu,\"calls\":%llu,\"calls_now\":%u,"
                         "\"builds\":%llu,\"workers\":%u,\"spares\":%u,\"workers_started\":%llu,"
                         "\"workers_lost\":%llu,\"scripts\":",
                         rune_version_string(), number((rn_now_ns() - server->begun_ns) / 1000000),
                         atomic_load(&server->draining) ? "true" : "false",
                         server->connection_count, number(counts.accepted), number(counts.refused),
                         number(counts.protocol_errors), number(calls_of(&counts)), stats.calls_now,
                         number(counts.builds), stats.workers_now, stats.spares_now,
                         number(stats.workers_started), number(stats.workers_lost));
    append_scripts(server, out);
    rn_buf_append_u8(out, '}');
}

/* Connections, calls, workers */

static const char *comma(const struct rn_buf *out)
{
    return out->size > 0 && out->data[out->size - 1] == '[' ? "" : ",";
}

static void append_connection(const struct rn_serve_connection *connection, struct rn_buf *out)
{
    unsigned vms = 0;
    unsigned units = 0;
    unsigned functions = 0;
    for (uint32_t i = 0; i < connection->used.vms; i++) {
        vms += connection->vms[i].vm != NULL;
        functions += connection->vms[i].place.functions;
    }
    for (uint32_t i = 0; i < connection->used.units; i++) {
        units += connection->units[i].unit != NULL;
    }
    rn_buf_append_format(out,
                         "%s{\"connection\":%llu,\"uid\":%u,\"pid\":%u,\"vms\":%u,\"units\":%u,"
                         "\"functions\":%u,\"calls\":%u,\"waiting_bytes\":%zu,\"closed\":%s}",
                         comma(out), number(connection->serial), connection->account->uid,
                         connection->pid, vms, units, functions, connection->calls_running,
                         connection->out_bytes, connection->fd < 0 ? "true" : "false");
}

static void append_calls(const struct rn_serve_connection *connection, uint64_t now_ns,
                         struct rn_buf *out)
{
    for (const struct rn_serve_call *call = connection->calls; call; call = call->next) {
        const char *script = connection->vms[call->vm].script;
        rn_buf_append_format(out,
                             "%s{\"connection\":%llu,\"uid\":%u,\"call\":%llu,\"ms\":%llu,"
                             "\"script\":",
                             comma(out), number(connection->serial), connection->account->uid,
                             number(call->id), number((now_ns - call->begun_ns) / 1000000));
        if (script) {
            rn_json_append_string(out, script, strlen(script));
        } else {
            rn_buf_append_text(out, "null");
        }
        rn_buf_append_u8(out, '}');
    }
}

static void append_worker(const struct rn_domain *domain, const struct rn_peer *peer,
                          struct rn_buf *out)
{
    static const char *const places[] = {[RN_PLACE_STARTING] = "starting",
                                         [RN_PLACE_SPARE] = "spare",
                                         [RN_PLACE_SERVING] = "serving",
                                         [RN_PLACE_GONE] = "gone"};
    rn_buf_append_format(out, "%s{\"pid\":%d,\"domain\":", comma(out), peer->child.pid);
    rn_json_append_string(out, domain->name, strlen(domain->name));
    rn_buf_append_format(out, ",\"state\":\"%s\",\"calls\":%u,\"served\":%llu}",
                         places[peer->place], peer->load, number(peer->served));
}

static void append_workers(struct rune_supervisor *supervisor, struct rn_buf *out)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    for (const struct rn_domain *domain = pool->domains; domain; domain = domain->next) {
        for (const struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            append_worker(domain, peer, out);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

static void append_ps(struct rune_server *server, struct rn_buf *out)
{
    uint64_t now_ns = rn_now_ns();
    rn_buf_append_text(out, "{\"v\":1,\"connections\":[");
    for (const struct rn_serve_connection *at = server->connections; at; at = at->next) {
        append_connection(at, out);
    }
    rn_buf_append_text(out, "],\"calls\":[");
    for (const struct rn_serve_connection *at = server->connections; at; at = at->next) {
        append_calls(at, now_ns, out);
    }
    rn_buf_append_text(out, "],\"workers\":[");
    append_workers(server->supervisor, out);
    rn_buf_append_text(out, "]}");
}

/* Metrics */

static void append_metric(struct rn_buf *out, const char *name, const char *type, const char *help,
                          uint64_t value)
{
    rn_buf_append_format(out, "# HELP runeward_%s %s\n# TYPE runeward_%s %s\nruneward_%s %llu\n",
                         name, help, name, type, name, number(value));
}

static void append_ends(const struct rn_serve_counts *counts, struct rn_buf *out)
{
    rn_buf_append_text(out, "# HELP runeward_calls_total Calls that ended, by reason.\n"
                            "# TYPE runeward_calls_total counter\n");
    for (size_t i = 0; i < RN_COUNT_OF(counts->ends); i++) {
        rn_buf_append_format(out, "runeward_calls_total{reason=\"%s\"} %llu\n",
                             rune_reason_name((rune_reason)i), number(counts->ends[i]));
    }
}

static void append_times(const struct rn_serve_counts *counts, struct rn_buf *out)
{
    uint64_t sum = 0;
    uint64_t edge = 50;
    rn_buf_append_text(out, "# HELP runeward_call_seconds Time of calls in the daemon.\n"
                            "# TYPE runeward_call_seconds histogram\n");
    for (size_t i = 0; i < RN_SERVE_BUCKETS; i++) {
        sum += counts->buckets[i];
        rn_buf_append_format(out, "runeward_call_seconds_bucket{le=\"%llu.%06llu\"} %llu\n",
                             number(edge / 1000000), number(edge % 1000000), number(sum));
        edge *= 4;
    }
    sum += counts->buckets[RN_SERVE_BUCKETS];
    rn_buf_append_format(
        out,
        "runeward_call_seconds_bucket{le=\"+Inf\"} %llu\n"
        "runeward_call_seconds_sum %llu.%06llu\nruneward_call_seconds_count %llu\n",
        number(sum), number(counts->microseconds / 1000000), number(counts->microseconds % 1000000),
        number(sum));
}

static void append_metrics(struct rune_server *server, struct rn_buf *out)
{
    struct rn_serve_counts counts = counts_of(server);
    rune_stats stats;
    rune_supervisor_stats(server->supervisor, &stats);
    append_ends(&counts, out);
    append_times(&counts, out);
    append_metric(out, "calls_now", "gauge", "Calls that run.", stats.calls_now);
    append_metric(out, "builds_total", "counter", "Builds asked for by peers.", counts.builds);
    append_metric(out, "builds_failed_total", "counter", "Of those, the ones that failed.",
                  counts.builds_failed);
    append_metric(out, "reloads_total", "counter", "Scripts of the folder that became new Units.",
                  counts.reloads);
    append_metric(out, "broken_total", "counter", "Saves of scripts that did not compile.",
                  counts.broken);
    append_metric(out, "workers", "gauge", "Workers alive.", stats.workers_now);
    append_metric(out, "workers_spare", "gauge", "Of those, never used yet.", stats.spares_now);
    append_metric(out, "workers_started_total", "counter", "Workers started.",
                  stats.workers_started);
    append_metric(out, "workers_lost_total", "counter", "Workers that died or were killed in use.",
                  stats.workers_lost);
    append_metric(out, "connections_accepted_total", "counter", "Peers that were let in.",
                  counts.accepted);
    append_metric(out, "connections_refused_total", "counter", "Peers that were turned away.",
                  counts.refused);
    append_metric(out, "protocol_errors_total", "counter", "Connections ended for what they sent.",
                  counts.protocol_errors);
    append_metric(out, "connections_stalled_total", "counter",
                  "Connections ended because they read nothing.", counts.stalled);
    append_metric(out, "draining", "gauge", "1 while no new work is taken.",
                  atomic_load(&server->draining));
    append_metric(out, "uptime_seconds", "gauge", "Since the start.",
                  (rn_now_ns() - server->begun_ns) / 1000000000u);
}

static void append_stats(struct rune_server *server, struct rn_buf *out)
{
    rune_stats stats;
    rune_supervisor_stats(server->supervisor, &stats);
    const uint64_t numbers[] = {stats.calls,        stats.builds,      stats.workers_started,
                                stats.workers_lost, stats.workers_now, stats.spares_now,
                                stats.calls_now};
    for (size_t i = 0; i < RN_COUNT_OF(numbers); i++) {
        rn_buf_append_u64(out, numbers[i]);
    }
}

rune_status rn_serve_report(struct rune_server *server, uint32_t what, struct rn_buf *out,
                            rune_error **error)
{
    switch (what) {
    case 0:
        append_status(server, out);
        break;
    case 1:
        append_ps(server, out);
        break;
    case 2:
        append_metrics(server, out);
        break;
    case 4:
        append_scripts(server, out);
        break;
    case 5:
        append_stats(server, out);
        break;
    default:
        return rn_fail(error, RUNE_E_UNSUPPORTED, "the daemon cannot tell that");
    }
    enum rn_error failed = rn_buf_status(out);
    return failed == RN_OK ? RUNE_OK : rn_fail_plain(error, failed);
}
