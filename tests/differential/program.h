/*
 * program.h: valid programs of the language, made by a grammar.
 *
 * Each choice is taken from the bytes of a fuzzer, or from a seed. Whatever the choices, the program
 * compiles, and it ends: functions call only those before them, and every loop has a bound. It may
 * raise errors (overflow, an index, a changed collection) and reach limits, as the same program must
 * do everywhere.
 */
#ifndef RN_TESTS_DIFFERENTIAL_PROGRAM_H
#define RN_TESTS_DIFFERENTIAL_PROGRAM_H

#include "base/buf.h"

struct program_choices {
    const uint8_t *data; /* NULL: from the seed */
    size_t size;
    size_t at;
    uint64_t seed;
};

/* Appends the text of a program whose `main` takes nothing. */
void program_write(struct program_choices *choices, struct rn_buf *out);

#endif
