/*
 * parser_item.c: items and files.
 */
#include "compiler/parser_internal.h"

bool rn_p_is_item(const struct rn_parser *p)
{
    switch ((int)rn_p_kind(p)) {
    case RN_TOKEN_USE:
    case RN_TOKEN_ENUM:
    case RN_TOKEN_STRUCT:
    case RN_TOKEN_IMPL:
    case RN_TOKEN_FN:
    case RN_TOKEN_MOD:
    case RN_TOKEN_STATIC:
        return true;
    case RN_TOKEN_CONST: // of a closure: refused as an expression
        return rn_p_kind_at(p, 1) != RN_TOKEN_PIPE && rn_p_kind_at(p, 1) != RN_TOKEN_PIPE_PIPE;
    case RN_TOKEN_ASYNC:
        return rn_p_kind_at(p, 1) == RN_TOKEN_FN;
    default:
        return false;
    }
}

/* What stands before the word that says what an item is. */
struct head {
    uint32_t first; /* token */
    struct rn_span const_span;
    struct rn_span static_span;
    struct rn_span async_span;
    bool is_const;
    bool is_static;
    bool is_async;
};

static bool eat_modifier(struct rn_parser *p, enum rn_token_kind kind, struct rn_span *out_span)
{
    *out_span = rn_p_span(p);
    if (!rn_p_eat(p, kind)) {
        *out_span = (struct rn_span){0};
        return false;
    }
    return true;
}

static void parse_head(struct rn_parser *p, struct head *head)
{
    head->is_const = eat_modifier(p, RN_TOKEN_CONST, &head->const_span);
    head->is_static = eat_modifier(p, RN_TOKEN_STATIC, &head->static_span);
    head->is_async = eat_modifier(p, RN_TOKEN_ASYNC, &head->async_span);
}

/* ---- Imports ---- */

static struct rn_ast_use *parse_use(struct rn_parser *p);

static bool use_element(struct rn_parser *p, void *context)
{
    (void)context;
    struct rn_ast_use *use = parse_use(p);
    return use != NULL && rn_p_push(p, &use, sizeof use);
}

static bool parse_use_group(struct rn_parser *p, struct rn_ast_use *use)
{
    uint32_t open = p->at;
    size_t mark = rn_p_mark(p);
    if (!rn_p_list(p, RN_TOKEN_BRACE_OPEN, use_element, NULL)) {
        return false;
    }
    use->kind = RN_USE_GROUP;
    use->group = rn_p_take(p, mark, sizeof(struct rn_ast_use *), &use->group_count);
    use->last_span = rn_p_span_from(p, open);
    return true;
}

/* `*` or a group ends the path; whatever follows is remembered for the item pass to refuse. */
static bool parse_use_end(struct rn_parser *p, struct rn_ast_use *use)
{
    if (rn_p_is(p, RN_TOKEN_STAR)) {
        use->kind = RN_USE_GLOB;
        use->last_span = rn_p_span(p);
        p->at++;
    } else if (!parse_use_group(p, use)) {
        return false;
    }
    while (rn_p_eat(p, RN_TOKEN_COLON_COLON)) {
        uint32_t first = p->at;
        struct rn_ast_segment segment;
        if (!rn_p_eat(p, RN_TOKEN_STAR) && !rn_p_segment(p, &segment)) {
            return false;
        }
        if (!use->illegal) {
            use->illegal_span = rn_p_span_from(p, first);
        }
        use->illegal = true;
    }
    return true;
}

static bool parse_use_segments(struct rn_parser *p, struct rn_ast_use *use)
{
    size_t mark = rn_p_mark(p);
    for (;;) {
        if (rn_p_is(p, RN_TOKEN_STAR) || rn_p_is(p, RN_TOKEN_BRACE_OPEN)) {
            use->segments = rn_p_take(p, mark, sizeof *use->segments, &use->segment_count);
            return parse_use_end(p, use);
        }
        struct rn_ast_segment segment;
        if (!rn_p_segment(p, &segment) || !rn_p_push(p, &segment, sizeof segment)) {
            rn_p_drop(p, mark);
            return false;
        }
        if (!rn_p_eat(p, RN_TOKEN_COLON_COLON)) {
            use->segments = rn_p_take(p, mark, sizeof *use->segments, &use->segment_count);
            return true;
        }
    }
}

