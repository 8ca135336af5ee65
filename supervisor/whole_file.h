/*
 * whole_file.h: files that are there whole or not at all: written under a name that nobody else has, in the
 * folder where they belong, then renamed. What a process that died left of one can be told by its name.
 */
#ifndef RN_SUPERVISOR_WHOLE_FILE_H
#define RN_SUPERVISOR_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/check.h"

/* In an open folder; takes the place of any other of that name. False with errno, and nothing is left. */
bool rn_whole_file_at(int folder_fd, const char *name, const void *bytes, size_t size,
                      mode_t mode) RN_MUST_CHECK;
/* The same by a path, through a symbolic link if it is one; a file that was there keeps what it had of `mode`.
 * What is no regular file (/dev/null, a pipe) is written into. */
bool rn_whole_file(const char *path, const void *bytes, size_t size, mode_t mode) RN_MUST_CHECK;

/* True for the name of one that is being written. */
bool rn_whole_file_is_temporary(const char *name);
/* True if nobody writes it any more: an hour has passed. */
bool rn_whole_file_is_left(const struct stat *about);

#endif
