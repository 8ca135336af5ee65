/* repl_names.c: names by outlines, and by the words of what was typed. */
#include "cli/repl_names.h"

#include "cli/word_set.h"

#include <runeward/tools.h>

#include <string.h>

#define WORDS_MAX 4096u

/* The names that begin with a word, each once. */
struct collecting {
    const char *word;
    size_t size;
    void (*take)(void *to, const char *name, size_t size);
    void *to;
    struct rn_word_set seen;
};

static void offer(struct collecting *collecting, const char *name, size_t size)
{
    bool is_new = false;
    bool fits = size >= collecting->size && memcmp(name, collecting->word, collecting->size) == 0;
    if (fits && collecting->seen.count < WORDS_MAX &&
        rn_word_set_add(&collecting->seen, name, size, &is_new) && is_new) {
        collecting->take(collecting->to, name, size);
    }
}

static bool begins_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool goes_on(unsigned char c)
{
    return begins_word(c) || (c >= '0' && c <= '9');
}

/* What looks like a name: locals are among them, and cost no reading of the language here. */
static void offer_words(struct collecting *collecting, const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t start = i++;
        if (begins_word((unsigned char)text[start])) {
            while (i < size && goes_on((unsigned char)text[i])) {
                i++;
            }
            offer(collecting, text + start, i - start);
        }
    }
}

static void offer_items(struct collecting *collecting, const struct rn_outline *outline)
{
    for (size_t i = 0; i < outline->count; i++) {
        const char *path = rn_outline_at(outline, i)->path;
        offer(collecting, path, strlen(path));
    }
}

static const struct rn_outline *library(struct rn_repl_names *names)
{
    rune_text *text = NULL;
    if (!names->has_library && rune_tools_library(&text) == RUNE_OK) {
        names->has_library = rn_outline_parse(rune_text_data(text), rune_text_size(text),
                                              &names->library, NULL) == RUNE_OK;
    }
    rune_text_free(text);
    return names->has_library ? &names->library : NULL;
}

bool rn_repl_names_items(const struct rn_repl *repl, struct rn_outline *out_outline)
{
    return rn_outline_parse(repl->items.data ? repl->items.data : "", repl->items.size, out_outline,
                            NULL) == RUNE_OK;
}

/* False without memory. */
static bool add_paths(struct rn_word_set *set, const struct rn_outline *outline)
{
    bool is_new;
    bool good = true;
    for (size_t i = 0; i < outline->count && good; i++) {
        const char *path = rn_outline_at(outline, i)->path;
        good = rn_word_set_add(set, path, strlen(path), &is_new);
    }
    return good;
}

static bool share_a_path(const struct rn_outline *a, const struct rn_outline *b)
{
    struct rn_word_set known = {.count = 0};
    bool shared = false;
    bool good = add_paths(&known, a);
    for (size_t i = 0; i < b->count && good && !shared; i++) {
        const char *path = rn_outline_at(b, i)->path;
        shared = path[0] != 0 && rn_word_set_has(&known, path, strlen(path));
    }
    rn_word_set_done(&known);
    return shared;
}

static bool has_word(const struct rn_repl_new *entry, const char *word)
{
    size_t size = strlen(word);
    const char *at = entry->text;
    const char *end = entry->text + entry->size;
    while ((at = memmem(at, (size_t)(end - at), word, size)) != NULL) {
        bool begins = at == entry->text || !goes_on((unsigned char)at[-1]);
        at += size;
        if (begins && (at == end || !goes_on((unsigned char)*at))) {
            return true;
        }
    }
    return false;
}

bool rn_repl_names_hide(const struct rn_repl *repl, const struct rn_repl_new *entry,
                        const char *outline)
{
    struct rn_outline there;
    struct rn_outline added;
    size_t size = repl->items.size - repl->block_items;
    if (rn_outline_parse(size > 0 ? repl->items.data + repl->block_items : "", size, &there,
                         NULL) != RUNE_OK) {
        return false;
    }
    bool hides = false;
    if (rn_outline_parse(outline, strlen(outline), &added, NULL) == RUNE_OK) {
        hides = share_a_path(&there, &added) || has_word(entry, "use");
        rn_outline_done(&added);
    }
    rn_outline_done(&there);
    return hides;
}

void rn_repl_names_complete(void *user, const char *word, size_t size,
                            void (*take)(void *to, const char *name, size_t size), void *to)
{
    struct rn_repl_names *names = user;
    struct collecting collecting = {.word = word, .size = size, .take = take, .to = to};
    struct rn_outline items;
    offer_words(&collecting, names->repl->script.text.data, names->repl->script.text.size);
    if (rn_repl_names_items(names->repl, &items)) {
        offer_items(&collecting, &items);
        rn_outline_done(&items);
    }
    const struct rn_outline *standard = library(names);
    if (standard) {
        offer_items(&collecting, standard);
    }
    rn_word_set_done(&collecting.seen);
}

/* The whole path, or its last parts. */
static bool ends_with(const char *path, const char *name)
{
    size_t size = strlen(path);
    size_t part = strlen(name);
    return size >= part && strcmp(path + size - part, name) == 0 &&
           (size == part || path[size - part - 1] == ':');
}

static size_t find_in(const struct rn_outline *outline, const char *name,
                      void (*take)(const struct rn_outline_item *item))
{
    size_t found = 0;
    for (size_t i = outline->count; i-- > 0;) { // the last one is what counts
        const struct rn_outline_item *item = rn_outline_at(outline, i);
        if (strcmp(item->name, name) == 0 || ends_with(item->path, name)) {
            take(item);
            found++;
        }
    }
    return found;
}

size_t rn_repl_names_find(struct rn_repl_names *names, const char *name,
                          void (*take)(const struct rn_outline_item *item))
{
    struct rn_outline items;
    size_t found = 0;
    if (rn_repl_names_items(names->repl, &items)) {
        found = find_in(&items, name, take);
        rn_outline_done(&items);
    }
    const struct rn_outline *standard = found == 0 ? library(names) : NULL;
    return standard ? find_in(standard, name, take) : found;
}

void rn_repl_names_done(struct rn_repl_names *names)
{
    if (names->has_library) {
        rn_outline_done(&names->library);
    }
}
