/* format_item.c: blocks, statements, items, files. */
#include "compiler/format_internal.h"

#include <string.h>

void rn_f_part(struct rn_formatter *f, bool first, bool apart)
{
    uint32_t breaks = rn_f_breaks(f);
    bool blank = !first && (breaks > 1 || (breaks == 0 && apart));
    rn_f_add(f, blank ? RN_DOC_BLANK : RN_DOC_HARD);
}

/* ---- What is left as it is ---- */

static bool is_text(const struct rn_formatter *f, uint32_t ahead, const char *text)
{
    if (rn_f_kind_at(f, ahead) != RN_TOKEN_IDENT) {
        return false;
    }
    const struct rn_token *token = &f->written[f->at + ahead];
    size_t size = token->end - token->start;
    return size == strlen(text) && memcmp(f->text + token->start, text, size) == 0;
}

/* `#[runefmt::skip]` among the attributes that begin at the current token. */
static bool is_skipped(const struct rn_formatter *f, uint32_t start)
{
    uint32_t ahead = 0;
    while (f->at + ahead < f->reading->tokens.count && f->written[f->at + ahead].start < start) {
        if (rn_f_kind_at(f, ahead) == RN_TOKEN_POUND && is_text(f, ahead + 2, "runefmt") &&
            rn_f_kind_at(f, ahead + 3) == RN_TOKEN_COLON_COLON && is_text(f, ahead + 4, "skip")) {
            return true;
        }
        ahead++;
    }
    return false;
}

/* ---- Attributes ---- */

static void attributes_until(struct rn_formatter *f, uint32_t start)
{
    while (!f->lost && rn_f_start(f) < start) {
        if (!rn_f_is(f, RN_TOKEN_POUND)) {
            rn_f_any(f); // a doc comment
        } else {
            uint32_t open = rn_f_kind_at(f, 1) == RN_TOKEN_BANG ? 2 : 1;
            uint32_t close = f->written[f->at + open].value;
            if (close == 0 || close >= f->reading->tokens.count) {
                f->lost = true;
                return;
            }
            rn_f_verbatim(f, f->written[close].end);
        }
        rn_f_add(f, RN_DOC_HARD);
    }
}

/* ---- Imports ---- */

static void use_tree(struct rn_formatter *f, const struct rn_ast_use *use);

static void use_element(struct rn_formatter *f, const void *context, uint32_t index)
{
    use_tree(f, ((struct rn_ast_use *const *)context)[index]);
}

static bool all_names(const struct rn_ast_use *use)
{
    for (uint32_t i = 0; i < use->segment_count; i++) {
        if (use->segments[i].kind != RN_SEGMENT_IDENT) {
            return false;
        }
    }
    return true;
}

/* A group of one name needs no braces. */
static bool is_redundant_group(const struct rn_formatter *f, const struct rn_ast_use *use)
{
    if (use->group_count != 1 || use->alias.symbol != 0 || use->illegal || rn_f_has_comments(f)) {
        return false;
    }
    const struct rn_ast_use *only = use->group[0];
    if (only->global || only->illegal) {
        return false;
    }
    const char *text = f->text;
    struct rn_span span = use->last_span;
    bool commented = memmem(text + span.start, span.end - span.start, "//", 2) != NULL ||
                     memmem(text + span.start, span.end - span.start, "/*", 2) != NULL;
    return !commented && only->segment_count > 0 && all_names(only);
}

static void use_group(struct rn_formatter *f, const struct rn_ast_use *use)
{
    if (!is_redundant_group(f, use)) {
        rn_f_list(f, &(struct rn_list){.style = RN_LIST_FILL,
                                       .count = use->group_count,
                                       .element = use_element,
                                       .context = use->group});
        return;
    }
    rn_f_drop(f, RN_TOKEN_BRACE_OPEN);
    use_tree(f, use->group[0]);
    if (rn_f_is(f, RN_TOKEN_COMMA)) {
        rn_f_drop(f, RN_TOKEN_COMMA);
    }
    rn_f_drop(f, RN_TOKEN_BRACE_CLOSE);
}

static void use_tree(struct rn_formatter *f, const struct rn_ast_use *use)
{
    if (use->kind == RN_USE_PATH) {
        uint32_t end = use->alias.symbol == 0 ? use->span.end : use->alias.span.start;
        while (!f->lost && rn_f_start(f) < end && !rn_f_is(f, RN_TOKEN_AS)) {
            rn_f_any(f);
        }
    } else {
        rn_f_until(f, use->last_span.start);
        if (use->kind == RN_USE_GLOB) {
            rn_f_take(f, RN_TOKEN_STAR);
        } else {
            use_group(f, use);
        }
    }
    if (use->illegal) {
        rn_f_until(f, use->illegal_span.end);
    }
    if (use->alias.symbol != 0) {
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_AS);
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_IDENT);
    }
}

