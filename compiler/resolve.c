/*
 * resolve.c: what a path means where it stands.
 *
 * The first segment is looked up from the innermost scope outwards to the module around it: there,
 * what is declared or imported by name beats what globs bring; then the prelude, then the crates of
 * the context. Each further segment is looked up inside what the ones before it named. Every step
 * is counted, so that no web of globs makes looking up expensive.
 */
#include "compiler/items_private.h"
#include "compiler/name_notes.h"

#include "bytecode/hash.h"

#include <string.h>

#define STEPS_MAX (64u << 20)
#define GLOB_DEPTH_MAX 1024u

static const struct rn_target nothing = {.kind = RN_RESOLVED_NOTHING};
static const struct rn_target failed = {.kind = RN_RESOLVED_FAILED};

static void report(struct rn_items *items, enum rn_diagnostic_code code, struct rn_span span)
{
    rn_diagnostics_add(items->diagnostics, code, span, NULL, 0);
}

static bool count_step(struct rn_items *items, struct rn_span span)
{
    struct rn_items_private *p = items->private_;
    if (++p->steps < STEPS_MAX) {
        return true;
    }
    if (p->steps == STEPS_MAX) {
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, IMPORT_RECURSION, span, rn_text_u64(&number, STEPS_MAX));
        p->unusable = true;
    }
    return false;
}

static bool is_none(struct rn_target target)
{
    return target.kind == RN_RESOLVED_NOTHING;
}

static struct rn_target of_decl(struct rn_decl *decl)
{
    return (struct rn_target){.kind = RN_RESOLVED_DECL, .decl = decl};
}

/* Statics that the host declares are declarations like those of the source. */
static struct rn_target of_item(const struct rn_items *items, const struct rn_context_item *item)
{
    if (item != NULL && item->kind == RN_ITEM_STATIC) {
        return of_decl(rn_items_host_static(items, item));
    }
    return item == NULL ? nothing : (struct rn_target){.kind = RN_RESOLVED_CONTEXT, .item = item};
}

static bool same_target(struct rn_target a, struct rn_target b)
{
    return a.kind == b.kind && a.decl == b.decl && a.item == b.item;
}

/* ---- Visibility ---- */

static bool is_inside(const struct rn_decl *module, const struct rn_decl *home)
{
    for (; module != NULL; module = module->parent == NULL ? NULL : module->parent->module) {
        if (module == home) {
            return true;
        }
    }
    return false;
}

bool rn_is_visible(const struct rn_decl *decl, uint8_t visibility, const struct rn_decl *home,
                   const struct rn_decl *from)
{
    (void)decl;
    switch ((enum rn_visibility_kind)visibility) {
    case RN_VISIBILITY_PUB:
    case RN_VISIBILITY_CRATE:
        return true;
    case RN_VISIBILITY_SUPER:
        home = home->parent == NULL ? home : home->parent->module;
        break;
    case RN_VISIBILITY_PRIVATE:
    case RN_VISIBILITY_SELF:
    case RN_VISIBILITY_IN:
        break;
    }
    return is_inside(from->module, home);
}

/* The module that a declaration is private to. */
static const struct rn_decl *home_of(const struct rn_decl *decl)
{
    return decl->kind == RN_DECL_MODULE && decl->parent != NULL ? decl->parent->module
                                                                : decl->module;
}

static bool visible(const struct rn_decl *decl, const struct rn_decl *from)
{
    return rn_is_visible(decl, decl->visibility, home_of(decl), from);
}

static struct rn_utf8 visibility_text(uint8_t visibility)
{
    switch ((enum rn_visibility_kind)visibility) {
    case RN_VISIBILITY_PUB:
        return RN_UTF8("public");
    case RN_VISIBILITY_CRATE:
        return RN_UTF8("crate");
    case RN_VISIBILITY_SUPER:
        return RN_UTF8("super");
    case RN_VISIBILITY_PRIVATE:
    case RN_VISIBILITY_SELF:
    case RN_VISIBILITY_IN:
        break;
    }
    return RN_UTF8("private");
}

static struct rn_utf8 module_text(struct rn_items *items, const struct rn_decl *module)
{
    struct rn_target target = of_decl((struct rn_decl *)module);
    if (module->path.size == 0) {
        return RN_UTF8("the root module");
    }
    return rn_describe_resolved(items,
                                &(struct rn_resolved){.kind = target.kind, .decl = target.decl});
}

