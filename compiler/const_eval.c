/*
 * const_eval.c: see const_eval.h.
 *
 * Each variable has a slot, numbered in its function (rn_hir_var.place, set when it is declared); a
 * call gets slots above those of its caller. Values are rn_constant; lists are shared by reference
 * as in the language, and a constant that is named is copied, so that changing it changes nothing
 * else.
 */
#include "compiler/const_eval.h"

#include "base/alloc.h"
#include "base/float_text.h"
#include "compiler/lower.h"

#include <string.h>

enum state {
    STATE_NEW,
    STATE_RUNNING,
    STATE_DONE,
    STATE_FAILED,
};

struct entry {
    uint8_t state; /* enum state */
    struct rn_constant value;
    struct rn_hir_function *function; /* const fn */
};

struct rn_const_cache {
    struct entry *entries; /* by decl id */
    uint32_t count;
    uint64_t steps; /* of the whole build */
    uint32_t links; /* constants that are being computed, each for the one before */
};

struct slot {
    const struct rn_hir_var *var; /* whose value this is; NULL: none yet */
    struct rn_constant value;
};

/* One evaluation, with all calls that it makes. */
struct eval {
    struct rn_lower *lower;
    struct slot *slots;
    uint32_t slot_capacity;
    uint32_t base; /* of the running function */
    uint32_t top;  /* above all slots in use */
    uint32_t steps;
    uint32_t calls;
    uint32_t depth;
    size_t bytes;                       /* of values made */
    const struct rn_hir_target *broken; /* the loop that is being left */
    struct rn_constant break_value;
};

enum outcome {
    OUTCOME_VALUE,
    OUTCOME_BREAK,
    OUTCOME_FAILED, /* reported */
};

/* Levels of recursion in C: bounds its stack, for nested calls of nested expressions. */
#define DEPTH_MAX 5000u

enum rn_error rn_const_cache_new(struct rn_items *items, struct rn_const_cache **out_cache)
{
    struct rn_const_cache *cache = rn_alloc(sizeof(*cache));
    if (cache == NULL) {
        return RN_E_NO_MEMORY;
    }
    cache->entries = rn_alloc_array((size_t)items->decl_count + 1, sizeof(struct entry));
    cache->count = items->decl_count;
    if (cache->entries == NULL) {
        rn_free(cache);
        return RN_E_NO_MEMORY;
    }
    *out_cache = cache;
    return RN_OK;
}

void rn_const_cache_free(struct rn_const_cache *cache)
{
    if (cache != NULL) {
        rn_free(cache->entries);
        rn_free(cache);
    }
}

/* ---- Reporting ---- */

static enum outcome fail(struct eval *eval, enum rn_diagnostic_code code, struct rn_span span)
{
    rn_diagnostics_add(eval->lower->diagnostics, code, span, NULL, 0);
    return OUTCOME_FAILED;
}

static enum outcome fail_number(struct eval *eval, enum rn_diagnostic_code code,
                                struct rn_span span, uint64_t number)
{
    struct rn_number_text text;
    struct rn_utf8 argument = rn_text_u64(&text, number);
    rn_diagnostics_add(eval->lower->diagnostics, code, span, &argument, 1);
    return OUTCOME_FAILED;
}

static enum outcome fail_type(struct eval *eval, struct rn_span span, const char *expected,
                              const struct rn_constant *actual)
{
    rn_diagnose(eval->lower->diagnostics, CONST_EXPECTED, span, rn_text(expected),
                rn_text(rn_constant_type_name(actual)));
    return OUTCOME_FAILED;
}

static enum outcome step(struct eval *eval, struct rn_span span)
{
    eval->steps++;
    eval->lower->constants->steps++;
    if (eval->steps > RN_CONST_STEPS_MAX) {
        return fail_number(eval, RN_DIAGNOSTIC_CONST_BUDGET, span, RN_CONST_STEPS_MAX);
    }
    if (eval->lower->constants->steps > RN_CONST_STEPS_TOTAL) {
        return fail_number(eval, RN_DIAGNOSTIC_CONST_BUDGET, span, RN_CONST_STEPS_TOTAL);
    }
    return OUTCOME_VALUE;
}

