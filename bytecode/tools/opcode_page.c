/*
 * opcode_page.c: prints docs/opcodes.md.
 *
 *      rn_opcode_page OPCODES_DEF            prints the page
 *      rn_opcode_page OPCODES_DEF PAGE       1 unless PAGE is exactly that
 *
 * What an instruction is comes from the table that everything else uses; headings and order from
 * the comments and rows of opcodes.def.
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "bytecode/opcode.h"

#include <stdio.h>
#include <string.h>

enum {
    FILE_SIZE_MAX = 1 << 20,
    LINE_SIZE_MAX = 256,
};

static const char introduction[] =
    "# Instructions\n"
    "\n"
    "Made from `bytecode/opcodes.def` by `rn_opcode_page`; do not edit.\n"
    "\n"
    "An instruction is eight bytes: opcode, three operand bytes `a`, `b`, `c`, and a 32-bit word "
    "`imm`,\n"
    "little endian. `R[n]` is register n of the function's frame. What the operand kinds mean, how "
    "live\n"
    "heights and budgets work, stands at the head of the table.\n"
    "\n"
    "*Budget* is what the instruction adds to the cost of its block. Effects: **alloc** may "
    "collect,\n"
    "**call** may run other script functions before it completes, **raise** may raise an error,\n"
    "**charge** ends a block and pays for it, **end** never goes on to the next instruction, "
    "**suspend**\n"
    "may suspend the execution, **privileged** only in the standard Unit.\n";

static const char *const effect_names[] = {"alloc", "call",    "raise",     "charge",
                                           "end",   "suspend", "privileged"};

static void put_operands(struct rn_buf *out, const struct rn_opcode_info *info)
{
    const uint8_t kinds[] = {info->a, info->b, info->c, info->imm};
    static const char *const places[] = {"a", "b", "c", "imm"};
    const char *separator = "";
    for (size_t i = 0; i < RN_COUNT_OF(kinds); i++) {
        if (kinds[i] != RN_OPERAND__) {
            rn_buf_append_format(out, "%s%s %s", separator, places[i], rn_operand_names[kinds[i]]);
            separator = ", ";
        }
    }
}

static void put_effects(struct rn_buf *out, uint32_t effects)
{
    const char *separator = "";
    for (size_t i = 0; i < RN_COUNT_OF(effect_names); i++) {
        if ((effects >> i & 1) != 0) {
            rn_buf_append_format(out, "%s%s", separator, effect_names[i]);
            separator = ", ";
        }
    }
}

/* A bar would end the cell of the table. */
static void put_cell(struct rn_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        rn_buf_append_text(out, *text == '|' ? "\\" : "");
        rn_buf_append_u8(out, (uint8_t)*text);
    }
}

static void put_row(struct rn_buf *out, const struct rn_opcode_info *info)
{
    rn_buf_append_format(out, "| `%s` | ", info->name);
    put_operands(out, info);
    rn_buf_append_format(out, " | %u | ", info->budget);
    put_effects(out, info->effects);
    rn_buf_append_text(out, " | ");
    put_cell(out, info->meaning);
    rn_buf_append_text(out, " |\n");
}

static void put_heading(struct rn_buf *out, const char *text)
{
    rn_buf_append_format(out,
                         "\n## %s\n\n"
                         "| instruction | operands | budget | effects | meaning |\n"
                         "| --- | --- | --- | --- | --- |\n",
                         text);
}

static const struct rn_opcode_info *find_row(const char *line)
{
    for (size_t op = 0; op < RN_OP_COUNT; op++) {
        size_t size = strlen(rn_opcodes[op].name);
        if (strncmp(line, rn_opcodes[op].name, size) == 0 && line[size] == ',') {
            return &rn_opcodes[op];
        }
    }
    return NULL;
}

/* The page, or false if the table cannot be read. */
static bool put_page(struct rn_buf *out, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    rn_buf_append_text(out, introduction);
    char line[LINE_SIZE_MAX];
    size_t rows = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "// ", 3) == 0) {
            put_heading(out, line + 3);
        } else if (strncmp(line, "OP(", 3) == 0) {
            const struct rn_opcode_info *info = find_row(line + 3);
            if (info != NULL) {
                put_row(out, info);
                rows++;
            }
        }
    }
    fclose(file);
    return rows == RN_OP_COUNT && rn_buf_status(out) == RN_OK;
}

static bool file_equals(const char *path, const struct rn_buf *expected)
{
    static char text[FILE_SIZE_MAX];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(text, 1, sizeof(text), file);
    fclose(file);
    return size == expected->size && memcmp(text, expected->data, size) == 0;
}

int main(int argc, char **argv)
{
    RN_AUTO(rn_buf) rn_buf page;
    rn_buf_init(&page, FILE_SIZE_MAX);
    if (argc < 2 || !put_page(&page, argv[1])) {
        fprintf(stderr, "rn_opcode_page: cannot read the table of opcodes\n");
        return 1;
    }
    if (argc == 2) {
        return fwrite(page.data, 1, page.size, stdout) == page.size ? 0 : 1;
    }
    if (!file_equals(argv[2], &page)) {
        fprintf(stderr, "%s is not what the table says; make it again with target docs-opcodes\n",
                argv[2]);
        return 1;
    }
    return 0;
}
