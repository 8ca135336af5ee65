/* profile_report.c: a profile by functions, by lines, and by paths of calls. */
#include "supervisor/profile.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/sort.h"
#include "supervisor/error.h"
#include "supervisor/text.h"
#include "supervisor/unit.h"

#define NAMES_MAX ((size_t)256 << 20)
#define STACKS_MAX ((size_t)64 << 20)
#define LINE_MAX_SIZE (2 * (size_t)RN_LINE_LOOK_MAX)

struct ranked {
    uint64_t spent;
    uint64_t index;
};

struct rune_profile_report {
    rune_unit *unit; /* counted */
    struct rn_arena names;
    const char **sources; /* owned; names of those that are shown, or NULL */
    bool failed;          /* there was no memory for a name */
    rune_profile_function *functions;
    rune_profile_line *lines;
    uint32_t *pcs;         /* an instruction of each line */
    struct ranked *ranked; /* lines, the dearest first */
    size_t function_count;
    size_t line_count;
};

/* What an instruction adds to its line. */
struct line {
    uint32_t source;
    uint32_t line;
    uint32_t pc;
    uint64_t hits;
    uint64_t spent;
};

static struct rn_utf8 name_of(const struct rune_unit *unit, uint32_t function)
{
    return rn_unit_string_at(&unit->unit, unit->unit.functions[function].name);
}

