/*
 * base64.c: base64::encode and decode: the standard alphabet with padding (RFC 4648), strictly.
 *
 * A round turns at most one chunk; in between the state is a tuple in args[0] (the input, what was
 * made so far) and the offset into the input in the native's first word.
 *
 * Trust: reads text from scripts, and what they got from anybody.
 */
#include "worker/std/error.h"
#include "worker/std/std.h"

enum {
    INPUT,
    OUTPUT,
    STATE_COUNT
};

/* Whole groups of three bytes, and of four symbols. */
#define ENCODE_CHUNK 49152u
#define DECODE_CHUNK 65536u

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static enum rn_outcome begin(struct rn_vm *vm, struct rn_value *args, struct rn_string *output,
                             const struct rn_string *input)
{
    struct rn_tuple *state = output == NULL ? NULL : rn_tuple_new(vm, STATE_COUNT);
    if (state == NULL) {
        return RN_RAISED;
    }
    rn_std_charge_bytes(vm, 4 * (uint64_t)input->size);
    state->items[INPUT] = args[0];
    state->items[OUTPUT] = rn_value_object(output);
    args[0] = rn_value_object(state);
    rn_native_state(vm)[0] = 0;
    return RN_AGAIN;
}

/* ---- Encoding ---- */

/* One to three bytes as four symbols. */
static void encode_group(const uint8_t *bytes, size_t count, char out[4])
{
    uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)(count > 1 ? bytes[1] : 0) << 8 |
                    (uint32_t)(count > 2 ? bytes[2] : 0);
    out[0] = alphabet[bits >> 18];
    out[1] = alphabet[bits >> 12 & 63];
    out[2] = count > 1 ? alphabet[bits >> 6 & 63] : '=';
    out[3] = count > 2 ? alphabet[bits & 63] : '=';
}

static enum rn_outcome encode_chunk(struct rn_vm *vm, struct rn_value *args)
{
    struct rn_value *state = rn_as_tuple(args[0])->items;
    const struct rn_string *input = rn_as_string(state[INPUT]);
    struct rn_string *output = rn_as_string(state[OUTPUT]);
    const uint8_t *bytes = (const uint8_t *)input->data;
    uint64_t at = rn_native_state(vm)[0];
    uint64_t end = input->size - at < ENCODE_CHUNK ? input->size : at + ENCODE_CHUNK;
    for (; at < end; at += 3) {
        char group[4];
        encode_group(bytes + at, end - at < 3 ? end - at : 3, group);
        if (!rn_string_append(vm, output, group, sizeof(group))) {
            return RN_RAISED;
        }
    }
    rn_native_state(vm)[0] = at;
    if (at < input->size) {
        return RN_AGAIN;
    }
    return rn_std_object(args, output);
}

enum rn_outcome rn_std_base64_encode(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (rn_native_round(vm) != 0) {
        return encode_chunk(vm, args);
    }
    struct rn_string *input;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &input));
    size_t size = ((size_t)input->size + 2) / 3 * 4;
    return begin(vm, args, rn_string_with_capacity(vm, size), input);
}

/* ---- Decoding ---- */

/* 0 .. 63, or -1. */
static int symbol_value(char symbol)
{
    if (symbol >= 'A' && symbol <= 'Z') {
        return symbol - 'A';
    }
    if (symbol >= 'a' && symbol <= 'z') {
        return symbol - 'a' + 26;
    }
    if (symbol >= '0' && symbol <= '9') {
        return symbol - '0' + 52;
    }
    return symbol == '+' ? 62 : symbol == '/' ? 63 : -1;
}

static enum rn_outcome refuse(struct rn_vm *vm, struct rn_value *args, const char *what,
                              const struct rn_string *input, uint64_t offset)
{
    struct rn_error_text text;
    rn_error_text_init(&text);
    rn_error_text_add(&text, what);
    if (input != NULL) {
        rn_error_text_add(&text, " ");
        rn_error_text_add_number(&text, (uint8_t)input->data[offset]);
        rn_error_text_add(&text, ", offset ");
        rn_error_text_add_number(&text, offset);
        rn_error_text_add(&text, ".");
    }
    return rn_std_text_error(vm, args, RN_TYPE_ID_BASE64_ERROR, &text, NULL);
}

/*
 * Four symbols at `at`, or those that are left, to up to three bytes; *out_size of them. Padding
 * stands only at the end of the input. False: args[0] is the Err, or *out_outcome raised.
 */
static bool decode_group(struct rn_vm *vm, struct rn_value *args, const struct rn_string *input,
                         uint64_t at, uint8_t out[3], size_t *out_size,
                         enum rn_outcome *out_outcome)
{
    uint64_t left = input->size - at < 4 ? input->size - at : 4;
    bool last = at + left == input->size;
    uint32_t bits = 0;
    size_t symbols = 0;
    while (symbols < left) {
        int value = symbol_value(input->data[at + symbols]);
        if (value < 0) {
            break;
        }
        bits |= (uint32_t)value << (18 - 6 * symbols);
        symbols++;
    }
    size_t padding = 0;
    while (symbols + padding < left && input->data[at + symbols + padding] == '=') {
        padding++;
    }
    if (symbols + padding < left || (padding > 0 && (!last || symbols < 2))) {
        uint64_t bad = padding > 0 && (!last || symbols < 2) ? symbols : symbols + padding;
        *out_outcome = refuse(vm, args, "DecodeError: Invalid symbol", input, at + bad);
        return false;
    }
    if (left < 4) {
        const char *what = symbols == 1 ? "DecodeError: Invalid input length" : NULL;
        *out_outcome =
            refuse(vm, args, what != NULL ? what : "DecodeError: Invalid padding", NULL, 0);
        return false;
    }
    *out_size = symbols - 1;
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
    if (symbols < 4 && out[*out_size] != 0) {
        *out_outcome =
            refuse(vm, args, "DecodeError: Invalid last symbol", input, at + symbols - 1);
        return false;
    }
    return true;
}

static enum rn_outcome decode_chunk(struct rn_vm *vm, struct rn_value *args)
{
    struct rn_value *state = rn_as_tuple(args[0])->items;
    const struct rn_string *input = rn_as_string(state[INPUT]);
    struct rn_string *output = rn_as_string(state[OUTPUT]);
    uint64_t at = rn_native_state(vm)[0];
    uint64_t end = input->size - at < DECODE_CHUNK ? input->size : at + DECODE_CHUNK;
    for (; at < end; at += 4) {
        uint8_t group[3];
        size_t size;
        enum rn_outcome outcome;
        if (!decode_group(vm, args, input, at, group, &size, &outcome)) {
            return outcome;
        }
        if (!rn_string_append(vm, output, (const char *)group, size)) {
            return RN_RAISED;
        }
    }
    rn_native_state(vm)[0] = at;
    if (at < input->size) {
        return RN_AGAIN;
    }
    return rn_make_ok(vm, rn_value_object(output), &args[0]);
}

enum rn_outcome rn_std_base64_decode(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    if (rn_native_round(vm) != 0) {
        return decode_chunk(vm, args);
    }
    struct rn_string *input;
    RN_TRY_VM(rn_arg_string(vm, args[0], &input));
    struct rn_string *output = rn_bytes_new(vm, "", 0);
    if (output != NULL && !rn_string_reserve(vm, output, (size_t)input->size / 4 * 3 + 3)) {
        return RN_RAISED;
    }
    return begin(vm, args, output, input);
}
