/* Packets over a socket pair: whole, with and without waiting, descriptors one way only. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/fd.h"
#include "shm/message.h"
#include "shm/transport.h"

static uint8_t packet[RN_PACKET_MAX];
static uint8_t received[RN_PACKET_MAX];

static void make_pair(int fds[2])
{
    assert_int_equal(rn_transport_pair(fds), RN_OK);
    assert_int_equal(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fds[1], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void test_packets_keep_their_bounds(void **state)
{
    (void)state;
    int fds[2];
    size_t size;
    make_pair(fds);
    memset(packet, 'x', sizeof(packet));
    assert_int_equal(rn_transport_send(fds[0], packet, 10, RN_WAIT_NEVER), RN_OK);
    assert_int_equal(rn_transport_send(fds[0], packet, sizeof(packet), RN_WAIT_NEVER), RN_OK);
    assert_int_equal(rn_transport_receive(fds[1], received, RN_WAIT_ALLOWED, &size), RN_OK);
    assert_int_equal(size, 10);
    assert_int_equal(rn_transport_receive(fds[1], received, RN_WAIT_ALLOWED, &size), RN_OK);
    assert_int_equal(size, sizeof(packet));
    assert_memory_equal(received, packet, size);
    assert_int_equal(rn_transport_receive(fds[1], received, RN_WAIT_NEVER, &size),
                     RN_E_WOULD_BLOCK);
    rn_fd_close(fds[0]);
    rn_fd_close(fds[1]);
}

static void test_a_full_socket(void **state)
{
    (void)state;
    int fds[2];
    int sent = 0;
    make_pair(fds);
    while (rn_transport_send(fds[0], packet, sizeof(packet), RN_WAIT_NEVER) == RN_OK) {
        sent++;
        assert_in_range(sent, 0, 100000);
    }
    assert_in_range(sent, 2, 100000);
    assert_int_equal(rn_transport_send(fds[0], packet, sizeof(packet), RN_WAIT_NEVER),
                     RN_E_WOULD_BLOCK);
    rn_fd_close(fds[0]);
    rn_fd_close(fds[1]);
}

static void test_the_other_side_has_gone(void **state)
{
    (void)state;
    int fds[2];
    size_t size;
    make_pair(fds);
    rn_fd_close(fds[1]);
    assert_int_equal(rn_transport_send(fds[0], packet, 1, RN_WAIT_ALLOWED), RN_E_CLOSED);
    assert_int_equal(rn_transport_receive(fds[0], received, RN_WAIT_ALLOWED, &size), RN_E_CLOSED);
    rn_fd_close(fds[0]);
}

static void test_longer_than_a_packet(void **state)
{
    (void)state;
    int fds[2];
    size_t size;
    static uint8_t large[RN_PACKET_MAX + 1];
    make_pair(fds);
    assert_int_equal(send(fds[1], large, sizeof(large), MSG_NOSIGNAL), sizeof(large));
    assert_int_equal(rn_transport_receive(fds[0], received, RN_WAIT_NEVER, &size), RN_E_TOO_LARGE);
    rn_fd_close(fds[0]);
    rn_fd_close(fds[1]);
}

static void test_a_descriptor_to_the_worker(void **state)
{
    (void)state;
    int fds[2];
    int pipe_fds[2];
    int got;
    size_t size;
    make_pair(fds);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(rn_transport_send_fd(fds[0], "a", 1, pipe_fds[1], RN_WAIT_NEVER), RN_OK);
    assert_int_equal(rn_transport_receive_fd(fds[1], received, RN_WAIT_NEVER, &size, &got), RN_OK);
    assert_in_range(got, 3, 1000);
    assert_int_equal(fcntl(got, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(write(got, "z", 1), 1);
    char c;
    assert_int_equal(read(pipe_fds[0], &c, 1), 1);
    assert_int_equal(c, 'z');
    assert_int_equal(rn_transport_send(fds[0], "b", 1, RN_WAIT_NEVER), RN_OK);
    int none;
    assert_int_equal(rn_transport_receive_fd(fds[1], received, RN_WAIT_NEVER, &size, &none), RN_OK);
    assert_int_equal(none, -1);
    rn_fd_close(got);
    rn_fd_close(pipe_fds[0]);
    rn_fd_close(pipe_fds[1]);
    rn_fd_close(fds[0]);
    rn_fd_close(fds[1]);
}

/* How many descriptors this process has. */
static int count_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* Several in one packet, whose size is given. */
static void send_descriptors(int to, size_t size, int count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control = {.bytes = {0}};
    static uint8_t bytes[RN_PACKET_MAX + 1];
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    for (int i = 0; i < count; i++) {
        memcpy(CMSG_DATA(c) + (size_t)i * sizeof(to), &to, sizeof(to));
    }
    assert_int_equal(sendmsg(to, &header, 0), (ssize_t)size);
}

/* One comes or none: others are closed, as is the first with them, and one that comes with too large a packet. */
static void test_descriptors_beyond_the_first(void **state)
{
    (void)state;
    int fds[2];
    int got;
    size_t size;
    make_pair(fds);
    int before = count_fds();
    for (int count = 2; count <= 4; count++) {
        send_descriptors(fds[0], 1, count);
        assert_int_equal(rn_transport_receive_fd(fds[1], received, RN_WAIT_NEVER, &size, &got),
                         RN_E_MESSAGE_INVALID);
        assert_int_equal(got, -1);
        assert_int_equal(count_fds(), before);
    }
    send_descriptors(fds[0], RN_PACKET_MAX + 1, 1);
    assert_int_equal(rn_transport_receive_fd(fds[1], received, RN_WAIT_NEVER, &size, &got),
                     RN_E_TOO_LARGE);
    assert_int_equal(got, -1);
    assert_int_equal(count_fds(), before);
    rn_fd_close(fds[0]);
    rn_fd_close(fds[1]);
}

static void test_no_descriptor_to_the_supervisor(void **state)
{
    (void)state;
    int fds[2];
    size_t size;
    make_pair(fds);
    int before = count_fds();
    for (int i = 0; i < 1000; i++) {
        enum rn_error sent = rn_transport_send_fd(fds[1], "a", 1, fds[1], RN_WAIT_NEVER);
        if (sent == RN_OK) {
            // A kernel without SO_PASSRIGHTS: the packet arrives, the descriptor does not.
            assert_int_equal(rn_transport_receive(fds[0], received, RN_WAIT_NEVER, &size),
                             RN_E_MESSAGE_INVALID);
        } else {
            assert_int_equal(sent, RN_E_SYSTEM);
        }
    }
    assert_int_equal(count_fds(), before);
    rn_fd_close(fds[0]);
    rn_fd_close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_keep_their_bounds),
        cmocka_unit_test(test_a_full_socket),
        cmocka_unit_test(test_the_other_side_has_gone),
        cmocka_unit_test(test_longer_than_a_packet),
        cmocka_unit_test(test_a_descriptor_to_the_worker),
        cmocka_unit_test(test_descriptors_beyond_the_first),
        cmocka_unit_test(test_no_descriptor_to_the_supervisor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
