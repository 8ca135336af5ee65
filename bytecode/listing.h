/* listing.h: the words of the listing that disassembler and assembler share. */
#ifndef RN_BYTECODE_LISTING_H
#define RN_BYTECODE_LISTING_H

#include "base/check.h"

/* Each indexed by its enum, ending with NULL. */
extern const char *const rn_listing_function_kinds[];
extern const char *const rn_listing_function_flags[]; /* by bit */
extern const char *const rn_listing_type_kinds[];
extern const char *const rn_listing_constant_kinds[];
extern const char *const rn_listing_site_kinds[];
extern const char *const rn_listing_switch_kinds[];

/* What stands in front of an index operand ("str"), by enum rn_operand; NULL: nothing. */
extern const char *const rn_listing_operand_words[];

#endif
