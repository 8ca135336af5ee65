/*
 * gen.c: functions, registers and the tables that code refers to. See gen.h.
 */
#include "compiler/gen.h"

#include "base/alloc.h"
#include "compiler/const_eval.h"
#include "compiler/lower.h"

#include <string.h>

void rn_gen_init(struct rn_gen *gen, struct rn_lower *lower, struct rn_builder *builder,
                 struct rn_hir_function **functions)
{
    *gen = (struct rn_gen){
        .lower = lower,
        .items = lower->items,
        .functions = functions,
        .diagnostics = lower->diagnostics,
        .builder = builder,
        .wide = RN_NONE,
        .constant_budget = RN_CONSTANT_DATA_MAX,
    };
    for (uint32_t i = 0; i < gen->diagnostics->source_count; i++) {
        const struct rn_source *source = &gen->diagnostics->sources[i];
        rn_builder_source(builder, source->name, source->text);
    }
}

void rn_gen_done(struct rn_gen *gen)
{
    rn_free(gen->pending);
    rn_free(gen->panics);
    gen->pending = NULL;
    gen->panics = NULL;
}

/* ---- Tables ---- */

/* Room for one more element, or NULL with `error` set. */
static void *grow(struct rn_gen *gen, void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    uint32_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    void *grown = rn_realloc(items, (size_t)wanted * size);
    if (grown == NULL) {
        gen->error = RN_E_NO_MEMORY;
        return NULL;
    }
    *capacity = wanted;
    return grown;
}

static void add_pending(struct rn_gen *gen, struct rn_decl *decl)
{
    struct rn_decl **pending =
        grow(gen, gen->pending, gen->pending_count, &gen->pending_capacity, sizeof(*pending));
    if (pending != NULL) {
        gen->pending = pending;
        gen->pending[gen->pending_count++] = decl;
    }
}

void rn_gen_panic_at(struct rn_gen *gen, struct rn_label label, struct rn_span span)
{
    struct rn_gen_panic *panics =
        grow(gen, gen->panics, gen->panic_count, &gen->panic_capacity, sizeof(*panics));
    if (panics != NULL) {
        gen->panics = panics;
        gen->panics[gen->panic_count++] = (struct rn_gen_panic){label, span};
    }
}

static void place_panics(struct rn_gen *gen)
{
    for (uint32_t i = 0; i < gen->panic_count; i++) {
        rn_builder_place_forward(gen->builder, gen->panics[i].label);
        rn_gen_span(gen, gen->panics[i].span);
        rn_emit_PANIC(gen->builder,
                      rn_builder_string(gen->builder, RN_UTF8("pattern did not match")));
    }
    gen->panic_count = 0;
}

uint32_t rn_gen_function_index(struct rn_gen *gen, struct rn_decl *decl)
{
    if (decl->code_index == RN_NONE) {
        const struct rn_hir_function *function = gen->functions[decl->id];
        struct rn_builder_function row = {
            .path = decl->path,
            .arg_count = (uint16_t)function->param_count,
            .kind = function->kind,
            .flags = function->flags,
        };
        decl->code_index = rn_builder_function(gen->builder, &row);
        add_pending(gen, decl);
    }
    return decl->code_index;
}

static enum rn_type_kind struct_kind(uint8_t fields, bool variant)
{
    static const enum rn_type_kind kinds[2][3] = {
        {RN_TYPE_UNIT_STRUCT, RN_TYPE_TUPLE_STRUCT, RN_TYPE_STRUCT},
        {RN_TYPE_UNIT_VARIANT, RN_TYPE_TUPLE_VARIANT, RN_TYPE_STRUCT_VARIANT},
    };
    return kinds[variant ? 1 : 0][fields];
}

