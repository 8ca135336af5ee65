/* listing.c: the words of the listing. */
#include "bytecode/listing.h"

#include "bytecode/opcode.h"
#include "bytecode/unit_layout.h"

const char *const rn_listing_function_kinds[] = {
    [RN_FUNCTION_IMMEDIATE] = "immediate",
    [RN_FUNCTION_GENERATOR] = "generator",
    [RN_FUNCTION_ASYNC] = "async",
    [RN_FUNCTION_STREAM] = "stream",
    NULL,
};

const char *const rn_listing_function_flags[] = {"instance", "step",  "closure",
                                                 "test",     "bench", NULL};

const char *const rn_listing_type_kinds[] = {
    [RN_TYPE_EXTERNAL] = "external",
    [RN_TYPE_UNIT_STRUCT] = "unit-struct",
    [RN_TYPE_TUPLE_STRUCT] = "tuple-struct",
    [RN_TYPE_STRUCT] = "struct",
    [RN_TYPE_ENUM] = "enum",
    [RN_TYPE_UNIT_VARIANT] = "unit-variant",
    [RN_TYPE_TUPLE_VARIANT] = "tuple-variant",
    [RN_TYPE_STRUCT_VARIANT] = "struct-variant",
    NULL,
};

const char *const rn_listing_constant_kinds[] = {
    [RN_CONSTANT_I64] = "i64",
    [RN_CONSTANT_U64] = "u64",
    [RN_CONSTANT_F64] = "f64",
    [RN_CONSTANT_CBOR] = "cbor",
    NULL,
};

const char *const rn_listing_site_kinds[] = {
    [RN_SITE_GET] = "get",
    [RN_SITE_SET] = "set",
    [RN_SITE_CALL] = "call",
    NULL,
};

const char *const rn_listing_switch_kinds[] = {
    [RN_SWITCH_INT] = "int",
    [RN_SWITCH_VARIANT] = "variant",
    NULL,
};

const char *const rn_listing_operand_words[RN_OPERAND_COUNT] = {
    [RN_OPERAND_COST] = "cost",           [RN_OPERAND_COST32] = "cost",
    [RN_OPERAND_CONST] = "const",         [RN_OPERAND_STR] = "str",
    [RN_OPERAND_FUNC] = "func",           [RN_OPERAND_IMPORT] = "import",
    [RN_OPERAND_TYPE] = "type",           [RN_OPERAND_KEYS] = "keys",
    [RN_OPERAND_STATIC] = "static",       [RN_OPERAND_SWITCH] = "switch",
    [RN_OPERAND_SPEC] = "spec",           [RN_OPERAND_GETSITE] = "site",
    [RN_OPERAND_SETSITE] = "site",        [RN_OPERAND_CALLSITE] = "site",
    [RN_OPERAND_INTRINSIC] = "intrinsic",
};
