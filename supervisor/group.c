/*
 * group.c: a list that anybody adds to and its owner takes as a whole, without a lock.
 *
 * Who adds, or calls, looks whether the owner sleeps after that; the owner says that it sleeps and looks at
 * the list after that: one of the two sees the other.
 */
#include "supervisor/group.h"

#include <sys/eventfd.h>

#include "shm/fd.h"
#include "supervisor/call.h"
#include "supervisor/wake.h"

void rn_group_init(struct rn_group *group)
{
    *group = (struct rn_group){.event_fd = -1};
}

void rn_group_done(struct rn_group *group)
{
    rn_fd_close(group->event_fd);
}

static void wake(struct rn_group *group)
{
    if (atomic_load(&group->asleep) && atomic_exchange(&group->asleep, false)) {
        rn_wake(group->event_fd);
    }
}

void rn_group_note(struct rn_group *group, struct rn_call *call)
{
    if (atomic_exchange(&call->is_noted, true)) {
        return;
    }
    struct rn_call *first = atomic_load(&group->news);
    do {
        call->group_next = first;
    } while (!atomic_compare_exchange_weak(&group->news, &first, call));
    wake(group);
}

void rn_group_call(struct rn_group *group)
{
    atomic_store(&group->called, true);
    wake(group);
}

bool rn_group_has_news(const struct rn_group *group)
{
    return group->taken || atomic_load(&group->news) != NULL;
}

static void take_all(struct rn_group *group)
{
    struct rn_call *newest = atomic_exchange(&group->news, NULL);
    while (newest) {
        struct rn_call *next = newest->group_next;
        newest->group_next = group->taken;
        group->taken = newest;
        newest = next;
    }
}

struct rn_call *rn_group_next(struct rn_group *group)
{
    if (!group->taken) {
        take_all(group);
    }
    struct rn_call *call = group->taken;
    if (call) {
        group->taken = call->group_next;
        atomic_store(&call->is_noted, false);
    }
    return call;
}

enum rn_error rn_group_fall_asleep(struct rn_group *group, bool *out_may)
{
    if (group->event_fd < 0) {
        group->event_fd = rn_fd_take_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
    if (group->event_fd < 0) {
        return RN_E_SYSTEM;
    }
    atomic_store(&group->asleep, true);
    *out_may = !rn_group_has_news(group) && !atomic_load(&group->called);
    return RN_OK;
}

void rn_group_wake_up(struct rn_group *group)
{
    if (!atomic_exchange(&group->asleep, false)) {
        rn_wake_clear(group->event_fd);
    }
    atomic_store(&group->called, false);
}