/* ---- Structs and enums ---- */

static void field_element(struct rn_formatter *f, const void *context, uint32_t index)
{
    const struct rn_ast_field *field = &((const struct rn_ast_field *)context)[index];
    attributes_until(f, field->span.start);
    if (field->visibility.kind != RN_VISIBILITY_PRIVATE) {
        rn_f_until(f, field->visibility.span.end);
        rn_f_space(f);
    }
    rn_f_take(f, RN_TOKEN_IDENT);
    if (rn_f_eat(f, RN_TOKEN_COLON)) {
        rn_f_space(f);
        rn_f_until(f, field->span.end);
    }
}

static void fields(struct rn_formatter *f, const struct rn_ast_fields *fields)
{
    if (fields->kind == RN_FIELDS_UNIT) {
        return;
    }
    bool named = fields->kind == RN_FIELDS_NAMED;
    if (named) {
        rn_f_space(f);
    }
    rn_f_list(f, &(struct rn_list){.style = named ? RN_LIST_LINES : RN_LIST_TIGHT,
                                   .count = fields->count,
                                   .element = field_element,
                                   .context = fields->items});
}

static void variant_element(struct rn_formatter *f, const void *context, uint32_t index)
{
    const struct rn_ast_variant *variant = &((const struct rn_ast_variant *)context)[index];
    attributes_until(f, variant->span.start);
    rn_f_take(f, RN_TOKEN_IDENT);
    fields(f, &variant->fields);
}

/* ---- Items ---- */

static void item(struct rn_formatter *f, const struct rn_ast_item *item);

static void fn(struct rn_formatter *f, const struct rn_ast_item *item)
{
    rn_f_take(f, RN_TOKEN_FN);
    rn_f_space(f);
    rn_f_take(f, RN_TOKEN_IDENT);
    rn_f_params(f, item->fn.params, item->fn.param_count);
    if (item->fn.has_return_type) {
        rn_f_space(f);
        rn_f_until(f, item->fn.return_span.end);
    }
    rn_f_space(f);
    rn_f_block(f, item->fn.body, RN_EMPTY_SHORT);
}

/* Do two items that stood on one line stand apart? Those with bodies do. */
static bool has_body(const struct rn_ast_item *item)
{
    return item->kind == RN_AST_FN || item->kind == RN_AST_IMPL ||
           (item->kind == RN_AST_MOD && item->mod.file != NULL);
}

static uint32_t start_of(const struct rn_ast_item *item)
{
    return item->attributes.count == 0 ? item->span.start : item->attributes.items[0].span.start;
}

static void items(struct rn_formatter *f, const struct rn_ast_items *items, bool first)
{
    for (uint32_t i = 0; i < items->count && !f->lost; i++) {
        bool apart = i > 0 && (has_body(items->items[i]) || has_body(items->items[i - 1]) ||
                               items->items[i]->kind != items->items[i - 1]->kind);
        rn_f_part(f, first && i == 0, apart);
        item(f, items->items[i]);
    }
}

static void impl(struct rn_formatter *f, const struct rn_ast_item *item)
{
    rn_f_take(f, RN_TOKEN_IMPL);
    rn_f_space(f);
    rn_f_path(f, item->impl.path);
    rn_f_space(f);
    rn_doc_open(&f->doc);
    rn_f_take(f, RN_TOKEN_BRACE_OPEN);
    bool filled = item->impl.functions.count > 0 || rn_f_has_comments(f);
    rn_f_add(f, RN_DOC_INDENT);
    items(f, &item->impl.functions, true);
    rn_f_comments(f);
    rn_f_add(f, RN_DOC_DEDENT);
    if (filled) {
        rn_f_add(f, RN_DOC_HARD);
    }
    rn_f_take(f, RN_TOKEN_BRACE_CLOSE);
    rn_doc_close(&f->doc);
}

static void mod(struct rn_formatter *f, const struct rn_ast_item *item)
{
    rn_f_take(f, RN_TOKEN_MOD);
    rn_f_space(f);
    rn_f_take(f, RN_TOKEN_IDENT);
    const struct rn_ast_file *file = item->mod.file;
    if (file == NULL) {
        rn_f_take(f, RN_TOKEN_SEMI);
        return;
    }
    rn_f_space(f);
    rn_doc_open(&f->doc);
    rn_f_take(f, RN_TOKEN_BRACE_OPEN);
    bool filled = file->items.count > 0 || file->attributes.count > 0 || rn_f_has_comments(f);
    rn_f_add(f, RN_DOC_INDENT);
    rn_f_file(f, file);
    rn_f_comments(f);
    rn_f_add(f, RN_DOC_DEDENT);
    if (filled) {
        rn_f_add(f, RN_DOC_HARD);
    }
    rn_f_take(f, RN_TOKEN_BRACE_CLOSE);
    rn_doc_close(&f->doc);
}

