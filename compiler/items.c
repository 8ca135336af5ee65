/*
 * items.c: declarations of all sources, from the root source over its modules.
 *
 * Trust: what it reads was parsed from hostile text; nesting is bounded by the parser, numbers by
 * the limits below. Blocks, closures and async blocks are declarations, too, numbered inside the
 * item around them ("main::$0"), since items may stand in them.
 */
#include "compiler/items_private.h"

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "bytecode/unit_layout.h"
#include "compiler/lexer.h"
#include "compiler/parser.h"

#include <string.h>

enum {
    ITEMS_MAX = 1u << 20,
    MODULE_DEPTH_MAX = 64,
};
// Each function is an item, so that a Unit never has too many of them.
_Static_assert((unsigned)ITEMS_MAX <= RN_FUNCTIONS_MAX, "every item can be a function");

void rn_items_fail(struct rn_items *items, enum rn_error error)
{
    if (items->error == RN_OK) {
        items->error = error;
    }
    items->private_->broken = true;
}

/* ---- Names in scopes ---- */

static uint32_t slot_of(const struct rn_items_private *p, uint32_t scope, rn_symbol name)
{
    uint64_t key = ((uint64_t)scope << 32 | name) * 0x9e3779b97f4a7c15u;
    uint32_t mask = p->slot_capacity - 1;
    uint32_t i = (uint32_t)(key >> 40) & mask;
    while (p->slots[i].scope != 0 && (p->slots[i].scope != scope || p->slots[i].name != name)) {
        i = (i + 1) & mask;
    }
    return i;
}

static bool grow_slots(struct rn_items *items)
{
    struct rn_items_private *p = items->private_;
    struct rn_items_private old = *p;
    p->slot_capacity = old.slot_capacity == 0 ? 256 : old.slot_capacity * 2;
    p->slots = rn_arena_alloc(items->arena, p->slot_capacity * sizeof(*p->slots));
    if (p->slots == NULL) {
        p->slots = old.slots;
        p->slot_capacity = old.slot_capacity;
        rn_items_fail(items, RN_E_NO_MEMORY);
        return false;
    }
    for (uint32_t i = 0; i < old.slot_capacity; i++) {
        if (old.slots[i].scope != 0) {
            p->slots[slot_of(p, old.slots[i].scope, old.slots[i].name)] = old.slots[i];
        }
    }
    return true;
}

struct rn_decl *rn_items_children(const struct rn_items *items, const struct rn_decl *scope,
                                  rn_symbol name)
{
    const struct rn_items_private *p = items->private_;
    if (name == 0 || p->slot_capacity == 0) {
        return NULL;
    }
    return p->slots[slot_of(p, scope->id + 1, name)].first;
}

/* Appends behind earlier declarations of that name, so that the first stays the first. */
static void enter_name(struct rn_items *items, struct rn_decl *scope, struct rn_decl *decl)
{
    struct rn_items_private *p = items->private_;
    if (p->slot_count * 2 >= p->slot_capacity && !grow_slots(items)) {
        return;
    }
    struct rn_name_slot *slot = &p->slots[slot_of(p, scope->id + 1, decl->name)];
    if (slot->scope == 0) {
        *slot = (struct rn_name_slot){.scope = scope->id + 1, .name = decl->name, .first = decl};
        p->slot_count++;
        return;
    }
    /* Two are enough to be ambiguous; further ones go behind the first. */
    decl->next_same = slot->first->next_same;
    slot->first->next_same = decl;
}

/* ---- Declarations ---- */

static struct rn_decl *new_decl(struct rn_items *items, enum rn_decl_kind kind)
{
    if (items->decl_count == items->decl_capacity) {
        uint32_t capacity = items->decl_capacity == 0 ? 256 : items->decl_capacity * 2;
        struct rn_decl **decls = rn_arena_alloc(items->arena, capacity * sizeof(*decls));
        if (decls == NULL) {
            rn_items_fail(items, RN_E_NO_MEMORY);
            return NULL;
        }
        if (items->decl_count != 0) {
            memcpy(decls, items->decls, items->decl_count * sizeof(*decls));
        }
        items->decls = decls;
        items->decl_capacity = capacity;
    }
    struct rn_decl *decl = rn_arena_alloc(items->arena, sizeof(*decl));
    if (decl == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return NULL;
    }
    decl->kind = (uint8_t)kind;
    decl->id = items->decl_count;
    decl->code_index = RN_NONE;
    items->decls[items->decl_count++] = decl;
    return decl;
}

