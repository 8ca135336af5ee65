/*
 * inputs.h: the modules that a build asked for, in the order of asking, found or not.
 *
 * With the root they are all that a build reads; so whoever knows them can tell when its result is
 * out of date (watch.c) and when it is still good (cache.c).
 */
#ifndef RN_SUPERVISOR_INPUTS_H
#define RN_SUPERVISOR_INPUTS_H

#include "supervisor/sources.h"

#define RN_INPUTS_MAX 4096u
#define RN_DIGEST_SIZE 32u

struct rn_input {
    char *item;                     /* "a::b"; owned */
    uint8_t digest[RN_DIGEST_SIZE]; /* of name and text, or of why there are none */
};

struct rn_inputs {
    struct rn_input *items;
    size_t count;
    size_t capacity;
    size_t bytes;    /* that the list takes */
    bool incomplete; /* one could not be noted */
};
typedef struct rn_inputs rn_inputs;

void rn_inputs_done(struct rn_inputs *inputs);
/* Notes one answer; without memory the list becomes incomplete. */
void rn_inputs_add(struct rn_inputs *inputs, const char *item, enum rn_error found,
                   const struct rune_loaded *loaded);
/*
 * What a build is answered that asks for a module: its name and text into `out_body`, which is initialised, or
 * nothing. Noted in `inputs`, which may be NULL.
 */
enum rn_error rn_inputs_answer(struct rn_inputs *inputs, const rune_sources *sources,
                               const char *item, struct rn_buf *out_body,
                               size_t *out_name_size) RN_MUST_CHECK;
/* True if `item` is in the list. */
bool rn_inputs_have(const struct rn_inputs *inputs, const char *item);

#endif
