/*
 * gen_call.c: what takes a window of registers: calls, constructors, literals, closures; and texts.
 */
#include "compiler/gen.h"

#include <string.h>

/* Fields out of order that are put in order in registers. */
#define SHUFFLED_MAX 24u

/* Evaluates into consecutive registers, which are taken; returns the first. */
static uint32_t push_all(struct rn_gen *gen, const struct rn_hir_exprs *exprs)
{
    uint32_t window = gen->next;
    for (uint32_t i = 0; i < exprs->count; i++) {
        rn_gen_push(gen, exprs->items[i]);
    }
    return window;
}

/* ---- Calls ---- */

/* The callee as a value: calls whose number of arguments is wrong raise when they run. */
static void call_as_value(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t window = rn_gen_take(gen);
    if (expr->kind == RN_HIR_CALL_DECL) {
        rn_emit_FUNCTION(gen->builder, window, rn_gen_function_index(gen, expr->call.decl));
    } else if (expr->kind == RN_HIR_CALL_ITEM) {
        rn_emit_IMPORTED(
            gen->builder, window,
            rn_builder_import(gen->builder, expr->call.item->path, expr->call.item->arity));
    } else {
        gen->next = window;
        rn_gen_push(gen, expr->call.callee);
    }
    push_all(gen, &expr->call.args);
    gen->next = window;
    rn_gen_span(gen, expr->span);
    rn_emit_CALL_VALUE(gen->builder, window, expr->call.args.count);
    rn_gen_move(gen, dest, window);
}

static bool count_fits(const struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    uint32_t count = expr->call.args.count;
    if (expr->kind == RN_HIR_CALL_DECL) {
        return gen->functions[expr->call.decl->id]->param_count == count;
    }
    if (expr->kind == RN_HIR_CALL_ITEM) {
        return expr->call.item->arity < 0 || (uint32_t)expr->call.item->arity == count;
    }
    return expr->kind != RN_HIR_CALL_VALUE;
}

static void emit_method(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t window)
{
    struct rn_utf8 name = rn_symbol_text(&gen->items->symbols, expr->call.method.name);
    uint32_t site = rn_builder_site(gen->builder, RN_SITE_CALL, name, expr->call.method.generics);
    rn_emit_CALL_METHOD(gen->builder, window, expr->call.args.count, site);
}

void rn_gen_call(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    if (!count_fits(gen, expr)) {
        call_as_value(gen, expr, dest);
        return;
    }
    uint32_t count = expr->call.args.count;
    uint32_t window = push_all(gen, &expr->call.args);
    gen->next = window;
    rn_gen_span(gen, expr->span);
    if (expr->kind == RN_HIR_CALL_DECL) {
        rn_emit_CALL(gen->builder, window, count, rn_gen_function_index(gen, expr->call.decl));
    } else if (expr->kind == RN_HIR_CALL_ITEM) {
        uint32_t import =
            rn_builder_import(gen->builder, expr->call.item->path, expr->call.item->arity);
        rn_emit_CALL_IMPORT(gen->builder, window, count, import);
    } else if (expr->kind == RN_HIR_CALL_METHOD) {
        emit_method(gen, expr, window);
    } else {
        rn_emit_INTRINSIC(gen->builder, window, count, expr->call.intrinsic);
    }
    rn_gen_move(gen, dest, window);
}

/* ---- Constructors ---- */

static bool path_is(struct rn_hir_type type, const char *path)
{
    struct rn_utf8 text = rn_text(path);
    return type.item != NULL && type.item->path.size == text.size &&
           memcmp(type.item->path.data, text.data, text.size) == 0;
}

/* Variants of the library with instructions of their own. */
static bool construct_library(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    static const struct {
        const char *path;
        void (*emit)(struct rn_builder *b, uint32_t dst, uint32_t value);
    } wraps[] = {
        {"std::option::Option::Some", rn_emit_SOME},
        {"std::result::Result::Ok", rn_emit_OK},
        {"std::result::Result::Err", rn_emit_ERR},
    };
    static const char *const orderings[] = {"std::cmp::Ordering::Less", "std::cmp::Ordering::Equal",
                                            "std::cmp::Ordering::Greater"};
    for (size_t i = 0; i < RN_COUNT_OF(wraps); i++) {
        if (path_is(expr->call.type, wraps[i].path)) {
            uint32_t mark = gen->next;
            uint32_t value = rn_gen_any(gen, expr->call.args.items[0]);
            gen->next = mark;
            rn_gen_span(gen, expr->span);
            wraps[i].emit(gen->builder, dest, value);
            return true;
        }
    }
    for (uint32_t i = 0; i < RN_COUNT_OF(orderings); i++) {
        if (path_is(expr->call.type, orderings[i])) {
            rn_emit_ORDERING(gen->builder, dest, i);
            return true;
        }
    }
    if (path_is(expr->call.type, "std::option::Option::None")) {
        rn_emit_NONE(gen->builder, dest);
        return true;
    }
    return false;
}

