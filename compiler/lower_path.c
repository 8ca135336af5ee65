/*
 * lower_path.c: what a path means as a value, in a call, before `{ .. }`, and as a type.
 */
#include "compiler/const_eval.h"
#include "compiler/lower.h"
#include "compiler/name_notes.h"

#include "bytecode/intrinsics.h"

#include <string.h>

static struct rn_hir_expr *expected(struct rn_lower *lower, const struct rn_resolved *resolved,
                                    struct rn_span span, const char *what)
{
    rn_diagnose(lower->diagnostics, EXPECTED_META, span, rn_text(what),
                rn_describe_resolved(lower->items, resolved));
    return rn_hir_error(lower);
}

static struct rn_hir_expr *
expected_callable(struct rn_lower *lower, const struct rn_resolved *resolved, struct rn_span span)
{
    struct rn_diagnostic *d = rn_diagnose(lower->diagnostics, EXPECTED_META, span,
                                          rn_text("something that can be called as a function"),
                                          rn_describe_resolved(lower->items, resolved));
    rn_suggest_braces(lower->items, d, resolved->decl);
    return rn_hir_error(lower);
}

struct rn_hir_type rn_lower_resolved_type(const struct rn_resolved *resolved)
{
    return (struct rn_hir_type){.decl = resolved->decl, .item = resolved->item};
}

struct rn_utf8 rn_lower_type_path(struct rn_hir_type type)
{
    return type.decl != NULL ? type.decl->path : type.item->path;
}

int64_t rn_lower_tuple_arity(const struct rn_resolved *resolved)
{
    if (resolved->kind == RN_RESOLVED_CONTEXT) {
        const struct rn_context_item *item = resolved->item;
        bool built = item->kind == RN_ITEM_TYPE && item->fields.data != NULL;
        if (built && rn_context_field_count(item) == 0) {
            return 0;
        }
        return item->kind == RN_ITEM_VARIANT ? item->arity : -1;
    }
    const struct rn_decl *decl = resolved->decl;
    if (decl->kind != RN_DECL_STRUCT && decl->kind != RN_DECL_VARIANT) {
        return -1;
    }
    return decl->fields->kind == RN_FIELDS_NAMED ? -1 : (int64_t)decl->fields->count;
}

static struct rn_hir_expr *item_expr(struct rn_lower *lower, enum rn_hir_kind kind,
                                     const struct rn_resolved *resolved, struct rn_span span)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, kind, span);
    if (kind == RN_HIR_TYPE || kind == RN_HIR_CONSTRUCTOR) {
        expr->type = rn_lower_resolved_type(resolved);
    } else if (kind == RN_HIR_CONSTRUCT) {
        expr->call.type = rn_lower_resolved_type(resolved);
    } else if (kind == RN_HIR_IMPORT) {
        expr->item = resolved->item;
    } else {
        expr->decl = resolved->decl;
    }
    return expr;
}

static struct rn_hir_expr *constant_expr(struct rn_lower *lower, struct rn_constant value,
                                         struct rn_span span)
{
    struct rn_hir_expr *expr = rn_hir_constant(lower, value, span);
    expr->flags |= RN_HIR_WRITTEN;
    return expr;
}

static struct rn_hir_expr *decl_value(struct rn_lower *lower, const struct rn_resolved *resolved,
                                      struct rn_span span)
{
    struct rn_decl *decl = resolved->decl;
    switch ((enum rn_decl_kind)decl->kind) {
    case RN_DECL_FUNCTION:
        if (decl->is_const_fn) {
            break;
        }
        return item_expr(lower, RN_HIR_FUNCTION, resolved, span);
    case RN_DECL_STRUCT:
    case RN_DECL_VARIANT: {
        int64_t arity = rn_lower_tuple_arity(resolved);
        enum rn_hir_kind kind = arity < 0    ? RN_HIR_TYPE
                                : arity == 0 ? RN_HIR_CONSTRUCT
                                             : RN_HIR_CONSTRUCTOR;
        return item_expr(lower, kind, resolved, span);
    }
    case RN_DECL_ENUM:
        return item_expr(lower, RN_HIR_TYPE, resolved, span);
    case RN_DECL_CONST: {
        struct rn_constant value;
        if (!rn_const_of_decl(lower, decl, span, &value)) {
            return rn_hir_error(lower);
        }
        return constant_expr(lower, value, span);
    }
    case RN_DECL_STATIC:
        return item_expr(lower, RN_HIR_STATIC, resolved, span);
    case RN_DECL_MODULE:
    case RN_DECL_IMPORT:
    case RN_DECL_BLOCK:
        break;
    }
    return expected(lower, resolved, span, "something that can be used as a value");
}

