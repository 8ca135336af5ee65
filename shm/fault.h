/*
 * fault.h: the body of a RESULT that is not a value: what was raised, and where.
 *
 *      | kind size 16 | kind | message size 32 | message | frames in all 64 | frames here 32 | frames
 *      frame:  | function 32 | pc 32 | standard 32 |
 *
 * Innermost frame first. Texts are UTF-8.
 *
 * Trust: decodes bytes from workers.
 */
#ifndef RN_SHM_FAULT_H
#define RN_SHM_FAULT_H

#include "base/buf.h"
#include "base/utf8.h"

#define RN_FAULT_KIND_MAX 64u
#define RN_FAULT_MESSAGE_MAX 4096u
#define RN_FAULT_FRAMES_MAX 64u
/* Without texts and frames: sizes and counts, all zero. */
#define RN_FAULT_SIZE_MIN 18u
#define RN_FAULT_SIZE_MAX                                                                          \
    (RN_FAULT_SIZE_MIN + RN_FAULT_KIND_MAX + RN_FAULT_MESSAGE_MAX + 12u * RN_FAULT_FRAMES_MAX)

struct rn_fault_frame {
    uint32_t function;
    uint32_t pc;
    bool standard;
};

struct rn_fault {
    struct rn_utf8 kind;
    struct rn_utf8 message;
    uint64_t frames_total;
    uint32_t frame_count;
    struct rn_fault_frame frames[RN_FAULT_FRAMES_MAX];
};

/* Texts beyond their maximum are cut at a character. Sticky failure in `out`. */
void rn_fault_encode(const struct rn_fault *fault, struct rn_buf *out);
/* Texts are borrowed from `bytes`. MESSAGE_INVALID. */
enum rn_error rn_fault_decode(const void *bytes, size_t size,
                              struct rn_fault *out_fault) RN_MUST_CHECK;

#endif
