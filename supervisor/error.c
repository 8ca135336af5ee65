/*
 * error.c: errors for the host: made, read and shown.
 *
 * Trust: shows texts that came from scripts and workers; control bytes are escaped.
 */
#include "supervisor/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/math.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "bytecode/diagnostic.h"
#include "bytecode/json.h"
#include "supervisor/text.h"
#include "supervisor/unit.h"

#define ERROR_TEXT_MAX (1u << 20)
#define MESSAGE_MAX 8192u
#define EXCERPT_MAX 240u
#define EXCERPT_BEFORE 80u

rune_status rn_status_of_reason(rune_reason reason)
{
    static const rune_status statuses[] = {
#define REASON(name, number, exit_code, status, worker, text) [number] = RUNE_##status,
#include "shm/reasons.def"
#undef REASON
    };
    return (unsigned)reason < RN_COUNT_OF(statuses) ? statuses[reason] : RUNE_E_INTERNAL;
}

/* The other way round, for failures outside a call. */
static rune_reason reason_of_status(rune_status status)
{
    switch ((int)status) {
    case RUNE_E_COMPILE_FAILED:
        return RUNE_REASON_FAILED;
    case RUNE_E_SCRIPT_ERROR:
        return RUNE_REASON_SCRIPT_ERROR;
    case RUNE_E_INVALID_ARGUMENT:
    case RUNE_E_INVALID_UTF8:
    case RUNE_E_CBOR_INVALID:
    case RUNE_E_CBOR_DEPTH:
    case RUNE_E_CBOR_COUNT:
    case RUNE_E_CBOR_TRAILING:
    case RUNE_E_JSON_INVALID:
    case RUNE_E_JSON_DEPTH:
    case RUNE_E_TOO_LARGE:
    case RUNE_E_BUSY:
    case RUNE_E_STALE:
        return RUNE_REASON_USAGE;
    case RUNE_E_NOT_FOUND:
    case RUNE_E_UNIT_INVALID:
    case RUNE_E_UNIT_VERSION:
    case RUNE_E_UNIT_DEBUG:
    case RUNE_E_REPLAY_INVALID:
    case RUNE_E_REPLAY_VERSION:
        return RUNE_REASON_NO_INPUT;
    case RUNE_E_CLOSED:
    case RUNE_E_FORKED:
        return RUNE_REASON_UNAVAILABLE;
    case RUNE_E_OVERLOADED:
        return RUNE_REASON_OVERLOADED;
    case RUNE_E_WORKER_LOST:
        return RUNE_REASON_WORKER_LOST;
    case RUNE_E_VM_LOST:
        return RUNE_REASON_VM_LOST;
    case RUNE_E_DENIED:
        return RUNE_REASON_DENIED;
    case RUNE_E_SETUP:
    case RUNE_E_WALL_REFUSED:
        return RUNE_REASON_SETUP;
    case RUNE_E_TIMED_OUT:
        return RUNE_REASON_WALL;
    case RUNE_E_CANCELLED:
        return RUNE_REASON_CANCELLED;
    case RUNE_E_VIOLATION:
        return RUNE_REASON_VIOLATION;
    case RUNE_E_CRASHED:
        return RUNE_REASON_CRASHED;
    default:
        return RUNE_REASON_INTERNAL;
    }
}

/* Texts end with a zero byte; "" without memory. Zero bytes inside cut a text short for C readers.
 */
static const char *keep(struct rune_error *error, const char *data, size_t size)
{
    char *copy = rn_arena_alloc(&error->arena, size + 1);
    if (!copy) {
        return "";
    }
    memcpy(copy, data, size);
    return copy;
}

static struct rune_error *new_error(rune_status status, rune_reason reason, const char *kind)
{
    struct rune_error *error = rn_alloc(sizeof(*error));
    if (!error) {
        return NULL;
    }
    rn_arena_init(&error->arena, ERROR_TEXT_MAX);
    error->status = status;
    error->reason = reason;
    error->kind = keep(error, kind, strlen(kind));
    error->message = rn_error_message((enum rn_error)status); // if there is no room for another
    return error;
}

RN_PRINTF(2, 0) static void set_message(struct rune_error *error, const char *format, va_list args)
{
    char text[MESSAGE_MAX];
    int size = vsnprintf(text, sizeof(text), format, args);
    const char *kept =
        size > 0 ? keep(error, text, rn_min_size((size_t)size, sizeof(text) - 1)) : "";
    error->message = kept[0] != 0 || size == 0 ? kept : error->message;
}

