/*
 * remote_held.c: what a daemon holds for its client. What falls out of the table is dropped there, without the lock.
 *
 * Trust: numbers are the daemon's word. Nothing is looked up by one here but who uses it.
 */
#include "supervisor/remote_held.h"

#include <string.h>

#include "supervisor/remote_state.h"

/* Numbers to be dropped: as many as there are places, and one that found none. */
struct dropped {
    uint32_t numbers[RN_REMOTE_HELD_MAX + 1];
    size_t count;
};

static void tell_dropped(struct rn_remote *remote, const struct rn_remote_table *table,
                         const struct dropped *dropped)
{
    bool is_unit = table == &remote->units;
    for (size_t i = 0; i < dropped->count; i++) {
        uint32_t number = dropped->numbers[i];
        struct rn_message message = {
            .type = RN_MESSAGE_CLIENT_DROP,
            .as.CLIENT_DROP = {.unit = is_unit ? number : 0, .context = is_unit ? 0 : number}};
        rn_remote_tell(remote, &message);
    }
}

/* Called with the connection's lock held: */

static struct rn_remote_held *find(struct rn_remote_table *table,
                                   const uint8_t digest[RN_DIGEST_SIZE])
{
    for (size_t i = 0; i < RN_REMOTE_HELD_MAX; i++) {
        struct rn_remote_held *held = &table->places[i];
        if (held->number != 0 && memcmp(held->digest, digest, RN_DIGEST_SIZE) == 0) {
            return held;
        }
    }
    return NULL;
}

/* A daemon that gives a number twice has it left where it is used. */
static struct rn_remote_held *find_used(struct rn_remote_table *table, uint32_t number)
{
    for (size_t i = 0; i < RN_REMOTE_HELD_MAX; i++) {
        if (table->places[i].number == number && table->places[i].uses > 0) {
            return &table->places[i];
        }
    }
    return NULL;
}

static void drop(struct rn_remote_held *held, struct dropped *dropped)
{
    dropped->numbers[dropped->count++] = held->number;
    *held = (struct rn_remote_held){.number = 0};
}

/* The oldest that nobody uses, or NULL. */
static struct rn_remote_held *oldest(struct rn_remote_table *table)
{
    struct rn_remote_held *found = NULL;
    for (size_t i = 0; i < RN_REMOTE_HELD_MAX; i++) {
        struct rn_remote_held *held = &table->places[i];
        if (held->number != 0 && held->uses == 0 && (!found || held->serial < found->serial)) {
            found = held;
        }
    }
    return found;
}

static size_t bytes_of(const struct rn_remote_table *table)
{
    size_t bytes = 0;
    for (size_t i = 0; i < RN_REMOTE_HELD_MAX; i++) {
        bytes += table->places[i].bytes;
    }
    return bytes;
}

static struct rn_remote_held *free_place(struct rn_remote_table *table)
{
    for (size_t i = 0; i < RN_REMOTE_HELD_MAX; i++) {
        if (table->places[i].number == 0) {
            return &table->places[i];
        }
    }
    return NULL;
}

/* A place for so many bytes; NULL: each is in use. */
static struct rn_remote_held *make_room(struct rn_remote_table *table, size_t bytes,
                                        struct dropped *dropped)
{
    struct rn_remote_held *old;
    while ((!free_place(table) || bytes_of(table) + bytes > RN_REMOTE_HELD_BYTES_MAX) &&
           (old = oldest(table)) != NULL) {
        drop(old, dropped);
    }
    return free_place(table);
}

/* Of the retired, `kept` (may be NULL) may stay though nobody uses it. */
static void drop_retired(struct rn_remote_table *table, const struct rn_remote_held *kept,
                         struct dropped *dropped)
{
    for (size_t i = 0; i < RN_REMOTE_HELD_MAX; i++) {
        struct rn_remote_held *held = &table->places[i];
        if (held->number != 0 && held->retired && held->uses == 0 && held != kept) {
            drop(held, dropped);
        }
    }
}

static uint32_t enter(struct rn_remote_table *table, const struct rn_remote_held *thing,
                      struct dropped *dropped)
{
    struct rn_remote_held *place = find(table, thing->digest);
    if (place) {
        place->uses += thing->uses;
        place->retired = place->retired && thing->retired;
        if (place->number != thing->number) {
            dropped->numbers[dropped->count++] = thing->number;
        }
        return place->number;
    }
    place = make_room(table, thing->bytes, dropped);
    if (place) {
        *place = *thing;
        place->serial = table->next_serial++;
    } else if (thing->uses == 0) {
        dropped->numbers[dropped->count++] = thing->number;
    }
    return thing->number; // one without a place is dropped when it is left
}

/* Take the lock: */

uint32_t rn_remote_held_use(struct rn_remote *remote, struct rn_remote_table *table,
                            const uint8_t digest[RN_DIGEST_SIZE])
{
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_held *held = find(table, digest);
    uint32_t number = held ? held->number : 0;
    if (held) {
        held->uses++;
    }
    pthread_mutex_unlock(&remote->lock);
    return number;
}

uint32_t rn_remote_held_note(struct rn_remote *remote, struct rn_remote_table *table,
                             const struct rn_remote_held *thing)
{
    struct dropped dropped = {.count = 0};
    if (thing->number == 0) {
        return 0; // no daemon gives that: it names nothing
    }
    pthread_mutex_lock(&remote->lock);
    uint32_t number = enter(table, thing, &dropped);
    pthread_mutex_unlock(&remote->lock);
    tell_dropped(remote, table, &dropped);
    return number;
}

void rn_remote_held_leave(struct rn_remote *remote, struct rn_remote_table *table, uint32_t number)
{
    struct dropped dropped = {.count = 0};
    if (number == 0) {
        return;
    }
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_held *held = find_used(table, number);
    if (held) {
        held->uses--;
    } else {
        dropped.numbers[dropped.count++] = number;
    }
    if (held && held->retired) {
        drop_retired(table, held, &dropped);
    }
    pthread_mutex_unlock(&remote->lock);
    tell_dropped(remote, table, &dropped);
}

void rn_remote_held_retire(struct rn_remote *remote, struct rn_remote_table *table,
                           const uint8_t digest[RN_DIGEST_SIZE])
{
    struct dropped dropped = {.count = 0};
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_held *held = find(table, digest);
    if (held) {
        held->retired = true;
        drop_retired(table, NULL, &dropped);
    }
    pthread_mutex_unlock(&remote->lock);
    tell_dropped(remote, table, &dropped);
}
