/* near.c: the edit distance of names. */
#include "base/near.h"

#define LOOKS_MAX 4000u

/* Levenshtein, adjacent swaps counted as one; more than `limit` counts as limit + 1. */
static size_t distance(struct rn_utf8 a, struct rn_utf8 b, size_t limit)
{
    size_t rows[3][RN_NEAR_NAME_MAX + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *now = rows[2];
    if (a.size > RN_NEAR_NAME_MAX || b.size > RN_NEAR_NAME_MAX || a.size > b.size + limit ||
        b.size > a.size + limit) {
        return limit + 1;
    }
    for (size_t j = 0; j <= b.size; j++) {
        last[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a.size; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t cost = a.data[i - 1] == b.data[j - 1] ? 0 : 1;
            size_t best = last[j - 1] + cost;
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.size] > limit ? limit + 1 : last[b.size];
}

struct rn_near rn_near_begin(struct rn_utf8 wanted)
{
    // In a short name, few letters make another word.
    size_t limit = wanted.size <= 2 ? 0 : wanted.size == 3 ? 1 : wanted.size <= 5 ? 2 : 3;
    return (struct rn_near){.wanted = wanted, .best_distance = limit + 1, .looks = LOOKS_MAX};
}

/* The distance, or best_distance if it is no less. */
static size_t nearer(const struct rn_near *near, struct rn_utf8 name)
{
    return distance(near->wanted, name, near->best_distance - 1);
}

bool rn_near_is_nearer(struct rn_near *near, struct rn_utf8 name)
{
    if (name.size == 0 || near->looks == 0) {
        return false;
    }
    near->looks--;
    size_t found = nearer(near, name);
    return found != 0 && found < near->best_distance;
}

void rn_near_take(struct rn_near *near, struct rn_utf8 name)
{
    near->best_distance = nearer(near, name);
    near->best = name;
}
