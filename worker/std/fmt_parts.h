/* fmt_parts.h: what the files of formatting share. */
#ifndef RN_WORKER_STD_FMT_PARTS_H
#define RN_WORKER_STD_FMT_PARTS_H

#include "base/buf.h"
#include "worker/vm/native.h"

enum rn_outcome rn_fmt_append(struct rn_vm *vm, struct rn_string *text, const char *data,
                              size_t size);
enum rn_outcome rn_fmt_append_text(struct rn_vm *vm, struct rn_string *text, const char *data);
enum rn_outcome rn_fmt_append_u64(struct rn_vm *vm, struct rn_string *text, uint64_t value);
/* In one of the forms of base/float_text.h. */
enum rn_outcome rn_fmt_append_f64(struct rn_vm *vm, struct rn_string *text, double value,
                                  void (*append)(struct rn_buf *buf, double value));
/* "::std::i64", but "Foo" for a type of the script. */
enum rn_outcome rn_fmt_append_type(struct rn_vm *vm, struct rn_string *text, uint32_t type);
/* Numbers, bool, types: what display and debug have in common. *out_done: it was one. */
enum rn_outcome rn_fmt_append_scalar(struct rn_vm *vm, struct rn_string *text,
                                     struct rn_value value, bool *out_done);
/* "M-000000" */
enum rn_outcome rn_fmt_append_snapshot(struct rn_vm *vm, struct rn_string *text,
                                       struct rn_value value);
/* What an opaque error of the library says; data NULL: none of them. */
struct rn_utf8 rn_fmt_error_message(struct rn_value value);
/* With quotes and escapes. */
enum rn_outcome rn_fmt_quote(struct rn_vm *vm, struct rn_string *text, struct rn_utf8 quoted);

#endif
