/*
 * object.h: the layouts of what lives in a Vm's heap.
 *
 *      0        4    5     6     7        8        12       16
 *      +--------+----+-----+-----+--------+--------+--------+---------
 *      |  type  |kind|flags|class| spare  |  link  |version |  body
 *      +--------+----+-----+-----+--------+--------+--------+---------
 *
 * type     dense type id; of the variant for enum values. Caches and matches compare only this.
 * kind     enum rn_object_kind: which struct below it is.
 * flags    enum rn_object_flag.
 * class    size class of its cell, 0 for a large block (heap.h).
 * link     the collector's chain of objects still to be scanned; 0 outside a collection.
 * version  collections: counts changes, compared by iterators at each step. Tuples, structs,
 * variants and functions never change in size: the word is their number of values.
 *
 * Element and text storage of growing objects is a buffer of its own, found by the collector
 * through its one owner. Nothing here may be followed after the owner has been changed.
 *
 * Threads: a heap belongs to one Vm, a Vm to one thread.
 */
#ifndef RN_WORKER_VM_OBJECT_H
#define RN_WORKER_VM_OBJECT_H

#include "base/utf8.h"
#include "bytecode/type_id.h"
#include "worker/vm/value.h"

enum rn_object_kind {
    RN_OBJECT_BUFFER, /* storage; never a Value */
    RN_OBJECT_STRING, /* rn_string: String and Bytes, told apart by type */
    RN_OBJECT_VEC,    /* rn_vec */
    RN_OBJECT_TUPLE,  /* rn_tuple: at least one element; () is inline */
    RN_OBJECT_STRUCT, /* rn_tuple: structs, variants (Some, Ok .. included), opaque library types */
    RN_OBJECT_RANGE,  /* rn_tuple: its bounds */
    RN_OBJECT_OBJECT, /* rn_map with text keys */
    RN_OBJECT_MAP,    /* rn_map: HashMap and HashSet, told apart by type */
    RN_OBJECT_VEC_DEQUE, /* rn_vec_deque */
    RN_OBJECT_FUNCTION,  /* rn_function */
    RN_OBJECT_ITER,      /* rn_iter */
    RN_OBJECT_COROUTINE, /* rn_coroutine: Generator, Stream, Future of an async function */
    RN_OBJECT_FUTURE,    /* rn_future: other futures */
    RN_OBJECT_KIND_COUNT
};

enum rn_object_flag {
    RN_OBJECT_MARKED = 1u << 0,
    RN_OBJECT_MOVED = 1u << 1, /* dropped or taken: any use raises the access error */
    RN_OBJECT_FREE = 1u << 2,  /* a free cell */
    RN_OBJECT_HELD = 1u << 3,  /* exclusively, while one instruction looks at its operands */
};

struct rn_object {
    _Alignas(8) uint32_t type; /* cells are 16-byte aligned: objects hold words and pointers */
    uint8_t kind;
    uint8_t flags;
    uint8_t size_class;
    uint8_t spare;
    uint32_t link;
    union {
        uint32_t version;
        uint32_t count;
    };
};

/* Storage of `capacity` bytes behind the header. */
struct rn_buffer {
    struct rn_object header;
    _Alignas(16) uint8_t data[];
};

/*
 * String and Bytes. `capacity` 0: the bytes belong to a Unit's static texts (or there are none) and
 * must be copied before the first change: rn_string_reserve. Strings hold valid UTF-8.
 */
struct rn_string {
    struct rn_object header;
    const char *data;
    uint32_t size;
    uint32_t capacity;
};

struct rn_vec {
    struct rn_object header;
    struct rn_value *items;
    uint32_t count;
    uint32_t capacity;
};

/* Tuple, struct, variant, range, opaque type: header.count values. */
struct rn_tuple {
    struct rn_object header;
    struct rn_value items[];
};

/* The text of an Object's key; never changes. `heap`: in a buffer of its own, else static. */
struct rn_key {
    const char *data;
    uint32_t size;
    uint32_t heap;
};

struct rn_object_entry {
    struct rn_value value; /* EMPTY: removed */
    struct rn_key key;
};

struct rn_map_entry {
    struct rn_value key; /* EMPTY: removed */
    struct rn_value value;
};

/*
 * Object, HashMap, HashSet: an array of entries in order of insertion, and over it (from 9 entries
 * on) an index of open addressing whose slots hold hash << 32 | position + 1, 0 for empty; one more
 * slot behind them is the key of the hashes of text keys.
 */
struct rn_map {
    struct rn_object header;
    union {
        void *storage;
        struct rn_object_entry *object_entries;
        struct rn_map_entry *entries;
    };
    uint64_t *index;
    uint32_t used; /* entries, removed ones included */
    uint32_t live; /* entries that are there */
    uint32_t capacity;
    uint32_t index_capacity; /* power of two, or 0 */
};

