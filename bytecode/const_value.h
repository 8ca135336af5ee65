/*
 * const_value.h: values between processes, as deterministic CBOR.
 *
 * Core deterministic encoding of RFC 8949: shortest heads, definite lengths, shortest floats, and
 * no maps. Where CBOR has no kind of its own, a tag of ours (RN_CONST_TAG_BASE + n);
 * docs/const-value.md shows each. Every value has one encoding; any other bytes are refused.
 *
 * The writer appends to an rn_buf (sticky failure, fixed storage possible); containers are begun
 * with their count and followed by that many values. The reader pulls one token at a time and keeps
 * one small level per open container in storage of the caller, whose length is the depth limit.
 * Neither recurses nor allocates: both serve workers.
 *
 * Trust: reads bytes from workers, compilers, clients and files.
 */
#ifndef RN_BYTECODE_CONST_VALUE_H
#define RN_BYTECODE_CONST_VALUE_H

#include "base/buf.h"
#include "base/cursor.h"
#include "base/utf8.h"

/* Levels of nesting that any value may have. */
#define RN_CONST_DEPTH_MAX 10000u
#define RN_CONST_TAG_BASE 0x5200u

enum rn_const_kind {
#define CONST_KIND(name, tag, text) RN_CONST_##name,
#include "bytecode/const_kinds.def"
#undef CONST_KIND
    RN_CONST_KIND_COUNT
};

/* Tag numbers of the kinds that have one. */
enum rn_const_tag {
#define CONST_KIND(name, tag, text)                                                                \
    RN_CONST_TAG_##name = (tag) < 0 ? -1 : (int)RN_CONST_TAG_BASE + (tag),
#include "bytecode/const_kinds.def"
#undef CONST_KIND
};

struct rn_const_limits {
    size_t size_max;
    uint32_t depth_max;   /* at most RN_CONST_DEPTH_MAX */
    uint32_t element_max; /* values in all, containers included */
};

/* --- Writing --- */

void rn_const_write_unit(struct rn_buf *buf);
void rn_const_write_bool(struct rn_buf *buf, bool value);
void rn_const_write_char(struct rn_buf *buf, uint32_t scalar);
void rn_const_write_i64(struct rn_buf *buf, int64_t value);
void rn_const_write_u64(struct rn_buf *buf, uint64_t value);
void rn_const_write_f64(struct rn_buf *buf, double value); /* every NaN is written as one */
void rn_const_write_string(struct rn_buf *buf, const char *text, size_t size);
void rn_const_write_bytes(struct rn_buf *buf, const void *bytes, size_t size);
void rn_const_write_ordering(struct rn_buf *buf, int order); /* -1 Less, 0 Equal, 1 Greater */
void rn_const_write_type(struct rn_buf *buf, uint64_t hash);
void rn_const_write_hash(struct rn_buf *buf, uint64_t hash);
void rn_const_write_none(struct rn_buf *buf);

/* Followed by `count` values. */
void rn_const_begin_vec(struct rn_buf *buf, uint64_t count);
void rn_const_begin_tuple(struct rn_buf *buf, uint64_t count); /* 0: writes unit */
void rn_const_begin_vec_deque(struct rn_buf *buf, uint64_t count);
void rn_const_begin_hash_set(struct rn_buf *buf, uint64_t count);
/* Followed by `pairs` times key, value; keys are strings, no two equal. */
void rn_const_begin_object(struct rn_buf *buf, uint64_t pairs);
/* Followed by `pairs` times key, value. */
void rn_const_begin_hash_map(struct rn_buf *buf, uint64_t pairs);
/* Followed by one value. */
void rn_const_begin_some(struct rn_buf *buf);
void rn_const_begin_ok(struct rn_buf *buf);
void rn_const_begin_err(struct rn_buf *buf);
/* Followed by the bounds of the kind (enum rn_range_kind): 0, 1 or 2 values. */
void rn_const_begin_range(struct rn_buf *buf, uint32_t range_kind);
/* Followed by the fields in order of declaration. */
void rn_const_begin_struct(struct rn_buf *buf, uint64_t type_hash, uint64_t field_count);
void rn_const_begin_variant(struct rn_buf *buf, uint64_t enum_hash, uint64_t variant_hash,
                            uint64_t field_count);
