/*
 * value.h: ConstValues, the data that goes into calls and comes out of them.
 *
 * A rune_const_value is immutable, counted (ref, unref) and may be shared by threads freely. What a
 * constructor returns is the caller's. Builders copy what they take. Deterministic CBOR is its form
 * on the wire: equal values have equal bytes.
 */
#ifndef RUNEWARD_VALUE_H
#define RUNEWARD_VALUE_H

#include <runeward/error.h>

RUNE_BEGIN

typedef struct rune_const_value rune_const_value;

/* Values are stable and never reused. */
typedef enum rune_value_kind {
    RUNE_VALUE_UNIT = 0,
    RUNE_VALUE_BOOL = 1,
    RUNE_VALUE_CHAR = 2,
    RUNE_VALUE_I64 = 3,
    RUNE_VALUE_U64 = 4,
    RUNE_VALUE_F64 = 5,
    RUNE_VALUE_STRING = 6,
    RUNE_VALUE_BYTES = 7,
    RUNE_VALUE_TUPLE = 8,
    RUNE_VALUE_VEC = 9,
    RUNE_VALUE_OBJECT = 10,
    RUNE_VALUE_OPTION = 11,
    RUNE_VALUE_RESULT = 12,
    RUNE_VALUE_ORDERING = 13,
    RUNE_VALUE_RANGE = 14,
    RUNE_VALUE_TYPE = 15,
    RUNE_VALUE_HASH = 16,
    RUNE_VALUE_STRUCT = 17,
    RUNE_VALUE_VARIANT = 18,
    RUNE_VALUE_FUNCTION = 19,
    RUNE_VALUE_OTHER = 20 /* a kind that this library version carries but has no getter for */
} rune_value_kind;

/* Constructors. NULL without memory, where noted on wrong input, and for a value of more than 64 MiB as CBOR.
 * Less goes into a call: see vm.h. */
RUNE_API rune_const_value *rune_value_unit(void) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_bool(bool value) RUNE_MUST_CHECK;
/* NULL unless `value` is a Unicode scalar value. */
RUNE_API rune_const_value *rune_value_char(uint32_t value) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_i64(int64_t value) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_u64(uint64_t value) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_f64(double value) RUNE_MUST_CHECK;
/* NULL unless UTF-8. */
RUNE_API rune_const_value *rune_value_string(const char *data, size_t size) RUNE_MUST_CHECK;
/* The same for a text that ends with a zero byte. */
RUNE_API rune_const_value *rune_value_text(const char *text) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_bytes(const void *data, size_t size) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_tuple(const rune_const_value *const *items,
                                            size_t count) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_vec(const rune_const_value *const *items,
                                          size_t count) RUNE_MUST_CHECK;
/* Keys end with a zero byte; NULL if one comes twice or is not UTF-8. Order is kept. */
RUNE_API rune_const_value *rune_value_object(const char *const *keys,
                                             const rune_const_value *const *values,
                                             size_t count) RUNE_MUST_CHECK;
/* A struct of a script ("shapes::Point"), fields in order of declaration. */
RUNE_API rune_const_value *rune_value_struct(const char *item,
                                             const rune_const_value *const *fields,
                                             size_t count) RUNE_MUST_CHECK;
/* A variant of a script's enum, by its path ("shapes::Shape::Circle"); NULL if that has no enum in it. */
RUNE_API rune_const_value *rune_value_variant(const char *item,
                                              const rune_const_value *const *fields,
                                              size_t count) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_none(void) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_some(const rune_const_value *value) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_ok(const rune_const_value *value) RUNE_MUST_CHECK;
RUNE_API rune_const_value *rune_value_err(const rune_const_value *value) RUNE_MUST_CHECK;

/* Another reference to the same value; accepts and returns NULL. */
RUNE_API rune_const_value *rune_value_ref(const rune_const_value *value);
/* Accepts NULL. */
RUNE_API void rune_value_unref(rune_const_value *value);

/*
 * Reading. Every reader accepts NULL, which is what an argument that was not given is, and takes it for
 * a value of no kind: OTHER, false, 0.
 */
RUNE_API rune_value_kind rune_value_kind_of(const rune_const_value *value);
/* "i64", "String", "Object" …; static storage. */
RUNE_API const char *rune_value_kind_name(rune_value_kind kind);

/* Getters: true and the result, or false if the value is of another kind. */
RUNE_API bool rune_value_get_bool(const rune_const_value *value, bool *out_value);
RUNE_API bool rune_value_get_char(const rune_const_value *value, uint32_t *out_value);
RUNE_API bool rune_value_get_i64(const rune_const_value *value, int64_t *out_value);
RUNE_API bool rune_value_get_u64(const rune_const_value *value, uint64_t *out_value);
RUNE_API bool rune_value_get_f64(const rune_const_value *value, double *out_value);
/* Borrowed, not terminated. */
RUNE_API bool rune_value_get_string(const rune_const_value *value, const char **out_data,
                                    size_t *out_size);
