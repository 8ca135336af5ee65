/*
 * error.c: raising, and the record of where.
 *
 * Errors are not objects: a script cannot catch one, so the first error ends the execution and its
 * text lives in the engine's reserve, which needs no memory at the moment of failure. Frames are
 * taken down once, by the run loop, when the stack is still as it was.
 */
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/float_text.h"
#include "worker/vm/machine.h"

struct error_row {
    const char *kind;
    const char *shape;
};

static const struct error_row rows[RN_VM_ERROR_COUNT] = {
#define VM_ERROR(name, kind, shape) [RN_VM_ERROR_##name] = {kind, shape},
#include "bytecode/vm_errors.def"
#undef VM_ERROR
};

void rn_interrupt(struct rn_vm *vm)
{
    if (vm->fuel >= 0) {
        // granted - fuel is what was spent; it stays.
        vm->granted -= (uint64_t)vm->fuel + 1;
        vm->fuel = -1;
    }
}

enum rn_outcome rn_reach_limit(struct rn_vm *vm, enum rn_limit limit)
{
    if (vm->limit == RN_LIMIT_NONE) {
        vm->limit = (uint8_t)limit;
    }
    return RN_RAISED;
}

static void append_type(struct rn_vm *vm, struct rn_buf *buf, uint32_t type)
{
    const struct rn_type_record *record = rn_type_record(vm, type);
    if ((record->flags & RN_TYPE_RECORD_LIBRARY) != 0) {
        rn_buf_append_text(buf, "::");
    }
    rn_buf_append(buf, record->path.data, record->path.size);
}

/* A value of a script's enum is told by its variant. */
static uint32_t told_type(const struct rn_vm *vm, struct rn_value value)
{
    if (value.tag == RN_VALUE_OBJECT) {
        uint8_t flags = rn_type_record(vm, value.object->type)->flags;
        if ((flags & (RN_TYPE_RECORD_VARIANT | RN_TYPE_RECORD_LIBRARY)) == RN_TYPE_RECORD_VARIANT) {
            return value.object->type;
        }
    }
    return rn_type_of(vm, value);
}

/* No stdio in a worker. */
static void append_digits(struct rn_buf *buf, uint64_t value, unsigned base, unsigned width)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || count < width);
    while (count > 0) {
        rn_buf_append_u8(buf, (uint8_t)digits[--count]);
    }
}

static void append_integer(struct rn_buf *buf, struct rn_value value)
{
    if (value.tag == RN_VALUE_I64 && value.i64 < 0) {
        rn_buf_append_u8(buf, '-');
        append_digits(buf, 0 - value.u64, 10, 1);
    } else {
        append_digits(buf, value.u64, 10, 1);
    }
}

static void append_access(struct rn_vm *vm, struct rn_buf *buf, struct rn_value value)
{
    struct rn_access access = {.moved = rn_is_moved(value)};
    if (value.tag == RN_VALUE_OBJECT && !access.moved) {
        // Without budget for the trace the call ends at that limit, whatever the text says.
        (void)!rn_value_access(vm, value, &access);
    }
    rn_buf_append_u8(buf, access.moved ? 'M' : '-');
    rn_buf_append_u8(buf, access.exclusive ? 'X' : '-');
    append_digits(buf, access.shared, 10, 6);
}