/* False, and reported, if there are more than a Unit's type can have. */
static bool check_count(struct rn_gen *gen, const struct rn_decl *decl, uint32_t count)
{
    if (count <= UINT16_MAX) {
        return true;
    }
    struct rn_number_text number;
    struct rn_utf8 limit = rn_text_u64(&number, UINT16_MAX);
    if (decl->kind == RN_DECL_ENUM) {
        rn_diagnose(gen->diagnostics, TOO_MANY_VARIANTS, decl->name_span, limit);
    } else {
        rn_diagnose(gen->diagnostics, TOO_MANY_FIELDS, decl->name_span, limit);
    }
    return false;
}

/* Fills a row for the builder; the names are in the arena of the compilation. */
static bool fill_type(struct rn_gen *gen, const struct rn_decl *decl, bool variant,
                      struct rn_builder_type *out)
{
    const struct rn_ast_fields *fields = decl->fields;
    if (!check_count(gen, decl, fields->count)) {
        return false;
    }
    *out = (struct rn_builder_type){
        .path = decl->path,
        .kind = struct_kind(fields->kind, variant),
        .field_count = fields->count,
    };
    if (fields->kind != RN_FIELDS_NAMED) {
        return true;
    }
    struct rn_utf8 *names =
        rn_arena_alloc(gen->items->arena, ((size_t)fields->count + 1) * sizeof(*names));
    if (names == NULL) {
        gen->error = RN_E_NO_MEMORY;
        return false;
    }
    for (uint32_t i = 0; i < fields->count; i++) {
        names[i] = rn_symbol_text(&gen->items->symbols, fields->items[i].name.symbol);
    }
    out->fields = names;
    return true;
}

static uint32_t add_enum(struct rn_gen *gen, struct rn_decl *decl)
{
    if (!check_count(gen, decl, decl->variant_count)) {
        return 0;
    }
    struct rn_builder_type *variants =
        rn_arena_alloc(gen->items->arena, ((size_t)decl->variant_count + 1) * sizeof(*variants));
    if (variants == NULL) {
        gen->error = RN_E_NO_MEMORY;
        return 0;
    }
    for (uint32_t i = 0; i < decl->variant_count; i++) {
        if (!fill_type(gen, decl->variants[i], true, &variants[i])) {
            return 0;
        }
    }
    uint32_t index = rn_builder_enum(gen->builder, decl->path, variants, decl->variant_count);
    decl->code_index = index;
    for (uint32_t i = 0; i < decl->variant_count; i++) {
        decl->variants[i]->code_index = index + 1 + i;
    }
    return index;
}

static uint32_t decl_type(struct rn_gen *gen, struct rn_decl *decl)
{
    if (decl->code_index != RN_NONE) {
        return decl->code_index;
    }
    if (decl->kind == RN_DECL_VARIANT) {
        add_enum(gen, decl->parent);
    } else if (decl->kind == RN_DECL_ENUM) {
        add_enum(gen, decl);
    } else {
        struct rn_builder_type type;
        if (fill_type(gen, decl, false, &type)) {
            decl->code_index = rn_builder_struct(gen->builder, &type);
        }
    }
    if (decl->code_index == RN_NONE) {
        decl->code_index = 0; // reported: nothing will come of the code
    }
    return decl->code_index;
}

uint32_t rn_gen_type(struct rn_gen *gen, struct rn_hir_type type)
{
    if (type.decl != NULL) {
        return decl_type(gen, type.decl);
    }
    return rn_builder_external_type(gen->builder, type.item->path);
}

/* The initial value of a static, of the source or the host; false: it has none. */
static bool initial_value(struct rn_gen *gen, struct rn_decl *decl, struct rn_constant *out_value)
{
    if (decl->host == NULL) {
        return decl->item->constant.value != NULL &&
               rn_const_of_decl(gen->lower, decl, decl->span, out_value);
    }
    if (decl->host->constant_size == 0) {
        return false;
    }
    enum rn_error error = rn_constant_decode(decl->host->constant, decl->host->constant_size,
                                             gen->lower->items->arena, out_value);
    if (error != RN_OK) {
        rn_diagnose(gen->diagnostics, CONST_META, decl->span, decl->path);
    }
    return error == RN_OK;
}

