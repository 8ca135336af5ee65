/*
 * builder.h: assembles a Unit image and its debug segment.
 *
 * The code generator says what it means, one call an instruction; the builder sees to everything
 * that only the format needs: it interns texts, constants and tables, resolves labels, computes
 * what each block costs and inserts CHARGE, follows the live height, counts registers, sorts what
 * is bisected, and lays the image out. So neither budget nor section offsets appear above this
 * file.
 *
 * Failure is sticky. The first limit that is exceeded, the first broken rule (reading above the
 * live height, say) or lack of memory is kept; later calls do nothing and return index 0 or an
 * empty label. Check rn_builder_fault at convenient points, rn_builder_finish in any case.
 *
 * Dead code is dropped: after an instruction that never falls through, instructions are ignored
 * until a label is placed. See rn_builder_place and rn_builder_place_forward.
 *
 * One thread at a time. All texts are copied.
 *
 *      struct rn_builder *b;
 *      rn_builder_new(false, &b);
 *      uint32_t f = rn_builder_function(b, &(struct rn_builder_function){.path = RN_UTF8("main")});
 *      rn_builder_begin(b, f);
 *      rn_emit_INT(b, 0, 42);
 *      rn_emit_RETURN(b, 0);
 *      rn_builder_end(b);
 *      rn_builder_export(b, f);
 *      rn_builder_finish(b, &image, &debug);
 */
#ifndef RN_BYTECODE_BUILDER_H
#define RN_BYTECODE_BUILDER_H

#include "base/buf.h"
#include "base/utf8.h"
#include "bytecode/opcode.h"
#include "bytecode/unit_layout.h"

struct rn_builder;

/* Why building failed. The compiler has a diagnostic for each limit. */
enum rn_builder_fault {
    RN_BUILDER_OK,
#define RN_BUILDER_FAULT(name, message) RN_BUILDER_##name,
#include "bytecode/builder_faults.def"
#undef RN_BUILDER_FAULT
};

/* `standard`: the standard Unit; privileged instructions are allowed. Owned: rn_builder_free. */
enum rn_error rn_builder_new(bool standard, struct rn_builder **out_builder) RN_MUST_CHECK;
void rn_builder_free(struct rn_builder *builder);

/* The first fault, RN_BUILDER_OK if there is none. */
enum rn_builder_fault rn_builder_fault(const struct rn_builder *builder);
/* One clause for people; for RULE it says which instruction broke which rule. Borrowed. */
const char *rn_builder_fault_message(const struct rn_builder *builder);

/*
 * Lays out the image (content id zero) and the debug segment (bound to it by rn_debug_bind once the
 * id is known). Once; then the builder can only be freed. Both buffers are initialised by the
 * caller; `out_debug` may be NULL. RN_E_NO_MEMORY; RN_E_TOO_LARGE or RN_E_INVALID_ARGUMENT: see
 * rn_builder_fault.
 */
enum rn_error rn_builder_finish(struct rn_builder *builder, struct rn_buf *out_image,
                                struct rn_buf *out_debug) RN_MUST_CHECK;

/* --- Tables. Each returns an index for the operand of that kind. Equal entries are stored once.
 * --- */

uint32_t rn_builder_string(struct rn_builder *builder, struct rn_utf8 text); /* STR; any bytes */
uint32_t rn_builder_i64(struct rn_builder *builder, int64_t value);          /* CONST */
uint32_t rn_builder_u64(struct rn_builder *builder, uint64_t value);         /* CONST */
uint32_t rn_builder_f64(struct rn_builder *builder, double value);           /* CONST; by bits */
/* CONST: any other constant, a ConstValue in CBOR (const_value.h). */
uint32_t rn_builder_cbor(struct rn_builder *builder, const void *bytes, size_t size);
/* KEYS: in this order, no two equal. */
uint32_t rn_builder_keys(struct rn_builder *builder, const struct rn_utf8 *keys, size_t count);
/* IMPORT. Arity -1: any. */
uint32_t rn_builder_import(struct rn_builder *builder, struct rn_utf8 path, int arity);
/* TYPE: a type of the library, or a variant of one ("std::option::Option::Some"). */
uint32_t rn_builder_external_type(struct rn_builder *builder, struct rn_utf8 path);
/* SPEC */
uint32_t rn_builder_spec(struct rn_builder *builder, const struct rn_unit_spec *spec);

