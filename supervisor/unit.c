/*
 * unit.c: publishing Units: copy, seal, verify the sealed mapping, and only then hand it out.
 *
 * A `.rnu` file is | magic 8 | version 32 | image size 32 | debug size 64 | image | debug |.
 *
 * Trust: reads images and debug segments from compilers and files.
 */
#include "supervisor/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/math.h"
#include "base/sort.h"
#include "bytecode/hash.h"
#include "shm/fd.h"
#include "supervisor/error.h"
#include "supervisor/probes.h"
#include "supervisor/text.h"
#include "supervisor/whole_file.h"

#define FILE_MAGIC "\x7fRNUFIL\n"
#define FILE_VERSION 1u
#define FILE_HEADER_SIZE 24u
#define READ_STEP 65536u
#define NAMED_MAX 64u   /* of a larger Unit nothing is listed */
#define NAMES_SIZE 320u /* of the list in a message */
#define FILE_SIZE_MAX ((size_t)RN_IMAGE_SIZE_MAX + RN_DEBUG_SIZE_MAX + FILE_HEADER_SIZE)

static void free_unit(rune_unit *unit)
{
    if (unit->export_names) {
        for (uint32_t i = 0; i < unit->unit.counts[RN_SECTION_EXPORTS]; i++) {
            rn_free(unit->export_names[i]);
        }
    }
    rn_free(unit->export_names);
    rn_free(unit->export_order);
    rn_segment_done(&unit->segment);
    rn_lines_done(&unit->lines);
    rn_free(unit->debug_bytes);
    rn_free(unit);
}

/* BLAKE2b-256 over the image with the id itself set to zero. */
static void content_id(const uint8_t *image, size_t size, uint8_t out_id[RUNE_UNIT_ID_SIZE])
{
    static const uint8_t zeros[RUNE_UNIT_ID_SIZE];
    size_t at = offsetof(struct rn_unit_header, content_id);
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, RUNE_UNIT_ID_SIZE);
    crypto_generichash_update(&state, image, at);
    crypto_generichash_update(&state, zeros, sizeof(zeros));
    crypto_generichash_update(&state, image + at + sizeof(zeros), size - at - sizeof(zeros));
    crypto_generichash_final(&state, out_id, RUNE_UNIT_ID_SIZE);
}

static rune_status set_id(rune_unit *unit, uint8_t *image, size_t size, bool check_id,
                          rune_error **error)
{
    if (size < sizeof(struct rn_unit_header) || size > RN_IMAGE_SIZE_MAX) {
        return rn_fail(error, RUNE_E_UNIT_INVALID, "not a Unit image: its size is %zu bytes", size);
    }
    content_id(image, size, unit->id);
    uint8_t *stored = image + offsetof(struct rn_unit_header, content_id);
    if (check_id && memcmp(stored, unit->id, RUNE_UNIT_ID_SIZE) != 0) {
        return rn_fail(error, RUNE_E_UNIT_INVALID,
                       "the Unit's content id is not that of its bytes");
    }
    memcpy(stored, unit->id, RUNE_UNIT_ID_SIZE);
    for (size_t i = 0; i < RUNE_UNIT_ID_SIZE; i++) {
        static const char digits[] = "0123456789abcdef";
        unit->id_text[2 * i] = digits[unit->id[i] >> 4];
        unit->id_text[2 * i + 1] = digits[unit->id[i] & 15];
    }
    return RUNE_OK;
}

static rune_status seal_and_verify(rune_unit *unit, const uint8_t *image, size_t size,
                                   rune_error **error)
{
    enum rn_error failed = rn_segment_make("runeward-unit", image, size, &unit->segment);
    if (failed != RN_OK) {
        return rn_fail(error, (rune_status)failed, "the Unit's segment could not be made: %s",
                       failed == RN_E_SYSTEM ? strerrordesc_np(errno) : rn_error_message(failed));
    }
    struct rune_unit_image sealed = {unit->segment.data, unit->segment.size};
    struct rn_unit_fault fault = {0};
    failed = rn_unit_verify(sealed, false, &unit->unit, &fault);
    if (failed != RN_OK) {
        return rn_fail(error, (rune_status)failed, "%s%s%.*s (%s at byte %zu)",
                       fault.message ? fault.message : rn_error_message(failed),
                       fault.name.size > 0 ? ": " : "",
                       (int)rn_min_size(fault.name.size, NAMES_SIZE), fault.name.data,
                       fault.check ? fault.check : "image", fault.offset);
    }
    return RUNE_OK;
}