static struct rn_target not_visible(struct rn_items *items, struct rn_decl *decl,
                                    const struct rn_decl *from, struct rn_span span)
{
    if (items->private_->quiet) {
        return failed;
    }
    rn_items_path(items, decl);
    struct rn_utf8 name = decl->path;
    if (decl->kind == RN_DECL_IMPORT) {
        name = rn_symbol_text(&items->symbols, decl->name);
    }
    struct rn_diagnostic *d = rn_diagnostics_add(
        items->diagnostics,
        decl->kind == RN_DECL_MODULE ? RN_DIAGNOSTIC_NOT_VISIBLE_MODULE : RN_DIAGNOSTIC_NOT_VISIBLE,
        span,
        (struct rn_utf8[]){name, visibility_text(decl->visibility),
                           module_text(items, from->module)},
        3);
    rn_diagnostic_label(items->diagnostics, d, decl->name_span, "declared here");
    rn_diagnostic_help(items->diagnostics, d, "declare it with `pub` to reach it from there");
    return failed;
}

static struct rn_target ambiguous(struct rn_items *items, rn_symbol name, struct rn_span span,
                                  const struct rn_decl *a, const struct rn_decl *b)
{
    if (items->private_->quiet) {
        return failed;
    }
    struct rn_diagnostic *d = rn_diagnose(items->diagnostics, AMBIGUOUS_ITEM, span,
                                          rn_symbol_text(&items->symbols, name));
    if (a != NULL) {
        rn_diagnostic_label(items->diagnostics, d, a->name_span, "here");
    }
    if (b != NULL) {
        rn_diagnostic_label(items->diagnostics, d, b->name_span, "and here");
    }
    return failed;
}

/* ---- One name in one scope ---- */

/* `base::name` of the library: an item, or a macro of that name. */
static struct rn_target context_member(struct rn_items *items, struct rn_utf8 base, rn_symbol name)
{
    char storage[512];
    struct rn_utf8 text = rn_symbol_text(&items->symbols, name);
    struct rn_buf path;
    rn_buf_init_fixed(&path, storage, sizeof(storage));
    rn_buf_append(&path, base.data, base.size);
    rn_buf_append_text(&path, base.size == 0 ? "" : "::");
    rn_buf_append(&path, text.data, text.size);
    if (rn_buf_status(&path) != RN_OK) {
        return nothing;
    }
    const struct rn_context_item *item = rn_context_find(items->context, storage, path.size);
    if (item == NULL) {
        rn_buf_append_u8(&path, '!');
        if (rn_buf_status(&path) == RN_OK) {
            item = rn_context_find(items->context, storage, path.size);
        }
    }
    return of_item(items, item);
}

static struct rn_target take(struct rn_items *items, struct rn_decl *decl,
                             const struct rn_decl *from, struct rn_span span)
{
    if (!visible(decl, from)) {
        return not_visible(items, decl, from, span);
    }
    if (!items->private_->quiet) {
        decl->is_used = true;
    }
    if (decl->kind != RN_DECL_IMPORT) {
        return of_decl(decl);
    }
    return rn_import_follow(items, decl->imports, span);
}

static struct rn_target member(struct rn_items *items, struct rn_target base, rn_symbol name,
                               struct rn_decl *from, struct rn_span span);

static bool is_too_deep(struct rn_items *items, struct rn_span span)
{
    struct rn_items_private *p = items->private_;
    if (p->glob_depth < GLOB_DEPTH_MAX) {
        return false;
    }
    if (!p->is_too_deep) {
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, IMPORT_RECURSION, span,
                    rn_text_u64(&number, GLOB_DEPTH_MAX));
        p->is_too_deep = true;
    }
    p->unusable = true;
    return true;
}

/* What a glob brings under that name. In a web of globs many ways lead to each of them: the first
 * one finds out. */
static struct rn_target through_glob(struct rn_items *items, struct rn_import *glob, rn_symbol name,
                                     struct rn_span span)
{
    struct rn_items_private *p = items->private_;
    if (glob->asked == p->question) {
        return glob->found;
    }
    struct rn_target base = rn_import_follow(items, glob, span);
    if (base.kind == RN_RESOLVED_FAILED || is_too_deep(items, span)) {
        return failed;
    }
    bool quiet = p->quiet;
    glob->used = true; /* met again through itself: nothing new */
    p->quiet = true;
    p->glob_depth++;
    glob->found = member(items, base, name, glob->scope, span);
    p->glob_depth--;
    p->quiet = quiet;
    glob->used = false;
    glob->asked = p->question;
    return glob->found;
}

