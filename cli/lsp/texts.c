/* texts.c: a list of texts with their lines. */
#include "cli/lsp/texts.h"

#include <string.h>

/* ---- By path ---- */

/* The other one is whoever's, and may have zero bytes in it. */
static int compare(const char *path, const char *other, size_t size)
{
    size_t own = strlen(path);
    int order = memcmp(path, other, own < size ? own : size);
    return order != 0 ? order : (own > size) - (own < size);
}

/* Where among those in order the path stands, or would. */
static size_t find_place(const struct rn_lsp_texts *texts, const char *path, size_t size,
                         bool *out_found)
{
    const uint32_t *order = (const uint32_t *)(const void *)texts->order.data;
    size_t low = 0;
    size_t high = texts->order.size / sizeof *order;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int way = compare(rn_lsp_texts_at(texts, order[middle])->path, path, size);
        if (way == 0) {
            *out_found = true;
            return middle;
        }
        low = way < 0 ? middle + 1 : low;
        high = way < 0 ? high : middle;
    }
    return low;
}

size_t rn_lsp_texts_index(const struct rn_lsp_texts *texts, const char *path, size_t size)
{
    bool found;
    size_t place = find_place(texts, path, size, &found);
    return found ? ((const uint32_t *)(const void *)texts->order.data)[place] : SIZE_MAX;
}

const struct rn_lsp_text *rn_lsp_texts_find(const struct rn_lsp_texts *texts, const char *path)
{
    size_t index = rn_lsp_texts_index(texts, path, strlen(path));
    return index == SIZE_MAX ? NULL : rn_lsp_texts_at(texts, index);
}

/* ---- The list ---- */

/* The first of a path is the one that is found. */
static bool put_in_order(struct rn_lsp_texts *texts, const char *path)
{
    bool found;
    uint32_t index = (uint32_t)texts->count;
    size_t at = find_place(texts, path, strlen(path), &found) * sizeof index;
    return found || rn_bytes_splice(&texts->order, at, at, (const char *)&index, sizeof index);
}

bool rn_lsp_texts_add(struct rn_lsp_texts *texts, const char *path, const char *data, size_t size,
                      int64_t revision)
{
    struct rn_lsp_text text = {.path = rn_store_copy(&texts->store, path, strlen(path)),
                               .data = rn_store_copy(&texts->store, data, size),
                               .size = size,
                               .revision = revision};
    if (text.path == NULL || text.data == NULL || !rn_lsp_lines_init(&text.lines, data, size)) {
        return false;
    }
    if (!put_in_order(texts, path) ||
        !rn_bytes_append(&texts->room, (const char *)&text, sizeof text)) {
        rn_lsp_lines_done(&text.lines);
        return false;
    }
    texts->count++;
    texts->size += size;
    return true;
}

const struct rn_lsp_text *rn_lsp_texts_at(const struct rn_lsp_texts *texts, size_t index)
{
    return (const struct rn_lsp_text *)(const void *)texts->room.data + index;
}

struct rn_lsp_position rn_lsp_text_position(const struct rn_lsp_text *text, size_t offset,
                                            enum rn_lsp_encoding encoding)
{
    return rn_lsp_position(text->data, text->size, &text->lines, offset, encoding);
}

void rn_lsp_texts_done(struct rn_lsp_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        rn_lsp_lines_done(&((struct rn_lsp_text *)(void *)texts->room.data)[i].lines);
    }
    rn_bytes_done(&texts->room);
    rn_bytes_done(&texts->order);
    rn_store_done(&texts->store);
    *texts = (struct rn_lsp_texts){.count = 0};
}
