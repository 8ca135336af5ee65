/*
 * lower_pat.c: patterns to tests and bindings.
 */
#include "compiler/const_eval.h"
#include "compiler/lower.h"
#include "compiler/name_notes.h"

bool rn_hir_refutable(const struct rn_hir_pat *pat)
{
    return pat->kind != RN_HIR_PAT_IGNORE && pat->kind != RN_HIR_PAT_BIND;
}

static struct rn_hir_pat *new_pat(struct rn_lower *lower, enum rn_hir_pat_kind kind,
                                  struct rn_span span)
{
    struct rn_hir_pat *pat = rn_lower_alloc(lower, 1, sizeof(*pat));
    if (pat == NULL) {
        return &lower->error_pat;
    }
    pat->kind = (uint8_t)kind;
    pat->span = span;
    return pat;
}

static struct rn_hir_pat *fail(struct rn_lower *lower, enum rn_diagnostic_code code,
                               struct rn_span span)
{
    rn_diagnostics_add(lower->diagnostics, code, span, NULL, 0);
    return &lower->error_pat;
}

static bool reserve_items(struct rn_lower *lower, struct rn_hir_pat *pat, uint32_t count,
                          bool keyed)
{
    pat->list.items = rn_lower_alloc(lower, count, sizeof(struct rn_hir_pat *));
    if (keyed) {
        pat->list.keys = rn_lower_alloc(lower, count, sizeof(struct rn_utf8));
    }
    return pat->list.items != NULL && (!keyed || pat->list.keys != NULL);
}

/* ---- Constants ---- */

static struct rn_hir_pat *constant_pat(struct rn_lower *lower, const struct rn_constant *value,
                                       struct rn_span span);

static struct rn_hir_pat *constant_list(struct rn_lower *lower, const struct rn_constant *value,
                                        enum rn_hir_pat_kind kind, struct rn_span span)
{
    const struct rn_constant_list *list = value->list;
    struct rn_hir_pat *pat = new_pat(lower, kind, span);
    bool keyed = kind == RN_HIR_PAT_OBJECT;
    if (pat == &lower->error_pat || !reserve_items(lower, pat, list->count, keyed)) {
        return &lower->error_pat;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (keyed) {
            pat->list.keys[i] = list->keys[i];
        }
        pat->list.items[i] = constant_pat(lower, &list->items[i], span);
        if (pat->list.items[i] == &lower->error_pat) {
            return &lower->error_pat;
        }
    }
    pat->list.count = list->count;
    return pat;
}

static struct rn_hir_pat *constant_pat(struct rn_lower *lower, const struct rn_constant *value,
                                       struct rn_span span)
{
    switch ((enum rn_constant_tag)value->tag) {
    case RN_TAG_UNIT:
        return new_pat(lower, RN_HIR_PAT_TUPLE, span);
    case RN_TAG_BOOL:
    case RN_TAG_CHAR:
    case RN_TAG_I64:
    case RN_TAG_U64:
    case RN_TAG_STRING:
    case RN_TAG_BYTES: {
        struct rn_hir_pat *pat = new_pat(lower, RN_HIR_PAT_CONSTANT, span);
        if (pat != &lower->error_pat) {
            pat->constant = *value;
        }
        return pat;
    }
    case RN_TAG_VEC:
        return constant_list(lower, value, RN_HIR_PAT_VEC, span);
    case RN_TAG_TUPLE:
        return constant_list(lower, value, RN_HIR_PAT_TUPLE, span);
    case RN_TAG_OBJECT:
        return constant_list(lower, value, RN_HIR_PAT_OBJECT, span);
    case RN_TAG_F64:
    case RN_TAG_ORDERING:
    case RN_TAG_NONE:
    case RN_TAG_SOME:
        break;
    }
    return fail(lower, RN_DIAGNOSTIC_CONST_IN_PATTERN, span);
}

/* Nested constants are shared, so a small one may unfold to a huge pattern. */
static bool small_enough(const struct rn_constant *value, uint32_t *budget, uint32_t depth)
{
    if (*budget == 0 || depth > RN_NESTING_MAX) {
        return false;
    }
    *budget -= 1;
    if (value->tag != RN_TAG_VEC && value->tag != RN_TAG_TUPLE && value->tag != RN_TAG_OBJECT) {
        return true;
    }
    for (uint32_t i = 0; i < value->list->count; i++) {
        if (!small_enough(&value->list->items[i], budget, depth + 1)) {
            return false;
        }
    }
    return true;
}

static struct rn_hir_pat *checked_constant(struct rn_lower *lower, const struct rn_constant *value,
                                           struct rn_span span)
{
    uint32_t budget = 100000;
    if (!small_enough(value, &budget, 0)) {
        return fail(lower, RN_DIAGNOSTIC_CONST_IN_PATTERN, span);
    }
    return constant_pat(lower, value, span);
}

