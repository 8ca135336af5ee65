/* sort.c: heapsort. */
#include "base/sort.h"

#include <string.h>

struct run {
    uint8_t *elements;
    size_t size;
    int (*compare)(const void *, const void *);
};

static uint8_t *at(const struct run *run, size_t index)
{
    return run->elements + index * run->size;
}

static void swap(const struct run *run, size_t i, size_t j)
{
    uint8_t kept[RN_SORT_ELEMENT_MAX];
    memcpy(kept, at(run, i), run->size);
    memcpy(at(run, i), at(run, j), run->size);
    memcpy(at(run, j), kept, run->size);
}

static void sift_down(const struct run *run, size_t root, size_t count)
{
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && run->compare(at(run, child), at(run, child + 1)) < 0) {
            child++;
        }
        if (run->compare(at(run, root), at(run, child)) >= 0) {
            return;
        }
        swap(run, root, child);
        root = child;
    }
}

void rn_sort(void *elements, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    RN_CHECK(size <= RN_SORT_ELEMENT_MAX);
    struct run run = {.elements = elements, .size = size, .compare = compare};
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(&run, i, count);
    }
    for (size_t end = count; end > 1; end--) {
        swap(&run, 0, end - 1);
        sift_down(&run, 0, end - 1);
    }
}
