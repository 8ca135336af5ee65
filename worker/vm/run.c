/*
 * run.c: the run loop.
 *
 * Rules for whoever edits it.
 * R1  pc and base are locals; everything else about the running function is in the Vm. SAVE()
 *     writes them back before anything that can raise, collect, call, switch stacks or look at the
 *     stack; LOAD() reads everything again after what pushed a frame or switched.
 * R2  A charging instruction charges first and acts then. `look_up` takes the charge back and
 *     executes the instruction again later, so nothing may have been done before CHARGE().
 * R3  Collections happen in `look_up` only: at a charging instruction, before it acts. What is live
 *     is the height declared there. So no body has to care about roots, but none may keep a Value
 *     across a `look_up`.
 * R4  The verifier proved operands, heights, targets and windows. Bodies check types of values,
 *     never operands.
 * R5  A body is at most about ten lines: fast kinds first, the rest in a helper of ops_*.c.
 * R6  A Value is copied as two words (rn_value_copy): a wide load of what was just stored in halves
 *     stalls. The file is compiled without vectorising for that reason (CMakeLists.txt).
 * R7  What is in the way of endless nesting is in rn_push_frame and, for coroutines, in `enter`: bodies
 *     push frames without them only while no depth is limited. The depth is the frames of the stack
 *     that runs and of all under it, those that wait for what it gives: a fiber or future has their
 *     number in `below`, set whenever it is entered or polled, since the next time may be elsewhere.
 */
#include <stddef.h>
#include <string.h>

#include "worker/vm/machine.h"
#include "worker/vm/profile.h"

#define AGAIN_HERE                                                                                 \
    do {                                                                                           \
        rn_profile_step(vm, pc);                                                                   \
        goto *labels[pc->op];                                                                      \
    } while (0)
#define NEXT                                                                                       \
    do {                                                                                           \
        pc++;                                                                                      \
        AGAIN_HERE;                                                                                \
    } while (0)
#define JUMP_TO(index)                                                                             \
    do {                                                                                           \
        pc = vm->code + (index);                                                                   \
        AGAIN_HERE;                                                                                \
    } while (0)
#define SAVE() (vm->pc = pc, vm->base = base)
#define LOAD() (pc = vm->pc, base = vm->base)
#define CHARGE(cost)                                                                               \
    do {                                                                                           \
        if (RN_UNLIKELY((vm->fuel -= (int64_t)(cost)) < 0)) {                                      \
            goto look_up;                                                                          \
        }                                                                                          \
    } while (0)
/* A helper that may raise, but does not call. */
#define HELP(call)                                                                                 \
    do {                                                                                           \
        SAVE();                                                                                    \
        if (RN_UNLIKELY((call) != RN_DONE)) {                                                      \
            goto raised;                                                                           \
        }                                                                                          \
    } while (0)
/* A helper that may call, switch or suspend. */
#define FOLLOW(call)                                                                               \
    do {                                                                                           \
        SAVE();                                                                                    \
        outcome = (call);                                                                          \
        if (RN_UNLIKELY(outcome != RN_DONE)) {                                                     \
            goto follow;                                                                           \
        }                                                                                          \
    } while (0)
#define THROW(call)                                                                                \
    do {                                                                                           \
        SAVE();                                                                                    \
        (void)(call);                                                                              \
        goto raised;                                                                               \
    } while (0)

/* Into a function of which is known that it fits, without a detour through the Vm. */
#define ENTER(to_link, to_function, window)                                                        \
    do {                                                                                           \
        struct rn_frame *entered = --vm->frame;                                                    \
        entered->pc = pc + 1;                                                                      \
        entered->code = vm->code;                                                                  \
        entered->link = vm->link;                                                                  \
        entered->delta = (uint32_t)((window)-base);                                                \
        entered->kind = RN_FRAME_CALL;                                                             \
        base = (window);                                                                           \
        vm->link = (to_link);                                                                      \
        pc = (to_link)->unit.code + (to_function)->code_start;                                     \
        vm->code = pc;                                                                             \
        rn_profile_enter(vm, entered);                                                             \
        AGAIN_HERE;                                                                                \
    } while (0)

#define A (base[pc->a])
#define B (base[pc->b])
#define C (base[pc->c])
#define I8 ((int64_t)(int8_t)pc->b)
#define IMM ((int64_t)(int32_t)pc->imm)

#define SET_I64(x) (A = (struct rn_value){.tag = RN_VALUE_I64, .i64 = (x)})
#define SET_F64(x) (A = (struct rn_value){.tag = RN_VALUE_F64, .f64 = (x)})
#define SET_BOOL(x) (A = (struct rn_value){.tag = RN_VALUE_BOOL, .u64 = (x)})

#define BOTH_I64(x, y) (((x).tag | (y).tag) == RN_VALUE_I64)
#define BOTH_F64(x, y) ((x).tag == RN_VALUE_F64 && (y).tag == RN_VALUE_F64)

_Static_assert(offsetof(struct rn_object, flags) == offsetof(struct rn_object, kind) + 1,
               "kind and flags are read as one");

/* An object of that kind that was not moved: kind and flags, which are neighbours, at once. */
static inline bool is_kind(struct rn_value value, enum rn_object_kind kind)
{
    if (value.tag != RN_VALUE_OBJECT) {
        return false;
    }
    uint16_t both;
    memcpy(&both, &value.object->kind, sizeof(both));
    return (both & (0xff | RN_OBJECT_MOVED << 8)) == (unsigned)kind;
}

