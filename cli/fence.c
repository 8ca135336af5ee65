/* fence.c: reading fences. */
#include "cli/fence.h"

#include <string.h>

bool rn_line_next(const char **at, struct rn_line *out_line)
{
    if (**at == '\0') {
        return false;
    }
    size_t size = strcspn(*at, "\n");
    *out_line = (struct rn_line){*at, size};
    *at += size + ((*at)[size] == '\n');
    return true;
}

static size_t count_marks(struct rn_line line, size_t from, char mark)
{
    size_t count = 0;
    while (from + count < line.size && line.text[from + count] == mark) {
        count++;
    }
    return count;
}

static size_t indent_of(struct rn_line line)
{
    size_t indent = 0;
    while (indent < line.size && line.text[indent] == ' ') {
        indent++;
    }
    return indent;
}

static bool is_word(const char *word, size_t size, const char *name)
{
    return strlen(name) == size && memcmp(word, name, size) == 0;
}

static void read_word(struct rn_fence *fence, const char *word, size_t size)
{
    if (is_word(word, size, "no_run")) {
        fence->no_run = true;
    } else if (is_word(word, size, "should_panic")) {
        fence->should_panic = true;
    } else if (is_word(word, size, "ignore")) {
        fence->ignore = true;
    } else if (!is_word(word, size, "rune")) {
        fence->is_rune = false;
    }
}

static void read_words(struct rn_fence *fence, struct rn_line line, size_t at)
{
    while (at < line.size) {
        size_t size = 0;
        while (at + size < line.size && strchr(" ,\t", line.text[at + size]) == NULL) {
            size++;
        }
        if (size > 0) {
            read_word(fence, line.text + at, size);
        }
        at += size + 1;
    }
}

bool rn_fence_open(struct rn_line line, struct rn_fence *out_fence)
{
    size_t indent = indent_of(line);
    if (indent > 3 || indent == line.size) {
        return false;
    }
    struct rn_fence fence = {.mark = line.text[indent], .is_rune = true};
    if (fence.mark != '`' && fence.mark != '~') {
        return false;
    }
    fence.count = count_marks(line, indent, fence.mark);
    size_t words = indent + fence.count;
    if (fence.count < 3 ||
        (fence.mark == '`' && memchr(line.text + words, '`', line.size - words) != NULL)) {
        return false;
    }
    read_words(&fence, line, words);
    *out_fence = fence;
    return true;
}

bool rn_fence_closes(struct rn_line line, const struct rn_fence *fence)
{
    size_t indent = indent_of(line);
    size_t count = count_marks(line, indent, fence->mark);
    size_t at = indent + count;
    while (at < line.size && (line.text[at] == ' ' || line.text[at] == '\t')) {
        at++;
    }
    return indent <= 3 && count >= fence->count && at == line.size;
}

bool rn_fence_hides(struct rn_line line, struct rn_line *out_code)
{
    *out_code = line;
    if (line.size == 0 || line.text[0] != '#') {
        return false;
    }
    char next = line.size > 1 ? line.text[1] : ' ';
    if (next == '[' || next == '!' || next == '{') {
        return false;
    }
    *out_code = (struct rn_line){line.text + 1, line.size - 1};
    return next != '#';
}

static bool read_code(const char **at, uint32_t *line, struct rn_fenced *fenced)
{
    struct rn_line text;
    fenced->line = *line;
    while (rn_line_next(at, &text)) {
        ++*line;
        if (rn_fence_closes(text, &fenced->fence)) {
            return true;
        }
        struct rn_line code;
        (void)rn_fence_hides(text, &code);
        if (!rn_bytes_append(&fenced->code, code.text, code.size) ||
            !rn_bytes_append(&fenced->code, "\n", 1)) {
            return false;
        }
    }
    return true; // the end of the text closes it, too
}

bool rn_fence_next(const char **at, uint32_t *line, struct rn_fenced *out_fenced)
{
    struct rn_line text;
    while (rn_line_next(at, &text)) {
        ++*line;
        *out_fenced = (struct rn_fenced){.line = 0};
        if (!rn_fence_open(text, &out_fenced->fence)) {
            continue;
        }
        if (read_code(at, line, out_fenced)) {
            return true;
        }
        rn_bytes_done(&out_fenced->code);
        return false;
    }
    return false;
}
