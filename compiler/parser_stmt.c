/*
 * parser_stmt.c: blocks and statements, and where to go on after an error inside of one.
 */
#include "compiler/parser_internal.h"

/* Statements and items of a block share the scratch area: first all of one kind, then of the other.
 */
struct block_builder {
    struct rn_ast_block *block;
    uint32_t height;
    uint32_t close; /* index of the closing brace, or of the end */
    /* The last statement, if it is an expression without semicolon that wants one. */
    struct rn_span unfinished;
    bool is_unfinished;
    bool wants_operand; /* and it is a jump without a value */
};

/* Items are few: they are kept in a list of nodes until the block ends. */
struct item_node {
    struct item_node *next;
    struct rn_ast_item *item;
};

static bool starts_statement(enum rn_token_kind kind)
{
    switch ((int)kind) {
    case RN_TOKEN_LET:
    case RN_TOKEN_FN:
    case RN_TOKEN_STRUCT:
    case RN_TOKEN_ENUM:
    case RN_TOKEN_USE:
    case RN_TOKEN_MOD:
    case RN_TOKEN_IMPL:
    case RN_TOKEN_STATIC:
    case RN_TOKEN_PUB:
        return true;
    default:
        return false;
    }
}

/*
 * Behind a statement that could not be read: after its semicolon, at a word that begins another
 * one, or at the end of the block. Delimited runs are stepped over as wholes.
 */
static void synchronise(struct rn_parser *p, uint32_t first, uint32_t close)
{
    while (p->at < close) {
        enum rn_token_kind kind = rn_p_kind(p);
        if (kind == RN_TOKEN_SEMI) {
            p->at++;
            return;
        }
        if (p->at > first && starts_statement(kind)) {
            return;
        }
        bool opens = kind >= RN_TOKEN_TEMPLATE_OPEN && kind <= RN_TOKEN_BRACE_OPEN;
        uint32_t partner = opens ? rn_p_partner(p, p->at) : 0;
        bool block = kind == RN_TOKEN_BRACE_OPEN && partner != 0 && partner < close;
        rn_p_skip_to(p, partner != 0 && partner < close ? partner + 1 : p->at + 1);
        if (block && !rn_p_is(p, RN_TOKEN_SEMI) && !rn_p_is(p, RN_TOKEN_DOT)) {
            return; // what ends in a block needs no semicolon
        }
    }
}

static void refuse_attributes(struct rn_parser *p, const struct rn_ast_attributes *attributes,
                              const char *what)
{
    if (attributes->count != 0) {
        rn_diagnose(p->diagnostics, ATTRIBUTES, attributes->items[0].span, rn_text(what));
    }
}

static bool parse_let(struct rn_parser *p, struct rn_ast_stmt *stmt)
{
    p->at++;
    if (rn_p_is(p, RN_TOKEN_MUT)) {
        rn_diagnose(p->diagnostics, UNSUPPORTED_MUT, rn_p_span(p));
        p->at++;
    }
    stmt->kind = RN_STMT_LET;
    stmt->pat = rn_p_pat_untyped(p, "variables");
    uint32_t height = p->height;
    if (stmt->pat == NULL || !rn_p_expect(p, RN_TOKEN_EQ)) {
        return false;
    }
    stmt->expr = rn_p_expr(p);
    p->height = rn_p_max(height, p->height);
    const char *help =
        rn_p_is(p, RN_TOKEN_ELSE) ? "`let` has no `else`, write `match` or `if let`" : NULL;
    return stmt->expr != NULL && rn_p_expect_helped(p, RN_TOKEN_SEMI, help);
}

static bool parse_expr_stmt(struct rn_parser *p, struct rn_ast_stmt *stmt)
{
    stmt->expr = rn_p_expr_statement(p);
    if (stmt->expr == NULL) {
        return false;
    }
    struct rn_span semi = rn_p_span(p);
    stmt->kind = rn_p_eat(p, RN_TOKEN_SEMI) ? RN_STMT_SEMI : RN_STMT_EXPR;
    if (stmt->kind == RN_STMT_SEMI && !rn_ast_needs_semi(stmt->expr)) {
        rn_diagnose(p->diagnostics, NEEDLESS_SEMI, semi);
    }
    return true;
}

