/* names.c: notes on names (name_notes.h), put in order. Trust: reads source text from anybody. */
#include "compiler/names.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "bytecode/json.h"
#include "compiler/const_eval.h"
#include "compiler/lower.h"
#include "compiler/name_notes.h"
#include "compiler/outline_text.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX_DEFAULT ((size_t)512 << 20)
#define USES_PER_LINE 1024u

/* Something that names mean, numbered by its place among all. */
struct meant {
    struct rn_meaning meaning;
    struct rn_span at; /* LOCAL */
    uint32_t until;
    rn_symbol name; /* MEMBER */
};

struct names {
    const struct rn_compile_input *input;
    struct rn_diagnostics *diagnostics;
    struct rn_buf *out;
    struct rn_arena arena;
    struct rn_items items;
    struct rn_name_notes notes;
    struct meant *meant;
    size_t meant_count;
};

/* ---- Looking everything up ---- */

static bool has_value(const struct rn_decl *decl)
{
    return (decl->kind == RN_DECL_CONST || decl->kind == RN_DECL_STATIC) && decl->host == NULL &&
           decl->item->constant.value != NULL;
}

/* Constants for their own sake are computed before the functions that name them, as in a build. */
static void lower_decl(struct rn_lower *lower, struct rn_decl *decl, struct rn_arena *arena)
{
    struct rn_constant value;
    if (has_value(decl)) {
        rn_const_of_decl(lower, decl, decl->span, &value);
    } else if (decl->kind == RN_DECL_FUNCTION && decl->body != NULL) {
        (void)(decl->is_const_fn ? rn_lower_const_fn(lower, decl)
                                 : rn_lower_function(lower, decl, arena));
    }
}

static enum rn_error lower_all(struct names *names)
{
    struct rn_lower lower;
    RN_TRY(rn_lower_init(&lower, &names->items));
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < names->items.decl_count && lower.error == RN_OK; i++) {
            struct rn_decl *decl = names->items.decls[i];
            if ((decl->kind == RN_DECL_FUNCTION) == (pass == 1)) {
                lower_decl(&lower, decl, &names->arena);
            }
        }
    }
    enum rn_error error = lower.error;
    rn_lower_done(&lower);
    return error == RN_OK ? names->items.error : error;
}

/* ---- What is meant ---- */

static int compare_meanings(const struct rn_meaning *a, const struct rn_meaning *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return a->key < b->key ? -1 : a->key > b->key;
}

static int by_meaning(const void *a, const void *b)
{
    return compare_meanings(&((const struct meant *)a)->meaning,
                            &((const struct meant *)b)->meaning);
}

/* A variable may be bound at several places: the first one stands for it. */
static int by_meaning_and_place(const void *a, const void *b)
{
    const struct meant *x = a;
    const struct meant *y = b;
    int order = by_meaning(a, b);
    if (order != 0) {
        return order;
    }
    if (x->at.source != y->at.source) {
        return x->at.source < y->at.source ? -1 : 1;
    }
    return x->at.start < y->at.start ? -1 : x->at.start > y->at.start;
}

static int by_place(const void *a, const void *b)
{
    const struct rn_name_note *x = a;
    const struct rn_name_note *y = b;
    if (x->span.source != y->span.source) {
        return x->span.source < y->span.source ? -1 : 1;
    }
    if (x->span.start != y->span.start) {
        return x->span.start < y->span.start ? -1 : 1;
    }
    return compare_meanings(&x->meaning, &y->meaning);
}

static bool is_meant(const struct rn_decl *decl)
{
    bool named = decl->name != 0 || (decl->kind == RN_DECL_MODULE && decl->parent == NULL);
    return named && decl->host == NULL && decl->kind != RN_DECL_IMPORT &&
           decl->kind != RN_DECL_BLOCK;
}

static uint32_t field_count(const struct rn_decl *decl)
{
    const struct rn_ast_fields *fields = decl->fields;
    return fields != NULL && fields->kind == RN_FIELDS_NAMED ? fields->count : 0;
}

