/*
 * items.c: the items of a tree become declarations.
 *
 * Trust: what it reads was parsed from hostile text; nesting is bounded by the parser, numbers by
 * item_decls.c.
 */
#include "compiler/items_private.h"

#include <string.h>

/* ---- Visibility ---- */

uint8_t rn_items_visibility(struct rn_items *items, const struct rn_ast_visibility *visibility)
{
    if (visibility->kind == RN_VISIBILITY_IN) {
        rn_diagnostics_add(items->diagnostics, RN_DIAGNOSTIC_UNSUPPORTED_VISIBILITY,
                           visibility->span, NULL, 0);
        items->private_->unusable = true;
    }
    return visibility->kind;
}

/* ---- Functions ---- */

static bool takes_self(const struct rn_ast_fn *fn)
{
    return fn->param_count != 0 && fn->params[0].is_self;
}

static void check_fn(struct rn_items *items, const struct rn_place *place,
                     const struct rn_ast_item *item, struct rn_decl *decl)
{
    const struct rn_ast_fn *fn = &item->fn;
    rn_items_check_fn_attributes(items, &item->attributes);
    if (fn->has_return_type) {
        struct rn_span head = {item->span.source, item->span.start, fn->return_span.end};
        rn_items_report(items, RN_DIAGNOSTIC_RETURN_TYPE, head);
    }
    if (fn->is_const && fn->is_async) {
        struct rn_span both = {fn->const_span.source, fn->const_span.start, fn->async_span.end};
        rn_items_report(items, RN_DIAGNOSTIC_FN_CONST_ASYNC, both);
    }
    decl->is_test = rn_items_flag_attribute(items, item, place, "test");
    decl->is_bench = rn_items_flag_attribute(items, item, place, "bench");
    if (!decl->is_instance) {
        return;
    }
    if (decl->is_test || decl->is_bench) {
        rn_diagnose(items->diagnostics, TEST_SELF, item->span,
                    rn_text(decl->is_test ? "test" : "bench"));
        items->private_->unusable = true;
    } else if (decl->type == NULL && decl->type_item == NULL) {
        rn_items_report(items, RN_DIAGNOSTIC_SELF_FN_OUTSIDE_IMPL, item->span);
    }
}

static void fill_function(struct rn_items *items, const struct rn_place *place,
                          const struct rn_ast_item *item, struct rn_decl *decl)
{
    const struct rn_ast_fn *fn = &item->fn;
    decl->visibility = rn_items_visibility(items, &item->visibility);
    decl->item = item;
    decl->body = fn->body;
    decl->name_span = item->name.span;
    decl->is_const_fn = fn->is_const;
    decl->is_async = fn->is_async;
    decl->is_instance = takes_self(fn);
    check_fn(items, place, item, decl);
    decl->is_exported = decl->is_instance || decl->is_test || decl->is_bench ||
                        (decl->visibility == RN_VISIBILITY_PUB && !place->nested);
    rn_walk_function(items, place, decl, fn);
    if (fn->is_const && decl->facts.yields) {
        rn_items_report(items, RN_DIAGNOSTIC_YIELD_IN_CONST, item->span);
    }
}

static void index_function(struct rn_items *items, const struct rn_place *place,
                           const struct rn_ast_item *item)
{
    struct rn_decl *decl =
        rn_items_declare(items, place, RN_DECL_FUNCTION, item->name.symbol, item->span);
    if (decl != NULL) {
        fill_function(items, place, item, decl);
    }
}

/* ---- Types ---- */

static void check_fields(struct rn_items *items, const struct rn_ast_fields *fields,
                         const char *construct)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct rn_ast_field *field = &fields->items[i];
        rn_items_check_attributes(items, &field->attributes, construct);
        if (field->has_type) {
            rn_items_report(items, RN_DIAGNOSTIC_FIELD_TYPE, field->span);
        }
        if (field->visibility.kind != RN_VISIBILITY_PRIVATE) {
            rn_items_report(items, RN_DIAGNOSTIC_FIELD_VISIBILITY, field->span);
        }
    }
}

static void index_struct(struct rn_items *items, const struct rn_place *place,
                         const struct rn_ast_item *item)
{
    rn_items_check_attributes(items, &item->attributes, "structs");
    check_fields(items, &item->struct_, "fields");
    struct rn_decl *decl =
        rn_items_declare(items, place, RN_DECL_STRUCT, item->name.symbol, item->span);
    if (decl != NULL) {
        decl->visibility = rn_items_visibility(items, &item->visibility);
        decl->name_span = item->name.span;
        decl->item = item;
        decl->fields = &item->struct_;
    }
}

