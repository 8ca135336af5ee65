/* rng.c: the generators. */
#include "worker/std/rng.h"

#include "base/math.h"

#include <string.h>

static uint64_t rotate_u64(uint64_t value, unsigned count)
{
    return value << count | value >> (64 - count);
}

static uint32_t rotate_u32(uint32_t value, unsigned count)
{
    return value << count | value >> ((32 - count) & 31);
}

/* ---- xoshiro256++ ---- */

static void xoshiro_from_word(struct rn_xoshiro *state, uint64_t word)
{
    for (uint64_t i = 0; i < 4; i++) {
        state->word[i] = rn_splitmix(word, i + 1);
    }
}

static uint64_t xoshiro_next(struct rn_xoshiro *state)
{
    uint64_t *s = state->word;
    uint64_t result = rotate_u64(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_u64(s[3], 45);
    return result;
}

/* ---- ChaCha12 ---- */

#define DOUBLE_ROUNDS 6

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotate_u32(*d ^ *a, 16);
    *c += *d;
    *b = rotate_u32(*b ^ *c, 12);
    *a += *b;
    *d = rotate_u32(*d ^ *a, 8);
    *c += *d;
    *b = rotate_u32(*b ^ *c, 7);
}

/* Block number position / 16 of the stream. */
static void chacha_block(struct rn_chacha *state)
{
    uint64_t block = state->position / 16;
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (int i = 0; i < 4; i++) {
        start[4 + 2 * i] = (uint32_t)state->key[i];
        start[5 + 2 * i] = (uint32_t)(state->key[i] >> 32);
    }
    start[12] = (uint32_t)block;
    start[13] = (uint32_t)(block >> 32);
    uint32_t x[16];
    memcpy(x, start, sizeof(x));
    for (int i = 0; i < DOUBLE_ROUNDS; i++) {
        for (int column = 0; column < 4; column++) {
            quarter_round(&x[column], &x[4 + column], &x[8 + column], &x[12 + column]);
        }
        for (int diagonal = 0; diagonal < 4; diagonal++) {
            quarter_round(&x[diagonal], &x[4 + (diagonal + 1) % 4], &x[8 + (diagonal + 2) % 4],
                          &x[12 + (diagonal + 3) % 4]);
        }
    }
    for (int i = 0; i < 8; i++) {
        state->words[i] =
            (uint64_t)(x[2 * i + 1] + start[2 * i + 1]) << 32 | (uint32_t)(x[2 * i] + start[2 * i]);
    }
}

static uint32_t chacha_next(struct rn_chacha *state)
{
    uint64_t index = state->position % 16;
    if (index == 0) {
        chacha_block(state);
    }
    state->position++;
    return (uint32_t)(state->words[index / 2] >> (index % 2 * 32));
}

/* PCG32, word by word. */
static void expand_word(uint64_t word, uint64_t seed[RN_RNG_SEED_WORDS])
{
    for (unsigned i = 0; i < 2 * RN_RNG_SEED_WORDS; i++) {
        word = word * UINT64_C(6364136223846793005) + UINT64_C(11634580027462260723);
        uint32_t mixed = (uint32_t)(((word >> 18) ^ word) >> 27);
        unsigned count = (unsigned)(word >> 59);
        uint64_t part = mixed >> count | mixed << ((32 - count) & 31);
        seed[i / 2] = i % 2 == 0 ? part : seed[i / 2] | part << 32;
    }
}

/* ---- Either ---- */

void rn_rng_from_seed(struct rn_rng *rng, const uint64_t seed[RN_RNG_SEED_WORDS])
{
    if (rng->kind == RN_RNG_CHACHA) {
        rng->chacha = (struct rn_chacha){0};
        memcpy(rng->chacha.key, seed, sizeof(rng->chacha.key));
        return;
    }
    memcpy(rng->xoshiro.word, seed, sizeof(rng->xoshiro.word));
    if ((seed[0] | seed[1] | seed[2] | seed[3]) == 0) {
        xoshiro_from_word(&rng->xoshiro, 0); // all zero, it would stay there
    }
}

void rn_rng_from_word(struct rn_rng *rng, uint64_t word)
{
    if (rng->kind == RN_RNG_CHACHA) {
        uint64_t seed[RN_RNG_SEED_WORDS] = {0};
        expand_word(word, seed);
        rn_rng_from_seed(rng, seed);
    } else {
        xoshiro_from_word(&rng->xoshiro, word);
    }
}

uint64_t rn_rng_u64(struct rn_rng *rng)
{
    if (rng->kind == RN_RNG_CHACHA) {
        uint64_t low = chacha_next(&rng->chacha);
        return low | (uint64_t)chacha_next(&rng->chacha) << 32;
    }
    return rng->kind == RN_RNG_CALL ? rng->draw(rng->user) : xoshiro_next(&rng->xoshiro);
}

uint32_t rn_rng_u32(struct rn_rng *rng)
{
    return rng->kind == RN_RNG_CHACHA ? chacha_next(&rng->chacha)
                                      : (uint32_t)(rn_rng_u64(rng) >> 32);
}

__extension__ typedef unsigned __int128 wide;

uint64_t rn_rng_below_u64(struct rn_rng *rng, uint64_t count)
{
    uint64_t draw = rn_rng_u64(rng);
    if (count == 0) {
        return draw;
    }
    wide product = (wide)draw * count;
    uint64_t result = (uint64_t)(product >> 64);
    uint64_t low = (uint64_t)product;
    if (low > 0 - count) {
        uint64_t next = (uint64_t)((wide)rn_rng_u64(rng) * count >> 64);
        uint64_t sum;
        result += __builtin_add_overflow(low, next, &sum);
    }
    return result;
}

uint32_t rn_rng_below_u32(struct rn_rng *rng, uint32_t count)
{
    if (count == 0) {
        return rn_rng_u32(rng);
    }
    uint32_t least = (0 - count) % count;
    for (;;) {
        uint64_t product = (uint64_t)rn_rng_u32(rng) * count;
        if ((uint32_t)product >= least) {
            return (uint32_t)(product >> 32);
        }
    }
}