/*
 * GETSITE, SETSITE, CALLSITE: a new one at each call, since each has a cache of its own. `generics`
 * is what follows the name in the hash, "::<std::vec::Vec>", or empty.
 */
uint32_t rn_builder_site(struct rn_builder *builder, enum rn_site_kind kind, struct rn_utf8 name,
                         struct rn_utf8 generics);

/* One of the script's own types, or a variant of its enums. */
struct rn_builder_type {
    struct rn_utf8 path;
    enum rn_type_kind kind;
    const struct rn_utf8 *fields; /* names: RN_TYPE_STRUCT, RN_TYPE_STRUCT_VARIANT; else NULL */
    uint32_t field_count;         /* tuple and named fields */
};
/* TYPE: a struct. */
uint32_t rn_builder_struct(struct rn_builder *builder, const struct rn_builder_type *type);
/* TYPE: an enum; variant i has index result + 1 + i. Kinds of the variants: RN_TYPE_*_VARIANT. */
uint32_t rn_builder_enum(struct rn_builder *builder, struct rn_utf8 path,
                         const struct rn_builder_type *variants, uint32_t count);
/* STATIC. `constant`: a CONST index, or RN_NONE. Two statics of one path are a fault. */
uint32_t rn_builder_static(struct rn_builder *builder, struct rn_utf8 path, uint32_t constant);

/* --- Functions --- */

struct rn_builder_function {
    struct rn_utf8 path; /* "a::b", "main::$0" for closures, "" for the script body */
    uint16_t arg_count;
    uint16_t capture_count; /* follow the arguments in the registers */
    enum rn_function_kind kind;
    uint8_t flags; /* enum rn_function_flag */
};
/* FUNC: declares a function; its body may come later, in any order, and must come once. */
uint32_t rn_builder_function(struct rn_builder *builder,
                             const struct rn_builder_function *function);
/* Callable from outside by the item hash of its path. */
void rn_builder_export(struct rn_builder *builder, uint32_t function);
/* An instance function of an own type, found by the hash of its name. */
void rn_builder_method(struct rn_builder *builder, uint32_t type, struct rn_utf8 name,
                       uint32_t function);
/* The script body. */
void rn_builder_set_main(struct rn_builder *builder, uint32_t function);

/* Begins the body of a declared function; one at a time. The height is arg_count + capture_count.
 */
void rn_builder_begin(struct rn_builder *builder, uint32_t function);
/* Ends it: no path may fall off the end, every label jumped to must have been placed. */
void rn_builder_end(struct rn_builder *builder);

/* --- Inside a body --- */

/* Live height at the next instruction (that of the last reachable one while in dead code). */
uint32_t rn_builder_height(const struct rn_builder *builder);
/* Declares a lower one: registers from `height` on are dead from here. Higher is a fault. */
void rn_builder_set_height(struct rn_builder *builder, uint32_t height);
/* Index of the next instruction, from the function's start. */
uint32_t rn_builder_pc(const struct rn_builder *builder);
/* False: what is emitted now is dropped. */
bool rn_builder_reachable(const struct rn_builder *builder);

struct rn_label {
    uint32_t id;
};
/* A place to jump to, of this function, where registers below `height` are live. */
struct rn_label rn_builder_label(struct rn_builder *builder, uint32_t height);
/* Here. Jumps to it may come from before and behind: loop heads and bodies. Ends dead code. */
void rn_builder_place(struct rn_builder *builder, struct rn_label label);
/* Here, and all jumps to it have been emitted. With none it costs nothing, and dead code stays
 * dead. */
void rn_builder_place_forward(struct rn_builder *builder, struct rn_label label);

/*
 * SWITCH: cases of the function being built, for the very next instruction. Labels may have been
 * placed or not.
 */
