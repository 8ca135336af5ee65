/*
 * diagnostic_json.c: diagnostics for programs, one JSON object a line.
 *
 * Keys always stand in the same order: severity, code, name, message, span (null without a place),
 * text, labels, notes, helps. A span has file, line, column, end_line, end_column (from 1, columns
 * in characters) and start, end (bytes). Trust: quotes text from anybody.
 */
#include "bytecode/diagnostic.h"

#include "bytecode/json.h"

static void put_string(struct rn_buf *out, struct rn_utf8 text)
{
    rn_json_append_string(out, text.data, text.size);
}

static void put_span(const struct rn_diagnostics *list, struct rn_span span, struct rn_buf *out)
{
    if (span.source >= list->source_count) {
        rn_buf_append_text(out, "null");
        return;
    }
    const struct rn_source *source = &list->sources[span.source];
    struct rn_position start = rn_source_position(source, span.start);
    struct rn_position end = rn_source_position(source, span.end);
    rn_buf_append_text(out, "{\"file\":");
    put_string(out, source->name);
    rn_buf_append_format(out,
                         ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u"
                         ",\"start\":%u,\"end\":%u}",
                         start.line, start.column, end.line, end.column, span.start, span.end);
}

static void put_remarks(const struct rn_diagnostic *d, enum rn_remark_kind kind, struct rn_buf *out)
{
    bool first = true;
    rn_buf_append_u8(out, '[');
    for (const struct rn_remark *remark = d->remarks; remark != NULL; remark = remark->next) {
        if (remark->kind != kind) {
            continue;
        }
        if (!first) {
            rn_buf_append_u8(out, ',');
        }
        first = false;
        put_string(out, remark->text);
    }
    rn_buf_append_u8(out, ']');
}

static void put_labels(const struct rn_diagnostics *list, const struct rn_diagnostic *d,
                       struct rn_buf *out)
{
    rn_buf_append_u8(out, '[');
    for (const struct rn_diagnostic_label *label = d->labels; label != NULL; label = label->next) {
        if (label != d->labels) {
            rn_buf_append_u8(out, ',');
        }
        rn_buf_append_text(out, "{\"span\":");
        put_span(list, label->span, out);
        rn_buf_append_text(out, ",\"text\":");
        put_string(out, label->text);
        rn_buf_append_u8(out, '}');
    }
    rn_buf_append_u8(out, ']');
}

static void put_diagnostic(const struct rn_diagnostics *list, const struct rn_diagnostic *d,
                           struct rn_buf *out)
{
    const struct rn_diagnostic_info *info = &rn_diagnostic_infos[d->code];
    rn_buf_append_format(out, "{\"severity\":\"%s\",\"code\":\"%s\",\"name\":\"%s\",\"message\":",
                         d->severity == RN_SEVERITY_ERROR ? "error" : "warning", info->code,
                         info->name);
    put_string(out, d->message);
    rn_buf_append_text(out, ",\"span\":");
    put_span(list, d->span, out);
    rn_buf_append_text(out, ",\"text\":");
    put_string(out, d->span_text);
    rn_buf_append_text(out, ",\"labels\":");
    put_labels(list, d, out);
    rn_buf_append_text(out, ",\"notes\":");
    put_remarks(d, RN_REMARK_NOTE, out);
    rn_buf_append_text(out, ",\"helps\":");
    put_remarks(d, RN_REMARK_HELP, out);
    rn_buf_append_text(out, "}\n");
}

void rn_diagnostics_render_json(const struct rn_diagnostics *list, struct rn_buf *out)
{
    for (const struct rn_diagnostic *d = list->first; d != NULL; d = d->next) {
        put_diagnostic(list, d, out);
    }
}
