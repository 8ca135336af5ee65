/*
 * state.h: what faults.c and whoever arms it agree on; in the memory of one program, or in a file that several have mapped.
 */
#ifndef RN_TESTS_FAULT_STATE_H
#define RN_TESTS_FAULT_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FAULT_PLACES 4096u
#define FAULT_NAME_SIZE 32

enum fault_mode {
    FAULT_MODE_NONE,
    FAULT_MODE_COUNT, /* the call at which `left` gets to 0 */
    FAULT_MODE_NEW,
};

/* A place in the program, and which errnos its call has failed with. */
struct fault_place {
    _Atomic(uintptr_t) address;
    _Atomic unsigned seen;
};

/* command.py writes and reads what stands before `scope`. */
struct fault_state {
    _Atomic int mode;
    _Atomic int outcome;
    _Atomic int error;
    _Atomic unsigned wanted;
    _Atomic long left;
    char name[FAULT_NAME_SIZE];
    _Atomic int scope;        /* of enum fault_scope: in which programs calls fail and count */
    _Atomic bool forever;     /* what fails once fails from then on, at that place */
    _Atomic(uintptr_t) stuck; /* that place; 0: none */
    _Atomic uint64_t calls;   /* of the scope, since it was set */
    _Atomic uint64_t arena;   /* bytes that programs of the scope have of theirs; 0: all */
    struct fault_place places[FAULT_PLACES];
};

/* NULL as long as there is nothing that could say what fails. */
extern struct fault_state *fault_state;

#endif