uint32_t rn_builder_switch_int(struct rn_builder *builder, int64_t base,
                               const struct rn_label *labels, uint32_t count,
                               struct rn_label otherwise);
uint32_t rn_builder_switch_variant(struct rn_builder *builder, uint32_t type,
                                   const struct rn_label *labels, uint32_t count,
                                   struct rn_label otherwise);

/* --- Debug information --- */

/* A source by its name and text; returns its index. */
uint32_t rn_builder_source(struct rn_builder *builder, struct rn_utf8 name, struct rn_utf8 text);
struct rn_builder_span {
    uint32_t source; /* RN_NONE: no source */
    uint32_t start;  /* bytes */
    uint32_t end;
};
/* Where instructions from here on come from. Each body begins without. */
void rn_builder_set_span(struct rn_builder *builder, struct rn_builder_span span);

/* --- Instructions --- */

/*
 * Any instruction without a jump, checked against its row: registers within a byte (REGR, REGW: in
 * `imm`) and the live height, indices within their tables, unused operands zero, COST operands
 * zero.
 */
void rn_emit(struct rn_builder *builder, enum rn_opcode op, uint32_t a, uint32_t b, uint32_t c,
             uint32_t imm);
/* Any instruction whose imm is JUMP. */
void rn_emit_jump(struct rn_builder *builder, enum rn_opcode op, uint32_t a, uint32_t b,
                  struct rn_label label);

/*
 * One function per row of opcodes.def, named after it, with a parameter for each operand that the
 * code generator chooses, in the order a, b, c, imm:
 *
 *      rn_emit_ADD(b, dst, lhs, rhs);      rn_emit_JUMP_NOT_LT(b, lhs, rhs, label);
 *      rn_emit_INT(b, dst, -1);            rn_emit_CALL(b, window, count, function);
 */
#define RN_PARAM__(name)
#define RN_PARAM_COST(name)
#define RN_PARAM_COST32(name)
#define RN_PARAM_DST(name) , uint32_t dst_##name
#define RN_PARAM_SRC(name) , uint32_t src_##name
#define RN_PARAM_MOD(name) , uint32_t mod_##name
#define RN_PARAM_WIN(name) , uint32_t win_##name
#define RN_PARAM_FWIN(name) , uint32_t win_##name
#define RN_PARAM_PAIR(name) , uint32_t pair_##name
#define RN_PARAM_PAIRD(name) , uint32_t pair_##name
#define RN_PARAM_CNT(name) , uint32_t count_##name
#define RN_PARAM_I8(name) , int8_t value_##name
#define RN_PARAM_U8(name) , uint8_t value_##name
#define RN_PARAM_BOOL(name) , bool flag_##name
#define RN_PARAM_ORDER(name) , uint32_t order_##name
#define RN_PARAM_CAST(name) , uint32_t cast_##name
#define RN_PARAM_RANGE(name) , enum rn_range_kind kind_##name
#define RN_PARAM_SEQ(name) , enum rn_seq_test test_##name
#define RN_PARAM_I32(name) , int32_t value_##name
#define RN_PARAM_U32(name) , uint32_t value_##name
#define RN_PARAM_CHAR(name) , uint32_t scalar_##name
#define RN_PARAM_CONST(name) , uint32_t constant_##name
#define RN_PARAM_STR(name) , uint32_t string_##name
#define RN_PARAM_FUNC(name) , uint32_t function_##name
#define RN_PARAM_IMPORT(name) , uint32_t import_##name
#define RN_PARAM_TYPE(name) , uint32_t type_##name
#define RN_PARAM_KEYS(name) , uint32_t keys_##name
#define RN_PARAM_STATIC(name) , uint32_t static_##name
#define RN_PARAM_SWITCH(name) , uint32_t switch_##name
#define RN_PARAM_SPEC(name) , uint32_t spec_##name
#define RN_PARAM_GETSITE(name) , uint32_t site_##name
#define RN_PARAM_SETSITE(name) , uint32_t site_##name
#define RN_PARAM_CALLSITE(name) , uint32_t site_##name
#define RN_PARAM_JUMP(name) , struct rn_label label_##name
#define RN_PARAM_REGR(name) , uint32_t src_##name
#define RN_PARAM_REGW(name) , uint32_t dst_##name
#define RN_PARAM_INTRINSIC(name) , uint32_t intrinsic_##name

