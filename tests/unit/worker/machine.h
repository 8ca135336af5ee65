/*
 * machine.h: an engine over a small library of its own, and Units put together by the builder, for
 * tests of the Vm without compiler and standard library.
 */
#ifndef RN_TESTS_MACHINE_H
#define RN_TESTS_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/math.h"
#include "bytecode/builder.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "bytecode/intrinsics.h"
#include "worker/vm/machine.h"

#define REGION_SIZE ((size_t)64 << 20)

/* Instructions that stood in a Unit which was run, over all tests of the program. */
static bool ops_seen[RN_OP_COUNT];

struct machine {
    struct rn_library library;
    void *memory;
    void *region; /* in it, aligned */
    struct rn_engine *engine;
    struct rn_builder *b;
    struct rn_buf image;
    struct rn_buf standard_image;
    struct rune_verified_unit unit;
    struct rn_link *link;
    struct rn_vm *vm;
    struct rn_vm_limits limits;
    const volatile uint32_t *cancel;
};

/* --- The small library --- */

static inline enum rn_outcome native_add(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    int64_t a;
    int64_t b;
    (void)count;
    RN_TRY_VM(rn_arg_i64(vm, args[0], &a));
    RN_TRY_VM(rn_arg_i64(vm, args[1], &b));
    args[0] = rn_value_i64(a + b);
    return RN_DONE;
}

/* Takes three rounds; the number of rounds is its result. */
static inline enum rn_outcome native_rounds(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    rn_native_state(vm)[0] = rn_native_round(vm) == 0 ? 0 : rn_native_state(vm)[0] + 1;
    if (rn_native_round(vm) < 3) {
        return RN_AGAIN;
    }
    args[0] = rn_value_u64(rn_native_state(vm)[0]);
    return RN_DONE;
}

/* Calls its first argument with its second. */
static inline enum rn_outcome native_apply(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)args;
    (void)count;
    rn_set_tail_count(vm, 1);
    return RN_TAIL_CALL;
}

static inline enum rn_outcome native_print(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    struct rn_string *text;
    (void)count;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    args[0] = rn_value_unit();
    return rn_output(vm, 0, text->data, text->size);
}

static inline enum rn_outcome native_drop(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    RN_TRY_VM(rn_take(vm, args[0]));
    args[0] = rn_value_unit();
    return RN_DONE;
}

static inline enum rn_outcome intrinsic_one(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)vm;
    (void)count;
    args[0] = rn_value_i64(1);
    return RN_DONE;
}

static inline enum rn_outcome show(struct rn_vm *vm, struct rn_string *text, struct rn_value value)
{
    char c = value.tag == RN_VALUE_BOOL ? 'b' : '?';
    return rn_string_append(vm, text, &c, 1) ? RN_DONE : RN_RAISED;
}

static inline enum rn_outcome show_spec(struct rn_vm *vm, struct rn_string *text,
                                        struct rn_value value, const struct rn_unit_spec *spec)
{
    (void)value;
    return rn_string_append_char(vm, text, spec->fill) ? RN_DONE : RN_RAISED;
}

static const struct rn_native natives[] = {
    {"test::add", RN_NONE, 2, 0, native_add},
    {"test::rounds", RN_NONE, 1, 0, native_rounds},
    {"test::apply", RN_NONE, 2, 0, native_apply},
    {"test::print", RN_NONE, 1, 0, native_print},
    {"test::drop", RN_NONE, 1, 0, native_drop},
    {"std::future::join", RN_NONE, 1, 0, rn_std_future_join},
    {"add", RN_TYPE_ID_I64, 2, 0, native_add},
    {"next", RN_TYPE_ID_GENERATOR, 1, 0, rn_std_generator_next},
    {"resume", RN_TYPE_ID_GENERATOR, 2, 0, rn_std_generator_resume},
    {"next", RN_TYPE_ID_STREAM, 1, 0, rn_std_stream_next},
    {"test::Twice::twice", RN_NONE, 1, 0, rn_std_value_clone},
};
static const struct rn_trait_impl impls[] = {{"std::vec::Vec", "test::Twice"}};
static rn_native_fn *intrinsic_table[RN_INTRINSIC_COUNT];

/* --- Life --- */

/* For functions with a fixture of their own: without a Unit yet. */
static inline struct machine *machine_new(void)
{
    struct machine *m = rn_alloc(sizeof(*m));
    assert_non_null(m);
    m->memory = rn_alloc(REGION_SIZE + RN_PAGE_SIZE);
    assert_non_null(m->memory);
    m->region = (void *)rn_align_up((uintptr_t)m->memory, RN_PAGE_SIZE);
    for (size_t i = 0; i < RN_INTRINSIC_COUNT; i++) {
        intrinsic_table[i] = intrinsic_one;
    }
    m->library = (struct rn_library){
        .natives = natives,
        .native_count = RN_COUNT_OF(natives),
        .impls = impls,
        .impl_count = RN_COUNT_OF(impls),
        .intrinsics = intrinsic_table,
        .display = show,
        .format = show_spec,
    };
    rn_buf_init(&m->image, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&m->standard_image, RN_IMAGE_SIZE_MAX);
    return m;
}