/* A tuple, or a struct or variant whose fields are counted, not named. */
static inline bool has_positions(const struct rn_vm *vm, struct rn_value value)
{
    return is_kind(value, RN_OBJECT_TUPLE) ||
           (is_kind(value, RN_OBJECT_STRUCT) &&
            rn_type_record(vm, value.object->type)->shape == RN_SHAPE_TUPLE);
}

static inline uint32_t exact_type_of(struct rn_value value)
{
    return RN_LIKELY(value.tag == RN_VALUE_OBJECT) ? value.object->type : rn_exact_type_of(value);
}

static inline const struct rn_cache_entry *cached(const struct rn_link *link, uint32_t site,
                                                  uint32_t type)
{
    const struct rn_cache_entry *entry = &link->cache.entries[site & link->cache.mask];
    return entry->key == ((uint64_t)site << 32 | type) ? entry : NULL;
}

/* Room for a callee's registers above `window`, below one more frame. */
static inline bool fits(const struct rn_vm *vm, const struct rn_value *window,
                        const struct rn_unit_function *function)
{
    return (const uint8_t *)(window + function->register_count) <= (const uint8_t *)(vm->frame - 1);
}

/* A frame for a function of which is known that it fits; everything is saved. */
static inline void push_frame(struct rn_vm *vm, const struct rn_link *link,
                              const struct rn_unit_function *function, struct rn_value *window)
{
    struct rn_frame *frame = --vm->frame;
    frame->pc = vm->pc + 1;
    frame->code = vm->code;
    frame->link = vm->link;
    frame->delta = (uint32_t)(window - vm->base);
    frame->kind = RN_FRAME_CALL;
    vm->base = window;
    vm->link = link;
    vm->code = link->unit.code + function->code_start;
    vm->pc = vm->code;
    rn_profile_enter(vm, frame);
}

/* Whether a call can go without a coroutine, another error, or a larger stack. */
static inline bool is_plain_call(const struct rn_vm *vm, const struct rn_unit_function *function,
                                 const struct rn_value *window, uint32_t count)
{
    return RN_LIKELY(function->kind == RN_FUNCTION_IMMEDIATE && function->arg_count == count &&
                     fits(vm, window, function) && vm->limits.depth == 0);
}

/* The commonest callees at once: natives, and functions that need no coroutine. */
static inline enum rn_outcome call(struct rn_vm *vm, rn_callee callee, struct rn_value *window,
                                   uint32_t count)
{
    enum rn_callee_form form = rn_callee_form(callee);
    if (form == RN_CALLEE_NATIVE) {
        const struct rn_native *native = &vm->natives[rn_callee_index(callee)];
        if (RN_LIKELY(native->arity == (int)count)) {
            vm->native_round = 0;
            enum rn_outcome outcome = native->call(vm, window, count);
            return RN_LIKELY(outcome == RN_DONE)
                       ? RN_DONE
                       : rn_finish_native(vm, native, outcome, window, count);
        }
    } else if (form == RN_CALLEE_SCRIPT) {
        const struct rn_unit_function *function =
            &vm->script->unit.functions[rn_callee_index(callee)];
        if (is_plain_call(vm, function, window, count) && function->capture_count == 0) {
            push_frame(vm, vm->script, function, window);
            return (enum rn_outcome)RN_FRAME_PUSHED;
        }
    }
    return rn_call_callee(vm, callee, window, count);
}

/* The function of a closure at window[0] that can be called at once, or NULL. */
static inline const struct rn_unit_function *
plain_closure(const struct rn_vm *vm, const struct rn_value *window, uint32_t count)
{
    const struct rn_function *value = (const struct rn_function *)window[0].object;
    if (RN_UNLIKELY(!is_kind(window[0], RN_OBJECT_FUNCTION) || value->form != RN_FORM_SCRIPT)) {
        return NULL;
    }
    const struct rn_unit_function *function = &value->link->unit.functions[value->index];
    return is_plain_call(vm, function, window, count) ? function : NULL;
}

/* Arguments move down over the closure at window[0], its captures go behind them. */
static inline void place_arguments(struct rn_value *window, uint32_t count)
{
    const struct rn_function *value = (const struct rn_function *)window[0].object;
    struct rn_value *end = window + count;
    for (; window < end; window++) {
        rn_value_copy(window, window + 1);
    }
    for (uint32_t i = 0; i < value->header.count; i++) {
        rn_value_copy(window + i, &value->captures[i]);
    }
}

/* --- Looking up --- */

#define OUTPUT_HIGH 32768u

/* At a charging instruction of cost `cost`, whose charge was too much: what now? RN_EVENT_SLICE
 * after all is told apart from going on by *out_go_on. */
static enum rn_event look_up(struct rn_vm *vm, uint64_t cost, bool *out_go_on)
{
    *out_go_on = false;
    vm->fuel += (int64_t)cost;
#ifdef RN_STRESS
    rn_collect(vm);
#else
    if (vm->heap.collection_due) {
        rn_collect(vm);
    }
#endif
    uint64_t spent = vm->granted - (uint64_t)vm->fuel;
    if (vm->limit != RN_LIMIT_NONE) {
        return RN_EVENT_LIMIT;
    }
    if (rn_vm_is_cancelled(vm)) {
        return RN_EVENT_CANCELLED;
    }
    if (spent + cost > vm->budget) {
        vm->limit = RN_LIMIT_BUDGET;
        return RN_EVENT_LIMIT;
    }
    if (vm->output_size >= OUTPUT_HIGH) {
        return RN_EVENT_OUTPUT;
    }
    if (spent >= vm->slice_end) {
        return RN_EVENT_SLICE;
    }
    uint64_t target = vm->budget < vm->slice_end ? vm->budget : vm->slice_end;
    target = target < spent + cost ? spent + cost : target;
    target = target - spent > INT64_MAX ? spent + INT64_MAX : target;
    vm->granted = target;
    vm->fuel = (int64_t)(target - spent);
    *out_go_on = true;
    return RN_EVENT_SLICE;
}

