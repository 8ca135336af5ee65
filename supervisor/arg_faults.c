/*
 * arg_faults.c: arguments beside the types of a Unit.
 *
 * Trust: reads values of callers, a daemon's clients among them, after they have been found to be values.
 */
#include "supervisor/arg_faults.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/math.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "supervisor/unit.h"
#include "supervisor/unit_names.h"

/* Of a path in a message, bytes. */
#define PATH_SHOWN 200u
/* Parts of the arguments that are looked at: whoever asks serves others, too. */
#define PARTS_MAX 4096u

struct walk {
    struct rn_unit_names names;
    struct rn_const_reader reader;
    uint32_t depth;    /* 1: between arguments */
    uint32_t count;    /* of arguments */
    uint32_t argument; /* at hand */
    uint32_t parts;    /* so far */
    char *out;
};

static bool RN_PRINTF(2, 3) say(struct walk *walk, const char *format, ...)
{
    int size = snprintf(walk->out, RN_ARG_FAULT_MAX, "argument %u: ", (unsigned)walk->argument);
    va_list values;
    va_start(values, format);
    (void)vsnprintf(walk->out + size, RN_ARG_FAULT_MAX - (size_t)size, format, values);
    va_end(values);
    return true;
}

/* What hosts may make of the library, or may not: its types are the worker's to judge. */
static bool is_librarys(uint64_t hash)
{
    static const char *const paths[] = {
        "std::test::Bencher",
#define TYPE(name, path, is_inline)
#define ENUM_VARIANT(type, variant, index, path, fields) path,
#include "bytecode/types.def"
#undef ENUM_VARIANT
#undef TYPE
    };
    bool is = false;
    for (size_t i = 0; i < RN_COUNT_OF(paths) && !is; i++) {
        is = rn_hash_item(paths[i], strlen(paths[i])) == hash;
    }
    return is;
}

/* Whole characters. */
static size_t shown_size(struct rn_utf8 path)
{
    size_t size = rn_min_size(path.size, PATH_SHOWN);
    while (size > 0 && !rn_utf8_is_boundary(path.data, path.size, size)) {
        size--;
    }
    return size;
}

static const char *word_of(const struct rn_unit_type *type)
{
    return type->kind == RN_TYPE_ENUM           ? "enum"
           : type->kind >= RN_TYPE_UNIT_VARIANT ? "variant"
                                                : "struct";
}

/* A struct or variant of the Unit's: does it fit its type? */
static bool judge_type(struct walk *walk, const struct rn_const_token *token,
                       const struct rn_unit_type *type)
{
    const struct rune_verified_unit *unit = &walk->names.unit->unit;
    struct rn_utf8 path = rn_unit_string_at(unit, type->name);
    int size = (int)shown_size(path);
    const char *is = word_of(type);
    const char *meant = token->kind == RN_CONST_VARIANT ? "variant" : "struct";
    if (strcmp(is, meant) != 0) {
        return say(walk, "`%.*s` is %s %s, and was passed as a %s", size, path.data,
                   type->kind == RN_TYPE_ENUM ? "an" : "a", is, meant);
    }
    if (token->kind == RN_CONST_VARIANT &&
        unit->types[type->parent].hash != token->item.type_hash) {
        return say(walk, "`%.*s` is a variant of another enum", size, path.data);
    }
    return token->count != type->field_count &&
           say(walk, "%s `%.*s` has %u field%s, got %u", is, size, path.data,
               (unsigned)type->field_count, type->field_count == 1 ? "" : "s",
               (unsigned)token->count);
}

/* True if something is said of the token. */
static bool judge(struct walk *walk, const struct rn_const_token *token)
{
    bool is_variant = token->kind == RN_CONST_VARIANT;
    if (token->kind != RN_CONST_STRUCT && !is_variant) {
        return false;
    }
    uint64_t hash = is_variant ? token->item.variant_hash : token->item.type_hash;
    const struct rn_unit_type *type = rn_unit_names_type(&walk->names, hash);
    if (type) {
        return type->kind != RN_TYPE_EXTERNAL && judge_type(walk, token, type);
    }
    return !walk->names.no_memory && !is_librarys(hash) &&
           say(walk, "the Unit has no %s of the hash 0x%016" PRIx64,
               is_variant ? "variant" : "struct", hash);
}

/* The argument that is to blame, if one is found. */
static bool find_fault(struct walk *walk)
{
    do {
        struct rn_const_token token;
        if (++walk->parts > PARTS_MAX || rn_const_read(&walk->reader, &token) != RN_OK) {
            return false;
        }
        if (judge(walk, &token)) {
            return true;
        }
        if (walk->depth == 0) {
            walk->count = token.count;
        }
        bool opens = rn_const_kind_has_content(token.kind);
        walk->depth += opens;
        walk->depth -= token.kind == RN_CONST_END;
        walk->argument += walk->depth == 1 && !opens;
    } while (walk->depth > 0);
    return false;
}

static bool explain(const rune_unit *unit, struct rn_utf8 args, bool only_args, char *out)
{
    struct rn_const_level *levels = rn_alloc_array(RN_CONST_DEPTH_MAX + 1, sizeof(*levels));
    if (!levels) {
        return false;
    }
    struct walk walk = {.out = out};
    rn_unit_names_init(&walk.names, unit);
    rn_const_reader_init(&walk.reader, args.data, args.size, levels, RN_CONST_DEPTH_MAX + 1);
    bool found = find_fault(&walk);
    if (!found && only_args && walk.count == 1) {
        walk.argument = 0;
        found = say(&walk, "%s", rn_error_message(RN_E_CBOR_INVALID));
    }
    rn_unit_names_done(&walk.names);
    rn_free(levels);
    return found;
}

bool rn_arg_faults_explain(const struct rn_call *call, char out[RN_ARG_FAULT_MAX])
{
    size_t before = call->tags_size + call->statics_size;
    // Where a value is called it comes first, and is no argument.
    if (call->body.size <= before || call->target == RN_CALL_TARGET_VALUE) {
        return false;
    }
    struct rn_utf8 args = {(const char *)call->body.data + before, call->body.size - before};
    return explain(call->unit, args, call->statics_size == 0, out);
}