static bool add_item(struct rn_parser *p, struct item_node ***tail, struct rn_ast_item *item)
{
    struct item_node *node = rn_p_alloc(p, sizeof *node);
    if (node == NULL) {
        return false;
    }
    node->item = item;
    **tail = node;
    *tail = &node->next;
    return true;
}

static bool lacks_operand(const struct rn_ast_expr *expr)
{
    return ((expr->kind == RN_EXPR_RETURN || expr->kind == RN_EXPR_YIELD) && expr->inner == NULL) ||
           (expr->kind == RN_EXPR_BREAK && expr->jump.value == NULL);
}

static void report_unfinished(struct rn_parser *p, const struct block_builder *b)
{
    struct rn_diagnostic *d = rn_diagnose(p->diagnostics, EXPECTED_BLOCK_SEMI, b->unfinished);
    p->semis++;
    const char *help = rn_p_foreign_word(p, b->unfinished);
    if (help != NULL) {
        rn_diagnostic_help(p->diagnostics, d, "%s", help);
        return;
    }
    struct rn_span end = {b->unfinished.source, b->unfinished.end, b->unfinished.end};
    rn_diagnostic_label(p->diagnostics, d, end, "add `;` here");
    if (b->wants_operand) {
        rn_diagnostic_help(p->diagnostics, d,
                           "if the next expression is its value, write that in parentheses");
    }
}

static bool add_stmt(struct rn_parser *p, struct block_builder *b, const struct rn_ast_stmt *stmt)
{
    if (b->is_unfinished) {
        report_unfinished(p, b);
    }
    b->wants_operand = (stmt->kind == RN_STMT_EXPR) && lacks_operand(stmt->expr);
    b->is_unfinished = stmt->kind == RN_STMT_EXPR && rn_ast_needs_semi(stmt->expr);
    b->unfinished = stmt->span;
    return rn_p_push(p, stmt, sizeof *stmt);
}

/* One statement or item. */
static bool parse_stmt(struct rn_parser *p, struct block_builder *b, struct item_node ***items)
{
    uint32_t first = p->at;
    struct rn_ast_attributes attributes;
    struct rn_ast_visibility visibility;
    p->height = 0;
    if (!rn_p_attributes(p, false, &attributes) || !rn_p_visibility(p, &visibility)) {
        return false;
    }
    if (rn_p_is_item(p)) {
        struct rn_ast_item *item = rn_p_item(p, attributes, visibility);
        return item != NULL && add_item(p, items, item);
    }
    if (visibility.kind != RN_VISIBILITY_PRIVATE) {
        rn_p_unsupported(p, visibility.span, "a visibility");
    }
    struct rn_ast_stmt stmt = {0};
    bool is_let = rn_p_is(p, RN_TOKEN_LET);
    refuse_attributes(p, &attributes, is_let ? "local declarations" : "expressions");
    if (!(is_let ? parse_let(p, &stmt) : parse_expr_stmt(p, &stmt))) {
        return false;
    }
    stmt.span = rn_p_span_from(p, first);
    return add_stmt(p, b, &stmt);
}

static void take_items(struct rn_parser *p, struct rn_ast_block *block, struct item_node *nodes)
{
    size_t mark = rn_p_mark(p);
    for (; nodes != NULL; nodes = nodes->next) {
        rn_p_push(p, &nodes->item, sizeof nodes->item);
    }
    block->items = rn_p_take(p, mark, sizeof(struct rn_ast_item *), &block->item_count);
}

/* Statements up to the closing brace `close`, or to the end. False if memory or nesting ends. */
static void parse_stmts(struct rn_parser *p, struct block_builder *b)
{
    size_t mark = rn_p_mark(p);
    struct item_node *nodes = NULL;
    struct item_node **tail = &nodes;
    while (p->at < b->close && !p->no_memory) {
        uint32_t first = p->at;
        size_t inner = rn_p_mark(p);
        if (parse_stmt(p, b, &tail)) {
            b->height = rn_p_max(b->height, p->height);
            continue;
        }
        rn_p_drop(p, inner);
        b->is_unfinished = false;
        synchronise(p, first, b->close);
        if (p->at == first) {
            rn_p_skip_to(p, first + 1);
        }
    }
    b->block->stmts = rn_p_take(p, mark, sizeof(struct rn_ast_stmt), &b->block->stmt_count);
    take_items(p, b->block, nodes);
}