static uint32_t switch_target(const struct rn_vm *vm, const struct rn_link *link, uint32_t index,
                              struct rn_value value)
{
    const struct rn_unit_switch *table = &link->unit.switches[index];
    uint64_t position = UINT64_MAX;
    if (table->kind == RN_SWITCH_INT) {
        if (value.tag == RN_VALUE_I64) {
            position = value.u64 - (uint64_t)table->base;
        }
    } else {
        const struct rn_type_record *record = rn_type_record(vm, link->type_ids[table->type]);
        position = (uint64_t)exact_type_of(value) - record->fields;
    }
    return position < table->count ? link->unit.targets[table->targets + position]
                                   : table->default_target;
}

/* As prepare_range leaves it. Nobody proves that an instruction finds it so, and counting up what is
 * no number would make addresses. */
static inline bool is_range_state(const struct rn_value *state)
{
    uint64_t tag = state[0].tag;
    return state[1].tag == RN_VALUE_U64 && (tag == RN_VALUE_I64 || tag == RN_VALUE_U64 ||
                                            (tag == RN_VALUE_CHAR && state[0].u64 < 0x110000));
}

/* The last char stands behind itself: the state is two registers that any instruction may read, and
 * what is no char must never be in one. */
static uint64_t char_behind(uint64_t scalar)
{
    return scalar == 0xd7ff ? 0xe000 : scalar + (scalar < 0x10ffff);
}

static enum rn_outcome prepare_range(struct rn_vm *vm, struct rn_value *state, bool inclusive)
{
    struct rn_value start = state[0];
    struct rn_value end = state[1];
    bool integer = end.tag == RN_VALUE_I64 || end.tag == RN_VALUE_U64;
    uint64_t left = 0;
    if (start.tag == RN_VALUE_I64 && integer) {
        int64_t last;
        RN_TRY_VM(rn_arg_i64(vm, end, &last));
        left = start.i64 <= last ? (uint64_t)last - start.u64 + inclusive : 0;
    } else if (start.tag == RN_VALUE_U64 && integer) {
        uint64_t last;
        RN_TRY_VM(rn_arg_u64(vm, end, &last));
        left = start.u64 <= last ? last - start.u64 + inclusive : 0;
    } else if (start.tag == RN_VALUE_CHAR && end.tag == RN_VALUE_CHAR) {
        left = start.u64 <= end.u64 ? end.u64 - start.u64 + inclusive : 0;
        left -= start.u64 < 0xd800 && end.u64 >= 0xe000 ? 0x800 : 0;
    } else {
        return rn_raise(vm, inclusive ? RN_VM_ERROR_ITER_RANGE_INCLUSIVE : RN_VM_ERROR_ITER_RANGE,
                        start, end);
    }
    state[1] = rn_value_u64(left);
    return RN_DONE;
}

/* Steps of everything but the commonest iterators. RN_DONE: *out_item, EMPTY at the end. */
static enum rn_outcome step(struct rn_vm *vm, struct rn_value iter, bool back,
                            struct rn_value *out_item)
{
    RN_TRY_VM(rn_check_write(vm, iter));
    if (iter.tag == RN_VALUE_OBJECT && iter.object->kind == RN_OBJECT_ITER) {
        struct rn_iter *object = rn_as_iter(iter);
        if (object->iter == RN_ITER_GENERATOR) {
            return back ? rn_iter_next_back(vm, object, out_item)
                        : rn_step_generator(vm, object->source);
        }
        return back ? rn_iter_next_back(vm, object, out_item) : rn_iter_next(vm, object, out_item);
    }
    const struct rn_type_record *record = rn_type_record(vm, rn_exact_type_of(iter));
    uint32_t function = back ? record->step_back : record->step;
    if (iter.tag != RN_VALUE_OBJECT || iter.object->kind != RN_OBJECT_STRUCT ||
        record->step == RN_NONE || function == RN_NONE) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL,
                        back ? RN_UTF8("NEXT_BACK") : RN_UTF8("NEXT"), iter);
    }
    struct rn_value *window = vm->base + rn_height_at(vm->link, vm->pc);
    enum rn_outcome outcome =
        rn_push_frame(vm, vm->engine->standard, function, window, RN_FRAME_STEP);
    if (outcome == (enum rn_outcome)RN_FRAME_PUSHED) {
        vm->base[0] = iter;
    }
    return outcome;
}

/* The native that asked for another round gets it, or the join that gave way goes on. */
static enum rn_outcome go_on(struct rn_vm *vm)
{
    if (vm->driving != RN_DRIVING_NOTHING) {
        return rn_coroutines_go_on(vm);
    }
    const struct rn_native *native = vm->again;
    struct rn_value *window = vm->values + vm->again_window;
    uint32_t count = vm->again_count;
    vm->again = NULL;
    vm->native_round++;
    return rn_finish_native(vm, native, native->call(vm, window, count), window, count);
}

