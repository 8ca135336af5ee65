/*
 * rnc.c: compiles one source, prints diagnostics, and with --list what came out.
 *
 *      rnc [--list] [--script] [--standard] [--time] FILE
 *
 * Every image goes through the verifier. Modules are loaded from beside the file, as in the
 * language.
 */
#include "base/alloc.h"
#include "bytecode/opcode.h"
#include "bytecode/unit.h"
#include "compiler/compile.h"
#include "compiler/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    bool list;
    bool script;
    bool standard;
    bool time;
    const char *path;
};

static void print_text(const struct rune_verified_unit *unit, uint32_t index)
{
    struct rn_utf8 text = rn_unit_string_at(unit, index);
    printf("%.*s", (int)text.size, text.data);
}

static void print_inst(const struct rune_verified_unit *unit, uint32_t function, uint32_t pc)
{
    const struct rn_inst *inst = &unit->code[pc];
    const struct rn_opcode_info *info = &rn_opcodes[inst->op];
    uint32_t start = unit->functions[function].code_start;
    printf("  %5u  h%-3u %-16s %3u %3u %3u %d", pc - start, rn_unit_height_at(unit, function, pc),
           info->name, inst->a, inst->b, inst->c, (int)inst->imm);
    switch ((int)info->imm) {
    case RN_OPERAND_STR:
        printf("  \"");
        print_text(unit, inst->imm);
        printf("\"");
        break;
    case RN_OPERAND_FUNC:
        printf("  ");
        print_text(unit, unit->functions[inst->imm].name);
        break;
    case RN_OPERAND_IMPORT:
        printf("  ");
        print_text(unit, unit->imports[inst->imm].name);
        break;
    case RN_OPERAND_TYPE:
        printf("  ");
        print_text(unit, unit->types[inst->imm].name);
        break;
    case RN_OPERAND_GETSITE:
    case RN_OPERAND_SETSITE:
    case RN_OPERAND_CALLSITE:
        printf("  .");
        print_text(unit, unit->sites[inst->imm].name);
        break;
    default:
        break;
    }
    printf("\n");
}

static void list(const struct rune_verified_unit *unit)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_FUNCTIONS]; i++) {
        const struct rn_unit_function *function = &unit->functions[i];
        printf("fn %u ", i);
        print_text(unit, function->name);
        printf("  args %u captures %u registers %u kind %u flags %u\n", function->arg_count,
               function->capture_count, function->register_count, function->kind, function->flags);
        for (uint32_t pc = 0; pc < function->code_count; pc++) {
            print_inst(unit, i, function->code_start + pc);
        }
    }
}

static int verify_and_list(const struct rn_compile_output *output, const struct options *options)
{
    struct rune_unit_image image = {output->image.data, output->image.size};
    struct rune_verified_unit unit;
    struct rn_unit_fault fault;
    enum rn_error error = rn_unit_verify(image, options->standard, &unit, &fault);
    if (error != RN_OK) {
        fprintf(stderr, "refused: %s: %s (offset %zu, function %u, pc %u)\n", fault.check,
                fault.message, fault.offset, fault.function, fault.pc);
        if (rn_unit_adopt(image, &unit) == RN_OK && options->list) {
            list(&unit);
        }
        return 3;
    }
    if (options->list) {
        list(&unit);
    }
    return 0;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run(const struct options *options, const char *text, size_t size)
{
    struct rn_context *context;
    if (rn_context_new(&context) != RN_OK) {
        return 70;
    }
    struct rn_files files = {.root = options->path, .standard = options->standard};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = {
        .name = options->path,
        .text = text,
        .size = size,
        .context = context,
        .loader = &loader,
        .script = options->script,
        .standard = options->standard,
    };
    struct rn_compile_output output;
    double begin = seconds();
    enum rn_error error = rn_compile(&input, &output);
    double end = seconds();
    struct rn_buf report;
    rn_buf_init(&report, 1u << 20);
    struct rn_render_options render = {0};
    rn_diagnostics_render(&output.diagnostics, &render, &report);
    fwrite(report.data, 1, report.size, stderr);
    rn_buf_done(&report);
    int code = error == RN_OK ? verify_and_list(&output, options) : 1;
    if (error != RN_OK && error != RN_E_COMPILE_FAILED) {
        fprintf(stderr, "%s\n", rn_error_message(error));
    }
    if (options->time) {
        fprintf(stderr, "%.3f ms, image %zu bytes\n", (end - begin) * 1e3, output.image.size);
    }
    rn_compile_output_done(&output);
    rn_context_free(context);
    return code;
}

int main(int count, char **arguments)
{
    struct options options = {0};
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--list") == 0) {
            options.list = true;
        } else if (strcmp(arguments[i], "--script") == 0) {
            options.script = true;
        } else if (strcmp(arguments[i], "--standard") == 0) {
            options.standard = true;
        } else if (strcmp(arguments[i], "--time") == 0) {
            options.time = true;
        } else {
            options.path = arguments[i];
        }
    }
    char *text;
    size_t size;
    if (options.path == NULL || rn_files_read(options.path, &text, &size) != RN_OK) {
        fprintf(stderr, "usage: rnc [--list] [--script] [--standard] [--time] FILE\n");
        return 64;
    }
    int code = run(&options, text, size);
    rn_free(text);
    return code;
}
