/*
 * value.h: ConstValues on the host's side: checked bytes with a count of references.
 *
 * A value is its deterministic CBOR. An element got from a value is a view that keeps the whole
 * alive.
 */
#ifndef RN_SUPERVISOR_VALUE_H
#define RN_SUPERVISOR_VALUE_H

#include <runeward/value.h>
#include <runeward/vm.h>

#include <stdatomic.h>

#include "base/buf.h"

struct rune_const_value {
    _Atomic uint32_t refs;
    rune_const_value *whole; /* counted; NULL: `bytes` are this value's own */
    rune_record *home; /* counted: value and bytes lie there; NULL: each is a block of its own */
    const uint8_t *bytes;
    size_t size;
};

/* Bytes that a value may have. */
#define RN_VALUE_SIZE_MAX (64u << 20)

/*
 * Takes bytes from the C heap (consumed in any case) that came from a worker, checks everything
 * about them and makes a value.
 */
enum rn_error rn_value_take(uint8_t *bytes, size_t size,
                            rune_const_value **out_value) RN_MUST_CHECK;

/* The same for bytes that lie in `home`, as does `at`, which is a value with one reference if all is well; the
 * last one lets go of `home`, which the caller has counted. */
enum rn_error rn_value_put(rune_const_value *at, rune_record *home, const uint8_t *bytes,
                           size_t size) RN_MUST_CHECK;

/* Appends a tuple of the arguments; nothing if there are none. */
void rn_value_append_args(struct rn_buf *out, const rune_const_value *const *args, size_t count);

/* JSON; `unit` may be NULL, or has names for some of its types. What its reader says; TOO_LARGE, NO_MEMORY. */
enum rn_error rn_value_append_json(const rune_const_value *value, const rune_unit *unit,
                                   struct rn_buf *out) RN_MUST_CHECK;

#endif