/* --- The loop --- */

enum rn_event rn_run_loop(struct rn_vm *vm)
{
    static const void *const labels[256] = {
#define OP(name, a, b, c, imm, budget, effects, text) [RN_OP_##name] = &&name,
#include "bytecode/opcodes.def"
#undef OP
        [RN_OP_COUNT... 255] = &&BAD,
    };
    const struct rn_inst *pc;
    struct rn_value *base;
    enum rn_outcome outcome;
    struct rn_value item;
    uint32_t count;
    bool truth;

    LOAD();
    if (vm->again != NULL || vm->driving != RN_DRIVING_NOTHING) {
        goto again;
    }
    AGAIN_HERE;

    // Labels and the blocks behind them:
    // clang-format off

    // Values into registers
MOVE:
    rn_value_copy(&A, &B);
    NEXT;
MOVE_FROM:
    rn_value_copy(&A, &base[pc->imm]);
    NEXT;
MOVE_TO:
    rn_value_copy(&base[pc->imm], &A);
    NEXT;
UNIT:
    A = rn_value_unit();
    NEXT;
BOOL:
    SET_BOOL(pc->b);
    NEXT;
INT:
    SET_I64(IMM);
    NEXT;
UINT:
    A = rn_value_u64(pc->imm);
    NEXT;
CHAR:
    A = rn_value_char(pc->imm);
    NEXT;
ORDERING:
    A = rn_value_ordering((enum rn_ordering)pc->b);
    NEXT;
CONST:
    HELP(rn_op_constant(vm, vm->link, pc->imm, &A));
    NEXT;
TYPE:
    A = rn_value_type(vm->link->type_ids[pc->imm]);
    NEXT;
STRING:
BYTES:
FUNCTION:
IMPORTED:
CONSTRUCTOR:
CLOSURE:
VEC:
VEC_RESERVE:
VEC_EXTEND:
TUPLE:
TUPLE_OF:
OBJECT:
STRUCT:
STRUCT_OF:
RANGE:
TEXT:
    HELP(rn_op_build(vm, vm->link, pc, base));
    NEXT;
SOME:
    HELP(rn_make_variant(vm, RN_VARIANT_ID_OPTION_SOME, B, &A));
    NEXT;
NONE:
    A = rn_value_none();
    NEXT;
OK:
    HELP(rn_make_variant(vm, RN_VARIANT_ID_RESULT_OK, B, &A));
    NEXT;
ERR:
    HELP(rn_make_variant(vm, RN_VARIANT_ID_RESULT_ERR, B, &A));
    NEXT;
TEXT_STRING:
TEXT_DISPLAY:
TEXT_FORMAT:
    HELP(rn_op_text(vm, vm->link, pc, base));
    NEXT;

