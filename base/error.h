/*
 * error.h: the error codes and how they travel.
 *
 * A function that can fail returns `enum rn_error`: RN_OK (0) or a negative code from errors.def.
 * The compiler insists that it is looked at (RN_MUST_CHECK); RN_TRY passes it up.
 */
#ifndef RN_BASE_ERROR_H
#define RN_BASE_ERROR_H

#include "base/check.h"

enum rn_error {
    RN_OK = 0,
#define RN_ERROR(name, code, message) RN_E_##name = code,
#include "base/errors.def"
#undef RN_ERROR
};

/* The symbolic name ("NO_MEMORY") or "UNKNOWN"; static storage. */
const char *rn_error_name(enum rn_error error);

/* One lower-case clause without a full stop, for people; static storage. */
const char *rn_error_message(enum rn_error error);

/* Evaluates `expression` once; returns its error from the enclosing function if there is one. */
#define RN_TRY(expression)                                                                         \
    do {                                                                                           \
        enum rn_error rn_try_error_ = (expression);                                                \
        if (RN_UNLIKELY(rn_try_error_ != RN_OK)) {                                                 \
            return rn_try_error_;                                                                  \
        }                                                                                          \
    } while (0)

#endif
