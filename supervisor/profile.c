/* profile.c: taking in what workers counted, and adding it up. */
#include "supervisor/profile.h"

#include <string.h>

#include "base/alloc.h"
#include "supervisor/error.h"
#include "supervisor/record.h"
#include "supervisor/unit.h"

const rune_profile *rune_record_profile(const rune_record *record)
{
    return record ? record->profile : NULL;
}

rune_status rune_profile_new(rune_unit *unit, rune_profile **out_profile, rune_error **error)
{
    if (!unit) {
        return rn_fail_null(error, "unit");
    }
    rune_profile *profile = rn_alloc(sizeof(*profile));
    if (!profile) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    profile->unit = rune_unit_ref(unit);
    *out_profile = profile;
    return RUNE_OK;
}

void rune_profile_free(rune_profile *profile)
{
    if (profile) {
        rune_unit_unref(profile->unit);
        rn_free(profile->nodes);
        rn_free(profile->places);
        rn_free(profile);
    }
}

uint64_t rune_profile_spent(const rune_profile *profile)
{
    uint64_t spent = 0;
    for (uint32_t i = 0; profile && i < profile->node_count; i++) {
        spent += profile->nodes[i].spent;
    }
    return spent;
}

bool rune_profile_instruction_at(const rune_profile *profile, size_t rank,
                                 rune_profile_instruction *out_instruction)
{
    if (!profile || rank >= profile->place_count) {
        return false;
    }
    const struct rn_profile_place *place = &profile->places[rank];
    *out_instruction =
        (rune_profile_instruction){.index = place->pc, .hits = place->hits, .spent = place->spent};
    return true;
}

/* Room */

static enum rn_error grow(void **rows, uint32_t *room, uint32_t wanted, size_t size)
{
    if (wanted <= *room) {
        return RN_OK;
    }
    uint32_t more = *room * 2 > wanted ? *room * 2 : wanted;
    void *grown = rn_realloc(*rows, more * size);
    if (!grown) {
        return RN_E_NO_MEMORY;
    }
    *rows = grown;
    *room = more;
    return RN_OK;
}

/* For so many more. */
static enum rn_error make_room(struct rune_profile *profile, uint32_t nodes, uint32_t places)
{
    void *rows = profile->nodes;
    enum rn_error error =
        grow(&rows, &profile->node_room, profile->node_count + nodes, sizeof(*profile->nodes));
    profile->nodes = rows;
    RN_TRY(error);
    rows = profile->places;
    error =
        grow(&rows, &profile->place_room, profile->place_count + places, sizeof(*profile->places));
    profile->places = rows;
    return error;
}

/* Receiving */

/* Whether a path that leads to `node` has that function. */
static bool is_on_path(const struct rune_profile *profile, uint32_t node, uint32_t function)
{
    while (node != 0 && profile->nodes[node].function != function) {
        node = profile->nodes[node].parent;
    }
    return node != 0;
}

static enum rn_error take_node(struct rune_profile *profile, const struct rn_profile_row *row)
{
    uint32_t index = profile->node_count;
    bool is_named = row->other < profile->unit->unit.counts[RN_SECTION_FUNCTIONS];
    bool is_first = index < RN_PROFILE_FIRST;
    bool has_parent = is_first ? row->key == 0 : row->key < index && row->key != RN_PROFILE_OTHERS;
    bool is_known = is_first ? row->other == RN_NONE : is_named;
    if (index >= RN_PROFILE_NODES_MAX || !has_parent || !is_known || profile->place_count > 0 ||
        (!is_first && is_on_path(profile, row->key, row->other))) {
        return RN_E_MESSAGE_INVALID;
    }
    profile->nodes[profile->node_count++] = (struct rn_profile_node){
        .parent = row->key, .function = row->other, .spent = row->spent, .calls = row->times};
    return RN_OK;
}

static enum rn_error take_place(struct rune_profile *profile, const struct rn_profile_row *row)
{
    uint32_t count = profile->place_count;
    bool ascends = count == 0 || row->key > profile->places[count - 1].pc;
    if (row->key >= profile->unit->unit.counts[RN_SECTION_CODE] || !ascends || row->other != 0) {
        return RN_E_MESSAGE_INVALID;
    }
    profile->places[profile->place_count++] =
        (struct rn_profile_place){.pc = row->key, .spent = row->spent, .hits = row->times};
    return RN_OK;
}

