/*
 * Two scripts, one after the other, in one engine: what the code of the standard Unit has learnt about
 * a type of the first one says nothing about the second one's, which has the same number (K1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "compiler/compile.h"
#include "worker/std/library.h"
#include "worker/vm/vm.h"

#define REGION_SIZE ((size_t)32 << 20)
#define SCRIPTS_MAX 4

static struct rn_context *context;
static struct rn_engine *engine;
static void *region;
static struct rn_compile_output outputs[SCRIPTS_MAX];
static struct rune_verified_unit units[SCRIPTS_MAX];
static int script_count;

static int set_up(void **state)
{
    (void)state;
    region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(region, MAP_FAILED);
    assert_int_equal(rn_context_new(&context), RN_OK);
    assert_int_equal(rn_engine_new(region, REGION_SIZE, &rn_std_library, &engine), RN_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (; script_count > 0; script_count--) {
        rn_compile_output_done(&outputs[script_count - 1]);
    }
    rn_context_free(context);
    return munmap(region, REGION_SIZE);
}

static struct rn_vm *load(const char *text)
{
    struct rn_compile_input input = {
        .name = "test.rn", .text = text, .size = strlen(text), .context = context};
    struct rn_compile_output *output = &outputs[script_count];
    struct rune_verified_unit *unit = &units[script_count];
    struct rn_link *link;
    struct rn_vm *vm;
    assert_in_range(script_count, 0, SCRIPTS_MAX - 1);
    assert_int_equal(rn_compile(&input, output), RN_OK);
    script_count++;
    struct rune_unit_image image = {output->image.data, output->image.size};
    assert_int_equal(rn_unit_verify(image, false, unit, NULL), RN_OK);
    assert_int_equal(rn_link_new(engine, unit, NULL, 0, &link), RN_OK);
    assert_int_equal(rn_vm_new(engine, link, &vm), RN_OK);
    return vm;
}

static enum rn_event run(struct rn_vm *vm)
{
    struct rn_vm_call call = {.item = rn_hash_item("main", 4),
                              .export_hint = RN_NONE,
                              .limits = {.budget = 100000, .memory = 1u << 20}};
    enum rn_event event;
    assert_int_equal(rn_vm_start(vm, &call), RN_OK);
    do {
        event = rn_vm_run(vm, UINT64_MAX);
    } while (event == RN_EVENT_SLICE);
    return event;
}

static void expect_error(struct rn_vm *vm, enum rn_vm_error_kind kind)
{
    assert_int_equal(run(vm), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(vm)->kind, kind);
}

static void expect_i64(struct rn_vm *vm, int64_t expected)
{
    assert_int_equal(run(vm), RN_EVENT_DONE);
    struct rn_value value = rn_vm_result_value(vm);
    assert_int_equal(value.tag, RN_VALUE_I64);
    assert_int_equal(value.i64, expected);
}

/* Slots of fields: the second struct has none there. */
static void fields(void **state)
{
    (void)state;
    struct rn_vm *wide = load("struct S { a, b, c, d, e, f, g, h, peeked, item, iter }\n"
                              "pub fn main() { let s = S { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, "
                              "g: 1, h: 1, peeked: true, item: Some(7), iter: 1 };\n"
                              "  std::iter::Peekable::peek(s).unwrap() }\n");
    struct rn_vm *narrow = load("struct T { a }\n"
                                "pub fn main() { let t = T { a: 1 }; let v = [7, 7, 7, 7];\n"
                                "  std::iter::Peekable::peek(t) }\n");
    expect_i64(wide, 7);
    expect_error(narrow, RN_VM_ERROR_OBJECT_INDEX_MISSING);
}

/* Methods: the second script's function of that number is another one, or none. */
static void methods(void **state)
{
    (void)state;
    struct rn_vm *many =
        load("struct S { n }\nfn a() { 1 }\nfn b() { a() }\nfn c() { b() }\n"
             "impl S { fn insert(self, k, v) { self.n += v + c(); } }\n"
             "pub fn main() { let s = S { n: 0 };\n"
             "  std::collections::hash_map::HashMap::extend(s, [(1, 20), (2, 20)]); s.n }\n");
    struct rn_vm *few =
        load("struct T { n }\nimpl T { fn insert(self, k, v) { self.n -= k; } }\n"
             "pub fn main() { let t = T { n: 0 };\n"
             "  std::collections::hash_map::HashMap::extend(t, [(1, 20), (2, 20)]); t.n }\n");
    struct rn_vm *none = load("struct U { n }\npub fn main() { let u = U { n: 0 };\n"
                              "  std::collections::hash_map::HashMap::extend(u, [(1, 20)]) }\n");
    expect_i64(many, 42);
    expect_i64(few, -3);
    expect_error(none, RN_VM_ERROR_MISSING_METHOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(methods, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
