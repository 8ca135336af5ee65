/*
 * Any bytes as a .rnu file. Images that could never have the content id of their bytes are out of
 * reach of mutation, so the frame is what is tried here; fuzz_unit_image and fuzz_unit_debug have
 * the rest. What loads is saved as the same bytes.
 */
#include <runeward/unit.h>

#include <string.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    if (rune_unit_load(data, size, &unit, &error) != RUNE_OK) {
        RN_CHECK(error != NULL && unit == NULL);
        rune_error_free(error);
        return 0;
    }
    rune_text *again = NULL;
    RN_CHECK(rune_unit_save(unit, &again, NULL) == RUNE_OK);
    RN_CHECK(rune_text_size(again) == size && memcmp(rune_text_data(again), data, size) == 0);
    rune_text_free(again);
    rune_unit_unref(unit);
    return 0;
}
