/*
 * domain.c: namespaces, identity, empty root, capabilities.
 *
 * The order inside rn_domain_enter: mounts need rights in the new namespaces, so they go first;
 * then the bounding set and the securebits, which need CAP_SETPCAP; then the identity, groups
 * before uid; then the capabilities themselves; no_new_privs last.
 */
#include "policy/domain.h"

#include "policy/kernel.h"
#include "policy/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define NOBODY 65534u
#define BASIC_NAMESPACES (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS)
#define ALL_NAMESPACES (BASIC_NAMESPACES | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

// From strongest to weakest; the first that works is taken. The weakest is no namespace at all,
// which only a policy that asks for none accepts.
static const struct {
    uint64_t flags;
    bool for_root_only;
} attempts[] = {
    {CLONE_NEWUSER | ALL_NAMESPACES, false},
    {CLONE_NEWUSER | BASIC_NAMESPACES, false},
    {ALL_NAMESPACES, true},
    {BASIC_NAMESPACES, true},
    {0, false},
};

static const struct {
    uint64_t flag;
    enum rn_layer layer;
} namespace_layers[] = {
    {CLONE_NEWUSER, RN_LAYER_USER_NAMESPACE}, {CLONE_NEWPID, RN_LAYER_PID_NAMESPACE},
    {CLONE_NEWNET, RN_LAYER_NET_NAMESPACE},   {CLONE_NEWIPC, RN_LAYER_IPC_NAMESPACE},
    {CLONE_NEWUTS, RN_LAYER_UTS_NAMESPACE},   {CLONE_NEWCGROUP, RN_LAYER_CGROUP_NAMESPACE},
};

// Inside a container only some uids exist. The wanted one, or one of the upper half of the largest
// range there is, which is the least likely to be somebody's; never the caller's own. False when
// there is none but that.
static bool choose_uid(uint32_t wanted, uint32_t *out_uid)
{
    FILE *map = fopen("/proc/self/uid_map", "re");
    unsigned first;
    unsigned outer;
    unsigned count;
    bool known = false;
    unsigned best_count = 0;
    *out_uid = wanted;
    while (map != NULL && fscanf(map, "%u %u %u", &first, &outer, &count) == 3 && count > 0) {
        bool has_wanted = wanted >= first && wanted - first < count;
        uint32_t uid = has_wanted ? wanted : first + (count - 1) - wanted % (count - count / 2);
        unsigned rank = has_wanted ? UINT32_MAX : count;
        if (rank > best_count && uid != geteuid()) {
            best_count = rank;
            *out_uid = uid;
        }
        known = true;
    }
    if (map != NULL) {
        fclose(map);
    }
    return !known || best_count > 0;
}

void rn_domain_init(struct rn_domain *domain, uint32_t uid)
{
    // A root that has no uid to give away is as good as an ordinary user.
    *domain = (struct rn_domain){0};
    domain->privileged = geteuid() == 0 && choose_uid(uid, &domain->uid);
    if (!domain->privileged) {
        domain->uid = geteuid();
    }
    rn_wall_report_init(&domain->report);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t written = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return written == (ssize_t)strlen(text);
}

static bool write_map(pid_t child, const char *name, uint32_t inside, uint32_t outside)
{
    char path[64];
    char text[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, name);
    snprintf(text, sizeof(text), "%u %u 1\n", inside, outside);
    return write_file(path, text);
}

// One uid and one gid exist inside, neither of them 0, so that no exec there gains anything.
static bool write_maps(const struct rn_domain *domain, pid_t child)
{
    if (domain->privileged) {
        return write_map(child, "uid_map", domain->uid, domain->uid) &&
               write_map(child, "gid_map", domain->uid, domain->uid);
    }
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)child);
    uint32_t uid_inside = geteuid() == 0 ? NOBODY : geteuid();
    uint32_t gid_inside = getegid() == 0 ? NOBODY : getegid();
    return write_file(path, "deny") && write_map(child, "uid_map", uid_inside, geteuid()) &&
           write_map(child, "gid_map", gid_inside, getegid());
}

static pid_t clone_with(uint64_t flags, int *out_pidfd)
{
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)out_pidfd,
        .exit_signal = SIGCHLD,
    };
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

// The child's first act: it waits until its identity was written, or ends with its maker.
static void wait_for_identity(int gate)
{
    char byte;
    if (read(gate, &byte, 1) != 1) {
        _exit(1);
    }
    close(gate);
}

static pid_t attempt(struct rn_domain *domain, uint64_t flags, int *out_pidfd)
{
    int gate[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) != 0) {
        return -1;
    }
    domain->user_namespace = (flags & CLONE_NEWUSER) != 0;
    pid_t child = clone_with(flags, out_pidfd);
    if (child == 0) {
        close(gate[1]);
        wait_for_identity(gate[0]);
        return 0;
    }
    close(gate[0]);
    if (child > 0 && domain->user_namespace && !write_maps(domain, child)) {
        int error = errno;
        close(gate[1]); // it ends by itself
        waitpid(child, NULL, 0);
        close(*out_pidfd);
        errno = error;
        return -1;
    }
    if (child > 0 && write(gate[1], "", 1) != 1) {
        child = -1;
    }
    int error = errno;
    close(gate[1]);
    errno = error;
    return child;
}

