/*
 * sort.c: Vec::sort, by the total order of values, and the merging behind Vec::sort_by.
 *
 * Runs are merged with doubling width, back and forth between two copies: stable, n log n
 * comparisons at most, and the vector itself takes the elements only when all comparisons have gone
 * well. The state is a tuple: the vector, two copies, and integers that say how far it is. `sort`
 * begins with runs of 16 made by insertion and keeps it in args[0] from one round to the next; a
 * round touches a bounded number of elements, and ends when comparing them has spent what was
 * granted. Elements are charged as they are placed, so that it does not matter where rounds end.
 * `sort_by` has it in a register of the standard Unit, whose loop asks the comparator:
 * rn_std_sort_step takes an answer and asks for the next.
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
    START, /* of the runs to be made */
    LEFT,  /* of the pair being merged: next of the left run and its end, */
    MIDDLE,
    RIGHT, /* the same of the right run, */
    END,
    PLACE, /* and where the next of both goes */
    ASKED, /* sort_by: the comparator was called with the next of both runs */
    STATE_COUNT
};

/* The pair of runs being merged. */
struct pair {
    const struct rn_value *from;
    struct rn_value *to;
    int64_t left;
    int64_t middle; /* where the right run begins, */
    int64_t right;
    int64_t end; /* and ends */
    int64_t place;
};

