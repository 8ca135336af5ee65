/*
 * library.h: the standard library as one constant: natives, traits, intrinsics, formatting, the
 * image of the standard Unit. Given to rn_engine_new; static, any thread.
 */
#ifndef RN_WORKER_STD_LIBRARY_H
#define RN_WORKER_STD_LIBRARY_H

#include "worker/vm/native.h"

extern const struct rn_library rn_std_library;

#endif
