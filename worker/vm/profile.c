/*
 * profile.c: counting what is spent, instruction by instruction. See profile.h.
 *
 * What the Vm had spent when an instruction began is compared with what it had when the next one did.
 * Blocks are paid for at their end, so each instruction counts what it is worth, and the charge that ends
 * a block counts nothing; what else was spent meanwhile is what natives, copies and the like took.
 */
#include "worker/vm/profile.h"

#include <string.h>

#include "shm/profile.h"

#define NODE_BUCKETS 8192u
#define ROOT 0u /* where nothing has run yet */

_Static_assert(RN_PROFILE_NODES_MAX <= RN_FRAME_NODE_MAX, "a node stands in a frame");

struct node {
    const struct rn_inst *code; /* of the function; NULL: of none */
    uint64_t spent;
    uint64_t calls;
    uint32_t parent;
    uint32_t next; /* in its bucket; 0: none */
    /* What it called last, and where that counts: of what is on its path, or has no room, nothing else tells. */
    const struct rn_inst *last_code;
    uint32_t last_child;
};

/* In pages of the region: this, then hits and what was spent of each place. */
struct rn_profile {
    uint32_t pages;
    uint32_t place_count;
    uint32_t site;      /* the last place in the script; RN_NONE: there was none yet */
    uint32_t last_node; /* of the instruction that runs */
    uint32_t last_place;
    uint32_t last_charge; /* for what was counted of the block that it ends */
    bool polled;          /* the next one runs once more */
    bool last_polled;     /* the last one did */
    uint64_t spent;       /* when it began */
    uint64_t *hits;
    uint64_t *places;
    uint32_t node_count;
    uint32_t buckets[NODE_BUCKETS];
    struct node nodes[RN_PROFILE_NODES_MAX];
    uint64_t counts[];
};

/* What did not fit the budget was charged, but not done. */
static uint64_t spent_of(const struct rn_vm *vm)
{
    uint64_t spent = vm->granted - (uint64_t)vm->fuel;
    return spent < vm->budget ? spent : vm->budget;
}

/* Nodes */

static uint32_t *bucket_of(struct rn_profile *profile, uint32_t parent, const struct rn_inst *code)
{
    uint64_t key = ((uint64_t)(uintptr_t)code >> 3) + parent * UINT64_C(0x9e3779b97f4a7c15);
    return &profile->buckets[(key ^ key >> 29) % NODE_BUCKETS];
}

/* Itself or one above it with that function; RN_NONE: there is none. */
static uint32_t find_above(const struct rn_profile *profile, uint32_t node,
                           const struct rn_inst *code)
{
    while (node != ROOT && profile->nodes[node].code != code) {
        node = profile->nodes[node].parent;
    }
    return node == ROOT ? RN_NONE : node;
}

static uint32_t add_node(struct rn_profile *profile, uint32_t *bucket, const struct node *made)
{
    if (profile->node_count == RN_PROFILE_NODES_MAX) {
        return RN_PROFILE_OTHERS;
    }
    uint32_t index = profile->node_count++;
    profile->nodes[index] = *made;
    profile->nodes[index].next = *bucket;
    *bucket = index;
    return index;
}

static uint32_t find_child(struct rn_profile *profile, uint32_t parent, const struct rn_inst *code)
{
    uint32_t *bucket = bucket_of(profile, parent, code);
    for (uint32_t at = *bucket; at != 0; at = profile->nodes[at].next) {
        if (profile->nodes[at].parent == parent && profile->nodes[at].code == code) {
            return at;
        }
    }
    uint32_t above = find_above(profile, parent, code);
    const struct node made = {.code = code, .parent = parent};
    return above != RN_NONE ? above : add_node(profile, bucket, &made);
}

