/*
 * builder_order.c: texts sorted by size and bytes, names in the order of their owners.
 *
 * Both let the verifier prove in one pass, without memory, that no two texts are equal and no two
 * runs of names overlap.
 */
#include "base/alloc.h"
#include "base/sort.h"
#include "bytecode/builder_state.h"

#include <string.h>

struct text {
    const uint8_t *data;
    uint32_t size;
    uint32_t index;
};

static int compare_texts(const void *left, const void *right)
{
    const struct text *a = left;
    const struct text *b = right;
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    return a->size == 0 ? 0 : memcmp(a->data, b->data, a->size);
}

/* Which operand kinds of an instruction's imm are string indices: one. */
static void move_code(struct rn_builder *b, const uint32_t *moved)
{
    uint32_t count = RN_BUILDER_COUNT(&b->code, struct rn_inst);
    for (uint32_t i = 0; i < count; i++) {
        struct rn_inst *inst = RN_BUILDER_AT(&b->code, struct rn_inst, i);
        if (rn_opcodes[inst->op].imm == RN_OPERAND_STR) {
            inst->imm = moved[inst->imm];
        }
    }
}

#define MOVE_MEMBER(buf, type, member)                                                             \
    do {                                                                                           \
        uint32_t count_ = RN_BUILDER_COUNT((buf), type);                                           \
        for (uint32_t i_ = 0; i_ < count_; i_++) {                                                 \
            type *element_ = RN_BUILDER_AT((buf), type, i_);                                       \
            element_->member = moved[element_->member];                                            \
        }                                                                                          \
    } while (0)

static void move_references(struct rn_builder *b, const uint32_t *moved)
{
    MOVE_MEMBER(&b->bodies, struct rn_builder_body, function.name);
    MOVE_MEMBER(&b->types, struct rn_unit_type, name);
    MOVE_MEMBER(&b->imports, struct rn_unit_import, name);
    MOVE_MEMBER(&b->exports, struct rn_unit_export, name);
    MOVE_MEMBER(&b->statics, struct rn_unit_static, name);
    MOVE_MEMBER(&b->sites, struct rn_unit_site, name);
    uint32_t count = RN_BUILDER_COUNT(&b->names, uint32_t);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *name = RN_BUILDER_AT(&b->names, uint32_t, i);
        *name = moved[*name];
    }
    move_code(b, moved);
}

static void out_of_memory(struct rn_builder *b)
{
    rn_builder_fail(b, RN_BUILDER_MEMORY, "out of memory");
}

static void order_strings(struct rn_builder *b)
{
    uint32_t count = RN_BUILDER_COUNT(&b->strings, struct rn_unit_string);
    RN_AUTO_FREE struct text *texts = rn_alloc_array(count, sizeof(*texts));
    RN_AUTO_FREE uint32_t *moved = rn_alloc_array(count, sizeof(*moved));
    RN_AUTO_FREE uint8_t *data = rn_alloc(b->string_data.size);
    if (texts == NULL || moved == NULL || data == NULL) {
        out_of_memory(b);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_unit_string *string = RN_BUILDER_AT(&b->strings, struct rn_unit_string, i);
        texts[i] = (struct text){.size = string->size, .index = i};
        if (string->size > 0) {
            texts[i].data = b->string_data.data + string->offset;
        }
    }
    rn_sort(texts, count, sizeof(*texts), compare_texts);
    uint32_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        moved[texts[i].index] = i;
        if (texts[i].size > 0) {
            memcpy(data + offset, texts[i].data, texts[i].size);
        }
        *RN_BUILDER_AT(&b->strings, struct rn_unit_string, i) =
            (struct rn_unit_string){.offset = offset, .size = texts[i].size};
        offset += texts[i].size;
    }
    if (offset > 0) {
        memcpy(b->string_data.data, data, offset);
    }
    move_references(b, moved);
}

/* Appends a run of the old names to the new ones; where it begins there. */
static uint32_t take_names(const struct rn_builder *b, struct rn_buf *names, uint32_t start,
                           uint32_t count)
{
    uint32_t at = RN_BUILDER_COUNT(names, uint32_t);
    if (count > 0) {
        rn_buf_append(names, RN_BUILDER_AT(&b->names, uint32_t, start), count * sizeof(uint32_t));
    }
    return at;
}

static void order_names(struct rn_builder *b)
{
    struct rn_buf names;
    rn_buf_init(&names, b->names.max);
    for (uint32_t i = 0; i < RN_BUILDER_COUNT(&b->keys, struct rn_unit_key_set); i++) {
        struct rn_unit_key_set *set = RN_BUILDER_AT(&b->keys, struct rn_unit_key_set, i);
        set->start = take_names(b, &names, set->start, set->count);
    }
    for (uint32_t i = 0; i < RN_BUILDER_COUNT(&b->types, struct rn_unit_type); i++) {
        struct rn_unit_type *type = RN_BUILDER_AT(&b->types, struct rn_unit_type, i);
        if (type->fields != RN_NONE) {
            type->fields = take_names(b, &names, type->fields, type->field_count);
        }
    }
    if (names.error != RN_OK) {
        out_of_memory(b);
        rn_buf_done(&names);
        return;
    }
    rn_buf_done(&b->names);
    b->names = names;
}

void rn_builder_order(struct rn_builder *b)
{
    order_names(b);
    if (b->fault == RN_BUILDER_OK) {
        order_strings(b);
    }
}
