/*
 * toml_read.c: toml::from_string and from_bytes: a TOML 1.1 document to an Object.
 *
 * While a document is read, a table is a node: a tuple of how it came to be and its Object; an array
 * of tables is a node with a Vec. So it is known what later lines may add to. Nothing else in a
 * document is a tuple, and at the end each node is replaced by what it holds.
 *
 * A machine of small steps over one offset, as in json_read.c. On the stack stand, outermost first,
 * tables and arrays that are being filled; above a table stands the tuple of the names under which
 * the value that is read goes into it.
 *
 * Trust: reads text from scripts, and what they got from anybody.
 */
#include "base/math.h"
#include "worker/std/error.h"
#include "worker/std/std.h"
#include "worker/std/toml.h"

#include <string.h>

/* Elements of the state tuple. */
enum {
    TEXT,
    ROOT,  /* node */
    TABLE, /* node: of the last header */
    STACK,
    PART, /* the string being read */
    STATE_COUNT
};

/* Fields of a node. */
enum {
    KIND,
    HELD,
    NODE_FIELDS
};

enum node_kind {
    BY_HEADER,
    IMPLIED,   /* by a longer header */
    BY_DOTS,   /* of a key */
    INLINE,    /* { .. } */
    OF_TABLES, /* [[..]]: holds a Vec of nodes */
};

enum phase {
    VALIDATE,
    LINE,
    LINE_END,
    VALUE,
    FIRST_ELEMENT, /* or the end of the array; comments and line ends are let pass */
    NEXT_ELEMENT,
    AFTER_ELEMENT,
    FIRST_KEY, /* of an inline table, or its end */
    NEXT_KEY,
    AFTER_ENTRY,
    STRING,
    REPLACE, /* nodes by what they hold */
    END,
};

/* How a string is quoted. */
enum {
    LITERAL = 1,
    LONG = 2, /* three quotes */
};

struct reader {
    struct rn_vm *vm;
    struct rn_value *items;
    struct rn_vec *stack;
    const char *text;
    size_t size;
    size_t at;
    size_t limit;
    size_t key_at; /* of the last key that was begun */
    enum phase phase;
    unsigned quoting;
    uint32_t depth;
    const char *fault; /* NULL: none, or the Vm raised */
    size_t fault_at;
    struct rn_utf8 fault_name; /* what the fault is about, or empty */
};

static enum rn_outcome refuse(struct reader *r, const char *fault, size_t at)
{
    r->fault = fault;
    r->fault_at = rn_min_size(at, r->size);
    return RN_RAISED;
}

static enum rn_outcome refuse_here(struct reader *r, const char *fault)
{
    return refuse(r, fault, r->at);
}

static enum rn_outcome refuse_key(struct reader *r, const char *fault, struct rn_value key)
{
    r->fault_name = rn_string_text(rn_as_string(key));
    return refuse(r, fault, r->key_at);
}

static char peek(const struct reader *r)
{
    return r->at < r->size ? r->text[r->at] : 0;
}

static bool looking_at(const struct reader *r, const char *text)
{
    size_t size = strlen(text);
    return r->size - r->at >= size && memcmp(r->text + r->at, text, size) == 0;
}

/* ---- Nodes ---- */

static struct rn_value make_node(struct rn_vm *vm, enum node_kind kind)
{
    struct rn_tuple *node = rn_tuple_new(vm, NODE_FIELDS);
    void *held = node == NULL        ? NULL
                 : kind == OF_TABLES ? (void *)rn_vec_new(vm, 0)
                                     : (void *)rn_object_new(vm, 0);
    if (held == NULL) {
        return rn_value_empty();
    }
    node->items[KIND] = rn_value_i64(kind);
    node->items[HELD] = rn_value_object(held);
    return rn_value_object(node);
}

static bool is_node(struct rn_value value)
{
    return rn_object_is(value, RN_TYPE_ID_TUPLE) &&
           rn_as_tuple(value)->items[0].tag == RN_VALUE_I64;
}

static int64_t kind_of(struct rn_value node)
{
    return rn_as_tuple(node)->items[KIND].i64;
}

static struct rn_map *table_of(struct rn_value node)
{
    return rn_as_map(rn_as_tuple(node)->items[HELD]);
}