static const char *keep(struct rune_profile_report *report, struct rn_utf8 text)
{
    char *copy = rn_arena_alloc(&report->names, text.size + 1);
    if (!copy) {
        report->failed = true;
        return "";
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    return copy;
}

static const char *source_name(struct rune_profile_report *report, uint32_t source)
{
    const char **name = &report->sources[source];
    if (!*name) {
        *name = keep(report, report->unit->lines.sources[source].source.name);
    }
    return *name;
}

/* Functions */

/* What each node spent with all below it. Parents come first. */
static void add_up(const struct rune_profile *profile, uint64_t *totals)
{
    for (uint32_t i = profile->node_count; i > 0; i--) {
        totals[i - 1] += profile->nodes[i - 1].spent;
        if (i > 1) {
            totals[profile->nodes[i - 1].parent] += totals[i - 1];
        }
    }
}

static void place_function(struct rune_profile_report *report, const struct rune_unit *unit,
                           uint32_t function, rune_profile_function *out)
{
    out->index = function;
    out->function = keep(report, name_of(unit, function));
    out->source = "";
    if (unit->has_debug) {
        uint32_t pc = unit->unit.functions[function].code_start;
        struct rn_debug_span span = rn_debug_find(&unit->debug, pc);
        if (span.source != RN_NONE) {
            out->source = source_name(report, span.source);
            out->line = rn_lines_number(&unit->lines, span);
        }
    }
}

static int by_self(const void *a, const void *b)
{
    const rune_profile_function *left = a;
    const rune_profile_function *right = b;
    if (left->self != right->self) {
        return left->self < right->self ? 1 : -1;
    }
    int order = strcmp(left->function, right->function);
    return order != 0 ? order : strcmp(left->source, right->source);
}

static enum rn_error list_functions(struct rune_profile_report *report,
                                    const struct rune_profile *profile)
{
    uint32_t count = profile->unit->unit.counts[RN_SECTION_FUNCTIONS];
    RN_AUTO_FREE uint64_t *totals = rn_alloc_array((size_t)profile->node_count + 1, 8);
    rune_profile_function *all = rn_alloc_array((size_t)count + 1, sizeof(*all));
    report->functions = all;
    if (!totals || !all) {
        return RN_E_NO_MEMORY;
    }
    add_up(profile, totals);
    for (uint32_t i = 0; i < profile->node_count; i++) {
        const struct rn_profile_node *node = &profile->nodes[i];
        if (node->function != RN_NONE) {
            all[node->function].calls += node->calls;
            all[node->function].self += node->spent;
            all[node->function].total += totals[i];
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (all[i].calls > 0 || all[i].total > 0) {
            all[report->function_count] = all[i];
            place_function(report, profile->unit, i, &all[report->function_count++]);
        }
    }
    rn_sort(all, report->function_count, sizeof(*all), by_self);
    return RN_OK;
}

/* Lines */

static int by_line(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;
    if (left->source != right->source) {
        return left->source < right->source ? -1 : 1;
    }
    if (left->line != right->line) {
        return left->line < right->line ? -1 : 1;
    }
    return left->pc < right->pc ? -1 : left->pc > right->pc;
}

/* Of each instruction its line; those of none are left out. */
static size_t list_places(const struct rune_profile *profile, const uint32_t *numbers,
                          struct line *lines)
{
    const struct rune_unit *unit = profile->unit;
    size_t count = 0;
    uint32_t at = 0;
    for (uint32_t pc = 0; pc < unit->unit.counts[RN_SECTION_CODE]; pc++) {
        bool counted = at < profile->place_count && profile->places[at].pc == pc;
        const struct rn_profile_place *place = counted ? &profile->places[at++] : NULL;
        if (numbers[pc] != 0) {
            lines[count++] = (struct line){.source = rn_debug_find(&unit->debug, pc).source,
                                           .line = numbers[pc],
                                           .pc = pc,
                                           .hits = place ? place->hits : 0,
                                           .spent = place ? place->spent : 0};
        }
    }
    return count;
}

static int by_spent(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;
    if (left->spent != right->spent) {
        return left->spent < right->spent ? 1 : -1;
    }
    return left->index < right->index ? -1 : left->index > right->index;
}

/* Neighbours of one line become one. */
static size_t merge(struct line *lines, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct line *last = kept > 0 ? &lines[kept - 1] : NULL;
        if (last && last->source == lines[i].source && last->line == lines[i].line) {
            last->spent += lines[i].spent;
            last->hits = last->hits > lines[i].hits ? last->hits : lines[i].hits;
        } else {
            lines[kept++] = lines[i];
        }
    }
    return kept;
}

static enum rn_error keep_lines(struct rune_profile_report *report, const struct line *lines,
                                size_t count)
{
    report->lines = rn_alloc_array(count + 1, sizeof(*report->lines));
    report->pcs = rn_alloc_array(count + 1, sizeof(*report->pcs));
    report->ranked = rn_alloc_array(count + 1, sizeof(*report->ranked));
    if (!report->lines || !report->pcs || !report->ranked) {
        return RN_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        report->pcs[i] = lines[i].pc;
        report->ranked[i] = (struct ranked){.spent = lines[i].spent, .index = i};
        report->lines[i] = (rune_profile_line){.source = source_name(report, lines[i].source),
                                               .line = lines[i].line,
                                               .hits = lines[i].hits,
                                               .spent = lines[i].spent};
    }
    report->line_count = count;
    rn_sort(report->ranked, count, sizeof(*report->ranked), by_spent);
    return RN_OK;
}

static enum rn_error list_lines(struct rune_profile_report *report,
                                const struct rune_profile *profile)
{
    if (!profile->unit->has_debug) {
        return RN_OK;
    }
    const struct rune_unit *unit = profile->unit;
    uint32_t code = unit->unit.counts[RN_SECTION_CODE];
    RN_AUTO_FREE struct line *lines = rn_alloc_array((size_t)code + 1, sizeof(*lines));
    RN_AUTO_FREE uint32_t *numbers = rn_alloc_array((size_t)code + 1, sizeof(*numbers));
    if (!lines || !numbers) {
        return RN_E_NO_MEMORY;
    }
    RN_TRY(rn_lines_number_all(&unit->lines, &unit->debug, code, numbers));
    size_t count = list_places(profile, numbers, lines);
    rn_sort(lines, count, sizeof(*lines), by_line);
    return keep_lines(report, lines, merge(lines, count));
}

rune_status rune_profile_report_new(const rune_profile *profile, rune_profile_report **out_report,
                                    rune_error **error)
{
    if (!profile) {
        return rn_fail_null(error, "profile");
    }
    rune_profile_report *report = rn_alloc(sizeof(*report));
    if (!report) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    report->unit = rune_unit_ref(profile->unit);
    rn_arena_init(&report->names, NAMES_MAX);
    size_t sources = profile->unit->has_debug ? profile->unit->debug.source_count : 0;
    report->sources = rn_alloc_array(sources + 1, sizeof(*report->sources));
    enum rn_error failed = report->sources ? list_functions(report, profile) : RN_E_NO_MEMORY;
    if (failed == RN_OK) {
        failed = list_lines(report, profile);
    }
    failed = failed == RN_OK && report->failed ? RN_E_NO_MEMORY : failed;
    if (failed != RN_OK) {
        rune_profile_report_free(report);
        return rn_fail_plain(error, failed);
    }
    *out_report = report;
    return RUNE_OK;
}

bool rune_profile_report_function(const rune_profile_report *report, size_t index,
                                  rune_profile_function *out_function)
{
    if (!report || index >= report->function_count) {
        return false;
    }
    *out_function = report->functions[index];
    return true;
}

bool rune_profile_report_line(const rune_profile_report *report, size_t index,
                              rune_profile_line *out_line)
{
    if (!report || index >= report->line_count) {
        return false;
    }
    *out_line = report->lines[index];
    return true;
}

size_t rune_profile_report_dearest(const rune_profile_report *report, size_t rank)
{
    return report && rank < report->line_count ? report->ranked[rank].index : SIZE_MAX;
}

rune_status rune_profile_report_text(const rune_profile_report *report, size_t index,
                                     rune_text **out_text)
{
    if (!report || index >= report->line_count) {
        return RUNE_E_NOT_FOUND;
    }
    const struct rune_unit *unit = report->unit;
    struct rn_line found = rn_lines_find(&unit->lines, &unit->debug, report->pcs[index]);
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, LINE_MAX_SIZE);
    rn_buf_append(&out, found.text.data, found.text.size);
    return rn_text_take(&out, out_text);
}

