/*
 * unit.h: a compiled, verified script in sealed shared memory.
 *
 * A rune_unit is counted, immutable and may be shared by threads freely.
 */
#ifndef RUNEWARD_UNIT_H
#define RUNEWARD_UNIT_H

#include <runeward/value.h>

RUNE_BEGIN

typedef struct rune_unit rune_unit;

#define RUNE_UNIT_ID_SIZE 32

/* One exported function. Texts are borrowed from the unit and end with a zero byte. */
typedef struct rune_export {
    const char *item; /* "main", "shapes::area" */
    uint32_t arity;
    bool is_async;
    bool is_generator;
    bool is_test;
    bool is_bench;
} rune_export;

/*
 * From and to the bytes of a `.rnu` file (image and debug information). Loading seals and verifies
 * everything, whoever wrote it. UNIT_INVALID, UNIT_VERSION, UNIT_DEBUG, TOO_LARGE, NO_MEMORY,
 * SYSTEM.
 */
RUNE_API rune_status rune_unit_load(const void *data, size_t size, rune_unit **out_unit,
                                    rune_error **error) RUNE_MUST_CHECK;
RUNE_API rune_status rune_unit_load_file(const char *path, rune_unit **out_unit,
                                         rune_error **error) RUNE_MUST_CHECK;
/* `*out_bytes` is a text object that holds bytes; the caller's. */
RUNE_API rune_status rune_unit_save(const rune_unit *unit, rune_text **out_bytes,
                                    rune_error **error) RUNE_MUST_CHECK;
/*
 * Written to a temporary file beside it and renamed; behind a symbolic link if `path` is one. What is there
 * and no regular file, as /dev/null, is written into. SYSTEM, NO_MEMORY.
 */
RUNE_API rune_status rune_unit_save_file(const rune_unit *unit, const char *path,
                                         rune_error **error) RUNE_MUST_CHECK;

/* The content id: BLAKE2b-256 over the executable part. Borrowed, 32 bytes. */
RUNE_API const uint8_t *rune_unit_id(const rune_unit *unit);
/* The same as 64 hexadecimal digits. Borrowed. */
RUNE_API const char *rune_unit_id_text(const rune_unit *unit);
/* The executable image as it lies in memory. Borrowed. */
RUNE_API const void *rune_unit_image(const rune_unit *unit, size_t *out_size);
/* The debug segment, or NULL and 0. Borrowed. */
RUNE_API const void *rune_unit_debug(const rune_unit *unit, size_t *out_size);

/* Exports are numbered in the order of the source. */
RUNE_API size_t rune_unit_export_count(const rune_unit *unit);
RUNE_API bool rune_unit_export(const rune_unit *unit, size_t index, rune_export *out_export);
/* True if there is a function with that path ("" is the script body). */
RUNE_API bool rune_unit_has(const rune_unit *unit, const char *item);

/*
 * The names behind the hashes of a value (rune_value_get_type, rune_value_get_variant), borrowed and not
 * terminated: the path of a struct, enum or variant of this Unit, and the name of one of its fields. False: it
 * has no such type; its fields have no names; there is no such field.
 */
RUNE_API bool rune_unit_type_item(const rune_unit *unit, uint64_t hash, const char **out_data,
                                  size_t *out_size);
RUNE_API bool rune_unit_field(const rune_unit *unit, uint64_t hash, size_t index,
                              const char **out_data, size_t *out_size);

/*
 * What rune_value_to_json gives, with the names of this Unit's types: a struct is `{"x":1,"y":2}`, or an array if its
 * fields have none, a variant `"Empty"`, `{"Circle":2}` or `{"Box":{"w":1,"h":3}}`. Types of other Units are told by
 * their hashes, and so are all where names would make it longer than 1 MiB and 64
 * times the value. `unit` may be NULL.
 */
RUNE_API rune_status rune_unit_value_to_json(const rune_unit *unit, const rune_const_value *value,
                                             rune_text **out_text,
                                             rune_error **error) RUNE_MUST_CHECK;

RUNE_API rune_unit *rune_unit_ref(rune_unit *unit);
/* Accepts NULL. */
RUNE_API void rune_unit_unref(rune_unit *unit);

RUNE_END

#endif
