/* raised.c: what `must` of the examples prints of an error that a script raised. */
#include "docs/examples/embed/example.h"

int main(void)
{
    rune_supervisor *supervisor = start();
    rune_unit *unit = build(supervisor, NULL, NULL, "pub fn main() { panic!(\"boom\") }");
    rune_vm *vm = make_vm(supervisor, NULL, unit);
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    must(rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error), &error);
    return 0;
}
