/*
 * imports.c: what `use` brings into a scope.
 *
 * Each part of a tree of imports is a node: groups are the base of what stands in them, so that a
 * long prefix is followed once however many names share it. A node is followed when somebody asks
 * for its name, or when all are checked at the end; to meet it again meanwhile is a cycle.
 */
#include "compiler/items_private.h"

#include <string.h>

enum {
    IMPORT_DEPTH_MAX = 128,
};

/* ---- Making the nodes ---- */

static bool remember(struct rn_items *items, struct rn_import *import)
{
    struct rn_items_private *p = items->private_;
    if (p->import_count == p->import_capacity) {
        uint32_t capacity = p->import_capacity == 0 ? 64 : p->import_capacity * 2;
        struct rn_import **imports = rn_arena_alloc(items->arena, capacity * sizeof(*imports));
        if (imports == NULL) {
            rn_items_fail(items, RN_E_NO_MEMORY);
            return false;
        }
        if (p->import_count != 0) {
            memcpy(imports, p->imports, p->import_count * sizeof(*imports));
        }
        p->imports = imports;
        p->import_capacity = capacity;
    }
    p->imports[p->import_count++] = import;
    return true;
}

static struct rn_import *new_import(struct rn_items *items, const struct rn_place *place,
                                    struct rn_import *base, const struct rn_ast_use *use,
                                    uint8_t visibility)
{
    struct rn_import *import = rn_arena_alloc(items->arena, sizeof(*import));
    if (import == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return NULL;
    }
    *import = (struct rn_import){
        .base = base,
        .scope = place->scope,
        .use = use,
        .path = {.span = use->span,
                 .global = use->global,
                 .count = use->segment_count,
                 .segments = use->segments},
        .kind = use->kind,
        .visibility = visibility,
    };
    return remember(items, import) ? import : NULL;
}

/* The name under which a path is known here: its alias or its last identifier. */
static rn_symbol name_of(const struct rn_import *import)
{
    const struct rn_ast_use *use = import->use;
    if (use->alias.symbol != 0) {
        return use->alias.symbol;
    }
    for (uint32_t i = use->segment_count; i > 0; i--) {
        const struct rn_ast_segment *segment = &use->segments[i - 1];
        if (segment->kind == RN_SEGMENT_IDENT) {
            return segment->name.symbol;
        }
    }
    return import->base == NULL ? 0 : name_of(import->base);
}

static void add_name(struct rn_items *items, const struct rn_place *place, struct rn_import *import)
{
    rn_symbol name = name_of(import);
    if (name == 0) {
        rn_items_report(items, RN_DIAGNOSTIC_LAST_USE_COMPONENT, import->use->span);
        return;
    }
    import->decl = rn_items_declare(items, place, RN_DECL_IMPORT, name, import->use->span);
    if (import->decl != NULL) {
        import->decl->visibility = import->visibility;
        import->decl->imports = import;
    }
}

/* A segment that can only stand first and does not, or NULL. */
static const struct rn_ast_segment *late_segment(const struct rn_ast_use *use, bool outermost)
{
    for (uint32_t i = outermost ? 1 : 0; i < use->segment_count; i++) {
        uint8_t kind = use->segments[i].kind;
        if (kind == RN_SEGMENT_CRATE || kind == RN_SEGMENT_SELF_TYPE) {
            return &use->segments[i];
        }
    }
    return NULL;
}

static void add_use(struct rn_items *items, const struct rn_place *place, struct rn_import *base,
                    const struct rn_ast_use *use, uint8_t visibility)
{
    if (use->illegal) {
        rn_items_report(items, RN_DIAGNOSTIC_ILLEGAL_USE_SEGMENT, use->illegal_span);
        return;
    }
    if (use->kind != RN_USE_PATH && use->alias.symbol != 0) {
        rn_items_report(items, RN_DIAGNOSTIC_USE_ALIAS, use->alias.span);
        return;
    }
    const struct rn_ast_segment *late = late_segment(use, base == NULL);
    if (late != NULL) {
        rn_diagnose(items->diagnostics, LEADING_SEGMENT, late->name.span,
                    rn_text(late->kind == RN_SEGMENT_CRATE ? "crate" : "Self"));
        items->private_->unusable = true;
        return;
    }
    if (use->global && base != NULL) {
        rn_items_report(items, RN_DIAGNOSTIC_UNSUPPORTED_GLOBAL, use->span);
        return;
    }
    struct rn_import *import = new_import(items, place, base, use, visibility);
    if (import == NULL) {
        return;
    }
    if (use->kind == RN_USE_PATH) {
        add_name(items, place, import);
    } else if (use->kind == RN_USE_GLOB) {
        import->next = place->scope->imports;
        place->scope->imports = import;
    }
    for (uint32_t i = 0; i < use->group_count && items->error == RN_OK; i++) {
        add_use(items, place, import, use->group[i], visibility);
    }
}

void rn_imports_add(struct rn_items *items, const struct rn_place *place,
                    const struct rn_ast_item *item)
{
    if (item->visibility.kind == RN_VISIBILITY_IN) {
        rn_items_report(items, RN_DIAGNOSTIC_UNSUPPORTED_VISIBILITY, item->visibility.span);
        return;
    }
    add_use(items, place, NULL, item->use, item->visibility.kind);
}

/* ---- Following them ---- */

static const struct rn_target failed = {.kind = RN_RESOLVED_FAILED};

