/* index.c: lines to tables. Trust: see index.h. */
#include "cli/lsp/index.h"

#include "cli/members.h"

#include <stdlib.h>
#include <string.h>

#define MEANTS_MAX ((size_t)4 << 20)
/* Beyond what the texts may declare, and the sources that there are: for what is not in them. */
#define MEANTS_MORE ((size_t)16 << 10)
#define SOURCES_MORE 16u

struct reading {
    const struct rn_lsp_texts *texts;
    struct rn_lsp_index *index;
};

const struct rn_lsp_meant *rn_lsp_meant_at(const struct rn_lsp_index *index, size_t at)
{
    return (const struct rn_lsp_meant *)(const void *)index->meants.data + at;
}

const struct rn_lsp_use *rn_lsp_use_at(const struct rn_lsp_index *index, size_t at)
{
    return (const struct rn_lsp_use *)(const void *)index->uses.data + at;
}

void rn_lsp_index_done(struct rn_lsp_index *index)
{
    rn_store_done(&index->store);
    rn_bytes_done(&index->sources);
    rn_bytes_done(&index->meants);
    rn_bytes_done(&index->uses);
    *index = (struct rn_lsp_index){.use_count = 0};
}

/* ---- Sources ---- */

static rune_status read_source(struct reading *reading, const rune_const_value *name)
{
    const char *data = "";
    size_t size = 0;
    size_t known = reading->index->sources.size / sizeof(uint32_t);
    if (!rune_value_get_string(name, &data, &size) ||
        known >= reading->texts->count + SOURCES_MORE) {
        return RUNE_E_MESSAGE_INVALID;
    }
    size_t index = rn_lsp_texts_index(reading->texts, data, size);
    uint32_t found = index == SIZE_MAX ? UINT32_MAX : (uint32_t)index;
    return rn_bytes_append(&reading->index->sources, (const char *)&found, sizeof found)
               ? RUNE_OK
               : RUNE_E_NO_MEMORY;
}

/* Number of a text for that of the compiler; UINT32_MAX: of none that is known. */
static bool find_source(const struct reading *reading, long long number, uint32_t *out_source)
{
    const struct rn_bytes *sources = &reading->index->sources;
    if (number < 0 || (size_t)number >= sources->size / sizeof(uint32_t)) {
        return false;
    }
    *out_source = ((const uint32_t *)(const void *)sources->data)[number];
    return true;
}

/* ---- What is meant ---- */

static const char *const kinds[RN_LSP_KIND_COUNT] = {"module", "function", "method",  "struct",
                                                     "enum",   "variant",  "field",   "const",
                                                     "static", "local",    "library", "member"};

static enum rn_lsp_kind kind_of(const rune_const_value *row)
{
    char word[16];
    rn_member_text(row, "kind", word, sizeof word);
    unsigned kind = 0;
    while (kind < RN_LSP_KIND_COUNT && strcmp(kinds[kind], word) != 0) {
        kind++;
    }
    return (enum rn_lsp_kind)kind;
}

/* "" where it is missing. A zero byte inside becomes a space. */
static const char *text_of(struct reading *reading, const rune_const_value *row, const char *key,
                           bool *good)
{
    rune_const_value *value = rune_value_get(row, key);
    const char *data = "";
    size_t size = 0;
    (void)rune_value_get_string(value, &data, &size);
    char *copy = rn_store_copy(&reading->index->store, data, size);
    for (size_t i = 0; copy != NULL && i < size; i++) {
        copy[i] = copy[i] == 0 ? ' ' : copy[i];
    }
    *good = *good && copy != NULL;
    rune_value_unref(value);
    return copy;
}

static long long number_at(const rune_const_value *list, size_t index)
{
    int64_t number = -1;
    rune_const_value *value = rune_value_at(list, index);
    (void)rune_value_get_i64(value, &number);
    rune_value_unref(value);
    return number;
}

