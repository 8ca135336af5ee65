/* outline.c: a walk over the items of each source. Trust: reads source text from anybody. */
#include "compiler/outline.h"

#include "base/alloc.h"
#include "bytecode/json.h"
#include "compiler/lexer.h"
#include "compiler/outline_text.h"
#include "compiler/parser.h"

#include <string.h>

#define MEMORY_MAX_DEFAULT ((size_t)512 << 20)
#define MODULE_DEPTH_MAX 64u

struct outline {
    const struct rn_compile_input *input;
    struct rn_diagnostics *diagnostics;
    struct rn_arena arena;
    struct rn_symbols symbols;
    struct rn_buf *out;
    struct rn_buf path; /* of the module at hand */
    uint32_t depth;
    enum rn_error error;
};

/* One source while it is walked. */
struct source {
    uint32_t index;
    struct rn_utf8 text;
    /* A place whose line is known: the next one asked for is near. */
    uint32_t offset;
    uint32_t breaks;
};

static void walk_items(struct outline *o, struct source *source, const struct rn_ast_items *items);

/* ---- Writing ---- */

static void member(struct rn_buf *out, const char *name)
{
    rn_buf_append_text(out, ",\"");
    rn_buf_append_text(out, name);
    rn_buf_append_text(out, "\":");
}

static void string(struct rn_buf *out, struct rn_utf8 text)
{
    rn_json_append_string(out, text.size == 0 ? "" : text.data, text.size);
}

static struct rn_utf8 text_of(const struct rn_buf *buf)
{
    return (struct rn_utf8){(const char *)buf->data, buf->size};
}

static uint32_t line_of(struct source *source, struct rn_span span)
{
    const char *text = source->text.data;
    while (source->offset < span.start) {
        source->breaks += text[source->offset++] == '\n';
    }
    while (source->offset > span.start) {
        source->breaks -= text[--source->offset] == '\n';
    }
    return source->breaks + 1;
}

static void number(struct rn_buf *out, uint32_t value)
{
    struct rn_number_text text;
    struct rn_utf8 digits = rn_text_u64(&text, value);
    rn_buf_append(out, digits.data, digits.size);
}

static void docs(struct outline *o, struct source *source,
                 const struct rn_ast_attributes *attributes)
{
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_buf_init(&text, RN_SOURCE_SIZE_MAX);
    struct rn_span first;
    uint32_t line = rn_outline_docs(attributes, &text, &first) ? line_of(source, first) : 0;
    if (o->error == RN_OK) {
        o->error = rn_buf_status(&text);
    }
    member(o->out, "docs");
    string(o->out, text_of(&text));
    member(o->out, "docs_line");
    number(o->out, line);
}

/* The paths of all that are no doc comments. */
static void other_attributes(struct outline *o, struct source *source,
                             const struct rn_ast_attributes *attributes)
{
    member(o->out, "attributes");
    rn_buf_append_u8(o->out, '[');
    bool first = true;
    for (uint32_t i = 0; i < attributes->count; i++) {
        const struct rn_ast_attribute *attribute = &attributes->items[i];
        if (attribute->is_doc_comment || attribute->path == NULL) {
            continue;
        }
        rn_buf_append_text(o->out, first ? "" : ",");
        rn_outline_signature(source->text, attribute->path->span, o->out);
        first = false;
    }
    rn_buf_append_u8(o->out, ']');
}

static struct rn_utf8 name_of(const struct outline *o, const struct rn_ast_name *name)
{
    return rn_symbol_text(&o->symbols, name->symbol);
}

/* Whatever stands before `end` and is not private. */
struct entry {
    const char *kind;
    struct rn_utf8 name;
    const struct rn_ast_attributes *attributes;
    struct rn_span span; /* of the signature */
    bool is_public;
};

