/* explain.c: words for reasons (explain.def), and for system calls (the library's table). */
#include "cli/explain.h"

#include "cli/args.h"
#include "cli/exit_codes.h"

#include <runeward/tools.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD_MAX 64

struct row {
    rune_reason reason;
    const char *kind;
    const char *layer;
    const char *meaning;
    const char *advice;
};

static const struct row rows[] = {
#define EXPLAIN(reason, kind, layer, meaning, advice)                                              \
    {RUNE_REASON_##reason, kind, layer, meaning, advice},
#include "cli/explain.def"
#undef EXPLAIN
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* What is known of an end. Texts are empty where nothing is. */
struct end {
    char reason[WORD_MAX];
    char kind[WORD_MAX];
    struct rn_bytes message; /* with a zero byte behind it, if there is one */
    int64_t signal;
};

/* The row of the kind, or the one for every kind; NULL: no such reason. */
static const struct row *find_row(const char *reason, const char *kind)
{
    const struct row *found = NULL;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rune_reason_name(rows[i].reason), reason) != 0) {
            continue;
        }
        if (rows[i].kind[0] != '\0' && strcmp(rows[i].kind, kind) == 0) {
            return &rows[i];
        }
        found = rows[i].kind[0] == '\0' ? &rows[i] : found;
    }
    return found;
}

/* ---- Output ---- */

/* Whoever wrote the record must not steer the terminal: ASCII, one "?" for any other character. */
static void print_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool plain = *c >= ' ' && *c < 0x7f;
        bool continues = ((unsigned char)*c & 0xc0) == 0x80;
        if (!continues) {
            putchar(plain ? *c : '?');
        }
    }
}

static void print_text_end(const struct row *row, const struct end *end)
{
    printf("%s, exit code %d", end->reason, rune_reason_exit_code(row->reason, (int)end->signal));
    if (end->signal > 0) {
        printf(", signal %d", (int)end->signal);
    }
    printf("\n");
    if (end->message.size > 0) {
        printf("  said:   ");
        print_plain(end->message.data);
        printf("\n");
    }
    if (row->layer[0] != '\0') {
        printf("  layer:  %s\n", row->layer);
    }
    printf("  means:  %s\n", row->meaning);
    if (row->advice[0] != '\0') {
        printf("  to do:  %s\n", row->advice);
    }
}

static void print_json_end(const struct row *row, const struct end *end)
{
    printf("{\"v\":1");
    rn_console_json_member("reason", end->reason);
    printf(",\"exit_code\":%d,\"signal\":%d", rune_reason_exit_code(row->reason, (int)end->signal),
           (int)end->signal);
    rn_console_json_member("kind", end->kind);
    rn_console_json_member("message", end->message.size > 0 ? end->message.data : "");
    rn_console_json_member("layer", row->layer);
    rn_console_json_member("meaning", row->meaning);
    rn_console_json_member("advice", row->advice);
    printf("}\n");
}

static void print_end(const struct rn_session *session, const struct row *row,
                      const struct end *end)
{
    if (session->console.format == RN_FORMAT_TEXT) {
        print_text_end(row, end);
    } else {
        print_json_end(row, end);
    }
}

/* ---- Records ---- */

/* A member that is text; empty if it is none, or does not fit. */
static void read_word(const rune_const_value *object, const char *key, char word[static WORD_MAX])
{
    const char *data;
    size_t size;
    rune_const_value *value = rune_value_get(object, key);
    word[0] = '\0';
    if (rune_value_get_string(value, &data, &size) && size < WORD_MAX) {
        memcpy(word, data, size);
        word[size] = '\0';
    }
    rune_value_unref(value);
}

static void read_error(const rune_const_value *error, struct end *end)
{
    const char *data;
    size_t size;
    read_word(error, "kind", end->kind);
    rune_const_value *message = rune_value_get(error, "message");
    if (rune_value_get_string(message, &data, &size)) {
        if (!rn_bytes_append(&end->message, data, size) || !rn_bytes_append(&end->message, "", 1)) {
            rn_bytes_done(&end->message);
        }
    }
    rune_value_unref(message);
    rune_const_value *signal = rune_value_get(error, "signal");
    if (!rune_value_get_i64(signal, &end->signal) || end->signal < 0 || end->signal > 64) {
        end->signal = 0;
    }
    rune_value_unref(signal);
}