/* A ring: item i is items[(head + i) & (capacity - 1)]; capacity is a power of two or 0. */
struct rn_vec_deque {
    struct rn_object header;
    struct rn_value *items;
    uint32_t head;
    uint32_t count;
    uint32_t capacity;
    uint32_t spare;
};

enum rn_function_form {
    RN_FORM_SCRIPT, /* index: function of `link`'s Unit, header.count captures */
    RN_FORM_NATIVE, /* index: row of the natives */
    RN_FORM_TYPE,   /* index: dense type id whose constructor it is */
    RN_FORM_HOST,   /* index: host function */
};

struct rn_link;

struct rn_function {
    struct rn_object header;
    const struct rn_link *link;
    uint32_t index;
    uint32_t form; /* enum rn_function_form */
    struct rn_value captures[];
};

enum rn_iter_kind {
    RN_ITER_EMPTY,
    RN_ITER_RANGE_I64, /* index .. end as i64; also inclusive ones: end + 1, or `last` set */
    RN_ITER_RANGE_U64,
    RN_ITER_RANGE_CHAR,
    RN_ITER_RANGE_FROM_I64,
    RN_ITER_RANGE_FROM_U64,
    RN_ITER_RANGE_FROM_CHAR,
    RN_ITER_VEC,   /* source: Vec */
    RN_ITER_TUPLE, /* source: Tuple */
    RN_ITER_VEC_DEQUE,
    RN_ITER_CHARS, /* source: String; index and end in bytes */
    RN_ITER_BYTES, /* source: String or Bytes; items u64 */
    RN_ITER_OBJECT,
    RN_ITER_OBJECT_KEYS,
    RN_ITER_OBJECT_VALUES,
    RN_ITER_MAP,
    RN_ITER_MAP_KEYS, /* HashMap::keys, HashSet::iter */
    RN_ITER_MAP_VALUES,
    RN_ITER_ONCE,      /* source: the one item; index 0 or 1 */
    RN_ITER_GENERATOR, /* source: the generator; stepped by the run loop */
    RN_ITER_KIND_COUNT
};

/* Iterators over what the library holds itself. header.type is what type_name says. */
struct rn_iter {
    struct rn_object header;
    struct rn_value source;
    uint64_t index;   /* next from the front */
    uint64_t end;     /* one past the next from the back */
    uint32_t version; /* of the source when it was made */
    uint8_t iter;     /* enum rn_iter_kind */
    bool last;        /* inclusive ranges: `end` itself is still to come */
    uint16_t spare;
};

_Static_assert(sizeof(struct rn_object) == 16, "header");
_Static_assert(sizeof(struct rn_string) == 32, "a String header is at most 32 bytes");
_Static_assert(sizeof(struct rn_vec) == 32, "layout");
_Static_assert(sizeof(struct rn_map) == 48, "layout");
_Static_assert(sizeof(struct rn_object_entry) == 32, "layout");
_Static_assert(sizeof(struct rn_map_entry) == 32, "layout");

static inline bool rn_object_is(struct rn_value value, uint32_t type)
{
    return value.tag == RN_VALUE_OBJECT && value.object->type == type;
}

static inline struct rn_string *rn_as_string(struct rn_value value)
{
    RN_ASSERT(value.tag == RN_VALUE_OBJECT && value.object->kind == RN_OBJECT_STRING);
    return (struct rn_string *)value.object;
}

static inline struct rn_vec *rn_as_vec(struct rn_value value)
{
    RN_ASSERT(value.tag == RN_VALUE_OBJECT && value.object->kind == RN_OBJECT_VEC);
    return (struct rn_vec *)value.object;
}

/* Tuples, structs, variants, ranges, opaque library types. */
static inline struct rn_tuple *rn_as_tuple(struct rn_value value)
{
    RN_ASSERT(value.tag == RN_VALUE_OBJECT && value.object->kind >= RN_OBJECT_TUPLE &&
              value.object->kind <= RN_OBJECT_RANGE);
    return (struct rn_tuple *)value.object;
}

static inline struct rn_map *rn_as_map(struct rn_value value)
{
    RN_ASSERT(value.tag == RN_VALUE_OBJECT &&
              (value.object->kind == RN_OBJECT_OBJECT || value.object->kind == RN_OBJECT_MAP));
    return (struct rn_map *)value.object;
}

static inline struct rn_vec_deque *rn_as_vec_deque(struct rn_value value)
{
    RN_ASSERT(value.tag == RN_VALUE_OBJECT && value.object->kind == RN_OBJECT_VEC_DEQUE);
    return (struct rn_vec_deque *)value.object;
}

static inline struct rn_iter *rn_as_iter(struct rn_value value)
{
    RN_ASSERT(value.tag == RN_VALUE_OBJECT && value.object->kind == RN_OBJECT_ITER);
    return (struct rn_iter *)value.object;
}

static inline struct rn_utf8 rn_string_text(const struct rn_string *string)
{
    return (struct rn_utf8){string->data, string->size};
}

#endif
