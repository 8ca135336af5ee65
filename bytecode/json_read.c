/*
 * json_read.c: JSON text to one ConstValue.
 *
 * One pass appends the values as they come, without heads of containers: how many values a
 * container has is known only at its end, and the width of its head depends on that. The containers
 * are noted in the order in which they begin, and at last the heads are put in from the back, which
 * moves each byte once. Repeated keys are found by sorting all keys of the text at once, so that no
 * choice of keys makes it slow.
 *
 * Trust: reads text from anybody.
 */
#include "base/alloc.h"
#include "base/float_text.h"
#include "base/math.h"
#include "base/sort.h"
#include "bytecode/const_value.h"
#include "bytecode/json.h"

#include <string.h>

enum {
    /* No value becomes more than three times as long, so all offsets fit 32 bits. */
    TEXT_SIZE_MAX = 1 << 30,
    HEAD_SIZE_MAX = 16,
};

/* A container, in the order of opening; content begins at `start` of the headless bytes. */
struct container {
    uint32_t start;
    uint32_t count; /* of values in it; keys count too */
    bool is_object;
};

/* A key of container `object`; `at`, the offset in the JSON text, tells equal ones apart. */
struct key {
    const char *text;
    uint32_t start; /* in the headless bytes: where `text` will be */
    uint32_t size;
    uint32_t object;
    uint32_t at;
};

struct parser {
    const char *text;
    size_t size;
    size_t at;
    struct rn_buf *out;
    size_t out_start;
    struct rn_buf containers; /* of struct container */
    struct rn_buf keys;       /* of struct key */
    struct rn_buf scratch;    /* the string being unescaped */
    struct rn_json_fault fault;
    uint32_t depth;
    uint32_t open[RN_JSON_DEPTH_MAX]; /* indices into `containers` */
};

static bool fail_with(struct parser *parser, enum rn_error error, size_t offset,
                      const char *message)
{
    if (parser->fault.error == RN_OK) {
        parser->fault =
            (struct rn_json_fault){.error = error, .offset = offset, .message = message};
    }
    return false;
}

static bool fail(struct parser *parser, size_t offset, const char *message)
{
    return fail_with(parser, RN_E_JSON_INVALID, offset, message);
}

static struct container *containers(struct parser *parser)
{
    return (struct container *)(void *)parser->containers.data;
}

/* --- Characters --- */

/* The next character, or 0 at the end; a zero byte in the text is nowhere allowed either. */
static char peek(const struct parser *parser)
{
    return parser->at < parser->size ? parser->text[parser->at] : 0;
}

static char peek_token(struct parser *parser)
{
    for (char c = peek(parser); c == ' ' || c == '\n' || c == '\r' || c == '\t';) {
        parser->at++;
        c = peek(parser);
    }
    return peek(parser);
}

static bool take(struct parser *parser, char c)
{
    bool found = parser->at < parser->size && parser->text[parser->at] == c;
    parser->at += found;
    return found;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* --- Strings --- */

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits behind \u, which stands at `start`. */
static bool read_unit(struct parser *parser, size_t start, uint32_t *out_unit)
{
    uint32_t unit = 0;
    for (uint32_t i = 0; i < 4; i++) {
        int digit = hex_digit(peek(parser));
        if (digit < 0) {
            return fail(parser, start, "\\u must be followed by four hexadecimal digits");
        }
        unit = unit << 4 | (uint32_t)digit;
        parser->at++;
    }
    *out_unit = unit;
    return true;
}

static bool read_unicode_escape(struct parser *parser, size_t start)
{
    uint32_t scalar;
    if (!read_unit(parser, start, &scalar)) {
        return false;
    }
    if (scalar >= 0xd800 && scalar < 0xdc00) {
        uint32_t low;
        if (!take(parser, '\\') || !take(parser, 'u')) {
            return fail(parser, start, "a surrogate without its other half");
        }
        if (!read_unit(parser, start, &low)) {
            return false;
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return fail(parser, start, "a surrogate without its other half");
        }
        scalar = 0x10000 + ((scalar - 0xd800) << 10) + (low - 0xdc00);
    }
    if (!rn_is_scalar(scalar)) {
        return fail(parser, start, "a surrogate without its other half");
    }
    rn_buf_append_utf8(&parser->scratch, scalar);
    return true;
}

/* The backslash has been taken. */
static bool read_escape(struct parser *parser)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    size_t start = parser->at - 1;
    char c = peek(parser);
    if (c == 'u') {
        parser->at++;
        return read_unicode_escape(parser, start);
    }
    const char *found = c == 0 ? NULL : strchr(names, c);
    if (found == NULL) {
        return fail(parser, start, "an escape that JSON does not have");
    }
    parser->at++;
    rn_buf_append_u8(&parser->scratch, (uint8_t)values[found - names]);
    return true;
}

