/* time.h: debug text of Durations and Instants. */
#ifndef RN_WORKER_STD_TIME_H
#define RN_WORKER_STD_TIME_H

#include "worker/vm/native.h"

/* *out_done false: the value is neither. */
enum rn_outcome rn_std_append_time(struct rn_vm *vm, struct rn_string *text, struct rn_value value,
                                   bool *out_done);

#endif
