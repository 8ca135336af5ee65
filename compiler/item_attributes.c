/*
 * item_attributes.c: which attributes items may have, and what is said about the others.
 *
 * Trust: what it reads was parsed from hostile text.
 */
#include "compiler/items_private.h"

#include <string.h>

static bool attribute_is(const struct rn_items *items, const struct rn_ast_attribute *attribute,
                         const char *name)
{
    rn_symbol ident = attribute->path == NULL ? 0 : rn_ast_path_ident(attribute->path);
    struct rn_utf8 text = rn_symbol_text(&items->symbols, ident);
    return ident != 0 && text.size == strlen(name) && memcmp(text.data, name, text.size) == 0;
}

static bool is_doc(const struct rn_items *items, const struct rn_ast_attribute *attribute)
{
    return attribute->is_doc_comment || attribute_is(items, attribute, "doc");
}

static bool is_flag(const struct rn_items *items, const struct rn_ast_attribute *attribute)
{
    return attribute_is(items, attribute, "test") || attribute_is(items, attribute, "bench");
}

/* ---- Those that are not known ---- */

/* What Rust's attributes are for is had otherwise, or not at all. */
static const char *help_for(const struct rn_items *items, const struct rn_ast_attribute *attribute,
                            bool on_function)
{
    if (attribute_is(items, attribute, "derive")) {
        return "every struct and enum has `==`, `<` and debug text already";
    }
    if (attribute_is(items, attribute, "cfg")) {
        return "nothing is compiled on a condition, functions with `#[test]` may stand anywhere";
    }
    return on_function ? "functions may have `#[test]` and `#[bench]`"
                       : "only functions have attributes, `#[test]` and `#[bench]`";
}

static void refuse(struct rn_items *items, const struct rn_ast_attribute *attribute,
                   const char *construct, bool on_function)
{
    struct rn_span path = attribute->path->span;
    const char *text = attribute->input.tokens->text.data;
    struct rn_utf8 name = {text + path.start, rn_min_text(path.end - path.start)};
    struct rn_diagnostic *d = rn_diagnose(items->diagnostics, UNKNOWN_ATTRIBUTE, attribute->span,
                                          name, rn_text(construct));
    rn_diagnostic_help(items->diagnostics, d, "%s", help_for(items, attribute, on_function));
    items->private_->unusable = true;
}

void rn_items_check_attributes(struct rn_items *items, const struct rn_ast_attributes *attributes,
                               const char *what)
{
    for (uint32_t i = 0; i < attributes->count; i++) {
        if (!is_doc(items, &attributes->items[i])) {
            refuse(items, &attributes->items[i], what, false);
            return;
        }
    }
}

void rn_items_check_fn_attributes(struct rn_items *items,
                                  const struct rn_ast_attributes *attributes)
{
    for (uint32_t i = 0; i < attributes->count; i++) {
        const struct rn_ast_attribute *attribute = &attributes->items[i];
        if (!is_doc(items, attribute) && !is_flag(items, attribute)) {
            refuse(items, attribute, "functions", true);
            return;
        }
    }
}

/* ---- Tests and benches ---- */

static void check_flag(struct rn_items *items, const struct rn_ast_attribute *attribute,
                       const struct rn_place *place, bool again, const char *name)
{
    if (again) {
        rn_diagnose(items->diagnostics, REPEATED_ATTRIBUTE, attribute->span, rn_text(name));
    } else if (attribute->input.start < attribute->input.end) {
        rn_diagnose(items->diagnostics, UNSUPPORTED, attribute->span,
                    rn_text("input of this attribute"));
    } else if (place->nested) {
        bool bench = name[0] == 'b';
        rn_diagnostics_add(items->diagnostics,
                           bench ? RN_DIAGNOSTIC_NESTED_BENCH : RN_DIAGNOSTIC_NESTED_TEST,
                           attribute->span, NULL, 0);
    } else {
        return;
    }
    items->private_->unusable = true;
}

bool rn_items_flag_attribute(struct rn_items *items, const struct rn_ast_item *item,
                             const struct rn_place *place, const char *name)
{
    bool found = false;
    for (uint32_t i = 0; i < item->attributes.count; i++) {
        const struct rn_ast_attribute *attribute = &item->attributes.items[i];
        if (attribute_is(items, attribute, name)) {
            check_flag(items, attribute, place, found, name);
            found = true;
        }
    }
    return found;
}
