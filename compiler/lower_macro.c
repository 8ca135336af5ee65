/*
 * lower_macro.c: templates and the builtin macros.
 *
 * An argument that a format string names twice is evaluated twice, as in the language. Such
 * repetition nests, so the whole build may only do REPEATS_MAX of it.
 */
#include "compiler/const_eval.h"
#include "compiler/format_string.h"
#include "compiler/lower.h"

#include <string.h>

#define REPEATS_MAX 10000u
#define TEXT_MAX (16u << 20)

static struct rn_hir_expr *text_constant(struct rn_lower *lower, struct rn_utf8 text,
                                         struct rn_span span)
{
    struct rn_constant constant = {.tag = RN_TAG_STRING, .text = text};
    return rn_hir_constant(lower, constant, span);
}

/* ---- Texts with holes ---- */

/* Parts as they come: pieces of text are joined until something else follows. */
struct text_builder {
    struct rn_lower *lower;
    struct rn_buf pending;
    struct rn_hir_part *parts;
    uint32_t count;
    uint32_t capacity;
    uint32_t holes;
};

static void builder_init(struct text_builder *builder, struct rn_lower *lower)
{
    *builder = (struct text_builder){.lower = lower};
    rn_buf_init(&builder->pending, TEXT_MAX);
}

static struct rn_hir_part *builder_add(struct text_builder *builder)
{
    if (builder->count == builder->capacity) {
        uint32_t capacity = builder->capacity == 0 ? 8 : builder->capacity * 2;
        struct rn_hir_part *parts =
            rn_lower_alloc(builder->lower, capacity, sizeof(struct rn_hir_part));
        if (parts == NULL) {
            return NULL;
        }
        if (builder->count > 0) {
            memcpy(parts, builder->parts, builder->count * sizeof(*parts));
        }
        builder->parts = parts;
        builder->capacity = capacity;
    }
    return &builder->parts[builder->count++];
}

static struct rn_utf8 copy_text(struct rn_lower *lower, const void *bytes, size_t size)
{
    char *copy = rn_arena_copy(lower->arena, bytes, size);
    if (copy == NULL && size > 0) {
        lower->error = RN_E_NO_MEMORY;
        size = 0;
    }
    return (struct rn_utf8){copy, size};
}

static void builder_flush(struct text_builder *builder)
{
    if (builder->pending.size == 0) {
        return;
    }
    struct rn_utf8 text = copy_text(builder->lower, builder->pending.data, builder->pending.size);
    struct rn_hir_part *part = builder_add(builder);
    if (part != NULL) {
        part->text = text;
    }
    rn_buf_clear(&builder->pending);
}

static void builder_text(struct text_builder *builder, struct rn_utf8 text)
{
    rn_buf_append(&builder->pending, text.data, text.size);
}

static void builder_hole(struct text_builder *builder, struct rn_hir_expr *expr,
                         const struct rn_unit_spec *spec)
{
    // A constant text is as good as text.
    bool is_text = expr->kind == RN_HIR_CONSTANT && expr->constant.tag == RN_TAG_STRING;
    if (is_text && spec == NULL) {
        builder_text(builder, expr->constant.text);
        return;
    }
    builder_flush(builder);
    struct rn_hir_part *part = builder_add(builder);
    if (part != NULL) {
        part->expr = expr;
        part->spec = spec;
        builder->holes++;
    }
}

/* A TEXT node, or a constant if there are no holes. Ends the builder. */
static struct rn_hir_expr *builder_finish(struct text_builder *builder, struct rn_span span)
{
    struct rn_lower *lower = builder->lower;
    if (rn_buf_status(&builder->pending) != RN_OK) {
        lower->error = RN_E_NO_MEMORY;
    }
    if (builder->count == 0) {
        struct rn_utf8 text = copy_text(lower, builder->pending.data, builder->pending.size);
        rn_buf_done(&builder->pending);
        return text_constant(lower, text, span);
    }
    builder_flush(builder);
    rn_buf_done(&builder->pending);
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_TEXT, span);
    expr->text.items = builder->parts;
    expr->text.count = builder->count;
    return expr;
}

