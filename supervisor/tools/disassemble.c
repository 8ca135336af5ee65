/*
 * disassemble.c: listings of Units.
 *
 * This library sees a Unit through the public interface only, as bytes; so it verifies them again
 * before it walks over them.
 */
#include <runeward/tools.h>

#include "bytecode/disasm.h"
#include "supervisor/tools/take.h"

#define LISTING_MAX ((size_t)1 << 30)

static enum rn_error list(const rune_unit *unit, struct rn_buf *out)
{
    struct rune_unit_image image = {0};
    struct rune_verified_unit verified;
    struct rn_debug debug;
    size_t debug_size = 0;
    image.bytes = rune_unit_image(unit, &image.size);
    const void *debug_bytes = rune_unit_debug(unit, &debug_size);
    RN_TRY(rn_unit_verify(image, false, &verified, NULL));
    bool has_debug =
        debug_bytes != NULL && rn_debug_open(debug_bytes, debug_size, &debug, NULL) == RN_OK;
    return rn_disasm_unit(&verified, has_debug ? &debug : NULL, out);
}

rune_status rune_tools_disassemble(const rune_unit *unit, rune_text **out_text)
{
    struct rn_buf buf;
    rn_buf_init(&buf, LISTING_MAX);
    enum rn_error error = list(unit, &buf);
    if (error != RN_OK) {
        rn_buf_done(&buf);
        return (rune_status)error;
    }
    return rn_tools_take(&buf, out_text);
}
