/* filter.c: by name. */
#include "cli/filter.h"

#include <string.h>
#include <unistd.h>

struct rn_filter rn_filter_of(const struct rn_args *args)
{
    size_t count = 0;
    while (count < args->operand_count && (strpbrk(args->operands[count], "./-") != NULL ||
                                           access(args->operands[count], F_OK) == 0)) {
        count++;
    }
    return (struct rn_filter){args, count};
}

static bool matches(const struct rn_filter *filter, const char *name, const char *text)
{
    return rn_args_has(filter->args, RN_OPTION_EXACT) ? strcmp(name, text) == 0
                                                      : strstr(name, text) != NULL;
}

bool rn_filter_takes(const struct rn_filter *filter, const char *name)
{
    const struct rn_args *args = filter->args;
    const char *text = args->values[RN_OPTION_FILTER];
    if (text != NULL && matches(filter, name, text)) {
        return true;
    }
    for (size_t i = filter->file_count; i < args->operand_count; i++) {
        if (matches(filter, name, args->operands[i])) {
            return true;
        }
    }
    return text == NULL && filter->file_count == args->operand_count;
}