/* What the globs of a scope bring under that name; several of them must agree. */
static struct rn_target ask_globs(struct rn_items *items, struct rn_decl *scope, rn_symbol name,
                                  struct rn_decl *from, struct rn_span span)
{
    struct rn_target found = nothing;
    for (struct rn_import *glob = scope->imports; glob != NULL; glob = glob->next) {
        if (glob->used || !count_step(items, span) ||
            !rn_is_visible(scope, glob->visibility, scope->module, from)) {
            continue;
        }
        struct rn_target one = through_glob(items, glob, name, span);
        if (one.kind == RN_RESOLVED_FAILED || is_none(one)) {
            continue;
        }
        if (!is_none(found) && !same_target(found, one)) {
            return ambiguous(items, name, span, found.decl, one.decl);
        }
        found = one;
    }
    if (found.decl != NULL && !items->private_->quiet) {
        found.decl->is_used = true;
    }
    return found;
}

/* One question, however many scopes it leads through. */
static struct rn_target through_globs(struct rn_items *items, struct rn_decl *scope, rn_symbol name,
                                      struct rn_decl *from, struct rn_span span)
{
    struct rn_items_private *p = items->private_;
    uint64_t question = p->question;
    if (question == 0) {
        p->question = ++p->questions;
    }
    struct rn_target found = ask_globs(items, scope, name, from, span);
    p->question = question;
    return found;
}

struct rn_target rn_lookup(struct rn_items *items, struct rn_decl *scope, rn_symbol name,
                           struct rn_decl *from, struct rn_span span)
{
    if (!count_step(items, span)) {
        return failed;
    }
    struct rn_decl *decl = rn_items_children(items, scope, name);
    if (decl != NULL && decl->next_same != NULL) {
        return ambiguous(items, name, span, decl, decl->next_same);
    }
    if (decl != NULL) {
        return take(items, decl, from, span);
    }
    struct rn_target found = nothing;
    if (scope->imports != NULL) {
        found = through_globs(items, scope, name, from, span);
    }
    if (is_none(found) && items->input->standard && scope->kind == RN_DECL_MODULE) {
        found = context_member(items, scope->path, name);
    }
    return found;
}

static struct rn_target member(struct rn_items *items, struct rn_target base, rn_symbol name,
                               struct rn_decl *from, struct rn_span span)
{
    if (base.kind == RN_RESOLVED_CONTEXT) {
        return context_member(items, base.item->path, name);
    }
    struct rn_target found = rn_lookup(items, base.decl, name, from, span);
    /* `super` of a module in a body is the block around it, and what that block sees. */
    struct rn_decl *at = base.decl->kind == RN_DECL_BLOCK ? base.decl->outer : NULL;
    for (; at != NULL && is_none(found); at = at->kind == RN_DECL_MODULE ? NULL : at->outer) {
        if (at->kind != RN_DECL_FUNCTION) {
            found = rn_lookup(items, at, name, from, span);
        }
    }
    return found;
}

/* ---- The first segment ---- */

static struct rn_target crate_named(struct rn_items *items, rn_symbol name)
{
    if (items->input->standard && rn_symbol_text(&items->symbols, name).size == 3 &&
        memcmp(rn_symbol_text(&items->symbols, name).data, "std", 3) == 0) {
        return of_decl(items->root);
    }
    struct rn_target target = context_member(items, (struct rn_utf8){0}, name);
    return target;
}

/* `use json;` is being followed: what it names is not itself but what lies further out. */
static bool names_itself(struct rn_items *items, struct rn_decl *scope, rn_symbol name)
{
    const struct rn_decl *decl = rn_items_children(items, scope, name);
    if (decl == NULL || decl->next_same != NULL || decl->kind != RN_DECL_IMPORT) {
        return false;
    }
    const struct rn_import *import = decl->imports;
    return import->state == RN_IMPORT_ACTIVE && import->base == NULL && import->path.count == 1 &&
           rn_ast_path_ident(&import->path) == name;
}

