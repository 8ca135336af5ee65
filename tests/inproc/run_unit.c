/* run_unit.c: the embedder's side of vm.h, as small as it gets. */
#include "tests/inproc/run_unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "worker/std/library.h"

enum exit_code {
    EXIT_SCRIPT_ERROR = 2,
    EXIT_OVERLOADED = 75,
    EXIT_INTERNAL = 70,
    EXIT_DEPTH = 118,
    EXIT_HOST_CALLS = 119,
    EXIT_BUDGET = 120,
    EXIT_MEMORY = 121,
    EXIT_OUTPUT = 122,
};

static void print_output(struct rn_vm *vm)
{
    struct rn_vm_output output = rn_vm_output(vm);
    size_t at = 0;
    while (at + 5 <= output.size) {
        uint32_t size;
        memcpy(&size, output.data + at + 1, sizeof(size));
        fwrite(output.data + at + 5, 1, size, output.data[at] == 0 ? stdout : stderr);
        at += 5 + size;
    }
    rn_vm_output_taken(vm);
    fflush(stdout);
}

/* Line and column, counted from 1, of a byte of a text. */
static void print_place(const struct rn_debug *debug, uint32_t pc)
{
    struct rn_debug_span span = rn_debug_find(debug, pc);
    if (span.source == RN_NONE) {
        return;
    }
    struct rn_debug_source source = rn_debug_source(debug, span.source);
    unsigned line = 1;
    unsigned column = 1;
    for (uint32_t i = 0; i < span.start && i < source.text.size; i++) {
        bool newline = source.text.data[i] == '\n';
        line += newline;
        column = newline ? 1 : column + (((unsigned char)source.text.data[i] & 0xc0) != 0x80);
    }
    fprintf(stderr, " at %.*s:%u:%u", (int)source.name.size, source.name.data, line, column);
}

static void print_error(const struct rn_vm *vm, const struct rune_verified_unit *unit,
                        const struct rn_debug *debug)
{
    const struct rn_vm_error_report *report = rn_vm_error(vm);
    fprintf(stderr, "error: %.*s\n", (int)report->message_size, report->message);
    for (uint32_t i = 0; i < report->frame_count; i++) {
        const struct rn_vm_frame *frame = &report->frames[i];
        if (frame->standard) {
            fprintf(stderr, "  in the library (function %u, pc %u)\n", frame->function, frame->pc);
            continue;
        }
        struct rn_utf8 name = rn_unit_string_at(unit, unit->functions[frame->function].name);
        fprintf(stderr, "  in %.*s", (int)name.size, name.data);
        print_place(debug, frame->pc);
        fprintf(stderr, "\n");
    }
}

static int limit_code(enum rn_limit limit)
{
    static const struct {
        int code;
        const char *name;
    } limits[] = {
        [RN_LIMIT_NONE] = {EXIT_INTERNAL, "none"},
        [RN_LIMIT_BUDGET] = {EXIT_BUDGET, "budget"},
        [RN_LIMIT_MEMORY] = {EXIT_MEMORY, "memory"},
        [RN_LIMIT_OUTPUT] = {EXIT_OUTPUT, "output"},
        [RN_LIMIT_HOST_CALLS] = {EXIT_HOST_CALLS, "host calls"},
        [RN_LIMIT_DEPTH] = {EXIT_DEPTH, "depth"},
        [RN_LIMIT_REGION] = {EXIT_OVERLOADED, "memory of the process"},
    };
    fprintf(stderr, "error: limit reached: %s\n", limits[limit].name);
    return limits[limit].code;
}

static enum rn_event drive(struct rn_vm *vm, uint64_t slice, uint64_t now_ns)
{
    for (;;) {
        enum rn_event event = rn_vm_run(vm, slice);
        uint64_t ns;
        if (event == RN_EVENT_OUTPUT) {
            print_output(vm);
        } else if (event == RN_EVENT_WAITING && rn_vm_take_sleep(vm, &ns)) {
            now_ns += ns; // nobody waits for real
            rn_vm_wake(vm, now_ns);
        } else if (event != RN_EVENT_SLICE) {
            return event;
        }
    }
}

static int finish(struct rn_vm *vm, enum rn_event event, const struct rune_verified_unit *unit,
                  const struct rn_debug *debug)
{
    print_output(vm);
    switch (event) {
    case RN_EVENT_DONE:
        return 0;
    case RN_EVENT_RAISED:
        print_error(vm, unit, debug);
        return EXIT_SCRIPT_ERROR;
    case RN_EVENT_LIMIT:
        print_error(vm, unit, debug);
        return limit_code(rn_vm_limit(vm));
    case RN_EVENT_WAITING:
        fprintf(stderr, "error: waits for what never comes\n");
        return EXIT_SCRIPT_ERROR;
    case RN_EVENT_SLICE:
    case RN_EVENT_OUTPUT:
    case RN_EVENT_HOST_CALL:
    case RN_EVENT_CANCELLED:
        break;
    }
    return EXIT_INTERNAL;
}

int run_unit(const struct rune_verified_unit *unit, const struct rn_debug *debug, uint64_t item,
             const struct run_options *options)
{
    void *region = mmap(NULL, options->region_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct rn_engine *engine;
    struct rn_link *link;
    struct rn_vm *vm;
    enum rn_error error;
    if (region == MAP_FAILED) {
        perror("mmap");
        return EXIT_INTERNAL;
    }
    // Like a worker's arena: see policy/process.h.
    madvise(region, options->region_size, MADV_HUGEPAGE);
    if ((error = rn_engine_new(region, options->region_size, &rn_std_library, &engine)) != RN_OK ||
        (error = rn_link_new(engine, unit, NULL, 0, &link)) != RN_OK ||
        (error = rn_vm_new(engine, link, &vm)) != RN_OK) {
        fprintf(stderr, "error: %s\n", rn_error_message(error));
        return EXIT_INTERNAL;
    }
    struct rn_vm_call call = {.item = item,
                              .limits = options->limits,
                              .seed = options->seed,
                              .clock_ns = options->clock_ns};
    error = rn_vm_start(vm, &call);
    if (error != RN_OK) {
        fprintf(stderr, "error: %s\n", rn_error_message(error));
        return EXIT_INTERNAL;
    }
    int code = finish(vm, drive(vm, options->slice, options->clock_ns), unit, debug);
    if (options->stats) {
        const uint8_t *result;
        size_t result_size;
        if (code == 0 && rn_vm_result(vm, &result, &result_size) != RN_OK) {
            fprintf(stderr, "the result cannot leave the process\n");
        }
        struct rn_vm_usage usage = rn_vm_usage(vm);
        fprintf(stderr, "budget %llu, memory peak %llu, output %llu\n",
                (unsigned long long)usage.budget, (unsigned long long)usage.memory_peak,
                (unsigned long long)usage.output_bytes);
    }
    size_t before = rn_engine_used(engine);
    rn_vm_free(vm);
    rn_link_free(engine, link);
    if (options->stats) {
        fprintf(stderr, "region %zu, after the end %zu\n", before, rn_engine_used(engine));
    }
    munmap(region, options->region_size);
    return code;
}
