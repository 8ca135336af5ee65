/* Foreign text becomes one value, whose JSON reads back as the same value, or is refused. */
#include "bytecode/const_value.h"
#include "bytecode/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const struct rn_buf *cbor, bool pretty)
{
    const struct rn_json_options options = {.pretty = pretty};
    struct rn_buf text;
    struct rn_buf again;
    rn_buf_init(&text, SIZE_MAX);
    rn_buf_init(&again, SIZE_MAX);
    RN_CHECK(rn_json_write(cbor->data, cbor->size, &options, &text, NULL) == RN_OK);
    RN_CHECK(rn_json_read((const char *)text.data, text.size, &again, NULL) == RN_OK);
    RN_CHECK(again.size == cbor->size && memcmp(again.data, cbor->data, cbor->size) == 0);
    rn_buf_done(&text);
    rn_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rn_const_limits limits = {
        .size_max = SIZE_MAX, .depth_max = RN_JSON_DEPTH_MAX, .element_max = UINT32_MAX};
    struct rn_json_fault fault = {.error = RN_OK};
    struct rn_buf cbor;
    rn_buf_init(&cbor, SIZE_MAX);
    enum rn_error error = rn_json_read((const char *)data, size, &cbor, &fault);
    if (error == RN_OK) {
        RN_CHECK(rn_const_value_check(cbor.data, cbor.size, &limits, NULL) == RN_OK);
        expect_same(&cbor, false);
        expect_same(&cbor, true);
    } else {
        RN_CHECK(fault.error == error && fault.offset <= size && fault.message != NULL);
        RN_CHECK(cbor.size == 0);
    }
    rn_buf_done(&cbor);
    return 0;
}
