/*
 * constant.h: values that the compiler itself computes with.
 *
 * Results of constant expressions, literals, constants of the library. A composite value is shared
 * by everything that names it, as in the language: `let b = a` in a constant block makes no copy.
 * Elements live in an arena; strings are immutable here and borrowed or in the arena.
 */
#ifndef RN_COMPILER_CONSTANT_H
#define RN_COMPILER_CONSTANT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"

enum rn_constant_tag {
    RN_TAG_UNIT,
    RN_TAG_BOOL,
    RN_TAG_CHAR,
    RN_TAG_I64,
    RN_TAG_U64,
    RN_TAG_F64,
    RN_TAG_ORDERING,
    RN_TAG_STRING,
    RN_TAG_BYTES,
    RN_TAG_VEC,
    RN_TAG_TUPLE, /* never empty: that is UNIT */
    RN_TAG_OBJECT,
    RN_TAG_NONE,
    RN_TAG_SOME, /* a list of one */
};

struct rn_constant;

/* The elements of a composite; one per value, shared by reference. */
struct rn_constant_list {
    struct rn_constant *items;
    struct rn_utf8 *keys; /* OBJECT, else NULL */
    uint32_t count;
    uint32_t stored; /* of the generator: its CONST index + 1, or 0 */
};

struct rn_constant {
    uint8_t tag; /* enum rn_constant_tag */
    union {
        bool boolean;
        uint32_t character;
        uint32_t ordering; /* 0 Less, 1 Equal, 2 Greater */
        int64_t i64;
        uint64_t u64;
        double f64;
        struct rn_utf8 text; /* STRING, BYTES */
        struct rn_constant_list *list;
    };
};

/* What messages call its type: "i64", "String". Static storage. */
const char *rn_constant_type_name(const struct rn_constant *constant);

/*
 * As ConstValue in CBOR. `*budget` is what may still be written, in bytes, and is reduced: shared
 * parts are written out each time, so a small source can ask for much. RN_E_TOO_LARGE when it is
 * spent; RN_E_CBOR_DEPTH beyond RN_CONSTANT_DEPTH_MAX levels.
 */
enum rn_error rn_constant_encode(const struct rn_constant *constant, struct rn_buf *out,
                                 size_t *budget) RN_MUST_CHECK;

/*
 * A constant of the library, from CBOR, into the arena. RN_E_CONST_UNSUPPORTED for kinds that
 * constants do not have; RN_E_CBOR_*; RN_E_NO_MEMORY.
 */
enum rn_error rn_constant_decode(const void *bytes, size_t size, struct rn_arena *arena,
                                 struct rn_constant *out_constant) RN_MUST_CHECK;

#endif
