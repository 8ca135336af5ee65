/* arm.c: says what fails; see faults.h. */
#include "tests/fault/faults.h"
#include "tests/fault/state.h"

#include <stddef.h>

static void arm(enum fault_mode how, long n, unsigned index)
{
    atomic_store(&fault_state->mode, FAULT_MODE_NONE);
    atomic_store(&fault_state->outcome, FAULT_MISSED);
    atomic_store(&fault_state->left, n);
    atomic_store(&fault_state->wanted, index);
    atomic_store(&fault_state->mode, (int)how);
}

void fault_at(long n, unsigned index)
{
    arm(FAULT_MODE_COUNT, n, index);
}

void fault_new(void)
{
    arm(FAULT_MODE_NEW, 0, 0);
}

void fault_none(void)
{
    atomic_store(&fault_state->mode, FAULT_MODE_NONE);
    atomic_store(&fault_state->stuck, 0);
}

void fault_in(enum fault_scope scope, bool forever)
{
    fault_none();
    atomic_store(&fault_state->scope, (int)scope);
    atomic_store(&fault_state->forever, forever);
    atomic_store(&fault_state->calls, 0);
}

void fault_forget(void)
{
    for (size_t i = 0; i < FAULT_PLACES; i++) {
        atomic_store(&fault_state->places[i].seen, 0);
    }
}

uint64_t fault_calls(void)
{
    return atomic_load(&fault_state->calls);
}

enum fault_outcome fault_outcome(void)
{
    return (enum fault_outcome)atomic_load(&fault_state->outcome);
}

const char *fault_name(void)
{
    return fault_state->name;
}

int fault_errno(void)
{
    return atomic_load(&fault_state->error);
}