static struct rn_ast_use *parse_use(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_use *use = rn_p_alloc(p, sizeof *use);
    if (use == NULL || !rn_p_enter(p)) {
        return NULL;
    }
    use->global = rn_p_eat(p, RN_TOKEN_COLON_COLON);
    bool good =
        parse_use_segments(p, use) && (!rn_p_eat(p, RN_TOKEN_AS) || rn_p_name(p, &use->alias));
    rn_p_leave(p);
    if (!good) {
        return NULL;
    }
    use->span = rn_p_span_from(p, first);
    return use;
}

/* ---- Functions ---- */

/* `where ..`, up to the body; with generics before it, one complaint is enough. */
static void refuse_where(struct rn_parser *p, uint32_t errors)
{
    uint32_t first = p->at;
    if (!rn_p_is_word(p, "where")) {
        return;
    }
    while (p->at < p->limit && !rn_p_is(p, RN_TOKEN_BRACE_OPEN) && !rn_p_is(p, RN_TOKEN_SEMI)) {
        rn_p_skip_to(p, p->at + 1);
    }
    if (errors == p->diagnostics->error_count) {
        rn_p_unsupported(p, rn_p_span_from(p, first), "`where`");
    }
}

static bool parse_fn(struct rn_parser *p, struct rn_ast_item *item, struct head *head)
{
    struct rn_ast_fn *fn = &item->fn;
    item->kind = RN_AST_FN;
    fn->is_const = head->is_const;
    fn->is_async = head->is_async;
    fn->const_span = head->const_span;
    fn->async_span = head->async_span;
    head->is_const = head->is_async = false;
    size_t mark = rn_p_mark(p);
    uint32_t errors = p->diagnostics->error_count;
    if (!rn_p_name(p, &item->name)) {
        return false;
    }
    rn_p_refuse_generics(p, "functions", "fn ");
    if (!rn_p_list(p, RN_TOKEN_PAREN_OPEN, rn_p_param, NULL)) {
        return false;
    }
    fn->params = rn_p_take(p, mark, sizeof *fn->params, &fn->param_count);
    fn->head_span = rn_p_span_from(p, head->first);
    uint32_t arrow = p->at;
    if (rn_p_eat(p, RN_TOKEN_ARROW)) {
        if (!rn_p_type(p)) {
            return false;
        }
        fn->has_return_type = true;
        fn->return_span = rn_p_span_from(p, arrow);
    }
    refuse_where(p, errors);
    fn->body = rn_p_block(p);
    return fn->body != NULL;
}

/* ---- Structs and enums ---- */

/* A type in place of the name that fields of tuples have, too. */
static bool is_field_type(const struct rn_parser *p)
{
    enum rn_token_kind kind = rn_p_kind(p);
    enum rn_token_kind next = rn_p_kind_at(p, 1);
    bool path = kind == RN_TOKEN_IDENT && (next == RN_TOKEN_LT || next == RN_TOKEN_COLON_COLON);
    return path || kind == RN_TOKEN_AMP || kind == RN_TOKEN_PAREN_OPEN ||
           kind == RN_TOKEN_BRACKET_OPEN || kind == RN_TOKEN_IMPL;
}

static bool refuse_field_type(struct rn_parser *p)
{
    uint32_t first = p->at;
    if (!rn_p_type(p)) {
        return false;
    }
    struct rn_span span = rn_p_span_from(p, first);
    struct rn_diagnostic *d =
        rn_diagnose(p->diagnostics, EXPECTED, span, rn_text("identifier"), rn_text("a type"));
    rn_diagnostic_help(p->diagnostics, d, "fields have no types, give it a name instead");
    return true;
}

static bool field_element(struct rn_parser *p, void *context)
{
    struct rn_ast_field field = {0};
    if (!rn_p_attributes(p, false, &field.attributes)) {
        return false;
    }
    uint32_t first = p->at;
    const bool *is_tuple = context;
    if (!rn_p_visibility(p, &field.visibility)) {
        return false;
    }
    if (*is_tuple && is_field_type(p)) {
        return refuse_field_type(p);
    }
    if (!rn_p_name(p, &field.name)) {
        return false;
    }
    if (rn_p_eat(p, RN_TOKEN_COLON)) {
        field.has_type = true;
        if (!rn_p_type(p)) {
            return false;
        }
    }
    field.span = rn_p_span_from(p, first);
    return rn_p_push(p, &field, sizeof field);
}

