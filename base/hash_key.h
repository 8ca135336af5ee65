/*
 * hash_key.h: a number that whoever chooses the keys of a hash table cannot know.
 *
 * Mixed into the slots of a table over foreign keys, it keeps anybody from choosing keys that share them,
 * and whose every look-up then walks past all the others. It is the process's own, from what the kernel
 * gives each program that it starts: nothing that leaves the process, and no result, may depend on it.
 */
#ifndef RN_BASE_HASH_KEY_H
#define RN_BASE_HASH_KEY_H

#include <stdint.h>

/* The same each time. Makes no system call. */
uint64_t rn_hash_key(void);

#endif
