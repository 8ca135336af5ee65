/* report.c: results as they come, and the ends of reports. */
#include "cli/report.h"
#include "cli/exit_codes.h"
#include "cli/option_value.h"
#include "cli/out_file.h"
#include "cli/visible.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const outcome_names[] = {"passed", "failed", "skipped", "build_error"};

/* ---- Text of reports ---- */

static void put(struct rn_report *report, struct rn_bytes *out, const char *data, size_t size)
{
    report->no_memory = report->no_memory || !rn_bytes_append(out, data, size);
}

static void put_text(struct rn_report *report, struct rn_bytes *out, const char *text)
{
    put(report, out, text, strlen(text));
}

static void __attribute__((format(printf, 3, 4)))
put_format(struct rn_report *report, struct rn_bytes *out, const char *format, ...)
{
    char line[512];
    va_list values;
    va_start(values, format);
    int size = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (size > 0) {
        put(report, out, line, (size_t)size < sizeof line ? (size_t)size : sizeof line - 1);
    }
}

/* ---- Standard output ---- */

static void say_name(const char *mark, const char *name)
{
    fputs(mark, stdout);
    rn_visible_put(stdout, name, strlen(name), false);
}

static void print_failure_text(const struct rn_report *report, const struct rn_test_result *result)
{
    rune_text *text = NULL;
    say_name("FAIL  ", result->name[0] == '\0' ? result->file : result->name);
    fputs(": ", stdout);
    rn_visible_put(stdout, result->why, strlen(result->why), false);
    puts("");
    if (result->output != NULL && result->output->size > 0) {
        fwrite(result->output->data, 1, result->output->size, stdout);
        if (result->output->data[result->output->size - 1] != '\n') {
            puts("");
        }
    }
    fflush(stdout);
    if (result->error != NULL &&
        rune_error_render(result->error, report->console->color, &text) == RUNE_OK) {
        fwrite(rune_text_data(text), 1, rune_text_size(text), stderr);
    }
    rune_text_free(text);
}

static void print_text(const struct rn_report *report, const struct rn_test_result *result)
{
    static const char marks[] = {'.', 'F', 's', 'E'};
    if (report->console->quiet) {
        putchar(marks[result->outcome]);
        fflush(stdout);
    } else if (result->outcome == RN_TEST_PASSED) {
        say_name("ok    ", result->name);
        puts("");
    } else if (result->outcome != RN_TEST_SKIPPED) {
        print_failure_text(report, result);
    }
}

static void print_json(struct rn_report *report, const struct rn_test_result *result)
{
    rune_text *text = NULL;
    bool lines = report->console->format == RN_FORMAT_JSONL;
    fputs(lines           ? "{\"event\":\"test\",\"file\":"
          : report->first ? "{\"file\":"
                          : ",{\"file\":",
          stdout);
    report->first = false;
    rn_console_json_string(result->file, strlen(result->file));
    fputs(",\"item\":", stdout);
    rn_console_json_string(result->name, strlen(result->name));
    printf(",\"outcome\":\"%s\",\"passed\":%s,\"why\":", outcome_names[result->outcome],
           result->outcome == RN_TEST_PASSED ? "true" : "false");
    rn_console_json_string(result->why == NULL ? "" : result->why,
                           result->why == NULL ? 0 : strlen(result->why));
    printf(",\"wall_us\":%llu", (unsigned long long)result->wall_us);
    if (result->outcome == RN_TEST_FAILED && result->record != NULL &&
        rune_unit_record_to_json(result->unit, result->record, result->output->data,
                                 result->output->size, &text) == RUNE_OK) {
        fputs(",\"record\":", stdout);
        rn_console_take_text(text);
    }
    if (result->diagnostics != NULL) {
        fputs(",\"diagnostics\":", stdout);
        fwrite(rune_text_data(result->diagnostics), 1, rune_text_size(result->diagnostics), stdout);
    }
    fputs(lines ? "}\n" : "}", stdout);
}

