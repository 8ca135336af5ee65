/*
 * Images that the verifier must refuse: for each check in unit_checks.def at least one valid image
 * with exactly one thing damaged, and the check that must find it.
 *
 * The valid images are made by the builder. A damage finds what it changes by opcode or table, so
 * the cases survive changes of the instruction set.
 */
#include "base/alloc.h"
#include "bytecode/builder.h"
#include "bytecode/const_value.h"
#include "bytecode/intrinsics.h"
#include "bytecode/unit.h"
#include "tests/hostile/sample_units.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

/* A copy of an image that may be written. */
struct image {
    uint8_t *bytes; /* aligned; room for a few words more */
    size_t size;
    struct rune_verified_unit unit;
};

enum {
    BIG = 99999,
    ROOM = 64,
};

/* --- Finding what to damage --- */

static struct rn_unit_header *header_of(struct image *image)
{
    return (struct rn_unit_header *)(void *)image->bytes;
}

/* table_CODE(image) and so on: the elements of a section, to be written. */
#define SECTION(name, type, text)                                                                  \
    __attribute__((unused)) static type *table_##name(struct image *image)                         \
    {                                                                                              \
        return (type *)(void *)(image->bytes +                                                     \
                                header_of(image)->sections[RN_SECTION_##name].offset);             \
    }
#include "bytecode/sections.def"
#undef SECTION

static struct rn_inst *nth_inst(struct image *image, enum rn_opcode op, uint32_t n)
{
    struct rn_inst *code = table_CODE(image);
    for (uint32_t i = 0; i < image->unit.counts[RN_SECTION_CODE]; i++) {
        if (code[i].op == op && n-- == 0) {
            return &code[i];
        }
    }
    fail_msg("no instruction %s", rn_opcodes[op].name);
    return NULL;
}

static struct rn_inst *inst(struct image *image, enum rn_opcode op)
{
    return nth_inst(image, op, 0);
}

static uint32_t pc_of(const struct image *image, const struct rn_inst *found)
{
    return (uint32_t)(found - image->unit.code);
}

static struct rn_unit_height *height_at(struct image *image, uint32_t pc)
{
    struct rn_unit_height *heights = table_HEIGHTS(image);
    for (uint32_t i = 0; i < image->unit.counts[RN_SECTION_HEIGHTS]; i++) {
        if (heights[i].pc == pc) {
            return &heights[i];
        }
    }
    fail_msg("no height at %u", pc);
    return NULL;
}

static struct rn_unit_function *function_named(struct image *image, const char *name)
{
    struct rn_unit_function *functions = table_FUNCTIONS(image);
    for (uint32_t i = 0; i < image->unit.counts[RN_SECTION_FUNCTIONS]; i++) {
        struct rn_utf8 text = rn_unit_string_at(&image->unit, functions[i].name);
        if (text.size == strlen(name) && memcmp(text.data, name, text.size) == 0) {
            return &functions[i];
        }
    }
    fail_msg("no function %s", name);
    return NULL;
}

static struct rn_unit_type *type_of_kind(struct image *image, enum rn_type_kind kind)
{
    struct rn_unit_type *types = table_TYPES(image);
    for (uint32_t i = 0; i < image->unit.counts[RN_SECTION_TYPES]; i++) {
        if (types[i].kind == kind) {
            return &types[i];
        }
    }
    fail_msg("no type of kind %d", kind);
    return NULL;
}

static uint32_t type_index(struct image *image, enum rn_type_kind kind)
{
    return (uint32_t)(type_of_kind(image, kind) - table_TYPES(image));
}

static uint32_t count_of(const struct image *image, enum rn_section section)
{
    return image->unit.counts[section];
}

static struct rn_unit_constant *nth_composite(struct image *image, uint32_t n)
{
    struct rn_unit_constant *constants = table_CONSTANTS(image);
    for (uint32_t i = 0; i < count_of(image, RN_SECTION_CONSTANTS); i++) {
        if (constants[i].kind == RN_CONSTANT_CBOR && n-- == 0) {
            return &constants[i];
        }
    }
    fail();
    return NULL;
}

/* --- Damages --- */

#define DAMAGE(name) static void damage_##name(struct image *image)

DAMAGE(size_small)
{
    image->size = sizeof(struct rn_unit_header) - 8;
}
DAMAGE(size_large)
{
    image->size = RN_IMAGE_SIZE_MAX + 8;
}
DAMAGE(size_odd)
{
    image->size += 1;
}
DAMAGE(alignment)
{
    memmove(image->bytes + 4, image->bytes, image->size);
    image->bytes += 4;
}
DAMAGE(magic)
{
    image->bytes[7] ^= 1;
}
DAMAGE(version)
{
    header_of(image)->version++;
}
DAMAGE(digest)
{
    header_of(image)->isa_digest++;
}
DAMAGE(header_size)
{
    header_of(image)->header_size += 8;
}
DAMAGE(image_size)
{
    header_of(image)->image_size += 8;
}
DAMAGE(section_count)
{
    header_of(image)->section_count--;
}
DAMAGE(flags)
{
    header_of(image)->flags |= 2;
}
DAMAGE(standard)
{
    header_of(image)->flags |= RN_UNIT_STANDARD;
}
DAMAGE(main_captures)
{
    header_of(image)->main_function =
        (uint32_t)(function_named(image, "main::$0") - table_FUNCTIONS(image));
}
DAMAGE(main_index)
{
    header_of(image)->main_function = BIG;
}
DAMAGE(section_gap)
{
    header_of(image)->sections[RN_SECTION_TYPES].offset += 8;
}
DAMAGE(section_overlap)
{
    header_of(image)->sections[RN_SECTION_STRINGS].offset -= 8;
}
DAMAGE(section_bounds)
{
    header_of(image)->sections[RN_SECTION_SPECS].count += 1;
}
DAMAGE(section_far)
{
    // The last but one takes all but a word: the last would begin beyond the image.
    struct rn_unit_section *sites = &header_of(image)->sections[RN_SECTION_SITES];
    sites->count = (uint32_t)(image->size - sites->offset) / sizeof(struct rn_unit_site);
    header_of(image)->sections[RN_SECTION_SPECS].offset = (uint32_t)image->size + 8;
}
DAMAGE(section_limit)
{
    header_of(image)->sections[RN_SECTION_TYPES].count = RN_TYPES_MAX + 1;
}
DAMAGE(section_padding)
{
    const struct rn_unit_section *section = &header_of(image)->sections[RN_SECTION_CONSTANT_DATA];
    assert_int_not_equal((section->offset + section->count) % 8, 0);
    image->bytes[section->offset + section->count] = 1;
}
DAMAGE(section_end)
{
    memset(image->bytes + image->size, 0, 8);
    image->size += 8;
    header_of(image)->image_size += 8;
}
DAMAGE(string_run)
{
    table_STRINGS(image)[3].offset++;
}
DAMAGE(string_bounds)
{
    table_STRINGS(image)[count_of(image, RN_SECTION_STRINGS) - 1].size++;
}
DAMAGE(string_order_size)
{
    // Where it has one byte only, it is shorter than its neighbour.
    table_STRINGS(image)[count_of(image, RN_SECTION_STRINGS) - 1].size = 1;
}
DAMAGE(string_order_bytes)
{
    struct rn_unit_string *strings = table_STRINGS(image);
    uint8_t *data = table_STRING_DATA(image);
    for (uint32_t i = 1; i < count_of(image, RN_SECTION_STRINGS); i++) {
        if (strings[i].size == strings[i - 1].size) {
            memcpy(data + strings[i].offset, data + strings[i - 1].offset, strings[i].size);
            return;
        }
    }
    fail();
}
DAMAGE(string_end)
{
    table_STRINGS(image)[count_of(image, RN_SECTION_STRINGS) - 1].size--;
}
DAMAGE(string_index)
{
    table_SITES(image)[0].name = BIG;
}
DAMAGE(name_utf8)
{
    const struct rn_unit_function *function =
        function_named(image, "a_long_function_of_its_own_size");
    table_STRING_DATA(image)[table_STRINGS(image)[function->name].offset] = 0xff;
}
DAMAGE(text_utf8)
{
    const struct rn_unit_string *text = &table_STRINGS(image)[inst(image, RN_OP_STRING)->imm];
    table_STRING_DATA(image)[text->offset + text->size - 1] = 0xff;
}
DAMAGE(hash_function)
{
    table_FUNCTIONS(image)[0].hash++;
}
DAMAGE(hash_type)
{
    table_TYPES(image)[0].hash++;
}
DAMAGE(hash_import)
{
    table_IMPORTS(image)[0].hash++;
}
DAMAGE(hash_static)
{
    table_STATICS(image)[0].hash++;
}
DAMAGE(hash_site)
{
    table_SITES(image)[0].name_hash++;
}
DAMAGE(hash_duplicate_statics)
{
    table_STATICS(image)[1] = table_STATICS(image)[0];
}
DAMAGE(hash_duplicate_imports)
{
    table_IMPORTS(image)[1] = table_IMPORTS(image)[0];
}
DAMAGE(hash_duplicate_types)
{
    struct rn_unit_type *types = table_TYPES(image);
    types[1].hash = types[0].hash;
    types[1].name = types[0].name;
}
DAMAGE(constant_kind)
{
    table_CONSTANTS(image)[0].kind = RN_CONSTANT_CBOR + 1;
}
DAMAGE(constant_reserved)
{
    table_CONSTANTS(image)[0].reserved = 1;
}
DAMAGE(constant_run)
{
    nth_composite(image, 1)->payload++;
}
DAMAGE(constant_bounds)
{
    nth_composite(image, 3)->payload += UINT64_C(1) << 32;
}
DAMAGE(constant_value)
{
    table_CONSTANT_DATA(image)[6] = 0x83;
}
/* The tuple (1, 2) becomes something else of two elements. */
static void retag_tuple(struct image *image, enum rn_const_tag tag)
{
    uint8_t *data = table_CONSTANT_DATA(image);
    assert_int_equal(data[2], RN_CONST_TAG_TUPLE & 0xff);
    data[2] = (uint8_t)tag;
}
DAMAGE(constant_struct)
{
    retag_tuple(image, RN_CONST_TAG_STRUCT);
}
DAMAGE(constant_variant)
{
    retag_tuple(image, RN_CONST_TAG_VARIANT);
}
DAMAGE(constant_function)
{
    table_CONSTANT_DATA(image)[(uint32_t)nth_composite(image, 2)->payload + 2] =
        RN_CONST_TAG_FUNCTION & 0xff;
}
DAMAGE(constant_deque)
{
    retag_tuple(image, RN_CONST_TAG_VEC_DEQUE);
}
DAMAGE(constant_set)
{
    retag_tuple(image, RN_CONST_TAG_HASH_SET);
}
DAMAGE(constant_map)
{
    retag_tuple(image, RN_CONST_TAG_HASH_MAP);
}
DAMAGE(constant_end)
{
    nth_composite(image, 3)->kind = RN_CONSTANT_U64;
}
DAMAGE(names_run)
{
    table_KEYS(image)[1].start--;
}
DAMAGE(names_bounds)
{
    table_KEYS(image)[1].count = BIG;
}
DAMAGE(names_duplicate)
{
    table_NAMES(image)[1] = table_NAMES(image)[0];
}
DAMAGE(names_index)
{
    table_NAMES(image)[0] = BIG;
}
DAMAGE(names_end)
{
    type_of_kind(image, RN_TYPE_STRUCT_VARIANT)->field_count--;
}
DAMAGE(type_kind)
{
    table_TYPES(image)[0].kind = RN_TYPE_STRUCT_VARIANT + 1;
}
DAMAGE(type_reserved)
{
    table_TYPES(image)[0].reserved = 1;
}
DAMAGE(type_fields_of_unit)
{
    type_of_kind(image, RN_TYPE_UNIT_VARIANT)->field_count = 1;
}
DAMAGE(type_names_of_tuple)
{
    type_of_kind(image, RN_TYPE_TUPLE_STRUCT)->fields = 0;
}
/* An enum without variants: nothing of it is left but the name. */
DAMAGE(type_external)
{
    type_of_kind(image, RN_TYPE_ENUM)->kind = RN_TYPE_EXTERNAL;
}
DAMAGE(type_variant_alone)
{
    type_of_kind(image, RN_TYPE_TUPLE_STRUCT)->kind = RN_TYPE_TUPLE_VARIANT;
}
DAMAGE(type_variant_missing)
{
    type_of_kind(image, RN_TYPE_TUPLE_VARIANT)->kind = RN_TYPE_TUPLE_STRUCT;
}
DAMAGE(type_parent)
{
    type_of_kind(image, RN_TYPE_TUPLE_VARIANT)->parent = 0;
}
DAMAGE(type_variant_index)
{
    type_of_kind(image, RN_TYPE_TUPLE_VARIANT)->variant_index = 0;
}
DAMAGE(type_enum_incomplete)
{
    table_TYPES(image)[table_SWITCHES(image)[0].type].field_count++;
}
DAMAGE(function_code)
{
    table_FUNCTIONS(image)[1].code_start++;
}
DAMAGE(function_empty)
{
    table_FUNCTIONS(image)[0].code_count = 0;
}
DAMAGE(function_bounds)
{
    table_FUNCTIONS(image)[count_of(image, RN_SECTION_FUNCTIONS) - 1].code_count++;
}
DAMAGE(function_end)
{
    table_FUNCTIONS(image)[count_of(image, RN_SECTION_FUNCTIONS) - 1].code_count--;
}
DAMAGE(function_arguments)
{
    table_FUNCTIONS(image)[0].arg_count = RN_ARGUMENTS_MAX + 1;
}
DAMAGE(function_captures)
{
    function_named(image, "main::$0")->capture_count = RN_CAPTURES_MAX + 1;
}
DAMAGE(function_registers_many)
{
    table_FUNCTIONS(image)[0].register_count = RN_REGISTERS_MAX + 1;
}
DAMAGE(function_registers_few)
{
    function_named(image, "main::$0")->register_count = 1;
}
DAMAGE(function_registers_none)
{
    function_named(image, "main")->register_count = 0;
}
DAMAGE(function_kind)
{
    table_FUNCTIONS(image)[0].kind = RN_FUNCTION_STREAM + 1;
}
DAMAGE(function_flags_unknown)
{
    table_FUNCTIONS(image)[0].flags |= 0x80;
}
DAMAGE(function_flags_captures)
{
    function_named(image, "main::$0")->flags = 0;
}
DAMAGE(function_flags_self)
{
    function_named(image, "main")->flags |= RN_FUNCTION_INSTANCE;
}
DAMAGE(function_flags_step)
{
    table_FUNCTIONS(image)[0].flags |= RN_FUNCTION_STEP;
}
DAMAGE(function_flags_step_kind)
{
    table_FUNCTIONS(image)[0].kind = RN_FUNCTION_GENERATOR;
}
DAMAGE(function_reserved)
{
    table_FUNCTIONS(image)[0].reserved = 1;
}
DAMAGE(import_arity_low)
{
    table_IMPORTS(image)[0].arity = -2;
}
DAMAGE(import_arity_high)
{
    table_IMPORTS(image)[0].arity = RN_ARGUMENTS_MAX + 1;
}
DAMAGE(import_reserved)
{
    table_IMPORTS(image)[0].reserved = 1;
}
DAMAGE(export_order)
{
    struct rn_unit_export *exports = table_EXPORTS(image);
    exports[1] = exports[0];
}
DAMAGE(export_index)
{
    table_EXPORTS(image)[0].function = BIG;
}
DAMAGE(export_function)
{
    struct rn_unit_export *exports = table_EXPORTS(image);
    exports[0].function = exports[1].function;
}
DAMAGE(export_name)
{
    table_EXPORTS(image)[0].name++;
}
DAMAGE(export_captures)
{
    const struct rn_unit_export *export = &table_EXPORTS(image)[0];
    struct rn_unit_function *function = &table_FUNCTIONS(image)[export->function];
    function->capture_count = 1;
    function->flags |= RN_FUNCTION_CLOSURE;
    header_of(image)->main_function = RN_NONE;
}
DAMAGE(method_order)
{
    struct rn_unit_method *methods = table_METHODS(image);
    methods[1] = methods[0];
}
DAMAGE(method_order_type)
{
    struct rn_unit_method *methods = table_METHODS(image);
    methods[0].type = methods[2].type;
}
DAMAGE(method_type_index)
{
    table_METHODS(image)[2].type = BIG;
}
DAMAGE(method_type_external)
{
    table_METHODS(image)[0].type = type_index(image, RN_TYPE_EXTERNAL);
}
DAMAGE(method_index)
{
    table_METHODS(image)[0].function = BIG;
}
DAMAGE(method_function)
{
    table_METHODS(image)[0].function = 0;
}
DAMAGE(method_captures)
{
    struct rn_unit_function *function = function_named(image, "Point::method");
    function->capture_count = 1;
    function->flags |= RN_FUNCTION_CLOSURE;
}
DAMAGE(static_constant)
{
    table_STATICS(image)[0].constant = BIG;
}
DAMAGE(site_kind)
{
    table_SITES(image)[0].kind = RN_SITE_CALL + 1;
}
DAMAGE(spec_fill)
{
    table_SPECS(image)[0].fill = 0xd800;
}
DAMAGE(spec_align)
{
    table_SPECS(image)[0].align = RN_ALIGN_RIGHT + 1;
}
DAMAGE(spec_type)
{
    table_SPECS(image)[0].type = RN_SPEC_POINTER + 1;
}
DAMAGE(spec_flags)
{
    table_SPECS(image)[0].flags = 0x80;
}
DAMAGE(spec_reserved)
{
    table_SPECS(image)[0].reserved = 1;
}
DAMAGE(switch_run)
{
    table_SWITCHES(image)[2].targets--;
}
DAMAGE(switch_bounds)
{
    table_SWITCHES(image)[2].count = BIG;
}
DAMAGE(switch_function)
{
    table_SWITCHES(image)[0].function = BIG;
}
DAMAGE(switch_kind)
{
    table_SWITCHES(image)[0].kind = RN_SWITCH_VARIANT + 1;
}
DAMAGE(switch_int_type)
{
    table_SWITCHES(image)[2].type = 0;
}
DAMAGE(switch_type_index)
{
    table_SWITCHES(image)[0].type = BIG;
}
DAMAGE(switch_type_kind)
{
    table_SWITCHES(image)[0].type = type_index(image, RN_TYPE_STRUCT);
}
DAMAGE(switch_base)
{
    table_SWITCHES(image)[0].base = 1;
}
DAMAGE(switch_default)
{
    table_SWITCHES(image)[0].default_target = BIG;
}
DAMAGE(switch_target)
{
    table_TARGETS(image)[0] = BIG;
}
DAMAGE(switch_end)
{
    table_SWITCHES(image)[2].count--;
}
DAMAGE(height_order)
{
    struct rn_unit_height *heights = table_HEIGHTS(image);
    heights[1].pc = heights[0].pc;
}
DAMAGE(height_beyond)
{
    table_HEIGHTS(image)[count_of(image, RN_SECTION_HEIGHTS) - 1].pc = BIG;
}
DAMAGE(height_limit)
{
    table_HEIGHTS(image)[0].height = BIG;
}
DAMAGE(height_rise)
{
    // The head of the loop, which the first round falls into.
    table_HEIGHTS(image)[0].height++;
}
DAMAGE(height_distance)
{
    const struct rn_unit_function *function =
        function_named(image, "a_long_function_of_its_own_size");
    height_at(image, function->code_start + RN_HEIGHT_DISTANCE_MAX)->pc++;
}
DAMAGE(opcode)
{
    inst(image, RN_OP_UNIT)->op = RN_OP_COUNT;
}
DAMAGE(privileged)
{
    inst(image, RN_OP_UNIT)->op = RN_OP_INTRINSIC;
}
DAMAGE(zero_byte)
{
    inst(image, RN_OP_UNIT)->b = 1;
}
DAMAGE(zero_imm)
{
    inst(image, RN_OP_UNIT)->imm = 1;
}
DAMAGE(read)
{
    inst(image, RN_OP_MOVE)->b = 200;
}
DAMAGE(read_pair)
{
    inst(image, RN_OP_RANGE_NEXT)->b = 2;
}
DAMAGE(read_wide)
{
    inst(image, RN_OP_MOVE_FROM)->imm = 200;
}
DAMAGE(write)
{
    inst(image, RN_OP_MOVE)->a = 200;
}
DAMAGE(write_wide)
{
    inst(image, RN_OP_MOVE_TO)->imm = 200;
}
DAMAGE(write_beyond_function)
{
    function_named(image, "main")->register_count--;
}
DAMAGE(write_wide_beyond_function)
{
    struct rn_inst *move = inst(image, RN_OP_MOVE_TO);
    struct rn_unit_function *function = function_named(image, "main");
    function->register_count = 3;
    move->imm = 3;
}
DAMAGE(window)
{
    inst(image, RN_OP_TUPLE)->b = 100;
}
DAMAGE(window_of_value)
{
    inst(image, RN_OP_CALL_VALUE)->b = 100;
}
DAMAGE(window_of_extend)
{
    inst(image, RN_OP_VEC_EXTEND)->c = 100;
}
DAMAGE(value_bool)
{
    inst(image, RN_OP_BOOL)->b = 2;
}
DAMAGE(value_order)
{
    inst(image, RN_OP_ORDERING)->b = 3;
}
DAMAGE(value_cast)
{
    inst(image, RN_OP_AS)->c = 3;
}
DAMAGE(value_range)
{
    inst(image, RN_OP_RANGE)->c = RN_RANGE_KIND_COUNT;
}
DAMAGE(value_seq)
{
    inst(image, RN_OP_MATCH_SEQ)->c = RN_SEQ_TEST_COUNT;
}
DAMAGE(value_char)
{
    inst(image, RN_OP_CHAR)->imm = 0xdfff;
}
DAMAGE(index_const)
{
    inst(image, RN_OP_CONST)->imm = BIG;
}
DAMAGE(index_string)
{
    inst(image, RN_OP_STRING)->imm = BIG;
}
DAMAGE(index_function)
{
    inst(image, RN_OP_FUNCTION)->imm = BIG;
}
DAMAGE(index_import)
{
    inst(image, RN_OP_CALL_IMPORT)->imm = BIG;
}
DAMAGE(index_type)
{
    inst(image, RN_OP_STRUCT)->imm = BIG;
}
DAMAGE(index_keys)
{
    inst(image, RN_OP_OBJECT)->imm = BIG;
}
DAMAGE(index_static)
{
    inst(image, RN_OP_STATIC_GET)->imm = BIG;
}
DAMAGE(index_spec)
{
    inst(image, RN_OP_TEXT_FORMAT)->imm = BIG;
}
DAMAGE(index_switch)
{
    inst(image, RN_OP_SWITCH)->imm = BIG;
}
DAMAGE(index_site)
{
    inst(image, RN_OP_FIELD_GET)->imm = BIG;
}
DAMAGE(index_intrinsic)
{
    inst(image, RN_OP_INTRINSIC)->imm = RN_INTRINSIC_COUNT;
}
DAMAGE(site_of_get)
{
    inst(image, RN_OP_FIELD_GET)->imm = 1;
}
DAMAGE(site_of_set)
{
    inst(image, RN_OP_FIELD_SET)->imm = 0;
}
DAMAGE(site_of_call)
{
    inst(image, RN_OP_CALL_METHOD)->imm = 0;
}
DAMAGE(count_of_call)
{
    inst(image, RN_OP_CALL)->b = 0;
}
DAMAGE(count_of_method_call)
{
    inst(image, RN_OP_CALL_METHOD)->b = 0;
}
DAMAGE(count_of_closure)
{
    inst(image, RN_OP_CLOSURE)->b = 1;
}
DAMAGE(count_of_struct)
{
    inst(image, RN_OP_STRUCT)->b = 1;
}
DAMAGE(count_of_variant)
{
    nth_inst(image, RN_OP_STRUCT, 1)->b = 0;
}
DAMAGE(count_of_object)
{
    inst(image, RN_OP_OBJECT)->b = 1;
}
DAMAGE(count_of_import)
{
    inst(image, RN_OP_CALL_IMPORT)->b = 0;
}
DAMAGE(count_of_range)
{
    inst(image, RN_OP_RANGE)->b = 1;
}
DAMAGE(count_of_intrinsic)
{
    inst(image, RN_OP_INTRINSIC)->b = 0;
}
DAMAGE(type_of_enum)
{
    inst(image, RN_OP_STRUCT)->imm = type_index(image, RN_TYPE_ENUM);
}
DAMAGE(type_of_library)
{
    // The external type behind Some is no variant.
    nth_inst(image, RN_OP_STRUCT, 1)->imm = type_index(image, RN_TYPE_EXTERNAL) + 1;
}
DAMAGE(type_of_constructor)
{
    inst(image, RN_OP_CONSTRUCTOR)->imm = type_index(image, RN_TYPE_STRUCT);
}
DAMAGE(type_of_constructor_without_fields)
{
    inst(image, RN_OP_CONSTRUCTOR)->imm = type_index(image, RN_TYPE_EXTERNAL) + 2; // None
}
DAMAGE(function_of_call)
{
    inst(image, RN_OP_CALL)->imm =
        (uint32_t)(function_named(image, "main::$0") - table_FUNCTIONS(image));
}
DAMAGE(function_of_value)
{
    inst(image, RN_OP_FUNCTION)->imm =
        (uint32_t)(function_named(image, "main::$0") - table_FUNCTIONS(image));
}
DAMAGE(function_of_closure)
{
    inst(image, RN_OP_CLOSURE)->imm = 0;
}
DAMAGE(function_of_call_step)
{
    inst(image, RN_OP_CALL)->imm = 0;
}
DAMAGE(function_of_closure_step)
{
    struct rn_inst *value = inst(image, RN_OP_FUNCTION);
    *value = (struct rn_inst){.op = RN_OP_CLOSURE, .imm = 0};
    table_FUNCTIONS(image)[0].flags |= RN_FUNCTION_CLOSURE;
}
DAMAGE(switch_of_other)
{
    struct rn_inst *jump = inst(image, RN_OP_JUMP);
    jump->op = RN_OP_SWITCH;
    jump->imm = 0;
}
DAMAGE(body_yield)
{
    function_named(image, "generator")->kind = RN_FUNCTION_ASYNC;
}
DAMAGE(body_await)
{
    function_named(image, "future")->kind = RN_FUNCTION_GENERATOR;
}
DAMAGE(body_done)
{
    table_FUNCTIONS(image)[0].flags &= (uint8_t)~RN_FUNCTION_STEP;
}
DAMAGE(jump_target)
{
    inst(image, RN_OP_JUMP)->imm = BIG;
}
DAMAGE(jump_undeclared)
{
    inst(image, RN_OP_JUMP)->imm++;
}
DAMAGE(jump_undeclared_last)
{
    // Behind the last declared height of all.
    uint32_t count = count_of(image, RN_SECTION_FUNCTIONS);
    const struct rn_unit_function *last = &table_FUNCTIONS(image)[count - 1];
    nth_inst(image, RN_OP_JUMP_TRUE, 1)->imm = last->code_count - 1;
}
DAMAGE(jump_undeclared_switch)
{
    table_TARGETS(image)[0] = 0;
}
DAMAGE(jump_height)
{
    struct rn_unit_function *function = function_named(image, "callee");
    // `last`, behind a RETURN: only the jump at height 3 reaches it.
    const struct rn_inst *jump = inst(image, RN_OP_JUMP_TRUE);
    height_at(image, function->code_start + jump->imm)->height = 4;
}
DAMAGE(jump_height_switch)
{
    const struct rn_inst *use = inst(image, RN_OP_SWITCH);
    height_at(image, pc_of(image, use) + 1)->height = 4; // R[2] is the highest
    function_named(image, "Point::method")->register_count = 4;
}
DAMAGE(unreachable)
{
    struct rn_inst *jump = inst(image, RN_OP_JUMP_TRUE);
    jump->op = RN_OP_JUMP;
    jump->a = 0;
}
DAMAGE(falls_off)
{
    const struct rn_unit_function *function = function_named(image, "main");
    struct rn_inst *last = &table_CODE(image)[function->code_start + function->code_count - 1];
    assert_int_equal(last->op, RN_OP_RETURN);
    last->op = RN_OP_TRY;
    last->c--;
}
DAMAGE(block_open)
{
    *inst(image, RN_OP_CHARGE) = (struct rn_inst){.op = RN_OP_UNIT, .a = 1};
}
DAMAGE(block_cost)
{
    inst(image, RN_OP_RETURN)->c++;
}
DAMAGE(block_cost_charge)
{
    inst(image, RN_OP_CHARGE)->imm++;
}
DAMAGE(block_limit)
{
    const struct rn_unit_function *function =
        function_named(image, "a_long_function_of_its_own_size");
    struct rn_inst *code = &table_CODE(image)[function->code_start];
    while (code->op != RN_OP_CHARGE) {
        code++;
    }
    *code = (struct rn_inst){.op = RN_OP_UNIT};
}

struct hostile_case {
    const char *check;
    void (*damage)(struct image *image);
    bool standard; /* damages the standard Unit's image, and that flag is allowed */
};

static const struct hostile_case cases[] = {
    {"SIZE", damage_size_small, false},
    {"SIZE", damage_size_large, false},
    {"SIZE", damage_size_odd, false},
    {"SIZE", damage_alignment, false},
    {"MAGIC", damage_magic, false},
    {"VERSION", damage_version, false},
    {"VERSION", damage_digest, false},
    {"HEADER", damage_header_size, false},
    {"HEADER", damage_image_size, false},
    {"HEADER", damage_section_count, false},
    {"FLAGS", damage_flags, false},
    {"STANDARD", damage_standard, false},
    {"MAIN", damage_main_captures, false},
    {"FUNCTION_INDEX", damage_main_index, false},
    {"SECTION_OFFSET", damage_section_gap, false},
    {"SECTION_OFFSET", damage_section_overlap, false},
    {"SECTION_OFFSET", damage_section_far, false},
    {"SECTION_BOUNDS", damage_section_bounds, false},
    {"SECTION_LIMIT", damage_section_limit, false},
    {"SECTION_PADDING", damage_section_padding, false},
    {"SECTION_END", damage_section_end, false},
    {"STRING_RUN", damage_string_run, false},
    {"STRING_BOUNDS", damage_string_bounds, false},
    {"STRING_ORDER", damage_string_order_size, false},
    {"STRING_ORDER", damage_string_order_bytes, false},
    {"STRING_END", damage_string_end, false},
    {"STRING_INDEX", damage_string_index, false},
    {"STRING_INDEX", damage_names_index, false},
    {"NAME_UTF8", damage_name_utf8, false},
    {"TEXT_UTF8", damage_text_utf8, false},
    {"HASH", damage_hash_function, false},
    {"HASH", damage_hash_type, false},
    {"HASH", damage_hash_import, false},
    {"HASH", damage_hash_static, false},
    {"HASH", damage_hash_site, false},
    {"HASH_DUPLICATE", damage_hash_duplicate_statics, false},
    {"HASH_DUPLICATE", damage_hash_duplicate_imports, false},
    {"HASH_DUPLICATE", damage_hash_duplicate_types, false},
    {"CONSTANT_KIND", damage_constant_kind, false},
    {"CONSTANT_RUN", damage_constant_run, false},
    {"CONSTANT_BOUNDS", damage_constant_bounds, false},
    {"CONSTANT_VALUE", damage_constant_value, false},
    {"CONSTANT_CONTENT", damage_constant_struct, false},
    {"CONSTANT_CONTENT", damage_constant_variant, false},
    {"CONSTANT_CONTENT", damage_constant_function, false},
    {"CONSTANT_CONTENT", damage_constant_deque, false},
    {"CONSTANT_CONTENT", damage_constant_set, false},
    {"CONSTANT_CONTENT", damage_constant_map, false},
    {"CONSTANT_END", damage_constant_end, false},
    {"NAMES_RUN", damage_names_run, false},
    {"NAMES_BOUNDS", damage_names_bounds, false},
    {"NAMES_DUPLICATE", damage_names_duplicate, false},
    {"NAMES_END", damage_names_end, false},
    {"TYPE_KIND", damage_type_kind, false},
    {"TYPE_FIELDS", damage_type_fields_of_unit, false},
    {"TYPE_FIELDS", damage_type_names_of_tuple, false},
    {"TYPE_EXTERNAL", damage_type_external, false},
    {"TYPE_PARENT", damage_type_variant_alone, false},
    {"TYPE_PARENT", damage_type_variant_missing, false},
    {"TYPE_PARENT", damage_type_parent, false},
    {"TYPE_PARENT", damage_type_variant_index, false},
    {"TYPE_PARENT", damage_type_enum_incomplete, false},
    {"FUNCTION_CODE", damage_function_code, false},
    {"FUNCTION_BOUNDS", damage_function_empty, false},
    {"FUNCTION_BOUNDS", damage_function_bounds, false},
    {"FUNCTION_END", damage_function_end, false},
    {"FUNCTION_ARGUMENTS", damage_function_arguments, false},
    {"FUNCTION_ARGUMENTS", damage_function_captures, false},
    {"FUNCTION_REGISTERS", damage_function_registers_many, false},
    {"FUNCTION_REGISTERS", damage_function_registers_few, false},
    {"FUNCTION_REGISTERS", damage_function_registers_none, false},
    {"FUNCTION_KIND", damage_function_kind, false},
    {"FUNCTION_FLAGS", damage_function_flags_unknown, false},
    {"FUNCTION_FLAGS", damage_function_flags_captures, false},
    {"FUNCTION_FLAGS", damage_function_flags_self, false},
    {"FUNCTION_FLAGS", damage_function_flags_step, false},
    {"FUNCTION_FLAGS", damage_function_flags_step_kind, true},
    {"FUNCTION_INDEX", damage_export_index, false},
    {"FUNCTION_INDEX", damage_method_index, false},
    {"FUNCTION_INDEX", damage_switch_function, false},
    {"IMPORT_ARITY", damage_import_arity_low, false},
    {"IMPORT_ARITY", damage_import_arity_high, false},
    {"EXPORT_ORDER", damage_export_order, false},
    {"EXPORT_FUNCTION", damage_export_function, false},
    {"EXPORT_FUNCTION", damage_export_name, false},
    {"EXPORT_FUNCTION", damage_export_captures, false},
    {"METHOD_ORDER", damage_method_order, false},
    {"METHOD_ORDER", damage_method_order_type, false},
    {"METHOD_TYPE", damage_method_type_index, false},
    {"METHOD_TYPE", damage_method_type_external, false},
    {"METHOD_FUNCTION", damage_method_function, false},
    {"METHOD_FUNCTION", damage_method_captures, false},
    {"STATIC_CONSTANT", damage_static_constant, false},
    {"SITE_KIND", damage_site_kind, false},
    {"SPEC_FILL", damage_spec_fill, false},
    {"SPEC_FORM", damage_spec_align, false},
    {"SPEC_FORM", damage_spec_type, false},
    {"SPEC_FORM", damage_spec_flags, false},
    {"RESERVED", damage_constant_reserved, false},
    {"RESERVED", damage_type_reserved, false},
    {"RESERVED", damage_function_reserved, false},
    {"RESERVED", damage_import_reserved, false},
    {"RESERVED", damage_spec_reserved, false},
    {"SWITCH_RUN", damage_switch_run, false},
    {"SWITCH_BOUNDS", damage_switch_bounds, false},
    {"SWITCH_KIND", damage_switch_kind, false},
    {"SWITCH_KIND", damage_switch_int_type, false},
    {"SWITCH_KIND", damage_switch_type_index, false},
    {"SWITCH_KIND", damage_switch_type_kind, false},
    {"SWITCH_KIND", damage_switch_base, false},
    {"SWITCH_TARGET", damage_switch_default, false},
    {"SWITCH_TARGET", damage_switch_target, false},
    {"SWITCH_END", damage_switch_end, false},
    {"HEIGHT_ORDER", damage_height_order, false},
    {"HEIGHT_ORDER", damage_height_beyond, false},
    {"HEIGHT_LIMIT", damage_height_limit, false},
    {"HEIGHT_RISE", damage_height_rise, false},
    {"HEIGHT_DISTANCE", damage_height_distance, false},
    {"OPCODE", damage_opcode, false},
    {"PRIVILEGED", damage_privileged, false},
    {"OPERAND_ZERO", damage_zero_byte, false},
    {"OPERAND_ZERO", damage_zero_imm, false},
    {"OPERAND_READ", damage_read, false},
    {"OPERAND_READ", damage_read_pair, false},
    {"OPERAND_READ", damage_read_wide, false},
    {"OPERAND_WRITE", damage_write, false},
    {"OPERAND_WRITE", damage_write_wide, false},
    {"OPERAND_WRITE", damage_write_beyond_function, false},
    {"OPERAND_WRITE", damage_write_wide_beyond_function, false},
    {"OPERAND_WINDOW", damage_window, false},
    {"OPERAND_WINDOW", damage_window_of_value, false},
    {"OPERAND_WINDOW", damage_window_of_extend, false},
    {"OPERAND_VALUE", damage_value_bool, false},
    {"OPERAND_VALUE", damage_value_order, false},
    {"OPERAND_VALUE", damage_value_cast, false},
    {"OPERAND_VALUE", damage_value_range, false},
    {"OPERAND_VALUE", damage_value_seq, false},
    {"OPERAND_VALUE", damage_value_char, false},
    {"OPERAND_INDEX", damage_index_const, false},
    {"OPERAND_INDEX", damage_index_string, false},
    {"OPERAND_INDEX", damage_index_function, false},
    {"OPERAND_INDEX", damage_index_import, false},
    {"OPERAND_INDEX", damage_index_type, false},
    {"OPERAND_INDEX", damage_index_keys, false},
    {"OPERAND_INDEX", damage_index_static, false},
    {"OPERAND_INDEX", damage_index_spec, false},
    {"OPERAND_INDEX", damage_index_switch, false},
    {"OPERAND_INDEX", damage_index_site, false},
    {"OPERAND_INDEX", damage_index_intrinsic, true},
    {"OPERAND_SITE", damage_site_of_get, false},
    {"OPERAND_SITE", damage_site_of_set, false},
    {"OPERAND_SITE", damage_site_of_call, false},
    {"OPERAND_COUNT", damage_count_of_call, false},
    {"OPERAND_COUNT", damage_count_of_method_call, false},
    {"OPERAND_COUNT", damage_count_of_closure, false},
    {"OPERAND_COUNT", damage_count_of_struct, false},
    {"OPERAND_COUNT", damage_count_of_variant, false},
    {"OPERAND_COUNT", damage_count_of_object, false},
    {"OPERAND_COUNT", damage_count_of_import, false},
    {"OPERAND_COUNT", damage_count_of_range, false},
    {"OPERAND_COUNT", damage_count_of_intrinsic, true},
    {"OPERAND_TYPE", damage_type_of_enum, false},
    {"OPERAND_TYPE", damage_type_of_library, false},
    {"OPERAND_TYPE", damage_type_of_constructor, false},
    {"OPERAND_TYPE", damage_type_of_constructor_without_fields, false},
    {"OPERAND_FUNCTION", damage_function_of_call, false},
    {"OPERAND_FUNCTION", damage_function_of_value, false},
    {"OPERAND_FUNCTION", damage_function_of_closure, false},
    {"OPERAND_FUNCTION", damage_function_of_call_step, true},
    {"OPERAND_FUNCTION", damage_function_of_closure_step, true},
    {"OPERAND_SWITCH", damage_switch_of_other, false},
    {"FUNCTION_BODY", damage_body_yield, false},
    {"FUNCTION_BODY", damage_body_await, false},
    {"FUNCTION_BODY", damage_body_done, true},
    {"JUMP_TARGET", damage_jump_target, false},
    {"JUMP_UNDECLARED", damage_jump_undeclared, false},
    {"JUMP_UNDECLARED", damage_jump_undeclared_last, false},
    {"JUMP_UNDECLARED", damage_jump_undeclared_switch, false},
    {"JUMP_HEIGHT", damage_jump_height, false},
    {"JUMP_HEIGHT", damage_jump_height_switch, false},
    {"UNREACHABLE", damage_unreachable, false},
    {"FALLS_OFF", damage_falls_off, false},
    {"BLOCK_OPEN", damage_block_open, false},
    {"BLOCK_COST", damage_block_cost, false},
    {"BLOCK_COST", damage_block_cost_charge, false},
    {"BLOCK_LIMIT", damage_block_limit, false},
};

static void test_each_damage_is_found(void **state)
{
    (void)state;
    struct rn_buf images[2];
    for (int i = 0; i < 2; i++) {
        rn_buf_init(&images[i], RN_IMAGE_SIZE_MAX);
        assert_int_equal(build_sample(&images[i], NULL, i == 1), RN_OK);
    }
    for (size_t i = 0; i < RN_COUNT_OF(cases); i++) {
        const struct rn_buf *valid = &images[cases[i].standard];
        uint8_t *storage = rn_alloc(valid->size + ROOM);
        assert_non_null(storage);
        memcpy(storage, valid->data, valid->size);
        struct image image = {.bytes = storage, .size = valid->size};
        rn_unit_bind((struct rune_unit_image){storage, image.size}, &image.unit);
        cases[i].damage(&image);
        struct rune_verified_unit unit;
        struct rn_unit_fault fault = {.check = "none"};
        enum rn_error error = rn_unit_verify((struct rune_unit_image){image.bytes, image.size},
                                             cases[i].standard, &unit, &fault);
        if (error == RN_OK || strcmp(fault.check, cases[i].check) != 0) {
            fail_msg("case %zu, %s: %s, %s at %zu, pc %u", i, cases[i].check, rn_error_name(error),
                     fault.check, fault.offset, fault.pc);
        }
        bool version = strcmp(cases[i].check, "VERSION") == 0;
        assert_int_equal(error, version ? RN_E_UNIT_VERSION : RN_E_UNIT_INVALID);
        assert_true(fault.offset <= image.size);
        rn_free(storage);
    }
    for (int i = 0; i < 2; i++) {
        rn_buf_done(&images[i]);
    }
}

static void test_every_check_has_a_case(void **state)
{
    (void)state;
    static const char *const checks[] = {
#define UNIT_CHECK(name, message) #name,
#include "bytecode/unit_checks.def"
#undef UNIT_CHECK
    };
    for (size_t i = 0; i < RN_COUNT_OF(checks); i++) {
        bool found = false;
        for (size_t j = 0; j < RN_COUNT_OF(cases); j++) {
            found = found || strcmp(checks[i], cases[j].check) == 0;
        }
        if (!found) {
            fail_msg("no case for %s", checks[i]);
        }
    }
}

static void test_valid_images_are_accepted(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        RN_AUTO(rn_buf) rn_buf image;
        rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
        assert_int_equal(build_sample(&image, NULL, i == 1), RN_OK);
        struct rune_verified_unit unit;
        struct rn_unit_fault fault = {.check = "none"};
        enum rn_error error =
            rn_unit_verify((struct rune_unit_image){image.data, image.size}, i == 1, &unit, &fault);
        if (error != RN_OK) {
            fail_msg("%s at %zu, function %u, pc %u", fault.check, fault.offset, fault.function,
                     fault.pc);
        }
        assert_int_equal(rn_unit_adopt((struct rune_unit_image){image.data, image.size}, &unit),
                         RN_OK);
    }
}

static void test_no_prefix_is_accepted(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    assert_int_equal(build_sample(&image, NULL, false), RN_OK);
    struct rune_verified_unit unit;
    for (size_t size = 0; size < image.size; size++) {
        assert_int_not_equal(
            rn_unit_verify((struct rune_unit_image){image.data, size}, false, &unit, NULL), RN_OK);
        assert_int_not_equal(rn_unit_adopt((struct rune_unit_image){image.data, size}, &unit),
                             RN_OK);
    }
}

/* Adopting checks less, but enough to stay in bounds. */
static void test_adopting(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    assert_int_equal(build_sample(&image, NULL, false), RN_OK);
    struct rn_unit_header *header = (struct rn_unit_header *)(void *)image.data;
    struct rune_verified_unit unit;
    struct rune_unit_image bytes = {image.data, image.size};
    header->magic[0]++;
    assert_int_equal(rn_unit_adopt(bytes, &unit), RN_E_UNIT_INVALID);
    header->magic[0]--;
    header->version++;
    assert_int_equal(rn_unit_adopt(bytes, &unit), RN_E_UNIT_VERSION);
    header->version--;
    header->isa_digest++;
    assert_int_equal(rn_unit_adopt(bytes, &unit), RN_E_UNIT_VERSION);
    header->isa_digest--;
    header->section_count++;
    assert_int_equal(rn_unit_adopt(bytes, &unit), RN_E_UNIT_INVALID);
    header->section_count--;
    header->sections[0].count = UINT32_MAX;
    assert_int_equal(rn_unit_adopt(bytes, &unit), RN_E_UNIT_INVALID);
}

static void test_each_failing_allocation(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    assert_int_equal(build_sample(&image, NULL, false), RN_OK);
    for (uint64_t n = 1; n < 100; n++) {
        uint64_t live = rn_alloc_live();
        struct rune_verified_unit unit;
        struct rn_unit_fault fault;
        rn_alloc_fail_at(n, false);
        enum rn_error error =
            rn_unit_verify((struct rune_unit_image){image.data, image.size}, false, &unit, &fault);
        rn_alloc_fail_at(0, false);
        assert_int_equal(rn_alloc_live(), live);
        if (error == RN_OK) {
            assert_true(n > 5);
            return;
        }
        assert_int_equal(error, RN_E_NO_MEMORY);
        assert_string_equal(fault.check, "MEMORY");
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_images_are_accepted),
        cmocka_unit_test(test_each_damage_is_found),
        cmocka_unit_test(test_every_check_has_a_case),
        cmocka_unit_test(test_no_prefix_is_accepted),
        cmocka_unit_test(test_adopting),
        cmocka_unit_test(test_each_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
