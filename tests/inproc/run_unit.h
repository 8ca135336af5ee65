/* run_unit.h: one verified Unit, run to its end in this process. */
#ifndef RN_TESTS_INPROC_RUN_UNIT_H
#define RN_TESTS_INPROC_RUN_UNIT_H

#include "bytecode/unit_debug.h"
#include "worker/vm/vm.h"

struct run_options {
    struct rn_vm_limits limits;
    size_t region_size;
    uint64_t slice;
    uint64_t seed;
    uint64_t clock_ns; /* 0: the script may read no clock */
    bool stats;        /* usage to standard error */
};

/* Runs the item (0: the script body), prints output and errors; the exit code of the command. */
int run_unit(const struct rune_verified_unit *unit, const struct rn_debug *debug, uint64_t item,
             const struct run_options *options);

#endif