static struct rn_hir_expr *context_constant(struct rn_lower *lower,
                                            const struct rn_context_item *item, struct rn_span span)
{
    struct rn_constant value;
    if (item->constant_size == 0) {
        struct rn_hir_expr *call = rn_hir_new(lower, RN_HIR_CALL_ITEM, span);
        if (call->kind != RN_HIR_ERROR) {
            call->call.item = item;
        }
        return call;
    }
    enum rn_error error =
        rn_constant_decode(item->constant, item->constant_size, lower->items->arena, &value);
    if (error != RN_OK) {
        rn_diagnose(lower->diagnostics, CONST_META, span, item->path);
        return rn_hir_error(lower);
    }
    return constant_expr(lower, value, span);
}

static void warn_deprecated(struct rn_lower *lower, const struct rn_context_item *item,
                            struct rn_span span)
{
    if (item->deprecated != NULL) {
        rn_diagnose(lower->diagnostics, DEPRECATED, span, rn_text(item->deprecated));
    }
}

/* `RangeFull`: its name is its value. */
static struct rn_hir_expr *empty_struct(struct rn_lower *lower, const struct rn_resolved *resolved,
                                        struct rn_span span)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_STRUCT, span);
    if (expr->kind != RN_HIR_ERROR) {
        expr->list.type = rn_lower_resolved_type(resolved);
    }
    return expr;
}

static struct rn_hir_expr *context_value(struct rn_lower *lower, const struct rn_resolved *resolved,
                                         struct rn_span span)
{
    switch ((enum rn_item_kind)resolved->item->kind) {
    case RN_ITEM_TYPE:
        return rn_lower_tuple_arity(resolved) == 0 ? empty_struct(lower, resolved, span)
                                                   : item_expr(lower, RN_HIR_TYPE, resolved, span);
    case RN_ITEM_FUNCTION:
    case RN_ITEM_METHOD:
        warn_deprecated(lower, resolved->item, span);
        return item_expr(lower, RN_HIR_IMPORT, resolved, span);
    case RN_ITEM_VARIANT:
        return item_expr(lower, resolved->item->arity == 0 ? RN_HIR_CONSTRUCT : RN_HIR_CONSTRUCTOR,
                         resolved, span);
    case RN_ITEM_CONSTANT:
        return context_constant(lower, resolved->item, span);
    case RN_ITEM_STATIC: // was resolved to its declaration
    case RN_ITEM_MODULE:
    case RN_ITEM_TRAIT:
    case RN_ITEM_MACRO:
    case RN_ITEM_ALIAS:
        break;
    }
    return expected(lower, resolved, span, "something that can be used as a value");
}

static struct rn_hir_expr *self_value(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_var *var = rn_scope_find(lower, lower->self_symbol, ast->span);
    if (var == NULL) {
        rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_MISSING_SELF, ast->span, NULL, 0);
        return rn_hir_error(lower);
    }
    return rn_hir_local(lower, var, ast->span);
}

static struct rn_hir_expr *report_missing(struct rn_lower *lower, const struct rn_ast_path *path,
                                          bool value)
{
    rn_symbol names[64];
    struct rn_name_list list = {.symbols = names};
    for (uint32_t i = lower->binding_count; i > 0 && list.count < RN_COUNT_OF(names); i--) {
        names[list.count++] = lower->bindings[i - 1].name;
    }
    rn_report_missing(lower->items, lower->scope, path, value, &list);
    return rn_hir_error(lower);
}

struct rn_hir_expr *rn_lower_path(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    const struct rn_ast_path *path = ast->path;
    if (rn_ast_path_is_self(path)) {
        return self_value(lower, ast);
    }
    rn_symbol name = rn_ast_path_ident(path);
    struct rn_hir_var *var = rn_scope_find(lower, name, ast->span);
    if (var != NULL) {
        return rn_hir_local(lower, var, ast->span);
    }
    struct rn_resolved resolved = rn_resolve(lower->items, lower->scope, path);
    switch ((enum rn_resolved_kind)resolved.kind) {
    case RN_RESOLVED_NOTHING:
        return report_missing(lower, path, true);
    case RN_RESOLVED_DECL:
        return decl_value(lower, &resolved, ast->span);
    case RN_RESOLVED_CONTEXT:
        return context_value(lower, &resolved, ast->span);
    case RN_RESOLVED_FAILED:
        break;
    }
    return rn_hir_error(lower);
}

