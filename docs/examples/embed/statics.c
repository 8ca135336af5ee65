/*
 * statics.c: statics that the program declares, sets and reads; snapshots of a script's state.
 *
 * The script uses GREETING and CALLS without declaring them, as it would use a function of the
 * program.
 */
#include "example.h"

static const char source[] = "pub fn main(name) {\n"
                             "    CALLS += 1;\n"
                             "    `${GREETING}, ${name}! (call ${CALLS})`\n"
                             "}\n";

static void greet(rune_vm *vm, const char *name)
{
    const char *text;
    size_t size;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_const_value *argument = rune_value_text(name);
    const rune_const_value *args[] = {argument};
    must(rune_vm_call(vm, "main", args, 1, NULL, &value, &error), &error);
    if (rune_value_get_string(value, &text, &size)) {
        (void)printf("%.*s\n", (int)size, text);
    }
    rune_value_unref(value);
    rune_value_unref(argument);
}

static rune_unit *build_with_statics(rune_supervisor *supervisor)
{
    rune_error *error = NULL;
    rune_statics *statics = rune_statics_new();
    rune_options *options = rune_options_new();
    rune_const_value *zero = rune_value_i64(0);
    must(rune_statics_insert(statics, "GREETING", NULL, &error), &error);
    must(rune_statics_insert(statics, "CALLS", zero, &error), &error);
    rune_options_set_statics(options, statics);
    rune_unit *unit = build(supervisor, NULL, options, source);
    rune_value_unref(zero);
    rune_options_free(options);
    rune_statics_free(statics);
    return unit;
}

static void set_text(rune_vm *vm, const char *item, const char *text)
{
    rune_error *error = NULL;
    rune_const_value *value = rune_value_text(text);
    must(rune_vm_set_static(vm, item, value, &error), &error);
    rune_value_unref(value);
}

/* The whole state as JSON: it could be kept in a file, or go to another Vm. */
static void print_state(rune_vm *vm)
{
    rune_globals *globals = NULL;
    rune_const_value *value = NULL;
    rune_text *text = NULL;
    rune_error *error = NULL;
    must(rune_vm_globals(vm, &globals, &error), &error);
    must(rune_globals_to_value(globals, &value, &error), &error);
    must(rune_value_to_json(value, &text, &error), &error);
    (void)printf("%s\n", rune_text_data(text));
    rune_text_free(text);
    rune_value_unref(value);
    rune_globals_free(globals);
}

int main(void)
{
    int64_t calls = 0;
    rune_globals *before = NULL;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_supervisor *supervisor = start();
    rune_unit *unit = build_with_statics(supervisor);
    rune_vm *vm = make_vm(supervisor, NULL, unit);
    rune_vm *other = make_vm(supervisor, NULL, unit);

    set_text(vm, "GREETING", "Hello");
    greet(vm, "Jane");
    must(rune_vm_globals(vm, &before, &error), &error);
    greet(vm, "John");
    must(rune_vm_static(vm, "CALLS", &value, &error), &error);
    (void)rune_value_get_i64(value, &calls);
    (void)printf("calls: %lld\n", (long long)calls);
    print_state(vm);
    // Another Vm goes on where the first one was.
    must(rune_vm_set_globals(other, before, &error), &error);
    set_text(other, "GREETING", "Good day");
    greet(other, "Jim");

    rune_value_unref(value);
    rune_globals_free(before);
    rune_vm_free(vm);
    rune_vm_free(other);
    rune_unit_unref(unit);
    rune_supervisor_free(supervisor);
    return 0;
}
