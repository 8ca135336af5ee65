/*
 * disasm.h: a verified Unit as text.
 *
 * The listing holds everything: assemble.h makes the same image of it again. Behind `;` stand
 * comments: names of what indices refer to, meanings, lines of the source. docs/listing.md
 * describes the form.
 *
 *      func 4 args 1 captures 0 registers 3 immediate ; 1 "main"
 *        INT r1, 0
 *        CHARGE cost 1
 *      L2:
 *        height 2
 *        JUMP_NOT_LT r1, r0, L5, cost 1
 */
#ifndef RN_BYTECODE_DISASM_H
#define RN_BYTECODE_DISASM_H

#include "base/buf.h"
#include "bytecode/unit.h"
#include "bytecode/unit_debug.h"

/* The whole Unit. `debug` (may be NULL) adds source lines as comments. Errors of the buffer. */
enum rn_error rn_disasm_unit(const struct rune_verified_unit *unit, const struct rn_debug *debug,
                             struct rn_buf *out) RN_MUST_CHECK;

/* One function. */
enum rn_error rn_disasm_function(const struct rune_verified_unit *unit, uint32_t function,
                                 const struct rn_debug *debug, struct rn_buf *out) RN_MUST_CHECK;

/* One instruction without a line break; `pc` is into CODE. */
void rn_disasm_inst(const struct rune_verified_unit *unit, uint32_t pc, struct rn_buf *out);
/* What stands behind the name of a function: "args 1 captures 0 registers 3 immediate test". */
void rn_disasm_shape(const struct rune_verified_unit *unit, uint32_t function, struct rn_buf *out);
/* A jump table without a line break: "switch 0 int -1 L2 L5 else L7". */
void rn_disasm_switch(const struct rune_verified_unit *unit, uint32_t index, struct rn_buf *out);

#endif
