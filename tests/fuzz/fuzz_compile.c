/* Hostile source text goes through the whole compiler; whatever it makes passes the verifier. */
#include "bytecode/unit.h"
#include "compiler/compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses between file and script, and between script and standard Unit. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_context *context = NULL;
    if (size == 0 || rn_context_new(&context) != RN_OK) {
        return 0;
    }
    bool standard = (data[0] & 2) != 0;
    struct rn_compile_input input = {
        .name = "fuzz.rn",
        .text = (const char *)data + 1,
        .size = size - 1,
        .context = context,
        .script = (data[0] & 1) != 0,
        .standard = standard,
        .memory_max = 256u << 20,
    };
    struct rn_compile_output output;
    if (rn_compile(&input, &output) == RN_OK) {
        struct rune_unit_image image = {output.image.data, output.image.size};
        struct rune_verified_unit unit;
        RN_CHECK(rn_unit_verify(image, standard, &unit, NULL) == RN_OK);
    } else {
        RN_CHECK(output.diagnostics.error_count > 0);
    }
    rn_compile_output_done(&output);
    rn_context_free(context);
    return 0;
}