/* A pair of bytes that is one of the text. */
static bool pair_of(const struct reading *reading, const rune_const_value *row, const char *key,
                    uint32_t source, uint32_t *out_start, uint32_t *out_end)
{
    rune_const_value *pair = rune_value_get(row, key);
    long long start = number_at(pair, 0);
    long long end = number_at(pair, 1);
    rune_value_unref(pair);
    size_t size = source == UINT32_MAX ? UINT32_MAX : rn_lsp_texts_at(reading->texts, source)->size;
    if (start < 0 || end < start || (unsigned long long)end > size) {
        return false;
    }
    *out_start = (uint32_t)start;
    *out_end = (uint32_t)end;
    return true;
}

static bool place_of(const struct reading *reading, const rune_const_value *row,
                     struct rn_lsp_meant *meant)
{
    rune_const_value *source = rune_value_get(row, "source");
    int64_t number = -1;
    (void)rune_value_get_i64(source, &number);
    rune_value_unref(source);
    if (!find_source(reading, number, &meant->source) ||
        !pair_of(reading, row, "at", meant->source, &meant->start, &meant->end)) {
        return false;
    }
    if (meant->kind != RN_LSP_LOCAL) {
        return pair_of(reading, row, "whole", meant->source, &meant->whole_start,
                       &meant->whole_end);
    }
    long long until = rn_member_number(row, "until");
    meant->whole_start = meant->start;
    meant->whole_end = until < 0 || until > UINT32_MAX ? 0 : (uint32_t)until;
    return true;
}

/* Nothing is declared, or named, in less than a byte. */
static bool has_room(const struct reading *reading)
{
    size_t most = reading->texts->size + MEANTS_MORE;
    return reading->index->meant_count < (most < MEANTS_MAX ? most : MEANTS_MAX);
}

static rune_status read_meant(struct reading *reading, const rune_const_value *row)
{
    struct rn_lsp_meant meant = {.kind = kind_of(row), .source = UINT32_MAX};
    bool good = true;
    if (meant.kind == RN_LSP_KIND_COUNT || !has_room(reading) ||
        (meant.kind <= RN_LSP_LOCAL && !place_of(reading, row, &meant))) {
        return RUNE_E_MESSAGE_INVALID;
    }
    meant.path = text_of(reading, row, "path", &good);
    meant.name = text_of(reading, row, "name", &good);
    meant.signature = text_of(reading, row, "signature", &good);
    meant.docs = text_of(reading, row, "docs", &good);
    good = good && rn_bytes_append(&reading->index->meants, (const char *)&meant, sizeof meant);
    reading->index->meant_count += good;
    return good ? RUNE_OK : RUNE_E_NO_MEMORY;
}

/* ---- Uses ---- */

static rune_status add_use(struct reading *reading, const struct rn_lsp_use *use)
{
    struct rn_lsp_index *index = reading->index;
    if (use->source == UINT32_MAX || use->end <= use->start) {
        return RUNE_OK; // nobody can point at it
    }
    bool good = rn_bytes_append(&index->uses, (const char *)use, sizeof *use);
    index->use_count += good;
    return good ? RUNE_OK : RUNE_E_NO_MEMORY;
}

/* Source, start, end, meant. */
static rune_status read_use(struct reading *reading, const int64_t row[4])
{
    struct rn_lsp_use use = {.source = UINT32_MAX};
    if (!find_source(reading, row[0], &use.source)) {
        return RUNE_E_MESSAGE_INVALID;
    }
    size_t size =
        use.source == UINT32_MAX ? UINT32_MAX : rn_lsp_texts_at(reading->texts, use.source)->size;
    if (row[1] < 0 || row[2] < row[1] || (uint64_t)row[2] > size || row[3] < 0 ||
        (uint64_t)row[3] >= reading->index->meant_count) {
        return RUNE_E_MESSAGE_INVALID;
    }
    use.start = (uint32_t)row[1];
    use.end = (uint32_t)row[2];
    use.meant = (uint32_t)row[3];
    const struct rn_lsp_meant *meant = rn_lsp_meant_at(reading->index, use.meant);
    use.declares = meant->source == use.source && meant->start == use.start;
    return add_use(reading, &use);
}

