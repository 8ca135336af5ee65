/*
 * reload.c: scripts that change while the program runs.
 *
 * Watches a folder, calls what is in it, saves a new version and a broken one, and goes on calling.
 */
#include <runeward/runeward.h>

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sem_t changed;

/* Runs on the watch's thread, once for each change. */
static void on_change(void *user, const rune_change *change)
{
    (void)user;
    if (change->kind == RUNE_CHANGE_BROKEN) {
        rune_diagnostic first;
        (void)rune_diagnostics_at(change->diagnostics, 0, &first);
        (void)printf("%s: broken at line %u\n", change->name, first.line);
    } else {
        (void)printf("%s: %s\n", change->name,
                     change->kind == RUNE_CHANGE_LOADED ? "loaded" : "gone");
    }
    sem_post(&changed);
}

static void die(const char *what, rune_error *error)
{
    (void)fprintf(stderr, "%s: %s\n", what, error ? rune_error_message(error) : "failed");
    rune_error_free(error);
    exit(1);
}

static void save(const char *folder, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/price.rn", folder);
    FILE *file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        die(path, NULL);
    }
}

/* One call on whatever version serves now. */
static void call(rune_watch *watch, rune_vm *vm)
{
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    int64_t price = 0;
    rune_unit *unit = rune_watch_current(watch, "price");
    if (!unit || rune_vm_set_unit(vm, unit) != RUNE_OK) {
        die("price", NULL);
    }
    if (rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error) != RUNE_OK) {
        die("main", error);
    }
    (void)rune_value_get_i64(value, &price);
    (void)printf("price: %lld\n", (long long)price);
    rune_value_unref(value);
    rune_unit_unref(unit);
}

static rune_vm *first_vm(rune_supervisor *supervisor, rune_watch *watch)
{
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    rune_unit *unit = rune_watch_current(watch, "price");
    if (!unit || rune_vm_new(supervisor, NULL, unit, NULL, &vm, &error) != RUNE_OK) {
        die("price", error);
    }
    rune_unit_unref(unit);
    return vm;
}

static void run(rune_supervisor *supervisor, const char *folder)
{
    rune_watch *watch = NULL;
    rune_error *error = NULL;
    if (rune_watch_new(supervisor, folder, NULL, &watch, &error) != RUNE_OK) {
        die("watch", error);
    }
    rune_watch_on_change(watch, on_change, NULL);
    rune_vm *vm = first_vm(supervisor, watch);
    call(watch, vm);
    save(folder, "pub fn main() { 12 }\n");
    sem_wait(&changed);
    call(watch, vm);
    save(folder, "pub fn main() {\n    12 +\n}\n");
    sem_wait(&changed);
    call(watch, vm);
    rune_vm_free(vm);
    rune_watch_free(watch);
}

int main(void)
{
    char folder[] = "/tmp/runeward-example-XXXXXX";
    char path[256];
    rune_supervisor *supervisor = NULL;
    rune_error *error = NULL;
    if (!mkdtemp(folder) || sem_init(&changed, 0, 0) != 0 ||
        rune_supervisor_new(NULL, &supervisor, &error) != RUNE_OK) {
        die("start", error);
    }
    save(folder, "pub fn main() { 10 }\n");
    run(supervisor, folder);
    rune_supervisor_free(supervisor);
    (void)snprintf(path, sizeof(path), "%s/price.rn", folder);
    (void)unlink(path);
    (void)rmdir(folder);
    return 0;
}
