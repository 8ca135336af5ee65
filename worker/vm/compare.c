/*
 * compare.c: the protocols PARTIAL_EQ, EQ, PARTIAL_CMP and CMP over values of any nesting.
 *
 * One walk serves all four: it relates two values and goes on while they are equal. Equality
 * answers EQUAL or UNORDERED. Elements are related from the front, before lengths are, so that the
 * same errors come first as in Rune. The stack of the walk is a few frames in C, then a buffer of
 * the heap.
 */
#include <string.h>

#include "worker/vm/machine.h"

enum relation {
    REL_PARTIAL_EQ,
    REL_EQ,
    REL_PARTIAL_CMP,
    REL_CMP,
};

static const struct rn_utf8 relation_names[] = {
    [REL_PARTIAL_EQ] = {"PARTIAL_EQ", 10},
    [REL_EQ] = {"EQ", 2},
    [REL_PARTIAL_CMP] = {"PARTIAL_CMP", 11},
    [REL_CMP] = {"CMP", 3},
};

#define INLINE_FRAMES 8u

struct pair {
    struct rn_value a;
    struct rn_value b;
    uint32_t position;
};

struct walk {
    struct rn_vm *vm;
    enum relation relation;
    struct pair *pairs;
    uint32_t count;
    uint32_t capacity;
    uint64_t steps;
    struct pair first[INLINE_FRAMES];
};

static bool is_equality(const struct walk *w)
{
    return w->relation <= REL_EQ;
}

static bool is_total(const struct walk *w)
{
    return w->relation == REL_EQ || w->relation == REL_CMP;
}

static enum rn_outcome unsupported(const struct walk *w, struct rn_value a, struct rn_value b)
{
    return rn_raise(w->vm, RN_VM_ERROR_UNSUPPORTED_BINARY, relation_names[w->relation], a, b);
}

static enum rn_outcome push(struct walk *w, struct rn_value a, struct rn_value b)
{
    if (w->count == w->capacity) {
        if (w->count >= RN_WALK_DEPTH_MAX) {
            return rn_raise(w->vm, RN_VM_ERROR_NESTED);
        }
        size_t bytes;
        size_t wanted = (size_t)w->capacity * 4 * sizeof(struct pair);
        struct pair *pairs = rn_heap_buffer(w->vm, wanted, &bytes);
        if (pairs == NULL) {
            return RN_RAISED;
        }
        memcpy(pairs, w->pairs, w->count * sizeof(struct pair));
        if (w->pairs != w->first) {
            rn_heap_buffer_free(w->vm, w->pairs);
        }
        w->pairs = pairs;
        w->capacity = w->capacity * 4 < RN_WALK_DEPTH_MAX ? w->capacity * 4 : RN_WALK_DEPTH_MAX;
    }
    w->pairs[w->count++] = (struct pair){.a = a, .b = b};
    return RN_DONE;
}

static enum rn_partial_ordering order_u64(uint64_t a, uint64_t b)
{
    return a < b ? RN_PARTIAL_LESS : a > b ? RN_PARTIAL_GREATER : RN_PARTIAL_EQUAL;
}

static enum rn_partial_ordering order_i64(int64_t a, int64_t b)
{
    return a < b ? RN_PARTIAL_LESS : a > b ? RN_PARTIAL_GREATER : RN_PARTIAL_EQUAL;
}

static enum rn_outcome relate_f64(const struct walk *w, double a, double b,
                                  enum rn_partial_ordering *out)
{
    if (a == b) {
        *out = RN_PARTIAL_EQUAL;
    } else if (a < b) {
        *out = RN_PARTIAL_LESS;
    } else if (a > b) {
        *out = RN_PARTIAL_GREATER;
    } else if (is_total(w)) {
        return rn_raise(w->vm, RN_VM_ERROR_FLOAT_COMPARISON, a, b);
    } else {
        *out = RN_PARTIAL_UNORDERED;
    }
    return RN_DONE;
}

/* Both inline, None apart. Integers convert to the left one's kind, unless the relation is total.
 */
