/*
 * suggest.c: what to say when a name means nothing, and how results are called in messages.
 */
#include "base/near.h"
#include "compiler/items_private.h"

#include <string.h>

enum {
    DECLS_MAX = 4000
};

static struct rn_utf8 last_name(struct rn_utf8 path)
{
    for (size_t i = path.size; i > 1; i--) {
        if (path.data[i - 1] == ':') {
            return (struct rn_utf8){path.data + i, path.size - i};
        }
    }
    return path;
}

/* Items directly below `base` in the library. */
static void consider_context(const struct rn_items *items, struct rn_near *near,
                             struct rn_utf8 base)
{
    for (size_t i = 0; i < rn_context_count(items->context); i++) {
        struct rn_utf8 path = rn_context_at(items->context, i)->path;
        struct rn_utf8 name = last_name(path);
        size_t prefix = path.size - name.size;
        if (prefix == base.size + (base.size == 0 ? 0u : 2u) &&
            memcmp(path.data, base.data == NULL ? "" : base.data, base.size) == 0) {
            rn_near_look(near, name);
        }
    }
}

static void consider_scope(const struct rn_items *items, struct rn_near *near,
                           const struct rn_decl *scope)
{
    for (uint32_t i = 0; i < items->decl_count && i < DECLS_MAX; i++) {
        const struct rn_decl *decl = items->decls[i];
        if (decl->parent == scope && decl->name != 0) {
            rn_near_look(near, rn_symbol_text(&items->symbols, decl->name));
        }
    }
}

static void consider_prelude(const struct rn_items *items, struct rn_near *near)
{
    static const char *const names[] = {"Some",   "None", "Ok",     "Err",   "Option", "Result",
                                        "String", "Vec",  "Object", "Bytes", "Tuple",  "drop",
                                        "panic",  "i64",  "u64",    "f64",   "bool",   "char"};
    (void)items;
    for (size_t i = 0; i < RN_COUNT_OF(names); i++) {
        rn_near_look(near, rn_text(names[i]));
    }
}

/* ---- Texts ---- */

static struct rn_utf8 copy_text(struct rn_items *items, struct rn_buf *text)
{
    struct rn_utf8 result = {0};
    if (rn_buf_status(text) == RN_OK) {
        result.data = rn_arena_copy(items->arena, text->data, text->size);
        result.size = result.data == NULL ? 0 : text->size;
    }
    if (result.data == NULL) {
        items->diagnostics->error = RN_E_NO_MEMORY;
    }
    return result;
}

static void append_segment(const struct rn_items *items, struct rn_buf *text,
                           const struct rn_ast_segment *segment)
{
    switch ((enum rn_segment_kind)segment->kind) {
    case RN_SEGMENT_IDENT: {
        struct rn_utf8 name = rn_symbol_text(&items->symbols, segment->name.symbol);
        rn_buf_append(text, name.data, rn_min_text(name.size));
        break;
    }
    case RN_SEGMENT_SELF:
        rn_buf_append_text(text, "self");
        break;
    case RN_SEGMENT_SELF_TYPE:
        rn_buf_append_text(text, "Self");
        break;
    case RN_SEGMENT_CRATE:
        rn_buf_append_text(text, "crate");
        break;
    case RN_SEGMENT_SUPER:
        rn_buf_append_text(text, "super");
        break;
    case RN_SEGMENT_GENERICS:
        rn_buf_append_text(text, "<..>");
        break;
    }
}

static struct rn_utf8 path_text(struct rn_items *items, const struct rn_ast_path *path)
{
    char storage[1024];
    struct rn_buf text;
    rn_buf_init_fixed(&text, storage, sizeof(storage) - 4);
    if (path->global) {
        rn_buf_append_text(&text, "::");
    }
    for (uint32_t i = 0; i < path->count && rn_buf_status(&text) == RN_OK; i++) {
        rn_buf_append_text(&text, i == 0 ? "" : "::");
        append_segment(items, &text, &path->segments[i]);
    }
    if (rn_buf_status(&text) != RN_OK) {
        return RN_UTF8("(a very long path)");
    }
    return copy_text(items, &text);
}

static bool begins_upper(struct rn_utf8 name)
{
    return name.size != 0 && name.data[0] >= 'A' && name.data[0] <= 'Z';
}

