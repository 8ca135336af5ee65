/*
 * Bytecode that no compiler made: a Unit of ours, with instructions and tables written over. What
 * the verifier accepts runs: within its limits, the same in one go and in slices, whatever its
 * operands say, and a neighbour in the same engine notices nothing.
 *
 * The input: one byte that chooses the script, then edits of 8 bytes: where (16 bits), what (8 bits),
 * how (8 bits) and a word. The costs of blocks are put right, since no mutation would guess them.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "bytecode/hash.h"
#include "bytecode/opcode.h"
#include "compiler/compile.h"
#include "worker/std/library.h"
#include "worker/vm/vm.h"

#define REGION_SIZE ((size_t)16 << 20)
#define BUDGET 20000u
#define MEMORY ((size_t)1 << 20)
#define OUTPUT_MAX 4096u
#define EDIT_SIZE 8u
#define EDITS_MAX 16u
/* Returns of the Vm that one run may take: a slice is one block at least. */
#define EVENTS_MAX 100000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const scripts[] = {
    "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\n"
    "pub fn main() { let s = 0; for i in 0..9 { s += fib(i % 6); } s }\n",

    "struct P { x, y }\nenum E { A, B(n), C { k } }\n"
    "impl P { fn sum(self) { self.x + self.y } fn put(self, v) { self.x = v; } }\n"
    "fn f(e) { match e { E::A => 1, E::B(n) if n > 3 => n, E::C { k } => k, _ => 9 } }\n"
    "pub fn main() { let p = P { x: 1, y: 2 }; p.put(40); p.y += 5;\n"
    " [p.sum(), f(E::A), f(E::B(7)), f(E::C { k: 3 })] }\n",

    "pub fn main() { let v = []; for i in 0..20 { v.push((i * 7) % 11); }\n"
    " v.sort(); let t = v.iter().filter(|x| x % 2 == 0).map(|x| x + v[0]).collect::<Vec>();\n"
    " let (a, b) = (t[0], t.len()); let c = 0; if let [x, y, ..] = t { c = x * y; } v[3] = t; (a, "
    "b, c, "
    "v) }\n",

    "pub fn main() { let o = #{a: 1, \"b c\": [1, 2]}; o.d = \"x\"; o[\"e\"] = o.a;\n"
    " if let #{a, ..} = o { o.f = a; } let s = `${o.a}-${o.d}`; s += \"tail\"; "
    "println!(\"{s:>9}|{:08.3}\", 1.5);\n"
    " for (k, v) in o { s = format!(\"{s}{k}{v:?}\"); } (s, s.len(), "
    "s.split('-').collect::<Vec>()) }\n",

    "fn g(n) { for i in 0..n { let x = yield i; if x == () { continue } } 5 }\n"
    "async fn a(n) { n + 1 }\nasync fn b() { let x = a(1); let y = a(2); x.await + y.await }\n"
    "pub async fn main() { let it = g(4); let s = 0; while let Some(n) = it.next() { s += n; }\n"
    " let f = b(); let z = select { v = a(9) => v, v = a(8) => v }; s + f.await + z }\n",

    "const K = 40 + 2;\nstatic S = 7;\nstatic L = [1, 2];\n"
    "pub fn main() { S += K; L.push(S); let f = |x| move |y| x + y + S; let h = f(3);\n"
    " let r = Ok(h(4)); let q = r?; let w = Some(q); if let Some(n) = w { L.push(n); }\n"
    " let c = 'z'; let m = b\"by\\x01\"; (L, c, m, 1..=3, -7 / 2, 5u64 << 3, 2.5 as i64, K is i64) "
    "}\n",

    "fn t(x) { 'o: loop { let i = 0; while i < 9 { i += 1; if i == x { break 'o i } } return -1 } "
    "}\n"
    "fn m(n) { match n { 0 => 'a', 1 => 'b', 2 => 'c', 3 => 'd', 7 => 'e', _ => 'f' } }\n"
    "pub fn main() { let v = (t(4), t(40)); let s = String::new(); for i in 0..8 { s.push(m(i)); "
    "}\n"
    " let h = std::collections::HashMap::new(); h.insert(s, v); h.insert(1, h.len()); drop(s); "
    "h.get(1) }\n",
};

#define SCRIPT_COUNT (sizeof(scripts) / sizeof(scripts[0]))

/* What a run shows. */
struct trace {
    enum rn_event event;
    struct rn_vm_usage usage;
    uint64_t said; /* a digest of output and result */
};

static const struct rn_context *context(void)
{
    static struct rn_context *made;
    if (made == NULL) {
        RN_CHECK(rn_context_new(&made) == RN_OK);
    }
    return made;
}

