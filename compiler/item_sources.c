/*
 * item_sources.c: from the root source over its modules to all declarations.
 *
 * Trust: reads source text from anybody; nesting is bounded by the parser, modules by the limit
 * below.
 */
#include "compiler/items_private.h"

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "compiler/lexer.h"
#include "compiler/parser.h"

enum {
    MODULE_DEPTH_MAX = 64,
};

/* ---- Modules ---- */

static void parse_and_index(struct rn_items *items, const struct rn_place *place, uint32_t source,
                            bool script);

static void report_load(struct rn_items *items, struct rn_decl *decl, struct rn_span span,
                        enum rn_error error)
{
    struct rn_number_text number;
    if (error == RN_E_UNSUPPORTED) {
        rn_items_report(items, RN_DIAGNOSTIC_UNSUPPORTED_MODULE_SOURCE, span);
    } else if (error == RN_E_NOT_FOUND) {
        rn_diagnose(items->diagnostics, MODULE_NOT_FOUND, span, decl->path, decl->path);
    } else if (items->diagnostics->source_count >= RN_SOURCES_MAX) {
        rn_diagnose(items->diagnostics, TOO_MANY_SOURCES, span,
                    rn_text_u64(&number, RN_SOURCES_MAX));
    } else if (error == RN_E_TOO_LARGE) {
        rn_diagnose(items->diagnostics, SOURCE_TOO_LARGE, span,
                    rn_text_u64(&number, RN_SOURCE_SIZE_MAX));
    } else {
        rn_diagnose(items->diagnostics, SOURCE_ERROR, span, decl->path,
                    rn_text(rn_error_message(error)));
    }
    items->private_->broken = true;
}

static enum rn_error load(struct rn_items *items, struct rn_decl *decl, uint32_t *out_source)
{
    const struct rn_module_loader *loader = items->input->loader;
    if (loader == NULL) {
        return RN_E_UNSUPPORTED;
    }
    RN_AUTO_FREE char *name = NULL;
    RN_AUTO_FREE char *text = NULL;
    RN_AUTO_FREE char *item = rn_strndup(decl->path.data, decl->path.size);
    size_t size = 0;
    if (item == NULL) {
        return RN_E_NO_MEMORY;
    }
    RN_TRY(loader->load(loader->user, item, &name, &text, &size));
    return rn_diagnostics_add_source(items->diagnostics, name, text == NULL ? "" : text, size,
                                     out_source);
}

/* `mod a;`: the root source's folder has it as a.rn or a/mod.rn; the loader knows. */
static void load_module(struct rn_items *items, const struct rn_place *place, struct rn_decl *decl,
                        const struct rn_ast_item *item)
{
    if (place->scope != place->module) {
        rn_diagnose(items->diagnostics, UNSUPPORTED_MODULE_ITEM, item->span, decl->path);
        items->private_->unusable = true;
        return;
    }
    uint32_t source = 0;
    enum rn_error error = load(items, decl, &source);
    if (error == RN_E_NO_MEMORY) {
        rn_items_fail(items, error);
    } else if (error != RN_OK) {
        report_load(items, decl, item->span, error);
    } else {
        struct rn_place inside = {.scope = decl, .module = decl};
        parse_and_index(items, &inside, source, false);
    }
}

static bool module_again(struct rn_items *items, const struct rn_place *place,
                         const struct rn_ast_item *item)
{
    if (item->mod.file != NULL) {
        return false; // in place: of the same name as others, if need be
    }
    for (struct rn_decl *same = rn_items_children(items, place->scope, item->name.symbol);
         same != NULL; same = same->next_same) {
        if (same->kind == RN_DECL_MODULE && same->item->mod.file == NULL) {
            struct rn_diagnostic *d =
                rn_diagnose(items->diagnostics, MODULE_ALREADY_LOADED, item->span, same->path);
            rn_diagnostic_label(items->diagnostics, d, same->span, "loaded here first");
            items->private_->unusable = true;
            return true;
        }
    }
    return false;
}

static uint32_t module_depth(const struct rn_decl *decl)
{
    uint32_t depth = 0;
    for (; decl != NULL; decl = decl->parent) {
        depth++;
    }
    return depth;
}

void rn_items_module(struct rn_items *items, const struct rn_place *place,
                     const struct rn_ast_item *item)
{
    rn_items_check_attributes(items, &item->attributes, "modules");
    if (module_again(items, place, item)) {
        return;
    }
    struct rn_decl *decl =
        rn_items_declare(items, place, RN_DECL_MODULE, item->name.symbol, item->span);
    if (decl == NULL) {
        return;
    }
    decl->visibility = rn_items_visibility(items, &item->visibility);
    decl->name_span = item->name.span;
    decl->item = item;
    decl->module = decl;
    if (item->mod.file != NULL) {
        struct rn_place inside = {.scope = decl, .module = decl, .nested = place->nested};
        rn_items_check_attributes(items, &item->mod.file->attributes, "modules");
        rn_items_index(items, &inside, &item->mod.file->items);
        return;
    }
    if (module_depth(decl) > MODULE_DEPTH_MAX) {
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, NESTING, item->span,
                    rn_text_u64(&number, MODULE_DEPTH_MAX));
        items->private_->broken = true;
        return;
    }
    load_module(items, place, decl, item);
}

