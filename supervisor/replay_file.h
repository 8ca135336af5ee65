/*
 * replay_file.h: a call and its journal as the bytes of a file.
 *
 *      | magic 8 | version 32 | 0 32 | digest 32 bytes | section ... |
 *      section:  | kind 32 | 0 32 | size 64 | bytes |        each once, in the order of the enum below
 *
 *      UNIT       a .rnu file (unit.c)
 *      CALL       target 32 | item hash 64 | flags 32 (1: has a clock) | clock ns 64 | seed 64 |
 *                 limit 64, seven of them (enum rune_limit) | item TEXT | statics BYTES | arguments BYTES
 *      FUNCTIONS  count 32 | flags 32 (1: async), arity 32, path TEXT ...   in the order of their indices
 *      JOURNAL    size 64, digest 32 bytes, of both streams of output | calls 32 | steps 32 |
 *                 function 32, budget 64, output 64, digest of the arguments 32 bytes ... |
 *                 kind 32, number 32, now ns 64, body BYTES ...              (journal.h)
 *      END        reason 32 | signal 32 | budget 64 | memory peak 64 | output bytes 64 | kind TEXT |
 *                 message TEXT | value BYTES
 *
 * TEXT is size 32 and UTF-8 without zero bytes; BYTES is size 64 and a ConstValue in CBOR, or nothing: of
 * statics a vec of index, value, .., of arguments a tuple; the body of a step is text if it is a failure.
 * Numbers are little endian. The digest is BLAKE2b-256 over all that follows it: it finds damage; whoever
 * can write files can forge it. A change of any of this is another version.
 *
 * Trust: reads files of anybody.
 */
#ifndef RN_SUPERVISOR_REPLAY_FILE_H
#define RN_SUPERVISOR_REPLAY_FILE_H

#include <runeward/replay.h>

#include "bytecode/unit_debug.h"
#include "bytecode/unit_layout.h"
#include "shm/message.h"
#include "supervisor/journal.h"
#include "supervisor/limits.h"

#define RN_REPLAY_VERSION 1u
/* Answers, wake-ups and what there is to say about host calls. A journal that was noted in two runs may be
 * a little larger than RN_JOURNAL_BYTES_MAX. */
#define RN_REPLAY_JOURNAL_MAX (4u * RN_JOURNAL_BYTES_MAX)
#define RN_REPLAY_TEXT_MAX 65536u

#define RN_REPLAY_MAGIC "\x7fRNRPL\r\n"
#define RN_REPLAY_DIGEST_AT 16u
#define RN_REPLAY_HEADER_SIZE (RN_REPLAY_DIGEST_AT + RN_JOURNAL_DIGEST_SIZE)
#define RN_REPLAY_FLAG_CLOCK 1u
#define RN_REPLAY_FLAG_ASYNC 1u
/* Unit, arguments and result of the largest size, a journal. */
#define RN_REPLAY_FILE_MAX                                                                         \
    ((size_t)RN_IMAGE_SIZE_MAX + RN_DEBUG_SIZE_MAX + RN_CALL_BODY_MAX + RN_RESULT_BODY_MAX +       \
     RN_REPLAY_JOURNAL_MAX + (16u << 20))

enum rn_replay_section {
    RN_REPLAY_UNIT = 1,
    RN_REPLAY_CALL = 2,
    RN_REPLAY_FUNCTIONS = 3,
    RN_REPLAY_JOURNAL = 4,
    RN_REPLAY_END = 5,
};

struct rn_call;

struct rune_replay {
    rune_replay_info info; /* unit, args and value are counted, the texts owned */
    enum rn_call_target target;
    uint64_t item_hash;
    uint64_t clock_ns;
    struct rune_limits limits;
    rune_const_value *statics; /* counted, or NULL */
    rune_runtime *runtime;     /* counted; its functions cannot be called; NULL: there were none */
    char *item;
    char *kind;
    char *message;
    uint8_t *journal; /* owned: the section, checked */
    size_t journal_size;
};

/* The file of a call that has ended, as `record` says it has; the call still has its journal. Initialises
 * `out`. TOO_LARGE, NO_MEMORY. */
enum rn_error rn_replay_file_encode(const struct rn_call *call, const rune_record *record,
                                    struct rn_buf *out) RN_MUST_CHECK;
/* Puts the digest where it belongs; `size` at least that of the header. */
void rn_replay_file_sign(uint8_t *bytes, size_t size);

/* Another journal with what the file holds, rewound: the caller's. NO_MEMORY. */
enum rn_error rn_replay_file_journal(const struct rune_replay *replay, _Atomic uint64_t *total,
                                     struct rn_journal **out_journal) RN_MUST_CHECK;

#endif