/* What stands before the last identifier, followed without a word about failures; false: nothing that is known. */
static bool consider_base(struct rn_items *items, struct rn_near *near, struct rn_decl *scope,
                          const struct rn_ast_path *path)
{
    struct rn_ast_path base = *path;
    base.count--;
    struct rn_resolved generics = {0};
    uint32_t kept = items->diagnostics->error_count;
    items->private_->quiet = true;
    struct rn_target target = {0};
    if (base.segments[0].kind == RN_SEGMENT_IDENT || base.segments[0].kind == RN_SEGMENT_SELF ||
        base.segments[0].kind == RN_SEGMENT_CRATE) {
        target = rn_resolve_path(items, scope, NULL, &base, &generics);
    }
    items->private_->quiet = false;
    if (items->diagnostics->error_count != kept) {
        return true;
    }
    if (target.kind == RN_RESOLVED_DECL) {
        consider_scope(items, near, target.decl);
    } else if (target.kind == RN_RESOLVED_CONTEXT) {
        consider_context(items, near, target.item->path);
    }
    return target.kind != RN_RESOLVED_NOTHING;
}

/* A module beside the root, in a file or in memory, is none of the script's before that says so. */
static void propose_module(struct rn_items *items, struct rn_diagnostic *diagnostic,
                           const struct rn_ast_path *path)
{
    struct rn_utf8 name = rn_symbol_text(&items->symbols, path->segments[0].name.symbol);
    if (path->count == 2 && path->segments[0].kind == RN_SEGMENT_IDENT && !begins_upper(name)) {
        rn_diagnostic_help(items->diagnostics, diagnostic,
                           "a module `%.*s` in a source of its own is declared: `mod %.*s;`",
                           (int)name.size, name.data, (int)name.size, name.data);
    }
}

/*
 * What the library has by that name and an import would make known: with the shortest path, which is where it
 * is meant to be found. NULL: nothing, or several.
 */
static const struct rn_context_item *find_importable(const struct rn_items *items,
                                                     struct rn_utf8 name)
{
    const struct rn_context_item *found = NULL;
    bool several = false;
    for (size_t i = 0; i < rn_context_count(items->context); i++) {
        const struct rn_context_item *item = rn_context_at(items->context, i);
        struct rn_utf8 last = last_name(item->path);
        bool is_type = item->kind == RN_ITEM_TYPE || item->kind == RN_ITEM_ALIAS;
        if (!is_type || last.size == item->path.size || last.size != name.size ||
            memcmp(last.data, name.data, name.size) != 0) {
            continue;
        }
        if (found == NULL || item->path.size <= found->path.size) {
            several = found != NULL && item->path.size == found->path.size;
            found = item;
        }
    }
    return several ? NULL : found;
}

/* `HashMap::new()` of somebody who did not import it; false: it is nothing of the kind. */
static bool propose_import(struct rn_items *items, struct rn_diagnostic *diagnostic,
                           const struct rn_ast_path *path)
{
    struct rn_utf8 name = rn_symbol_text(&items->symbols, path->segments[0].name.symbol);
    if (path->global || path->segments[0].kind != RN_SEGMENT_IDENT || !begins_upper(name)) {
        return false;
    }
    const struct rn_context_item *item = find_importable(items, name);
    if (item != NULL) {
        rn_diagnostic_help(items->diagnostics, diagnostic, "import it: `use %.*s;`",
                           (int)rn_min_text(item->path.size), item->path.data);
    }
    return item != NULL;
}

void rn_suggest_field(struct rn_items *items, struct rn_diagnostic *diagnostic,
                      const struct rn_ast_fields *fields, struct rn_utf8 name)
{
    struct rn_near near = rn_near_begin(name);
    for (uint32_t i = 0; diagnostic != NULL && i < fields->count; i++) {
        rn_near_look(&near, rn_symbol_text(&items->symbols, fields->items[i].name.symbol));
    }
    if (near.best.size != 0) {
        rn_diagnostic_help(items->diagnostics, diagnostic, "did you mean `%.*s`?",
                           (int)near.best.size, near.best.data);
    }
}

void rn_suggest_braces(struct rn_items *items, struct rn_diagnostic *diagnostic,
                       const struct rn_decl *decl)
{
    char storage[400];
    struct rn_buf text;
    rn_buf_init_fixed(&text, storage, sizeof(storage));
    if (diagnostic == NULL || decl == NULL || decl->fields == NULL ||
        decl->fields->kind != RN_FIELDS_NAMED) {
        return;
    }
    for (uint32_t i = 0; i < decl->fields->count; i++) {
        struct rn_utf8 name = rn_symbol_text(&items->symbols, decl->fields->items[i].name.symbol);
        rn_buf_append_text(&text, i == 0 ? "" : ", ");
        rn_buf_append(&text, name.data, name.size);
    }
    if (rn_buf_status(&text) == RN_OK) {
        rn_diagnostic_help(items->diagnostics, diagnostic, "its fields have names: `%.*s { %.*s }`",
                           (int)rn_min_text(decl->path.size), decl->path.data, (int)text.size,
                           storage);
    }
}

