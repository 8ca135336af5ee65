/* statics.c: static items that the host declares for a build. */
#include "supervisor/statics.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/value.h"

/* The items stand in a context of their own, which checks paths and values. */
struct rune_statics {
    _Atomic uint32_t refs;
    struct rn_context *items;
};

rune_statics *rune_statics_new(void)
{
    rune_statics *statics = rn_alloc(sizeof(*statics));
    if (!statics || rn_context_new(&statics->items) != RN_OK) {
        rn_free(statics);
        return NULL;
    }
    atomic_init(&statics->refs, 1);
    return statics;
}

rune_statics *rn_statics_ref(const rune_statics *statics)
{
    rune_statics *counted = (rune_statics *)(uintptr_t)statics;
    if (counted) {
        atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    }
    return counted;
}

rune_status rune_statics_insert(rune_statics *statics, const char *item,
                                const rune_const_value *initial, rune_error **error)
{
    struct rn_context_item made = {.path = {item, strlen(item)},
                                   .hash = rn_hash_item(item, strlen(item)),
                                   .kind = RN_ITEM_STATIC,
                                   .type_id = UINT32_MAX};
    if (initial) {
        made.constant = initial->bytes;
        made.constant_size = initial->size;
    }
    enum rn_error failed = rn_context_add(statics->items, &made);
    if (failed == RN_E_INVALID_ARGUMENT) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "`%s` cannot be declared as a static", item);
    }
    return failed == RN_OK ? RUNE_OK : rn_fail_plain(error, failed);
}

void rune_statics_free(rune_statics *statics)
{
    if (statics && atomic_fetch_sub_explicit(&statics->refs, 1, memory_order_acq_rel) == 1) {
        rn_context_free(statics->items);
        rn_free(statics);
    }
}

/* Adds the host's items of `from`. */
static enum rn_error add_items(struct rn_context *to, const struct rn_context *from)
{
    RN_AUTO(rn_buf) struct rn_buf bytes;
    rn_buf_init(&bytes, UINT32_MAX);
    RN_TRY(rn_context_encode(from, &bytes));
    return rn_context_decode(to, bytes.data, bytes.size);
}

enum rn_error rn_statics_append(const rune_statics *statics, const rune_context *context,
                                struct rn_buf *out)
{
    if (!statics || !context) {
        const struct rn_context *only = statics ? statics->items : context ? context->items : NULL;
        return only ? rn_context_encode(only, out) : RN_OK;
    }
    struct rn_context *both;
    RN_TRY(rn_context_new(&both));
    enum rn_error error = add_items(both, context->items);
    if (error == RN_OK) {
        error = add_items(both, statics->items);
    }
    if (error == RN_OK) {
        error = rn_context_encode(both, out);
    }
    rn_context_free(both);
    return error;
}

rune_status rn_fail_static_path(rune_error **error)
{
    return rn_fail(error, RUNE_E_INVALID_ARGUMENT,
                   "a static that the host declares has the path of an item of the context");
}
