/*
 * journal_folder.h: replay files of calls that have ended: in their records, in files, in a folder.
 *
 * In a folder lie at most so many files of at most so many bytes together; the oldest go. Names begin with
 * the time, so that their order is that of the calls. Files are made beside, under a name of their own that
 * nobody else has, for their owner alone, and then renamed: no link is followed and nothing written over.
 */
#ifndef RN_SUPERVISOR_JOURNAL_FOLDER_H
#define RN_SUPERVISOR_JOURNAL_FOLDER_H

#include <runeward/replay.h>

#include "base/error.h"

#define RN_JOURNAL_FILES_DEFAULT 64u
#define RN_JOURNAL_FILES_MAX 4096u
#define RN_JOURNAL_FOLDER_BYTES_DEFAULT (UINT64_C(256) << 20)
/* Files that one second may bring. */
#define RN_JOURNAL_FILES_A_SECOND 16u

struct rn_call;
struct rn_journal_folder;

struct rn_journal_bounds {
    unsigned files_max;
    uint64_t bytes_max;
};

/* Opens a folder that is there. SYSTEM, DENIED (somebody else may write to it), NO_MEMORY. */
rune_status rn_journal_folder_open(const char *path, const struct rn_journal_bounds *bounds,
                                   struct rn_journal_folder **out_folder,
                                   rune_error **error) RN_MUST_CHECK;
/* Accepts NULL. */
void rn_journal_folder_free(struct rn_journal_folder *folder);

/* The call has ended as its record says. True: a file is to be made, into the record or, if the call
 * failed and this second has not had its share of files, the supervisor's folder. Once for a record. */
bool rn_journal_is_due(struct rn_call *call, rune_record *record) RN_MUST_CHECK;
/* Makes it. What cannot be had is said in the record, or logged. */
void rn_journal_keep(const struct rn_call *call, rune_record *record);

#endif
