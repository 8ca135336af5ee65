/*
 * runeward.h: everything. Runs untrusted Rune scripts in sandboxed worker processes.
 *
 *     rune_supervisor_new      workers and compilers
 *     rune_build               source text to a Unit
 *     rune_vm_new              a Unit ready to be called
 *     rune_vm_call             arguments in, result or error out
 *
 * What holds for every function:
 *
 * - A pointer may be NULL where its function says so, and nowhere else. `error` always may. So may what _ref,
 *   _free and _unref get, and readers of values, errors, texts, records and diagnostics take NULL for an empty
 *   one, so that what may not be there can be read without a look. NULL where a name, path, text, value, Unit or
 *   Vm has to be is INVALID_ARGUMENT, with a message that names the parameter; a constructor gives NULL for it.
 *   A NULL output, or no object at all for a function to act on, is the program's mistake: it may crash.
 * - Outputs are written when the function succeeds, and left as they are when it does not; `*error` the other
 *   way round. It is not freed before: give each call one that is NULL, or whose error has been freed.
 *
 * C11 and C++. Link libruneward (pkg-config runeward, or CMake package Runeward).
 */
#ifndef RUNEWARD_RUNEWARD_H
#define RUNEWARD_RUNEWARD_H

#include <runeward/build.h>
#include <runeward/connect.h>
#include <runeward/context.h>
#include <runeward/error.h>
#include <runeward/execution.h>
#include <runeward/function.h>
#include <runeward/globals.h>
#include <runeward/limits.h>
#include <runeward/parts.h>
#include <runeward/profile.h>
#include <runeward/replay.h>
#include <runeward/serve.h>
#include <runeward/source.h>
#include <runeward/status.h>
#include <runeward/supervisor.h>
#include <runeward/text.h>
#include <runeward/timeline.h>
#include <runeward/unit.h>
#include <runeward/value.h>
#include <runeward/version.h>
#include <runeward/vm.h>
#include <runeward/vm_pool.h>
#include <runeward/watch.h>

#endif
