/*
 * runeward.h: everything. Runs untrusted Rune scripts in sandboxed worker processes.
 *
 *     rune_supervisor_new      workers and compilers
 *     rune_build               source text to a Unit
 *     rune_vm_new              a Unit ready to be called
 *     rune_vm_call             arguments in, result or error out
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
#include <runeward/replay.h>
#include <runeward/serve.h>
#include <runeward/source.h>
#include <runeward/status.h>
#include <runeward/supervisor.h>
#include <runeward/text.h>
#include <runeward/unit.h>
#include <runeward/value.h>
#include <runeward/version.h>
#include <runeward/vm.h>
#include <runeward/vm_pool.h>
#include <runeward/watch.h>

#endif