/* ---- Paths ---- */

static struct rn_hir_pat *type_pat(struct rn_lower *lower, const struct rn_resolved *resolved,
                                   struct rn_span span)
{
    struct rn_hir_pat *pat = new_pat(lower, RN_HIR_PAT_TYPE, span);
    if (pat != &lower->error_pat) {
        pat->list.type = rn_lower_resolved_type(resolved);
    }
    return pat;
}

static struct rn_hir_pat *bind_pat(struct rn_lower *lower, rn_symbol name, struct rn_span span)
{
    struct rn_hir_pat *pat = new_pat(lower, RN_HIR_PAT_BIND, span);
    struct rn_hir_var *var = rn_scope_bind(lower, name, span);
    if (pat == &lower->error_pat || var == NULL) {
        return &lower->error_pat;
    }
    pat->var = var;
    return pat;
}

/* A constant, or a struct or variant without fields; NULL: nothing of the kind. */
static struct rn_hir_pat *item_pat(struct rn_lower *lower, const struct rn_resolved *resolved,
                                   struct rn_span span)
{
    struct rn_constant value;
    if (resolved->kind == RN_RESOLVED_DECL && resolved->decl->kind == RN_DECL_CONST) {
        if (!rn_const_of_decl(lower, resolved->decl, span, &value)) {
            return &lower->error_pat;
        }
        return checked_constant(lower, &value, span);
    }
    if (resolved->kind == RN_RESOLVED_DECL && resolved->decl->kind == RN_DECL_STATIC) {
        rn_diagnose(lower->diagnostics, STATIC_IN_PATTERN, span, resolved->decl->path);
        return &lower->error_pat;
    }
    if (resolved->kind == RN_RESOLVED_CONTEXT && resolved->item->kind == RN_ITEM_CONSTANT) {
        const struct rn_context_item *item = resolved->item;
        if (rn_constant_decode(item->constant, item->constant_size, lower->items->arena, &value) !=
            RN_OK) {
            return fail(lower, RN_DIAGNOSTIC_CONST_IN_PATTERN, span);
        }
        return checked_constant(lower, &value, span);
    }
    return rn_lower_tuple_arity(resolved) == 0 ? type_pat(lower, resolved, span) : NULL;
}

static struct rn_hir_pat *path_pat(struct rn_lower *lower, const struct rn_ast_pat *ast)
{
    struct rn_resolved resolved = rn_resolve(lower->items, lower->scope, ast->path);
    if (resolved.kind == RN_RESOLVED_FAILED) {
        return &lower->error_pat;
    }
    if (resolved.kind != RN_RESOLVED_NOTHING) {
        struct rn_hir_pat *pat = item_pat(lower, &resolved, ast->span);
        if (pat != NULL) {
            return pat;
        }
    }
    rn_symbol name = rn_ast_path_ident(ast->path);
    if (name == 0) {
        struct rn_diagnostic *d = rn_diagnose(lower->diagnostics, UNSUPPORTED_BINDING, ast->span);
        if (resolved.kind == RN_RESOLVED_NOTHING) {
            rn_explain_missing(lower->items, d, lower->scope, ast->path);
        }
        return &lower->error_pat;
    }
    return bind_pat(lower, name, ast->span);
}

/* ---- Sequences ---- */

/* Items without a `..` at the end, and whether there is one; false: reported. */
static bool count_items(struct rn_lower *lower, const struct rn_ast_pat *ast, uint32_t *out_count,
                        bool *out_open)
{
    uint32_t count = ast->list.count;
    *out_open = count > 0 && ast->list.items[count - 1]->kind == RN_PAT_REST;
    count -= *out_open ? 1 : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (ast->list.items[i]->kind == RN_PAT_REST) {
            fail(lower, RN_DIAGNOSTIC_UNSUPPORTED_REST, ast->list.items[i]->span);
            return false;
        }
    }
    *out_count = count;
    return true;
}

static struct rn_hir_pat *lower_items(struct rn_lower *lower, const struct rn_ast_pat *ast,
                                      struct rn_hir_pat *pat, uint32_t count, bool open)
{
    if (pat == &lower->error_pat || !reserve_items(lower, pat, count, false)) {
        return &lower->error_pat;
    }
    for (uint32_t i = 0; i < count; i++) {
        pat->list.items[i] = rn_lower_pat(lower, ast->list.items[i]);
    }
    pat->list.count = count;
    pat->open = open;
    return pat;
}

