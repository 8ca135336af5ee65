/*
 * compile.c: the compiler's way from source to image.
 *
 *      source ─► items.h ─► lower.h ─► gen.h ─► bytecode/builder.h ─► image, debug
 *
 * Everything is lowered before anything is generated: functions that nobody calls have errors and
 * warnings, too, but no code. Trust: reads source text from anybody.
 */
#include "compiler/compile.h"

#include "compiler/const_eval.h"
#include "compiler/gen.h"
#include "compiler/lower.h"

#define MEMORY_MAX_DEFAULT ((size_t)512 << 20)
#define DEBUG_SIZE_MAX ((size_t)256 << 20)

struct build {
    const struct rn_compile_input *input;
    struct rn_compile_output *output;
    struct rn_arena arena;
    struct rn_items items;
    struct rn_lower lower;
    struct rn_builder *builder;
    struct rn_gen gen;
    struct rn_hir_function **functions; /* by id of their declaration */
};

/* ---- Lowering ---- */

static bool has_value(const struct rn_decl *decl)
{
    return decl->kind == RN_DECL_CONST || (decl->kind == RN_DECL_STATIC && decl->host == NULL &&
                                           decl->item->constant.value != NULL);
}

static void lower_decl(struct build *build, struct rn_decl *decl)
{
    struct rn_constant value;
    if (decl->kind == RN_DECL_FUNCTION && decl->is_const_fn) {
        rn_const_check_fn(&build->lower, decl);
    } else if (decl->kind == RN_DECL_FUNCTION) {
        build->functions[decl->id] = rn_lower_function(&build->lower, decl, &build->arena);
    } else if (decl->fields != NULL && decl->fields->kind == RN_FIELDS_NAMED) {
        rn_lower_check_fields(&build->lower, decl->fields);
    } else if (has_value(decl)) {
        rn_const_of_decl(&build->lower, decl, decl->span, &value);
    }
}

/* Those of modules, each after those before it: what a function names is there then, however long the chain
 * that it is the end of. */
static void compute_constants(struct build *build)
{
    struct rn_items *items = &build->items;
    struct rn_constant value;
    for (uint32_t i = 0; i < items->decl_count && build->lower.error == RN_OK; i++) {
        struct rn_decl *decl = items->decls[i];
        if (has_value(decl) && decl->outer == decl->module) {
            rn_const_of_decl(&build->lower, decl, decl->span, &value);
        }
    }
}

static enum rn_error lower_all(struct build *build)
{
    struct rn_items *items = &build->items;
    size_t size = ((size_t)items->decl_count + 1) * sizeof(*build->functions);
    build->functions = rn_arena_alloc(&build->arena, size);
    if (build->functions == NULL) {
        return RN_E_NO_MEMORY;
    }
    compute_constants(build);
    for (uint32_t i = 0; i < items->decl_count && build->lower.error == RN_OK; i++) {
        lower_decl(build, items->decls[i]);
    }
    return build->lower.error;
}

/* ---- Generating ---- */

static bool is_function(const struct rn_decl *decl)
{
    return decl->kind == RN_DECL_FUNCTION && !decl->is_const_fn;
}

/* Types and statics, in order of declaration: the host can see them, too. */
static void declare(struct build *build, struct rn_decl *decl)
{
    if (decl->kind == RN_DECL_STRUCT || decl->kind == RN_DECL_ENUM) {
        rn_gen_type(&build->gen, (struct rn_hir_type){.decl = decl});
    } else if (decl->kind == RN_DECL_STATIC) {
        rn_gen_static(&build->gen, decl);
    }
}

static void publish(struct build *build, struct rn_decl *decl)
{
    uint32_t function = rn_gen_function_index(&build->gen, decl);
    if (decl == build->items.script) {
        rn_builder_set_main(build->builder, function);
        return;
    }
    rn_builder_export(build->builder, function);
    // Functions for types and traits of the library are found by their exported paths.
    if (decl->is_instance && decl->type != NULL) {
        struct rn_hir_type type = {.decl = decl->type};
        rn_builder_method(build->builder, rn_gen_type(&build->gen, type),
                          rn_symbol_text(&build->items.symbols, decl->name), function);
    }
}

