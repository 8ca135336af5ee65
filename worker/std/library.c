/* library.c: the tables of std.def as the Vm takes them. */
#include "worker/std/library.h"

#include "bytecode/intrinsics.h"
#include "worker/std/fmt.h"
#include "worker/std/fmt_parts.h"
#include "worker/std/std.h"
#include "worker/std/std_names.h"
#include "worker/std/unit_image.h"

static const struct rn_native natives[] = {
#define STD_FN(path, arity, symbol) {(path), RN_NONE, (arity), 0, rn_std_##symbol},
#define STD_ASYNC_FN(path, arity, symbol) {(path), RN_NONE, (arity), 0, rn_std_##symbol},
#define STD_CONST_FN(path, symbol) {(path), RN_NONE, 0, 0, rn_std_##symbol},
#define STD_METHOD(type, name, arity, symbol)                                                      \
    {(name), RN_TYPE_ID_##type, (arity), 0, rn_std_##symbol},
#define STD_TRAIT_METHOD(trait, name, arity, symbol)                                               \
    {trait "::" name, RN_NONE, (arity), 0, rn_std_##symbol},
#include "bytecode/std.def"
};

static const struct rn_trait_impl impls[] = {
#define STD_IMPL(type, trait) {(type), (trait)},
#include "bytecode/std.def"
};

static const struct rn_generic_function generics[] = {
#define STD_SCRIPT_GENERIC(type, name, arity, export_path) {(type), (name), (export_path)},
#include "bytecode/std.def"
};

const struct rn_library rn_std_library = {
    .natives = natives,
    .native_count = RN_COUNT_OF(natives),
    .impls = impls,
    .impl_count = RN_COUNT_OF(impls),
    .generics = generics,
    .generic_count = RN_COUNT_OF(generics),
    .intrinsics = rn_std_intrinsics,
    .unit_image = rn_std_unit_image,
    .unit_size = sizeof(rn_std_unit_image),
    .names = &rn_std_names,
    .display = rn_fmt_display,
    .format = rn_fmt_spec,
    .error_text = rn_fmt_error_message,
};