/* Bytes of the UTF-8 character that begins there, or 0 if it is none, or none for a report. */
static size_t character_size(const char *data, size_t size)
{
    unsigned char c = (unsigned char)data[0];
    size_t count = c < 0x80                ? 1
                   : c >= 0xc2 && c < 0xe0 ? 2
                   : c >= 0xe0 && c < 0xf0 ? 3
                   : c >= 0xf0 && c < 0xf5 ? 4
                                           : 0;
    if (count == 0 || count > size || (c < 0x20 && c != '\n' && c != '\t')) {
        return 0;
    }
    uint32_t scalar = count == 1 ? c : c & (0x7fu >> count);
    for (size_t i = 1; i < count; i++) {
        unsigned char more = (unsigned char)data[i];
        if ((more & 0xc0) != 0x80) {
            return 0;
        }
        scalar = scalar << 6 | (more & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool bad = scalar < least[count] || (scalar >= 0xd800 && scalar < 0xe000) ||
               scalar > 0x10ffff || scalar == 0xfffe || scalar == 0xffff;
    return bad ? 0 : count;
}

/* What is no text becomes U+FFFD. */
static void put_clean(struct rn_report *report, struct rn_bytes *out, const char *data, size_t size)
{
    while (size > 0) {
        size_t count = character_size(data, size);
        put(report, out, count == 0 ? "\xef\xbf\xbd" : data, count == 0 ? 3 : count);
        count += count == 0;
        data += count;
        size -= count;
    }
}

/* ---- TAP, version 14 ---- */

/* A name must not look like a directive. */
static void put_tap_name(struct rn_report *report, const char *name)
{
    char piece[RN_VISIBLE_PIECE];
    for (size_t left = strlen(name); left > 0;) {
        size_t count = rn_visible_next(name, left, piece);
        if (piece[0] == '#' || piece[0] == '\\') {
            put_text(report, &report->out, "\\");
        }
        put_text(report, &report->out, *name == '\n' || *name == '\r' ? " " : piece);
        name += count;
        left -= count;
    }
}

static void put_yaml_block(struct rn_report *report, const char *key, const char *data, size_t size)
{
    put_format(report, &report->out, "  %s: |\n", key);
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - data);
        put_text(report, &report->out, "    ");
        put_clean(report, &report->out, data, line);
        put_text(report, &report->out, "\n");
        line += end != NULL;
        data += line;
        size -= line;
    }
}

static void put_tap_details(struct rn_report *report, const struct rn_test_result *result)
{
    rune_text *text = NULL;
    put_text(report, &report->out, "  ---\n");
    put_yaml_block(report, "message", result->why, strlen(result->why));
    if (result->error != NULL && rune_error_render(result->error, false, &text) == RUNE_OK) {
        put_yaml_block(report, "error", rune_text_data(text), rune_text_size(text));
    }
    if (result->output != NULL && result->output->size > 0) {
        put_yaml_block(report, "output", result->output->data, result->output->size);
    }
    put_text(report, &report->out, "  ...\n");
    rune_text_free(text);
}

static void add_tap(struct rn_report *report, const struct rn_test_result *result)
{
    bool good = result->outcome == RN_TEST_PASSED || result->outcome == RN_TEST_SKIPPED;
    if (report->numbered == 0) {
        put_text(report, &report->out, "TAP version 14\n");
    }
    put_format(report, &report->out, "%s %u - ", good ? "ok" : "not ok", ++report->numbered);
    put_tap_name(report, result->file);
    if (result->name[0] != '\0') {
        put_text(report, &report->out, ": ");
        put_tap_name(report, result->name);
    }
    if (result->outcome == RN_TEST_SKIPPED) {
        put_text(report, &report->out, " # SKIP ");
        put_tap_name(report, result->why);
    }
    put_text(report, &report->out, "\n");
    if (!good) {
        put_tap_details(report, result);
    }
}

/* ---- JUnit ---- */

