/* Foreign bytes become diagnostics, or are refused; what was accepted is rendered and encodes
 * again. */
#include "bytecode/diagnostic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const struct rn_diagnostics *list)
{
    struct rn_buf out;
    rn_buf_init(&out, 8u << 20);
    rn_diagnostics_render(list, &(struct rn_render_options){.color = true}, &out);
    rn_diagnostics_render_json(list, &out);
    rn_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_diagnostics list;
    rn_diagnostics_init(&list);
    if (rn_diagnostics_decode(&list, data, size) == RN_OK) {
        render(&list);
        struct rn_buf wire;
        rn_buf_init(&wire, 64u << 20);
        RN_CHECK(rn_diagnostics_encode(&list, true, &wire) == RN_OK);
        struct rn_diagnostics again;
        rn_diagnostics_init(&again);
        RN_CHECK(rn_diagnostics_decode(&again, wire.data, wire.size) == RN_OK);
        rn_diagnostics_done(&again);
        rn_buf_done(&wire);
    }
    rn_diagnostics_done(&list);
    return 0;
}