/* ---- Types ---- */

static bool is_type(const struct rn_resolved *resolved)
{
    if (resolved->kind == RN_RESOLVED_CONTEXT) {
        return resolved->item->kind == RN_ITEM_TYPE;
    }
    return resolved->decl->kind == RN_DECL_STRUCT || resolved->decl->kind == RN_DECL_ENUM;
}

bool rn_lower_type(struct rn_lower *lower, const struct rn_ast_expr *ast,
                   struct rn_hir_type *out_type)
{
    while (ast->kind == RN_EXPR_GROUP) {
        ast = ast->inner;
    }
    if (ast->kind != RN_EXPR_PATH) {
        if (ast->kind != RN_EXPR_ERROR) {
            rn_diagnose(lower->diagnostics, EXPECTED_META, ast->span,
                        rn_text("something that has a type"), rn_text("an expression"));
        }
        return false;
    }
    struct rn_resolved resolved = rn_resolve_item(lower->items, lower->scope, ast->path);
    if (resolved.kind == RN_RESOLVED_FAILED) {
        return false;
    }
    if (!is_type(&resolved)) {
        expected(lower, &resolved, ast->span, "something that has a type");
        return false;
    }
    *out_type = rn_lower_resolved_type(&resolved);
    return true;
}

bool rn_lower_generics(struct rn_lower *lower, struct rn_ast_expr *const *items, uint32_t count,
                       struct rn_utf8 *out_text)
{
    struct rn_buf text;
    rn_buf_init(&text, 1u << 16);
    rn_buf_append_text(&text, "::<");
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        struct rn_hir_type type;
        ok = rn_lower_type(lower, items[i], &type);
        if (ok) {
            struct rn_utf8 path = rn_lower_type_path(type);
            rn_buf_append_text(&text, i == 0 ? "" : ",");
            rn_buf_append(&text, path.data, path.size);
        }
    }
    rn_buf_append_text(&text, ">");
    char *copy = NULL;
    if (ok && rn_buf_status(&text) == RN_OK) {
        copy = rn_arena_copy(lower->arena, text.data, text.size);
    }
    *out_text = (struct rn_utf8){copy, copy == NULL ? 0 : text.size};
    rn_buf_done(&text);
    if (ok && copy == NULL) {
        lower->error = RN_E_NO_MEMORY;
    }
    return copy != NULL;
}

/* ---- Calls ---- */

static void report_count(struct rn_lower *lower, struct rn_span span, uint64_t actual,
                         uint64_t wanted)
{
    struct rn_number_text a;
    struct rn_number_text b;
    rn_diagnose(lower->diagnostics, ARGUMENT_COUNT, span, rn_text_u64(&a, actual),
                rn_text_u64(&b, wanted));
}

static struct rn_hir_expr *call_new(struct rn_lower *lower, enum rn_hir_kind kind,
                                    const struct rn_ast_expr *ast)
{
    if (ast->call.count > RN_ARGUMENTS_MAX) {
        struct rn_number_text number;
        rn_diagnose(lower->diagnostics, TOO_MANY_ARGUMENTS, ast->call.args[RN_ARGUMENTS_MAX]->span,
                    rn_text_u64(&number, RN_ARGUMENTS_MAX));
        return rn_hir_error(lower);
    }
    struct rn_hir_expr *expr = rn_hir_new(lower, kind, ast->span);
    if (!rn_lower_exprs(lower, ast->call.args, ast->call.count, &expr->call.args)) {
        return rn_hir_error(lower);
    }
    rn_lower_widen(lower, ast->call.count);
    return expr;
}