static struct rn_value *find(struct rn_value node, struct rn_value key)
{
    const struct rn_string *name = rn_as_string(key);
    return rn_object_get(table_of(node), name->data, name->size);
}

static enum rn_outcome put(struct reader *r, struct rn_value node, struct rn_value key,
                           struct rn_value value)
{
    const struct rn_string *name = rn_as_string(key);
    if (value.tag == RN_VALUE_EMPTY) {
        return RN_RAISED;
    }
    return rn_object_insert(r->vm, table_of(node), name->data, name->size, value, NULL);
}

static enum rn_outcome put_node(struct reader *r, struct rn_value *node, struct rn_value key,
                                enum node_kind kind)
{
    struct rn_value child = make_node(r->vm, kind);
    RN_TRY_VM(put(r, *node, key, child));
    *node = child;
    return RN_DONE;
}

/* ---- Entries and headers ---- */

static const char duplicate_key[] = "duplicate key";

/* `a.b.c = value` within a table. */
static enum rn_outcome put_entry(struct reader *r, struct rn_value node,
                                 const struct rn_tuple *keys, struct rn_value value)
{
    uint32_t last = keys->header.count - 1;
    rn_charge(r->vm, last + 1);
    for (uint32_t i = 0; i < last; i++) {
        const struct rn_value *child = find(node, keys->items[i]);
        if (child == NULL) {
            RN_TRY_VM(put_node(r, &node, keys->items[i], BY_DOTS));
        } else if (is_node(*child) && kind_of(*child) == BY_DOTS) {
            node = *child;
        } else {
            return refuse_key(r, duplicate_key, keys->items[i]);
        }
    }
    if (find(node, keys->items[last]) != NULL) {
        return refuse_key(r, duplicate_key, keys->items[last]);
    }
    return put(r, node, keys->items[last], value);
}

/* One step of a header's path: the table, or the last one of an array of tables. */
static enum rn_outcome descend(struct reader *r, struct rn_value *node, struct rn_value key)
{
    const struct rn_value *child = find(*node, key);
    if (child == NULL) {
        return put_node(r, node, key, IMPLIED);
    }
    if (!is_node(*child) || kind_of(*child) == INLINE) {
        return refuse_key(r, duplicate_key, key);
    }
    *node = *child;
    if (kind_of(*child) == OF_TABLES) {
        const struct rn_vec *tables = rn_as_vec(rn_as_tuple(*child)->items[HELD]);
        *node = tables->items[tables->count - 1];
    }
    return RN_DONE;
}

static enum rn_outcome begin_table(struct reader *r, struct rn_value node, struct rn_value key)
{
    const struct rn_value *child = find(node, key);
    if (child == NULL) {
        RN_TRY_VM(put_node(r, &node, key, BY_HEADER));
        r->items[TABLE] = node;
        return RN_DONE;
    }
    if (!is_node(*child) || kind_of(*child) != IMPLIED) {
        return refuse_key(r, duplicate_key, key);
    }
    rn_as_tuple(*child)->items[KIND] = rn_value_i64(BY_HEADER);
    r->items[TABLE] = *child;
    return RN_DONE;
}

static enum rn_outcome begin_table_of_array(struct reader *r, struct rn_value node,
                                            struct rn_value key)
{
    const struct rn_value *child = find(node, key);
    struct rn_value array = node;
    if (child == NULL) {
        RN_TRY_VM(put_node(r, &array, key, OF_TABLES));
    } else if (is_node(*child) && kind_of(*child) == OF_TABLES) {
        array = *child;
    } else {
        return refuse_key(r, duplicate_key, key);
    }
    struct rn_value table = make_node(r->vm, BY_HEADER);
    if (table.tag == RN_VALUE_EMPTY ||
        !rn_vec_push(r->vm, rn_as_vec(rn_as_tuple(array)->items[HELD]), table)) {
        return RN_RAISED;
    }
    r->items[TABLE] = table;
    return RN_DONE;
}

/* ---- Space ---- */

static void skip_blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t') {
        r->at++;
    }
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* A comment up to its line end; false: there is a control character. */
static bool skip_comment(struct reader *r)
{
    while (r->at < r->size && peek(r) != '\n' && !looking_at(r, "\r\n")) {
        if (is_control(peek(r))) {
            (void)refuse_here(r, "invalid comment, control characters are not allowed");
            return false;
        }
        r->at++;
    }
    return true;
}

