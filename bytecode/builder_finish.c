/*
 * builder_finish.c: from filled tables to the bytes of image and debug segment.
 *
 * Bodies were emitted in any order; here their code, heights and lines are laid out in the order of
 * the functions. What the Unit bisects is sorted, and two items of one hash are refused: nobody
 * could tell them apart any more.
 */
#include "base/alloc.h"
#include "base/math.h"
#include "base/sort.h"
#include "bytecode/builder_state.h"
#include "bytecode/unit.h"
#include "bytecode/unit_debug.h"

#include <string.h>

struct layout {
    struct rn_builder *builder;
    struct rn_buf *image;
    struct rn_unit_header header;
};

static uint32_t body_count(const struct rn_builder *b)
{
    return RN_BUILDER_COUNT(&b->bodies, struct rn_builder_body);
}

static const struct rn_builder_body *body_at(const struct rn_builder *b, uint32_t index)
{
    return RN_BUILDER_AT(&b->bodies, struct rn_builder_body, index);
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_exports(const void *a, const void *b)
{
    const struct rn_unit_export *x = a;
    const struct rn_unit_export *y = b;
    return compare_u64(x->hash, y->hash);
}

static int compare_methods(const void *a, const void *b)
{
    const struct rn_unit_method *x = a;
    const struct rn_unit_method *y = b;
    return x->type != y->type ? compare_u64(x->type, y->type)
                              : compare_u64(x->name_hash, y->name_hash);
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return compare_u64(*x, *y);
}

/* Sorts the `count` elements and refuses two equal ones. */
static void sort_strictly(struct rn_builder *b, struct rn_buf *elements, size_t size,
                          int (*compare)(const void *, const void *), const char *what)
{
    size_t count = elements->size / size;
    if (count < 2) {
        return;
    }
    rn_sort(elements->data, count, size, compare);
    for (size_t i = 1; i < count; i++) {
        if (compare(elements->data + (i - 1) * size, elements->data + i * size) == 0) {
            rn_builder_fail(b, RN_BUILDER_DUPLICATE_HASH, "two %s have one hash", what);
            return;
        }
    }
}

/* Refuses two equal hashes, each the first member of an element. */
static void check_hashes(struct rn_builder *b, const struct rn_buf *elements, size_t size,
                         const char *what)
{
    RN_AUTO(rn_buf) rn_buf hashes;
    rn_buf_init(&hashes, RN_IMAGE_SIZE_MAX);
    for (size_t i = 0; i < elements->size; i += size) {
        rn_buf_append(&hashes, elements->data + i, sizeof(uint64_t));
    }
    if (hashes.error != RN_OK) {
        rn_builder_fail(b, RN_BUILDER_MEMORY, "out of memory");
        return;
    }
    sort_strictly(b, &hashes, sizeof(uint64_t), compare_hashes, what);
}

static void check_items(struct rn_builder *b)
{
    sort_strictly(b, &b->exports, sizeof(struct rn_unit_export), compare_exports,
                  "exported functions");
    sort_strictly(b, &b->methods, sizeof(struct rn_unit_method), compare_methods,
                  "instance functions of a type");
    check_hashes(b, &b->types, sizeof(struct rn_unit_type), "types");
    check_hashes(b, &b->statics, sizeof(struct rn_unit_static), "static items");
    check_hashes(b, &b->imports, sizeof(struct rn_unit_import), "imported functions");
    if (b->open != RN_NONE) {
        rn_builder_fail(b, RN_BUILDER_RULE, "function %u has not been ended", b->open);
    }
    for (uint32_t i = 0; i < body_count(b); i++) {
        if (!body_at(b, i)->defined) {
            rn_builder_fail(b, RN_BUILDER_RULE, "function %u has no body", i);
        }
    }
}

/* --- Sections --- */

static void begin_section(struct layout *layout, enum rn_section section)
{
    rn_buf_pad(layout->image, 8);
    layout->header.sections[section].offset = (uint32_t)layout->image->size;
}

static void end_section(struct layout *layout, enum rn_section section)
{
    struct rn_unit_section *entry = &layout->header.sections[section];
    entry->count =
        (uint32_t)(layout->image->size - entry->offset) / rn_section_element_sizes[section];
}

static void put_code(struct layout *layout)
{
    const struct rn_builder *b = layout->builder;
    for (uint32_t i = 0; i < body_count(b); i++) {
        const struct rn_unit_function *function = &body_at(b, i)->function;
        if (function->code_count > 0) {
            rn_buf_append(layout->image,
                          RN_BUILDER_AT(&b->code, struct rn_inst, function->code_start),
                          function->code_count * sizeof(struct rn_inst));
        }
    }
}

static void put_functions(struct layout *layout)
{
    const struct rn_builder *b = layout->builder;
    uint32_t start = 0;
    for (uint32_t i = 0; i < body_count(b); i++) {
        struct rn_unit_function function = body_at(b, i)->function;
        function.code_start = start;
        start += function.code_count;
        rn_buf_append(layout->image, &function, sizeof(function));
    }
}

static void put_heights(struct layout *layout)
{
    const struct rn_builder *b = layout->builder;
    uint32_t start = 0;
    for (uint32_t i = 0; i < body_count(b); i++) {
        const struct rn_builder_body *body = body_at(b, i);
        for (uint32_t j = 0; j < body->height_count; j++) {
            struct rn_unit_height height =
                *RN_BUILDER_AT(&b->heights, struct rn_unit_height, body->height_start + j);
            height.pc = height.pc - body->function.code_start + start;
            rn_buf_append(layout->image, &height, sizeof(height));
        }
        start += body->function.code_count;
    }
}

/* The default of each switch stands behind its cases in the builder's targets. */
static void put_switches(struct layout *layout)
{
    const struct rn_builder *b = layout->builder;
    uint32_t count = RN_BUILDER_COUNT(&b->switches, struct rn_unit_switch);
    uint32_t start = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct rn_unit_switch table = *RN_BUILDER_AT(&b->switches, struct rn_unit_switch, i);
        table.default_target = *RN_BUILDER_AT(&b->targets, uint32_t, table.targets + table.count);
        table.targets = start;
        start += table.count;
        rn_buf_append(layout->image, &table, sizeof(table));
    }
}