static void constant(struct rn_formatter *f, const struct rn_ast_item *item)
{
    rn_f_take(f, RN_TOKEN_IDENT);
    if (item->constant.value != NULL) {
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_EQ);
        rn_f_space(f);
        rn_f_expr(f, item->constant.value);
    }
}

/* `pub(..)`, `const`, `async`, `static`, each with a space behind it. */
static void head(struct rn_formatter *f, const struct rn_ast_item *item)
{
    if (item->visibility.kind != RN_VISIBILITY_PRIVATE) {
        rn_f_until(f, item->visibility.span.end);
        rn_f_space(f);
    }
    while (!f->lost && (rn_f_is(f, RN_TOKEN_CONST) || rn_f_is(f, RN_TOKEN_STATIC) ||
                        rn_f_is(f, RN_TOKEN_ASYNC))) {
        rn_f_any(f);
        rn_f_space(f);
    }
}

static void by_kind(struct rn_formatter *f, const struct rn_ast_item *item)
{
    switch ((enum rn_ast_item_kind)item->kind) {
    case RN_AST_USE:
        rn_f_take(f, RN_TOKEN_USE);
        rn_f_space(f);
        use_tree(f, item->use);
        break;
    case RN_AST_FN:
        fn(f, item);
        break;
    case RN_AST_STRUCT:
        rn_f_take(f, RN_TOKEN_STRUCT);
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_IDENT);
        fields(f, &item->struct_);
        break;
    case RN_AST_ENUM:
        rn_f_take(f, RN_TOKEN_ENUM);
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_IDENT);
        rn_f_space(f);
        rn_f_list(f, &(struct rn_list){.style = RN_LIST_LINES,
                                       .count = item->enum_.count,
                                       .element = variant_element,
                                       .context = item->enum_.variants});
        break;
    case RN_AST_IMPL:
        impl(f, item);
        break;
    case RN_AST_MOD:
        mod(f, item);
        break;
    case RN_AST_CONST:
    case RN_AST_STATIC:
        constant(f, item);
        break;
    case RN_AST_MACRO_ITEM:
        rn_f_macro(f, item->macro);
        break;
    }
}

/* A needless semicolon goes, but for the one before the end of a block, which tells values apart. */
static void item_semi(struct rn_formatter *f, const struct rn_ast_item *item)
{
    if (!rn_f_is(f, RN_TOKEN_SEMI) || item->semi_span.end == 0 ||
        rn_f_start(f) != item->semi_span.start) {
        return;
    }
    bool needless = has_body(item) || item->kind == RN_AST_ENUM ||
                    (item->kind == RN_AST_STRUCT && item->struct_.kind == RN_FIELDS_NAMED);
    enum rn_token_kind next = rn_f_kind_at(f, 1);
    if (needless && next != RN_TOKEN_BRACE_CLOSE && next != RN_TOKEN_EOF) {
        rn_f_drop(f, RN_TOKEN_SEMI);
    } else {
        rn_f_take(f, RN_TOKEN_SEMI);
    }
}

static uint32_t end_of(const struct rn_ast_item *item)
{
    return item->semi_span.end > item->span.end ? item->semi_span.end : item->span.end;
}

static void item(struct rn_formatter *f, const struct rn_ast_item *item)
{
    if (is_skipped(f, item->span.start)) {
        rn_f_verbatim(f, end_of(item));
        return;
    }
    attributes_until(f, item->span.start);
    head(f, item);
    by_kind(f, item);
    item_semi(f, item);
}

/* ---- Statements ---- */

static bool is_block_like(const struct rn_ast_expr *expr)
{
    switch ((int)expr->kind) {
    case RN_EXPR_BLOCK:
    case RN_EXPR_LOOP:
    case RN_EXPR_WHILE:
    case RN_EXPR_FOR:
    case RN_EXPR_IF:
    case RN_EXPR_MATCH:
    case RN_EXPR_SELECT:
        return true;
    default:
        return false;
    }
}

/* Without the semicolon the next statement must not be read as going on with this one. */
static bool semi_may_go(const struct rn_formatter *f)
{
    enum rn_token_kind next = rn_f_kind_at(f, 1);
    return next == RN_TOKEN_IDENT || next == RN_TOKEN_LET || next == RN_TOKEN_FN ||
           next == RN_TOKEN_RETURN || next == RN_TOKEN_IF || next == RN_TOKEN_FOR ||
           next == RN_TOKEN_WHILE || next == RN_TOKEN_LOOP || next == RN_TOKEN_MATCH;
}