struct rn_hir_expr *rn_lower_template(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct text_builder builder;
    builder_init(&builder, lower);
    bool holes = false;
    for (uint32_t i = 0; i < ast->template_.count; i++) {
        const struct rn_ast_part *part = &ast->template_.parts[i];
        if (part->expr == NULL) {
            builder_text(&builder, part->text);
            continue;
        }
        holes = true;
        builder_hole(&builder, rn_lower_expr(lower, part->expr), NULL);
    }
    if (!holes) {
        rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_TEMPLATE_WITHOUT_HOLES, ast->span,
                           NULL, 0);
    }
    return builder_finish(&builder, ast->span);
}

/* ---- Format strings ---- */

struct format {
    struct rn_lower *lower;
    const struct rn_ast_macro_arg *args; /* behind the format string */
    uint32_t count;
    uint32_t positional; /* how many of them */
    bool *used;
    uint32_t next;
    struct rn_span span; /* of the format string */
};

/* Runs an expression that must be constant: it sees no variables. */
static bool eval_constant(struct rn_lower *lower, const struct rn_ast_expr *ast,
                          struct rn_constant *out_value)
{
    while (ast->kind == RN_EXPR_GROUP) {
        ast = ast->inner;
    }
    if (ast->kind == RN_EXPR_LITERAL) {
        *out_value = rn_lower_literal(&ast->literal);
        return true;
    }
    struct rn_hir_function function = {.span = ast->span, .index = RN_NONE};
    struct rn_frame frame = {.function = &function, .span = ast->span, .is_const = true};
    struct rn_frame *saved = lower->frame;
    lower->frame = &frame;
    const struct rn_hir_expr *expr = rn_lower_expr(lower, ast);
    lower->frame = saved;
    return rn_const_eval(lower, expr, out_value);
}

static void report_missing_argument(const struct format *format, uint64_t number)
{
    struct rn_number_text text;
    rn_diagnose(format->lower->diagnostics, FORMAT_MISSING_ARGUMENT, format->span,
                rn_text_u64(&text, number));
}

static struct rn_hir_expr *argument(struct format *format, uint32_t index)
{
    struct rn_lower *lower = format->lower;
    if (format->used[index]) {
        lower->repeats++;
        if (lower->repeats > REPEATS_MAX) {
            if (lower->repeats == REPEATS_MAX + 1) {
                struct rn_number_text text;
                rn_diagnose(lower->diagnostics, MACRO_RECURSION, format->span,
                            rn_text_u64(&text, REPEATS_MAX));
            }
            return rn_hir_error(lower);
        }
    }
    format->used[index] = true;
    return rn_lower_expr(lower, format->args[index].expr);
}

static struct rn_hir_expr *positional(struct format *format, uint64_t index)
{
    if (index >= format->positional) {
        report_missing_argument(format, index);
        return NULL;
    }
    return argument(format, (uint32_t)index);
}

/* A name that no argument has is looked up where the macro stands. */
static struct rn_hir_expr *captured(struct format *format, rn_symbol name)
{
    struct rn_lower *lower = format->lower;
    struct rn_ast_path *path = rn_lower_alloc(lower, 1, sizeof(*path));
    struct rn_ast_segment *segment = rn_lower_alloc(lower, 1, sizeof(*segment));
    if (path == NULL || segment == NULL) {
        return NULL;
    }
    *segment = (struct rn_ast_segment){.kind = RN_SEGMENT_IDENT, .name = {name, format->span}};
    *path = (struct rn_ast_path){.span = format->span, .count = 1, .segments = segment};
    struct rn_ast_expr expr = {.kind = RN_EXPR_PATH, .span = format->span, .path = path};
    if (name == lower->self_symbol) {
        segment->kind = RN_SEGMENT_SELF;
    }
    return rn_lower_path(lower, &expr);
}

