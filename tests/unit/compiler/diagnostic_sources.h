/*
 * diagnostic_sources.h: the sources whose diagnostic no short example shows.
 *
 * Limits need sources of up to some megabytes, which a function writes. What a page's example shows
 * (docs/diagnostics.md) has no row here.
 */
#ifndef RN_TESTS_DIAGNOSTIC_SOURCES_H
#define RN_TESTS_DIAGNOSTIC_SOURCES_H

#include "base/buf.h"
#include "bytecode/diagnostic.h"

struct written_source {
    enum rn_diagnostic_code code;
    void (*write)(struct rn_buf *out);
    uint32_t line; /* of the primary span, from 1 */
    uint32_t column;
    size_t memory_max; /* of the build; 0: as always */
};

static void repeat(struct rn_buf *out, const char *text, unsigned count)
{
    size_t size = strlen(text);
    for (unsigned i = 0; i < count; i++) {
        rn_buf_append(out, text, size);
    }
}

/* `before` and `after` with numbers between them. */
static void number(struct rn_buf *out, const char *before, const char *after, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        rn_buf_append_format(out, "%s%x%s", before, i, after);
    }
}

/* Lines of `length` times `text`, each as an expression statement on `a`, in functions of 100. */
static void chains(struct rn_buf *out, const char *text, unsigned length, unsigned count)
{
    for (unsigned done = 0; done < count; done += length) {
        if (done / length % 100 == 0) {
            rn_buf_append_format(out, "%spub fn f%u(a) {\n", done == 0 ? "" : "}\n", done / length);
        }
        rn_buf_append_text(out, "a");
        repeat(out, text, length);
        rn_buf_append_text(out, ";\n");
    }
    rn_buf_append_text(out, "}\n");
}

static void write_bytes(struct rn_buf *out)
{
    rn_buf_append_text(out, "let a = 1;\nlet b = \"\xff\";\n");
}

static void write_macros(struct rn_buf *out)
{
    rn_buf_append_text(out, "pub fn f(a) {\n");
    repeat(out, "format!(\"{}\", ", 64);
    rn_buf_append_text(out, "\nformat!(\"{}\", a)");
    repeat(out, ")", 64);
    rn_buf_append_text(out, "\n}\n");
}

static void write_imports(struct rn_buf *out)
{
    rn_buf_append_text(out, "pub fn main() {\n    m0::f()\n}\n");
    for (unsigned i = 0; i < 300; i++) {
        rn_buf_append_format(out, "mod m%u { pub use super::m%u::f; }\n", i, i + 1);
    }
    rn_buf_append_text(out, "mod m300 {\npub fn f() {}\n}\n");
}

static void write_host_static(struct rn_buf *out)
{
    rn_buf_append_text(out, "pub fn f() {}\nstatic limit = 1;\n");
}

static void write_large_source(struct rn_buf *out)
{
    repeat(out, "// 16 bytes each\n", RN_SOURCE_SIZE_MAX / 16);
}

static void write_sources(struct rn_buf *out)
{
    number(out, "mod m", ";\n", RN_SOURCES_MAX);
}

static void write_nesting(struct rn_buf *out)
{
    rn_buf_append_text(out, "pub fn f() {\n");
    repeat(out, "(", 300);
    repeat(out, ")", 300);
    rn_buf_append_text(out, "\n}\n");
}

static void write_registers(struct rn_buf *out)
{
    rn_buf_append_text(out, "pub fn g(a, b, c) {}\npub fn f() {\n    ");
    repeat(out, "g(1, 2, ", 160);
    repeat(out, ")", 160);
    rn_buf_append_text(out, "\n}\n");
}

static void write_arguments(struct rn_buf *out)
{
    rn_buf_append_text(out, "pub fn f(\n");
    number(out, "a", ",\n", 201);
    rn_buf_append_text(out, ") {}\n");
}

static void write_captures(struct rn_buf *out)
{
    rn_buf_append_text(out, "pub fn f() {\n");
    number(out, "let a", " = 1;\n", 201);
    rn_buf_append_text(out, "|| {\n");
    number(out, "a", ";\n", 201);
    rn_buf_append_text(out, "}\n}\n");
}

/* Each `&&` takes three instructions. */
static void write_instructions(struct rn_buf *out)
{
    chains(out, "&&a", 100, 1450000);
}

static void write_types(struct rn_buf *out)
{
    number(out, "struct A", ";\n", (1u << 16) + 1);
}

static void write_statics(struct rn_buf *out)
{
    number(out, "static A", ";\n", (1u << 16) + 1);
}