/* Blanks, comments and line ends; false: the round is over, or something is wrong. */
static bool skip_lines(struct reader *r)
{
    while (r->at < r->size) {
        char c = peek(r);
        if (c == ' ' || c == '\t' || c == '\n') {
            r->at++;
        } else if (looking_at(r, "\r\n")) {
            r->at += 2;
        } else if (c != '#') {
            return true;
        } else if (!skip_comment(r)) {
            return false;
        }
        if (r->at >= r->limit && r->at < r->size) {
            return false;
        }
    }
    return true;
}

/* ---- Keys ---- */

static enum rn_outcome read_quoted_key(struct reader *r, struct rn_string *key)
{
    char quote = r->text[r->at++];
    for (;;) {
        char c = peek(r);
        if (r->at >= r->size || is_control(c)) {
            return refuse_here(r, "invalid key, expected its closing quote");
        }
        if (c == quote) {
            r->at++;
            return RN_DONE;
        }
        if (c == '\\' && quote == '"') {
            uint32_t scalar;
            size_t width;
            const char *fault = rn_toml_escape(r->text + r->at, r->size - r->at, &scalar, &width);
            if (fault != NULL) {
                return refuse_here(r, fault);
            }
            r->at += width;
            if (!rn_string_append_char(r->vm, key, scalar)) {
                return RN_RAISED;
            }
            continue;
        }
        if (!rn_string_append(r->vm, key, &c, 1)) {
            return RN_RAISED;
        }
        r->at++;
    }
}

static enum rn_outcome read_key_part(struct reader *r, struct rn_value *out_key)
{
    struct rn_string *key = rn_string_with_capacity(r->vm, 0);
    if (key == NULL) {
        return RN_RAISED;
    }
    *out_key = rn_value_object(key);
    if (peek(r) == '"' || peek(r) == '\'') {
        return read_quoted_key(r, key);
    }
    size_t start = r->at;
    while (rn_toml_is_bare(peek(r))) {
        r->at++;
    }
    if (r->at == start) {
        return refuse_here(r, "invalid key");
    }
    return rn_string_append(r->vm, key, r->text + start, r->at - start) ? RN_DONE : RN_RAISED;
}

/* `a . "b".c`, and the blanks behind it. */
static enum rn_outcome read_keys(struct reader *r, struct rn_tuple **out_keys)
{
    struct rn_vec *parts = rn_vec_new(r->vm, 1);
    if (parts == NULL) {
        return RN_RAISED;
    }
    r->key_at = r->at;
    do {
        struct rn_value part;
        r->at += parts->count > 0;
        skip_blanks(r);
        RN_TRY_VM(read_key_part(r, &part));
        if (parts->count == RN_TOML_LEVELS_MAX) {
            return refuse_here(r, "a key of too many parts");
        }
        if (!rn_vec_push(r->vm, parts, part)) {
            return RN_RAISED;
        }
        skip_blanks(r);
    } while (peek(r) == '.');
    *out_keys = rn_tuple_new(r->vm, parts->count);
    if (*out_keys == NULL) {
        return RN_RAISED;
    }
    memcpy((*out_keys)->items, parts->items, parts->count * sizeof(struct rn_value));
    return RN_DONE;
}

/* ---- The stack ---- */

static struct rn_value top(const struct reader *r)
{
    return r->stack->items[r->stack->count - 1];
}

static enum rn_outcome push(struct reader *r, struct rn_value value)
{
    return rn_vec_push(r->vm, r->stack, value) ? RN_DONE : RN_RAISED;
}

/* `keys =`, of the table on top of the stack. */
static enum rn_outcome begin_entry(struct reader *r)
{
    struct rn_tuple *keys;
    RN_TRY_VM(read_keys(r, &keys));
    if (peek(r) != '=') {
        return refuse_here(r, "expected `.` or `=` behind the key");
    }
    r->at++;
    skip_blanks(r);
    r->phase = VALUE;
    return push(r, rn_value_object(keys));
}

