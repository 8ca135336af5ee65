/*
 * lower.c: functions, frames and variables. See lower.h.
 */
#include "compiler/lower.h"

#include "base/alloc.h"
#include "compiler/const_eval.h"
#include "compiler/name_notes.h"

#include <string.h>

enum rn_error rn_lower_init(struct rn_lower *lower, struct rn_items *items)
{
    *lower = (struct rn_lower){
        .items = items,
        .diagnostics = items->diagnostics,
        .arena = items->arena,
        .scope = items->root,
    };
    lower->self_symbol = rn_symbols_intern(&items->symbols, "self", 4);
    if (lower->self_symbol == 0) {
        return RN_E_NO_MEMORY;
    }
    return rn_const_cache_new(items, &lower->constants);
}

void rn_lower_done(struct rn_lower *lower)
{
    rn_const_cache_free(lower->constants);
    rn_free(lower->bindings);
    rn_free(lower->heads);
    rn_free(lower->key_marks);
    rn_free(lower->key_places);
    lower->key_marks = NULL;
    lower->key_places = NULL;
    lower->bindings = NULL;
    lower->heads = NULL;
    lower->constants = NULL;
}

void *rn_lower_alloc(struct rn_lower *lower, size_t count, size_t size)
{
    // Once a node was not to be had, no list for it is: all nodes that failed are one, which holds nothing.
    if (lower->error != RN_OK) {
        return NULL;
    }
    // Counts are lengths of lists in the AST, whose elements are no smaller than these.
    void *block = rn_arena_alloc(lower->arena, (count == 0 ? 1 : count) * size);
    if (block == NULL) {
        lower->error = RN_E_NO_MEMORY;
    }
    return block;
}

struct rn_hir_expr *rn_hir_new(struct rn_lower *lower, enum rn_hir_kind kind, struct rn_span span)
{
    struct rn_hir_expr *expr = rn_lower_alloc(lower, 1, sizeof(*expr));
    if (expr == NULL) {
        lower->error_expr = (struct rn_hir_expr){.kind = RN_HIR_ERROR};
        return &lower->error_expr;
    }
    expr->kind = (uint8_t)kind;
    expr->span = span;
    return expr;
}

struct rn_hir_expr *rn_hir_constant(struct rn_lower *lower, struct rn_constant constant,
                                    struct rn_span span)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_CONSTANT, span);
    expr->constant = constant;
    return expr;
}

struct rn_hir_expr *rn_hir_local(struct rn_lower *lower, struct rn_hir_var *var,
                                 struct rn_span span)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_LOCAL, span);
    expr->var = var;
    return expr;
}

/* ---- Tables by symbol ---- */

/* Makes room for `name` in a table of zeros by symbol. */
static bool reserve_symbol(struct rn_lower *lower, uint32_t **table, uint32_t *count,
                           rn_symbol name)
{
    if (name < *count) {
        return true;
    }
    uint32_t wanted = lower->items->symbols.count > name ? lower->items->symbols.count : name + 1;
    wanted += wanted / 2;
    uint32_t *grown = rn_realloc(*table, (size_t)wanted * sizeof(*grown));
    if (grown == NULL) {
        lower->error = RN_E_NO_MEMORY;
        return false;
    }
    memset(grown + *count, 0, (size_t)(wanted - *count) * sizeof(*grown));
    *table = grown;
    *count = wanted;
    return true;
}

void rn_keys_begin(struct rn_lower *lower)
{
    lower->key_set++;
    lower->key_count = 0;
}

bool rn_keys_add(struct rn_lower *lower, struct rn_utf8 key)
{
    // The empty key is symbol 0, as good as any other.
    rn_symbol symbol = rn_symbols_intern(&lower->items->symbols, key.data, key.size);
    if (symbol == 0 && key.size > 0) {
        lower->error = RN_E_NO_MEMORY;
        return true;
    }
    if (!reserve_symbol(lower, &lower->key_marks, &lower->key_mark_count, symbol) ||
        !reserve_symbol(lower, &lower->key_places, &lower->key_place_count, symbol)) {
        return true;
    }
    if (lower->key_marks[symbol] == lower->key_set) {
        return false;
    }
    lower->key_marks[symbol] = lower->key_set;
    lower->key_places[symbol] = lower->key_count++;
    return true;
}

