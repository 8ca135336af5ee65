/*
 * bench_compile.c: text to image, without process or message around it.
 *
 * A script of some fifty lines, and generated ones up to 100,000 lines: lines per second should not
 * fall with size, memory should grow in proportion. Each build has an arena of its own, as it has
 * behind the wall: what is not there beforehand is faulted in, which is part of what a build costs.
 * Time is the processor's, since nothing waits: neighbours do not count.
 */
#include "base/alloc.h"
#include "base/math.h"
#include "compiler/compile.h"
#include "policy/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ARENA_SIZE ((size_t)1 << 30)
#define HUGE_PAGE ((size_t)2 << 20)

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
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

/* Like a compiler's arena: see policy/process.h. */
static char *reserve_arena(void)
{
    char *range = mmap(NULL, ARENA_SIZE + HUGE_PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
        perror("bench: mmap");
        exit(1);
    }
    size_t small = RN_ARENA_SMALL_COMPILER;
    char *arena = (char *)rn_align_up((uintptr_t)range + small, HUGE_PAGE) - small;
    madvise(arena, small, MADV_NOHUGEPAGE);
    madvise(arena + small, ARENA_SIZE - small, MADV_HUGEPAGE);
    return arena;
}

static double resident_mib(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1) {
        pages = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return (double)pages / 256.0;
}

struct sample {
    double seconds;
    double mib;
    size_t image_size;
};

static struct sample compile(const struct rn_context *context, char *arena, const char *text,
                             size_t size)
{
    madvise(arena, ARENA_SIZE, MADV_DONTNEED);
    for (size_t at = 0; at < RN_ARENA_READY_COMPILER; at += 4096) {
        ((volatile char *)arena)[at] = 0;
    }
    rn_alloc_set_region(arena, ARENA_SIZE);
    double before = resident_mib();
    struct rn_compile_input input = {
        .name = "bench.rn", .text = text, .size = size, .context = context};
    struct rn_compile_output output;
    double start = now_s();
    if (rn_compile(&input, &output) != RN_OK) {
        fprintf(stderr, "bench: the generated source does not compile\n");
        exit(1);
    }
    return (struct sample){.seconds = now_s() - start,
                           .mib = resident_mib() - before,
                           .image_size = output.image.size};
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
    char *arena = reserve_arena();
    printf("compile, text to image, processor time, median of %d\n", ROUNDS);
    printf("%10s%12s%14s%12s%12s\n", "lines", "us", "lines/s", "image KiB", "MiB");
    for (size_t lines = 50; lines <= 100000; lines = lines == 50 ? 1000 : lines * 10) {
        size_t size = 0;
        struct sample last = {0};
        double samples[ROUNDS];
        char *text = generate(lines, &size);
        for (int i = 0; i < ROUNDS; i++) {
            last = compile(context, arena, text, size);
            samples[i] = last.seconds;
        }
        qsort(samples, ROUNDS, sizeof(*samples), compare);
        double median = samples[ROUNDS / 2];
        printf("%10zu%12.1f%14.0f%12.1f%12.1f\n", lines, median * 1e6, (double)lines / median,
               (double)last.image_size / 1024.0, last.mib);
        free(text);
    }
    return 0;
}