static bool room(struct rn_items *items, struct rn_span span)
{
    if (items->decl_count < ITEMS_MAX) {
        return true;
    }
    if (!items->private_->broken) {
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, TOO_MANY_ITEMS, span, rn_text_u64(&number, ITEMS_MAX));
        items->private_->broken = true;
    }
    return false;
}

static struct rn_utf8 own_name(const struct rn_items *items, const struct rn_decl *decl,
                               struct rn_number_text *storage)
{
    if (decl->kind == RN_DECL_BLOCK) {
        return rn_text_u64(storage, decl->block_id);
    }
    return rn_symbol_text(&items->symbols, decl->name);
}

/* Builds path and hash, those of the declarations around it first. */
void rn_items_path(struct rn_items *items, struct rn_decl *decl)
{
    if (decl->path.data != NULL || decl->parent == NULL) {
        return;
    }
    struct rn_utf8 base;
    if (decl->type_item != NULL) {
        base = decl->type_item->path;
    } else {
        rn_items_path(items, decl->parent);
        base = decl->parent->path;
    }
    struct rn_number_text storage;
    struct rn_utf8 name = own_name(items, decl, &storage);
    bool block = decl->kind == RN_DECL_BLOCK;
    size_t separator = base.size == 0 ? 0 : 2;
    size_t size = base.size + separator + (block ? 1 : 0) + name.size;
    char *path = rn_arena_alloc(items->arena, size + 1);
    if (path == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return;
    }
    memcpy(path, base.data == NULL ? "" : base.data, base.size);
    memcpy(path + base.size, "::", separator);
    if (block) {
        path[base.size + separator] = '$';
    }
    memcpy(path + size - name.size, name.data, name.size);
    decl->path = (struct rn_utf8){path, size};
    decl->hash = rn_hash_item(path, size);
}

static void attach(struct rn_decl *decl, const struct rn_place *place, struct rn_span span)
{
    decl->parent = place->scope;
    decl->outer = place->scope;
    decl->module = place->module;
    decl->impl_self = place->impl_self;
    decl->span = span;
    decl->name_span = span;
}

struct rn_decl *rn_items_declare(struct rn_items *items, const struct rn_place *place,
                                 enum rn_decl_kind kind, rn_symbol name, struct rn_span span)
{
    struct rn_decl *decl = room(items, span) ? new_decl(items, kind) : NULL;
    if (decl == NULL) {
        return NULL;
    }
    attach(decl, place, span);
    decl->name = name;
    if (kind != RN_DECL_IMPORT) {
        rn_items_path(items, decl);
    }
    if (name != 0) {
        enter_name(items, place->scope, decl);
    }
    return decl;
}

struct rn_decl *rn_items_block(struct rn_items *items, const struct rn_place *place,
                               struct rn_span span)
{
    struct rn_decl *decl = room(items, span) ? new_decl(items, RN_DECL_BLOCK) : NULL;
    if (decl == NULL) {
        return NULL;
    }
    attach(decl, place, span);
    decl->block_id = place->scope->next_id++;
    return decl;
}

/* ---- Attributes ---- */

static bool attribute_is(const struct rn_items *items, const struct rn_ast_attribute *attribute,
                         const char *name)
{
    rn_symbol ident = attribute->path == NULL ? 0 : rn_ast_path_ident(attribute->path);
    struct rn_utf8 text = rn_symbol_text(&items->symbols, ident);
    return ident != 0 && text.size == strlen(name) && memcmp(text.data, name, text.size) == 0;
}

static bool is_doc(const struct rn_items *items, const struct rn_ast_attribute *attribute)
{
    return attribute->is_doc_comment || attribute_is(items, attribute, "doc");
}

/* Reports what is neither documentation nor among `test` and `bench` (functions only). */
static void check_attributes(struct rn_items *items, const struct rn_ast_attributes *attributes,
                             const char *construct)
{
    for (uint32_t i = 0; i < attributes->count; i++) {
        const struct rn_ast_attribute *attribute = &attributes->items[i];
        if (!is_doc(items, attribute)) {
            rn_diagnose(items->diagnostics, ATTRIBUTES, attribute->span, rn_text(construct));
            items->private_->unusable = true;
            return;
        }
    }
}

