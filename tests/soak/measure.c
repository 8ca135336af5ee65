/* measure.c: counts out of procfs, medians of thirds. */
#include "tests/soak/measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Growth of a median that means nothing: a share of it, and so much in any case. */
static const struct {
    const char *name;
    double share;
    double least;
} quantities[QUANTITIES] = {
    [HOST_KIB] = {"host KiB", 0.03, 1024},     [WORKER_KIB] = {"process KiB", 0.10, 256},
    [DESCRIPTORS] = {"descriptors", 0.05, 12}, [MEMFDS] = {"memfds", 0.05, 12},
    [PROCESSES] = {"processes", 0.05, 4},      [THREADS] = {"threads", 0, 1},
};

const char *quantity_name(enum quantity quantity)
{
    return quantities[quantity].name;
}

static double resident_kib(const char *process)
{
    char path[64];
    unsigned long all = 0;
    unsigned long resident = 0;
    (void)snprintf(path, sizeof(path), "/proc/%s/statm", process);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%lu %lu", &all, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* Lines of a file of /proc/self that hold a word. */
static double count_lines(const char *path, const char *word)
{
    char line[512];
    double count = 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        count += strstr(line, word) != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

/* The process behind a pidfd, as text; false: it is no pidfd, or the process has ended. */
static bool process_of(const char *fd, char process[static 32])
{
    char path[64];
    char line[128];
    long pid = -1;
    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%.16s", fd);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "Pid: %ld", &pid);
    }
    if (file != NULL) {
        fclose(file);
    }
    (void)snprintf(process, 32, "%ld", pid);
    return pid > 0;
}

static void count_descriptor(const char *fd, struct sample *sample)
{
    char link[64];
    char target[256] = "";
    char process[32];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%.16s", fd);
    ssize_t size = readlink(link, target, sizeof(target) - 1);
    if (size < 0) {
        return; // the one that lists them
    }
    sample->of[DESCRIPTORS]++;
    sample->of[MEMFDS] += strstr(target, "memfd:") != NULL;
    if (strstr(target, "pidfd") != NULL && process_of(fd, process)) {
        sample->of[PROCESSES]++;
        sample->of[WORKER_KIB] += resident_kib(process);
    }
}

struct sample take_sample(void)
{
    struct sample sample = {.of = {[HOST_KIB] = resident_kib("self")}};
    struct dirent *entry;
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            count_descriptor(entry->d_name, &sample);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    if (sample.of[PROCESSES] > 0) {
        sample.of[WORKER_KIB] /= sample.of[PROCESSES];
    }
    sample.of[MEMFDS] += count_lines("/proc/self/maps", "memfd:");
    sample.of[THREADS] = 0;
    char line[64];
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        (void)sscanf(line, "Threads: %lf", &sample.of[THREADS]);
    }
    if (status != NULL) {
        fclose(status);
    }
    return sample;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double median(const struct sample *samples, size_t count, enum quantity quantity)
{
    double *values = calloc(count, sizeof(*values));
    double result = 0;
    if (values != NULL) {
        for (size_t i = 0; i < count; i++) {
            values[i] = samples[i].of[quantity];
        }
        qsort(values, count, sizeof(*values), compare);
        result =
            count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
        free(values);
    }
    return result;
}

bool judge(const struct sample *samples, size_t count)
{
    size_t third = count / 3;
    bool flat = third > 0;
    for (unsigned q = 0; q < QUANTITIES && third > 0; q++) {
        double middle = median(samples + third, third, q);
        double last = median(samples + count - third, third, q);
        double noise = middle * quantities[q].share;
        noise = noise > quantities[q].least ? noise : quantities[q].least;
        bool grew = last > middle + noise;
        printf("%-12s middle third %10.0f, last third %10.0f: %s\n", quantities[q].name, middle,
               last, grew ? "GROWS" : "flat");
        flat = flat && !grew;
    }
    puts(flat ? "flat" : "not flat");
    return flat;
}
