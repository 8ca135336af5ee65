/* version.h: which library this is. The number is major * 1,000,000 + minor * 1,000 + patch. */
#ifndef RUNEWARD_VERSION_H
#define RUNEWARD_VERSION_H

#include <runeward/status.h>

#define RUNE_VERSION_MAJOR 0
#define RUNE_VERSION_MINOR 1
#define RUNE_VERSION_PATCH 0
#define RUNE_VERSION_NUMBER 1000

RUNE_BEGIN

/* The version of the library in use, which may be newer than this header. Any thread. */
RUNE_API uint32_t rune_version_number(void);
/* "0.1.0". Static storage. Any thread. */
RUNE_API const char *rune_version_string(void);
/* The instruction set and Unit format that this library accepts. Any thread. */
RUNE_API uint64_t rune_version_isa(void);

RUNE_END

#endif
