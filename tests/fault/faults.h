/* faults.h: one system call of the process, counted from now, fails. */
#ifndef RN_TESTS_FAULT_FAULTS_H
#define RN_TESTS_FAULT_FAULTS_H

#include <stdbool.h>

/* The n-th call from now fails (1: the next); 0: none does. */
void fault_at(long n);
/* The call that was made to fail since fault_at, or NULL: there were not so many. */
const char *fault_fired(void);

#endif