static bool parse_fields(struct rn_parser *p, struct rn_ast_fields *fields)
{
    enum rn_token_kind open = rn_p_kind(p);
    fields->kind = RN_FIELDS_UNIT;
    if (open != RN_TOKEN_PAREN_OPEN && open != RN_TOKEN_BRACE_OPEN) {
        return true;
    }
    size_t mark = rn_p_mark(p);
    fields->kind = open == RN_TOKEN_PAREN_OPEN ? RN_FIELDS_TUPLE : RN_FIELDS_NAMED;
    bool is_tuple = fields->kind == RN_FIELDS_TUPLE;
    if (!rn_p_list(p, open, field_element, &is_tuple)) {
        return false;
    }
    fields->items = rn_p_take(p, mark, sizeof *fields->items, &fields->count);
    return true;
}

static bool variant_element(struct rn_parser *p, void *context)
{
    (void)context;
    struct rn_ast_variant variant = {0};
    if (!rn_p_attributes(p, false, &variant.attributes)) {
        return false;
    }
    uint32_t first = p->at;
    if (!rn_p_name(p, &variant.name) || !parse_fields(p, &variant.fields)) {
        return false;
    }
    variant.span = rn_p_span_from(p, first);
    return rn_p_push(p, &variant, sizeof variant);
}

static bool parse_enum(struct rn_parser *p, struct rn_ast_item *item)
{
    item->kind = RN_AST_ENUM;
    size_t mark = rn_p_mark(p);
    if (!rn_p_name(p, &item->name)) {
        return false;
    }
    rn_p_refuse_generics(p, "enums", "enum ");
    if (!rn_p_list(p, RN_TOKEN_BRACE_OPEN, variant_element, NULL)) {
        return false;
    }
    item->enum_.variants = rn_p_take(p, mark, sizeof *item->enum_.variants, &item->enum_.count);
    return true;
}

static bool parse_struct(struct rn_parser *p, struct rn_ast_item *item)
{
    item->kind = RN_AST_STRUCT;
    if (!rn_p_name(p, &item->name)) {
        return false;
    }
    rn_p_refuse_generics(p, "structs", "struct ");
    return parse_fields(p, &item->struct_);
}

/* ---- impl ---- */

static struct rn_ast_item *parse_impl_fn(struct rn_parser *p)
{
    struct rn_ast_item *item = rn_p_alloc(p, sizeof *item);
    if (item == NULL || !rn_p_attributes(p, false, &item->attributes)) {
        return NULL;
    }
    struct head head = {.first = p->at};
    if (!rn_p_visibility(p, &item->visibility)) {
        return NULL;
    }
    uint32_t modifiers = p->at;
    parse_head(p, &head);
    if (modifiers != p->at && !rn_p_is(p, RN_TOKEN_FN)) {
        p->at = modifiers; // the constant that it began, not its name, is out of place
        rn_p_fail_expected(p, "a function");
        return NULL;
    }
    if (!rn_p_expect(p, RN_TOKEN_FN) || !parse_fn(p, item, &head)) {
        return NULL;
    }
    item->span = rn_p_span_from(p, head.first);
    return item;
}

/* Behind a function that could not be read. */
static void skip_to_fn(struct rn_parser *p, uint32_t first, uint32_t close)
{
    while (p->at < close) {
        enum rn_token_kind kind = rn_p_kind(p);
        if (p->at > first && (kind == RN_TOKEN_FN || kind == RN_TOKEN_PUB)) {
            return;
        }
        uint32_t partner = kind >= RN_TOKEN_TEMPLATE_OPEN && kind <= RN_TOKEN_BRACE_OPEN
                               ? rn_p_partner(p, p->at)
                               : 0;
        rn_p_skip_to(p, partner != 0 && partner < close ? partner + 1 : p->at + 1);
    }
}

