/* quantity.c: parsing and writing numbers with units. */
#include "cli/quantity.h"

#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

// The first of equal factors is the one that is written.
static const struct unit count_units[] = {
    {"", 1}, {"k", 1000}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0},
};
static const struct unit size_units[] = {
    {"", 1},         {"B", 1},          {"K", 1u << 10}, {"KiB", 1u << 10}, {"k", 1u << 10},
    {"M", 1u << 20}, {"MiB", 1u << 20}, {"G", 1u << 30}, {"GiB", 1u << 30}, {NULL, 0},
};
static const struct unit time_units[] = {
    {"ns", 1},          {"us", 1000},         {"ms", 1000000},      {"s", 1000000000},
    {"m", 60000000000}, {"min", 60000000000}, {"h", 3600000000000}, {NULL, 0},
};

static const struct unit *units_of(enum rn_quantity kind)
{
    if (kind == RN_QUANTITY_TIME) {
        return time_units;
    }
    return kind == RN_QUANTITY_SIZE ? size_units : count_units;
}

static const struct unit *find_unit(enum rn_quantity kind, const char *name)
{
    for (const struct unit *unit = units_of(kind); unit->name != NULL; unit++) {
        if (strcmp(unit->name, name) == 0) {
            return unit;
        }
    }
    return NULL;
}

struct decimal {
    uint64_t digits;  /* without the point */
    uint64_t divisor; /* a power of ten */
    size_t count;
};

static bool read_decimal(const char **text, struct decimal *decimal)
{
    bool behind_point = false;
    *decimal = (struct decimal){.divisor = 1};
    for (const char *at = *text;; at++) {
        *text = at;
        if (*at == '.' && !behind_point && decimal->count > 0) {
            behind_point = true;
            continue;
        }
        if (*at == '_' && decimal->count > 0) {
            continue;
        }
        if (*at < '0' || *at > '9') {
            return decimal->count > 0;
        }
        unsigned digit = (unsigned)(*at - '0');
        if (__builtin_mul_overflow(decimal->digits, UINT64_C(10), &decimal->digits) ||
            __builtin_add_overflow(decimal->digits, (uint64_t)digit, &decimal->digits) ||
            (behind_point &&
             __builtin_mul_overflow(decimal->divisor, UINT64_C(10), &decimal->divisor))) {
            return false;
        }
        decimal->count++;
    }
}

bool rn_quantity_parse(const char *text, enum rn_quantity kind, uint64_t *out_value)
{
    struct decimal decimal;
    uint64_t product;
    if (!read_decimal(&text, &decimal)) {
        return false;
    }
    const struct unit *unit = find_unit(kind, text);
    if (unit == NULL || __builtin_mul_overflow(decimal.digits, unit->factor, &product) ||
        product % decimal.divisor != 0) {
        return false;
    }
    *out_value = product / decimal.divisor;
    return true;
}

const char *rn_quantity_format(uint64_t value, enum rn_quantity kind, char *buffer, size_t size)
{
    const struct unit *best = units_of(kind);
    for (const struct unit *unit = best; unit->name != NULL; unit++) {
        if (value != 0 && value % unit->factor == 0 && unit->factor > best->factor) {
            best = unit;
        }
    }
    snprintf(buffer, size, "%llu%s", (unsigned long long)(value / best->factor), best->name);
    return buffer;
}

const char *rn_quantity_group(uint64_t value, char room[RN_QUANTITY_GROUPED_MAX])
{
    char *at = room + RN_QUANTITY_GROUPED_MAX - 1;
    *at = 0;
    for (unsigned digits = 0; digits == 0 || value > 0; digits++) {
        if (digits > 0 && digits % 3 == 0) {
            *--at = ',';
        }
        *--at = (char)('0' + value % 10);
        value /= 10;
    }
    return at;
}