static void compile(const char *text, struct rn_buf *out_image)
{
    struct rn_compile_input input = {.name = "fuzz.rn",
                                     .text = text,
                                     .size = strlen(text),
                                     .context = context(),
                                     .memory_max = 256u << 20};
    struct rn_compile_output output;
    RN_CHECK(rn_compile(&input, &output) == RN_OK);
    rn_buf_append(out_image, output.image.data, output.image.size);
    RN_CHECK(rn_buf_status(out_image) == RN_OK);
    rn_compile_output_done(&output);
}

/* The image of a script, compiled once. */
static const struct rn_buf *image_of(size_t index)
{
    static struct rn_buf images[SCRIPT_COUNT];
    if (images[index].size == 0) {
        rn_buf_init(&images[index], 1u << 20);
        compile(scripts[index], &images[index]);
    }
    return &images[index];
}

/* Who must not notice anything. */
static const struct rune_verified_unit *neighbour(void)
{
    static struct rn_buf image;
    static struct rune_verified_unit unit;
    if (image.size == 0) {
        rn_buf_init(&image, 1u << 20);
        compile("static KEPT = [];\npub fn main() { KEPT.push(7); "
                "(KEPT, KEPT.iter().map(|n| `${n}`).collect::<String>()) }\n",
                &image);
        struct rune_unit_image bytes = {image.data, image.size};
        RN_CHECK(rn_unit_verify(bytes, false, &unit, NULL) == RN_OK);
    }
    return &unit;
}

/* Edits */

static void edit_code(uint8_t *section, uint32_t count, const uint8_t *edit)
{
    uint16_t where;
    uint32_t word;
    memcpy(&where, edit, sizeof(where));
    memcpy(&word, edit + 4, sizeof(word));
    uint8_t *inst = section + (where % count) * sizeof(struct rn_inst);
    int32_t imm;
    switch (edit[2] % 8) {
    case 0: // another instruction
        inst[0] = edit[3] % RN_OP_COUNT;
        break;
    case 1: // the whole instruction from elsewhere
        memcpy(inst, section + (word % count) * sizeof(struct rn_inst), sizeof(struct rn_inst));
        break;
    case 2:
    case 3:
    case 4: // an operand
        inst[1 + edit[2] % 3] = edit[3];
        break;
    case 5: // a small step of the word
        memcpy(&imm, inst + 4, sizeof(imm));
        imm = (int32_t)((uint32_t)imm + (uint32_t)(int8_t)edit[3]);
        memcpy(inst + 4, &imm, sizeof(imm));
        break;
    default:
        memcpy(inst + 4, &word, sizeof(word));
    }
}

static void edit_table(uint8_t *bytes, size_t size, const uint8_t *edit)
{
    uint32_t word;
    memcpy(&word, edit + 4, sizeof(word));
    size_t at = sizeof(struct rn_unit_header) + word % (size - sizeof(struct rn_unit_header));
    bytes[at] = edit[2] & 2 ? edit[3] : (uint8_t)(bytes[at] + (int8_t)edit[3]);
}

static void repair_costs(struct rn_inst *code, uint32_t count)
{
    uint32_t cost = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_opcode_info *info = &rn_opcodes[code[i].op % RN_OP_COUNT];
        cost += info->budget;
        if (info->c == RN_OPERAND_COST) {
            code[i].c = (uint8_t)cost;
        } else if (info->imm == RN_OPERAND_COST32) {
            code[i].imm = cost;
        }
        if (info->effects & (RN_EFFECT_CHARGE | RN_EFFECT_END)) {
            cost = 0;
        }
    }
}

static void apply(uint8_t *bytes, size_t size, const uint8_t *edits, size_t edits_size)
{
    struct rn_unit_header header;
    memcpy(&header, bytes, sizeof(header));
    uint8_t *code = bytes + header.sections[RN_SECTION_CODE].offset;
    uint32_t count = header.sections[RN_SECTION_CODE].count;
    size_t edit_count = edits_size / EDIT_SIZE < EDITS_MAX ? edits_size / EDIT_SIZE : EDITS_MAX;
    for (size_t i = 0; i < edit_count; i++) {
        const uint8_t *edit = edits + i * EDIT_SIZE;
        if (edit[2] & 0x80) {
            edit_table(bytes, size, edit);
        } else {
            edit_code(code, count, edit);
        }
    }
    repair_costs((void *)code, count);
}

/* Running */

