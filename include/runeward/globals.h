/*
 * globals.h: the values of a script's static items, as the host sets and gets them.
 *
 * Each Vm has storage of its own for the statics of its Unit, so that one Unit serves any number of
 * independent states. A rune_globals is such a state outside a Vm: what rune_vm_set_globals puts
 * in, and the snapshot that rune_vm_globals takes out. Statics are named by item path, as in
 * "COUNTER" or "app::COUNTER". Values are ConstValues: what two statics share inside a Vm is copied
 * for each of them.
 *
 * One thread at a time, as the Vm itself.
 */
#ifndef RUNEWARD_GLOBALS_H
#define RUNEWARD_GLOBALS_H

#include <runeward/vm.h>

RUNE_BEGIN

typedef struct rune_globals rune_globals;

/* Every static of the Unit without a value. Keeps the Unit alive. NULL without memory, and of NULL. */
RUNE_API rune_globals *rune_globals_new(rune_unit *unit) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_globals_free(rune_globals *globals);

/* Statics of the Unit, with or without a value, and their paths (borrowed from the globals). */
RUNE_API size_t rune_globals_count(const rune_globals *globals);
RUNE_API const char *rune_globals_item(const rune_globals *globals, size_t index);

/* Takes a reference. NOT_FOUND of kind "no_static": the Unit has no such static. */
RUNE_API rune_status rune_globals_set(rune_globals *globals, const char *item,
                                      const rune_const_value *value,
                                      rune_error **error) RUNE_MUST_CHECK;
/*
 * The value set, or else the initial value that the script gives the static; the caller's.
 * NOT_FOUND: "no_static", or "uninitialized_static" if there is neither.
 */
RUNE_API rune_status rune_globals_get(const rune_globals *globals, const char *item,
                                      rune_const_value **out_value,
                                      rune_error **error) RUNE_MUST_CHECK;
/* Back to being without a value: the next script that reads it finds the initial one. NOT_FOUND. */
RUNE_API rune_status rune_globals_clear(rune_globals *globals, const char *item,
                                        rune_error **error) RUNE_MUST_CHECK;

/* The statics that have a value, as an Object under their paths; the caller's. NO_MEMORY. */
RUNE_API rune_status rune_globals_to_value(const rune_globals *globals,
                                           rune_const_value **out_value,
                                           rune_error **error) RUNE_MUST_CHECK;
/* Back from such an Object. INVALID_ARGUMENT: no Object; NOT_FOUND: "no_static"; NO_MEMORY. */
RUNE_API rune_status rune_globals_from_value(rune_unit *unit, const rune_const_value *value,
                                             rune_globals **out_globals,
                                             rune_error **error) RUNE_MUST_CHECK;

/*
 * The Vm's statics become those (copied; NULL: all without a value), whatever they were before.
 * What makes a lost Vm usable again, too. BUSY while a call runs; INVALID_ARGUMENT: of another Unit.
 */
RUNE_API rune_status rune_vm_set_globals(rune_vm *vm, const rune_globals *globals,
                                         rune_error **error) RUNE_MUST_CHECK;
/*
 * A snapshot of the Vm's statics; the caller's. It is a call that runs nothing: errors as of
 * rune_vm_call; SCRIPT_ERROR of kind "ConstNotSupported" names the path to a value that cannot
 * leave the worker.
 */
RUNE_API rune_status rune_vm_globals(rune_vm *vm, rune_globals **out_globals,
                                     rune_error **error) RUNE_MUST_CHECK;
/* One static, likewise. Setting talks to no worker, nor to a daemon: the value goes out with the next call. */
RUNE_API rune_status rune_vm_set_static(rune_vm *vm, const char *item,
                                        const rune_const_value *value,
                                        rune_error **error) RUNE_MUST_CHECK;
RUNE_API rune_status rune_vm_static(rune_vm *vm, const char *item, rune_const_value **out_value,
                                    rune_error **error) RUNE_MUST_CHECK;

RUNE_END

#endif