/* ---- Sources ---- */

/* The text of a source as tokens; not UTF-8 is an error of its own. */
static enum rn_error lex(struct rn_items *items, uint32_t source, struct rn_tokens *out_tokens)
{
    struct rn_utf8 text = items->diagnostics->sources[source].text;
    size_t offset = 0;
    if (!rn_utf8_valid(text.data, text.size, &offset)) {
        struct rn_span span = {
            .source = source, .start = (uint32_t)offset, .end = (uint32_t)offset};
        rn_diagnostics_add(items->diagnostics, RN_DIAGNOSTIC_INVALID_UTF8, span, NULL, 0);
        items->private_->broken = true;
        return RN_E_INVALID_UTF8;
    }
    return rn_lex(&items->symbols, source, text, true, out_tokens);
}

static void parse_and_index(struct rn_items *items, const struct rn_place *place, uint32_t source,
                            bool script)
{
    struct rn_parser_input input = {
        .arena = items->arena, .symbols = &items->symbols, .diagnostics = items->diagnostics};
    uint32_t errors = items->diagnostics->error_count;
    struct rn_tokens *tokens = rn_arena_alloc(items->arena, sizeof(*tokens));
    struct rn_ast_file *file = NULL;
    enum rn_error error = tokens == NULL ? RN_E_NO_MEMORY : lex(items, source, tokens);
    if (error == RN_E_INVALID_UTF8) {
        return;
    }
    if (error == RN_OK) {
        error = rn_parse_file(&input, tokens, script, &file);
    }
    if (error != RN_OK) {
        rn_items_fail(items, error);
        return;
    }
    if (items->diagnostics->error_count != errors) {
        items->private_->broken = true;
    }
    rn_items_check_attributes(items, &file->attributes, "files");
    if (script) {
        rn_items_script(items, place, file->body);
    } else {
        rn_items_index(items, place, &file->items);
    }
}

static struct rn_decl *make_root(struct rn_items *items)
{
    struct rn_decl *root = rn_items_new(items, RN_DECL_MODULE);
    if (root != NULL) {
        root->module = root;
        root->visibility = RN_VISIBILITY_PUB;
        root->path = items->input->standard ? RN_UTF8("std") : RN_UTF8("");
        root->hash = rn_hash_item(root->path.data, root->path.size);
        root->is_used = true;
        root->span = (struct rn_span){.source = 0};
    }
    return root;
}

static enum rn_error root_source(struct rn_items *items)
{
    uint32_t source = 0;
    const struct rn_compile_input *input = items->input;
    if (input->size > RN_SOURCE_SIZE_MAX) {
        RN_TRY(rn_diagnostics_add_source(items->diagnostics, input->name, "", 0, &source));
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, SOURCE_TOO_LARGE, ((struct rn_span){.source = source}),
                    rn_text_u64(&number, RN_SOURCE_SIZE_MAX));
        items->private_->broken = true;
        return RN_OK;
    }
    RN_TRY(rn_diagnostics_add_source(items->diagnostics, input->name, input->text, input->size,
                                     &source));
    struct rn_place place = {.scope = items->root, .module = items->root};
    parse_and_index(items, &place, source, input->script);
    return items->error;
}

enum rn_error rn_items_build(struct rn_items *items, struct rn_arena *arena,
                             const struct rn_compile_input *input,
                             struct rn_diagnostics *diagnostics)
{
    *items = (struct rn_items){.arena = arena,
                               .diagnostics = diagnostics,
                               .input = input,
                               .context = input->context,
                               .notes = input->notes};
    items->private_ = rn_arena_alloc(arena, sizeof(*items->private_));
    if (items->private_ == NULL) {
        return RN_E_NO_MEMORY;
    }
    RN_TRY(rn_symbols_init(&items->symbols, arena));
    RN_TRY(rn_lexer_keywords(&items->symbols));
    items->root = make_root(items);
    if (items->root == NULL) {
        return RN_E_NO_MEMORY;
    }
    RN_TRY(rn_items_host_statics(items));
    enum rn_error error = root_source(items);
    if (error != RN_OK && error != RN_E_TOO_LARGE) {
        return error;
    }
    if (rn_items_usable(items)) {
        rn_items_attach_impls(items);
        rn_imports_check(items, true);
        rn_items_check_hashes(items);
    }
    return items->error == RN_E_TOO_LARGE ? RN_OK : items->error;
}

void rn_items_mend(struct rn_items *items)
{
    if (!rn_items_usable(items) && items->error == RN_OK) {
        rn_items_attach_impls(items);
        rn_imports_check(items, true);
    }
}

bool rn_items_usable(const struct rn_items *items)
{
    return !items->private_->broken;
}
