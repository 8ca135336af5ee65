/* unit.h: a Unit as the supervisor holds it: sealed, verified, with its debug information. */
#ifndef RN_SUPERVISOR_UNIT_H
#define RN_SUPERVISOR_UNIT_H

#include <runeward/unit.h>

#include <stdatomic.h>

#include "bytecode/lines.h"
#include "bytecode/unit.h"
#include "shm/segment.h"

struct rune_unit {
    _Atomic uint32_t refs;
    _Atomic uint32_t attachments; /* of those refs, held by workers' tables */
    _Atomic uint32_t kills;       /* workers killed while they ran it */
    atomic_bool retired;          /* its watch serves it no more */
    struct rn_segment segment;
    struct rune_verified_unit unit; /* of the sealed mapping */
    uint8_t *debug_bytes;           /* owned; NULL without */
    size_t debug_size;
    struct rn_debug debug;
    struct rn_lines lines; /* of the debug segment */
    bool has_debug;
    char **export_names;    /* of each export, with a zero byte at the end */
    uint64_t *export_order; /* function << 32 | export; functions are in the order of the source */
    uint8_t id[RUNE_UNIT_ID_SIZE];
    char id_text[2 * RUNE_UNIT_ID_SIZE + 1];
};

/*
 * Publishes an image that came from a compiler or a file: fills in the content id (or checks it, if
 * `check_id`), copies it to a memfd, seals, verifies the sealed mapping, binds or checks the debug
 * segment. `image` is changed in place; `debug_bytes` (may be NULL) is consumed in any case.
 */
rune_status rn_unit_publish(uint8_t *image, size_t size, uint8_t *debug_bytes, size_t debug_size,
                            bool check_id, rune_unit **out_unit, rune_error **error) RN_MUST_CHECK;

/* NOT_FOUND of kind "no_item": the message names `item` and, of small Units, what there is. */
rune_status rn_unit_fail_missing(const rune_unit *unit, const char *item, rune_error **error);

/* The bytes of a .rnu file. */
void rn_unit_append_file(const rune_unit *unit, struct rn_buf *out);

/* Reads what is left of a regular file of at most `max` bytes; initialises `out`. NOT_FOUND: not a
 * regular file. SYSTEM (errno), TOO_LARGE, NO_MEMORY. */
enum rn_error rn_read_fd(int fd, size_t max, struct rn_buf *out) RN_MUST_CHECK;
/* The same by path, with an error for people. NOT_FOUND, SYSTEM, TOO_LARGE, NO_MEMORY. */
rune_status rn_read_file(const char *path, size_t max, struct rn_buf *out,
                         rune_error **error) RN_MUST_CHECK;

#endif