static struct rn_hir_expr *call_constructor(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                            const struct rn_resolved *resolved, int64_t arity)
{
    struct rn_hir_expr *expr = call_new(lower, RN_HIR_CONSTRUCT, ast);
    if (expr->kind == RN_HIR_ERROR) {
        return expr;
    }
    if ((int64_t)ast->call.count != arity) {
        report_count(lower, ast->call.args_span, ast->call.count, (uint64_t)arity);
        return rn_hir_error(lower);
    }
    bool is_tuple = resolved->decl == NULL || resolved->decl->fields->kind == RN_FIELDS_TUPLE;
    if (arity == 0 && is_tuple) {
        rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_NEEDLESS_CALL_PARENTHESES,
                           ast->call.args_span, NULL, 0);
    }
    expr->call.type = rn_lower_resolved_type(resolved);
    return expr;
}

/* An argument that is not constant, refused after `before`: nothing at the call says why it must be. */
static struct rn_hir_expr *explain_arguments(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                             const struct rn_decl *decl,
                                             const struct rn_diagnostic *before)
{
    struct rn_diagnostic *last = lower->diagnostics->last;
    bool here = last != NULL && last != before && last->code == RN_DIAGNOSTIC_CONST_NOT_CONST &&
                last->span.source == ast->span.source && last->span.start >= ast->span.start &&
                last->span.end <= ast->span.end;
    if (here) {
        struct rn_utf8 name = rn_symbol_text(&lower->items->symbols, decl->name);
        name = name.size <= 100 ? name : RN_UTF8("..");
        rn_diagnostic_help(lower->diagnostics, last,
                           "`%.*s` is a `const fn`, which runs while the script is compiled: its "
                           "arguments must be constant",
                           (int)name.size, name.data);
    }
    return rn_hir_error(lower);
}

/* Outside of constants a const fn runs at once, over constant arguments. */
static struct rn_hir_expr *call_const_fn(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                         struct rn_decl *decl)
{
    bool was_const = lower->frame->is_const;
    struct rn_hir_function function = {.index = RN_NONE, .span = ast->span};
    struct rn_frame frame = {.function = &function, .span = ast->span, .is_const = true};
    struct rn_frame *saved = lower->frame;
    const struct rn_diagnostic *before = lower->diagnostics->last;
    if (!was_const) {
        // Arguments are a constant context, but names of variables are looked up and then refused.
        frame.parent = saved;
        lower->frame = &frame;
    }
    struct rn_hir_expr *expr = call_new(lower, RN_HIR_CALL_CONST_FN, ast);
    lower->frame = saved;
    if (expr->kind == RN_HIR_ERROR) {
        return explain_arguments(lower, ast, decl, before);
    }
    expr->call.decl = decl;
    if (was_const) {
        return expr;
    }
    struct rn_constant value;
    if (!rn_const_eval(lower, expr, &value)) {
        return explain_arguments(lower, ast, decl, before);
    }
    return constant_expr(lower, value, ast->span);
}

static struct rn_hir_expr *call_decl(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                     const struct rn_resolved *resolved)
{
    struct rn_decl *decl = resolved->decl;
    if (decl->kind == RN_DECL_FUNCTION) {
        if (decl->is_const_fn) {
            return call_const_fn(lower, ast, decl);
        }
        struct rn_hir_expr *expr = call_new(lower, RN_HIR_CALL_DECL, ast);
        if (expr->kind != RN_HIR_ERROR) {
            expr->call.decl = decl;
        }
        return expr;
    }
    int64_t arity = rn_lower_tuple_arity(resolved);
    if (arity >= 0) {
        return call_constructor(lower, ast, resolved, arity);
    }
    return expected_callable(lower, resolved, ast->span);
}

static struct rn_hir_expr *call_context(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                        const struct rn_resolved *resolved)
{
    const struct rn_context_item *item = resolved->item;
    if (item->kind == RN_ITEM_VARIANT) {
        return call_constructor(lower, ast, resolved, item->arity);
    }
    if (item->kind != RN_ITEM_FUNCTION && item->kind != RN_ITEM_METHOD) {
        return expected_callable(lower, resolved, ast->span);
    }
    warn_deprecated(lower, item, ast->call.callee->span);
    struct rn_hir_expr *expr = call_new(lower, RN_HIR_CALL_ITEM, ast);
    if (expr->kind != RN_HIR_ERROR) {
        expr->call.item = item;
    }
    return expr;
}