static rune_status open_debug(rune_unit *unit, bool check_id, rune_error **error)
{
    if (unit->debug_size == 0) {
        return RUNE_OK;
    }
    enum rn_error failed = RN_OK;
    if (!check_id) {
        failed = rn_debug_bind(unit->debug_bytes, unit->debug_size, unit->id);
    }
    if (failed == RN_OK) {
        failed = rn_debug_open(unit->debug_bytes, unit->debug_size, &unit->debug, NULL);
    }
    if (failed == RN_OK && !rn_debug_belongs(&unit->debug, unit->id)) {
        failed = RN_E_UNIT_DEBUG;
    }
    if (failed == RN_OK) {
        failed = rn_lines_make(&unit->debug, &unit->lines);
    }
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    unit->has_debug = true;
    return RUNE_OK;
}

static int compare_places(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static rune_status copy_names(rune_unit *unit, rune_error **error)
{
    uint32_t count = unit->unit.counts[RN_SECTION_EXPORTS];
    unit->export_names = rn_alloc_array(count + 1, sizeof(char *));
    unit->export_order = rn_alloc_array(count + 1, sizeof(uint64_t));
    if (!unit->export_names || !unit->export_order) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    for (uint32_t i = 0; i < count; i++) {
        unit->export_order[i] = (uint64_t)unit->unit.exports[i].function << 32 | i;
    }
    rn_sort(unit->export_order, count, sizeof(uint64_t), compare_places);
    for (uint32_t i = 0; i < count; i++) {
        struct rn_utf8 name = rn_unit_string_at(&unit->unit, unit->unit.exports[i].name);
        unit->export_names[i] = rn_strndup(name.data, name.size);
        if (!unit->export_names[i]) {
            return rn_fail_plain(error, RN_E_NO_MEMORY);
        }
    }
    return RUNE_OK;
}

rune_status rn_unit_publish(uint8_t *image, size_t size, uint8_t *debug_bytes, size_t debug_size,
                            bool check_id, rune_unit **out_unit, rune_error **error)
{
    rune_unit *unit = rn_alloc(sizeof(*unit));
    if (!unit) {
        rn_free(debug_bytes);
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    atomic_init(&unit->refs, 1);
    unit->segment.fd = -1;
    unit->debug_bytes = debug_bytes;
    unit->debug_size = debug_bytes ? debug_size : 0;
    rune_status status = set_id(unit, image, size, check_id, error);
    if (status == RUNE_OK) {
        status = seal_and_verify(unit, image, size, error);
    }
    if (status == RUNE_OK) {
        status = open_debug(unit, check_id, error);
    }
    if (status == RUNE_OK) {
        status = copy_names(unit, error);
    }
    if (status != RUNE_OK) {
        free_unit(unit);
        return status;
    }
    rn_probe_unit_publish(unit->id_text, size);
    *out_unit = unit;
    return RUNE_OK;
}

/* Files */

static rune_status split_file(const void *data, size_t size, const uint8_t **out_image,
                              uint32_t *out_image_size, const uint8_t **out_debug,
                              uint64_t *out_debug_size, rune_error **error)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, data, size);
    const uint8_t *magic = rn_cursor_bytes(&cursor, 8);
    uint32_t version = rn_cursor_u32(&cursor);
    *out_image_size = rn_cursor_u32(&cursor);
    *out_debug_size = rn_cursor_u64(&cursor);
    if (rn_cursor_status(&cursor) != RN_OK || memcmp(magic, FILE_MAGIC, 8) != 0) {
        return rn_fail(error, RUNE_E_UNIT_INVALID,
                       "not a .rnu file (`runeward compile` makes them)");
    }
    if (version != FILE_VERSION) {
        return rn_fail(error, RUNE_E_UNIT_VERSION, "a .rnu file of version %u, not %u", version,
                       FILE_VERSION);
    }
    *out_image = rn_cursor_bytes(&cursor, *out_image_size);
    size_t left = rn_cursor_left(&cursor);
    if (rn_cursor_status(&cursor) != RN_OK || left != *out_debug_size) {
        return rn_fail(error, RUNE_E_UNIT_INVALID, "the .rnu file is not complete");
    }
    *out_debug = rn_cursor_bytes(&cursor, left);
    return RUNE_OK;
}

