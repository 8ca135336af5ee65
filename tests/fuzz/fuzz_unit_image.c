/*
 * Any bytes as a Unit image. What the verifier accepts must keep its promises: every lookup that
 * the run loop relies on is tried.
 */
#include "base/alloc.h"
#include "bytecode/opcode.h"
#include "bytecode/unit.h"

#include <string.h>

/* What no mutation would guess is set right. */
static void repair_header(uint8_t *bytes, size_t size)
{
    struct rn_unit_header header;
    memcpy(&header, bytes, sizeof(header));
    memcpy(header.magic, RN_UNIT_MAGIC, sizeof(header.magic));
    header.version = RN_UNIT_VERSION;
    header.isa_digest = rn_isa_digest();
    header.image_size = (uint32_t)size;
    memcpy(bytes, &header, sizeof(header));
}

static void use_function(const struct rune_verified_unit *unit, uint32_t index)
{
    const struct rn_unit_function *function = &unit->functions[index];
    for (uint32_t i = 0; i < function->code_count; i++) {
        uint32_t pc = function->code_start + i;
        RN_CHECK(rn_unit_function_at(unit, pc) == index);
        RN_CHECK(rn_unit_height_at(unit, index, pc) <= function->register_count);
    }
}

static void use(const struct rune_verified_unit *unit)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_FUNCTIONS]; i++) {
        use_function(unit, i);
    }
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_EXPORTS]; i++) {
        RN_CHECK(rn_unit_find_export(unit, unit->exports[i].hash) == unit->exports[i].function);
    }
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_METHODS]; i++) {
        const struct rn_unit_method *method = &unit->methods[i];
        RN_CHECK(rn_unit_find_method(unit, method->type, method->name_hash) == method->function);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = rn_alloc(size);
    if (bytes == NULL) {
        return 0;
    }
    memcpy(bytes, data, size);
    if (size >= sizeof(struct rn_unit_header)) {
        repair_header(bytes, size);
    }
    struct rune_verified_unit unit;
    struct rn_unit_fault fault;
    if (rn_unit_verify((struct rune_unit_image){bytes, size}, true, &unit, &fault) == RN_OK) {
        use(&unit);
    } else {
        RN_CHECK(fault.offset <= size);
    }
    rn_free(bytes);
    return 0;
}
