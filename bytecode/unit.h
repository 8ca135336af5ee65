/*
 * unit.h: a verified Unit and how to read it.
 *
 * Two types keep the border visible. `struct rune_unit_image` is bytes that came in.
 * `struct rune_verified_unit` can only be made by rn_unit_verify (unit_verify.c) or, in a worker,
 * by rn_unit_adopt from a sealed segment that the supervisor verified before. Everything that
 * executes or lists takes the latter.
 */
#ifndef RN_BYTECODE_UNIT_H
#define RN_BYTECODE_UNIT_H

#include "base/error.h"
#include "base/utf8.h"
#include "bytecode/unit_layout.h"

/* What came in: nothing about it may be believed. Borrowed. */
struct rune_unit_image {
    const void *bytes;
    size_t size;
};

/*
 * Verified. Only pointers into the image and counts; the image must outlive it and must not change.
 * Members are for accessors below and the run loop.
 */
struct rune_verified_unit {
    const struct rn_unit_header *header;
    const struct rn_inst *code;
    const struct rn_unit_function *functions;
    const struct rn_unit_height *heights;
    const struct rn_unit_constant *constants;
    const uint8_t *constant_data;
    const struct rn_unit_string *strings;
    const char *string_data;
    const struct rn_unit_key_set *keys;
    const uint32_t *names;
    const struct rn_unit_type *types;
    const struct rn_unit_import *imports;
    const struct rn_unit_export *exports;
    const struct rn_unit_method *methods;
    const struct rn_unit_static *statics;
    const struct rn_unit_switch *switches;
    const uint32_t *targets;
    const struct rn_unit_site *sites;
    const struct rn_unit_spec *specs;
    uint32_t counts[RN_SECTION_COUNT];
};

/* Why an image was refused. `check` is a name from unit_checks.def; static storage. */
struct rn_unit_fault {
    const char *check;   /* "JUMP_TARGET" */
    const char *message; /* "a jump leaves its function" */
    struct rn_utf8 name; /* of what is missing, in the image; or empty */
    size_t offset;       /* of the offending byte in the image */
    uint32_t function;   /* index, or RN_NONE */
    uint32_t pc;         /* instruction index in CODE, or RN_NONE */
};

/*
 * Proves every property listed at the head of unit_verify.c, in one pass over the image, with
 * memory bounded by the image's own size. `allow_standard`: accept the privileged flag. On refusal
 * returns RN_E_UNIT_INVALID (or _VERSION) and fills *out_fault (may be NULL). Any thread.
 */
enum rn_error rn_unit_verify(struct rune_unit_image image, bool allow_standard,
                             struct rune_verified_unit *out_unit,
                             struct rn_unit_fault *out_fault) RN_MUST_CHECK;

/*
 * Binds a unit to an image that was verified before by someone this process must trust anyway: a
 * worker attaching a sealed segment, or the standard Unit in read-only data. Checks magic, version,
 * digest and section bounds only.
 */
enum rn_error rn_unit_adopt(struct rune_unit_image image,
                            struct rune_verified_unit *out_unit) RN_MUST_CHECK;

/* Size of an element of each section. */
extern const uint32_t rn_section_element_sizes[RN_SECTION_COUNT];

/* Points *out_unit into bytes whose header and section table are known to be in bounds. */
void rn_unit_bind(struct rune_unit_image image, struct rune_verified_unit *out_unit);

/* The digest that this build writes into and expects of images. */
uint64_t rn_isa_digest(void);

static inline struct rn_utf8 rn_unit_string_at(const struct rune_verified_unit *unit,
                                               uint32_t index)
{
    RN_ASSERT(index < unit->counts[RN_SECTION_STRINGS]);
    return (struct rn_utf8){unit->string_data + unit->strings[index].offset,
                            unit->strings[index].size};
}

/* Where the item hash is among the exports, or RN_NONE. Looks at `hint` first, which may be anything:
 * in a large image every probe touches another page. */
uint32_t rn_unit_export_index(const struct rune_verified_unit *unit, uint64_t hash, uint32_t hint);
/* The index of the exported function with that item hash, or RN_NONE. */
uint32_t rn_unit_find_export(const struct rune_verified_unit *unit, uint64_t hash);
/* The function index of an instance function, or RN_NONE. */
uint32_t rn_unit_find_method(const struct rune_verified_unit *unit, uint32_t type,
                             uint64_t name_hash);
/*
 * The live height at an instruction, whose index `pc` is into CODE: the nearest declared height
 * before it, played forward. Bounded by RN_HEIGHT_DISTANCE_MAX.
 */
uint32_t rn_unit_height_at(const struct rune_verified_unit *unit, uint32_t function, uint32_t pc);
/* The function that contains the instruction `pc` of CODE. */
uint32_t rn_unit_function_at(const struct rune_verified_unit *unit, uint32_t pc);

#endif
