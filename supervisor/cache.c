/*
 * cache.c: Units kept on disk. Trust: see cache.h.
 *
 *      <root key>.inputs   | checksum 32 | root key 32 | item 0 item 0 ... |
 *      <key>.unit          | checksum 32 | key 32 | diagnostics size 32 | diagnostics | .rnu |
 *
 * The checksum is BLAKE2b-256 over all that follows it.
 */
#include "supervisor/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/sort.h"
#include "bytecode/unit.h"
#include "shm/fd.h"
#include "shm/message.h"
#include "supervisor/diagnostics.h"
#include "supervisor/statics.h"
#include "supervisor/unit.h"
#include "supervisor/whole_file.h"

#define KEY_FORMAT 1u /* changes with the layout above */
#define INPUTS_ENDING ".inputs"
#define UNIT_ENDING ".unit"
#define NAME_SIZE (2 * RN_DIGEST_SIZE + 48)
#define INPUTS_SIZE_MAX ((size_t)RN_INPUTS_MAX * RN_NEED_BODY_MAX)
#define ENTRY_SIZE_MAX                                                                             \
    ((size_t)RN_IMAGE_BODY_MAX + RN_DEBUG_BODY_MAX + RN_DIAGNOSTICS_BODY_MAX + 4096)

/* Keys */

static void hash_bytes(crypto_generichash_state *state, const void *bytes, size_t size)
{
    uint64_t length = size;
    crypto_generichash_update(state, (const uint8_t *)&length, sizeof(length));
    if (size > 0) {
        crypto_generichash_update(state, bytes, size);
    }
}

static void hash_text(crypto_generichash_state *state, const char *text)
{
    hash_bytes(state, text ? text : "", text ? strlen(text) : 0);
}

static enum rn_error hash_root(struct rn_cache *cache, const struct rn_build_request *request,
                               const uint8_t compiler[RN_DIGEST_SIZE])
{
    RN_AUTO(rn_buf) struct rn_buf context;
    crypto_generichash_state state;
    const struct rn_source_text *root = &request->sources->texts[0];
    uint32_t numbers[] = {KEY_FORMAT, request->options->script};
    rn_buf_init(&context, RN_BUILD_BODY_MAX);
    RN_TRY(rn_statics_append(request->options->statics, request->context, &context));
    crypto_generichash_init(&state, NULL, 0, RN_DIGEST_SIZE);
    hash_bytes(&state, numbers, sizeof(numbers));
    hash_bytes(&state, compiler, RN_DIGEST_SIZE);
    hash_text(&state, request->options->domain);
    hash_bytes(&state, context.data, context.size);
    hash_text(&state, root->name);
    hash_bytes(&state, root->text, root->size);
    crypto_generichash_final(&state, cache->root_key, RN_DIGEST_SIZE);
    return RN_OK;
}

static void hash_inputs(const struct rn_cache *cache, const struct rn_inputs *inputs,
                        uint8_t out_key[RN_DIGEST_SIZE])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, RN_DIGEST_SIZE);
    hash_bytes(&state, cache->root_key, RN_DIGEST_SIZE);
    for (size_t i = 0; i < inputs->count; i++) {
        hash_text(&state, inputs->items[i].item);
        hash_bytes(&state, inputs->items[i].digest, RN_DIGEST_SIZE);
    }
    crypto_generichash_final(&state, out_key, RN_DIGEST_SIZE);
}

static void checksum_of(const struct rn_buf *out, uint8_t out_sum[RN_DIGEST_SIZE])
{
    crypto_generichash(out_sum, RN_DIGEST_SIZE, out->data + RN_DIGEST_SIZE,
                       out->size - RN_DIGEST_SIZE, NULL, 0);
}

static void name_of(const uint8_t key[RN_DIGEST_SIZE], const char *ending, char out_name[NAME_SIZE])
{
    sodium_bin2hex(out_name, NAME_SIZE, key, RN_DIGEST_SIZE);
    (void)snprintf(out_name + 2 * RN_DIGEST_SIZE, NAME_SIZE - 2 * RN_DIGEST_SIZE, "%s", ending);
}

