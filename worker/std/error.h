/*
 * error.h: errors of the modules beside std: values inside Err that say what was wrong, and where.
 *
 * Such a value holds its display text and, where it differs, its debug text; fmt.c and fmt_debug.c
 * show them. The text is put together in a small buffer of the C stack, and cut there.
 */
#ifndef RN_WORKER_STD_ERROR_H
#define RN_WORKER_STD_ERROR_H

#include "base/buf.h"
#include "worker/vm/native.h"

struct rn_error_text {
    struct rn_buf buf;
    char storage[512];
};

void rn_error_text_init(struct rn_error_text *text);
void rn_error_text_add(struct rn_error_text *text, const char *part);
void rn_error_text_add_utf8(struct rn_error_text *text, struct rn_utf8 part);
void rn_error_text_add_number(struct rn_error_text *text, uint64_t number);
/* What was kept, whole characters only. */
struct rn_utf8 rn_error_text_get(const struct rn_error_text *text);

/* args[0] = Err(error of `type`); `debug` NULL: debug text shows the type and the display text. */
enum rn_outcome rn_std_text_error(struct rn_vm *vm, struct rn_value *args, uint32_t type,
                                  const struct rn_error_text *display,
                                  const struct rn_error_text *debug);

/* Its texts, if `value` is such an error; data NULL: it is none, or has no debug text. */
struct rn_utf8 rn_std_error_display(struct rn_value value);
struct rn_utf8 rn_std_error_debug(struct rn_value value);

#endif
