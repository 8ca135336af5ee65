/*
 * unit_verify.c: whether bytes are a Unit that may be executed.
 *
 * Trust: reads bytes from a compiler that may have been taken over, from files and from peers. They
 * are sealed: any value may stand anywhere, but it does not change while it is looked at.
 *
 * Everything below is proved here, once, and relied on without further checks by the run loop, the
 * disassembler and the accessors of unit.h. Numbers are cited by their asserts.
 *
 * Shape
 *  I1  The image is aligned to 8 bytes, of the size it states, at most RN_IMAGE_SIZE_MAX; magic,
 *      version and instruction set are ours.
 *  I2  Sections stand in their order, each begins at the first multiple of 8 behind the one before it
 *      and has whole elements, at most as many as its limit. Padding is zero. No byte of the image
 *      belongs to nothing.
 *  I3  Only the standard Unit, where it is allowed, has the flag of the standard Unit.
 *
 * Tables
 *  I4  Texts, composite constants, runs of names and runs of targets follow each other without gap
 *      or overlap, so that checking each takes linear time. Texts ascend by size, then bytes: no two
 *      are equal, equal texts have equal indices.
 *  I5  Whatever is used as a name or becomes a String is UTF-8.
 *  I6  The hash of an item is that of its name; no two types, statics, imports or exports have one
 *      hash. Exports ascend by hash, instance functions by type and hash of the name.
 *  I7  A composite constant is one ConstValue within RN_CONSTANT_DEPTH_MAX and
 *      RN_CONSTANT_ELEMENTS_MAX, without instances, functions and maps.
 *  I8  The keys of a set differ, as do the fields of a type. The variants of an enum stand behind it,
 *      complete and in order, and nowhere else.
 *  I9  Every index in a table is within the table it refers to; every enumeration has one of its
 *      values; reserved bytes are zero. External types are the library's (types.def, std.def).
 *
 * Functions
 *  I10 The functions' code covers CODE, in order, without gap. Registers hold arguments and captures,
 *      and a result, within the limits. Captures only in closures; the script body, exports and
 *      instance functions have none; instance functions take self.
 *
 * Code
 *  I11 Every instruction exists, and is permitted: privileged ones in the standard Unit, YIELD in
 *      generators and streams, AWAIT and SELECT in async functions and streams, RETURN_DONE in step
 *      functions.
 *  I12 Every operand is of its kind; unused ones are zero.
 *  I13 Reads are below the live height, writes at most at it, windows end at most at it, and the
 *      height never exceeds the function's registers. The height is as opcodes.def says, on every
 *      path.
 *  I14 Jumps and targets of jump tables lie in their function, where a height is declared, and bring
 *      at least as much. A jump table is used by its one function only.
 *  I15 What is reached by no falling through has a declared height; no path falls off the end.
 *      Heights are declared at most RN_HEIGHT_DISTANCE_MAX instructions apart.
 *  I16 A block ends in a charging instruction, which carries its cost, at most RN_BLOCK_COST_MAX. No
 *      block runs into a jump target.
 *  I17 Counts agree: arguments of functions called directly, of imports with a fixed number, of
 *      intrinsics, of methods (self at least); captures of closures; fields of what is built; keys of objects; bounds of ranges.
 *
 * Time is linear in the size of the image but for a logarithm (sorted hashes); memory
 * is bounded by it, taken once. Nothing recurses.
 */
#include "bytecode/unit.h"

#include "base/alloc.h"
#include "base/math.h"
#include "bytecode/verifier.h"

#include <string.h>

struct check_info {
    const char *name;
    const char *message;
};

static const struct check_info check_infos[] = {
    [RN_CHECK_NONE] = {"MEMORY", "out of memory"},
#define UNIT_CHECK(name, message) [RN_CHECK_##name] = {#name, message},
#include "bytecode/unit_checks.def"
#undef UNIT_CHECK
};

bool rn_verify_refuse(struct rn_verifier *v, enum rn_unit_check check, const void *where)
{
    RN_ASSERT(v->failed == RN_CHECK_NONE);
    v->failed = check;
    v->error = check == RN_CHECK_VERSION ? RN_E_UNIT_VERSION : RN_E_UNIT_INVALID;
    v->offset = (size_t)((const uint8_t *)where - (const uint8_t *)v->image.bytes);
    return false;
}

void *rn_verify_alloc(struct rn_verifier *v, size_t count, size_t size)
{
    void *block = rn_alloc_array(count, size);
    if (block == NULL) {
        v->error = RN_E_NO_MEMORY;
    }
    return block;
}

static const uint32_t section_limits[RN_SECTION_COUNT] = {
    [RN_SECTION_CODE] = RN_INSTRUCTIONS_MAX,
    [RN_SECTION_FUNCTIONS] = RN_FUNCTIONS_MAX,
    [RN_SECTION_HEIGHTS] = RN_INSTRUCTIONS_MAX,
    [RN_SECTION_CONSTANTS] = RN_CONSTANTS_MAX,
    [RN_SECTION_CONSTANT_DATA] = RN_CONSTANT_DATA_MAX,
    [RN_SECTION_STRINGS] = RN_STRINGS_MAX,
    [RN_SECTION_STRING_DATA] = RN_IMAGE_SIZE_MAX,
    [RN_SECTION_KEYS] = RN_KEY_SETS_MAX,
    [RN_SECTION_NAMES] = RN_IMAGE_SIZE_MAX,
    [RN_SECTION_TYPES] = RN_TYPES_MAX,
    [RN_SECTION_IMPORTS] = RN_IMPORTS_MAX,
    [RN_SECTION_EXPORTS] = RN_FUNCTIONS_MAX,
    [RN_SECTION_METHODS] = RN_FUNCTIONS_MAX,
    [RN_SECTION_STATICS] = RN_STATICS_MAX,
    [RN_SECTION_SWITCHES] = RN_SWITCHES_MAX,
    [RN_SECTION_TARGETS] = RN_TARGETS_MAX,
    [RN_SECTION_SITES] = RN_SITES_MAX,
    [RN_SECTION_SPECS] = RN_SPECS_MAX,
};