static void report_missing(struct rn_items *items, const struct rn_import *import)
{
    /* The whole path from the outermost group on, as it was written. */
    rn_report_missing(items, import->scope, &import->path, false, NULL);
    items->private_->unusable = true;
}

static struct rn_target follow(struct rn_items *items, struct rn_import *import,
                               struct rn_span span)
{
    struct rn_target base = {0};
    if (import->base != NULL) {
        base = rn_import_follow(items, import->base, span);
        if (base.kind == RN_RESOLVED_FAILED) {
            return failed;
        }
    }
    bool based = base.kind != RN_RESOLVED_NOTHING;
    if (import->path.count == 0) {
        if (based) {
            return base;
        }
        /* `use {a, b}` and `use *`: relative to the scope itself. */
        return (struct rn_target){.kind = RN_RESOLVED_DECL, .decl = import->scope};
    }
    struct rn_target target =
        rn_resolve_path(items, import->scope, based ? &base : NULL, &import->path, NULL);
    if (target.kind == RN_RESOLVED_NOTHING) {
        report_missing(items, import);
        return failed;
    }
    return target;
}

struct rn_target rn_import_follow(struct rn_items *items, struct rn_import *import,
                                  struct rn_span span)
{
    struct rn_items_private *p = items->private_;
    if (import->state == RN_IMPORT_DONE) {
        return import->target;
    }
    if (p->depth == 0) {
        p->origin = span;
    }
    if (import->state == RN_IMPORT_ACTIVE) {
        if (!p->quiet) {
            rn_items_report(items, RN_DIAGNOSTIC_IMPORT_CYCLE, p->origin);
        }
        return failed;
    }
    if (p->depth >= IMPORT_DEPTH_MAX) {
        if (!p->quiet) {
            struct rn_number_text number;
            rn_diagnose(items->diagnostics, IMPORT_RECURSION, p->origin,
                        rn_text_u64(&number, IMPORT_DEPTH_MAX));
            p->unusable = true;
        }
        return failed;
    }
    uint64_t question = p->question; // other names are other questions
    p->question = 0;
    p->depth++;
    import->state = RN_IMPORT_ACTIVE;
    struct rn_target target = follow(items, import, span);
    p->depth--;
    p->question = question;
    /* A cycle met while checking is left to be reported where somebody uses it. */
    bool again = target.kind == RN_RESOLVED_FAILED && p->quiet && !p->unusable;
    import->state = again ? RN_IMPORT_NEW : RN_IMPORT_DONE;
    import->target = target;
    return target;
}

void rn_imports_check(struct rn_items *items, bool quiet)
{
    struct rn_items_private *p = items->private_;
    for (uint32_t i = 0; i < p->import_count && items->error == RN_OK; i++) {
        bool unusable = p->unusable;
        p->quiet = quiet;
        p->unusable = false;
        rn_import_follow(items, p->imports[i], p->imports[i]->use->span);
        p->unusable = p->unusable || unusable;
        p->quiet = false;
    }
}

/* ---- Macros ---- */

static void append_path(const struct rn_items *items, const struct rn_import *import,
                        struct rn_buf *out)
{
    if (import->base != NULL) {
        append_path(items, import->base, out);
    }
    for (uint32_t i = 0; i < import->path.count; i++) {
        const struct rn_ast_segment *segment = &import->path.segments[i];
        if (segment->kind == RN_SEGMENT_IDENT) {
            struct rn_utf8 name = rn_symbol_text(&items->symbols, segment->name.symbol);
            rn_buf_append_text(out, out->size == 0 ? "" : "::");
            rn_buf_append(out, name.data, name.size);
        }
    }
}

static const struct rn_context_item *macro_through(struct rn_items *items,
                                                   const struct rn_import *import,
                                                   const struct rn_ast_path *path)
{
    char storage[256];
    struct rn_buf text;
    rn_buf_init_fixed(&text, storage, sizeof(storage));
    append_path(items, import, &text);
    for (uint32_t i = import->kind == RN_USE_GLOB ? 0 : 1; i < path->count; i++) {
        struct rn_utf8 name = rn_symbol_text(&items->symbols, path->segments[i].name.symbol);
        rn_buf_append_text(&text, "::");
        rn_buf_append(&text, name.data, name.size);
    }
    rn_buf_append_u8(&text, '!');
    if (rn_buf_status(&text) != RN_OK) {
        return NULL;
    }
    const struct rn_context_item *item = rn_context_find(items->context, storage, text.size);
    return item != NULL && item->kind == RN_ITEM_MACRO ? item : NULL;
}

const struct rn_context_item *rn_import_macro(struct rn_items *items, struct rn_decl *scope,
                                              const struct rn_ast_path *path)
{
    if (path->count == 0 || path->segments[0].kind != RN_SEGMENT_IDENT) {
        return NULL;
    }
    for (; scope != NULL; scope = scope == scope->module ? NULL : scope->outer) {
        struct rn_decl *decl = rn_items_children(items, scope, path->segments[0].name.symbol);
        for (; decl != NULL; decl = decl->next_same) {
            const struct rn_context_item *item =
                decl->kind == RN_DECL_IMPORT ? macro_through(items, decl->imports, path) : NULL;
            if (item != NULL) {
                decl->is_used = true;
                return item;
            }
        }
        for (struct rn_import *glob = scope->imports; glob != NULL; glob = glob->next) {
            const struct rn_context_item *item = macro_through(items, glob, path);
            if (item != NULL) {
                return item;
            }
        }
    }
    return NULL;
}
