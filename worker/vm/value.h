/*
 * value.h: what a register, a field or an element holds.
 *
 * A Value is 16 bytes, a tag and a payload. Small kinds are inline and copied; everything else is
 * an object of the Vm's heap (object.h) and shared. There are no reference counts: who keeps a
 * Value where the collector cannot see it keeps it only until the next instruction (see native.h).
 *
 *      0                8                16
 *      +----------------+----------------+
 *      |      tag       |    payload     |
 *      +----------------+----------------+
 *
 * The tag is one whole word so that a copy is two plain moves. I64 is 0: one `or` and one test tell
 * that both operands of an operator are integers.
 */
#ifndef RN_WORKER_VM_VALUE_H
#define RN_WORKER_VM_VALUE_H

#include "base/check.h"

enum rn_value_kind {
    RN_VALUE_I64 = 0,
    RN_VALUE_F64,
    RN_VALUE_U64,
    RN_VALUE_BOOL,
    RN_VALUE_CHAR,
    RN_VALUE_UNIT,     /* (): the empty tuple */
    RN_VALUE_NONE,     /* Option::None */
    RN_VALUE_ORDERING, /* payload: enum rn_ordering */
    RN_VALUE_TYPE,     /* payload: dense type id */
    RN_VALUE_HASH,
    RN_VALUE_OBJECT, /* payload: a heap object */
    RN_VALUE_EMPTY,  /* no value: removed entries, unset statics; never seen by scripts */
};

enum rn_ordering {
    RN_ORDERING_LESS,
    RN_ORDERING_EQUAL,
    RN_ORDERING_GREATER,
};

struct rn_object;

struct rn_value {
    uint64_t tag; /* enum rn_value_kind */
    union {
        int64_t i64;
        uint64_t u64; /* also bool, char, ordering, type, hash */
        double f64;
        struct rn_object *object;
    };
};

_Static_assert(sizeof(struct rn_value) == 16, "a Value is 16 bytes");

static inline struct rn_value rn_value_i64(int64_t value)
{
    return (struct rn_value){.tag = RN_VALUE_I64, .i64 = value};
}

static inline struct rn_value rn_value_u64(uint64_t value)
{
    return (struct rn_value){.tag = RN_VALUE_U64, .u64 = value};
}

static inline struct rn_value rn_value_f64(double value)
{
    return (struct rn_value){.tag = RN_VALUE_F64, .f64 = value};
}

static inline struct rn_value rn_value_bool(bool value)
{
    return (struct rn_value){.tag = RN_VALUE_BOOL, .u64 = value};
}

static inline struct rn_value rn_value_char(uint32_t scalar)
{
    return (struct rn_value){.tag = RN_VALUE_CHAR, .u64 = scalar};
}

static inline struct rn_value rn_value_unit(void)
{
    return (struct rn_value){.tag = RN_VALUE_UNIT, .u64 = 0};
}

static inline struct rn_value rn_value_none(void)
{
    return (struct rn_value){.tag = RN_VALUE_NONE, .u64 = 0};
}

static inline struct rn_value rn_value_empty(void)
{
    return (struct rn_value){.tag = RN_VALUE_EMPTY, .u64 = 0};
}

static inline struct rn_value rn_value_ordering(enum rn_ordering ordering)
{
    return (struct rn_value){.tag = RN_VALUE_ORDERING, .u64 = ordering};
}

static inline struct rn_value rn_value_type(uint32_t type)
{
    return (struct rn_value){.tag = RN_VALUE_TYPE, .u64 = type};
}

static inline struct rn_value rn_value_from_hash(uint64_t hash)
{
    return (struct rn_value){.tag = RN_VALUE_HASH, .u64 = hash};
}

/* `object` is any struct of object.h that begins with its header. */
static inline struct rn_value rn_value_object(void *object)
{
    return (struct rn_value){.tag = RN_VALUE_OBJECT, .object = object};
}

/* A copy as two words: a wide load of what was just stored in halves would wait for both stores. */
static inline void rn_value_copy(struct rn_value *to, const struct rn_value *from)
{
    uint64_t tag = from->tag;
    uint64_t word = from->u64;
    __asm__("" : "+r"(tag));
    to->tag = tag;
    to->u64 = word;
}

static inline bool rn_value_is_object(struct rn_value value)
{
    return value.tag == RN_VALUE_OBJECT;
}

static inline bool rn_value_is_true(struct rn_value value)
{
    return value.tag == RN_VALUE_BOOL && value.u64 != 0;
}

#endif