static rune_status read_uses(struct reading *reading, const rune_const_value *list)
{
    rune_status status = RUNE_OK;
    rune_const_value *value;
    rune_value_iter at;
    int64_t row[4];
    unsigned filled = 0;
    rune_value_iter_init(&at, list);
    while (status == RUNE_OK && rune_value_iter_next(&at, &value) == RUNE_OK) {
        bool is_number = rune_value_get_i64(value, &row[filled]);
        filled = (filled + 1) % 4;
        status = !is_number    ? RUNE_E_MESSAGE_INVALID
                 : filled == 0 ? read_use(reading, row)
                               : RUNE_OK;
        rune_value_unref(value);
    }
    return filled == 0 || status != RUNE_OK ? status : RUNE_E_MESSAGE_INVALID;
}

/* Names where they are declared are uses, too; those of variables are there already. */
static rune_status add_declarations(struct reading *reading)
{
    rune_status status = RUNE_OK;
    for (size_t i = 0; i < reading->index->meant_count && status == RUNE_OK; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(reading->index, i);
        if (meant->kind < RN_LSP_LOCAL) {
            struct rn_lsp_use use = {meant->source, meant->start, meant->end, (uint32_t)i, true};
            status = add_use(reading, &use);
        }
    }
    return status;
}

static int by_place(const void *a, const void *b)
{
    const struct rn_lsp_use *x = a;
    const struct rn_lsp_use *y = b;
    if (x->source != y->source) {
        return x->source < y->source ? -1 : 1;
    }
    return x->start < y->start ? -1 : x->start > y->start;
}

/* ---- The whole ---- */

static rune_status read_row(struct reading *reading, const rune_const_value *row)
{
    rune_const_value *kind = rune_value_get(row, "kind");
    rune_const_value *uses = rune_value_get(row, "uses");
    rune_const_value *source = rune_value_get(row, "source");
    rune_status status = kind != NULL   ? read_meant(reading, row)
                         : uses != NULL ? read_uses(reading, uses)
                                        : read_source(reading, source);
    rune_value_unref(source);
    rune_value_unref(uses);
    rune_value_unref(kind);
    return status;
}

static rune_status read_line(struct reading *reading, const char *line, size_t size)
{
    rune_const_value *row = NULL;
    rune_status status = rune_value_from_json(line, size, &row, NULL);
    status = status == RUNE_OK ? read_row(reading, row) : status;
    rune_value_unref(row);
    return status;
}

rune_status rn_lsp_index_parse(const char *text, size_t size, const struct rn_lsp_texts *texts,
                               struct rn_lsp_index *out_index)
{
    struct rn_lsp_index index = {.use_count = 0};
    struct reading reading = {.texts = texts, .index = &index};
    rune_status status = RUNE_OK;
    while (size > 0 && status == RUNE_OK) {
        const char *end = memchr(text, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - text);
        status = read_line(&reading, text, line);
        line += end != NULL;
        text += line;
        size -= line;
    }
    status = status == RUNE_OK ? add_declarations(&reading) : status;
    if (status != RUNE_OK) {
        rn_lsp_index_done(&index);
        return status;
    }
    if (index.use_count > 0) {
        qsort(index.uses.data, index.use_count, sizeof(struct rn_lsp_use), by_place);
    }
    *out_index = index;
    return RUNE_OK;
}

const struct rn_lsp_use *rn_lsp_index_find(const struct rn_lsp_index *index, size_t source,
                                           size_t offset)
{
    size_t low = 0;
    size_t high = index->use_count;
    while (low < high) { // the first that begins behind the place
        size_t middle = low + (high - low) / 2;
        const struct rn_lsp_use *use = rn_lsp_use_at(index, middle);
        if (use->source < source || (use->source == source && use->start <= offset)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct rn_lsp_use *before = low == 0 ? NULL : rn_lsp_use_at(index, low - 1);
    return before != NULL && before->source == source && offset <= before->end ? before : NULL;
}
