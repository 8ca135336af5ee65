/* intrinsics.h: what only the standard Unit may call, expanded from intrinsics.def. */
#ifndef RN_BYTECODE_INTRINSICS_H
#define RN_BYTECODE_INTRINSICS_H

#include "base/check.h"

enum rn_intrinsic {
#define INTRINSIC_(NAME, name, arity, meaning) RN_INTRINSIC_##NAME,
#include "bytecode/intrinsics.def"
#undef INTRINSIC_
    RN_INTRINSIC_COUNT
};

struct rn_intrinsic_info {
    const char *name; /* as in `intrinsics::name(..)` */
    const char *meaning;
    uint8_t arity;
};

/* Indexed by enum rn_intrinsic. */
extern const struct rn_intrinsic_info rn_intrinsics[RN_INTRINSIC_COUNT];

/* The intrinsic of that name, or RN_INTRINSIC_COUNT. */
enum rn_intrinsic rn_intrinsic_find(const char *name, size_t size);

#endif
