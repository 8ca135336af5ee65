/*
 * Any text to the readers that scripts have (the first byte says which): what is read and written
 * is read as the same again, and errors have a text.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "compiler/compile.h"
#include "worker/std/library.h"
#include "worker/vm/vm.h"

#define REGION_SIZE ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char source[] =
    "pub fn read_json(bytes) { match json::from_bytes(bytes) {"
    "    Ok(value) => { let text = json::to_string(value).unwrap();"
    "        json::to_bytes(json::from_string(text).unwrap()).unwrap() == text.into_bytes() }"
    "    Err(error) => format!(\"{error}{error:?}\").len() > 0 } }"
    "pub fn read_base64(bytes) {"
    "    let text = base64::encode(bytes);"
    "    if base64::decode(text).unwrap() != bytes { return false; }"
    "    match String::from_utf8(bytes) {"
    "        Ok(text) => match base64::decode(text) {"
    "            Ok(value) => base64::encode(value) == text,"
    "            Err(error) => format!(\"{error}\").len() > 0 }"
    "        Err(..) => true } }"
    "pub fn read_toml(bytes) { match toml::from_bytes(bytes) {"
    "    Ok(value) => { let text = toml::to_string(value).unwrap();"
    "        toml::to_string(toml::from_string(text).unwrap()).unwrap() == text }"
    "    Err(error) => format!(\"{error}{error:?}\").len() > 0 } }";

static const char *const functions[] = {"read_json", "read_base64", "read_toml"};

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
    struct rn_compile_input input = {.name = "read.rn",
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

static void expect_true(struct rn_vm *vm)
{
    enum rn_event event;
    do {
        event = rn_vm_run(vm, 1u << 16);
    } while (event == RN_EVENT_SLICE);
    if (event == RN_EVENT_LIMIT) {
        return;
    }
    RN_CHECK(event == RN_EVENT_DONE);
    struct rn_value result = rn_vm_result_value(vm);
    RN_CHECK(rn_value_is_true(result));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rn_vm *vm;
    static uint8_t args[(1u << 20) + 64];
    if (size == 0 || size > 1u << 20) {
        return 0;
    }
    if (vm == NULL) {
        vm = make_vm();
    }
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, args, sizeof(args));
    rn_const_begin_tuple(&buf, 1);
    rn_const_write_bytes(&buf, (const char *)data + 1, size - 1);
    const char *name = functions[data[0] % RN_COUNT_OF(functions)];
    struct rn_vm_call call = {.item = rn_hash_item(name, strlen(name)),
                              .args = args,
                              .args_size = buf.size,
                              .limits = {.budget = 20000000, .memory = 32u << 20}};
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
    expect_true(vm);
    rn_vm_end(vm);
    return 0;
}
