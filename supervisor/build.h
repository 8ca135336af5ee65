/* build.h: options of a build, and a build that tells what it read. */
#ifndef RN_SUPERVISOR_BUILD_H
#define RN_SUPERVISOR_BUILD_H

#include <runeward/build.h>

#include <stdatomic.h>

#include "shm/message.h"
#include "supervisor/inputs.h"

/* Columns of a level. */
#define RN_INDENT_DEFAULT 4u

struct rune_options {
    bool script;
    rune_statics *statics; /* counted, or NULL */
    uint64_t memory_max;
    uint64_t wall_ns;
    char *domain;          /* owned; NULL: "" */
    char *cache_directory; /* owned; NULL: no cache */
    uint64_t cache_bytes_max;
    uint32_t indent; /* of formatted text; 0: tabs */
    bool bare_end;
};

/* A copy for somebody who outlives the caller's; NULL (defaults) gives defaults. NULL without
 * memory. */
rune_options *rn_options_copy(const rune_options *options) RN_MUST_CHECK;

struct rn_build_request {
    enum rn_build_kind kind;
    const rune_sources *sources;
    const rune_context *context; /* may be NULL, like the next two */
    const rune_options *options;
    rune_diagnostics *diagnostics;
    struct rn_inputs *inputs; /* filled in, also by a build that fails; may be NULL */
    /* Of builds over a connection, and may be NULL: */
    const struct rn_buf *items; /* encoded, instead of context and statics */
    const atomic_bool *stop;    /* when it is true, after rn_remote_nudge, the build is CANCELLED */
};

/* Whether the folder of these options' cache, if there is one, would be taken. */
rune_status rn_build_check_cache(const rune_options *options, rune_error **error) RN_MUST_CHECK;

/* What precedes each kind of build: the diagnostics are emptied. FORKED, NO_MEMORY; INVALID_ARGUMENT: no source. */
rune_status rn_build_prepare(rune_supervisor *supervisor, const struct rn_build_request *request,
                             rune_error **error) RN_MUST_CHECK;
/* rune_build, which has the same errors. */
rune_status rn_build(rune_supervisor *supervisor, const struct rn_build_request *request,
                     rune_unit **out_unit, rune_error **error) RN_MUST_CHECK;

#endif
