/*
 * completion.c: what may be written at a place.
 *
 * The text that is being typed is rarely whole. So the words before the place are looked at, and nothing else of
 * the text: behind a dot come members, behind `::` what is in what stands before it, else whatever has a
 * name there. What there is comes from the last compilation. The editor chooses by what is typed.
 *
 * Trust: looks at words of source text of anybody.
 */
#include "cli/lsp/queries.h"

#include "cli/word_set.h"

#include <string.h>

#define ITEMS_MAX 4000u
#define LOOKED_MAX 200000u /* at names, those that are there already included */
#define WORDS_MAX 512u     /* bytes of a path before the place */

/* Kinds of completions as the protocol numbers them, by enum rn_lsp_kind. */
static const uint8_t completion_kinds[RN_LSP_KIND_COUNT] = {9, 3, 2, 22, 13, 20, 5, 21, 6, 6, 0, 0};

struct completing {
    struct rn_lsp_server *server;
    struct rn_lsp_place place;
    struct rn_lsp_out out;
    struct rn_word_set labels;
    size_t looked;
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* ---- The list ---- */

static bool is_full(const struct completing *c)
{
    return c->labels.count >= ITEMS_MAX || c->looked >= LOOKED_MAX;
}

/* A label that is there already is not put again. */
static void put(struct completing *c, const char *name, unsigned kind, const char *detail)
{
    bool is_new = false;
    if (*name == 0 || is_full(c)) {
        return;
    }
    c->looked++;
    c->out.failed = c->out.failed || !rn_word_set_add(&c->labels, name, strlen(name), &is_new);
    if (is_new) {
        rn_lsp_put_comma(&c->out);
        rn_lsp_put(&c->out, "{\"label\":");
        rn_lsp_put_text(&c->out, name);
        rn_lsp_put(&c->out, ",\"kind\":");
        rn_lsp_put_number(&c->out, kind);
        if (*detail != 0) {
            rn_lsp_put(&c->out, ",\"detail\":");
            rn_lsp_put_text(&c->out, detail);
        }
        rn_lsp_put(&c->out, "}");
    }
}

static void put_meant(struct completing *c, const struct rn_lsp_meant *meant)
{
    put(c, meant->name, completion_kinds[meant->kind], meant->signature);
}

static unsigned kind_of_item(const struct rn_outline_item *item)
{
    static const struct {
        const char *name;
        unsigned kind;
    } rows[] = {{"function", 3}, {"method", 2}, {"struct", 22}, {"const", 21},
                {"macro", 3},    {"trait", 8},  {"module", 9}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, item->kind) == 0) {
            return rows[i].kind;
        }
    }
    return 1;
}

/* ---- Behind a dot ---- */

/* The type whose method the place is in, as the length of its path; NULL: in none. */
static const struct rn_lsp_meant *method_around(const struct completing *c)
{
    const struct rn_lsp_index *index = &c->place.answer->index;
    for (size_t i = 0; i < index->meant_count; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        if (meant->kind == RN_LSP_METHOD && meant->source == c->place.source &&
            meant->whole_start <= c->place.carried && c->place.carried <= meant->whole_end) {
            return meant;
        }
    }
    return NULL;
}

static void put_members(struct completing *c, bool of_self)
{
    const struct rn_lsp_index *index = &c->place.answer->index;
    const struct rn_lsp_meant *around = of_self ? method_around(c) : NULL;
    size_t owner = 0;
    if (around != NULL) {
        (void)rn_lsp_path_name(around->path, &owner);
    }
    for (size_t i = 0; i < index->meant_count; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        size_t before;
        (void)rn_lsp_path_name(meant->path, &before);
        bool fits = meant->kind == RN_LSP_METHOD || meant->kind == RN_LSP_FIELD;
        bool owned =
            around == NULL || (before == owner && strncmp(meant->path, around->path, owner) == 0);
        if (fits && owned) {
            put_meant(c, meant);
        }
    }
    for (size_t i = 0; i < c->server->library.count && around == NULL; i++) {
        const struct rn_outline_item *item = rn_outline_at(&c->server->library, i);
        if (strcmp(item->kind, "method") == 0) {
            put(c, item->name, 2, item->signature);
        }
    }
}

/* ---- Behind :: ---- */

