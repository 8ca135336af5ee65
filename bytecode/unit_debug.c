/*
 * unit_debug.c: reading the debug segment.
 *
 * Trust: reads bytes from a compiler that may have been taken over, and from files.
 */
#include "bytecode/unit_debug.h"

#include "base/cursor.h"

#include <string.h>

enum {
    SOURCE_SIZE = 8,
    LINE_SIZE = 16,
    ID_OFFSET = 12,
    ID_SIZE = 32,
};

static uint32_t load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* The fields of source `index`: 0 the size of its name, 1 that of its text. */
static uint32_t source_field(const struct rn_debug *debug, uint32_t index, uint32_t field)
{
    return load_u32(debug->sources + (size_t)index * SOURCE_SIZE + (size_t)field * 4);
}

/* The fields of line `index`: 0 pc, 1 source, 2 start, 3 end. */
static uint32_t line_field(const struct rn_debug *debug, uint32_t index, uint32_t field)
{
    return load_u32(debug->lines + (size_t)index * LINE_SIZE + (size_t)field * 4);
}

static void read_header(struct rn_cursor *cursor, struct rn_debug *debug)
{
    const uint8_t *magic = rn_cursor_bytes(cursor, 8);
    if (magic == NULL || memcmp(magic, RN_DEBUG_MAGIC, 8) != 0 ||
        rn_cursor_u32(cursor) != RN_DEBUG_VERSION) {
        rn_cursor_fail(cursor, RN_E_UNIT_DEBUG);
        return;
    }
    debug->content_id = rn_cursor_bytes(cursor, ID_SIZE);
    debug->source_count = rn_cursor_u32(cursor);
    debug->line_count = rn_cursor_u32(cursor);
    if (debug->source_count > RN_DEBUG_SOURCES_MAX) {
        rn_cursor_fail(cursor, RN_E_UNIT_DEBUG);
    }
    debug->sources = rn_cursor_bytes(cursor, (size_t)debug->source_count * SOURCE_SIZE);
    debug->lines = rn_cursor_bytes(cursor, (size_t)debug->line_count * LINE_SIZE);
}

static void check_sources(struct rn_cursor *cursor, struct rn_debug *debug)
{
    debug->text_size = rn_cursor_left(cursor);
    size_t offset = cursor->offset;
    for (uint32_t i = 0; i < debug->source_count; i++) {
        for (uint32_t field = 0; field < 2; field++) {
            size_t size = source_field(debug, i, field);
            const uint8_t *text = rn_cursor_bytes(cursor, size);
            size_t bad = 0;
            if (text != NULL && !rn_utf8_valid(text, size, &bad)) {
                cursor->offset = cursor->offset - size + bad;
                rn_cursor_fail(cursor, RN_E_UNIT_DEBUG);
                return;
            }
        }
    }
    debug->text = (const char *)cursor->data + offset;
    if (rn_cursor_left(cursor) != 0) {
        rn_cursor_fail(cursor, RN_E_UNIT_DEBUG);
    }
}

static bool line_is_valid(const struct rn_debug *debug, uint32_t index)
{
    uint32_t source = line_field(debug, index, 1);
    uint32_t start = line_field(debug, index, 2);
    uint32_t end = line_field(debug, index, 3);
    if (index > 0 && line_field(debug, index - 1, 0) >= line_field(debug, index, 0)) {
        return false;
    }
    if (source == RN_NONE) {
        return true;
    }
    return source < debug->source_count && start <= end && end <= source_field(debug, source, 1);
}

static void check_lines(struct rn_cursor *cursor, const struct rn_debug *debug)
{
    for (uint32_t i = 0; i < debug->line_count && cursor->error == RN_OK; i++) {
        if (!line_is_valid(debug, i)) {
            cursor->offset = (size_t)(debug->lines - cursor->data) + (size_t)i * LINE_SIZE;
            rn_cursor_fail(cursor, RN_E_UNIT_DEBUG);
        }
    }
}

enum rn_error rn_debug_open(const void *bytes, size_t size, struct rn_debug *out_debug,
                            size_t *out_offset)
{
    struct rn_debug debug = {0};
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, bytes, size);
    if (size > RN_DEBUG_SIZE_MAX) {
        rn_cursor_fail(&cursor, RN_E_UNIT_DEBUG);
    }
    read_header(&cursor, &debug);
    if (cursor.error == RN_OK) {
        check_sources(&cursor, &debug);
    }
    if (cursor.error == RN_OK) {
        check_lines(&cursor, &debug);
    }
    if (rn_cursor_status(&cursor) != RN_OK) {
        if (out_offset != NULL) {
            *out_offset = cursor.error_offset;
        }
        return RN_E_UNIT_DEBUG;
    }
    *out_debug = debug;
    return RN_OK;
}

enum rn_error rn_debug_bind(void *bytes, size_t size, const uint8_t content_id[32])
{
    if (size < ID_OFFSET + ID_SIZE || memcmp(bytes, RN_DEBUG_MAGIC, 8) != 0) {
        return RN_E_UNIT_DEBUG;
    }
    memcpy((uint8_t *)bytes + ID_OFFSET, content_id, ID_SIZE);
    return RN_OK;
}

bool rn_debug_belongs(const struct rn_debug *debug, const uint8_t content_id[32])
{
    return memcmp(debug->content_id, content_id, ID_SIZE) == 0;
}

struct rn_debug_source rn_debug_source_at(const struct rn_debug *debug, uint32_t index,
                                          const char *at)
{
    size_t name_size = source_field(debug, index, 0);
    return (struct rn_debug_source){
        .name = {at, name_size},
        .text = {at + name_size, source_field(debug, index, 1)},
    };
}

struct rn_debug_source rn_debug_source(const struct rn_debug *debug, uint32_t index)
{
    RN_ASSERT(index < debug->source_count);
    const char *text = debug->text;
    for (uint32_t i = 0; i < index; i++) {
        text += source_field(debug, i, 0);
        text += source_field(debug, i, 1);
    }
    return rn_debug_source_at(debug, index, text);
}

struct rn_debug_span rn_debug_find(const struct rn_debug *debug, uint32_t pc)
{
    uint32_t low = 0;
    uint32_t high = debug->line_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (line_field(debug, middle, 0) <= pc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return (struct rn_debug_span){.source = RN_NONE};
    }
    return (struct rn_debug_span){
        .source = line_field(debug, low - 1, 1),
        .start = line_field(debug, low - 1, 2),
        .end = line_field(debug, low - 1, 3),
    };
}