static void bind_anyway(struct rn_lower *lower, const struct rn_ast_pat *ast)
{
    for (uint32_t i = 0; i < ast->list.count; i++) {
        const struct rn_ast_pat *item = ast->list.items[i];
        if (item->kind == RN_PAT_PATH && rn_ast_path_ident(item->path) != 0) {
            bind_pat(lower, rn_ast_path_ident(item->path), item->span);
        }
    }
}

static struct rn_hir_pat *tuple_pat(struct rn_lower *lower, const struct rn_ast_pat *ast)
{
    uint32_t count;
    bool open;
    if (!count_items(lower, ast, &count, &open)) {
        return &lower->error_pat;
    }
    if (ast->list.path == NULL) {
        struct rn_hir_pat *pat = new_pat(lower, RN_HIR_PAT_TUPLE, ast->span);
        return lower_items(lower, ast, pat, count, open);
    }
    struct rn_span span = ast->list.path->span;
    struct rn_resolved resolved = rn_resolve_item(lower->items, lower->scope, ast->list.path);
    if (resolved.kind == RN_RESOLVED_FAILED) {
        bind_anyway(lower, ast);
        return &lower->error_pat;
    }
    int64_t arity = rn_lower_tuple_arity(&resolved);
    if (arity < 0) {
        struct rn_diagnostic *d = rn_diagnose(lower->diagnostics, EXPECTED_META, span,
                                              rn_text("type that can be used in a tuple pattern"),
                                              rn_describe_resolved(lower->items, &resolved));
        rn_suggest_braces(lower->items, d, resolved.decl);
        bind_anyway(lower, ast);
        return &lower->error_pat;
    }
    if (count != arity && !(count < arity && open)) {
        struct rn_number_text actual;
        struct rn_number_text wanted;
        rn_diagnose(lower->diagnostics, ARGUMENT_COUNT, span, rn_text_u64(&actual, count),
                    rn_text_u64(&wanted, (uint64_t)arity));
        bind_anyway(lower, ast);
        return &lower->error_pat;
    }
    return lower_items(lower, ast, type_pat(lower, &resolved, ast->span), count, open);
}

/* ---- Objects and structs ---- */

/* The key of one `key` or `key: pat`; false: it is neither. */
static bool key_of(const struct rn_lower *lower, const struct rn_ast_pat *item,
                   struct rn_utf8 *out_key)
{
    if (item->kind == RN_PAT_BINDING) {
        *out_key = item->binding.text;
        return true;
    }
    rn_symbol name = item->kind == RN_PAT_PATH ? rn_ast_path_ident(item->path) : 0;
    if (name != 0) {
        *out_key = rn_symbol_text(&lower->items->symbols, name);
    }
    return name != 0;
}

static bool lower_keyed(struct rn_lower *lower, const struct rn_ast_pat *ast,
                        struct rn_hir_pat *pat, uint32_t count)
{
    bool ok = true;
    rn_keys_begin(lower);
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_ast_pat *item = ast->list.items[i];
        if (!key_of(lower, item, &pat->list.keys[i])) {
            fail(lower, RN_DIAGNOSTIC_UNSUPPORTED_PATTERN, item->span);
            return false;
        }
        if (!rn_keys_add(lower, pat->list.keys[i])) {
            rn_diagnose(lower->diagnostics, DUPLICATE_KEY, item->span, pat->list.keys[i]);
            ok = false;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_ast_pat *item = ast->list.items[i];
        pat->list.items[i] = item->kind == RN_PAT_BINDING
                                 ? rn_lower_pat(lower, item->binding.pat)
                                 : bind_pat(lower, rn_ast_path_ident(item->path), item->span);
    }
    pat->list.count = count;
    return ok;
}

/* Fields of the pattern are fields of the type, all of them unless it is open. */
static bool check_fields(struct rn_lower *lower, const struct rn_ast_pat *ast,
                         const struct rn_hir_pat *pat, const struct rn_decl *decl)
{
    rn_lower_field_keys(lower, decl->fields);
    for (uint32_t i = 0; i < pat->list.count; i++) {
        if (rn_keys_find(lower, pat->list.keys[i]) == RN_NONE) {
            struct rn_diagnostic *d = rn_diagnose(lower->diagnostics, NOT_A_FIELD, ast->span,
                                                  pat->list.keys[i], decl->path);
            rn_suggest_field(lower->items, d, decl->fields, pat->list.keys[i]);
            return false;
        }
        const struct rn_ast_pat *item = ast->list.items[i];
        if (item->kind == RN_PAT_BINDING) {
            rn_note_field(lower->items, &item->binding.key, decl);
        }
    }
    if (!pat->open && pat->list.count < decl->fields->count) {
        rn_diagnose(lower->diagnostics, PATTERN_MISSING_FIELDS, ast->span, decl->path);
        return false;
    }
    return true;
}