/* `test` or `bench` of a function: true if it is there. Once, without input, not nested. */
static bool flag_attribute(struct rn_items *items, const struct rn_ast_item *item,
                           const struct rn_place *place, bool bench)
{
    const char *name = bench ? "bench" : "test";
    bool found = false;
    for (uint32_t i = 0; i < item->attributes.count; i++) {
        const struct rn_ast_attribute *attribute = &item->attributes.items[i];
        if (!attribute_is(items, attribute, name)) {
            continue;
        }
        if (found) {
            rn_diagnose(items->diagnostics, REPEATED_ATTRIBUTE, attribute->span, rn_text(name));
            items->private_->unusable = true;
        } else if (attribute->input.start < attribute->input.end) {
            rn_diagnose(items->diagnostics, UNSUPPORTED, attribute->span,
                        rn_text("input of this attribute"));
            items->private_->unusable = true;
        } else if (place->nested) {
            rn_diagnostics_add(items->diagnostics,
                               bench ? RN_DIAGNOSTIC_NESTED_BENCH : RN_DIAGNOSTIC_NESTED_TEST,
                               attribute->span, NULL, 0);
            items->private_->unusable = true;
        }
        found = true;
    }
    return found;
}

static void check_fn_attributes(struct rn_items *items, const struct rn_ast_item *item)
{
    for (uint32_t i = 0; i < item->attributes.count; i++) {
        const struct rn_ast_attribute *attribute = &item->attributes.items[i];
        if (!is_doc(items, attribute) && !attribute_is(items, attribute, "test") &&
            !attribute_is(items, attribute, "bench")) {
            rn_diagnose(items->diagnostics, ATTRIBUTES, attribute->span, rn_text("functions"));
            items->private_->unusable = true;
            return;
        }
    }
}

static uint8_t visibility_of(struct rn_items *items, const struct rn_ast_visibility *visibility)
{
    if (visibility->kind == RN_VISIBILITY_IN) {
        rn_diagnostics_add(items->diagnostics, RN_DIAGNOSTIC_UNSUPPORTED_VISIBILITY,
                           visibility->span, NULL, 0);
        items->private_->unusable = true;
    }
    return visibility->kind;
}

static void report(struct rn_items *items, enum rn_diagnostic_code code, struct rn_span span)
{
    rn_diagnostics_add(items->diagnostics, code, span, NULL, 0);
    items->private_->unusable = true;
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
    check_fn_attributes(items, item);
    if (fn->has_return_type) {
        report(items, RN_DIAGNOSTIC_RETURN_TYPE, item->span);
    }
    if (fn->is_const && fn->is_async) {
        report(items, RN_DIAGNOSTIC_FN_CONST_ASYNC, item->span);
    }
    decl->is_test = flag_attribute(items, item, place, false);
    decl->is_bench = flag_attribute(items, item, place, true);
    if (!decl->is_instance) {
        return;
    }
    if (decl->is_test || decl->is_bench) {
        rn_diagnose(items->diagnostics, TEST_SELF, item->span,
                    rn_text(decl->is_test ? "test" : "bench"));
        items->private_->unusable = true;
    } else if (decl->type == NULL && decl->type_item == NULL) {
        report(items, RN_DIAGNOSTIC_SELF_FN_OUTSIDE_IMPL, item->span);
    }
}

static void fill_function(struct rn_items *items, const struct rn_place *place,
                          const struct rn_ast_item *item, struct rn_decl *decl)
{
    const struct rn_ast_fn *fn = &item->fn;
    decl->visibility = visibility_of(items, &item->visibility);
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
        report(items, RN_DIAGNOSTIC_YIELD_IN_CONST, item->span);
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
        check_attributes(items, &field->attributes, construct);
        if (field->has_type) {
            report(items, RN_DIAGNOSTIC_FIELD_TYPE, field->span);
        }
        if (field->visibility.kind != RN_VISIBILITY_PRIVATE) {
            report(items, RN_DIAGNOSTIC_FIELD_VISIBILITY, field->span);
        }
    }
}

static void index_struct(struct rn_items *items, const struct rn_place *place,
                         const struct rn_ast_item *item)
{
    check_attributes(items, &item->attributes, "structs");
    check_fields(items, &item->struct_, "fields");
    struct rn_decl *decl =
        rn_items_declare(items, place, RN_DECL_STRUCT, item->name.symbol, item->span);
    if (decl != NULL) {
        decl->visibility = visibility_of(items, &item->visibility);
        decl->name_span = item->name.span;
        decl->item = item;
        decl->fields = &item->struct_;
    }
}