static void put_xml(struct rn_report *report, struct rn_bytes *out, const char *data, size_t size)
{
    while (size > 0) {
        size_t count = character_size(data, size);
        if (count == 0) {
            put_text(report, out, "\xef\xbf\xbd");
            count = 1;
        } else if (*data == '<') {
            put_text(report, out, "&lt;");
        } else if (*data == '>') {
            put_text(report, out, "&gt;");
        } else if (*data == '&') {
            put_text(report, out, "&amp;");
        } else if (*data == '"') {
            put_text(report, out, "&quot;");
        } else {
            put(report, out, data, count);
        }
        data += count;
        size -= count;
    }
}

static void put_attribute(struct rn_report *report, struct rn_bytes *out, const char *name,
                          const char *value)
{
    put_format(report, out, " %s=\"", name);
    put_xml(report, out, value, strlen(value));
    put_text(report, out, "\"");
}

static void end_suite(struct rn_report *report)
{
    const unsigned *counts = report->suite_counts;
    unsigned all = counts[0] + counts[1] + counts[2] + counts[3];
    if (all == 0) {
        return;
    }
    put_text(report, &report->out, "  <testsuite");
    put_attribute(report, &report->out, "name", report->file);
    put_format(report, &report->out,
               " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\">\n", all,
               counts[RN_TEST_FAILED], counts[RN_TEST_BUILD_ERROR], counts[RN_TEST_SKIPPED]);
    put(report, &report->out, report->suite.data, report->suite.size);
    put_text(report, &report->out, "  </testsuite>\n");
    report->suite.size = 0;
    memset(report->suite_counts, 0, sizeof report->suite_counts);
}

static void put_case_details(struct rn_report *report, const struct rn_test_result *result)
{
    struct rn_bytes *out = &report->suite;
    bool build = result->outcome == RN_TEST_BUILD_ERROR;
    const char *element = result->outcome == RN_TEST_SKIPPED ? "skipped"
                          : build                            ? "error"
                                                             : "failure";
    rune_text *text = NULL;
    put_format(report, out, "      <%s", element);
    put_attribute(report, out, "message", result->why);
    put_text(report, out, ">");
    if (result->error != NULL && rune_error_render(result->error, false, &text) == RUNE_OK) {
        put_xml(report, out, rune_text_data(text), rune_text_size(text));
    }
    rune_text_free(text);
    put_format(report, out, "</%s>\n", element);
    if (result->output != NULL && result->output->size > 0) {
        put_text(report, out, "      <system-out>");
        put_xml(report, out, result->output->data, result->output->size);
        put_text(report, out, "</system-out>\n");
    }
}

static void add_junit(struct rn_report *report, const struct rn_test_result *result)
{
    struct rn_bytes *out = &report->suite;
    if (strcmp(report->file, result->file) != 0) {
        end_suite(report);
        snprintf(report->file, sizeof report->file, "%s", result->file);
    }
    report->suite_counts[result->outcome]++;
    put_text(report, out, "    <testcase");
    put_attribute(report, out, "classname", result->file);
    put_attribute(report, out, "name", result->name[0] == '\0' ? "(build)" : result->name);
    put_format(report, out, " time=\"%.6f\"", (double)result->wall_us / 1e6);
    if (result->outcome == RN_TEST_PASSED) {
        put_text(report, out, "/>\n");
        return;
    }
    put_text(report, out, ">\n");
    put_case_details(report, result);
    put_text(report, out, "    </testcase>\n");
}

