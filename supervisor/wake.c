/* wake.c: see wake.h. A full counter refuses, too, and is readable already. */
#include "supervisor/wake.h"

#include <stdint.h>
#include <unistd.h>

void rn_wake(int event_fd)
{
    uint64_t one = 1;
    for (int i = 0; i < RN_WAKE_ATTEMPTS; i++) {
        if (write(event_fd, &one, sizeof(one)) == (ssize_t)sizeof(one)) {
            return;
        }
    }
}

void rn_wake_clear(int event_fd)
{
    uint64_t count;
    (void)!read(event_fd, &count, sizeof(count));
}