/* Moves to the first character that does not stand for itself; false at the end of the text. */
static bool skip_plain(struct parser *parser, size_t string_start)
{
    while (parser->at < parser->size) {
        unsigned char c = (unsigned char)parser->text[parser->at];
        if (c == '"' || c == '\\') {
            return true;
        }
        if (c < 0x20) {
            return fail(parser, parser->at, "a control character in a string must be escaped");
        }
        parser->at++;
    }
    return fail(parser, string_start, "a string without its closing quote");
}

/* Behind the opening quote. The text is borrowed from the input or from the scratch buffer. */
static bool read_string(struct parser *parser, struct rn_utf8 *out_text)
{
    size_t start = parser->at;
    if (!skip_plain(parser, start - 1)) {
        return false;
    }
    if (take(parser, '"')) {
        *out_text = (struct rn_utf8){parser->text + start, parser->at - 1 - start};
        return true;
    }
    rn_buf_clear(&parser->scratch);
    for (size_t run = start;;) {
        rn_buf_append(&parser->scratch, parser->text + run, parser->at - run);
        if (take(parser, '"')) {
            break;
        }
        parser->at++;
        if (!read_escape(parser)) {
            return false;
        }
        run = parser->at;
        if (!skip_plain(parser, start - 1)) {
            return false;
        }
    }
    *out_text = (struct rn_utf8){(const char *)parser->scratch.data, parser->scratch.size};
    enum rn_error error = rn_buf_status(&parser->scratch);
    return error == RN_OK || fail_with(parser, error, start, "a string that does not fit");
}

/* --- Numbers and words --- */

static bool skip_digits(struct parser *parser)
{
    size_t start = parser->at;
    while (is_digit(peek(parser))) {
        parser->at++;
    }
    return parser->at > start || fail(parser, parser->at, "expected a digit");
}

/* Moves over a number; tells whether it is an integer. */
static bool skip_number(struct parser *parser, bool *out_integer)
{
    *out_integer = true;
    take(parser, '-');
    if (take(parser, '0')) {
        if (is_digit(peek(parser))) {
            return fail(parser, parser->at, "no digit may follow a leading zero");
        }
    } else if (!skip_digits(parser)) {
        return false;
    }
    if (take(parser, '.')) {
        *out_integer = false;
        if (!skip_digits(parser)) {
            return false;
        }
    }
    if (take(parser, 'e') || take(parser, 'E')) {
        *out_integer = false;
        if (!take(parser, '-')) {
            take(parser, '+');
        }
        return skip_digits(parser);
    }
    return true;
}

/* Appends an integer if it fits i64 or u64. */
static bool append_integer(struct parser *parser, const char *digits, const char *end)
{
    bool negative = *digits == '-';
    uint64_t magnitude = 0;
    for (digits += negative; digits < end; digits++) {
        if (!rn_checked_mul(magnitude, 10u, &magnitude) ||
            !rn_checked_add(magnitude, (uint64_t)(*digits - '0'), &magnitude)) {
            return false;
        }
    }
    if (negative) {
        if (magnitude > (uint64_t)INT64_MAX + 1) {
            return false;
        }
        rn_const_write_i64(parser->out, (int64_t)(0 - magnitude));
    } else if (magnitude <= INT64_MAX) {
        rn_const_write_i64(parser->out, (int64_t)magnitude);
    } else {
        rn_const_write_u64(parser->out, magnitude);
    }
    return true;
}

static bool read_number(struct parser *parser)
{
    size_t start = parser->at;
    bool integer;
    if (!skip_number(parser, &integer)) {
        return false;
    }
    const char *digits = parser->text + start;
    if (integer && append_integer(parser, digits, parser->text + parser->at)) {
        return true;
    }
    double value;
    bool parsed = rn_f64_parse(digits, parser->at - start, &value);
    if (!parsed || value - value != 0) {
        return fail(parser, start, "a number beyond the range of f64");
    }
    rn_const_write_f64(parser->out, value);
    return true;
}