/* The same for types of the library with fields, such as ranges. */
static bool check_context_fields(struct rn_lower *lower, const struct rn_ast_pat *ast,
                                 const struct rn_hir_pat *pat, const struct rn_context_item *item)
{
    for (uint32_t i = 0; i < pat->list.count; i++) {
        if (rn_context_field(item, pat->list.keys[i]) == RN_NONE) {
            rn_diagnose(lower->diagnostics, NOT_A_FIELD, ast->span, pat->list.keys[i], item->path);
            return false;
        }
    }
    if (!pat->open && pat->list.count < rn_context_field_count(item)) {
        rn_diagnose(lower->diagnostics, PATTERN_MISSING_FIELDS, ast->span, item->path);
        return false;
    }
    return true;
}

/* Whether `Path { .. }` may stand here: named fields; with nothing but `..` any struct or type. */
static bool fits_struct(const struct rn_resolved *resolved, bool bare)
{
    if (resolved->kind == RN_RESOLVED_CONTEXT) {
        return resolved->item->fields.data != NULL ||
               (bare &&
                (resolved->item->kind == RN_ITEM_TYPE || resolved->item->kind == RN_ITEM_VARIANT));
    }
    const struct rn_decl *decl = resolved->decl;
    if (decl->kind != RN_DECL_STRUCT && decl->kind != RN_DECL_VARIANT) {
        return false;
    }
    return bare || decl->fields->kind == RN_FIELDS_NAMED;
}

static struct rn_hir_pat *object_pat(struct rn_lower *lower, const struct rn_ast_pat *ast)
{
    uint32_t count;
    bool open;
    if (!count_items(lower, ast, &count, &open)) {
        return &lower->error_pat;
    }
    bool anonymous = ast->list.path == NULL;
    struct rn_hir_pat *pat =
        new_pat(lower, anonymous ? RN_HIR_PAT_OBJECT : RN_HIR_PAT_TYPE, ast->span);
    if (pat == &lower->error_pat || !reserve_items(lower, pat, count, true)) {
        return &lower->error_pat;
    }
    pat->open = open;
    if (!lower_keyed(lower, ast, pat, count)) {
        return &lower->error_pat;
    }
    if (anonymous) {
        return pat;
    }
    struct rn_resolved resolved = rn_resolve_item(lower->items, lower->scope, ast->list.path);
    if (resolved.kind == RN_RESOLVED_FAILED) {
        return &lower->error_pat;
    }
    if (!fits_struct(&resolved, open && count == 0)) {
        rn_diagnose(lower->diagnostics, EXPECTED_META, ast->list.path->span,
                    rn_text("type that can be used in a struct pattern"),
                    rn_describe_resolved(lower->items, &resolved));
        return &lower->error_pat;
    }
    pat->list.type = rn_lower_resolved_type(&resolved);
    bool fits = true;
    if (resolved.decl != NULL) {
        fits = check_fields(lower, ast, pat, resolved.decl);
    } else if (resolved.item->fields.data != NULL) {
        fits = check_context_fields(lower, ast, pat, resolved.item);
    }
    return fits ? pat : &lower->error_pat;
}

struct rn_hir_pat *rn_lower_pat(struct rn_lower *lower, const struct rn_ast_pat *ast)
{
    if (lower->error != RN_OK) {
        return &lower->error_pat;
    }
    uint32_t count;
    bool open;
    switch ((enum rn_pat_kind)ast->kind) {
    case RN_PAT_ERROR:
        return &lower->error_pat;
    case RN_PAT_IGNORE:
        return new_pat(lower, RN_HIR_PAT_IGNORE, ast->span);
    case RN_PAT_LITERAL: {
        struct rn_constant constant = rn_lower_literal(&ast->literal);
        if (constant.tag == RN_TAG_F64) {
            return fail(lower, RN_DIAGNOSTIC_UNSUPPORTED_PATTERN, ast->span);
        }
        return constant_pat(lower, &constant, ast->span);
    }
    case RN_PAT_PATH:
        return path_pat(lower, ast);
    case RN_PAT_TUPLE:
        return tuple_pat(lower, ast);
    case RN_PAT_VEC:
        if (!count_items(lower, ast, &count, &open)) {
            return &lower->error_pat;
        }
        return lower_items(lower, ast, new_pat(lower, RN_HIR_PAT_VEC, ast->span), count, open);
    case RN_PAT_OBJECT:
        return object_pat(lower, ast);
    case RN_PAT_REST:
    case RN_PAT_BINDING:
        break;
    }
    return fail(lower, RN_DIAGNOSTIC_UNSUPPORTED_PATTERN, ast->span);
}
