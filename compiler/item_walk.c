/*
 * item_walk.c: through bodies, for what the item pass must know of them.
 *
 * Numbers blocks and closures, declares the items inside, notes `yield` and `.await` for the
 * function around, resolves macros and has their arguments parsed. Nesting is bounded by the
 * parser.
 */
#include "compiler/items_private.h"

#include "bytecode/hash.h"
#include "compiler/parser.h"

#include <string.h>

/* ---- Patterns hold paths only: nothing to do but to know it ---- */

static void walk_exprs(struct rn_items *items, const struct rn_place *place,
                       struct rn_ast_expr **list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rn_walk_expr(items, place, list[i]);
    }
}

/* ---- Blocks ---- */

void rn_walk_statements(struct rn_items *items, const struct rn_place *place,
                        struct rn_ast_block *block)
{
    rn_items_index(items, place,
                   &(struct rn_ast_items){.items = block->items, .count = block->item_count});
    for (uint32_t i = 0; i < block->stmt_count; i++) {
        if (block->stmts[i].expr != NULL) {
            rn_walk_expr(items, place, block->stmts[i].expr);
        }
    }
}

void rn_walk_block(struct rn_items *items, const struct rn_place *place, struct rn_ast_block *block)
{
    struct rn_decl *decl = rn_items_block(items, place, block->span);
    if (decl == NULL) {
        return;
    }
    struct rn_place inside = *place;
    inside.scope = decl;
    block->scope = decl;
    rn_walk_statements(items, &inside, block);
}

void rn_walk_function(struct rn_items *items, const struct rn_place *place, struct rn_decl *decl,
                      const struct rn_ast_fn *fn)
{
    struct rn_place inside = {
        .scope = decl,
        .module = place->module,
        .impl_self = place->impl_self,
        .facts = &decl->facts,
        .in_async = fn->is_async,
        .in_const = fn->is_const,
        .nested = true,
    };
    if (fn->body != NULL) {
        rn_walk_block(items, &inside, fn->body);
    }
}

/* ---- Closures, async and const blocks: bodies of their own ---- */

static void walk_closure(struct rn_items *items, const struct rn_place *place,
                         struct rn_ast_closure *closure, struct rn_span span)
{
    struct rn_decl *decl = rn_items_block(items, place, span);
    if (decl == NULL) {
        return;
    }
    rn_items_path(items, decl);
    closure->decl = decl;
    struct rn_place inside = *place;
    inside.scope = decl;
    inside.facts = &closure->facts;
    inside.in_async = closure->is_async;
    inside.in_const = false;
    rn_walk_expr(items, &inside, closure->body);
}

static void walk_block_expr(struct rn_items *items, const struct rn_place *place,
                            struct rn_ast_expr *expr)
{
    struct rn_place inside = *place;
    if (!expr->block.is_async && !expr->block.is_const) {
        rn_walk_block(items, place, expr->block.block);
        return;
    }
    inside.facts = expr->block.is_async ? &expr->block.facts : NULL;
    inside.in_async = expr->block.is_async;
    inside.in_const = expr->block.is_const;
    rn_walk_block(items, &inside, expr->block.block);
    expr->block.decl = expr->block.block->scope;
    if (expr->block.decl != NULL) {
        rn_items_path(items, expr->block.decl);
    }
}

/* ---- yield and await ---- */

static void note_yield(struct rn_items *items, const struct rn_place *place, struct rn_span span)
{
    if (place->in_const) {
        rn_items_report(items, RN_DIAGNOSTIC_YIELD_IN_CONST, span);
    } else if (place->facts != NULL) {
        place->facts->yields = true;
    }
}

static void note_await(struct rn_items *items, const struct rn_place *place, struct rn_span span)
{
    if (place->in_const) {
        rn_items_report(items, RN_DIAGNOSTIC_AWAIT_IN_CONST, span);
    } else if (!place->in_async) {
        rn_items_report(items, RN_DIAGNOSTIC_AWAIT_OUTSIDE_ASYNC, span);
    } else if (place->facts != NULL) {
        place->facts->awaits = true;
    }
}

/* ---- Macros ---- */

/* The library's path of a macro ends in "!". */
static const struct rn_context_item *find_macro(struct rn_items *items, const char *path,
                                                size_t size)
{
    char buffer[256];
    if (size + 1 > sizeof(buffer)) {
        return NULL;
    }
    memcpy(buffer, path, size);
    buffer[size] = '!';
    const struct rn_context_item *item = rn_context_find(items->context, buffer, size + 1);
    return item != NULL && item->kind == RN_ITEM_MACRO ? item : NULL;
}

