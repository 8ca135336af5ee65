/*
 * const_eval.h: runs constant expressions at compile time.
 *
 * A tree interpreter over hir.h with a budget of steps for each evaluation and one for the whole
 * build, so that no source can keep the compiler busy. Values of constants are computed when they
 * are first named and kept. Errors are reported where they arise.
 */
#ifndef RN_COMPILER_CONST_EVAL_H
#define RN_COMPILER_CONST_EVAL_H

#include "compiler/hir.h"

#define RN_CONST_STEPS_MAX 1000000u
#define RN_CONST_STEPS_TOTAL 10000000u
#define RN_CONST_CALLS_MAX 512u
/* Bytes of values that one evaluation may make. */
#define RN_CONST_BYTES_MAX (64u << 20)

struct rn_lower;
struct rn_const_cache;

enum rn_error rn_const_cache_new(struct rn_items *items,
                                 struct rn_const_cache **out_cache) RN_MUST_CHECK;
void rn_const_cache_free(struct rn_const_cache *cache);

/* The value of a constant or the initial value of a static; `span` is who asks. False: reported. */
bool rn_const_of_decl(struct rn_lower *lower, struct rn_decl *decl, struct rn_span span,
                      struct rn_constant *out_value);
/* The value of an expression lowered in a constant frame. False: reported. */
bool rn_const_eval(struct rn_lower *lower, const struct rn_hir_expr *expr,
                   struct rn_constant *out_value);
/*
 * Reports the first part of an expression that constants do not have, whether it would run or not;
 * false: there is one.
 */
bool rn_const_check(struct rn_lower *lower, const struct rn_hir_expr *expr);
/* Looks through a const fn that may never be called. False: reported. */
bool rn_const_check_fn(struct rn_lower *lower, struct rn_decl *decl);

#endif