/* Memory for values, out of the evaluation's allowance; NULL: reported. */
static void *make(struct eval *eval, size_t size, struct rn_span span)
{
    if (size > RN_CONST_BYTES_MAX || eval->bytes + size > RN_CONST_BYTES_MAX) {
        fail_number(eval, RN_DIAGNOSTIC_CONST_SIZE, span, RN_CONST_BYTES_MAX);
        return NULL;
    }
    eval->bytes += size;
    void *block = rn_arena_alloc(eval->lower->items->arena, size == 0 ? 1 : size);
    if (block == NULL) {
        eval->lower->error = RN_E_NO_MEMORY;
    }
    return block;
}

/* ---- Values ---- */

static bool is_list(const struct rn_constant *value)
{
    return value->tag == RN_TAG_VEC || value->tag == RN_TAG_TUPLE || value->tag == RN_TAG_OBJECT ||
           value->tag == RN_TAG_SOME;
}

static struct rn_constant_list *new_list(struct eval *eval, uint32_t count, bool keyed,
                                         struct rn_span span)
{
    struct rn_constant_list *list = make(eval, sizeof(*list), span);
    if (list == NULL) {
        return NULL;
    }
    list->items = make(eval, (size_t)count * sizeof(*list->items), span);
    if (keyed) {
        list->keys = make(eval, (size_t)count * sizeof(*list->keys), span);
    }
    list->count = count;
    return list->items == NULL || (keyed && list->keys == NULL) ? NULL : list;
}

