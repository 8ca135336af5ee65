/*
 * build_talk.h: one request to a compiler, and what comes back.
 *
 *      request ──► (NEED ──► MODULE)* ──► parts in any order ──► BUILT
 *
 * Threads: a talk is one thread's.
 */
#ifndef RN_SUPERVISOR_BUILD_TALK_H
#define RN_SUPERVISOR_BUILD_TALK_H

#include "supervisor/build.h"
#include "supervisor/build_peer.h"

uint64_t rn_build_memory_max(const rune_options *options);

enum rn_build_part_kind {
    RN_BUILD_IMAGE,
    RN_BUILD_DEBUG,
    RN_BUILD_DIAGNOSTICS,
    RN_BUILD_FORMATTED,
    RN_BUILD_OUTLINED,
    RN_BUILD_NAMED,
    RN_BUILD_NEED, /* the module that is asked for */
    RN_BUILD_PART_COUNT
};

struct rn_build_part {
    uint8_t *bytes; /* with a zero byte behind them */
    size_t size;
    size_t total;
    bool open;
    bool whole;
};

struct rn_build_talk {
    struct rn_compiler *compiler;
    const rune_sources *sources;
    struct rn_inputs *inputs; /* gets what was asked for; of talks that permit NEED */
    uint64_t until_ns;
    uint32_t wanted; /* mask of (1u << part): what may come */
    struct rn_build_part parts[RN_BUILD_PART_COUNT];
    uint32_t modules;
    uint32_t status; /* of BUILT */
    bool built;
};

/* Takes a compiler, for what rn_build_prepare was asked about. On failure there is nothing to end. `options` may be NULL. */
rune_status rn_build_talk_begin(struct rn_build_talk *talk, rune_supervisor *supervisor,
                                const rune_sources *sources, const rune_options *options,
                                rune_error **error) RN_MUST_CHECK;
/*
 * Sends the request and receives up to BUILT. RUNE_OK: BUILT said so; whether the parts are there is
 * the caller's to look at. Diagnostics (or NULL) are replaced.
 */
rune_status rn_build_talk_run(struct rn_build_talk *talk, const struct rn_message *request,
                              rune_diagnostics *diagnostics, rune_error **error) RN_MUST_CHECK;
/* The compiler said that all went well, but a part is missing. */
rune_status rn_build_talk_fail_missing(rune_error **error) RN_MUST_CHECK;
void rn_build_talk_done(struct rn_build_talk *talk);

#endif
