/* types.c: types.def as tables; which types there are. */
#include "bytecode/types.h"

#include <string.h>

const struct rn_library_type rn_library_types[RN_TYPE_ID_COUNT] = {
#define TYPE(name, path, is_inline)                                                                \
    [RN_TYPE_ID_##name] = {{(path), sizeof(path) - 1}, (is_inline) != 0},
#define ENUM_VARIANT(type, name, index, path, count)
#include "bytecode/types.def"
#undef TYPE
#undef ENUM_VARIANT
};

/* The last segment begins behind the enum's path and "::"; its size follows from both paths. */
#define VARIANT_NAME(type, path)                                                                   \
    {                                                                                              \
        (path) + sizeof(TYPE_PATH_##type) + 1, sizeof(path) - sizeof(TYPE_PATH_##type) - 2         \
    }
#define TYPE_PATH_ORDERING "std::cmp::Ordering"
#define TYPE_PATH_OPTION "std::option::Option"
#define TYPE_PATH_RESULT "std::result::Result"
#define TYPE_PATH_CONTROL_FLOW "std::ops::ControlFlow"
#define TYPE_PATH_GENERATOR_STATE "std::ops::generator::GeneratorState"

const struct rn_library_variant rn_library_variants[] = {
#define TYPE(name, path, is_inline)
#define ENUM_VARIANT(type, name, index, path, count)                                               \
    {{(path), sizeof(path) - 1}, VARIANT_NAME(type, path), RN_TYPE_ID_##type, (index), (count)},
#include "bytecode/types.def"
#undef TYPE
#undef ENUM_VARIANT
};

const size_t rn_library_variant_count = RN_COUNT_OF(rn_library_variants);

const struct rn_library_variant *rn_library_variant(enum rn_type_id type, uint32_t index)
{
    for (size_t i = 0; i < rn_library_variant_count; i++) {
        if (rn_library_variants[i].type == type && rn_library_variants[i].index == index) {
            return &rn_library_variants[i];
        }
    }
    return NULL;
}

static const struct rn_utf8 script_types[] = {
#define STD_SCRIPT_TYPE(path) {(path), sizeof(path) - 1},
#include "bytecode/std.def"
};

static bool same_text(struct rn_utf8 a, struct rn_utf8 b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

bool rn_library_has_type(struct rn_utf8 path)
{
    bool found = false;
    for (size_t i = 0; i < RN_TYPE_ID_COUNT && !found; i++) {
        found = same_text(rn_library_types[i].path, path);
    }
    for (size_t i = 0; i < rn_library_variant_count && !found; i++) {
        found = same_text(rn_library_variants[i].path, path);
    }
    for (size_t i = 0; i < RN_COUNT_OF(script_types) && !found; i++) {
        found = same_text(script_types[i], path);
    }
    return found;
}
