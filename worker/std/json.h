/* json.h: what the two files of the module json share. */
#ifndef RN_WORKER_STD_JSON_H
#define RN_WORKER_STD_JSON_H

#include "worker/vm/native.h"

/* Levels of arrays and objects, read or written. */
#define RN_JSON_LEVELS_MAX 1000u

/* args[0] = Err(json::Error); line 0: it is about a value, not a text. */
enum rn_outcome rn_std_json_error(struct rn_vm *vm, struct rn_value *args, struct rn_utf8 message,
                                  uint64_t line, uint64_t column);

#endif
