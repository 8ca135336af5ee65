/*
 * called.c: rn-called ITEMS SCRIPT...: is every function of the library called by some script?
 *
 * ITEMS is the reference list (kind, path, arity). Natives are called through wrappers that take
 * notes; functions of the standard Unit are seen on the stack between two blocks. Macros and constants
 * must stand in the text of a script. Prints what no script calls.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "bytecode/types.h"
#include "compiler/compile.h"
#include "compiler/files.h"
#include "worker/std/library.h"
#include "worker/std/std.h"
#include "worker/vm/machine.h"

enum {
    LINES_MAX = 4096, /* of std.def */
    FUNCTIONS_MAX = 4096,
    TEXT_MAX = 8 << 20,
    BUDGET = 3000000,
};

#define REGION_SIZE ((size_t)512 << 20)

static bool native_called[LINES_MAX];
static bool function_called[FUNCTIONS_MAX];
static char all_text[TEXT_MAX];
static size_t all_size;

/* ---- The library with wrappers around its natives ---- */

#define JOIN(a, b) a##b
#define WRAPPER_AT(line) JOIN(call_at_, line)
#define WRAPPER WRAPPER_AT(__LINE__)
#define WRAP(symbol)                                                                               \
    static enum rn_outcome WRAPPER(struct rn_vm *vm, struct rn_value *args, uint32_t count)        \
    {                                                                                              \
        native_called[__LINE__] = true;                                                            \
        return rn_std_##symbol(vm, args, count);                                                   \
    }
#define STD_FN(path, arity, symbol) WRAP(symbol)
#define STD_ASYNC_FN(path, arity, symbol) WRAP(symbol)
#define STD_CONST_FN(path, symbol) WRAP(symbol)
#define STD_METHOD(type, name, arity, symbol) WRAP(symbol)
#define STD_TRAIT_METHOD(trait, name, arity, symbol) WRAP(symbol)
#include "bytecode/std.def"

static const struct rn_native natives[] = {
#define STD_FN(path, arity, symbol) {(path), RN_NONE, (arity), 0, WRAPPER},
#define STD_ASYNC_FN(path, arity, symbol) {(path), RN_NONE, (arity), 0, WRAPPER},
#define STD_CONST_FN(path, symbol) {(path), RN_NONE, 0, 0, WRAPPER},
#define STD_METHOD(type, name, arity, symbol) {(name), RN_TYPE_ID_##type, (arity), 0, WRAPPER},
#define STD_TRAIT_METHOD(trait, name, arity, symbol)                                               \
    {trait "::" name, RN_NONE, (arity), 0, WRAPPER},
#include "bytecode/std.def"
};

/* ---- What is looked for ---- */

/* A row of std.def: "type" and "name", or the whole path in `name`. */
struct row {
    const char *type;
    const char *name;
    const char *export_path; /* in the standard Unit; NULL: the path itself */
    uint32_t line;           /* natives; 0: of the standard Unit */
};

static const struct row rows[] = {
#define STD_FN(path, arity, symbol) {NULL, (path), NULL, __LINE__},
#define STD_ASYNC_FN(path, arity, symbol) {NULL, (path), NULL, __LINE__},
#define STD_CONST_FN(path, symbol) {NULL, (path), NULL, __LINE__},
#define STD_TRAIT_METHOD(trait, name, arity, symbol) {(trait), (name), NULL, __LINE__},
#define STD_SCRIPT_FN(path, arity) {NULL, (path), NULL, 0},
#define STD_SCRIPT_METHOD(type, name, arity) {(type), (name), NULL, 0},
#define STD_SCRIPT_GENERIC(type, name, arity, export_path) {(type), (name), (export_path), 0},
#include "bytecode/std.def"
};

static const struct method_row {
    uint32_t type;
    const char *name;
    uint32_t line;
} method_rows[] = {
#define STD_METHOD(type, name, arity, symbol) {RN_TYPE_ID_##type, (name), __LINE__},
#include "bytecode/std.def"
};

static bool is_path(const char *type, const char *name, const char *path)
{
    size_t size = type == NULL ? 0 : strlen(type);
    return type == NULL ? strcmp(name, path) == 0
                        : strncmp(type, path, size) == 0 && strncmp(path + size, "::", 2) == 0 &&
                              strcmp(path + size + 2, name) == 0;
}

static bool unit_function_called(const struct rune_verified_unit *unit, const char *path)
{
    uint64_t hash = rn_hash_item(path, strlen(path));
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_FUNCTIONS] && i < FUNCTIONS_MAX; i++) {
        if (unit->functions[i].hash == hash) {
            return function_called[i];
        }
    }
    return false;
}

static bool is_called(const struct rune_verified_unit *unit, const char *path)
{
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        if (is_path(rows[i].type, rows[i].name, path)) {
            const char *export_path = rows[i].export_path;
            return rows[i].line != 0
                       ? native_called[rows[i].line]
                       : unit_function_called(unit, export_path != NULL ? export_path : path);
        }
    }
    for (size_t i = 0; i < RN_COUNT_OF(method_rows); i++) {
        if (is_path(rn_library_types[method_rows[i].type].path.data, method_rows[i].name, path)) {
            return native_called[method_rows[i].line];
        }
    }
    return false;
}