static struct rn_target first_name(struct rn_items *items, struct rn_decl *scope, rn_symbol name,
                                   struct rn_span span)
{
    struct rn_decl *from = scope;
    for (struct rn_decl *at = scope; at != NULL; at = at->outer) {
        bool passed = at->kind == RN_DECL_FUNCTION || names_itself(items, at, name);
        struct rn_target found = passed ? nothing : rn_lookup(items, at, name, from, span);
        if (!is_none(found)) {
            return found;
        }
        if (at->kind == RN_DECL_MODULE) {
            break;
        }
    }
    struct rn_utf8 text = rn_symbol_text(&items->symbols, name);
    struct rn_target found =
        of_item(items, rn_context_prelude(items->context, text.data, text.size));
    if (found.item != NULL && found.item->kind == RN_ITEM_MACRO) {
        found = nothing;
    }
    return is_none(found) ? crate_named(items, name) : found;
}

static struct rn_target above(struct rn_items *items, const struct rn_decl *decl,
                              struct rn_span span)
{
    const struct rn_decl *module = decl->module;
    if (module->parent == NULL) {
        report(items, RN_DIAGNOSTIC_UNSUPPORTED_SUPER, span);
        return failed;
    }
    return of_decl(module->parent);
}

static struct rn_target first_segment(struct rn_items *items, struct rn_decl *scope,
                                      const struct rn_ast_path *path)
{
    const struct rn_ast_segment *segment = &path->segments[0];
    if (path->global) {
        if (segment->kind != RN_SEGMENT_IDENT) {
            report(items, RN_DIAGNOSTIC_UNSUPPORTED_GLOBAL, path->span);
            return failed;
        }
        return crate_named(items, segment->name.symbol);
    }
    switch ((enum rn_segment_kind)segment->kind) {
    case RN_SEGMENT_IDENT:
        return first_name(items, scope, segment->name.symbol, path->span);
    case RN_SEGMENT_SELF:
        return of_decl(scope->module);
    case RN_SEGMENT_CRATE:
        return of_decl(items->root);
    case RN_SEGMENT_SUPER:
        return above(items, scope, path->span);
    case RN_SEGMENT_SELF_TYPE: {
        const struct rn_decl *at = scope;
        while (at != NULL && at->type_item == NULL && at->outer != NULL) {
            at = at->outer;
        }
        if (scope->impl_self != NULL) {
            return of_decl(scope->impl_self);
        }
        if (at != NULL && at->type_item != NULL) {
            return of_item(items, at->type_item);
        }
        report(items, RN_DIAGNOSTIC_UNSUPPORTED_SELF_TYPE, path->span);
        return failed;
    }
    case RN_SEGMENT_GENERICS:
        break;
    }
    report(items, RN_DIAGNOSTIC_UNSUPPORTED_GENERICS, segment->name.span);
    return failed;
}

/* ---- Further segments ---- */

static bool names_type(struct rn_target target)
{
    if (target.kind == RN_RESOLVED_CONTEXT) {
        return target.item->kind == RN_ITEM_TYPE || target.item->kind == RN_ITEM_TRAIT;
    }
    return target.kind == RN_RESOLVED_DECL &&
           (target.decl->kind == RN_DECL_STRUCT || target.decl->kind == RN_DECL_ENUM);
}

enum {
    GENERICS_MAX = 32,
};

static bool check_generics(struct rn_items *items, struct rn_decl *scope,
                           const struct rn_ast_segment *segment)
{
    if (segment->generic_count > GENERICS_MAX) {
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, TOO_MANY_PARAMETERS, segment->name.span,
                    rn_text_u64(&number, GENERICS_MAX));
        return false;
    }
    for (uint32_t i = 0; i < segment->generic_count; i++) {
        const struct rn_ast_expr *expr = segment->generics[i];
        if (expr->kind == RN_EXPR_ERROR) {
            return false;
        }
        if (expr->kind != RN_EXPR_PATH) {
            report(items, RN_DIAGNOSTIC_UNSUPPORTED_GENERICS, expr->span);
            return false;
        }
        struct rn_resolved type = rn_resolve_item(items, scope, expr->path);
        if (type.kind == RN_RESOLVED_FAILED) {
            return false;
        }
        if (!names_type((struct rn_target){type.kind, type.decl, type.item})) {
            report(items, RN_DIAGNOSTIC_UNSUPPORTED_GENERICS, expr->span);
            return false;
        }
    }
    return true;
}