static const struct rn_context_item *prelude_macro(struct rn_items *items, struct rn_utf8 name)
{
    char buffer[128];
    if (name.size + 1 > sizeof(buffer)) {
        return NULL;
    }
    memcpy(buffer, name.data, name.size);
    buffer[name.size] = '!';
    const struct rn_context_item *item = rn_context_prelude(items->context, buffer, name.size + 1);
    return item != NULL && item->kind == RN_ITEM_MACRO ? item : NULL;
}

/* An import that leads to a module of the library, and the macro in it. */
static const struct rn_context_item *
imported_macro(struct rn_items *items, const struct rn_place *place, const struct rn_ast_path *path)
{
    char storage[512];
    struct rn_buf text;
    rn_buf_init_fixed(&text, storage, sizeof(storage));
    for (uint32_t i = 0; i < path->count; i++) {
        struct rn_utf8 name = rn_symbol_text(&items->symbols, path->segments[i].name.symbol);
        rn_buf_append_text(&text, i == 0 ? "" : "::");
        rn_buf_append(&text, name.data, name.size);
    }
    const struct rn_context_item *item = NULL;
    if (rn_buf_status(&text) == RN_OK) {
        item = find_macro(items, storage, text.size);
    }
    return item != NULL ? item : rn_import_macro(items, place->scope, path);
}

static const struct rn_context_item *
resolve_macro(struct rn_items *items, const struct rn_place *place, const struct rn_ast_path *path)
{
    rn_symbol ident = rn_ast_path_ident(path);
    const struct rn_context_item *item = NULL;
    if (ident != 0) {
        item = prelude_macro(items, rn_symbol_text(&items->symbols, ident));
    }
    if (item == NULL) {
        item = imported_macro(items, place, path);
    }
    if (item == NULL) {
        rn_report_missing_macro(items, path);
        items->private_->unusable = true;
    }
    return item;
}

static bool takes_expressions(const struct rn_context_item *item)
{
    static const char *const others[] = {"std::stringify!", "std::macros::builtin::file!",
                                         "std::macros::builtin::line!"};
    for (size_t i = 0; i < RN_COUNT_OF(others); i++) {
        if (item->path.size == strlen(others[i]) &&
            memcmp(item->path.data, others[i], item->path.size) == 0) {
            return false;
        }
    }
    return true;
}

/* Behind the format string of a macro, `name = expr` names an argument; elsewhere it assigns. */
static uint32_t named_from(const struct rn_context_item *item)
{
    static const struct {
        const char *path;
        uint32_t from;
    } rows[] = {
        {"std::test::assert!", 2},
        {"std::test::assert_eq!", 3},
        {"std::test::assert_ne!", 3},
        {"std::io::dbg!", UINT32_MAX},
    };
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        if (item->path.size == strlen(rows[i].path) &&
            memcmp(item->path.data, rows[i].path, item->path.size) == 0) {
            return rows[i].from;
        }
    }
    return 1;
}

/* Deep `println!("{}", format!(..))` recurses through the parser again: bounded here. */
#define MACRO_DEPTH_MAX 64

static void walk_macro(struct rn_items *items, const struct rn_place *place,
                       struct rn_ast_macro *macro)
{
    struct rn_place inside = *place;
    inside.macro_depth++;
    if (inside.macro_depth > MACRO_DEPTH_MAX) {
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, MACRO_RECURSION, macro->path->span,
                    rn_text_u64(&number, MACRO_DEPTH_MAX));
        items->private_->unusable = true;
        return;
    }
    macro->item = resolve_macro(items, place, macro->path);
    if (macro->item == NULL) {
        return;
    }
    if (!takes_expressions(macro->item)) {
        return;
    }
    struct rn_parser_input input = {
        .arena = items->arena, .symbols = &items->symbols, .diagnostics = items->diagnostics};
    struct rn_macro_mode mode = {.named_from = named_from(macro->item),
                                 .depth = place->macro_depth};
    bool good = false;
    enum rn_error error =
        rn_parse_macro_args(&input, &macro->input, mode, &macro->args, &macro->arg_count, &good);
    if (error != RN_OK) {
        rn_items_fail(items, error);
        return;
    }
    if (!good) {
        macro->item = NULL;
        items->private_->unusable = true;
        return;
    }
    for (uint32_t i = 0; i < macro->arg_count; i++) {
        rn_walk_expr(items, &inside, macro->args[i].expr);
    }
}

/* ---- Expressions ---- */

static void walk_branches(struct rn_items *items, const struct rn_place *place,
                          struct rn_ast_expr *expr)
{
    for (uint32_t i = 0; i < expr->if_.count; i++) {
        rn_walk_expr(items, place, expr->if_.branches[i].condition);
        rn_walk_block(items, place, expr->if_.branches[i].block);
    }
}

