/* repl_script.c: entries as lines of one script. */
#include "cli/repl_script.h"

#include <stdio.h>
#include <string.h>

#define MARK "::" RN_REPL_OWN "::mark();"
#define VALUE RN_REPL_OWN "_value"

/* What stands around an entry. */
struct frame {
    const char *before;
    const char *behind;
};

static bool put(struct rn_bytes *out, const char *text)
{
    return rn_bytes_append(out, text, strlen(text));
}

static uint32_t count_lines(const char *text, size_t size)
{
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += text[i] == '\n';
    }
    return count;
}

/* The last value; as it was if there is none. */
#define LET_IT "let it = match ("
#define BE_IT "\n) { () => it, it => it };\n"

/* What stays. */
static const struct frame kept[] = {
    [RN_REPL_STATEMENTS] = {"", "\n"},
    [RN_REPL_TRAILING] = {"", "\n;\n"},
    [RN_REPL_UNFINISHED] = {"", "\n;\n"},
    [RN_REPL_EXPRESSION] = {LET_IT "\n", BE_IT},
};

/* What is run, up to the entry's value. */
static const struct frame run[] = {
    [RN_REPL_STATEMENTS] = {MARK "let " VALUE " = {\n", "\n};\n"},
    [RN_REPL_TRAILING] = {MARK "let " VALUE " = {\n", "\n};\n"},
    [RN_REPL_UNFINISHED] = {MARK "let " VALUE " = {\n", "\n;\n};\n"},
    [RN_REPL_EXPRESSION] = {MARK "let " VALUE " = (\n", "\n);\n"},
};

static const char *const uses[] = {
    [RN_REPL_SHOW] =
        MARK "match " VALUE " { () => (), " VALUE " => println!(\"{:?}\", " VALUE ") };\n",
    [RN_REPL_NAME_TYPE] = MARK "println!(\"{}\", ::std::any::type_name_of_val(" VALUE "));\n",
    [RN_REPL_DROP] = MARK "\n",
};

bool rn_repl_script_init(struct rn_repl_script *script)
{
    *script = (struct rn_repl_script){.lines = 1};
    return put(&script->text, "let it = ();\n");
}

void rn_repl_script_done(struct rn_repl_script *script)
{
    rn_bytes_done(&script->text);
    rn_bytes_done(&script->entries);
    *script = (struct rn_repl_script){0};
}

const struct rn_repl_entry *rn_repl_script_at(const struct rn_repl_script *script, size_t index)
{
    return (const struct rn_repl_entry *)(const void *)script->entries.data + index;
}

/* The entry within its frame, with `middle` before its tail; the lines before it go to *out_before. */
static bool put_framed(struct rn_bytes *out, const struct rn_repl_new *entry,
                       const struct frame *frame, const char *middle, uint32_t *out_before)
{
    size_t start = out->size;
    bool good = put(out, entry->in_block ? "{\n" : "") && put(out, frame->before);
    *out_before = good ? count_lines(out->data + start, out->size - start) : 0;
    return good && rn_bytes_append(out, entry->text, entry->tail) && put(out, middle) &&
           rn_bytes_append(out, entry->text + entry->tail, entry->size - entry->tail) &&
           put(out, frame->behind);
}

/* The value is bound where it begins, so that all lines stay those of the entry. */
static bool put_kept(struct rn_bytes *out, const struct rn_repl_new *entry, uint32_t *out_before)
{
    static const struct frame bound = {"", BE_IT};
    return entry->tail > 0 ? put_framed(out, entry, &bound, LET_IT, out_before)
                           : put_framed(out, entry, &kept[entry->form], "", out_before);
}

bool rn_repl_script_add(struct rn_repl_script *script, const struct rn_repl_new *entry)
{
    struct rn_repl_entry added = {
        .size = script->text.size, .lines = script->lines, .blocks = script->blocks};
    uint32_t before;
    snprintf(added.name, sizeof added.name, "%s", entry->name);
    bool good = put_kept(&script->text, entry, &before);
    added.line = script->lines + before + 1;
    added.line_count = count_lines(entry->text, entry->size) + 1;
    if (!good || !rn_bytes_append(&script->entries, (const char *)&added, sizeof added)) {
        script->text.size = added.size;
        return false;
    }
    script->lines += count_lines(script->text.data + added.size, script->text.size - added.size);
    script->blocks += entry->in_block;
    script->count++;
    return true;
}

bool rn_repl_script_undo(struct rn_repl_script *script)
{
    if (script->count == 0) {
        return false;
    }
    const struct rn_repl_entry *last = rn_repl_script_at(script, --script->count);
    script->text.size = last->size;
    script->lines = last->lines;
    script->blocks = last->blocks;
    script->entries.size -= sizeof *last;
    return true;
}

static bool close_blocks(struct rn_bytes *out, unsigned blocks)
{
    bool good = true;
    for (unsigned i = 0; i < blocks && good; i++) {
        good = put(out, "}\n");
    }
    return good;
}

void rn_repl_script_end(const struct rn_repl_script *script, char out[32])
{
    snprintf(out, 32, "end of %zu", script->count);
}

static bool put_part(struct rn_bytes *parts, const char *name, uint32_t line, uint32_t line_count)
{
    struct rune_part part = {.name = name, .line = line, .line_count = line_count};
    return rn_bytes_append(parts, (const char *)&part, sizeof part);
}

bool rn_repl_script_compose(const struct rn_repl_script *script, const struct rn_repl_new *entry,
                            enum rn_repl_use use, struct rn_bytes *out, struct rn_bytes *out_parts)
{
    char end[32];
    char value[40];
    uint32_t before;
    rn_repl_script_end(script, end);
    snprintf(value, sizeof value, "\"%s\"\n", end);
    bool good = rn_bytes_append(out, script->text.data, script->text.size) &&
                put_framed(out, entry, &run[entry->form], "", &before) && put(out, uses[use]) &&
                put(out, value) && close_blocks(out, script->blocks + entry->in_block);
    for (size_t i = 0; good && i < script->count; i++) {
        const struct rn_repl_entry *at = rn_repl_script_at(script, i);
        good = put_part(out_parts, at->name, at->line, at->line_count);
    }
    return good && put_part(out_parts, entry->name, script->lines + before + 1,
                            count_lines(entry->text, entry->size) + 1);
}

bool rn_repl_script_close(const struct rn_repl_script *script, struct rn_bytes *out)
{
    return rn_bytes_append(out, script->text.data, script->text.size) &&
           close_blocks(out, script->blocks);
}