/* Puts a value where it belongs. */
static enum rn_outcome complete(struct reader *r, struct rn_value value)
{
    if (rn_object_is(top(r), RN_TYPE_ID_VEC)) {
        r->phase = AFTER_ELEMENT;
        return rn_vec_push(r->vm, rn_as_vec(top(r)), value) ? RN_DONE : RN_RAISED;
    }
    struct rn_value keys = top(r);
    r->stack->count--;
    RN_TRY_VM(put_entry(r, top(r), rn_as_tuple(keys), value));
    r->phase = AFTER_ENTRY;
    if (r->stack->count == 1) {
        r->stack->count = 0;
        r->phase = LINE_END;
    }
    return RN_DONE;
}

static enum rn_outcome open(struct reader *r, struct rn_value container, enum phase phase)
{
    if (container.tag == RN_VALUE_EMPTY) {
        return RN_RAISED;
    }
    if (++r->depth > RN_TOML_LEVELS_MAX) {
        return refuse_here(r, "recursion limit exceeded");
    }
    r->at++;
    r->phase = phase;
    return push(r, container);
}

static enum rn_outcome close(struct reader *r)
{
    struct rn_value container = top(r);
    r->stack->count--;
    r->depth--;
    r->at++;
    return complete(r, container);
}

/* ---- Strings ---- */

static enum rn_outcome begin_string(struct reader *r)
{
    bool literal = peek(r) == '\'';
    bool is_long = looking_at(r, literal ? "'''" : "\"\"\"");
    struct rn_string *part = rn_string_with_capacity(r->vm, 0);
    if (part == NULL) {
        return RN_RAISED;
    }
    r->items[PART] = rn_value_object(part);
    r->quoting = (literal ? LITERAL : 0u) | (is_long ? LONG : 0u);
    r->at += is_long ? 3 : 1;
    if (is_long && (peek(r) == '\n' || looking_at(r, "\r\n"))) {
        r->at += peek(r) == '\n' ? 1 : 2;
    }
    r->phase = STRING;
    return RN_DONE;
}

static enum rn_outcome finish_string(struct reader *r)
{
    struct rn_value value = r->items[PART];
    r->items[PART] = rn_value_unit();
    return complete(r, value);
}

/* At a quote. Up to two more may stand before the closing three. */
static enum rn_outcome read_quote(struct reader *r, struct rn_string *part, char quote)
{
    if ((r->quoting & LONG) == 0) {
        r->at++;
        return finish_string(r);
    }
    size_t count = 0;
    while (count < 5 && r->at + count < r->size && r->text[r->at + count] == quote) {
        count++;
    }
    size_t own = count >= 3 ? count - 3 : count;
    if (!rn_string_append(r->vm, part, r->text + r->at, own)) {
        return RN_RAISED;
    }
    r->at += count;
    return count >= 3 ? finish_string(r) : RN_DONE;
}

/* A backslash at the end of a line: what is blank up to the next text goes. */
static bool skip_line_break(struct reader *r)
{
    size_t at = r->at + 1;
    while (at < r->size && (r->text[at] == ' ' || r->text[at] == '\t')) {
        at++;
    }
    bool crlf = at + 1 < r->size && r->text[at] == '\r' && r->text[at + 1] == '\n';
    if (at >= r->size || (r->text[at] != '\n' && !crlf)) {
        return false;
    }
    while (at < r->size && (r->text[at] == ' ' || r->text[at] == '\t' || r->text[at] == '\n' ||
                            (r->text[at] == '\r' && at + 1 < r->size && r->text[at + 1] == '\n'))) {
        at++;
    }
    r->at = at;
    return true;
}

static enum rn_outcome read_escape(struct reader *r, struct rn_string *part)
{
    if ((r->quoting & LONG) != 0 && skip_line_break(r)) {
        return RN_DONE;
    }
    uint32_t scalar;
    size_t width;
    const char *fault = rn_toml_escape(r->text + r->at, r->size - r->at, &scalar, &width);
    if (fault != NULL) {
        return refuse_here(r, fault);
    }
    r->at += width;
    return rn_string_append_char(r->vm, part, scalar) ? RN_DONE : RN_RAISED;
}

