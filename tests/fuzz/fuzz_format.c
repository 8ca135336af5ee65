/* Hostile source text goes through the formatter; what it accepts stays as it is the next time. */
#include "base/alloc.h"
#include "compiler/format.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the options. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct rn_format_input input = {
        .name = "fuzz.rn",
        .text = (const char *)data + 1,
        .size = size - 1,
        .memory_max = 256u << 20,
        .indent = data[0] & 7,
        .tabs = (data[0] & 8) != 0,
    };
    struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf first;
    RN_AUTO(rn_buf) struct rn_buf second;
    rn_buf_init(&first, 64u << 20);
    rn_buf_init(&second, 64u << 20);
    rn_diagnostics_init(&diagnostics);
    enum rn_error error = rn_format(&input, &diagnostics, &first);
    RN_CHECK((error == RN_OK) == (diagnostics.error_count == 0 || error == RN_OK));
    rn_diagnostics_done(&diagnostics);
    if (error == RN_OK) {
        rn_diagnostics_init(&diagnostics);
        input.text = (const char *)first.data;
        input.size = first.size;
        RN_CHECK(rn_format(&input, &diagnostics, &second) == RN_OK);
        RN_CHECK(first.size == second.size);
        RN_CHECK(first.size == 0 || memcmp(first.data, second.data, first.size) == 0);
        rn_diagnostics_done(&diagnostics);
    }
    return 0;
}
