/*
 * store.h: storage for what lives and ends together: pages that are handed out from their start.
 */
#ifndef RN_CLI_STORE_H
#define RN_CLI_STORE_H

#include "cli/bytes.h"

/* All zero is empty. */
struct rn_store {
    struct rn_bytes pages; /* where each piece of storage begins, for the end */
    char *next;
    size_t left;
};

/* `size` bytes of zeros, aligned for anything; NULL without memory. */
void *rn_store_take(struct rn_store *store, size_t size);
/* A copy with a zero byte behind it; NULL without memory. */
char *rn_store_copy(struct rn_store *store, const char *data, size_t size);
void rn_store_done(struct rn_store *store);

#endif
