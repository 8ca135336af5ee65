/* inputs.c: the modules that a build asked for. */
#include "supervisor/inputs.h"

#include <sodium.h>
#include <string.h>

#include "base/alloc.h"

void rn_inputs_done(struct rn_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++) {
        rn_free(inputs->items[i].item);
    }
    rn_free(inputs->items);
    *inputs = (struct rn_inputs){.items = NULL};
}

static bool grow(struct rn_inputs *inputs)
{
    if (inputs->count < inputs->capacity) {
        return true;
    }
    size_t capacity = inputs->capacity == 0 ? 8 : inputs->capacity * 2;
    void *items = rn_realloc(inputs->items, capacity * sizeof(*inputs->items));
    if (!items) {
        return false;
    }
    inputs->items = items;
    inputs->capacity = capacity;
    return true;
}

/* Sizes go in, too, so that no two answers run together. */
static void digest_text(crypto_generichash_state *state, const char *text, size_t size)
{
    uint64_t length = size;
    crypto_generichash_update(state, (const uint8_t *)&length, sizeof(length));
    if (size > 0) {
        crypto_generichash_update(state, (const uint8_t *)text, size);
    }
}

void rn_inputs_add(struct rn_inputs *inputs, const char *item, enum rn_error found,
                   const struct rune_loaded *loaded)
{
    char *copy = inputs->count < RN_INPUTS_MAX ? rn_strndup(item, strlen(item)) : NULL;
    if (!copy || !grow(inputs)) {
        rn_free(copy);
        inputs->incomplete = true;
        return;
    }
    struct rn_input *input = &inputs->items[inputs->count++];
    crypto_generichash_state state;
    int32_t status = (int32_t)found;
    input->item = copy;
    inputs->bytes += sizeof(*input) + strlen(copy) + 1;
    crypto_generichash_init(&state, NULL, 0, RN_DIGEST_SIZE);
    crypto_generichash_update(&state, (const uint8_t *)&status, sizeof(status));
    if (found == RN_OK) {
        digest_text(&state, loaded->name, strlen(loaded->name));
        digest_text(&state, loaded->text, loaded->size);
    }
    crypto_generichash_final(&state, input->digest, RN_DIGEST_SIZE);
}

enum rn_error rn_inputs_answer(struct rn_inputs *inputs, const rune_sources *sources,
                               const char *item, struct rn_buf *out_body, size_t *out_name_size)
{
    struct rune_loaded loaded = {.name = NULL};
    enum rn_error found = rn_sources_find(sources, item, &loaded);
    *out_name_size = 0;
    if (inputs) {
        rn_inputs_add(inputs, item, found, &loaded);
    }
    if (found == RN_OK) {
        rn_buf_append_text(out_body, loaded.name);
        *out_name_size = out_body->size;
        rn_buf_append(out_body, loaded.text, loaded.size);
        found = rn_buf_status(out_body);
    }
    rn_loaded_done(&loaded);
    if (found != RN_OK) {
        out_body->size = 0;
        *out_name_size = 0;
    }
    return found;
}

bool rn_inputs_have(const struct rn_inputs *inputs, const char *item)
{
    for (size_t i = 0; i < inputs->count; i++) {
        if (strcmp(inputs->items[i].item, item) == 0) {
            return true;
        }
    }
    return false;
}
