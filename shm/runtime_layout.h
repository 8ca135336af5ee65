/*
 * runtime_layout.h: the RuntimeContext as a sealed segment: the host functions that a script may
 * call.
 *
 *      | magic 64 | count 32 | reserved 32 | rn_runtime_function ... |
 *
 * A function's index is its number in HOST_CALL. Made by the supervisor alone.
 */
#ifndef RN_SHM_RUNTIME_LAYOUT_H
#define RN_SHM_RUNTIME_LAYOUT_H

#include "base/check.h"

#define RN_RUNTIME_MAGIC UINT64_C(0x0a74785472757f7f)
#define RN_RUNTIME_FUNCTIONS_MAX 4096u

struct rn_runtime_function {
    uint64_t hash; /* of the item */
    int32_t arity; /* -1: any */
    uint32_t is_async;
};

struct rn_runtime_header {
    uint64_t magic;
    uint32_t count;
    uint32_t reserved;
};

_Static_assert(sizeof(struct rn_runtime_function) == 16, "layout");
_Static_assert(sizeof(struct rn_runtime_header) == 16, "layout");

#endif