static enum rn_outcome relate_inline(const struct walk *w, struct rn_value a, struct rn_value b,
                                     enum rn_partial_ordering *out)
{
    if (a.tag == RN_VALUE_I64 && (b.tag == a.tag || !is_total(w))) {
        int64_t right;
        RN_TRY_VM(rn_arg_i64(w->vm, b, &right));
        *out = order_i64(a.i64, right);
        return RN_DONE;
    }
    if (a.tag == RN_VALUE_U64 && (b.tag == a.tag || !is_total(w))) {
        uint64_t right;
        RN_TRY_VM(rn_arg_u64(w->vm, b, &right));
        *out = order_u64(a.u64, right);
        return RN_DONE;
    }
    if (a.tag != b.tag) {
        return unsupported(w, a, b);
    }
    if (a.tag == RN_VALUE_F64) {
        return relate_f64(w, a.f64, b.f64, out);
    }
    *out = order_u64(a.u64, b.u64);
    return RN_DONE;
}

static uint32_t common_size(const struct rn_string *a, const struct rn_string *b)
{
    return a->size < b->size ? a->size : b->size;
}

static enum rn_partial_ordering order_bytes(const struct rn_string *a, const struct rn_string *b)
{
    uint32_t common = common_size(a, b);
    int order = memcmp(a->data, b->data, common);
    return order != 0 ? order_i64(order, 0) : order_u64(a->size, b->size);
}

static enum rn_partial_ordering relate_bytes(struct walk *w, const struct rn_string *a,
                                             const struct rn_string *b)
{
    rn_walk_text(w->vm, &w->steps, common_size(a, b));
    return is_equality(w) && a->size != b->size ? RN_PARTIAL_UNORDERED : order_bytes(a, b);
}

static uint32_t parent_of(const struct walk *w, struct rn_value value)
{
    return rn_type_of(w->vm, value);
}

static bool is_enum_of_library(uint32_t type)
{
    return type == RN_TYPE_ID_OPTION || type == RN_TYPE_ID_RESULT ||
           type == RN_TYPE_ID_CONTROL_FLOW || type == RN_TYPE_ID_GENERATOR_STATE;
}

/* Which relations a library type has at all. */
static bool library_has(const struct walk *w, uint32_t type)
{
    switch (type) {
    case RN_TYPE_ID_CONTROL_FLOW:
    case RN_TYPE_ID_GENERATOR_STATE:
    case RN_TYPE_ID_OBJECT:
    case RN_TYPE_ID_HASH_MAP:
    case RN_TYPE_ID_HASH_SET:
        return is_equality(w);
    case RN_TYPE_ID_DURATION:
    case RN_TYPE_ID_INSTANT:
    case RN_TYPE_ID_OPTION:
    case RN_TYPE_ID_RESULT:
    case RN_TYPE_ID_STRING:
    case RN_TYPE_ID_BYTES:
    case RN_TYPE_ID_VEC:
    case RN_TYPE_ID_TUPLE:
    case RN_TYPE_ID_VEC_DEQUE:
    case RN_TYPE_ID_RANGE_FULL:
    case RN_TYPE_ID_RANGE_FROM:
    case RN_TYPE_ID_RANGE_TO:
    case RN_TYPE_ID_RANGE_TO_INCLUSIVE:
    case RN_TYPE_ID_RANGE:
    case RN_TYPE_ID_RANGE_INCLUSIVE:
        return true;
    default:
        return false;
    }
}

/* Variants of one enum: by their order of declaration (Err before Ok, as Rune has it), then by
 * fields. */
static enum rn_outcome relate_variants(struct walk *w, struct rn_value a, struct rn_value b,
                                       enum rn_partial_ordering *out)
{
    uint32_t left = rn_type_record(w->vm, rn_exact_type_of(a))->variant_index;
    uint32_t right = rn_type_record(w->vm, rn_exact_type_of(b))->variant_index;
    // An Ok is above an Err, although it is declared first.
    bool reversed = rn_type_of(w->vm, a) == RN_TYPE_ID_RESULT;
    *out = reversed ? order_u64(right, left) : order_u64(left, right);
    if (left != right || a.tag != RN_VALUE_OBJECT) {
        return RN_DONE;
    }
    return push(w, a, b);
}

static bool is_sequence(uint32_t type)
{
    return type == RN_TYPE_ID_VEC || type == RN_TYPE_ID_TUPLE || type == RN_TYPE_ID_VEC_DEQUE;
}

