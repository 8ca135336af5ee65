/*
 * unit_layout.h: the bytes of a Unit image.
 *
 *      +----------------------+ 0
 *      | rn_unit_header       |   magic, version, sizes, content id, isa digest, section table
 *      +----------------------+ header_size, 8-byte aligned
 *      | sections, in order   |   each 8-byte aligned, disjoint, of whole elements; zeros between
 *      +----------------------+ image_size
 *
 * Little endian. Every reference is an index into a section or an offset inside one: nothing is
 * relocated, the bytes on disk are the bytes that run. All of it is hostile until unit_verify.c has
 * said otherwise. The content id is BLAKE2b-256 over the image with the id itself set to zero; it
 * is filled in and checked by the supervisor.
 *
 * The debug segment (unit_debug.h) is a second blob, bound to the image by its content id.
 */
#ifndef RN_BYTECODE_UNIT_LAYOUT_H
#define RN_BYTECODE_UNIT_LAYOUT_H

#include "base/check.h"

#define RN_UNIT_MAGIC "\x7fRNU\r\n\x1a\n"
#define RN_UNIT_VERSION 1u
#define RN_NONE UINT32_MAX

/* Limits, each with a diagnostic of its own in the compiler and a check in the verifier. */
#define RN_IMAGE_SIZE_MAX (64u << 20)
#define RN_INSTRUCTIONS_MAX (4u << 20)
#define RN_FUNCTIONS_MAX (1u << 20)
#define RN_REGISTERS_MAX 60000u
#define RN_ARGUMENTS_MAX 200u
#define RN_CAPTURES_MAX 200u
#define RN_CONSTANT_DATA_MAX (16u << 20)
#define RN_STRINGS_MAX (1u << 20)
#define RN_TYPES_MAX (1u << 16)
#define RN_SITES_MAX (1u << 20)
#define RN_STATICS_MAX (1u << 16)
#define RN_IMPORTS_MAX (1u << 16)
#define RN_SWITCHES_MAX (1u << 20)
#define RN_TARGETS_MAX (4u << 20)
#define RN_SPECS_MAX (1u << 16)
#define RN_KEY_SETS_MAX (1u << 20)
#define RN_CONSTANTS_MAX (1u << 20)
/* Levels of nesting and values in one composite constant. */
#define RN_CONSTANT_DEPTH_MAX 256u
#define RN_CONSTANT_ELEMENTS_MAX (1u << 20)
/* No block costs more: so much may run before its budget has been paid. */
#define RN_BLOCK_COST_MAX 255u
/* A declared height stands at least so often, so that one at any pc is found in bounded time. */
#define RN_HEIGHT_DISTANCE_MAX 256u
/* Registers that fit an operand byte; beyond go MOVE_FROM and MOVE_TO. */
#define RN_REGISTER_DIRECT_MAX 239u

enum rn_section {
#define SECTION(name, type, text) RN_SECTION_##name,
#include "bytecode/sections.def"
#undef SECTION
    RN_SECTION_COUNT
};

enum rn_unit_flag {
    RN_UNIT_STANDARD = 1u << 0, /* the standard Unit: may use privileged opcodes */
};

struct rn_unit_section {
    uint32_t offset; /* from the start of the image */
    uint32_t count;  /* elements */
};

struct rn_unit_header {
    uint8_t magic[8];
    uint32_t version;
    uint32_t header_size;
    uint32_t image_size;
    uint32_t flags;
    uint64_t isa_digest; /* over opcodes, costs, layout: another one is another format */
    uint8_t content_id[32];
    uint32_t section_count;
    uint32_t main_function; /* the script body, or RN_NONE */
    struct rn_unit_section sections[RN_SECTION_COUNT];
};

struct rn_inst {
    uint8_t op;
    uint8_t a;
    uint8_t b;
    uint8_t c;
    uint32_t imm;
};

enum rn_function_kind {
    RN_FUNCTION_IMMEDIATE,
    RN_FUNCTION_GENERATOR,
    RN_FUNCTION_ASYNC,
    RN_FUNCTION_STREAM,
};

enum rn_function_flag {
    RN_FUNCTION_INSTANCE = 1u << 0, /* first argument is self */
    RN_FUNCTION_STEP = 1u << 1,     /* may RETURN_DONE; called by ITER_NEXT only (standard Unit) */
    RN_FUNCTION_CLOSURE = 1u << 2,
    RN_FUNCTION_TEST = 1u << 3,
    RN_FUNCTION_BENCH = 1u << 4,
};

struct rn_unit_function {
    uint64_t hash; /* of the item */
    uint32_t name; /* string: the item path, "main::$0" for closures and the like */
    uint32_t code_start;
    uint32_t code_count;
    uint32_t register_count;
    uint16_t arg_count;     /* R[0] .. */
    uint16_t capture_count; /* R[arg_count] .. */
    uint8_t kind;           /* enum rn_function_kind */
    uint8_t flags;          /* enum rn_function_flag */
    uint16_t reserved;
};

struct rn_unit_height {
    uint32_t pc; /* into CODE */
    uint32_t height;
};

enum rn_constant_kind {
    RN_CONSTANT_I64,
    RN_CONSTANT_U64,
    RN_CONSTANT_F64,
    RN_CONSTANT_CBOR, /* payload: offset (low 32 bits) and size (high 32) in CONSTANT_DATA */
};