/* `impl<T> Stack<T>` is one mistake. */
static void refuse_impl_generics(struct rn_parser *p, uint32_t errors)
{
    if (!rn_p_is(p, RN_TOKEN_LT)) {
        return;
    }
    if (errors == p->diagnostics->error_count) {
        rn_p_refuse_generics(p, "`impl` blocks", "impl ");
    } else {
        rn_p_skip_angles(p);
    }
}

static bool parse_impl(struct rn_parser *p, struct rn_ast_item *item)
{
    item->kind = RN_AST_IMPL;
    uint32_t errors = p->diagnostics->error_count;
    rn_p_refuse_generics(p, "`impl` blocks", "impl ");
    item->impl.path = rn_p_path(p);
    refuse_impl_generics(p, errors);
    uint32_t open = p->at;
    const char *help = rn_p_is(p, RN_TOKEN_FOR)
                           ? "scripts have no traits, `impl` is followed by the type alone"
                           : NULL;
    if (item->impl.path == NULL || !rn_p_expect_helped(p, RN_TOKEN_BRACE_OPEN, help)) {
        return false;
    }
    uint32_t close = rn_p_partner(p, open);
    size_t mark = rn_p_mark(p);
    while (!rn_p_is(p, RN_TOKEN_BRACE_CLOSE) && !p->no_memory) {
        uint32_t first = p->at;
        struct rn_ast_item *fn = parse_impl_fn(p);
        if (fn != NULL) {
            rn_p_push(p, &fn, sizeof fn);
        } else if (close == 0 || p->at >= close) {
            rn_p_drop(p, mark);
            return false;
        } else {
            skip_to_fn(p, first, close);
        }
    }
    item->impl.functions.items =
        rn_p_take(p, mark, sizeof(struct rn_ast_item *), &item->impl.functions.count);
    return rn_p_expect(p, RN_TOKEN_BRACE_CLOSE);
}

/* ---- Modules, constants, statics ---- */

static struct rn_ast_file *parse_items(struct rn_parser *p, uint32_t close);

static bool parse_mod(struct rn_parser *p, struct rn_ast_item *item)
{
    item->kind = RN_AST_MOD;
    if (!rn_p_name(p, &item->name)) {
        return false;
    }
    uint32_t open = p->at;
    if (!rn_p_eat(p, RN_TOKEN_BRACE_OPEN)) {
        return rn_p_expect(p, RN_TOKEN_SEMI);
    }
    if (!rn_p_enter(p)) {
        rn_p_abandon(p, open);
        return false;
    }
    uint32_t close = rn_p_partner(p, open);
    uint32_t errors = rn_p_misread(p);
    uint32_t outer_limit = p->limit;
    p->limit = close == 0 ? p->limit : close;
    item->mod.file = parse_items(p, p->limit);
    p->limit = outer_limit;
    rn_p_leave(p);
    if (close == 0) {
        if (errors == rn_p_misread(p)) {
            rn_p_fail_unclosed_brace(p, open);
        }
        return false;
    }
    return item->mod.file != NULL && rn_p_expect(p, RN_TOKEN_BRACE_CLOSE);
}

static bool parse_const(struct rn_parser *p, struct rn_ast_item *item, struct head *head)
{
    item->kind = RN_AST_CONST;
    head->is_const = false;
    uint32_t first = p->at;
    if (!rn_p_name(p, &item->name) || !rn_p_refuse_type(p, first, "constants") ||
        !rn_p_expect(p, RN_TOKEN_EQ)) {
        return false;
    }
    item->constant.value = rn_p_expr(p);
    return item->constant.value != NULL;
}

static bool parse_static(struct rn_parser *p, struct rn_ast_item *item, struct head *head)
{
    item->kind = RN_AST_STATIC;
    head->is_static = false;
    uint32_t first = p->at;
    if (!rn_p_name(p, &item->name) || !rn_p_refuse_type(p, first, "statics")) {
        return false;
    }
    if (rn_p_eat(p, RN_TOKEN_EQ)) {
        item->constant.value = rn_p_expr(p);
        return item->constant.value != NULL;
    }
    return true;
}