static void add(struct names *names, const struct meant *meant)
{
    names->meant[names->meant_count++] = *meant;
}

static void add_decls(struct names *names)
{
    for (uint32_t i = 0; i < names->items.decl_count; i++) {
        const struct rn_decl *decl = names->items.decls[i];
        if (!is_meant(decl)) {
            continue;
        }
        add(names, &(struct meant){.meaning = rn_meaning_of_decl(decl)});
        for (uint32_t f = 0; f < field_count(decl); f++) {
            add(names, &(struct meant){.meaning = rn_meaning_of_field(decl, f)});
        }
    }
}

static void add_noted(struct names *names)
{
    for (uint32_t i = 0; i < names->notes.count; i++) {
        const struct rn_name_note *note = &names->notes.notes[i];
        struct meant meant = {.meaning = note->meaning, .at = note->span, .until = note->until};
        meant.name = note->meaning.kind == RN_MEANS_MEMBER ? (rn_symbol)note->meaning.key : 0;
        if (note->binds || meant.name != 0 || note->meaning.kind == RN_MEANS_ITEM) {
            add(names, &meant);
        }
    }
}

static enum rn_error collect(struct names *names)
{
    size_t most = names->notes.count;
    for (uint32_t i = 0; i < names->items.decl_count; i++) {
        most += 1u + field_count(names->items.decls[i]);
    }
    names->meant = rn_alloc((most + 1) * sizeof(*names->meant));
    if (names->meant == NULL) {
        return RN_E_NO_MEMORY;
    }
    add_decls(names);
    add_noted(names);
    rn_sort(names->meant, names->meant_count, sizeof(*names->meant), by_meaning_and_place);
    size_t kept = 0;
    for (size_t i = 0; i < names->meant_count; i++) {
        if (kept == 0 || by_meaning(&names->meant[kept - 1], &names->meant[i]) != 0) {
            names->meant[kept++] = names->meant[i];
        }
    }
    names->meant_count = kept;
    return RN_OK;
}

/* ---- Writing what is meant ---- */

static void number(struct rn_buf *out, uint64_t value)
{
    struct rn_number_text text;
    struct rn_utf8 digits = rn_text_u64(&text, value);
    rn_buf_append(out, digits.data, digits.size);
}

static void string(struct rn_buf *out, struct rn_utf8 text)
{
    rn_json_append_string(out, text.size == 0 ? "" : text.data, text.size);
}

/* What was put together for it; without memory `out` fails as that has. */
static void made_string(struct rn_buf *out, const struct rn_buf *made)
{
    enum rn_error error = rn_buf_status(made);
    out->error = out->error == RN_OK ? error : out->error;
    string(out, (struct rn_utf8){(const char *)made->data, error == RN_OK ? made->size : 0});
}

static void put_pair(struct rn_buf *out, const char *key, struct rn_span span)
{
    rn_buf_append_format(out, ",\"%s\":[%u,%u]", key, span.start, span.end);
}

static void put_place(struct rn_buf *out, struct rn_span at)
{
    rn_buf_append_format(out, ",\"source\":%u", at.source);
    put_pair(out, "at", at);
}

static const char *kind_of(const struct rn_decl *decl)
{
    switch ((enum rn_decl_kind)decl->kind) {
    case RN_DECL_MODULE:
        return "module";
    case RN_DECL_FUNCTION:
        return decl->type != NULL && decl->is_instance ? "method" : "function";
    case RN_DECL_STRUCT:
        return "struct";
    case RN_DECL_ENUM:
        return "enum";
    case RN_DECL_VARIANT:
        return "variant";
    case RN_DECL_CONST:
        return "const";
    case RN_DECL_STATIC:
    case RN_DECL_IMPORT:
    case RN_DECL_BLOCK:
        break;
    }
    return "static";
}