/* The name behind `intrinsics::`, or empty. */
static struct rn_utf8 intrinsic_name(const struct rn_lower *lower, const struct rn_ast_path *path)
{
    if (!lower->items->input->standard || path->count != 2 || path->global ||
        path->segments[0].kind != RN_SEGMENT_IDENT || path->segments[1].kind != RN_SEGMENT_IDENT) {
        return (struct rn_utf8){0};
    }
    struct rn_utf8 first = rn_symbol_text(&lower->items->symbols, path->segments[0].name.symbol);
    if (first.size != 10 || memcmp(first.data, "intrinsics", 10) != 0) {
        return (struct rn_utf8){0};
    }
    return rn_symbol_text(&lower->items->symbols, path->segments[1].name.symbol);
}

static bool text_is(struct rn_utf8 text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static struct rn_hir_expr *call_intrinsic(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                          struct rn_utf8 name)
{
    bool done = text_is(name, "done");
    bool back = text_is(name, "back");
    enum rn_intrinsic intrinsic = RN_INTRINSIC_COUNT;
    uint32_t arity = back ? 1 : 0;
    if (!done && !back) {
        intrinsic = rn_intrinsic_find(name.data, name.size);
        if (intrinsic == RN_INTRINSIC_COUNT) {
            return report_missing(lower, ast->call.callee->path, false);
        }
        arity = rn_intrinsics[intrinsic].arity;
    }
    struct rn_hir_expr *expr = call_new(lower,
                                        done   ? RN_HIR_DONE
                                        : back ? RN_HIR_BACK
                                               : RN_HIR_CALL_INTRINSIC,
                                        ast);
    if (ast->call.count != arity) {
        report_count(lower, ast->call.args_span, ast->call.count, arity);
        return rn_hir_error(lower);
    }
    if (done) {
        lower->frame->function->flags |= RN_FUNCTION_STEP;
    } else if (back) {
        expr->left = expr->call.args.items[0];
    } else {
        expr->call.intrinsic = intrinsic;
    }
    return expr;
}

static struct rn_hir_expr *call_value(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                      struct rn_hir_expr *callee)
{
    struct rn_hir_expr *expr = call_new(lower, RN_HIR_CALL_VALUE, ast);
    if (expr->kind != RN_HIR_ERROR) {
        expr->call.callee = callee;
    }
    return expr;
}

/* What is given to a function that is not there may be of interest all the same. */
static struct rn_hir_expr *call_nothing(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_exprs args;
    if (lower->items->notes != NULL) {
        (void)rn_lower_exprs(lower, ast->call.args, ast->call.count, &args);
    }
    return rn_hir_error(lower);
}

static struct rn_hir_expr *call_path(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    const struct rn_ast_expr *callee = ast->call.callee;
    rn_symbol name = rn_ast_path_ident(callee->path);
    if (rn_ast_path_is_self(callee->path)) {
        return call_value(lower, ast, rn_lower_path(lower, callee));
    }
    struct rn_hir_var *var = rn_scope_find(lower, name, callee->span);
    if (var != NULL) {
        return call_value(lower, ast, rn_hir_local(lower, var, callee->span));
    }
    struct rn_utf8 intrinsic = intrinsic_name(lower, callee->path);
    if (intrinsic.size > 0) {
        return call_intrinsic(lower, ast, intrinsic);
    }
    struct rn_resolved resolved = rn_resolve(lower->items, lower->scope, callee->path);
    switch ((enum rn_resolved_kind)resolved.kind) {
    case RN_RESOLVED_DECL:
        if (resolved.decl->kind == RN_DECL_STATIC || resolved.decl->kind == RN_DECL_CONST) {
            break;
        }
        return call_decl(lower, ast, &resolved);
    case RN_RESOLVED_CONTEXT:
        return call_context(lower, ast, &resolved);
    case RN_RESOLVED_NOTHING:
        report_missing(lower, callee->path, false);
        return call_nothing(lower, ast);
    case RN_RESOLVED_FAILED:
        return call_nothing(lower, ast);
    }
    return call_value(lower, ast, decl_value(lower, &resolved, callee->span));
}

const struct rn_decl *rn_lower_known_type(const struct rn_lower *lower,
                                          const struct rn_ast_expr *ast)
{
    while (ast->kind == RN_EXPR_GROUP) {
        ast = ast->inner;
    }
    bool is_self = ast->kind == RN_EXPR_PATH && rn_ast_path_is_self(ast->path);
    return is_self ? lower->scope->impl_self : NULL;
}

/* The receiver becomes the first argument. */
static struct rn_hir_expr *call_method(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    const struct rn_ast_expr *callee = ast->call.callee;
    uint32_t count = ast->call.count + 1;
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_CALL_METHOD, ast->span);
    struct rn_hir_expr **args = rn_lower_alloc(lower, count, sizeof(*args));
    if (args == NULL) {
        return rn_hir_error(lower);
    }
    if (callee->kind == RN_EXPR_TUPLE_FIELD) {
        // `a.0(x)` looks for an instance function called `0`, of which there is none.
        struct rn_span span = callee->tuple_field.number_span;
        struct rn_utf8 text = lower->diagnostics->sources[span.source].text;
        expr->call.method.name = rn_symbols_intern(&lower->items->symbols, text.data + span.start,
                                                   span.end - span.start);
        args[0] = rn_lower_expr(lower, callee->tuple_field.target);
    } else {
        expr->call.method.name = callee->field.name.symbol;
        rn_note_member(lower->items, &callee->field.name,
                       rn_lower_known_type(lower, callee->field.target));
        args[0] = rn_lower_expr(lower, callee->field.target);
        if (callee->field.has_generics &&
            !rn_lower_generics(lower, callee->field.generics, callee->field.generic_count,
                               &expr->call.method.generics)) {
            return rn_hir_error(lower);
        }
    }
    if (count > RN_ARGUMENTS_MAX) {
        struct rn_number_text number;
        rn_diagnose(lower->diagnostics, TOO_MANY_ARGUMENTS, ast->span,
                    rn_text_u64(&number, RN_ARGUMENTS_MAX));
        return rn_hir_error(lower);
    }
    for (uint32_t i = 1; i < count; i++) {
        args[i] = rn_lower_expr(lower, ast->call.args[i - 1]);
    }
    expr->call.args = (struct rn_hir_exprs){args, count};
    rn_lower_widen(lower, count);
    return expr;
}

