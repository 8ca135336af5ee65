/* files.c: whole files through the C library. */
#include "compiler/files.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum rn_error rn_files_read(const char *path, char **out_text, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return RN_E_NOT_FOUND;
    }
    RN_AUTO(rn_buf) struct rn_buf bytes;
    rn_buf_init(&bytes, RN_SOURCE_SIZE_MAX + 1);
    char part[65536];
    size_t size;
    while ((size = fread(part, 1, sizeof(part), file)) > 0) {
        rn_buf_append(&bytes, part, size);
    }
    fclose(file);
    RN_TRY(rn_buf_status(&bytes));
    *out_text = rn_strndup((const char *)bytes.data, bytes.size);
    *out_size = bytes.size;
    return *out_text == NULL ? RN_E_NO_MEMORY : RN_OK;
}

/* The folder of the root, with its slash, then the item's segments, then the ending. */
static char *module_path(const struct rn_files *files, const char *item, const char *ending)
{
    const char *slash = strrchr(files->root, '/');
    RN_AUTO(rn_buf) struct rn_buf path;
    rn_buf_init(&path, 4096);
    rn_buf_append(&path, files->root, slash == NULL ? 0 : (size_t)(slash - files->root) + 1);
    if (files->standard && strncmp(item, "std::", 5) == 0) {
        item += 5;
    }
    for (const char *c = item; *c != '\0'; c++) {
        bool separator = c[0] == ':' && c[1] == ':';
        rn_buf_append_u8(&path, separator ? '/' : (uint8_t)*c);
        c += separator ? 1 : 0;
    }
    rn_buf_append_text(&path, ending);
    return rn_buf_status(&path) == RN_OK ? rn_strndup((const char *)path.data, path.size) : NULL;
}

static enum rn_error load(void *user, const char *item, char **out_name, char **out_text,
                          size_t *out_size)
{
    static const char *const endings[] = {"/mod.rn", ".rn"};
    for (size_t i = 0; i < RN_COUNT_OF(endings); i++) {
        char *name = module_path(user, item, endings[i]);
        if (name == NULL) {
            return RN_E_NO_MEMORY;
        }
        enum rn_error error = rn_files_read(name, out_text, out_size);
        if (error == RN_OK) {
            *out_name = name;
            return RN_OK;
        }
        rn_free(name);
        if (error != RN_E_NOT_FOUND) {
            return error;
        }
    }
    return RN_E_NOT_FOUND;
}

struct rn_module_loader rn_files_loader(struct rn_files *files)
{
    return (struct rn_module_loader){.user = files, .load = load};
}
