/*
 * lower.h: from the AST to hir.h, one function at a time.
 *
 * Looks names up (locals first, then items), expands macros, evaluates constants where they are
 * named, and reports whatever the stages "lower", "const" and "format" of the language report, in
 * the order of the text. Lowering goes on after an error and puts an ERROR node in its place.
 *
 * The standard Unit (rn_compile_input.standard). Its root module is `std`, and it may say more:
 *
 *      impl Vec { fn sort_by(self, f) { .. } }
 *          Functions for a type or trait of the library, exported by their paths
 *          ("std::vec::Vec::sort_by"). The Vm finds them as instance functions of that type, or of
 *          every type with that trait.
 *      intrinsics::NAME(a, b)
 *          The opcode INTRINSIC for the row "NAME" of bytecode/intrinsics.def; the number of
 *          arguments must be that of the row. Intrinsics have no value of their own: they can only
 *          be called.
 *      intrinsics::done()
 *          Returns from the function with "the iterator is at its end" (RETURN_DONE), wherever it
 *          stands; the function gets the flag STEP and is called by ITER_NEXT and ITER_NEXT_BACK
 *          only.
 *      for x in intrinsics::back(it) { .. }
 *          Steps from the back: ITER_NEXT_BACK. `it` must be an iterator already; INTO_ITER is not
 *          run.
 *
 * `intrinsics` is no item: the path is recognised by its text, outside of the standard Unit it is
 * missing.
 */
#ifndef RN_COMPILER_LOWER_H
#define RN_COMPILER_LOWER_H

#include "compiler/hir.h"

struct rn_const_cache;

/* A name in scope. */
struct rn_binding {
    rn_symbol name;
    uint32_t shadowed; /* the binding of that name before it, + 1; 0: none */
    struct rn_hir_var *var;
    struct rn_frame *frame;
};

/* A function, closure, async block or constant being lowered. */
struct rn_frame {
    struct rn_frame *parent; /* of closures and async blocks; NULL: nothing to capture from */
    struct rn_hir_function *function;
    struct rn_hir_target *target; /* innermost loop or labelled block */
    struct rn_span span;
    uint32_t alive; /* variables in scope */
    bool is_const;
    bool bind_wide; /* what is bound now stands inside of an expression */
};

struct rn_lower {
    struct rn_items *items;
    struct rn_diagnostics *diagnostics;
    struct rn_arena *arena; /* of the tree being made */
    struct rn_const_cache *constants;
    struct rn_decl *scope; /* where paths are looked up */
    struct rn_frame *frame;
    struct rn_binding *bindings;
    uint32_t binding_count;
    uint32_t binding_capacity;
    uint32_t *heads; /* by symbol: innermost binding + 1, or 0 */
    uint32_t head_count;
    rn_symbol self_symbol;
    uint32_t *key_marks; /* by symbol: the last key set that it was in */
    uint32_t key_mark_count;
    uint32_t *key_places; /* by symbol: which key of that set it was */
    uint32_t key_place_count;
    uint32_t key_set;
    uint32_t key_count;
    uint32_t depth;      /* of C, for expressions in expressions, and constants in those */
    uint32_t repeats;    /* arguments of format strings lowered again, in all */
    enum rn_error error; /* sticky */
    struct rn_hir_expr error_expr;
    struct rn_hir_pat error_pat;
};
typedef struct rn_lower rn_lower;

enum rn_error rn_lower_init(struct rn_lower *lower, struct rn_items *items) RN_MUST_CHECK;
void rn_lower_done(struct rn_lower *lower);

/* A function item or the script body, into `arena`. NULL when memory ran out (see `error`). */
struct rn_hir_function *rn_lower_function(struct rn_lower *lower, struct rn_decl *decl,
                                          struct rn_arena *arena);
/* The expression of a constant item or static, for the evaluator. Into the arena of the
 * compilation. */
