/* Hostile source text goes through lexer, parser and item pass; what they report is rendered. */
#include "compiler/items.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const struct rn_diagnostics *list)
{
    struct rn_buf out;
    rn_buf_init(&out, 8u << 20);
    rn_diagnostics_render(list, &(struct rn_render_options){0}, &out);
    rn_buf_done(&out);
}

/* The first byte chooses between file and script. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_context *context = NULL;
    if (size == 0 || rn_context_new(&context) != RN_OK) {
        return 0;
    }
    struct rn_arena arena;
    rn_arena_init(&arena, 256u << 20);
    struct rn_diagnostics diagnostics;
    rn_diagnostics_init(&diagnostics);
    struct rn_compile_input input = {
        .name = "fuzz.rn",
        .text = (const char *)data + 1,
        .size = size - 1,
        .context = context,
        .script = data[0] & 1,
    };
    struct rn_items items;
    memset(&items, 0, sizeof items);
    if (rn_items_build(&items, &arena, &input, &diagnostics) == RN_OK) {
        rn_items_warn_unused(&items);
        render(&diagnostics);
    }
    rn_diagnostics_done(&diagnostics);
    rn_arena_done(&arena);
    rn_context_free(context);
    return 0;
}