static void walk_arms(struct rn_items *items, const struct rn_place *place,
                      struct rn_ast_expr *expr)
{
    rn_walk_expr(items, place, expr->match.subject);
    for (uint32_t i = 0; i < expr->match.count; i++) {
        rn_walk_expr(items, place, expr->match.arms[i].guard);
        rn_walk_expr(items, place, expr->match.arms[i].body);
    }
}

static void walk_fields(struct rn_items *items, const struct rn_place *place,
                        struct rn_ast_expr *expr)
{
    for (uint32_t i = 0; i < expr->object.count; i++) {
        rn_walk_expr(items, place, expr->object.fields[i].value);
    }
}

static void walk_template(struct rn_items *items, const struct rn_place *place,
                          struct rn_ast_expr *expr)
{
    for (uint32_t i = 0; i < expr->template_.count; i++) {
        rn_walk_expr(items, place, expr->template_.parts[i].expr);
    }
}

/* `a + b + c ..` leans left as deep as it is long: the left side is a loop, not a recursion. */
static struct rn_ast_expr *walk_left(struct rn_items *items, const struct rn_place *place,
                                     struct rn_ast_expr *expr)
{
    switch (expr->kind) {
    case RN_EXPR_BINARY:
        rn_walk_expr(items, place, expr->binary.right);
        return expr->binary.left;
    case RN_EXPR_CALL:
        walk_exprs(items, place, expr->call.args, expr->call.count);
        return expr->call.callee;
    case RN_EXPR_INDEX:
        rn_walk_expr(items, place, expr->index.index);
        return expr->index.target;
    case RN_EXPR_FIELD:
        return expr->field.target;
    case RN_EXPR_TUPLE_FIELD:
        return expr->tuple_field.target;
    case RN_EXPR_AWAIT:
        note_await(items, place, expr->span);
        return expr->inner;
    case RN_EXPR_GROUP:
    case RN_EXPR_TRY:
    case RN_EXPR_RETURN:
        return expr->inner;
    case RN_EXPR_YIELD:
        note_yield(items, place, expr->span);
        return expr->inner;
    case RN_EXPR_UNARY:
        return expr->unary.operand;
    default:
        return NULL;
    }
}

static void walk_own(struct rn_items *items, const struct rn_place *place, struct rn_ast_expr *expr)
{
    switch (expr->kind) {
    case RN_EXPR_TEMPLATE:
        walk_template(items, place, expr);
        break;
    case RN_EXPR_TUPLE:
    case RN_EXPR_VEC:
        walk_exprs(items, place, expr->list.items, expr->list.count);
        break;
    case RN_EXPR_OBJECT:
        walk_fields(items, place, expr);
        break;
    case RN_EXPR_ASSIGN:
        rn_walk_expr(items, place, expr->assign.target);
        rn_walk_expr(items, place, expr->assign.value);
        break;
    case RN_EXPR_RANGE:
        rn_walk_expr(items, place, expr->range.start);
        rn_walk_expr(items, place, expr->range.end);
        break;
    case RN_EXPR_MACRO:
        walk_macro(items, place, expr->macro);
        break;
    case RN_EXPR_CLOSURE:
        walk_closure(items, place, expr->closure, expr->span);
        break;
    case RN_EXPR_BLOCK:
        walk_block_expr(items, place, expr);
        break;
    case RN_EXPR_LOOP:
    case RN_EXPR_WHILE:
    case RN_EXPR_FOR:
        rn_walk_expr(items, place, expr->loop.condition);
        rn_walk_expr(items, place, expr->loop.iter);
        rn_walk_block(items, place, expr->loop.body);
        break;
    case RN_EXPR_IF:
        walk_branches(items, place, expr);
        break;
    case RN_EXPR_SELECT:
        note_await(items, place, expr->span);
        walk_arms(items, place, expr);
        break;
    case RN_EXPR_MATCH:
        walk_arms(items, place, expr);
        break;
    case RN_EXPR_LET:
        rn_walk_expr(items, place, expr->let.value);
        break;
    case RN_EXPR_BREAK:
        rn_walk_expr(items, place, expr->jump.value);
        break;
    default:
        break;
    }
}

void rn_walk_expr(struct rn_items *items, const struct rn_place *place, struct rn_ast_expr *expr)
{
    while (expr != NULL && items->error == RN_OK) {
        struct rn_ast_expr *left = walk_left(items, place, expr);
        if (left == NULL) {
            walk_own(items, place, expr);
        }
        expr = left;
    }
}
