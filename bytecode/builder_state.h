/*
 * builder_state.h: what the builder's files share. Nobody else includes it.
 *
 * builder.c holds tables and faults, builder_code.c bodies and instructions, builder_order.c the
 * order of texts and names, builder_finish.c the layout of image and debug segment.
 */
#ifndef RN_BYTECODE_BUILDER_STATE_H
#define RN_BYTECODE_BUILDER_STATE_H

#include "bytecode/builder.h"
#include "bytecode/intern.h"

/* A function as declared; runs are of the buffers, in order of emission. */
struct rn_builder_body {
    struct rn_unit_function function; /* code_start: in builder->code */
    uint32_t height_start;
    uint32_t height_count;
    uint32_t line_start;
    uint32_t line_count;
    bool begun;
    bool defined;
};

struct rn_builder_label {
    uint32_t height;
    uint32_t pc; /* RN_NONE: not placed */
    bool referenced;
};

/* An imm or a jump target that waits for its label. */
struct rn_builder_patch {
    uint32_t index; /* in code or targets */
    uint32_t label;
    bool target;
};

struct rn_builder_line {
    uint32_t pc; /* in builder->code */
    struct rn_builder_span span;
};

struct rn_builder_source {
    uint32_t name_size;
    uint32_t text_size;
};

struct rn_builder {
    bool standard;
    enum rn_builder_fault fault;
    char message[192];

    /* One buffer for each section that is filled as is. */
    struct rn_buf code;
    struct rn_buf heights;
    struct rn_buf constants;
    struct rn_buf constant_data;
    struct rn_buf strings;
    struct rn_buf string_data;
    struct rn_buf keys;
    struct rn_buf names;
    struct rn_buf types;
    struct rn_buf imports;
    struct rn_buf exports;
    struct rn_buf methods;
    struct rn_buf statics;
    struct rn_buf switches;
    struct rn_buf targets;
    struct rn_buf sites;
    struct rn_buf specs;
    struct rn_buf bodies;
    struct rn_buf lines;
    struct rn_buf sources;
    struct rn_buf source_text;

    struct rn_intern intern_strings;
    struct rn_intern intern_numbers;
    struct rn_intern intern_cbor;
    struct rn_intern intern_keys;
    struct rn_intern intern_imports;
    struct rn_intern intern_types;
    struct rn_intern intern_statics;
    struct rn_intern intern_specs;
    uint32_t main_function;

    /* The body being built. */
    uint32_t open; /* index, or RN_NONE */
    uint32_t height;
    uint32_t height_max;
    bool declare_height; /* the next instruction gets an entry */
    uint32_t undeclared; /* instructions since the last entry */
    bool reachable;
    uint32_t block_cost;
    struct rn_builder_span span;
    struct rn_builder_span last_span;
    struct rn_buf labels;
    struct rn_buf patches;
};

/* Keeps the first fault; printf. */
void rn_builder_fail(struct rn_builder *builder, enum rn_builder_fault fault, const char *format,
                     ...) RN_PRINTF(3, 4);
/* Appends an element; its index, or 0 after recording `limit` or lack of memory. */
uint32_t rn_builder_append(struct rn_builder *builder, struct rn_buf *buf, const void *element,
                           size_t size, enum rn_builder_fault limit);

/*
 * Brings texts and names into the order that the verifier asks for, and every reference to them
 * with it. Only the layout may follow.
 */
void rn_builder_order(struct rn_builder *builder);

/* Writes the image as the buffers have it, whatever it is worth. */
void rn_builder_layout(struct rn_builder *builder, struct rn_buf *image);

#define RN_BUILDER_COUNT(buf, type) ((uint32_t)((buf)->size / sizeof(type)))
#define RN_BUILDER_AT(buf, type, index) (&((type *)(void *)(buf)->data)[index])

#endif
