/*
 * json_read.c: json::from_string and from_bytes: JSON text (RFC 8259) to a value.
 *
 * null becomes (); integers i64, above its maximum u64, beyond that f64; numbers with a point or an
 * exponent, and -0, f64; a repeated key overwrites. Errors have the words and the places of the
 * reference (serde_json).
 *
 * A machine of small steps over one offset, so that a round can stop between any two of them. The
 * containers that are still open stand in a vector, outermost first; behind an object stands its key
 * whose value is being read: a String, or if it has no escapes where it stands in the text. In
 * between rounds all that is a tuple in args[0] and the native's two words.
 *
 * Trust: reads text from scripts, and what they got from anybody.
 */
#include "base/float_text.h"
#include "base/math.h"
#include "worker/std/error.h"
#include "worker/std/json.h"
#include "worker/std/std.h"

#include <string.h>

/* Elements of the state tuple. */
enum {
    TEXT,
    STACK,
    PART, /* the string being read, once it has an escape or is long */
    RESULT,
    INVALID, /* where the text is no UTF-8 for the first time; its size if nowhere */
    STATE_COUNT
};

enum phase {
    VALIDATE,
    VALUE,
    FIRST_ELEMENT, /* or the end of the array */
    NEXT_ELEMENT,
    FIRST_KEY,
    NEXT_KEY,
    COLON,
    STRING, /* within one: the rest of PART */
    AFTER,  /* a value */
    END,
};

/* Characters of one number. */
#define NUMBER_MAX 65536u

struct reader {
    struct rn_vm *vm;
    struct rn_value *items;
    struct rn_vec *stack;
    const char *text;
    size_t size;
    size_t at;
    size_t limit; /* of this round: a step that gets there ends it */
    enum phase phase;
    bool is_key; /* the string being read */
    uint32_t depth;
    const char *fault; /* NULL: none, or the Vm raised */
    size_t fault_at;
};

/* `at`: how much of the text counts as read. */
static enum rn_outcome refuse(struct reader *r, const char *fault, size_t at)
{
    r->fault = fault;
    r->fault_at = rn_min_size(at, r->size);
    return RN_RAISED;
}

/* What stands at r->at is wrong, or the end of the text is there too early. */
static enum rn_outcome refuse_next(struct reader *r, const char *fault, const char *end_fault)
{
    return r->at >= r->size ? refuse(r, end_fault, r->size) : refuse(r, fault, r->at + 1);
}

static const char end_in_value[] = "EOF while parsing a value";
static const char end_in_list[] = "EOF while parsing a list";
static const char end_in_object[] = "EOF while parsing an object";
static const char end_in_string[] = "EOF while parsing a string";