static void generate(struct build *build)
{
    struct rn_items *items = &build->items;
    struct rn_gen *gen = &build->gen;
    for (uint32_t i = 0; i < items->decl_count; i++) {
        declare(build, items->decls[i]);
    }
    for (uint32_t i = 0; i < items->decl_count; i++) {
        struct rn_decl *decl = items->decls[i];
        if (is_function(decl) && (decl->is_exported || decl == items->script)) {
            publish(build, decl);
        }
    }
    for (uint32_t i = 0; i < gen->pending_count && gen->error == RN_OK; i++) {
        rn_gen_function(gen, gen->pending[i], &build->arena);
    }
}

/* ---- Functions without code ---- */

/* Notes in `unused` which functions no code refers to; the others were generated. */
static uint32_t find_unused(const struct build *build, struct rn_decl **unused)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < build->items.decl_count; i++) {
        struct rn_decl *decl = build->items.decls[i];
        if (is_function(decl) && decl->code_index == RN_NONE) {
            unused[count++] = decl;
        }
    }
    return count;
}

static enum rn_error generate_unused(struct build *build, struct rn_decl **unused, uint32_t count)
{
    struct rn_gen *gen = &build->gen;
    RN_TRY(rn_builder_new(build->input->standard, &build->builder));
    rn_gen_init(gen, &build->lower, build->builder, build->functions);
    gen->is_rehearsal = true;
    for (uint32_t i = 0; i < build->items.decl_count; i++) {
        build->items.decls[i]->code_index = RN_NONE;
    }
    for (uint32_t i = 0; i < count && gen->error == RN_OK; i++) {
        rn_gen_function(gen, unused[i], &build->arena);
    }
    enum rn_error error = gen->error;
    if (error == RN_OK && rn_builder_fault(build->builder) == RN_BUILDER_MEMORY) {
        error = RN_E_NO_MEMORY; // the builder fell silent, and warnings are missing
    }
    rn_gen_done(gen);
    rn_builder_free(build->builder);
    return error;
}

/*
 * Part of the warnings comes out of generating. Functions that nobody calls are generated for the
 * sake of these, in a Unit that nobody gets.
 */
static enum rn_error rehearse_unused(struct build *build)
{
    struct rn_decl **unused =
        rn_arena_alloc(&build->arena, (build->items.decl_count + 1) * sizeof(struct rn_decl *));
    if (unused == NULL) {
        return RN_E_NO_MEMORY;
    }
    uint32_t count = find_unused(build, unused);
    RN_TRY(count == 0 ? RN_OK : generate_unused(build, unused, count));
    return build->output->diagnostics.error_count == 0 ? RN_OK : RN_E_COMPILE_FAILED;
}

/* Limits of the image, as far as they were not reported where they were reached. */
static void report_fault(struct build *build)
{
    static const struct {
        enum rn_builder_fault fault;
        enum rn_diagnostic_code code;
        uint64_t limit;
    } rows[] = {
        {RN_BUILDER_INSTRUCTIONS, RN_DIAGNOSTIC_TOO_MANY_INSTRUCTIONS, RN_INSTRUCTIONS_MAX},
        {RN_BUILDER_REGISTERS, RN_DIAGNOSTIC_TOO_MANY_REGISTERS, RN_REGISTER_DIRECT_MAX},
        {RN_BUILDER_OPERAND_REGISTER, RN_DIAGNOSTIC_TOO_MANY_REGISTERS, RN_REGISTER_DIRECT_MAX},
        {RN_BUILDER_ARGUMENTS, RN_DIAGNOSTIC_TOO_MANY_ARGUMENTS, RN_ARGUMENTS_MAX},
        {RN_BUILDER_CAPTURES, RN_DIAGNOSTIC_TOO_MANY_CAPTURES, RN_CAPTURES_MAX},
        {RN_BUILDER_CONSTANT_DATA, RN_DIAGNOSTIC_CONSTANT_DATA_SIZE, RN_CONSTANT_DATA_MAX},
        {RN_BUILDER_STRINGS, RN_DIAGNOSTIC_TOO_MANY_STRINGS, RN_STRINGS_MAX},
        {RN_BUILDER_TYPES, RN_DIAGNOSTIC_TOO_MANY_TYPES, RN_TYPES_MAX},
        {RN_BUILDER_STATICS, RN_DIAGNOSTIC_TOO_MANY_STATICS, RN_STATICS_MAX},
        {RN_BUILDER_SITES, RN_DIAGNOSTIC_TOO_MANY_SITES, RN_SITES_MAX},
    };
    struct rn_diagnostics *diagnostics = &build->output->diagnostics;
    struct rn_span start = {0};
    enum rn_builder_fault fault = rn_builder_fault(build->builder);
    if (diagnostics->error_count > 0) {
        return;
    }
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        if (rows[i].fault == fault) {
            struct rn_number_text number;
            struct rn_utf8 limit = rn_text_u64(&number, rows[i].limit);
            rn_diagnostics_add(diagnostics, rows[i].code, start, &limit, 1);
            return;
        }
    }
    if (fault == RN_BUILDER_IMAGE || fault == RN_BUILDER_DEBUG || fault == RN_BUILDER_STRING_DATA) {
        struct rn_number_text number;
        rn_diagnose(diagnostics, IMAGE_SIZE, start, rn_text_u64(&number, RN_IMAGE_SIZE_MAX));
        return;
    }
    rn_diagnostics_add_text(diagnostics, RN_SEVERITY_ERROR, start,
                            rn_text(rn_builder_fault_message(build->builder)));
}