static void index_variant(struct rn_items *items, const struct rn_place *place,
                          struct rn_decl *parent, const struct rn_ast_variant *variant)
{
    rn_items_check_attributes(items, &variant->attributes, "variants");
    check_fields(items, &variant->fields, "variant fields");
    struct rn_place inside = *place;
    inside.scope = parent;
    struct rn_decl *decl =
        rn_items_declare(items, &inside, RN_DECL_VARIANT, variant->name.symbol, variant->span);
    if (decl == NULL) {
        return;
    }
    decl->visibility = RN_VISIBILITY_PUB;
    decl->name_span = variant->name.span;
    decl->item = parent->item;
    decl->fields = &variant->fields;
    decl->variant_index = parent->variant_count;
    parent->variants[parent->variant_count++] = decl;
}

static void index_enum(struct rn_items *items, const struct rn_place *place,
                       const struct rn_ast_item *item)
{
    rn_items_check_attributes(items, &item->attributes, "enums");
    struct rn_decl *decl =
        rn_items_declare(items, place, RN_DECL_ENUM, item->name.symbol, item->span);
    if (decl == NULL) {
        return;
    }
    decl->visibility = rn_items_visibility(items, &item->visibility);
    decl->name_span = item->name.span;
    decl->item = item;
    decl->variants =
        rn_arena_alloc(items->arena, (item->enum_.count + 1) * sizeof(*decl->variants));
    if (decl->variants == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < item->enum_.count; i++) {
        index_variant(items, place, decl, &item->enum_.variants[i]);
    }
}

/* ---- Constants and statics ---- */

static void index_constant(struct rn_items *items, const struct rn_place *place,
                           const struct rn_ast_item *item)
{
    bool is_static = item->kind == RN_AST_STATIC;
    rn_items_check_attributes(items, &item->attributes, is_static ? "statics" : "constants");
    struct rn_decl *decl = rn_items_declare(
        items, place, is_static ? RN_DECL_STATIC : RN_DECL_CONST, item->name.symbol, item->span);
    if (decl == NULL) {
        return;
    }
    decl->visibility = rn_items_visibility(items, &item->visibility);
    decl->name_span = item->name.span;
    decl->item = item;
    if (item->constant.value != NULL) {
        struct rn_place inside = *place;
        inside.scope = decl;
        inside.facts = NULL;
        inside.in_const = true;
        inside.in_async = false;
        inside.nested = true;
        rn_walk_expr(items, &inside, item->constant.value);
    }
}

/* Without a scope: scripts find them where they find the items of the library. */
static void declare_host_static(struct rn_items *items, const struct rn_context_item *item)
{
    struct rn_items_private *p = items->private_;
    struct rn_decl *decl = rn_items_new(items, RN_DECL_STATIC);
    if (decl == NULL) {
        return;
    }
    decl->visibility = RN_VISIBILITY_PUB;
    decl->is_used = true;
    decl->path = item->path;
    decl->hash = item->hash;
    decl->module = items->root;
    decl->host = item;
    p->host_statics[p->host_static_count++] = decl;
}

enum rn_error rn_items_host_statics(struct rn_items *items)
{
    size_t count = rn_context_count(items->context);
    size_t statics = 0;
    for (size_t i = 0; i < count; i++) {
        statics += rn_context_at(items->context, i)->kind == RN_ITEM_STATIC;
    }
    if (statics == 0) {
        return RN_OK;
    }
    items->private_->host_statics =
        rn_arena_alloc(items->arena, statics * sizeof(*items->private_->host_statics));
    if (items->private_->host_statics == NULL) {
        return RN_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const struct rn_context_item *item = rn_context_at(items->context, i);
        if (item->kind == RN_ITEM_STATIC) {
            declare_host_static(items, item);
        }
    }
    return items->error;
}

struct rn_decl *rn_items_host_static(const struct rn_items *items,
                                     const struct rn_context_item *item)
{
    const struct rn_items_private *p = items->private_;
    for (uint32_t i = 0; i < p->host_static_count; i++) {
        if (p->host_statics[i]->host == item) {
            return p->host_statics[i];
        }
    }
    RN_CHECK(false);
    return NULL;
}

/* ---- Impl blocks ---- */

static void remember_impl(struct rn_items *items, const struct rn_place *place,
                          struct rn_ast_item *item)
{
    struct rn_impl *impl = rn_arena_alloc(items->arena, sizeof(*impl));
    if (impl == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return;
    }
    rn_items_check_attributes(items, &item->attributes, "impl blocks");
    *impl = (struct rn_impl){.item = item, .scope = place->scope, .module = place->module};
    struct rn_items_private *p = items->private_;
    if (p->last_impl == NULL) {
        p->impls = impl;
    } else {
        p->last_impl->next = impl;
    }
    p->last_impl = impl;
}