/* The next character, or 0 at the end; a zero byte in the text is nowhere allowed either. */
static char peek(const struct reader *r)
{
    return r->at < r->size ? r->text[r->at] : 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* False: the round is over before anything else came. */
static bool skip_space(struct reader *r)
{
    for (char c = peek(r); c == ' ' || c == '\n' || c == '\r' || c == '\t'; c = peek(r)) {
        if (++r->at >= r->limit && r->at < r->size) {
            return false;
        }
    }
    return true;
}

/* ---- Values that are done ---- */

static struct rn_value *top(const struct reader *r)
{
    return &r->stack->items[r->stack->count - 1];
}

static enum rn_outcome put_entry(struct reader *r, struct rn_value value)
{
    struct rn_value key = *top(r);
    struct rn_map *object = rn_as_map(top(r)[-1]);
    r->stack->count--;
    if (key.tag == RN_VALUE_U64) {
        return rn_object_insert(r->vm, object, r->text + (key.u64 >> 32), (uint32_t)key.u64, value,
                                NULL);
    }
    const struct rn_string *text = rn_as_string(key);
    return rn_object_insert(r->vm, object, text->data, text->size, value, NULL);
}

/* Puts a value where it belongs. */
static enum rn_outcome complete(struct reader *r, struct rn_value value)
{
    r->phase = AFTER;
    if (r->stack->count == 0) {
        r->items[RESULT] = value;
        return RN_DONE;
    }
    if (rn_object_is(*top(r), RN_TYPE_ID_VEC)) {
        return rn_vec_push(r->vm, rn_as_vec(*top(r)), value) ? RN_DONE : RN_RAISED;
    }
    return put_entry(r, value);
}

static enum rn_outcome open(struct reader *r, void *container, enum phase phase)
{
    if (container == NULL) {
        return RN_RAISED;
    }
    if (r->depth == RN_JSON_LEVELS_MAX) {
        return refuse(r, "recursion limit exceeded", r->at + 1);
    }
    r->depth++;
    r->at++;
    r->phase = phase;
    return rn_vec_push(r->vm, r->stack, rn_value_object(container)) ? RN_DONE : RN_RAISED;
}

static enum rn_outcome close(struct reader *r)
{
    struct rn_value container = *top(r);
    r->stack->count--;
    r->depth--;
    r->at++;
    return complete(r, container);
}

/* ---- Strings ---- */

/* Moves over what stands for itself, within the round. */
static void skip_plain(struct reader *r)
{
    size_t end = rn_min_size(r->size, rn_max_size(r->limit, r->at + 1));
    while (r->at < end) {
        unsigned char c = (unsigned char)r->text[r->at];
        if (c == '"' || c == '\\' || c < 0x20) {
            return;
        }
        r->at++;
    }
}

static enum rn_outcome finish_key(struct reader *r, size_t start, size_t size)
{
    struct rn_value key = r->items[PART];
    if (!rn_value_is_object(key)) {
        key = rn_value_u64((uint64_t)start << 32 | size);
    }
    r->items[PART] = rn_value_unit();
    r->phase = COLON;
    return rn_vec_push(r->vm, r->stack, key) ? RN_DONE : RN_RAISED;
}

/* The closing quote was taken; the text is in PART, or still in the source. */
static enum rn_outcome finish_string(struct reader *r, size_t start, size_t size)
{
    if (r->items[INVALID].u64 < r->at) {
        return refuse(r, "invalid unicode code point", r->at);
    }
    if (r->is_key) {
        return finish_key(r, start, size);
    }
    struct rn_value value = r->items[PART];
    r->items[PART] = rn_value_unit();
    if (!rn_value_is_object(value)) {
        struct rn_string *string = rn_string_new(r->vm, r->text + start, size);
        if (string == NULL) {
            return RN_RAISED;
        }
        value = rn_value_object(string);
    }
    return complete(r, value);
}

/* At the opening quote. */
static enum rn_outcome begin_string(struct reader *r, bool is_key)
{
    r->is_key = is_key;
    size_t start = ++r->at;
    skip_plain(r);
    if (peek(r) == '"') {
        r->at++;
        return finish_string(r, start, r->at - 1 - start);
    }
    struct rn_string *part = rn_string_new(r->vm, r->text + start, r->at - start);
    if (part == NULL) {
        return RN_RAISED;
    }
    r->items[PART] = rn_value_object(part);
    r->phase = STRING;
    return RN_DONE;
}

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits behind \u, which are taken together. */
static enum rn_outcome read_unit(struct reader *r, uint32_t *out_unit)
{
    if (r->size - r->at < 4) {
        return refuse(r, end_in_string, r->size);
    }
    uint32_t unit = 0;
    bool valid = true;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(r->text[r->at++]);
        valid = valid && digit >= 0;
        unit = unit << 4 | ((uint32_t)digit & 0xf);
    }
    *out_unit = unit;
    return valid ? RN_DONE : refuse(r, "invalid escape", r->at);
}

/* A character of the `\u` that has to follow a leading surrogate. */
static enum rn_outcome take_of_pair(struct reader *r, char c)
{
    if (peek(r) != c) {
        return refuse_next(r, "unexpected end of hex escape", end_in_string);
    }
    r->at++;
    return RN_DONE;
}

static enum rn_outcome read_unicode(struct reader *r, struct rn_string *part)
{
    uint32_t scalar;
    RN_TRY_VM(read_unit(r, &scalar));
    if (scalar >= 0xdc00 && scalar <= 0xdfff) {
        return refuse(r, "lone leading surrogate in hex escape", r->at);
    }
    if (scalar >= 0xd800 && scalar < 0xdc00) {
        uint32_t low;
        RN_TRY_VM(take_of_pair(r, '\\'));
        RN_TRY_VM(take_of_pair(r, 'u'));
        RN_TRY_VM(read_unit(r, &low));
        if (low < 0xdc00 || low > 0xdfff) {
            return refuse(r, "lone leading surrogate in hex escape", r->at);
        }
        scalar = 0x10000 + ((scalar - 0xd800) << 10) + (low - 0xdc00);
    }
    return rn_string_append_char(r->vm, part, scalar) ? RN_DONE : RN_RAISED;
}

/* At the backslash. */
static enum rn_outcome read_escape(struct reader *r, struct rn_string *part)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    if (++r->at >= r->size) {
        return refuse(r, end_in_string, r->size);
    }
    char c = r->text[r->at++];
    if (c == 'u') {
        return read_unicode(r, part);
    }
    const char *found = c == 0 ? NULL : strchr(names, c);
    if (found == NULL) {
        return refuse(r, "invalid escape", r->at);
    }
    return rn_string_append(r->vm, part, &values[found - names], 1) ? RN_DONE : RN_RAISED;
}

