/*
 * native.h: how the library's functions in C are written.
 *
 * A native is called on a window of registers: args[0] .. args[count - 1] are its arguments, self
 * first. It writes its result to args[0] (there is room even if count is 0) and returns RN_DONE:
 *
 *     enum rn_outcome rn_std_string_len(struct rn_vm *vm, struct rn_value *args, uint32_t count)
 *     {
 *         struct rn_string *string;
 *         RN_TRY_VM(rn_arg_string(vm, args[0], &string));
 *         args[0] = rn_value_u64(string->size);
 *         return RN_DONE;
 *     }
 *
 * Rules.
 * N1  The arity was checked, unless the row says -1 (any).
 * N2  Types and moves were not: use rn_arg_*, which raise Rune's errors (ExpectedType,
 *     AccessError).
 * N3  Nothing is collected and no stack moves while a native runs. Pointers into objects stay good
 *     until the native itself changes that object. Do not keep anything in C statics.
 * N4  NULL or false from an allocating function: return RN_RAISED, the Vm knows why.
 * N5  Charge the budget by the size of the operands (rn_charge), never by probe lengths, capacities
 *     or hashes. Allocation charges by itself (1 per 16 bytes).
 * N6  A native that may touch more than 64 KiB or 4,096 elements works in chunks: it puts its state
 *     into args (only args[0 .. count - 1] live on) and returns RN_AGAIN; it is called again with
 *     those args, after the loop has looked at budget, slice and collection. rn_native_round(vm) is
 *     0 at the first call, 1 at the next ...; rn_native_state(vm) are two words that survive between
 *     rounds.
 * N7  A native never calls back. To call a function value as the last thing, put it into args[0],
 *     its arguments behind it (at most `count` - 1 of them), set rn_set_tail_count(vm, n) and return
 *     RN_TAIL_CALL. Whatever needs more than that is written in the standard Unit.
 * N8  No malloc, stdio, locale, clock, recursion over values. Walk nested values with rn_walk or the
 *     structural operations below.
 * N9  A native that changes the size or order of a Vec, VecDeque, Object, map or set, or a String's
 *     bytes, adds one to header.version, so that iterators notice. (Functions of heap.h and below
 *     that say "counts the change" do it.)
 */
#ifndef RN_WORKER_VM_NATIVE_H
#define RN_WORKER_VM_NATIVE_H

#include "base/utf8.h"
#include "bytecode/unit_layout.h"
#include "worker/vm/heap.h"

enum rn_vm_error_kind {
#define VM_ERROR(name, kind, shape) RN_VM_ERROR_##name,
#include "bytecode/vm_errors.def"
#undef VM_ERROR
    RN_VM_ERROR_COUNT
};

enum rn_outcome {
    RN_DONE = 0,  /* result in args[0] */
    RN_RAISED,    /* an error was raised, or a limit reached */
    RN_AGAIN,     /* call me again with these args */
    RN_TAIL_CALL, /* call args[0] with the arguments behind it; its result is mine */
    /* Further outcomes are the Vm's own (run.c); natives of the library do not return them. */
    RN_OUTCOME_LIBRARY_COUNT
};

typedef enum rn_outcome rn_native_fn(struct rn_vm *vm, struct rn_value *args, uint32_t count);

/* Passes anything but RN_DONE up. */
#define RN_TRY_VM(expression)                                                                      \
    do {                                                                                           \
        enum rn_outcome rn_try_outcome_ = (expression);                                            \
        if (RN_UNLIKELY(rn_try_outcome_ != RN_DONE)) {                                             \
            return rn_try_outcome_;                                                                \
        }                                                                                          \
    } while (0)

/*
 * One row of the registry. Functions: `type` RN_NONE, `path` the item path. Methods: `type` an
 * RN_TYPE_ID_*, `path` the bare name; they are found by "<type's path>::<name>" too.
 */
struct rn_native {
    const char *path;
    uint32_t type;
    int16_t arity; /* self included; -1: any */
    uint16_t flags;
    rn_native_fn *call;
};

/*
 * The type with path `type` has the trait with path `trait`: every function "<trait>::<name>", be
 * it a native (its row has type RN_NONE) or an export of the standard Unit with
 * RN_FUNCTION_INSTANCE, is an instance function `<name>` of the type as well, unless the type has
 * its own of that name. Where two traits of a type have one, the earlier row counts. `type` may be
 * a library type ("std::slice::Iter") or one of the standard Unit ("std::iter::Map"). Likewise an
 * instance function that the standard Unit exports as "<type>::<name>" is one of that type, be the
 * type the library's or its own.
 */
