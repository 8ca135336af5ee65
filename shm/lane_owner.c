/* lane_owner.c: the supervisor's side of a lane: passing descriptors. */
#include "shm/lane.h"

enum rn_error rn_lane_send_fd(struct rn_lane *lane, const void *packet, size_t size, int fd,
                              enum rn_wait wait)
{
    RN_TRY(rn_lane_flush(lane, wait));
    RN_TRY(rn_transport_send_fd(lane->fd, packet, size, fd, wait));
    lane->socket_sent++;
    if (lane->out) {
        atomic_store_explicit(&lane->out->socket_sent, lane->socket_sent, memory_order_release);
        lane->silent++;
    }
    return RN_OK;
}