struct rn_hir_expr *rn_lower_call(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    const struct rn_ast_expr *callee = ast->call.callee;
    if (callee->kind == RN_EXPR_PATH) {
        return call_path(lower, ast);
    }
    if (callee->kind == RN_EXPR_FIELD || callee->kind == RN_EXPR_TUPLE_FIELD) {
        return call_method(lower, ast);
    }
    return call_value(lower, ast, rn_lower_expr(lower, callee));
}

/* ---- Objects and structs ---- */

static struct rn_hir_expr *field_value(struct rn_lower *lower,
                                       const struct rn_ast_field_init *field)
{
    if (field->value != NULL) {
        return rn_lower_expr(lower, field->value);
    }
    struct rn_hir_var *var =
        field->quoted ? NULL : rn_scope_find(lower, field->key.symbol, field->key.span);
    if (var == NULL) {
        rn_diagnose(lower->diagnostics, MISSING_LOCAL, field->key.span, field->text);
        return rn_hir_error(lower);
    }
    return rn_hir_local(lower, var, field->key.span);
}

static bool lower_fields(struct rn_lower *lower, const struct rn_ast_expr *ast,
                         struct rn_hir_expr *expr)
{
    uint32_t count = ast->object.count;
    expr->list.items.items = rn_lower_alloc(lower, count, sizeof(struct rn_hir_expr *));
    expr->list.keys = rn_lower_alloc(lower, count, sizeof(struct rn_utf8));
    if (expr->list.items.items == NULL || expr->list.keys == NULL) {
        return false;
    }
    bool ok = true;
    rn_keys_begin(lower);
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_ast_field_init *field = &ast->object.fields[i];
        expr->list.keys[i] = field->text;
        if (!rn_keys_add(lower, field->text)) {
            rn_diagnose(lower->diagnostics, DUPLICATE_KEY, field->key.span, field->text);
            ok = false;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        expr->list.items.items[i] = field_value(lower, &ast->object.fields[i]);
    }
    expr->list.items.count = count;
    rn_lower_widen(lower, count < RN_HIR_CHUNK ? count : RN_HIR_CHUNK);
    return ok;
}