enum rn_error rn_profile_receive(struct rune_profile *profile, const struct rn_message *message)
{
    uint32_t nodes = message->as.PROFILE.nodes;
    uint32_t rows = nodes + message->as.PROFILE.places;
    RN_TRY(rn_profile_check(nodes, message->as.PROFILE.places, message->body_size));
    RN_TRY(make_room(profile, nodes, message->as.PROFILE.places));
    for (uint32_t i = 0; i < rows; i++) {
        struct rn_profile_row row;
        rn_profile_decode(message->body + (size_t)i * RN_PROFILE_ROW_SIZE, &row);
        RN_TRY(i < nodes ? take_node(profile, &row) : take_place(profile, &row));
    }
    return RN_OK;
}

/* Adding */

static uint32_t find_node(const struct rune_profile *profile, uint32_t parent, uint32_t function)
{
    uint32_t i = parent + 1 > RN_PROFILE_FIRST ? parent + 1 : RN_PROFILE_FIRST;
    while (i < profile->node_count &&
           (profile->nodes[i].parent != parent || profile->nodes[i].function != function)) {
        i++;
    }
    return i;
}

/* Which node of `profile` stands for one of another; there is room for one more. */
static uint32_t match_node(struct rune_profile *profile, uint32_t parent, uint32_t function)
{
    uint32_t index =
        parent == RN_PROFILE_OTHERS ? RN_PROFILE_OTHERS : find_node(profile, parent, function);
    if (index < profile->node_count) {
        return index;
    }
    if (index == RN_PROFILE_NODES_MAX) {
        return RN_PROFILE_OTHERS;
    }
    profile->nodes[profile->node_count++] =
        (struct rn_profile_node){.parent = parent, .function = function};
    return index;
}

static void add_nodes(struct rune_profile *profile, const struct rune_profile *other, uint32_t *map)
{
    for (; profile->node_count < RN_PROFILE_FIRST && profile->node_count < other->node_count;
         profile->node_count++) {
        profile->nodes[profile->node_count] = (struct rn_profile_node){.function = RN_NONE};
    }
    for (uint32_t i = 0; i < other->node_count; i++) {
        const struct rn_profile_node *from = &other->nodes[i];
        map[i] = i < RN_PROFILE_FIRST ? i : match_node(profile, map[from->parent], from->function);
        profile->nodes[map[i]].spent += from->spent;
        profile->nodes[map[i]].calls += from->calls;
    }
}

/* Both ascend: from their ends, into the room behind. */
static void add_places(struct rune_profile *profile, const struct rune_profile *other)
{
    const struct rn_profile_place *a = profile->places;
    const struct rn_profile_place *b = other->places;
    struct rn_profile_place *end = profile->places + profile->place_count + other->place_count;
    uint32_t left_a = profile->place_count;
    uint32_t left_b = other->place_count;
    struct rn_profile_place *to = end;
    while (left_a > 0 || left_b > 0) {
        bool takes_a = left_a > 0 && (left_b == 0 || a[left_a - 1].pc >= b[left_b - 1].pc);
        bool takes_b = left_b > 0 && (left_a == 0 || b[left_b - 1].pc >= a[left_a - 1].pc);
        struct rn_profile_place sum = {.pc = takes_a ? a[left_a - 1].pc : b[left_b - 1].pc};
        sum.spent = (takes_a ? a[left_a - 1].spent : 0) + (takes_b ? b[left_b - 1].spent : 0);
        sum.hits = (takes_a ? a[left_a - 1].hits : 0) + (takes_b ? b[left_b - 1].hits : 0);
        left_a -= takes_a;
        left_b -= takes_b;
        *--to = sum;
    }
    profile->place_count = (uint32_t)(end - to);
    memmove(profile->places, to, profile->place_count * sizeof(*to));
}

rune_status rune_profile_add(rune_profile *profile, const rune_profile *other, rune_error **error)
{
    if (!profile || !other) {
        return rn_fail_null(error, profile ? "other" : "profile");
    }
    if (memcmp(profile->unit->id, other->unit->id, sizeof(profile->unit->id)) != 0) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "the profiles are of two Units");
    }
    RN_AUTO_FREE uint32_t *map = rn_alloc_array((size_t)other->node_count + 1, sizeof(*map));
    if (!map || make_room(profile, other->node_count, other->place_count) != RN_OK) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    add_nodes(profile, other, map);
    if (other->place_count > 0) {
        add_places(profile, other);
    }
    return RUNE_OK;
}