struct rn_trait_impl {
    const char *type;
    const char *trait;
};

/*
 * The item "std::iter::Iterator::sum::<std::i64>" has a name that no function of a source can have:
 * the standard Unit exports it as the free function `export_path`. It is the item "<owner>::<name>"
 * and the instance function `name` ("sum::<std::i64>") of the type or trait `owner`.
 */
struct rn_generic_function {
    const char *owner;
    const char *name;
    const char *export_path;
};

struct rn_names; /* machine.h */

/* What the library gives to the Vm. All of it static. */
struct rn_library {
    const struct rn_native *natives;
    size_t native_count;
    const struct rn_trait_impl *impls;
    size_t impl_count;
    const struct rn_generic_function *generics;
    size_t generic_count;
    /* RN_INTRINSIC_COUNT functions, indexed by enum rn_intrinsic (bytecode/intrinsics.h). */
    rn_native_fn *const *intrinsics;
    const void *unit_image; /* of the standard Unit, 8-byte aligned; NULL: there is none */
    size_t unit_size;
    const struct rn_names *names; /* made of all this beforehand; NULL: made with each engine */
    /* TEXT_DISPLAY and TEXT_FORMAT: append to `text`. May return RN_DONE or RN_RAISED. */
    enum rn_outcome (*display)(struct rn_vm *vm, struct rn_string *text, struct rn_value value);
    enum rn_outcome (*format)(struct rn_vm *vm, struct rn_string *text, struct rn_value value,
                              const struct rn_unit_spec *spec);
    /* What an error of the library says, static or the error's; data NULL: the value is none. May be NULL: there are none. */
    struct rn_utf8 (*error_text)(struct rn_value value);
};

/* Errors */

/* Raises; the arguments after `error` are those of its shape (vm_errors.def). Always RN_RAISED. */
enum rn_outcome rn_raise(struct rn_vm *vm, enum rn_vm_error_kind error, ...);
/* Panicked: text. */
enum rn_outcome rn_raise_panic(struct rn_vm *vm, const char *text, size_t size);
#define rn_raise_panic_literal(vm, literal) rn_raise_panic(vm, literal, sizeof(literal) - 1)
/* ExpectedType of `type` (RN_TYPE_ID_*), found `value`. */
enum rn_outcome rn_raise_expected(struct rn_vm *vm, uint32_t type, struct rn_value value);

/* Budget, chunks, output */

void rn_charge(struct rn_vm *vm, uint64_t units);
/* For the remainder of a by b, which the C library finds bit by bit over the difference of their exponents. */
void rn_charge_remainder(struct rn_vm *vm, double a, double b);
/* For walks over values, which share parts and so may take any time within one instruction:
 * RN_RAISED once the budget is spent or the call was cancelled. Comparing and hashing charge 1 for a
 * part, and much more beyond RN_WALK_STEPS of them (machine.h). */
enum rn_outcome rn_check_spent(struct rn_vm *vm) RN_MUST_CHECK;
/* What was granted up to the next look is spent: a round that can end should. */
bool rn_has_spent(const struct rn_vm *vm);
uint32_t rn_native_round(const struct rn_vm *vm);
uint64_t *rn_native_state(struct rn_vm *vm); /* two words */
void rn_set_tail_count(struct rn_vm *vm, uint32_t count);
/* The next of the call's random numbers: a function of its seed alone (SplitMix64). */
uint64_t rn_vm_random(struct rn_vm *vm);
/* Standard output (0) or error (1). RN_RAISED when the output limit cuts it off. */
enum rn_outcome rn_output(struct rn_vm *vm, unsigned stream, const char *data, size_t size);

/* Arguments: reading. Raise ExpectedType, or AccessError if the value was moved. */

/* Integers convert if they fit (coercion error else); ExpectedNumber for other types. */
enum rn_outcome rn_arg_i64(struct rn_vm *vm, struct rn_value value, int64_t *out_value);
enum rn_outcome rn_arg_u64(struct rn_vm *vm, struct rn_value value, uint64_t *out_value);
/* Any integer that fits a size ("usize"): coercion error else; ExpectedNumber for other types. */
enum rn_outcome rn_arg_size(struct rn_vm *vm, struct rn_value value, uint64_t *out_value);
/* Any integer within 0 .. 255 ("u8"). */
enum rn_outcome rn_arg_byte(struct rn_vm *vm, struct rn_value value, uint8_t *out_value);
enum rn_outcome rn_arg_f64(struct rn_vm *vm, struct rn_value value, double *out_value);
enum rn_outcome rn_arg_bool(struct rn_vm *vm, struct rn_value value, bool *out_value);
enum rn_outcome rn_arg_char(struct rn_vm *vm, struct rn_value value, uint32_t *out_value);
enum rn_outcome rn_arg_string(struct rn_vm *vm, struct rn_value value,
                              struct rn_string **out_string);
