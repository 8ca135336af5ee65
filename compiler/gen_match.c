/*
 * gen_match.c: match and select.
 *
 * Arms are tried in order. Where the first ones test for integers close together, or for variants
 * of one enum, a jump table comes first: it leads each value to the first arm that may fit, behind
 * that arm's own test. An arm whose inner patterns or guard then fail goes on to the test of the
 * next one. So each arm has one test and one place to be entered behind it.
 */
#include "compiler/gen.h"

#include <string.h>

/* Fewer arms than this are as fast one after another. */
#define TABLE_ARMS_MIN 4u
/* A table has at most this many entries for each arm. */
#define TABLE_DENSITY 4u

struct arm_labels {
    struct rn_label test;   /* the arm from its test on */
    struct rn_label inside; /* behind the test */
    bool in_table;
};

/* ---- Tables ---- */

static bool is_int_arm(const struct rn_hir_arm *arm)
{
    return arm->pat->kind == RN_HIR_PAT_CONSTANT && arm->pat->constant.tag == RN_TAG_I64;
}

/* Position among the variants of the enum, or -1 if the arm does not test for one. */
static int64_t variant_of(const struct rn_hir_arm *arm, struct rn_hir_type *out_enum,
                          struct rn_gen *gen)
{
    if (arm->pat->kind != RN_HIR_PAT_TYPE) {
        return -1;
    }
    struct rn_hir_type type = arm->pat->list.type;
    if (type.decl != NULL) {
        *out_enum = (struct rn_hir_type){.decl = type.decl->parent};
        return type.decl->kind == RN_DECL_VARIANT ? (int64_t)type.decl->variant_index : -1;
    }
    if (type.item->kind != RN_ITEM_VARIANT) {
        return -1;
    }
    struct rn_utf8 path = type.item->path;
    while (path.size > 0 && path.data[path.size - 1] != ':') {
        path.size--;
    }
    const struct rn_context_item *item =
        path.size < 2 ? NULL : rn_context_find(gen->items->context, path.data, path.size - 2);
    *out_enum = (struct rn_hir_type){.item = item};
    return item == NULL ? -1 : (int64_t)type.item->variant;
}

static bool same_type(struct rn_hir_type a, struct rn_hir_type b)
{
    return a.decl == b.decl && a.item == b.item;
}

struct table {
    uint32_t arms; /* how many arms at the beginning are in it */
    bool variants;
    struct rn_hir_type type; /* the enum */
    int64_t base;
    uint32_t count; /* entries */
};

static int64_t key_of(struct rn_gen *gen, const struct table *table, const struct rn_hir_arm *arm)
{
    struct rn_hir_type type;
    return table->variants ? variant_of(arm, &type, gen) : arm->pat->constant.i64;
}

static void find_int_table(const struct rn_hir_expr *expr, struct table *out)
{
    int64_t min = 0;
    int64_t max = 0;
    uint32_t arms = 0;
    while (arms < expr->match.count && is_int_arm(&expr->match.arms[arms])) {
        int64_t value = expr->match.arms[arms].pat->constant.i64;
        int64_t low = arms == 0 || value < min ? value : min;
        int64_t high = arms == 0 || value > max ? value : max;
        // Arms far from the others are left to tests of their own.
        if ((uint64_t)high - (uint64_t)low >= (uint64_t)TABLE_DENSITY * (arms + 4)) {
            break;
        }
        min = low;
        max = high;
        arms++;
    }
    *out = (struct table){
        .arms = arms, .base = min, .count = (uint32_t)((uint64_t)max - (uint64_t)min + 1)};
}

static void find_variant_table(struct rn_gen *gen, const struct rn_hir_expr *expr,
                               struct table *out)
{
    struct table table = {.variants = true};
    int64_t max = 0;
    while (table.arms < expr->match.count) {
        struct rn_hir_type type;
        int64_t variant = variant_of(&expr->match.arms[table.arms], &type, gen);
        if (variant < 0 || (table.arms > 0 && !same_type(type, table.type))) {
            break;
        }
        table.type = type;
        max = variant > max ? variant : max;
        table.arms++;
    }
    table.count = (uint32_t)max + 1;
    *out = table;
}

static bool find_table(struct rn_gen *gen, const struct rn_hir_expr *expr, struct table *out)
{
    if (expr->match.count < TABLE_ARMS_MIN) {
        return false;
    }
    if (is_int_arm(&expr->match.arms[0])) {
        find_int_table(expr, out);
    } else {
        find_variant_table(gen, expr, out);
    }
    return out->arms >= TABLE_ARMS_MIN && out->count <= TABLE_DENSITY * (out->arms + 16);
}