struct rn_hir_expr *rn_lower_constant(struct rn_lower *lower, struct rn_decl *decl);
/* Reports the named fields of a type that have the name of another. */
void rn_lower_check_fields(struct rn_lower *lower, const struct rn_ast_fields *fields);
/* A const fn, for the evaluator. Into the arena of the compilation. */
struct rn_hir_function *rn_lower_const_fn(struct rn_lower *lower, struct rn_decl *decl);

/* ---- Between the files of lowering ---- */

struct rn_hir_expr *rn_lower_expr(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_block(struct rn_lower *lower, const struct rn_ast_block *block,
                                   struct rn_hir_target *target);
bool rn_lower_exprs(struct rn_lower *lower, struct rn_ast_expr *const *items, uint32_t count,
                    struct rn_hir_exprs *out);
struct rn_hir_expr *rn_lower_path(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_call(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_object(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_macro(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_template(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_closure(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_async_block(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_loop(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_select(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_break(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_expr *rn_lower_continue(struct rn_lower *lower, const struct rn_ast_expr *ast);
struct rn_hir_pat *rn_lower_pat(struct rn_lower *lower, const struct rn_ast_pat *ast);
/* The type that the right side of `is` names; false: reported. */
bool rn_lower_type(struct rn_lower *lower, const struct rn_ast_expr *ast,
                   struct rn_hir_type *out_type);
/* The type of the source that a value is known to have where it is written, or NULL: for notes on names. */
const struct rn_decl *rn_lower_known_type(const struct rn_lower *lower,
                                          const struct rn_ast_expr *ast);
/* "::<a::B,c::D>"; false: reported. */
bool rn_lower_generics(struct rn_lower *lower, struct rn_ast_expr *const *items, uint32_t count,
                       struct rn_utf8 *out_text);
/* Fields of a type that can be built or matched as a tuple: their number, or -1. */
int64_t rn_lower_tuple_arity(const struct rn_resolved *resolved);
struct rn_hir_type rn_lower_resolved_type(const struct rn_resolved *resolved);
/* The fields of a type become the key set (rn_keys_find). */
void rn_lower_field_keys(struct rn_lower *lower, const struct rn_ast_fields *fields);
/* The path of a type without leading "::", for messages. */
struct rn_utf8 rn_lower_type_path(struct rn_hir_type type);
/* A literal, sign and escapes resolved. */
struct rn_constant rn_lower_literal(const struct rn_ast_literal *literal);

struct rn_hir_expr *rn_hir_new(struct rn_lower *lower, enum rn_hir_kind kind, struct rn_span span);
struct rn_hir_expr *rn_hir_constant(struct rn_lower *lower, struct rn_constant constant,
                                    struct rn_span span);
struct rn_hir_expr *rn_hir_local(struct rn_lower *lower, struct rn_hir_var *var,
                                 struct rn_span span);
/* Some instruction of this function takes `count` values side by side. */
void rn_lower_widen(struct rn_lower *lower, uint32_t count);
/* Zeroed memory in the arena of the tree, or NULL with `error` set. */
void *rn_lower_alloc(struct rn_lower *lower, size_t count, size_t size);
static inline struct rn_hir_expr *rn_hir_error(struct rn_lower *lower)
{
    return &lower->error_expr;
}

/*
 * Key sets: begin one, add keys (false: it is in it already), find which one a key was (RN_NONE:
 * none). There is one at a time.
 */
void rn_keys_begin(struct rn_lower *lower);
bool rn_keys_add(struct rn_lower *lower, struct rn_utf8 key);
uint32_t rn_keys_find(const struct rn_lower *lower, struct rn_utf8 key);

/* Scopes: bindings since the mark are undone by the end. */
static inline uint32_t rn_scope_begin(const struct rn_lower *lower)
{
    return lower->binding_count;
}
void rn_scope_end(struct rn_lower *lower, uint32_t mark);
struct rn_hir_var *rn_scope_bind(struct rn_lower *lower, rn_symbol name, struct rn_span span);
/* The variable that a name means here, captured if need be; NULL if it is none. */
struct rn_hir_var *rn_scope_find(struct rn_lower *lower, rn_symbol name, struct rn_span span);

#endif
