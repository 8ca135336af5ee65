/*
 * context.h: what a script may name besides its own items.
 *
 * The compiler sees the library and the host's functions as a list of items with paths, never their
 * implementation. The library's part is std.def, expanded here; the host's part comes with the build.
 * A context is built once, then only read (any thread).
 *
 * The instance functions of a trait are items below the trait ("std::iter::Iterator::map"). A type that
 * has the trait has them too: rn_context_find("std::slice::Iter::map") gives the trait's item. So an
 * item that was found may have another path than the one that was asked for: take path and hash from it.
 */
#ifndef RN_BYTECODE_CONTEXT_H
#define RN_BYTECODE_CONTEXT_H

#include "base/error.h"
#include "base/utf8.h"

enum rn_item_kind {
    RN_ITEM_MODULE,
    RN_ITEM_TYPE,     /* names a type; may have associated items below it */
    RN_ITEM_TRAIT,    /* a name for documentation and impl lists; no value */
    RN_ITEM_VARIANT,  /* of a library enum; `arity` is its number of fields */
    RN_ITEM_FUNCTION, /* free or associated function */
    RN_ITEM_METHOD,   /* instance function: may be called by path too, with self first */
    RN_ITEM_CONSTANT,
    RN_ITEM_STATIC, /* declared by the host for a build, `constant`: its initial value, or none */
    RN_ITEM_MACRO,  /* its path ends in "!": a function may have the same name */
    RN_ITEM_ALIAS,  /* another path of `target` and of all below it; rn_context_find follows it */
};

enum rn_item_flag {
    RN_ITEM_ASYNC = 1u << 0,
    RN_ITEM_HOST = 1u << 1,       /* provided by the host: a message to the supervisor */
    RN_ITEM_SCRIPT = 1u << 2,     /* implemented in the standard Unit */
    RN_ITEM_PRIVILEGED = 1u << 3, /* only the standard Unit may name it */
};

struct rn_context_item {
    struct rn_utf8 path; /* without leading "::" */
    uint64_t hash;       /* rn_hash_item(path) */
    uint8_t kind;        /* enum rn_item_kind */
    uint8_t flags;       /* enum rn_item_flag */
    int16_t arity;       /* functions, methods (with self), variants; -1: any number */
    uint32_t type_id;    /* types and variants; RN_NONE for types of the standard Unit */
    uint32_t variant;    /* variants: index */
    /* constants, statics: a ConstValue in CBOR; nothing in a constant: a native makes it */
    const uint8_t *constant;
    size_t constant_size;
    const char *deprecated; /* message, or NULL */
    struct rn_utf8 target;  /* aliases: the path that is meant */
    /* types that `Type { a: .., b: .. }` builds: field names joined by ','; data NULL for others */
    struct rn_utf8 fields;
};

struct rn_context;

/* The library's items only. Owned by the caller: rn_context_free. */
enum rn_error rn_context_new(struct rn_context **out_context) RN_MUST_CHECK;
void rn_context_free(struct rn_context *context);

/*
 * Adds an item (path and constant are copied). RN_E_INVALID_ARGUMENT if the path is not identifiers
 * joined by "::", is taken already, or its hash is. Modules on the way are made.
 */
enum rn_error rn_context_add(struct rn_context *context,
                             const struct rn_context_item *item) RN_MUST_CHECK;

/*
 * The item that a path names, aliases and traits followed; NULL if there is none. Borrowed. A macro is
 * found by its path with "!", a function with generics by "std::i64::to::<std::f64>".
 */
const struct rn_context_item *rn_context_find(const struct rn_context *context, const char *path,
                                              size_t size);
const struct rn_context_item *rn_context_find_hash(const struct rn_context *context, uint64_t hash);
/* Items in order of their paths (bytewise): for globs, suggestions, documentation. */
size_t rn_context_count(const struct rn_context *context);
const struct rn_context_item *rn_context_at(const struct rn_context *context, size_t index);
/* What was added to the library's, with modules on the way, in the order in which it was. */
size_t rn_context_added_count(const struct rn_context *context);
const struct rn_context_item *rn_context_added_at(const struct rn_context *context, size_t index);
/*
 * The item that a bare name stands for in every module ("Some" -> "std::option::Option::Some",
 * "println!" -> "std::io::println!"), or NULL.
 */
const struct rn_context_item *rn_context_prelude(const struct rn_context *context, const char *name,
                                                 size_t size);

/* The position of a field of a type that is built as `Type { .. }`, or RN_NONE; how many there are. */
uint32_t rn_context_field(const struct rn_context_item *item, struct rn_utf8 name);
uint32_t rn_context_field_count(const struct rn_context_item *item);

/* True if the type with that path has the trait with that path. */
bool rn_context_implements(const struct rn_context *context, struct rn_utf8 type,
                           struct rn_utf8 trait);

/* A digest over all items: part of the key under which compiled Units are cached. */
uint64_t rn_context_digest(const struct rn_context *context);

struct rn_buf;
/* The host's items as bytes for the compiler process, and back (bounded, checked: hostile). */
enum rn_error rn_context_encode(const struct rn_context *context, struct rn_buf *out) RN_MUST_CHECK;
enum rn_error rn_context_decode(struct rn_context *context, const void *bytes,
                                size_t size) RN_MUST_CHECK;
/* The same bytes of items that are in no context: how many, then each of them. */
void rn_context_encode_head(struct rn_buf *out, uint32_t count);
void rn_context_encode_item(struct rn_buf *out, const struct rn_context_item *item);

#endif
