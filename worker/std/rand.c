/*
 * rand.c: the module rand.
 *
 * Nothing here reads randomness of the system: what Rune seeds from the system (SysRng, from_sys_rng,
 * rng()) comes from the seed of the call, word by word, so that a call gives the same numbers again.
 * SmallRng and StdRng hold their state in their fields; a ThreadRng has none.
 */
#include "worker/std/rng.h"
#include "worker/std/std.h"

#include <string.h>

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

_Static_assert(sizeof(struct rn_chacha) % 8 == 0 && sizeof(struct rn_xoshiro) % 8 == 0,
               "states are fields of words");

static size_t word_count(enum rn_rng_kind kind)
{
    return (kind == RN_RNG_CHACHA ? sizeof(struct rn_chacha) : sizeof(struct rn_xoshiro)) / 8;
}

static uint64_t draw_of_call(void *user)
{
    return rn_vm_random(user);
}

static struct rn_rng rng_of_call(struct rn_vm *vm)
{
    return (struct rn_rng){.kind = RN_RNG_CALL, .draw = draw_of_call, .user = vm};
}

/* ---- State in a value ---- */

static void store(const struct rn_rng *rng, struct rn_value value)
{
    struct rn_value *items = rn_as_tuple(value)->items;
    uint64_t words[sizeof(struct rn_chacha) / 8];
    size_t count = word_count(rng->kind);
    memcpy(words, &rng->chacha, count * 8);
    for (size_t i = 0; i < count; i++) {
        items[i] = rn_value_u64(words[i]);
    }
}

/* False: the value is no generator. */
static bool load(struct rn_vm *vm, struct rn_value value, struct rn_rng *out_rng)
{
    bool sys = value.tag == RN_VALUE_TYPE && value.u64 == RN_TYPE_ID_SYS_RNG;
    if (sys || rn_object_is(value, RN_TYPE_ID_THREAD_RNG)) {
        *out_rng = rng_of_call(vm);
        return true;
    }
    bool small = rn_object_is(value, RN_TYPE_ID_SMALL_RNG);
    if (!small && !rn_object_is(value, RN_TYPE_ID_STD_RNG)) {
        return false;
    }
    *out_rng = (struct rn_rng){.kind = small ? RN_RNG_XOSHIRO : RN_RNG_CHACHA};
    const struct rn_value *items = rn_as_tuple(value)->items;
    uint64_t words[sizeof(struct rn_chacha) / 8];
    size_t count = word_count(out_rng->kind);
    for (size_t i = 0; i < count; i++) {
        words[i] = items[i].u64;
    }
    memcpy(&out_rng->chacha, words, count * 8);
    return true;
}

static void save(const struct rn_rng *rng, struct rn_value value)
{
    if (rng->kind != RN_RNG_CALL) {
        store(rng, value);
    }
}

/* self, which draws, and so is changed. */
static enum rn_outcome self_rng(struct rn_vm *vm, struct rn_value value, struct rn_rng *out_rng)
{
    RN_TRY_VM(rn_check_write(vm, value));
    rn_charge(vm, 1);
    if (value.tag == RN_VALUE_OBJECT && load(vm, value, out_rng)) {
        return RN_DONE;
    }
    return rn_raise_expected(vm, RN_TYPE_ID_SMALL_RNG, value);
}

static enum rn_outcome make(struct rn_vm *vm, const struct rn_rng *rng, struct rn_value *out)
{
    bool small = rng->kind == RN_RNG_XOSHIRO;
    struct rn_tuple *value = rn_struct_new(vm, small ? RN_TYPE_ID_SMALL_RNG : RN_TYPE_ID_STD_RNG,
                                           (uint32_t)word_count(rng->kind));
    if (value == NULL) {
        return RN_RAISED;
    }
    *out = rn_value_object(value);
    store(rng, *out);
    return RN_DONE;
}

/* ---- Seeding ---- */

static enum rn_outcome seeded_by(struct rn_vm *vm, enum rn_rng_kind kind, struct rn_rng *source,
                                 struct rn_value *out)
{
    uint64_t seed[RN_RNG_SEED_WORDS];
    for (unsigned i = 0; i < RN_RNG_SEED_WORDS; i++) {
        seed[i] = rn_rng_u64(source);
    }
    struct rn_rng rng = {.kind = kind};
    rn_rng_from_seed(&rng, seed);
    return make(vm, &rng, out);
}

static enum rn_outcome from_rng(struct rn_vm *vm, struct rn_value *args, enum rn_rng_kind kind)
{
    struct rn_rng source;
    RN_TRY_VM(rn_check_write(vm, args[0]));
    if (!load(vm, args[0], &source)) {
        return rn_raise_panic_literal(vm, "expected an rng source");
    }
    struct rn_value value;
    RN_TRY_VM(seeded_by(vm, kind, &source, &value));
    save(&source, args[0]);
    args[0] = value;
    return RN_DONE;
}

static enum rn_outcome from_sys_rng(struct rn_vm *vm, struct rn_value *args, enum rn_rng_kind kind)
{
    struct rn_rng source = rng_of_call(vm);
    return seeded_by(vm, kind, &source, &args[0]);
}

