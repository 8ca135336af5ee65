/*
 * measure.h: what a host holds, looked at from outside, and whether it grows.
 */
#ifndef RN_TESTS_SOAK_MEASURE_H
#define RN_TESTS_SOAK_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

/* One row of counts. Names and the growth that is noise: measure.c. */
enum quantity {
    HOST_KIB,    /* resident memory of this process */
    WORKER_KIB,  /* of its workers, zygotes and compilers, on average */
    DESCRIPTORS, /* open */
    MEMFDS,      /* mapped or open */
    PROCESSES,   /* workers, zygotes and compilers: those of which a pidfd is open */
    THREADS,
    QUANTITIES,
};

struct sample {
    double of[QUANTITIES];
};

struct sample take_sample(void);
const char *quantity_name(enum quantity quantity);

/*
 * The median of the last third against that of the middle third; the first third is warming up. Prints
 * a line for each quantity; false: one of them grew by more than noise.
 */
bool judge(const struct sample *samples, size_t count);

#endif
