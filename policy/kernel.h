/*
 * kernel.h: kernel interfaces that the installed headers may be too old to know.
 *
 * Numbers are from the kernel's user interface, which never changes them. Each is used only after
 * the running kernel was asked, so an older one gives ENOSYS or EINVAL and the layer is reported.
 */
#ifndef RN_POLICY_KERNEL_H
#define RN_POLICY_KERNEL_H

#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define RN_LANDLOCK_VERSION_QUERY 1u
/* Rights of files by the ABI that brought them; network and scope rights likewise. */
#define RN_LANDLOCK_FS_ABI1 ((UINT64_C(1) << 13) - 1)
#define RN_LANDLOCK_FS_REFER (UINT64_C(1) << 13)
#define RN_LANDLOCK_FS_TRUNCATE (UINT64_C(1) << 14)
#define RN_LANDLOCK_FS_IOCTL_DEV (UINT64_C(1) << 15)
#define RN_LANDLOCK_NET_BIND_CONNECT UINT64_C(3)
#define RN_LANDLOCK_SCOPE_ALL UINT64_C(3)

struct rn_landlock_ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#define RN_MDWE_REFUSE_EXEC_GAIN 1ul
#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#endif
#define RN_SCHED_CORE_GET 0ul
#define RN_SCHED_CORE_CREATE 1ul
#define RN_SCHED_CORE_THREAD_GROUP 1ul

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

#endif