static void put_targets(struct layout *layout)
{
    const struct rn_builder *b = layout->builder;
    uint32_t count = RN_BUILDER_COUNT(&b->switches, struct rn_unit_switch);
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_unit_switch *table = RN_BUILDER_AT(&b->switches, struct rn_unit_switch, i);
        if (table->count > 0) {
            rn_buf_append(layout->image, RN_BUILDER_AT(&b->targets, uint32_t, table->targets),
                          table->count * sizeof(uint32_t));
        }
    }
}

static void put_section(struct layout *layout, enum rn_section section)
{
    struct rn_builder *b = layout->builder;
    const struct rn_buf *plain[RN_SECTION_COUNT] = {
        [RN_SECTION_CONSTANTS] = &b->constants, [RN_SECTION_CONSTANT_DATA] = &b->constant_data,
        [RN_SECTION_STRINGS] = &b->strings,     [RN_SECTION_STRING_DATA] = &b->string_data,
        [RN_SECTION_KEYS] = &b->keys,           [RN_SECTION_NAMES] = &b->names,
        [RN_SECTION_TYPES] = &b->types,         [RN_SECTION_IMPORTS] = &b->imports,
        [RN_SECTION_EXPORTS] = &b->exports,     [RN_SECTION_METHODS] = &b->methods,
        [RN_SECTION_STATICS] = &b->statics,     [RN_SECTION_SITES] = &b->sites,
        [RN_SECTION_SPECS] = &b->specs,
    };
    begin_section(layout, section);
    if (plain[section] != NULL) {
        rn_buf_append(layout->image, plain[section]->data, plain[section]->size);
    } else if (section == RN_SECTION_CODE) {
        put_code(layout);
    } else if (section == RN_SECTION_FUNCTIONS) {
        put_functions(layout);
    } else if (section == RN_SECTION_HEIGHTS) {
        put_heights(layout);
    } else if (section == RN_SECTION_SWITCHES) {
        put_switches(layout);
    } else {
        RN_ASSERT(section == RN_SECTION_TARGETS);
        put_targets(layout);
    }
    end_section(layout, section);
}

