/* cgroup.c: lines of /proc/PID/cgroup, and the limit files they lead to. */
#include "policy/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 512
// Version 1 writes "no limit" as the largest multiple of a page.
#define NO_LIMIT (UINT64_C(1) << 62)

static bool file_holds_limit(const char *path)
{
    char text[64];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    char *end = text;
    bool read = fgets(text, sizeof(text), file) != NULL;
    fclose(file);
    unsigned long long value = read ? strtoull(text, &end, 10) : 0;
    return end != text && value < NO_LIMIT; // the word "max" is no number
}

// Any group from `group` up to the root of the hierarchy mounted at `mount` has a limit.
static bool has_limit(const char *mount, const char *group, const char *file)
{
    char path[PATH_SIZE];
    size_t mount_size = strlen(mount);
    int size = snprintf(path, sizeof(path), "%s%s", mount, group);
    if (size < 0 || (size_t)size + strlen(file) + 2 > sizeof(path) || strstr(group, "..") != NULL) {
        return false;
    }
    for (;;) {
        size_t length = strlen(path);
        snprintf(path + length, sizeof(path) - length, "/%s", file);
        if (file_holds_limit(path)) {
            return true;
        }
        path[length] = '\0';
        char *slash = strrchr(path + mount_size, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
    }
}

static bool names_controller(const char *list, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, size) == 0 && (at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static void judge_group(const char *controllers, const char *group, struct rn_cgroup_bounds *bounds)
{
    if (*controllers == '\0') {
        bounds->memory |= has_limit("/sys/fs/cgroup", group, "memory.max") ||
                          has_limit("/sys/fs/cgroup/unified", group, "memory.max");
        bounds->processes |= has_limit("/sys/fs/cgroup", group, "pids.max") ||
                             has_limit("/sys/fs/cgroup/unified", group, "pids.max");
    }
    if (names_controller(controllers, "memory")) {
        bounds->memory |= has_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
    }
    if (names_controller(controllers, "pids")) {
        bounds->processes |= has_limit("/sys/fs/cgroup/pids", group, "pids.max");
    }
}

struct rn_cgroup_bounds rn_cgroup_bounds_of(pid_t pid)
{
    struct rn_cgroup_bounds bounds = {false, false};
    char line[PATH_SIZE];
    snprintf(line, sizeof(line), "/proc/%d/cgroup", (int)pid);
    FILE *file = fopen(line, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        // "4:memory:/group"
        char *controllers = strchr(line, ':');
        char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (group == NULL) {
            continue;
        }
        *group = '\0';
        char *name = group + 1;
        name[strcspn(name, "\n")] = '\0';
        judge_group(controllers + 1, strcmp(name, "/") == 0 ? "" : name, &bounds);
    }
    if (file != NULL) {
        fclose(file);
    }
    return bounds;
}