uint32_t rn_keys_find(const struct rn_lower *lower, struct rn_utf8 key)
{
    rn_symbol symbol = rn_symbols_find(&lower->items->symbols, key.data, key.size);
    bool known = (symbol != 0 || key.size == 0) && symbol < lower->key_mark_count &&
                 symbol < lower->key_place_count && lower->key_marks[symbol] == lower->key_set;
    return known ? lower->key_places[symbol] : RN_NONE;
}

/* ---- Variables ---- */

static bool reserve_binding(struct rn_lower *lower)
{
    if (lower->binding_count < lower->binding_capacity) {
        return true;
    }
    uint32_t capacity = lower->binding_capacity == 0 ? 64 : lower->binding_capacity * 2;
    struct rn_binding *bindings = rn_realloc(lower->bindings, (size_t)capacity * sizeof(*bindings));
    if (bindings == NULL) {
        lower->error = RN_E_NO_MEMORY;
        return false;
    }
    lower->bindings = bindings;
    lower->binding_capacity = capacity;
    return true;
}

static struct rn_hir_var *new_var(struct rn_lower *lower, const struct rn_frame *frame,
                                  rn_symbol name, struct rn_span span)
{
    struct rn_hir_var *var = rn_lower_alloc(lower, 1, sizeof(*var));
    if (var != NULL) {
        var->name = name;
        var->span = span;
        var->function = frame->function;
        var->place = frame->function->var_serial++;
    }
    return var;
}

struct rn_hir_var *rn_scope_bind(struct rn_lower *lower, rn_symbol name, struct rn_span span)
{
    struct rn_frame *frame = lower->frame;
    struct rn_hir_var *var = new_var(lower, frame, name, span);
    if (var == NULL || !reserve_symbol(lower, &lower->heads, &lower->head_count, name) ||
        !reserve_binding(lower)) {
        return NULL;
    }
    lower->bindings[lower->binding_count] = (struct rn_binding){
        .name = name, .shadowed = lower->heads[name], .var = var, .frame = frame};
    lower->binding_count++;
    lower->heads[name] = lower->binding_count;
    if (frame->bind_wide) {
        var->wide = true;
        frame->function->wide_count++;
    }
    rn_note_binding(lower->items, name, span);
    frame->alive++;
    if (frame->alive > frame->function->var_count) {
        frame->function->var_count = frame->alive;
    }
    return var;
}

void rn_scope_end(struct rn_lower *lower, uint32_t mark)
{
    while (lower->binding_count > mark) {
        lower->binding_count--;
        struct rn_binding *binding = &lower->bindings[lower->binding_count];
        lower->heads[binding->name] = binding->shadowed;
        binding->frame->alive--;
    }
}

/* Once for each variable. */
static void report_moved(struct rn_lower *lower, struct rn_hir_var *var, struct rn_span span)
{
    var->moved = false;
    struct rn_diagnostic *diagnostic =
        rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_VARIABLE_MOVED, span, NULL, 0);
    rn_diagnostic_label(lower->diagnostics, diagnostic, var->moved_at, "moved here");
}

static struct rn_hir_var *find_capture(const struct rn_frame *frame, struct rn_hir_var *outer)
{
    const struct rn_hir_function *function = frame->function;
    if (outer->last_capture != NULL && outer->last_capture->function == function) {
        return outer->last_capture;
    }
    for (uint32_t i = 0; i < function->capture_count; i++) {
        if (function->captures[i].outer == outer) {
            return function->captures[i].inner;
        }
    }
    return NULL;
}