/* FNV-1a: the same for the same bytes, however they were cut. */
static void digest(uint64_t *said, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        *said = (*said ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
}

static void take_output(struct rn_vm *vm, struct trace *trace)
{
    struct rn_vm_output output = rn_vm_output(vm);
    for (size_t at = 0; at + 5 <= output.size;) {
        uint32_t size;
        memcpy(&size, output.data + at + 1, sizeof(size));
        digest(&trace->said, output.data + at + 5, size);
        at += 5 + size;
    }
    rn_vm_output_taken(vm);
}

static bool is_over(enum rn_event event)
{
    return event == RN_EVENT_DONE || event == RN_EVENT_RAISED || event == RN_EVENT_LIMIT;
}

/* From `main` on, which may be any function by now. */
static void run(struct rn_vm *vm, uint64_t slice, struct trace *trace)
{
    struct rn_vm_call call = {
        .item = rn_hash_item("main", 4),
        .export_hint = RN_NONE,
        .seed = 7,
        .limits = {.budget = BUDGET, .memory = MEMORY, .output = OUTPUT_MAX, .depth = 1000}};
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
    *trace = (struct trace){.event = RN_EVENT_SLICE};
    for (uint32_t i = 0; !is_over(trace->event); i++) {
        uint64_t ns;
        RN_CHECK(i < EVENTS_MAX);
        trace->event = rn_vm_run(vm, slice);
        take_output(vm, trace);
        if (trace->event == RN_EVENT_WAITING) {
            RN_CHECK(rn_vm_take_sleep(vm, &ns)); // nothing else is ever waited for
            rn_vm_wake(vm, 0);
        }
    }
    trace->usage = rn_vm_usage(vm);
    RN_CHECK(trace->usage.budget <= BUDGET);
    RN_CHECK(trace->usage.memory_peak <= MEMORY);
    const uint8_t *result;
    size_t size;
    if (trace->event == RN_EVENT_DONE) {
        if (rn_vm_result(vm, &result, &size) == RN_OK) {
            digest(&trace->said, result, size);
        }
    } else {
        RN_CHECK(rn_vm_error(vm)->frame_count <= RN_VM_FRAMES_MAX);
    }
    rn_vm_end(vm);
}

static struct rn_engine *fresh_engine(void)
{
    static void *region;
    struct rn_engine *engine;
    if (region == NULL) {
        region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        RN_CHECK(region != MAP_FAILED);
    }
    RN_CHECK(madvise(region, REGION_SIZE, MADV_DONTNEED) == 0); // all zero again
    RN_CHECK(rn_engine_new(region, REGION_SIZE, &rn_std_library, &engine) == RN_OK);
    return engine;
}

static struct rn_vm *fresh_vm(struct rn_engine *engine, const struct rune_verified_unit *unit)
{
    struct rn_link *link;
    struct rn_vm *vm;
    RN_CHECK(rn_link_new(engine, unit, NULL, 0, &link) == RN_OK);
    RN_CHECK(rn_vm_new(engine, link, &vm) == RN_OK);
    return vm;
}

static void expect_neighbour(struct rn_vm *vm, const char *kept, size_t kept_size)
{
    struct trace trace;
    struct rn_vm_call call = {.item = rn_hash_item("main", 4),
                              .export_hint = RN_NONE,
                              .limits = {.budget = BUDGET, .memory = MEMORY}};
    const uint8_t *result;
    size_t size;
    trace.event = RN_EVENT_SLICE;
    RN_CHECK(rn_vm_start(vm, &call) == RN_OK);
    while (!is_over(trace.event)) {
        trace.event = rn_vm_run(vm, UINT64_MAX);
    }
    RN_CHECK(trace.event == RN_EVENT_DONE && rn_vm_result(vm, &result, &size) == RN_OK);
    RN_CHECK(size == kept_size && memcmp(result, kept, size) == 0);
    rn_vm_end(vm);
}

static void run_unit(const struct rune_verified_unit *unit)
{
    struct trace whole;
    struct trace sliced;
    struct rn_engine *engine = fresh_engine();
    struct rn_vm *beside = fresh_vm(engine, neighbour());
    expect_neighbour(beside, "\xd9\x52\x02\x82\x81\x07\x61\x37", 8);
    struct rn_vm *vm = fresh_vm(engine, unit);
    run(vm, UINT64_MAX, &whole);
    rn_vm_reset(vm, NULL);
    run(vm, 1, &sliced);
    RN_CHECK(whole.event == sliced.event);
    RN_CHECK(whole.usage.output_bytes == sliced.usage.output_bytes && whole.said == sliced.said);
    RN_CHECK(whole.usage.budget == sliced.usage.budget);
    RN_CHECK(whole.usage.memory_peak == sliced.usage.memory_peak);
    expect_neighbour(beside, "\xd9\x52\x02\x82\x82\x07\x07\x62\x37\x37", 10);
    rn_vm_free(vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const struct rn_buf *base = image_of(data[0] % SCRIPT_COUNT);
    uint8_t *bytes = rn_alloc(base->size);
    RN_CHECK(bytes != NULL);
    memcpy(bytes, base->data, base->size);
    apply(bytes, base->size, data + 1, size - 1);
    struct rune_verified_unit unit;
    struct rune_unit_image image = {bytes, base->size};
    if (rn_unit_verify(image, false, &unit, NULL) == RN_OK) {
        run_unit(&unit);
    }
    rn_free(bytes);
    return 0;
}
