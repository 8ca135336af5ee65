/* subject.h: what the wall's tests tell their subject to do. */
#ifndef RN_TESTS_WALL_SUBJECT_H
#define RN_TESTS_WALL_SUBJECT_H

#include "tests/wall/attempts.h"

#include <stdint.h>

enum order_kind {
    ORDER_SYSCALL, /* the call `number` with six arguments */
    ORDER_INT80,   /* the 32-bit entry */
    ORDER_SPIN,
    ORDER_ARENA_ADDRESS,
    ORDER_TOUCH_ARENA, /* the first arguments[0] bytes; answers the arena's size */
    ORDER_TEXT_ADDRESS,
    ORDER_READ_SEGMENT,  /* byte arguments[0] of segment `number` */
    ORDER_WRITE_SEGMENT, /* likewise */
    ORDER_SEED,
    ORDER_ATTEMPT, /* `number` of attempts.h, with `target` */
    ORDER_EXIT,    /* with code `number` */
};

struct order {
    uint32_t kind;
    uint32_t padding;
    uint64_t number;
    uint64_t arguments[6];
    struct attempt_target target;
};

#endif
