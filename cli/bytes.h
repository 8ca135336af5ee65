/*
 * bytes.h: a growing run of bytes, in pages of its own.
 */
#ifndef RN_CLI_BYTES_H
#define RN_CLI_BYTES_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is empty. */
struct rn_bytes {
    char *data;
    size_t size;
    size_t capacity;
};

/* False without memory; then nothing has changed. */
bool rn_bytes_append(struct rn_bytes *bytes, const char *data, size_t size);
/* Puts `size` bytes in the place of those from `start` to `end`. False without memory; then nothing has changed. */
bool rn_bytes_splice(struct rn_bytes *bytes, size_t start, size_t end, const char *data,
                     size_t size);
/* Reads a descriptor to its end, or until more than `max` bytes are there. False with errno. */
bool rn_bytes_read(struct rn_bytes *bytes, int fd, size_t max);
void rn_bytes_done(struct rn_bytes *bytes);

#endif
