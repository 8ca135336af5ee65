/* navigation.c: where what a name means is declared, and where else it stands. Trust: see server.h. */
#include "cli/lsp/queries.h"

#include "cli/members.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 10000u

static void answer_empty(struct rn_lsp_server *server, const rune_const_value *id, const char *json)
{
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rn_lsp_put(&out, json);
    rn_lsp_answer_end(server, &out);
}

/* ---- Declarations ---- */

/* The text that a module has for itself, by whatever is declared in it: SIZE_MAX: it is in its parent's. */
static size_t text_of_module(const struct rn_lsp_index *index, const struct rn_lsp_meant *module)
{
    size_t size = strlen(module->path);
    for (size_t i = 0; i < index->meant_count; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        size_t before;
        (void)rn_lsp_path_name(meant->path, &before);
        if (meant->kind < RN_LSP_LOCAL && before == size && meant->source != module->source &&
            meant->source != UINT32_MAX && memcmp(meant->path, module->path, size) == 0) {
            return meant->source;
        }
    }
    return SIZE_MAX;
}

static void put_declaration(struct rn_lsp_server *server, struct rn_lsp_out *out,
                            const struct rn_lsp_answer *answer, const struct rn_lsp_meant *meant)
{
    if (meant->source == UINT32_MAX) {
        return;
    }
    size_t own = meant->kind == RN_LSP_MODULE && *meant->path != 0
                     ? text_of_module(&answer->index, meant)
                     : SIZE_MAX;
    if (own != SIZE_MAX) {
        rn_lsp_put_location(server, out, answer, own, 0, 0);
    } else {
        rn_lsp_put_location(server, out, answer, meant->source, meant->start, meant->end);
    }
}

void rn_lsp_definition(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params)
{
    struct rn_lsp_place place;
    if (!rn_lsp_place_find(server, params, &place) || place.use == NULL) {
        answer_empty(server, id, "null");
        return;
    }
    const struct rn_lsp_index *index = &place.answer->index;
    bool open = rn_lsp_place_meant(&place)->kind == RN_LSP_MEMBER;
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rn_lsp_put(&out, "[");
    for (size_t i = open ? 0 : place.use->meant; i < index->meant_count; i++) {
        if (rn_lsp_same_meaning(index, i, place.use->meant)) {
            put_declaration(server, &out, place.answer, rn_lsp_meant_at(index, i));
        }
        if (!open) {
            break;
        }
    }
    rn_lsp_put(&out, "]");
    rn_lsp_answer_end(server, &out);
}

/* ---- Uses ---- */

/* The next one of what is meant at a place, from *at on, which is moved behind it; NULL: none. */
static const struct rn_lsp_use *next_use(const struct rn_lsp_place *place, size_t *at)
{
    const struct rn_lsp_index *index = &place->answer->index;
    while (*at < index->use_count) {
        const struct rn_lsp_use *use = rn_lsp_use_at(index, (*at)++);
        if (rn_lsp_same_meaning(index, use->meant, place->use->meant)) {
            return use;
        }
    }
    return NULL;
}

void rn_lsp_references(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params)
{
    struct rn_lsp_place place;
    if (!rn_lsp_place_find(server, params, &place) || place.use == NULL) {
        answer_empty(server, id, "[]");
        return;
    }
    rune_const_value *context = rune_value_get(params, "context");
    bool all = rn_member_flag(context, "includeDeclaration");
    rune_value_unref(context);
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rn_lsp_put(&out, "[");
    size_t at = 0;
    const struct rn_lsp_use *use;
    for (size_t count = 0; count < PLACES_MAX && (use = next_use(&place, &at)) != NULL;) {
        if (all || !use->declares) {
            rn_lsp_put_location(server, &out, place.answer, use->source, use->start, use->end);
            count++;
        }
    }
    rn_lsp_put(&out, "]");
    rn_lsp_answer_end(server, &out);
}

void rn_lsp_highlight(struct rn_lsp_server *server, const rune_const_value *id,
                      const rune_const_value *params)
{
    struct rn_lsp_place place;
    if (!rn_lsp_place_find(server, params, &place) || place.use == NULL) {
        answer_empty(server, id, "[]");
        return;
    }
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rn_lsp_put(&out, "[");
    size_t at = 0;
    const struct rn_lsp_use *use;
    for (size_t count = 0; count < PLACES_MAX && (use = next_use(&place, &at)) != NULL;) {
        if (use->source == place.source) {
            rn_lsp_put_comma(&out);
            rn_lsp_put(&out, "{\"range\":");
            rn_lsp_put_location_range(server, &out, place.answer, use->source, use->start,
                                      use->end);
            rn_lsp_put(&out, "}");
            count++;
        }
    }
    rn_lsp_put(&out, "]");
    rn_lsp_answer_end(server, &out);
}

