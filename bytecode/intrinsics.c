/* intrinsics.c: intrinsics.def as a table. */
#include "bytecode/intrinsics.h"

#include <string.h>

const struct rn_intrinsic_info rn_intrinsics[RN_INTRINSIC_COUNT] = {
#define INTRINSIC_(NAME, name, arity, meaning) [RN_INTRINSIC_##NAME] = {name, meaning, arity},
#include "bytecode/intrinsics.def"
#undef INTRINSIC_
};

enum rn_intrinsic rn_intrinsic_find(const char *name, size_t size)
{
    uint32_t i = 0;
    while (i < RN_INTRINSIC_COUNT) {
        if (strlen(rn_intrinsics[i].name) == size &&
            memcmp(rn_intrinsics[i].name, name, size) == 0) {
            break;
        }
        i++;
    }
    return (enum rn_intrinsic)i;
}