static enum rn_outcome go_on_string(struct reader *r)
{
    struct rn_string *part = rn_as_string(r->items[PART]);
    if (r->at >= r->size) {
        return refuse(r, end_in_string, r->size);
    }
    char c = r->text[r->at];
    if (c == '"') {
        r->at++;
        return finish_string(r, 0, 0);
    }
    if (c == '\\') {
        return read_escape(r, part);
    }
    if ((unsigned char)c < 0x20) {
        return refuse(r, "control character (\\u0000-\\u001F) found while parsing a string",
                      r->at + 1);
    }
    size_t start = r->at;
    skip_plain(r);
    return rn_string_append(r->vm, part, r->text + start, r->at - start) ? RN_DONE : RN_RAISED;
}

/* ---- Numbers and words ---- */

static const char invalid_number[] = "invalid number";

static enum rn_outcome skip_digits(struct reader *r)
{
    if (!is_digit(peek(r))) {
        return refuse_next(r, invalid_number, end_in_value);
    }
    while (is_digit(peek(r))) {
        r->at++;
    }
    return RN_DONE;
}

/* Moves over a number; tells whether it is an integer. */
static enum rn_outcome skip_number(struct reader *r, bool *out_integer)
{
    *out_integer = true;
    r->at += peek(r) == '-';
    if (peek(r) == '0') {
        r->at++;
        if (is_digit(peek(r))) {
            return refuse(r, invalid_number, r->at + 1);
        }
    } else {
        RN_TRY_VM(skip_digits(r));
    }
    if (peek(r) == '.') {
        *out_integer = false;
        r->at++;
        RN_TRY_VM(skip_digits(r));
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        *out_integer = false;
        r->at++;
        r->at += peek(r) == '-' || peek(r) == '+';
        RN_TRY_VM(skip_digits(r));
    }
    return RN_DONE;
}

/* False: it fits neither i64 nor u64, or is -0. */
static bool integer_value(const char *digits, const char *end, struct rn_value *out_value)
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
        *out_value = rn_value_i64((int64_t)(0 - magnitude));
        return magnitude != 0 && magnitude <= (uint64_t)INT64_MAX + 1;
    }
    *out_value =
        magnitude <= INT64_MAX ? rn_value_i64((int64_t)magnitude) : rn_value_u64(magnitude);
    return true;
}

static enum rn_outcome read_number(struct reader *r)
{
    size_t start = r->at;
    bool integer;
    RN_TRY_VM(skip_number(r, &integer));
    const char *digits = r->text + start;
    struct rn_value value;
    if (integer && integer_value(digits, r->text + r->at, &value)) {
        return complete(r, value);
    }
    double number;
    rn_charge(r->vm, rn_min_size(r->at - start, NUMBER_MAX)); // exactly, digit by digit
    if (r->at - start > NUMBER_MAX || !rn_f64_parse(digits, r->at - start, &number) ||
        number - number != 0) {
        return refuse(r, "number out of range", r->at);
    }
    return complete(r, rn_value_f64(number));
}

static enum rn_outcome read_word(struct reader *r, const char *word, struct rn_value value)
{
    for (; *word != 0; word++) {
        if (r->at >= r->size) {
            return refuse(r, end_in_value, r->size);
        }
        if (r->text[r->at++] != *word) {
            return refuse(r, "expected ident", r->at);
        }
    }
    return complete(r, value);
}

/* ---- Steps ---- */

static enum rn_outcome read_value(struct reader *r)
{
    char c = peek(r);
    switch (c) {
    case '"':
        return begin_string(r, false);
    case '[':
        return open(r, rn_vec_new(r->vm, 0), FIRST_ELEMENT);
    case '{':
        return open(r, rn_object_new(r->vm, 0), FIRST_KEY);
    case 'n':
        return read_word(r, "null", rn_value_unit());
    case 't':
        return read_word(r, "true", rn_value_bool(true));
    case 'f':
        return read_word(r, "false", rn_value_bool(false));
    default:
        return c == '-' || is_digit(c) ? read_number(r)
                                       : refuse_next(r, "expected value", end_in_value);
    }
}

static enum rn_outcome read_element(struct reader *r, bool first)
{
    if (peek(r) == ']') {
        return first ? close(r) : refuse(r, "trailing comma", r->at + 1);
    }
    if (first && r->at >= r->size) {
        return refuse(r, end_in_list, r->size);
    }
    return read_value(r);
}

static enum rn_outcome read_key(struct reader *r, bool first)
{
    if (peek(r) == '"') {
        return begin_string(r, true);
    }
    if (peek(r) == '}') {
        return first ? close(r) : refuse(r, "trailing comma", r->at + 1);
    }
    return refuse_next(r, "key must be a string", first ? end_in_object : end_in_value);
}

