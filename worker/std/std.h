/*
 * std.h: what the files of this folder share: the natives of std.def, and small helpers.
 *
 * A native's rules are in worker/vm/native.h. Work in proportion to size is charged as
 * RN_STD_CHARGE_BYTES or _ITEMS says, by operand sizes only, before it is done.
 */
#ifndef RN_WORKER_STD_STD_H
#define RN_WORKER_STD_STD_H

#include "worker/vm/native.h"

/* All natives, those that the Vm provides itself included. */
#define STD_FN(path, arity, symbol) rn_native_fn rn_std_##symbol;
#define STD_ASYNC_FN(path, arity, symbol) rn_native_fn rn_std_##symbol;
#define STD_CONST_FN(path, symbol) rn_native_fn rn_std_##symbol;
#define STD_METHOD(type, name, arity, symbol) rn_native_fn rn_std_##symbol;
#define STD_TRAIT_METHOD(trait, name, arity, symbol) rn_native_fn rn_std_##symbol;
#include "bytecode/std.def"

/* Elements that one round of a native may touch (rule N6). */
#define RN_STD_CHUNK_ITEMS 4096u
#define RN_STD_CHUNK_BYTES 65536u

static inline void rn_std_charge_bytes(struct rn_vm *vm, uint64_t size)
{
    rn_charge(vm, size / 64);
}

static inline void rn_std_charge_items(struct rn_vm *vm, uint64_t count)
{
    rn_charge(vm, count / 4);
}

/* What a value used as an index means for a sequence of some length. */
struct rn_std_part {
    bool is_range; /* else `from` is an index */
    bool found;    /* the index or the range lies within */
    uint64_t from;
    uint64_t to;
};

/* Ranges of all six kinds; every other value must be an integer. Bounds must be integers, too. */
enum rn_outcome rn_std_part(struct rn_vm *vm, struct rn_value index, uint64_t length,
                            struct rn_std_part *out_part);

/* args[0] = Some(value), or None. */
enum rn_outcome rn_std_some(struct rn_vm *vm, struct rn_value *args, struct rn_value value);
static inline enum rn_outcome rn_std_none(struct rn_value *args)
{
    args[0] = rn_value_none();
    return RN_DONE;
}
static inline enum rn_outcome rn_std_unit(struct rn_value *args)
{
    args[0] = rn_value_unit();
    return RN_DONE;
}
static inline enum rn_outcome rn_std_bool(struct rn_value *args, bool value)
{
    args[0] = rn_value_bool(value);
    return RN_DONE;
}
static inline enum rn_outcome rn_std_u64(struct rn_value *args, uint64_t value)
{
    args[0] = rn_value_u64(value);
    return RN_DONE;
}
/* `object` may be NULL: memory is gone. */
static inline enum rn_outcome rn_std_object(struct rn_value *args, void *object)
{
    if (object == NULL) {
        return RN_RAISED;
    }
    args[0] = rn_value_object(object);
    return RN_DONE;
}
/* args[0] = a new String. */
enum rn_outcome rn_std_text(struct rn_vm *vm, struct rn_value *args, const char *data, size_t size);

/* An opaque error value: ParseIntError and the like. `code` is what its debug text shows. */
enum rn_outcome rn_std_error(struct rn_vm *vm, struct rn_value *args, uint32_t type, uint32_t code);

/* A Vec, String or Bytes that is about to be changed: write access, then type. */
enum rn_outcome rn_std_vec_mut(struct rn_vm *vm, struct rn_value value, struct rn_vec **out_vec);
enum rn_outcome rn_std_string_mut(struct rn_vm *vm, struct rn_value value,
                                  struct rn_string **out_string);
enum rn_outcome rn_std_bytes_mut(struct rn_vm *vm, struct rn_value value,
                                 struct rn_string **out_bytes);

/* Gives back what a String or Bytes has beyond its size. False: memory is gone. */
bool rn_std_shrink(struct rn_vm *vm, struct rn_string *string) RN_MUST_CHECK;

/*
 * Moves *at over the next chunk of `text` if that is UTF-8; a character that crosses the chunk's end
 * is left for the next one. *out_last: that was all of it. False: *out_bad is not UTF-8.
 */
bool rn_std_utf8_chunk(struct rn_utf8 text, size_t *at, bool *out_last, size_t *out_bad);

/* Integers, converted if they fit; the name is that of the type in the error ("u32"). */
enum rn_outcome rn_std_arg_u32(struct rn_vm *vm, struct rn_value value, uint32_t *out_value);
enum rn_outcome rn_std_arg_i32(struct rn_vm *vm, struct rn_value value, int32_t *out_value);

/* The offset of `needle` in `text` from `from` on, in linear time; UINT64_MAX if it is not there.
 */
uint64_t rn_std_find(struct rn_utf8 text, struct rn_utf8 needle, uint64_t from);
/* A round of the same from *at on. True: *out_found is the answer. False: it begins at *at or later, which
 * has moved on. */
bool rn_std_find_round(struct rn_utf8 text, struct rn_utf8 needle, uint64_t *at,
                       uint64_t *out_found);

enum rn_parse_error {
    RN_PARSE_EMPTY,
    RN_PARSE_INVALID_DIGIT,
    RN_PARSE_POSITIVE_OVERFLOW,
    RN_PARSE_NEGATIVE_OVERFLOW,
    RN_PARSE_INVALID_FLOAT,
    RN_PARSE_TOO_MANY_CHARS,
    RN_PARSE_NO_CHAR,
};

/* args[0] = Ok(number) or Err(ParseIntError) and so on, of the text. */
enum rn_outcome rn_std_parse_i64(struct rn_vm *vm, struct rn_value *args, struct rn_utf8 text);
enum rn_outcome rn_std_parse_u64(struct rn_vm *vm, struct rn_value *args, struct rn_utf8 text);
enum rn_outcome rn_std_parse_f64(struct rn_vm *vm, struct rn_value *args, struct rn_utf8 text);

/* Decimal digits at the end of `buffer`; returns where they begin. */
#define RN_STD_DECIMAL_MAX 20u
char *rn_std_decimal(char buffer[RN_STD_DECIMAL_MAX], uint64_t value);

extern rn_native_fn *const rn_std_intrinsics[];

/* sort.c: intrinsics of Vec::sort_by. The state, a value of their own, is made of the vector; each
 * step takes it, the comparator's last answer and the comparator, whose result becomes the step's:
 * true from the step itself at the end of all, unless that was an answer. */
rn_native_fn rn_std_sort_begin;
rn_native_fn rn_std_sort_step;
rn_native_fn rn_std_sort_end;

#endif