rune_status rn_fail(rune_error **out_error, rune_status status, const char *format, ...)
{
    if (out_error) {
        struct rune_error *error =
            new_error(status, reason_of_status(status), rune_status_name(status));
        if (error) {
            va_list args;
            va_start(args, format);
            set_message(error, format, args);
            va_end(args);
        }
        *out_error = error;
    }
    return status;
}

rune_status rn_fail_plain(rune_error **out_error, enum rn_error status)
{
    const char *why = status == RN_E_SYSTEM ? strerrordesc_np(errno) : NULL;
    return rn_fail(out_error, (rune_status)status, "%s%s%s", rn_error_message(status),
                   why ? ": " : "", why ? why : "");
}

rune_status rn_fail_folder(rune_error **out_error, const char *path)
{
    rune_status status = errno == ENOENT ? RUNE_E_NOT_FOUND : RUNE_E_SYSTEM;
    bool named = errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP;
    return rn_fail_reason(out_error, status, named ? RUNE_REASON_NO_INPUT : RUNE_REASON_INTERNAL,
                          rune_status_name(status), "%s: %s", path, strerrordesc_np(errno));
}

rune_status rn_fail_null(rune_error **error, const char *parameter)
{
    return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "`%s` is NULL", parameter);
}

rune_status rn_fail_reason(rune_error **out_error, rune_status status, rune_reason reason,
                           const char *kind, const char *format, ...)
{
    if (out_error) {
        struct rune_error *error = new_error(status, reason, kind);
        if (error) {
            va_list args;
            va_start(args, format);
            set_message(error, format, args);
            va_end(args);
        }
        *out_error = error;
    }
    return status;
}

/* Frames */

/* Fills place and text of a frame from the debug segment. */
static void locate(struct rune_error *error, const struct rune_unit *unit, uint32_t pc,
                   rune_frame *frame)
{
    struct rn_line found = rn_lines_find(&unit->lines, &unit->debug, pc);
    frame->source = keep(error, found.source.data, found.source.size);
    frame->line = found.line;
    frame->column = found.column;
    frame->text = keep(error, found.text.data, found.text.size);
    frame->text_size = (uint32_t)strlen(frame->text);
    frame->width = found.width;
}

static void add_frames(struct rune_error *error, const struct rn_fault *fault,
                       const struct rune_unit *unit)
{
    error->frames_total = fault->frames_total;
    error->frames = rn_arena_alloc(&error->arena, fault->frame_count * sizeof(rune_frame));
    for (uint32_t i = 0; error->frames && i < fault->frame_count; i++) {
        const struct rn_fault_frame *from = &fault->frames[i];
        const struct rune_verified_unit *image = &unit->unit;
        // Frames of the library have no place in any source of the script.
        if (from->standard || from->function >= image->counts[RN_SECTION_FUNCTIONS]) {
            continue;
        }
        const struct rn_unit_function *function = &image->functions[from->function];
        struct rn_utf8 name = rn_unit_string_at(image, function->name);
        rune_frame *frame = &error->frames[error->frame_count++];
        *frame = (rune_frame){
            .function = keep(error, name.data, name.size), .source = "", .text = "", .width = 1};
        bool inside = from->pc >= function->code_start &&
                      from->pc - function->code_start < function->code_count;
        if (unit->has_debug && inside) {
            locate(error, unit, from->pc, frame);
        }
    }
}

rune_status rn_fail_fault(rune_error **out_error, rune_status status, rune_reason reason,
                          const struct rn_fault *fault, const struct rune_unit *unit)
{
    if (out_error) {
        struct rune_error *error = new_error(status, reason, "");
        if (error) {
            error->kind = keep(error, fault->kind.data, fault->kind.size);
            error->message = keep(error, fault->message.data, fault->message.size);
            add_frames(error, fault, unit);
        }
        *out_error = error;
    }
    return status;
}

/* Reading */

rune_status rune_error_status(const rune_error *error)
{
    return error ? error->status : RUNE_OK;
}

rune_reason rune_error_reason(const rune_error *error)
{
    return error ? error->reason : RUNE_REASON_OK;
}

const char *rune_error_kind(const rune_error *error)
{
    return error ? error->kind : "";
}

const char *rune_error_message(const rune_error *error)
{
    return error ? error->message : "";
}

