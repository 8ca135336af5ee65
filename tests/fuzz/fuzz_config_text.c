/* Any text as a file of defaults: reading ends, names and values are whole strings within the text, places are in it. */
#include "cli/config.h"
#include "cli/console.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Stands in for the console's, which would write to standard error.
void rn_console_complain(const char *format, ...)
{
    (void)format;
}

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void check_string(const struct rn_bytes *text, const char *string)
{
    must(string >= text->data && string < text->data + text->size);
    must(memchr(string, 0, (size_t)(text->data + text->size - string)) != NULL);
}

static void check_entry(const struct rn_bytes *text, const struct rn_config_entry *entry,
                        unsigned last)
{
    must(entry->place.line > last && entry->place.column > 0);
    if (entry->kind == RN_CONFIG_TABLE) {
        check_string(text, entry->table);
        return;
    }
    check_string(text, entry->key);
    must(*entry->key != '\0' && entry->value.column > entry->place.column);
    if (entry->kind != RN_CONFIG_SWITCH) {
        check_string(text, entry->text);
    }
}

static void read_entries(struct rn_bytes *text)
{
    struct rn_config_reader reader;
    struct rn_config_entry entry;
    unsigned last = 0;
    rn_config_reader_init(&reader, text->data, text->size - 1);
    while (rn_config_reader_next(&reader, &entry)) {
        check_entry(text, &entry, last);
        last = entry.place.line;
    }
    must(reader.why == NULL || (reader.bad.line > 0 && reader.bad.column > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_config config = {.file = "f"};
    struct rn_args args = {.command = RN_COMMAND_SERVE};
    struct rn_bytes text = {0};
    must(rn_bytes_append(&text, (const char *)data, size) && rn_bytes_append(&text, "", 1));
    must(rn_bytes_append(&config.text, text.data, text.size));
    read_entries(&text);
    if (rn_config_parse(&config)) {
        rn_config_apply(&config, &args);
    }
    rn_bytes_done(&text);
    rn_config_done(&config);
    return 0;
}
