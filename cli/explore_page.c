/* explore_page.c: the head of the page: how the call ended, which functions and lines are dear; then the panes. */
#include "cli/explore.h"

#include "cli/explore_look.h"
#include "cli/visible.h"

#include <string.h>

#define VALUE_SHOWN ((size_t)4 << 10)
#define OUTPUT_SHOWN ((size_t)64 << 10)
#define DEAREST_SHOWN 10u
#define TITLE_MAX 1024u

static void put_text(struct rn_html *page, const char *text)
{
    rn_html_visible(page, text, strlen(text), false);
}

/* The beginning of a long one. */
static void put_part(struct rn_html *page, const char *data, size_t size, size_t max)
{
    size_t shown = size < max ? size : max;
    while (shown > 0 && shown < size && ((unsigned char)data[shown] & 0xc0) == 0x80) {
        shown--;
    }
    rn_html_raw(page, "<pre>");
    rn_html_visible(page, data, shown, true);
    rn_html_raw(page, "</pre>");
    if (shown < size) {
        rn_html_raw(page, "and ");
        rn_html_number(page, size - shown);
        rn_html_raw(page, " bytes more");
    }
}

/* A title has no elements in it. */
static void put_title(struct rn_html *page, const char *file)
{
    char shown[TITLE_MAX];
    rn_visible_copy(file, strlen(file), shown, sizeof shown);
    rn_html_text(page, shown, strlen(shown));
}

