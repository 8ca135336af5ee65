/* The key of a process: one in each, and another in the next. */
#include "base/hash_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *program;

static uint64_t ask_another(void)
{
    char command[4096];
    unsigned long long key = 0;
    assert_true(snprintf(command, sizeof(command), "'%s' key", program) < (int)sizeof(command));
    FILE *answer = popen(command, "r");
    assert_non_null(answer);
    assert_int_equal(fscanf(answer, "%llx", &key), 1);
    assert_int_equal(pclose(answer), 0);
    return key;
}

static void test_each_process_has_its_own(void **state)
{
    (void)state;
    assert_int_equal(rn_hash_key(), rn_hash_key());
    assert_int_not_equal(ask_another(), rn_hash_key());
    assert_int_not_equal(ask_another(), ask_another());
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return printf("%llx\n", (unsigned long long)rn_hash_key()) < 0;
    }
    program = argv[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_process_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
