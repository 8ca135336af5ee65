/* look.c: one function for each file of procfs that says something. */
#include "policy/look.h"

#include "policy/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TEXT_MAX 8192

struct look {
    pid_t pid;
    struct rn_wall_report *report;
    uint32_t uid;
};

static const struct {
    const char *name;
    enum rn_layer layer;
} namespaces[] = {
    {"user", RN_LAYER_USER_NAMESPACE}, {"pid", RN_LAYER_PID_NAMESPACE},
    {"net", RN_LAYER_NET_NAMESPACE},   {"ipc", RN_LAYER_IPC_NAMESPACE},
    {"uts", RN_LAYER_UTS_NAMESPACE},   {"cgroup", RN_LAYER_CGROUP_NAMESPACE},
};

uint64_t rn_wall_visible(void)
{
    static const enum rn_layer layers[] = {
        RN_LAYER_SECCOMP,           RN_LAYER_NO_NEW_PRIVS,
        RN_LAYER_RLIMITS,           RN_LAYER_DESCRIPTORS,
        RN_LAYER_CAPABILITIES,      RN_LAYER_EMPTY_ROOT,
        RN_LAYER_OWN_UID,           RN_LAYER_SESSION,
        RN_LAYER_NOT_DUMPABLE,      RN_LAYER_OOM_FIRST,
        RN_LAYER_USER_NAMESPACE,    RN_LAYER_PID_NAMESPACE,
        RN_LAYER_NET_NAMESPACE,     RN_LAYER_IPC_NAMESPACE,
        RN_LAYER_UTS_NAMESPACE,     RN_LAYER_CGROUP_NAMESPACE,
        RN_LAYER_CGROUP_MEMORY,     RN_LAYER_CGROUP_PIDS,
        RN_LAYER_STORE_SPECULATION, RN_LAYER_BRANCH_SPECULATION,
    };
    uint64_t set = 0;
    for (size_t i = 0; i < RN_COUNT_OF(layers); i++) {
        set |= RN_LAYER_BIT(layers[i]);
    }
    return set;
}

static void judge(struct look *look, enum rn_layer layer, bool active, int error)
{
    if (active) {
        rn_wall_report_active(look->report, layer);
    } else {
        rn_wall_report_refused(look->report, layer, error);
    }
}

static void path_of(const struct look *look, const char *name, char *path, size_t size)
{
    snprintf(path, size, "/proc/%d/%s", (int)look->pid, name);
}

// The file's text, zero-terminated; false with errno.
static bool read_text(const struct look *look, const char *name, char text[static TEXT_MAX])
{
    char path[64];
    path_of(look, name, path, sizeof(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t size = 0;
    ssize_t got;
    while (size < TEXT_MAX - 1 && (got = read(fd, text + size, TEXT_MAX - 1 - size)) > 0) {
        size += (size_t)got;
    }
    close(fd);
    text[size] = '\0';
    errno = ESRCH; // of a process that has just ended, files are empty
    return size > 0;
}

// What stands behind `name` at the start of a line, or NULL.
static const char *field(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0) {
            return line + length;
        }
        if (*line == '\0') {
            break;
        }
    }
    return NULL;
}

static unsigned long long number(const char *text, const char *name, int base,
                                 unsigned long long otherwise)
{
    const char *value = field(text, name);
    return value == NULL ? otherwise : strtoull(value, NULL, base);
}

static bool has_no_capability(const char *status)
{
    static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
    for (size_t i = 0; i < RN_COUNT_OF(sets); i++) {
        if (number(status, sets[i], 16, 1) != 0) {
            return false;
        }
    }
    return true;
}