static struct rn_hir_expr *named(struct format *format, struct rn_utf8 text)
{
    struct rn_lower *lower = format->lower;
    rn_symbol name = rn_symbols_intern(&lower->items->symbols, text.data, text.size);
    if (name == 0) {
        lower->error = RN_E_NO_MEMORY;
        return NULL;
    }
    for (uint32_t i = format->positional; i < format->count; i++) {
        if (format->args[i].name.symbol == name) {
            return argument(format, i);
        }
    }
    return captured(format, name);
}

/* `.*`: the next argument says the precision, before the value. */
static bool take_precision(struct format *format, struct rn_unit_spec *spec)
{
    if (format->next >= format->positional) {
        report_missing_argument(format, format->next);
        return false;
    }
    uint32_t index = format->next++;
    format->used[index] = true;
    struct rn_constant value;
    const struct rn_ast_expr *ast = format->args[index].expr;
    if (!eval_constant(format->lower, ast, &value)) {
        return false;
    }
    bool is_i64 = value.tag == RN_TAG_I64 && value.i64 >= 0 && value.i64 <= 65535;
    bool is_u64 = value.tag == RN_TAG_U64 && value.u64 <= 65535;
    if (!is_i64 && !is_u64) {
        rn_diagnostics_add(format->lower->diagnostics, RN_DIAGNOSTIC_FORMAT_PRECISION, ast->span,
                           NULL, 0);
        return false;
    }
    spec->precision = (uint32_t)value.u64;
    return true;
}

static bool add_hole(struct format *format, struct text_builder *builder,
                     struct rn_format_part *part)
{
    if (part->precision_taken && !take_precision(format, &part->spec)) {
        return false;
    }
    struct rn_hir_expr *expr;
    if (part->argument == RN_FORMAT_NEXT) {
        expr = positional(format, format->next++);
    } else if (part->argument == RN_FORMAT_POSITION) {
        expr = positional(format, part->position);
    } else {
        expr = named(format, part->name);
    }
    if (expr == NULL) {
        return false;
    }
    struct rn_unit_spec *spec = NULL;
    if (!part->plain) {
        spec = rn_lower_alloc(format->lower, 1, sizeof(*spec));
        if (spec == NULL) {
            return false;
        }
        *spec = part->spec;
    }
    builder_hole(builder, expr, spec);
    return true;
}

static bool report_part(const struct format *format, const struct rn_format_part *part)
{
    struct rn_diagnostics *diagnostics = format->lower->diagnostics;
    if (part->kind == RN_FORMAT_BAD_CHAR) {
        char bytes[4];
        size_t size = rn_utf8_encode(part->scalar, bytes);
        rn_diagnose(diagnostics, FORMAT_CHAR, format->span, {bytes, size});
        return false;
    }
    enum rn_diagnostic_code code = part->kind == RN_FORMAT_LONE_CLOSE ? RN_DIAGNOSTIC_FORMAT_CLOSE
                                   : part->kind == RN_FORMAT_CUT_OFF  ? RN_DIAGNOSTIC_FORMAT_END
                                                                      : RN_DIAGNOSTIC_FORMAT_NUMBER;
    rn_diagnostics_add(diagnostics, code, format->span, NULL, 0);
    return false;
}

static bool expand(struct format *format, struct text_builder *builder, struct rn_utf8 text)
{
    struct rn_format_reader reader;
    rn_format_reader_init(&reader, text);
    for (;;) {
        struct rn_format_part part = rn_format_next(&reader);
        if (part.kind == RN_FORMAT_END) {
            return true;
        }
        if (part.kind == RN_FORMAT_TEXT) {
            builder_text(builder, part.text);
        } else if (part.kind != RN_FORMAT_HOLE) {
            return report_part(format, &part);
        } else if (!add_hole(format, builder, &part)) {
            return false;
        }
    }
}