    // Operators
#define ARITHMETIC(name, builtin, sign)                                                            \
    name:                                                                                          \
    if (RN_LIKELY(BOTH_I64(B, C))) {                                                               \
        int64_t result;                                                                            \
        if (RN_LIKELY(!builtin(B.i64, C.i64, &result))) {                                          \
            SET_I64(result);                                                                       \
            NEXT;                                                                                  \
        }                                                                                          \
    } else if (BOTH_F64(B, C)) {                                                                   \
        SET_F64(B.f64 sign C.f64);                                                                 \
        NEXT;                                                                                      \
    }                                                                                              \
    goto binary;
    ARITHMETIC(ADD, __builtin_add_overflow, +)
    ARITHMETIC(SUB, __builtin_sub_overflow, -)
    ARITHMETIC(MUL, __builtin_mul_overflow, *)
DIV:
    if (BOTH_F64(B, C)) {
        SET_F64(B.f64 / C.f64);
        NEXT;
    }
    if (RN_LIKELY(BOTH_I64(B, C) && C.i64 > 0)) {
        SET_I64(B.i64 / C.i64);
        NEXT;
    }
    goto binary;
REM:
    if (RN_LIKELY(BOTH_I64(B, C) && C.i64 > 0)) {
        SET_I64(B.i64 % C.i64);
        NEXT;
    }
    goto binary;
#define BITWISE(name, sign)                                                                        \
    name:                                                                                          \
    if (RN_LIKELY(BOTH_I64(B, C))) {                                                               \
        SET_I64(B.i64 sign C.i64);                                                                 \
        NEXT;                                                                                      \
    }                                                                                              \
    goto binary;
    BITWISE(BIT_AND, &)
    BITWISE(BIT_OR, |)
    BITWISE(BIT_XOR, ^)
SHL:
SHR:
binary:
    HELP(rn_op_binary(vm, (enum rn_opcode)pc->op, B, C, &A));
    NEXT;
#define ARITHMETIC_INT(name, builtin, plain)                                                       \
    name:                                                                                          \
    if (RN_LIKELY(B.tag == RN_VALUE_I64)) {                                                        \
        int64_t result;                                                                            \
        if (RN_LIKELY(!builtin(B.i64, IMM, &result))) {                                            \
            SET_I64(result);                                                                       \
            NEXT;                                                                                  \
        }                                                                                          \
    }                                                                                              \
    HELP(rn_op_binary(vm, plain, B, rn_value_i64(IMM), &A));                                       \
    NEXT;
    ARITHMETIC_INT(ADD_INT, __builtin_add_overflow, RN_OP_ADD)
    ARITHMETIC_INT(SUB_INT, __builtin_sub_overflow, RN_OP_SUB)
    ARITHMETIC_INT(MUL_INT, __builtin_mul_overflow, RN_OP_MUL)
DIV_INT:
    if (RN_LIKELY(B.tag == RN_VALUE_I64 && IMM > 0)) {
        SET_I64(B.i64 / IMM);
        NEXT;
    }
    HELP(rn_op_binary(vm, RN_OP_DIV, B, rn_value_i64(IMM), &A));
    NEXT;
REM_INT:
    if (RN_LIKELY(B.tag == RN_VALUE_I64 && IMM > 0)) {
        SET_I64(B.i64 % IMM);
        NEXT;
    }
    HELP(rn_op_binary(vm, RN_OP_REM, B, rn_value_i64(IMM), &A));
    NEXT;
BIT_AND_INT:
    if (RN_LIKELY(B.tag == RN_VALUE_I64)) {
        SET_I64(B.i64 & IMM);
        NEXT;
    }
    HELP(rn_op_binary(vm, RN_OP_BIT_AND, B, rn_value_i64(IMM), &A));
    NEXT;
SHL_INT:
    if (RN_LIKELY(B.tag == RN_VALUE_I64 && pc->imm < 64)) {
        SET_I64((int64_t)(B.u64 << pc->imm));
        NEXT;
    }
    HELP(rn_op_binary(vm, RN_OP_SHL, B, rn_value_i64(IMM), &A));
    NEXT;
SHR_INT:
    if (RN_LIKELY(B.tag == RN_VALUE_I64 && pc->imm < 64)) {
        SET_I64(B.i64 >> pc->imm);
        NEXT;
    }
    HELP(rn_op_binary(vm, RN_OP_SHR, B, rn_value_i64(IMM), &A));
    NEXT;
#define ASSIGN(name, builtin, sign)                                                                \
    name:                                                                                          \
    if (RN_LIKELY(BOTH_I64(A, B))) {                                                               \
        int64_t result;                                                                            \
        if (RN_LIKELY(!builtin(A.i64, B.i64, &result))) {                                          \
            A.i64 = result;                                                                        \
            NEXT;                                                                                  \
        }                                                                                          \
    } else if (BOTH_F64(A, B)) {                                                                   \
        A.f64 = A.f64 sign B.f64;                                                                  \
        NEXT;                                                                                      \
    }                                                                                              \
    goto assign;
    ASSIGN(ADD_ASSIGN, __builtin_add_overflow, +)
    ASSIGN(SUB_ASSIGN, __builtin_sub_overflow, -)
    ASSIGN(MUL_ASSIGN, __builtin_mul_overflow, *)
DIV_ASSIGN:
REM_ASSIGN:
BIT_AND_ASSIGN:
BIT_OR_ASSIGN:
BIT_XOR_ASSIGN:
SHL_ASSIGN:
SHR_ASSIGN:
assign:
    HELP(rn_op_assign(vm, (enum rn_opcode)pc->op, &A, B));
    NEXT;
NEG:
    if (RN_LIKELY(B.tag == RN_VALUE_I64 && B.i64 != INT64_MIN)) {
        SET_I64(-B.i64);
        NEXT;
    }
    HELP(rn_op_neg(vm, B, &A));
    NEXT;
NOT:
    if (RN_LIKELY(B.tag == RN_VALUE_BOOL)) {
        SET_BOOL(B.u64 ^ 1);
        NEXT;
    }
    HELP(rn_op_not(vm, B, &A));
    NEXT;
#define COMPARE(name, sign)                                                                        \
    name:                                                                                          \
    if (RN_LIKELY(BOTH_I64(B, C))) {                                                               \
        SET_BOOL(B.i64 sign C.i64);                                                                \
        NEXT;                                                                                      \
    }                                                                                              \
    if (BOTH_F64(B, C)) {                                                                          \
        SET_BOOL(B.f64 sign C.f64);                                                                \
        NEXT;                                                                                      \
    }                                                                                              \
    goto compare;
    COMPARE(EQ, ==)
    COMPARE(NE, !=)
    COMPARE(LT, <)
    COMPARE(LE, <=)
    COMPARE(GT, >)
    COMPARE(GE, >=)
compare:
    FOLLOW(rn_op_test(vm, (enum rn_opcode)pc->op, B, C, &truth));
    SET_BOOL(truth);
    NEXT;
EQ_STRING:
    FOLLOW(rn_op_match(vm, vm->link, pc, base, &truth));
    SET_BOOL(truth);
    NEXT;
IS:
MATCH_STRING:
MATCH_BYTES:
MATCH_SEQ:
MATCH_OBJECT:
match:
    HELP(rn_op_match(vm, vm->link, pc, base, &truth));
    SET_BOOL(truth);
    NEXT;
MATCH_TYPE:
    if (RN_LIKELY(is_kind(B, RN_OBJECT_STRUCT) && B.object->type == vm->link->type_ids[pc->imm])) {
        SET_BOOL(1);
        NEXT;
    }
    if (B.tag == RN_VALUE_NONE && vm->link->type_ids[pc->imm] == RN_VARIANT_ID_OPTION_SOME) {
        SET_BOOL(0);
        NEXT;
    }
    goto match;
AS:
    HELP(rn_op_cast(vm, B, pc->c, &A));
    NEXT;
AS_TYPE:
    THROW(rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_AS, B, vm->link->type_ids[pc->imm]));
