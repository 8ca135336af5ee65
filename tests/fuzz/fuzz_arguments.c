/*
 * Any bytes as an argument of a function that returns it: the worker refuses them, or gives back
 * the same bytes, since a value has one encoding.
 */
#include <stdlib.h>
#include <string.h>

#include "bytecode/hash.h"
#include "compiler/compile.h"
#include "worker/std/library.h"
#include "worker/vm/vm.h"

#define REGION_SIZE ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char source[] = "struct Pair { a, b } struct One(x); struct Nothing; "
                             "enum Kind { Plain, Of(v), With { n } } "
                             "pub fn add(a, b) { a + b } pub fn same(x) { x }";
/* A tuple of one. */
static const uint8_t head[] = {0xd9, 0x52, 0x02, 0x81};

/* The machine with its one script, made once. */
static struct rn_vm *make_vm(void)
{
    static struct rn_compile_output output;
    static struct rune_verified_unit unit;
    struct rn_context *context = NULL;
    struct rn_engine *engine;
    struct rn_link *link;
    struct rn_vm *vm;
    RN_CHECK(rn_context_new(&context) == RN_OK);
    struct rn_compile_input input = {.name = "same.rn",
                                     .text = source,
                                     .size = sizeof(source) - 1,
                                     .context = context,
                                     .memory_max = 64u << 20};
    RN_CHECK(rn_compile(&input, &output) == RN_OK);
    rn_context_free(context);
    struct rune_unit_image image = {output.image.data, output.image.size};
    RN_CHECK(rn_unit_verify(image, false, &unit, NULL) == RN_OK);
    void *region = aligned_alloc(4096, REGION_SIZE);
    RN_CHECK(region != NULL);
    memset(region, 0, REGION_SIZE);
    RN_CHECK(rn_engine_new(region, REGION_SIZE, &rn_std_library, &engine) == RN_OK);
    RN_CHECK(rn_link_new(engine, &unit, NULL, 0, &link) == RN_OK);
    RN_CHECK(rn_vm_new(engine, link, &vm) == RN_OK);
    return vm;
}

static void expect_same(struct rn_vm *vm, const uint8_t *data, size_t size)
{
    const uint8_t *result = NULL;
    size_t result_size = 0;
    while (true) {
        enum rn_event event = rn_vm_run(vm, 1u << 20);
        if (event == RN_EVENT_DONE) {
            break;
        }
        if (event != RN_EVENT_SLICE) {
            return; // a limit, or more values than one
        }
    }
    enum rn_error error = rn_vm_result(vm, &result, &result_size);
    RN_CHECK(error == RN_OK || error == RN_E_NO_MEMORY);
    if (error == RN_OK) {
        RN_CHECK(result_size == size && memcmp(result, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rn_vm *vm;
    static uint8_t args[sizeof(head) + (1u << 20)];
    if (size > sizeof(args) - sizeof(head)) {
        return 0;
    }
    if (vm == NULL) {
        vm = make_vm();
    }
    memcpy(args, head, sizeof(head));
    memcpy(args + sizeof(head), data, size);
    struct rn_vm_call call = {.item = rn_hash_item("same", 4),
                              .args = args,
                              .args_size = sizeof(head) + size,
                              .limits = {.budget = 10000000, .memory = 8u << 20}};
    if (rn_vm_start(vm, &call) == RN_OK) {
        expect_same(vm, data, size);
    }
    rn_vm_end(vm);
    return 0;
}
