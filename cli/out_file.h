/*
 * out_file.h: a file that a command writes: all of it gets there, or the one that was there stays.
 *
 * A regular file is written beside the old one, with its mode, and takes its place at the end. A device, a pipe, or a file
 * beside which none can be made, is written as it is.
 */
#ifndef RN_CLI_OUT_FILE_H
#define RN_CLI_OUT_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct rn_out_file {
    FILE *stream;
    int folder; /* that the names are of; AT_FDCWD */
    char real[PATH_MAX];
    char fresh[PATH_MAX + 16]; /* what is written; "": the file itself */
    bool made;                 /* there was none: without success there is none again */
};

/* Where to write, or NULL with errno. */
FILE *rn_out_file_open(struct rn_out_file *file, const char *path);

/* Of a regular file that is there, always beside it: until it is closed, the old one is untouched. */
FILE *rn_out_file_replace(struct rn_out_file *file, const char *path);

/* Of a name in a folder, where anybody may have put something: a regular file that may be written, or none;
 * ENXIO for anything else. Always beside it. */
FILE *rn_out_file_open_in(struct rn_out_file *file, int folder, const char *name);

/* `good`: all was written. False with errno when it was not, or does not get there. Does nothing to one that is not open. */
bool rn_out_file_close(struct rn_out_file *file, bool good);

#endif
