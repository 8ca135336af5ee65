/*
 * transport.c: recvmsg and sendto with exactly the flags that the wall permits.
 *
 * Trust: receives packets from workers and compilers. The kernel says how long one was and whether
 * it was cut; what is in it is not looked at here.
 */
#include "shm/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shm/fd.h"
#include "shm/message.h"

static enum rn_error error_of_errno(void)
{
    switch (errno) {
    case EAGAIN:
        return RN_E_WOULD_BLOCK;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return RN_E_CLOSED;
    case ENOBUFS:
    case ENOMEM:
        return RN_E_NO_MEMORY;
    default:
        return RN_E_SYSTEM;
    }
}

enum rn_error rn_transport_send(int fd, const void *packet, size_t size, enum rn_wait wait)
{
    RN_CHECK(size <= RN_PACKET_MAX);
    int flags = wait == RN_WAIT_ALLOWED ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT;
    ssize_t sent;
    do {
        sent = send(fd, packet, size, flags);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return error_of_errno();
    }
    return (size_t)sent == size ? RN_OK : RN_E_SYSTEM;
}

/* Takes the descriptors of one control message: the first that comes, and closes all others. False: there were others. */
static bool take_rights(const struct cmsghdr *c, int *taken)
{
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool alone = true;
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
        alone = *taken < 0;
        if (alone) {
            *taken = fd;
        } else {
            rn_fd_close(fd);
        }
    }
    return alone;
}

/* Takes the one descriptor that may come; closes any beyond it. */
static enum rn_error take_descriptor(struct msghdr *header, int *out_fd)
{
    int taken = -1;
    bool extra = (header->msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        // never: a socket without options of its own brings nothing but descriptors
        bool rights = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS;
        extra = !rights || !take_rights(c, &taken) || extra;
    }
    if (extra) {
        rn_fd_close(taken);
        return RN_E_MESSAGE_INVALID;
    }
    *out_fd = taken;
    return RN_OK;
}

static enum rn_error receive(int fd, struct msghdr *header, enum rn_wait wait, size_t *out_size)
{
    int flags = wait == RN_WAIT_ALLOWED ? MSG_CMSG_CLOEXEC : MSG_CMSG_CLOEXEC | MSG_DONTWAIT;
    ssize_t received;
    do {
        received = recvmsg(fd, header, flags);
    } while (received < 0 && errno == EINTR);
    if (received < 0) {
        return error_of_errno();
    }
    if (received == 0) {
        // Packets are never empty: this is the end of the connection.
        errno = ECONNRESET;
        return RN_E_CLOSED;
    }
    *out_size = (size_t)received;
    return RN_OK;
}

enum rn_error rn_transport_receive(int fd, void *packet, enum rn_wait wait, size_t *out_size)
{
    struct iovec part = {.iov_base = packet, .iov_len = RN_PACKET_MAX};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    RN_TRY(receive(fd, &header, wait, out_size));
    if (header.msg_flags & MSG_CTRUNC) {
        return RN_E_MESSAGE_INVALID;
    }
    return header.msg_flags & MSG_TRUNC ? RN_E_TOO_LARGE : RN_OK;
}

enum rn_error rn_transport_receive_fd(int fd, void *packet, enum rn_wait wait, size_t *out_size,
                                      int *out_fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = packet, .iov_len = RN_PACKET_MAX};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    *out_fd = -1;
    RN_TRY(receive(fd, &header, wait, out_size));
    int taken;
    RN_TRY(take_descriptor(&header, &taken));
    if (header.msg_flags & MSG_TRUNC) {
        rn_fd_close(taken);
        return RN_E_TOO_LARGE;
    }
    *out_fd = taken;
    return RN_OK;
}