static struct rn_span join(struct rn_span a, struct rn_span b)
{
    return (struct rn_span){a.source, a.start, b.end};
}

/* Positional before named, and how many; false: reported. */
static bool sort_out(struct format *format)
{
    for (uint32_t i = 0; i < format->count; i++) {
        if (format->args[i].name.symbol == 0) {
            if (format->positional < i) {
                rn_diagnostics_add(format->lower->diagnostics, RN_DIAGNOSTIC_FORMAT_ORDER,
                                   format->args[i].expr->span, NULL, 0);
                return false;
            }
            format->positional++;
        }
    }
    return true;
}

static bool check_used(const struct format *format)
{
    for (uint32_t i = 0; i < format->count; i++) {
        if (format->used[i]) {
            continue;
        }
        struct rn_diagnostics *diagnostics = format->lower->diagnostics;
        const struct rn_ast_macro_arg *arg = &format->args[i];
        if (arg->name.symbol == 0) {
            rn_diagnostics_add(diagnostics, RN_DIAGNOSTIC_FORMAT_UNUSED, arg->expr->span, NULL, 0);
        } else {
            rn_diagnose(diagnostics, FORMAT_UNUSED_NAMED, join(arg->name.span, arg->expr->span),
                        rn_symbol_text(&format->lower->items->symbols, arg->name.symbol));
        }
        return false;
    }
    return true;
}

/* A value where the format string is wanted, of which something was reported. */
static void explain_format(struct rn_lower *lower, const struct rn_ast_expr *format)
{
    rn_symbol ident = format->kind == RN_EXPR_PATH ? rn_ast_path_ident(format->path) : 0;
    struct rn_utf8 name = rn_symbol_text(&lower->items->symbols, ident);
    if (ident != 0) {
        rn_diagnostic_help(lower->diagnostics, lower->diagnostics->last,
                           "a format string comes first, values behind it: `\"{}\", %.*s`",
                           (int)name.size, name.data);
    }
}

/* The format string args[0] with what follows it, appended to `builder`; false: reported. */
static bool lower_format(struct rn_lower *lower, const struct rn_ast_macro_arg *args,
                         uint32_t count, struct rn_span span, struct text_builder *builder)
{
    if (count == 0 || args[0].name.symbol != 0) {
        rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_FORMAT_MISSING, span, NULL, 0);
        return false;
    }
    struct format format = {
        .lower = lower, .args = args + 1, .count = count - 1, .span = args[0].expr->span};
    format.used = rn_lower_alloc(lower, count, sizeof(bool));
    struct rn_constant text;
    uint32_t kept = lower->diagnostics->kept_errors;
    if (format.used == NULL || !eval_constant(lower, args[0].expr, &text)) {
        if (lower->diagnostics->kept_errors == kept + 1) {
            explain_format(lower, args[0].expr);
        }
        return false;
    }
    if (!sort_out(&format)) {
        return false;
    }
    if (text.tag != RN_TAG_STRING) {
        rn_diagnostics_add(lower->diagnostics, RN_DIAGNOSTIC_FORMAT_NOT_CONST, format.span, NULL,
                           0);
        return false;
    }
    return expand(&format, builder, text.text) && check_used(&format);
}

static struct rn_hir_expr *format_text(struct rn_lower *lower, const struct rn_ast_macro *macro)
{
    struct text_builder builder;
    builder_init(&builder, lower);
    bool ok = lower_format(lower, macro->args, macro->arg_count, macro->input_span, &builder);
    struct rn_hir_expr *expr = builder_finish(&builder, macro->input_span);
    return ok ? expr : rn_hir_error(lower);
}

/* ---- Macros ---- */

