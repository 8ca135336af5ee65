/* counters.h: what counters.c and counters_walled.c agree on. */
#ifndef RN_COUNTERS_H
#define RN_COUNTERS_H

// Above what a zygote has, below the usual limit on descriptors.
#define RN_COUNTERS_FD 200

#endif