/* The 32 bytes of a Bytes or a Vec. */
static enum rn_outcome seed_bytes(struct rn_vm *vm, struct rn_value value, uint8_t out[32])
{
    uint64_t count;
    if (rn_object_is(value, RN_TYPE_ID_VEC)) {
        struct rn_vec *vec;
        RN_TRY_VM(rn_arg_vec(vm, value, &vec));
        count = vec->count;
        for (uint32_t i = 0; count == 32 && i < 32; i++) {
            RN_TRY_VM(rn_arg_byte(vm, vec->items[i], &out[i]));
        }
    } else {
        struct rn_string *bytes;
        RN_TRY_VM(rn_arg_bytes(vm, value, &bytes));
        count = bytes->size;
        if (count == 32) {
            memcpy(out, bytes->data, 32);
        }
    }
    return count == 32 ? RN_DONE
                       : rn_raise(vm, RN_VM_ERROR_EXPECTED_VEC_LENGTH, UINT64_C(32), count);
}

static enum rn_outcome from_seed(struct rn_vm *vm, struct rn_value *args, enum rn_rng_kind kind)
{
    uint8_t bytes[32];
    uint64_t seed[RN_RNG_SEED_WORDS] = {0};
    RN_TRY_VM(seed_bytes(vm, args[0], bytes));
    for (unsigned i = 0; i < 32; i++) {
        seed[i / 8] |= (uint64_t)bytes[i] << (i % 8 * 8);
    }
    struct rn_rng rng = {.kind = kind};
    rn_rng_from_seed(&rng, seed);
    return make(vm, &rng, &args[0]);
}

static enum rn_outcome from_word(struct rn_vm *vm, struct rn_value *args, enum rn_rng_kind kind)
{
    uint64_t word;
    RN_TRY_VM(rn_arg_u64(vm, args[0], &word));
    struct rn_rng rng = {.kind = kind};
    rn_rng_from_word(&rng, word);
    return make(vm, &rng, &args[0]);
}

static enum rn_outcome ok(struct rn_vm *vm, struct rn_value *args, enum rn_outcome outcome)
{
    return outcome == RN_DONE ? rn_make_ok(vm, args[0], &args[0]) : outcome;
}

NATIVE(small_rng_from_rng)
{
    (void)count;
    return from_rng(vm, args, RN_RNG_XOSHIRO);
}

NATIVE(small_rng_try_from_rng)
{
    return ok(vm, args, rn_std_small_rng_from_rng(vm, args, count));
}

NATIVE(small_rng_from_sys_rng)
{
    (void)count;
    return from_sys_rng(vm, args, RN_RNG_XOSHIRO);
}

NATIVE(small_rng_try_from_sys_rng)
{
    return ok(vm, args, rn_std_small_rng_from_sys_rng(vm, args, count));
}

NATIVE(small_rng_from_seed)
{
    (void)count;
    return from_seed(vm, args, RN_RNG_XOSHIRO);
}

NATIVE(small_rng_seed_from_u64)
{
    (void)count;
    return from_word(vm, args, RN_RNG_XOSHIRO);
}

NATIVE(std_rng_from_rng)
{
    (void)count;
    return from_rng(vm, args, RN_RNG_CHACHA);
}

NATIVE(std_rng_try_from_rng)
{
    return ok(vm, args, rn_std_std_rng_from_rng(vm, args, count));
}

NATIVE(std_rng_from_sys_rng)
{
    (void)count;
    return from_sys_rng(vm, args, RN_RNG_CHACHA);
}

NATIVE(std_rng_try_from_sys_rng)
{
    return ok(vm, args, rn_std_std_rng_from_sys_rng(vm, args, count));
}

NATIVE(std_rng_from_seed)
{
    (void)count;
    return from_seed(vm, args, RN_RNG_CHACHA);
}

NATIVE(std_rng_seed_from_u64)
{
    (void)count;
    return from_word(vm, args, RN_RNG_CHACHA);
}

NATIVE(thread_rng_new)
{
    (void)count;
    return rn_std_object(args, rn_struct_new(vm, RN_TYPE_ID_THREAD_RNG, 1));
}

/* There is nothing to take anew. */
NATIVE(thread_rng_reseed)
{
    (void)count;
    struct rn_object *self;
    RN_TRY_VM(rn_check_write(vm, args[0]));
    RN_TRY_VM(rn_arg_exact(vm, args[0], RN_TYPE_ID_THREAD_RNG, &self));
    return rn_make_ok(vm, rn_value_unit(), &args[0]);
}

/* ---- Drawing ---- */

/* Scalars are numbered without the surrogates. */
#define SURROGATES_START 0xd800u
#define SURROGATES 0x800u
#define SCALARS (0x110000u - SURROGATES)

static uint32_t scalar_at(uint32_t number)
{
    return number < SURROGATES_START ? number : number + SURROGATES;
}

static uint32_t number_of(uint32_t scalar)
{
    return scalar < SURROGATES_START ? scalar : scalar - SURROGATES;
}