static struct rn_hir_expr *call_item(struct rn_lower *lower, const char *path,
                                     struct rn_hir_exprs args, struct rn_span span)
{
    const struct rn_context_item *item = rn_context_find(lower->items->context, path, strlen(path));
    if (item == NULL) {
        rn_diagnose(lower->diagnostics, MISSING_ITEM, span, rn_text(path));
        return rn_hir_error(lower);
    }
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_CALL_ITEM, span);
    expr->call.item = item;
    expr->call.args = args;
    return expr;
}

static struct rn_hir_expr *call_with_text(struct rn_lower *lower, const char *path,
                                          const struct rn_ast_expr *ast)
{
    struct rn_hir_expr **args = rn_lower_alloc(lower, 1, sizeof(*args));
    if (args == NULL) {
        return rn_hir_error(lower);
    }
    args[0] = format_text(lower, ast->macro);
    return call_item(lower, path, (struct rn_hir_exprs){args, 1}, ast->span);
}

static struct rn_hir_expr *panic_with(struct rn_lower *lower, struct rn_hir_expr *message,
                                      struct rn_span span)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_PANIC, span);
    expr->left = message;
    return expr;
}

/* Tokens that begin inside [start, end), joined by single spaces. */
static void append_tokens(struct rn_buf *out, const struct rn_token_run *run, uint32_t start,
                          uint32_t end)
{
    bool first = true;
    for (uint32_t i = run->start; i < run->end; i++) {
        const struct rn_token *token = &run->tokens->items[i];
        if (token->start < start || token->start >= end) {
            continue;
        }
        rn_buf_append_text(out, first ? "" : " ");
        rn_buf_append(out, run->tokens->text.data + token->start, token->end - token->start);
        first = false;
    }
}

static struct rn_hir_expr *lower_stringify(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_buf text;
    rn_buf_init(&text, TEXT_MAX);
    append_tokens(&text, &ast->macro->input, 0, UINT32_MAX);
    struct rn_hir_expr *expr =
        text_constant(lower, copy_text(lower, text.data, text.size), ast->span);
    if (rn_buf_status(&text) != RN_OK) {
        lower->error = RN_E_NO_MEMORY;
    }
    rn_buf_done(&text);
    return expr;
}

/* if !(condition) { panic }, as an expression of value unit. */
static struct rn_hir_expr *unless(struct rn_lower *lower, struct rn_hir_expr *condition,
                                  struct rn_hir_expr *panic, struct rn_span span)
{
    struct rn_hir_expr *negated = rn_hir_new(lower, RN_HIR_UNARY, span);
    negated->op = RN_UNARY_NOT;
    negated->left = condition;
    struct rn_hir_branch *branch = rn_lower_alloc(lower, 1, sizeof(*branch));
    if (branch == NULL) {
        return rn_hir_error(lower);
    }
    branch->condition = negated;
    branch->body = panic;
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_IF, span);
    expr->if_.branches = branch;
    expr->if_.count = 1;
    return expr;
}

static bool check_arguments(struct rn_lower *lower, const struct rn_ast_macro *macro,
                            uint32_t wanted, const char *name, const char *what)
{
    bool ok = macro->arg_count >= wanted;
    for (uint32_t i = 0; ok && i < wanted; i++) {
        ok = macro->args[i].name.symbol == 0;
    }
    if (!ok) {
        rn_diagnose(lower->diagnostics, MACRO_ARGUMENTS, macro->input_span, rn_text(name),
                    rn_text(what));
    }
    return ok;
}