/* What is directly in a path: items, and names on the way to them. */
static void put_inside(struct completing *c, const char *path)
{
    const struct rn_lsp_index *index = &c->place.answer->index;
    size_t size = strlen(path);
    for (size_t i = 0; i < index->meant_count; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        size_t before;
        (void)rn_lsp_path_name(meant->path, &before);
        if (meant->kind < RN_LSP_LOCAL && meant->kind != RN_LSP_FIELD && before == size &&
            strncmp(meant->path, path, size) == 0) {
            put_meant(c, meant);
        }
    }
    for (size_t i = 0; i < c->server->library.count && size > 0; i++) {
        const struct rn_outline_item *item = rn_outline_at(&c->server->library, i);
        bool inside = strncmp(item->path, path, size) == 0 &&
                      strncmp(item->path + size, "::", 2) == 0 && item->path[size + 2] != '<';
        const char *name = inside ? item->path + size + 2 : "";
        const char *next = strstr(name, "::");
        char module[128];
        if (next == NULL || next[2] == '<') {
            put(c, name, kind_of_item(item), item->signature);
        } else if ((size_t)(next - name) < sizeof module) {
            memcpy(module, name, (size_t)(next - name));
            module[next - name] = 0;
            put(c, module, 9, "");
        }
    }
}

/* The innermost module around the place. */
static const char *module_around(const struct completing *c)
{
    const struct rn_lsp_index *index = &c->place.answer->index;
    const char *found = "";
    bool in_file = false;
    for (size_t i = 0; i < index->meant_count; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        bool around = meant->kind == RN_LSP_MODULE && meant->source == c->place.source &&
                      meant->end < c->place.carried && c->place.carried < meant->whole_end;
        if (around) {
            found = meant->path;
            in_file = true;
        }
    }
    return in_file || c->place.source == 0 ? found : NULL;
}

/* Of a module that has a text for itself: the path before the name of what is declared first in it. */
static bool copy_module(const struct completing *c, struct rn_bytes *path)
{
    const struct rn_lsp_index *index = &c->place.answer->index;
    const char *around = module_around(c);
    size_t size = around == NULL ? 0 : strlen(around);
    for (size_t i = 0; i < index->meant_count && around == NULL; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        if (meant->kind < RN_LSP_LOCAL && meant->source == c->place.source) {
            around = meant->path;
            (void)rn_lsp_path_name(meant->path, &size);
        }
    }
    bool good =
        rn_bytes_append(path, around == NULL ? "" : around, size) && rn_bytes_append(path, "", 1);
    path->size = good ? size : 0;
    return good;
}

/* What the first word of a path means where it stands: anything of that name that the document names. */
static const struct rn_lsp_meant *meaning_of_word(const struct completing *c, const char *word,
                                                  size_t size)
{
    const struct rn_lsp_index *index = &c->place.answer->index;
    const char *text = rn_lsp_texts_at(&c->place.answer->texts, c->place.source)->data;
    for (size_t i = 0; i < index->use_count; i++) {
        const struct rn_lsp_use *use = rn_lsp_use_at(index, i);
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, use->meant);
        if (use->source == c->place.source && use->end - use->start == size &&
            meant->kind != RN_LSP_LOCAL && meant->kind != RN_LSP_MEMBER &&
            memcmp(text + use->start, word, size) == 0) {
            return meant;
        }
    }
    return NULL;
}

/* The types that need no import have their path in the library: "Vec" is "std::vec::Vec". */
static const char *path_of_type(const struct completing *c, const char *word, size_t size)
{
    for (size_t i = 0; i < c->server->library.count; i++) {
        const struct rn_outline_item *item = rn_outline_at(&c->server->library, i);
        if (strcmp(item->kind, "struct") == 0 && strlen(item->name) == size &&
            memcmp(item->name, word, size) == 0) {
            return item->path;
        }
    }
    return NULL;
}

/* The beginning of a path as a whole one; false without memory. */
static bool copy_first(const struct completing *c, const char *word, size_t size,
                       struct rn_bytes *path)
{
    const struct rn_lsp_meant *meant = meaning_of_word(c, word, size);
    const char *whole = meant != NULL ? meant->path : path_of_type(c, word, size);
    if (size == 5 && memcmp(word, "crate", 5) == 0) {
        return true;
    }
    if ((size == 4 && memcmp(word, "self", 4) == 0) ||
        (size == 5 && memcmp(word, "super", 5) == 0)) {
        bool good = copy_module(c, path);
        size_t before = path->size;
        if (good && size == 5) {
            path->data[path->size] = 0;
            (void)rn_lsp_path_name(path->data, &before);
        }
        path->size = before;
        return good;
    }
    return whole != NULL ? rn_bytes_append(path, whole, strlen(whole))
                         : rn_bytes_append(path, word, size);
}

/* `a::b::` before the place, with a zero byte. */
static void put_path(struct completing *c, const char *words, size_t size)
{
    struct rn_bytes path = {0};
    const char *colons = memmem(words, size, "::", 2);
    size_t first = colons == NULL ? size : (size_t)(colons - words);
    bool good = copy_first(c, words, first, &path);
    size -= size >= first + 2 ? first + 2 : size;
    words += first + 2;
    if (good && size > 2) {
        good = (path.size == 0 || rn_bytes_append(&path, "::", 2)) &&
               rn_bytes_append(&path, words, size - 2);
    }
    if (good && rn_bytes_append(&path, "", 1)) {
        put_inside(c, path.data);
    }
    rn_bytes_done(&path);
}