void rn_builder_layout(struct rn_builder *b, struct rn_buf *image)
{
    struct layout layout = {
        .builder = b,
        .image = image,
        .header =
            {
                .magic = RN_UNIT_MAGIC,
                .version = RN_UNIT_VERSION,
                .header_size = sizeof(struct rn_unit_header),
                .flags = b->standard ? RN_UNIT_STANDARD : 0,
                .isa_digest = rn_isa_digest(),
                .section_count = RN_SECTION_COUNT,
                .main_function = b->main_function,
            },
    };
    rn_buf_append(image, &layout.header, sizeof(layout.header));
    for (uint32_t i = 0; i < RN_SECTION_COUNT; i++) {
        put_section(&layout, (enum rn_section)i);
    }
    rn_buf_pad(image, 8);
    if (image->error == RN_OK && image->size <= RN_IMAGE_SIZE_MAX) {
        layout.header.image_size = (uint32_t)image->size;
        memcpy(image->data, &layout.header, sizeof(layout.header));
    } else if (image->error == RN_E_NO_MEMORY) {
        rn_builder_fail(b, RN_BUILDER_MEMORY, "out of memory");
    } else {
        rn_builder_fail(b, RN_BUILDER_IMAGE, "the Unit is larger than %zu bytes",
                        rn_min_size(image->max, RN_IMAGE_SIZE_MAX));
    }
}

/* --- Debug segment --- */

static void put_line(struct rn_buf *out, uint32_t pc, struct rn_builder_span span)
{
    rn_buf_append_u32(out, pc);
    rn_buf_append_u32(out, span.source);
    rn_buf_append_u32(out, span.start);
    rn_buf_append_u32(out, span.end);
}

/* A body whose first instruction has no span must not inherit one from the function before it. */
static uint32_t put_body_lines(const struct rn_builder *b, const struct rn_builder_body *body,
                               uint32_t start, struct rn_buf *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < body->line_count; i++) {
        const struct rn_builder_line *line =
            RN_BUILDER_AT(&b->lines, struct rn_builder_line, body->line_start + i);
        uint32_t pc = line->pc - body->function.code_start + start;
        if (i == 0 && pc != start) {
            put_line(out, start, (struct rn_builder_span){.source = RN_NONE});
            count++;
        }
        put_line(out, pc, line->span);
        count++;
    }
    if (body->line_count == 0) {
        put_line(out, start, (struct rn_builder_span){.source = RN_NONE});
        count++;
    }
    return count;
}

static void put_debug(struct rn_builder *b, struct rn_buf *out)
{
    uint8_t content_id[32] = {0};
    rn_buf_append(out, RN_DEBUG_MAGIC, 8);
    rn_buf_append_u32(out, RN_DEBUG_VERSION);
    rn_buf_append(out, content_id, sizeof(content_id));
    uint32_t source_count = RN_BUILDER_COUNT(&b->sources, struct rn_builder_source);
    rn_buf_append_u32(out, source_count);
    size_t count_offset = out->size;
    rn_buf_append_u32(out, 0);
    for (uint32_t i = 0; i < source_count; i++) {
        const struct rn_builder_source *source =
            RN_BUILDER_AT(&b->sources, struct rn_builder_source, i);
        rn_buf_append_u32(out, source->name_size);
        rn_buf_append_u32(out, source->text_size);
    }
    uint32_t line_count = 0;
    uint32_t start = 0;
    for (uint32_t i = 0; i < body_count(b); i++) {
        line_count += put_body_lines(b, body_at(b, i), start, out);
        start += body_at(b, i)->function.code_count;
    }
    rn_buf_append(out, b->source_text.data, b->source_text.size);
    if (out->error == RN_OK) {
        memcpy(out->data + count_offset, &line_count, sizeof(line_count));
    } else {
        rn_builder_fail(b, out->error == RN_E_NO_MEMORY ? RN_BUILDER_MEMORY : RN_BUILDER_DEBUG,
                        "the debug segment does not fit");
    }
}

enum rn_error rn_builder_finish(struct rn_builder *b, struct rn_buf *out_image,
                                struct rn_buf *out_debug)
{
    if (b->fault == RN_BUILDER_OK) {
        check_items(b);
    }
    if (b->fault == RN_BUILDER_OK) {
        rn_builder_order(b);
    }
    if (b->fault == RN_BUILDER_OK) {
        rn_builder_layout(b, out_image);
    }
    if (b->fault == RN_BUILDER_OK && out_debug != NULL) {
        put_debug(b, out_debug);
    }
    if (b->fault == RN_BUILDER_OK) {
        return RN_OK;
    }
    if (b->fault == RN_BUILDER_MEMORY) {
        return RN_E_NO_MEMORY;
    }
    bool misuse = b->fault == RN_BUILDER_RULE || b->fault == RN_BUILDER_DUPLICATE_HASH;
    return misuse ? RN_E_INVALID_ARGUMENT : RN_E_TOO_LARGE;
}
