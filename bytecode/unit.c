/* unit.c: attaching to an image that was verified before, and looking things up in a verified one.
 */
#include "bytecode/unit.h"

#include "base/math.h"
#include "bytecode/opcode.h"

#include <string.h>

const uint32_t rn_section_element_sizes[RN_SECTION_COUNT] = {
#define SECTION(name, type, text) [RN_SECTION_##name] = sizeof(type),
#include "bytecode/sections.def"
#undef SECTION
};

void rn_unit_bind(struct rune_unit_image image, struct rune_verified_unit *out_unit)
{
    const uint8_t *bytes = image.bytes;
    const struct rn_unit_header *header = image.bytes;
    const struct rn_unit_section *sections = header->sections;
    *out_unit = (struct rune_verified_unit){
        .header = header,
        .code = (const void *)(bytes + sections[RN_SECTION_CODE].offset),
        .functions = (const void *)(bytes + sections[RN_SECTION_FUNCTIONS].offset),
        .heights = (const void *)(bytes + sections[RN_SECTION_HEIGHTS].offset),
        .constants = (const void *)(bytes + sections[RN_SECTION_CONSTANTS].offset),
        .constant_data = bytes + sections[RN_SECTION_CONSTANT_DATA].offset,
        .strings = (const void *)(bytes + sections[RN_SECTION_STRINGS].offset),
        .string_data = (const char *)(bytes + sections[RN_SECTION_STRING_DATA].offset),
        .keys = (const void *)(bytes + sections[RN_SECTION_KEYS].offset),
        .names = (const void *)(bytes + sections[RN_SECTION_NAMES].offset),
        .types = (const void *)(bytes + sections[RN_SECTION_TYPES].offset),
        .imports = (const void *)(bytes + sections[RN_SECTION_IMPORTS].offset),
        .exports = (const void *)(bytes + sections[RN_SECTION_EXPORTS].offset),
        .methods = (const void *)(bytes + sections[RN_SECTION_METHODS].offset),
        .statics = (const void *)(bytes + sections[RN_SECTION_STATICS].offset),
        .switches = (const void *)(bytes + sections[RN_SECTION_SWITCHES].offset),
        .targets = (const void *)(bytes + sections[RN_SECTION_TARGETS].offset),
        .sites = (const void *)(bytes + sections[RN_SECTION_SITES].offset),
        .specs = (const void *)(bytes + sections[RN_SECTION_SPECS].offset),
    };
    for (uint32_t i = 0; i < RN_SECTION_COUNT; i++) {
        out_unit->counts[i] = sections[i].count;
    }
}

static bool section_fits(const struct rn_unit_section *section, uint32_t element, size_t size)
{
    uint64_t end = section->offset + (uint64_t)section->count * element;
    return section->offset % 8 == 0 && end <= size;
}

enum rn_error rn_unit_adopt(struct rune_unit_image image, struct rune_verified_unit *out_unit)
{
    const struct rn_unit_header *header = image.bytes;
    if (image.size < sizeof(*header) || (uintptr_t)image.bytes % 8 != 0 ||
        memcmp(header->magic, RN_UNIT_MAGIC, sizeof(header->magic)) != 0) {
        return RN_E_UNIT_INVALID;
    }
    if (header->version != RN_UNIT_VERSION || header->isa_digest != rn_isa_digest()) {
        return RN_E_UNIT_VERSION;
    }
    if (header->image_size != image.size || header->section_count != RN_SECTION_COUNT) {
        return RN_E_UNIT_INVALID;
    }
    for (uint32_t i = 0; i < RN_SECTION_COUNT; i++) {
        if (!section_fits(&header->sections[i], rn_section_element_sizes[i], image.size)) {
            return RN_E_UNIT_INVALID;
        }
    }
    rn_unit_bind(image, out_unit);
    return RN_OK;
}

uint32_t rn_unit_export_index(const struct rune_verified_unit *unit, uint64_t hash, uint32_t hint)
{
    uint32_t low = 0;
    uint32_t high = unit->counts[RN_SECTION_EXPORTS];
    uint32_t next = hint < high ? hint : high / 2;
    while (low < high) {
        if (unit->exports[next].hash == hash) {
            return next;
        }
        if (unit->exports[next].hash < hash) {
            low = next + 1;
        } else {
            high = next;
        }
        next = low + (high - low) / 2;
    }
    return RN_NONE;
}

uint32_t rn_unit_find_export(const struct rune_verified_unit *unit, uint64_t hash)
{
    uint32_t index = rn_unit_export_index(unit, hash, RN_NONE);
    return index == RN_NONE ? RN_NONE : unit->exports[index].function;
}

static bool method_before(const struct rn_unit_method *method, uint32_t type, uint64_t name_hash)
{
    return method->type != type ? method->type < type : method->name_hash < name_hash;
}

uint32_t rn_unit_find_method(const struct rune_verified_unit *unit, uint32_t type,
                             uint64_t name_hash)
{
    uint32_t low = 0;
    uint32_t high = unit->counts[RN_SECTION_METHODS];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (method_before(&unit->methods[middle], type, name_hash)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < unit->counts[RN_SECTION_METHODS] && unit->methods[low].type == type &&
        unit->methods[low].name_hash == name_hash) {
        return unit->methods[low].function;
    }
    return RN_NONE;
}

/* The number of declared heights at or before `pc`. */
static uint32_t heights_up_to(const struct rune_verified_unit *unit, uint32_t pc)
{
    uint32_t low = 0;
    uint32_t high = unit->counts[RN_SECTION_HEIGHTS];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (unit->heights[middle].pc <= pc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t rn_unit_height_at(const struct rune_verified_unit *unit, uint32_t function, uint32_t pc)
{
    const struct rn_unit_function *info = &unit->functions[function];
    RN_ASSERT(pc >= info->code_start && pc - info->code_start < info->code_count);
    uint32_t at = info->code_start;
    uint32_t height = info->arg_count + (uint32_t)info->capture_count;
    uint32_t declared = heights_up_to(unit, pc);
    if (declared > 0 && unit->heights[declared - 1].pc >= at) {
        at = unit->heights[declared - 1].pc;
        height = unit->heights[declared - 1].height;
    }
    for (; at < pc; at++) {
        height = rn_inst_height_after(unit->code[at], height);
    }
    return height;
}

uint32_t rn_unit_function_at(const struct rune_verified_unit *unit, uint32_t pc)
{
    uint32_t low = 0;
    uint32_t high = unit->counts[RN_SECTION_FUNCTIONS];
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (unit->functions[middle].code_start <= pc) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