/* ---- Anywhere else ---- */

static const char *const keywords[] = {
    "as",     "async", "await", "break", "const", "continue", "crate",  "else", "enum",
    "false",  "fn",    "for",   "if",    "impl",  "in",       "is",     "let",  "loop",
    "match",  "mod",   "move",  "not",   "pub",   "return",   "select", "self", "static",
    "struct", "super", "true",  "use",   "while", "yield"};

static void put_keywords(struct completing *c)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        put(c, keywords[i], 14, "");
    }
}

static void put_variables(struct completing *c)
{
    const struct rn_lsp_index *index = &c->place.answer->index;
    for (size_t i = index->meant_count; i > 0; i--) { // the last one first: it hides the others
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i - 1);
        if (meant->kind == RN_LSP_LOCAL && meant->source == c->place.source &&
            meant->end <= c->place.carried && c->place.carried <= meant->whole_end) {
            put(c, meant->name, completion_kinds[RN_LSP_LOCAL], "");
        }
    }
}

/* What the document names already: its imports among them. */
static void put_named(struct completing *c)
{
    const struct rn_lsp_index *index = &c->place.answer->index;
    const char *text = rn_lsp_texts_at(&c->place.answer->texts, c->place.source)->data;
    for (size_t i = 0; i < index->use_count; i++) {
        const struct rn_lsp_use *use = rn_lsp_use_at(index, i);
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, use->meant);
        char name[128];
        size_t size = use->end - use->start;
        if (use->source != c->place.source || meant->kind != RN_LSP_LIBRARY ||
            size >= sizeof name) {
            continue; // of another text its places say nothing here
        }
        if (use->start < 2 || memcmp(text + use->start - 2, "::", 2) != 0) {
            memcpy(name, text + use->start, size);
            name[size] = 0;
            put(c, name, 22, meant->path);
        }
    }
}

/* What needs no import, but for macros. */
static const char *const prelude[] = {
    "f64",  "i64",    "u64",   "Bytes", "Err", "None", "Object", "Ok",    "Option", "Result",
    "Some", "String", "Tuple", "Type",  "Vec", "bool", "char",   "clone", "drop"};

static void put_library(struct completing *c)
{
    for (size_t i = 0; i < sizeof prelude / sizeof *prelude; i++) {
        put(c, prelude[i], 22, "");
    }
    for (size_t i = 0; i < c->server->library.count; i++) {
        const struct rn_outline_item *item = rn_outline_at(&c->server->library, i);
        if (strcmp(item->kind, "macro") == 0) {
            put(c, item->name, 3, item->path);
        }
    }
    put(c, "std", 9, "");
}

static void put_anything(struct completing *c)
{
    struct rn_bytes module = {0};
    put_variables(c);
    if (copy_module(c, &module)) {
        put_inside(c, module.data);
    }
    rn_bytes_done(&module);
    put_named(c);
    put_library(c);
    put_keywords(c);
}

/* ---- The request ---- */

static size_t word_start(const char *text, size_t at)
{
    while (at > 0 && is_word(text[at - 1])) {
        at--;
    }
    return at;
}

/* Where a path begins that ends with `::` at `at`. */
static size_t path_start(const char *text, size_t at)
{
    size_t end = at;
    while (at >= 2 && end - at < WORDS_MAX && memcmp(text + at - 2, "::", 2) == 0) {
        size_t start = word_start(text, at - 2);
        if (start == at - 2) {
            break;
        }
        at = start;
    }
    return at;
}

static void complete(struct completing *c)
{
    const char *text = c->place.document->text.data;
    size_t word = word_start(text, c->place.offset);
    size_t path = path_start(text, word);
    bool is_range = word >= 2 && text[word - 2] == '.';
    if (path < word) {
        put_path(c, text + path, word - path);
    } else if (word > 0 && text[word - 1] == '.' && !is_range) {
        size_t before = word_start(text, word - 1);
        put_members(c, word - 1 - before == 4 && memcmp(text + before, "self", 4) == 0);
    } else {
        put_anything(c);
    }
}

void rn_lsp_completion(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params)
{
    struct completing c = {.server = server, .out = rn_lsp_answer_begin(id)};
    rn_lsp_put(&c.out, "{\"items\":[");
    if (!c.out.failed && rn_lsp_place_find(server, params, &c.place)) {
        complete(&c);
    }
    rn_lsp_put(&c.out, is_full(&c) ? "],\"isIncomplete\":true}" : "],\"isIncomplete\":false}");
    rn_word_set_done(&c.labels);
    rn_lsp_answer_end(server, &c.out);
}
