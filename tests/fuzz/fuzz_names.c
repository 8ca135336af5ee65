/* Hostile source text, and what its names mean: JSON, one object a line, whatever is wrong with the source. */
#include "base/alloc.h"
#include "bytecode/json.h"
#include "compiler/names.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const struct rn_buf *out)
{
    size_t at = 0;
    while (at < out->size) {
        const char *line = (const char *)out->data + at;
        const char *end = memchr(line, '\n', out->size - at);
        struct rn_json_fault fault;
        RN_AUTO(rn_buf) struct rn_buf value;
        rn_buf_init(&value, 16u << 20);
        RN_CHECK(end != NULL);
        RN_CHECK(rn_json_read(line, (size_t)(end - line), &value, &fault) == RN_OK);
        at += (size_t)(end - line) + 1;
    }
}

/* The first byte chooses between file and script. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rn_context *context;
    if (size == 0) {
        return 0;
    }
    if (context == NULL) {
        RN_CHECK(rn_context_new(&context) == RN_OK);
    }
    struct rn_compile_input input = {
        .name = "fuzz.rn",
        .text = (const char *)data + 1,
        .size = size - 1,
        .context = context,
        .script = (data[0] & 1) != 0,
        .memory_max = 256u << 20,
    };
    struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, 64u << 20);
    rn_diagnostics_init(&diagnostics);
    if (rn_names(&input, &diagnostics, &out) == RN_OK) {
        check_lines(&out);
    } else {
        RN_CHECK(diagnostics.error_count > 0);
    }
    rn_diagnostics_done(&diagnostics);
    return 0;
}
