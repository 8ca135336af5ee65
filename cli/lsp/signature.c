/*
 * signature.c: the parameters of the function whose arguments are being written.
 *
 * The call is found by the brackets before the place, without regard to what is in texts and comments; what
 * is called by the name before the bracket. Trust: looks at brackets in source text of anybody.
 */
#include "cli/lsp/queries.h"

#include <string.h>

#define REACH 4096u /* bytes before the place */

struct call {
    size_t name; /* where the last name before the bracket ends */
    unsigned argument;
};

/* The innermost bracket that is open at the place. */
static bool find_call(const char *text, size_t offset, struct call *out_call)
{
    unsigned depth = 0;
    unsigned commas = 0;
    for (size_t i = offset; i > 0 && offset - i < REACH; i--) {
        char c = text[i - 1];
        if (c == ')' || c == ']' || c == '}') {
            depth++;
        } else if (depth > 0 && (c == '(' || c == '[' || c == '{')) {
            depth--;
        } else if (c == '(') {
            *out_call = (struct call){.name = i - 1, .argument = commas};
            return true;
        } else if (depth == 0 && (c == '{' || c == ';')) {
            return false;
        } else if (c == ',' && depth == 0) {
            commas++;
        }
    }
    return false;
}

/* ---- What is called ---- */

static bool has_parameters(const char *signature)
{
    return strchr(signature, '(') != NULL;
}

static bool is_called(const struct rn_lsp_meant *meant)
{
    return meant->kind == RN_LSP_FUNCTION || meant->kind == RN_LSP_METHOD ||
           meant->kind == RN_LSP_VARIANT || meant->kind == RN_LSP_STRUCT;
}

/* The signature of whatever has the name of a member: of the sources, else of the library. */
static const char *signature_of_member(const struct rn_lsp_server *server,
                                       const struct rn_lsp_index *index, const char *name)
{
    for (size_t i = 0; i < index->meant_count; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        if (meant->kind == RN_LSP_METHOD && strcmp(meant->name, name) == 0) {
            return meant->signature;
        }
    }
    for (size_t i = 0; i < server->library.count; i++) {
        const struct rn_outline_item *item = rn_outline_at(&server->library, i);
        if (strcmp(item->kind, "method") == 0 && strcmp(item->name, name) == 0) {
            return item->signature;
        }
    }
    return "";
}

/* While the text is broken the name may not be known where it stands: then by what has it. */
static const char *signature_of_name(const struct rn_lsp_server *server,
                                     const struct rn_lsp_place *place, const char *text, size_t end)
{
    const struct rn_lsp_index *index = &place->answer->index;
    char name[128];
    size_t start = end;
    while (start > 0 && end - start < sizeof name - 1 &&
           strchr(" \t\r\n(){}[];,.:!&*+-/<>=|\"'`", text[start - 1]) == NULL) {
        start--;
    }
    memcpy(name, text + start, end - start);
    name[end - start] = 0;
    if (start > 0 && text[start - 1] == '.') {
        return signature_of_member(server, index, name);
    }
    for (size_t i = 0; i < index->meant_count; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        if (is_called(meant) && strcmp(meant->name, name) == 0) {
            return meant->signature;
        }
    }
    return "";
}

static const char *find_signature(const struct rn_lsp_server *server,
                                  const struct rn_lsp_place *place, size_t end)
{
    const char *text = place->document->text.data;
    const struct rn_lsp_text *then = rn_lsp_texts_at(&place->answer->texts, place->source);
    size_t carried = rn_lsp_carry(text, place->document->text.size, then->data, then->size, end);
    const struct rn_lsp_use *use = rn_lsp_index_find(&place->answer->index, place->source, carried);
    const struct rn_lsp_meant *meant = use == NULL || use->end != carried
                                           ? NULL
                                           : rn_lsp_meant_at(&place->answer->index, use->meant);
    if (meant != NULL && meant->kind == RN_LSP_MEMBER) {
        return signature_of_member(server, &place->answer->index, meant->name);
    }
    if (meant != NULL && meant->kind == RN_LSP_LIBRARY) {
        const struct rn_outline_item *item = rn_lsp_library_find(server, meant->path);
        return item == NULL ? "" : item->signature;
    }
    return meant != NULL && is_called(meant) ? meant->signature
                                             : signature_of_name(server, place, text, end);
}

/* ---- Its parameters ---- */

/* The next parameter behind `at`; NULL: there is none. */
static const char *next_parameter(const char *at, size_t *out_size)
{
    unsigned depth = 0;
    at += strspn(at, " ");
    const char *end = at;
    for (; *end != 0 && (depth > 0 || (*end != ',' && *end != ')')); end++) {
        depth += strchr("([{", *end) != NULL;
        depth -= depth > 0 && strchr(")]}", *end) != NULL;
    }
    *out_size = (size_t)(end - at);
    return *out_size == 0 ? NULL : at;
}

static void put_parameters(struct rn_lsp_out *out, const char *signature, bool behind_dot)
{
    const char *at = strchr(signature, '(') + 1;
    size_t size;
    bool first = true;
    while ((at = next_parameter(at, &size)) != NULL) {
        bool is_self = first && behind_dot && size == 4 && memcmp(at, "self", 4) == 0;
        if (!is_self) {
            rn_lsp_put_comma(out);
            rn_lsp_put(out, "{\"label\":");
            rn_lsp_put_string(out, at, size);
            rn_lsp_put(out, "}");
        }
        first = false;
        at += size;
        if (*at != ',') {
            break;
        }
        at++;
    }
}

static bool is_behind_dot(const char *text, size_t end)
{
    size_t at = end;
    while (at > 0 && strchr(" \t\r\n(){}[];,.:!&*+-/<>=|\"'`", text[at - 1]) == NULL) {
        at--;
    }
    return at > 0 && text[at - 1] == '.';
}

void rn_lsp_signature_help(struct rn_lsp_server *server, const rune_const_value *id,
                           const rune_const_value *params)
{
    struct rn_lsp_place place;
    struct call call = {.name = 0};
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    const char *signature = "";
    if (rn_lsp_place_find(server, params, &place) &&
        find_call(place.document->text.data, place.offset, &call)) {
        signature = find_signature(server, &place, call.name);
    }
    if (has_parameters(signature)) {
        rn_lsp_put(&out, "{\"signatures\":[{\"label\":");
        rn_lsp_put_text(&out, signature);
        rn_lsp_put(&out, ",\"parameters\":[");
        put_parameters(&out, signature, is_behind_dot(place.document->text.data, call.name));
        rn_lsp_put(&out, "]}],\"activeSignature\":0,\"activeParameter\":");
        rn_lsp_put_number(&out, call.argument);
        rn_lsp_put(&out, "}");
    } else {
        rn_lsp_put(&out, "null");
    }
    rn_lsp_answer_end(server, &out);
}
