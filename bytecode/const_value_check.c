/*
 * const_value_check.c: whether bytes are exactly one ConstValue.
 *
 * Trust: reads bytes from workers, compilers, clients and files.
 */
#include "base/alloc.h"
#include "base/math.h"
#include "bytecode/const_value.h"
#include "bytecode/const_value_keys.h"

enum {
    LEVELS_INLINE = 32,
};

struct check {
    struct rn_const_reader reader;
    struct rn_const_keys keys;
    uint32_t *objects; /* offset of the container open at each level */
};

static void note_token(struct check *check, const struct rn_const_token *token, bool key)
{
    size_t depth = check->reader.depth;
    if (rn_const_kind_has_content(token->kind)) {
        check->objects[depth - 1] = (uint32_t)token->offset;
    } else if (key) {
        rn_const_keys_note(&check->keys, check->objects[depth - 1], (uint32_t)token->offset,
                           token->text.data, token->text.size);
    }
}

/* Whether the next token is a key of an object with more than one. */
static bool expects_key(const struct rn_const_reader *reader)
{
    if (reader->depth == 0) {
        return false;
    }
    const struct rn_const_level *level = &reader->levels[reader->depth - 1];
    return level->kind == RN_CONST_OBJECT && level->left > 0 && level->left % 2 == 0;
}

static enum rn_error read_all(struct check *check)
{
    while (!rn_const_reader_at_end(&check->reader)) {
        bool key = expects_key(&check->reader);
        struct rn_const_token token;
        RN_TRY(rn_const_read(&check->reader, &token));
        note_token(check, &token, key);
    }
    return rn_const_reader_finish(&check->reader);
}

static enum rn_error run(struct check *check, size_t *out_offset)
{
    enum rn_error error = read_all(check);
    *out_offset = rn_const_reader_offset(&check->reader);
    if (error != RN_OK) {
        return error;
    }
    size_t duplicate;
    RN_TRY(rn_const_keys_find(&check->keys, &duplicate));
    if (duplicate != SIZE_MAX) {
        *out_offset = duplicate;
        return RN_E_CBOR_INVALID;
    }
    return RN_OK;
}

static enum rn_error refuse(struct rn_const_fault *out_fault, enum rn_error error, size_t offset)
{
    if (out_fault != NULL && error != RN_OK) {
        *out_fault = (struct rn_const_fault){.error = error, .offset = offset};
    }
    return error;
}

enum rn_error rn_const_value_check(const void *bytes, size_t size,
                                   const struct rn_const_limits *limits,
                                   struct rn_const_fault *out_fault)
{
    if (size > limits->size_max || size > UINT32_MAX) {
        return refuse(out_fault, RN_E_TOO_LARGE, 0);
    }
    // No value nests deeper than it has bytes.
    size_t depth = rn_min_size(rn_min_size(limits->depth_max, RN_CONST_DEPTH_MAX), size);
    RN_UNCLEARED struct rn_const_level inline_levels[LEVELS_INLINE];
    RN_UNCLEARED uint32_t inline_objects[LEVELS_INLINE];
    RN_AUTO_FREE struct rn_const_level *levels = NULL;
    RN_AUTO_FREE uint32_t *objects = NULL;
    if (depth > LEVELS_INLINE) {
        levels = rn_alloc_array(depth, sizeof(*levels));
        objects = rn_alloc_array(depth, sizeof(*objects));
        if (levels == NULL || objects == NULL) {
            return refuse(out_fault, RN_E_NO_MEMORY, 0);
        }
    }
    struct check check = {.objects = objects == NULL ? inline_objects : objects};
    rn_const_reader_init(&check.reader, bytes, size, levels == NULL ? inline_levels : levels,
                         depth);
    rn_const_reader_limit(&check.reader, limits->element_max);
    rn_const_keys_init(&check.keys, bytes);
    size_t offset = 0;
    enum rn_error error = run(&check, &offset);
    rn_const_keys_done(&check.keys);
    return refuse(out_fault, error, offset);
}
