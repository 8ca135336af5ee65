/* wake.h: eventfds that wake somebody. */
#ifndef RN_SUPERVISOR_WAKE_H
#define RN_SUPERVISOR_WAKE_H

/* A call that wakes or kills and is refused is made again so many times: nobody makes up for it later. */
#define RN_WAKE_ATTEMPTS 8

/* Makes `event_fd` readable. Any thread. */
void rn_wake(int event_fd);
/* Makes it unreadable again. */
void rn_wake_clear(int event_fd);

#endif
