/* Sealed segments: made with all seals, refused without any one of them, immutable for everybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/control.h"
#include "shm/fd.h"
#include "shm/segment.h"

#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static void test_make_and_read(void **state)
{
    (void)state;
    struct rn_segment segment;
    assert_int_equal(rn_segment_make("test", "hello", 5, &segment), RN_OK);
    assert_int_equal(segment.size, 5);
    assert_memory_equal(segment.data, "hello", 5);
    assert_int_equal(fcntl(segment.fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
    assert_int_equal(fcntl(segment.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    rn_segment_done(&segment);
    assert_int_equal(segment.fd, -1);
    assert_null(segment.data);
    rn_segment_done(&segment);
}

static void test_nobody_changes_it(void **state)
{
    (void)state;
    struct rn_segment segment;
    assert_int_equal(rn_segment_make("test", "hello", 5, &segment), RN_OK);
    assert_int_equal(pwrite(segment.fd, "H", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(segment.fd, 1), -1);
    assert_int_equal(ftruncate(segment.fd, 9), -1);
    assert_ptr_equal(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, segment.fd, 0), MAP_FAILED);
    // A second description by way of procfs is no way round either.
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", segment.fd);
    RN_AUTO_FD int again = open(path, O_RDWR | O_CLOEXEC);
    if (again >= 0) {
        assert_int_equal(pwrite(again, "H", 1, 0), -1);
    }
    assert_memory_equal(segment.data, "hello", 5);
    rn_segment_done(&segment);
}

static void test_sizes_are_bounded_first(void **state)
{
    (void)state;
    struct rn_segment segment;
    assert_int_equal(rn_segment_make("test", "", 0, &segment), RN_E_TOO_LARGE);
    assert_int_equal(rn_segment_make("test", "", (size_t)RN_SEGMENT_SIZE_MAX + 1, &segment),
                     RN_E_TOO_LARGE);
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(rn_segment_take(fd, (size_t)RN_SEGMENT_SIZE_MAX + 1, &segment),
                     RN_E_TOO_LARGE);
    assert_int_equal(fcntl(fd, F_GETFD), -1); // consumed
    assert_int_equal(rn_segment_take(memfd_create("test", MFD_CLOEXEC), 0, &segment),
                     RN_E_TOO_LARGE);
}

/* Each seal alone is not enough to leave out. */
static void test_each_seal_is_needed(void **state)
{
    (void)state;
    static const int seals[] = {F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL};
    for (size_t i = 0; i <= sizeof(seals) / sizeof(seals[0]); i++) {
        int missing = i < 4 ? seals[i] : 0;
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_int_equal(ftruncate(fd, 4096), 0);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, ALL_SEALS & ~missing), 0);
        struct rn_segment segment = {.fd = -1};
        assert_int_equal(rn_segment_take(fd, 4096, &segment), missing ? RN_E_SEAL_MISSING : RN_OK);
        rn_segment_done(&segment);
    }
}

static void test_not_a_memfd(void **state)
{
    (void)state;
    struct rn_segment segment;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(rn_segment_take(fd, 4096, &segment), RN_E_SYSTEM);
}

static void test_control_page(void **state)
{
    (void)state;
    struct rn_control *control;
    int fd;
    assert_int_equal(rn_control_make(&control, &fd), RN_OK);
    const struct rn_control *seen = mmap(NULL, RN_CONTROL_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(seen, MAP_FAILED);
    assert_ptr_equal(mmap(NULL, RN_CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
                     MAP_FAILED);
    rn_control_stop(control, 5);
    assert_int_equal(atomic_load(&seen->stop[5]), 1);
    assert_int_equal(atomic_load(&seen->stop[4]), 0);
    rn_control_clear(control, 5);
    assert_int_equal(atomic_load(&seen->stop[5]), 0);
    atomic_store(&control->kill_deadline_ns, 77);
    uint64_t first;
    memcpy(&first, (const void *)seen, sizeof(first));
    assert_int_equal(first, 77);
    munmap((void *)(uintptr_t)seen, RN_CONTROL_SIZE);
    rn_control_unmap(control);
    rn_fd_close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make_and_read),
        cmocka_unit_test(test_nobody_changes_it),
        cmocka_unit_test(test_sizes_are_bounded_first),
        cmocka_unit_test(test_each_seal_is_needed),
        cmocka_unit_test(test_not_a_memfd),
        cmocka_unit_test(test_control_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
