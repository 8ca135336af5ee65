/*
 * item_decls.c: declarations, and the names they are found by.
 *
 * One hash table keyed by (scope, name) holds them all; several of one name are a list. Blocks,
 * closures and async blocks are declarations, too, numbered inside the item around them
 * ("main::$0"), since items may stand in them.
 */
#include "compiler/items_private.h"

#include "bytecode/hash.h"
#include "bytecode/unit_layout.h"

#include <string.h>

enum {
    ITEMS_MAX = 1u << 20,
};
// Each function is an item, so that a Unit never has too many of them.
_Static_assert((unsigned)ITEMS_MAX <= RN_FUNCTIONS_MAX, "every item can be a function");

void rn_items_fail(struct rn_items *items, enum rn_error error)
{
    if (items->error == RN_OK) {
        items->error = error;
    }
    items->private_->broken = true;
}

/* ---- Names in scopes ---- */

static uint32_t slot_of(const struct rn_items_private *p, uint32_t scope, rn_symbol name)
{
    uint64_t key = ((uint64_t)scope << 32 | name) * 0x9e3779b97f4a7c15u;
    uint32_t mask = p->slot_capacity - 1;
    uint32_t i = (uint32_t)(key >> 40) & mask;
    while (p->slots[i].scope != 0 && (p->slots[i].scope != scope || p->slots[i].name != name)) {
        i = (i + 1) & mask;
    }
    return i;
}

static bool grow_slots(struct rn_items *items)
{
    struct rn_items_private *p = items->private_;
    struct rn_items_private old = *p;
    p->slot_capacity = old.slot_capacity == 0 ? 256 : old.slot_capacity * 2;
    p->slots = rn_arena_alloc(items->arena, p->slot_capacity * sizeof(*p->slots));
    if (p->slots == NULL) {
        p->slots = old.slots;
        p->slot_capacity = old.slot_capacity;
        rn_items_fail(items, RN_E_NO_MEMORY);
        return false;
    }
    for (uint32_t i = 0; i < old.slot_capacity; i++) {
        if (old.slots[i].scope != 0) {
            p->slots[slot_of(p, old.slots[i].scope, old.slots[i].name)] = old.slots[i];
        }
    }
    return true;
}

struct rn_decl *rn_items_children(const struct rn_items *items, const struct rn_decl *scope,
                                  rn_symbol name)
{
    const struct rn_items_private *p = items->private_;
    if (name == 0 || p->slot_capacity == 0) {
        return NULL;
    }
    return p->slots[slot_of(p, scope->id + 1, name)].first;
}

/* Appends behind earlier declarations of that name, so that the first stays the first. */
static void enter_name(struct rn_items *items, struct rn_decl *scope, struct rn_decl *decl)
{
    struct rn_items_private *p = items->private_;
    if (p->slot_count * 2 >= p->slot_capacity && !grow_slots(items)) {
        return;
    }
    struct rn_name_slot *slot = &p->slots[slot_of(p, scope->id + 1, decl->name)];
    if (slot->scope == 0) {
        *slot = (struct rn_name_slot){.scope = scope->id + 1, .name = decl->name, .first = decl};
        p->slot_count++;
        return;
    }
    /* Two are enough to be ambiguous; further ones go behind the first. */
    decl->next_same = slot->first->next_same;
    slot->first->next_same = decl;
}

/* ---- Declarations ---- */

struct rn_decl *rn_items_new(struct rn_items *items, enum rn_decl_kind kind)
{
    if (items->decl_count == items->decl_capacity) {
        uint32_t capacity = items->decl_capacity == 0 ? 256 : items->decl_capacity * 2;
        struct rn_decl **decls = rn_arena_alloc(items->arena, capacity * sizeof(*decls));
        if (decls == NULL) {
            rn_items_fail(items, RN_E_NO_MEMORY);
            return NULL;
        }
        if (items->decl_count != 0) {
            memcpy(decls, items->decls, items->decl_count * sizeof(*decls));
        }
        items->decls = decls;
        items->decl_capacity = capacity;
    }
    struct rn_decl *decl = rn_arena_alloc(items->arena, sizeof(*decl));
    if (decl == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return NULL;
    }
    decl->kind = (uint8_t)kind;
    decl->id = items->decl_count;
    decl->code_index = RN_NONE;
    items->decls[items->decl_count++] = decl;
    return decl;
}

static bool room(struct rn_items *items, struct rn_span span)
{
    if (items->decl_count < ITEMS_MAX) {
        return true;
    }
    if (!items->private_->broken) {
        struct rn_number_text number;
        rn_diagnose(items->diagnostics, TOO_MANY_ITEMS, span, rn_text_u64(&number, ITEMS_MAX));
        items->private_->broken = true;
    }
    return false;
}

static struct rn_utf8 own_name(const struct rn_items *items, const struct rn_decl *decl,
                               struct rn_number_text *storage)
{
    if (decl->kind == RN_DECL_BLOCK) {
        return rn_text_u64(storage, decl->block_id);
    }
    return rn_symbol_text(&items->symbols, decl->name);
}

