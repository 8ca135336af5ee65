/*
 * gen_pat.c: patterns as sequences of tests, and `let`.
 */
#include "compiler/gen.h"

void rn_gen_bind(struct rn_gen *gen, struct rn_hir_var *var, uint32_t source, bool owned)
{
    if (gen->all_wide || var->wide) {
        var->wide = true;
        var->place = gen->wide_next++;
        rn_gen_store(gen, var, source);
        return;
    }
    if (owned) {
        var->place = source;
        return;
    }
    var->place = gen->next;
    rn_gen_move(gen, rn_gen_take(gen), source);
}

/* ---- Tests: R[cond] = R[source] matches ---- */

static void test_constant(struct rn_gen *gen, const struct rn_constant *constant, uint32_t source,
                          uint32_t cond)
{
    struct rn_builder *b = gen->builder;
    if (constant->tag == RN_TAG_STRING) {
        rn_emit_MATCH_STRING(b, cond, source, rn_builder_string(b, constant->text));
    } else if (constant->tag == RN_TAG_BYTES) {
        rn_emit_MATCH_BYTES(b, cond, source, rn_builder_string(b, constant->text));
    } else if (constant->tag == RN_TAG_I64 && constant->i64 >= INT32_MIN &&
               constant->i64 <= INT32_MAX) {
        rn_emit_MATCH_INT(b, cond, source, (int32_t)constant->i64);
    } else {
        rn_emit_MATCH_CONST(b, cond, source, rn_gen_constant(gen, constant, gen->span));
    }
}

static void test_list(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t source,
                      uint32_t cond)
{
    struct rn_builder *b = gen->builder;
    uint32_t count = pat->list.count;
    switch ((int)pat->kind) {
    case RN_HIR_PAT_VEC:
        rn_emit_MATCH_SEQ(b, cond, source, pat->open ? RN_SEQ_VEC_AT_LEAST : RN_SEQ_VEC, count);
        break;
    case RN_HIR_PAT_TUPLE:
        rn_emit_MATCH_SEQ(b, cond, source, pat->open ? RN_SEQ_TUPLE_AT_LEAST : RN_SEQ_TUPLE, count);
        break;
    case RN_HIR_PAT_OBJECT:
        rn_emit_MATCH_OBJECT(b, cond, source, !pat->open,
                             rn_builder_keys(b, pat->list.keys, count));
        break;
    default:
        rn_emit_MATCH_TYPE(b, cond, source, rn_gen_type(gen, pat->list.type));
        break;
    }
}

static void get_part(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t index,
                     uint32_t source, uint32_t dest)
{
    if (pat->list.keys == NULL) {
        rn_emit_TUPLE_GET(gen->builder, dest, source, index);
        return;
    }
    struct rn_utf8 none = {0};
    uint32_t site = rn_builder_site(gen->builder, RN_SITE_GET, pat->list.keys[index], none);
    if (pat->kind == RN_HIR_PAT_OBJECT) {
        rn_emit_INDEX_KEY_GET(gen->builder, dest, source, site);
    } else {
        rn_emit_FIELD_GET(gen->builder, dest, source, site);
    }
}

static void match_parts(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t source,
                        struct rn_label fail)
{
    for (uint32_t i = 0; i < pat->list.count; i++) {
        const struct rn_hir_pat *part = pat->list.items[i];
        if (part->kind == RN_HIR_PAT_IGNORE) {
            continue;
        }
        rn_gen_span(gen, part->span);
        uint32_t mark = gen->next;
        uint32_t value = rn_gen_take(gen);
        get_part(gen, pat, i, source, value);
        rn_gen_pat(gen, part, value, true, fail);
        // A part that was only looked at, or stored elsewhere, needs no place any more.
        bool kept = part->kind == RN_HIR_PAT_BIND ? !part->var->wide : gen->next > value + 1;
        if (!kept) {
            gen->next = mark;
        }
    }
}

/* What is inside of a value whose kind was tested already. */
void rn_gen_pat_inside(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t source,
                       struct rn_label fail)
{
    if (pat->kind != RN_HIR_PAT_CONSTANT) {
        match_parts(gen, pat, source, fail);
    }
}

