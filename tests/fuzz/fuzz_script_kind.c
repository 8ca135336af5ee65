/* Any text: the guess ends, and reads nothing behind it (the replay gives exact blocks). */
#include "cli/script_kind.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)rn_source_has_main((const char *)data, size);
    return 0;
}
