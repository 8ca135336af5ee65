/*
 * visible.h: names and texts of others, shown on a terminal so that they cannot speak to it.
 *
 * A file's name, an item of a Unit, a line of a source come from anybody. What a terminal would act on
 * (control characters, changes of writing direction, characters that cannot be seen) and bytes that are no
 * UTF-8 become escapes, as in diagnostics; all else stays.
 */
#ifndef RN_CLI_VISIBLE_H
#define RN_CLI_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The longest piece, with its zero byte: "\u{10ffff}". */
#define RN_VISIBLE_PIECE 12u

/* Writes what the first character of `size` > 0 bytes is shown as to `piece`; returns how many bytes it was. */
size_t rn_visible_next(const char *data, size_t size, char piece[RN_VISIBLE_PIECE]);

/* Fills `room` with as many whole pieces as fit, and a zero byte. */
void rn_visible_copy(const char *data, size_t size, char *room, size_t room_size);

/* The text, shown. `keep_lines`: line breaks and tabs stay. */
void rn_visible_put(FILE *out, const char *data, size_t size, bool keep_lines);

/* To standard output, shown if that is a terminal, else as it is: for lists that programs read. */
void rn_visible_list(const char *data, size_t size, bool keep_lines);

#endif