#define RN_ARG__(name) 0
#define RN_ARG_COST(name) 0
#define RN_ARG_COST32(name) 0
#define RN_ARG_DST(name) dst_##name
#define RN_ARG_SRC(name) src_##name
#define RN_ARG_MOD(name) mod_##name
#define RN_ARG_WIN(name) win_##name
#define RN_ARG_FWIN(name) win_##name
#define RN_ARG_PAIR(name) pair_##name
#define RN_ARG_PAIRD(name) pair_##name
#define RN_ARG_CNT(name) count_##name
#define RN_ARG_I8(name) (uint8_t) value_##name
#define RN_ARG_U8(name) value_##name
#define RN_ARG_BOOL(name) flag_##name
#define RN_ARG_ORDER(name) order_##name
#define RN_ARG_CAST(name) cast_##name
#define RN_ARG_RANGE(name) (uint32_t) kind_##name
#define RN_ARG_SEQ(name) (uint32_t) test_##name

#define RN_EMIT_VALUE(op, name) rn_emit(builder, op, rn_a, rn_b, rn_c, name)
#define RN_EMIT_NONE(op) rn_emit(builder, op, rn_a, rn_b, rn_c, 0)
#define RN_CALL__(op) RN_EMIT_NONE(op)
#define RN_CALL_COST32(op) RN_EMIT_NONE(op)
#define RN_CALL_I32(op) RN_EMIT_VALUE(op, (uint32_t)value_imm)
#define RN_CALL_U32(op) RN_EMIT_VALUE(op, value_imm)
#define RN_CALL_CHAR(op) RN_EMIT_VALUE(op, scalar_imm)
#define RN_CALL_CONST(op) RN_EMIT_VALUE(op, constant_imm)
#define RN_CALL_STR(op) RN_EMIT_VALUE(op, string_imm)
#define RN_CALL_FUNC(op) RN_EMIT_VALUE(op, function_imm)
#define RN_CALL_IMPORT(op) RN_EMIT_VALUE(op, import_imm)
#define RN_CALL_TYPE(op) RN_EMIT_VALUE(op, type_imm)
#define RN_CALL_KEYS(op) RN_EMIT_VALUE(op, keys_imm)
#define RN_CALL_STATIC(op) RN_EMIT_VALUE(op, static_imm)
#define RN_CALL_SWITCH(op) RN_EMIT_VALUE(op, switch_imm)
#define RN_CALL_SPEC(op) RN_EMIT_VALUE(op, spec_imm)
#define RN_CALL_GETSITE(op) RN_EMIT_VALUE(op, site_imm)
#define RN_CALL_SETSITE(op) RN_EMIT_VALUE(op, site_imm)
#define RN_CALL_CALLSITE(op) RN_EMIT_VALUE(op, site_imm)
#define RN_CALL_REGR(op) RN_EMIT_VALUE(op, src_imm)
#define RN_CALL_REGW(op) RN_EMIT_VALUE(op, dst_imm)
#define RN_CALL_INTRINSIC(op) RN_EMIT_VALUE(op, intrinsic_imm)
#define RN_CALL_JUMP(op) rn_emit_jump(builder, op, rn_a, rn_b, label_imm)

#define OP(name, ka, kb, kc, kimm, budget, effects, text)                                          \
    static inline void rn_emit_##name(struct rn_builder *builder RN_PARAM_##ka(a) RN_PARAM_##kb(b) \
                                          RN_PARAM_##kc(c) RN_PARAM_##kimm(imm))                   \
    {                                                                                              \
        uint32_t rn_a = RN_ARG_##ka(a);                                                            \
        uint32_t rn_b = RN_ARG_##kb(b);                                                            \
        uint32_t rn_c = RN_ARG_##kc(c);                                                            \
        (void)rn_c;                                                                                \
        RN_CALL_##kimm(RN_OP_##name);                                                              \
    }
#include "bytecode/opcodes.def"
#undef OP

#endif