/* The folder */

static enum rn_error check_own(int fd)
{
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return RN_E_SYSTEM;
    }
    bool own = S_ISDIR(about.st_mode) && about.st_uid == geteuid() && (about.st_mode & 022) == 0;
    return own ? RN_OK : RN_E_DENIED;
}

static enum rn_error open_own(const char *path, int *out_fd)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return RN_E_SYSTEM;
    }
    RN_AUTO_FD int fd = rn_fd_take_above_standard(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0) {
        return RN_E_SYSTEM;
    }
    RN_TRY(check_own(fd));
    *out_fd = RN_TAKE_FD(fd);
    return RN_OK;
}

enum rn_error rn_cache_check(const char *path)
{
    int fd;
    RN_TRY(open_own(path, &fd));
    rn_fd_close(fd);
    return RN_OK;
}

enum rn_error rn_cache_open(struct rn_cache *cache, const struct rn_build_request *request,
                            const uint8_t compiler[RN_DIGEST_SIZE])
{
    *cache = (struct rn_cache){.directory_fd = -1, .bytes_max = request->options->cache_bytes_max};
    RN_TRY(open_own(request->options->cache_directory, &cache->directory_fd));
    enum rn_error error = hash_root(cache, request, compiler);
    if (error != RN_OK) {
        rn_cache_done(cache);
    }
    return error;
}

void rn_cache_done(struct rn_cache *cache)
{
    rn_fd_close(RN_TAKE_FD(cache->directory_fd));
}

/* Reading: what is not whole, or belongs to another key, goes. */

static bool read_entry(const struct rn_cache *cache, const uint8_t key[RN_DIGEST_SIZE],
                       const char *ending, size_t max, struct rn_buf *out)
{
    char name[NAME_SIZE];
    uint8_t sum[RN_DIGEST_SIZE];
    name_of(key, ending, name);
    RN_AUTO_FD int fd = openat(cache->directory_fd, name,
                               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return false;
    }
    bool whole = rn_read_fd(fd, max, out) == RN_OK && out->size >= (size_t)2 * RN_DIGEST_SIZE;
    if (whole) {
        checksum_of(out, sum);
        whole = memcmp(sum, out->data, RN_DIGEST_SIZE) == 0 &&
                memcmp(key, out->data + RN_DIGEST_SIZE, RN_DIGEST_SIZE) == 0;
    }
    if (!whole) {
        (void)unlinkat(cache->directory_fd, name, 0);
        return false;
    }
    // What is used is young.
    (void)futimens(fd, NULL);
    return true;
}

static bool find_inputs(const struct rn_cache *cache, const rune_sources *sources,
                        struct rn_inputs *inputs)
{
    RN_AUTO(rn_buf) struct rn_buf bytes = {.data = NULL};
    if (!read_entry(cache, cache->root_key, INPUTS_ENDING, INPUTS_SIZE_MAX, &bytes)) {
        return false;
    }
    const char *at = (const char *)bytes.data + (size_t)2 * RN_DIGEST_SIZE;
    const char *end = (const char *)bytes.data + bytes.size;
    while (at < end) {
        size_t size = strnlen(at, (size_t)(end - at));
        if (at + size == end) {
            return false;
        }
        struct rune_loaded loaded = {.name = NULL};
        enum rn_error found = rn_sources_find(sources, at, &loaded);
        rn_inputs_add(inputs, at, found, &loaded);
        rn_loaded_done(&loaded);
        at += size + 1;
    }
    return !inputs->incomplete;
}