void rn_gen_construct(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    if (expr->call.type.item != NULL && construct_library(gen, expr, dest)) {
        return;
    }
    uint32_t window = push_all(gen, &expr->call.args);
    gen->next = window;
    rn_gen_span(gen, expr->span);
    rn_emit_STRUCT(gen->builder, window, expr->call.args.count, rn_gen_type(gen, expr->call.type));
    rn_gen_move(gen, dest, window);
}

/* ---- Literals ---- */

/* A vector, built in pieces. */
static uint32_t push_vec(struct rn_gen *gen, const struct rn_hir_exprs *items, struct rn_span span)
{
    uint32_t vec = rn_gen_take(gen);
    rn_gen_span(gen, span);
    rn_emit_VEC_RESERVE(gen->builder, vec, items->count);
    for (uint32_t done = 0; done < items->count;) {
        uint32_t left = items->count - done;
        struct rn_hir_exprs part = {items->items + done, left < RN_HIR_CHUNK ? left : RN_HIR_CHUNK};
        uint32_t window = push_all(gen, &part);
        rn_gen_span(gen, span);
        rn_emit_VEC_EXTEND(gen->builder, vec, window, part.count);
        gen->next = window;
        done += part.count;
    }
    return vec;
}

static void large_list(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t window = push_vec(gen, &expr->list.items, expr->span);
    gen->next = window;
    if (expr->kind == RN_HIR_TUPLE) {
        rn_emit_TUPLE_OF(gen->builder, window);
    }
    rn_gen_move(gen, dest, window);
}

static uint32_t key_site(struct rn_gen *gen, struct rn_utf8 key)
{
    return rn_builder_site(gen->builder, RN_SITE_SET, key, (struct rn_utf8){0});
}

/* The first keys at once, the others one by one. */
static void object_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    const struct rn_hir_exprs *items = &expr->list.items;
    struct rn_hir_exprs first = *items;
    if (first.count > RN_HIR_CHUNK) {
        first.count = RN_HIR_CHUNK;
    }
    uint32_t window = push_all(gen, &first);
    rn_gen_span(gen, expr->span);
    rn_emit_OBJECT(gen->builder, window, first.count,
                   rn_builder_keys(gen->builder, expr->list.keys, first.count));
    gen->next = window + 1;
    for (uint32_t i = first.count; i < items->count; i++) {
        uint32_t value = rn_gen_any(gen, items->items[i]);
        rn_gen_span(gen, expr->span);
        rn_emit_INDEX_KEY_SET(gen->builder, window, value, key_site(gen, expr->list.keys[i]));
        gen->next = window + 1;
    }
    gen->next = window;
    rn_gen_move(gen, dest, window);
}

static bool in_order(const struct rn_hir_expr *expr)
{
    for (uint32_t i = 0; i < expr->list.items.count; i++) {
        if (expr->list.positions[i] != i) {
            return false;
        }
    }
    return true;
}

/*
 * Fields are evaluated as they are written and then stand in order of declaration. Values that
 * cannot change anything may be evaluated in that order at once.
 */
static bool may_reorder(const struct rn_hir_expr *expr)
{
    for (uint32_t i = 0; i < expr->list.items.count; i++) {
        const struct rn_hir_expr *item = expr->list.items.items[i];
        if (item->kind != RN_HIR_CONSTANT && item->kind != RN_HIR_LOCAL) {
            return false;
        }
    }
    return true;
}

/* For each field in order of declaration, which item of the literal it is; NULL: no memory. */
static uint32_t *items_by_field(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    uint32_t count = expr->list.items.count;
    uint32_t *items = rn_arena_alloc(gen->arena, ((size_t)count + 1) * sizeof(*items));
    if (items == NULL) {
        gen->error = RN_E_NO_MEMORY;
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[expr->list.positions[i]] = i;
    }
    return items;
}

