/*
 * cache.h: Units kept on disk from build to build.
 *
 *      root key = hash(compiler, options, domain, context and statics, root source)
 *          <root key>.inputs    which modules the last build with that root asked for
 *      key      = hash(root key, each of those modules as it is now)
 *          <key>.unit           diagnostics and the Unit
 *
 * A build is a function of what goes into the key, so a Unit found under it is what the build would
 * give. It is verified like any other; an entry that is damaged, or belongs to another key, is
 * removed and built again. Entries are written to a temporary file and renamed; the oldest go when
 * the folder holds more than it may. Several processes may share a folder.
 *
 * The folder must belong to the user of this process and be writable by nobody else: an entry
 * written by a stranger would pass the verifier and still be another program.
 *
 * Trust: reads files that may be damaged.
 */
#ifndef RN_SUPERVISOR_CACHE_H
#define RN_SUPERVISOR_CACHE_H

#include "supervisor/build.h"

/* Entries of a folder, beyond which the oldest go. */
#define RN_CACHE_ENTRIES_MAX 4096u

/* One look-up and what it learnt. */
struct rn_cache {
    int directory_fd;
    uint64_t bytes_max;
    uint8_t root_key[RN_DIGEST_SIZE];
};
typedef struct rn_cache rn_cache;

/*
 * Opens (makes, with mode 0700) the folder of the request's options and hashes what is known before
 * the build. `compiler` is the digest of the compiler program. DENIED: the folder is not this
 * user's alone. SYSTEM, NO_MEMORY.
 */
enum rn_error rn_cache_open(struct rn_cache *cache, const struct rn_build_request *request,
                            const uint8_t compiler[RN_DIGEST_SIZE]) RN_MUST_CHECK;
/* The folder alone, of those options: whether rn_cache_open would take it. */
enum rn_error rn_cache_check(const char *path) RN_MUST_CHECK;
void rn_cache_done(struct rn_cache *cache);

/* True: the Unit and its diagnostics are there; `inputs` (empty before) is filled in. Reads the
 * modules through the request's sources. */
bool rn_cache_find(const struct rn_cache *cache, const struct rn_build_request *request,
                   struct rn_inputs *inputs, rune_unit **out_unit);

/* Keeps the result of a build. What cannot be kept is not: nothing depends on it. */
void rn_cache_store(const struct rn_cache *cache, const struct rn_inputs *inputs,
                    const void *diagnostics, size_t diagnostics_size, const rune_unit *unit);

#endif