/* The fields of a type as the key set, in order of declaration. */
void rn_lower_field_keys(struct rn_lower *lower, const struct rn_ast_fields *fields)
{
    rn_keys_begin(lower);
    for (uint32_t i = 0; i < fields->count; i++) {
        rn_keys_add(lower, rn_symbol_text(&lower->items->symbols, fields->items[i].name.symbol));
    }
}

void rn_lower_check_fields(struct rn_lower *lower, const struct rn_ast_fields *fields)
{
    rn_keys_begin(lower);
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct rn_ast_name *name = &fields->items[i].name;
        struct rn_utf8 text = rn_symbol_text(&lower->items->symbols, name->symbol);
        if (!rn_keys_add(lower, text)) {
            rn_diagnose(lower->diagnostics, DUPLICATE_KEY, name->span, text);
        }
    }
}

/* Field i of the literal goes to position[i]; every field once. */
static bool place_fields(struct rn_lower *lower, const struct rn_ast_expr *ast,
                         struct rn_hir_expr *expr, const struct rn_decl *decl)
{
    const struct rn_ast_fields *fields = decl->fields;
    uint32_t count = expr->list.items.count;
    expr->list.positions = rn_lower_alloc(lower, count, sizeof(uint32_t));
    bool *given = rn_lower_alloc(lower, fields->count, sizeof(bool));
    if (expr->list.positions == NULL || given == NULL) {
        return false;
    }
    rn_lower_field_keys(lower, fields);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t position = rn_keys_find(lower, expr->list.keys[i]);
        if (position == RN_NONE) {
            struct rn_diagnostic *d =
                rn_diagnose(lower->diagnostics, NOT_A_FIELD, ast->object.fields[i].key.span,
                            expr->list.keys[i], decl->path);
            rn_suggest_field(lower->items, d, fields, expr->list.keys[i]);
            return false;
        }
        rn_note_field(lower->items, &ast->object.fields[i].key, decl);
        expr->list.positions[i] = position;
        given[position] = true;
    }
    for (uint32_t i = 0; i < fields->count; i++) {
        if (!given[i]) {
            rn_diagnose(lower->diagnostics, MISSING_FIELD, ast->span,
                        rn_symbol_text(&lower->items->symbols, fields->items[i].name.symbol),
                        decl->path);
            return false;
        }
    }
    return true;
}

static bool place_context_fields(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                 struct rn_hir_expr *expr, const struct rn_context_item *item)
{
    uint32_t count = expr->list.items.count;
    expr->list.positions = rn_lower_alloc(lower, count, sizeof(uint32_t));
    if (expr->list.positions == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        expr->list.positions[i] = rn_context_field(item, expr->list.keys[i]);
        if (expr->list.positions[i] == RN_NONE) {
            rn_diagnose(lower->diagnostics, NOT_A_FIELD, ast->object.fields[i].key.span,
                        expr->list.keys[i], item->path);
            return false;
        }
    }
    if (count != rn_context_field_count(item)) {
        rn_diagnose(lower->diagnostics, MISSING_FIELD, ast->span, item->fields, item->path);
        return false;
    }
    return true;
}

struct rn_hir_expr *rn_lower_object(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *expr =
        rn_hir_new(lower, ast->object.path == NULL ? RN_HIR_OBJECT : RN_HIR_STRUCT, ast->span);
    if (!lower_fields(lower, ast, expr)) {
        return rn_hir_error(lower);
    }
    if (ast->object.path == NULL) {
        return expr;
    }
    struct rn_resolved resolved = rn_resolve_item(lower->items, lower->scope, ast->object.path);
    if (resolved.kind == RN_RESOLVED_FAILED) {
        return rn_hir_error(lower);
    }
    expr->list.type = rn_lower_resolved_type(&resolved);
    const struct rn_decl *decl = resolved.decl;
    bool ok = false;
    if (decl != NULL && (decl->kind == RN_DECL_STRUCT || decl->kind == RN_DECL_VARIANT) &&
        decl->fields->kind != RN_FIELDS_TUPLE) {
        ok = place_fields(lower, ast, expr, decl);
    } else if (resolved.item != NULL && resolved.item->fields.data != NULL) {
        ok = place_context_fields(lower, ast, expr, resolved.item);
    } else {
        rn_diagnose(lower->diagnostics, UNSUPPORTED_LIT_OBJECT, ast->span,
                    rn_describe_resolved(lower->items, &resolved));
    }
    return ok ? expr : rn_hir_error(lower);
}
