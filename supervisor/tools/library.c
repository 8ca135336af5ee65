/* library.c: what the standard library declares, from its table. */
#include <runeward/tools.h>

#include "bytecode/json.h"
#include "bytecode/types.h"
#include "supervisor/tools/take.h"

#include <string.h>

#define TEXT_MAX ((size_t)16 << 20)

struct row {
    const char *kind;
    struct rn_utf8 owner; /* of a method */
    const char *path;     /* or the name of a method */
    int arity;            /* -1: any */
};

static const struct row rows[] = {
#define STD_FN(path, arity, symbol) {"function", {NULL, 0}, path, arity},
#define STD_ASYNC_FN(path, arity, symbol) {"function", {NULL, 0}, path, arity},
#define STD_SCRIPT_FN(path, arity) {"function", {NULL, 0}, path, arity},
#define STD_SCRIPT_METHOD(type, name, arity) {"method", {type, sizeof(type) - 1}, name, arity},
#define STD_TRAIT_METHOD(trait, name, arity, symbol)                                               \
    {"method", {trait, sizeof(trait) - 1}, name, arity},
#define STD_SCRIPT_TYPE(path) {"struct", {NULL, 0}, path, 0},
#define STD_TRAIT(path) {"trait", {NULL, 0}, path, 0},
#define STD_CONST_I64(path, value) {"const", {NULL, 0}, path, 0},
#define STD_CONST_U64(path, value) {"const", {NULL, 0}, path, 0},
#define STD_CONST_F64(path, value) {"const", {NULL, 0}, path, 0},
#define STD_MACRO(path) {"macro", {NULL, 0}, path, -1},
#include "bytecode/std.def"
};

/* Methods of native types: their owner is a number. */
static const struct {
    enum rn_type_id type;
    const char *name;
    int arity;
} methods[] = {
#define STD_METHOD(type, name, arity, symbol) {RN_TYPE_ID_##type, name, arity},
#include "bytecode/std.def"
};

static void member(struct rn_buf *buf, const char *name, const char *data, size_t size)
{
    rn_buf_append_format(buf, ",\"%s\":", name);
    rn_json_append_string(buf, data, size);
}

/* `name(self, _, _)`. */
static void signature(struct rn_buf *buf, const struct row *row, const char *name)
{
    char text[512];
    struct rn_buf line;
    bool is_method = strcmp(row->kind, "method") == 0;
    rn_buf_init_fixed(&line, text, sizeof text);
    if (is_method || strcmp(row->kind, "function") == 0) {
        rn_buf_append_text(&line, "fn ");
        rn_buf_append_text(&line, name);
        rn_buf_append_text(&line, row->arity < 0 ? "(.." : "(");
        for (int i = 0; i < row->arity; i++) {
            rn_buf_append_text(&line, i > 0 ? ", " : "");
            rn_buf_append_text(&line, i == 0 && is_method ? "self" : "_");
        }
        rn_buf_append_text(&line, ")");
    } else {
        rn_buf_append_text(&line, row->kind);
        rn_buf_append_text(&line, " ");
        rn_buf_append_text(&line, name);
    }
    member(buf, "signature", text, line.size);
}

static const char *last_name(const char *path)
{
    const char *name = path;
    for (const char *at = path; (at = strstr(at, "::")) != NULL && strncmp(at, "::<", 3) != 0;) {
        at += 2;
        name = at;
    }
    return name;
}

static void line(struct rn_buf *buf, const struct row *row)
{
    char text[512];
    struct rn_buf path;
    rn_buf_init_fixed(&path, text, sizeof text);
    if (row->owner.size > 0) {
        rn_buf_append(&path, row->owner.data, row->owner.size);
        rn_buf_append_text(&path, "::");
    }
    rn_buf_append_text(&path, row->path);
    const char *name = row->owner.size > 0 ? row->path : last_name(row->path);
    rn_buf_append_format(buf, "{\"kind\":\"%s\"", row->kind);
    member(buf, "path", text, path.size);
    member(buf, "name", name, strlen(name));
    rn_buf_append_text(buf, ",\"public\":true,\"source\":\"\",\"line\":0");
    signature(buf, row, name);
    rn_buf_append_text(buf, ",\"attributes\":[],\"docs\":\"\",\"docs_line\":0,\"members\":[]}\n");
}

rune_status rune_tools_library(rune_text **out_text)
{
    struct rn_buf buf;
    rn_buf_init(&buf, TEXT_MAX);
    for (size_t i = 0; i < RN_TYPE_ID_COUNT; i++) {
        struct row row = {.kind = "struct", .path = rn_library_types[i].path.data};
        if (row.path != NULL && rn_library_types[i].path.size > 0) {
            line(&buf, &row);
        }
    }
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        line(&buf, &rows[i]);
    }
    for (size_t i = 0; i < RN_COUNT_OF(methods); i++) {
        struct row row = {"method", rn_library_types[methods[i].type].path, methods[i].name,
                          methods[i].arity};
        line(&buf, &row);
    }
    return rn_tools_take(&buf, out_text);
}