static void begin_entry(struct outline *o, struct source *source, const struct entry *entry)
{
    struct rn_buf *out = o->out;
    size_t size = o->path.size;
    rn_buf_append_text(out, "{\"kind\":\"");
    rn_buf_append_text(out, entry->kind);
    rn_buf_append_u8(out, '"');
    if (size > 0 && entry->name.size > 0) {
        rn_buf_append_text(&o->path, "::");
    }
    rn_buf_append(&o->path, entry->name.data, entry->name.size);
    member(out, "path");
    string(out, text_of(&o->path));
    o->path.size = size;
    member(out, "name");
    string(out, entry->name);
    member(out, "public");
    rn_buf_append_text(out, entry->is_public ? "true" : "false");
    member(out, "source");
    string(out, o->diagnostics->sources[source->index].name);
    member(out, "line");
    number(out, line_of(source, entry->span));
    member(out, "signature");
    rn_outline_signature(source->text, entry->span, out);
    other_attributes(o, source, entry->attributes);
    docs(o, source, entry->attributes);
    member(out, "members");
    rn_buf_append_u8(out, '[');
}

static void end_entry(struct outline *o)
{
    rn_buf_append_text(o->out, "]}\n");
}

static void entry(struct outline *o, struct source *source, const struct entry *entry)
{
    begin_entry(o, source, entry);
    end_entry(o);
}

static void add_member(struct outline *o, struct source *source, uint32_t index,
                       const struct rn_ast_name *name, struct rn_span span,
                       const struct rn_ast_attributes *attributes)
{
    rn_buf_append_text(o->out, index == 0 ? "{\"name\":" : ",{\"name\":");
    string(o->out, name_of(o, name));
    member(o->out, "signature");
    rn_outline_signature(source->text, span, o->out);
    docs(o, source, attributes);
    rn_buf_append_u8(o->out, '}');
}

/* ---- Items ---- */

static struct entry entry_of(const struct outline *o, const struct rn_ast_item *item,
                             const char *kind)
{
    return (struct entry){
        .kind = kind,
        .name = name_of(o, &item->name),
        .attributes = &item->attributes,
        .span = item->span,
        .is_public = item->visibility.kind != RN_VISIBILITY_PRIVATE,
    };
}

static void walk_fn(struct outline *o, struct source *source, const struct rn_ast_item *item,
                    const char *kind)
{
    struct entry e = entry_of(o, item, kind);
    e.span.end = item->fn.has_return_type ? item->fn.return_span.end : item->fn.head_span.end;
    entry(o, source, &e);
}

static void walk_struct(struct outline *o, struct source *source, const struct rn_ast_item *item)
{
    struct entry e = entry_of(o, item, "struct");
    e.span.end = item->name.span.end;
    begin_entry(o, source, &e);
    for (uint32_t i = 0; i < item->struct_.count; i++) {
        const struct rn_ast_field *field = &item->struct_.items[i];
        add_member(o, source, i, &field->name, field->span, &field->attributes);
    }
    end_entry(o);
}

static void walk_enum(struct outline *o, struct source *source, const struct rn_ast_item *item)
{
    struct entry e = entry_of(o, item, "enum");
    e.span.end = item->name.span.end;
    begin_entry(o, source, &e);
    for (uint32_t i = 0; i < item->enum_.count; i++) {
        const struct rn_ast_variant *variant = &item->enum_.variants[i];
        add_member(o, source, i, &variant->name, variant->span, &variant->attributes);
    }
    end_entry(o);
}

/* Adds to the path of the module; what it was goes to *out_size. */
static void enter(struct outline *o, struct rn_utf8 name, size_t *out_size)
{
    *out_size = o->path.size;
    if (o->path.size > 0) {
        rn_buf_append_text(&o->path, "::");
    }
    rn_buf_append(&o->path, name.data, name.size);
}

static void walk_impl(struct outline *o, struct source *source, const struct rn_ast_item *item)
{
    struct rn_span span = item->impl.path->span;
    struct rn_utf8 type = {source->text.data + span.start, span.end - span.start};
    size_t size;
    enter(o, type, &size);
    for (uint32_t i = 0; i < item->impl.functions.count; i++) {
        walk_fn(o, source, item->impl.functions.items[i], "method");
    }
    o->path.size = size;
}

/* ---- Modules ---- */

static void module_entry(struct outline *o, struct source *source, const struct rn_ast_item *item,
                         const struct rn_ast_attributes *inner)
{
    struct entry e = entry_of(o, item, "module");
    struct rn_ast_attributes both = {.count = item->attributes.count + inner->count};
    both.items = rn_arena_alloc(&o->arena, both.count * sizeof(*both.items) + 1);
    if (both.items == NULL) {
        o->error = RN_E_NO_MEMORY;
        return;
    }
    if (item->attributes.count > 0) {
        memcpy(both.items, item->attributes.items, item->attributes.count * sizeof(*both.items));
    }
    if (inner->count > 0) {
        memcpy(both.items + item->attributes.count, inner->items,
               inner->count * sizeof(*both.items));
    }
    e.attributes = &both;
    e.span.end = item->name.span.end;
    entry(o, source, &e);
}