static bool take_word(struct parser *parser, const char *word)
{
    size_t size = strlen(word);
    if (parser->size - parser->at < size || memcmp(parser->text + parser->at, word, size) != 0) {
        return false;
    }
    parser->at += size;
    return true;
}

static bool read_word(struct parser *parser)
{
    if (take_word(parser, "null")) {
        rn_const_write_unit(parser->out);
    } else if (take_word(parser, "true")) {
        rn_const_write_bool(parser->out, true);
    } else if (take_word(parser, "false")) {
        rn_const_write_bool(parser->out, false);
    } else {
        return fail(parser, parser->at, "expected a value");
    }
    return true;
}

/* --- Containers --- */

static struct container *innermost(struct parser *parser)
{
    return &containers(parser)[parser->open[parser->depth - 1]];
}

static bool open_container(struct parser *parser, bool is_object)
{
    if (parser->depth == RN_JSON_DEPTH_MAX) {
        return fail_with(parser, RN_E_JSON_DEPTH, parser->at, "nested too deeply");
    }
    struct container entry = {.start = (uint32_t)(parser->out->size - parser->out_start),
                              .is_object = is_object};
    uint32_t index = (uint32_t)(parser->containers.size / sizeof(entry));
    rn_buf_append(&parser->containers, &entry, sizeof(entry));
    if (rn_buf_status(&parser->containers) != RN_OK) {
        return fail_with(parser, RN_E_NO_MEMORY, parser->at, "out of memory");
    }
    parser->open[parser->depth++] = index;
    parser->at++;
    return true;
}

/* A key and its colon. */
static bool read_key(struct parser *parser)
{
    struct key key = {.object = parser->open[parser->depth - 1]};
    struct rn_utf8 text;
    if (peek_token(parser) != '"') {
        return fail(parser, parser->at, "expected a string as key");
    }
    key.at = (uint32_t)parser->at++;
    if (!read_string(parser, &text)) {
        return false;
    }
    rn_const_write_string(parser->out, text.data, text.size);
    key.size = (uint32_t)text.size;
    key.start = (uint32_t)(parser->out->size - parser->out_start - text.size);
    rn_buf_append(&parser->keys, &key, sizeof(key));
    innermost(parser)->count++;
    if (peek_token(parser) != ':') {
        return fail(parser, parser->at, "expected a colon behind the key");
    }
    parser->at++;
    return true;
}

/* One value; of a container only its beginning, up to where its first value must stand. */
static bool begin_value(struct parser *parser)
{
    struct rn_utf8 text;
    char c = peek_token(parser);
    if (parser->depth > 0) {
        innermost(parser)->count++;
    }
    if (c == '"') {
        parser->at++;
        if (!read_string(parser, &text)) {
            return false;
        }
        rn_const_write_string(parser->out, text.data, text.size);
        return true;
    }
    if (c == '[' || c == '{') {
        return open_container(parser, c == '{');
    }
    return c == '-' || is_digit(c) ? read_number(parser) : read_word(parser);
}

/* Closes what ends here; then true if another value follows, and its key has been read. */
static bool continue_container(struct parser *parser, bool just_opened)
{
    while (parser->depth > 0) {
        bool is_object = innermost(parser)->is_object;
        char c = peek_token(parser);
        if (c == (is_object ? '}' : ']')) {
            parser->at++;
            parser->depth--;
            just_opened = false;
            continue;
        }
        if (!just_opened && !take(parser, ',')) {
            return fail(parser, parser->at,
                        is_object ? "expected a comma or the end of the object"
                                  : "expected a comma or the end of the array");
        }
        return !is_object || read_key(parser);
    }
    return false;
}

static bool read_text(struct parser *parser)
{
    bool more = true;
    while (more) {
        uint32_t depth = parser->depth;
        if (!begin_value(parser)) {
            return false;
        }
        // A buffer that is full stays full: nothing is gained by reading the rest.
        enum rn_error error = rn_buf_status(parser->out);
        if (error != RN_OK) {
            return fail_with(parser, error, parser->at, "the value does not fit");
        }
        more = continue_container(parser, parser->depth > depth);
    }
    if (parser->fault.error != RN_OK) {
        return false;
    }
    peek_token(parser);
    return parser->at == parser->size || fail(parser, parser->at, "text behind the value");
}

/* --- Keys and heads --- */