MATCH_CONST:
    HELP(rn_op_match_constant(vm, vm->link, pc->imm, B, &truth));
    SET_BOOL(truth);
    NEXT;
MATCH_INT:
    SET_BOOL(B.tag == RN_VALUE_I64 && B.i64 == IMM);
    NEXT;

    // Parts of values
INDEX_GET:
    if (RN_LIKELY(is_kind(B, RN_OBJECT_VEC) && C.tag == RN_VALUE_I64)) {
        const struct rn_vec *vec = (const struct rn_vec *)B.object;
        if (RN_LIKELY(C.u64 < vec->count)) {
            rn_value_copy(&A, &vec->items[C.u64]);
            NEXT;
        }
    }
    HELP(rn_op_index_get(vm, B, C, &A));
    NEXT;
INDEX_SET:
    if (RN_LIKELY(is_kind(A, RN_OBJECT_VEC) && B.tag == RN_VALUE_I64)) {
        const struct rn_vec *vec = (const struct rn_vec *)A.object;
        if (RN_LIKELY(B.u64 < vec->count)) {
            rn_value_copy(&vec->items[B.u64], &C);
            NEXT;
        }
    }
    HELP(rn_op_index_set(vm, A, B, C));
    NEXT;
INDEX_INT_GET:
    HELP(rn_op_index_get(vm, B, rn_value_i64(IMM), &A));
    NEXT;
INDEX_INT_SET:
    HELP(rn_op_index_set(vm, A, rn_value_i64(IMM), B));
    NEXT;
INDEX_KEY_GET:
    HELP(rn_op_key_get(vm, vm->link, pc->imm, B, &A));
    NEXT;
INDEX_KEY_SET:
    HELP(rn_op_key_set(vm, vm->link, pc->imm, A, B));
    NEXT;
FIELD_GET:
    if (RN_LIKELY(is_kind(B, RN_OBJECT_STRUCT))) {
        const struct rn_cache_entry *entry = cached(vm->link, pc->imm, B.object->type);
        if (RN_LIKELY(entry != NULL)) {
            rn_value_copy(&A, &((const struct rn_tuple *)B.object)->items[entry->payload]);
            NEXT;
        }
    }
    HELP(rn_op_field_get(vm, vm->link, pc->imm, B, &A));
    NEXT;
FIELD_SET:
    if (RN_LIKELY(is_kind(A, RN_OBJECT_STRUCT))) {
        const struct rn_cache_entry *entry = cached(vm->link, pc->imm, A.object->type);
        if (RN_LIKELY(entry != NULL)) {
            rn_value_copy(&((struct rn_tuple *)A.object)->items[entry->payload], &B);
            NEXT;
        }
    }
    HELP(rn_op_field_set(vm, vm->link, pc->imm, A, B));
    NEXT;
TUPLE_GET:
    if (RN_LIKELY(has_positions(vm, B) && pc->imm < B.object->count)) {
        rn_value_copy(&A, &((const struct rn_tuple *)B.object)->items[pc->imm]);
        NEXT;
    }
    HELP(rn_op_tuple_get(vm, B, pc->imm, &A));
    NEXT;
TUPLE_SET:
    HELP(rn_op_tuple_set(vm, A, pc->imm, B));
    NEXT;
STATIC_GET:
    HELP(rn_op_static_get(vm, pc->imm, &A));
    NEXT;
STATIC_SET:
    HELP(rn_op_static_set(vm, pc->imm, A));
    NEXT;

    // Blocks and jumps
CHARGE:
    CHARGE(pc->imm);
    NEXT;
JUMP:
    CHARGE(pc->c);
    JUMP_TO(pc->imm);
JUMP_TRUE:
    CHARGE(pc->c);
    if (rn_value_is_true(A)) {
        JUMP_TO(pc->imm);
    }
    NEXT;
JUMP_NOT_TRUE:
    CHARGE(pc->c);
    if (!rn_value_is_true(A)) {
        JUMP_TO(pc->imm);
    }
    NEXT;
JUMP_FALSE:
    CHARGE(pc->c);
    if (A.tag == RN_VALUE_BOOL && A.u64 == 0) {
        JUMP_TO(pc->imm);
    }
    NEXT;
#define JUMP_COMPARE(name, condition)                                                              \
    name:                                                                                          \
    CHARGE(pc->c);                                                                                 \
    if (RN_LIKELY(BOTH_I64(A, B))) {                                                               \
        int64_t x = A.i64;                                                                         \
        int64_t y = B.i64;                                                                         \
        if (condition) {                                                                           \
            JUMP_TO(pc->imm);                                                                      \
        }                                                                                          \
        NEXT;                                                                                      \
    }                                                                                              \
    if (BOTH_F64(A, B)) {                                                                          \
        double x = A.f64;                                                                          \
        double y = B.f64;                                                                          \
        if (condition) {                                                                           \
            JUMP_TO(pc->imm);                                                                      \
        }                                                                                          \
        NEXT;                                                                                      \
    }                                                                                              \
    goto jump_compare;
    JUMP_COMPARE(JUMP_EQ, x == y)
    JUMP_COMPARE(JUMP_NE, x != y)
    JUMP_COMPARE(JUMP_LT, x < y)
    JUMP_COMPARE(JUMP_LE, x <= y)
    JUMP_COMPARE(JUMP_NOT_LT, !(x < y))
    JUMP_COMPARE(JUMP_NOT_LE, !(x <= y))
    JUMP_COMPARE(JUMP_NOT_GT, !(x > y))
    JUMP_COMPARE(JUMP_NOT_GE, !(x >= y))
