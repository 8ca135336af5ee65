/* tools.c: texts about the wall, from its tables. */
#include <runeward/tools.h>

#include "policy/report.h"
#include "supervisor/tools/take.h"

#define TEXT_MAX ((size_t)1 << 20)

rune_status rune_tools_policy(rune_text **out_json)
{
    struct rn_buf buf;
    rn_buf_init(&buf, TEXT_MAX);
    rn_policy_to_json(&buf);
    return rn_tools_take(&buf, out_json);
}