static enum rn_outcome go_on_string(struct reader *r)
{
    struct rn_string *part = rn_as_string(r->items[PART]);
    char quote = (r->quoting & LITERAL) != 0 ? '\'' : '"';
    size_t start = r->at;
    size_t end = rn_min_size(r->size, rn_max_size(r->limit, r->at + 1));
    char c = 0;
    for (; r->at < end; r->at++) {
        c = r->text[r->at];
        if (c == quote || (c == '\\' && quote == '"') || is_control(c)) {
            break;
        }
    }
    if (!rn_string_append(r->vm, part, r->text + start, r->at - start)) {
        return RN_RAISED;
    }
    if (r->at >= r->size) {
        return refuse_here(r, "invalid string, expected its closing quote");
    }
    if (r->at == end) {
        return RN_DONE;
    }
    if (c == quote) {
        return read_quote(r, part, quote);
    }
    if (c == '\\') {
        return read_escape(r, part);
    }
    size_t width = c == '\n' ? 1 : looking_at(r, "\r\n") ? 2 : 0;
    if (width == 0 || (r->quoting & LONG) == 0) {
        return refuse_here(r, "invalid string, control characters must be escaped");
    }
    start = r->at;
    r->at += width;
    return rn_string_append(r->vm, part, r->text + start, width) ? RN_DONE : RN_RAISED;
}

/* ---- Steps ---- */

static enum rn_outcome read_value(struct reader *r)
{
    char c = peek(r);
    if (c == '"' || c == '\'') {
        return begin_string(r);
    }
    if (c == '[') {
        struct rn_vec *array = rn_vec_new(r->vm, 0);
        return open(r, array == NULL ? rn_value_empty() : rn_value_object(array), FIRST_ELEMENT);
    }
    if (c == '{') {
        return open(r, make_node(r->vm, INLINE), FIRST_KEY);
    }
    struct rn_value value;
    size_t width;
    const char *fault = rn_toml_scalar(r->vm, r->text + r->at, r->size - r->at, &value, &width);
    if (fault != NULL) {
        return refuse(r, fault, r->at + width);
    }
    if (value.tag == RN_VALUE_EMPTY) {
        return RN_RAISED;
    }
    r->at += width;
    return complete(r, value);
}

static enum rn_outcome read_header(struct reader *r)
{
    bool array = looking_at(r, "[[");
    struct rn_tuple *keys;
    r->at += array ? 2 : 1;
    RN_TRY_VM(read_keys(r, &keys));
    if (!looking_at(r, array ? "]]" : "]")) {
        return refuse_here(r, array ? "expected `]]` behind the name of the table"
                                    : "expected `]` behind the name of the table");
    }
    struct rn_value node = r->items[ROOT];
    uint32_t last = keys->header.count - 1;
    rn_charge(r->vm, last + 1);
    for (uint32_t i = 0; i < last; i++) {
        RN_TRY_VM(descend(r, &node, keys->items[i]));
    }
    RN_TRY_VM(array ? begin_table_of_array(r, node, keys->items[last])
                    : begin_table(r, node, keys->items[last]));
    r->at += array ? 2 : 1;
    r->phase = LINE_END;
    return RN_DONE;
}

static enum rn_outcome read_line(struct reader *r)
{
    if (!skip_lines(r)) {
        return r->fault == NULL ? RN_DONE : RN_RAISED;
    }
    if (r->at >= r->size) {
        r->phase = REPLACE;
        RN_TRY_VM(push(r, rn_as_tuple(r->items[ROOT])->items[HELD]));
        return push(r, rn_value_i64(0));
    }
    if (peek(r) == '[') {
        return read_header(r);
    }
    RN_TRY_VM(push(r, r->items[TABLE]));
    return begin_entry(r);
}

static enum rn_outcome read_line_end(struct reader *r)
{
    skip_blanks(r);
    if (peek(r) == '#' && !skip_comment(r)) {
        return RN_RAISED;
    }
    if (r->at < r->size && peek(r) != '\n' && !looking_at(r, "\r\n")) {
        return refuse_here(r, "expected the end of the line");
    }
    r->phase = LINE;
    return RN_DONE;
}

/* In an array; r->phase says where. */
static enum rn_outcome read_element(struct reader *r)
{
    if (!skip_lines(r)) {
        return r->fault == NULL ? RN_DONE : RN_RAISED;
    }
    if (peek(r) == ']') {
        return close(r);
    }
    if (r->phase == AFTER_ELEMENT) {
        if (peek(r) != ',') {
            return refuse_here(r, "invalid array, expected `,` or `]`");
        }
        r->at++;
        r->phase = NEXT_ELEMENT;
        return RN_DONE;
    }
    return read_value(r);
}