/* Names of fields are texts, too. */
static void write_strings(struct rn_buf *out)
{
    for (unsigned i = 0; i < 17; i++) {
        rn_buf_append_format(out, "struct A%u {\n", i);
        for (unsigned field = 0; field < UINT16_MAX; field++) {
            rn_buf_append_format(out, "b%x,\n", i << 16 | field);
        }
        rn_buf_append_text(out, "}\n");
    }
}

/* A constant of 32 MiB: texts are not data, but part of the image. */
static void long_text(struct rn_buf *out, char name)
{
    rn_buf_append_format(out,
                         "const %c = {\nlet a = \"0123456789abcde%c\";\nlet n = 0;\n"
                         "while n < 21 {\na = a + a;\nn += 1;\n}\na\n};\n",
                         name, name);
    rn_buf_append_format(out, "pub fn f%c() {\n    %c\n}\n", name, name);
}

static void write_image(struct rn_buf *out)
{
    long_text(out, 'A');
    long_text(out, 'B');
}

static void write_constants(struct rn_buf *out)
{
    rn_buf_append_text(out, "const A = {\nlet a = [1, 2, 3];\nlet n = 0;\n"
                            "while n < 19 {\na = [a, a];\nn += 1;\n}\na\n};\n"
                            "pub fn f() {\n    A\n}\n");
}

static void write_items(struct rn_buf *out)
{
    rn_buf_append_text(out, "enum E {\n");
    repeat(out, "a,\n", 1u << 20);
    rn_buf_append_text(out, "}\n");
}

static void write_sites(struct rn_buf *out)
{
    chains(out, ".b", 900, (1u << 20) + 1000);
}

static void write_fields(struct rn_buf *out)
{
    rn_buf_append_text(out, "struct A;\nstruct B(\n");
    repeat(out, "a,", UINT16_MAX + 1);
    rn_buf_append_text(out, ");\n");
}

static void write_variants(struct rn_buf *out)
{
    rn_buf_append_text(out, "struct A;\nenum E {\n");
    number(out, "A", ",\n", UINT16_MAX + 1);
    rn_buf_append_text(out, "}\n");
}

static const struct written_source written_sources[] = {
    {RN_DIAGNOSTIC_INVALID_UTF8, write_bytes, 2, 10, 0},
    {RN_DIAGNOSTIC_MACRO_RECURSION, write_macros, 3, 1, 0},
    {RN_DIAGNOSTIC_IMPORT_RECURSION, write_imports, 2, 5, 0},
    {RN_DIAGNOSTIC_STATIC_CONFLICT, write_host_static, 2, 1, 0},
    {RN_DIAGNOSTIC_SOURCE_TOO_LARGE, write_large_source, 1, 1, 0},
    {RN_DIAGNOSTIC_TOO_MANY_SOURCES, write_sources, RN_SOURCES_MAX, 1, 0},
    {RN_DIAGNOSTIC_NESTING, write_nesting, 2, 256, 0},
    {RN_DIAGNOSTIC_TOO_MANY_REGISTERS, write_registers, 2, 1, 0},
    {RN_DIAGNOSTIC_TOO_MANY_ARGUMENTS, write_arguments, 202, 1, 0},
    {RN_DIAGNOSTIC_TOO_MANY_CAPTURES, write_captures, 203, 1, 0},
    {RN_DIAGNOSTIC_TOO_MANY_INSTRUCTIONS, write_instructions, 1, 1, (size_t)1 << 30},
    {RN_DIAGNOSTIC_TOO_MANY_TYPES, write_types, 1, 1, 0},
    {RN_DIAGNOSTIC_TOO_MANY_STATICS, write_statics, 1, 1, 0},
    {RN_DIAGNOSTIC_TOO_MANY_STRINGS, write_strings, 1, 1, 0},
    {RN_DIAGNOSTIC_CONSTANT_DATA_SIZE, write_constants, 11, 5, 0},
    {RN_DIAGNOSTIC_IMAGE_SIZE, write_image, 1, 1, 0},
    {RN_DIAGNOSTIC_MEMORY, write_types, 0, 0, (size_t)1 << 20},
    {RN_DIAGNOSTIC_TOO_MANY_ITEMS, write_items, (1u << 20) - 1, 1, 0},
    {RN_DIAGNOSTIC_TOO_MANY_SITES, write_sites, 1, 1, 0},
    {RN_DIAGNOSTIC_TOO_MANY_FIELDS, write_fields, 2, 8, 0},
    {RN_DIAGNOSTIC_TOO_MANY_VARIANTS, write_variants, 2, 6, 0},
};

#endif
