/* uri.c: the scheme "file", percent signs. Trust: see uri.h. */
#include "cli/lsp/uri.h"

#include <string.h>

#define PATH_SIZE_MAX 4096u

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool skip(const char **at, const char *end, const char *word)
{
    size_t size = strlen(word);
    bool there = (size_t)(end - *at) >= size && memcmp(*at, word, size) == 0;
    *at += there ? size : 0;
    return there;
}

/* The byte at `at`; 0: none that a path may have. */
static char next_byte(const char **at, const char *end)
{
    const char *c = *at;
    if (*c != '%') {
        *at += 1;
        return *c;
    }
    if (end - c < 3 || hex_digit(c[1]) < 0 || hex_digit(c[2]) < 0) {
        return 0;
    }
    *at += 3;
    return (char)(hex_digit(c[1]) * 16 + hex_digit(c[2]));
}

bool rn_lsp_uri_to_path(const char *uri, size_t size, struct rn_bytes *out_path)
{
    const char *at = uri;
    const char *end = uri + size;
    struct rn_bytes path = {0};
    bool good = skip(&at, end, "file://") && (skip(&at, end, "localhost/") ? at-- != NULL : true) &&
                at < end && *at == '/' && size < PATH_SIZE_MAX;
    while (good && at < end && *at != '?' && *at != '#') {
        char byte = next_byte(&at, end);
        good = byte != 0 && rn_bytes_append(&path, &byte, 1);
    }
    good = good && rn_bytes_append(&path, "", 1);
    if (!good) {
        rn_bytes_done(&path);
        return false;
    }
    path.size--;
    *out_path = path;
    return true;
}

bool rn_lsp_uri_of_path(const char *path, struct rn_bytes *out_uri)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~/";
    static const char digits[] = "0123456789ABCDEF";
    bool good = rn_bytes_append(out_uri, "file://", 7);
    for (; *path != 0 && good; path++) {
        unsigned char byte = (unsigned char)*path;
        char escaped[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        good = strchr(plain, *path) != NULL ? rn_bytes_append(out_uri, path, 1)
                                            : rn_bytes_append(out_uri, escaped, 3);
    }
    return good;
}