static void put_junit_frame(struct rn_report *report)
{
    struct rn_bytes suites = report->out;
    const unsigned *counts = report->counts;
    report->out = (struct rn_bytes){0};
    put_text(report, &report->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put_format(report, &report->out,
               "<testsuites tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\">\n",
               counts[0] + counts[1] + counts[2] + counts[3], counts[RN_TEST_FAILED],
               counts[RN_TEST_BUILD_ERROR], counts[RN_TEST_SKIPPED]);
    put(report, &report->out, suites.data, suites.size);
    put_text(report, &report->out, "</testsuites>\n");
    rn_bytes_done(&suites);
}

/* ---- The whole ---- */

static bool tells_text(const struct rn_report *report)
{
    return report->console->format == RN_FORMAT_TEXT &&
           (report->kind == RN_REPORT_NONE || report->path != NULL);
}

bool rn_report_init(struct rn_report *report, const struct rn_session *session)
{
    const char *value = session->args->values[RN_OPTION_REPORT];
    *report = (struct rn_report){.console = &session->console, .first = true};
    if (value != NULL && !rn_option_is_good(RN_OPTION_REPORT, value)) {
        return false;
    }
    if (value != NULL) {
        const char *equals = strchr(value, '=');
        report->path = equals == NULL ? NULL : equals + 1;
        report->kind = *value == 't' ? RN_REPORT_TAP : RN_REPORT_JUNIT;
    }
    if (session->console.format != RN_FORMAT_TEXT && report->kind != RN_REPORT_NONE &&
        report->path == NULL) {
        rn_console_complain("--report needs a FILE beside --format json and jsonl");
        return false;
    }
    if (session->console.format == RN_FORMAT_JSON) {
        fputs("{\"v\":1,\"tests\":[", stdout);
    }
    return true;
}

void rn_report_add(struct rn_report *report, const struct rn_test_result *result)
{
    report->counts[result->outcome]++;
    if (report->console->format != RN_FORMAT_TEXT) {
        print_json(report, result);
    } else if (tells_text(report)) {
        print_text(report, result);
    }
    if (report->kind == RN_REPORT_TAP) {
        add_tap(report, result);
    } else if (report->kind == RN_REPORT_JUNIT) {
        add_junit(report, result);
    }
}

static void print_counts(const struct rn_report *report, bool good)
{
    const unsigned *c = report->counts;
    if (report->console->format == RN_FORMAT_TEXT) {
        if (report->console->quiet && c[0] + c[1] + c[2] + c[3] > 0) {
            puts("");
        }
        printf("%u passed, %u failed, %u skipped", c[RN_TEST_PASSED], c[RN_TEST_FAILED],
               c[RN_TEST_SKIPPED] + report->unchosen);
        if (c[RN_TEST_BUILD_ERROR] > 0) {
            printf(", %u build error%s", c[RN_TEST_BUILD_ERROR],
                   c[RN_TEST_BUILD_ERROR] == 1 ? "" : "s");
        }
        puts("");
        return;
    }
    bool lines = report->console->format == RN_FORMAT_JSONL;
    printf("%s\"passed\":%u,\"failed\":%u,\"skipped\":%u,\"build_errors\":%u,\"reason\":\"%s\"}\n",
           lines ? "{\"event\":\"tests\"," : "],", c[RN_TEST_PASSED], c[RN_TEST_FAILED],
           c[RN_TEST_SKIPPED] + report->unchosen, c[RN_TEST_BUILD_ERROR], good ? "ok" : "failed");
}

/* False: the reason was said. */
static bool write_report(struct rn_report *report)
{
    if (report->kind == RN_REPORT_TAP) {
        put_format(report, &report->out, "%s1..%u\n",
                   report->numbered == 0 ? "TAP version 14\n" : "", report->numbered);
    } else if (report->kind == RN_REPORT_JUNIT) {
        end_suite(report);
        put_junit_frame(report);
    } else {
        return true;
    }
    if (report->no_memory) {
        rn_console_complain("out of memory for the report");
        return false;
    }
    struct rn_out_file file;
    FILE *out = report->path == NULL ? stdout : rn_out_file_open(&file, report->path);
    bool written =
        out != NULL && fwrite(report->out.data, 1, report->out.size, out) == report->out.size;
    if (report->path != NULL) {
        written = rn_out_file_close(&file, written);
    }
    if (!written) {
        rn_console_complain("%s: %s", report->path == NULL ? "standard output" : report->path,
                            strerror(errno));
    }
    return written;
}

int rn_report_finish(struct rn_report *report)
{
    bool good = report->counts[RN_TEST_FAILED] + report->counts[RN_TEST_BUILD_ERROR] == 0;
    if (report->console->format != RN_FORMAT_TEXT || tells_text(report)) {
        print_counts(report, good);
    }
    bool written = write_report(report);
    rn_bytes_done(&report->out);
    rn_bytes_done(&report->suite);
    return !good ? RN_EXIT_FAILED : written ? 0 : RN_EXIT_OUTPUT;
}