/* Where a function that `parent` calls counts. */
static uint32_t child(struct rn_profile *profile, uint32_t parent, const struct rn_inst *code)
{
    struct node *node = &profile->nodes[parent];
    if (parent == RN_PROFILE_OTHERS) {
        return RN_PROFILE_OTHERS;
    }
    if (node->last_code != code) {
        node->last_child = find_child(profile, parent, code);
        node->last_code = code;
    }
    return node->last_child;
}

static uint32_t call(struct rn_vm *vm, uint32_t parent)
{
    uint32_t node = child(vm->profile, parent, vm->code);
    vm->profile->nodes[node].calls++;
    return node;
}

/* Life */

static void begin_counts(struct rn_profile *profile)
{
    size_t counts = (size_t)profile->place_count * 2 * sizeof(uint64_t);
    memset(profile->buckets, 0, sizeof(profile->buckets));
    memset(profile->counts, 0, counts);
    profile->hits = profile->counts;
    profile->places = profile->counts + profile->place_count;
    profile->nodes[ROOT] = (struct node){.parent = ROOT};
    profile->nodes[RN_PROFILE_OTHERS] = (struct node){.parent = ROOT};
    profile->node_count = RN_PROFILE_FIRST;
    profile->site = RN_NONE;
    profile->last_node = ROOT;
    profile->last_place = RN_NONE;
    profile->last_charge = 0;
    profile->polled = false;
    profile->last_polled = false;
    profile->spent = 0;
}

enum rn_error rn_profile_start(struct rn_vm *vm)
{
    uint32_t places = vm->script->unit.counts[RN_SECTION_CODE];
    if (vm->profile && vm->profile->place_count != places) {
        rn_profile_done(vm);
    }
    if (!vm->profile) {
        size_t size = sizeof(*vm->profile) + (size_t)places * 2 * sizeof(uint64_t);
        uint32_t pages = rn_pages_for(size);
        vm->profile = rn_pages_alloc(&vm->engine->pages, pages);
        if (!vm->profile) {
            return RN_E_NO_MEMORY;
        }
        vm->profile->pages = pages;
        vm->profile->place_count = places;
    }
    begin_counts(vm->profile);
    vm->node = ROOT;
    return RN_OK;
}

void rn_profile_done(struct rn_vm *vm)
{
    if (vm->profile) {
        rn_pages_free(&vm->engine->pages, vm->profile, vm->profile->pages);
        vm->profile = NULL;
    }
}

/* Counting */

static void count(struct rn_profile *profile, uint32_t node, uint32_t place, uint64_t spent)
{
    profile->nodes[node].spent += spent;
    if (place != RN_NONE) {
        profile->places[place] += spent;
    }
}

/* What the instruction that ran last took besides what it is worth. */
static void settle(struct rn_vm *vm)
{
    struct rn_profile *profile = vm->profile;
    uint64_t spent = spent_of(vm);
    count(profile, profile->last_node, profile->last_place,
          spent - profile->spent - profile->last_charge);
    profile->spent = spent;
    profile->last_charge = 0;
}

static uint32_t charge_of(const struct rn_inst *pc)
{
    const struct rn_opcode_info *info = &rn_opcodes[pc->op];
    uint32_t stated = info->c == RN_OPERAND_COST ? pc->c : pc->imm;
    return info->effects & RN_EFFECT_CHARGE ? stated : 0;
}

void rn_profile_step(struct rn_vm *vm, const struct rn_inst *pc)
{
    struct rn_profile *profile = vm->profile;
    settle(vm);
    if (!vm->link->standard) {
        profile->site = (uint32_t)(pc - vm->link->unit.code);
        profile->hits[profile->site]++;
    }
    profile->last_node = vm->node;
    profile->last_place = profile->site;
    profile->last_charge = profile->polled ? rn_opcodes[pc->op].budget : charge_of(pc);
    profile->last_polled = profile->polled;
    profile->polled = false;
    count(profile, profile->last_node, profile->last_place, rn_opcodes[pc->op].budget);
}

