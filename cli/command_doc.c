/*
 * command_doc.c: doc: pages about a module tree and the standard library.
 *
 * A page for each item but methods, which stand on the page of their type; an index, a search that is a
 * script of ours over a list of ours. A page loads nothing from elsewhere, and says so to the browser.
 */
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/html.h"
#include "cli/out_file.h"
#include "cli/outline.h"

#include <runeward/tools.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define ITEMS_MAX 20000u
#define NAME_MAX_OURS 180u

static const char style[] =
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 "
    "1em;color:#222;background:#fff}\n"
    "pre,code{font-family:monospace}pre{background:#f4f4f4;padding:.7em;overflow:auto}\n"
    "a{color:#0645ad;text-decoration:none}a:hover{text-decoration:underline}\n"
    "dt{font-family:monospace;margin-top:.6em}dd{margin-left:1.5em}\n"
    ".k{color:#7a1fa2}.s{color:#2e7d32}.n{color:#b25000}.c{color:#777}\n"
    "#q{width:100%;padding:.4em;font-size:1em}nav{margin-bottom:1em}\n"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre{background:#242424}a{"
    "color:#8ab4f8}\n"
    ".k{color:#d7a0ff}.s{color:#9ccc9c}.n{color:#ffb870}.c{color:#999}}\n";

static const char script[] =
    "'use strict';\n"
    "const field = document.getElementById('q');\n"
    "const found = document.getElementById('found');\n"
    "field.addEventListener('input', () => {\n"
    "  const words = field.value.toLowerCase().split(/\\s+/).filter((w) => w);\n"
    "  found.replaceChildren();\n"
    "  if (words.length === 0) return;\n"
    "  const hits = items.filter((i) => words.every((w) => i[0].toLowerCase().includes(w)));\n"
    "  hits.sort((a, b) => a[0].length - b[0].length);\n"
    "  for (const [path, kind, href] of hits.slice(0, 100)) {\n"
    "    const entry = document.createElement('li');\n"
    "    const link = document.createElement('a');\n"
    "    link.href = href;\n"
    "    link.textContent = path;\n"
    "    entry.append(kind + ' ', link);\n"
    "    found.append(entry);\n"
    "  }\n"
    "});\n";

struct doc {
    struct rn_session *session;
    const struct rn_outline *outline;
    const char *title;
    const char *prefix; /* of file names: "" or "std." */
    int folder;
    struct rn_bytes names;  /* file names, each with its zero byte, in the order of the items */
    struct rn_bytes search; /* the list for the script */
    size_t pages;
    int code;
};

/* ---- Names of files ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "function.a.b.html"; kinds are words of ours (outline.c), paths are a compiler's; items of one name get their number, and so do those with a very long one. */
static void name_file(const struct doc *doc, size_t index, char *out, size_t size)
{
    const struct rn_outline_item *item = rn_outline_at(doc->outline, index);
    size_t at = (size_t)snprintf(out, size, "%s%s", doc->prefix, item->kind);
    bool plain = true;
    for (const char *p = item->path; *p != '\0' && at < NAME_MAX_OURS; p++) {
        bool parts = p[0] == ':' && p[1] == ':';
        plain = plain && (parts || is_plain(*p));
        at += (size_t)snprintf(out + at, size - at, "%s%c", p == item->path ? "." : "",
                               parts          ? '.'
                               : is_plain(*p) ? *p
                                              : '_');
        p += parts;
    }
    bool again = !plain || at >= NAME_MAX_OURS;
    for (size_t i = 0; i < index && !again && index < 4096; i++) {
        const struct rn_outline_item *other = rn_outline_at(doc->outline, i);
        again = strcasecmp(other->path, item->path) == 0 && strcmp(other->kind, item->kind) == 0;
    }
    if (again || index >= 4096) {
        at += (size_t)snprintf(out + at, size - at, ".%zu", index);
    }
    snprintf(out + at, size - at, ".html");
}

static bool name_files(struct doc *doc)
{
    for (size_t i = 0; i < doc->outline->count; i++) {
        char name[256] = {0};
        name_file(doc, i, name, sizeof name);
        if (!rn_bytes_append(&doc->names, name, sizeof name)) {
            return false;
        }
    }
    return true;
}

static const char *file_of(const struct doc *doc, size_t index)
{
    return doc->names.data + index * 256;
}

/* ---- Writing ---- */

static void write_file(struct doc *doc, const char *name, const char *data, size_t size)
{
    struct rn_out_file file;
    FILE *out = rn_out_file_open_in(&file, doc->folder, name);
    bool written = out != NULL && fwrite(data, 1, size, out) == size;
    if (!rn_out_file_close(&file, written) && doc->code == 0) {
        rn_console_complain("%s: %s", name, strerror(errno));
        doc->code = RN_EXIT_OUTPUT;
    }
}

static void text(struct rn_html *html, const char *data)
{
    rn_html_text(html, data, strlen(data));
}

static void begin_page(const struct doc *doc, struct rn_html *html, const char *title)
{
    rn_html_raw(html, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "style-src 'self'; script-src 'self'\">"
                      "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    text(html, title);
    rn_html_raw(html, "</title><link rel=\"stylesheet\" href=\"style.css\"></head><body>\n"
                      "<nav><a href=\"index.html\">");
    text(html, doc->title);
    rn_html_raw(html, "</a></nav>\n");
}

static void end_page(struct doc *doc, struct rn_html *html, const char *name)
{
    rn_html_raw(html, "</body></html>\n");
    if (html->no_memory && doc->code == 0) {
        doc->code = rn_console_take_error(&doc->session->console, NULL);
    } else {
        write_file(doc, name, html->out.data, html->out.size);
        doc->pages++;
    }
    rn_bytes_done(&html->out);
}

/* ---- Items ---- */

static bool is_method(const struct rn_outline_item *item)
{
    return strcmp(item->kind, "method") == 0;
}

static size_t parent_size(const struct rn_outline_item *item)
{
    size_t path = strlen(item->path);
    size_t name = strlen(item->name);
    return path < name + 2 ? 0 : path - name - 2;
}

static bool is_inside(const struct rn_outline_item *item, const struct rn_outline_item *parent)
{
    size_t size = parent_size(item);
    bool root = parent->path[0] == '\0' && item->path[0] != '\0' && size == 0;
    return root || (size > 0 && strlen(parent->path) == size &&
                    memcmp(item->path, parent->path, size) == 0);
}

static void signature(struct rn_html *html, const struct rn_outline_item *item)
{
    rn_html_raw(html, "<pre><code>");
    rn_html_code(html, item->signature, strlen(item->signature));
    rn_html_raw(html, "</code></pre>\n");
}

static void link_item(const struct doc *doc, struct rn_html *html, size_t index, const char *label)
{
    rn_html_raw(html, "<a href=\"");
    text(html, file_of(doc, index));
    rn_html_raw(html, "\">");
    text(html, label);
    rn_html_raw(html, "</a>");
}

static void members(struct rn_html *html, const struct rn_outline_item *item)
{
    if (item->member_count == 0) {
        return;
    }
    rn_html_raw(html, strcmp(item->kind, "enum") == 0 ? "<h2>Variants</h2>\n<dl>"
                                                      : "<h2>Fields</h2>\n<dl>");
    for (size_t i = 0; i < item->member_count; i++) {
        rn_html_raw(html, "<dt>");
        rn_html_code(html, item->members[i].signature, strlen(item->members[i].signature));
        rn_html_raw(html, "</dt><dd>");
        rn_html_markdown(html, item->members[i].docs, 3);
        rn_html_raw(html, "</dd>\n");
    }
    rn_html_raw(html, "</dl>\n");
}

static void methods(const struct doc *doc, struct rn_html *html, size_t index)
{
    const struct rn_outline_item *item = rn_outline_at(doc->outline, index);
    bool first = true;
    for (size_t i = 0; i < doc->outline->count; i++) {
        const struct rn_outline_item *method = rn_outline_at(doc->outline, i);
        if (!is_method(method) || !is_inside(method, item)) {
            continue;
        }
        rn_html_raw(html, first ? "<h2>Functions</h2>\n<h3 id=\"" : "<h3 id=\"");
        text(html, method->name);
        rn_html_raw(html, "\">");
        text(html, method->name);
        rn_html_raw(html, "</h3>\n");
        signature(html, method);
        rn_html_markdown(html, method->docs, 3);
        first = false;
    }
}

static void children(const struct doc *doc, struct rn_html *html, size_t index)
{
    const struct rn_outline_item *item = rn_outline_at(doc->outline, index);
    bool first = true;
    for (size_t i = 0; i < doc->outline->count; i++) {
        const struct rn_outline_item *child = rn_outline_at(doc->outline, i);
        if (i == index || is_method(child) || !is_inside(child, item)) {
            continue;
        }
        rn_html_raw(html, first ? "<h2>Items</h2>\n<dl>" : "");
        rn_html_raw(html, "<dt>");
        text(html, child->kind);
        rn_html_raw(html, " ");
        link_item(doc, html, i, child->name);
        rn_html_raw(html, "</dt><dd>");
        rn_html_summary(html, child->docs);
        rn_html_raw(html, "</dd>\n");
        first = false;
    }
    rn_html_raw(html, first ? "" : "</dl>\n");
}

static const char *label_of(const struct doc *doc, const struct rn_outline_item *item)
{
    return item->path[0] == '\0' ? doc->title : item->path;
}

static void item_page(struct doc *doc, size_t index)
{
    const struct rn_outline_item *item = rn_outline_at(doc->outline, index);
    struct rn_html html = {.no_memory = false};
    begin_page(doc, &html, label_of(doc, item));
    rn_html_raw(&html, "<h1>");
    text(&html, item->kind);
    rn_html_raw(&html, " ");
    text(&html, label_of(doc, item));
    rn_html_raw(&html, "</h1>\n");
    if (item->signature[0] != '\0') {
        signature(&html, item);
    }
    rn_html_markdown(&html, item->docs, 1);
    members(&html, item);
    if (strcmp(item->kind, "module") == 0) {
        children(doc, &html, index);
    }
    methods(doc, &html, index);
    end_page(doc, &html, file_of(doc, index));
}

/* ---- Search ---- */

/* A string of JavaScript in a file of its own. */
static void search_string(struct doc *doc, const char *data)
{
    rune_const_value *value = rune_value_text(data);
    rune_text *json = NULL;
    if (value != NULL && rune_value_to_json(value, &json, NULL) == RUNE_OK) {
        (void)rn_bytes_append(&doc->search, rune_text_data(json), rune_text_size(json));
    } else {
        (void)rn_bytes_append(&doc->search, "\"\"", 2);
    }
    rune_text_free(json);
    rune_value_unref(value);
}

/* Methods are found on the page of their type. */
static size_t page_of(const struct doc *doc, size_t index)
{
    const struct rn_outline_item *item = rn_outline_at(doc->outline, index);
    for (size_t i = 0; is_method(item) && i < doc->outline->count; i++) {
        const struct rn_outline_item *parent = rn_outline_at(doc->outline, i);
        if (!is_method(parent) && is_inside(item, parent)) {
            return i;
        }
    }
    return index;
}

static void add_search(struct doc *doc, size_t index)
{
    const struct rn_outline_item *item = rn_outline_at(doc->outline, index);
    (void)rn_bytes_append(&doc->search, "[", 1);
    search_string(doc, label_of(doc, item));
    (void)rn_bytes_append(&doc->search, ",", 1);
    search_string(doc, item->kind);
    (void)rn_bytes_append(&doc->search, ",", 1);
    search_string(doc, file_of(doc, page_of(doc, index)));
    (void)rn_bytes_append(&doc->search, "],\n", 3);
}

/* ---- The whole ---- */

static void write_outline(struct doc *doc)
{
    if (!name_files(doc)) {
        doc->code = rn_console_take_error(&doc->session->console, NULL);
        return;
    }
    for (size_t i = 0; i < doc->outline->count && doc->code == 0; i++) {
        if (!is_method(rn_outline_at(doc->outline, i)) || page_of(doc, i) == i) {
            item_page(doc, i);
        }
        add_search(doc, i);
    }
}

static void list_modules(const struct doc *doc, struct rn_html *html)
{
    rn_html_raw(html, "<dl>");
    for (size_t i = 0; i < doc->outline->count; i++) {
        const struct rn_outline_item *item = rn_outline_at(doc->outline, i);
        if (strcmp(item->kind, "module") == 0) {
            rn_html_raw(html, "<dt>module ");
            link_item(doc, html, i, label_of(doc, item));
            rn_html_raw(html, "</dt><dd>");
            rn_html_summary(html, item->docs);
            rn_html_raw(html, "</dd>\n");
        }
    }
    rn_html_raw(html, "</dl>\n");
}

static void begin_index(const struct doc *doc, struct rn_html *html)
{
    begin_page(doc, html, doc->title);
    rn_html_raw(html, "<h1>");
    text(html, doc->title);
    rn_html_raw(html, "</h1>\n<input id=\"q\" type=\"search\" placeholder=\"Search\" "
                      "autofocus><ul id=\"found\"></ul>\n");
}

static void list_library(const struct doc *doc, struct rn_html *html)
{
    rn_html_raw(html, "<h2>Standard library</h2>\n<dl>");
    for (size_t i = 0; i < doc->outline->count; i++) {
        const struct rn_outline_item *item = rn_outline_at(doc->outline, i);
        if (!is_method(item)) {
            rn_html_raw(html, "<dt>");
            text(html, item->kind);
            rn_html_raw(html, " ");
            link_item(doc, html, i, item->path);
            rn_html_raw(html, "</dt>\n");
        }
    }
    rn_html_raw(html, "</dl>\n");
}

/* Pages of the library; they share folder, search and index with those of the sources. */
static void write_library(struct doc *doc, struct rn_html *index)
{
    struct rn_outline library;
    rune_text *lines = NULL;
    const struct rn_outline *own = doc->outline;
    rn_bytes_done(&doc->names);
    if (rune_tools_library(&lines) != RUNE_OK ||
        rn_outline_parse(rune_text_data(lines), rune_text_size(lines), &library, NULL) != RUNE_OK) {
        rune_text_free(lines);
        doc->code = rn_console_take_error(&doc->session->console, NULL);
        return;
    }
    doc->outline = &library;
    doc->prefix = "library.";
    write_outline(doc);
    list_library(doc, index);
    doc->outline = own;
    rn_outline_done(&library);
    rune_text_free(lines);
}

static void write_site(struct doc *doc)
{
    static const char head[] = "'use strict';\nconst items = [\n";
    struct rn_html index = {.no_memory = false};
    (void)rn_bytes_append(&doc->search, head, sizeof head - 1);
    begin_index(doc, &index);
    write_outline(doc);
    if (doc->code == 0) {
        list_modules(doc, &index);
        write_library(doc, &index);
    }
    rn_html_raw(&index, "<script src=\"items.js\"></script><script src=\"search.js\"></script>\n");
    end_page(doc, &index, "index.html");
    (void)rn_bytes_append(&doc->search, "];\n", 3);
    write_file(doc, "items.js", doc->search.data, doc->search.size);
    write_file(doc, "search.js", script, sizeof script - 1);
    write_file(doc, "style.css", style, sizeof style - 1);
}

/* The root source of a folder, as Rune's own command looks for it. */
static const char *root_of(const char *path, char *buffer, size_t size)
{
    static const char *const names[] = {"lib.rn", "main.rn", "mod.rn", "src/lib.rn", "src/main.rn"};
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return path;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(buffer, size, "%s/%s", path, names[i]);
        if (access(buffer, F_OK) == 0) {
            return buffer;
        }
    }
    rn_console_complain("%s: there is neither lib.rn nor main.rn, here or in src", path);
    return NULL;
}

static int document(struct rn_session *session, const char *path, const char *folder)
{
    struct rn_outline outline;
    if (!rn_outline_read(session, path, false, &outline)) {
        return session->code;
    }
    if (outline.count > ITEMS_MAX) {
        rn_console_complain("%s: more than %u items", path, ITEMS_MAX);
        rn_outline_done(&outline);
        return 1;
    }
    struct doc doc = {.session = session, .outline = &outline, .title = path, .prefix = ""};
    if ((mkdir(folder, 0777) != 0 && errno != EEXIST) ||
        (doc.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        rn_console_complain("%s: %s", folder, strerror(errno));
        rn_outline_done(&outline);
        return RN_EXIT_OUTPUT;
    }
    write_site(&doc);
    close(doc.folder);
    if (doc.code == 0 && session->console.format != RN_FORMAT_TEXT) {
        printf("{\"v\":1,\"reason\":\"ok\",\"pages\":%zu}\n", doc.pages);
    } else if (doc.code == 0 && !session->console.quiet) {
        printf("%s/index.html: %zu pages\n", folder, doc.pages);
    }
    rn_bytes_done(&doc.names);
    rn_bytes_done(&doc.search);
    rn_outline_done(&outline);
    return doc.code;
}

int rn_command_doc(struct rn_session *session)
{
    const struct rn_args *args = session->args;
    char buffer[PATH_MAX];
    const char *folder =
        args->values[args->values[RN_OPTION_OUT] != NULL ? RN_OPTION_OUT : RN_OPTION_OUTPUT];
    if (args->operand_count != 1 || folder == NULL) {
        return rn_command_misused(session);
    }
    const char *path = root_of(args->operands[0], buffer, sizeof buffer);
    if (path == NULL) {
        return RN_EXIT_NO_INPUT;
    }
    return rn_session_start(session) ? document(session, path, folder) : session->code;
}