static bool reserve_capture(struct rn_lower *lower, struct rn_hir_function *function)
{
    if (function->capture_count < function->capture_capacity) {
        return true;
    }
    uint32_t capacity = function->capture_capacity == 0 ? 4 : function->capture_capacity * 2;
    struct rn_hir_capture *captures = rn_lower_alloc(lower, capacity, sizeof(*captures));
    if (captures == NULL) {
        return false;
    }
    if (function->capture_count > 0) {
        memcpy(captures, function->captures, function->capture_count * sizeof(*captures));
    }
    function->captures = captures;
    function->capture_capacity = capacity;
    return true;
}

/* The frame's own copy of a variable of its parent. */
static struct rn_hir_var *capture(struct rn_lower *lower, struct rn_frame *frame,
                                  struct rn_hir_var *outer)
{
    struct rn_hir_var *inner = find_capture(frame, outer);
    if (inner != NULL) {
        return inner;
    }
    if (outer->moved) {
        report_moved(lower, outer, frame->span);
    }
    struct rn_hir_function *function = frame->function;
    if (function->capture_count >= RN_CAPTURES_MAX) {
        struct rn_number_text number;
        rn_diagnose(lower->diagnostics, TOO_MANY_CAPTURES, frame->span,
                    rn_text_u64(&number, RN_CAPTURES_MAX));
        return outer;
    }
    inner = new_var(lower, frame, outer->name, outer->span);
    if (inner == NULL || !reserve_capture(lower, function)) {
        return NULL;
    }
    function->captures[function->capture_count] = (struct rn_hir_capture){outer, inner};
    function->capture_count++;
    outer->last_capture = inner;
    return inner;
}

/* Captures along the frames between the variable's and the current one, outermost first. */
static struct rn_hir_var *capture_down(struct rn_lower *lower, struct rn_frame *frame,
                                       const struct rn_frame *owner, struct rn_hir_var *var)
{
    if (frame == owner) {
        return var;
    }
    struct rn_hir_var *outer = capture_down(lower, frame->parent, owner, var);
    return outer == NULL ? NULL : capture(lower, frame, outer);
}

static bool reaches(const struct rn_frame *frame, const struct rn_frame *owner)
{
    while (frame != NULL && frame != owner) {
        frame = frame->parent;
    }
    return frame != NULL;
}

struct rn_hir_var *rn_scope_find(struct rn_lower *lower, rn_symbol name, struct rn_span span)
{
    if (name == 0 || name >= lower->head_count || lower->heads[name] == 0) {
        return NULL;
    }
    const struct rn_binding *binding = &lower->bindings[lower->heads[name] - 1];
    if (!reaches(lower->frame, binding->frame)) {
        return NULL;
    }
    struct rn_hir_var *var = capture_down(lower, lower->frame, binding->frame, binding->var);
    if (var != NULL && var->moved && var->function == lower->frame->function) {
        report_moved(lower, var, span);
    }
    if (var != NULL) {
        struct rn_ast_name written = {name, span};
        rn_note_name(lower->items, &written, rn_meaning_of_local(var->span));
    }
    return var;
}

/* ---- Functions ---- */

struct state {
    struct rn_arena *arena;
    struct rn_decl *scope;
    struct rn_frame *frame;
};

static struct state enter(struct rn_lower *lower, struct rn_arena *arena, struct rn_decl *scope,
                          struct rn_frame *frame)
{
    struct state saved = {lower->arena, lower->scope, lower->frame};
    lower->arena = arena;
    lower->scope = scope;
    lower->frame = frame;
    return saved;
}

static void leave(struct rn_lower *lower, struct state saved)
{
    lower->arena = saved.arena;
    lower->scope = saved.scope;
    lower->frame = saved.frame;
}

static enum rn_function_kind function_kind(bool is_async, const struct rn_body_facts *facts)
{
    if (is_async) {
        return facts->yields ? RN_FUNCTION_STREAM : RN_FUNCTION_ASYNC;
    }
    return facts->yields ? RN_FUNCTION_GENERATOR : RN_FUNCTION_IMMEDIATE;
}

static struct rn_hir_function *new_function(struct rn_lower *lower, struct rn_decl *decl,
                                            struct rn_span span)
{
    struct rn_hir_function *function = rn_lower_alloc(lower, 1, sizeof(*function));
    if (function != NULL) {
        function->decl = decl;
        function->span = span;
        function->index = RN_NONE;
    }
    return function;
}