static enum rn_outcome relate_library(struct walk *w, uint32_t type, struct rn_value a,
                                      struct rn_value b, enum rn_partial_ordering *out)
{
    if (!library_has(w, type)) {
        return unsupported(w, a, b);
    }
    uint32_t other = parent_of(w, b);
    if (other != type) {
        if (w->relation != REL_PARTIAL_EQ || !is_sequence(type)) {
            return rn_raise_expected(w->vm, type, b);
        }
        // A sequence equals whatever iterates over equal items.
        return is_sequence(other) ? push(w, a, b) : (enum rn_outcome)RN_LIBRARY;
    }
    RN_TRY_VM(rn_check_read(w->vm, a));
    RN_TRY_VM(rn_check_read(w->vm, b));
    if (a.tag == RN_VALUE_OBJECT && a.object->kind == RN_OBJECT_STRING) {
        *out = relate_bytes(w, rn_as_string(a), rn_as_string(b));
        return RN_DONE;
    }
    if (is_enum_of_library(type)) {
        return relate_variants(w, a, b, out);
    }
    return push(w, a, b);
}

/* Relates two values; equal containers are pushed, and *out is EQUAL so far. */
static enum rn_outcome relate(struct walk *w, struct rn_value a, struct rn_value b,
                              enum rn_partial_ordering *out)
{
    RN_TRY_VM(rn_walk_step(w->vm, &w->steps));
    *out = RN_PARTIAL_EQUAL;
    bool inline_a = a.tag != RN_VALUE_OBJECT && a.tag != RN_VALUE_NONE;
    bool inline_b = b.tag != RN_VALUE_OBJECT && b.tag != RN_VALUE_NONE;
    if (inline_a) {
        return inline_b ? relate_inline(w, a, b, out) : unsupported(w, a, b);
    }
    uint32_t type = parent_of(w, a);
    if (type < RN_TYPE_ID_COUNT) {
        return relate_library(w, type, a, b, out);
    }
    if (type < w->vm->engine->type_count || a.object->kind != RN_OBJECT_STRUCT) {
        return unsupported(w, a, b);
    }
    if (inline_b || parent_of(w, b) != type) {
        return unsupported(w, a, b);
    }
    RN_TRY_VM(rn_check_read(w->vm, a));
    RN_TRY_VM(rn_check_read(w->vm, b));
    return relate_variants(w, a, b, out);
}

static uint32_t sequence_count(struct rn_value value)
{
    if (value.tag != RN_VALUE_OBJECT) {
        return 0; // unit
    }
    switch ((enum rn_object_kind)value.object->kind) {
    case RN_OBJECT_VEC:
        return rn_as_vec(value)->count;
    case RN_OBJECT_VEC_DEQUE:
        return rn_as_vec_deque(value)->count;
    case RN_OBJECT_TUPLE:
    case RN_OBJECT_STRUCT:
    case RN_OBJECT_RANGE:
        return value.object->count;
    case RN_OBJECT_BUFFER:
    case RN_OBJECT_STRING:
    case RN_OBJECT_OBJECT:
    case RN_OBJECT_MAP:
    case RN_OBJECT_FUNCTION:
    case RN_OBJECT_ITER:
    case RN_OBJECT_COROUTINE:
    case RN_OBJECT_FUTURE:
    case RN_OBJECT_KIND_COUNT:
        break;
    }
    return 0;
}

static struct rn_value sequence_at(struct rn_value value, uint32_t index)
{
    switch (value.object->kind) {
    case RN_OBJECT_VEC:
        return rn_as_vec(value)->items[index];
    case RN_OBJECT_VEC_DEQUE:
        return *rn_vec_deque_at(rn_as_vec_deque(value), index);
    default:
        return rn_as_tuple(value)->items[index];
    }
}

/* One more element of the top pair. At its end it is popped, and *out says how the lengths relate.
 */
static enum rn_outcome step_sequence(struct walk *w, struct pair *top,
                                     enum rn_partial_ordering *out)
{
    uint32_t left = sequence_count(top->a);
    uint32_t right = sequence_count(top->b);
    uint32_t i = top->position;
    if (i < left && i < right) {
        top->position++;
        return relate(w, sequence_at(top->a, i), sequence_at(top->b, i), out);
    }
    w->count--;
    *out = order_u64(left, right);
    return RN_DONE;
}

/* What looking for a key has cost since `fuel` is as many steps. */
static void count_lookup(struct walk *w, int64_t fuel)
{
    uint64_t cost = (uint64_t)(fuel - w->vm->fuel);
    w->steps += cost;
    if (RN_UNLIKELY(w->steps > RN_WALK_STEPS)) {
        rn_charge(w->vm, cost * (RN_WALK_STEP_COST - 1));
    }
}

