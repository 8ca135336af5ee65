/* sort.h: sorting in place, without the C library's qsort, which may allocate. */
#ifndef RN_BASE_SORT_H
#define RN_BASE_SORT_H

#include "base/check.h"

#define RN_SORT_ELEMENT_MAX 64u

/*
 * Heapsort: n log n comparisons whatever the input, no memory, not stable. Elements are at most
 * RN_SORT_ELEMENT_MAX bytes.
 */
void rn_sort(void *elements, size_t count, size_t size, int (*compare)(const void *, const void *));

#endif
