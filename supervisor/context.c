/* context.c: what scripts may call: modules of the host, contexts, frozen runtimes. */
#include "supervisor/context.h"

#include <string.h>

#include "base/alloc.h"
#include "base/math.h"
#include "bytecode/hash.h"
#include "bytecode/intern.h"
#include "bytecode/unit_layout.h"
#include "shm/runtime_layout.h"
#include "supervisor/error.h"
#include "supervisor/value.h"

struct constant {
    char *path;
    rune_const_value *value;
};

struct rune_module {
    char *path;
    struct rn_intern paths; /* of functions and constants */
    struct rn_host_table functions;
    struct constant *constants;
    size_t constant_count;
    size_t constant_capacity;
};

/* Tables */

static void table_done(struct rn_host_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        rn_free(table->entries[i].path);
    }
    rn_free(table->entries);
}

/* Makes room for one more element of `size` bytes. */
static bool grow(void **elements, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity) {
        return true;
    }
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    size_t bytes;
    if (!rn_checked_mul(wanted, size, &bytes)) {
        return false;
    }
    void *moved = rn_realloc(*elements, bytes);
    if (!moved) {
        return false;
    }
    *elements = moved;
    *capacity = wanted;
    return true;
}

/* Adds a copy of `entry`. */
static enum rn_error table_add(struct rn_host_table *table, const struct rn_host_entry *entry)
{
    if (table->count >= RN_RUNTIME_FUNCTIONS_MAX) {
        return RN_E_TOO_LARGE;
    }
    void *entries = table->entries;
    if (!grow(&entries, &table->capacity, table->count, sizeof(*entry))) {
        return RN_E_NO_MEMORY;
    }
    table->entries = entries;
    char *path = rn_strndup(entry->path, strlen(entry->path));
    if (!path) {
        return RN_E_NO_MEMORY;
    }
    table->entries[table->count] = *entry;
    table->entries[table->count].path = path;
    table->count++;
    return RN_OK;
}

/* Paths of a module */

/* Constants are numbered from here on, functions from 0. */
#define CONSTANTS_FROM (UINT32_C(1) << 31)

static struct rn_utf8 path_at(const void *owner, uint32_t index)
{
    const rune_module *module = owner;
    const char *path = index < CONSTANTS_FROM ? module->functions.entries[index].path
                                              : module->constants[index - CONSTANTS_FROM].path;
    return (struct rn_utf8){path, strlen(path)};
}

/* May an item of that path come into the module? */
static rune_status check_path(const rune_module *module, const char *path, rune_error **error)
{
    struct rn_utf8 bytes = {path, strlen(path)};
    return rn_intern_find(&module->paths, bytes, path_at, module) == RN_NONE
               ? RUNE_OK
               : rn_fail(error, RUNE_E_INVALID_ARGUMENT, "the module has `%s` already", path);
}

static enum rn_error add_function(rune_module *module, const struct rn_host_entry *entry)
{
    struct rn_host_table *table = &module->functions;
    RN_TRY(table_add(table, entry));
    uint32_t index = (uint32_t)table->count - 1;
    enum rn_error error = rn_intern_add(&module->paths, path_at(module, index), index);
    if (error != RN_OK) {
        rn_free(table->entries[--table->count].path);
    }
    return error;
}

/* Modules */

static bool is_identifier(const char *text, size_t size)
{
    if (size == 0 || (text[0] >= '0' && text[0] <= '9')) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool good = c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                    (c >= 'A' && c <= 'Z');
        if (!good) {
            return false;
        }
    }
    return rn_utf8_valid(text, size, NULL);
}

/* Identifiers joined by "::". */
static bool is_path(const char *path)
{
    for (;;) {
        const char *end = strstr(path, "::");
        size_t size = end ? (size_t)(end - path) : strlen(path);
        if (!is_identifier(path, size)) {
            return false;
        }
        if (!end) {
            return true;
        }
        path = end + 2;
    }
}

