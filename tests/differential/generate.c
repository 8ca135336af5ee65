/* generate.c: rn-generate SEED: the program of that seed, on standard output. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "tests/differential/program.h"

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: rn-generate SEED\n");
        return 64;
    }
    struct program_choices choices = {.seed = strtoull(arguments[1], NULL, 0)};
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_buf_init(&text, 1u << 20);
    program_write(&choices, &text);
    fwrite(text.data, 1, text.size, stdout);
    return rn_buf_status(&text) == RN_OK ? 0 : 70;
}