/* The last line of what may be events, one to a line. */
static const char *last_line(const struct rn_bytes *text, size_t *out_size)
{
    size_t end = text->size;
    while (end > 0 && (text->data[end - 1] == '\n' || text->data[end - 1] == ' ')) {
        end--;
    }
    size_t start = end;
    while (start > 0 && text->data[start - 1] != '\n') {
        start--;
    }
    *out_size = end - start;
    return text->data + start;
}

/* The object itself, or the one in the last of several events; NULL: neither. */
static rune_const_value *parse(const struct rn_bytes *text)
{
    rune_const_value *value = NULL;
    size_t size;
    const char *line = last_line(text, &size);
    if (rune_value_from_json(text->data, text->size, &value, NULL) != RUNE_OK &&
        rune_value_from_json(line, size, &value, NULL) != RUNE_OK) {
        return NULL;
    }
    rune_const_value *record = rune_value_get(value, "record");
    if (record != NULL) {
        rune_value_unref(value);
        return record;
    }
    return value;
}

static void read_record(const rune_const_value *record, struct end *end)
{
    read_word(record, "reason", end->reason);
    rune_const_value *error = rune_value_get(record, "error");
    if (error != NULL) {
        read_error(error, end);
    }
    rune_value_unref(error);
}

static int explain_record(struct rn_session *session, const char *path)
{
    struct rn_bytes text = {0};
    struct end end = {.signal = 0};
    if (!rn_session_read(session, path, &text)) {
        rn_bytes_done(&text);
        return session->code;
    }
    rune_const_value *record = parse(&text);
    read_record(record, &end);
    rune_value_unref(record);
    rn_bytes_done(&text);
    const struct row *row = find_row(end.reason, end.kind);
    if (row != NULL) {
        print_end(session, row, &end);
    } else if (end.reason[0] == '\0') {
        rn_console_complain("%s is no record: an object with \"reason\", as --meta writes it",
                            path);
    } else {
        rn_console_complain("%s: a reason that this version does not know", path);
    }
    rn_bytes_done(&end.message);
    return row != NULL ? 0 : RN_EXIT_NO_INPUT;
}

/* ---- System calls ---- */

static bool has_word(const rune_const_value *object, const char *key, const char *expected)
{
    char word[WORD_MAX];
    read_word(object, key, word);
    return strcmp(word, expected) == 0;
}

static void print_field(const rune_const_value *row, const char *key, const char *before)
{
    const char *data;
    size_t size;
    rune_const_value *value = rune_value_get(row, key);
    if (rune_value_get_string(value, &data, &size) && size > 0) {
        printf("%s%.*s\n", before, (int)size, data);
    }
    rune_value_unref(value);
}

/* The rows of a role that permit the call, in the text format; how many. */
static unsigned print_rules(const struct rn_session *session, const rune_const_value *role,
                            const char *call)
{
    unsigned count = 0;
    char name[WORD_MAX];
    rune_const_value *calls = rune_value_get(role, "calls");
    read_word(role, "role", name);
    for (size_t i = 0; i < rune_value_count(calls); i++) {
        rune_const_value *row = rune_value_at(calls, i);
        bool applies = has_word(row, "call", call);
        if (applies && session->console.format == RN_FORMAT_TEXT) {
            printf("%s: permitted to a %s\n", call, name);
            print_field(row, "reason", "  why:    ");
            print_field(row, "when", "  when:   ");
        }
        count += applies;
        rune_value_unref(row);
    }
    rune_value_unref(calls);
    if (session->console.format != RN_FORMAT_TEXT) {
        printf(",\"%s\":%s", name, count > 0 ? "true" : "false");
    }
    return count;
}

static bool looks_like_a_call(const char *word)
{
    size_t size = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return word[0] >= 'a' && size < WORD_MAX && word[size] == '\0';
}

