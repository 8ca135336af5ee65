/* members.c: members of objects, read with a default. */
#include "cli/members.h"
#include "cli/visible.h"

bool rn_member_flag(const rune_const_value *object, const char *key)
{
    bool flag = false;
    rune_const_value *value = rune_value_get(object, key);
    bool found = rune_value_get_bool(value, &flag);
    rune_value_unref(value);
    return found && flag;
}

long long rn_member_number(const rune_const_value *object, const char *key)
{
    int64_t number = 0;
    rune_const_value *value = rune_value_get(object, key);
    bool found = rune_value_get_i64(value, &number);
    rune_value_unref(value);
    return found ? number : 0;
}

const char *rn_member_text(const rune_const_value *object, const char *key, char *room, size_t size)
{
    const char *data = "";
    size_t length = 0;
    rune_const_value *value = rune_value_get(object, key);
    if (!rune_value_get_string(value, &data, &length)) {
        length = 0;
    }
    rn_visible_copy(data, length, room, size);
    rune_value_unref(value);
    return room;
}

void rn_member_each(const rune_const_value *object, const char *key,
                    void (*take)(void *user, const rune_const_value *row), void *user)
{
    rune_const_value *rows = rune_value_get(object, key);
    rune_const_value *row;
    rune_value_iter at;
    rune_value_iter_init(&at, rows);
    while (rune_value_iter_next(&at, &row) == RUNE_OK) {
        take(user, row);
        rune_value_unref(row);
    }
    rune_value_unref(rows);
}
