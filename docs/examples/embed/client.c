/*
 * client.c: a daemon for a folder of scripts, and a client that asks it, and offers it a function.
 *
 * Both ends are in this program for the sake of the example; the daemon is what `runeward serve` is.
 */
#include <runeward/runeward.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* The daemon */

static rune_server *start_daemon(rune_supervisor *supervisor, const char *folder, const char *path)
{
    rune_server *server = NULL;
    rune_error *error = NULL;
    rune_server_options *options = rune_server_options_new();
    if (!options || rune_server_options_set_directory(options, folder) != RUNE_OK ||
        rune_server_options_set_socket(options, path) != RUNE_OK ||
        rune_server_new(supervisor, options, &server, &error) != RUNE_OK) {
        die("server", error);
    }
    rune_server_options_free(options);
    return server;
}

static void *run(void *server)
{
    rune_server_run(server);
    return NULL;
}

/* The client */

/* The script has a static for it, which waits here until the next call. */
static void raise_price(rune_vm *vm, int64_t percent)
{
    rune_error *error = NULL;
    rune_const_value *value = rune_value_i64(percent);
    if (!value || rune_vm_set_static(vm, "PERCENT", value, &error) != RUNE_OK) {
        die("static", error);
    }
    rune_value_unref(value);
}

static void ask(const char *path)
{
    rune_supervisor *daemon = NULL;
    rune_vm *vm = NULL;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    int64_t price = 0;
    if (rune_supervisor_connect(path, NULL, &daemon, &error) != RUNE_OK) {
        die("connect", error);
    }
    if (rune_connect_vm(daemon, "price", NULL, &vm, &error) != RUNE_OK ||
        rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error) != RUNE_OK) {
        die("price", error);
    }
    (void)rune_value_get_i64(value, &price);
    (void)printf("price: %lld\n", (long long)price);
    rune_value_unref(value);
    raise_price(vm, 20);
    if (rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error) != RUNE_OK) {
        die("raised price", error);
    }
    (void)rune_value_get_i64(value, &price);
    (void)printf("raised: %lld\n", (long long)price);
    rune_value_unref(value);
    rune_vm_free(vm);
    rune_supervisor_free(daemon);
}

/* shop::stock(article): runs here, on the thread that makes the call. */
static void stock(void *user, rune_host_call *call)
{
    int64_t article = 0;
    const int64_t *shelf = user;
    if (!rune_value_get_i64(rune_host_call_arg(call, 0), &article) || article < 0 || article > 2) {
        (void)rune_host_call_fail(call, "there is no such article");
        return;
    }
    rune_const_value *count = rune_value_i64(shelf[article]);
    (void)rune_host_call_reply(call, count);
    rune_value_unref(count);
}

static rune_context *make_context(int64_t *shelf)
{
    rune_error *error = NULL;
    rune_context *context = rune_context_with_default_modules();
    rune_module *module = rune_module_new("shop");
    if (!context || !module ||
        rune_module_function(module, "stock", 1, 0, stock, shelf, &error) != RUNE_OK ||
        rune_context_install(context, module, &error) != RUNE_OK) {
        die("context", error);
    }
    rune_module_free(module);
    return context;
}

/* A script of the client's own, which calls that function from a worker of the daemon's. */
static void offer(const char *path)
{
    static const char text[] = "pub fn main() { shop::stock(0) + shop::stock(2) }";
    int64_t shelf[] = {4, 0, 3};
    int64_t total = 0;
    rune_supervisor *daemon = NULL;
    rune_runtime *runtime = NULL;
    rune_unit *unit = NULL;
    rune_vm *vm = NULL;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_context *context = make_context(shelf);
    rune_sources *sources = rune_sources_new();
    if (rune_supervisor_connect(path, NULL, &daemon, &error) != RUNE_OK ||
        rune_sources_insert_memory(sources, "stock.rn", text, sizeof(text) - 1, &error) !=
            RUNE_OK ||
        rune_context_runtime(context, &runtime, &error) != RUNE_OK ||
        rune_build(daemon, sources, context, NULL, NULL, &unit, &error) != RUNE_OK) {
        die("build", error);
    }
    if (rune_vm_new(daemon, runtime, unit, NULL, &vm, &error) != RUNE_OK ||
        rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error) != RUNE_OK) {
        die("offer", error);
    }
    (void)rune_value_get_i64(value, &total);
    (void)printf("in stock: %lld\n", (long long)total);
    rune_value_unref(value);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_runtime_unref(runtime);
    rune_sources_free(sources);
    rune_context_free(context);
    rune_supervisor_free(daemon);
}

int main(void)
{
    char folder[] = "/tmp/runeward-example-XXXXXX";
    char path[64];
    char script[64];
    pthread_t thread;
    rune_supervisor *supervisor = NULL;
    rune_error *error = NULL;
    if (!mkdtemp(folder) || rune_supervisor_new(NULL, &supervisor, &error) != RUNE_OK) {
        die("start", error);
    }
    save(folder, "static PERCENT = 0;\npub fn main() { 10 + 10 * PERCENT / 100 }\n");
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    rune_server *server = start_daemon(supervisor, folder, path);
    if (pthread_create(&thread, NULL, run, server) != 0) {
        die("thread", NULL);
    }
    ask(path);
    offer(path);
    rune_server_drain(server, 0);
    pthread_join(thread, NULL);
    rune_server_free(server);
    rune_supervisor_free(supervisor);
    (void)snprintf(script, sizeof(script), "%s/price.rn", folder);
    (void)unlink(script);
    (void)rmdir(folder);
    return 0;
}