uint32_t rn_gen_static(struct rn_gen *gen, struct rn_decl *decl)
{
    if (decl->code_index == RN_NONE) {
        uint32_t constant = RN_NONE;
        struct rn_constant value;
        if (initial_value(gen, decl, &value)) {
            constant = rn_gen_constant(gen, &value, decl->span);
        }
        decl->code_index = rn_builder_static(gen->builder, decl->path, constant);
    }
    return decl->code_index;
}

static void report_constant(struct rn_gen *gen, enum rn_error error, struct rn_span span)
{
    struct rn_number_text number;
    if (!gen->constant_reported && error == RN_E_CBOR_DEPTH) {
        rn_diagnose(gen->diagnostics, NESTING, span, rn_text_u64(&number, RN_CONSTANT_DEPTH_MAX));
    } else if (!gen->constant_reported) {
        rn_diagnose(gen->diagnostics, CONSTANT_DATA_SIZE, span,
                    rn_text_u64(&number, RN_CONSTANT_DATA_MAX));
    }
    gen->constant_reported = true;
}

static uint32_t encode_constant(struct rn_gen *gen, const struct rn_constant *constant,
                                struct rn_span span)
{
    RN_AUTO(rn_buf) struct rn_buf bytes;
    rn_buf_init(&bytes, RN_CONSTANT_DATA_MAX);
    enum rn_error error = gen->constant_reported
                              ? RN_E_TOO_LARGE
                              : rn_constant_encode(constant, &bytes, &gen->constant_budget);
    if (error == RN_E_NO_MEMORY) {
        gen->error = error;
    } else if (error != RN_OK) {
        report_constant(gen, error, span);
    }
    return error == RN_OK ? rn_builder_cbor(gen->builder, bytes.data, bytes.size) : 0;
}

uint32_t rn_gen_constant(struct rn_gen *gen, const struct rn_constant *constant,
                         struct rn_span span)
{
    if (gen->is_rehearsal) {
        return rn_builder_i64(gen->builder, 0);
    }
    switch ((enum rn_constant_tag)constant->tag) {
    case RN_TAG_I64:
        return rn_builder_i64(gen->builder, constant->i64);
    case RN_TAG_U64:
        return rn_builder_u64(gen->builder, constant->u64);
    case RN_TAG_F64:
        return rn_builder_f64(gen->builder, constant->f64);
    case RN_TAG_VEC:
    case RN_TAG_TUPLE:
    case RN_TAG_OBJECT:
    case RN_TAG_SOME:
        if (constant->list->stored == 0) {
            constant->list->stored = encode_constant(gen, constant, span) + 1;
        }
        return constant->list->stored - 1;
    case RN_TAG_UNIT:
    case RN_TAG_BOOL:
    case RN_TAG_CHAR:
    case RN_TAG_ORDERING:
    case RN_TAG_STRING:
    case RN_TAG_BYTES:
    case RN_TAG_NONE:
        break;
    }
    return encode_constant(gen, constant, span);
}

/* ---- Registers ---- */

void rn_gen_span(struct rn_gen *gen, struct rn_span span)
{
    gen->span = span;
    rn_builder_set_span(gen->builder, (struct rn_builder_span){span.source, span.start, span.end});
}

void rn_gen_move(struct rn_gen *gen, uint32_t dest, uint32_t source)
{
    if (dest != source) {
        rn_emit_MOVE(gen->builder, dest, source);
    }
}

void rn_gen_unit(struct rn_gen *gen, uint32_t dest)
{
    if (dest == RN_GEN_RETURN) {
        rn_emit_RETURN_UNIT(gen->builder);
    } else if (dest != RN_NONE) {
        rn_emit_UNIT(gen->builder, dest);
    }
}

struct rn_label rn_gen_label(struct rn_gen *gen)
{
    return rn_builder_label(gen->builder, gen->next);
}

struct rn_label rn_gen_label_with(struct rn_gen *gen, uint32_t dest)
{
    return rn_builder_label(gen->builder, dest == gen->next ? gen->next + 1 : gen->next);
}