/*
 * A function of the library whose name holds its generics: "std::i64::to::<std::f64>". The arguments
 * were not checked yet; what is wrong with them is reported later.
 */
static struct rn_target generic_member(struct rn_items *items, struct rn_target base,
                                       rn_symbol name, struct rn_decl *scope,
                                       const struct rn_ast_segment *generics)
{
    char storage[512];
    struct rn_buf path;
    rn_buf_init_fixed(&path, storage, sizeof(storage));
    struct rn_utf8 text = rn_symbol_text(&items->symbols, name);
    rn_buf_append(&path, base.item->path.data, base.item->path.size);
    rn_buf_append_text(&path, "::");
    rn_buf_append(&path, text.data, text.size);
    for (uint32_t i = 0; i < generics->generic_count; i++) {
        const struct rn_ast_expr *expr = generics->generics[i];
        struct rn_resolved type = {.kind = RN_RESOLVED_NOTHING};
        if (expr->kind == RN_EXPR_PATH) {
            type = rn_resolve(items, scope, expr->path);
        }
        if (type.kind != RN_RESOLVED_CONTEXT) {
            return nothing;
        }
        rn_buf_append_text(&path, i == 0 ? "::<" : ",");
        rn_buf_append(&path, type.item->path.data, type.item->path.size);
    }
    rn_buf_append_text(&path, ">");
    if (rn_buf_status(&path) != RN_OK) {
        return nothing;
    }
    return of_item(items, rn_context_find(items->context, storage, path.size));
}

static struct rn_target bad_segment(struct rn_items *items, const struct rn_ast_path *path,
                                    uint32_t index)
{
    const struct rn_ast_segment *segment = &path->segments[index];
    struct rn_span span = path->span;
    if (path->segments[index - 1].kind == RN_SEGMENT_GENERICS) {
        report(items, RN_DIAGNOSTIC_AFTER_GENERIC, span);
    } else if (segment->kind == RN_SEGMENT_SUPER &&
               path->segments[0].kind == RN_SEGMENT_SELF_TYPE) {
        report(items, RN_DIAGNOSTIC_SUPER_AFTER_SELF_TYPE, span);
    } else {
        static const char *const words[] = {[RN_SEGMENT_SELF] = "self",
                                            [RN_SEGMENT_SELF_TYPE] = "Self",
                                            [RN_SEGMENT_CRATE] = "crate",
                                            [RN_SEGMENT_SUPER] = "super"};
        rn_diagnose(items->diagnostics, LEADING_SEGMENT, span, rn_text(words[segment->kind]));
    }
    return failed;
}

static struct rn_target next_segment(struct rn_items *items, struct rn_decl *scope,
                                     struct rn_target at, const struct rn_ast_path *path,
                                     uint32_t index, bool in_use)
{
    const struct rn_ast_segment *segment = &path->segments[index];
    if (segment->kind == RN_SEGMENT_IDENT) {
        return member(items, at, segment->name.symbol, scope, path->span);
    }
    if (segment->kind == RN_SEGMENT_SUPER && path->segments[index - 1].kind == RN_SEGMENT_SUPER) {
        return above(items, at.decl, path->span);
    }
    /* `use a::{self, b}`: the group's own base. */
    if (segment->kind == RN_SEGMENT_SELF && in_use) {
        return at;
    }
    return bad_segment(items, path, index);
}

/* What the names of a path up to this one mean. */
static void note(struct rn_items *items, const struct rn_ast_segment *segment,
                 struct rn_target target)
{
    if (segment->kind != RN_SEGMENT_IDENT) {
        return;
    }
    if (target.kind == RN_RESOLVED_DECL) {
        rn_note_name(items, &segment->name, rn_meaning_of_decl(target.decl));
    } else if (target.kind == RN_RESOLVED_CONTEXT) {
        rn_note_name(items, &segment->name, rn_meaning_of_item(target.item));
    }
}

