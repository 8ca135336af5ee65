/*
 * const_value_check.c: whether bytes are exactly one ConstValue.
 *
 * Trust: reads bytes from workers, compilers, clients and files.
 *
 * Duplicate keys are found by sorting the keys of all objects at once, which no chosen keys can
 * slow down as they could a hash table: object by object in the order of their offsets, keys
 * bytewise, equal ones by offset.
 */
#include "base/alloc.h"
#include "base/math.h"
#include "base/sort.h"
#include "bytecode/const_value.h"

#include <string.h>

enum {
    LEVELS_INLINE = 32,
};

/* A key at offset `at`, of the object that begins at `object`; all offsets fit, as the size does.
 */
struct key {
    const char *text;
    uint32_t size;
    uint32_t object;
    uint32_t at;
};

struct check {
    struct rn_const_reader reader;
    struct rn_buf keys;
    uint32_t *objects; /* offset of the container open at each level */
};

static int compare_texts(const struct key *a, const struct key *b)
{
    size_t size = rn_min_size(a->size, b->size);
    int order = size == 0 ? 0 : memcmp(a->text, b->text, size);
    if (order != 0) {
        return order;
    }
    return a->size < b->size ? -1 : a->size > b->size;
}

static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left;
    const struct key *b = right;
    if (a->object != b->object) {
        return a->object < b->object ? -1 : 1;
    }
    int order = compare_texts(a, b);
    return order != 0 ? order : (a->at < b->at ? -1 : a->at > b->at);
}

/* Objects whose keys come in order, one after the other, need no sorting. */
static bool is_sorted(const struct key *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) > 0) {
            return false;
        }
    }
    return true;
}

/* The offset of the first key that repeats one, or SIZE_MAX. */
static size_t find_duplicate(struct rn_buf *buf)
{
    struct key *keys = (struct key *)(void *)buf->data;
    size_t count = buf->size / sizeof(*keys);
    size_t first = SIZE_MAX;
    if (!is_sorted(keys, count)) {
        rn_sort(keys, count, sizeof(*keys), compare_keys);
    }
    for (size_t i = 1; i < count; i++) {
        if (keys[i - 1].object == keys[i].object && compare_texts(&keys[i - 1], &keys[i]) == 0) {
            first = rn_min_size(first, keys[i].at);
        }
    }
    return first;
}

static void note_token(struct check *check, const struct rn_const_token *token, bool key)
{
    size_t depth = check->reader.depth;
    if (rn_const_kind_has_content(token->kind)) {
        check->objects[depth - 1] = (uint32_t)token->offset;
    } else if (key) {
        struct key entry = {
            .text = token->text.data,
            .size = (uint32_t)token->text.size,
            .object = check->objects[depth - 1],
            .at = (uint32_t)token->offset,
        };
        rn_buf_append(&check->keys, &entry, sizeof(entry));
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
    RN_TRY(rn_const_reader_finish(&check->reader));
    return rn_buf_status(&check->keys);
}

static enum rn_error run(struct check *check, size_t *out_offset)
{
    enum rn_error error = read_all(check);
    *out_offset = rn_const_reader_offset(&check->reader);
    if (error != RN_OK) {
        return error;
    }
    size_t duplicate = find_duplicate(&check->keys);
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
    rn_buf_init(&check.keys, SIZE_MAX);
    size_t offset = 0;
    enum rn_error error = run(&check, &offset);
    rn_buf_done(&check.keys);
    return refuse(out_fault, error, offset);
}
