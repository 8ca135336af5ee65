/* hash.c: XXH3 through the header-only form of xxhash: nothing is linked, nothing allocated. */
#include "bytecode/hash.h"

#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#include <xxhash.h>

uint64_t rn_hash_text(const char *text, size_t size)
{
    return XXH3_64bits(text, size);
}

uint64_t rn_hash_item(const char *path, size_t size)
{
    return size == 0 ? 0 : XXH3_64bits(path, size);
}
