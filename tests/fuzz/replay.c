/*
 * replay.c: runs a fuzz target over the files of corpus folders, in the order of their names, and
 * says how many there were. A folder that is missing or empty is an error: nothing was tested.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUT_MAX = 1 << 20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *folder, const char *name)
{
    static uint8_t data[INPUT_MAX];
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "replay: cannot open %s\n", path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    // An exact block, so that a sanitizer sees a read behind its end.
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        return 1;
    }
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return 0;
}

static int replay_folder(const char *folder)
{
    struct dirent **names = NULL;
    int found = scandir(folder, &names, NULL, alphasort);
    int failed = 0;
    int run = 0;
    for (int i = 0; i < found; i++) {
        if (names[i]->d_name[0] != '.') {
            failed |= replay_file(folder, names[i]->d_name);
            run++;
        }
        free(names[i]);
    }
    free(names);
    printf("replay: %d inputs of %s\n", run, folder);
    return run == 0 ? 1 : failed;
}

int main(int argc, char **argv)
{
    uint8_t nothing = 0;
    int failed = argc < 2;
    (void)LLVMFuzzerTestOneInput(&nothing, 0);
    for (int i = 1; i < argc; i++) {
        failed |= replay_folder(argv[i]);
    }
    return failed;
}
