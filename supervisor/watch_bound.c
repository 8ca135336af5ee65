/*
 * watch_bound.c: how much a watch holds, whatever is written into its folder.
 *
 * Three sums over all scripts have a bound: Units with their debug segments, what there is to show of the last builds,
 * and the lists of modules. Whose build would exceed one goes without: first without quoted lines, which all others
 * can do without as well, at last as one that did not compile.
 */
#include "supervisor/watch_state.h"

#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/unit.h"

struct held {
    uint64_t units;
    uint64_t diagnostics;
    uint64_t inputs;
};

static uint64_t bytes_of(const rune_unit *unit)
{
    return unit ? (uint64_t)unit->segment.size + unit->debug_size : 0;
}

static struct held held_by_others(const rune_watch *watch, const struct rn_watch_script *script)
{
    struct held held = {.units = 0};
    for (size_t i = 0; i < watch->count; i++) {
        const struct rn_watch_script *other = watch->scripts[i];
        if (other != script) {
            held.units += bytes_of(other->unit);
            held.diagnostics += other->diagnostics ? rn_diagnostics_bytes(other->diagnostics) : 0;
            held.inputs += other->inputs.bytes + other->good.bytes;
        }
    }
    return held;
}

static bool has_room(uint64_t others, const rune_diagnostics *diagnostics)
{
    return !diagnostics || others + rn_diagnostics_bytes(diagnostics) <= RN_WATCH_DIAGNOSTICS_MAX;
}

/* The places stay in what a program reads of them, one by one; nothing is quoted. */
static void bound_diagnostics(uint64_t others, struct rn_watch_result *result)
{
    if (!has_room(others, result->diagnostics)) {
        rn_diagnostics_drop_texts(result->diagnostics);
    }
    if (!has_room(others, result->diagnostics)) {
        rune_diagnostics_free(result->diagnostics);
        result->diagnostics = NULL;
    }
}

/* As one that did not compile. */
static void refuse(const rune_watch *watch, const struct rn_watch_script *script,
                   struct rn_watch_result *result, rune_error *error)
{
    rn_watch_give_up(watch, script, result->unit);
    rune_error_free(result->error);
    result->unit = NULL;
    result->error = error;
    result->status = RUNE_E_TOO_LARGE;
}

static void bound_inputs(const rune_watch *watch, const struct rn_watch_script *script,
                         uint64_t others, struct rn_watch_result *result)
{
    rune_error *error = NULL;
    if (others + result->inputs.bytes + script->good.bytes <= RN_WATCH_INPUTS_MAX) {
        return;
    }
    (void)rn_fail(&error, RUNE_E_TOO_LARGE,
                  "the scripts use more modules than a watch can follow: %zu in this one",
                  result->inputs.count);
    refuse(watch, script, result, error);
    rn_inputs_done(&result->inputs);
}

static void bound_units(const rune_watch *watch, const struct rn_watch_script *script,
                        uint64_t others, struct rn_watch_result *result)
{
    rune_error *error = NULL;
    if (!result->unit || others + bytes_of(result->unit) <= watch->bytes_max) {
        return;
    }
    (void)rn_fail(&error, RUNE_E_TOO_LARGE,
                  "the Units of all scripts would take more than %llu bytes",
                  (unsigned long long)watch->bytes_max);
    refuse(watch, script, result, error);
}

void rn_watch_bound(const rune_watch *watch, const struct rn_watch_script *script,
                    struct rn_watch_result *result)
{
    struct held others = held_by_others(watch, script);
    bound_diagnostics(others.diagnostics, result);
    bound_inputs(watch, script, others.inputs, result);
    bound_units(watch, script, others.units, result);
}
