/*
 * process.h: the two lives of runeward-worker.
 *
 * `runeward-worker --zygote ...` becomes the zygote of one trust domain (worker/zygote.c). Executed
 * by a zygote it becomes a worker: policy/process.h builds the wall around it, and then the main
 * loop takes over with what is left in `struct rn_process`: socket, segments, arena and seed.
 */
#ifndef RN_WORKER_PROCESS_H
#define RN_WORKER_PROCESS_H

#include "policy/process.h"

/* The worker's main loop, behind the wall; returns the exit code. Implemented in worker/loop.c. */
int rn_worker_main(struct rn_process *process);

/* The zygote: `argc` and `argv` as main got them. Returns the exit code. */
int rn_zygote_main(int argc, char **argv);

#endif