void rn_gen_scope_end(struct rn_gen *gen, uint32_t mark, uint32_t dest)
{
    uint32_t height = dest == mark ? mark + 1 : mark;
    bool bound = gen->next > mark;
    gen->next = mark;
    if (bound && rn_builder_reachable(gen->builder) && rn_builder_height(gen->builder) > height) {
        rn_builder_set_height(gen->builder, height);
    }
}

/* ---- Functions ---- */

static void place_var(struct rn_hir_var *var, uint32_t reg)
{
    var->place = reg;
    var->wide = false;
}

/* A vector of units, one for each variable in it. */
static void make_wide_frame(struct rn_gen *gen, uint32_t count)
{
    gen->wide = rn_gen_take(gen);
    gen->wide_next = 0;
    rn_emit_VEC_RESERVE(gen->builder, gen->wide, count);
    uint32_t chunk = count < 16 ? count : 16;
    for (uint32_t i = 0; i < chunk; i++) {
        rn_emit_UNIT(gen->builder, gen->next + i);
    }
    for (uint32_t done = 0; done < count; done += chunk) {
        uint32_t part = count - done < chunk ? count - done : chunk;
        rn_emit_VEC_EXTEND(gen->builder, gen->wide, gen->next, part);
    }
}

static void bind_arguments(struct rn_gen *gen, const struct rn_hir_function *function)
{
    uint32_t base = function->param_count;
    for (uint32_t i = 0; i < function->capture_count; i++) {
        place_var(function->captures[i].inner, base + i);
    }
    for (uint32_t i = 0; i < function->param_count; i++) {
        const struct rn_hir_pat *pat = function->params[i];
        if (pat->kind == RN_HIR_PAT_BIND) {
            place_var(pat->var, i);
        }
    }
    gen->next = base + function->capture_count;
    gen->all_wide =
        function->var_count + function->capture_count + function->widest > RN_GEN_VARIABLES_MAX;
    uint32_t wide_count = gen->all_wide ? function->var_serial : function->wide_count;
    if (wide_count > 0) {
        make_wide_frame(gen, wide_count);
    }
    for (uint32_t i = 0; i < function->param_count; i++) {
        const struct rn_hir_pat *pat = function->params[i];
        if (pat->kind != RN_HIR_PAT_BIND) {
            rn_gen_pat_or_panic(gen, pat, i, false);
        }
    }
}

static void report_fault(struct rn_gen *gen, const struct rn_hir_function *function)
{
    enum rn_builder_fault fault = rn_builder_fault(gen->builder);
    if (fault == RN_BUILDER_REGISTERS || fault == RN_BUILDER_OPERAND_REGISTER) {
        struct rn_number_text number;
        rn_diagnose(gen->diagnostics, TOO_MANY_REGISTERS, function->span,
                    rn_text_u64(&number, RN_REGISTER_DIRECT_MAX));
    }
}

static void generate(struct rn_gen *gen, const struct rn_hir_function *function)
{
    if (rn_builder_fault(gen->builder) != RN_BUILDER_OK) {
        return;
    }
    gen->function = function;
    gen->wide = RN_NONE;
    rn_builder_begin(gen->builder, function->index);
    rn_gen_span(gen, function->span);
    bind_arguments(gen, function);
    rn_gen_value(gen, function->body, RN_GEN_RETURN);
    place_panics(gen);
    rn_builder_end(gen->builder);
    report_fault(gen, function);
}

void rn_gen_function(struct rn_gen *gen, struct rn_decl *decl, struct rn_arena *arena)
{
    struct rn_hir_function *function = gen->functions[decl->id];
    gen->arena = arena;
    function->index = rn_gen_function_index(gen, decl);
    generate(gen, function);
    while (gen->closures != NULL) {
        struct rn_hir_function *closure = gen->closures;
        gen->closures = closure->next;
        generate(gen, closure);
    }
}