void rn_gen_pat(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t source, bool owned,
                struct rn_label fail)
{
    if (pat->kind == RN_HIR_PAT_IGNORE) {
        return;
    }
    if (pat->kind == RN_HIR_PAT_BIND) {
        rn_gen_bind(gen, pat->var, source, owned);
        return;
    }
    rn_gen_span(gen, pat->span);
    uint32_t cond = gen->next;
    if (pat->kind == RN_HIR_PAT_CONSTANT && pat->constant.tag == RN_TAG_I64 &&
        pat->constant.i64 >= INT32_MIN && pat->constant.i64 <= INT32_MAX) {
        rn_emit_MATCH_INT(gen->builder, cond, source, (int32_t)pat->constant.i64);
    } else if (pat->kind == RN_HIR_PAT_CONSTANT) {
        test_constant(gen, &pat->constant, source, cond);
    } else {
        test_list(gen, pat, source, cond);
    }
    rn_emit_JUMP_NOT_TRUE(gen->builder, cond, fail);
    rn_gen_pat_inside(gen, pat, source, fail);
}

/* ---- Let ---- */

/*
 * Tuples and structs with names for their parts are how values are taken apart: that a value is of such a
 * shape is as plain to see as that a variable is a number.
 */
static bool takes_apart(const struct rn_hir_pat *pat)
{
    bool is_struct = pat->kind == RN_HIR_PAT_TYPE && pat->list.type.decl != NULL &&
                     pat->list.type.decl->kind == RN_DECL_STRUCT;
    if (pat->kind != RN_HIR_PAT_TUPLE && !is_struct) {
        return !rn_hir_refutable(pat);
    }
    for (uint32_t i = 0; i < pat->list.count; i++) {
        if (!takes_apart(pat->list.items[i])) {
            return false;
        }
    }
    return true;
}

void rn_gen_pat_or_panic(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t source,
                         bool owned)
{
    struct rn_label fail = rn_gen_label(gen);
    rn_gen_pat(gen, pat, source, owned, fail);
    if (!takes_apart(pat)) {
        rn_diagnostics_add(gen->diagnostics, RN_DIAGNOSTIC_PATTERN_MIGHT_PANIC, pat->span, NULL, 0);
    }
    if (rn_hir_refutable(pat)) {
        rn_gen_panic_at(gen, fail, pat->span);
    }
}

/* let (a, b) = (x, y): no tuple is made. All values are there before the first name is bound. */
static bool let_unpacked(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const struct rn_hir_pat *pat = expr->let.pat;
    const struct rn_hir_expr *value = expr->let.value;
    if (pat->kind != RN_HIR_PAT_TUPLE || value->kind != RN_HIR_TUPLE || pat->open ||
        pat->list.count != value->list.items.count || pat->list.count > RN_HIR_CHUNK) {
        return false;
    }
    uint32_t first = gen->next;
    for (uint32_t i = 0; i < pat->list.count; i++) {
        rn_gen_push(gen, value->list.items.items[i]);
    }
    for (uint32_t i = 0; i < pat->list.count; i++) {
        rn_gen_pat_or_panic(gen, pat->list.items[i], first + i, true);
    }
    return true;
}

/* `let _ = a < b` says that the value is not wanted. */
static void let_ignored(struct rn_gen *gen, const struct rn_hir_expr *value)
{
    if (value->kind == RN_HIR_BINARY) {
        rn_gen_any(gen, value);
    } else {
        rn_gen_ignore(gen, value);
    }
}

void rn_gen_let(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    struct rn_hir_pat *pat = expr->let.pat;
    uint32_t mark = gen->next;
    if (pat->kind == RN_HIR_PAT_IGNORE) {
        let_ignored(gen, expr->let.value);
        gen->next = mark;
        return;
    }
    if (let_unpacked(gen, expr)) {
        return;
    }
    if (pat->kind == RN_HIR_PAT_BIND) {
        uint32_t source = rn_gen_push(gen, expr->let.value);
        rn_gen_bind(gen, pat->var, source, true);
        if (pat->var->wide) {
            gen->next = mark;
        }
        return;
    }
    uint32_t source = rn_gen_any(gen, expr->let.value);
    rn_gen_pat_or_panic(gen, pat, source, false);
}

void rn_gen_let_branch(struct rn_gen *gen, const struct rn_hir_expr *expr, struct rn_label fail)
{
    const struct rn_hir_pat *pat = expr->let.pat;
    if (pat->kind == RN_HIR_PAT_BIND) {
        rn_gen_let(gen, expr);
        return;
    }
    uint32_t source = rn_gen_any(gen, expr->let.value);
    rn_gen_pat(gen, pat, source, false, fail);
}