static bool parse_kind(struct rn_parser *p, struct rn_ast_item *item, struct head *head)
{
    enum rn_token_kind kind = rn_p_kind(p);
    if (kind == RN_TOKEN_IDENT && head->is_const) {
        return parse_const(p, item, head);
    }
    if (kind == RN_TOKEN_IDENT && head->is_static) {
        return parse_static(p, item, head);
    }
    if (!rn_p_is_item(p) || kind == RN_TOKEN_CONST || kind == RN_TOKEN_STATIC) {
        return rn_p_fail_expected(p, "`fn`, `mod`, `struct`, `enum`, `use` or a macro call");
    }
    p->at++;
    switch ((int)kind) {
    case RN_TOKEN_USE:
        item->kind = RN_AST_USE;
        item->use = parse_use(p);
        return item->use != NULL;
    case RN_TOKEN_ENUM:
        return parse_enum(p, item);
    case RN_TOKEN_STRUCT:
        return parse_struct(p, item);
    case RN_TOKEN_IMPL:
        return parse_impl(p, item);
    case RN_TOKEN_FN:
        return parse_fn(p, item, head);
    default:
        RN_ASSERT(kind == RN_TOKEN_MOD);
        return parse_mod(p, item);
    }
}

static void refuse_modifiers(struct rn_parser *p, const struct rn_ast_item *item,
                             const struct head *head)
{
    if (head->is_const) {
        rn_p_unsupported(p, head->const_span, "the `const` modifier");
    } else if (head->is_static) {
        rn_p_unsupported(p, head->static_span, "the `static` modifier");
    } else if (head->is_async) {
        rn_p_unsupported(p, head->async_span, "the `async` modifier");
    } else if (item->kind == RN_AST_IMPL && item->visibility.kind != RN_VISIBILITY_PRIVATE) {
        rn_p_unsupported(p, item->visibility.span, "a visibility");
    }
}

static bool needs_semi(const struct rn_ast_item *item)
{
    switch ((enum rn_ast_item_kind)item->kind) {
    case RN_AST_USE:
    case RN_AST_CONST:
    case RN_AST_STATIC:
        return true;
    case RN_AST_STRUCT:
        return item->struct_.kind != RN_FIELDS_NAMED;
    case RN_AST_FN:
    case RN_AST_ENUM:
    case RN_AST_IMPL:
    case RN_AST_MOD:
    case RN_AST_MACRO_ITEM:
        break;
    }
    return false;
}

static bool parse_item_semi(struct rn_parser *p, struct rn_ast_item *item)
{
    struct rn_span semi = rn_p_span(p);
    if (needs_semi(item)) {
        if (!rn_p_expect(p, RN_TOKEN_SEMI)) {
            return false;
        }
        item->semi_span = semi;
    } else if (rn_p_eat(p, RN_TOKEN_SEMI)) {
        item->semi_span = semi;
        if (item->kind != RN_AST_MACRO_ITEM) {
            rn_diagnose(p->diagnostics, NEEDLESS_SEMI, semi);
        }
    }
    return true;
}

/* The first token of the item: its visibility, if it has one. */
static uint32_t item_start(const struct rn_parser *p, const struct rn_ast_visibility *visibility)
{
    uint32_t first = p->at;
    while (visibility->kind != RN_VISIBILITY_PRIVATE && first > 0 &&
           p->items[first - 1].start >= visibility->span.start) {
        first--;
    }
    return first;
}

struct rn_ast_item *rn_p_item(struct rn_parser *p, struct rn_ast_attributes attributes,
                              struct rn_ast_visibility visibility)
{
    struct rn_ast_item *item = rn_p_alloc(p, sizeof *item);
    if (item == NULL) {
        return NULL;
    }
    item->attributes = attributes;
    item->visibility = visibility;
    struct head head = {.first = item_start(p, &visibility)};
    parse_head(p, &head);
    if (!parse_kind(p, item, &head)) {
        return NULL;
    }
    item->span = rn_p_span_from(p, head.first);
    refuse_modifiers(p, item, &head);
    return parse_item_semi(p, item) ? item : NULL;
}

/* ---- Files ---- */