enum rn_outcome rn_arg_bytes(struct rn_vm *vm, struct rn_value value, struct rn_string **out_bytes);
enum rn_outcome rn_arg_vec(struct rn_vm *vm, struct rn_value value, struct rn_vec **out_vec);
enum rn_outcome rn_arg_object(struct rn_vm *vm, struct rn_value value, struct rn_map **out_object);
/* HashMap or HashSet, by `type`. */
enum rn_outcome rn_arg_map(struct rn_vm *vm, struct rn_value value, uint32_t type,
                           struct rn_map **out_map);
enum rn_outcome rn_arg_vec_deque(struct rn_vm *vm, struct rn_value value,
                                 struct rn_vec_deque **out_deque);
enum rn_outcome rn_arg_function(struct rn_vm *vm, struct rn_value value,
                                struct rn_function **out_function);
/* Any object of exact type `type`. */
enum rn_outcome rn_arg_exact(struct rn_vm *vm, struct rn_value value, uint32_t type,
                             struct rn_object **out_object);
/* Tuples, () included: *out_items is the array of *out_count values. */
enum rn_outcome rn_arg_tuple(struct rn_vm *vm, struct rn_value value, struct rn_value **out_items,
                             uint32_t *out_count);
/* Raises the read error if `value` was moved. */
enum rn_outcome rn_check_read(struct rn_vm *vm, struct rn_value value);
/* The same with the words of writing: call it on self of mutating functions before rn_arg_*. */
enum rn_outcome rn_check_write(struct rn_vm *vm, struct rn_value value);
/* Takes: raises if moved, else marks it moved (drop and consuming functions). Inline values pass.
 */
enum rn_outcome rn_take(struct rn_vm *vm, struct rn_value value);

/* Options, results, types */

/* Some(payload) and the like; on RN_DONE in *out_value. */
enum rn_outcome rn_make_some(struct rn_vm *vm, struct rn_value payload, struct rn_value *out_value);
enum rn_outcome rn_make_ok(struct rn_vm *vm, struct rn_value payload, struct rn_value *out_value);
enum rn_outcome rn_make_err(struct rn_vm *vm, struct rn_value payload, struct rn_value *out_value);
/* A variant of a library enum: RN_VARIANT_ID_*, with 0 or 1 payload. */
enum rn_outcome rn_make_variant(struct rn_vm *vm, uint32_t variant, struct rn_value payload,
                                struct rn_value *out_value);
static inline bool rn_is_some(struct rn_value value)
{
    return rn_object_is(value, RN_VARIANT_ID_OPTION_SOME);
}
/* The payload of Some, Ok, Err and other variants with one field. */
static inline struct rn_value rn_payload(struct rn_value value)
{
    return rn_as_tuple(value)->items[0];
}

/* The type of a value as scripts see it: dense id, of the enum for variants. */
uint32_t rn_type_of(const struct rn_vm *vm, struct rn_value value);
/* Its exact id: of the variant for variants. */
uint32_t rn_exact_type_of(struct rn_value value);

enum rn_type_shape {
    RN_SHAPE_OPAQUE, /* library types without visible parts; enums themselves */
    RN_SHAPE_UNIT,   /* `Foo` */
    RN_SHAPE_TUPLE,  /* `Foo(..)` */
    RN_SHAPE_NAMED,  /* `Foo {..}` */
};
struct rn_type_info {
    struct rn_utf8 path; /* "Foo", "Enum::Variant", "std::vec::Vec": without leading "::" */
    uint64_t hash;
    uint8_t shape; /* enum rn_type_shape */
    bool is_enum;
    bool is_variant;
    bool is_library;
    uint32_t field_count;
    uint32_t parent;        /* variants: id of the enum; else the type itself */
    uint32_t variant_index; /* variants */
};
struct rn_type_info rn_type_info(const struct rn_vm *vm, uint32_t type);
/* The name of a field of a RN_SHAPE_NAMED type. */
struct rn_utf8 rn_type_field(const struct rn_vm *vm, uint32_t type, uint32_t field);
/* The item path of a function value, for debug text. */
struct rn_utf8 rn_function_name(const struct rn_vm *vm, const struct rn_function *function);