/* Cuts a text that does not fit at a whole char. */
static void append_text(struct rn_buf *buf, struct rn_utf8 text)
{
    size_t room = buf->max - buf->size;
    size_t size = text.size;
    if (size > room) {
        size = room;
        while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    rn_buf_append(buf, text.data, size);
}

static void append_argument(struct rn_vm *vm, struct rn_buf *buf, char form, va_list *args)
{
    switch (form) {
    case 't':
        append_type(vm, buf, told_type(vm, va_arg(*args, struct rn_value)));
        break;
    case 'T':
        append_type(vm, buf, va_arg(*args, uint32_t));
        break;
    case 's':
        append_text(buf, va_arg(*args, struct rn_utf8));
        break;
    case 'i':
        append_integer(buf, rn_value_i64(va_arg(*args, int64_t)));
        break;
    case 'u':
        append_integer(buf, rn_value_u64(va_arg(*args, uint64_t)));
        break;
    case 'h':
        rn_buf_append_text(buf, "0x");
        append_digits(buf, va_arg(*args, uint64_t), 16, 16);
        break;
    case 'f':
        rn_f64_append_display(buf, va_arg(*args, double));
        break;
    case 'v':
        append_integer(buf, va_arg(*args, struct rn_value));
        break;
    case 'a':
        append_access(vm, buf, va_arg(*args, struct rn_value));
        break;
    default:
        RN_CHECK(false);
    }
}

static void begin_report(struct rn_vm *vm, enum rn_vm_error_kind error)
{
    struct rn_vm_error_report *report = &vm->engine->report;
    vm->raised = true;
    *report = (struct rn_vm_error_report){
        .kind = error,
        .kind_name = rows[error].kind,
        .message = vm->engine->message,
        .frames = vm->engine->frames,
    };
}

enum rn_outcome rn_raise(struct rn_vm *vm, enum rn_vm_error_kind error, ...)
{
    struct rn_buf buf;
    uint8_t limit = vm->limit;
    rn_buf_init_fixed(&buf, vm->engine->message, RN_VM_MESSAGE_MAX);
    begin_report(vm, error);
    va_list args;
    va_start(args, error);
    for (const char *c = rows[error].shape; *c != 0; c++) {
        if (*c == '%') {
            append_argument(vm, &buf, *++c, &args);
        } else {
            rn_buf_append_u8(&buf, (uint8_t)*c);
        }
    }
    va_end(args);
    vm->engine->report.message_size = buf.size;
    vm->raised = limit != RN_LIMIT_NONE || vm->limit == RN_LIMIT_NONE;
    return RN_RAISED;
}

enum rn_outcome rn_raise_panic(struct rn_vm *vm, const char *text, size_t size)
{
    return rn_raise(vm, RN_VM_ERROR_PANIC, (struct rn_utf8){text, size});
}

enum rn_outcome rn_raise_expected(struct rn_vm *vm, uint32_t type, struct rn_value value)
{
    return rn_raise(vm, RN_VM_ERROR_EXPECTED_TYPE, type, value);
}

/* Frames, innermost first. */

/* False: that was enough. */
typedef bool visit_frame(struct rn_vm *vm, const struct rn_link *link, const struct rn_inst *pc,
                         void *user);

/* Frames hold where a caller goes on: the call itself stands one before. */
static bool walk_stack(struct rn_vm *vm, const struct rn_frame *frame, visit_frame *visit,
                       void *user)
{
    for (; frame->kind != RN_FRAME_BOTTOM; frame++) {
        if (!visit(vm, frame->link, frame->pc - 1, user)) {
            return false;
        }
    }
    return true;
}

static void walk_frames(struct rn_vm *vm, visit_frame *visit, void *user)
{
    bool more = visit(vm, vm->link, vm->pc, user) && walk_stack(vm, vm->frame, visit, user);
    struct rn_object *resumer = rn_vm_fiber(vm)->resumer;
    bool main = vm->coroutine == NULL;
    while (more && !main) {
        if (resumer == NULL) {
            more = visit(vm, vm->main.link, vm->main.pc, user) &&
                   walk_stack(vm, vm->main.frame, visit, user);
            main = true;
        } else if (resumer->kind == RN_OBJECT_FUTURE) {
            resumer = ((struct rn_future *)resumer)->resumer;
        } else {
            const struct rn_fiber *fiber = &((struct rn_coroutine *)resumer)->fiber;
            more = visit(vm, fiber->link, fiber->pc, user) &&
                   walk_stack(vm, fiber->frame, visit, user);
            resumer = fiber->resumer;
        }
    }
}

static bool add_frame(struct rn_vm *vm, const struct rn_link *link, const struct rn_inst *pc,
                      void *user)
{
    (void)user;
    struct rn_vm_error_report *report = &vm->engine->report;
    report->frames_total++;
    if (report->frame_count >= RN_VM_FRAMES_MAX) {
        return true; // the rest is counted
    }
    uint32_t index = (uint32_t)(pc - link->unit.code);
    vm->engine->frames[report->frame_count++] = (struct rn_vm_frame){
        .function = rn_unit_function_at(&link->unit, index),
        .pc = index,
        .standard = link->standard,
    };
    return true;
}

void rn_capture_frames(struct rn_vm *vm)
{
    struct rn_vm_error_report *report = &vm->engine->report;
    if (!vm->raised) {
        report->message_size = 0; // a limit: only the place counts
        report->kind_name = "Limit";
        report->message = vm->engine->message;
        report->frames = vm->engine->frames;
    }
    report->frame_count = 0;
    report->frames_total = 0;
    walk_frames(vm, add_frame, NULL);
    RN_ASSERT(report->frames_total == rn_stack_depth(vm)); // R7
    RN_ASSERT(vm->limits.depth == 0 || report->frames_total <= vm->limits.depth);
}

static bool find_script(struct rn_vm *vm, const struct rn_link *link, const struct rn_inst *pc,
                        void *user)
{
    (void)vm;
    if (!link->standard) {
        *(uint32_t *)user = (uint32_t)(pc - link->unit.code);
    }
    return link->standard;
}

uint32_t rn_script_place(struct rn_vm *vm)
{
    uint32_t place = RN_NONE;
    walk_frames(vm, find_script, &place);
    return place;
}
