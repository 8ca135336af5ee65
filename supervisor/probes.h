/*
 * probes.h: the rows of probes.def, to be told from where they happen.
 *
 * A probe is a `nop` in the code and a note in the library, which says where its arguments are: whoever
 * traces puts a breakpoint there. Without a tracer it costs what its arguments do, so these are values at
 * hand. Texts are read by the tracer, at once: they need not live longer.
 */
#ifndef RN_SUPERVISOR_PROBES_H
#define RN_SUPERVISOR_PROBES_H

#include <stdint.h>
#include <sys/sdt.h>

#define PROBE2(name, ta, a, tb, b, when)                                                           \
    static inline void rn_probe_##name(ta a, tb b)                                                 \
    {                                                                                              \
        DTRACE_PROBE2(runeward, name, a, b);                                                       \
    }
#define PROBE3(name, ta, a, tb, b, tc, c, when)                                                    \
    static inline void rn_probe_##name(ta a, tb b, tc c)                                           \
    {                                                                                              \
        DTRACE_PROBE3(runeward, name, a, b, c);                                                    \
    }
#define PROBE4(name, ta, a, tb, b, tc, c, td, d, when)                                             \
    static inline void rn_probe_##name(ta a, tb b, tc c, td d)                                     \
    {                                                                                              \
        DTRACE_PROBE4(runeward, name, a, b, c, d);                                                 \
    }
#include "supervisor/probes.def"
#undef PROBE2
#undef PROBE3
#undef PROBE4

#endif
