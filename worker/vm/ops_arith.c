/*
 * ops_arith.c: operators whose operands are not both of the kind the run loop expects.
 *
 * Integers are checked; of two integer kinds the left one decides and the right one converts.
 * Floats meet only floats. The left operand's type decides what else there is: String has + and +=.
 */
#include <string.h>

#include "worker/vm/machine.h"

static const struct rn_utf8 *operator_name(enum rn_opcode op)
{
    static const struct rn_utf8 names[] = {
        {"ADD", 3},
        {"SUB", 3},
        {"MUL", 3},
        {"DIV", 3},
        {"REM", 3},
        {"BIT_AND", 7},
        {"BIT_OR", 6},
        {"BIT_XOR", 7},
        {"SHL", 3},
        {"SHR", 3},
        {"ADD_ASSIGN", 10},
        {"SUB_ASSIGN", 10},
        {"MUL_ASSIGN", 10},
        {"DIV_ASSIGN", 10},
        {"REM_ASSIGN", 10},
        {"BIT_AND_ASSIGN", 14},
        {"BIT_OR_ASSIGN", 13},
        {"BIT_XOR_ASSIGN", 14},
        {"SHL_ASSIGN", 10},
        {"SHR_ASSIGN", 10},
    };
    bool assign = op >= RN_OP_ADD_ASSIGN && op <= RN_OP_SHR_ASSIGN;
    return &names[assign ? op - RN_OP_ADD_ASSIGN + 10 : op - RN_OP_ADD];
}

static enum rn_outcome unsupported(struct rn_vm *vm, enum rn_opcode op, struct rn_value a,
                                   struct rn_value b)
{
    return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_BINARY, *operator_name(op), a, b);
}

/* The operator without its assignment. */
static enum rn_opcode plain(enum rn_opcode op)
{
    return op >= RN_OP_ADD_ASSIGN && op <= RN_OP_SHR_ASSIGN
               ? (enum rn_opcode)(op - RN_OP_ADD_ASSIGN + RN_OP_ADD)
               : op;
}

static enum rn_outcome divide_i64(struct rn_vm *vm, bool remainder, int64_t a, int64_t b,
                                  int64_t *out)
{
    if (b == 0 || (b == -1 && a == INT64_MIN)) {
        return rn_raise(vm, RN_VM_ERROR_DIVIDE_BY_ZERO);
    }
    *out = remainder ? a % b : a / b;
    return RN_DONE;
}

/* A count of 0 .. 63; negative counts do not convert, larger ones raise what the operator raises.
 */
static enum rn_outcome shift_count(struct rn_vm *vm, enum rn_opcode op, struct rn_value b,
                                   unsigned *out_count)
{
    if (b.tag != RN_VALUE_I64 && b.tag != RN_VALUE_U64) {
        return rn_raise(vm, RN_VM_ERROR_EXPECTED_NUMBER, b);
    }
    if ((b.tag == RN_VALUE_I64 && b.i64 < 0) || b.u64 > UINT32_MAX) {
        return rn_raise(vm, RN_VM_ERROR_VALUE_TO_INTEGER, b, RN_UTF8("u32"));
    }
    if (b.u64 >= 64) {
        return rn_raise(vm, op == RN_OP_SHL ? RN_VM_ERROR_OVERFLOW : RN_VM_ERROR_UNDERFLOW);
    }
    *out_count = (unsigned)b.u64;
    return RN_DONE;
}

static enum rn_outcome i64_shift(struct rn_vm *vm, enum rn_opcode op, int64_t a, struct rn_value b,
                                 int64_t *out)
{
    unsigned count;
    RN_TRY_VM(shift_count(vm, op, b, &count));
    *out = op == RN_OP_SHL ? (int64_t)((uint64_t)a << count) : a >> count;
    return RN_DONE;
}

static enum rn_outcome i64_op(struct rn_vm *vm, enum rn_opcode op, int64_t a, int64_t b,
                              int64_t *out)
{
    bool overflow = false;
    switch ((int)op) {
    case RN_OP_ADD:
        overflow = __builtin_add_overflow(a, b, out);
        break;
    case RN_OP_SUB:
        if (__builtin_sub_overflow(a, b, out)) {
            return rn_raise(vm, RN_VM_ERROR_UNDERFLOW);
        }
        break;
    case RN_OP_MUL:
        overflow = __builtin_mul_overflow(a, b, out);
        break;
    case RN_OP_DIV:
        return divide_i64(vm, false, a, b, out);
    case RN_OP_REM:
        return divide_i64(vm, true, a, b, out);
    case RN_OP_BIT_AND:
        *out = a & b;
        break;
    case RN_OP_BIT_OR:
        *out = a | b;
        break;
    default:
        *out = a ^ b;
        break;
    }
    return overflow ? rn_raise(vm, RN_VM_ERROR_OVERFLOW) : RN_DONE;
}