int rune_error_signal(const rune_error *error)
{
    return error ? error->signal : 0;
}

bool rune_error_retry_safe(const rune_error *error)
{
    return error && error->retry_safe;
}

size_t rune_error_frame_count(const rune_error *error)
{
    return error ? error->frame_count : 0;
}

bool rune_error_frame(const rune_error *error, size_t index, rune_frame *out_frame)
{
    if (!error || index >= error->frame_count) {
        return false;
    }
    *out_frame = error->frames[index];
    return true;
}

void rune_error_free(rune_error *error)
{
    if (error) {
        rn_arena_done(&error->arena);
        rn_free(error);
    }
}

/* Showing */

/* Bytes of the scalar at `text`, 0 if none begins there. */
static size_t scalar_size(const unsigned char *text)
{
    size_t size = *text < 0x80 ? 1 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
    size_t bad;
    return strnlen((const char *)text, size) == size && rn_utf8_valid(text, size, &bad) ? size : 0;
}

/* As in diagnostics: what is not plainly visible, or could mislead a terminal, is an escape. */
static void append_escaped(struct rn_buf *out, const char *text, bool keep_lines)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c) {
        size_t size = scalar_size(c);
        uint32_t scalar = size > 0 ? rn_utf8_decode((const char *)c, size, 0, &size) : 0;
        if (*c == '\n' && keep_lines) {
            rn_buf_append_text(out, "\n  ");
        } else if (*c == '\t') {
            rn_buf_append_u8(out, ' ');
        } else if (size == 0 || scalar < 0x20 || scalar == 0x7f) {
            rn_buf_append_format(out, "\\x%02x", *c);
        } else if (!rn_unicode_is_printable(scalar)) {
            rn_buf_append_format(out, "\\u{%x}", (unsigned)scalar);
        } else {
            rn_buf_append(out, c, size);
        }
        c += size > 0 ? size : 1;
    }
}

static void append_place(struct rn_buf *out, const rune_frame *frame)
{
    if (frame->line > 0) {
        append_escaped(out, frame->source, false);
        rn_buf_append_format(out, ":%u:%u: ", frame->line, frame->column);
    }
}

/* What is shown of a source line. */
struct excerpt {
    char text[EXCERPT_MAX + sizeof("\u2026\u2026")];
    uint32_t column;
    uint32_t width;
};

static bool inside_scalar(const char *text, size_t at)
{
    return ((unsigned char)text[at] & 0xc0) == 0x80;
}

static size_t offset_of_column(const rune_frame *frame)
{
    size_t at = 0;
    for (uint32_t column = 1; column < frame->column && at < frame->text_size; column++) {
        do {
            at++;
        } while (inside_scalar(frame->text, at));
    }
    return at;
}

/* Of a long line, what stands around the place. */
static struct excerpt cut_excerpt(const rune_frame *frame)
{
    size_t at = offset_of_column(frame);
    size_t start = frame->text_size > EXCERPT_MAX && at > EXCERPT_BEFORE ? at - EXCERPT_BEFORE : 0;
    while (inside_scalar(frame->text, start)) {
        start++;
    }
    size_t end = rn_min_size(frame->text_size, start + EXCERPT_MAX);
    while (end > start && inside_scalar(frame->text, end)) {
        end--;
    }
    struct excerpt excerpt = {.column = frame->column};
    snprintf(excerpt.text, sizeof(excerpt.text), "%s%.*s%s", start > 0 ? "\u2026" : "",
             (int)(end - start), frame->text + start, end < frame->text_size ? "\u2026" : "");
    if (start > 0) {
        uint32_t hidden = (uint32_t)rn_utf8_count(frame->text, start);
        excerpt.column = excerpt.column > hidden ? excerpt.column - hidden + 1 : 1;
    }
    uint32_t left = end > at ? (uint32_t)rn_utf8_count(frame->text + at, end - at) : 1;
    excerpt.width = frame->width < left ? frame->width : left;
    return excerpt;
}