static void index_variant(struct rn_items *items, const struct rn_place *place,
                          struct rn_decl *parent, const struct rn_ast_variant *variant)
{
    check_attributes(items, &variant->attributes, "variants");
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
    check_attributes(items, &item->attributes, "enums");
    struct rn_decl *decl =
        rn_items_declare(items, place, RN_DECL_ENUM, item->name.symbol, item->span);
    if (decl == NULL) {
        return;
    }
    decl->visibility = visibility_of(items, &item->visibility);
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
    check_attributes(items, &item->attributes, is_static ? "statics" : "constants");
    struct rn_decl *decl = rn_items_declare(
        items, place, is_static ? RN_DECL_STATIC : RN_DECL_CONST, item->name.symbol, item->span);
    if (decl == NULL) {
        return;
    }
    decl->visibility = visibility_of(items, &item->visibility);
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
    struct rn_decl *decl = new_decl(items, RN_DECL_STATIC);
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

static enum rn_error declare_host_statics(struct rn_items *items)
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
    check_attributes(items, &item->attributes, "impl blocks");
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
        report(items, RN_DIAGNOSTIC_UNSUPPORTED_SELF_TYPE, path->span);
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

static void attach_impls(struct rn_items *items)
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

/* ---- Modules ---- */

static void parse_and_index(struct rn_items *items, const struct rn_place *place, uint32_t source,
                            bool script);

static void report_load(struct rn_items *items, struct rn_decl *decl, struct rn_span span,
                        enum rn_error error)
{
    struct rn_number_text number;
    if (error == RN_E_UNSUPPORTED) {
        report(items, RN_DIAGNOSTIC_UNSUPPORTED_MODULE_SOURCE, span);
    } else if (error == RN_E_NOT_FOUND) {
        rn_diagnose(items->diagnostics, MODULE_NOT_FOUND, span, decl->path, decl->path);
    } else if (items->diagnostics->source_count >= RN_SOURCES_MAX) {
        rn_diagnose(items->diagnostics, TOO_MANY_SOURCES, span,
                    rn_text_u64(&number, RN_SOURCES_MAX));
    } else if (error == RN_E_TOO_LARGE) {
        rn_diagnose(items->diagnostics, SOURCE_TOO_LARGE, span,
                    rn_text_u64(&number, RN_SOURCE_SIZE_MAX));
    } else {
        rn_diagnose(items->diagnostics, SOURCE_ERROR, span, decl->path,
                    rn_text(rn_error_message(error)));
    }
    items->private_->broken = true;
}

static enum rn_error load(struct rn_items *items, struct rn_decl *decl, uint32_t *out_source)
{
    const struct rn_module_loader *loader = items->input->loader;
    if (loader == NULL) {
        return RN_E_UNSUPPORTED;
    }
    RN_AUTO_FREE char *name = NULL;
    RN_AUTO_FREE char *text = NULL;
    RN_AUTO_FREE char *item = rn_strndup(decl->path.data, decl->path.size);
    size_t size = 0;
    if (item == NULL) {
        return RN_E_NO_MEMORY;
    }
    RN_TRY(loader->load(loader->user, item, &name, &text, &size));
    return rn_diagnostics_add_source(items->diagnostics, name, text == NULL ? "" : text, size,
                                     out_source);
}

/* `mod a;`: the root source's folder has it as a.rn or a/mod.rn; the loader knows. */
static void load_module(struct rn_items *items, const struct rn_place *place, struct rn_decl *decl,
                        const struct rn_ast_item *item)
{
    if (place->scope != place->module) {
        rn_diagnose(items->diagnostics, UNSUPPORTED_MODULE_ITEM, item->span, decl->path);
        items->private_->unusable = true;
        return;
    }
    uint32_t source = 0;
    enum rn_error error = load(items, decl, &source);
    if (error == RN_E_NO_MEMORY) {
        rn_items_fail(items, error);
    } else if (error != RN_OK) {
        report_load(items, decl, item->span, error);
    } else {
        struct rn_place inside = {.scope = decl, .module = decl};
        parse_and_index(items, &inside, source, false);
    }
}

static bool module_again(struct rn_items *items, const struct rn_place *place,
                         const struct rn_ast_item *item)
{
    for (struct rn_decl *same = rn_items_children(items, place->scope, item->name.symbol);
         same != NULL; same = same->next_same) {
        if (same->kind == RN_DECL_MODULE && item->mod.file == NULL &&
            same->item->mod.file == NULL) {
            struct rn_diagnostic *d =
                rn_diagnose(items->diagnostics, MODULE_ALREADY_LOADED, item->span, same->path);
            rn_diagnostic_label(items->diagnostics, d, same->span, "loaded here first");
            items->private_->unusable = true;
            return true;
        }
    }
    return false;
}

static uint32_t module_depth(const struct rn_decl *decl)
{
    uint32_t depth = 0;
    for (; decl != NULL; decl = decl->parent) {
        depth++;
    }
    return depth;
}

static void index_module(struct rn_items *items, const struct rn_place *place,
                         const struct rn_ast_item *item)
{
    check_attributes(items, &item->attributes, "modules");
    if (module_again(items, place, item)) {
        return;
    }
    struct rn_decl *decl =
        rn_items_declare(items, place, RN_DECL_MODULE, item->name.symbol, item->span);
    if (decl == NULL) {
        return;
    }
    decl->visibility = visibility_of(items, &item->visibility);
    decl->name_span = item->name.span;
    decl->item = item;
    decl->module = decl;
    if (item->mod.file != NULL) {
        struct rn_place inside = {.scope = decl, .module = decl, .nested = place->nested};
        check_attributes(items, &item->mod.file->attributes, "modules");
        rn_items_index(items, &inside, &item->mod.file->items);
        return;
    }
    if (module_depth(decl) > MODULE_DEPTH_MAX) {
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, NESTING, item->span,
                    rn_text_u64(&number, MODULE_DEPTH_MAX));
        items->private_->broken = true;
        return;
    }
    load_module(items, place, decl, item);
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
        check_attributes(items, &item->attributes, "imports");
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
        index_module(items, place, item);
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

/* ---- Sources ---- */

static void index_script(struct rn_items *items, const struct rn_place *place,
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

/* The text of a source as tokens; not UTF-8 is an error of its own. */
static enum rn_error lex(struct rn_items *items, uint32_t source, struct rn_tokens *out_tokens)
{
    struct rn_utf8 text = items->diagnostics->sources[source].text;
    size_t offset = 0;
    if (!rn_utf8_valid(text.data, text.size, &offset)) {
        struct rn_span span = {
            .source = source, .start = (uint32_t)offset, .end = (uint32_t)offset};
        rn_diagnostics_add(items->diagnostics, RN_DIAGNOSTIC_INVALID_UTF8, span, NULL, 0);
        items->private_->broken = true;
        return RN_E_INVALID_UTF8;
    }
    return rn_lex(&items->symbols, source, text, true, out_tokens);
}

static void parse_and_index(struct rn_items *items, const struct rn_place *place, uint32_t source,
                            bool script)
{
    struct rn_parser_input input = {
        .arena = items->arena, .symbols = &items->symbols, .diagnostics = items->diagnostics};
    uint32_t errors = items->diagnostics->error_count;
    struct rn_tokens *tokens = rn_arena_alloc(items->arena, sizeof(*tokens));
    struct rn_ast_file *file = NULL;
    enum rn_error error = tokens == NULL ? RN_E_NO_MEMORY : lex(items, source, tokens);
    if (error == RN_E_INVALID_UTF8) {
        return;
    }
    if (error == RN_OK) {
        error = rn_parse_file(&input, tokens, script, &file);
    }
    if (error != RN_OK) {
        rn_items_fail(items, error);
        return;
    }
    if (items->diagnostics->error_count != errors) {
        items->private_->broken = true;
    }
    check_attributes(items, &file->attributes, "files");
    if (script) {
        index_script(items, place, file->body);
    } else {
        rn_items_index(items, place, &file->items);
    }
}

static struct rn_decl *make_root(struct rn_items *items)
{
    struct rn_decl *root = new_decl(items, RN_DECL_MODULE);
    if (root != NULL) {
        root->module = root;
        root->visibility = RN_VISIBILITY_PUB;
        root->path = items->input->standard ? RN_UTF8("std") : RN_UTF8("");
        root->hash = rn_hash_item(root->path.data, root->path.size);
        root->is_used = true;
        root->span = (struct rn_span){.source = 0};
    }
    return root;
}

static enum rn_error root_source(struct rn_items *items)
{
    uint32_t source = 0;
    const struct rn_compile_input *input = items->input;
    if (input->size > RN_SOURCE_SIZE_MAX) {
        RN_TRY(rn_diagnostics_add_source(items->diagnostics, input->name, "", 0, &source));
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, SOURCE_TOO_LARGE, ((struct rn_span){.source = source}),
                    rn_text_u64(&number, RN_SOURCE_SIZE_MAX));
        items->private_->broken = true;
        return RN_OK;
    }
    RN_TRY(rn_diagnostics_add_source(items->diagnostics, input->name, input->text, input->size,
                                     &source));
    struct rn_place place = {.scope = items->root, .module = items->root};
    parse_and_index(items, &place, source, input->script);
    return items->error;
}

/* Two items whose hashes are equal could stand for each other at run time. */
static int by_hash(const void *a, const void *b)
{
    const struct rn_decl *x = *(struct rn_decl *const *)a;
    const struct rn_decl *y = *(struct rn_decl *const *)b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static void sift(struct rn_decl **heap, size_t root, size_t count)
{
    for (size_t child; (child = root * 2 + 1) < count; root = child) {
        if (child + 1 < count && by_hash(&heap[child], &heap[child + 1]) < 0) {
            child++;
        }
        if (by_hash(&heap[root], &heap[child]) >= 0) {
            return;
        }
        struct rn_decl *swap = heap[root];
        heap[root] = heap[child];
        heap[child] = swap;
    }
}

static void sort_by_hash(struct rn_decl **list, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift(list, i - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        struct rn_decl *swap = list[0];
        list[0] = list[end - 1];
        list[end - 1] = swap;
        sift(list, 0, end - 1);
    }
}

static bool same_path(const struct rn_decl *a, const struct rn_decl *b)
{
    return a->path.size == b->path.size && memcmp(a->path.data, b->path.data, a->path.size) == 0;
}

/* One path twice is ambiguous where it is used; exported functions, and what the host declares,
 * collide without a use. */
static void report_same(struct rn_items *items, struct rn_decl *a, struct rn_decl *b)
{
    if (!same_path(a, b)) {
        struct rn_decl *first = a->id < b->id ? a : b;
        struct rn_decl *later = first == a ? b : a;
        struct rn_diagnostic *d = rn_diagnose(items->diagnostics, HASH_CONFLICT, later->name_span,
                                              first->path, later->path);
        rn_diagnostic_label(items->diagnostics, d, first->name_span, "the first of them");
        items->private_->unusable = true;
    } else if (a->host != NULL || b->host != NULL) {
        const struct rn_decl *own = a->host != NULL ? b : a;
        rn_diagnose(items->diagnostics, STATIC_CONFLICT, own->span, own->path);
        items->private_->unusable = true;
    } else if (a->is_exported && b->is_exported && a->type == NULL) {
        struct rn_decl *later = a->id > b->id ? a : b;
        struct rn_diagnostic *d =
            rn_diagnose(items->diagnostics, FUNCTION_CONFLICT, later->span, later->path);
        rn_diagnostic_label(items->diagnostics, d, (later == a ? b : a)->name_span,
                            "defined here first");
        items->private_->unusable = true;
    }
}

static void check_hashes(struct rn_items *items)
{
    struct rn_decl **list =
        rn_arena_alloc(items->arena, (items->decl_count + 1) * sizeof(struct rn_decl *));
    if (list == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < items->decl_count; i++) {
        if (items->decls[i]->path.size != 0 && items->decls[i]->kind != RN_DECL_IMPORT) {
            list[count++] = items->decls[i];
        }
    }
    sort_by_hash(list, count);
    for (size_t i = 1; i < count; i++) {
        if (list[i - 1]->hash == list[i]->hash) {
            report_same(items, list[i - 1], list[i]);
        }
    }
}

enum rn_error rn_items_build(struct rn_items *items, struct rn_arena *arena,
                             const struct rn_compile_input *input,
                             struct rn_diagnostics *diagnostics)
{
    *items = (struct rn_items){
        .arena = arena, .diagnostics = diagnostics, .input = input, .context = input->context};
    items->private_ = rn_arena_alloc(arena, sizeof(*items->private_));
    if (items->private_ == NULL) {
        return RN_E_NO_MEMORY;
    }
    RN_TRY(rn_symbols_init(&items->symbols, arena));
    RN_TRY(rn_lexer_keywords(&items->symbols));
    items->root = make_root(items);
    if (items->root == NULL) {
        return RN_E_NO_MEMORY;
    }
    RN_TRY(declare_host_statics(items));
    enum rn_error error = root_source(items);
    if (error != RN_OK && error != RN_E_TOO_LARGE) {
        return error;
    }
    if (rn_items_usable(items)) {
        attach_impls(items);
        rn_imports_check(items, true);
        check_hashes(items);
    }
    return items->error == RN_E_TOO_LARGE ? RN_OK : items->error;
}

bool rn_items_usable(const struct rn_items *items)
{
    return !items->private_->broken;
}
