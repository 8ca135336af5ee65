/*
 * Any bytes as a replay file, with the digest that a forger would put there. What loads has a journal that
 * can be restored again; nothing is run.
 */
#include "supervisor/replay_file.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const rune_replay *replay)
{
    _Atomic uint64_t total = 0;
    struct rn_journal *journal = NULL;
    rune_replay_info info;
    rune_replay_describe(replay, &info);
    RN_CHECK(info.unit && info.args && (info.reason == RUNE_REASON_OK) == (info.value != NULL));
    RN_CHECK(rn_replay_file_journal(replay, &total, &journal) == RN_OK);
    RN_CHECK(rn_journal_call_count(journal) == info.host_calls);
    RN_CHECK(rn_journal_step_count(journal) == info.answers + info.wakes);
    rn_journal_free(journal);
    RN_CHECK(total == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rune_replay *replay = NULL;
    rune_error *error = NULL;
    uint8_t *copy = (uint8_t *)rn_strndup((const char *)data, size);
    RN_CHECK(copy != NULL);
    if (size >= RN_REPLAY_HEADER_SIZE) {
        rn_replay_file_sign(copy, size);
    }
    if (rune_replay_load(copy, size, &replay, &error) == RUNE_OK) {
        look_at(replay);
        rune_replay_free(replay);
    } else {
        RN_CHECK(error != NULL && replay == NULL);
        rune_error_free(error);
    }
    rn_free(copy);
    return 0;
}
