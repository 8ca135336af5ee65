/* transport_owner.c: what only the supervisor does: making pairs and passing descriptors. */
#include "shm/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shm/fd.h"
#include "shm/message.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

/* A socket must hold at least two full packets, or fragments would never move. */
#define BUFFER_WANTED (1 << 20)
#define BUFFER_NEEDED (2 * (int)RN_PACKET_MAX)

static enum rn_error set_buffer(int fd)
{
    int wanted = BUFFER_WANTED;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted)) != 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted)) != 0) {
        return RN_E_SYSTEM;
    }
    int got = 0;
    socklen_t size = sizeof(got);
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &size) != 0 || got < BUFFER_NEEDED) {
        return RN_E_SYSTEM;
    }
    return RN_OK;
}

enum rn_error rn_transport_pair(int out_fds[2])
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        return RN_E_SYSTEM;
    }
    RN_AUTO_FD int theirs = rn_fd_take_above_standard(fds[1]);
    RN_AUTO_FD int ours = rn_fd_take_above_standard(fds[0]);
    if (ours < 0 || theirs < 0) {
        return RN_E_SYSTEM;
    }
    RN_TRY(set_buffer(ours));
    RN_TRY(set_buffer(theirs));
    // From Linux 6.16 on: whoever sends a descriptor to us gets EPERM. Before, the missing control
    // buffer of rn_transport_receive has the kernel close it.
    int off = 0;
    (void)setsockopt(ours, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
    out_fds[0] = RN_TAKE_FD(ours);
    out_fds[1] = RN_TAKE_FD(theirs);
    return RN_OK;
}

static enum rn_error error_of_send(void)
{
    switch (errno) {
    case EAGAIN:
        return RN_E_WOULD_BLOCK;
    case EPIPE:
    case ECONNRESET:
        return RN_E_CLOSED;
    default:
        return RN_E_SYSTEM;
    }
}

enum rn_error rn_transport_send_fd(int fd, const void *packet, size_t size, int passed_fd,
                                   enum rn_wait wait)
{
    RN_CHECK(size <= RN_PACKET_MAX && passed_fd >= 0);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = size};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &passed_fd, sizeof(passed_fd));
    int flags = wait == RN_WAIT_ALLOWED ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT;
    ssize_t sent;
    do {
        sent = sendmsg(fd, &header, flags);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0 ? RN_OK : error_of_send();
}
