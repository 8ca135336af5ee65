/* texts.c: a list of texts with their lines. */
#include "cli/lsp/texts.h"

#include <string.h>

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
    if (!rn_bytes_append(&texts->room, (const char *)&text, sizeof text)) {
        rn_lsp_lines_done(&text.lines);
        return false;
    }
    texts->count++;
    return true;
}

const struct rn_lsp_text *rn_lsp_texts_at(const struct rn_lsp_texts *texts, size_t index)
{
    return (const struct rn_lsp_text *)(const void *)texts->room.data + index;
}

const struct rn_lsp_text *rn_lsp_texts_find(const struct rn_lsp_texts *texts, const char *path)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (strcmp(rn_lsp_texts_at(texts, i)->path, path) == 0) {
            return rn_lsp_texts_at(texts, i);
        }
    }
    return NULL;
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
    rn_store_done(&texts->store);
    *texts = (struct rn_lsp_texts){.count = 0};
}