struct rn_target rn_resolve_path(struct rn_items *items, struct rn_decl *scope,
                                 const struct rn_target *base, const struct rn_ast_path *path,
                                 struct rn_resolved *out_generics)
{
    struct rn_target at = nothing;
    uint32_t i = 0;
    if (base != NULL) {
        at = *base;
        if (path->segments[0].kind == RN_SEGMENT_IDENT) {
            at = member(items, at, path->segments[0].name.symbol, scope, path->span);
        } else if (path->segments[0].kind != RN_SEGMENT_SELF) {
            report(items, RN_DIAGNOSTIC_LEADING_SEGMENT, path->span);
            return failed;
        }
    } else {
        at = first_segment(items, scope, path);
    }
    note(items, &path->segments[0], at);
    for (i = 1; i < path->count && at.kind != RN_RESOLVED_FAILED && !is_none(at); i++) {
        const struct rn_ast_segment *segment = &path->segments[i];
        if (segment->kind != RN_SEGMENT_GENERICS) {
            struct rn_target outer = at;
            at = next_segment(items, scope, at, path, i, out_generics == NULL);
            bool has_generics =
                i + 1 < path->count && path->segments[i + 1].kind == RN_SEGMENT_GENERICS;
            if (is_none(at) && has_generics && outer.kind == RN_RESOLVED_CONTEXT) {
                at = generic_member(items, outer, segment->name.symbol, scope,
                                    &path->segments[i + 1]);
            }
            note(items, segment, at);
            continue;
        }
        if (out_generics == NULL || out_generics->type_generics != NULL) {
            report(items, RN_DIAGNOSTIC_UNSUPPORTED_GENERICS, segment->name.span);
            return failed;
        }
        if (!check_generics(items, scope, segment)) {
            return failed;
        }
        if (i + 1 == path->count) {
            out_generics->generics = segment;
        } else {
            out_generics->type_generics = segment;
        }
    }
    return at;
}

/* ---- The interface ---- */

struct rn_resolved rn_resolve(struct rn_items *items, struct rn_decl *scope,
                              const struct rn_ast_path *path)
{
    struct rn_resolved resolved = {.kind = RN_RESOLVED_FAILED};
    if (path->count == 0) {
        return resolved;
    }
    struct rn_target target = rn_resolve_path(items, scope, NULL, path, &resolved);
    resolved.kind = target.kind;
    resolved.decl = target.decl;
    resolved.item = target.item;
    if (target.decl != NULL) {
        rn_items_path(items, target.decl);
    }
    return resolved;
}

struct rn_resolved rn_resolve_item(struct rn_items *items, struct rn_decl *scope,
                                   const struct rn_ast_path *path)
{
    struct rn_resolved resolved = rn_resolve(items, scope, path);
    if (resolved.kind == RN_RESOLVED_NOTHING) {
        rn_report_missing(items, scope, path, false, NULL);
        resolved.kind = RN_RESOLVED_FAILED;
    }
    return resolved;
}

void rn_items_check_unused(struct rn_items *items)
{
    for (uint32_t i = 0; i < items->decl_count; i++) {
        struct rn_decl *decl = items->decls[i];
        if (decl->next_same != NULL && rn_items_children(items, decl->parent, decl->name) == decl) {
            ambiguous(items, decl->name, decl->name_span, NULL, decl->next_same);
        }
    }
    rn_imports_check(items, false);
}

void rn_items_warn_unused(struct rn_items *items)
{
    for (uint32_t i = 0; i < items->decl_count; i++) {
        const struct rn_decl *decl = items->decls[i];
        if (decl->is_used || decl->is_exported || decl->visibility != RN_VISIBILITY_PRIVATE) {
            continue;
        }
        const char *what = decl->kind == RN_DECL_IMPORT     ? "import"
                           : decl->kind == RN_DECL_FUNCTION ? "function"
                           : decl->kind == RN_DECL_CONST    ? "constant"
                                                            : NULL;
        struct rn_utf8 name = rn_symbol_text(&items->symbols, decl->name);
        if (what == NULL || (name.size != 0 && name.data[0] == '_') ||
            (decl->kind == RN_DECL_FUNCTION && decl->name == 0)) {
            continue;
        }
        char storage[160];
        struct rn_buf text;
        rn_buf_init_fixed(&text, storage, sizeof(storage));
        rn_buf_append_format(&text, "%s `%.*s`", what, (int)(name.size < 100 ? name.size : 100),
                             name.data);
        rn_diagnose(items->diagnostics, NOT_USED, decl->name_span,
                    ((struct rn_utf8){storage, text.size}));
    }
}
