/*
 * peer_queue.c: what waits until a worker's socket has room.
 */
#include "supervisor/peer_queue.h"

#include <fcntl.h>

#include "base/alloc.h"
#include "shm/fd.h"

void rn_peer_queue_init(struct rn_peer_queue *queue)
{
    *queue = (struct rn_peer_queue){.end = &queue->first};
}

void rn_peer_queue_done(struct rn_peer_queue *queue)
{
    while (queue->first) {
        rn_peer_queue_remove_first(queue);
    }
}

static void free_queued(struct rn_queued *queued)
{
    rn_fd_close(queued->fd);
    rn_free(queued->body);
    rn_free(queued);
}

static struct rn_queued *make_queued(const struct rn_outgoing *outgoing, int fd)
{
    struct rn_queued *queued = rn_alloc(sizeof(*queued));
    if (!queued) {
        return NULL;
    }
    queued->outgoing = *outgoing;
    queued->fd = -1;
    size_t size = outgoing->message.body_size;
    queued->bytes = sizeof(*queued) + size;
    if (size > 0) {
        queued->body = (uint8_t *)rn_strndup((const char *)outgoing->message.body, size);
        queued->outgoing.message.body = queued->body;
    }
    if (fd >= 0 && !outgoing->started) {
        queued->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    if ((size > 0 && !queued->body) || (fd >= 0 && !outgoing->started && queued->fd < 0)) {
        free_queued(queued);
        return NULL;
    }
    return queued;
}

enum rn_error rn_peer_queue_append(struct rn_peer_queue *queue, const struct rn_outgoing *outgoing,
                                   int fd)
{
    RN_ASSERT(!outgoing->started || !queue->first);
    struct rn_queued *queued = make_queued(outgoing, fd);
    if (!queued) {
        return RN_E_NO_MEMORY;
    }
    *queue->end = queued;
    queue->end = &queued->next;
    queue->bytes += queued->bytes;
    if (outgoing->started) {
        queue->half_sent = queued;
    }
    return RN_OK;
}

/* What has overtaken stands in front of everything else. NULL: none of that call has. */
static struct rn_queued *find_credit(const struct rn_peer_queue *queue, uint64_t call)
{
    struct rn_queued *queued = queue->first;
    for (; queued; queued = queued->next) {
        enum rn_message_type type = queued->outgoing.message.type;
        if (type == RN_MESSAGE_CREDIT && queued->outgoing.message.call == call) {
            return queued;
        }
        if (type != RN_MESSAGE_CREDIT && type != RN_MESSAGE_CANCEL) {
            return NULL;
        }
    }
    return NULL;
}

bool rn_peer_queue_add_credit(struct rn_peer_queue *queue, const struct rn_message *message)
{
    struct rn_queued *queued = find_credit(queue, message->call);
    if (queued) {
        queued->outgoing.message.as.CREDIT.packets += message->as.CREDIT.packets;
    }
    return queued != NULL;
}

enum rn_error rn_peer_queue_overtake(struct rn_peer_queue *queue,
                                     const struct rn_outgoing *outgoing)
{
    RN_ASSERT(!outgoing->started);
    RN_ASSERT(outgoing->message.type != RN_MESSAGE_CREDIT ||
              !find_credit(queue, outgoing->message.call)); // P8
    struct rn_queued *queued = make_queued(outgoing, -1);
    if (!queued) {
        return RN_E_NO_MEMORY;
    }
    queued->next = queue->first;
    queue->first = queued;
    if (!queued->next) {
        queue->end = &queued->next;
    }
    queue->bytes += queued->bytes;
    return RN_OK;
}

void rn_peer_queue_note_half(struct rn_peer_queue *queue)
{
    RN_ASSERT(!queue->half_sent || queue->half_sent == queue->first);
    queue->half_sent = queue->first;
}

void rn_peer_queue_remove_first(struct rn_peer_queue *queue)
{
    struct rn_queued *queued = queue->first;
    queue->first = queued->next;
    if (!queue->first) {
        queue->end = &queue->first;
    }
    if (queue->half_sent == queued) {
        queue->half_sent = NULL;
    }
    queue->bytes -= queued->bytes;
    free_queued(queued);
}