// All four user ids are one and the same.
static bool single_uid(const char *status, uint32_t *out_uid)
{
    const char *value = field(status, "Uid:");
    unsigned ids[4];
    if (value == NULL || sscanf(value, "%u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) != 4) {
        return false;
    }
    *out_uid = ids[0];
    return ids[0] == ids[1] && ids[0] == ids[2] && ids[0] == ids[3];
}

// Whether the line of that name has one of the two words.
static bool says(const char *text, const char *name, const char *word, const char *other)
{
    const char *value = field(text, name);
    const char *end = value == NULL ? NULL : strchr(value, '\n');
    const char *found = end == NULL ? NULL : strstr(value, word);
    const char *found_other = end == NULL ? NULL : strstr(value, other);
    return (found != NULL && found < end) || (found_other != NULL && found_other < end);
}

// Restricted for this process, for all, or not needed on this processor.
static void look_at_speculation(struct look *look, const char *status)
{
    judge(look, RN_LAYER_STORE_SPECULATION,
          says(status, "Speculation_Store_Bypass:", "mitigated", "not vulnerable"), 0);
    judge(look, RN_LAYER_BRANCH_SPECULATION,
          says(status, "SpeculationIndirectBranch:", "disabled", "not affected"), 0);
}

static bool look_at_status(struct look *look)
{
    char text[TEXT_MAX];
    if (!read_text(look, "status", text)) {
        return false;
    }
    judge(look, RN_LAYER_SECCOMP, number(text, "Seccomp:", 10, 0) == 2, 0);
    judge(look, RN_LAYER_NO_NEW_PRIVS, number(text, "NoNewPrivs:", 10, 0) == 1, 0);
    judge(look, RN_LAYER_CAPABILITIES, has_no_capability(text), 0);
    look_at_speculation(look, text);
    look->report->filters = (uint32_t)number(text, "Seccomp_filters:", 10, 0);
    look->report->catches_traps = (number(text, "SigCgt:", 16, 0) >> (SIGSYS - 1) & 1) != 0;
    if (!single_uid(text, &look->uid)) {
        look->uid = 0;
    }
    look->report->uid = look->uid;
    return true;
}

// "same as ours" is what a missing namespace looks like.
static void look_at_namespaces(struct look *look)
{
    for (size_t i = 0; i < RN_COUNT_OF(namespaces); i++) {
        char name[32];
        char path[64];
        char theirs[64] = "";
        char ours[64] = "";
        snprintf(name, sizeof(name), "ns/%s", namespaces[i].name);
        path_of(look, name, path, sizeof(path));
        ssize_t size = readlink(path, theirs, sizeof(theirs) - 1);
        int error = size < 0 ? errno : 0;
        snprintf(path, sizeof(path), "/proc/self/%s", name);
        bool known = readlink(path, ours, sizeof(ours) - 1) > 0 && size > 0;
        judge(look, namespaces[i].layer, known && strcmp(theirs, ours) != 0, error);
    }
}

static void look_at_uid(struct look *look)
{
    bool in_namespace = (look->report->active & RN_LAYER_BIT(RN_LAYER_USER_NAMESPACE)) != 0;
    bool foreign = look->uid != 0 && look->uid != geteuid();
    judge(look, RN_LAYER_OWN_UID, foreign || in_namespace, 0);
}

static bool limit_is(const char *limits, const char *name, unsigned long long most)
{
    const char *value = field(limits, name);
    if (value == NULL) {
        return false;
    }
    // Soft and hard; the word "unlimited" gives no number.
    char *end;
    unsigned long long soft = strtoull(value, &end, 10);
    if (end == value) {
        return false;
    }
    value = end;
    unsigned long long hard = strtoull(value, &end, 10);
    return end != value && soft <= most && hard <= most;
}

static void look_at_limits(struct look *look)
{
    char text[TEXT_MAX];
    if (!read_text(look, "limits", text)) {
        judge(look, RN_LAYER_RLIMITS, false, errno);
        return;
    }
    bool active = limit_is(text, "Max core file size", 0);
#ifndef RN_SANITIZED
    active = active && limit_is(text, "Max file size", 0) && limit_is(text, "Max processes", 0) &&
             limit_is(text, "Max locked memory", 0) && limit_is(text, "Max open files", 8) &&
             limit_is(text, "Max address space", UINT64_C(1) << 46);
#endif
    judge(look, RN_LAYER_RLIMITS, active, 0);
}

// Entries of a directory of /proc/PID other than "." and ".."; -1 with errno.
static int count_entries(const struct look *look, const char *name, const char *expected)
{
    char path[64];
    path_of(look, name, path, sizeof(path));
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return -1;
    }
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        count += expected != NULL && strcmp(entry->d_name, expected) == 0 ? 1 : 1000;
    }
    closedir(dir);
    return count;
}

static void look_at_descriptors(struct look *look)
{
    // fdinfo may be listed by whoever may trace the process, also while it is not dumpable.
    int count = count_entries(look, "fdinfo", "3");
    if (count < 0) {
        count = count_entries(look, "fd", "3");
    }
    judge(look, RN_LAYER_DESCRIPTORS, count == 1, count < 0 ? errno : 0);
}

