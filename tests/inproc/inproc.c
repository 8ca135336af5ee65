/*
 * inproc.c: rn-inproc [options] [run] FILE: compile, verify and run a script in this process.
 *
 * Runs `main` if the file has one, else the file as a script body. Exit codes are the command's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "compiler/compile.h"
#include "compiler/files.h"
#include "tests/inproc/run_unit.h"

static void print_diagnostics(const struct rn_diagnostics *list)
{
    RN_AUTO(rn_buf) struct rn_buf report;
    rn_buf_init(&report, 1u << 24);
    struct rn_render_options options = {0};
    rn_diagnostics_render(list, &options, &report);
    if (report.size > 0) {
        fwrite(report.data, 1, report.size, stderr);
    }
}

static int run_image(const struct rn_compile_output *output, bool *out_has_main,
                     const struct run_options *options)
{
    struct rune_verified_unit unit;
    struct rn_unit_fault fault;
    struct rune_unit_image image = {output->image.data, output->image.size};
    if (rn_unit_verify(image, false, &unit, &fault) != RN_OK) {
        fprintf(stderr, "error: %s: %s (function %u, pc %u)\n", fault.check, fault.message,
                fault.function, fault.pc);
        return 70;
    }
    uint64_t item = rn_hash_item("main", 4);
    bool script = unit.header->main_function != RN_NONE;
    *out_has_main = rn_unit_find_export(&unit, item) != RN_NONE;
    if (!script && !*out_has_main) {
        return 0;
    }
    struct rn_debug debug;
    if (rn_debug_open(output->debug.data, output->debug.size, &debug, NULL) != RN_OK) {
        fprintf(stderr, "error: debug information cannot be read\n");
        return 70;
    }
    return run_unit(&unit, &debug, script ? 0 : item, options);
}

/* *out_retry: not a module with `main`; to be compiled as a script body. */
static int compile_and_run(struct rn_compile_input *input, const struct run_options *options,
                           bool *out_retry)
{
    struct rn_compile_output output;
    enum rn_error error = rn_compile(input, &output);
    int code = 1;
    bool has_main = true;
    if (error == RN_OK) {
        code = run_image(&output, &has_main, options);
        *out_retry = !input->script && !has_main;
    } else {
        print_diagnostics(&output.diagnostics);
        *out_retry = false;
    }
    rn_compile_output_done(&output);
    return code;
}

static int run_file(const char *path, bool script, const struct run_options *options)
{
    struct rn_files files = {.root = path};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = {.name = path, .loader = &loader, .script = script};
    struct rn_context *context;
    char *text;
    if (rn_context_new(&context) != RN_OK || rn_files_read(path, &text, &input.size) != RN_OK) {
        fprintf(stderr, "error: cannot read %s\n", path);
        return 66;
    }
    input.text = text;
    input.context = context;
    bool retry = false;
    int code = compile_and_run(&input, options, &retry);
    if (retry) {
        input.script = true;
        code = compile_and_run(&input, options, &retry);
    }
    rn_free(text);
    rn_context_free(context);
    return code;
}

static uint64_t number(const char *text)
{
    return text == NULL ? 0 : strtoull(text, NULL, 0);
}

int main(int count, char **arguments)
{
    struct run_options options = {.region_size = (size_t)4 << 30, .slice = 1000000, .seed = 1};
    bool script = false;
    int i = 1;
    for (; i < count && arguments[i][0] == '-'; i++) {
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(arguments[i], "--script") == 0) {
            script = true;
        } else if (strcmp(arguments[i], "--stats") == 0) {
            options.stats = true;
        } else if (strcmp(arguments[i], "--budget") == 0) {
            options.limits.budget = number(value);
            i++;
        } else if (strcmp(arguments[i], "--memory") == 0) {
            options.limits.memory = number(value);
            i++;
        } else if (strcmp(arguments[i], "--output") == 0) {
            options.limits.output = number(value);
            i++;
        } else if (strcmp(arguments[i], "--depth") == 0) {
            options.limits.depth = number(value);
            i++;
        } else if (strcmp(arguments[i], "--seed") == 0) {
            options.seed = number(value);
            i++;
        } else if (strcmp(arguments[i], "--clock") == 0) {
            options.clock_ns = number(value);
            i++;
        } else if (strcmp(arguments[i], "--slice") == 0) {
            options.slice = number(value);
            i++;
        }
    }
    if (i < count && strcmp(arguments[i], "run") == 0) {
        i++;
    }
    if (i >= count) {
        fprintf(stderr, "usage: rn-inproc [--script] [--budget N] [--memory N] [--output N] "
                        "[--depth N] [--seed N] [--clock NS] [--slice N] [--stats] [run] FILE\n");
        return 64;
    }
    return run_file(arguments[i], script, &options);
}
