/* timeline.c: a row of moments. */
#include "supervisor/timeline.h"

#include "base/alloc.h"
#include "supervisor/vm.h"

struct rune_timeline {
    bool begun;
    uint64_t begin_ns; /* the clock of the first call that may read it */
    uint64_t *moments; /* 0: of a call that may not; owned */
    size_t count;
    size_t capacity;
};

rune_timeline *rune_timeline_new(void)
{
    return rn_alloc(sizeof(rune_timeline));
}

void rune_timeline_free(rune_timeline *timeline)
{
    if (timeline) {
        rn_free(timeline->moments);
        rn_free(timeline);
    }
}

size_t rune_timeline_count(const rune_timeline *timeline)
{
    return timeline->count + timeline->begun;
}

void rune_timeline_cut(rune_timeline *timeline, size_t count)
{
    timeline->begun = timeline->begun && count > 0;
    count -= timeline->begun;
    timeline->count = count < timeline->count ? count : timeline->count;
}

void rune_call_options_set_timeline(rune_call_options *options, rune_timeline *timeline)
{
    options->timeline = timeline;
}

uint64_t rn_timeline_begin(rune_timeline *timeline, uint64_t now_ns)
{
    if (!timeline || now_ns == 0) {
        return now_ns;
    }
    if (!timeline->begun) {
        timeline->begun = true;
        timeline->begin_ns = now_ns;
    }
    return timeline->begin_ns;
}

bool rn_timeline_has(const rune_timeline *timeline, size_t at)
{
    return timeline && at < timeline->count;
}

static enum rn_error grow(rune_timeline *timeline)
{
    if (timeline->count < timeline->capacity) {
        return RN_OK;
    }
    size_t capacity = timeline->capacity == 0 ? 16 : timeline->capacity * 2;
    uint64_t *grown = capacity > RN_TIMELINE_MAX
                          ? NULL
                          : rn_realloc(timeline->moments, capacity * sizeof(*grown));
    if (!grown) {
        return capacity > RN_TIMELINE_MAX ? RN_E_TOO_LARGE : RN_E_NO_MEMORY;
    }
    timeline->moments = grown;
    timeline->capacity = capacity;
    return RN_OK;
}

enum rn_error rn_timeline_pass(rune_timeline *timeline, size_t *at, uint64_t *now_ns)
{
    if (!timeline) {
        return RN_OK;
    }
    if (rn_timeline_has(timeline, *at)) {
        uint64_t moment = timeline->moments[(*at)++];
        *now_ns = *now_ns != 0 && moment != 0 ? moment : *now_ns;
        return RN_OK;
    }
    RN_TRY(grow(timeline));
    timeline->moments[timeline->count++] = *now_ns;
    (*at)++;
    return RN_OK;
}