/* Structural operations: iterate with an explicit charged stack, at most 10,000 levels deep */

enum rn_compare_mode {
    RN_PARTIAL, /* what == and < do: NaN is unequal and unordered, integers convert */
    RN_TOTAL,   /* EQ and CMP: NaN raises, integers of different signedness do not mix */
};
enum rn_partial_ordering {
    RN_PARTIAL_LESS,
    RN_PARTIAL_EQUAL,
    RN_PARTIAL_GREATER,
    RN_PARTIAL_UNORDERED,
};
enum rn_outcome rn_value_eq(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                            enum rn_compare_mode mode, bool *out_equal);
enum rn_outcome rn_value_compare(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                                 enum rn_compare_mode mode, enum rn_partial_ordering *out_ordering);
/* The HASH protocol, with the key of the process. */
enum rn_outcome rn_value_hash(struct rn_vm *vm, struct rn_value value, uint64_t *out_hash);
/* The CLONE protocol: own storage; elements shared, but cloned in Tuple, Option and Result. */
enum rn_outcome rn_value_clone(struct rn_vm *vm, struct rn_value value, struct rn_value *out_value);

/*
 * A stack for walking nested values without recursion (debug text, JSON): frames of `walk` hold a
 * value and a position. Its storage is a buffer of the heap. rn_walk_push raises beyond 10,000
 * levels.
 */
struct rn_walk_frame {
    struct rn_value value;
    uint64_t position;
    uint64_t state;
};
struct rn_walk {
    struct rn_walk_frame *frames;
    uint32_t count;
    uint32_t capacity;
};
/* `walk` starts as all zero. */
enum rn_outcome rn_walk_push(struct rn_vm *vm, struct rn_walk *walk, struct rn_value value);
static inline struct rn_walk_frame *rn_walk_top(struct rn_walk *walk)
{
    return walk->count == 0 ? NULL : &walk->frames[walk->count - 1];
}
void rn_walk_done(struct rn_vm *vm, struct rn_walk *walk);

/* Maps */

/* Object, by key text. NULL if absent. Borrowed until the next change. */
struct rn_value *rn_object_get(const struct rn_map *object, const char *key, size_t size);
/* Inserts or overwrites (counts the change if the key is new). The previous value or EMPTY goes to
 * *out_old (may be NULL). The text is copied. */
enum rn_outcome rn_object_insert(struct rn_vm *vm, struct rn_map *object, const char *key,
                                 size_t size, struct rn_value value, struct rn_value *out_old);
/* The removed value, or EMPTY. Counts the change. */
struct rn_value rn_object_remove(struct rn_vm *vm, struct rn_map *object, const char *key,
                                 size_t size);

/*
 * The position of the first entry at or behind `position` that was not removed, or the number of
 * positions. Passing over removed entries is paid for by their removal: whoever walks over a map, asks
 * here.
 */
uint32_t rn_map_live_from(struct rn_map *map, uint64_t position);

/* HashMap and HashSet, by value. *out_entry: NULL if absent. */
enum rn_outcome rn_map_get(struct rn_vm *vm, struct rn_map *map, struct rn_value key,
                           struct rn_map_entry **out_entry);
enum rn_outcome rn_map_insert(struct rn_vm *vm, struct rn_map *map, struct rn_value key,
                              struct rn_value value, struct rn_value *out_old);
/* *out_old: the removed value (unit for sets), or EMPTY. */
enum rn_outcome rn_map_remove(struct rn_vm *vm, struct rn_map *map, struct rn_value key,
                              struct rn_value *out_old);
/* Both kinds. Counts the change. */
void rn_map_clear(struct rn_vm *vm, struct rn_map *map);

/* VecDeque */
static inline struct rn_value *rn_vec_deque_at(struct rn_vec_deque *deque, uint32_t index)
{
    return &deque->items[(deque->head + index) & (deque->capacity - 1)];
}

/* Iterators that the library holds itself (RN_OBJECT_ITER, less generators) */

/* One step from the front or the back; *out_item is EMPTY at the end. Raises if the source changed.
 */
enum rn_outcome rn_iter_next(struct rn_vm *vm, struct rn_iter *iter, struct rn_value *out_item);
enum rn_outcome rn_iter_next_back(struct rn_vm *vm, struct rn_iter *iter,
                                  struct rn_value *out_item);