static void emit_table(struct rn_gen *gen, const struct rn_hir_expr *expr,
                       const struct table *table, struct arm_labels *labels,
                       struct rn_label nothing, uint32_t subject)
{
    struct rn_label *targets = rn_arena_alloc(gen->arena, table->count * sizeof(*targets));
    if (targets == NULL) {
        gen->error = RN_E_NO_MEMORY;
        return;
    }
    struct rn_label otherwise =
        table->arms < expr->match.count ? labels[table->arms].test : nothing;
    for (uint32_t i = 0; i < table->count; i++) {
        targets[i] = otherwise;
    }
    // From the last to the first, so that the first arm for a value wins.
    for (uint32_t i = table->arms; i > 0; i--) {
        int64_t key = key_of(gen, table, &expr->match.arms[i - 1]);
        targets[key - table->base] = labels[i - 1].inside;
        labels[i - 1].in_table = true;
    }
    rn_gen_span(gen, expr->span);
    uint32_t index =
        table->variants
            ? rn_builder_switch_variant(gen->builder, rn_gen_type(gen, table->type), targets,
                                        table->count, otherwise)
            : rn_builder_switch_int(gen->builder, table->base, targets, table->count, otherwise);
    rn_emit_SWITCH(gen->builder, subject, index);
}

/* ---- Arms ---- */

/*
 * The test, if any way leads to it, then the place behind it. An arm in the table is entered there;
 * all others fall into it.
 */
static void enter_arm(struct rn_gen *gen, const struct rn_hir_arm *arm,
                      const struct arm_labels *labels, uint32_t subject, bool owned,
                      struct rn_label fail)
{
    rn_builder_place_forward(gen->builder, labels->test);
    if (!labels->in_table) {
        rn_gen_pat(gen, arm->pat, subject, owned, fail);
        return;
    }
    if (rn_builder_reachable(gen->builder)) {
        struct rn_hir_pat outer = *arm->pat;
        if (outer.kind == RN_HIR_PAT_TYPE) {
            outer.list.count = 0;
        }
        rn_gen_pat(gen, &outer, subject, false, fail);
    }
    rn_builder_place_forward(gen->builder, labels->inside);
    rn_gen_pat_inside(gen, arm->pat, subject, fail);
}

static void emit_arm(struct rn_gen *gen, const struct rn_hir_arm *arm,
                     const struct arm_labels *labels, uint32_t subject, bool owned,
                     struct rn_label fail)
{
    enter_arm(gen, arm, labels, subject, owned && arm->guard == NULL, fail);
    if (arm->guard != NULL) {
        rn_gen_branch(gen, arm->guard, fail, RN_WHEN_FALSE);
    }
}

static struct arm_labels *make_labels(struct rn_gen *gen, uint32_t count)
{
    struct arm_labels *labels = rn_arena_alloc(gen->arena, ((size_t)count + 1) * sizeof(*labels));
    if (labels == NULL) {
        gen->error = RN_E_NO_MEMORY;
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        labels[i].test = rn_gen_label(gen);
        labels[i].inside = rn_gen_label(gen);
    }
    return labels;
}

/* Whether the last arm fits everything. */
static bool ends_in_any(const struct rn_hir_expr *expr)
{
    if (expr->match.count == 0) {
        return false;
    }
    const struct rn_hir_arm *last = &expr->match.arms[expr->match.count - 1];
    return last->guard == NULL && !rn_hir_refutable(last->pat);
}

void rn_gen_match(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t base = gen->next;
    struct rn_label end = rn_gen_label_with(gen, dest);
    uint32_t subject = rn_gen_any(gen, expr->match.subject);
    bool owned = subject >= base;
    uint32_t mark = gen->next;
    bool complete = ends_in_any(expr);
    struct rn_label nothing = rn_gen_label(gen);
    struct arm_labels *labels = make_labels(gen, expr->match.count);
    if (labels == NULL) {
        return;
    }
    struct table table;
    if (find_table(gen, expr, &table)) {
        emit_table(gen, expr, &table, labels, nothing, subject);
    }
    for (uint32_t i = 0; i < expr->match.count; i++) {
        bool last = i + 1 == expr->match.count;
        emit_arm(gen, &expr->match.arms[i], &labels[i], subject, owned,
                 last ? nothing : labels[i + 1].test);
        rn_gen_value(gen, expr->match.arms[i].body, dest);
        rn_gen_scope_end(gen, mark, dest);
        if (!last || !complete) {
            rn_gen_span(gen, expr->match.arms[i].span);
            rn_emit_JUMP(gen->builder, end);
        }
    }
    gen->next = base;
    if (!complete) {
        // No arm fits: the value is unit.
        rn_builder_place_forward(gen->builder, nothing);
        rn_gen_unit(gen, dest);
    }
    rn_builder_place_forward(gen->builder, end);
}