/* The source line of the innermost frame, with carets under what failed. */
static void append_excerpt(struct rn_buf *out, const rune_frame *frame, bool color)
{
    if (frame->line == 0 || frame->text_size == 0) {
        return;
    }
    struct excerpt excerpt = cut_excerpt(frame);
    int digits = snprintf(NULL, 0, "%u", frame->line);
    rn_buf_append_format(out, "%s%*s |\n%u |%s ", color ? "\x1b[34m" : "", digits, "", frame->line,
                         color ? "\x1b[0m" : "");
    append_escaped(out, excerpt.text, false);
    rn_buf_append_format(out, "\n%s%*s |%s %s%*s", color ? "\x1b[34m" : "", digits, "",
                         color ? "\x1b[0m" : "", color ? "\x1b[1;31m" : "", (int)excerpt.column - 1,
                         "");
    for (uint32_t i = 0; i < excerpt.width; i++) {
        rn_buf_append_u8(out, '^');
    }
    rn_buf_append_format(out, "%s\n", color ? "\x1b[0m" : "");
}

static bool same_frame(const rune_frame *a, const rune_frame *b)
{
    return a->line == b->line && a->column == b->column && strcmp(a->function, b->function) == 0 &&
           strcmp(a->source, b->source) == 0;
}

/* A recursion shows once, with how often. */
static size_t skip_same(const struct rune_error *error, size_t index)
{
    size_t last = index;
    while (last + 1 < error->frame_count &&
           same_frame(&error->frames[last + 1], &error->frames[index])) {
        last++;
    }
    return last;
}

static void append_backtrace(struct rn_buf *out, const struct rune_error *error)
{
    if (error->frame_count == 0) {
        return;
    }
    rn_buf_append_text(out, "backtrace:\n");
    for (size_t i = 0; i < error->frame_count; i++) {
        const rune_frame *frame = &error->frames[i];
        rn_buf_append_format(out, "  %zu: ", i);
        append_escaped(out, frame->function[0] ? frame->function : "(script)", false);
        if (frame->line > 0) {
            rn_buf_append_text(out, " at ");
            append_escaped(out, frame->source, false);
            rn_buf_append_format(out, ":%u:%u", frame->line, frame->column);
        }
        rn_buf_append_u8(out, '\n');
        size_t last = skip_same(error, i);
        if (last > i + 1) {
            rn_buf_append_format(out, "  ... the same %zu more times\n", last - i);
            i = last;
        }
    }
    if (error->frames_total > RN_FAULT_FRAMES_MAX) {
        rn_buf_append_format(out, "  ... and %llu more\n",
                             (unsigned long long)(error->frames_total - RN_FAULT_FRAMES_MAX));
    }
}

rune_status rune_error_render(const rune_error *error, bool color, rune_text **out_text)
{
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, ERROR_TEXT_MAX * 4);
    if (!error) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    if (error->frame_count > 0) {
        append_place(&out, &error->frames[0]);
    }
    rn_buf_append_format(&out, "%serror%s: ", color ? "\x1b[1;31m" : "", color ? "\x1b[0m" : "");
    append_escaped(&out, error->message[0] ? error->message : error->kind, true);
    rn_buf_append_u8(&out, '\n');
    if (error->frame_count > 0) {
        append_excerpt(&out, &error->frames[0], color);
    }
    append_backtrace(&out, error);
    return rn_text_take(&out, out_text);
}

static void append_json_text(struct rn_buf *out, const char *key, const char *text)
{
    rn_buf_append_format(out, "\"%s\":", key);
    rn_json_append_string(out, text, strlen(text));
}

void rn_error_append_json(const struct rune_error *error, struct rn_buf *out)
{
    rn_buf_append_u8(out, '{');
    append_json_text(out, "reason", rune_reason_name(error->reason));
    rn_buf_append_u8(out, ',');
    append_json_text(out, "kind", error->kind);
    rn_buf_append_u8(out, ',');
    append_json_text(out, "message", error->message);
    rn_buf_append_format(out, ",\"signal\":%d,\"retry_safe\":%s,\"backtrace\":[", error->signal,
                         error->retry_safe ? "true" : "false");
    for (size_t i = 0; i < error->frame_count; i++) {
        const rune_frame *frame = &error->frames[i];
        rn_buf_append_text(out, i == 0 ? "{" : ",{");
        append_json_text(out, "function", frame->function);
        rn_buf_append_u8(out, ',');
        append_json_text(out, "source", frame->source);
        rn_buf_append_format(out, ",\"line\":%u,\"column\":%u}", frame->line, frame->column);
    }
    rn_buf_append_text(out, "]}");
}

rune_status rune_error_to_json(const rune_error *error, rune_text **out_text)
{
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, ERROR_TEXT_MAX * 8);
    if (!error) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    rn_error_append_json(error, &out);
    return rn_text_take(&out, out_text);
}