/* In an inline table; r->phase says where. */
static enum rn_outcome read_inline(struct reader *r)
{
    if (!skip_lines(r)) {
        return r->fault == NULL ? RN_DONE : RN_RAISED;
    }
    if (peek(r) == '}') {
        return close(r);
    }
    if (r->phase == AFTER_ENTRY) {
        if (peek(r) != ',') {
            return refuse_here(r, "invalid inline table, expected `,` or `}`");
        }
        r->at++;
        r->phase = NEXT_KEY;
        return RN_DONE;
    }
    return begin_entry(r);
}

/* One part of the container on top of the stack, which is followed by a position. */
static enum rn_outcome replace_node(struct reader *r)
{
    struct rn_value container = r->stack->items[r->stack->count - 2];
    struct rn_value *place = &r->stack->items[r->stack->count - 1];
    bool array = rn_object_is(container, RN_TYPE_ID_VEC);
    uint32_t count = array ? rn_as_vec(container)->count : rn_as_map(container)->used;
    if (place->i64 == count) {
        r->stack->count -= 2;
        r->phase = r->stack->count == 0 ? END : REPLACE;
        return RN_DONE;
    }
    uint32_t i = (uint32_t)place->i64++;
    struct rn_value *part =
        array ? &rn_as_vec(container)->items[i] : &rn_as_map(container)->object_entries[i].value;
    if (is_node(*part)) {
        *part = rn_as_tuple(*part)->items[HELD];
    } else if (!rn_object_is(*part, RN_TYPE_ID_VEC)) {
        return RN_DONE;
    }
    RN_TRY_VM(push(r, *part));
    return push(r, rn_value_i64(0));
}

