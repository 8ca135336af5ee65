/* call_args.c: what is called, with what: the words of a command line. */
#include "cli/call.h"

#include "cli/visible.h"

#include <stdio.h>
#include <string.h>

/* With more public functions than this a file is a library, and a list of them no help. */
#define EXPORTS_NAMED 8u

static bool find_export(const rune_unit *unit, const char *item, rune_export *out_export)
{
    for (size_t i = 0; rune_unit_export(unit, i, out_export); i++) {
        if (strcmp(out_export->item, item) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_string(struct rn_call *call, const char *text)
{
    rune_const_value *value = rune_value_text(text);
    if (value == NULL) {
        rn_console_complain("an argument is not UTF-8");
        return false;
    }
    call->args[call->arg_count++] = value;
    return true;
}

// Each word is one string, or all of them one vector for a main with a single parameter.
static bool add_words(struct rn_call *call, char *const *words, size_t count, uint32_t arity)
{
    if (count > RN_CALL_ARGS_MAX || (arity != 1 && count != arity)) {
        rn_console_complain("main takes %u argument%s, %zu %s given", (unsigned)arity,
                            arity == 1 ? "" : "s", count, count == 1 ? "was" : "were");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_string(call, words[i])) {
            return false;
        }
    }
    if (arity != 1) {
        return true;
    }
    rune_const_value *all =
        rune_value_vec((const rune_const_value *const *)call->args, call->arg_count);
    rn_call_done(call);
    call->args[0] = all;
    call->arg_count = all == NULL ? 0 : 1;
    return all != NULL;
}

/* Of a file with nothing but items the body has one instruction, its end. */
bool rn_call_has_body(const rune_listing *listing)
{
    rune_listing_function function;
    for (size_t i = 0; rune_listing_function_at(listing, i, &function); i++) {
        if (function.name_size == 0) {
            return function.count > 1;
        }
    }
    return false;
}

/* A body that could not be looked at is run. */
static bool has_body(rune_unit *unit)
{
    rune_listing *listing = NULL;
    bool has = rune_unit_has(unit, "") &&
               (rune_listing_new(unit, &listing) != RUNE_OK || rn_call_has_body(listing));
    rune_listing_free(listing);
    return has;
}

/* What could have been meant: a main by another name, or one function of a library. */
static void name_exports(const rune_unit *unit, const char *file)
{
    rune_export export;
    size_t count = rune_unit_export_count(unit);
    if (count == 0 || count > EXPORTS_NAMED) {
        return;
    }
    fputs("runeward: ", stderr);
    for (size_t i = 0; rune_unit_export(unit, i, &export); i++) {
        fputs(i == 0 ? "`" : i + 1 < count ? "`, `" : "` and `", stderr);
        rn_visible_put(stderr, export.item, strlen(export.item), false);
    }
    fputs("` can be called: `runeward call ", stderr);
    rn_visible_put(stderr, file, strlen(file), false);
    fputs(" ITEM`\n", stderr);
}

bool rn_call_aim_at_main(struct rn_call *call, const char *file, char *const *words, size_t count)
{
    rune_export export = {0};
    call->item = "main";
    if (!find_export(call->unit, "main", &export)) {
        call->item = "";
        export.arity = 0;
        if (!has_body(call->unit)) {
            rn_console_complain(
                "%s: nothing to run: there is no `pub fn main`, and no code outside "
                "functions",
                file);
            name_exports(call->unit, file);
            return false;
        }
    }
    return add_words(call, words, count, export.arity);
}

static bool add_json(struct rn_call *call, const char *text)
{
    rune_error *error = NULL;
    if (call->arg_count == RN_CALL_ARGS_MAX) {
        rn_console_complain("more than %u arguments", RN_CALL_ARGS_MAX);
        return false;
    }
    if (rune_value_from_json(text, strlen(text), &call->args[call->arg_count], &error) != RUNE_OK) {
        rn_console_complain("argument %zu: %s: %s", call->arg_count + 1, text,
                            error == NULL ? "out of memory" : rune_error_message(error));
        rune_error_free(error);
        return false;
    }
    call->arg_count++;
    return true;
}

bool rn_call_take_json(struct rn_call *call, char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!add_json(call, words[i])) {
            return false;
        }
    }
    return true;
}

bool rn_call_aim(struct rn_call *call, const struct rn_args *args)
{
    const char *item = args->values[RN_OPTION_ITEM];
    char *const *words = args->operands + 1;
    size_t count = args->operand_count - 1;
    if (item == NULL) {
        return rn_call_aim_at_main(call, args->operands[0], words, count);
    }
    call->item = item;
    return rn_call_take_json(call, words, count);
}