/* How far the line of a token is indented; UINT32_MAX if the token stands too far in it. */
static uint32_t indent_of(const struct rn_parser *p, uint32_t index, bool *out_first)
{
    const char *text = p->tokens->text.data;
    uint32_t at = p->items[index].start;
    uint32_t line = at;
    while (line > 0 && text[line - 1] != '\n') {
        line--;
        if (at - line > 200) {
            return UINT32_MAX;
        }
    }
    uint32_t indent = line;
    while (indent < at && (text[indent] == ' ' || text[indent] == '\t')) {
        indent++;
    }
    *out_first = indent == at;
    return indent - line;
}

/*
 * When a brace is missing, the first block behind `open` whose end is indented unlike its beginning
 * is the likely one. Lines are measured for the first few thousand braces only.
 */
static uint32_t find_misindented(const struct rn_parser *p, uint32_t open)
{
    uint32_t checks = 2000;
    for (uint32_t i = open + 1; i < p->at && checks > 0; i++) {
        uint32_t close = p->items[i].kind == RN_TOKEN_BRACE_OPEN ? rn_p_partner(p, i) : 0;
        if (close == 0) {
            continue;
        }
        checks--;
        bool first = false;
        uint32_t end = indent_of(p, close, &first);
        bool ignored;
        uint32_t start = indent_of(p, i, &ignored);
        if (first && end != UINT32_MAX && start != UINT32_MAX && start != end) {
            return i;
        }
    }
    return 0;
}

void rn_p_fail_unclosed_brace(struct rn_parser *p, uint32_t open)
{
    uint32_t last = p->end - 1;
    if (p->items[last].kind == RN_TOKEN_ERROR) {
        rn_p_report_lexical(p, last);
        p->failed = p->end;
    }
    if (p->no_memory || p->failed == p->at) {
        return;
    }
    p->failed = p->at;
    struct rn_diagnostic *d = rn_diagnose(p->diagnostics, EXPECTED, rn_p_span(p), rn_text("`}`"),
                                          rn_text(rn_token_description(rn_p_kind(p))));
    uint32_t suspect = find_misindented(p, open);
    if (suspect == 0) {
        rn_diagnostic_label(p->diagnostics, d, rn_p_token_span(p, open), "this `{` is not closed");
        return;
    }
    rn_diagnostic_label(p->diagnostics, d, rn_p_token_span(p, suspect),
                        "this `{` may be the one that is not closed");
    rn_diagnostic_label(p->diagnostics, d, rn_p_token_span(p, rn_p_partner(p, suspect)),
                        "as it ends here, indented otherwise");
}

/* The statements of a block whose brace has been taken. */
static struct rn_ast_block *parse_body(struct rn_parser *p, struct rn_ast_block *block,
                                       uint32_t open)
{
    uint32_t errors = rn_p_misread(p);
    uint32_t close = rn_p_partner(p, open);
    uint32_t outer_limit = p->limit;
    struct block_builder b = {.block = block, .close = close == 0 ? p->limit : close};
    p->limit = b.close;
    parse_stmts(p, &b);
    p->limit = outer_limit;
    if (close == 0) {
        if (errors == rn_p_misread(p)) {
            rn_p_fail_unclosed_brace(p, open);
        }
        return NULL;
    }
    RN_ASSERT(p->no_memory || p->at >= close);
    p->at = p->no_memory ? p->end : close + 1;
    block->span = rn_p_span_from(p, open);
    return rn_p_grow(p, b.height, block->span) ? block : NULL;
}

struct rn_ast_block *rn_p_block(struct rn_parser *p)
{
    uint32_t open = p->at;
    struct rn_ast_block *block = rn_p_alloc(p, sizeof *block);
    if (block == NULL || !rn_p_expect(p, RN_TOKEN_BRACE_OPEN)) {
        return NULL;
    }
    if (!rn_p_enter(p)) {
        rn_p_abandon(p, open);
        return NULL;
    }
    block = parse_body(p, block, open);
    rn_p_leave(p);
    return block;
}

struct rn_ast_block *rn_p_script(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct block_builder b = {.block = rn_p_alloc(p, sizeof *b.block), .close = p->end};
    if (b.block == NULL) {
        return NULL;
    }
    parse_stmts(p, &b);
    b.block->span = rn_p_span_from(p, first);
    return b.block;
}