/* What is declared there, without the body of a function or module. */
static struct rn_span head_of(const struct rn_decl *decl)
{
    struct rn_span span = decl->span;
    if (decl->kind == RN_DECL_FUNCTION && decl->item != NULL) {
        const struct rn_ast_fn *fn = &decl->item->fn;
        span.end = fn->has_return_type ? fn->return_span.end : fn->head_span.end;
    } else if (decl->kind == RN_DECL_MODULE) {
        span.end = decl->name_span.end;
    }
    return span;
}

static void put_texts(const struct names *names, struct rn_span head,
                      const struct rn_ast_attributes *attributes, struct rn_buf *out)
{
    RN_AUTO(rn_buf) struct rn_buf docs;
    struct rn_span first;
    rn_buf_init(&docs, RN_SOURCE_SIZE_MAX);
    if (attributes != NULL) {
        rn_outline_docs(attributes, &docs, &first);
    }
    rn_buf_append_text(out, ",\"signature\":");
    rn_outline_signature(names->diagnostics->sources[head.source].text, head, out);
    rn_buf_append_text(out, ",\"docs\":");
    made_string(out, &docs);
}

static const struct rn_ast_attributes *attributes_of(const struct rn_decl *decl)
{
    if (decl->kind == RN_DECL_VARIANT) {
        return &decl->item->enum_.variants[decl->variant_index].attributes;
    }
    return decl->item == NULL ? NULL : &decl->item->attributes;
}

static void put_decl(const struct names *names, const struct rn_decl *decl, struct rn_buf *out)
{
    rn_buf_append_format(out, "{\"kind\":\"%s\",\"path\":", kind_of(decl));
    string(out, decl->path);
    rn_buf_append_text(out, ",\"name\":");
    string(out, rn_symbol_text(&names->items.symbols, decl->name));
    put_place(out, decl->name_span);
    put_pair(out, "whole", decl->span);
    rn_buf_append_format(out, ",\"public\":%s",
                         decl->visibility != RN_VISIBILITY_PRIVATE ? "true" : "false");
    put_texts(names, head_of(decl), attributes_of(decl), out);
}

static void put_field(const struct names *names, const struct rn_decl *decl, uint32_t index,
                      struct rn_buf *out)
{
    const struct rn_ast_field *field = &decl->fields->items[index];
    struct rn_utf8 name = rn_symbol_text(&names->items.symbols, field->name.symbol);
    RN_AUTO(rn_buf) struct rn_buf path;
    rn_buf_init(&path, 2 * RN_SOURCE_SIZE_MAX);
    rn_buf_append(&path, decl->path.data, decl->path.size);
    rn_buf_append_text(&path, "::");
    rn_buf_append(&path, name.data, name.size);
    rn_buf_append_text(out, "{\"kind\":\"field\",\"path\":");
    made_string(out, &path);
    rn_buf_append_text(out, ",\"name\":");
    string(out, name);
    put_place(out, field->name.span);
    put_pair(out, "whole", field->span);
    rn_buf_append_text(out, ",\"public\":true");
    put_texts(names, field->span, &field->attributes, out);
}

static struct rn_utf8 text_at(const struct names *names, struct rn_span span)
{
    const char *text = names->diagnostics->sources[span.source].text.data;
    return (struct rn_utf8){text + span.start, span.end - span.start};
}

static void put_meant(const struct names *names, const struct meant *meant, struct rn_buf *out)
{
    switch ((enum rn_meaning_kind)meant->meaning.kind) {
    case RN_MEANS_DECL:
        put_decl(names, meant->meaning.decl, out);
        break;
    case RN_MEANS_FIELD:
        put_field(names, meant->meaning.decl, (uint32_t)meant->meaning.key, out);
        break;
    case RN_MEANS_LOCAL:
        rn_buf_append_text(out, "{\"kind\":\"local\",\"name\":");
        string(out, text_at(names, meant->at));
        put_place(out, meant->at);
        rn_buf_append_format(out, ",\"until\":%u", meant->until);
        break;
    case RN_MEANS_ITEM:
        rn_buf_append_text(out, "{\"kind\":\"library\",\"path\":");
        string(out, meant->meaning.item->path);
        break;
    case RN_MEANS_MEMBER:
        rn_buf_append_text(out, "{\"kind\":\"member\",\"name\":");
        string(out, rn_symbol_text(&names->items.symbols, meant->name));
        break;
    }
    rn_buf_append_text(out, "}\n");
}

