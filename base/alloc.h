/*
 * alloc.h: the one gate to the C heap.
 *
 * malloc and its family appear in alloc.c only (a test checks it), so that fault injection, limits
 * and leak counts see every block. A worker behind its wall must not come here: its memory is the
 * arena of worker/vm.
 */
#ifndef RN_BASE_ALLOC_H
#define RN_BASE_ALLOC_H

#include "base/check.h"

/* `size` bytes set to zero, or NULL. The caller owns them: rn_free. Size 0 gives a unique block. */
void *rn_alloc(size_t size) RN_MUST_CHECK;

/* `count` elements of `size` bytes set to zero, or NULL (also on overflow). */
void *rn_alloc_array(size_t count, size_t size) RN_MUST_CHECK;

/* Like realloc: NULL leaves the old block as it was. New bytes are not cleared. */
void *rn_realloc(void *block, size_t size) RN_MUST_CHECK;

/* Accepts NULL. */
void rn_free(void *block);

/* A copy of `size` bytes with a zero byte behind it, or NULL. */
char *rn_strndup(const char *text, size_t size) RN_MUST_CHECK;

/*
 * From now on blocks come from `range` (zeroed, 16-byte aligned, alive to the end of the process)
 * and no system call is made for them. For a process of one thread that is about to lose the calls
 * by which the C heap grows; earlier blocks may still be freed, which does nothing.
 */
void rn_alloc_set_region(void *range, size_t size);

/* Test hooks: the n-th allocation from now fails (1 = the next; 0 = none), once or from then on. */
void rn_alloc_fail_at(uint64_t n, bool persistent);
/* Allocations asked for since the process began; blocks alive now. */
uint64_t rn_alloc_count(void);
uint64_t rn_alloc_live(void);

/* Frees the pointer variable it is attached to at the end of its scope. */
void rn_free_pointer(void *pointer_to_pointer);
#define RN_AUTO_FREE __attribute__((cleanup(rn_free_pointer)))

/* RN_AUTO(rn_buf) rn_buf b: calls rn_buf_done(&b) at the end of the scope. */
#define RN_AUTO(type) __attribute__((cleanup(type##_done)))

/* Moves a pointer out of a variable and leaves NULL. */
#define RN_TAKE(pointer)                                                                           \
    __extension__({                                                                                \
        __typeof__(pointer) rn_taken_ = (pointer);                                                 \
        (pointer) = NULL;                                                                          \
        rn_taken_;                                                                                 \
    })

#endif