rune_status rune_unit_load(const void *data, size_t size, rune_unit **out_unit, rune_error **error)
{
    const uint8_t *image = NULL;
    const uint8_t *debug = NULL;
    uint32_t image_size = 0;
    uint64_t debug_size = 0;
    if (sodium_init() < 0) {
        return rn_fail_plain(error, RN_E_INTERNAL);
    }
    rune_status status = split_file(data, size, &image, &image_size, &debug, &debug_size, error);
    if (status != RUNE_OK) {
        return status;
    }
    if (image_size > RN_IMAGE_SIZE_MAX || debug_size > RN_DEBUG_SIZE_MAX) {
        return rn_fail_plain(error, RN_E_TOO_LARGE);
    }
    RN_AUTO_FREE char *image_copy = rn_strndup((const char *)image, image_size);
    char *debug_copy = debug_size > 0 ? rn_strndup((const char *)debug, (size_t)debug_size) : NULL;
    if (!image_copy || (debug_size > 0 && !debug_copy)) {
        rn_free(debug_copy);
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    return rn_unit_publish((uint8_t *)image_copy, image_size, (uint8_t *)debug_copy,
                           (size_t)debug_size, true, out_unit, error);
}

enum rn_error rn_read_fd(int fd, size_t max, struct rn_buf *out)
{
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return RN_E_SYSTEM;
    }
    if (!S_ISREG(about.st_mode)) {
        return RN_E_NOT_FOUND;
    }
    rn_buf_init(out, max + READ_STEP);
    for (;;) {
        uint8_t *room = rn_buf_reserve(out, READ_STEP);
        if (!room) {
            return RN_E_NO_MEMORY;
        }
        ssize_t got = read(fd, room, READ_STEP);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return RN_E_SYSTEM;
        }
        rn_buf_commit(out, (size_t)got);
        if (out->size > max) {
            return RN_E_TOO_LARGE;
        }
        if (got == 0) {
            return RN_OK;
        }
    }
}

/* What the path is to blame for, and not the state of the host program. */
static rune_status refuse_path(rune_error **error, const char *path, int why)
{
    switch (why) {
    case ENOENT:
        return rn_fail(error, RUNE_E_NOT_FOUND, "%s: %s", path, strerrordesc_np(why));
    case EACCES:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR:
    case ENXIO:
        return rn_fail_reason(error, RUNE_E_SYSTEM, RUNE_REASON_NO_INPUT, "not_readable", "%s: %s",
                              path, strerrordesc_np(why));
    default:
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(why));
    }
}

rune_status rn_read_file(const char *path, size_t max, struct rn_buf *out, rune_error **error)
{
    RN_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return refuse_path(error, path, errno);
    }
    enum rn_error failed = rn_read_fd(fd, max, out);
    switch ((int)failed) {
    case RN_OK:
        return RUNE_OK;
    case RN_E_NOT_FOUND:
        return rn_fail_reason(error, RUNE_E_SYSTEM, RUNE_REASON_NO_INPUT, "not_a_file",
                              "%s: not a regular file", path);
    case RN_E_SYSTEM:
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    case RN_E_TOO_LARGE:
        return rn_fail(error, RUNE_E_TOO_LARGE, "%s: larger than %zu bytes", path, max);
    default:
        return rn_fail_plain(error, failed);
    }
}

rune_status rune_unit_load_file(const char *path, rune_unit **out_unit, rune_error **error)
{
    if (!path) {
        return rn_fail_null(error, "path");
    }
    RN_AUTO(rn_buf) struct rn_buf bytes = {.data = NULL};
    rune_status status = rn_read_file(path, FILE_SIZE_MAX, &bytes, error);
    return status == RUNE_OK ? rune_unit_load(bytes.data, bytes.size, out_unit, error) : status;
}

void rn_unit_append_file(const rune_unit *unit, struct rn_buf *out)
{
    rn_buf_append(out, FILE_MAGIC, 8);
    rn_buf_append_u32(out, FILE_VERSION);
    rn_buf_append_u32(out, (uint32_t)unit->segment.size);
    rn_buf_append_u64(out, unit->debug_size);
    rn_buf_append(out, unit->segment.data, unit->segment.size);
    rn_buf_append(out, unit->debug_bytes, unit->debug_size);
}

rune_status rune_unit_save(const rune_unit *unit, rune_text **out_bytes, rune_error **error)
{
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, FILE_SIZE_MAX + 1);
    rn_unit_append_file(unit, &out);
    rune_status status = rn_text_take(&out, out_bytes);
    return status == RUNE_OK ? RUNE_OK : rn_fail_plain(error, (enum rn_error)status);
}

rune_status rune_unit_save_file(const rune_unit *unit, const char *path, rune_error **error)
{
    if (!unit || !path) {
        return rn_fail_null(error, unit ? "path" : "unit");
    }
    rune_text *bytes;
    rune_status status = rune_unit_save(unit, &bytes, error);
    if (status != RUNE_OK) {
        return status;
    }
    bool good = rn_whole_file(path, rune_text_data(bytes), rune_text_size(bytes), 0666);
    int why = errno;
    rune_text_free(bytes);
    return good ? RUNE_OK : rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(why));
}

/* Reading */

const uint8_t *rune_unit_id(const rune_unit *unit)
{
    return unit->id;
}

const char *rune_unit_id_text(const rune_unit *unit)
{
    return unit->id_text;
}

const void *rune_unit_image(const rune_unit *unit, size_t *out_size)
{
    *out_size = unit->segment.size;
    return unit->segment.data;
}

const void *rune_unit_debug(const rune_unit *unit, size_t *out_size)
{
    *out_size = unit->debug_size;
    return unit->debug_bytes;
}

