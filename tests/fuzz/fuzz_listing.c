/* Any text as a listing: what assembles and verifies lists and assembles to itself. */
#include "base/alloc.h"
#include "bytecode/assemble.h"
#include "bytecode/disasm.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct rn_buf *image, const struct rune_verified_unit *unit)
{
    RN_AUTO(rn_buf) rn_buf text;
    RN_AUTO(rn_buf) rn_buf again;
    rn_buf_init(&text, 64 << 20);
    rn_buf_init(&again, RN_IMAGE_SIZE_MAX);
    RN_CHECK(rn_disasm_unit(unit, NULL, &text) == RN_OK);
    RN_CHECK(rn_assemble((const char *)text.data, text.size, &again, NULL) == RN_OK);
    RN_CHECK(again.size == image->size && memcmp(again.data, image->data, image->size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RN_AUTO(rn_buf) rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    struct rn_assemble_fault fault;
    if (rn_assemble((const char *)data, size, &image, &fault) != RN_OK) {
        RN_CHECK(fault.message != NULL);
        return 0;
    }
    struct rune_verified_unit unit;
    if (rn_unit_verify((struct rune_unit_image){image.data, image.size}, true, &unit, NULL) ==
        RN_OK) {
        check_again(&image, &unit);
    }
    return 0;
}
