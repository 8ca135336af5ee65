/*
 * profile.c: runeward-worker-profile: the worker, for `runeward profile` and `coverage` and nothing else.
 *
 * The same code behind the same wall, and a Vm that counts (vm/profile.h). What it counted goes out in front
 * of the call's end, whatever that is, packet by packet under credit. A supervisor that does not profile
 * refuses it.
 */
#include "shm/profile.h"
#include "worker/worker.h"

#define ROWS_MAX (RN_PACKET_BODY_MAX / RN_PROFILE_ROW_SIZE)

/* Rows of one packet. */
struct rows {
    uint32_t nodes;
    uint32_t places;
    uint8_t bytes[ROWS_MAX * RN_PROFILE_ROW_SIZE];
};

static bool has_room(const struct rows *rows)
{
    return rows->nodes + rows->places < ROWS_MAX;
}

static uint8_t *next_row(struct rows *rows)
{
    return rows->bytes + (size_t)(rows->nodes + rows->places) * RN_PROFILE_ROW_SIZE;
}

static void add_nodes(struct rn_slot *slot, struct rows *rows)
{
    uint32_t count = rn_vm_profile_node_count(slot->vm);
    for (; slot->profile_nodes < count && has_room(rows); slot->profile_nodes++) {
        struct rn_vm_profile_node node = rn_vm_profile_node(slot->vm, slot->profile_nodes);
        struct rn_profile_row row = {
            .key = node.parent, .other = node.function, .spent = node.spent, .times = node.calls};
        rn_profile_encode(&row, next_row(rows));
        rows->nodes++;
    }
}

static void add_places(struct rn_slot *slot, struct rows *rows)
{
    struct rn_vm_profile_place place;
    while (has_room(rows) && rn_vm_profile_next(slot->vm, slot->profile_place, &place)) {
        struct rn_profile_row row = {.key = place.pc, .spent = place.spent, .times = place.hits};
        rn_profile_encode(&row, next_row(rows));
        rows->places++;
        slot->profile_place = place.pc + 1;
    }
}

enum rn_error rn_worker_send_profile(struct rn_worker *worker, struct rn_slot *slot, bool *out_done)
{
    static struct rows rows;
    *out_done = slot->profile_sent || !slot->vm || rn_vm_profile_node_count(slot->vm) == 0;
    while (!*out_done) {
        bool needs_credit = slot->profile_nodes > 0; // the first packet does not: S4
        if (needs_credit && slot->credit == 0) {
            return RN_OK;
        }
        rows.nodes = 0;
        rows.places = 0;
        add_nodes(slot, &rows);
        add_places(slot, &rows);
        if (rows.nodes + rows.places == 0) {
            slot->profile_sent = true;
            *out_done = true;
            rn_vm_profile_drop(slot->vm);
            return RN_OK;
        }
        struct rn_message message = {.type = RN_MESSAGE_PROFILE,
                                     .call = slot->id,
                                     .body = rows.bytes,
                                     .body_size =
                                         (size_t)(rows.nodes + rows.places) * RN_PROFILE_ROW_SIZE,
                                     .as.PROFILE = {.nodes = rows.nodes, .places = rows.places}};
        RN_TRY(rn_worker_send_one(worker, slot, &message));
        slot->credit -= needs_credit;
    }
    return RN_OK;
}