/* `module::name`, the caller's, which the module may take. */
static rune_status join(const rune_module *module, const char *name, char **out_path,
                        rune_error **error)
{
    size_t first = strlen(module->path);
    size_t second = strlen(name);
    if (!is_identifier(name, second)) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "`%s` is not an identifier", name);
    }
    RN_AUTO_FREE char *path = rn_alloc(first + second + 3);
    if (!path) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    memcpy(path, module->path, first);
    memcpy(path + first, "::", 2);
    memcpy(path + first + 2, name, second);
    rune_status status = check_path(module, path, error);
    if (status == RUNE_OK) {
        *out_path = RN_TAKE(path);
    }
    return status;
}

rune_module *rune_module_new(const char *path)
{
    if (!path || !is_path(path)) {
        return NULL;
    }
    rune_module *module = rn_alloc(sizeof(*module));
    if (module) {
        module->path = rn_strndup(path, strlen(path));
    }
    if (!module || !module->path) {
        rn_free(module);
        return NULL;
    }
    return module;
}

rune_status rune_module_function(rune_module *module, const char *name, int arity, unsigned flags,
                                 rune_host_fn fn, void *user, rune_error **error)
{
    if (!module || !name || !fn) {
        return rn_fail_null(error, !module ? "module" : !name ? "name" : "fn");
    }
    if (arity < -1 || arity > RN_HOST_ARITY_MAX) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "%s: an arity of %d, not -1 to %d", name,
                       arity, RN_HOST_ARITY_MAX);
    }
    if ((flags & ~(unsigned)RUNE_FUNCTION_ASYNC) != 0) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "%s: unknown flags 0x%x", name, flags);
    }
    RN_AUTO_FREE char *path = NULL;
    rune_status status = join(module, name, &path, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct rn_host_entry entry = {.path = path,
                                  .hash = rn_hash_item(path, strlen(path)),
                                  .arity = arity,
                                  .is_async = (flags & RUNE_FUNCTION_ASYNC) != 0,
                                  .fn = fn,
                                  .user = user};
    enum rn_error failed = add_function(module, &entry);
    return failed == RN_OK ? RUNE_OK : rn_fail_plain(error, failed);
}

rune_status rune_module_constant(rune_module *module, const char *name,
                                 const rune_const_value *value, rune_error **error)
{
    if (!module || !name || !value) {
        return rn_fail_null(error, !module ? "module" : !name ? "name" : "value");
    }
    void *constants = module->constants;
    RN_AUTO_FREE char *path = NULL;
    rune_status status = join(module, name, &path, error);
    if (status != RUNE_OK) {
        return status;
    }
    if (!grow(&constants, &module->constant_capacity, module->constant_count,
              sizeof(struct constant))) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    module->constants = constants;
    enum rn_error failed = rn_intern_add(&module->paths, (struct rn_utf8){path, strlen(path)},
                                         CONSTANTS_FROM + (uint32_t)module->constant_count);
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    module->constants[module->constant_count++] =
        (struct constant){.path = RN_TAKE(path), .value = rune_value_ref(value)};
    return RUNE_OK;
}

void rune_module_free(rune_module *module)
{
    if (!module) {
        return;
    }
    table_done(&module->functions);
    for (size_t i = 0; i < module->constant_count; i++) {
        rn_free(module->constants[i].path);
        rune_value_unref(module->constants[i].value);
    }
    rn_free(module->constants);
    rn_intern_done(&module->paths);
    rn_free(module->path);
    rn_free(module);
}

/* Contexts */

rune_context *rune_context_with_default_modules(void)
{
    rune_context *context = rn_alloc(sizeof(*context));
    if (!context || rn_context_new(&context->items) != RN_OK) {
        rn_free(context);
        return NULL;
    }
    return context;
}

static struct rn_context_item item_of_function(const struct rn_host_entry *entry)
{
    return (struct rn_context_item){
        .path = {entry->path, strlen(entry->path)},
        .hash = entry->hash,
        .kind = RN_ITEM_FUNCTION,
        .flags = (uint8_t)(RN_ITEM_HOST | (entry->is_async ? RN_ITEM_ASYNC : 0)),
        .arity = (int16_t)entry->arity,
        .type_id = RN_NONE,
    };
}

static struct rn_context_item item_of_constant(const struct constant *constant)
{
    return (struct rn_context_item){
        .path = {constant->path, strlen(constant->path)},
        .hash = rn_hash_item(constant->path, strlen(constant->path)),
        .kind = RN_ITEM_CONSTANT,
        .type_id = RN_NONE,
        .constant = constant->value->bytes,
        .constant_size = constant->value->size,
    };
}

