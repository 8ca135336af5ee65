/*
 * text.h: text made by the library for the caller.
 *
 * A rune_text holds UTF-8 bytes followed by a zero byte that is not counted. One thread at a time.
 */
#ifndef RUNEWARD_TEXT_H
#define RUNEWARD_TEXT_H

#include <runeward/status.h>

RUNE_BEGIN

typedef struct rune_text rune_text;

/* A copy of the bytes as a text. NULL without memory. The caller's: rune_text_free. */
RUNE_API rune_text *rune_text_new(const char *data, size_t size) RUNE_MUST_CHECK;
/* The bytes, borrowed until the text is freed; never NULL: "" of NULL. */
RUNE_API const char *rune_text_data(const rune_text *text);
RUNE_API size_t rune_text_size(const rune_text *text);
/* Accepts NULL. */
RUNE_API void rune_text_free(rune_text *text);

RUNE_END

#endif
