/*
 * string.c: String and Bytes: static until first changed, then a buffer that doubles.
 */
#include <string.h>

#include "worker/vm/machine.h"

#define SIZE_MAX_STRING (UINT32_MAX - 64u)

static struct rn_string *new_header(struct rn_vm *vm, uint32_t type)
{
    struct rn_string *string = rn_heap_object(vm, RN_OBJECT_STRING, type, sizeof(*string));
    if (string != NULL) {
        string->data = "";
        string->size = 0;
        string->capacity = 0;
    }
    return string;
}

static struct rn_string *new_copy(struct rn_vm *vm, uint32_t type, const void *data, size_t size)
{
    struct rn_string *string = new_header(vm, type);
    if (string == NULL || (size > 0 && !rn_string_append(vm, string, data, size))) {
        return NULL;
    }
    return string;
}

struct rn_string *rn_string_new(struct rn_vm *vm, const char *data, size_t size)
{
    return new_copy(vm, RN_TYPE_ID_STRING, data, size);
}

struct rn_string *rn_bytes_new(struct rn_vm *vm, const void *data, size_t size)
{
    return new_copy(vm, RN_TYPE_ID_BYTES, data, size);
}

struct rn_string *rn_string_new_static(struct rn_vm *vm, const char *data, size_t size)
{
    struct rn_string *string = new_header(vm, RN_TYPE_ID_STRING);
    if (string != NULL) {
        string->data = data;
        string->size = (uint32_t)size;
    }
    return string;
}

struct rn_string *rn_string_with_capacity(struct rn_vm *vm, size_t capacity)
{
    struct rn_string *string = new_header(vm, RN_TYPE_ID_STRING);
    if (string == NULL || (capacity > 0 && !rn_string_reserve(vm, string, capacity))) {
        return NULL;
    }
    return string;
}

bool rn_string_reserve(struct rn_vm *vm, struct rn_string *string, size_t extra)
{
    size_t size = string->size;
    if (extra > SIZE_MAX_STRING - size) {
        rn_reach_limit(vm, RN_LIMIT_MEMORY);
        return false;
    }
    if (string->capacity != 0 && size + extra <= string->capacity) {
        return true;
    }
    size_t wanted = size + extra;
    // Doubling, but a first copy of static text is not made larger than it must be.
    if (string->capacity != 0 && wanted < (size_t)string->capacity * 2) {
        wanted = (size_t)string->capacity * 2;
    }
    size_t capacity;
    // Static text is copied; storage of its own grows.
    void *own = string->capacity != 0 ? (void *)(uintptr_t)string->data : NULL;
    char *data =
        rn_heap_buffer_grow(vm, own, own == NULL ? 0 : size, wanted < 16 ? 16 : wanted, &capacity);
    if (data == NULL) {
        return false;
    }
    if (own == NULL) {
        memcpy(data, string->data, size);
    }
    string->data = data;
    string->capacity = capacity > UINT32_MAX ? UINT32_MAX : (uint32_t)capacity;
    return true;
}

bool rn_string_append(struct rn_vm *vm, struct rn_string *string, const char *data, size_t size)
{
    // The text may be the string's own, which moves when it grows.
    bool own = data >= string->data && data < string->data + string->size;
    size_t offset = own ? (size_t)(data - string->data) : 0;
    if (RN_UNLIKELY(string->capacity == 0 || size > string->capacity - string->size) &&
        !rn_string_reserve(vm, string, size)) {
        return false;
    }
    char *target = (char *)(uintptr_t)string->data + string->size;
    memmove(target, own ? string->data + offset : data, size);
    string->size += (uint32_t)size;
    string->header.version++;
    return true;
}

bool rn_string_append_char(struct rn_vm *vm, struct rn_string *string, uint32_t scalar)
{
    char bytes[4];
    return rn_string_append(vm, string, bytes, rn_utf8_encode(scalar, bytes));
}