void rn_profile_undo(struct rn_vm *vm, const struct rn_inst *pc)
{
    struct rn_profile *profile = vm->profile;
    profile->last_charge = 0;
    profile->polled = profile->last_polled;
    if (!vm->link->standard) {
        profile->hits[profile->last_place]--;
    }
    count(profile, profile->last_node, profile->last_place,
          (uint64_t)0 - rn_opcodes[pc->op].budget);
}

void rn_profile_poll(struct rn_vm *vm)
{
    vm->profile->polled = true;
}

/* Paths */

void rn_profile_begin(struct rn_vm *vm)
{
    vm->node = vm->link->standard ? ROOT : call(vm, ROOT);
}

void rn_profile_enter(struct rn_vm *vm, struct rn_frame *frame)
{
    frame->node = vm->node & RN_FRAME_NODE_MAX;
    if (!vm->link->standard) {
        vm->node = call(vm, vm->node);
    }
}

/* The library goes on after a closure of the script: it counts where it was called again. */
static void find_site(struct rn_vm *vm)
{
    const struct rn_frame *frame = vm->frame;
    while (frame->kind != RN_FRAME_BOTTOM && frame->link->standard) {
        frame++;
    }
    if (frame->kind != RN_FRAME_BOTTOM) {
        vm->profile->site = (uint32_t)(frame->pc - 1 - frame->link->unit.code);
    }
}

void rn_profile_load(struct rn_vm *vm)
{
    if (vm->link->standard) {
        find_site(vm);
    }
}

void rn_profile_leave(struct rn_vm *vm, const struct rn_frame *frame)
{
    vm->node = frame->node;
    rn_profile_load(vm);
}

static uint32_t node_of(const struct rn_vm *vm, const struct rn_object *resumer)
{
    while (resumer != NULL && resumer->kind == RN_OBJECT_FUTURE) {
        resumer = ((const struct rn_future *)resumer)->resumer;
    }
    const struct rn_fiber *fiber =
        resumer == NULL ? &vm->main : &((const struct rn_coroutine *)resumer)->fiber;
    return rn_fiber_last_frame(fiber)->node;
}

void rn_profile_resume(const struct rn_vm *vm, struct rn_fiber *fiber,
                       const struct rn_object *resumer)
{
    uint32_t node = node_of(vm, resumer);
    if (!fiber->link->standard) {
        node = child(vm->profile, node, fiber->code);
        vm->profile->nodes[node].calls += fiber->state == RN_FIBER_NEW;
    }
    rn_fiber_last_frame(fiber)->node = node & RN_FRAME_NODE_MAX;
    vm->profile->polled = fiber->state == RN_FIBER_SUSPENDED && !fiber->yielded;
}

/* Reading */

void rn_vm_profile_drop(struct rn_vm *vm)
{
    rn_profile_done(vm);
}

uint32_t rn_vm_profile_node_count(struct rn_vm *vm)
{
    if (!vm->profile) {
        return 0;
    }
    settle(vm);
    return vm->profile->node_count;
}

struct rn_vm_profile_node rn_vm_profile_node(const struct rn_vm *vm, uint32_t index)
{
    const struct node *node = &vm->profile->nodes[index];
    struct rn_vm_profile_node found = {
        .parent = node->parent, .function = RN_NONE, .spent = node->spent, .calls = node->calls};
    if (node->code) {
        const struct rune_verified_unit *unit = &vm->script->unit;
        found.function = rn_unit_function_at(unit, (uint32_t)(node->code - unit->code));
    }
    return found;
}

bool rn_vm_profile_next(const struct rn_vm *vm, uint32_t from,
                        struct rn_vm_profile_place *out_place)
{
    const struct rn_profile *profile = vm->profile;
    if (!profile) {
        return false;
    }
    while (from < profile->place_count && profile->hits[from] == 0 && profile->places[from] == 0) {
        from++;
    }
    if (from >= profile->place_count) {
        return false;
    }
    *out_place = (struct rn_vm_profile_place){
        .pc = from, .hits = profile->hits[from], .spent = profile->places[from]};
    return true;
}
