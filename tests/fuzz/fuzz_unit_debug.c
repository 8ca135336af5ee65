/* Any bytes as a debug segment: what opens can be read. */
#include "bytecode/unit_debug.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_debug debug;
    size_t offset = 0;
    if (rn_debug_open(data, size, &debug, &offset) != RN_OK) {
        RN_CHECK(offset <= size);
        return 0;
    }
    uint32_t sources = debug.source_count < 16 ? debug.source_count : 16;
    size_t sum = 0;
    for (uint32_t i = 0; i < sources; i++) {
        struct rn_debug_source source = rn_debug_source(&debug, i);
        sum += source.name.size + source.text.size;
        RN_CHECK(rn_utf8_valid(source.name.data, source.name.size, NULL));
        RN_CHECK(rn_utf8_valid(source.text.data, source.text.size, NULL));
    }
    RN_CHECK(sum <= size);
    for (uint32_t pc = 0; pc < 64; pc++) {
        struct rn_debug_span span = rn_debug_find(&debug, pc);
        if (span.source != RN_NONE && span.source < sources) {
            RN_CHECK(span.end <= rn_debug_source(&debug, span.source).text.size);
        }
    }
    return 0;
}