jump_compare:
    FOLLOW(rn_op_test(vm, (enum rn_opcode)pc->op, A, B, &truth));
    if (truth) {
        JUMP_TO(pc->imm);
    }
    NEXT;
#define JUMP_COMPARE_INT(name, plain, condition)                                                   \
    name:                                                                                          \
    CHARGE(pc->c);                                                                                 \
    if (RN_LIKELY(A.tag == RN_VALUE_I64)) {                                                        \
        int64_t x = A.i64;                                                                         \
        int64_t y = I8;                                                                            \
        if (condition) {                                                                           \
            JUMP_TO(pc->imm);                                                                      \
        }                                                                                          \
        NEXT;                                                                                      \
    }                                                                                              \
    FOLLOW(rn_op_test(vm, plain, A, rn_value_i64(I8), &truth));                                    \
    if (truth) {                                                                                   \
        JUMP_TO(pc->imm);                                                                          \
    }                                                                                              \
    NEXT;
    JUMP_COMPARE_INT(JUMP_EQ_INT, RN_OP_JUMP_EQ, x == y)
    JUMP_COMPARE_INT(JUMP_NE_INT, RN_OP_JUMP_NE, x != y)
    JUMP_COMPARE_INT(JUMP_NOT_LT_INT, RN_OP_JUMP_NOT_LT, !(x < y))
    JUMP_COMPARE_INT(JUMP_NOT_LE_INT, RN_OP_JUMP_NOT_LE, !(x <= y))
    JUMP_COMPARE_INT(JUMP_NOT_GT_INT, RN_OP_JUMP_NOT_GT, !(x > y))
    JUMP_COMPARE_INT(JUMP_NOT_GE_INT, RN_OP_JUMP_NOT_GE, !(x >= y))
    JUMP_COMPARE_INT(JUMP_LT_INT, RN_OP_JUMP_LT, x < y)
    JUMP_COMPARE_INT(JUMP_GE_INT, RN_OP_GE, x >= y)
SWITCH:
    CHARGE(pc->c);
    if (RN_UNLIKELY(rn_is_moved(A))) {
        HELP(rn_check_read(vm, A));
    }
    JUMP_TO(switch_target(vm, vm->link, pc->imm, A));

    // Iteration
ITER:
    HELP(rn_op_iter(vm, B, &A));
    NEXT;
ITER_NEXT:
    CHARGE(pc->c);
    if (is_kind(B, RN_OBJECT_ITER)) {
        struct rn_iter *iter = (struct rn_iter *)B.object;
        const struct rn_vec *vec = (const struct rn_vec *)iter->source.object;
        if (iter->iter == RN_ITER_VEC && vec->header.version == iter->version &&
            iter->end <= vec->count) {
            if (iter->index >= iter->end) {
                JUMP_TO(pc->imm);
            }
            A = vec->items[iter->index++];
            NEXT;
        }
    }
    FOLLOW(step(vm, B, false, &item));
    goto stepped;
ITER_NEXT_BACK:
    CHARGE(pc->c);
    FOLLOW(step(vm, B, true, &item));
stepped:
    if (item.tag == RN_VALUE_EMPTY) {
        JUMP_TO(pc->imm);
    }
    A = item;
    NEXT;
RANGE_PREP:
    HELP(prepare_range(vm, &A, pc->b != 0));
    NEXT;
RANGE_NEXT: {
    CHARGE(pc->c);
    struct rn_value *state = &B;
    if (state[1].u64 == 0) {
        JUMP_TO(pc->imm);
    }
    if (RN_UNLIKELY(!is_range_state(state))) {
        THROW(rn_raise(vm, RN_VM_ERROR_ITER_RANGE, state[0], state[1]));
    }
    struct rn_value here = state[0];
    state[1].u64--;
    state[0].u64 = RN_LIKELY(here.tag != RN_VALUE_CHAR) ? here.u64 + 1 : char_behind(here.u64);
    A = here;
    NEXT;
}

    // Calls and returns
CALL: {
    CHARGE(pc->c);
    const struct rn_link *link = vm->link;
    const struct rn_unit_function *function = &link->unit.functions[pc->imm];
    struct rn_value *window = &A;
    if (RN_LIKELY(function->kind == RN_FUNCTION_IMMEDIATE && fits(vm, window, function) &&
                  vm->limits.depth == 0)) {
        ENTER(link, function, window);
    }
    FOLLOW(rn_call_function(vm, link, pc->imm, window, pc->b));
    NEXT;
}
CALL_IMPORT: {
    CHARGE(pc->c);
    rn_callee callee = vm->link->imports[pc->imm];
    if (RN_UNLIKELY(callee == 0)) {
        THROW(rn_raise(vm, RN_VM_ERROR_MISSING_FUNCTION, vm->link->unit.imports[pc->imm].hash));
    }
    SAVE();
    outcome = call(vm, callee, &A, pc->b);
    goto called;
}
CALL_VALUE:
    CHARGE(pc->c);
    count = pc->b;