static void propose(struct rn_items *items, struct rn_diagnostic *diagnostic, struct rn_decl *scope,
                    const struct rn_ast_path *path, const struct rn_name_list *locals)
{
    const struct rn_ast_segment *last = &path->segments[path->count - 1];
    if (last->kind != RN_SEGMENT_IDENT || diagnostic == NULL) {
        return;
    }
    struct rn_near near = rn_near_begin(rn_symbol_text(&items->symbols, last->name.symbol));
    bool has_base = true;
    if (path->count == 1 && propose_import(items, diagnostic, path)) {
        return;
    }
    for (size_t i = 0; locals != NULL && i < locals->count; i++) {
        rn_near_look(&near, rn_symbol_text(&items->symbols, locals->symbols[i]));
    }
    if (path->count > 1) {
        has_base = consider_base(items, &near, scope, path);
    } else {
        for (const struct rn_decl *at = scope; at != NULL;
             at = at->kind == RN_DECL_MODULE ? NULL : at->outer) {
            consider_scope(items, &near, at);
        }
        consider_prelude(items, &near);
    }
    if (near.best.size != 0) {
        rn_diagnostic_help(items->diagnostics, diagnostic, "did you mean `%.*s`?",
                           (int)near.best.size, near.best.data);
    } else if (!has_base && !propose_import(items, diagnostic, path)) {
        propose_module(items, diagnostic, path);
    }
}

static bool segment_is(const struct rn_items *items, const struct rn_ast_segment *segment,
                       const char *name)
{
    struct rn_utf8 text = rn_symbol_text(&items->symbols, segment->name.symbol);
    return segment->kind == RN_SEGMENT_IDENT && text.size == strlen(name) &&
           memcmp(text.data, name, text.size) == 0;
}

/* Modules of Rust and Rune that reach outside: what a sandbox has instead of them. */
static bool is_outside(const struct rn_items *items, const struct rn_ast_path *path)
{
    static const char *const names[] = {"fs", "http", "process", "signal", "net", "env"};
    uint32_t first = path->count > 1 && segment_is(items, &path->segments[0], "std") ? 1 : 0;
    for (size_t i = 0; i < RN_COUNT_OF(names) && first < path->count; i++) {
        if (segment_is(items, &path->segments[first], names[i])) {
            return true;
        }
    }
    return false;
}

/* A variable that exists and does not count: something constant is asked for. */
static bool is_hidden_local(const struct rn_name_list *locals, rn_symbol ident)
{
    for (size_t i = 0; locals != NULL && i < locals->count; i++) {
        if (ident != 0 && locals->symbols[i] == ident) {
            return true;
        }
    }
    return false;
}

static bool has_generics(const struct rn_ast_path *path)
{
    return path->count != 0 && path->segments[path->count - 1].kind == RN_SEGMENT_GENERICS;
}

void rn_report_missing(struct rn_items *items, struct rn_decl *scope,
                       const struct rn_ast_path *path, bool value,
                       const struct rn_name_list *locals)
{
    rn_symbol ident = rn_ast_path_ident(path);
    struct rn_utf8 name = rn_symbol_text(&items->symbols, ident);
    struct rn_diagnostic *diagnostic = NULL;
    if (value && ident != 0 && !begins_upper(name)) {
        diagnostic = rn_diagnose(items->diagnostics, MISSING_LOCAL, path->span, name);
    } else if (has_generics(path)) {
        diagnostic = rn_diagnose(items->diagnostics, MISSING_ITEM_PARAMETERS, path->span,
                                 path_text(items, path));
    } else {
        diagnostic =
            rn_diagnose(items->diagnostics, MISSING_ITEM, path->span, path_text(items, path));
    }
    bool local = value && path->count == 1;
    if (!local && diagnostic != NULL && is_outside(items, path)) {
        rn_diagnostic_help(items->diagnostics, diagnostic,
                           "scripts reach nothing outside by themselves: a host offers such things "
                           "as functions of its own");
    } else if (local && diagnostic != NULL && is_hidden_local(locals, ident)) {
        rn_diagnostic_help(items->diagnostics, diagnostic,
                           "the variable `%.*s` is only known when the script runs, what stands "
                           "here must be constant",
                           (int)name.size, name.data);
    } else if (path->count != 0) {
        propose(items, diagnostic, scope, path, locals);
    }
}

