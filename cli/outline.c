/* outline.c: asking for an outline, and its lines to items. */
#include "cli/outline.h"
#include "cli/members.h"

#include <runeward/source.h>

#include <string.h>

#define LINES_MAX ((uint32_t)16 << 20) /* a source has no more bytes */

void rn_outline_done(struct rn_outline *outline)
{
    rn_store_done(&outline->store);
    rn_bytes_done(&outline->items);
    *outline = (struct rn_outline){.count = 0};
}

/* ---- Values to texts ---- */

/* A zero byte inside becomes a space. NULL without memory. */
static const char *keep(struct rn_outline *outline, const char *data, size_t size)
{
    char *copy = rn_store_copy(&outline->store, data, size);
    for (size_t i = 0; copy != NULL && i < size; i++) {
        copy[i] = copy[i] == '\0' ? ' ' : copy[i];
    }
    return copy;
}

/* "" where it is missing or no string. */
static const char *text_of(struct rn_outline *outline, const rune_const_value *object,
                           const char *key)
{
    rune_const_value *value = rune_value_get(object, key);
    const char *data = "";
    size_t size = 0;
    if (value != NULL) {
        (void)rune_value_get_string(value, &data, &size);
    }
    const char *copy = keep(outline, data, size);
    rune_value_unref(value);
    return copy;
}

/* One of the words that a compiler says, which files are named after; NULL for any other. */
static const char *kind_of(const rune_const_value *object)
{
    static const char *const kinds[] = {"module", "function", "method", "struct", "enum",
                                        "const",  "static",   "trait",  "macro"};
    char word[16];
    rn_member_text(object, "kind", word, sizeof word);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i], word) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

static uint32_t number_of(const rune_const_value *object, const char *key)
{
    long long number = rn_member_number(object, key);
    return number < 0 || number > UINT32_MAX ? 0 : (uint32_t)number;
}

static const char *attributes_of(struct rn_outline *outline, const rune_const_value *object)
{
    rune_const_value *value = rune_value_get(object, "attributes");
    struct rn_bytes joined = {0};
    rune_const_value *name;
    rune_value_iter at;
    rune_value_iter_init(&at, value);
    for (int i = 0; i < 64 && rune_value_iter_next(&at, &name) == RUNE_OK; i++) {
        const char *data = "";
        size_t size = 0;
        if (rune_value_get_string(name, &data, &size)) {
            (void)rn_bytes_append(&joined, ",", i > 0);
            (void)rn_bytes_append(&joined, data, size);
        }
        rune_value_unref(name);
    }
    const char *copy = keep(outline, joined.size == 0 ? "" : joined.data, joined.size);
    rn_bytes_done(&joined);
    rune_value_unref(value);
    return copy;
}

static bool read_members(struct rn_outline *outline, const rune_const_value *object,
                         struct rn_outline_item *item)
{
    rune_const_value *list = rune_value_get(object, "members");
    size_t count = rune_value_count(list);
    count = count > RN_OUTLINE_MEMBERS_MAX ? RN_OUTLINE_MEMBERS_MAX : count;
    struct rn_outline_member *members = rn_store_take(&outline->store, count * sizeof *members + 1);
    bool good = members != NULL;
    rune_value_iter at;
    rune_value_iter_init(&at, list);
    for (size_t i = 0; i < count && good; i++) {
        rune_const_value *member = NULL;
        good = rune_value_iter_next(&at, &member) == RUNE_OK;
        if (good) {
            members[i].name = text_of(outline, member, "name");
            members[i].signature = text_of(outline, member, "signature");
            members[i].docs = text_of(outline, member, "docs");
            good =
                members[i].name != NULL && members[i].signature != NULL && members[i].docs != NULL;
        }
        rune_value_unref(member);
    }
    rune_value_unref(list);
    item->members = members;
    item->member_count = good ? count : 0;
    return good;
}