static enum rn_outcome step_map(struct walk *w, struct pair *top, enum rn_partial_ordering *out)
{
    struct rn_map *left = rn_as_map(top->a);
    struct rn_map *right = rn_as_map(top->b);
    *out = RN_PARTIAL_UNORDERED;
    if (left->live != right->live) {
        return RN_DONE;
    }
    top->position = rn_map_live_from(left, top->position);
    if (top->position >= left->used) {
        w->count--;
        *out = RN_PARTIAL_EQUAL;
        return RN_DONE;
    }
    uint32_t i = top->position++;
    int64_t fuel = w->vm->fuel;
    if (left->header.kind == RN_OBJECT_OBJECT) {
        const struct rn_object_entry *entry = &left->object_entries[i];
        rn_charge(w->vm, entry->key.size / 64);
        count_lookup(w, fuel);
        const struct rn_value *other = rn_object_get(right, entry->key.data, entry->key.size);
        return other == NULL ? RN_DONE : relate(w, entry->value, *other, out);
    }
    struct rn_map_entry *other;
    RN_TRY_VM(rn_map_get(w->vm, right, left->entries[i].key, &other));
    count_lookup(w, fuel);
    return other == NULL ? RN_DONE : relate(w, left->entries[i].value, other->value, out);
}

static enum rn_outcome run(struct walk *w, struct rn_value a, struct rn_value b,
                           enum rn_partial_ordering *out)
{
    enum rn_outcome outcome = relate(w, a, b, out);
    while (outcome == RN_DONE && *out == RN_PARTIAL_EQUAL && w->count > 0) {
        struct pair *top = &w->pairs[w->count - 1];
        bool map = top->a.tag == RN_VALUE_OBJECT && (top->a.object->kind == RN_OBJECT_OBJECT ||
                                                     top->a.object->kind == RN_OBJECT_MAP);
        outcome = map ? step_map(w, top, out) : step_sequence(w, top, out);
    }
    if (w->pairs != w->first) {
        rn_heap_buffer_free(w->vm, w->pairs);
    }
    return outcome;
}

static enum rn_outcome compare(struct rn_vm *vm, enum relation relation, struct rn_value a,
                               struct rn_value b, enum rn_partial_ordering *out)
{
    struct walk w;
    w.vm = vm;
    w.relation = relation;
    w.pairs = w.first;
    w.count = 0;
    w.capacity = INLINE_FRAMES;
    w.steps = 0;
    return run(&w, a, b, out);
}

static bool is_plain_string(struct rn_value value)
{
    return rn_object_is(value, RN_TYPE_ID_STRING) && !rn_is_moved(value);
}

enum rn_outcome rn_value_eq(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                            enum rn_compare_mode mode, bool *out_equal)
{
    // The walk is large: pairs that need none are decided before.
    if ((a.tag | b.tag) == RN_VALUE_I64 ||
        (a.tag == b.tag && a.tag > RN_VALUE_F64 && a.tag < RN_VALUE_OBJECT)) {
        rn_charge(vm, 1);
        *out_equal = a.u64 == b.u64;
        return RN_DONE;
    }
    if (is_plain_string(a) && is_plain_string(b)) {
        const struct rn_string *x = rn_as_string(a);
        const struct rn_string *y = rn_as_string(b);
        rn_charge(vm, 1 + (x->size < y->size ? x->size : y->size) / 16);
        *out_equal = x->size == y->size && memcmp(x->data, y->data, x->size) == 0;
        return RN_DONE;
    }
    enum rn_partial_ordering ordering = RN_PARTIAL_UNORDERED;
    RN_TRY_VM(compare(vm, mode == RN_TOTAL ? REL_EQ : REL_PARTIAL_EQ, a, b, &ordering));
    *out_equal = ordering == RN_PARTIAL_EQUAL;
    return RN_DONE;
}

enum rn_outcome rn_value_compare(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                                 enum rn_compare_mode mode, enum rn_partial_ordering *out_ordering)
{
    if ((a.tag | b.tag) == RN_VALUE_I64) {
        rn_charge(vm, 1);
        *out_ordering = order_i64(a.i64, b.i64);
        return RN_DONE;
    }
    if (is_plain_string(a) && is_plain_string(b)) {
        rn_charge(vm, 1);
        RN_TRY_VM(rn_check_spent(vm));
        rn_charge(vm, common_size(rn_as_string(a), rn_as_string(b)) / 16);
        *out_ordering = order_bytes(rn_as_string(a), rn_as_string(b));
        return RN_DONE;
    }
    return compare(vm, mode == RN_TOTAL ? REL_CMP : REL_PARTIAL_CMP, a, b, out_ordering);
}
