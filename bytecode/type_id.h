/*
 * type_id.h: the dense type ids of the library, expanded from types.def.
 *
 * Ids run: types of the library, their variants, types of the standard Unit, types of the script's
 * Unit. An object carries the exact id (of the variant, not of the enum).
 */
#ifndef RN_BYTECODE_TYPE_ID_H
#define RN_BYTECODE_TYPE_ID_H

#include "base/check.h"

enum rn_type_id {
#define TYPE(name, path, is_inline) RN_TYPE_ID_##name,
#define ENUM_VARIANT(type, variant, index, path, fields)
#include "bytecode/types.def"
#undef TYPE
#undef ENUM_VARIANT
    RN_TYPE_ID_COUNT,
};

enum rn_variant_id {
    RN_VARIANT_ID_BEFORE_ = RN_TYPE_ID_COUNT - 1,
#define TYPE(name, path, is_inline)
#define ENUM_VARIANT(type, variant, index, path, fields) RN_VARIANT_ID_##type##_##variant,
#include "bytecode/types.def"
#undef TYPE
#undef ENUM_VARIANT
    RN_LIBRARY_TYPE_COUNT, /* types and variants: the first id of the standard Unit */
};

#endif