static struct rn_hir_pat *self_param(struct rn_lower *lower, const struct rn_ast_param *param)
{
    struct rn_hir_pat *pat = rn_lower_alloc(lower, 1, sizeof(*pat));
    if (pat == NULL) {
        return &lower->error_pat;
    }
    pat->kind = RN_HIR_PAT_BIND;
    pat->span = param->span;
    pat->var = rn_scope_bind(lower, lower->self_symbol, param->span);
    return pat->var == NULL ? &lower->error_pat : pat;
}

static bool lower_params(struct rn_lower *lower, struct rn_hir_function *function,
                         const struct rn_ast_param *params, uint32_t count, bool allow_self)
{
    function->params = rn_lower_alloc(lower, count, sizeof(struct rn_hir_pat *));
    if (function->params == NULL) {
        return false;
    }
    if (count > RN_ARGUMENTS_MAX) {
        struct rn_number_text number;
        rn_diagnose(lower->diagnostics, TOO_MANY_ARGUMENTS, params[RN_ARGUMENTS_MAX].span,
                    rn_text_u64(&number, RN_ARGUMENTS_MAX));
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!params[i].is_self) {
            function->params[i] = rn_lower_pat(lower, params[i].pat);
            continue;
        }
        if (!allow_self || i > 0) {
            rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_UNSUPPORTED_SELF, params[i].span,
                               NULL, 0);
        }
        function->params[i] = self_param(lower, &params[i]);
    }
    function->param_count = count;
    return true;
}

static const struct rn_ast_fn *ast_of(const struct rn_decl *decl)
{
    return decl->item == NULL ? NULL : &decl->item->fn;
}

static struct rn_hir_function *lower_body(struct rn_lower *lower, struct rn_decl *decl,
                                          bool is_const)
{
    struct rn_hir_function *function = new_function(lower, decl, decl->span);
    if (function == NULL) {
        return NULL;
    }
    struct rn_frame frame = {.function = function, .span = decl->span, .is_const = is_const};
    struct rn_decl *scope =
        decl->body != NULL && decl->body->scope != NULL ? decl->body->scope : decl;
    struct state saved = enter(lower, lower->arena, scope, &frame);
    uint32_t mark = rn_scope_begin(lower);
    uint32_t until = rn_note_until(lower->items, decl->span.end);
    const struct rn_ast_fn *ast = ast_of(decl);
    // A script body may await as it likes and is then asynchronous.
    bool is_async = decl->is_async || (ast == NULL && decl->facts.awaits);
    function->kind = (uint8_t)function_kind(is_async, &decl->facts);
    if (ast == NULL ||
        lower_params(lower, function, ast->params, ast->param_count, decl->is_instance)) {
        function->body = rn_lower_block(lower, decl->body, NULL);
    } else {
        function->body = rn_hir_error(lower);
    }
    rn_note_until(lower->items, until);
    rn_scope_end(lower, mark);
    leave(lower, saved);
    return function;
}

struct rn_hir_function *rn_lower_function(struct rn_lower *lower, struct rn_decl *decl,
                                          struct rn_arena *arena)
{
    struct state saved = enter(lower, arena, lower->scope, NULL);
    struct rn_hir_function *function = lower_body(lower, decl, false);
    leave(lower, saved);
    if (function != NULL) {
        function->flags = (uint8_t)((decl->is_instance ? RN_FUNCTION_INSTANCE : 0) |
                                    (decl->is_test ? RN_FUNCTION_TEST : 0) |
                                    (decl->is_bench ? RN_FUNCTION_BENCH : 0) | function->flags);
    }
    return function;
}

struct rn_hir_function *rn_lower_const_fn(struct rn_lower *lower, struct rn_decl *decl)
{
    struct state saved = enter(lower, lower->items->arena, lower->scope, NULL);
    struct rn_hir_function *function = lower_body(lower, decl, true);
    leave(lower, saved);
    return function;
}

