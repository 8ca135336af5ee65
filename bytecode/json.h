/*
 * json.h: JSON in and out, for people: command line, logs.
 *
 * Reading (RFC 8259, UTF-8, no extensions): null becomes unit; an integer becomes i64, above its
 * maximum u64, beyond that f64; a number with point or exponent becomes f64; arrays become vectors,
 * objects objects in their order, a repeated key is an error. Integers are exact.
 *
 * Writing: unit, None, NaN and infinities become null; Some(v) becomes v; tuples, vectors, bytes
 * and sets arrays; chars strings; Ok(v) {"Ok": v}; orderings "Less", "Equal", "Greater"; hashes and
 * types "0x…"; 1..2 {"start": 1, "end": 2}, with "last" if inclusive; functions {"function": hash,
 * "captures": [..]}. Hash maps become objects if all keys are strings, else arrays of pairs. A
 * struct becomes the object of its fields, with unnamed fields an array, without any null; a
 * variant "Name", {"Name": v} with one unnamed field, else {"Name": fields}. What `names` does not
 * know, or with another number of fields, becomes {"type": hash, "variant": hash, "fields": [..]}.
 *
 * Trust: reads text from anybody. Depth and size are bounded; nothing recurses.
 */
#ifndef RN_BYTECODE_JSON_H
#define RN_BYTECODE_JSON_H

#include "base/buf.h"
#include "base/utf8.h"

#define RN_JSON_DEPTH_MAX 1000u

struct rn_json_fault {
    enum rn_error error;
    size_t offset;       /* into the text, or the ConstValue */
    const char *message; /* "expected a comma or the end of the array"; static storage */
};

/* Appends one ConstValue. RN_E_JSON_INVALID, RN_E_JSON_DEPTH, RN_E_INVALID_UTF8, errors of the
 * buffer. */
enum rn_error rn_json_read(const char *text, size_t size, struct rn_buf *out_cbor,
                           struct rn_json_fault *out_fault) RN_MUST_CHECK;

/* What a type hash stands for. */
struct rn_json_type {
    struct rn_utf8 name;          /* of the variant, or the struct */
    const struct rn_utf8 *fields; /* NULL: tuple or empty */
    uint32_t field_count;
};
struct rn_json_names {
    void *user;
    /* `variant_hash` 0: a struct. False: not known. *out_type is borrowed until writing ends. */
    bool (*find)(void *user, uint64_t type_hash, uint64_t variant_hash,
                 struct rn_json_type *out_type);
};

struct rn_json_options {
    bool pretty;                       /* line breaks, two spaces a level */
    const struct rn_json_names *names; /* may be NULL */
};

/* Appends the JSON of one ConstValue. Errors of the reader and the buffer. */
enum rn_error rn_json_write(const void *cbor, size_t size, const struct rn_json_options *options,
                            struct rn_buf *out_text, struct rn_json_fault *out_fault) RN_MUST_CHECK;

/* Appends a JSON string literal with its quotes. `text` need not be UTF-8: bad bytes become U+FFFD.
 */
void rn_json_append_string(struct rn_buf *buf, const char *text, size_t size);

#endif
