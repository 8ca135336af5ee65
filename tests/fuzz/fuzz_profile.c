/*
 * What a worker says that a call has spent, packet by packet, about a Unit of two functions: whatever is taken
 * in can be added up and shown, and ends.
 */
#include "base/check.h"
#include "supervisor/profile.h"
#include "supervisor/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rn_unit_function functions[] = {
    {.name = 0, .code_start = 0, .code_count = 10},
    {.name = 0, .code_start = 10, .code_count = 30},
};

static rune_unit *make_unit(void)
{
    static rune_unit unit = {.refs = 1};
    static const struct rn_unit_string strings[] = {{.offset = 0, .size = 5}};
    unit.unit.strings = strings;
    unit.unit.string_data = "a; b\n";
    unit.unit.counts[RN_SECTION_STRINGS] = 1;
    unit.unit.functions = functions;
    unit.unit.counts[RN_SECTION_FUNCTIONS] = 2;
    unit.unit.counts[RN_SECTION_CODE] = 40;
    return &unit;
}

/* A packet: how many rows are nodes, then the rows. */
static enum rn_error receive_next(rune_profile *profile, const uint8_t **data, size_t *size)
{
    size_t rows = (*data)[0] % 8;
    uint32_t nodes = (*data)[0] / 8u;
    size_t body = rows * RN_PROFILE_ROW_SIZE;
    body = body < *size - 1 ? body : *size - 1;
    struct rn_message message = {.type = RN_MESSAGE_PROFILE,
                                 .body = *data + 1,
                                 .body_size = body,
                                 .as.PROFILE = {.nodes = nodes, .places = (uint32_t)rows - nodes}};
    *data += 1 + body;
    *size -= 1 + body;
    return rn_profile_receive(profile, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rune_profile *profile = NULL;
    rune_profile *sum = NULL;
    enum rn_error error = RN_OK;
    RN_CHECK(rune_profile_new(make_unit(), &profile, NULL) == RUNE_OK);
    RN_CHECK(rune_profile_new(make_unit(), &sum, NULL) == RUNE_OK);
    while (size > 0 && error == RN_OK) {
        error = receive_next(profile, &data, &size);
    }
    RN_CHECK(profile->place_count <= 40 && profile->node_count <= RN_PROFILE_NODES_MAX);
    RN_CHECK(rune_profile_add(sum, profile, NULL) == RUNE_OK);
    RN_CHECK(rune_profile_add(sum, profile, NULL) == RUNE_OK);
    RN_CHECK(rune_profile_spent(sum) == 2 * rune_profile_spent(profile));
    RN_CHECK(sum->place_count == profile->place_count);
    for (uint32_t i = 0; i < profile->place_count; i++) {
        RN_CHECK(sum->places[i].pc == profile->places[i].pc);
        RN_CHECK(sum->places[i].spent == 2 * profile->places[i].spent);
    }
    rune_text *text = NULL;
    rune_profile_report *report = NULL;
    RN_CHECK(rune_profile_stacks(sum, &text) == RUNE_OK);
    RN_CHECK(rune_profile_report_new(sum, &report, NULL) == RUNE_OK);
    rune_text_free(text);
    rune_profile_report_free(report);
    rune_profile_free(sum);
    rune_profile_free(profile);
    return 0;
}
