/*
 * quantity.h: numbers with units, as people write them.
 */
#ifndef RN_CLI_QUANTITY_H
#define RN_CLI_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rn_quantity {
    RN_QUANTITY_COUNT, /* 500, 500k, 2M, 1G: powers of 1,000; underscores may part digits */
    RN_QUANTITY_SIZE,  /* bytes; 64K, 64M, 1G, and KiB, MiB, GiB: powers of 1,024 */
    RN_QUANTITY_TIME,  /* 2s, 1.5s, 500ms, 10us, 100ns, 1m, 1h: nanoseconds */
};

/* False when the text is not such a quantity, or does not fit. */
bool rn_quantity_parse(const char *text, enum rn_quantity kind, uint64_t *out_value);

/* The shortest way to write the value exactly, in `buffer`, which is returned. */
const char *rn_quantity_format(uint64_t value, enum rn_quantity kind, char *buffer, size_t size);

/* With its zero byte. */
#define RN_QUANTITY_GROUPED_MAX 28u
/* With a comma before each three digits, somewhere in `room`. */
const char *rn_quantity_group(uint64_t value, char room[RN_QUANTITY_GROUPED_MAX]);

#endif