static enum rn_outcome u64_shift(struct rn_vm *vm, enum rn_opcode op, uint64_t a, struct rn_value b,
                                 uint64_t *out)
{
    unsigned count;
    RN_TRY_VM(shift_count(vm, op, b, &count));
    *out = op == RN_OP_SHL ? a << count : a >> count;
    return RN_DONE;
}

static enum rn_outcome u64_op(struct rn_vm *vm, enum rn_opcode op, uint64_t a, uint64_t b,
                              uint64_t *out)
{
    bool overflow = false;
    switch ((int)op) {
    case RN_OP_ADD:
        overflow = __builtin_add_overflow(a, b, out);
        break;
    case RN_OP_SUB:
        if (__builtin_sub_overflow(a, b, out)) {
            return rn_raise(vm, RN_VM_ERROR_UNDERFLOW);
        }
        break;
    case RN_OP_MUL:
        overflow = __builtin_mul_overflow(a, b, out);
        break;
    case RN_OP_DIV:
    case RN_OP_REM:
        if (b == 0) {
            return rn_raise(vm, RN_VM_ERROR_DIVIDE_BY_ZERO);
        }
        *out = op == RN_OP_DIV ? a / b : a % b;
        break;
    case RN_OP_BIT_AND:
        *out = a & b;
        break;
    case RN_OP_BIT_OR:
        *out = a | b;
        break;
    default:
        *out = a ^ b;
        break;
    }
    return overflow ? rn_raise(vm, RN_VM_ERROR_OVERFLOW) : RN_DONE;
}

/* Of a finite value, at most as large as it says. */
static int exponent_of(double value, int of_subnormals)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    int field = (int)(bits >> 52 & 0x7ff);
    return field == 0 ? of_subnormals : field;
}

void rn_charge_remainder(struct rn_vm *vm, double a, double b)
{
    bool has_remainder = a - a == 0 && b - b == 0 && b != 0;
    int steps = exponent_of(a, 1) - exponent_of(b, -52);
    if (has_remainder && steps > 0) {
        rn_charge(vm, (uint64_t)steps / 4);
    }
}

static bool f64_op(enum rn_opcode op, double a, double b, double *out)
{
    switch ((int)op) {
    case RN_OP_ADD:
        *out = a + b;
        return true;
    case RN_OP_SUB:
        *out = a - b;
        return true;
    case RN_OP_MUL:
        *out = a * b;
        return true;
    case RN_OP_DIV:
        *out = a / b;
        return true;
    case RN_OP_REM:
        *out = __builtin_fmod(a, b);
        return true;
    default:
        return false;
    }
}

static bool is_shift(enum rn_opcode op)
{
    return op == RN_OP_SHL || op == RN_OP_SHR;
}

static bool is_bitwise(enum rn_opcode op)
{
    return op >= RN_OP_BIT_AND && op <= RN_OP_BIT_XOR;
}

/* `op` is plain; `named` is what a message calls it. */
static enum rn_outcome inline_op(struct rn_vm *vm, enum rn_opcode op, enum rn_opcode named,
                                 struct rn_value a, struct rn_value b, struct rn_value *out)
{
    if (b.tag == RN_VALUE_OBJECT || b.tag == RN_VALUE_NONE) {
        return unsupported(vm, named, a, b);
    }
    struct rn_value result = {.tag = a.tag};
    if (a.tag == RN_VALUE_I64) {
        if (is_shift(op)) {
            RN_TRY_VM(i64_shift(vm, op, a.i64, b, &result.i64));
        } else {
            int64_t right;
            RN_TRY_VM(rn_arg_i64(vm, b, &right));
            RN_TRY_VM(i64_op(vm, op, a.i64, right, &result.i64));
        }
    } else if (a.tag == RN_VALUE_U64) {
        if (is_shift(op)) {
            RN_TRY_VM(u64_shift(vm, op, a.u64, b, &result.u64));
        } else {
            uint64_t right;
            RN_TRY_VM(rn_arg_u64(vm, b, &right));
            RN_TRY_VM(u64_op(vm, op, a.u64, right, &result.u64));
        }
    } else if (a.tag == RN_VALUE_F64 && b.tag == RN_VALUE_F64) {
        if (op == RN_OP_REM) {
            rn_charge_remainder(vm, a.f64, b.f64);
        }
        if (!f64_op(op, a.f64, b.f64, &result.f64)) {
            return unsupported(vm, named, a, b);
        }
    } else if (a.tag == RN_VALUE_BOOL && b.tag == RN_VALUE_BOOL && is_bitwise(op)) {
        result.u64 = op == RN_OP_BIT_AND  ? a.u64 & b.u64
                     : op == RN_OP_BIT_OR ? a.u64 | b.u64
                                          : a.u64 ^ b.u64;
    } else {
        return unsupported(vm, named, a, b);
    }
    *out = result;
    return RN_DONE;
}