static void look_at_root(struct look *look)
{
    char path[64];
    struct statvfs info;
    path_of(look, "root", path, sizeof(path));
    int count = count_entries(look, "root/", NULL);
    bool read_only = count == 0 && statvfs(path, &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
    judge(look, RN_LAYER_EMPTY_ROOT, read_only, count < 0 ? errno : 0);
}

// Fields 6 and 7 of stat, behind the command's name in parentheses.
static void look_at_session(struct look *look)
{
    char text[TEXT_MAX];
    bool active = false;
    if (read_text(look, "stat", text)) {
        const char *behind = strrchr(text, ')');
        int session;
        int terminal;
        active = behind != NULL &&
                 sscanf(behind, ") %*c %*d %*d %d %d", &session, &terminal) == 2 &&
                 session != (int)getsid(0) && terminal == 0;
    }
    judge(look, RN_LAYER_SESSION, active, 0);
}

// The kernel gives the files of a process that is not dumpable to root.
static void look_at_dumpable(struct look *look)
{
    char path[64];
    struct stat info;
    path_of(look, "environ", path, sizeof(path));
    bool known = stat(path, &info) == 0;
    judge(look, RN_LAYER_NOT_DUMPABLE, known && look->uid != 0 && info.st_uid == 0,
          known ? 0 : errno);
}

static void look_at_oom(struct look *look)
{
    char text[TEXT_MAX];
    bool active = read_text(look, "oom_score_adj", text) && strtol(text, NULL, 10) == 1000;
    judge(look, RN_LAYER_OOM_FIRST, active, active ? 0 : errno);
}

static void look_at_cgroups(struct look *look)
{
    struct rn_cgroup_bounds bounds = rn_cgroup_bounds_of(look->pid);
    judge(look, RN_LAYER_CGROUP_MEMORY, bounds.memory, 0);
    judge(look, RN_LAYER_CGROUP_PIDS, bounds.processes, 0);
}

static const enum rn_layer inherited[] = {
    RN_LAYER_USER_NAMESPACE, RN_LAYER_PID_NAMESPACE, RN_LAYER_NET_NAMESPACE,
    RN_LAYER_IPC_NAMESPACE,  RN_LAYER_UTS_NAMESPACE, RN_LAYER_CGROUP_NAMESPACE,
    RN_LAYER_EMPTY_ROOT,     RN_LAYER_SESSION,       RN_LAYER_OOM_FIRST,
};

static void look_at_inherited(struct look *look)
{
    look_at_namespaces(look);
    look_at_root(look);
    look_at_session(look);
    look_at_oom(look);
}

void rn_wall_look_early(pid_t pid, struct rn_wall_report *out_early)
{
    rn_wall_report_init(out_early);
    struct look look = {.pid = pid, .report = out_early};
    if (pid > 0) {
        look_at_inherited(&look);
        look_at_cgroups(&look);
    }
}

static uint64_t inherited_set(void)
{
    uint64_t set = 0;
    for (size_t i = 0; i < RN_COUNT_OF(inherited); i++) {
        set |= RN_LAYER_BIT(inherited[i]);
    }
    return set;
}

enum rn_error rn_wall_look_late(pid_t pid, const struct rn_wall_report *early,
                                struct rn_wall_report *out_report)
{
    *out_report = *early;
    struct look look = {.pid = pid, .report = out_report};
    if (pid <= 0 || !look_at_status(&look)) {
        return RN_E_NOT_FOUND;
    }
    if ((early->active & inherited_set()) != inherited_set()) {
        out_report->active &= ~inherited_set();
        look_at_inherited(&look);
    }
    look_at_uid(&look);
    look_at_limits(&look);
    look_at_descriptors(&look);
    look_at_dumpable(&look);
    return RN_OK;
}

enum rn_error rn_wall_look(pid_t pid, struct rn_wall_report *out_report)
{
    struct rn_wall_report early;
    rn_wall_look_early(pid, &early);
    return rn_wall_look_late(pid, &early, out_report);
}

void rn_wall_believe(struct rn_wall_report *report, uint64_t said)
{
    for (unsigned layer = 0; layer < RN_LAYER_COUNT; layer++) {
        if ((said & ~rn_wall_visible() & RN_LAYER_BIT(layer)) != 0) {
            rn_wall_report_active(report, (enum rn_layer)layer);
        }
    }
}