/* Constants and macros: by their name in a text. */
static bool is_written(const char *path)
{
    const char *name = path;
    for (const char *at = strstr(path, "::"); at != NULL; at = strstr(name, "::")) {
        name = at + 2;
    }
    return strstr(all_text, name) != NULL;
}

/* ---- Running scripts ---- */

static void note_stack(struct rn_vm *vm)
{
    rn_capture_frames(vm);
    const struct rn_vm_error_report *report = rn_vm_error(vm);
    for (uint32_t i = 0; i < report->frame_count; i++) {
        if (report->frames[i].standard && report->frames[i].function < FUNCTIONS_MAX) {
            function_called[report->frames[i].function] = true;
        }
    }
}

static void run_vm(struct rn_vm *vm, uint64_t item)
{
    struct rn_vm_call call = {
        .item = item, .seed = 1, .clock_ns = 1, .limits = {.budget = BUDGET, .memory = 256u << 20}};
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
    for (bool over = false; !over;) {
        uint64_t ns;
        enum rn_event event = rn_vm_run(vm, 1);
        rn_vm_output_taken(vm);
        if (event == RN_EVENT_SLICE) {
            note_stack(vm);
        } else if (event == RN_EVENT_WAITING && rn_vm_take_sleep(vm, &ns)) {
            rn_vm_wake(vm, 0);
        } else {
            over = event != RN_EVENT_OUTPUT;
        }
    }
    rn_vm_end(vm);
}

static bool run_script(struct rn_engine *engine, struct rn_context *context, const char *path,
                       bool script)
{
    struct rn_files files = {.root = path};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = {
        .name = path, .loader = &loader, .script = script, .context = context};
    struct rn_compile_output output;
    struct rune_verified_unit unit;
    char *text;
    RN_CHECK(rn_files_read(path, &text, &input.size) == RN_OK);
    input.text = text;
    bool done = true;
    if (rn_compile(&input, &output) == RN_OK) {
        struct rune_unit_image image = {output.image.data, output.image.size};
        struct rn_link *link;
        struct rn_vm *vm;
        RN_CHECK(rn_unit_verify(image, false, &unit, NULL) == RN_OK);
        uint64_t item = script ? 0 : rn_hash_item("main", 4);
        done = script || rn_unit_find_export(&unit, item) != RN_NONE;
        RN_CHECK(rn_link_new(engine, &unit, NULL, 0, &link) == RN_OK);
        RN_CHECK(rn_vm_new(engine, link, &vm) == RN_OK);
        if (done) {
            run_vm(vm, item);
        }
        rn_vm_free(vm);
        rn_link_free(engine, link);
    }
    rn_compile_output_done(&output);
    if (done && all_size + input.size + 1 < TEXT_MAX) {
        memcpy(all_text + all_size, text, input.size);
        all_size += input.size;
    }
    rn_free(text);
    return done;
}

/* ---- The list ---- */

/* What is called on values that only a host makes: tests/command has these. */
static const char *const of_hosts[] = {"std::test::Bencher::iter"};

static bool is_of_hosts(const char *path)
{
    for (size_t i = 0; i < RN_COUNT_OF(of_hosts); i++) {
        if (strcmp(of_hosts[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static int check_list(const char *path, const struct rune_verified_unit *unit)
{
    FILE *file = fopen(path, "r");
    RN_CHECK(file != NULL);
    char line[512];
    int missing = 0;
    int count = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        char kind[32];
        char item[256];
        if (line[0] == '#' || sscanf(line, "%31s %255s", kind, item) != 2) {
            continue;
        }
        bool function =
            (strcmp(kind, "function") == 0 || strcmp(kind, "method") == 0) && !is_of_hosts(item);
        bool named = strcmp(kind, "macro") == 0 || strcmp(kind, "constant") == 0;
        if ((function && !is_called(unit, item)) || (named && !is_written(item))) {
            printf("no script calls %s %s\n", kind, item);
            missing++;
        }
        count += function || named;
    }
    fclose(file);
    printf("%d of %d items are called\n", count - missing, count);
    return missing == 0 ? 0 : 1;
}

int main(int count, char **arguments)
{
    struct rn_library library = rn_std_library;
    struct rn_context *context;
    struct rn_engine *engine;
    library.natives = natives;
    library.native_count = RN_COUNT_OF(natives);
    void *region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    RN_CHECK(region != MAP_FAILED && count > 2);
    RN_CHECK(rn_engine_new(region, REGION_SIZE, &library, &engine) == RN_OK);
    RN_CHECK(rn_context_new(&context) == RN_OK);
    for (int i = 2; i < count; i++) {
        if (!run_script(engine, context, arguments[i], false)) {
            (void)run_script(engine, context, arguments[i], true);
        }
    }
    rn_context_free(context);
    return check_list(arguments[1], &engine->standard->unit);
}
