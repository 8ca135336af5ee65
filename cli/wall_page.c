/* wall_page.c: two objects of JSON to a page: layers on this kernel, system calls with their reasons. */
#include "cli/wall_page.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/html.h"
#include "cli/members.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>The wall</title><style>\n"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:76em;margin:2em auto;padding:0 "
    "1em;color:#222}\n"
    "table{border-collapse:collapse;width:100%;margin:1em 0}\n"
    "th,td{text-align:left;vertical-align:top;padding:.3em .6em;border-bottom:1px solid #ddd}\n"
    "code{font:13px/1.5 ui-monospace,monospace}\n"
    ".active{color:#176117}.refused{color:#8a4b00}.missing{color:#666}.lacking{color:#a00;font-"
    "weight:600}\n"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}th,td{border-color:#444}"
    "\n"
    ".active{color:#7c7}.refused{color:#e9a95c}.missing{color:#999}.lacking{color:#f77}}\n"
    "</style></head><body>\n";

static void text(struct rn_html *page, const char *words)
{
    rn_html_text(page, words, strlen(words));
}

/* A member as text. */
static void member(struct rn_html *page, const rune_const_value *object, const char *key)
{
    const char *data;
    size_t size;
    int64_t number;
    char digits[32];
    rune_const_value *value = rune_value_get(object, key);
    if (value != NULL && rune_value_get_string(value, &data, &size)) {
        rn_html_text(page, data, size);
    } else if (value != NULL && rune_value_get_i64(value, &number)) {
        (void)snprintf(digits, sizeof digits, "%lld", (long long)number);
        text(page, digits);
    }
    rune_value_unref(value);
}

static void cell(struct rn_html *page, const rune_const_value *object, const char *key)
{
    rn_html_raw(page, "<td>");
    member(page, object, key);
    rn_html_raw(page, "</td>");
}

/* ---- Layers ---- */

static void put_errno(struct rn_html *page, const rune_const_value *layer)
{
    rn_html_raw(page, "<td>");
    if (rn_member_number(layer, "errno") != 0) {
        member(page, layer, "error");
        rn_html_raw(page, " (errno ");
        member(page, layer, "errno");
        rn_html_raw(page, ")");
    }
    rn_html_raw(page, "</td>");
}

static void put_layer(void *user, const rune_const_value *layer)
{
    struct rn_html *page = user;
    bool active = rn_member_flag(layer, "active");
    bool required = rn_member_flag(layer, "required");
    const char *word = active                                  ? "active"
                       : rn_member_flag(layer, "given_up")     ? "given up"
                       : rn_member_number(layer, "errno") != 0 ? "refused"
                                                               : "missing";
    rn_html_raw(page, "<tr><td><code>");
    member(page, layer, "name");
    rn_html_raw(page, "</code></td><td class=\"");
    rn_html_raw(page, required && !active ? "lacking" : word);
    rn_html_raw(page, "\">");
    rn_html_raw(page, word);
    rn_html_raw(page, required ? "</td><td>yes</td>" : "</td><td></td>");
    rn_html_raw(page, rn_member_flag(layer, "seen_from_outside") ? "<td>from outside</td>"
                                                                 : "<td>its own word</td>");
    cell(page, layer, "protects");
    put_errno(page, layer);
    if (active) {
        rn_html_raw(page, "<td></td>");
    } else {
        cell(page, layer, "remedy");
    }
    rn_html_raw(page, "</tr>\n");
}

static void put_report(struct rn_html *page, const rune_const_value *report)
{
    struct utsname kernel;
    rn_html_raw(page, "<h1>The wall around a worker</h1>\n<p>");
    if (uname(&kernel) == 0) {
        text(page, kernel.sysname);
        text(page, " ");
        text(page, kernel.release);
        text(page, " ");
        text(page, kernel.machine);
        rn_html_raw(page, ". ");
    }
    rn_html_raw(page, "Policy <code>");
    member(page, report, "policy");
    rn_html_raw(page, "</code>, ");
    member(page, report, "flavour");
    rn_html_raw(page,
                rn_member_flag(report, "complete")
                    ? " build: <strong class=\"active\">every required layer is active</strong>."
                    : " build: <strong class=\"lacking\">a required layer is missing</strong>.");
    rn_html_raw(page, " System-call filters: ");
    member(page, report, "filters");
    rn_html_raw(page, ". Landlock version: ");
    member(page, report, "landlock_abi");
    rn_html_raw(page, ". Uid outside: ");
    member(page, report, "uid");
    rn_html_raw(page,
                ".</p>\n<table id=\"layers\"><tr><th>layer</th><th>state</th><th>required</th>"
                "<th>known</th><th>what it protects</th><th>why not</th><th>remedy</th></tr>\n");
    rn_member_each(report, "layers", put_layer, page);
    rn_html_raw(page, "</table>\n");
}

/* ---- System calls ---- */

static void put_call(void *user, const rune_const_value *call)
{
    struct rn_html *page = user;
    rn_html_raw(page, "<tr><td><code>");
    member(page, call, "call");
    rn_html_raw(page, "</code></td><td><code>");
    member(page, call, "when");
    rn_html_raw(page, "</code></td>");
    cell(page, call, "reason");
    rn_html_raw(page, "</tr>\n");
}

static void put_role(void *user, const rune_const_value *role)
{
    struct rn_html *page = user;
    char size[96];
    long long count = rn_member_number(role, "instructions");
    rn_html_raw(page, "<h2>System calls of a ");
    member(page, role, "role");
    (void)snprintf(size, sizeof size, "</h2>\n<p>A filter of %lld instructions, %lld bytes. ",
                   count, count * 8);
    rn_html_raw(page, size);
    rn_html_raw(page, "Every other call, every other form of these, ends the process.</p>\n<table>"
                      "<tr><th>call</th><th>when</th><th>why it is there</th></tr>\n");
    rn_member_each(role, "calls", put_call, page);
    rn_html_raw(page, "</table>\n");
}

/* ---- The page ---- */

bool rn_wall_page(const rune_const_value *report, const rune_const_value *policy)
{
    struct rn_html page = {.no_memory = false};
    rn_html_raw(&page, head);
    put_report(&page, report);
    rn_member_each(policy, "roles", put_role, &page);
    rn_html_raw(&page, "</body></html>\n");
    if (!page.no_memory) {
        fwrite(page.out.data, 1, page.out.size, stdout);
    }
    rn_bytes_done(&page.out);
    return !page.no_memory;
}
