/*
 * rules.c: a program that lets its users write the rules.
 *
 *      rules RULES.rn
 *
 * The script decides about prices; it may ask two functions of the program and nothing else.
 * However it misbehaves, the call ends with a reason and the program goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runeward/runeward.h>

/* shop::price(name): a result, since the script may name something that is not sold. */
static void shop_price(void *user, rune_host_call *call)
{
    static const struct {
        const char *name;
        double price;
    } goods[] = {{"tea", 7.5}, {"cup", 12.0}, {"pot", 39.0}};
    const char *name;
    size_t size;
    (void)user;
    if (!rune_value_get_string(rune_host_call_arg(call, 0), &name, &size)) {
        (void)rune_host_call_fail(call, "shop::price takes a String");
        return;
    }
    rune_const_value *answer = NULL;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]) && !answer; i++) {
        if (strlen(goods[i].name) == size && memcmp(goods[i].name, name, size) == 0) {
            rune_const_value *price = rune_value_f64(goods[i].price);
            answer = rune_value_ok(price);
            rune_value_unref(price);
        }
    }
    if (!answer) {
        rune_const_value *why = rune_value_text("not sold here");
        answer = rune_value_err(why);
        rune_value_unref(why);
    }
    (void)rune_host_call_reply(call, answer);
    rune_value_unref(answer);
}

/* shop::orders(customer): how many orders there were before. `user` is given with the function. */
static void shop_orders(void *user, rune_host_call *call)
{
    const int64_t *orders = user;
    rune_const_value *answer = rune_value_i64(*orders);
    (void)rune_host_call_reply(call, answer);
    rune_value_unref(answer);
}

static bool print_output(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)fwrite(data, 1, size, stream == RUNE_STREAM_STDERR ? stderr : stdout);
    return true;
}

static void print_error(rune_error *error)
{
    rune_text *text;
    if (error && rune_error_render(error, false, &text) == RUNE_OK) {
        (void)fputs(rune_text_data(text), stderr);
        rune_text_free(text);
    }
    rune_error_free(error);
}

static void print_diagnostics(const rune_diagnostics *diagnostics)
{
    rune_text *text;
    if (rune_diagnostics_render(diagnostics, false, &text) == RUNE_OK) {
        (void)fputs(rune_text_data(text), stderr);
        rune_text_free(text);
    }
}

static rune_context *make_context(int64_t *orders)
{
    rune_module *module = rune_module_new("shop");
    rune_context *context = rune_context_with_default_modules();
    rune_error *error = NULL;
    if (!module || !context ||
        rune_module_function(module, "price", 1, 0, shop_price, NULL, &error) != RUNE_OK ||
        rune_module_function(module, "orders", 1, 0, shop_orders, orders, &error) != RUNE_OK ||
        rune_context_install(context, module, &error) != RUNE_OK) {
        print_error(error);
        exit(70);
    }
    rune_module_free(module);
    return context;
}

static rune_unit *build(rune_supervisor *supervisor, const rune_context *context, const char *path)
{
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    if (rune_sources_insert_file(sources, path, &error) != RUNE_OK ||
        rune_build(supervisor, sources, context, NULL, diagnostics, &unit, &error) != RUNE_OK) {
        print_diagnostics(diagnostics);
        print_error(error);
        exit(1);
    }
    rune_diagnostics_free(diagnostics);
    rune_sources_free(sources);
    return unit;
}

/* One call of `price`; prints what it gave as JSON. */
static int ask(rune_vm *vm, const char *cart_json)
{
    rune_const_value *cart = NULL;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_text *text = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, print_output, NULL);
    rune_status status = rune_value_from_json(cart_json, strlen(cart_json), &cart, &error);
    if (status == RUNE_OK) {
        const rune_const_value *args[] = {cart};
        status = rune_vm_call(vm, "price", args, 1, options, &value, &error);
    }
    if (status == RUNE_OK) {
        status = rune_value_to_json(value, &text, &error);
    }
    if (status == RUNE_OK) {
        (void)printf("%s\n", rune_text_data(text));
    } else {
        print_error(error);
    }
    rune_text_free(text);
    rune_value_unref(value);
    rune_value_unref(cart);
    rune_call_options_free(options);
    return status == RUNE_OK ? 0 : 2;
}

int main(int argc, char **argv)
{
    int64_t orders = 0;
    rune_supervisor *supervisor;
    rune_runtime *runtime;
    rune_vm *vm;
    rune_error *error = NULL;
    if (argc != 2) {
        (void)fputs("usage: rules RULES.rn\n", stderr);
        return 64;
    }
    if (rune_supervisor_new(NULL, &supervisor, &error) != RUNE_OK) {
        print_error(error);
        return 71;
    }
    rune_context *context = make_context(&orders);
    rune_unit *unit = build(supervisor, context, argv[1]);
    if (rune_context_runtime(context, &runtime, &error) != RUNE_OK ||
        rune_vm_new(supervisor, runtime, unit, NULL, &vm, &error) != RUNE_OK) {
        print_error(error);
        return 70;
    }
    int failed = ask(vm, "{\"customer\":\"first\",\"items\":[{\"name\":\"tea\",\"count\":2}]}");
    orders = 12;
    failed |= ask(vm, "{\"customer\":\"regular\",\"items\":[{\"name\":\"pot\",\"count\":3},"
                      "{\"name\":\"cup\",\"count\":1}]}");
    failed |= ask(vm, "{\"customer\":\"lost\",\"items\":[{\"name\":\"sofa\",\"count\":1}]}");
    rune_vm_free(vm);
    rune_runtime_unref(runtime);
    rune_unit_unref(unit);
    rune_context_free(context);
    rune_supervisor_free(supervisor);
    return failed;
}