/* The roles of the policy; NULL without memory. */
static rune_const_value *read_roles(void)
{
    rune_text *text = NULL;
    rune_const_value *policy = NULL;
    if (rune_tools_policy(&text) == RUNE_OK) {
        (void)!rune_value_from_json(rune_text_data(text), rune_text_size(text), &policy, NULL);
    }
    rune_const_value *roles = rune_value_get(policy, "roles");
    rune_value_unref(policy);
    rune_text_free(text);
    return roles;
}

/* What is on no list may be no system call at all. */
static void print_unlisted(const char *call)
{
    const char *names[ROW_COUNT];
    for (size_t i = 0; i < ROW_COUNT; i++) {
        names[i] = rune_reason_name(rows[i].reason);
    }
    const char *near = rn_args_suggest(call, names, ROW_COUNT);
    printf("%s: not on the list (`runeward policy show`): if it is a system call, a worker or "
           "compiler that makes it is ended with SIGSYS, reason violation\n",
           call);
    if (near != NULL) {
        printf("  or did you mean the reason `%s`?\n", near);
    }
}

static int explain_call(const struct rn_session *session, const char *call)
{
    bool text = session->console.format == RN_FORMAT_TEXT;
    rune_const_value *roles = read_roles();
    unsigned count = 0;
    if (roles == NULL) {
        return rn_console_take_error(&session->console, NULL);
    }
    if (!text) {
        printf("{\"v\":1,\"call\":\"%s\"", call);
    }
    for (size_t i = 0; i < rune_value_count(roles); i++) {
        rune_const_value *role = rune_value_at(roles, i);
        count += print_rules(session, role, call);
        rune_value_unref(role);
    }
    if (count == 0 && text) {
        print_unlisted(call);
    }
    fputs(text ? "" : "}\n", stdout);
    rune_value_unref(roles);
    return 0;
}

/* ---- What was asked for ---- */

/* A reason in general and, for people, in each kind that has rows of its own. */
static void explain_reason(const struct rn_session *session, const char *reason)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        bool is_kind = rows[i].kind[0] != '\0';
        if (strcmp(rune_reason_name(rows[i].reason), reason) != 0 ||
            (is_kind && session->console.format != RN_FORMAT_TEXT)) {
            continue;
        }
        struct end end = {.signal = 0};
        (void)snprintf(end.reason, WORD_MAX, "%s", reason);
        (void)snprintf(end.kind, WORD_MAX, "%s", rows[i].kind);
        if (is_kind) {
            printf("kind %s: ", rows[i].kind);
        }
        print_end(session, &rows[i], &end);
    }
}

static void explain_signal(const struct rn_session *session, long signal)
{
    struct end end = {.kind = "signal", .signal = signal};
    (void)snprintf(end.reason, WORD_MAX, "%s", rune_reason_name(RUNE_REASON_CRASHED));
    print_end(session, find_row(end.reason, end.kind), &end);
}

/* Each reason with that exit code; beyond them, 128 and a signal. False: no such code. */
static bool explain_code(const struct rn_session *session, const char *word)
{
    char *behind;
    bool found = false;
    long code = strtol(word, &behind, 10);
    if (behind == word || *behind != '\0') {
        return false;
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        rune_reason reason = rows[i].reason;
        if (rows[i].kind[0] == '\0' && reason != RUNE_REASON_CRASHED &&
            rune_reason_exit_code(reason, 0) == (int)code) {
            explain_reason(session, rune_reason_name(reason));
            found = true;
        }
    }
    if (!found && code > 128 && code <= 128 + 64) {
        explain_signal(session, code - 128);
        found = true;
    }
    return found;
}

int rn_explain(struct rn_session *session, const char *what)
{
    if (find_row(what, "") != NULL) {
        explain_reason(session, what);
        return 0;
    }
    if (explain_code(session, what)) {
        return 0;
    }
    if (strcmp(what, "-") == 0 || access(what, F_OK) == 0) {
        return explain_record(session, what);
    }
    if (looks_like_a_call(what)) {
        return explain_call(session, what);
    }
    rn_console_complain("%s is no record, reason, exit code or system call", what);
    return RN_EXIT_USAGE;
}
