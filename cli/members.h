/*
 * members.h: what an object that came as JSON has under a key. Whoever wrote it may have left the
 * member out, or put something else there: each function says what it gives then.
 */
#ifndef RN_CLI_MEMBERS_H
#define RN_CLI_MEMBERS_H

#include <runeward/runeward.h>

#include <stdbool.h>
#include <stddef.h>

/* False where there is no such boolean. */
bool rn_member_flag(const rune_const_value *object, const char *key);

/* 0 where there is no such integer. As printf takes it. */
long long rn_member_number(const rune_const_value *object, const char *key);

/* Into `room`, which it returns: as much as fits, with "?" for control bytes; "" where there is no such text. */
const char *rn_member_text(const rune_const_value *object, const char *key, char *room,
                           size_t size);

/* Each element of a vector, in order; none where there is no such vector. */
void rn_member_each(const rune_const_value *object, const char *key,
                    void (*take)(void *user, const rune_const_value *row), void *user);

#endif
