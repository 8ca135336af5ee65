/* write.c: strings, numbers, values. */
#include "cli/lsp/write.h"

#include <stdio.h>
#include <string.h>

void rn_lsp_put_bytes(struct rn_lsp_out *out, const char *json, size_t size)
{
    out->failed = out->failed || !rn_bytes_append(&out->bytes, json, size);
}

void rn_lsp_put(struct rn_lsp_out *out, const char *json)
{
    rn_lsp_put_bytes(out, json, strlen(json));
}

void rn_lsp_put_number(struct rn_lsp_out *out, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    rn_lsp_put(out, text);
}

static void put_special(struct rn_lsp_out *out, unsigned char byte)
{
    char text[8];
    if (byte == '"' || byte == '\\') {
        snprintf(text, sizeof text, "\\%c", byte);
    } else if (byte == '\n') {
        snprintf(text, sizeof text, "\\n");
    } else if (byte >= 0x80) {
        snprintf(text, sizeof text, "\\ufffd");
    } else {
        snprintf(text, sizeof text, "\\u%04x", byte);
    }
    rn_lsp_put(out, text);
}

static bool is_special(const char *data, size_t bytes)
{
    unsigned char first = (unsigned char)*data;
    return first < 0x20 || first == '"' || first == '\\' || first == 0x7f ||
           (first >= 0x80 && bytes == 1);
}

void rn_lsp_put_string(struct rn_lsp_out *out, const char *data, size_t size)
{
    size_t from = 0;
    rn_lsp_put(out, "\"");
    for (size_t i = 0; i < size;) {
        size_t bytes = rn_lsp_char_size(data + i, size - i);
        if (is_special(data + i, bytes)) {
            rn_lsp_put_bytes(out, data + from, i - from);
            put_special(out, (unsigned char)data[i]);
            from = i + bytes;
        }
        i += bytes;
    }
    rn_lsp_put_bytes(out, size == from ? "" : data + from, size - from);
    rn_lsp_put(out, "\"");
}

void rn_lsp_put_text(struct rn_lsp_out *out, const char *text)
{
    rn_lsp_put_string(out, text, strlen(text));
}

void rn_lsp_put_value(struct rn_lsp_out *out, const rune_const_value *value)
{
    rune_text *text = NULL;
    if (value == NULL) {
        rn_lsp_put(out, "null");
    } else if (rune_value_to_json(value, &text, NULL) == RUNE_OK) {
        rn_lsp_put_bytes(out, rune_text_data(text), rune_text_size(text));
    } else {
        out->failed = true;
    }
    rune_text_free(text);
}

static void put_position(struct rn_lsp_out *out, const char *name, struct rn_lsp_position at)
{
    char text[96];
    snprintf(text, sizeof text, "\"%s\":{\"line\":%u,\"character\":%u}", name, at.line, at.column);
    rn_lsp_put(out, text);
}

void rn_lsp_put_range(struct rn_lsp_out *out, struct rn_lsp_position start,
                      struct rn_lsp_position end)
{
    rn_lsp_put(out, "{");
    put_position(out, "start", start);
    rn_lsp_put(out, ",");
    put_position(out, "end", end);
    rn_lsp_put(out, "}");
}

void rn_lsp_put_comma(struct rn_lsp_out *out)
{
    size_t size = out->bytes.size;
    char last = size == 0 ? '[' : out->bytes.data[size - 1];
    if (last != '[' && last != '{') {
        rn_lsp_put(out, ",");
    }
}

void rn_lsp_out_done(struct rn_lsp_out *out)
{
    rn_bytes_done(&out->bytes);
    *out = (struct rn_lsp_out){.failed = false};
}
