/*
 * arg_faults.h: why a worker refused the arguments of a call.
 *
 * A worker takes structs and variants in as its types are, and says no more than that one did not fit. Here the
 * arguments are gone through beside the Unit's types, once that has happened: calls that are good pay nothing for it.
 */
#ifndef RN_SUPERVISOR_ARG_FAULTS_H
#define RN_SUPERVISOR_ARG_FAULTS_H

#include "supervisor/call.h"

#define RN_ARG_FAULT_MAX 320u

/* "argument 0: struct `P` has 2 fields, got 1". False: it cannot be told, or not within the first few thousand parts. */
bool rn_arg_faults_explain(const struct rn_call *call, char out[RN_ARG_FAULT_MAX]);

#endif
