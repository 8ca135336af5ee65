/*
 * write_names.c: rn_std_names OUTPUT: writes the table of the library's names as C, for every worker to share.
 *
 * A program of the build: it makes an engine as a worker would without the table, and writes down what that found.
 */
#include <stdio.h>

#include "worker/std/library.h"
#include "worker/std/std_names.h"
#include "worker/vm/machine.h"

#define REGION_SIZE (4u << 20)

const struct rn_names rn_std_names;

static void write_entries(FILE *out, const struct rn_names *names)
{
    fprintf(out, "static const struct rn_name_entry entries[%u] = {\n", names->mask + 1);
    for (uint32_t i = 0; i <= names->mask; i++) {
        const struct rn_name_entry *entry = &names->entries[i];
        if (entry->callee != 0) {
            fprintf(out, "    [%u] = {UINT64_C(0x%016llx), 0x%xu, %u},\n", i,
                    (unsigned long long)entry->hash, entry->owner, entry->callee);
        }
    }
    fprintf(out, "};\n\n");
}

static void write_traits(FILE *out, const struct rn_names *names)
{
    fprintf(out, "static const uint16_t traits[] = {");
    for (uint32_t i = 0; i < names->impl_count; i++) {
        fprintf(out, "%s%u,", i % 16 == 0 ? "\n    " : " ", names->traits[i]);
    }
    fprintf(out, "\n};\n\nstatic const struct rn_type_traits types[%u] = {\n", names->type_count);
    for (uint32_t i = 0; i < names->type_count; i++) {
        fprintf(out, "    {%u, %u},\n", names->types[i].first, names->types[i].count);
    }
    fprintf(out, "};\n\n");
}

static void write_names(FILE *out, const struct rn_names *names)
{
    fprintf(out, "/* Made by the build: write_names.c. */\n"
                 "#include \"worker/std/std_names.h\"\n"
                 "#include \"worker/vm/machine.h\"\n\n");
    write_entries(out, names);
    write_traits(out, names);
    fprintf(out, "const struct rn_names rn_std_names = {entries, %u, %u, traits, types, %u, %u};\n",
            names->mask, names->trait_count, names->type_count, names->impl_count);
}

int main(int argc, char **argv)
{
    static _Alignas(RN_PAGE_SIZE) uint8_t region[REGION_SIZE];
    struct rn_engine *engine;
    if (argc != 2) {
        fprintf(stderr, "usage: rn_std_names OUTPUT\n");
        return 64;
    }
    if (rn_engine_new(region, REGION_SIZE, &rn_std_library, &engine) != RN_OK) {
        fprintf(stderr, "rn_std_names: the library does not fit together\n");
        return 1;
    }
    FILE *out = fopen(argv[1], "w");
    if (!out) {
        perror(argv[1]);
        return 1;
    }
    write_names(out, &engine->names);
    int failed = ferror(out);
    failed |= fclose(out);
    return failed ? 1 : 0;
}