static enum rn_outcome read_colon(struct reader *r)
{
    if (peek(r) != ':') {
        return refuse_next(r, "expected `:`", end_in_object);
    }
    r->at++;
    r->phase = VALUE;
    return RN_DONE;
}

static enum rn_outcome read_after(struct reader *r)
{
    if (r->stack->count == 0) {
        r->phase = END;
        return r->at == r->size ? RN_DONE : refuse(r, "trailing characters", r->at + 1);
    }
    bool array = rn_object_is(*top(r), RN_TYPE_ID_VEC);
    if (peek(r) == ',') {
        r->at++;
        r->phase = array ? NEXT_ELEMENT : NEXT_KEY;
        return RN_DONE;
    }
    if (peek(r) == (array ? ']' : '}')) {
        return close(r);
    }
    return array ? refuse_next(r, "expected `,` or `]`", end_in_list)
                 : refuse_next(r, "expected `,` or `}`", end_in_object);
}

/* What is wrong is told where it matters: in a string at its end, elsewhere as any other character. */
static enum rn_outcome validate(struct reader *r)
{
    bool last = false;
    size_t bad;
    bool valid = rn_std_utf8_chunk((struct rn_utf8){r->text, r->size}, &r->at, &last, &bad);
    if (!valid) {
        r->items[INVALID] = rn_value_u64(bad);
    }
    if (last || !valid) {
        r->at = 0;
        r->phase = VALUE;
    }
    return RN_DONE;
}

static enum rn_outcome step(struct reader *r)
{
    if (r->phase == VALIDATE) {
        return validate(r);
    }
    if (r->phase == STRING) {
        return go_on_string(r);
    }
    if (!skip_space(r)) {
        return RN_DONE;
    }
    switch (r->phase) {
    case VALUE:
        return read_value(r);
    case FIRST_ELEMENT:
    case NEXT_ELEMENT:
        return read_element(r, r->phase == FIRST_ELEMENT);
    case FIRST_KEY:
    case NEXT_KEY:
        return read_key(r, r->phase == FIRST_KEY);
    case COLON:
        return read_colon(r);
    case AFTER:
    case VALIDATE:
    case STRING:
    case END:
        break;
    }
    return read_after(r);
}

/* ---- Rounds ---- */

static enum rn_outcome fail(struct reader *r, struct rn_value *args)
{
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < r->fault_at; i++) {
        if (r->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    struct rn_utf8 message = {r->fault, strlen(r->fault)};
    return rn_std_json_error(r->vm, args, message, line, r->fault_at - start);
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
        .is_key = (words[1] >> 8 & 1) != 0,
        .depth = (uint32_t)(words[1] >> 16),
    };
}

static enum rn_outcome go_on(struct rn_vm *vm, struct rn_value *args)
{
    struct reader r;
    load(&r, vm, args);
    enum rn_outcome outcome = RN_DONE;
    for (uint32_t steps = 0; outcome == RN_DONE && steps < RN_STD_CHUNK_ITEMS; steps++) {
        if (r.phase == END) {
            return rn_make_ok(vm, r.items[RESULT], &args[0]);
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
    rn_native_state(vm)[1] = (uint64_t)r.phase | (uint64_t)r.is_key << 8 | (uint64_t)r.depth << 16;
    return RN_AGAIN;
}

static enum rn_outcome begin(struct rn_vm *vm, struct rn_value *args, const struct rn_string *text,
                             enum phase phase)
{
    struct rn_vec *stack = rn_vec_new(vm, 0);
    struct rn_tuple *state = stack == NULL ? NULL : rn_tuple_new(vm, STATE_COUNT);
    if (state == NULL) {
        return RN_RAISED;
    }
    rn_std_charge_bytes(vm, 4 * (uint64_t)text->size);
    state->items[TEXT] = args[0];
    state->items[STACK] = rn_value_object(stack);
    state->items[INVALID] = rn_value_u64(text->size);
    args[0] = rn_value_object(state);
    rn_native_state(vm)[0] = 0;
    rn_native_state(vm)[1] = (uint64_t)phase;
    return RN_AGAIN;
}

enum rn_outcome rn_std_json_from_string(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (rn_native_round(vm) != 0) {
        return go_on(vm, args);
    }
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    return begin(vm, args, text, VALUE);
}

enum rn_outcome rn_std_json_from_bytes(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (rn_native_round(vm) != 0) {
        return go_on(vm, args);
    }
    struct rn_string *text;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &text));
    return begin(vm, args, text, VALIDATE);
}