static int64_t number(const struct rn_value *state, int index)
{
    return state[index].i64;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Asks about the later element, as Rune does: so does a message, and a comparator that never says Equal. */
static enum rn_outcome is_greater(struct rn_vm *vm, struct rn_value a, struct rn_value b,
                                  bool *out_greater)
{
    if (a.tag == RN_VALUE_I64 && b.tag == RN_VALUE_I64) {
        *out_greater = a.i64 > b.i64;
        return RN_DONE;
    }
    enum rn_partial_ordering ordering;
    RN_TRY_VM(rn_value_compare(vm, b, a, RN_TOTAL, &ordering));
    *out_greater = ordering == RN_PARTIAL_LESS;
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

/* The state of a sort of args[0] goes there. */
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
    return RN_DONE;
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

/* The cursors of the pair of runs at `start`. */
static void begin_pair(struct rn_value *state, int64_t start, int64_t count)
{
    int64_t middle = smaller(start + number(state, WIDTH), count);
    state[LEFT] = rn_value_i64(start);
    state[MIDDLE] = rn_value_i64(middle);
    state[RIGHT] = rn_value_i64(middle);
    state[END] = rn_value_i64(smaller(middle + number(state, WIDTH), count));
}

/* All runs of FROM are of that width. */
static void begin_pass(struct rn_value *state, int64_t width, int64_t count)
{
    state[WIDTH] = rn_value_i64(width);
    state[PLACE] = rn_value_i64(0);
    begin_pair(state, 0, count);
}

/* Some runs of RUN elements; the last round sets the width. */
static enum rn_outcome make_runs(struct rn_vm *vm, struct rn_value *state)
{
    struct rn_vec *from = rn_as_vec(state[FROM]);
    int64_t start = number(state, START);
    int64_t end = smaller(start + RN_STD_CHUNK_ITEMS, from->count);
    do {
        int64_t count = smaller(RUN, from->count - start);
        rn_charge(vm, (uint64_t)count * 4);
        RN_TRY_VM(insertion_sort(vm, &from->items[start], count));
        start += RUN;
    } while (start < end && !rn_has_spent(vm));
    state[START] = rn_value_i64(start);
    if (start >= from->count) {
        begin_pass(state, RUN, from->count);
    }
    return RN_AGAIN;
}

static struct pair load_pair(const struct rn_value *state)
{
    return (struct pair){
        .from = rn_as_vec(state[FROM])->items,
        .to = rn_as_vec(state[TO])->items,
        .left = number(state, LEFT),
        .middle = number(state, MIDDLE),
        .right = number(state, RIGHT),
        .end = number(state, END),
        .place = number(state, PLACE),
    };
}

/* The next pair begins when this one is merged, the next pass when the last one is: FROM and TO
 * change places, the runs are twice as wide. */
static void save_pair(struct rn_value *state, const struct pair *pair)
{
    int64_t count = rn_as_vec(state[FROM])->count;
    state[LEFT] = rn_value_i64(pair->left);
    state[RIGHT] = rn_value_i64(pair->right);
    state[PLACE] = rn_value_i64(pair->place);
    if (pair->place == count) {
        struct rn_value other = state[FROM];
        state[FROM] = state[TO];
        state[TO] = other;
        begin_pass(state, number(state, WIDTH) * 2, count);
    } else if (pair->place == pair->end) {
        begin_pair(state, pair->end, count);
    }
}

/* While neither run is at its end, up to `room` elements. Integers need no branch but the loop's; what
 * takes longer to compare ends the round once all is spent. */
static enum rn_outcome merge_both(struct rn_vm *vm, struct pair *pair, int64_t room)
{
    const struct rn_value *left = &pair->from[pair->left];
    const struct rn_value *right = &pair->from[pair->right];
    const struct rn_value *left_end = &pair->from[pair->middle];
    const struct rn_value *right_end = &pair->from[pair->end];
    struct rn_value *to = &pair->to[pair->place];
    enum rn_outcome outcome = RN_DONE;
    for (; room > 0 && left < left_end && right < right_end; room--) {
        bool greater = left->i64 > right->i64;
        if (RN_UNLIKELY((left->tag | right->tag) != RN_VALUE_I64)) {
            outcome = is_greater(vm, *left, *right, &greater);
            if (outcome != RN_DONE) {
                break;
            }
            room = rn_has_spent(vm) ? 1 : room;
        }
        *to++ = greater ? *right : *left;
        left += !greater;
        right += greater;
    }
    pair->left = left - pair->from;
    pair->right = right - pair->from;
    pair->place = to - pair->to;
    return outcome;
}

/* What is left of one run when the other is at its end, up to `room` elements. */
static void merge_rest(struct pair *pair, int64_t room)
{
    bool right = pair->left == pair->middle;
    int64_t *next = right ? &pair->right : &pair->left;
    int64_t count = smaller(room, (right ? pair->end : pair->middle) - *next);
    if (right || pair->right == pair->end) {
        memcpy(&pair->to[pair->place], &pair->from[*next], (size_t)count * sizeof(*pair->to));
        *next += count;
        pair->place += count;
    }
}

static enum rn_outcome finish(struct rn_vm *vm, struct rn_value *args, const struct rn_value *state)
{
    struct rn_vec *vec;
    RN_TRY_VM(rn_std_vec_mut(vm, state[VECTOR], &vec));
    const struct rn_vec *from = rn_as_vec(state[FROM]);
    // The comparator may have changed the vector: then its elements stay as they are.
    if (vec->count != from->count) {
        return rn_raise(vm, RN_VM_ERROR_ACCESS_WRITE, state[VECTOR]);
    }
    if (vec->count != 0) {
        memcpy(vec->items, from->items, vec->count * sizeof(vec->items[0]));
    }
    vec->header.version++;
    return rn_std_unit(args);
}

static enum rn_outcome merge(struct rn_vm *vm, struct rn_value *args, struct rn_value *state)
{
    int64_t count = rn_as_vec(state[FROM])->count;
    int64_t room = RN_STD_CHUNK_ITEMS;
    while (room > 0 && number(state, WIDTH) < count) {
        struct pair pair = load_pair(state);
        int64_t first = pair.place;
        enum rn_outcome outcome = merge_both(vm, &pair, room);
        if (outcome == RN_DONE) {
            merge_rest(&pair, room - (pair.place - first));
        }
        int64_t placed = pair.place - first;
        rn_charge(vm, (uint64_t)placed);
        RN_TRY_VM(outcome);
        save_pair(state, &pair);
        room = rn_has_spent(vm) ? 0 : room - placed;
    }
    return number(state, WIDTH) < count ? RN_AGAIN : finish(vm, args, state);
}

enum rn_outcome rn_std_vec_sort(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (rn_native_round(vm) == 0) {
        struct rn_vec *vec;
        RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
        if (vec->count < 2) {
            return rn_std_unit(args);
        }
        RN_TRY_VM(begin(vm, args, vec));
        return RN_AGAIN;
    }
    struct rn_value *state = rn_as_tuple(args[0])->items;
    return number(state, WIDTH) == 0 ? make_runs(vm, state) : merge(vm, args, state);
}

/* ---- Sorting by a function ---- */

enum rn_outcome rn_std_sort_begin(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
    RN_TRY_VM(begin(vm, args, vec));
    begin_pass(rn_as_tuple(args[0])->items, 1, vec->count);
    return RN_DONE;
}

/* Takes the comparator's answer about the next of both runs, the right one's first. */
static enum rn_outcome take_answer(struct rn_vm *vm, struct rn_value *state, struct rn_value answer)
{
    if (RN_UNLIKELY(answer.tag != RN_VALUE_ORDERING)) {
        return rn_raise_expected(vm, RN_TYPE_ID_ORDERING, answer);
    }
    struct rn_value *next = &state[answer.u64 == RN_ORDERING_LESS ? RIGHT : LEFT];
    rn_as_vec(state[TO])->items[state[PLACE].i64] = rn_as_vec(state[FROM])->items[next->i64];
    next->i64++;
    state[PLACE].i64++;
    state[ASKED].i64 = 0;
    return RN_DONE;
}

/* Goes on to a pair neither of whose runs is at its end, within a chunk of elements. */
static void go_on(struct rn_vm *vm, struct rn_value *state)
{
    int64_t count = rn_as_vec(state[FROM])->count;
    int64_t room = RN_STD_CHUNK_ITEMS;
    struct pair pair = load_pair(state);
    while (room > 0 && number(state, WIDTH) < count &&
           (pair.left == pair.middle || pair.right == pair.end)) {
        int64_t first = pair.place;
        merge_rest(&pair, room);
        room -= pair.place - first;
        save_pair(state, &pair);
        pair = load_pair(state);
    }
    rn_std_charge_items(vm, (uint64_t)(RN_STD_CHUNK_ITEMS - room));
}

static bool can_ask(const struct rn_value *state)
{
    return number(state, LEFT) < number(state, MIDDLE) && number(state, RIGHT) < number(state, END);
}

enum rn_outcome rn_std_sort_step(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_value *state = rn_as_tuple(args[0])->items;
    if (number(state, ASKED) != 0) {
        RN_TRY_VM(take_answer(vm, state, args[1]));
    }
    if (!can_ask(state)) {
        go_on(vm, state);
        if (!can_ask(state)) {
            return rn_std_bool(args, number(state, WIDTH) >= rn_as_vec(state[FROM])->count);
        }
    }
    const struct rn_value *from = rn_as_vec(state[FROM])->items;
    state[ASKED].i64 = 1;
    rn_value_copy(&args[0], &args[2]);
    rn_value_copy(&args[1], &from[number(state, RIGHT)]);
    rn_value_copy(&args[2], &from[number(state, LEFT)]);
    rn_set_tail_count(vm, 2);
    return RN_TAIL_CALL;
}

/* What ended the asking may have been an answer. */
enum rn_outcome rn_std_sort_end(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    const struct rn_value *state = rn_as_tuple(args[0])->items;
    if (number(state, ASKED) != 0) {
        return rn_raise_expected(vm, RN_TYPE_ID_ORDERING, args[1]);
    }
    rn_std_charge_items(vm, rn_as_vec(state[FROM])->count);
    return finish(vm, args, state);
}
