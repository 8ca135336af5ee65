/* error.c: errors with a text. */
#include "worker/std/error.h"

#include "worker/std/std.h"

#include <string.h>

enum {
    DISPLAY,
    DEBUG,
    FIELD_COUNT
};

void rn_error_text_init(struct rn_error_text *text)
{
    rn_buf_init_fixed(&text->buf, text->storage, sizeof(text->storage));
}

void rn_error_text_add_utf8(struct rn_error_text *text, struct rn_utf8 part)
{
    size_t room = sizeof(text->storage) - text->buf.size;
    rn_buf_append(&text->buf, part.data, part.size < room ? part.size : room);
}

void rn_error_text_add(struct rn_error_text *text, const char *part)
{
    rn_error_text_add_utf8(text, (struct rn_utf8){part, strlen(part)});
}

void rn_error_text_add_number(struct rn_error_text *text, uint64_t number)
{
    char buffer[RN_STD_DECIMAL_MAX];
    char *digits = rn_std_decimal(buffer, number);
    rn_error_text_add_utf8(
        text, (struct rn_utf8){digits, (size_t)(buffer + RN_STD_DECIMAL_MAX - digits)});
}

struct rn_utf8 rn_error_text_get(const struct rn_error_text *text)
{
    size_t size = text->buf.size;
    size_t bad;
    if (!rn_utf8_valid(text->storage, size, &bad)) {
        size = bad; // cut within a character
    }
    return (struct rn_utf8){text->storage, size};
}

enum rn_outcome rn_std_text_error(struct rn_vm *vm, struct rn_value *args, uint32_t type,
                                  const struct rn_error_text *display,
                                  const struct rn_error_text *debug)
{
    struct rn_tuple *error = rn_struct_new(vm, type, FIELD_COUNT);
    if (error == NULL) {
        return RN_RAISED;
    }
    const struct rn_error_text *texts[FIELD_COUNT] = {[DISPLAY] = display, [DEBUG] = debug};
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (texts[i] == NULL) {
            continue;
        }
        struct rn_utf8 text = rn_error_text_get(texts[i]);
        struct rn_string *string = rn_string_new(vm, text.data, text.size);
        if (string == NULL) {
            return RN_RAISED;
        }
        error->items[i] = rn_value_object(string);
    }
    return rn_make_err(vm, rn_value_object(error), &args[0]);
}

static struct rn_utf8 text_of(struct rn_value value, int field)
{
    if (!rn_object_is(value, RN_TYPE_ID_JSON_ERROR) &&
        !rn_object_is(value, RN_TYPE_ID_TOML_DE_ERROR) &&
        !rn_object_is(value, RN_TYPE_ID_TOML_SER_ERROR) &&
        !rn_object_is(value, RN_TYPE_ID_BASE64_ERROR)) {
        return (struct rn_utf8){0};
    }
    struct rn_value text = rn_as_tuple(value)->items[field];
    return rn_value_is_object(text) ? rn_string_text(rn_as_string(text)) : (struct rn_utf8){0};
}

struct rn_utf8 rn_std_error_display(struct rn_value value)
{
    return text_of(value, DISPLAY);
}

struct rn_utf8 rn_std_error_debug(struct rn_value value)
{
    return text_of(value, DEBUG);
}