static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left;
    const struct key *b = right;
    if (a->object != b->object) {
        return a->object < b->object ? -1 : 1;
    }
    size_t size = rn_min_size(a->size, b->size);
    int order = size == 0 ? 0 : memcmp(a->text, b->text, size);
    if (order != 0 || a->size != b->size) {
        return order != 0 ? order : (a->size < b->size ? -1 : 1);
    }
    return a->at < b->at ? -1 : a->at > b->at;
}

static bool is_same_key(const struct key *a, const struct key *b)
{
    return a->object == b->object && a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

static bool check_keys(struct parser *parser)
{
    if (rn_buf_status(&parser->keys) != RN_OK) {
        return fail_with(parser, RN_E_NO_MEMORY, parser->size, "out of memory");
    }
    struct key *keys = (struct key *)(void *)parser->keys.data;
    size_t count = parser->keys.size / sizeof(*keys);
    for (size_t i = 0; i < count; i++) {
        keys[i].text = (const char *)parser->out->data + parser->out_start + keys[i].start;
    }
    rn_sort(keys, count, sizeof(*keys), compare_keys);
    size_t first = SIZE_MAX;
    for (size_t i = 1; i < count; i++) {
        if (is_same_key(&keys[i - 1], &keys[i])) {
            first = rn_min_size(first, keys[i].at);
        }
    }
    return first == SIZE_MAX || fail(parser, first, "a key that the object has already");
}

static size_t make_head(const struct container *container, uint8_t out[HEAD_SIZE_MAX])
{
    struct rn_buf head;
    rn_buf_init_fixed(&head, out, HEAD_SIZE_MAX);
    if (container->is_object) {
        rn_const_begin_object(&head, container->count / 2);
    } else {
        rn_const_begin_vec(&head, container->count);
    }
    RN_CHECK(rn_buf_status(&head) == RN_OK);
    return head.size;
}

/* Moves the content apart, the last first, and puts each container's head in front of it. */
static bool insert_heads(struct parser *parser)
{
    size_t count = parser->containers.size / sizeof(struct container);
    uint8_t head[HEAD_SIZE_MAX];
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        missing += make_head(&containers(parser)[i], head);
    }
    size_t end = parser->out->size - parser->out_start;
    if (missing > 0 && rn_buf_reserve(parser->out, missing) == NULL) {
        return fail_with(parser, rn_buf_status(parser->out), parser->size,
                         "the value does not fit");
    }
    uint8_t *bytes = parser->out->data + parser->out_start;
    size_t shift = missing;
    for (size_t i = count; i-- > 0;) {
        const struct container *container = &containers(parser)[i];
        memmove(bytes + container->start + shift, bytes + container->start, end - container->start);
        end = container->start;
        size_t size = make_head(container, head);
        shift -= size;
        memcpy(bytes + container->start + shift, head, size);
    }
    RN_ASSERT(shift == 0);
    if (missing > 0) {
        rn_buf_commit(parser->out, missing);
    }
    return true;
}

static bool read_all(struct parser *parser)
{
    size_t bad;
    if (parser->size > TEXT_SIZE_MAX) {
        return fail_with(parser, RN_E_TOO_LARGE, TEXT_SIZE_MAX, "more than 1 GiB of text");
    }
    if (!rn_utf8_valid(parser->text, parser->size, &bad)) {
        return fail_with(parser, RN_E_INVALID_UTF8, bad, "not valid UTF-8");
    }
    return read_text(parser) && check_keys(parser) && insert_heads(parser);
}

enum rn_error rn_json_read(const char *text, size_t size, struct rn_buf *out_cbor,
                           struct rn_json_fault *out_fault)
{
    RN_TRY(rn_buf_status(out_cbor));
    struct parser parser = {
        .text = text, .size = size, .out = out_cbor, .out_start = out_cbor->size};
    rn_buf_init(&parser.containers, SIZE_MAX);
    rn_buf_init(&parser.keys, SIZE_MAX);
    rn_buf_init(&parser.scratch, SIZE_MAX);
    bool done = read_all(&parser);
    rn_buf_done(&parser.containers);
    rn_buf_done(&parser.keys);
    rn_buf_done(&parser.scratch);
    if (done) {
        return RN_OK;
    }
    out_cbor->size = parser.out_start;
    if (out_fault != NULL) {
        *out_fault = parser.fault;
    }
    return parser.fault.error;
}
