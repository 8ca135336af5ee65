/* near.h: which one of many names somebody may have meant who wrote another. */
#ifndef RN_BASE_NEAR_H
#define RN_BASE_NEAR_H

#include "base/utf8.h"

/* Longer names are near to none. */
#define RN_NEAR_NAME_MAX 40u

struct rn_near {
    struct rn_utf8 wanted;
    struct rn_utf8 best; /* size 0: nothing is near */
    size_t best_distance;
    size_t looks; /* that are left */
};

/* Texts are borrowed. Short names have near ones that differ in fewer letters. */
struct rn_near rn_near_begin(struct rn_utf8 wanted);
/* True: `name` is nearer than the best so far, and not the same; rn_near_take makes it that. */
bool rn_near_is_nearer(struct rn_near *near, struct rn_utf8 name);
void rn_near_take(struct rn_near *near, struct rn_utf8 name);
/* Takes a name that is nearer. */
static inline void rn_near_look(struct rn_near *near, struct rn_utf8 name)
{
    if (rn_near_is_nearer(near, name)) {
        rn_near_take(near, name);
    }
}

#endif
