/* bytes.c: mappings that grow by doubling. */
#include "cli/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_CAPACITY ((size_t)64 << 10)

static bool reserve(struct rn_bytes *bytes, size_t more)
{
    size_t wanted;
    if (__builtin_add_overflow(bytes->size, more, &wanted)) {
        return false;
    }
    size_t capacity = bytes->capacity == 0 ? FIRST_CAPACITY : bytes->capacity;
    while (capacity < wanted) {
        if (__builtin_mul_overflow(capacity, (size_t)2, &capacity)) {
            return false;
        }
    }
    if (capacity == bytes->capacity) {
        return true;
    }
    void *data =
        bytes->data == NULL
            ? mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            : mremap(bytes->data, bytes->capacity, capacity, MREMAP_MAYMOVE);
    if (data == MAP_FAILED) {
        return false;
    }
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

bool rn_bytes_append(struct rn_bytes *bytes, const char *data, size_t size)
{
    if (!reserve(bytes, size)) {
        return false;
    }
    if (size > 0) {
        memcpy(bytes->data + bytes->size, data, size);
        bytes->size += size;
    }
    return true;
}

bool rn_bytes_splice(struct rn_bytes *bytes, size_t start, size_t end, const char *data,
                     size_t size)
{
    size_t gone = end - start;
    if (size > gone && !reserve(bytes, size - gone)) {
        return false;
    }
    if (bytes->size > end) {
        memmove(bytes->data + start + size, bytes->data + end, bytes->size - end);
    }
    if (size > 0) {
        memcpy(bytes->data + start, data, size);
    }
    bytes->size = bytes->size - gone + size;
    return true;
}

bool rn_bytes_read(struct rn_bytes *bytes, int fd, size_t max)
{
    while (bytes->size <= max) {
        if (!reserve(bytes, FIRST_CAPACITY)) {
            errno = ENOMEM;
            return false;
        }
        ssize_t got = read(fd, bytes->data + bytes->size, bytes->capacity - bytes->size);
        if (got == 0) {
            return true;
        }
        if (got < 0 && errno != EINTR) {
            return false;
        }
        bytes->size += got > 0 ? (size_t)got : 0;
    }
    return true;
}

void rn_bytes_done(struct rn_bytes *bytes)
{
    if (bytes->data != NULL) {
        munmap(bytes->data, bytes->capacity);
    }
    *bytes = (struct rn_bytes){0};
}