struct rn_hir_expr *rn_lower_constant(struct rn_lower *lower, struct rn_decl *decl)
{
    struct state saved = enter(lower, lower->items->arena, decl, NULL);
    struct rn_hir_function *function = new_function(lower, decl, decl->span);
    struct rn_hir_expr *expr = rn_hir_error(lower);
    if (function != NULL) {
        struct rn_frame frame = {.function = function, .span = decl->span, .is_const = true};
        lower->frame = &frame;
        uint32_t mark = rn_scope_begin(lower);
        expr = rn_lower_expr(lower, decl->item->constant.value);
        rn_scope_end(lower, mark);
    }
    leave(lower, saved);
    return expr;
}

/* ---- Closures and async blocks ---- */

/* `move`: the variables are gone for whoever comes later. */
static void take_captures(const struct rn_hir_function *function, struct rn_span span)
{
    for (uint32_t i = 0; i < function->capture_count; i++) {
        struct rn_hir_var *outer = function->captures[i].outer;
        outer->moved = true;
        outer->moved_at = span;
    }
}

void rn_lower_widen(struct rn_lower *lower, uint32_t count)
{
    struct rn_hir_function *function = lower->frame->function;
    if (count > function->widest) {
        function->widest = count;
    }
}

static struct rn_hir_expr *finish_closure(struct rn_lower *lower, struct rn_hir_function *function,
                                          struct rn_span span)
{
    if (function->is_move) {
        take_captures(function, span);
    }
    rn_lower_widen(lower, function->capture_count);
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_CLOSURE, span);
    expr->closure = function;
    return expr;
}

struct rn_hir_expr *rn_lower_closure(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    const struct rn_ast_closure *closure = ast->closure;
    if (lower->frame->is_const) {
        rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_CLOSURE_IN_CONST, ast->span, NULL, 0);
        return rn_hir_error(lower);
    }
    struct rn_hir_function *function = new_function(lower, closure->decl, ast->span);
    if (function == NULL) {
        return rn_hir_error(lower);
    }
    function->kind = (uint8_t)function_kind(closure->is_async, &closure->facts);
    function->flags = RN_FUNCTION_CLOSURE;
    function->is_move = closure->is_move;
    struct rn_frame frame = {.parent = lower->frame, .function = function, .span = ast->span};
    struct rn_decl *scope = closure->decl == NULL ? lower->scope : closure->decl;
    struct state saved = enter(lower, lower->arena, scope, &frame);
    uint32_t mark = rn_scope_begin(lower);
    uint32_t until = rn_note_until(lower->items, ast->span.end);
    if (lower_params(lower, function, closure->params, closure->param_count, false)) {
        function->body = rn_lower_expr(lower, closure->body);
    } else {
        function->body = rn_hir_error(lower);
    }
    rn_note_until(lower->items, until);
    rn_scope_end(lower, mark);
    leave(lower, saved);
    return finish_closure(lower, function, ast->span);
}

struct rn_hir_expr *rn_lower_async_block(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    if (lower->frame->is_const) {
        rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_ASYNC_IN_CONST, ast->span, NULL, 0);
        return rn_hir_error(lower);
    }
    struct rn_hir_function *function = new_function(lower, ast->block.decl, ast->span);
    if (function == NULL) {
        return rn_hir_error(lower);
    }
    function->kind = (uint8_t)function_kind(true, &ast->block.facts);
    function->is_async_block = true;
    function->is_move = ast->block.is_move;
    function->params = NULL;
    struct rn_frame frame = {.parent = lower->frame, .function = function, .span = ast->span};
    struct rn_decl *scope = ast->block.decl == NULL ? lower->scope : ast->block.decl;
    struct state saved = enter(lower, lower->arena, scope, &frame);
    uint32_t mark = rn_scope_begin(lower);
    function->body = rn_lower_block(lower, ast->block.block, NULL);
    rn_scope_end(lower, mark);
    leave(lower, saved);
    return finish_closure(lower, function, ast->span);
}
