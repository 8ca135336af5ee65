/* call_args.c: what is called, with what: the words of a command line. */
#include "cli/call.h"

#include <string.h>

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

bool rn_call_aim_at_main(struct rn_call *call, const char *file, char *const *words, size_t count)
{
    rune_export export = {0};
    call->item = "main";
    if (!find_export(call->unit, "main", &export)) {
        call->item = "";
        export.arity = 0;
        if (!rune_unit_has(call->unit, "")) {
            rn_console_complain(
                "%s: nothing to run: there is no `pub fn main`, and no code outside "
                "functions",
                file);
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