void rune_profile_report_free(rune_profile_report *report)
{
    if (report) {
        rn_free(report->sources);
        rn_free(report->functions);
        rn_free(report->lines);
        rn_free(report->pcs);
        rn_free(report->ranked);
        rune_unit_unref(report->unit);
        rn_arena_done(&report->names);
        rn_free(report);
    }
}

/* Paths */

/* In a name neither what parts names from each other, nor what parts the path from its number. */
static void append_name(struct rn_buf *out, struct rn_utf8 name)
{
    if (name.size == 0) {
        rn_buf_append_text(out, "{body}");
    }
    size_t from = out->size;
    rn_buf_append(out, name.data, name.size);
    for (size_t i = from; i < out->size; i++) {
        bool is_plain = out->data[i] > ' ' && out->data[i] != ';' && out->data[i] != 0x7f;
        out->data[i] = is_plain ? out->data[i] : '_';
    }
}

/* From the entry on: a path is as long as it has functions, and each stands on it once. */
static void append_path(struct rn_buf *out, const struct rune_profile *profile, uint32_t node,
                        uint32_t *path)
{
    uint32_t length = 0;
    for (; node >= RN_PROFILE_FIRST; node = profile->nodes[node].parent) {
        path[length++] = node;
    }
    rn_buf_append_text(out, node == RN_PROFILE_OTHERS ? "{others}" : "");
    for (uint32_t i = length; i > 0 && rn_buf_status(out) == RN_OK; i--) {
        rn_buf_append_text(out, i == length && node == 0 ? "" : ";");
        append_name(out, name_of(profile->unit, profile->nodes[path[i - 1]].function));
    }
}

rune_status rune_profile_stacks(const rune_profile *profile, rune_text **out_text)
{
    if (!profile) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    RN_AUTO_FREE uint32_t *path = rn_alloc_array((size_t)profile->node_count + 1, sizeof(*path));
    if (!path) {
        return RUNE_E_NO_MEMORY;
    }
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, STACKS_MAX);
    for (uint32_t i = 1; i < profile->node_count && rn_buf_status(&out) == RN_OK; i++) {
        if (profile->nodes[i].spent > 0) {
            append_path(&out, profile, i, path);
            rn_buf_append_format(&out, " %llu\n", (unsigned long long)profile->nodes[i].spent);
        }
    }
    return rn_text_take(&out, out_text);
}