/* Builds path and hash, those of the declarations around it first. */
void rn_items_path(struct rn_items *items, struct rn_decl *decl)
{
    if (decl->path.data != NULL || decl->parent == NULL) {
        return;
    }
    struct rn_utf8 base;
    if (decl->type_item != NULL) {
        base = decl->type_item->path;
    } else {
        rn_items_path(items, decl->parent);
        base = decl->parent->path;
    }
    struct rn_number_text storage;
    struct rn_utf8 name = own_name(items, decl, &storage);
    bool block = decl->kind == RN_DECL_BLOCK;
    size_t separator = base.size == 0 ? 0 : 2;
    size_t size = base.size + separator + (block ? 1 : 0) + name.size;
    char *path = rn_arena_alloc(items->arena, size + 1);
    if (path == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return;
    }
    memcpy(path, base.data == NULL ? "" : base.data, base.size);
    memcpy(path + base.size, "::", separator);
    if (block) {
        path[base.size + separator] = '$';
    }
    memcpy(path + size - name.size, name.data, name.size);
    decl->path = (struct rn_utf8){path, size};
    decl->hash = rn_hash_item(path, size);
}

static void attach(struct rn_decl *decl, const struct rn_place *place, struct rn_span span)
{
    decl->parent = place->scope;
    decl->outer = place->scope;
    decl->module = place->module;
    decl->impl_self = place->impl_self;
    decl->span = span;
    decl->name_span = span;
}

struct rn_decl *rn_items_declare(struct rn_items *items, const struct rn_place *place,
                                 enum rn_decl_kind kind, rn_symbol name, struct rn_span span)
{
    struct rn_decl *decl = room(items, span) ? rn_items_new(items, kind) : NULL;
    if (decl == NULL) {
        return NULL;
    }
    attach(decl, place, span);
    decl->name = name;
    if (kind != RN_DECL_IMPORT) {
        rn_items_path(items, decl);
    }
    if (name != 0) {
        enter_name(items, place->scope, decl);
    }
    return decl;
}

struct rn_decl *rn_items_block(struct rn_items *items, const struct rn_place *place,
                               struct rn_span span)
{
    struct rn_decl *decl = room(items, span) ? rn_items_new(items, RN_DECL_BLOCK) : NULL;
    if (decl == NULL) {
        return NULL;
    }
    attach(decl, place, span);
    decl->block_id = place->scope->next_id++;
    return decl;
}

/* ---- Hashes ---- */

/* Two items whose hashes are equal could stand for each other at run time. */
static int by_hash(const void *a, const void *b)
{
    const struct rn_decl *x = *(struct rn_decl *const *)a;
    const struct rn_decl *y = *(struct rn_decl *const *)b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static void sift(struct rn_decl **heap, size_t root, size_t count)
{
    for (size_t child; (child = root * 2 + 1) < count; root = child) {
        if (child + 1 < count && by_hash(&heap[child], &heap[child + 1]) < 0) {
            child++;
        }
        if (by_hash(&heap[root], &heap[child]) >= 0) {
            return;
        }
        struct rn_decl *swap = heap[root];
        heap[root] = heap[child];
        heap[child] = swap;
    }
}

static void sort_by_hash(struct rn_decl **list, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift(list, i - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        struct rn_decl *swap = list[0];
        list[0] = list[end - 1];
        list[end - 1] = swap;
        sift(list, 0, end - 1);
    }
}

static bool same_path(const struct rn_decl *a, const struct rn_decl *b)
{
    return a->path.size == b->path.size && memcmp(a->path.data, b->path.data, a->path.size) == 0;
}

/* One path twice is ambiguous where it is used; exported functions, and what the host declares,
 * collide without a use. */
static void report_same(struct rn_items *items, struct rn_decl *a, struct rn_decl *b)
{
    if (!same_path(a, b)) {
        struct rn_decl *first = a->id < b->id ? a : b;
        struct rn_decl *later = first == a ? b : a;
        struct rn_diagnostic *d = rn_diagnose(items->diagnostics, HASH_CONFLICT, later->name_span,
                                              first->path, later->path);
        rn_diagnostic_label(items->diagnostics, d, first->name_span, "the first of them");
        items->private_->unusable = true;
    } else if (a->host != NULL || b->host != NULL) {
        const struct rn_decl *own = a->host != NULL ? b : a;
        rn_diagnose(items->diagnostics, STATIC_CONFLICT, own->span, own->path);
        items->private_->unusable = true;
    } else if (a->is_exported && b->is_exported && a->type == NULL) {
        struct rn_decl *later = a->id > b->id ? a : b;
        struct rn_diagnostic *d =
            rn_diagnose(items->diagnostics, FUNCTION_CONFLICT, later->span, later->path);
        rn_diagnostic_label(items->diagnostics, d, (later == a ? b : a)->name_span,
                            "defined here first");
        items->private_->unusable = true;
    }
}

void rn_items_check_hashes(struct rn_items *items)
{
    struct rn_decl **list =
        rn_arena_alloc(items->arena, (items->decl_count + 1) * sizeof(struct rn_decl *));
    if (list == NULL) {
        rn_items_fail(items, RN_E_NO_MEMORY);
        return;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < items->decl_count; i++) {
        if (items->decls[i]->path.size != 0 && items->decls[i]->kind != RN_DECL_IMPORT) {
            list[count++] = items->decls[i];
        }
    }
    sort_by_hash(list, count);
    for (size_t i = 1; i < count; i++) {
        if (list[i - 1]->hash == list[i]->hash) {
            report_same(items, list[i - 1], list[i]);
        }
    }
}
