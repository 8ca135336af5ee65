/*
 * const_value_keys.h: the keys of all objects of a ConstValue, and whether one repeats another.
 *
 * They are sorted, which no chosen keys can slow down as they could a hash table: object by object in the order of
 * their offsets, keys bytewise, equal ones by offset. n log n steps, most of which look at eight bytes of a key that
 * are kept beside its place.
 */
#ifndef RN_BYTECODE_CONST_VALUE_KEYS_H
#define RN_BYTECODE_CONST_VALUE_KEYS_H

#include "base/buf.h"

struct rn_const_keys {
    const uint8_t *bytes; /* of the value */
    struct rn_buf list;
};

/* Of a value of at most UINT32_MAX bytes, which stay where they are until rn_const_keys_done. */
void rn_const_keys_init(struct rn_const_keys *keys, const void *bytes);
void rn_const_keys_done(struct rn_const_keys *keys);
/* A key whose token is at offset `at`, of the object at offset `object`; `text` lies in the value. In the order of `at`. */
void rn_const_keys_note(struct rn_const_keys *keys, uint32_t object, uint32_t at, const char *text,
                        size_t size);
/* *out_at: the offset of the first key that repeats one of the same object, or SIZE_MAX. NO_MEMORY. */
enum rn_error rn_const_keys_find(struct rn_const_keys *keys, size_t *out_at) RN_MUST_CHECK;

#endif