/* NO_MEMORY; MESSAGE_INVALID: no compiler of ours says that. */
static rune_status read_item(struct rn_outline *outline, const rune_const_value *object)
{
    struct rn_outline_item item = {
        .kind = kind_of(object),
        .path = text_of(outline, object, "path"),
        .name = text_of(outline, object, "name"),
        .source = text_of(outline, object, "source"),
        .signature = text_of(outline, object, "signature"),
        .attributes = attributes_of(outline, object),
        .docs = text_of(outline, object, "docs"),
        .line = number_of(object, "line"),
        .docs_line = number_of(object, "docs_line"),
        .is_public = rn_member_flag(object, "public"),
    };
    if (item.kind == NULL || item.line > LINES_MAX || item.docs_line > LINES_MAX) {
        return RUNE_E_MESSAGE_INVALID;
    }
    bool good = item.path != NULL && item.name != NULL && item.source != NULL &&
                item.signature != NULL && item.attributes != NULL && item.docs != NULL &&
                read_members(outline, object, &item) &&
                rn_bytes_append(&outline->items, (const char *)&item, sizeof item);
    outline->count += good;
    return good ? RUNE_OK : RUNE_E_NO_MEMORY;
}

/* ---- The whole ---- */

rune_status rn_outline_parse(const char *text, size_t size, struct rn_outline *out_outline,
                             rune_error **error)
{
    *out_outline = (struct rn_outline){.count = 0};
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - text);
        rune_const_value *object = NULL;
        rune_status status = rune_value_from_json(text, line, &object, error);
        if (status == RUNE_OK) {
            status = read_item(out_outline, object);
        }
        rune_value_unref(object);
        if (status != RUNE_OK) {
            rn_outline_done(out_outline);
            return status;
        }
        line += end != NULL;
        text += line;
        size -= line;
    }
    return RUNE_OK;
}

static rune_text *ask(struct rn_session *session, const char *path, bool silent)
{
    rune_text *text = NULL;
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_options *options =
        rn_session_options(session, rn_args_has(session->args, RN_OPTION_SCRIPT));
    rune_status status = RUNE_E_NO_MEMORY;
    if (sources != NULL && diagnostics != NULL && options != NULL) {
        status = rune_sources_insert_file(sources, path, &error);
    }
    if (status == RUNE_OK) {
        status = rune_outline(session->supervisor, sources, options, diagnostics, &text, &error);
    }
    if (status == RUNE_OK && !silent && rn_session_refuses(session, diagnostics)) {
        rune_text_free(text);
        text = NULL;
        status = RUNE_E_COMPILE_FAILED;
    }
    if (status == RUNE_E_COMPILE_FAILED) {
        if (!silent) {
            rn_session_show(session, diagnostics);
        }
        session->code = rune_reason_exit_code(RUNE_REASON_FAILED, 0);
        rune_error_free(error);
    } else if (status != RUNE_OK && options != NULL) {
        session->code = rn_console_take_error(&session->console, error);
    }
    rune_sources_free(sources);
    rune_diagnostics_free(diagnostics);
    rune_options_free(options);
    return text;
}

bool rn_outline_read(struct rn_session *session, const char *path, bool silent,
                     struct rn_outline *out_outline)
{
    rune_error *error = NULL;
    rune_text *text = ask(session, path, silent);
    if (text == NULL) {
        return false;
    }
    rune_status status =
        rn_outline_parse(rune_text_data(text), rune_text_size(text), out_outline, &error);
    rune_text_free(text);
    if (status == RUNE_E_MESSAGE_INVALID) {
        rn_console_complain("%s: the compiler's outline is no outline; it may have been taken over",
                            path);
        session->code = rune_reason_exit_code(RUNE_REASON_VIOLATION, 0);
    } else if (status != RUNE_OK) {
        session->code = rn_console_take_error(&session->console, error);
    }
    return status == RUNE_OK;
}

const struct rn_outline_item *rn_outline_at(const struct rn_outline *outline, size_t index)
{
    return (const struct rn_outline_item *)(const void *)outline->items.data + index;
}
