/* name_notes.c: a growing list. */
#include "compiler/name_notes.h"

#include "base/alloc.h"
#include "compiler/items_private.h"

#include <string.h>

void rn_name_notes_done(struct rn_name_notes *notes)
{
    rn_free(notes->notes);
    *notes = (struct rn_name_notes){.notes = NULL};
}

/* ---- Meanings ---- */

struct rn_meaning rn_meaning_of_decl(const struct rn_decl *decl)
{
    return (struct rn_meaning){.kind = RN_MEANS_DECL, .key = decl->id, .decl = decl};
}

struct rn_meaning rn_meaning_of_field(const struct rn_decl *decl, uint32_t index)
{
    return (struct rn_meaning){
        .kind = RN_MEANS_FIELD, .key = (uint64_t)decl->id << 32 | index, .decl = decl};
}

struct rn_meaning rn_meaning_of_item(const struct rn_context_item *item)
{
    return (struct rn_meaning){.kind = RN_MEANS_ITEM, .key = item->hash, .item = item};
}

struct rn_meaning rn_meaning_of_local(struct rn_span bound)
{
    return (struct rn_meaning){.kind = RN_MEANS_LOCAL,
                               .key = (uint64_t)bound.source << 32 | bound.start};
}

struct rn_meaning rn_meaning_of_member(rn_symbol name)
{
    return (struct rn_meaning){.kind = RN_MEANS_MEMBER, .key = name};
}

/* ---- Notes ---- */

static bool reserve(struct rn_items *items)
{
    struct rn_name_notes *notes = items->notes;
    if (notes->count < notes->capacity) {
        return true;
    }
    if (notes->count >= RN_NAME_NOTES_MAX) {
        return false;
    }
    uint32_t capacity = notes->capacity == 0 ? 256 : notes->capacity * 2;
    struct rn_name_note *grown = rn_realloc(notes->notes, (size_t)capacity * sizeof(*grown));
    if (grown == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return false;
    }
    notes->notes = grown;
    notes->capacity = capacity;
    return true;
}

/* True if the name stands there as it is. */
static bool is_written(const struct rn_items *items, rn_symbol name, struct rn_span span)
{
    if (name == 0 || span.source >= items->diagnostics->source_count) {
        return false;
    }
    struct rn_utf8 word = rn_symbol_text(&items->symbols, name);
    struct rn_utf8 text = items->diagnostics->sources[span.source].text;
    return span.end <= text.size && span.start <= span.end && span.end - span.start == word.size &&
           memcmp(text.data + span.start, word.data, word.size) == 0;
}

static void add(struct rn_items *items, rn_symbol name, const struct rn_name_note *note)
{
    if (is_written(items, name, note->span) && reserve(items)) {
        items->notes->notes[items->notes->count++] = *note;
    }
}

void rn_note_name(struct rn_items *items, const struct rn_ast_name *name, struct rn_meaning meaning)
{
    if (items->notes != NULL) {
        struct rn_name_note note = {.span = name->span, .meaning = meaning};
        add(items, name->symbol, &note);
    }
}

void rn_note_binding(struct rn_items *items, rn_symbol name, struct rn_span span)
{
    if (items->notes != NULL) {
        struct rn_name_note note = {.span = span,
                                    .meaning = rn_meaning_of_local(span),
                                    .binds = true,
                                    .until = items->notes->until};
        add(items, name, &note);
    }
}

/* False: it has none of that name. */
static bool note_field(struct rn_items *items, const struct rn_ast_name *name,
                       const struct rn_decl *decl)
{
    const struct rn_ast_fields *fields = decl->fields;
    if (fields == NULL || fields->kind != RN_FIELDS_NAMED) {
        return false;
    }
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->items[i].name.symbol == name->symbol) {
            rn_note_name(items, name, rn_meaning_of_field(decl, i));
            return true;
        }
    }
    return false;
}

void rn_note_field(struct rn_items *items, const struct rn_ast_name *name,
                   const struct rn_decl *decl)
{
    if (items->notes != NULL) {
        (void)note_field(items, name, decl);
    }
}

void rn_note_member(struct rn_items *items, const struct rn_ast_name *name,
                    const struct rn_decl *type)
{
    if (items->notes == NULL) {
        return;
    }
    const struct rn_decl *method =
        type == NULL ? NULL : rn_items_children(items, type, name->symbol);
    if (method != NULL && method->kind == RN_DECL_FUNCTION) {
        rn_note_name(items, name, rn_meaning_of_decl(method));
    } else if (type == NULL || !note_field(items, name, type)) {
        rn_note_name(items, name, rn_meaning_of_member(name->symbol));
    }
}

uint32_t rn_note_until(struct rn_items *items, uint32_t until)
{
    uint32_t before = 0;
    if (items->notes != NULL) {
        before = items->notes->until;
        items->notes->until = until;
    }
    return before;
}
