/*
 * arguments.c: every function of the library and every operator, given values of every kind.
 *
 * For each row of std.def, and each form of forms.def, a small program calls the function with what
 * make() makes of the numbers that it is given. Whatever comes of it is an end with a name, in slices the
 * same, to the last unit of budget and byte of memory. When memory ends somewhere within, the call ends
 * at that limit or as it did. Nothing stays behind in the engine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "bytecode/types.h"
#include "tests/inproc/trial.h"

static const char values[] =
    "struct Point { x, y }\n"
    "enum Choice { A, B(b) }\n"
    "async fn later() { 5 }\n"
    "fn count() { yield 1; yield 2; }\n"
    "fn moved() { let v = [1]; let w = v; drop(v); w }\n"
    "fn make(k) {\n"
    "    match k {\n"
    "        0 => (), 1 => true, 2 => 'x', 3 => -3, 4 => 7u64, 5 => 2.5,\n"
    "        6 => String::from(\"ab1 cd\"), 7 => b\"ab\\xff\", 8 => [1, 2, 3], 9 => (1, \"x\"),\n"
    "        10 => #{ a: 1, b: \"t\" }, 11 => Some(1), 12 => None, 13 => Ok(1), 14 => Err(\"e\"),\n"
    "        15 => 1..3, 16 => |x| x, 17 => std::collections::HashMap::from_iter([(1, 2), (\"k\", "
    "3)]),\n"
    "        18 => std::collections::HashSet::from_iter([1, 2]),\n"
    "        19 => std::collections::VecDeque::from_iter([1, 2]), 20 => [1, 2].iter(), 21 => "
    "count(),\n"
    "        22 => String, 23 => std::cmp::Ordering::Less, 24 => moved(), 25 => 0.0 / 0.0,\n"
    "        26 => [], 27 => \"\", 28 => 9223372036854775807, 29 => 18446744073709551615u64,\n"
    "        30 => Point { x: 1, y: [2] }, 31 => Choice::B(1), 32 => later(), 33 => 'a'..='c',\n"
    "        34 => rand::StdRng::seed_from_u64(1), 35 => 0, 36 => 1, 37 => (2..), 38 => (..=1),\n"
    "        39 => \"{\\\"a\\\": [1, 2.5, null]}\", 40 => \"a = 1\\nb = [1, \\\"x\\\"]\\n\", 41 => "
    "|a, b| a,\n"
    "        42 => [\"b\", \"a\"], 43 => time::Duration::from_secs(2), 44 => "
    "time::Instant::now(),\n"
    "        45 => \"ünï\", 46 => \"12\", 47 => [(1, 2), (3, 4)], 48 => 1.0, 49 => "
    "std::fmt::Error,\n"
    "        50 => rand::SmallRng::seed_from_u64(2), 51 => -9223372036854775808, 52 => [[1], "
    "[2]],\n"
    "        53 => rand::rng(), 54 => std::any::Type::of_val(1), 55 => -0.0, _ => (0..0),\n"
    "    }\n"
    "}\n";
#define VALUE_COUNT 57u
#define ARITY_MAX 4
#define CALLS 600 /* of a function with two arguments or more */
#define STARVED 6 /* runs of a call that ended well */

struct row {
    const char *type; /* or NULL */
    uint32_t type_id; /* or RN_NONE */
    const char *name; /* or a form of the language, when `form` */
    int arity;
    bool form;
};

static const struct row rows[] = {
#define FORM(arity, text) {NULL, RN_NONE, (text), (arity), true},
#include "tests/inproc/forms.def"
#undef FORM
#define STD_FN(path, arity, symbol) {NULL, RN_NONE, (path), (arity), false},
#define STD_ASYNC_FN(path, arity, symbol) {NULL, RN_NONE, (path), (arity), false},
#define STD_METHOD(type, name, arity, symbol) {NULL, RN_TYPE_ID_##type, (name), (arity), false},
#define STD_TRAIT_METHOD(trait, name, arity, symbol) {(trait), RN_NONE, (name), (arity), false},
#define STD_SCRIPT_FN(path, arity) {NULL, RN_NONE, (path), (arity), false},
#define STD_SCRIPT_METHOD(type, name, arity) {(type), RN_NONE, (name), (arity), false},
#include "bytecode/std.def"
};

static uint32_t seed = 1;
static int problems;
static int starved; /* calls that ended for want of memory */

static uint32_t below(uint32_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % bound;
}

static void write_form(const struct row *row, struct rn_buf *text)
{
    static const char *const lets[] = {"", "let x = make(a);", "let x = make(a); let y = make(b);",
                                       "let x = make(a); let y = make(b); let z = make(c);"};
    bool waits = strstr(row->name, ".await") != NULL || strstr(row->name, "select") != NULL;
    rn_buf_append_format(text, "pub %sfn call(a, b, c, d) { %s %s }\n", waits ? "async " : "",
                         lets[row->arity], row->name);
}

// By its path, so that self may be anything, too.
static void write_call(const struct row *row, struct rn_buf *text)
{
    static const char *const arguments[] = {"", "make(a)", "make(a), make(b)",
                                            "make(a), make(b), make(c)",
                                            "make(a), make(b), make(c), make(d)"};
    const char *type =
        row->type_id != RN_NONE ? rn_library_types[row->type_id].path.data : row->type;
    rn_buf_append_format(text, "pub fn call(a, b, c, d) { ::%s%s%s(%s) }\n",
                         type == NULL ? "" : type, type == NULL ? "" : "::", row->name,
                         arguments[row->arity < 0 ? 2 : row->arity]);
}