static rune_status load_entry(const struct rn_buf *entry, rune_diagnostics *diagnostics,
                              rune_unit **out_unit)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, entry->data, entry->size);
    (void)rn_cursor_bytes(&cursor, (size_t)2 * RN_DIGEST_SIZE);
    uint32_t said_size = rn_cursor_u32(&cursor);
    const uint8_t *said = rn_cursor_bytes(&cursor, said_size);
    size_t unit_size = rn_cursor_left(&cursor);
    const uint8_t *unit = rn_cursor_bytes(&cursor, unit_size);
    if (rn_cursor_status(&cursor) != RN_OK) {
        return RUNE_E_TRUNCATED;
    }
    if (diagnostics && rn_diagnostics_replace(diagnostics, said, said_size) != RN_OK) {
        return RUNE_E_NO_MEMORY;
    }
    return rune_unit_load(unit, unit_size, out_unit, NULL);
}

bool rn_cache_find(const struct rn_cache *cache, const struct rn_build_request *request,
                   struct rn_inputs *inputs, rune_unit **out_unit)
{
    RN_AUTO(rn_buf) struct rn_buf entry = {.data = NULL};
    uint8_t key[RN_DIGEST_SIZE];
    char name[NAME_SIZE];
    if (!find_inputs(cache, request->sources, inputs)) {
        return false;
    }
    hash_inputs(cache, inputs, key);
    if (!read_entry(cache, key, UNIT_ENDING, ENTRY_SIZE_MAX, &entry)) {
        return false;
    }
    rune_status status = load_entry(&entry, request->diagnostics, out_unit);
    if (status != RUNE_OK && status != RUNE_E_NO_MEMORY && status != RUNE_E_SYSTEM) {
        name_of(key, UNIT_ENDING, name);
        (void)unlinkat(cache->directory_fd, name, 0);
    }
    return status == RUNE_OK;
}

/* Writing */

/* Fills in the checksum and writes. */
static bool write_entry(const struct rn_cache *cache, const uint8_t key[RN_DIGEST_SIZE],
                        const char *ending, struct rn_buf *entry)
{
    char name[NAME_SIZE];
    if (rn_buf_status(entry) != RN_OK) {
        return false;
    }
    checksum_of(entry, entry->data);
    name_of(key, ending, name);
    return rn_whole_file_at(cache->directory_fd, name, entry->data, entry->size, 0600);
}

static void begin_entry(struct rn_buf *entry, const uint8_t key[RN_DIGEST_SIZE], size_t max)
{
    static const uint8_t no_sum[RN_DIGEST_SIZE];
    rn_buf_init(entry, max);
    rn_buf_append(entry, no_sum, RN_DIGEST_SIZE);
    rn_buf_append(entry, key, RN_DIGEST_SIZE);
}

static bool store_unit(const struct rn_cache *cache, const uint8_t key[RN_DIGEST_SIZE],
                       const void *diagnostics, size_t diagnostics_size, const rune_unit *unit)
{
    RN_AUTO(rn_buf) struct rn_buf entry;
    rune_text *bytes = NULL;
    begin_entry(&entry, key, ENTRY_SIZE_MAX);
    if (rune_unit_save(unit, &bytes, NULL) != RUNE_OK) {
        return false;
    }
    rn_buf_append_u32(&entry, (uint32_t)diagnostics_size);
    rn_buf_append(&entry, diagnostics, diagnostics_size);
    rn_buf_append(&entry, rune_text_data(bytes), rune_text_size(bytes));
    rune_text_free(bytes);
    return entry.size <= cache->bytes_max && write_entry(cache, key, UNIT_ENDING, &entry);
}

static bool store_inputs(const struct rn_cache *cache, const struct rn_inputs *inputs)
{
    RN_AUTO(rn_buf) struct rn_buf entry;
    begin_entry(&entry, cache->root_key, INPUTS_SIZE_MAX);
    for (size_t i = 0; i < inputs->count; i++) {
        rn_buf_append(&entry, inputs->items[i].item, strlen(inputs->items[i].item) + 1);
    }
    return write_entry(cache, cache->root_key, INPUTS_ENDING, &entry);
}

