/*
 * hash.h: 64-bit hashes of items, types and names (XXH3, seed 0).
 *
 * An item's hash is that of its path without leading "::", as in "std::string::String::len" or
 * "main". The hash of an instance function's name is that of the bare name; with generics, of
 * "name::<" and the full type paths joined by "," and ">", as in "collect::<std::vec::Vec>".
 * The empty path hashes to 0: the script body.
 */
#ifndef RN_BYTECODE_HASH_H
#define RN_BYTECODE_HASH_H

#include "base/utf8.h"

uint64_t rn_hash_text(const char *text, size_t size);
uint64_t rn_hash_item(const char *path, size_t size);

#endif
