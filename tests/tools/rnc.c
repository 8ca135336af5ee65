/*
 * rnc.c: compiles one source, prints diagnostics, and with --list what came out.
 *
 *      rnc [--list] [--script] [--standard] [--time] FILE
 *
 * Every image goes through the verifier. Modules are loaded from beside the file, as in the
 * language.
 */
#include "base/alloc.h"
#include "bytecode/disasm.h"
#include "bytecode/unit.h"
#include "bytecode/unit_debug.h"
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

static void list(const struct rune_verified_unit *unit, const struct rn_compile_output *output)
{
    struct rn_debug debug;
    bool lines = rn_debug_open(output->debug.data, output->debug.size, &debug, NULL) == RN_OK;
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_buf_init(&text, (size_t)1 << 30);
    if (rn_disasm_unit(unit, lines ? &debug : NULL, &text) == RN_OK) {
        fwrite(text.data, 1, text.size, stdout);
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
            list(&unit, output);
        }
        return 3;
    }
    if (options->list) {
        list(&unit, output);
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
    if (report.size > 0) {
        fwrite(report.data, 1, report.size, stderr);
    }
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
