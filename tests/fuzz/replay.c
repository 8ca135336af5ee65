/* replay.c: runs a fuzz target over the files of a corpus directory, in the order of their names.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "cannot open %s\n", path);
        return 1;
    }
    static uint8_t data[1 << 20];
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

int main(int argc, char **argv)
{
    int failed = 0;
    uint8_t nothing = 0;
    (void)LLVMFuzzerTestOneInput(&nothing, 0);
    for (int i = 1; i < argc; i++) {
        struct dirent **names = NULL;
        int count = scandir(argv[i], &names, NULL, alphasort);
        for (int n = 0; n < count; n++) {
            if (names[n]->d_name[0] != '.') {
                failed |= replay_file(argv[i], names[n]->d_name);
            }
            free(names[n]);
        }
        free(names);
    }
    return failed;
}
