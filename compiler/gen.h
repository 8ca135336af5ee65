/*
 * gen.h: from hir.h to instructions.
 *
 * Registers are a stack. A variable gets the next one when it is bound and keeps it to the end of
 * its scope; temporaries stand above and go at once; `next` is the first free one. Values are asked
 * for in three ways:
 *
 *      rn_gen_any      somewhere: the register of a variable itself, or a new temporary
 *      rn_gen_into     in a given register: either `next`, which the caller then takes, or one
 *                      below. It is written last, after everything the expression reads.
 *      rn_gen_ignore   nowhere: effects only
 *
 * and conditions as jumps (rn_gen_branch). Labels declare the height `next` of their place, so what
 * is above is dead there; the end of a scope declares it, too. Code that cannot be reached is
 * dropped by the builder.
 *
 * A function with more variables than fit an operand byte keeps all but its arguments and captures
 * in the wide frame: a vector in the first register behind those, whose elements are read and
 * written like fields. So do variables of a `let` inside of an expression, which outlive its
 * temporaries.
 */
#ifndef RN_COMPILER_GEN_H
#define RN_COMPILER_GEN_H

#include "bytecode/builder.h"
#include "compiler/hir.h"

/* Registers for variables and the widest window of one instruction; beyond comes the wide frame. */
#define RN_GEN_VARIABLES_MAX 190u
/* As `dest`: the value is the result of the function, which returns at once. */
#define RN_GEN_RETURN (RN_NONE - 1)

struct rn_gen_target {
    struct rn_label break_label;
    struct rn_label continue_label;
    uint32_t dest; /* where values of `break` go, or RN_NONE */
};

/* A pattern that did not match goes here, behind the code of the function. */
struct rn_gen_panic {
    struct rn_label label;
    struct rn_span span;
};

struct rn_lower;

struct rn_gen {
    struct rn_lower *lower; /* for values of constants */
    struct rn_items *items;
    struct rn_hir_function *
        *functions; /* by id of their declaration: what lowering made; borrowed */
    struct rn_diagnostics *diagnostics;
    struct rn_builder *builder;
    const struct rn_hir_function *function; /* being generated */
    struct rn_arena *arena;                 /* of its tree */
    struct rn_hir_function *closures;       /* declared, not yet generated */
    struct rn_decl **pending;               /* functions that code refers to, not yet generated */
    uint32_t pending_count;
    uint32_t pending_capacity;
    struct rn_gen_panic *panics; /* of this function */
    uint32_t panic_count;
    uint32_t panic_capacity;
    uint32_t next;
    uint32_t wide; /* register of the wide frame, or RN_NONE */
    uint32_t wide_next;
    bool all_wide;          /* variables bound in the body go to the wide frame */
    size_t constant_budget; /* bytes of composite constants that may still be written */
    bool constant_reported;
    bool is_rehearsal;   /* for the warnings only: constants are not stored */
    struct rn_span span; /* of the instruction being made */
    enum rn_error error; /* sticky */
};
typedef struct rn_gen rn_gen;

enum rn_gen_when {
    RN_WHEN_TRUE,     /* jump if it is true */
    RN_WHEN_NOT_TRUE, /* jump if it is anything but true */
    RN_WHEN_FALSE,    /* jump if it is false */
};

void rn_gen_init(struct rn_gen *gen, struct rn_lower *lower, struct rn_builder *builder,
                 struct rn_hir_function **functions);
void rn_gen_done(struct rn_gen *gen);

/* Generates a function item and the closures in it. */
void rn_gen_function(struct rn_gen *gen, struct rn_decl *decl, struct rn_arena *arena);

/* FUNC of a function item; notes in `pending` that its body is wanted. */
uint32_t rn_gen_function_index(struct rn_gen *gen, struct rn_decl *decl);
/* TYPE of a struct, enum or variant. */
uint32_t rn_gen_type(struct rn_gen *gen, struct rn_hir_type type);
/* STATIC, with its initial value. */
uint32_t rn_gen_static(struct rn_gen *gen, struct rn_decl *decl);
/* CONST of any value but those that have instructions of their own. */
uint32_t rn_gen_constant(struct rn_gen *gen, const struct rn_constant *constant,
                         struct rn_span span);