static void note_namespaces(struct rn_wall_report *report, uint64_t flags, int error)
{
    for (size_t i = 0; i < RN_COUNT_OF(namespace_layers); i++) {
        if ((flags & namespace_layers[i].flag) != 0) {
            rn_wall_report_active(report, namespace_layers[i].layer);
        } else {
            rn_wall_report_refused(report, namespace_layers[i].layer, error);
        }
    }
}

pid_t rn_domain_clone(struct rn_domain *domain, int *out_pidfd)
{
    int first_error = 0;
    for (size_t i = 0; i < RN_COUNT_OF(attempts); i++) {
        uint64_t flags = attempts[i].flags;
        if (attempts[i].for_root_only && !domain->privileged) {
            continue;
        }
        // Written before the clone, so that the child has the same view.
        note_namespaces(&domain->report, flags, first_error);
        pid_t child = attempt(domain, flags, out_pidfd);
        if (child >= 0) {
            return child;
        }
        first_error = first_error == 0 ? errno : first_error;
    }
    errno = first_error;
    return -1;
}

static bool mount_empty(void)
{
    // Any directory will do to mount on: it is out of sight a moment later.
    static const char *const places[] = {"/proc", "/tmp", "/dev", "/mnt", "/var", "/usr"};
    for (size_t i = 0; i < RN_COUNT_OF(places); i++) {
        if (mount("none", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  "size=4k,nr_inodes=2,mode=0555") == 0) {
            return chdir(places[i]) == 0;
        }
    }
    return false;
}

static bool change_root(void)
{
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        return umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
    }
    // The root of an initial RAM file system cannot be pivoted; move over it.
    return errno == EINVAL && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 &&
           chdir("/") == 0;
}

static bool empty_root(void)
{
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount_empty() &&
           change_root() && mount(NULL, "/", NULL, flags, NULL) == 0;
}

// In its own user namespace the domain's processes get none of a deeper one, where they would have
// capabilities again. Without effect elsewhere; then only the filter denies it.
static void forbid_namespaces(void)
{
    static const char *const kinds[] = {"user", "mnt", "pid",    "net",
                                        "ipc",  "uts", "cgroup", "time"};
    for (size_t i = 0; i < RN_COUNT_OF(kinds); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i]);
        (void)write_file(path, "0");
    }
}

static bool drop_bounding_set(void)
{
    for (unsigned long capability = 0; capability < 64; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            return errno == EINVAL; // beyond the last one that the kernel has
        }
    }
    return true;
}

static bool lock_securebits(void)
{
    unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                         SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                         SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0;
}

static bool become(uint32_t uid)
{
    return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
           setresuid(uid, uid, uid) == 0;
}

static bool clear_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) == 0;
}

static void note(struct rn_wall_report *report, enum rn_layer layer, bool achieved)
{
    if (achieved) {
        rn_wall_report_active(report, layer);
    } else {
        rn_wall_report_refused(report, layer, errno);
    }
}

// As an ordinary user without a user namespace there is nothing to drop but the bounding set's
// effect, which no_new_privs takes away.
static void drop_rights(struct rn_domain *domain)
{
    struct rn_wall_report *report = &domain->report;
    bool has_rights = domain->privileged || domain->user_namespace;
    bool dropped = !has_rights || (drop_bounding_set() && lock_securebits());
    int error = errno;
    if (domain->privileged) {
        note(report, RN_LAYER_OWN_UID, become(domain->uid));
    } else if (domain->user_namespace) {
        rn_wall_report_active(report, RN_LAYER_OWN_UID);
    } else {
        rn_wall_report_refused(report, RN_LAYER_OWN_UID,
                               report->refused_errno[RN_LAYER_USER_NAMESPACE]);
    }
    bool cleared = clear_capabilities();
    errno = dropped ? errno : error;
    note(report, RN_LAYER_CAPABILITIES, dropped && cleared);
}

static void separate_cores(struct rn_wall_report *report)
{
    note(report, RN_LAYER_CORE_SCHEDULING,
         prctl(PR_SCHED_CORE, RN_SCHED_CORE_CREATE, 0, RN_SCHED_CORE_THREAD_GROUP, 0) == 0);
}

void rn_domain_enter(struct rn_domain *domain)
{
    struct rn_wall_report *report = &domain->report;
    note(report, RN_LAYER_SESSION, setsid() >= 0);
    separate_cores(report);
    if (domain->user_namespace) {
        forbid_namespaces(); // while procfs is still in sight
    }
#ifndef RN_SANITIZED
    if ((report->active & RN_LAYER_BIT(RN_LAYER_PID_NAMESPACE)) != 0) {
        note(report, RN_LAYER_EMPTY_ROOT, empty_root());
    } else {
        rn_wall_report_refused(report, RN_LAYER_EMPTY_ROOT,
                               report->refused_errno[RN_LAYER_PID_NAMESPACE]);
    }
#else
    (void)empty_root; // a sanitized program needs its libraries
#endif
    drop_rights(domain);
    rn_lockdown_not_dumpable(report);
    rn_lockdown_no_new_privs(report);
    report->uid = domain->uid;
}
