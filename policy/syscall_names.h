/* syscall_names.h: numbers of system calls as people know them; made at build time, as the filters are. */
#ifndef RN_POLICY_SYSCALL_NAMES_H
#define RN_POLICY_SYSCALL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* "openat", of the architecture that this was built for; NULL: there is no such number. Static storage. */
const char *rn_syscall_name(uint32_t number);
/* AUDIT_ARCH_..: "x86_64", "i386" ..; NULL: another one. */
const char *rn_syscall_arch_name(uint32_t arch);
/* True if numbers of that architecture are those of rn_syscall_name. */
bool rn_syscall_arch_is_ours(uint32_t arch);

#endif
