/*
 * segment.h: sealed shared memory.
 *
 * A segment is a memfd that its maker wrote, sealed against writing, resizing and further sealing,
 * and mapped read-only: in that order, so that what is checked in the mapping can never change.
 * Sizes are bounded before anything is made, since pages of a memfd belong to no process.
 *
 * Making one is the supervisor's (segment_make.c); attaching (segment.c) is all that a worker has,
 * and needs only fcntl(F_GET_SEALS), mmap, munmap and close.
 */
#ifndef RN_SHM_SEGMENT_H
#define RN_SHM_SEGMENT_H

#include "base/error.h"

/* Nothing maps more than this: what the wall lets a worker map (policy.h), and the largest image.
 */
#define RN_SEGMENT_SIZE_MAX (64u << 20)

struct rn_segment {
    int fd; /* -1 in those attached from elsewhere: the mapping stays, the descriptor goes */
    const void *data;
    size_t size;
};
typedef struct rn_segment rn_segment;

/*
 * Makes a memfd of `size` bytes (1 to RN_SEGMENT_SIZE_MAX): written, sealed, mapped. `name` shows in the
 * process's list of mappings. TOO_LARGE, NO_MEMORY, SYSTEM (errno).
 */
enum rn_error rn_segment_make(const char *name, const void *bytes, size_t size,
                              struct rn_segment *out_segment) RN_MUST_CHECK;

/*
 * Takes `fd` (consumed in any case), checks its seals and maps `size` bytes of it. The size is the
 * sender's word: a worker can not ask, and a page beyond the end is its own fault to touch.
 * SEAL_MISSING, TOO_LARGE, SYSTEM.
 */
enum rn_error rn_segment_take(int fd, size_t size, struct rn_segment *out_segment) RN_MUST_CHECK;

/* Unmaps and closes. Accepts one that is empty ({-1, NULL, 0}) or done. */
void rn_segment_done(struct rn_segment *segment);

#endif
