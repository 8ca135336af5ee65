/*
 * check.h: assertions and compiler hints.
 *
 * RN_CHECK stays in every build and traps: our own mistake, nobody else may pay for it.
 * RN_ASSERT is there in builds with RN_ASSERTIONS (dev, sanitizers, fuzz, stress).
 * RN_ALWAYS and RN_NEVER mark conditions believed to hold (or not): asserted in such builds, and a
 * real branch in release. None may have a side effect.
 */
#ifndef RN_BASE_CHECK_H
#define RN_BASE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RN_LIKELY(x) __builtin_expect(!!(x), 1)
#define RN_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* A variable that is large, and written before it is read: compilers are told to clear others. */
#define RN_UNCLEARED __attribute__((uninitialized))
#define RN_MUST_CHECK __attribute__((warn_unused_result))
#define RN_NORETURN __attribute__((noreturn))
#define RN_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define RN_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Traps. Replaceable by a process (strong symbol), for example to write a status word first. */
RN_NORETURN void rn_check_failed(const char *condition, const char *file, int line);

#define RN_CHECK(x)                                                                                \
    do {                                                                                           \
        if (RN_UNLIKELY(!(x))) {                                                                   \
            rn_check_failed(#x, __FILE__, __LINE__);                                               \
        }                                                                                          \
    } while (0)

#ifdef RN_ASSERTIONS
#define RN_ASSERT(x) RN_CHECK(x)
#define RN_ALWAYS(x) ((x) ? true : (rn_check_failed(#x, __FILE__, __LINE__), false))
#define RN_NEVER(x) ((x) ? (rn_check_failed("!(" #x ")", __FILE__, __LINE__), true) : false)
#else
#define RN_ASSERT(x) ((void)sizeof((x) ? 1 : 0))
#define RN_ALWAYS(x) RN_LIKELY(x)
#define RN_NEVER(x) RN_UNLIKELY(x)
#endif

#endif
