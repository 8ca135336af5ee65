/* hash_key.c: the key of the process, from AT_RANDOM (getauxval(3)). */
#include "base/hash_key.h"

#include <string.h>
#include <sys/auxv.h>

#include "base/math.h"

uint64_t rn_hash_key(void)
{
    uint64_t words[2] = {0};
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random) {
        memcpy(words, random, sizeof(words));
    }
    return rn_splitmix(words[0], 1) ^ rn_splitmix(words[1], 2);
}
