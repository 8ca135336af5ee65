/*
 * fmt.h: values as text.
 *
 * Display is what `{}` and templates print, debug is `{:?}`, a specification is what stands behind
 * the colon of a format string. All append to a String of the Vm's heap; nested values are walked
 * with an explicit, charged stack. Errors: MissingProtocolFunction DISPLAY_FMT, IllegalFormat,
 * AccessError for moved values, memory.
 */
#ifndef RN_WORKER_STD_FMT_H
#define RN_WORKER_STD_FMT_H

#include "worker/vm/native.h"

enum rn_outcome rn_fmt_display(struct rn_vm *vm, struct rn_string *text, struct rn_value value);
enum rn_outcome rn_fmt_debug(struct rn_vm *vm, struct rn_string *text, struct rn_value value);
enum rn_outcome rn_fmt_spec(struct rn_vm *vm, struct rn_string *text, struct rn_value value,
                            const struct rn_unit_spec *spec);

#endif
