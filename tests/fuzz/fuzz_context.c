/* Foreign bytes become items of a context, or are refused. */
#include "base/buf.h"
#include "bytecode/context.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_context *context = NULL;
    if (rn_context_new(&context) != RN_OK) {
        return 0;
    }
    if (rn_context_decode(context, data, size) == RN_OK) {
        struct rn_buf buf;
        rn_buf_init(&buf, SIZE_MAX / 2);
        RN_CHECK(rn_context_encode(context, &buf) == RN_OK);
        struct rn_context *again = NULL;
        RN_CHECK(rn_context_new(&again) == RN_OK);
        RN_CHECK(rn_context_decode(again, buf.data, buf.size) == RN_OK);
        RN_CHECK(rn_context_digest(again) == rn_context_digest(context));
        rn_context_free(again);
        rn_buf_done(&buf);
    }
    (void)rn_context_find(context, (const char *)data, size);
    rn_context_free(context);
    return 0;
}
