/* example.h: what the shorter examples share: ending with a message, and a Unit from a text. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runeward/runeward.h>

/*
 * Ends the program with what is known of the failure; nothing if there was none. Takes the address of the
 * error: in must(f(&error), error) the compiler may read `error` before f has set it.
 */
static inline void must(rune_status status, rune_error **error)
{
    rune_text *text;
    if (status == RUNE_OK) {
        return;
    }
    if (error && *error && rune_error_render(*error, false, &text) == RUNE_OK) {
        (void)fputs(rune_text_data(text), stderr);
    } else {
        (void)fprintf(stderr, "%s\n", rune_status_message(status));
    }
    exit(70);
}

static inline rune_supervisor *start(void)
{
    rune_supervisor *supervisor = NULL;
    rune_error *error = NULL;
    must(rune_supervisor_new(NULL, &supervisor, &error), &error);
    return supervisor;
}

/* `context` and `options` may be NULL. */
static inline rune_unit *build(rune_supervisor *supervisor, const rune_context *context,
                               const rune_options *options, const char *source)
{
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    rune_text *text;
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    must(rune_sources_insert_memory(sources, "entry", source, strlen(source), &error), &error);
    rune_status status =
        rune_build(supervisor, sources, context, options, diagnostics, &unit, &error);
    if (status != RUNE_OK && rune_diagnostics_render(diagnostics, false, &text) == RUNE_OK) {
        (void)fputs(rune_text_data(text), stderr);
    }
    must(status, &error);
    rune_diagnostics_free(diagnostics);
    rune_sources_free(sources);
    return unit;
}

/* A context with one module more than the standard ones. Consumes the module. */
static inline rune_context *context_with(rune_module *module)
{
    rune_error *error = NULL;
    rune_context *context = rune_context_with_default_modules();
    must(rune_context_install(context, module, &error), &error);
    rune_module_free(module);
    return context;
}

static inline void add_function(rune_module *module, const char *name, int arity, unsigned flags,
                                rune_host_fn fn, void *user)
{
    rune_error *error = NULL;
    must(rune_module_function(module, name, arity, flags, fn, user, &error), &error);
}

static inline rune_runtime *freeze(const rune_context *context)
{
    rune_runtime *runtime = NULL;
    rune_error *error = NULL;
    must(rune_context_runtime(context, &runtime, &error), &error);
    return runtime;
}

static inline rune_vm *make_vm(rune_supervisor *supervisor, rune_runtime *runtime, rune_unit *unit)
{
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    must(rune_vm_new(supervisor, runtime, unit, NULL, &vm, &error), &error);
    return vm;
}

#endif