static bool impl_target(struct rn_items *items, const struct rn_impl *impl,
                        struct rn_resolved *out_resolved)
{
    const struct rn_ast_path *path = impl->item->impl.path;
    if (path->count > 0 && path->segments[0].kind == RN_SEGMENT_SELF_TYPE) {
        rn_items_report(items, RN_DIAGNOSTIC_UNSUPPORTED_SELF_TYPE, path->span);
        return false;
    }
    *out_resolved = rn_resolve_item(items, impl->scope, path);
    if (out_resolved->kind == RN_RESOLVED_FAILED) {
        items->private_->unusable = true;
        return false;
    }
    if (out_resolved->kind == RN_RESOLVED_DECL &&
        (out_resolved->decl->kind == RN_DECL_STRUCT || out_resolved->decl->kind == RN_DECL_ENUM)) {
        return true;
    }
    if (out_resolved->kind == RN_RESOLVED_CONTEXT && items->input->standard) {
        return true;
    }
    rn_diagnose(items->diagnostics, IMPL_TARGET, path->span,
                rn_describe_resolved(items, out_resolved));
    items->private_->unusable = true;
    return false;
}

static void impl_function(struct rn_items *items, const struct rn_impl *impl,
                          const struct rn_resolved *type, const struct rn_ast_item *item)
{
    struct rn_place place = {
        .scope = type->decl == NULL ? impl->scope : type->decl,
        .module = impl->module,
        .impl_self = type->decl,
        .nested = impl->scope != impl->module,
    };
    if (type->decl != NULL) {
        struct rn_decl *same = rn_items_children(items, type->decl, item->name.symbol);
        if (same != NULL) {
            struct rn_diagnostic *d =
                rn_diagnose(items->diagnostics, FUNCTION_CONFLICT, item->span, same->path);
            rn_diagnostic_label(items->diagnostics, d, same->name_span, "defined here first");
            items->private_->unusable = true;
        }
    }
    struct rn_decl *decl = rn_items_declare(items, &place, RN_DECL_FUNCTION,
                                            type->decl == NULL ? 0 : item->name.symbol, item->span);
    if (decl == NULL) {
        return;
    }
    decl->name = item->name.symbol;
    decl->outer = impl->scope;
    decl->type = type->decl;
    decl->type_item = type->item;
    if (type->decl == NULL) {
        decl->path = (struct rn_utf8){0};
        rn_items_path(items, decl);
    }
    fill_function(items, &place, item, decl);
}

void rn_items_attach_impls(struct rn_items *items)
{
    /* Bodies may hold further impl blocks, which go to the end of the list. */
    for (struct rn_impl *impl = items->private_->impls; impl != NULL; impl = impl->next) {
        struct rn_resolved type;
        if (!impl_target(items, impl, &type)) {
            continue;
        }
        for (uint32_t i = 0; i < impl->item->impl.functions.count; i++) {
            impl_function(items, impl, &type, impl->item->impl.functions.items[i]);
        }
    }
}

/* ---- Lists of items ---- */

static void index_macro_item(struct rn_items *items, const struct rn_ast_item *item)
{
    struct rn_span span = item->macro->path->span;
    struct rn_utf8 name = {0};
    if (item->macro->path->count != 0) {
        name = rn_symbol_text(
            &items->symbols, item->macro->path->segments[item->macro->path->count - 1].name.symbol);
    }
    rn_diagnose(items->diagnostics, MACRO_ITEM, span, name);
    items->private_->unusable = true;
}

static void index_item(struct rn_items *items, const struct rn_place *place,
                       struct rn_ast_item *item)
{
    switch ((enum rn_ast_item_kind)item->kind) {
    case RN_AST_USE:
        rn_items_check_attributes(items, &item->attributes, "imports");
        rn_imports_add(items, place, item);
        break;
    case RN_AST_FN:
        index_function(items, place, item);
        break;
    case RN_AST_STRUCT:
        index_struct(items, place, item);
        break;
    case RN_AST_ENUM:
        index_enum(items, place, item);
        break;
    case RN_AST_IMPL:
        remember_impl(items, place, item);
        break;
    case RN_AST_MOD:
        rn_items_module(items, place, item);
        break;
    case RN_AST_CONST:
    case RN_AST_STATIC:
        index_constant(items, place, item);
        break;
    case RN_AST_MACRO_ITEM:
        index_macro_item(items, item);
        break;
    }
}

void rn_items_index(struct rn_items *items, const struct rn_place *place,
                    const struct rn_ast_items *list)
{
    for (uint32_t i = 0; i < list->count && items->error == RN_OK; i++) {
        index_item(items, place, list->items[i]);
    }
}

/* ---- Script bodies ---- */

void rn_items_script(struct rn_items *items, const struct rn_place *place,
                     struct rn_ast_block *body)
{
    struct rn_place inside = *place;
    struct rn_decl *decl = rn_items_declare(items, place, RN_DECL_FUNCTION, 0, body->span);
    if (decl == NULL) {
        return;
    }
    decl->path = (struct rn_utf8){"", 0};
    decl->hash = 0;
    decl->body = body;
    decl->is_exported = true;
    decl->is_used = true;
    items->script = decl;
    inside.facts = &decl->facts;
    inside.in_async = true;
    body->scope = place->scope;
    rn_walk_statements(items, &inside, body);
}