/* Exactly how many items remain; false if that is not known (chars) or endless. */
bool rn_iter_remaining(const struct rn_iter *iter, uint64_t *out_count);
/* True if the items of this kind can be taken from the back. */
bool rn_iter_is_double_ended(const struct rn_iter *iter);
/* INTO_ITER of a library value: Vec, Tuple, Object, maps, ranges, Option, Generator, iterators
 * themselves. Types of the standard Unit that are iterators give themselves. */
enum rn_outcome rn_value_iter(struct rn_vm *vm, struct rn_value value, struct rn_value *out_iter);

/* Access, as scripts observe it */
struct rn_access {
    bool moved;
    bool exclusive;
    uint32_t shared; /* iterators alive over it: found by a charged trace of the whole heap */
};
enum rn_outcome rn_value_access(struct rn_vm *vm, struct rn_value value,
                                struct rn_access *out_access);

/* A ConstValue in CBOR as a value. */
enum rn_outcome rn_value_decode(struct rn_vm *vm, const uint8_t *data, size_t size,
                                struct rn_value *out_value);

/* A Duration is an opaque struct of two: whole seconds, and nanoseconds below a second. */
enum rn_outcome rn_arg_duration(struct rn_vm *vm, struct rn_value value, uint64_t *out_seconds,
                                uint32_t *out_nanoseconds);
enum rn_outcome rn_make_duration(struct rn_vm *vm, uint64_t seconds, uint32_t nanoseconds,
                                 struct rn_value *out_value);
/* An Instant is an opaque struct of one: nanoseconds of the call's clock. */
enum rn_outcome rn_make_instant(struct rn_vm *vm, uint64_t ns, struct rn_value *out_value);

/* Natives that the Vm provides itself; rows of std.def name them without "rn_std_". */
/* Of a Generator or Stream: there is nothing more to come. */
bool rn_coroutine_is_complete(struct rn_value coroutine);
rn_native_fn rn_std_generator_next;   /* Generator: Option of the next value */
rn_native_fn rn_std_generator_resume; /* Generator (self, value): GeneratorState */
rn_native_fn rn_std_generator_iter;
rn_native_fn rn_std_stream_next;   /* Stream: Future of Option */
rn_native_fn rn_std_stream_resume; /* Stream (self, value): Future of GeneratorState */
rn_native_fn rn_std_future_join;   /* (Vec or Tuple of futures): Future */
rn_native_fn rn_std_time_sleep;    /* (Duration): Future */
rn_native_fn rn_std_time_interval; /* (Duration): Future of Interval */
rn_native_fn rn_std_time_interval_at;
rn_native_fn rn_std_interval_tick; /* Interval: Future */
rn_native_fn rn_std_interval_reset;
rn_native_fn rn_std_interval_reset_immediately;
rn_native_fn rn_std_interval_reset_after;
rn_native_fn rn_std_interval_reset_at;
rn_native_fn rn_std_instant_now; /* Instant; the execution waits for the answer */
rn_native_fn rn_std_instant_elapsed;
rn_native_fn rn_std_value_eq; /* (a, b): bool, PARTIAL_EQ; falls back to the standard Unit */
rn_native_fn rn_std_value_partial_cmp; /* Option of Ordering */
rn_native_fn rn_std_value_cmp;         /* Ordering */
rn_native_fn rn_std_value_total_eq;    /* std::ops::eq: bool, EQ */
rn_native_fn rn_std_value_lt;
rn_native_fn rn_std_value_le;
rn_native_fn rn_std_value_gt;
rn_native_fn rn_std_value_ge;
rn_native_fn rn_std_value_min; /* std::cmp::min, max: by CMP */
rn_native_fn rn_std_value_max;
rn_native_fn rn_std_method_eq; /* the same as methods, which convert their argument */
rn_native_fn rn_std_method_partial_cmp;
rn_native_fn rn_std_method_cmp;
rn_native_fn rn_std_method_min;
rn_native_fn rn_std_method_max;
rn_native_fn rn_std_value_clone;
rn_native_fn rn_std_value_hash; /* std::ops::hash: u64 */
rn_native_fn rn_std_iter_next;  /* native iterators: Option */
rn_native_fn rn_std_iter_next_back;
rn_native_fn rn_std_iter_nth;
rn_native_fn rn_std_iter_nth_back;
rn_native_fn rn_std_iter_size_hint;
rn_native_fn rn_std_iter_len;
rn_native_fn rn_std_value_into_iter; /* x.iter() of any library value */

#endif
