/*
 * verifier.h: what the verifier's files share. Nobody else includes it.
 *
 * unit_verify.c has the invariants, header and sections; verify_tables.c everything that code
 * refers to; verify_code.c jumps, operands, heights and costs.
 */
#ifndef RN_BYTECODE_VERIFIER_H
#define RN_BYTECODE_VERIFIER_H

#include "bytecode/opcode.h"
#include "bytecode/unit.h"

enum rn_unit_check {
    RN_CHECK_NONE,
#define UNIT_CHECK(name, message) RN_CHECK_##name,
#include "bytecode/unit_checks.def"
#undef UNIT_CHECK
};

struct rn_verifier {
    struct rune_unit_image image;
    struct rune_verified_unit unit; /* bound once the sections are known to be in bounds */
    bool standard;
    enum rn_unit_check failed;
    enum rn_error error; /* RN_E_NO_MEMORY, or what `failed` stands for */
    size_t offset;
    uint32_t function;
    uint32_t pc;
    struct rn_utf8 named; /* in the image; empty: nothing with a name is looked at */

    /* One element for each string, switch and instruction: never more than the image has bytes. */
    uint64_t *string_hashes;
    uint8_t *string_is_utf8;
    uint32_t *string_seen;    /* the last run of names that held it */
    uint32_t *switch_heights; /* the highest that any of its targets needs */
    uint8_t *is_target;       /* a bit for each instruction */
    uint32_t *declared;       /* the height declared at each instruction plus 1, or 0 */
    uint32_t names_seen;      /* runs of names so far */
    uint32_t names_end;       /* where the next must begin */
};

/* Records the refusal; `where` points into the image. Always false, to be returned. */
bool rn_verify_refuse(struct rn_verifier *v, enum rn_unit_check check, const void *where);

static inline bool rn_verify_need(struct rn_verifier *v, bool holds, enum rn_unit_check check,
                                  const void *where)
{
    if (RN_LIKELY(holds)) {
        return true;
    }
    return rn_verify_refuse(v, check, where);
}

/* Zeroed memory until the verifier ends; NULL after recording RN_E_NO_MEMORY. */
void *rn_verify_alloc(struct rn_verifier *v, size_t count, size_t size);

/* Each true, or false after refusing. In this order. */
bool rn_verify_tables(struct rn_verifier *v);
bool rn_verify_code(struct rn_verifier *v);

static inline bool rn_verify_is_target(const struct rn_verifier *v, uint32_t pc)
{
    return (v->is_target[pc / 8] >> (pc % 8) & 1) != 0;
}

#endif
