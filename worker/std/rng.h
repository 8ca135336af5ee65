/*
 * rng.h: random number generators, as numbers only.
 *
 * The same algorithms and the same way of seeding as Rust's rand 0.10, on every machine, so that a
 * seed gives a script the numbers that it gives in Rune:
 *     xoshiro   xoshiro256++ (Blackman, Vigna); from a word by SplitMix64; 32 bits are the upper half
 *     chacha    ChaCha with 12 rounds (Bernstein), nonce 0: a stream of 32-bit words, two of which
 *               are a 64-bit one, lower half first; from a word by PCG32
 * Ranges: Canon's method for 64 bits (one more draw at most, bias below 2^-64), Lemire's for 32.
 */
#ifndef RN_WORKER_STD_RNG_H
#define RN_WORKER_STD_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RN_RNG_SEED_WORDS 4u

struct rn_xoshiro {
    uint64_t word[4];
};

struct rn_chacha {
    uint64_t key[4];
    uint64_t position; /* of the next 32-bit word in the stream */
    uint64_t
        words[8]; /* the block that holds it, two 32-bit words each; stale at a block's start */
};

/* One of the two, or the random numbers of the call itself. */
struct rn_rng {
    enum rn_rng_kind {
        RN_RNG_XOSHIRO,
        RN_RNG_CHACHA,
        RN_RNG_CALL,
    } kind;
    union {
        struct rn_xoshiro xoshiro;
        struct rn_chacha chacha;
        uint64_t (*draw)(void *user); /* CALL: the next 64 bits */
    };
    void *user;
};

/* `rng->kind` is set, CALL excepted. */
void rn_rng_from_seed(struct rn_rng *rng, const uint64_t seed[RN_RNG_SEED_WORDS]);
void rn_rng_from_word(struct rn_rng *rng, uint64_t word);

uint64_t rn_rng_u64(struct rn_rng *rng);
uint32_t rn_rng_u32(struct rn_rng *rng);
/* 0 .. count - 1; count 0 stands for 2^64, and 2^32. */
uint64_t rn_rng_below_u64(struct rn_rng *rng, uint64_t count);
uint32_t rn_rng_below_u32(struct rn_rng *rng, uint32_t count);

#endif
