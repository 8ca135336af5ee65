/* store.c: mappings of a megabyte, and larger ones for what is larger. */
#include "cli/store.h"

#include <string.h>
#include <sys/mman.h>

#define PAGE_SIZE ((size_t)1 << 20)

struct page {
    void *start;
    size_t size;
};

static bool add_page(struct rn_store *store, size_t size)
{
    struct page page = {.size = size > PAGE_SIZE ? size : PAGE_SIZE};
    page.start = mmap(NULL, page.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page.start == MAP_FAILED) {
        return false;
    }
    if (!rn_bytes_append(&store->pages, (const char *)&page, sizeof page)) {
        munmap(page.start, page.size);
        return false;
    }
    store->next = page.start;
    store->left = page.size;
    return true;
}

void *rn_store_take(struct rn_store *store, size_t size)
{
    size_t rounded;
    if (__builtin_add_overflow(size, (size_t)15, &rounded)) {
        return NULL;
    }
    rounded &= ~(size_t)15;
    if (rounded > store->left && !add_page(store, rounded)) {
        return NULL;
    }
    void *block = store->next;
    store->next += rounded;
    store->left -= rounded;
    return block;
}

char *rn_store_copy(struct rn_store *store, const char *data, size_t size)
{
    char *copy = rn_store_take(store, size + 1);
    if (copy != NULL && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

void rn_store_done(struct rn_store *store)
{
    const struct page *pages = (const struct page *)(const void *)store->pages.data;
    for (size_t i = 0; i < store->pages.size / sizeof *pages; i++) {
        munmap(pages[i].start, pages[i].size);
    }
    rn_bytes_done(&store->pages);
    *store = (struct rn_store){.left = 0};
}
