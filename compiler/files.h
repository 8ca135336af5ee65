/*
 * files.h: sources from files, for the project's own tools. The compiler proper has no files.
 */
#ifndef RN_COMPILER_FILES_H
#define RN_COMPILER_FILES_H

#include "compiler/compile.h"

/* A whole file, with a zero byte behind it; the caller frees it with rn_free. RN_E_NOT_FOUND. */
enum rn_error rn_files_read(const char *path, char **out_text, size_t *out_size) RN_MUST_CHECK;

/*
 * Modules from beside a root file "dir/x.rn": "a::b" is "dir/a/b/mod.rn", else "dir/a/b.rn". In the
 * standard Unit "std::a" is "dir/a.rn".
 */
struct rn_files {
    const char *root; /* borrowed */
    bool standard;
};

struct rn_module_loader rn_files_loader(struct rn_files *files);

#endif