/* Behind a byte order mark. */
static size_t first_character(struct rn_utf8 text)
{
    return text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static enum rn_outcome validate(struct reader *r)
{
    bool last;
    size_t bad;
    if (!rn_std_utf8_chunk((struct rn_utf8){r->text, r->size}, &r->at, &last, &bad)) {
        return refuse(r, "invalid utf-8 sequence", bad);
    }
    if (last) {
        r->at = first_character((struct rn_utf8){r->text, r->size});
        r->phase = LINE;
    }
    return RN_DONE;
}

static enum rn_outcome step(struct reader *r)
{
    switch (r->phase) {
    case VALIDATE:
        return validate(r);
    case LINE:
        return read_line(r);
    case LINE_END:
        return read_line_end(r);
    case VALUE:
        return read_value(r);
    case FIRST_ELEMENT:
    case NEXT_ELEMENT:
    case AFTER_ELEMENT:
        return read_element(r);
    case FIRST_KEY:
    case NEXT_KEY:
    case AFTER_ENTRY:
        return read_inline(r);
    case STRING:
        return go_on_string(r);
    case REPLACE:
        return replace_node(r);
    case END:
        break;
    }
    return RN_DONE;
}

/* ---- Rounds ---- */

/* The message with its line, and a mark below the place. */
static enum rn_outcome fail(struct reader *r, struct rn_value *args)
{
    enum {
        LINE_SHOWN = 160
    };
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < r->fault_at; i++) {
        if (r->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    size_t end = start;
    while (end < r->size && end - start < LINE_SHOWN && !is_control(r->text[end])) {
        end++;
    }
    size_t column = rn_utf8_valid(r->text + start, r->fault_at - start, NULL)
                        ? rn_utf8_count(r->text + start, r->fault_at - start)
                        : r->fault_at - start;
    struct rn_error_text display;
    struct rn_error_text debug;
    rn_error_text_init(&display);
    rn_error_text_init(&debug);
    rn_error_text_add(&display, "TOML parse error at line ");
    rn_error_text_add_number(&display, line);
    rn_error_text_add(&display, ", column ");
    rn_error_text_add_number(&display, column + 1);
    if (column < LINE_SHOWN && rn_utf8_valid(r->text + start, end - start, NULL)) {
        rn_error_text_add(&display, "\n  |\n");
        rn_error_text_add_number(&display, line);
        rn_error_text_add(&display, " | ");
        rn_error_text_add_utf8(&display, (struct rn_utf8){r->text + start, end - start});
        rn_error_text_add(&display, "\n  | ");
        for (size_t i = 0; i < column; i++) {
            rn_error_text_add(&display, " ");
        }
        rn_error_text_add(&display, "^");
    }
    rn_error_text_add(&display, "\n");
    rn_error_text_add(&display, r->fault);
    rn_error_text_add(&debug, "Error { message: \"");
    rn_error_text_add(&debug, r->fault);
    if (r->fault_name.size > 0 && r->fault_name.size <= LINE_SHOWN) {
        rn_error_text_add(&display, " `");
        rn_error_text_add_utf8(&display, r->fault_name);
        rn_error_text_add(&display, "`");
    }
    rn_error_text_add(&debug, "\", line: ");
    rn_error_text_add_number(&debug, line);
    rn_error_text_add(&debug, ", column: ");
    rn_error_text_add_number(&debug, column + 1);
    rn_error_text_add(&debug, " }");
    return rn_std_text_error(r->vm, args, RN_TYPE_ID_TOML_DE_ERROR, &display, &debug);
}

static void load(struct reader *r, struct rn_vm *vm, struct rn_value *args)
{
    const uint64_t *words = rn_native_state(vm);
    struct rn_value *items = rn_as_tuple(args[0])->items;
    const struct rn_string *text = rn_as_string(items[TEXT]);
    *r = (struct reader){
        .vm = vm,
        .items = items,
        .stack = rn_as_vec(items[STACK]),
        .text = text->data,
        .size = text->size,
        .at = words[0],
        .limit = rn_min_size(text->size, words[0] + RN_STD_CHUNK_BYTES),
        .phase = (enum phase)(words[1] & 0xff),
        .quoting = (unsigned)(words[1] >> 8 & 3),
        .depth = (uint32_t)(words[1] >> 16 & 0xffff),
        .key_at = (size_t)(words[1] >> 32),
    };
}

static enum rn_outcome go_on(struct rn_vm *vm, struct rn_value *args)
{
    struct reader r;
    load(&r, vm, args);
    enum rn_outcome outcome = RN_DONE;
    for (uint32_t steps = 0; outcome == RN_DONE && steps < RN_STD_CHUNK_ITEMS; steps++) {
        if (r.phase == END) {
            return rn_make_ok(vm, rn_as_tuple(r.items[ROOT])->items[HELD], &args[0]);
        }
        if (steps > 0 && r.at >= r.limit && r.limit < r.size) {
            break;
        }
        outcome = step(&r);
    }
    if (outcome != RN_DONE) {
        return r.fault == NULL ? outcome : fail(&r, args);
    }
    rn_native_state(vm)[0] = r.at;
    rn_native_state(vm)[1] = (uint64_t)r.phase | (uint64_t)r.quoting << 8 |
                             (uint64_t)r.depth << 16 | (uint64_t)r.key_at << 32;
    return RN_AGAIN;
}

static enum rn_outcome begin(struct rn_vm *vm, struct rn_value *args, const struct rn_string *text,
                             enum phase phase)
{
    struct rn_vec *stack = rn_vec_new(vm, 0);
    struct rn_tuple *state = stack == NULL ? NULL : rn_tuple_new(vm, STATE_COUNT);
    struct rn_value root = state == NULL ? rn_value_empty() : make_node(vm, BY_HEADER);
    if (root.tag == RN_VALUE_EMPTY) {
        return RN_RAISED;
    }
    rn_std_charge_bytes(vm, 8 * (uint64_t)text->size);
    state->items[TEXT] = args[0];
    state->items[ROOT] = root;
    state->items[TABLE] = root;
    state->items[STACK] = rn_value_object(stack);
    args[0] = rn_value_object(state);
    rn_native_state(vm)[0] = phase == LINE ? first_character(rn_string_text(text)) : 0;
    rn_native_state(vm)[1] = (uint64_t)phase;
    return RN_AGAIN;
}

enum rn_outcome rn_std_toml_from_string(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (rn_native_round(vm) != 0) {
        return go_on(vm, args);
    }
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    return begin(vm, args, text, LINE);
}

enum rn_outcome rn_std_toml_from_bytes(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (rn_native_round(vm) != 0) {
        return go_on(vm, args);
    }
    struct rn_string *text;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &text));
    return begin(vm, args, text, VALIDATE);
}