static bool reordered(struct rn_gen *gen, const struct rn_hir_expr *expr, struct rn_hir_exprs *out)
{
    uint32_t count = expr->list.items.count;
    const uint32_t *items = items_by_field(gen, expr);
    out->count = count;
    out->items = rn_arena_alloc(gen->arena, ((size_t)count + 1) * sizeof(*out->items));
    if (items == NULL || out->items == NULL) {
        gen->error = RN_E_NO_MEMORY;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        out->items[i] = expr->list.items.items[items[i]];
    }
    return true;
}

/* Values as written, then copies of them in order behind those. */
static uint32_t push_shuffled(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const uint32_t *items = items_by_field(gen, expr);
    uint32_t written = push_all(gen, &expr->list.items);
    uint32_t window = gen->next;
    for (uint32_t i = 0; items != NULL && i < expr->list.items.count; i++) {
        rn_gen_move(gen, rn_gen_take(gen), written + items[i]);
    }
    return window;
}

/* The same for many: the values wait in one vector, and another one takes them in order. */
static uint32_t push_shuffled_vec(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const uint32_t *items = items_by_field(gen, expr);
    uint32_t written = push_vec(gen, &expr->list.items, expr->span);
    uint32_t sorted = rn_gen_take(gen);
    rn_emit_VEC_RESERVE(gen->builder, sorted, expr->list.items.count);
    for (uint32_t i = 0; items != NULL && i < expr->list.items.count; i++) {
        rn_emit_TUPLE_GET(gen->builder, gen->next, written, items[i]);
        rn_emit_VEC_EXTEND(gen->builder, sorted, gen->next, 1);
    }
    return sorted;
}

/* Types of the library that are written with fields are ranges. */
static bool range_struct_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    static const struct {
        const char *path;
        enum rn_range_kind kind;
    } ranges[] = {
        {"std::ops::RangeFull", RN_RANGE_FULL},
        {"std::ops::RangeFrom", RN_RANGE_FROM},
        {"std::ops::RangeTo", RN_RANGE_TO},
        {"std::ops::RangeToInclusive", RN_RANGE_TO_INCLUSIVE},
        {"std::ops::Range", RN_RANGE_HALF_OPEN},
        {"std::ops::RangeInclusive", RN_RANGE_INCLUSIVE},
    };
    for (size_t i = 0; i < RN_COUNT_OF(ranges); i++) {
        if (path_is(expr->list.type, ranges[i].path)) {
            uint32_t mark = gen->next;
            uint32_t window =
                in_order(expr) ? push_all(gen, &expr->list.items) : push_shuffled(gen, expr);
            gen->next = mark;
            rn_gen_span(gen, expr->span);
            rn_emit_RANGE(gen->builder, window, expr->list.items.count, ranges[i].kind);
            rn_gen_move(gen, dest, window);
            return true;
        }
    }
    return false;
}

static void struct_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    if (expr->list.type.item != NULL && range_struct_into(gen, expr, dest)) {
        return;
    }
    uint32_t mark = gen->next;
    uint32_t count = expr->list.items.count;
    uint32_t type = rn_gen_type(gen, expr->list.type);
    struct rn_hir_exprs items = expr->list.items;
    bool sorted = in_order(expr);
    if (!sorted && may_reorder(expr)) {
        sorted = reordered(gen, expr, &items);
    }
    uint32_t window;
    if (count <= (sorted ? RN_HIR_CHUNK : SHUFFLED_MAX)) {
        window = sorted ? push_all(gen, &items) : push_shuffled(gen, expr);
        rn_gen_span(gen, expr->span);
        rn_emit_STRUCT(gen->builder, window, count, type);
    } else {
        window = sorted ? push_vec(gen, &items, expr->span) : push_shuffled_vec(gen, expr);
        rn_gen_span(gen, expr->span);
        rn_emit_STRUCT_OF(gen->builder, window, type);
    }
    gen->next = mark;
    rn_gen_move(gen, dest, window);
}

void rn_gen_list(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    if (expr->kind == RN_HIR_OBJECT) {
        object_into(gen, expr, dest);
        return;
    }
    if (expr->kind == RN_HIR_STRUCT) {
        struct_into(gen, expr, dest);
        return;
    }
    uint32_t count = expr->list.items.count;
    if (count > RN_HIR_CHUNK) {
        large_list(gen, expr, dest);
        return;
    }
    uint32_t window = push_all(gen, &expr->list.items);
    gen->next = window;
    rn_gen_span(gen, expr->span);
    if (expr->kind == RN_HIR_VEC) {
        rn_emit_VEC(gen->builder, window, count);
    } else {
        rn_emit_TUPLE(gen->builder, window, count);
    }
    rn_gen_move(gen, dest, window);
}

