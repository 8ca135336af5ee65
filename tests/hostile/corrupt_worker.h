/* corrupt_worker.h: how a test tells a corrupt worker what to do. */
#ifndef RN_TESTS_HOSTILE_CORRUPT_WORKER_H
#define RN_TESTS_HOSTILE_CORRUPT_WORKER_H

/* The upper half of the seed of a call that writes over its worker's memory; the lower says how. */
#define CORRUPT_MAGIC UINT64_C(0xbadc0de)

#endif
