/*
 * transport.h: packets over a SOCK_SEQPACKET socket pair.
 *
 * Descriptors travel only from supervisor to worker. The worker's side (transport.c) is recvmsg and
 * sendto with the exact flags that its wall permits, and never waits anywhere else. The
 * supervisor's side (transport_owner.c) makes the pair, passes descriptors, and receives without
 * room for any.
 */
#ifndef RN_SHM_TRANSPORT_H
#define RN_SHM_TRANSPORT_H

#include "base/error.h"

/* Whether a call may wait for the other side. */
enum rn_wait {
    RN_WAIT_NEVER,
    RN_WAIT_ALLOWED,
};

/*
 * Sends one packet of at most RN_PACKET_MAX bytes, whole or not at all. WOULD_BLOCK, CLOSED (the
 * other side has gone), SYSTEM. An interrupted wait is resumed.
 */
enum rn_error rn_transport_send(int fd, const void *packet, size_t size,
                                enum rn_wait wait) RN_MUST_CHECK;

/*
 * Receives one packet into `packet` (RN_PACKET_MAX bytes). WOULD_BLOCK, CLOSED (the other side has
 * gone), TOO_LARGE (a longer packet was cut: its sender lies), SYSTEM. A packet that brings
 * descriptors has them closed by the kernel and counts as MESSAGE_INVALID.
 */
enum rn_error rn_transport_receive(int fd, void *packet, enum rn_wait wait,
                                   size_t *out_size) RN_MUST_CHECK;

/* The same, and up to one descriptor: *out_fd, or -1; the caller's. Worker side. */
enum rn_error rn_transport_receive_fd(int fd, void *packet, enum rn_wait wait, size_t *out_size,
                                      int *out_fd) RN_MUST_CHECK;

/*
 * Supervisor only. Makes a pair: [0] stays, [1] goes to the worker. Buffer sizes are set and
 * checked to hold some packets of full size; [0] refuses descriptors where the kernel can. SYSTEM.
 */
enum rn_error rn_transport_pair(int out_fds[2]) RN_MUST_CHECK;
/* Supervisor only. Like rn_transport_send, and passes `passed_fd` along (borrowed). */
enum rn_error rn_transport_send_fd(int fd, const void *packet, size_t size, int passed_fd,
                                   enum rn_wait wait) RN_MUST_CHECK;

#endif