static struct rn_hir_expr *lower_assert(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    const struct rn_ast_macro *macro = ast->macro;
    if (!check_arguments(lower, macro, 1, "assert", "an expression")) {
        return rn_hir_error(lower);
    }
    struct rn_hir_expr *condition = rn_lower_expr(lower, macro->args[0].expr);
    struct text_builder builder;
    builder_init(&builder, lower);
    builder_text(&builder, RN_UTF8("assertion failed: "));
    bool ok = true;
    if (macro->arg_count > 1) {
        ok =
            lower_format(lower, macro->args + 1, macro->arg_count - 1, macro->input_span, &builder);
    } else {
        struct rn_span span = macro->args[0].expr->span;
        append_tokens(&builder.pending, &macro->input, span.start, span.end);
    }
    struct rn_hir_expr *message = builder_finish(&builder, ast->span);
    if (!ok) {
        return rn_hir_error(lower);
    }
    return unless(lower, condition, panic_with(lower, message, ast->span), ast->span);
}

static struct rn_hir_expr *let_named(struct rn_lower *lower, const char *name,
                                     struct rn_hir_expr *value, struct rn_hir_var **out_var)
{
    struct rn_hir_expr *let = rn_hir_new(lower, RN_HIR_LET, value->span);
    struct rn_hir_pat *pat = rn_lower_alloc(lower, 1, sizeof(*pat));
    rn_symbol symbol = rn_symbols_intern(&lower->items->symbols, name, strlen(name));
    *out_var = rn_scope_bind(lower, symbol, value->span);
    if (pat == NULL || *out_var == NULL) {
        lower->error = RN_E_NO_MEMORY;
        return NULL;
    }
    *pat = (struct rn_hir_pat){.kind = RN_HIR_PAT_BIND, .span = value->span, .var = *out_var};
    let->let.pat = pat;
    let->let.value = value;
    return let;
}

static void side_hole(struct text_builder *builder, const char *title, struct rn_hir_var *var,
                      struct rn_span span)
{
    struct rn_unit_spec *spec = rn_lower_alloc(builder->lower, 1, sizeof(*spec));
    if (spec == NULL) {
        return;
    }
    *spec = (struct rn_unit_spec){
        .fill = ' ', .type = RN_SPEC_DEBUG, .width = RN_NONE, .precision = RN_NONE};
    builder_text(builder, rn_text(title));
    builder_hole(builder, rn_hir_local(builder->lower, var, span), spec);
}

/* { let left = a; let right = b; if !(left == right) { panic } } */
static struct rn_hir_expr *lower_assert_pair(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                             uint8_t op)
{
    const struct rn_ast_macro *macro = ast->macro;
    bool equal = op == RN_BINARY_EQ;
    if (!check_arguments(lower, macro, 2, equal ? "assert_eq" : "assert_ne", "two expressions")) {
        return rn_hir_error(lower);
    }
    uint32_t mark = rn_scope_begin(lower);
    struct rn_hir_expr *a = rn_lower_expr(lower, macro->args[0].expr);
    struct rn_hir_expr *b = rn_lower_expr(lower, macro->args[1].expr);
    struct rn_hir_stmt *stmts = rn_lower_alloc(lower, 2, sizeof(*stmts));
    struct rn_hir_var *left = NULL;
    struct rn_hir_var *right = NULL;
    if (stmts == NULL || (stmts[0].expr = let_named(lower, "left", a, &left)) == NULL ||
        (stmts[1].expr = let_named(lower, "right", b, &right)) == NULL) {
        return rn_hir_error(lower);
    }
    struct rn_hir_expr *compare = rn_hir_new(lower, RN_HIR_BINARY, ast->span);
    compare->op = op;
    compare->left = rn_hir_local(lower, left, a->span);
    compare->right = rn_hir_local(lower, right, b->span);
    struct text_builder builder;
    builder_init(&builder, lower);
    builder_text(&builder, equal ? RN_UTF8("assertion failed (left == right):")
                                 : RN_UTF8("assertion failed (left != right):"));
    bool ok = true;
    if (macro->arg_count > 2) {
        builder_text(&builder, RN_UTF8(" "));
        ok =
            lower_format(lower, macro->args + 2, macro->arg_count - 2, macro->input_span, &builder);
    }
    side_hole(&builder, "\nleft: ", left, a->span);
    side_hole(&builder, "\nright: ", right, b->span);
    struct rn_hir_expr *message = builder_finish(&builder, ast->span);
    struct rn_hir_expr *block = rn_hir_new(lower, RN_HIR_BLOCK, ast->span);
    block->block.stmts = stmts;
    block->block.count = 2;
    block->block.value = unless(lower, compare, panic_with(lower, message, ast->span), ast->span);
    rn_scope_end(lower, mark);
    return ok ? block : rn_hir_error(lower);
}

