/*
 * assemble.h: a listing, as disasm.h writes it, back to a Unit image.
 *
 * The image is what the listing says and nothing else: no block is paid for that the listing does
 * not pay for, nothing is sorted. Hashes of items are computed from their names. Whether it may be
 * run, rn_unit_verify says.
 *
 * Trust: reads text from anybody.
 */
#ifndef RN_BYTECODE_ASSEMBLE_H
#define RN_BYTECODE_ASSEMBLE_H

#include "base/buf.h"

struct rn_assemble_fault {
    uint32_t line;       /* 1 .. */
    const char *message; /* static storage */
};

/*
 * Appends the image to `out_image`, which must be empty. RN_E_INVALID_ARGUMENT with *out_fault (may
 * be NULL) filled; RN_E_TOO_LARGE, RN_E_NO_MEMORY.
 */
enum rn_error rn_assemble(const char *text, size_t size, struct rn_buf *out_image,
                          struct rn_assemble_fault *out_fault) RN_MUST_CHECK;

#endif
