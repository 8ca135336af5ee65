/* Each sample has the diagnostic that it is a sample of; what a code means can be looked up. */
#include "base/alloc.h"
#include "compiler/compile.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static const struct {
    enum rn_diagnostic_code code;
    const char *text;
} samples[] = {
#define SAMPLE(name, text) {RN_DIAGNOSTIC_##name, text},
#include "diagnostic_samples.def"
};

static bool has_code(const struct rn_diagnostics *list, enum rn_diagnostic_code code)
{
    for (const struct rn_diagnostic *d = list->first; d != NULL; d = d->next) {
        if (d->code == (uint16_t)code) {
            return true;
        }
    }
    return false;
}

/* The only module there is has the path "a". */
static enum rn_error load(void *user, const char *item, char **out_name, char **out_text,
                          size_t *out_size)
{
    (void)user;
    if (strcmp(item, "a") != 0) {
        return RN_E_NOT_FOUND;
    }
    *out_name = rn_strndup("a.rn", 4);
    *out_text = rn_strndup("", 0);
    *out_size = 0;
    return RN_OK;
}

static void test_samples(void **state)
{
    (void)state;
    struct rn_context *context = NULL;
    struct rn_module_loader loader = {.load = load};
    assert_int_equal(rn_context_new(&context), RN_OK);
    for (size_t i = 0; i < RN_COUNT_OF(samples); i++) {
        struct rn_compile_input input = {.name = "sample.rn",
                                         .text = samples[i].text,
                                         .size = strlen(samples[i].text),
                                         .context = context,
                                         .loader = &loader,
                                         .script = true};
        struct rn_compile_output output;
        enum rn_error error = rn_compile(&input, &output);
        assert_true(error == RN_OK || error == RN_E_COMPILE_FAILED);
        if (!has_code(&output.diagnostics, samples[i].code)) {
            fail_msg("%s: not %s", samples[i].text, rn_diagnostic_infos[samples[i].code].name);
        }
        rn_compile_output_done(&output);
    }
    rn_context_free(context);
}

static void test_every_row_says_something(void **state)
{
    (void)state;
    for (unsigned i = 1; i < RN_DIAGNOSTIC_COUNT; i++) {
        const struct rn_diagnostic_info *info = &rn_diagnostic_infos[i];
        assert_true(strlen(info->code) == 5 && strlen(info->message) > 5);
        assert_int_equal(info->code[0], info->severity == RN_SEVERITY_ERROR ? 'E' : 'W');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_every_row_says_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
