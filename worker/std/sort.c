/*
 * sort.c: Vec::sort, by the total order of values.
 *
 * Runs of 16 are sorted by insertion, then merged with doubling width, back and forth between two
 * copies: stable, n log n comparisons at most, and the vector itself takes the elements only when
 * all comparisons have gone well. A round touches a bounded number of elements; in between the
 * state is a tuple in args[0] (the vector, two copies) and integers behind them.
 */
#include "worker/std/std.h"

#include <string.h>

enum {
    RUN = 16
};

/* Elements of the state tuple. */
enum {
    VECTOR,
    FROM,
    TO,
    WIDTH, /* of the runs in FROM; 0: they are still being made */
    START, /* of the pair of runs being merged */
    LEFT,  /* next of the left run, of the right one, and where it goes */
    RIGHT,
    PLACE,
    STATE_COUNT
};

static int64_t number(const struct rn_value *state, int index)
{
    return state[index].i64;
}

static enum rn_outcome is_greater(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                                  bool *out_greater)
{
    if (a.tag == RN_VALUE_I64 && b.tag == RN_VALUE_I64) {
        *out_greater = a.i64 > b.i64;
        return RN_DONE;
    }
    enum rn_partial_ordering ordering;
    RN_TRY_VM(rn_value_compare(vm, a, b, RN_TOTAL, &ordering));
    *out_greater = ordering == RN_PARTIAL_GREATER;
    return RN_DONE;
}

static struct rn_vec *copy_of(struct rn_vm *vm, const struct rn_vec *vec)
{
    struct rn_vec *copy = rn_vec_new(vm, vec->count);
    if (copy != NULL && vec->count != 0) {
        memcpy(copy->items, vec->items, vec->count * sizeof(vec->items[0]));
        copy->count = vec->count;
    }
    return copy;
}

static enum rn_outcome begin(struct rn_vm *vm, struct rn_value *args, const struct rn_vec *vec)
{
    struct rn_vec *from = copy_of(vm, vec);
    struct rn_vec *to = copy_of(vm, vec);
    struct rn_tuple *state = rn_tuple_new(vm, STATE_COUNT);
    if (from == NULL || to == NULL || state == NULL) {
        return RN_RAISED;
    }
    rn_std_charge_items(vm, vec->count);
    state->items[VECTOR] = args[0];
    state->items[FROM] = rn_value_object(from);
    state->items[TO] = rn_value_object(to);
    for (int i = WIDTH; i < STATE_COUNT; i++) {
        state->items[i] = rn_value_i64(0);
    }
    args[0] = rn_value_object(state);
    return RN_AGAIN;
}

static enum rn_outcome insertion_sort(struct rn_vm *vm, struct rn_value *items, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        struct rn_value item = items[i];
        int64_t place = i;
        while (place > 0) {
            bool greater;
            RN_TRY_VM(is_greater(vm, items[place - 1], item, &greater));
            if (!greater) {
                break;
            }
            items[place] = items[place - 1];
            place--;
        }
        items[place] = item;
    }
    return RN_DONE;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Some runs of RUN elements; the last round sets the width. */
static enum rn_outcome make_runs(struct rn_vm *vm, struct rn_value *state)
{
    struct rn_vec *from = rn_as_vec(state[FROM]);
    int64_t start = number(state, START);
    int64_t end = smaller(start + RN_STD_CHUNK_ITEMS, from->count);
    rn_charge(vm, (uint64_t)(end - start) * 4);
    for (; start < end; start += RUN) {
        RN_TRY_VM(insertion_sort(vm, &from->items[start], smaller(RUN, from->count - start)));
    }
    state[START] = rn_value_i64(start);
    if (start >= from->count) {
        state[WIDTH] = rn_value_i64(RUN);
        state[START] = rn_value_i64(0);
        state[LEFT] = rn_value_i64(0);
        state[RIGHT] = rn_value_i64(smaller(RUN, from->count));
        state[PLACE] = rn_value_i64(0);
    }
    return RN_AGAIN;
}

/* The cursors of the pair of runs at `start`. */
static void begin_pair(struct rn_value *state, int64_t start, int64_t count)
{
    state[START] = rn_value_i64(start);
    state[LEFT] = rn_value_i64(start);
    state[RIGHT] = rn_value_i64(smaller(start + number(state, WIDTH), count));
}

/* FROM and TO change places, the runs are twice as wide. */
static void begin_pass(struct rn_value *state, int64_t count)
{
    struct rn_value other = state[FROM];
    state[FROM] = state[TO];
    state[TO] = other;
    state[WIDTH] = rn_value_i64(number(state, WIDTH) * 2);
    state[PLACE] = rn_value_i64(0);
    begin_pair(state, 0, count);
}

static enum rn_outcome merge_one(struct rn_vm *vm, struct rn_value *state)
{
    struct rn_vec *from = rn_as_vec(state[FROM]);
    int64_t middle = smaller(number(state, START) + number(state, WIDTH), from->count);
    int64_t end = smaller(middle + number(state, WIDTH), from->count);
    int64_t left = number(state, LEFT);
    int64_t right = number(state, RIGHT);
    bool take_right = left == middle;
    if (left < middle && right < end) {
        RN_TRY_VM(is_greater(vm, from->items[left], from->items[right], &take_right));
    }
    int64_t place = number(state, PLACE);
    rn_as_vec(state[TO])->items[place] = from->items[take_right ? right : left];
    state[take_right ? RIGHT : LEFT].i64++;
    state[PLACE] = rn_value_i64(place + 1);
    if (place + 1 == end) {
        begin_pair(state, end, from->count);
    }
    return RN_DONE;
}

static enum rn_outcome finish(struct rn_vm *vm, struct rn_value *args, const struct rn_value *state)
{
    struct rn_vec *vec;
    RN_TRY_VM(rn_std_vec_mut(vm, state[VECTOR], &vec));
    const struct rn_vec *from = rn_as_vec(state[FROM]);
    memcpy(vec->items, from->items, vec->count * sizeof(vec->items[0]));
    vec->header.version++;
    return rn_std_unit(args);
}

static enum rn_outcome merge(struct rn_vm *vm, struct rn_value *args, struct rn_value *state)
{
    int64_t count = rn_as_vec(state[FROM])->count;
    rn_charge(vm, RN_STD_CHUNK_ITEMS);
    for (uint32_t i = 0; i < RN_STD_CHUNK_ITEMS; i++) {
        if (number(state, WIDTH) >= count) {
            return finish(vm, args, state);
        }
        RN_TRY_VM(merge_one(vm, state));
        if (number(state, PLACE) == count) {
            begin_pass(state, count);
        }
    }
    return RN_AGAIN;
}

enum rn_outcome rn_std_vec_sort(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (rn_native_round(vm) == 0) {
        struct rn_vec *vec;
        RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
        return vec->count < 2 ? rn_std_unit(args) : begin(vm, args, vec);
    }
    struct rn_value *state = rn_as_tuple(args[0])->items;
    return number(state, WIDTH) == 0 ? make_runs(vm, state) : merge(vm, args, state);
}