static bool begins_attribute(const struct rn_formatter *f)
{
    return rn_f_is(f, RN_TOKEN_DOC_OUTER) ||
           (rn_f_is(f, RN_TOKEN_POUND) && rn_f_kind_at(f, 1) == RN_TOKEN_BRACKET_OPEN);
}

static void stmt(struct rn_formatter *f, const struct rn_ast_stmt *stmt, bool last)
{
    uint32_t start = stmt->kind == RN_STMT_LET ? stmt->pat->span.start : stmt->expr->span.start;
    if (is_skipped(f, start)) {
        rn_f_verbatim(f, stmt->span.end);
        return;
    }
    while (!f->lost && begins_attribute(f)) {
        attributes_until(f, rn_f_start(f) + 1);
    }
    if (stmt->kind == RN_STMT_LET) {
        rn_f_take(f, RN_TOKEN_LET);
        rn_f_space(f);
        rn_f_pat(f, stmt->pat);
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_EQ);
        rn_f_space(f);
        rn_f_expr(f, stmt->expr);
        rn_f_take(f, RN_TOKEN_SEMI);
        return;
    }
    rn_f_expr(f, stmt->expr);
    if (stmt->kind == RN_STMT_SEMI && is_block_like(stmt->expr) && !last && semi_may_go(f)) {
        rn_f_drop(f, RN_TOKEN_SEMI);
    } else if (stmt->kind == RN_STMT_SEMI) {
        rn_f_take(f, RN_TOKEN_SEMI);
    }
}

/* Statements and items of a block in the order of the text. */
struct parts {
    const struct rn_ast_block *block;
    uint32_t stmt;
    uint32_t item;
};

static bool more(const struct parts *parts)
{
    return parts->stmt < parts->block->stmt_count || parts->item < parts->block->item_count;
}

static bool item_is_next(const struct parts *parts)
{
    const struct rn_ast_block *block = parts->block;
    if (parts->item == block->item_count) {
        return false;
    }
    return parts->stmt == block->stmt_count ||
           start_of(block->items[parts->item]) < block->stmts[parts->stmt].span.start;
}

enum look {
    LOOK_LET,
    LOOK_PLAIN,
    LOOK_BLOCK, /* stands apart from what is around it */
};

static enum look look_of(const struct parts *parts)
{
    if (item_is_next(parts)) {
        return has_body(parts->block->items[parts->item]) ? LOOK_BLOCK : LOOK_PLAIN;
    }
    const struct rn_ast_stmt *stmt = &parts->block->stmts[parts->stmt];
    if (stmt->kind == RN_STMT_LET) {
        return LOOK_LET;
    }
    return is_block_like(stmt->expr) ? LOOK_BLOCK : LOOK_PLAIN;
}

static void block_parts(struct rn_formatter *f, const struct rn_ast_block *block)
{
    struct parts parts = {.block = block};
    enum look before = LOOK_PLAIN;
    for (bool first = true; more(&parts) && !f->lost; first = false) {
        enum look look = look_of(&parts);
        bool apart =
            look == LOOK_BLOCK || before == LOOK_BLOCK || (before == LOOK_LET && look != LOOK_LET);
        rn_f_part(f, first, apart);
        if (item_is_next(&parts)) {
            item(f, block->items[parts.item++]);
        } else {
            uint32_t index = parts.stmt++;
            stmt(f, &block->stmts[index], parts.stmt == block->stmt_count);
        }
        before = look;
    }
}

void rn_f_block(struct rn_formatter *f, const struct rn_ast_block *block, enum rn_empty_style empty)
{
    rn_doc_open(&f->doc);
    rn_f_take(f, RN_TOKEN_BRACE_OPEN);
    bool filled = block->stmt_count + block->item_count > 0 || rn_f_has_comments(f);
    rn_f_add(f, RN_DOC_INDENT);
    block_parts(f, block);
    rn_f_comments(f);
    rn_f_add(f, RN_DOC_DEDENT);
    if (filled || empty == RN_EMPTY_LINES) {
        rn_f_add(f, RN_DOC_HARD);
    }
    rn_f_take(f, RN_TOKEN_BRACE_CLOSE);
    rn_doc_close(&f->doc);
}

/* ---- Files ---- */

void rn_f_file(struct rn_formatter *f, const struct rn_ast_file *file)
{
    if (file->body != NULL) {
        block_parts(f, file->body);
        return;
    }
    for (uint32_t i = 0; i < file->attributes.count && !f->lost; i++) {
        rn_f_part(f, i == 0, false);
        attributes_until(f, file->attributes.items[i].span.end);
    }
    items(f, &file->items, file->attributes.count == 0);
}