static rune_status add_item(struct rn_context *items, const struct rn_context_item *item,
                            rune_error **error)
{
    enum rn_error failed = rn_context_add(items, item);
    return failed == RN_OK
               ? RUNE_OK
               : rn_fail(error, (rune_status)failed, "`%.*s`: %s", (int)item->path.size,
                         item->path.data,
                         failed == RN_E_INVALID_ARGUMENT ? "there is an item of that path already"
                                                         : rn_error_message(failed));
}

static rune_status add_items(struct rn_context *items, const rune_module *module,
                             rune_error **error)
{
    rune_status status = RUNE_OK;
    for (size_t i = 0; status == RUNE_OK && i < module->functions.count; i++) {
        struct rn_context_item item = item_of_function(&module->functions.entries[i]);
        status = add_item(items, &item, error);
    }
    for (size_t i = 0; status == RUNE_OK && i < module->constant_count; i++) {
        struct rn_context_item item = item_of_constant(&module->constants[i]);
        status = add_item(items, &item, error);
    }
    return status;
}

/* The same items, in memory of their own. */
static enum rn_error copy_items(const struct rn_context *from, struct rn_context **out_items)
{
    RN_AUTO(rn_buf) struct rn_buf bytes;
    struct rn_context *items;
    rn_buf_init(&bytes, UINT32_MAX);
    RN_TRY(rn_context_encode(from, &bytes));
    RN_TRY(rn_context_new(&items));
    enum rn_error error = rn_context_decode(items, bytes.data, bytes.size);
    if (error != RN_OK) {
        rn_context_free(items);
        return error;
    }
    *out_items = items;
    return RN_OK;
}

/* Functions of the module; the table is as it was if they cannot all be added. */
static enum rn_error add_functions(struct rn_host_table *table, const rune_module *module)
{
    size_t before = table->count;
    enum rn_error error = RN_OK;
    for (size_t i = 0; error == RN_OK && i < module->functions.count; i++) {
        error = table_add(table, &module->functions.entries[i]);
    }
    while (error != RN_OK && table->count > before) {
        rn_free(table->entries[--table->count].path);
    }
    return error;
}

/* On a copy, which takes the place of the context's items when all of the module is in it. */
rune_status rune_context_install(rune_context *context, const rune_module *module,
                                 rune_error **error)
{
    struct rn_context *items;
    if (!context || !module) {
        return rn_fail_null(error, context ? "module" : "context");
    }
    enum rn_error failed = copy_items(context->items, &items);
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    rune_status status = add_items(items, module, error);
    if (status == RUNE_OK) {
        failed = add_functions(&context->functions, module);
        status = failed == RN_OK ? RUNE_OK : rn_fail_plain(error, failed);
    }
    if (status != RUNE_OK) {
        rn_context_free(items);
        return status;
    }
    rn_context_free(context->items);
    context->items = items;
    return RUNE_OK;
}

void rune_context_free(rune_context *context)
{
    if (context) {
        rn_context_free(context->items);
        table_done(&context->functions);
        rn_free(context);
    }
}

/* Contexts of strangers */

/* An item that was decoded: paths and values have been checked. */
static enum rn_error take_item(rune_context *context, const struct rn_context_item *item,
                               rn_host_forward forward)
{
    if (item->kind == RN_ITEM_MODULE || item->kind == RN_ITEM_CONSTANT ||
        item->kind == RN_ITEM_STATIC) {
        return item->flags == 0 ? RN_OK : RN_E_INVALID_ARGUMENT;
    }
    if (item->kind != RN_ITEM_FUNCTION || (item->flags & RN_ITEM_HOST) == 0 || item->arity < -1 ||
        item->arity > RN_HOST_ARITY_MAX) {
        return RN_E_INVALID_ARGUMENT;
    }
    RN_AUTO_FREE char *path = rn_strndup(item->path.data, item->path.size);
    struct rn_host_entry entry = {.path = path,
                                  .hash = item->hash,
                                  .arity = item->arity,
                                  .is_async = (item->flags & RN_ITEM_ASYNC) != 0,
                                  .forward = forward};
    return path ? table_add(&context->functions, &entry) : RN_E_NO_MEMORY;
}

