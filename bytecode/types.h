/* types.h: names of the library's types and variants, expanded from types.def. Ids: type_id.h. */
#ifndef RN_BYTECODE_TYPES_H
#define RN_BYTECODE_TYPES_H

#include "base/utf8.h"
#include "bytecode/type_id.h"

/* RN_VARIANT_OPTION_SOME and so on: the index within its enum. */
enum rn_library_variant_index {
#define TYPE(name, path, is_inline)
#define ENUM_VARIANT(type, name, index, path, count) RN_VARIANT_##type##_##name = (index),
#include "bytecode/types.def"
#undef TYPE
#undef ENUM_VARIANT
};

struct rn_library_type {
    struct rn_utf8 path;
    bool is_inline; /* copied, not shared */
};

struct rn_library_variant {
    struct rn_utf8 path;
    struct rn_utf8 name; /* its last segment */
    uint8_t type;        /* enum rn_type_id */
    uint8_t index;       /* within the enum */
    uint8_t field_count;
};

/* Indexed by enum rn_type_id. */
extern const struct rn_library_type rn_library_types[RN_TYPE_ID_COUNT];

/* All variants, those of one enum together and in order. */
extern const struct rn_library_variant rn_library_variants[];
extern const size_t rn_library_variant_count;

/* NULL if the type has no such variant. */
const struct rn_library_variant *rn_library_variant(enum rn_type_id type, uint32_t index);

/* Whether that is the path of a type that any Unit may refer to: of those above, or of the standard Unit. */
bool rn_library_has_type(struct rn_utf8 path);

#endif