/* ---- Select ---- */

/*
 * The futures stand in registers. Each round selects among copies, since that takes what it is
 * given; a future whose pattern failed is replaced by unit, which select passes over.
 */
struct selection {
    uint32_t first; /* the futures */
    uint32_t count;
    uint32_t window; /* the round's copies, then the branch, then the value */
};

static void select_round(struct rn_gen *gen, const struct rn_hir_expr *expr,
                         const struct selection *selection)
{
    for (uint32_t i = 0; i < selection->count; i++) {
        rn_gen_move(gen, selection->window + i, selection->first + i);
    }
    rn_gen_span(gen, expr->span);
    rn_emit_SELECT(gen->builder, selection->window, selection->count);
    rn_emit_TUPLE_GET(gen->builder, selection->window + 1, selection->window, 1);
    rn_emit_TUPLE_GET(gen->builder, selection->window, selection->window, 0);
}

static void select_branch(struct rn_gen *gen, const struct rn_hir_arm *arm, uint32_t number,
                          const struct selection *selection, struct rn_label round, uint32_t dest,
                          struct rn_label end)
{
    uint32_t mark = gen->next;
    struct rn_label skip = rn_gen_label(gen);
    struct rn_label fail = rn_gen_label(gen);
    rn_gen_span(gen, arm->span);
    if (number < 127) {
        rn_emit_JUMP_NE_INT(gen->builder, selection->window, (int8_t)number, skip);
    } else {
        rn_emit_MATCH_INT(gen->builder, gen->next, selection->window, (int32_t)number);
        rn_emit_JUMP_NOT_TRUE(gen->builder, gen->next, skip);
    }
    rn_gen_pat(gen, arm->pat, selection->window + 1, true, fail);
    rn_gen_value(gen, arm->body, dest);
    rn_gen_scope_end(gen, mark, dest);
    rn_emit_JUMP(gen->builder, end);
    rn_builder_place_forward(gen->builder, fail);
    if (rn_builder_reachable(gen->builder)) {
        rn_gen_unit(gen, selection->first + number);
        rn_emit_JUMP(gen->builder, round);
    }
    rn_builder_place_forward(gen->builder, skip);
}

static const struct rn_hir_arm *push_futures(struct rn_gen *gen, const struct rn_hir_expr *expr,
                                             struct selection *out)
{
    const struct rn_hir_arm *otherwise = NULL;
    *out = (struct selection){.first = gen->next};
    for (uint32_t i = 0; i < expr->match.count; i++) {
        const struct rn_hir_arm *arm = &expr->match.arms[i];
        if (arm->pat == NULL) {
            otherwise = arm;
        } else {
            rn_gen_push(gen, arm->guard);
            out->count++;
        }
    }
    out->window = gen->next;
    return otherwise;
}

void rn_gen_select(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t base = gen->next;
    struct rn_label end = rn_gen_label_with(gen, dest);
    struct selection selection;
    const struct rn_hir_arm *otherwise = push_futures(gen, expr, &selection);
    if (!rn_builder_reachable(gen->builder)) {
        gen->next = base;
        return;
    }
    struct rn_label round = rn_gen_label(gen);
    rn_builder_place(gen->builder, round);
    select_round(gen, expr, &selection);
    gen->next = selection.window + 2;
    uint32_t number = 0;
    for (uint32_t i = 0; i < expr->match.count; i++) {
        if (expr->match.arms[i].pat != NULL) {
            select_branch(gen, &expr->match.arms[i], number, &selection, round, dest, end);
            number++;
        }
    }
    gen->next = base;
    if (otherwise != NULL) {
        rn_gen_value(gen, otherwise->body, dest);
    } else {
        rn_gen_unit(gen, dest);
    }
    rn_builder_place_forward(gen->builder, end);
}