static inline int set_up(void **state)
{
    struct machine *m = machine_new();
    assert_int_equal(rn_engine_new(m->region, REGION_SIZE, &m->library, &m->engine), RN_OK);
    assert_int_equal(rn_builder_new(false, &m->b), RN_OK);
    *state = m;
    return 0;
}

static inline int tear_down(void **state)
{
    struct machine *m = *state;
    rn_vm_free(m->vm);
    rn_builder_free(m->b);
    rn_buf_done(&m->image);
    rn_buf_done(&m->standard_image);
    rn_free(m->memory);
    rn_free(m);
    return 0;
}

/* --- Units --- */

static inline struct rn_utf8 utf8(const char *text)
{
    return (struct rn_utf8){text, strlen(text)};
}

static inline uint32_t declare(struct rn_builder *b, const char *path, uint16_t args,
                               enum rn_function_kind kind)
{
    struct rn_builder_function function = {.path = utf8(path), .arg_count = args, .kind = kind};
    return rn_builder_function(b, &function);
}

static inline uint32_t begin(struct rn_builder *b, const char *path, uint16_t args)
{
    uint32_t function = declare(b, path, args, RN_FUNCTION_IMMEDIATE);
    rn_builder_begin(b, function);
    rn_builder_export(b, function);
    return function;
}

/* Ends the body with a RETURN of `reg`. */
static inline void end(struct rn_builder *b, uint32_t reg)
{
    rn_emit_RETURN(b, reg);
    rn_builder_end(b);
}

static inline void finish_image(struct rn_builder *b, struct rn_buf *image, bool standard,
                                struct rune_verified_unit *unit)
{
    struct rn_unit_fault fault;
    if (rn_builder_finish(b, image, NULL) != RN_OK) {
        fail_msg("%s", rn_builder_fault_message(b));
    }
    struct rune_unit_image bytes = {image->data, image->size};
    if (rn_unit_verify(bytes, standard, unit, &fault) != RN_OK) {
        fail_msg("%s: %s at pc %u", fault.check, fault.message, fault.pc);
    }
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_CODE]; i++) {
        ops_seen[unit->code[i].op] = true;
    }
}

static inline void finish_with_hosts(struct machine *m, const struct rn_host_function *hosts,
                                     size_t count)
{
    finish_image(m->b, &m->image, false, &m->unit);
    assert_int_equal(rn_link_new(m->engine, &m->unit, hosts, count, &m->link), RN_OK);
    assert_int_equal(rn_vm_new(m->engine, m->link, &m->vm), RN_OK);
}

static inline void finish(struct machine *m)
{
    finish_with_hosts(m, NULL, 0);
}

/* --- Runs --- */

static inline void start(struct machine *m, const char *path)
{
    struct rn_vm_call call = {
        .item = rn_hash_item(path, strlen(path)), .limits = m->limits, .cancel = m->cancel};
    assert_int_equal(rn_vm_start(m->vm, &call), RN_OK);
}

static inline enum rn_event run_slices(struct machine *m, uint64_t slice)
{
    enum rn_event event;
    do {
        event = rn_vm_run(m->vm, slice);
    } while (event == RN_EVENT_SLICE);
    return event;
}

/* The value of `path()`, which must end well. */
static inline struct rn_value call(struct machine *m, const char *path)
{
    start(m, path);
    enum rn_event event = run_slices(m, 1000);
    if (event != RN_EVENT_DONE) {
        const struct rn_vm_error_report *report = rn_vm_error(m->vm);
        fail_msg("%s: event %d, %.*s", path, (int)event, (int)report->message_size,
                 report->message);
    }
    return rn_vm_result_value(m->vm);
}

/* `path()` must raise just that. */
static inline void assert_raises(struct machine *m, const char *path, const char *message)
{
    start(m, path);
    assert_int_equal(run_slices(m, 1000), RN_EVENT_RAISED);
    const struct rn_vm_error_report *report = rn_vm_error(m->vm);
    if (report->message_size != strlen(message) ||
        memcmp(report->message, message, report->message_size) != 0) {
        fail_msg("%s: %.*s", path, (int)report->message_size, report->message);
    }
}

static inline void assert_i64(struct rn_value value, int64_t expected)
{
    assert_int_equal(value.tag, RN_VALUE_I64);
    assert_int_equal(value.i64, expected);
}

static inline void assert_bool(struct rn_value value, bool expected)
{
    assert_int_equal(value.tag, RN_VALUE_BOOL);
    assert_int_equal(value.u64, expected);
}

static inline void assert_text(struct rn_value value, const char *expected)
{
    assert_true(rn_object_is(value, RN_TYPE_ID_STRING));
    const struct rn_string *string = rn_as_string(value);
    assert_int_equal(string->size, strlen(expected));
    assert_memory_equal(string->data, expected, string->size);
}

#endif
