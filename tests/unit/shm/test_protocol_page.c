/*
 * docs/protocol.md is what the tables say. Run with --print to make it anew:
 *
 *      test_shm_protocol_page --print > docs/protocol.md
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "shm/message.h"
#include "shm/reason.h"

static const char head[] =
    "# The protocol between supervisor, workers, compilers, daemon and clients\n"
    "\n"
    "Made from `shm/messages.def` and `shm/reasons.def`; a test compares. Packets of at most "
    "65,536 bytes\n"
    "over a `SOCK_SEQPACKET` socket pair. Numbers are little endian.\n"
    "\n"
    "| offset | size | field | |\n"
    "| --- | --- | --- | --- |\n"
    "| 0 | 2 | version | 1 |\n"
    "| 2 | 2 | type | as below |\n"
    "| 4 | 2 | flags | 1: first fragment, 2: last fragment |\n"
    "| 6 | 2 | reserved | 0 |\n"
    "| 8 | 8 | call | random id of the call; 0: about the process |\n"
    "| 16 | 4 | sequence | of the packet within call and direction, from 0 |\n"
    "| 20 | 4 | body size | of the whole message; 0 in further fragments |\n"
    "| 24 | | fields | first fragment only, as below |\n"
    "| | | body | this fragment's part |\n"
    "\n"
    "A message larger than a packet goes as fragments. Fragments of different calls interleave on "
    "the way\n"
    "to the supervisor, not on the way to a worker. What a state does not permit ends the "
    "sender.\n"
    "\n"
    "Supervisor and worker without a ring may put several packets of at most 1,024 bytes into a "
    "parcel, which goes\n"
    "over the socket as one packet of at most 8,192 bytes: a mark (2 bytes, 0x7072, where a packet "
    "has its version),\n"
    "the processor that its sender ran on (2 bytes, from 1; 0: unknown), then two or more packets, "
    "each with its size\n"
    "(2 bytes) before it. Anything else that begins with the mark ends the sender.\n"
    "\n"
    "Clients talk to a daemon in the same packets, over a `SOCK_SEQPACKET` socket with a name. "
    "There `call`\n"
    "is a number of the client's, `sequence` counts all packets of a direction, fragments do not "
    "interleave,\n"
    "and what is not permitted ends the connection.\n";

static void append_states(struct rn_buf *out, uint32_t states)
{
    const char *comma = "";
    for (int state = 0; state < RN_STATE_COUNT; state++) {
        if (states >> state & 1) {
            rn_buf_append_format(out, "%s%s", comma, rn_state_name((enum rn_state)state));
            comma = ", ";
        }
    }
}

/* "(U32(unit) U32(size))" as "unit: 4, size: 4". */
static void append_fields(struct rn_buf *out, const char *fields)
{
    const char *comma = "";
    for (const char *at = fields; (at = strchr(at, 'U')) != NULL;) {
        char name[64];
        unsigned bits;
        if (sscanf(at, "U%u(%63[a-z_])", &bits, name) == 2) {
            rn_buf_append_format(out, "%s`%s`: %u", comma, name, bits / 8);
            comma = ", ";
        }
        at++;
    }
}

static void append_messages(struct rn_buf *out, enum rn_direction direction)
{
    rn_buf_append_format(out, "\n## From %s\n\n", rn_direction_name(direction));
    rn_buf_append_text(out, "| number | message | permitted in | fields: bytes | body at most | |\n"
                            "| --- | --- | --- | --- | --- | --- |\n");
    const struct rn_message_info *info;
    for (size_t i = 0; (info = rn_message_info_at(i)) != NULL; i++) {
        if (info->direction != direction) {
            continue;
        }
        rn_buf_append_format(out, "| %d | `%s` | ", (int)info->type, info->name);
        append_states(out, info->states);
        rn_buf_append_text(out, " | ");
        append_fields(out, info->fields);
        rn_buf_append_format(out, " | %u | %s%s |\n", info->body_max, info->text,
                             info->fds ? "; with a descriptor" : "");
    }
}

static void append_tags(struct rn_buf *out)
{
    rn_buf_append_text(
        out, "\n## Optional fields of a call\n\n"
             "At the start of the body of `CALL`, in ascending order: tag (2 bytes), size (2), "
             "value. Unknown tags are skipped.\n\n"
             "| tag | field | |\n| --- | --- | --- |\n");
#define MESSAGE(name, number, direction, states, body_max, fds, fields, text)
#define CALL_TAG(name, number, text)                                                               \
    rn_buf_append_format(out, "| %d | `%s` | %s |\n", number, #name, text);
#include "shm/messages.def"
}

static void append_reasons(struct rn_buf *out)
{
    rn_buf_append_text(out,
                       "\n## Reasons\n\n| number | reason | exit code | a worker may say it |\n"
                       "| --- | --- | --- | --- |\n");
#define REASON(name, number, exit_code, status, worker, text)                                      \
    rn_buf_append_format(out, "| %d | `%s` | ", number, text);                                     \
    if (exit_code >= 0) {                                                                          \
        rn_buf_append_format(out, "%d", exit_code);                                                \
    } else {                                                                                       \
        rn_buf_append_text(out, "128 + signal");                                                   \
    }                                                                                              \
    rn_buf_append_format(out, " | %s |\n", rn_reason_is_workers(number) ? "yes" : "no");
#include "shm/reasons.def"
#undef REASON
}

static void make_page(struct rn_buf *out)
{
    rn_buf_init(out, 1u << 20);
    rn_buf_append_text(out, head);
    for (int direction = RN_TO_WORKER; direction < RN_DIRECTION_COUNT; direction++) {
        append_messages(out, (enum rn_direction)direction);
    }
    append_tags(out);
    append_reasons(out);
    rn_buf_append_u8(out, 0);
}

static void test_page_is_current(void **state)
{
    (void)state;
    static char text[1u << 16];
    FILE *file = fopen(RN_SOURCE_DIR "/docs/protocol.md", "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[size] = 0;
    RN_AUTO(rn_buf) struct rn_buf page;
    make_page(&page);
    assert_int_equal(rn_buf_status(&page), RN_OK);
    assert_string_equal(text, (const char *)page.data);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        RN_AUTO(rn_buf) struct rn_buf page;
        make_page(&page);
        return fputs((const char *)page.data, stdout) < 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_is_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
