/* const_value_keys.c: a merge sort of keys, by what is at hand of them first. See const_value_keys.h. */
#include "bytecode/const_value_keys.h"

#include "base/alloc.h"
#include "base/math.h"

#include <string.h>

enum {
    PREFIX_SIZE = 8,
    BLOCK_SIZE = 8, /* keys that are sorted by insertion, before blocks are merged */
};

struct key {
    uint64_t prefix; /* its first bytes, the first one highest; zeros behind a shorter one */
    uint32_t object;
    uint32_t at;
    uint32_t text; /* offset of its bytes */
    uint32_t size;
};

void rn_const_keys_init(struct rn_const_keys *keys, const void *bytes)
{
    keys->bytes = bytes;
    rn_buf_init(&keys->list, SIZE_MAX);
}

void rn_const_keys_done(struct rn_const_keys *keys)
{
    rn_buf_done(&keys->list);
}

static uint64_t prefix_of(const char *text, size_t size)
{
    uint64_t prefix = 0;
    memcpy(&prefix, text, rn_min_size(size, PREFIX_SIZE));
    return __builtin_bswap64(prefix);
}

void rn_const_keys_note(struct rn_const_keys *keys, uint32_t object, uint32_t at, const char *text,
                        size_t size)
{
    struct key key = {
        .prefix = size > 0 ? prefix_of(text, size) : 0,
        .object = object,
        .at = at,
        .text = size > 0 ? (uint32_t)((const uint8_t *)text - keys->bytes) : 0,
        .size = (uint32_t)size,
    };
    rn_buf_append(&keys->list, &key, sizeof(key));
}

/* Of two with the same prefix, what lies behind it. Where that is nothing, the shorter one is less: what made its prefix
 * the same are zeros. */
static int compare_rest(const uint8_t *bytes, const struct key *a, const struct key *b)
{
    size_t common = rn_min_size(a->size, b->size);
    int order = 0;
    if (common > PREFIX_SIZE) {
        order = memcmp(bytes + a->text + PREFIX_SIZE, bytes + b->text + PREFIX_SIZE,
                       common - PREFIX_SIZE);
    }
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static inline bool is_less(const uint8_t *bytes, const struct key *a, const struct key *b)
{
    if (a->object != b->object) {
        return a->object < b->object;
    }
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix;
    }
    int order = compare_rest(bytes, a, b);
    return order != 0 ? order < 0 : a->at < b->at;
}

/* Objects whose keys come in order, one after the other, need no sorting. */
static bool is_sorted(const uint8_t *bytes, const struct key *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (is_less(bytes, &keys[i], &keys[i - 1])) {
            return false;
        }
    }
    return true;
}

static void sort_block(const uint8_t *bytes, struct key *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct key key = keys[i];
        size_t at = i;
        for (; at > 0 && is_less(bytes, &key, &keys[at - 1]); at--) {
            keys[at] = keys[at - 1];
        }
        keys[at] = key;
    }
}

/* Two sorted runs that follow one another, of `first` and `second` keys. */
static void merge(const uint8_t *bytes, const struct key *from, size_t first, size_t second,
                  struct key *to)
{
    const struct key *a = from;
    const struct key *b = from + first;
    const struct key *a_end = b;
    const struct key *b_end = b + second;
    while (a < a_end && b < b_end) {
        *to++ = is_less(bytes, b, a) ? *b++ : *a++;
    }
    memcpy(to, a, (size_t)(a_end - a) * sizeof(*a));
    memcpy(to + (a_end - a), b, (size_t)(b_end - b) * sizeof(*b));
}

/* The keys end in either of the two; which is returned. */
static struct key *sort(const uint8_t *bytes, struct key *keys, struct key *spare, size_t count)
{
    for (size_t at = 0; at < count; at += BLOCK_SIZE) {
        sort_block(bytes, keys + at, rn_min_size(BLOCK_SIZE, count - at));
    }
    for (size_t width = BLOCK_SIZE; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t first = rn_min_size(width, count - at);
            size_t second = rn_min_size(width, count - at - first);
            merge(bytes, keys + at, first, second, spare + at);
        }
        struct key *sorted = spare;
        spare = keys;
        keys = sorted;
    }
    return keys;
}

static size_t find_repeated(const uint8_t *bytes, const struct key *keys, size_t count)
{
    size_t first = SIZE_MAX;
    for (size_t i = 1; i < count; i++) {
        const struct key *a = &keys[i - 1];
        const struct key *b = &keys[i];
        if (a->object == b->object && a->prefix == b->prefix && compare_rest(bytes, a, b) == 0) {
            first = rn_min_size(first, b->at);
        }
    }
    return first;
}

enum rn_error rn_const_keys_find(struct rn_const_keys *keys, size_t *out_at)
{
    RN_TRY(rn_buf_status(&keys->list));
    struct key *list = (struct key *)(void *)keys->list.data;
    size_t count = keys->list.size / sizeof(*list);
    RN_AUTO_FREE struct key *spare = NULL;
    if (!is_sorted(keys->bytes, list, count)) {
        spare = rn_realloc(NULL, count * sizeof(*spare)); // no more than the list has already
        if (!spare) {
            return RN_E_NO_MEMORY;
        }
        list = sort(keys->bytes, list, spare, count);
    }
    *out_at = find_repeated(keys->bytes, list, count);
    return RN_OK;
}