/* ---- Texts ---- */

/* Values before texts are made of them: a later part may change what an earlier one shows. */
#define HELD_MAX 48u

static bool interleaves(const struct rn_hir_expr *expr)
{
    uint32_t holes = 0;
    bool simple = true;
    for (uint32_t i = 0; i < expr->text.count; i++) {
        const struct rn_hir_expr *part = expr->text.items[i].expr;
        if (part != NULL) {
            // Nothing has been shown before the first.
            simple = simple && (holes == 0 || rn_gen_is_simple(part));
            holes++;
        }
    }
    return simple || holes <= 1 || holes > HELD_MAX;
}

static void append_part(struct rn_gen *gen, const struct rn_hir_part *part, uint32_t text,
                        uint32_t value)
{
    rn_gen_span(gen, part->expr->span);
    if (part->spec == NULL) {
        rn_emit_TEXT_DISPLAY(gen->builder, text, value);
    } else {
        rn_emit_TEXT_FORMAT(gen->builder, text, value, rn_builder_spec(gen->builder, part->spec));
    }
}

/* R[text] = parts, whose values are evaluated here unless `values` says where they are. */
static void text_parts(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t text,
                       uint32_t values)
{
    uint32_t start = 0;
    struct rn_utf8 head = {0};
    if (expr->text.count > 0 && expr->text.items[0].expr == NULL) {
        head = expr->text.items[0].text;
        start = 1;
    }
    rn_emit_TEXT(gen->builder, text, rn_builder_string(gen->builder, head));
    for (uint32_t i = start; i < expr->text.count; i++) {
        const struct rn_hir_part *part = &expr->text.items[i];
        if (part->expr == NULL) {
            rn_emit_TEXT_STRING(gen->builder, text, rn_builder_string(gen->builder, part->text));
            continue;
        }
        uint32_t mark = gen->next;
        uint32_t value = values == RN_NONE ? rn_gen_any(gen, part->expr) : values++;
        gen->next = mark;
        append_part(gen, part, text, value);
    }
}

void rn_gen_text(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t mark = gen->next;
    uint32_t values = RN_NONE;
    if (!interleaves(expr)) {
        values = gen->next;
        for (uint32_t i = 0; i < expr->text.count; i++) {
            if (expr->text.items[i].expr != NULL) {
                rn_gen_push(gen, expr->text.items[i].expr);
            }
        }
    }
    uint32_t text = rn_gen_take(gen);
    rn_gen_span(gen, expr->span);
    text_parts(gen, expr, text, values);
    gen->next = mark;
    rn_gen_move(gen, dest, text);
}

/* ---- Closures ---- */

static void declare_closure(struct rn_gen *gen, struct rn_hir_function *closure)
{
    bool block = closure->is_async_block;
    struct rn_builder_function row = {
        .path = closure->decl->path,
        .arg_count = (uint16_t)(block ? closure->capture_count : closure->param_count),
        .capture_count = (uint16_t)(block ? 0 : closure->capture_count),
        .kind = closure->kind,
        .flags = closure->flags,
    };
    closure->index = rn_builder_function(gen->builder, &row);
    closure->next = gen->closures;
    gen->closures = closure;
}

void rn_gen_closure(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    struct rn_hir_function *closure = expr->closure;
    declare_closure(gen, closure);
    uint32_t window = gen->next;
    for (uint32_t i = 0; i < closure->capture_count; i++) {
        // The span says which variable it was: errors about captures name it.
        struct rn_hir_var *var = closure->captures[i].outer;
        struct rn_hir_expr local = {.kind = RN_HIR_LOCAL, .span = var->span, .var = var};
        rn_gen_push(gen, &local);
    }
    gen->next = window;
    rn_gen_span(gen, expr->span);
    if (closure->is_async_block) {
        rn_emit_CALL(gen->builder, window, closure->capture_count, closure->index);
    } else if (closure->capture_count > 0) {
        rn_emit_CLOSURE(gen->builder, window, closure->capture_count, closure->index);
    } else {
        rn_emit_FUNCTION(gen->builder, dest, closure->index);
        return;
    }
    rn_gen_move(gen, dest, window);
}