call_value: {
    struct rn_value *window = &A;
    const struct rn_unit_function *function = plain_closure(vm, window, count);
    if (RN_LIKELY(function != NULL)) {
        const struct rn_link *link = ((const struct rn_function *)window[0].object)->link;
        place_arguments(window, count);
        ENTER(link, function, window);
    }
    SAVE();
    outcome = rn_call_value(vm, window, count);
    goto called;
}
CALL_METHOD: {
    CHARGE(pc->c);
    const struct rn_cache_entry *entry = cached(vm->link, pc->imm, exact_type_of(A));
    SAVE();
    outcome = RN_LIKELY(entry != NULL)
                  ? call(vm, entry->payload, &A, pc->b)
                  : rn_call_method_slow(vm, vm->link, pc->imm, &A, pc->b);
}
called:
    if (RN_LIKELY(outcome == RN_DONE)) {
        NEXT;
    }
    if (RN_LIKELY((unsigned)outcome == RN_FRAME_PUSHED)) {
        LOAD();
        AGAIN_HERE;
    }
    goto follow;
RETURN:
    CHARGE(pc->c);
    rn_value_copy(&base[0], &A);
    goto leave;
RETURN_UNIT:
    CHARGE(pc->c);
    base[0] = rn_value_unit();
leave: {
    const struct rn_frame *frame = vm->frame;
    if (RN_UNLIKELY(frame->kind != RN_FRAME_CALL)) {
        goto leave_otherwise;
    }
    pc = frame->pc;
    vm->code = frame->code;
    vm->link = frame->link;
    base -= frame->delta;
    vm->frame++;
    rn_profile_leave(vm, frame);
    AGAIN_HERE;
}
TRY:
    CHARGE(pc->c);
    HELP(rn_op_try(vm, B, &item, &truth));
    if (truth) {
        base[0] = item;
        goto leave;
    }
    A = item;
    NEXT;
PANIC: {
    CHARGE(pc->c);
    struct rn_utf8 text = rn_unit_string_at(&vm->link->unit, pc->imm);
    THROW(rn_raise_panic(vm, text.data, text.size));
}

    // Coroutines
YIELD:
    CHARGE(pc->c);
    FOLLOW(rn_op_yield(vm, B));
    NEXT;
AWAIT:
    CHARGE(pc->c);
    FOLLOW(rn_op_await(vm, B));
    NEXT;
SELECT:
    CHARGE(pc->c);
    FOLLOW(rn_op_select(vm, &A, pc->b));
    NEXT;

    // The standard Unit's own
INTRINSIC:
    CHARGE(pc->c);
    vm->native_round = 0;
    SAVE();
    outcome = vm->engine->library->intrinsics[pc->imm](vm, &A, pc->b);
    if (outcome == RN_TAIL_CALL) {
        count = vm->tail_count;
        goto call_value;
    }
    goto called;
RETURN_DONE: {
    CHARGE(pc->c);
    const struct rn_frame *frame = vm->frame;
    base[0] = rn_value_unit();
    if (RN_NEVER(frame->kind != RN_FRAME_STEP)) {
        goto leave;
    }
    vm->code = frame->code;
    vm->link = frame->link;
    base -= frame->delta;
    pc = frame->pc - 1;
    vm->frame++;
    rn_profile_leave(vm, frame);
    JUMP_TO(pc->imm);
}

leave_otherwise: {
    struct rn_value result = base[0];
    const struct rn_frame *frame = vm->frame;
    if (frame->kind == RN_FRAME_BOTTOM) {
        FOLLOW(rn_coroutine_return(vm, result));
    }
    vm->code = frame->code;
    vm->link = frame->link;
    base -= frame->delta;
    pc = frame->pc - 1;
    vm->frame++;
    rn_profile_leave(vm, frame);
    if (frame->kind == RN_FRAME_STEP) {
        A = result;
        NEXT;
    }
    truth = rn_finish_test(pc, result);
    if (pc->op == RN_OP_EQ || pc->op == RN_OP_NE || pc->op == RN_OP_EQ_STRING) {
        SET_BOOL(truth);
        NEXT;
    }
    if (truth) {
        JUMP_TO(pc->imm);
    }
    NEXT;
}

follow:
    switch ((unsigned)outcome) {
    case RN_FRAME_PUSHED:
    case RN_SWITCHED:
        LOAD();
        AGAIN_HERE;
    case RN_RAISED:
        goto raised;
    case RN_AGAIN:
        LOAD();
        goto again;
    case RN_HOST_CALL:
        return RN_EVENT_HOST_CALL;
    case RN_SUSPENDED:
        return RN_EVENT_WAITING;
    case RN_FINISHED:
        return RN_EVENT_DONE;
    default:
        RN_CHECK(false);
    }

again: {
    // At the instruction that called or awaits it: nothing is charged twice.
    bool goes_on = true;
    SAVE();
    enum rn_event event = RN_EVENT_SLICE;
    if (vm->fuel < 0) {
        event = look_up(vm, 0, &goes_on);
    }
    if (!goes_on) {
        return event;
    }
    outcome = go_on(vm);
    if (outcome != RN_DONE) {
        goto follow;
    }
    NEXT;
}

look_up: {
    bool go_on;
    SAVE();
    enum rn_event event = look_up(vm, pc->op == RN_OP_CHARGE ? pc->imm : pc->c, &go_on);
    rn_profile_undo(vm, pc);
    if (!go_on) {
        return event;
    }
    AGAIN_HERE;
}

raised:
    if (vm->raised) {
        return RN_EVENT_RAISED;
    }
    return vm->limit != RN_LIMIT_NONE ? RN_EVENT_LIMIT : RN_EVENT_CANCELLED;

BAD:
    // Refused by the verifier.
    RN_CHECK(false);
    return RN_EVENT_RAISED;
    // clang-format on
}