static bool copy_value(struct eval *eval, const struct rn_constant *value, uint32_t depth,
                       struct rn_span span, struct rn_constant *out)
{
    *out = *value;
    if (!is_list(value)) {
        return true;
    }
    if (depth > RN_NESTING_MAX * 4) {
        fail(eval, RN_DIAGNOSTIC_CONST_NOT_CONST, span);
        return false;
    }
    out->list = new_list(eval, value->list->count, value->list->keys != NULL, span);
    if (out->list == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < value->list->count; i++) {
        if (value->list->keys != NULL) {
            out->list->keys[i] = value->list->keys[i];
        }
        if (!copy_value(eval, &value->list->items[i], depth + 1, span, &out->list->items[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Variables ---- */

static struct slot *slot_of(const struct eval *eval, const struct rn_hir_var *var)
{
    uint32_t index = eval->base + var->place;
    bool known = index < eval->top && eval->slots[index].var == var;
    return known ? &eval->slots[index] : NULL;
}

static bool declare(struct eval *eval, const struct rn_hir_var *var, struct rn_constant value)
{
    uint32_t index = eval->base + var->place;
    if (index >= eval->slot_capacity) {
        uint32_t capacity = (index + 16) * 2;
        struct slot *slots = rn_realloc(eval->slots, (size_t)capacity * sizeof(*slots));
        if (slots == NULL) {
            eval->lower->error = RN_E_NO_MEMORY;
            return false;
        }
        eval->slots = slots;
        eval->slot_capacity = capacity;
    }
    for (; eval->top <= index; eval->top++) {
        eval->slots[eval->top].var = NULL;
    }
    eval->slots[index] = (struct slot){var, value};
    return true;
}

static enum outcome run(struct eval *eval, const struct rn_hir_expr *expr, struct rn_constant *out);

/* ---- Places ---- */

static uint32_t find_key(const struct rn_constant_list *list, struct rn_utf8 key)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->keys[i].size == key.size &&
            (key.size == 0 || memcmp(list->keys[i].data, key.data, key.size) == 0)) {
            return i;
        }
    }
    return RN_NONE;
}

static bool insert_key(struct eval *eval, struct rn_constant_list *list, struct rn_utf8 key,
                       struct rn_span span)
{
    struct rn_constant_list *grown = new_list(eval, list->count + 1, true, span);
    if (grown == NULL) {
        return false;
    }
    if (list->count > 0) {
        memcpy(grown->items, list->items, list->count * sizeof(*list->items));
        memcpy(grown->keys, list->keys, list->count * sizeof(*list->keys));
    }
    grown->keys[list->count] = key;
    *list = *grown;
    return true;
}

/* Where a variable, field or element is kept; `insert`: fields of objects may be new. */
static enum outcome place_of(struct eval *eval, const struct rn_hir_expr *expr, bool insert,
                             struct rn_constant **out)
{
    if (expr->kind == RN_HIR_LOCAL) {
        struct slot *slot = slot_of(eval, expr->var);
        if (slot == NULL) {
            return fail(eval, RN_DIAGNOSTIC_CONST_NOT_CONST, expr->span);
        }
        *out = &slot->value;
        return OUTCOME_VALUE;
    }
    if (expr->kind != RN_HIR_FIELD && expr->kind != RN_HIR_TUPLE_FIELD) {
        return fail(eval, RN_DIAGNOSTIC_CONST_TARGET, expr->span);
    }
    struct rn_constant *target;
    enum outcome outcome = place_of(eval, expr->field.target, false, &target);
    if (outcome != OUTCOME_VALUE) {
        return outcome;
    }
    if (expr->kind == RN_HIR_TUPLE_FIELD) {
        if (target->tag != RN_TAG_VEC && target->tag != RN_TAG_TUPLE) {
            return fail_type(eval, expr->span, "Tuple", target);
        }
        if (expr->field.index >= target->list->count) {
            return fail_number(eval, RN_DIAGNOSTIC_CONST_INDEX, expr->span, expr->field.index);
        }
        *out = &target->list->items[expr->field.index];
        return OUTCOME_VALUE;
    }
    struct rn_utf8 key = rn_symbol_text(&eval->lower->items->symbols, expr->field.name);
    if (target->tag != RN_TAG_OBJECT) {
        return fail_type(eval, expr->span, "Object", target);
    }
    uint32_t index = find_key(target->list, key);
    if (index == RN_NONE && insert) {
        if (!insert_key(eval, target->list, key, expr->span)) {
            return OUTCOME_FAILED;
        }
        index = target->list->count - 1;
    }
    if (index == RN_NONE) {
        rn_diagnose(eval->lower->diagnostics, CONST_FIELD, expr->span, key);
        return OUTCOME_FAILED;
    }
    *out = &target->list->items[index];
    return OUTCOME_VALUE;
}

/* ---- Operators ---- */

static struct rn_constant boolean(bool value)
{
    return (struct rn_constant){.tag = RN_TAG_BOOL, .boolean = value};
}

static struct rn_constant integer(uint64_t value)
{
    return (struct rn_constant){.tag = RN_TAG_I64, .i64 = (int64_t)value};
}

static enum outcome shift(struct eval *eval, uint8_t op, int64_t a, int64_t b, struct rn_span span,
                          struct rn_constant *out)
{
    if (b < 0 || b > UINT32_MAX) {
        return fail(eval, RN_DIAGNOSTIC_CONST_SHIFT, span);
    }
    // Like all arithmetic here, shifts wrap.
    uint32_t count = (uint32_t)b & 63u;
    *out = op == RN_BINARY_SHL ? integer((uint64_t)a << count) : integer((uint64_t)(a >> count));
    return OUTCOME_VALUE;
}

static enum outcome integers(struct eval *eval, const struct rn_hir_expr *expr, uint8_t op,
                             int64_t a, int64_t b, struct rn_constant *out)
{
    uint64_t ua = (uint64_t)a;
    uint64_t ub = (uint64_t)b;
    switch ((int)op) {
    case RN_BINARY_ADD:
        *out = integer(ua + ub);
        return OUTCOME_VALUE;
    case RN_BINARY_SUB:
        *out = integer(ua - ub);
        return OUTCOME_VALUE;
    case RN_BINARY_MUL:
        *out = integer(ua * ub);
        return OUTCOME_VALUE;
    case RN_BINARY_DIV:
        if (b == 0 || (a == INT64_MIN && b == -1)) {
            return fail(eval, RN_DIAGNOSTIC_CONST_DIVISION, expr->span);
        }
        *out = integer((uint64_t)(a / b));
        return OUTCOME_VALUE;
    case RN_BINARY_BIT_AND:
        *out = integer(ua & ub);
        return OUTCOME_VALUE;
    case RN_BINARY_BIT_OR:
        *out = integer(ua | ub);
        return OUTCOME_VALUE;
    case RN_BINARY_BIT_XOR:
        *out = integer(ua ^ ub);
        return OUTCOME_VALUE;
    case RN_BINARY_SHL:
    case RN_BINARY_SHR:
        return shift(eval, op, a, b, expr->right->span, out);
    case RN_BINARY_EQ:
        *out = boolean(a == b);
        return OUTCOME_VALUE;
    case RN_BINARY_LT:
        *out = boolean(a < b);
        return OUTCOME_VALUE;
    case RN_BINARY_LT_EQ:
        *out = boolean(a <= b);
        return OUTCOME_VALUE;
    case RN_BINARY_GT:
        *out = boolean(a > b);
        return OUTCOME_VALUE;
    case RN_BINARY_GT_EQ:
        *out = boolean(a >= b);
        return OUTCOME_VALUE;
    default:
        return fail(eval, RN_DIAGNOSTIC_CONST_NOT_CONST, expr->span);
    }
}

static enum outcome floats(struct eval *eval, const struct rn_hir_expr *expr, uint8_t op, double a,
                           double b, struct rn_constant *out)
{
    *out = (struct rn_constant){.tag = RN_TAG_F64};
    switch ((int)op) {
    case RN_BINARY_ADD:
        out->f64 = a + b;
        return OUTCOME_VALUE;
    case RN_BINARY_SUB:
        out->f64 = a - b;
        return OUTCOME_VALUE;
    case RN_BINARY_MUL:
        out->f64 = a * b;
        return OUTCOME_VALUE;
    case RN_BINARY_DIV:
        out->f64 = a / b;
        return OUTCOME_VALUE;
    case RN_BINARY_EQ:
        *out = boolean(!(a < b) && !(a > b) && a == a && b == b);
        return OUTCOME_VALUE;
    case RN_BINARY_LT:
        *out = boolean(a < b);
        return OUTCOME_VALUE;
    case RN_BINARY_LT_EQ:
        *out = boolean(a <= b);
        return OUTCOME_VALUE;
    case RN_BINARY_GT:
        *out = boolean(a > b);
        return OUTCOME_VALUE;
    case RN_BINARY_GT_EQ:
        *out = boolean(a >= b);
        return OUTCOME_VALUE;
    default:
        return fail(eval, RN_DIAGNOSTIC_CONST_NOT_CONST, expr->span);
    }
}

static enum outcome concatenate(struct eval *eval, struct rn_span span, struct rn_utf8 a,
                                struct rn_utf8 b, struct rn_constant *out)
{
    char *text = make(eval, a.size + b.size, span);
    if (text == NULL) {
        return OUTCOME_FAILED;
    }
    if (a.size > 0) {
        memcpy(text, a.data, a.size);
    }
    if (b.size > 0) {
        memcpy(text + a.size, b.data, b.size);
    }
    *out = (struct rn_constant){.tag = RN_TAG_STRING, .text = {text, a.size + b.size}};
    return OUTCOME_VALUE;
}

static enum outcome operate(struct eval *eval, const struct rn_hir_expr *expr, uint8_t op,
                            const struct rn_constant *a, const struct rn_constant *b,
                            struct rn_constant *out)
{
    if (a->tag == RN_TAG_I64 && b->tag == RN_TAG_I64) {
        return integers(eval, expr, op, a->i64, b->i64, out);
    }
    if (a->tag == RN_TAG_F64 && b->tag == RN_TAG_F64) {
        return floats(eval, expr, op, a->f64, b->f64, out);
    }
    if (a->tag == RN_TAG_STRING && b->tag == RN_TAG_STRING && op == RN_BINARY_ADD) {
        return concatenate(eval, expr->span, a->text, b->text, out);
    }
    return fail(eval, RN_DIAGNOSTIC_CONST_NOT_CONST, expr->span);
}

static enum outcome run_binary(struct eval *eval, const struct rn_hir_expr *expr,
                               struct rn_constant *out)
{
    struct rn_constant a;
    struct rn_constant b;
    enum outcome outcome = run(eval, expr->left, &a);
    if (outcome == OUTCOME_VALUE) {
        outcome = run(eval, expr->right, &b);
    }
    return outcome == OUTCOME_VALUE ? operate(eval, expr, expr->op, &a, &b, out) : outcome;
}

static enum outcome run_assign(struct eval *eval, const struct rn_hir_expr *expr,
                               struct rn_constant *out)
{
    struct rn_constant value;
    enum outcome outcome = run(eval, expr->right, &value);
    struct rn_constant *place = NULL;
    if (outcome == OUTCOME_VALUE) {
        outcome = place_of(eval, expr->left, expr->kind == RN_HIR_ASSIGN, &place);
    }
    if (outcome != OUTCOME_VALUE) {
        return outcome;
    }
    if (expr->kind == RN_HIR_COMPOUND) {
        struct rn_constant result;
        outcome = operate(eval, expr, expr->op, place, &value, &result);
        if (outcome != OUTCOME_VALUE) {
            return outcome;
        }
        value = result;
    }
    *place = value;
    *out = (struct rn_constant){.tag = RN_TAG_UNIT};
    return OUTCOME_VALUE;
}

/* ---- Building ---- */

static enum outcome run_list(struct eval *eval, const struct rn_hir_expr *expr,
                             struct rn_constant *out)
{
    const struct rn_hir_exprs *items = &expr->list.items;
    bool keyed = expr->kind == RN_HIR_OBJECT;
    struct rn_constant_list *list = new_list(eval, items->count, keyed, expr->span);
    if (list == NULL) {
        return OUTCOME_FAILED;
    }
    for (uint32_t i = 0; i < items->count; i++) {
        if (keyed) {
            list->keys[i] = expr->list.keys[i];
        }
        enum outcome outcome = run(eval, items->items[i], &list->items[i]);
        if (outcome != OUTCOME_VALUE) {
            return outcome;
        }
    }
    uint8_t tag = expr->kind == RN_HIR_VEC     ? RN_TAG_VEC
                  : expr->kind == RN_HIR_TUPLE ? RN_TAG_TUPLE
                                               : RN_TAG_OBJECT;
    *out = (struct rn_constant){.tag = tag, .list = list};
    return OUTCOME_VALUE;
}

static bool append_value(struct rn_buf *text, const struct rn_constant *value)
{
    if (value->tag == RN_TAG_I64) {
        rn_buf_append_format(text, "%lld", (long long)value->i64);
    } else if (value->tag == RN_TAG_F64) {
        rn_f64_append_general(text, value->f64);
    } else if (value->tag == RN_TAG_BOOL) {
        rn_buf_append_text(text, value->boolean ? "true" : "false");
    } else if (value->tag == RN_TAG_STRING) {
        rn_buf_append(text, value->text.data, value->text.size);
    } else {
        return false;
    }
    return true;
}

static enum outcome run_parts(struct eval *eval, const struct rn_hir_expr *expr,
                              struct rn_buf *text)
{
    for (uint32_t i = 0; i < expr->text.count; i++) {
        const struct rn_hir_part *part = &expr->text.items[i];
        if (part->expr == NULL) {
            rn_buf_append(text, part->text.data, part->text.size);
            continue;
        }
        struct rn_constant value;
        enum outcome outcome = run(eval, part->expr, &value);
        if (outcome != OUTCOME_VALUE) {
            return outcome;
        }
        if (!append_value(text, &value)) {
            return fail(eval, RN_DIAGNOSTIC_CONST_NOT_CONST, part->expr->span);
        }
    }
    return OUTCOME_VALUE;
}

static enum outcome run_text(struct eval *eval, const struct rn_hir_expr *expr,
                             struct rn_constant *out)
{
    struct rn_buf text;
    rn_buf_init(&text, RN_CONST_BYTES_MAX);
    enum outcome outcome = run_parts(eval, expr, &text);
    enum rn_error error = rn_buf_status(&text);
    if (outcome == OUTCOME_VALUE && error == RN_E_NO_MEMORY) {
        eval->lower->error = error;
        outcome = OUTCOME_FAILED;
    } else if (outcome == OUTCOME_VALUE && error != RN_OK) {
        outcome = fail_number(eval, RN_DIAGNOSTIC_CONST_SIZE, expr->span, RN_CONST_BYTES_MAX);
    }
    if (outcome == OUTCOME_VALUE) {
        struct rn_utf8 whole = {(const char *)text.data, text.size};
        outcome = concatenate(eval, expr->span, whole, (struct rn_utf8){0}, out);
    }
    rn_buf_done(&text);
    return outcome;
}

/* ---- Control ---- */

static enum outcome run_let(struct eval *eval, const struct rn_hir_expr *expr,
                            struct rn_constant *out)
{
    struct rn_constant value;
    enum outcome outcome = run(eval, expr->let.value, &value);
    if (outcome != OUTCOME_VALUE) {
        return outcome;
    }
    const struct rn_hir_pat *pat = expr->let.pat;
    if (pat->kind == RN_HIR_PAT_BIND && !declare(eval, pat->var, value)) {
        return OUTCOME_FAILED;
    }
    if (rn_hir_refutable(pat)) {
        return fail(eval, RN_DIAGNOSTIC_CONST_EXPR, pat->span);
    }
    *out = (struct rn_constant){.tag = RN_TAG_UNIT};
    return OUTCOME_VALUE;
}

/* A `let` without alternatives always holds. */
static enum outcome run_condition(struct eval *eval, const struct rn_hir_expr *expr, bool *out)
{
    struct rn_constant value;
    enum outcome outcome = run(eval, expr, &value);
    if (outcome != OUTCOME_VALUE) {
        return outcome;
    }
    if (expr->kind == RN_HIR_LET) {
        *out = true;
        return OUTCOME_VALUE;
    }
    if (value.tag != RN_TAG_BOOL) {
        return fail_type(eval, expr->span, "bool", &value);
    }
    *out = value.boolean;
    return OUTCOME_VALUE;
}

static enum outcome run_if(struct eval *eval, const struct rn_hir_expr *expr,
                           struct rn_constant *out)
{
    for (uint32_t i = 0; i < expr->if_.count; i++) {
        const struct rn_hir_branch *branch = &expr->if_.branches[i];
        bool taken = true;
        if (branch->condition != NULL) {
            enum outcome outcome = run_condition(eval, branch->condition, &taken);
            if (outcome != OUTCOME_VALUE) {
                return outcome;
            }
        }
        if (taken) {
            return run(eval, branch->body, out);
        }
    }
    *out = (struct rn_constant){.tag = RN_TAG_UNIT};
    return OUTCOME_VALUE;
}

/* Whether the break under way ends here. */
static bool arrives(struct eval *eval, const struct rn_hir_target *target, enum outcome outcome,
                    struct rn_constant *out)
{
    if (outcome != OUTCOME_BREAK || eval->broken != target || target == NULL) {
        return false;
    }
    *out = eval->break_value;
    return true;
}

static enum outcome run_loop(struct eval *eval, const struct rn_hir_expr *expr,
                             struct rn_constant *out)
{
    for (;;) {
        enum outcome outcome = step(eval, expr->span);
        bool goes_on = true;
        if (outcome == OUTCOME_VALUE && expr->loop.condition != NULL) {
            outcome = run_condition(eval, expr->loop.condition, &goes_on);
        }
        if (outcome == OUTCOME_VALUE && !goes_on) {
            *out = (struct rn_constant){.tag = RN_TAG_UNIT};
            return OUTCOME_VALUE;
        }
        if (outcome == OUTCOME_VALUE) {
            outcome = run(eval, expr->loop.body, out);
        }
        if (arrives(eval, expr->loop.target, outcome, out)) {
            return OUTCOME_VALUE;
        }
        if (outcome != OUTCOME_VALUE) {
            return outcome;
        }
    }
}

static enum outcome run_block(struct eval *eval, const struct rn_hir_expr *expr,
                              struct rn_constant *out)
{
    enum outcome outcome = step(eval, expr->span);
    for (uint32_t i = 0; i < expr->block.count && outcome == OUTCOME_VALUE; i++) {
        struct rn_constant ignored;
        outcome = run(eval, expr->block.stmts[i].expr, &ignored);
    }
    *out = (struct rn_constant){.tag = RN_TAG_UNIT};
    if (outcome == OUTCOME_VALUE && expr->block.value != NULL) {
        outcome = run(eval, expr->block.value, out);
    }
    return arrives(eval, expr->block.target, outcome, out) ? OUTCOME_VALUE : outcome;
}

static enum outcome run_break(struct eval *eval, const struct rn_hir_expr *expr)
{
    struct rn_constant value = {.tag = RN_TAG_UNIT};
    if (expr->jump.value != NULL) {
        enum outcome outcome = run(eval, expr->jump.value, &value);
        if (outcome != OUTCOME_VALUE) {
            return outcome;
        }
    }
    eval->broken = expr->jump.target;
    eval->break_value = value;
    return OUTCOME_BREAK;
}

/* ---- Calls ---- */

/* The body of a const fn, lowered and checked when it is first called; NULL: reported. */
static struct rn_hir_function *function_of(struct rn_lower *lower, struct rn_decl *decl)
{
    struct entry *entry = &lower->constants->entries[decl->id];
    if (entry->state == STATE_DONE) {
        return entry->function;
    }
    if (entry->state == STATE_FAILED) {
        return NULL;
    }
    if (entry->state == STATE_RUNNING) {
        // Its own arguments or formats call it: it is being lowered already.
        rn_diagnose(lower->diagnostics, CONST_CYCLE, decl->span, decl->path);
        return NULL;
    }
    entry->state = STATE_RUNNING;
    uint32_t errors = lower->diagnostics->error_count;
    struct rn_hir_function *function = rn_lower_const_fn(lower, decl);
    bool ok = function != NULL && lower->diagnostics->error_count == errors &&
              rn_const_check(lower, function->body);
    entry = &lower->constants->entries[decl->id];
    entry->state = ok ? STATE_DONE : STATE_FAILED;
    entry->function = function;
    return ok ? function : NULL;
}

static enum outcome bind_params(struct eval *eval, const struct rn_hir_function *function,
                                const struct rn_constant *args, uint32_t count, struct rn_span span)
{
    if (count != function->param_count) {
        struct rn_number_text a;
        struct rn_number_text b;
        rn_diagnose(eval->lower->diagnostics, CONST_ARGUMENTS, span, rn_text_u64(&a, count),
                    rn_text_u64(&b, function->param_count));
        return OUTCOME_FAILED;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_hir_pat *pat = function->params[i];
        if (rn_hir_refutable(pat)) {
            return fail(eval, RN_DIAGNOSTIC_CONST_EXPR, pat->span);
        }
        if (pat->kind == RN_HIR_PAT_BIND && !declare(eval, pat->var, args[i])) {
            return OUTCOME_FAILED;
        }
    }
    return OUTCOME_VALUE;
}

static enum outcome call(struct eval *eval, struct rn_decl *decl, const struct rn_constant *args,
                         uint32_t count, struct rn_span span, struct rn_constant *out)
{
    if (eval->calls >= RN_CONST_CALLS_MAX) {
        return fail_number(eval, RN_DIAGNOSTIC_CONST_DEPTH, span, RN_CONST_CALLS_MAX);
    }
    const struct rn_hir_function *function = function_of(eval->lower, decl);
    if (function == NULL) {
        return OUTCOME_FAILED;
    }
    uint32_t base = eval->base;
    uint32_t top = eval->top;
    eval->base = top;
    eval->calls++;
    enum outcome outcome = bind_params(eval, function, args, count, span);
    if (outcome == OUTCOME_VALUE) {
        outcome = run(eval, function->body, out);
    }
    eval->calls--;
    eval->base = base;
    eval->top = top;
    // Lowering has refused a `break` that leaves the function.
    RN_ASSERT(outcome != OUTCOME_BREAK);
    return outcome;
}

static enum outcome run_call(struct eval *eval, const struct rn_hir_expr *expr,
                             struct rn_constant *out)
{
    const struct rn_hir_exprs *args = &expr->call.args;
    struct rn_constant *values = make(eval, args->count * sizeof(*values), expr->span);
    if (values == NULL) {
        return OUTCOME_FAILED;
    }
    for (uint32_t i = 0; i < args->count; i++) {
        enum outcome outcome = run(eval, args->items[i], &values[i]);
        if (outcome != OUTCOME_VALUE) {
            return outcome;
        }
    }
    return call(eval, expr->call.decl, values, args->count, expr->span, out);
}

static enum outcome run_kind(struct eval *eval, const struct rn_hir_expr *expr,
                             struct rn_constant *out)
{
    struct rn_constant *place;
    enum outcome outcome;
    switch ((int)expr->kind) {
    case RN_HIR_CONSTANT:
        return copy_value(eval, &expr->constant, 0, expr->span, out) ? OUTCOME_VALUE
                                                                     : OUTCOME_FAILED;
    case RN_HIR_LOCAL:
    case RN_HIR_FIELD:
    case RN_HIR_TUPLE_FIELD:
        outcome = place_of(eval, expr, false, &place);
        if (outcome == OUTCOME_VALUE) {
            *out = *place;
        }
        return outcome;
    case RN_HIR_BINARY:
        return run_binary(eval, expr, out);
    case RN_HIR_ASSIGN:
    case RN_HIR_COMPOUND:
        return run_assign(eval, expr, out);
    case RN_HIR_VEC:
    case RN_HIR_TUPLE:
    case RN_HIR_OBJECT:
        return run_list(eval, expr, out);
    case RN_HIR_TEXT:
        return run_text(eval, expr, out);
    case RN_HIR_BLOCK:
        return run_block(eval, expr, out);
    case RN_HIR_LET:
        return run_let(eval, expr, out);
    case RN_HIR_IF:
        return run_if(eval, expr, out);
    case RN_HIR_LOOP:
        return run_loop(eval, expr, out);
    case RN_HIR_BREAK:
        return run_break(eval, expr);
    case RN_HIR_CALL_CONST_FN:
        return run_call(eval, expr, out);
    default:
        return fail(eval, RN_DIAGNOSTIC_CONST_EXPR, expr->span);
    }
}

static enum outcome run(struct eval *eval, const struct rn_hir_expr *expr, struct rn_constant *out)
{
    if (eval->lower->error != RN_OK || step(eval, expr->span) != OUTCOME_VALUE) {
        return OUTCOME_FAILED;
    }
    if (eval->depth >= DEPTH_MAX) {
        return fail_number(eval, RN_DIAGNOSTIC_CONST_DEPTH, expr->span, RN_CONST_CALLS_MAX);
    }
    eval->depth++;
    eval->lower->depth++;
    enum outcome outcome = run_kind(eval, expr, out);
    eval->lower->depth--;
    eval->depth--;
    return outcome;
}

/* ---- Entries ---- */

static void eval_done(struct eval *eval)
{
    rn_free(eval->slots);
}

/* Constants of constants take the C stack of all of them. False: too much, which is reported. One that is being
 * computed is among the `links` itself. */
static bool may_begin(struct rn_lower *lower, struct rn_span span)
{
    if (lower->constants->links <= RN_CONST_CALLS_MAX && lower->depth < DEPTH_MAX) {
        return true;
    }
    struct rn_number_text number;
    rn_diagnose(lower->diagnostics, CONST_DEPTH, span, rn_text_u64(&number, RN_CONST_CALLS_MAX));
    return false;
}

bool rn_const_eval(struct rn_lower *lower, const struct rn_hir_expr *expr,
                   struct rn_constant *out_value)
{
    if (lower->error != RN_OK || !may_begin(lower, expr->span) || !rn_const_check(lower, expr)) {
        return false;
    }
    struct eval eval = {.lower = lower};
    struct rn_constant value;
    enum outcome outcome = run(&eval, expr, &value);
    RN_ASSERT(outcome != OUTCOME_BREAK);
    eval_done(&eval);
    *out_value = value;
    return outcome == OUTCOME_VALUE;
}

bool rn_const_check_fn(struct rn_lower *lower, struct rn_decl *decl)
{
    return function_of(lower, decl) != NULL;
}

bool rn_const_of_decl(struct rn_lower *lower, struct rn_decl *decl, struct rn_span span,
                      struct rn_constant *out_value)
{
    RN_ASSERT(decl->id < lower->constants->count);
    struct entry *entry = &lower->constants->entries[decl->id];
    if (entry->state == STATE_RUNNING) {
        rn_diagnose(lower->diagnostics, CONST_CYCLE, span, decl->path);
        return false;
    }
    if (entry->state == STATE_NEW) {
        entry->state = STATE_RUNNING;
        lower->constants->links++;
        bool ok = may_begin(lower, span) &&
                  rn_const_eval(lower, rn_lower_constant(lower, decl), &entry->value);
        lower->constants->links--;
        entry->state = ok ? STATE_DONE : STATE_FAILED;
    }
    *out_value = entry->value;
    return entry->state == STATE_DONE;
}
