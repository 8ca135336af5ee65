/*
 * profile.h: the body of PROFILE: what a call has spent, and where, in rows of one size.
 *
 *      first `nodes` rows:    | parent 32 | function 32 | spent 64 | calls 64 |
 *      then `places` rows:    | pc 32     | 0        32 | spent 64 | hits  64 |
 *
 * Little endian. Nodes come in the order of their numbers over all packets of a call, each after its parent;
 * node 0 is its own, and is the call before its first function; node 1 is what there was no room for, and
 * has no children. Those two are of no function, RN_NONE; of the others none is on its own path already.
 * Places ascend by pc, an index into CODE.
 *
 * Trust: decodes bytes from workers.
 */
#ifndef RN_SHM_PROFILE_H
#define RN_SHM_PROFILE_H

#include "base/error.h"

#include <stddef.h>

#define RN_PROFILE_ROW_SIZE 24u
/* More of them nobody counts: what is called beyond counts in node 1. */
#define RN_PROFILE_NODES_MAX 4096u
#define RN_PROFILE_OTHERS 1u
#define RN_PROFILE_FIRST 2u /* of a function */

struct rn_profile_row {
    uint32_t key;   /* parent, or pc */
    uint32_t other; /* function, or 0 */
    uint64_t spent;
    uint64_t times; /* calls, or hits */
};

void rn_profile_encode(const struct rn_profile_row *row, uint8_t out[RN_PROFILE_ROW_SIZE]);
void rn_profile_decode(const uint8_t bytes[RN_PROFILE_ROW_SIZE], struct rn_profile_row *out_row);
/* Whether a body of that size has that many rows, and any. MESSAGE_INVALID. */
enum rn_error rn_profile_check(uint32_t nodes, uint32_t places, size_t size) RN_MUST_CHECK;

#endif
