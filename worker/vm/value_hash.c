/*
 * value_hash.c: the protocol HASH. What is equal by EQ hashes alike: -0.0 as 0.0; NaN raises.
 *
 * Hashable are integers, floats, String, Bytes, and tuples, vectors, Option and Result of hashable
 * values. The walk has a fixed small stack of its own kind: rn_walk.
 *
 * A key of the process goes into each hash. Whatever is no I64 has a word with a secret of its kind in
 * it, counts of containers above all: else keys of different shapes could be made that hash alike
 * under any key.
 */
#include <string.h>

#include "worker/vm/machine.h"

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void add_word(uint64_t *state, uint64_t word)
{
    *state = mix(*state ^ word, UINT64_C(0xe7037ed1a0b428db) ^ *state);
}

/* Kinds of words beside values of the same bits. */
enum kind {
    KIND_U64 = 1,
    KIND_F64,
    KIND_NONE,
    KIND_UNIT,
    KIND_TEXT,
    KIND_TYPE,
    KIND_VEC,
    KIND_TUPLE
};

static void add_kind(const struct rn_vm *vm, uint64_t *state, enum kind kind, uint64_t word)
{
    uint64_t odd = UINT64_C(0xa0761d6478bd642f) + 2 * (uint64_t)kind;
    add_word(state, word ^ mix(vm->hash_key ^ UINT64_C(0x1d8e4e27c47d124f), odd));
}

static void add_bytes(uint64_t *state, const char *data, size_t size)
{
    uint64_t word;
    for (; size >= 8; data += 8, size -= 8) {
        memcpy(&word, data, 8);
        add_word(state, word);
    }
    word = 0;
    memcpy(&word, data, size);
    add_word(state, word);
}

static enum rn_outcome unsupported(struct rn_vm *vm, struct rn_value value)
{
    return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_UNARY, RN_UTF8("HASH"), value);
}

static enum rn_outcome hash_inline(struct rn_vm *vm, uint64_t *state, struct rn_value value)
{
    switch (value.tag) {
    case RN_VALUE_I64:
        add_word(state, value.u64);
        return RN_DONE;
    case RN_VALUE_U64:
        add_kind(vm, state, KIND_U64, value.u64);
        return RN_DONE;
    case RN_VALUE_F64:
        if (value.f64 != value.f64) {
            return rn_raise(vm, RN_VM_ERROR_FLOAT_OPERATION, value.f64);
        }
        add_kind(vm, state, KIND_F64, value.f64 == 0.0 ? 0 : value.u64);
        return RN_DONE;
    case RN_VALUE_NONE:
        add_kind(vm, state, KIND_NONE, 0);
        return RN_DONE;
    case RN_VALUE_UNIT:
        add_kind(vm, state, KIND_UNIT, 0);
        return RN_DONE;
    default:
        return unsupported(vm, value);
    }
}

static bool is_hashable_struct(uint32_t type)
{
    return type == RN_VARIANT_ID_OPTION_SOME || type == RN_VARIANT_ID_RESULT_OK ||
           type == RN_VARIANT_ID_RESULT_ERR || type == RN_TYPE_ID_DURATION ||
           type == RN_TYPE_ID_INSTANT;
}

struct state {
    uint64_t hash;
    uint64_t steps;
};

/* Adds a value; containers are pushed. */
static enum rn_outcome hash_one(struct rn_vm *vm, struct state *s, struct rn_walk *walk,
                                struct rn_value value)
{
    uint64_t *state = &s->hash;
    RN_TRY_VM(rn_walk_step(vm, &s->steps));
    if (value.tag != RN_VALUE_OBJECT) {
        return hash_inline(vm, state, value);
    }
    RN_TRY_VM(rn_check_read(vm, value));
    switch (value.object->kind) {
    case RN_OBJECT_STRING:
        add_kind(vm, state, KIND_TEXT, rn_as_string(value)->size);
        add_bytes(state, rn_as_string(value)->data, rn_as_string(value)->size);
        rn_walk_text(vm, &s->steps, rn_as_string(value)->size);
        return RN_DONE;
    case RN_OBJECT_STRUCT:
        if (value.object->type == RN_VARIANT_ID_OPTION_NONE) {
            return hash_inline(vm, state, rn_value_none()); // an Option that was taken
        }
        if (!is_hashable_struct(value.object->type)) {
            return unsupported(vm, value);
        }
        add_kind(vm, state, KIND_TYPE, value.object->type);
        return rn_walk_push(vm, walk, value);
    case RN_OBJECT_VEC:
        add_kind(vm, state, KIND_VEC, rn_as_vec(value)->count);
        return rn_walk_push(vm, walk, value);
    case RN_OBJECT_TUPLE:
        add_kind(vm, state, KIND_TUPLE, value.object->count);
        return rn_walk_push(vm, walk, value);
    default:
        return unsupported(vm, value);
    }
}

static enum rn_outcome hash_rest(struct rn_vm *vm, struct state *state, struct rn_walk *walk)
{
    struct rn_walk_frame *top;
    while ((top = rn_walk_top(walk)) != NULL) {
        bool vec = top->value.object->kind == RN_OBJECT_VEC;
        uint32_t count = vec ? rn_as_vec(top->value)->count : top->value.object->count;
        const struct rn_value *items =
            vec ? rn_as_vec(top->value)->items : rn_as_tuple(top->value)->items;
        if (top->position == count) {
            walk->count--;
            continue;
        }
        RN_TRY_VM(hash_one(vm, state, walk, items[top->position++]));
    }
    return RN_DONE;
}

/*
 * Integers: eight neighbours share a hash but for its last three bits, so that keys which are used in
 * order find their slots on one cache line. Which line is as unpredictable as any other hash.
 */
static uint64_t hash_integer(const struct rn_vm *vm, uint64_t value)
{
    uint64_t state = vm->hash_key ^ UINT64_C(0x2d358dccaa6c78a5);
    add_word(&state, value >> 3);
    return (mix(state, UINT64_C(0x9e3779b97f4a7c15)) & ~UINT64_C(7)) | (value & 7);
}

enum rn_outcome rn_value_hash(struct rn_vm *vm, struct rn_value value, uint64_t *out_hash)
{
    if (value.tag == RN_VALUE_I64 || value.tag == RN_VALUE_U64) {
        rn_charge(vm, 1);
        *out_hash = hash_integer(vm, value.u64);
        return RN_DONE;
    }
    struct state state = {.hash = vm->hash_key ^ UINT64_C(0x2d358dccaa6c78a5)};
    struct rn_walk walk = {0};
    enum rn_outcome outcome = hash_one(vm, &state, &walk, value);
    if (walk.count > 0 && outcome == RN_DONE) {
        outcome = hash_rest(vm, &state, &walk);
    }
    rn_walk_done(vm, &walk);
    *out_hash = mix(state.hash, UINT64_C(0x9e3779b97f4a7c15));
    return outcome;
}
