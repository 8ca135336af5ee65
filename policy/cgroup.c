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
    size_t size = (size_t)snprintf(path, sizeof(path), "%s%s", mount, group);
    if (size + strlen(file) + 2 > sizeof(path) || strstr(group, "..") != NULL) {
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

/* The next line of /proc/PID/cgroup that names a group: "4:memory:/group". The root's name is "". */
static bool next_group(FILE *file, char line[static PATH_SIZE], const char **out_controllers,
                       const char **out_group)
{
    while (file != NULL && fgets(line, PATH_SIZE, file) != NULL) {
        char *controllers = strchr(line, ':');
        char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (group != NULL) {
            *group++ = '\0';
            group[strcspn(group, "\n")] = '\0';
            *out_controllers = controllers + 1;
            *out_group = strcmp(group, "/") == 0 ? "" : group;
            return true;
        }
    }
    return false;
}

struct rn_cgroup_bounds rn_cgroup_bounds_of(pid_t pid)
{
    struct rn_cgroup_bounds bounds = {false, false};
    char line[PATH_SIZE];
    const char *controllers;
    const char *group;
    snprintf(line, sizeof(line), "/proc/%d/cgroup", (int)pid);
    FILE *file = fopen(line, "re");
    while (next_group(file, line, &controllers, &group)) {
        judge_group(controllers, group, &bounds);
    }
    if (file != NULL) {
        fclose(file);
    }
    return bounds;
}

/* The number behind "oom_kill" at the beginning of a line, or 0. */
static uint64_t read_kills(const char *mount, const char *group, const char *name)
{
    static const char word[] = "oom_kill ";
    char text[PATH_SIZE];
    uint64_t count = 0;
    size_t size = (size_t)snprintf(text, sizeof(text), "%s%s/%s", mount, group, name);
    FILE *file = size < sizeof(text) ? fopen(text, "re") : NULL;
    while (file != NULL && fgets(text, sizeof(text), file) != NULL) {
        if (strncmp(text, word, sizeof(word) - 1) == 0) {
            count = strtoull(text + sizeof(word) - 1, NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

uint64_t rn_cgroup_oom_kills(pid_t pid)
{
    uint64_t count = 0;
    char line[PATH_SIZE];
    const char *controllers;
    const char *group;
    snprintf(line, sizeof(line), "/proc/%d/cgroup", (int)pid);
    FILE *file = fopen(line, "re");
    while (next_group(file, line, &controllers, &group)) {
        if (*controllers == '\0') {
            count += read_kills("/sys/fs/cgroup", group, "memory.events");
            count += read_kills("/sys/fs/cgroup/unified", group, "memory.events");
        } else if (names_controller(controllers, "memory")) {
            count += read_kills("/sys/fs/cgroup/memory", group, "memory.oom_control");
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}