/* random(): the generator draws below SCALARS and leaves out what stands first. */
static uint32_t random_scalar(struct rn_rng *rng)
{
    uint32_t drawn = rn_rng_below_u32(rng, SCALARS) + SURROGATES;
    return drawn < SURROGATES_START + SURROGATES ? drawn - SURROGATES : drawn;
}

static enum rn_outcome random_value(struct rn_vm *vm, struct rn_value *args,
                                    struct rn_value (*draw)(struct rn_rng *rng))
{
    struct rn_rng rng;
    RN_TRY_VM(self_rng(vm, args[0], &rng));
    struct rn_value value = draw(&rng);
    save(&rng, args[0]);
    args[0] = value;
    return RN_DONE;
}

static struct rn_value draw_u64(struct rn_rng *rng)
{
    return rn_value_u64(rn_rng_u64(rng));
}

static struct rn_value draw_i64(struct rn_rng *rng)
{
    return rn_value_i64((int64_t)rn_rng_u64(rng));
}

static struct rn_value draw_char(struct rn_rng *rng)
{
    return rn_value_char(random_scalar(rng));
}

static struct rn_value draw_bool(struct rn_rng *rng)
{
    return rn_value_bool(rn_rng_u32(rng) >> 31 != 0);
}

NATIVE(rng_random_u64)
{
    (void)count;
    return random_value(vm, args, draw_u64);
}

NATIVE(rng_random_i64)
{
    (void)count;
    return random_value(vm, args, draw_i64);
}

NATIVE(rng_random_char)
{
    (void)count;
    return random_value(vm, args, draw_char);
}

NATIVE(rng_random_bool)
{
    (void)count;
    return random_value(vm, args, draw_bool);
}

/* ---- Ranges ---- */

/* The bounds of `a..b` and `a..=b`. */
static enum rn_outcome range_bounds(struct rn_vm *vm, struct rn_value range,
                                    const struct rn_value **out_bounds, bool *out_inclusive)
{
    *out_inclusive = rn_object_is(range, RN_TYPE_ID_RANGE_INCLUSIVE);
    if (!*out_inclusive && !rn_object_is(range, RN_TYPE_ID_RANGE)) {
        return rn_raise_panic_literal(vm, "unsupported range");
    }
    RN_TRY_VM(rn_check_read(vm, range));
    *out_bounds = rn_as_tuple(range)->items;
    return RN_DONE;
}

static enum rn_outcome empty_range(struct rn_vm *vm)
{
    return rn_raise_panic_literal(vm, "cannot sample empty range");
}

NATIVE(rng_range_u64)
{
    (void)count;
    const struct rn_value *bounds;
    bool inclusive;
    uint64_t low;
    uint64_t high;
    struct rn_rng rng;
    RN_TRY_VM(self_rng(vm, args[0], &rng));
    RN_TRY_VM(range_bounds(vm, args[1], &bounds, &inclusive));
    RN_TRY_VM(rn_arg_u64(vm, bounds[0], &low));
    RN_TRY_VM(rn_arg_u64(vm, bounds[1], &high));
    if (low > high || (low == high && !inclusive)) {
        return empty_range(vm);
    }
    uint64_t drawn = rn_rng_below_u64(&rng, high - low + inclusive);
    save(&rng, args[0]);
    return rn_std_u64(args, low + drawn);
}

NATIVE(rng_range_i64)
{
    (void)count;
    const struct rn_value *bounds;
    bool inclusive;
    int64_t low;
    int64_t high;
    struct rn_rng rng;
    RN_TRY_VM(self_rng(vm, args[0], &rng));
    RN_TRY_VM(range_bounds(vm, args[1], &bounds, &inclusive));
    RN_TRY_VM(rn_arg_i64(vm, bounds[0], &low));
    RN_TRY_VM(rn_arg_i64(vm, bounds[1], &high));
    if (low > high || (low == high && !inclusive)) {
        return empty_range(vm);
    }
    // 0: any number is in the range, and none is moved, as in the reference.
    uint64_t bound = (uint64_t)high - (uint64_t)low + inclusive;
    uint64_t drawn = rn_rng_below_u64(&rng, bound) + (bound == 0 ? 0 : (uint64_t)low);
    save(&rng, args[0]);
    args[0] = rn_value_i64((int64_t)drawn);
    return RN_DONE;
}

NATIVE(rng_range_char)
{
    (void)count;
    const struct rn_value *bounds;
    bool inclusive;
    uint32_t low;
    uint32_t high;
    struct rn_rng rng;
    RN_TRY_VM(self_rng(vm, args[0], &rng));
    RN_TRY_VM(range_bounds(vm, args[1], &bounds, &inclusive));
    RN_TRY_VM(rn_arg_char(vm, bounds[0], &low));
    RN_TRY_VM(rn_arg_char(vm, bounds[1], &high));
    if (low > high || (low == high && !inclusive)) {
        return empty_range(vm);
    }
    uint32_t number = number_of(low);
    number += rn_rng_below_u32(&rng, number_of(high) - number + inclusive);
    save(&rng, args[0]);
    args[0] = rn_value_char(scalar_at(number));
    return RN_DONE;
}