/* ---- Between the files of the generator ---- */

uint32_t rn_gen_any(struct rn_gen *gen, const struct rn_hir_expr *expr);
void rn_gen_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_ignore(struct rn_gen *gen, const struct rn_hir_expr *expr);
void rn_gen_branch(struct rn_gen *gen, const struct rn_hir_expr *expr, struct rn_label label,
                   enum rn_gen_when when);
/* A copy in the next register, which is taken. */
uint32_t rn_gen_push(struct rn_gen *gen, const struct rn_hir_expr *expr);

static inline uint32_t rn_gen_take(struct rn_gen *gen)
{
    return gen->next++;
}
/* Puts the value of `source` into `dest`. */
void rn_gen_move(struct rn_gen *gen, uint32_t dest, uint32_t source);
/* A unit as value; nothing if `dest` is RN_NONE. */
void rn_gen_unit(struct rn_gen *gen, uint32_t dest);
void rn_gen_span(struct rn_gen *gen, struct rn_span span);
/* A label whose height is `next`. */
struct rn_label rn_gen_label(struct rn_gen *gen);
/* A label behind which `dest` (or nothing, if RN_NONE) is live besides what is below `next`. */
struct rn_label rn_gen_label_with(struct rn_gen *gen, uint32_t dest);
/* Ends a scope: registers from `mark` on, but for `dest`, are dead. */
void rn_gen_scope_end(struct rn_gen *gen, uint32_t mark, uint32_t dest);

/* Whether its value is surely a bool. */
bool rn_gen_is_bool(const struct rn_hir_expr *expr);
/* == != < <= > >= */
bool rn_gen_is_comparison(const struct rn_hir_expr *expr);
/* A constant i64 within the bounds. */
bool rn_gen_int_constant(const struct rn_hir_expr *expr, int64_t min, int64_t max, int64_t *out);
bool rn_gen_string_constant(const struct rn_hir_expr *expr);
/* R[dest] = left == "text", for comparisons with == and != whose right side is a text. */
void rn_gen_string_test(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
/* Whether evaluating it cannot change a variable. */
bool rn_gen_is_simple(const struct rn_hir_expr *expr);

void rn_gen_call(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_construct(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_list(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_text(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_closure(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_assign(struct rn_gen *gen, const struct rn_hir_expr *expr);
void rn_gen_compound(struct rn_gen *gen, const struct rn_hir_expr *expr);

/* Control; `dest` may be RN_NONE or RN_GEN_RETURN. */
void rn_gen_block(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_if(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_loop(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_match(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_select(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);
void rn_gen_jump(struct rn_gen *gen, const struct rn_hir_expr *expr);
/* A value wherever `dest` says; RN_NONE: nowhere. */
void rn_gen_value(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest);

/* Binds a variable to the value in `source`; `owned`: nobody else needs that register. */
void rn_gen_bind(struct rn_gen *gen, struct rn_hir_var *var, uint32_t source, bool owned);
/* Writes a variable that has its place. */
void rn_gen_store(struct rn_gen *gen, const struct rn_hir_var *var, uint32_t source);
/*
 * Tests the value in `source` and binds variables; jumps to `fail` if it does not match. Variables
 * and parts of the value are left on the stack of registers.
 */
void rn_gen_pat(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t source, bool owned,
                struct rn_label fail);
/* `let`, arguments and the like: a value that does not match raises. */
void rn_gen_pat_or_panic(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t source,
                         bool owned);
/* Jumps to `label` raise that a pattern did not match. */
void rn_gen_panic_at(struct rn_gen *gen, struct rn_label label, struct rn_span span);
/* What is inside of a value whose kind was tested already. */
void rn_gen_pat_inside(struct rn_gen *gen, const struct rn_hir_pat *pat, uint32_t source,
                       struct rn_label fail);
void rn_gen_let(struct rn_gen *gen, const struct rn_hir_expr *expr);
/* `let` as a condition: to `fail` if it does not match; its variables stay. */
void rn_gen_let_branch(struct rn_gen *gen, const struct rn_hir_expr *expr, struct rn_label fail);

#endif
