/*
 * unit_debug.h: the debug segment of a Unit: its sources, and which of their bytes an instruction
 * is from.
 *
 *      +---------------------------+ 0
 *      | magic, version            | 12 bytes
 *      | content id of the image   | 32
 *      | source count, line count  | 4 + 4
 *      +---------------------------+
 *      | sources: name size, text size            8 bytes each
 *      | lines: pc, source, start, end           16 bytes each, ascending by pc
 *      | names and texts, one after another
 *      +---------------------------+ exact end
 *
 * Little endian, unaligned. A line holds from its pc up to the next line's; source RN_NONE says
 * that the instructions there come from no text. Workers never see it: they report (function, pc).
 *
 * Trust: reads bytes from a compiler that may have been taken over, and from files. A segment that
 * opens can be read without further checks; what it says may still be false.
 */
#ifndef RN_BYTECODE_UNIT_DEBUG_H
#define RN_BYTECODE_UNIT_DEBUG_H

#include "base/buf.h"
#include "base/utf8.h"
#include "bytecode/unit_layout.h"

#define RN_DEBUG_MAGIC "\x7fRND\r\n\x1a\n"
#define RN_DEBUG_VERSION 1u
#define RN_DEBUG_SIZE_MAX (256u << 20)
#define RN_DEBUG_SOURCES_MAX 65536u

/* Open: pointers into the bytes, which must outlive it and stay unchanged. */
struct rn_debug {
    const uint8_t *content_id; /* 32 bytes */
    const uint8_t *sources;
    const uint8_t *lines;
    const char *text;
    size_t text_size;
    uint32_t source_count;
    uint32_t line_count;
};

struct rn_debug_source {
    struct rn_utf8 name;
    struct rn_utf8 text;
};

struct rn_debug_span {
    uint32_t source; /* index, or RN_NONE */
    uint32_t start;  /* bytes into its text, on character boundaries or not */
    uint32_t end;    /* start <= end <= size of the text */
};

/* RN_E_UNIT_DEBUG if anything is wrong with it; *out_offset (may be NULL) says where. Any thread.
 */
enum rn_error rn_debug_open(const void *bytes, size_t size, struct rn_debug *out_debug,
                            size_t *out_offset) RN_MUST_CHECK;

/* Writes the content id of the image into a debug segment just built. */
enum rn_error rn_debug_bind(void *bytes, size_t size, const uint8_t content_id[32]) RN_MUST_CHECK;
/* Whether it belongs to the image with that id. */
bool rn_debug_belongs(const struct rn_debug *debug, const uint8_t content_id[32]);

/* `index` < source_count. Linear in it. */
struct rn_debug_source rn_debug_source(const struct rn_debug *debug, uint32_t index);
/* The same for a source that begins at `at`, where the one before it ends; the first at debug->text. */
struct rn_debug_source rn_debug_source_at(const struct rn_debug *debug, uint32_t index,
                                          const char *at);
/* Where the instruction at `pc` (into CODE) comes from; source RN_NONE if that is not known. */
struct rn_debug_span rn_debug_find(const struct rn_debug *debug, uint32_t pc);

#endif
