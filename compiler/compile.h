/*
 * compile.h: hostile source text to a Unit image.
 *
 * The compiler's only entry. It makes no system call: memory comes from the C heap up to
 * `memory_max`, further sources through the loader. Trust: reads source text from anybody.
 */
#ifndef RN_COMPILER_COMPILE_H
#define RN_COMPILER_COMPILE_H

#include "base/buf.h"
#include "bytecode/context.h"
#include "bytecode/diagnostic.h"

/* Gives the text of module `item` ("a::b"), declared by `mod b;` inside `a`. */
struct rn_module_loader {
    void *user;
    /*
     * RN_OK: *out_name is what diagnostics call the source (a path), *out_text its bytes, not yet
     * known to be UTF-8; both are the compiler's and freed with rn_free. RN_E_NOT_FOUND,
     * RN_E_TOO_LARGE, RN_E_SYSTEM become diagnostics; RN_E_UNSUPPORTED: sources in memory only.
     */
    enum rn_error (*load)(void *user, const char *item, char **out_name, char **out_text,
                          size_t *out_size);
};

struct rn_compile_input {
    const char *name; /* of the root source, for diagnostics and file!() */
    const char *text; /* not yet known to be UTF-8 */
    size_t size;
    const struct rn_context *context;
    const struct rn_module_loader *loader; /* NULL: `mod a;` is an error */
    bool script;                           /* the source is the body of an unnamed function */
    bool standard;                         /* the standard Unit: crate is `std`, privileged */
    struct rn_name_notes *notes;           /* gets what names mean; NULL: nobody wants to know */
    size_t memory_max;                     /* 0: a default of 512 MiB */
};

struct rn_compile_output {
    struct rn_buf image; /* content id left zero */
    struct rn_buf debug; /* unit_debug.h */
    struct rn_diagnostics diagnostics;
};
typedef struct rn_compile_output rn_compile_output;

/*
 * RN_OK: the image is there, diagnostics may hold warnings. RN_E_COMPILE_FAILED: diagnostics hold at
 * least one error, no image. RN_E_NO_MEMORY. The caller ends with rn_compile_output_done in any case.
 */
enum rn_error rn_compile(const struct rn_compile_input *input,
                         struct rn_compile_output *out_output) RN_MUST_CHECK;
void rn_compile_output_done(struct rn_compile_output *output);

#endif