/* Followed by the captures. */
void rn_const_begin_function(struct rn_buf *buf, const uint8_t content_id[32], uint64_t item_hash,
                             uint64_t capture_count);

/* --- Reading --- */

struct rn_const_token {
    enum rn_const_kind kind;
    size_t offset; /* of its first byte */
    union {
        bool boolean;
        uint32_t scalar;
        int64_t i64;
        uint64_t u64; /* U64; TYPE, HASH: the hash */
        double f64;
        int order;
        struct rn_utf8 text; /* STRING, and BYTES (any bytes) */
        struct {
            uint64_t type_hash;        /* STRUCT, VARIANT: of the type; FUNCTION: of the item */
            uint64_t variant_hash;     /* VARIANT */
            const uint8_t *content_id; /* FUNCTION: 32 bytes */
        } item;
        uint32_t range_kind;
    };
    uint32_t count; /* values that follow inside (keys and values each count), then END */
};

struct rn_const_level {
    uint32_t left;
    uint32_t kind;
};

struct rn_const_reader {
    struct rn_cursor cursor;
    struct rn_const_level *levels;
    size_t level_count;
    size_t depth;
    uint32_t elements_left;
    uint32_t owed; /* values that open levels still promise; never more than elements_left */
    bool begun;
};

/* `levels`: one for each level of nesting that is to be accepted; borrowed. */
void rn_const_reader_init(struct rn_const_reader *reader, const void *bytes, size_t size,
                          struct rn_const_level *levels, size_t level_count);
/* Accept at most `count` values in all. */
void rn_const_reader_limit(struct rn_const_reader *reader, uint32_t count);

/*
 * The next token of the one value. Every token with RN_CONST_KIND_HAS_CONTENT is followed by
 * `count` values, then by an END token. Text is borrowed from the bytes. Failure is sticky:
 * RN_E_CBOR_INVALID, RN_E_CBOR_DEPTH, RN_E_CBOR_COUNT, RN_E_INVALID_UTF8, RN_E_TRUNCATED, at
 * rn_const_reader_offset. The counts of all tokens of a value together are less than its bytes, so
 * they may size storage. `*out_token` is written in any case. Equal keys are not seen here: whoever inserts them into a table finds
 * them, in a time that hostile keys must not decide, or rn_const_value_check.
 */
enum rn_error rn_const_read(struct rn_const_reader *reader,
                            struct rn_const_token *out_token) RN_MUST_CHECK;
/* True once the value is complete. */
bool rn_const_reader_at_end(const struct rn_const_reader *reader);
/* RN_OK if the value is complete and nothing stands behind it; else RN_E_CBOR_TRAILING, or why not.
 */
enum rn_error rn_const_reader_finish(const struct rn_const_reader *reader) RN_MUST_CHECK;
/* Where reading failed, or has got to. */
size_t rn_const_reader_offset(const struct rn_const_reader *reader);

/* Whether tokens of the kind are followed by content and END. */
bool rn_const_kind_has_content(enum rn_const_kind kind);
/* "Tuple", for messages; static storage. */
const char *rn_const_kind_name(enum rn_const_kind kind);

struct rn_const_fault {
    enum rn_error error;
    size_t offset;
};

/*
 * Whether `bytes` are exactly one value within the limits, duplicate object keys included. Uses the
 * C heap for depth and large objects: not for workers. `out_fault` may be NULL. RN_E_NO_MEMORY too.
 */
enum rn_error rn_const_value_check(const void *bytes, size_t size,
                                   const struct rn_const_limits *limits,
                                   struct rn_const_fault *out_fault) RN_MUST_CHECK;

#endif