static struct rn_hir_expr *lower_dbg(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    const struct rn_ast_macro *macro = ast->macro;
    struct rn_hir_exprs args = {.count = macro->arg_count};
    args.items = rn_lower_alloc(lower, macro->arg_count, sizeof(*args.items));
    if (args.items == NULL) {
        return rn_hir_error(lower);
    }
    if (macro->arg_count > RN_ARGUMENTS_MAX) {
        struct rn_number_text number;
        rn_diagnose(lower->diagnostics, TOO_MANY_ARGUMENTS, ast->span,
                    rn_text_u64(&number, RN_ARGUMENTS_MAX));
        return rn_hir_error(lower);
    }
    for (uint32_t i = 0; i < macro->arg_count; i++) {
        args.items[i] = rn_lower_expr(lower, macro->args[i].expr);
    }
    return call_item(lower, "std::io::dbg", args, ast->span);
}

static struct rn_hir_expr *lower_line(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    const struct rn_source *source = &lower->diagnostics->sources[ast->span.source];
    uint32_t line = rn_source_position(source, ast->span.start).line;
    struct rn_constant constant = {.tag = RN_TAG_I64, .i64 = line};
    return rn_hir_constant(lower, constant, ast->span);
}

static struct rn_hir_expr *lower_file(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    return text_constant(lower, lower->diagnostics->sources[ast->span.source].name, ast->span);
}

static struct rn_hir_expr *lower_panic(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *message = format_text(lower, ast->macro);
    return message->kind == RN_HIR_ERROR ? message : panic_with(lower, message, ast->span);
}

static struct rn_hir_expr *lower_print(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    return call_with_text(lower, "std::io::print", ast);
}

static struct rn_hir_expr *lower_println(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    return call_with_text(lower, "std::io::println", ast);
}

static struct rn_hir_expr *lower_format_macro(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    return format_text(lower, ast->macro);
}

static struct rn_hir_expr *lower_assert_eq(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    return lower_assert_pair(lower, ast, RN_BINARY_EQ);
}

static struct rn_hir_expr *lower_assert_ne(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    return lower_assert_pair(lower, ast, RN_BINARY_NOT_EQ);
}

struct rn_hir_expr *rn_lower_macro(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    static const struct {
        const char *path;
        struct rn_hir_expr *(*lower)(struct rn_lower *, const struct rn_ast_expr *);
    } macros[] = {
        {"std::io::println!", lower_println},        {"std::io::print!", lower_print},
        {"std::fmt::format!", lower_format_macro},   {"std::panic!", lower_panic},
        {"std::test::assert!", lower_assert},        {"std::test::assert_eq!", lower_assert_eq},
        {"std::test::assert_ne!", lower_assert_ne},  {"std::io::dbg!", lower_dbg},
        {"std::stringify!", lower_stringify},        {"std::macros::builtin::line!", lower_line},
        {"std::macros::builtin::file!", lower_file},
    };
    const struct rn_context_item *item = ast->macro->item;
    for (size_t i = 0; item != NULL && i < RN_COUNT_OF(macros); i++) {
        if (item->path.size == strlen(macros[i].path) &&
            memcmp(item->path.data, macros[i].path, item->path.size) == 0) {
            return macros[i].lower(lower, ast);
        }
    }
    if (item != NULL) {
        rn_diagnose(lower->diagnostics, MISSING_MACRO, ast->span, item->path);
    }
    return rn_hir_error(lower);
}