RUNE_API bool rune_value_get_bytes(const rune_const_value *value, const void **out_data,
                                   size_t *out_size);

/*
 * Elements of tuples, vecs, objects (their values, in insertion order), structs and variants (their
 * fields), options and results (the payload, 0 or 1), ranges (their bounds, 0 to 2), functions (what they
 * captured), and of sets, deques and maps. 0 for everything else.
 */
RUNE_API size_t rune_value_count(const rune_const_value *value);
/* A new reference to one element, or NULL (no such index, no memory). Linear in the size of what stands
 * before it: to read many, walk. */
RUNE_API rune_const_value *rune_value_at(const rune_const_value *value,
                                         size_t index) RUNE_MUST_CHECK;
/* The key of one entry of an object, or of a map whose keys are Strings. Borrowed. False for everything else:
 * the fields of structs and variants have no names in a value, see below. */
RUNE_API bool rune_value_key_at(const rune_const_value *value, size_t index, const char **out_data,
                                size_t *out_size);
/*
 * A walk over the elements, linear as a whole. The value must live as long as the walk.
 *
 *     rune_value_iter_init(&iter, value);
 *     while (rune_value_iter_next(&iter, &item) == RUNE_OK) {
 *         ...
 *         rune_value_unref(item);
 *     }
 */
typedef struct rune_value_iter {
    const rune_const_value *value; /* borrowed */
    size_t left;                   /* elements that are still to come */
    const char *key;               /* of the element that came last: borrowed; NULL: it has none */
    size_t key_size;
    size_t offset; /* the library's, as is the next */
    bool keyed;
} rune_value_iter;
RUNE_API void rune_value_iter_init(rune_value_iter *iter, const rune_const_value *value);
/* A new reference to the next element. NOT_FOUND after the last; NO_MEMORY, and the walk stays there. */
RUNE_API rune_status rune_value_iter_next(rune_value_iter *iter,
                                          rune_const_value **out_item) RUNE_MUST_CHECK;
/* A new reference to the value under a key of an object or map, or NULL. */
RUNE_API rune_const_value *rune_value_get(const rune_const_value *value,
                                          const char *key) RUNE_MUST_CHECK;
/* Options: true for Some. Results: true for Ok. */
RUNE_API bool rune_value_is_some(const rune_const_value *value);
RUNE_API bool rune_value_is_ok(const rune_const_value *value);
/*
 * A struct or variant carries its fields, in order of declaration, and hashes of paths instead of names. What
 * the names are, its Unit knows: rune_unit_type_item and rune_unit_field (unit.h).
 */
/* The hash of a path, as in "shapes::Point" or "Answer::Allow", with or without leading "::"; 0 of NULL. */
RUNE_API uint64_t rune_value_hash_item(const char *item);
/* Of a struct the hash of its path, of a variant that of its enum, of a Type its own. */
RUNE_API bool rune_value_get_type(const rune_const_value *value, uint64_t *out_hash);
/* Of a variant the hash of its own path. */
RUNE_API bool rune_value_get_variant(const rune_const_value *value, uint64_t *out_hash);
/* True of a struct or variant of that path, and of all variants of an enum of that path. */
RUNE_API bool rune_value_is(const rune_const_value *value, const char *item);
/* Equal encodings; NULL equals NULL alone. */
RUNE_API bool rune_value_equal(const rune_const_value *a, const rune_const_value *b);

/*
 * CBOR. `_from_cbor` checks everything (depth, counts, UTF-8, one encoding per value):
 * CBOR_INVALID, CBOR_DEPTH, CBOR_COUNT, CBOR_TRAILING, NO_MEMORY. `_to_cbor` gives the bytes,
 * borrowed; of NULL NULL, and size 0.
 */
RUNE_API rune_status rune_value_from_cbor(const void *data, size_t size,
                                          rune_const_value **out_value,
                                          rune_error **error) RUNE_MUST_CHECK;
RUNE_API const void *rune_value_to_cbor(const rune_const_value *value, size_t *out_size);

/* JSON for people and logs: JSON_INVALID, JSON_DEPTH, INVALID_ARGUMENT (NULL), NO_MEMORY. The text is the caller's. */
RUNE_API rune_status rune_value_from_json(const char *data, size_t size,
                                          rune_const_value **out_value,
                                          rune_error **error) RUNE_MUST_CHECK;
RUNE_API rune_status rune_value_to_json(const rune_const_value *value, rune_text **out_text,
                                        rune_error **error) RUNE_MUST_CHECK;

RUNE_END

#endif