struct rn_unit_constant {
    uint64_t payload;
    uint32_t kind;
    uint32_t reserved;
};

struct rn_unit_string {
    uint32_t offset;
    uint32_t size;
};

struct rn_unit_key_set {
    uint32_t start; /* in NAMES */
    uint32_t count;
};

enum rn_type_kind {
    RN_TYPE_EXTERNAL, /* found by hash in the library; may be a variant of a library enum */
    RN_TYPE_UNIT_STRUCT,
    RN_TYPE_TUPLE_STRUCT,
    RN_TYPE_STRUCT,
    RN_TYPE_ENUM,
    RN_TYPE_UNIT_VARIANT,
    RN_TYPE_TUPLE_VARIANT,
    RN_TYPE_STRUCT_VARIANT,
};

/* Variants of an enum stand directly behind it, in order of declaration. */
struct rn_unit_type {
    uint64_t hash;
    uint32_t name; /* string: the item path without leading "::" */
    uint16_t kind;
    uint16_t field_count;   /* enum: number of variants */
    uint32_t fields;        /* in NAMES; RN_NONE unless fields are named */
    uint32_t parent;        /* variants: type index of the enum; else RN_NONE */
    uint32_t variant_index; /* variants: 0 .. */
    uint32_t reserved;
};

struct rn_unit_import {
    uint64_t hash;
    uint32_t name; /* string: the item path */
    int16_t arity; /* -1: any */
    uint16_t reserved;
};

struct rn_unit_export {
    uint64_t hash;
    uint32_t name;
    uint32_t function;
};

struct rn_unit_method {
    uint32_t type; /* own types only */
    uint32_t function;
    uint64_t name_hash;
};

struct rn_unit_static {
    uint64_t hash;
    uint32_t name;
    uint32_t constant; /* RN_NONE: no initial value */
};

enum rn_switch_kind {
    RN_SWITCH_INT,     /* i64 only: target[value - base] */
    RN_SWITCH_VARIANT, /* values of enum `type`: target[variant index] */
};

struct rn_unit_switch {
    int64_t base;
    uint32_t kind;
    uint32_t type;    /* RN_SWITCH_VARIANT: type index of the enum (own or external) */
    uint32_t targets; /* in TARGETS: instruction indices from the function's start */
    uint32_t count;
    uint32_t default_target;
    uint32_t function; /* the one function that uses it */
};

enum rn_site_kind {
    RN_SITE_GET,
    RN_SITE_SET,
    RN_SITE_CALL,
};

struct rn_unit_site {
    uint64_t name_hash; /* of the name; for calls with generics, of name and types: see hash.h */
    uint32_t name;      /* string */
    uint32_t kind;
};

enum rn_spec_align {
    RN_ALIGN_LEFT,
    RN_ALIGN_CENTER,
    RN_ALIGN_RIGHT,
};

enum rn_spec_type {
    RN_SPEC_DISPLAY,
    RN_SPEC_DEBUG,
    RN_SPEC_HEX_LOWER,
    RN_SPEC_HEX_UPPER,
    RN_SPEC_BINARY,
    RN_SPEC_POINTER,
};

enum rn_spec_flag {
    RN_SPEC_PLUS = 1u << 0,
    RN_SPEC_MINUS = 1u << 1,
    RN_SPEC_ALTERNATE = 1u << 2,
    RN_SPEC_ZERO = 1u << 3,
    RN_SPEC_ALIGNED = 1u << 4, /* an alignment was written */
};

struct rn_unit_spec {
    uint32_t fill; /* scalar */
    uint8_t align;
    uint8_t type;
    uint8_t flags;
    uint8_t reserved;
    uint32_t width;     /* RN_NONE: none */
    uint32_t precision; /* RN_NONE: none */
};

enum rn_range_kind {
    RN_RANGE_FULL,         /* .. */
    RN_RANGE_FROM,         /* a.. */
    RN_RANGE_TO,           /* ..b */
    RN_RANGE_TO_INCLUSIVE, /* ..=b */
    RN_RANGE_HALF_OPEN,    /* a..b */
    RN_RANGE_INCLUSIVE,    /* a..=b */
    RN_RANGE_KIND_COUNT
};

enum rn_seq_test {
    RN_SEQ_VEC, /* a Vec of that length */
    RN_SEQ_VEC_AT_LEAST,
    RN_SEQ_TUPLE, /* a Tuple of that length; 0 is unit */
    RN_SEQ_TUPLE_AT_LEAST,
    RN_SEQ_TEST_COUNT
};

_Static_assert(sizeof(struct rn_inst) == 8, "an instruction is 8 bytes");
_Static_assert(sizeof(struct rn_unit_function) == 32, "layout");
_Static_assert(sizeof(struct rn_unit_constant) == 16, "layout");
_Static_assert(sizeof(struct rn_unit_type) == 32, "layout");
_Static_assert(sizeof(struct rn_unit_import) == 16, "layout");
_Static_assert(sizeof(struct rn_unit_export) == 16, "layout");
_Static_assert(sizeof(struct rn_unit_method) == 16, "layout");
_Static_assert(sizeof(struct rn_unit_static) == 16, "layout");
_Static_assert(sizeof(struct rn_unit_switch) == 32, "layout");
_Static_assert(sizeof(struct rn_unit_site) == 16, "layout");
_Static_assert(sizeof(struct rn_unit_spec) == 16, "layout");

#endif