/* ---- Symbols ---- */

static bool is_inside(const struct rn_lsp_meant *inner, const struct rn_lsp_meant *outer)
{
    return inner != outer && inner->whole_start >= outer->whole_start &&
           inner->whole_end <= outer->whole_end;
}

static bool is_symbol(const struct rn_lsp_meant *meant, size_t source)
{
    return meant->kind < RN_LSP_LOCAL && meant->source == source && *meant->name != 0 &&
           meant->start >= meant->whole_start && meant->end <= meant->whole_end;
}

/* Kinds of symbols as the protocol numbers them. */
static const uint8_t symbol_kinds[RN_LSP_LOCAL] = {2, 12, 6, 23, 10, 22, 8, 14, 13};

static void put_symbol(struct rn_lsp_server *server, struct rn_lsp_out *out,
                       const struct rn_lsp_place *place, const struct rn_lsp_meant *meant)
{
    rn_lsp_put_comma(out);
    rn_lsp_put(out, "{\"name\":");
    rn_lsp_put_text(out, meant->name);
    rn_lsp_put(out, ",\"detail\":");
    rn_lsp_put_text(out, meant->signature);
    rn_lsp_put(out, ",\"kind\":");
    rn_lsp_put_number(out, symbol_kinds[meant->kind]);
    rn_lsp_put(out, ",\"range\":");
    rn_lsp_put_location_range(server, out, place->answer, place->source, meant->whole_start,
                              meant->whole_end);
    rn_lsp_put(out, ",\"selectionRange\":");
    rn_lsp_put_location_range(server, out, place->answer, place->source, meant->start, meant->end);
    rn_lsp_put(out, ",\"children\":[");
}

static int by_place(const void *a, const void *b)
{
    const struct rn_lsp_meant *x = *(const struct rn_lsp_meant *const *)a;
    const struct rn_lsp_meant *y = *(const struct rn_lsp_meant *const *)b;
    if (x->whole_start != y->whole_start) {
        return x->whole_start < y->whole_start ? -1 : 1;
    }
    return x->whole_end > y->whole_end ? -1 : x->whole_end < y->whole_end;
}

/* The items of the document in order, what is in them behind them. False without memory. */
static bool list_symbols(const struct rn_lsp_place *place, struct rn_bytes *out_list)
{
    const struct rn_lsp_index *index = &place->answer->index;
    bool good = true;
    for (size_t i = 0; i < index->meant_count && good; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        good = !is_symbol(meant, place->source) ||
               rn_bytes_append(out_list, (const char *)&meant, sizeof meant);
    }
    if (good && out_list->size > 0) {
        qsort(out_list->data, out_list->size / sizeof(void *), sizeof(void *), by_place);
    }
    return good;
}

/* Each is put among the children of the last one that it is inside of. */
static void put_symbols(struct rn_lsp_server *server, struct rn_lsp_out *out,
                        const struct rn_lsp_place *place, const struct rn_bytes *list)
{
    const struct rn_lsp_meant *const *symbols = (const void *)list->data;
    const struct rn_lsp_meant *open[32];
    size_t depth = 0;
    for (size_t i = 0; i < list->size / sizeof(*symbols); i++) {
        while (depth > 0 && (!is_inside(symbols[i], open[depth - 1]) || depth == 32)) {
            rn_lsp_put(out, "]}");
            depth--;
        }
        put_symbol(server, out, place, symbols[i]);
        open[depth++] = symbols[i];
    }
    for (; depth > 0; depth--) {
        rn_lsp_put(out, "]}");
    }
}

void rn_lsp_document_symbols(struct rn_lsp_server *server, const rune_const_value *id,
                             const rune_const_value *params)
{
    struct rn_lsp_place place;
    struct rn_bytes list = {0};
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rn_lsp_put(&out, "[");
    if (rn_lsp_place_find(server, params, &place) && list_symbols(&place, &list)) {
        put_symbols(server, &out, &place, &list);
    }
    rn_lsp_put(&out, "]");
    rn_lsp_answer_end(server, &out);
    rn_bytes_done(&list);
}