/* Making room */

struct kept {
    int64_t used_ns; /* when it was written or found last */
    uint64_t size;
    char name[NAME_SIZE];
};

struct listing {
    struct kept *entries;
    size_t count;
    uint64_t size;
};

static int older_first(const void *a, const void *b)
{
    const struct kept *const *left = a;
    const struct kept *const *right = b;
    return ((*left)->used_ns > (*right)->used_ns) - ((*left)->used_ns < (*right)->used_ns);
}

static bool ends_with(const char *name, const char *ending)
{
    size_t size = strlen(name);
    size_t tail = strlen(ending);
    return size >= tail && strcmp(name + size - tail, ending) == 0;
}

static void list_entry(const struct rn_cache *cache, struct listing *listing, const char *name)
{
    struct stat about;
    bool temporary = rn_whole_file_is_temporary(name);
    bool ours = temporary || ends_with(name, INPUTS_ENDING) || ends_with(name, UNIT_ENDING);
    size_t size = strlen(name) + 1;
    if (!ours || size > sizeof(listing->entries->name) ||
        fstatat(cache->directory_fd, name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
        return;
    }
    if (temporary) {
        if (rn_whole_file_is_left(&about)) {
            (void)unlinkat(cache->directory_fd, name, 0);
        }
        return;
    }
    struct kept *kept = &listing->entries[listing->count++];
    kept->used_ns = about.st_mtim.tv_sec * INT64_C(1000000000) + about.st_mtim.tv_nsec;
    kept->size = (uint64_t)about.st_size;
    memcpy(kept->name, name, size);
    listing->size += kept->size;
}

static void list_folder(const struct rn_cache *cache, struct listing *listing, size_t max)
{
    int fd = openat(cache->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        rn_fd_close(fd);
        return;
    }
    const struct dirent *entry;
    while (listing->count < max && (entry = readdir(folder)) != NULL) {
        list_entry(cache, listing, entry->d_name);
    }
    (void)closedir(folder);
}

static void remove_oldest(const struct rn_cache *cache, const struct listing *listing)
{
    struct kept **order = rn_alloc_array(listing->count, sizeof(*order));
    if (!order) {
        return;
    }
    for (size_t i = 0; i < listing->count; i++) {
        order[i] = &listing->entries[i];
    }
    // Pointers: the entries themselves are larger than what rn_sort moves.
    rn_sort(order, listing->count, sizeof(*order), older_first);
    uint64_t size = listing->size;
    size_t left = listing->count;
    for (size_t i = 0; i < listing->count; i++) {
        if (size <= cache->bytes_max && left <= RN_CACHE_ENTRIES_MAX) {
            break;
        }
        (void)unlinkat(cache->directory_fd, order[i]->name, 0);
        size -= order[i]->size;
        left--;
    }
    rn_free(order);
}

static void make_room(const struct rn_cache *cache)
{
    // A few more than may stay: one store adds two, and several processes may store at once.
    const size_t max = RN_CACHE_ENTRIES_MAX + 256u;
    struct listing listing = {.entries = rn_alloc_array(max, sizeof(*listing.entries))};
    if (!listing.entries) {
        return;
    }
    list_folder(cache, &listing, max);
    if (listing.size > cache->bytes_max || listing.count > RN_CACHE_ENTRIES_MAX) {
        remove_oldest(cache, &listing);
    }
    rn_free(listing.entries);
}

void rn_cache_store(const struct rn_cache *cache, const struct rn_inputs *inputs,
                    const void *diagnostics, size_t diagnostics_size, const rune_unit *unit)
{
    uint8_t key[RN_DIGEST_SIZE];
    if (inputs->incomplete) {
        return;
    }
    hash_inputs(cache, inputs, key);
    if (store_unit(cache, key, diagnostics, diagnostics_size, unit) &&
        store_inputs(cache, inputs)) {
        make_room(cache);
    }
}
