/* What a compiler may send as an outline is read into items, and the fences in them. */
#include "cli/fence.h"
#include "cli/outline.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_fences(const char *docs)
{
    struct rn_fenced fenced;
    uint32_t line = 0;
    while (rn_fence_next(&docs, &line, &fenced)) {
        rn_bytes_done(&fenced.code);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_outline outline;
    rune_error *error = NULL;
    if (rn_outline_parse((const char *)data, size, &outline, &error) != RUNE_OK) {
        rune_error_free(error);
        return 0;
    }
    for (size_t i = 0; i < outline.count; i++) {
        const struct rn_outline_item *item = rn_outline_at(&outline, i);
        if (item->kind[strspn(item->kind, "abcdefghijklmnopqrstuvwxyz")] != 0) {
            abort(); // files are named after it
        }
        read_fences(item->docs);
        for (size_t m = 0; m < item->member_count; m++) {
            read_fences(item->members[m].docs);
        }
    }
    rn_outline_done(&outline);
    return 0;
}
