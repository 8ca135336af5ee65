/* function.h: functions of scripts as the host holds them. */
#ifndef RN_SUPERVISOR_FUNCTION_H
#define RN_SUPERVISOR_FUNCTION_H

#include <runeward/function.h>

#include <stdatomic.h>

#include "supervisor/vm.h"

struct rune_function {
    _Atomic uint32_t refs;
    rune_vm *vm;               /* counted */
    rune_unit *unit;           /* counted: what the Vm ran then */
    struct rn_kept kept;       /* in the Vm */
    struct rn_kept_name there; /* of a Vm in a daemon: what that calls it */
    uint64_t hash;             /* of the item; 0: unknown */
    char *item;                /* owned */
};

struct rune_sync_function {
    _Atomic uint32_t refs;
    rune_supervisor *supervisor; /* counted, as are the next three */
    rune_runtime *runtime;       /* or NULL */
    rune_unit *unit;
    rune_const_value *value;
    rune_vm_options options;
    char *item; /* owned */
};

/* Whether the value is a function of the Unit, or one of the library. FUNCTION_INVALID; INVALID_ARGUMENT: none. */
rune_status rn_function_check(const rune_unit *unit, const rune_const_value *value,
                              rune_error **error) RN_MUST_CHECK;

#endif