/* ---- Writing uses ---- */

static const struct meant *find(const struct names *names, const struct rn_meaning *meaning)
{
    struct meant wanted = {.meaning = *meaning};
    return bsearch(&wanted, names->meant, names->meant_count, sizeof(wanted), by_meaning);
}

static void put_use(const struct names *names, const struct rn_name_note *note,
                    const struct meant *meant)
{
    const uint64_t numbers[] = {note->span.source, note->span.start, note->span.end,
                                (uint64_t)(meant - names->meant)};
    for (size_t i = 0; i < RN_COUNT_OF(numbers); i++) {
        rn_buf_append_text(names->out, i == 0 ? "" : ",");
        number(names->out, numbers[i]);
    }
}

/* A place that was noted more than once keeps its first meaning: a variable rather than what else it may be. */
static bool is_again(const struct rn_name_note *note, const struct rn_name_note *before)
{
    return before != NULL && before->span.source == note->span.source &&
           before->span.start == note->span.start;
}

static void put_uses(const struct names *names)
{
    const struct rn_name_note *before = NULL;
    uint32_t on_line = 0;
    for (uint32_t i = 0; i < names->notes.count; i++) {
        const struct rn_name_note *note = &names->notes.notes[i];
        const struct meant *meant = is_again(note, before) ? NULL : find(names, &note->meaning);
        if (meant == NULL) {
            continue;
        }
        before = note;
        rn_buf_append_text(names->out, on_line == 0 ? "{\"uses\":[" : ",");
        put_use(names, note, meant);
        if (++on_line == USES_PER_LINE) {
            rn_buf_append_text(names->out, "]}\n");
            on_line = 0;
        }
    }
    rn_buf_append_text(names->out, on_line > 0 ? "]}\n" : "");
}

/* ---- The whole ---- */

static void put_all(const struct names *names)
{
    for (uint32_t i = 0; i < names->diagnostics->source_count; i++) {
        rn_buf_append_text(names->out, "{\"source\":");
        string(names->out, names->diagnostics->sources[i].name);
        rn_buf_append_text(names->out, "}\n");
    }
    for (size_t i = 0; i < names->meant_count; i++) {
        put_meant(names, &names->meant[i], names->out);
    }
    put_uses(names);
}

static enum rn_error find_names(struct names *names)
{
    struct rn_compile_input input = *names->input;
    input.notes = &names->notes;
    RN_TRY(rn_items_build(&names->items, &names->arena, &input, names->diagnostics));
    rn_items_mend(&names->items);
    RN_TRY(names->items.error);
    RN_TRY(lower_all(names));
    RN_TRY(collect(names));
    rn_sort(names->notes.notes, names->notes.count, sizeof(*names->notes.notes), by_place);
    put_all(names);
    RN_TRY(rn_buf_status(names->out));
    return names->diagnostics->error;
}

enum rn_error rn_names(const struct rn_compile_input *input, struct rn_diagnostics *diagnostics,
                       struct rn_buf *out)
{
    struct names names = {.input = input, .diagnostics = diagnostics, .out = out};
    rn_arena_init(&names.arena, input->memory_max == 0 ? MEMORY_MAX_DEFAULT : input->memory_max);
    enum rn_error error = find_names(&names);
    if (error == RN_E_NO_MEMORY) {
        rn_diagnostics_add(diagnostics, RN_DIAGNOSTIC_MEMORY,
                           (struct rn_span){.source = RN_SPAN_NOWHERE}, NULL, 0);
    }
    if (error != RN_OK) {
        rn_buf_clear(out);
    }
    rn_free(names.meant);
    rn_name_notes_done(&names.notes);
    rn_arena_done(&names.arena);
    return error;
}
