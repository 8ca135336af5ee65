/*
 * compiler_memory.c: rn-compiler-memory SCRIPT...: allocations fail while a script is compiled, outlined
 * or formatted.
 *
 * Each script, right or wrong, is worked on once as it is. Then allocations fail, one or all from some
 * point on, at many points that are drawn: it must be reported as that, or the result is what it was. No
 * block may stay behind, and no image or text comes of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "compiler/compile.h"
#include "compiler/files.h"
#include "compiler/format.h"
#include "compiler/outline.h"

#define POINTS 30 /* for each script and kind of work */

struct work {
    struct rn_compile_input input;
    struct rn_files files;
    struct rn_module_loader loader;
};

struct result {
    enum rn_error error;
    size_t size; /* of image or text */
    uint32_t diagnostics;
};

typedef struct result run_work(const struct work *work);

static uint32_t seed = 1;
static int problems;
static int failed; /* runs that ended with a report */

static uint64_t below(uint64_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return bound == 0 ? 0 : (uint64_t)(seed >> 4) % bound;
}

static struct result compile(const struct work *work)
{
    struct rn_compile_output output;
    struct result result = {.error = rn_compile(&work->input, &output)};
    result.size = output.image.size + output.debug.size;
    result.diagnostics = output.diagnostics.error_count;
    rn_compile_output_done(&output);
    return result;
}

static struct result outline(const struct work *work)
{
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(&text, 1u << 24);
    struct result result = {.error = rn_outline(&work->input, &diagnostics, &text)};
    result.size = result.error == RN_OK ? text.size : 0;
    result.diagnostics = diagnostics.error_count;
    return result;
}

static struct result format(const struct work *work)
{
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(&text, 1u << 24);
    struct rn_format_input input = {
        .name = work->input.name, .text = work->input.text, .size = work->input.size};
    struct result result = {.error = rn_format(&input, &diagnostics, &text)};
    result.size = result.error == RN_OK ? text.size : 0;
    result.diagnostics = diagnostics.error_count;
    return result;
}

static void complain(const struct work *work, const char *what, uint64_t point,
                     const struct result *result)
{
    printf("%s: %s at allocation %llu: %s, %zu bytes, %u diagnostics\n", work->input.name, what,
           (unsigned long long)point, rn_error_name(result->error), result->size,
           result->diagnostics);
    problems++;
}

static void fail_at(const struct work *work, run_work *run, const struct result *whole,
                    uint64_t point)
{
    uint64_t live = rn_alloc_live();
    bool persistent = below(2) == 0;
    rn_alloc_fail_at(point, persistent);
    struct result result = run(work);
    rn_alloc_fail_at(0, false);
    bool same = result.error == whole->error && result.size == whole->size &&
                result.diagnostics == whole->diagnostics;
    failed += result.error == RN_E_NO_MEMORY;
    if (result.error == RN_E_NO_MEMORY ? result.size != 0 : !same) {
        complain(work, "something else came of it", point, &result);
    }
    if (rn_alloc_live() != live) {
        complain(work, "blocks stay behind", point, &result);
    }
}

static void sweep(const struct work *work, run_work *run)
{
    uint64_t before = rn_alloc_count();
    struct result whole = run(work);
    uint64_t count = rn_alloc_count() - before;
    for (int i = 0; i < POINTS; i++) {
        fail_at(work, run, &whole, 1 + below(count));
    }
}

static void check_script(const char *path, const struct rn_context *context)
{
    struct work work = {.files = {.root = path}};
    RN_AUTO_FREE char *text = NULL;
    RN_CHECK(rn_files_read(path, &text, &work.input.size) == RN_OK);
    work.loader = rn_files_loader(&work.files);
    work.input.name = path;
    work.input.text = text;
    work.input.context = context;
    work.input.loader = &work.loader;
    work.input.script = strstr(text, "fn main") == NULL;
    sweep(&work, compile);
    sweep(&work, outline);
    sweep(&work, format);
}

int main(int count, char **arguments)
{
    struct rn_context *context;
    RN_CHECK(rn_context_new(&context) == RN_OK);
    for (int i = 1; i < count; i++) {
        check_script(arguments[i], context);
    }
    rn_context_free(context);
    printf("%d scripts, %d runs without memory, %d problems\n", count - 1, failed, problems);
    return problems == 0 && failed > count ? 0 : 1;
}