static enum rn_error read_source(struct outline *o, struct source *source, bool script,
                                 struct rn_diagnostics *diagnostics, struct rn_ast_file **out_file)
{
    struct rn_parser_input input = {&o->arena, &o->symbols, diagnostics};
    struct rn_tokens tokens;
    size_t offset = 0;
    if (!rn_utf8_valid(source->text.data, source->text.size, &offset)) {
        struct rn_span span = {source->index, (uint32_t)offset, (uint32_t)offset};
        rn_diagnostics_add(diagnostics, RN_DIAGNOSTIC_INVALID_UTF8, span, NULL, 0);
        return RN_E_COMPILE_FAILED;
    }
    RN_TRY(rn_lex(&o->symbols, source->index, source->text, true, &tokens));
    uint32_t errors = diagnostics->error_count;
    RN_TRY(rn_parse_file(&input, &tokens, script, out_file));
    return diagnostics->error_count == errors ? RN_OK : RN_E_COMPILE_FAILED;
}

static struct source source_at(const struct outline *o, uint32_t index)
{
    return (struct source){.index = index, .text = o->diagnostics->sources[index].text};
}

static void report_load(struct outline *o, struct rn_span span, enum rn_error error)
{
    struct rn_utf8 path = {(const char *)o->path.data, o->path.size};
    if (error == RN_E_NO_MEMORY) {
        o->error = error;
    } else if (error == RN_E_NOT_FOUND) {
        rn_diagnose(o->diagnostics, MODULE_NOT_FOUND, span, path, path);
    } else {
        rn_diagnose(o->diagnostics, SOURCE_ERROR, span, path, rn_text(rn_error_message(error)));
    }
}

static enum rn_error load(struct outline *o, uint32_t *out_index)
{
    const struct rn_module_loader *loader = o->input->loader;
    RN_AUTO_FREE char *name = NULL;
    RN_AUTO_FREE char *text = NULL;
    RN_AUTO_FREE char *item = rn_strndup((const char *)o->path.data, o->path.size);
    size_t size = 0;
    if (item == NULL) {
        return RN_E_NO_MEMORY;
    }
    if (loader == NULL) {
        return RN_E_NOT_FOUND;
    }
    RN_TRY(loader->load(loader->user, item, &name, &text, &size));
    return rn_diagnostics_add_source(o->diagnostics, name, text == NULL ? "" : text, size,
                                     out_index);
}

static void walk_loaded(struct outline *o, struct source *source, const struct rn_ast_item *item)
{
    uint32_t index;
    size_t size;
    enter(o, name_of(o, &item->name), &size);
    enum rn_error error = load(o, &index);
    if (error != RN_OK) {
        report_load(o, item->span, error);
        o->path.size = size;
        return;
    }
    struct source inside = source_at(o, index);
    struct rn_ast_file *file = NULL;
    error = read_source(o, &inside, false, o->diagnostics, &file);
    if (error == RN_E_NO_MEMORY) {
        o->error = error;
    }
    size_t inner = o->path.size;
    o->path.size = size;
    if (error == RN_OK) {
        module_entry(o, source, item, &file->attributes);
        o->path.size = inner;
        walk_items(o, &inside, &file->items);
    }
    o->path.size = size;
}

static void walk_mod(struct outline *o, struct source *source, const struct rn_ast_item *item)
{
    if (o->depth == MODULE_DEPTH_MAX) {
        struct rn_number_text text;
        rn_diagnose(o->diagnostics, NESTING, item->span, rn_text_u64(&text, MODULE_DEPTH_MAX));
        return;
    }
    o->depth++;
    if (item->mod.file == NULL) {
        walk_loaded(o, source, item);
    } else {
        size_t size;
        module_entry(o, source, item, &item->mod.file->attributes);
        enter(o, name_of(o, &item->name), &size);
        walk_items(o, source, &item->mod.file->items);
        o->path.size = size;
    }
    o->depth--;
}

