/*
 * log.h: what a daemon says, on standard error.
 *
 * A thread of its own writes the lines, so that a reader who has stalled (a full pipe, a terminal that was stopped)
 * holds up nobody else. What he leaves no room for is lost, and counted: the next line that goes says how many.
 * Standard error itself is not made non-blocking, others may have the same file open.
 */
#ifndef RN_CLI_LOG_H
#define RN_CLI_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a line, as it is shown. */
#define RN_LOG_LINE_MAX 4096u
/* Bytes of lines that wait. */
#define RN_LOG_WAITING_MAX (64u << 10)

/* Once in a process. False (errno): there is no thread, and nothing may be said. */
bool rn_log_begin(void);
/* A line, from any thread; it never waits. `grave`: a warning, otherwise a notice. It may quote a script. */
void rn_log_say(bool grave, const char *line);
/* What waits is written, if that takes no more than half a second. Nothing is said any more. */
void rn_log_end(void);

#endif
