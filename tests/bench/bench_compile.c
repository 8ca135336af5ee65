/*
 * bench_compile.c: text to image, without process or message around it.
 *
 * A script of some fifty lines, and generated ones up to 100,000 lines: lines per second should not
 * fall with size. Lua's `load` of a comparable text is measured by the caller, see run.
 */
#include "compiler/compile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One block is ten lines that use most of what ordinary scripts use. */
static const char block[] = "fn work%zu(items, limit) {\n"
                            "    let total = 0;\n"
                            "    for item in items {\n"
                            "        if item.price > limit {\n"
                            "            continue;\n"
                            "        }\n"
                            "        total += item.price * item.count;\n"
                            "    }\n"
                            "    `total ${total}`\n"
                            "}\n";

static char *generate(size_t lines, size_t *out_size)
{
    size_t blocks = lines / 10;
    size_t capacity = (blocks + 1) * (sizeof(block) + 24) + 64;
    char *text = malloc(capacity);
    size_t size = 0;
    for (size_t i = 0; i < blocks; i++) {
        size += (size_t)snprintf(text + size, capacity - size, "pub ");
        size += (size_t)snprintf(text + size, capacity - size, block, i);
    }
    *out_size = size;
    return text;
}

static double compile_s(const struct rn_context *context, const char *text, size_t size,
                        size_t *out_image)
{
    struct rn_compile_input input = {
        .name = "bench.rn", .text = text, .size = size, .context = context};
    struct rn_compile_output output;
    double start = now_s();
    if (rn_compile(&input, &output) != RN_OK) {
        fprintf(stderr, "bench: the generated source does not compile\n");
        exit(1);
    }
    double spent = now_s() - start;
    *out_image = output.image.size;
    rn_compile_output_done(&output);
    return spent;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    enum {
        ROUNDS = 21
    };
    struct rn_context *context = NULL;
    if (rn_context_new(&context) != RN_OK) {
        return 1;
    }
    printf("compile, text to image, median of %d\n", ROUNDS);
    printf("%10s%12s%14s%12s\n", "lines", "us", "lines/s", "image KiB");
    for (size_t lines = 50; lines <= 100000; lines = lines == 50 ? 1000 : lines * 10) {
        size_t size = 0;
        size_t image = 0;
        double samples[ROUNDS];
        char *text = generate(lines, &size);
        for (int i = 0; i < ROUNDS; i++) {
            samples[i] = compile_s(context, text, size, &image);
        }
        qsort(samples, ROUNDS, sizeof(*samples), compare);
        double median = samples[ROUNDS / 2];
        printf("%10zu%12.1f%14.0f%12.1f\n", lines, median * 1e6, (double)lines / median,
               (double)image / 1024.0);
        free(text);
    }
    rn_context_free(context);
    return 0;
}