/* String + String: a new one. */
static enum rn_outcome concatenate(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                                   struct rn_value *out)
{
    struct rn_string *left;
    struct rn_string *right;
    RN_TRY_VM(rn_arg_string(vm, a, &left));
    RN_TRY_VM(rn_arg_string(vm, b, &right));
    rn_charge(vm, ((uint64_t)left->size + right->size) / 16);
    struct rn_string *sum = rn_string_with_capacity(vm, (size_t)left->size + right->size);
    if (sum == NULL || !rn_string_append(vm, sum, left->data, left->size) ||
        !rn_string_append(vm, sum, right->data, right->size)) {
        return RN_RAISED;
    }
    *out = rn_value_object(sum);
    return RN_DONE;
}

enum rn_outcome rn_op_binary(struct rn_vm *vm, enum rn_opcode op, struct rn_value a,
                             struct rn_value b, struct rn_value *out)
{
    if (a.tag != RN_VALUE_OBJECT && a.tag != RN_VALUE_NONE) {
        return inline_op(vm, op, op, a, b, out);
    }
    if (op == RN_OP_ADD && rn_object_is(a, RN_TYPE_ID_STRING)) {
        return concatenate(vm, a, b, out);
    }
    if (op == RN_OP_ADD && rn_is_time(a)) {
        return rn_time_add(vm, a, b, out);
    }
    return unsupported(vm, op, a, b);
}

static enum rn_outcome append(struct rn_vm *vm, struct rn_value a, struct rn_value b)
{
    struct rn_string *left;
    struct rn_string *right;
    RN_TRY_VM(rn_check_write(vm, a));
    RN_TRY_VM(rn_arg_string(vm, a, &left));
    RN_TRY_VM(rn_arg_string(vm, b, &right));
    rn_charge(vm, right->size / 16);
    return rn_string_append(vm, left, right->data, right->size) ? RN_DONE : RN_RAISED;
}

enum rn_outcome rn_op_assign(struct rn_vm *vm, enum rn_opcode op, struct rn_value *target,
                             struct rn_value b)
{
    struct rn_value a = *target;
    if (a.tag != RN_VALUE_OBJECT && a.tag != RN_VALUE_NONE) {
        return inline_op(vm, plain(op), op, a, b, target);
    }
    if (op == RN_OP_ADD_ASSIGN && rn_object_is(a, RN_TYPE_ID_STRING)) {
        return append(vm, a, b);
    }
    if (op == RN_OP_ADD_ASSIGN && rn_is_time(a)) {
        return rn_time_advance(vm, a, b);
    }
    return unsupported(vm, op, a, b);
}

enum rn_outcome rn_op_neg(struct rn_vm *vm, struct rn_value a, struct rn_value *out)
{
    if (a.tag == RN_VALUE_I64) {
        if (a.i64 == INT64_MIN) {
            return rn_raise(vm, RN_VM_ERROR_OVERFLOW);
        }
        *out = rn_value_i64(-a.i64);
        return RN_DONE;
    }
    if (a.tag == RN_VALUE_F64) {
        *out = rn_value_f64(-a.f64);
        return RN_DONE;
    }
    return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_UNARY, RN_UTF8("NEG"), a);
}

enum rn_outcome rn_op_not(struct rn_vm *vm, struct rn_value a, struct rn_value *out)
{
    switch (a.tag) {
    case RN_VALUE_BOOL:
        *out = rn_value_bool(a.u64 == 0);
        return RN_DONE;
    case RN_VALUE_I64:
    case RN_VALUE_U64:
        *out = (struct rn_value){.tag = a.tag, .u64 = ~a.u64};
        return RN_DONE;
    default:
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_UNARY, RN_UTF8("NOT"), a);
    }
}

/* Truncates and saturates; NaN gives 0. */
static int64_t i64_of_f64(double value)
{
    if (value >= 9223372036854775808.0) {
        return INT64_MAX;
    }
    if (value < -9223372036854775808.0) {
        return INT64_MIN;
    }
    return value == value ? (int64_t)value : 0;
}

static uint64_t u64_of_f64(double value)
{
    if (value >= 18446744073709551616.0) {
        return UINT64_MAX;
    }
    return value > 0.0 ? (uint64_t)value : 0;
}

enum rn_outcome rn_op_cast(struct rn_vm *vm, struct rn_value a, unsigned kind, struct rn_value *out)
{
    enum {
        TO_I64,
        TO_U64,
        TO_F64
    };
    static const uint32_t types[] = {RN_TYPE_ID_I64, RN_TYPE_ID_U64, RN_TYPE_ID_F64};
    if (a.tag != RN_VALUE_I64 && a.tag != RN_VALUE_U64 && a.tag != RN_VALUE_F64) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_AS, a, types[kind]);
    }
    bool real = a.tag == RN_VALUE_F64;
    switch (kind) {
    case TO_I64:
        *out = rn_value_i64(real ? i64_of_f64(a.f64) : a.i64);
        break;
    case TO_U64:
        *out = rn_value_u64(real ? u64_of_f64(a.f64) : a.u64);
        break;
    default:
        *out = real ? a : rn_value_f64(a.tag == RN_VALUE_I64 ? (double)a.i64 : (double)a.u64);
        break;
    }
    return RN_DONE;
}