size_t rune_unit_export_count(const rune_unit *unit)
{
    return unit->unit.counts[RN_SECTION_EXPORTS];
}

bool rune_unit_export(const rune_unit *unit, size_t index, rune_export *out_export)
{
    if (index >= unit->unit.counts[RN_SECTION_EXPORTS]) {
        return false;
    }
    uint32_t place = (uint32_t)unit->export_order[index];
    const struct rn_unit_function *function =
        &unit->unit.functions[unit->unit.exports[place].function];
    *out_export = (rune_export){
        .item = unit->export_names[place],
        .arity = function->arg_count,
        .is_async = function->kind == RN_FUNCTION_ASYNC || function->kind == RN_FUNCTION_STREAM,
        .is_generator =
            function->kind == RN_FUNCTION_GENERATOR || function->kind == RN_FUNCTION_STREAM,
        .is_test = (function->flags & RN_FUNCTION_TEST) != 0,
        .is_bench = (function->flags & RN_FUNCTION_BENCH) != 0,
    };
    return true;
}

bool rune_unit_has(const rune_unit *unit, const char *item)
{
    if (!unit || !item) {
        return false;
    }
    size_t size = strlen(item);
    if (size == 0) {
        return unit->unit.header->main_function != RN_NONE;
    }
    return rn_unit_find_export(&unit->unit, rn_hash_item(item, size)) != RN_NONE;
}

static const struct rn_unit_type *find_type(const rune_unit *unit, uint64_t hash)
{
    for (uint32_t i = 0; unit && i < unit->unit.counts[RN_SECTION_TYPES]; i++) {
        const struct rn_unit_type *type = &unit->unit.types[i];
        if (type->hash == hash && type->kind != RN_TYPE_EXTERNAL) {
            return type;
        }
    }
    return NULL;
}

bool rune_unit_type_item(const rune_unit *unit, uint64_t hash, const char **out_data,
                         size_t *out_size)
{
    const struct rn_unit_type *type = find_type(unit, hash);
    if (!type) {
        return false;
    }
    struct rn_utf8 name = rn_unit_string_at(&unit->unit, type->name);
    *out_data = name.data;
    *out_size = name.size;
    return true;
}

bool rune_unit_field(const rune_unit *unit, uint64_t hash, size_t index, const char **out_data,
                     size_t *out_size)
{
    const struct rn_unit_type *type = find_type(unit, hash);
    if (!type || type->fields == RN_NONE || index >= type->field_count) {
        return false;
    }
    struct rn_utf8 name = rn_unit_string_at(&unit->unit, unit->unit.names[type->fields + index]);
    *out_data = name.data;
    *out_size = name.size;
    return true;
}

/* The export that comes next after `name` in the alphabet, or NULL. */
static const char *next_export(const rune_unit *unit, const char *name)
{
    const char *next = NULL;
    for (uint32_t i = 0; i < unit->unit.counts[RN_SECTION_EXPORTS]; i++) {
        const char *other = unit->export_names[i];
        if (strcmp(other, name) > 0 && (!next || strcmp(other, next) < 0)) {
            next = other;
        }
    }
    return next;
}

static void append_exports(const rune_unit *unit, struct rn_buf *out)
{
    uint32_t left = unit->unit.counts[RN_SECTION_EXPORTS];
    const char *before = left == 1 ? "; there is " : "; there are ";
    for (const char *name = next_export(unit, ""); name; name = next_export(unit, name)) {
        if (out->size + strlen(name) + 64 > out->max) {
            rn_buf_append_format(out, "%s%u more", before, left);
            return;
        }
        rn_buf_append_format(out, "%s`%s`", before, name);
        before = --left == 1 ? " and " : ", ";
    }
}

rune_status rn_unit_fail_missing(const rune_unit *unit, const char *item, rune_error **error)
{
    char storage[NAMES_SIZE] = "";
    struct rn_buf names;
    rn_buf_init_fixed(&names, storage, sizeof(storage));
    if (unit->unit.counts[RN_SECTION_EXPORTS] <= NAMED_MAX) {
        append_exports(unit, &names);
    }
    return rn_fail_reason(error, RUNE_E_NOT_FOUND, RUNE_REASON_USAGE, "no_item",
                          item[0] ? "there is no public function `%s`%.*s"
                                  : "there is no script body%s%.*s",
                          item, (int)names.size, storage);
}

rune_unit *rune_unit_ref(rune_unit *unit)
{
    if (unit) {
        atomic_fetch_add_explicit(&unit->refs, 1, memory_order_relaxed);
    }
    return unit;
}

void rune_unit_unref(rune_unit *unit)
{
    if (unit && atomic_fetch_sub_explicit(&unit->refs, 1, memory_order_acq_rel) == 1) {
        free_unit(unit);
    }
}