static bool verify_size(struct rn_verifier *v)
{
    size_t size = v->image.size;
    return rn_verify_need(v,
                          size >= sizeof(struct rn_unit_header) && size <= RN_IMAGE_SIZE_MAX &&
                              size % 8 == 0 && (uintptr_t)v->image.bytes % 8 == 0,
                          RN_CHECK_SIZE, v->image.bytes);
}

static bool verify_header(struct rn_verifier *v)
{
    const struct rn_unit_header *header = v->image.bytes;
    v->standard = (header->flags & RN_UNIT_STANDARD) != 0;
    return rn_verify_need(v, memcmp(header->magic, RN_UNIT_MAGIC, sizeof(header->magic)) == 0,
                          RN_CHECK_MAGIC, header->magic) &&
           rn_verify_need(
               v, header->version == RN_UNIT_VERSION && header->isa_digest == rn_isa_digest(),
               RN_CHECK_VERSION, &header->version) &&
           rn_verify_need(v,
                          header->header_size == sizeof(*header) &&
                              header->image_size == v->image.size &&
                              header->section_count == RN_SECTION_COUNT,
                          RN_CHECK_HEADER, &header->header_size) &&
           rn_verify_need(v, (header->flags & ~(uint32_t)RN_UNIT_STANDARD) == 0, RN_CHECK_FLAGS,
                          &header->flags);
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* I2. `*end`: where the section before ended, then where this one does. */
static bool verify_section(struct rn_verifier *v, uint32_t index, size_t *end)
{
    const uint8_t *bytes = v->image.bytes;
    const struct rn_unit_header *header = v->image.bytes;
    const struct rn_unit_section *section = &header->sections[index];
    size_t begin = rn_align_up(*end, 8);
    RN_ASSERT(begin <= v->image.size); // as *end is, and the size is whole words
    if (!rn_verify_need(v, section->offset == begin, RN_CHECK_SECTION_OFFSET, &section->offset) ||
        !rn_verify_need(v, section->count <= section_limits[index], RN_CHECK_SECTION_LIMIT,
                        &section->count)) {
        return false;
    }
    // Limits and element sizes are small: this cannot overflow.
    uint64_t size = (uint64_t)section->count * rn_section_element_sizes[index];
    if (!rn_verify_need(v, size <= v->image.size - begin, RN_CHECK_SECTION_BOUNDS,
                        &section->count) ||
        !rn_verify_need(v, all_zero(bytes + *end, begin - *end), RN_CHECK_SECTION_PADDING,
                        bytes + *end)) {
        return false;
    }
    *end = begin + (size_t)size;
    return true;
}

static bool verify_sections(struct rn_verifier *v)
{
    const uint8_t *bytes = v->image.bytes;
    size_t end = sizeof(struct rn_unit_header);
    for (uint32_t i = 0; i < RN_SECTION_COUNT; i++) {
        if (!verify_section(v, i, &end)) {
            return false;
        }
    }
    // Elements of the last section are whole words: nothing needs padding behind it.
    return rn_verify_need(v, end == v->image.size, RN_CHECK_SECTION_END, bytes + end);
}

_Static_assert(sizeof(struct rn_unit_spec) % 8 == 0, "the last section ends on a whole word");

static bool verify(struct rn_verifier *v, bool allow_standard)
{
    const struct rn_unit_header *header = v->image.bytes;
    if (!verify_size(v) || !verify_header(v) ||
        !rn_verify_need(v, !v->standard || allow_standard, RN_CHECK_STANDARD, &header->flags) ||
        !verify_sections(v)) {
        return false;
    }
    rn_unit_bind(v->image, &v->unit);
    return rn_verify_tables(v) && rn_verify_code(v);
}

static void report(const struct rn_verifier *v, struct rn_unit_fault *out_fault)
{
    if (out_fault != NULL) {
        *out_fault = (struct rn_unit_fault){
            .check = check_infos[v->failed].name,
            .message = check_infos[v->failed].message,
            .name = v->named,
            .offset = v->offset,
            .function = v->function,
            .pc = v->pc,
        };
    }
}

enum rn_error rn_unit_verify(struct rune_unit_image image, bool allow_standard,
                             struct rune_verified_unit *out_unit, struct rn_unit_fault *out_fault)
{
    struct rn_verifier v = {.image = image, .function = RN_NONE, .pc = RN_NONE};
    bool valid = verify(&v, allow_standard);
    rn_free(v.string_hashes);
    rn_free(v.string_is_utf8);
    rn_free(v.string_seen);
    rn_free(v.switch_heights);
    rn_free(v.is_target);
    rn_free(v.declared);
    if (!valid) {
        report(&v, out_fault);
        return v.error;
    }
    *out_unit = v.unit;
    return RN_OK;
}