static void walk_item(struct outline *o, struct source *source, const struct rn_ast_item *item)
{
    struct entry e;
    switch ((enum rn_ast_item_kind)item->kind) {
    case RN_AST_FN:
        walk_fn(o, source, item, "function");
        break;
    case RN_AST_STRUCT:
        walk_struct(o, source, item);
        break;
    case RN_AST_ENUM:
        walk_enum(o, source, item);
        break;
    case RN_AST_IMPL:
        walk_impl(o, source, item);
        break;
    case RN_AST_MOD:
        walk_mod(o, source, item);
        break;
    case RN_AST_CONST:
    case RN_AST_STATIC:
        e = entry_of(o, item, item->kind == RN_AST_CONST ? "const" : "static");
        entry(o, source, &e);
        break;
    case RN_AST_USE:
    case RN_AST_MACRO_ITEM:
        break;
    }
}

static void walk_items(struct outline *o, struct source *source, const struct rn_ast_items *items)
{
    for (uint32_t i = 0; i < items->count && o->error == RN_OK; i++) {
        walk_item(o, source, items->items[i]);
    }
}

/* ---- The root ---- */

static void root_entry(struct outline *o, struct source *source,
                       const struct rn_ast_attributes *attributes)
{
    struct entry e = {.kind = "module",
                      .attributes = attributes,
                      .span = {source->index, 0, 0},
                      .is_public = true};
    entry(o, source, &e);
}

static void walk_root(struct outline *o, struct source *source, const struct rn_ast_file *file)
{
    root_entry(o, source, &file->attributes);
    if (file->body == NULL) {
        walk_items(o, source, &file->items);
        return;
    }
    struct rn_ast_items items = {file->body->items, file->body->item_count};
    walk_items(o, source, &items);
}

/* What cannot be read as a file of items may be a script; the errors shown are those of the file. */
static enum rn_error read_root(struct outline *o, struct source *source,
                               struct rn_ast_file **out_file)
{
    struct rn_diagnostics ignored;
    rn_diagnostics_init(&ignored);
    enum rn_error error = RN_E_COMPILE_FAILED;
    if (!o->input->script) {
        error = read_source(o, source, false, &ignored, out_file);
    }
    if (error == RN_E_COMPILE_FAILED) {
        rn_diagnostics_done(&ignored);
        rn_diagnostics_init(&ignored);
        error = read_source(o, source, true, &ignored, out_file);
    }
    rn_diagnostics_done(&ignored);
    return error == RN_E_COMPILE_FAILED
               ? read_source(o, source, o->input->script, o->diagnostics, out_file)
               : error;
}

static enum rn_error outline(struct outline *o)
{
    uint32_t index;
    struct rn_ast_file *file = NULL;
    const struct rn_compile_input *input = o->input;
    RN_TRY(rn_symbols_init(&o->symbols, &o->arena));
    RN_TRY(rn_lexer_keywords(&o->symbols));
    RN_TRY(rn_diagnostics_add_source(o->diagnostics, input->name,
                                     input->size == 0 ? "" : input->text, input->size, &index));
    struct source source = source_at(o, index);
    RN_TRY(read_root(o, &source, &file));
    walk_root(o, &source, file);
    RN_TRY(o->error);
    RN_TRY(rn_buf_status(&o->path));
    RN_TRY(rn_buf_status(o->out));
    RN_TRY(o->diagnostics->error);
    return o->diagnostics->error_count > 0 ? RN_E_COMPILE_FAILED : RN_OK;
}

enum rn_error rn_outline(const struct rn_compile_input *input, struct rn_diagnostics *diagnostics,
                         struct rn_buf *out)
{
    struct outline o = {.input = input, .diagnostics = diagnostics, .out = out};
    rn_buf_init(&o.path, 1u << 20);
    rn_arena_init(&o.arena, input->memory_max == 0 ? MEMORY_MAX_DEFAULT : input->memory_max);
    enum rn_error error = outline(&o);
    if (error == RN_E_NO_MEMORY) {
        rn_diagnostics_add(diagnostics, RN_DIAGNOSTIC_MEMORY,
                           (struct rn_span){.source = RN_SPAN_NOWHERE}, NULL, 0);
    }
    if (error != RN_OK) {
        rn_buf_clear(out);
    }
    rn_arena_done(&o.arena);
    rn_buf_done(&o.path);
    return error;
}