/* What begins with an identifier is no item, and no macro either. */
static void explain_items(struct rn_parser *p, const struct rn_ast_path *path)
{
    struct rn_utf8 name = rn_symbol_text(p->symbols, rn_ast_path_ident(path));
    if (name.size == 5 && memcmp(name.data, "trait", 5) == 0) {
        rn_diagnostic_help(p->diagnostics, p->complaint,
                           "scripts have no traits, `impl` gives a type functions of its own");
        return;
    }
    if (rn_p_foreign_word(p, path->span) != NULL) {
        rn_diagnostic_help(p->diagnostics, p->complaint, "%s", rn_p_foreign_word(p, path->span));
        return;
    }
    rn_diagnostic_help(p->diagnostics, p->complaint,
                       "items begin with `fn`, `struct`, `enum`, `impl`, `mod`, `use`, "
                       "`const` or `static`");
}

static struct rn_ast_item *parse_macro_item(struct rn_parser *p,
                                            const struct rn_ast_attributes *attributes,
                                            const struct rn_ast_visibility *visibility)
{
    uint32_t first = p->at;
    struct rn_ast_item *item = rn_p_alloc(p, sizeof *item);
    struct rn_ast_path *path = rn_p_path(p);
    if (item == NULL || path == NULL) {
        return NULL;
    }
    item->kind = RN_AST_MACRO_ITEM;
    item->attributes = *attributes;
    p->complaint = NULL;
    item->macro = rn_p_macro(p, path);
    if (item->macro == NULL) {
        if (p->complaint != NULL) {
            explain_items(p, path);
        }
        return NULL;
    }
    item->span = rn_p_span_from(p, first);
    if (visibility->kind != RN_VISIBILITY_PRIVATE) {
        rn_p_unsupported(p, visibility->span, "a visibility");
    }
    return parse_item_semi(p, item) ? item : NULL;
}

/* One item with what stands before it; NULL after a failure or when nothing is left. */
static struct rn_ast_item *parse_file_item(struct rn_parser *p, uint32_t close)
{
    struct rn_ast_attributes attributes;
    struct rn_ast_visibility visibility;
    if (!rn_p_attributes(p, false, &attributes) || !rn_p_visibility(p, &visibility)) {
        return NULL;
    }
    if (rn_p_is_item(p)) {
        return rn_p_item(p, attributes, visibility);
    }
    if (rn_p_is_path(p)) {
        return parse_macro_item(p, &attributes, &visibility);
    }
    if (p->at == close && attributes.count != 0) {
        rn_p_unsupported(p, attributes.items[0].span, "an attribute without an item");
    } else if (visibility.kind != RN_VISIBILITY_PRIVATE) {
        rn_p_unsupported(p, visibility.span, "a visibility without an item");
    } else {
        rn_p_fail_expected(p, "an item");
    }
    return NULL;
}

/* Behind an item that could not be read: at a word that begins one. */
static void skip_item(struct rn_parser *p, uint32_t first, uint32_t close)
{
    while (p->at < close) {
        enum rn_token_kind kind = rn_p_kind(p);
        if (p->at > first && (rn_p_is_item(p) || kind == RN_TOKEN_PUB)) {
            return;
        }
        uint32_t partner = kind >= RN_TOKEN_TEMPLATE_OPEN && kind <= RN_TOKEN_BRACE_OPEN
                               ? rn_p_partner(p, p->at)
                               : 0;
        rn_p_skip_to(p, partner != 0 && partner < close ? partner + 1 : p->at + 1);
    }
}

static struct rn_ast_file *parse_items(struct rn_parser *p, uint32_t close)
{
    uint32_t first = p->at;
    struct rn_ast_file *file = rn_p_alloc(p, sizeof *file);
    if (file == NULL || !rn_p_attributes(p, true, &file->attributes)) {
        return file;
    }
    size_t mark = rn_p_mark(p);
    while (p->at < close && !p->no_memory) {
        uint32_t start = p->at;
        size_t inner = rn_p_mark(p);
        struct rn_ast_item *item = parse_file_item(p, close);
        if (item != NULL) {
            rn_p_push(p, &item, sizeof item);
            continue;
        }
        rn_p_drop(p, inner);
        skip_item(p, start, close);
    }
    file->items.items = rn_p_take(p, mark, sizeof(struct rn_ast_item *), &file->items.count);
    file->span = rn_p_span_from(p, first);
    return file;
}

struct rn_ast_file *rn_p_file(struct rn_parser *p)
{
    return parse_items(p, p->end);
}
