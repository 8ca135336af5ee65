/*
 * stdc.c: the build's compiler of the standard Unit: rn_stdc ROOT.rn OUT.rnu
 *
 * The image is verified and written without its debug segment: what the library does has no lines
 * of its own in a script's backtrace.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "bytecode/unit.h"
#include "compiler/compile.h"
#include "compiler/files.h"

static int write_image(const struct rn_compile_output *output, const char *path)
{
    struct rune_verified_unit unit;
    struct rn_unit_fault fault;
    struct rune_unit_image image = {output->image.data, output->image.size};
    if (rn_unit_verify(image, true, &unit, &fault) != RN_OK) {
        fprintf(stderr, "%s: %s (function %u, pc %u)\n", fault.check, fault.message, fault.function,
                fault.pc);
        return 1;
    }
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t written = fwrite(output->image.data, 1, output->image.size, file);
    bool ok = fclose(file) == 0 && written == output->image.size;
    return ok ? 0 : 1;
}

static int compile(struct rn_compile_input *input, const char *path)
{
    struct rn_compile_output output;
    enum rn_error error = rn_compile(input, &output);
    RN_AUTO(rn_buf) struct rn_buf report;
    rn_buf_init(&report, 1u << 20);
    struct rn_render_options options = {0};
    rn_diagnostics_render(&output.diagnostics, &options, &report);
    if (report.size > 0) {
        if (report.size > 0) {
            fwrite(report.data, 1, report.size, stderr);
        }
    }
    int code = error == RN_OK ? write_image(&output, path) : 1;
    rn_compile_output_done(&output);
    return code;
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: rn_stdc ROOT.rn OUT.rnu\n");
        return 64;
    }
    struct rn_files files = {.root = arguments[1], .standard = true};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = {.name = arguments[1], .loader = &loader, .standard = true};
    struct rn_context *context;
    char *text;
    if (rn_context_new(&context) != RN_OK ||
        rn_files_read(arguments[1], &text, &input.size) != RN_OK) {
        fprintf(stderr, "rn_stdc: cannot read %s\n", arguments[1]);
        return 66;
    }
    input.text = text;
    input.context = context;
    int code = compile(&input, arguments[2]);
    rn_free(text);
    rn_context_free(context);
    return code;
}