void rn_explain_missing(struct rn_items *items, struct rn_diagnostic *diagnostic,
                        struct rn_decl *scope, const struct rn_ast_path *path)
{
    struct rn_utf8 text = path_text(items, path);
    if (diagnostic != NULL && path->count != 0) {
        rn_diagnostic_help(items->diagnostics, diagnostic, "there is no item `%.*s`",
                           (int)rn_min_text(text.size), text.data);
        propose(items, diagnostic, scope, path, NULL);
    }
}

static void consider_macros(const struct rn_items *items, struct rn_near *near)
{
    for (size_t i = 0; i < rn_context_count(items->context); i++) {
        const struct rn_context_item *item = rn_context_at(items->context, i);
        if (item->kind == RN_ITEM_MACRO) {
            struct rn_utf8 name = last_name(item->path);
            rn_near_look(near, (struct rn_utf8){name.data, name.size - 1}); // without its "!"
        }
    }
}

void rn_report_missing_macro(struct rn_items *items, const struct rn_ast_path *path)
{
    struct rn_utf8 name = RN_UTF8("?");
    if (path->count != 0) {
        name = rn_symbol_text(&items->symbols, path->segments[path->count - 1].name.symbol);
    }
    struct rn_diagnostic *diagnostic =
        rn_diagnose(items->diagnostics, MISSING_MACRO, path->span, name);
    struct rn_near near = rn_near_begin(name);
    consider_macros(items, &near);
    if (diagnostic == NULL) {
        return;
    }
    if (name.size == 3 && memcmp(name.data, "vec", 3) == 0) {
        rn_diagnostic_help(items->diagnostics, diagnostic, "a vector is written `[..]`");
    } else if (near.best.size != 0) {
        rn_diagnostic_help(items->diagnostics, diagnostic, "did you mean `%.*s!`?",
                           (int)near.best.size, near.best.data);
    }
}

static const char *decl_word(const struct rn_decl *decl)
{
    switch ((enum rn_decl_kind)decl->kind) {
    case RN_DECL_MODULE:
        return "module";
    case RN_DECL_FUNCTION:
        return decl->is_const_fn ? "constant function" : "function";
    case RN_DECL_STRUCT:
        return "struct";
    case RN_DECL_ENUM:
        return "enum";
    case RN_DECL_VARIANT:
        return "variant";
    case RN_DECL_CONST:
        return "constant";
    case RN_DECL_STATIC:
        return "static";
    case RN_DECL_IMPORT:
        return "import";
    case RN_DECL_BLOCK:
        return "block";
    }
    return "item";
}

static const char *item_word(const struct rn_context_item *item)
{
    static const char *const words[] = {
        [RN_ITEM_MODULE] = "module",     [RN_ITEM_TYPE] = "type",
        [RN_ITEM_TRAIT] = "trait",       [RN_ITEM_VARIANT] = "variant",
        [RN_ITEM_FUNCTION] = "function", [RN_ITEM_METHOD] = "function",
        [RN_ITEM_CONSTANT] = "constant", [RN_ITEM_MACRO] = "macro",
        [RN_ITEM_ALIAS] = "alias",       [RN_ITEM_STATIC] = "static",
    };
    return item->kind < RN_COUNT_OF(words) ? words[item->kind] : "item";
}

struct rn_utf8 rn_describe_resolved(struct rn_items *items, const struct rn_resolved *resolved)
{
    char storage[1024];
    struct rn_buf text;
    rn_buf_init_fixed(&text, storage, sizeof(storage));
    struct rn_utf8 path = {0};
    if (resolved->kind == RN_RESOLVED_DECL) {
        rn_items_path(items, resolved->decl);
        path = resolved->decl->path;
        rn_buf_append_text(&text, decl_word(resolved->decl));
    } else if (resolved->kind == RN_RESOLVED_CONTEXT) {
        path = resolved->item->path;
        rn_buf_append_text(&text, item_word(resolved->item));
    } else {
        return RN_UTF8("nothing");
    }
    rn_buf_append_text(&text, " `");
    rn_buf_append(&text, path.data, rn_min_text(path.size));
    rn_buf_append_text(&text, "`");
    return copy_text(items, &text);
}
