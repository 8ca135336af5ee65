/* context.h: modules, contexts and frozen runtimes as the supervisor holds them. */
#ifndef RN_SUPERVISOR_CONTEXT_H
#define RN_SUPERVISOR_CONTEXT_H

#include <runeward/context.h>

#include <stdatomic.h>

#include "base/buf.h"
#include "bytecode/context.h"
#include "shm/segment.h"

#define RN_HOST_ARITY_MAX 64

/*
 * Takes a host call on, and its arguments as the worker sent them, unread; they are its own. Whoever it goes to
 * answers when he likes, whatever the script waits for (rn_host_call_answer, rune_host_call_fail). `user`: the
 * call's (rune_call_options.forward_user).
 */
typedef void (*rn_host_forward)(void *user, rune_host_call *call, uint8_t *args, size_t size);

/* A host function; `path` is owned. */
struct rn_host_entry {
    char *path;
    uint64_t hash;
    int arity;
    bool is_async; /* the script gets a Future */
    rune_host_fn fn;
    void *user;
    rn_host_forward forward; /* instead of `fn`, or NULL */
};

struct rn_host_table {
    struct rn_host_entry *entries;
    size_t count;
    size_t capacity;
};

struct rune_context {
    struct rn_context *items; /* what the compiler sees */
    struct rn_host_table functions;
};

/* The functions in the order of their indices in HOST_CALL, and the segment that workers map. */
struct rune_runtime {
    _Atomic uint32_t refs;
    _Atomic uint32_t attachments; /* of those refs, held by workers' tables */
    struct rn_host_table functions;
    struct rn_segment segment;
};

/*
 * A context of encoded items, from whoever sent them: functions, each of which is forwarded, constants, and
 * statics that were declared.
 * INVALID_ARGUMENT, TOO_LARGE, NO_MEMORY.
 */
rune_status rn_context_take(const void *items, size_t size, rn_host_forward forward,
                            rune_context **out_context, rune_error **error) RN_MUST_CHECK;
/* The runtime's functions as encoded items. */
enum rn_error rn_runtime_encode(const rune_runtime *runtime, struct rn_buf *out) RN_MUST_CHECK;

/* A runtime of these functions, which are copied. Those of a replay file have no `fn`: their hosts are not
 * here, and nothing may call them. SYSTEM, NO_MEMORY. */
enum rn_error rn_runtime_declare(const struct rn_host_entry *entries, size_t count,
                                 rune_runtime **out_runtime) RN_MUST_CHECK;
/* Borrowed; NULL without such an index. */
const struct rn_host_entry *rn_runtime_function(const rune_runtime *runtime, uint32_t index);

#endif
