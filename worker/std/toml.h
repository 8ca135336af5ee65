/*
 * toml.h: what the files of the module toml share.
 *
 * toml_read.c   the lines of a document: keys, headers, containers, rounds
 * toml_value.c  what stands in one place: numbers, dates, escapes
 * toml_write.c  values as a document
 */
#ifndef RN_WORKER_STD_TOML_H
#define RN_WORKER_STD_TOML_H

#include "worker/vm/native.h"

/* Levels of arrays and inline tables; parts of a key. */
#define RN_TOML_LEVELS_MAX 1000u

/*
 * The scalar that `text` begins with (number, date, time, true or false): its value and width. Dates
 * and times are values that Rune has not: they become their text. NULL, or what is wrong.
 */
const char *rn_toml_scalar(struct rn_vm *vm, const char *text, size_t size,
                           struct rn_value *out_value, size_t *out_width);

/*
 * The escape at `text`, which begins with a backslash: the scalar value and the width. NULL, or what
 * is wrong.
 */
const char *rn_toml_escape(const char *text, size_t size, uint32_t *out_scalar, size_t *out_width);

/* Letters, digits, - and _. */
bool rn_toml_is_bare(char c);

#endif
