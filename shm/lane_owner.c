/* lane_owner.c: the supervisor's side of a lane: passing descriptors. */
#include "shm/lane.h"

enum rn_error rn_lane_send_fd(struct rn_lane *lane, const void *packet, size_t size, int fd,
                              enum rn_wait wait)
{
    RN_TRY(rn_transport_send_fd(lane->fd, packet, size, fd, wait));
    rn_lane_count_sent(lane);
    return RN_OK;
}
