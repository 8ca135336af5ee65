/* Foreign text is a double, the one that the C library reads, or is refused; all forms read back.
 */
#include "base/float_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_reads_back(double value, void (*append)(struct rn_buf *buf, double value))
{
    char text[400];
    double again;
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, text, sizeof(text));
    append(&buf, value);
    RN_CHECK(rn_buf_status(&buf) == RN_OK);
    RN_CHECK(rn_f64_parse(text, buf.size, &again));
    RN_CHECK(memcmp(&again, &value, sizeof(value)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double value;
    if (!rn_f64_parse((const char *)data, size, &value)) {
        return 0;
    }
    char *text = malloc(size + 1);
    RN_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    double theirs = strtod(text, NULL);
    RN_CHECK(memcmp(&theirs, &value, sizeof(value)) == 0);
    free(text);
    if (value - value == 0) {
        expect_reads_back(value, rn_f64_append_display);
        expect_reads_back(value, rn_f64_append_debug);
    }
    return 0;
}
