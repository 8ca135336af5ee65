/*
 * listing.c: a Unit's instructions as data.
 *
 * Texts are written once, one after another, when the listing is made, and so are the numbers of lines. Like the text
 * (disassemble.c), it is made of the public bytes, which are verified again.
 */
#include <runeward/tools.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "bytecode/disasm.h"
#include "bytecode/lines.h"
#include "bytecode/opcode.h"

#define TEXTS_MAX ((size_t)1 << 30)

struct rune_listing {
    rune_unit *unit; /* counted; everything points into it */
    struct rune_verified_unit verified;
    struct rn_debug debug;
    struct rn_lines lines; /* of the debug segment; without: no sources */
    uint32_t source_count;
    struct rn_buf texts;
    uint32_t *starts;   /* owned; in the texts: instructions, then jump tables, then functions */
    uint32_t *lines_of; /* owned; of each instruction, or 0; NULL without debug information */
};

/* ---- Making one ---- */

static enum rn_error open_unit(struct rune_listing *listing)
{
    struct rune_unit_image image = {0};
    size_t debug_size = 0;
    image.bytes = rune_unit_image(listing->unit, &image.size);
    const void *debug = rune_unit_debug(listing->unit, &debug_size);
    RN_TRY(rn_unit_verify(image, false, &listing->verified, NULL));
    if (!debug || rn_debug_open(debug, debug_size, &listing->debug, NULL) != RN_OK) {
        return RN_OK;
    }
    listing->source_count = listing->debug.source_count;
    return rn_lines_make(&listing->debug, &listing->lines);
}

typedef void put_fn(const struct rune_verified_unit *unit, uint32_t index, struct rn_buf *out);

static void write_texts(struct rune_listing *listing, put_fn *put, uint32_t count,
                        uint32_t **starts)
{
    struct rn_buf *texts = &listing->texts;
    for (uint32_t i = 0; i < count && texts->error == RN_OK; i++) {
        *(*starts)++ = (uint32_t)texts->size;
        put(&listing->verified, i, texts);
        rn_buf_append_u8(texts, 0);
    }
}

static enum rn_error write_all(struct rune_listing *listing)
{
    const uint32_t *counts = listing->verified.counts;
    size_t all = (size_t)counts[RN_SECTION_CODE] + counts[RN_SECTION_SWITCHES] +
                 counts[RN_SECTION_FUNCTIONS];
    listing->starts = rn_alloc_array(all + 1, sizeof(*listing->starts));
    if (!listing->starts) {
        return RN_E_NO_MEMORY;
    }
    uint32_t *next = listing->starts;
    write_texts(listing, rn_disasm_inst, counts[RN_SECTION_CODE], &next);
    write_texts(listing, rn_disasm_switch, counts[RN_SECTION_SWITCHES], &next);
    write_texts(listing, rn_disasm_shape, counts[RN_SECTION_FUNCTIONS], &next);
    return rn_buf_status(&listing->texts);
}

/* ---- Lines ---- */

static enum rn_error number_lines(struct rune_listing *listing)
{
    uint32_t count = listing->verified.counts[RN_SECTION_CODE];
    if (listing->source_count == 0) {
        return RN_OK;
    }
    listing->lines_of = rn_alloc_array((size_t)count + 1, sizeof(*listing->lines_of));
    return listing->lines_of
               ? rn_lines_number_all(&listing->lines, &listing->debug, count, listing->lines_of)
               : RN_E_NO_MEMORY;
}

rune_status rune_listing_new(rune_unit *unit, rune_listing **out_listing)
{
    if (!unit || !out_listing) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    rune_listing *listing = rn_alloc(sizeof(*listing));
    if (!listing) {
        return RUNE_E_NO_MEMORY;
    }
    listing->unit = rune_unit_ref(unit);
    rn_buf_init(&listing->texts, TEXTS_MAX);
    enum rn_error error = open_unit(listing);
    error = error == RN_OK ? number_lines(listing) : error;
    error = error == RN_OK ? write_all(listing) : error;
    if (error != RN_OK) {
        rune_listing_free(listing);
        return (rune_status)error;
    }
    *out_listing = listing;
    return RUNE_OK;
}

void rune_listing_free(rune_listing *listing)
{
    if (listing) {
        rn_lines_done(&listing->lines);
        rn_buf_done(&listing->texts);
        rn_free(listing->starts);
        rn_free(listing->lines_of);
        rune_unit_unref(listing->unit);
        rn_free(listing);
    }
}

/* ---- Reading it ---- */

static const char *text_at(const struct rune_listing *listing, size_t index)
{
    return (const char *)listing->texts.data + listing->starts[index];
}

size_t rune_listing_instruction_count(const rune_listing *listing)
{
    return listing ? listing->verified.counts[RN_SECTION_CODE] : 0;
}

bool rune_listing_source_at(const rune_listing *listing, size_t index,
                            rune_listing_source *out_source)
{
    if (!listing || index >= listing->source_count) {
        return false;
    }
    const struct rn_debug_source *source = &listing->lines.sources[index].source;
    *out_source = (rune_listing_source){.name = source->name.data,
                                        .name_size = source->name.size,
                                        .text = source->text.data,
                                        .text_size = source->text.size};
    return true;
}

bool rune_listing_function_at(const rune_listing *listing, size_t index,
                              rune_listing_function *out_function)
{
    if (!listing || index >= listing->verified.counts[RN_SECTION_FUNCTIONS]) {
        return false;
    }
    const uint32_t *counts = listing->verified.counts;
    const struct rn_unit_function *function = &listing->verified.functions[index];
    struct rn_utf8 name = rn_unit_string_at(&listing->verified, function->name);
    size_t shape = (size_t)counts[RN_SECTION_CODE] + counts[RN_SECTION_SWITCHES] + index;
    *out_function = (rune_listing_function){.name = name.data,
                                            .name_size = name.size,
                                            .shape = text_at(listing, shape),
                                            .first = function->code_start,
                                            .count = function->code_count};
    return true;
}

static void find_span(const struct rune_listing *listing, uint32_t pc,
                      rune_listing_instruction *out)
{
    out->source = RUNE_LISTING_NONE;
    if (listing->lines_of) {
        struct rn_debug_span span = rn_debug_find(&listing->debug, pc);
        if (span.source != RN_NONE) {
            out->source = span.source;
            out->start = span.start;
            out->end = span.end;
            out->line = listing->lines_of[pc];
        }
    }
}

bool rune_listing_instruction_at(const rune_listing *listing, size_t index,
                                 rune_listing_instruction *out_instruction)
{
    if (index >= rune_listing_instruction_count(listing)) {
        return false;
    }
    const struct rn_inst *inst = &listing->verified.code[index];
    uint8_t operand = rn_opcodes[inst->op].imm;
    uint32_t function = rn_unit_function_at(&listing->verified, (uint32_t)index);
    size_t target = (size_t)listing->verified.functions[function].code_start + inst->imm;
    size_t table = (size_t)listing->verified.counts[RN_SECTION_CODE] + inst->imm;
    *out_instruction = (rune_listing_instruction){
        .text = text_at(listing, index),
        .table = operand == RN_OPERAND_SWITCH ? text_at(listing, table) : NULL,
        .function = function,
        .target = operand == RN_OPERAND_JUMP ? target : RUNE_LISTING_NONE,
        .refers = operand == RN_OPERAND_FUNC ? inst->imm : RUNE_LISTING_NONE};
    find_span(listing, (uint32_t)index, out_instruction);
    return true;
}