static enum rn_error finish(struct build *build)
{
    if (build->gen.error != RN_OK) {
        return build->gen.error;
    }
    if (build->output->diagnostics.error_count > 0) {
        return RN_E_COMPILE_FAILED;
    }
    rn_items_warn_unused(&build->items);
    enum rn_error error =
        rn_builder_finish(build->builder, &build->output->image, &build->output->debug);
    if (error == RN_OK || error == RN_E_NO_MEMORY) {
        return error;
    }
    report_fault(build);
    return RN_E_COMPILE_FAILED;
}

static enum rn_error generate_all(struct build *build)
{
    RN_TRY(rn_builder_new(build->input->standard, &build->builder));
    rn_gen_init(&build->gen, &build->lower, build->builder, build->functions);
    generate(build);
    enum rn_error error = finish(build);
    rn_gen_done(&build->gen);
    rn_builder_free(build->builder);
    return error == RN_OK ? rehearse_unused(build) : error;
}

/* ---- The whole ---- */

static enum rn_error compile(struct build *build)
{
    struct rn_diagnostics *diagnostics = &build->output->diagnostics;
    RN_TRY(rn_items_build(&build->items, &build->arena, build->input, diagnostics));
    if (!rn_items_usable(&build->items)) {
        RN_TRY(diagnostics->error);
        return RN_E_COMPILE_FAILED;
    }
    RN_TRY(rn_lower_init(&build->lower, &build->items));
    enum rn_error error = lower_all(build);
    if (error == RN_OK && diagnostics->error_count == 0) {
        rn_items_check_unused(&build->items);
        error = build->items.error;
    }
    if (error == RN_OK) {
        error = diagnostics->error_count > 0 ? RN_E_COMPILE_FAILED : generate_all(build);
    }
    rn_lower_done(&build->lower);
    RN_TRY(diagnostics->error);
    return error;
}

static void report_memory(struct build *build)
{
    rn_diagnostics_add(&build->output->diagnostics, RN_DIAGNOSTIC_MEMORY,
                       (struct rn_span){.source = RN_SPAN_NOWHERE}, NULL, 0);
}

enum rn_error rn_compile(const struct rn_compile_input *input, struct rn_compile_output *out_output)
{
    rn_buf_init(&out_output->image, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&out_output->debug, DEBUG_SIZE_MAX);
    rn_diagnostics_init(&out_output->diagnostics);
    struct build build = {.input = input, .output = out_output};
    rn_arena_init(&build.arena, input->memory_max == 0 ? MEMORY_MAX_DEFAULT : input->memory_max);
    enum rn_error error = compile(&build);
    if (error == RN_E_NO_MEMORY) {
        report_memory(&build);
    }
    rn_diagnostics_sort_warnings(&out_output->diagnostics);
    if (error != RN_OK) {
        rn_buf_clear(&out_output->image);
        rn_buf_clear(&out_output->debug);
    }
    rn_arena_done(&build.arena);
    return error;
}

void rn_compile_output_done(struct rn_compile_output *output)
{
    rn_buf_done(&output->image);
    rn_buf_done(&output->debug);
    rn_diagnostics_done(&output->diagnostics);
}
