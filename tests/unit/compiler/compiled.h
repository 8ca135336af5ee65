/* compiled.h: compiles a text for a test and says what came out. */
#ifndef RN_TESTS_COMPILED_H
#define RN_TESTS_COMPILED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "bytecode/opcode.h"
#include "bytecode/unit.h"
#include "compiler/compile.h"

struct compiled {
    struct rn_context *context;
    struct rn_compile_output output;
    struct rune_verified_unit unit;
    enum rn_error error;
    char ops[8192];
    char report[256];
};

/* Every image passes the verifier. */
static inline void compile_text(struct compiled *c, const char *text, size_t size)
{
    assert_int_equal(rn_context_new(&c->context), RN_OK);
    struct rn_compile_input input = {
        .name = "test.rn", .text = text, .size = size, .context = c->context};
    c->error = rn_compile(&input, &c->output);
    if (c->error == RN_OK) {
        struct rune_unit_image image = {c->output.image.data, c->output.image.size};
        struct rn_unit_fault fault;
        enum rn_error error = rn_unit_verify(image, false, &c->unit, &fault);
        if (error != RN_OK) {
            fail_msg("%s: %s at pc %u", fault.check, fault.message, fault.pc);
        }
    }
}

static inline void compiled_done(struct compiled *c)
{
    rn_compile_output_done(&c->output);
    rn_context_free(c->context);
}

/* The names of the instructions of a function, joined by spaces. */
static inline const char *ops_of(struct compiled *c, const char *path)
{
    assert_int_equal(c->error, RN_OK);
    size_t used = 0;
    c->ops[0] = '\0';
    for (uint32_t i = 0; i < c->unit.counts[RN_SECTION_FUNCTIONS]; i++) {
        const struct rn_unit_function *function = &c->unit.functions[i];
        struct rn_utf8 name = rn_unit_string_at(&c->unit, function->name);
        if (name.size != strlen(path) || memcmp(name.data, path, name.size) != 0) {
            continue;
        }
        for (uint32_t pc = 0; pc < function->code_count; pc++) {
            const struct rn_inst *inst = &c->unit.code[function->code_start + pc];
            used += (size_t)snprintf(c->ops + used, sizeof(c->ops) - used, "%s%s",
                                     pc == 0 ? "" : " ", rn_opcodes[inst->op].name);
            assert_true(used < sizeof(c->ops));
        }
        return c->ops;
    }
    return NULL;
}

/* "LINE:COL CODE" of the first diagnostic of that severity, or "". */
static inline const char *first_of(struct compiled *c, enum rn_severity severity)
{
    c->report[0] = '\0';
    const struct rn_diagnostic *d = c->output.diagnostics.first;
    while (d != NULL && d->severity != severity) {
        d = d->next;
    }
    if (d != NULL) {
        struct rn_position at =
            rn_source_position(&c->output.diagnostics.sources[d->span.source], d->span.start);
        snprintf(c->report, sizeof(c->report), "%u:%u %s", at.line, at.column,
                 rn_diagnostic_infos[d->code].name);
    }
    return c->report;
}

#endif