static void write_program(const struct row *row, struct rn_buf *text)
{
    rn_buf_clear(text);
    rn_buf_append_text(text, values);
    (row->form ? write_form : write_call)(row, text);
}

struct probe {
    const struct row *row;
    struct trial_program program;
    struct rn_vm_call call;
    uint8_t args[16];
    uint32_t made[ARITY_MAX];
    uint32_t well[ARITY_MAX]; /* what was made for the last call that ended well */
    bool went_well;
};

static void complain(const struct probe *probe, const char *what, const struct trial_outcome *a,
                     const struct trial_outcome *b)
{
    printf("%s%s%s(%u, %u, %u, %u): %s\n", probe->row->type == NULL ? "" : probe->row->type,
           probe->row->type == NULL ? "" : "::", probe->row->name, probe->made[0], probe->made[1],
           probe->made[2], probe->made[3], what);
    trial_print("  first", a);
    trial_print("  then", b);
    problems++;
}

// The tuple of the numbers, in CBOR: tag, array, then one or two bytes each.
static void set_arguments(struct probe *probe)
{
    size_t size = 0;
    probe->args[size++] = 0xd9; // tag of two bytes
    probe->args[size++] = (uint8_t)(RN_CONST_TAG_TUPLE >> 8);
    probe->args[size++] = (uint8_t)RN_CONST_TAG_TUPLE;
    probe->args[size++] = 0x80 | ARITY_MAX;
    for (int i = 0; i < ARITY_MAX; i++) {
        if (probe->made[i] >= 24) {
            probe->args[size++] = 0x18;
        }
        probe->args[size++] = (uint8_t)probe->made[i];
    }
    probe->call.args = probe->args;
    probe->call.args_size = size;
}

// Memory ends somewhere within: the call ends at that limit, or as it did if it needs no more.
static void try_with_less(struct probe *probe, const struct trial_outcome *first)
{
    for (int i = 0; i < STARVED; i++) {
        struct trial_starvation starvation = {below((uint32_t)first->slices),
                                              below(3) * below(400)};
        struct trial_outcome outcome =
            trial_run_starved(&probe->program, &probe->call, &starvation);
        if (trial_ended_at(&outcome, RN_LIMIT_MEMORY)) {
            starved++;
        } else if (!trial_same_end(&outcome, first)) {
            complain(probe, "ends otherwise without memory", first, &outcome);
        }
    }
}

static bool check_call(struct probe *probe)
{
    set_arguments(probe);
    struct trial_outcome first = trial_run(&probe->program, &probe->call, 1000000);
    struct trial_outcome sliced = trial_run(&probe->program, &probe->call, 1);
    if (!trial_same(&first, &sliced)) {
        complain(probe, "differs in slices", &first, &sliced);
    }
    size_t bad;
    if (first.event == RN_EVENT_RAISED &&
        (first.message[0] == '\0' ||
         (strlen(first.message) < sizeof(first.message) - 1 &&
          !rn_utf8_valid(first.message, strlen(first.message), &bad)))) {
        complain(probe, "has no text for its error", &first, &first);
    }
    if (first.event == RN_EVENT_DONE || (first.event == RN_EVENT_RAISED && below(8) == 0)) {
        try_with_less(probe, &sliced);
    }
    return first.event == RN_EVENT_DONE;
}

// Anything, or what went well once with something else in one place.
static void choose_values(struct probe *probe, int arity, uint32_t turn)
{
    if (probe->went_well && arity > 1 && below(2) == 0) {
        memcpy(probe->made, probe->well, sizeof(probe->made));
        probe->made[below((uint32_t)arity)] = below(VALUE_COUNT);
        return;
    }
    memset(probe->made, 0, sizeof(probe->made));
    for (int k = 0; k < arity; k++) {
        probe->made[k] = k == 0 ? turn % VALUE_COUNT : below(VALUE_COUNT);
    }
}

static void check_row(struct probe *probe)
{
    int arity = probe->row->arity < 0 ? 2 : probe->row->arity;
    uint32_t count = arity == 0 ? 1 : arity == 1 ? VALUE_COUNT : CALLS;
    for (uint32_t i = 0; i < count; i++) {
        choose_values(probe, arity, i);
        if (check_call(probe)) {
            probe->went_well = true;
            memcpy(probe->well, probe->made, sizeof(probe->well));
        }
    }
}

int main(void)
{
    struct trial_machine machine;
    int called = 0;
    trial_machine_init(&machine);
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        struct probe probe = {.row = &rows[i]};
        probe.call = (struct rn_vm_call){
            .item = rn_hash_item("call", 4),
            .seed = 1,
            .clock_ns = 1,
            .limits = {.budget = 50000, .memory = 1u << 20, .output = 1u << 16, .depth = 200}};
        write_program(&rows[i], &text);
        struct rn_compile_input input = {
            .name = "probe.rn", .text = (const char *)text.data, .size = text.size};
        if (rows[i].arity <= ARITY_MAX && trial_compile(&machine, &input, &probe.program)) {
            check_row(&probe);
            trial_program_done(&probe.program);
            called++;
        } else {
            printf("not called: %s %s\n", rows[i].type ? rows[i].type : "", rows[i].name);
        }
    }
    trial_machine_done(&machine);
    printf("%d of %zu functions were called, %d calls ended for want of memory, %d problems\n",
           called, RN_COUNT_OF(rows), starved, problems);
    return problems == 0 && starved > called && (size_t)called == RN_COUNT_OF(rows) ? 0 : 1;
}