static enum rn_error take_items(rune_context *context, const void *items, size_t size,
                                rn_host_forward forward)
{
    RN_TRY(rn_context_decode(context->items, items, size));
    size_t count = rn_context_added_count(context->items);
    for (size_t i = 0; i < count; i++) {
        RN_TRY(take_item(context, rn_context_added_at(context->items, i), forward));
    }
    return RN_OK;
}

rune_status rn_context_take(const void *items, size_t size, rn_host_forward forward,
                            rune_context **out_context, rune_error **error)
{
    rune_context *context = rune_context_with_default_modules();
    enum rn_error failed = context ? take_items(context, items, size, forward) : RN_E_NO_MEMORY;
    if (failed != RN_OK) {
        rune_context_free(context);
        return rn_fail(error, (rune_status)failed, "the context: %s", rn_error_message(failed));
    }
    *out_context = context;
    return RUNE_OK;
}

/* Runtimes */

enum rn_error rn_runtime_encode(const rune_runtime *runtime, struct rn_buf *out)
{
    rn_context_encode_head(out, (uint32_t)runtime->functions.count);
    for (size_t i = 0; i < runtime->functions.count; i++) {
        struct rn_context_item item = item_of_function(&runtime->functions.entries[i]);
        rn_context_encode_item(out, &item);
    }
    return rn_buf_status(out);
}

static enum rn_error make_segment(rune_runtime *runtime)
{
    RN_AUTO(rn_buf) struct rn_buf bytes;
    rn_buf_init(&bytes, RN_SEGMENT_SIZE_MAX);
    rn_buf_append_u64(&bytes, RN_RUNTIME_MAGIC);
    rn_buf_append_u32(&bytes, (uint32_t)runtime->functions.count);
    rn_buf_append_u32(&bytes, 0);
    for (size_t i = 0; i < runtime->functions.count; i++) {
        const struct rn_host_entry *entry = &runtime->functions.entries[i];
        rn_buf_append_u64(&bytes, entry->hash);
        rn_buf_append_u32(&bytes, (uint32_t)entry->arity);
        rn_buf_append_u32(&bytes, entry->is_async);
    }
    RN_TRY(rn_buf_status(&bytes));
    return rn_segment_make("runeward-runtime", bytes.data, bytes.size, &runtime->segment);
}

enum rn_error rn_runtime_declare(const struct rn_host_entry *entries, size_t count,
                                 rune_runtime **out_runtime)
{
    rune_runtime *runtime = rn_alloc(sizeof(*runtime));
    if (!runtime) {
        return RN_E_NO_MEMORY;
    }
    atomic_init(&runtime->refs, 1);
    runtime->segment.fd = -1;
    enum rn_error failed = RN_OK;
    for (size_t i = 0; failed == RN_OK && i < count; i++) {
        failed = table_add(&runtime->functions, &entries[i]);
    }
    if (failed == RN_OK) {
        failed = make_segment(runtime);
    }
    if (failed != RN_OK) {
        rune_runtime_unref(runtime);
        return failed;
    }
    *out_runtime = runtime;
    return RN_OK;
}

rune_status rune_context_runtime(const rune_context *context, rune_runtime **out_runtime,
                                 rune_error **error)
{
    if (!context) {
        return rn_fail_null(error, "context");
    }
    enum rn_error failed =
        rn_runtime_declare(context->functions.entries, context->functions.count, out_runtime);
    return failed == RN_OK ? RUNE_OK : rn_fail_plain(error, failed);
}

rune_runtime *rune_runtime_ref(rune_runtime *runtime)
{
    if (runtime) {
        atomic_fetch_add_explicit(&runtime->refs, 1, memory_order_relaxed);
    }
    return runtime;
}

void rune_runtime_unref(rune_runtime *runtime)
{
    if (runtime && atomic_fetch_sub_explicit(&runtime->refs, 1, memory_order_acq_rel) == 1) {
        table_done(&runtime->functions);
        rn_segment_done(&runtime->segment);
        rn_free(runtime);
    }
}

const struct rn_host_entry *rn_runtime_function(const rune_runtime *runtime, uint32_t index)
{
    return runtime && index < runtime->functions.count ? &runtime->functions.entries[index] : NULL;
}