static void put_head(struct rn_html *page, const struct rn_explore *explore)
{
    rn_html_raw(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'" RN_EXPLORE_STYLE_HASH "'; script-src '" RN_EXPLORE_SCRIPT_HASH
        "'; base-uri 'none'; form-action 'none'\">\n"
        "<meta name=\"referrer\" content=\"no-referrer\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    put_title(page, explore->file);
    rn_html_raw(page, "</title>\n<style>");
    rn_html_raw(page, rn_explore_style);
    rn_html_raw(page, "</style></head><body>\n<h1>");
    put_text(page, explore->file);
    rn_html_raw(page, "</h1>\n");
}

/* ---- How the call ended ---- */

static void put_value(struct rn_html *page, const rune_unit *unit, const rune_record *record)
{
    rune_text *text = NULL;
    const rune_const_value *value = rune_record_value(record);
    if (value != NULL && rune_unit_value_to_json(unit, value, &text, NULL) == RUNE_OK) {
        rn_html_raw(page, "<dt>value</dt><dd id=\"value\">");
        put_part(page, rune_text_data(text), rune_text_size(text), VALUE_SHOWN);
        rn_html_raw(page, "</dd>\n");
    }
    rune_text_free(text);
}

static void put_error(struct rn_html *page, const rune_record *record)
{
    rune_text *text = NULL;
    const rune_error *error = rune_record_error(record);
    if (error != NULL && rune_error_render(error, false, &text) == RUNE_OK) {
        rn_html_raw(page, "<dt>error</dt><dd id=\"error\">");
        put_part(page, rune_text_data(text), rune_text_size(text), OUTPUT_SHOWN);
        rn_html_raw(page, "</dd>\n");
    }
    rune_text_free(text);
}

/* Of the usage what is the same on every run. */
static void put_usage(struct rn_html *page, const rune_record *record)
{
    const rune_usage *usage = rune_record_usage(record);
    const struct {
        const char *name;
        const char *id;
        uint64_t value;
    } rows[] = {{"budget", "budget", usage->budget},
                {"memory at most, in bytes", "memory", usage->memory_peak},
                {"output, in bytes", "bytes", usage->output_bytes},
                {"calls of the host", "host-calls", usage->host_calls}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rn_explore_put_format(page, "<dt>%s</dt><dd id=\"%s\">", rows[i].name, rows[i].id);
        rn_html_number(page, rows[i].value);
        rn_html_raw(page, "</dd>\n");
    }
}

static void put_spent(struct rn_html *page, const struct rn_explore_counts *counts)
{
    if (!counts->counted) {
        rn_html_raw(page, "<dt>counted</dt><dd>nothing: the worker had to be killed before it "
                          "could tell</dd>\n");
        return;
    }
    rn_html_raw(page, "<dt>counted</dt><dd><span id=\"spent\">");
    rn_html_number(page, counts->spent);
    rn_html_raw(page, "</span>, of that <span id=\"placed\">");
    rn_html_number(page, counts->placed);
    rn_html_raw(page, "</span> by instructions, the rest in front of the first one</dd>\n");
}

static void put_output(struct rn_html *page, const struct rn_bytes *output)
{
    if (output != NULL && output->size > 0) {
        rn_html_raw(page, "<details><summary>what it printed</summary><div id=\"output\">");
        put_part(page, output->data, output->size, OUTPUT_SHOWN);
        rn_html_raw(page, "</div></details>\n");
    }
}

static void put_end(struct rn_html *page, const struct rn_explore *explore)
{
    if (explore->record == NULL) {
        rn_html_raw(page, "<p>Nothing was called: sources and instructions without counts.</p>\n");
        return;
    }
    rn_html_raw(page, "<dl><dt>called</dt><dd>");
    rn_explore_put_name(page, explore->item, strlen(explore->item));
    rn_html_raw(page, "</dd>\n<dt>ended as</dt><dd id=\"reason\">");
    put_text(page, rune_reason_name(rune_record_reason(explore->record)));
    rn_html_raw(page, "</dd>\n");
    put_value(page, explore->unit, explore->record);
    put_error(page, explore->record);
    put_usage(page, explore->record);
    put_spent(page, &explore->counts);
    rn_html_raw(page, "</dl>\n");
    put_output(page, explore->output);
}

/* ---- What was dear ---- */

static void put_function(struct rn_html *page, const rune_profile_function *function)
{
    rn_html_raw(page, "<tr><td>");
    rn_html_number(page, function->self);
    rn_html_raw(page, "</td><td>");
    rn_html_number(page, function->total);
    rn_html_raw(page, "</td><td>");
    rn_html_number(page, function->calls);
    rn_explore_put_format(page, "</td><td><a href=\"#f%zu\">", function->index);
    rn_explore_put_name(page, function->function, strlen(function->function));
    rn_html_raw(page, "</a></td></tr>\n");
}

static enum rn_explore_status put_functions(struct rn_html *page, const struct rn_explore *explore)
{
    rune_profile_report *report = NULL;
    rune_profile_function function;
    const rune_profile *profile = rune_record_profile(explore->record);
    if (rune_profile_report_new(profile, &report, NULL) != RUNE_OK) {
        return RN_EXPLORE_NO_MEMORY;
    }
    rn_html_raw(page, "<details open><summary>functions that ran</summary>\n<table class=\"f\" "
                      "id=\"functions\"><tr><th>self</th><th>with calls</th><th>calls</th>"
                      "<th>function</th></tr>\n");
    for (size_t i = 0; rune_profile_report_function(report, i, &function) && !page->full; i++) {
        put_function(page, &function);
    }
    rn_html_raw(page, "</table></details>\n");
    rune_profile_report_free(report);
    return RN_EXPLORE_OK;
}

static void put_dearest(struct rn_html *page, const struct rn_explore *explore)
{
    struct rn_explore_place place = {.line = 0};
    rn_html_raw(page, "<details open><summary>dearest lines</summary>\n<table class=\"f\" "
                      "id=\"dearest\"><tr><th>spent</th><th>line</th></tr>\n");
    for (unsigned i = 0; i < DEAREST_SHOWN && rn_explore_next_dearest(&explore->counts, &place);
         i++) {
        rn_html_raw(page, "<tr><td>");
        rn_html_number(page, place.spent);
        rn_html_raw(page, "</td><td>");
        rn_explore_put_place(page, explore, place.source, place.line);
        rn_html_raw(page, "</td></tr>\n");
    }
    rn_html_raw(page, "</table></details>\n");
}

/* ---- The whole ---- */

static void put_panes(struct rn_html *page, const struct rn_explore *explore)
{
    rn_html_raw(page, "<p>A line's number leads to what comes from it, a place to its line. Under "
                      "the pointer, and when clicked, what belongs together is marked; j and k "
                      "choose the next line and the one before, Escape none.</p>\n"
                      "<main><div class=\"pane\" id=\"sources\" tabindex=\"0\">\n");
    rn_explore_put_sources(page, explore);
    rn_html_raw(page, "</div><div class=\"pane\" id=\"instructions\" tabindex=\"0\">\n");
    rn_explore_put_functions(page, explore);
    rn_html_raw(page, "</div></main>\n<script>");
    rn_html_raw(page, rn_explore_script);
    rn_html_raw(page, "</script></body></html>\n");
}

static enum rn_explore_status put_page(struct rn_html *page, const struct rn_explore *explore)
{
    put_head(page, explore);
    put_end(page, explore);
    if (explore->counts.counted) {
        enum rn_explore_status status = put_functions(page, explore);
        if (status != RN_EXPLORE_OK) {
            return status;
        }
        put_dearest(page, explore);
    }
    put_panes(page, explore);
    return page->no_memory ? RN_EXPLORE_NO_MEMORY
           : page->full    ? RN_EXPLORE_TOO_LARGE
                           : RN_EXPLORE_OK;
}

enum rn_explore_status rn_explore_page(struct rn_explore *explore, struct rn_html *page)
{
    const rune_profile *profile = rune_record_profile(explore->record);
    page->max = RN_EXPLORE_PAGE_MAX;
    enum rn_explore_status status =
        rn_explore_counts_make(&explore->counts, explore->listing, profile);
    if (status == RN_EXPLORE_OK) {
        status = put_page(page, explore);
    }
    return status;
}
