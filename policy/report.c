/* report.c: tables to JSON. */
#include "policy/report.h"

#include "policy/filter.h"
#include "policy/look.h"
#include "policy/syscall_table.h"

#include <string.h>

static const char *boolean(bool value)
{
    return value ? "true" : "false";
}

static bool has(uint64_t set, unsigned layer)
{
    return (set >> layer & 1) != 0;
}

static void append_layer(const struct rn_wall_report *report, unsigned layer, uint64_t required,
                         struct rn_buf *out)
{
    const struct rn_layer_info *info = rn_layer_info((enum rn_layer)layer);
    int error = report->refused_errno[layer];
    const char *text = error == 0 ? "" : strerrordesc_np(error);
    bool given_up = has(report->given_up, layer) && !has(report->active, layer);
    rn_buf_append_format(out, "{\"name\":\"%s\",\"required\":%s,\"active\":%s,", info->name,
                         boolean(has(required, layer)), boolean(has(report->active, layer)));
    rn_buf_append_format(out, "\"given_up\":%s,", boolean(given_up));
    rn_buf_append_format(out, "\"seen_from_outside\":%s,\"errno\":%d,\"error\":\"%s\",",
                         boolean(has(rn_wall_visible(), layer)), error, text == NULL ? "" : text);
    rn_buf_append_format(out, "\"protects\":\"%s\",\"remedy\":\"%s\"}", info->protects,
                         given_up ? "the host gave it up: --speculation restricted, the default, has it"
                                  : info->remedy);
}

void rn_wall_report_to_json(const struct rn_wall_report *report, enum rn_policy policy,
                            uint64_t require, struct rn_buf *out)
{
    uint64_t required = (rn_policy_required(policy) | require) & rn_wall_possible();
    enum rn_layer missing;
    bool complete = rn_wall_report_check(report, required, &missing) == RN_OK;
    rn_buf_append_format(out, "{\"v\":1,\"flavour\":\"%s\",\"policy\":\"%s\",\"complete\":%s,",
                         report->sanitizer_flavour ? "sanitizer" : "release",
                         rn_policy_name(policy), boolean(complete));
    rn_buf_append_format(out, "\"uid\":%u,\"landlock_abi\":%u,\"filters\":%u,\"layers\":[",
                         report->uid, report->landlock_abi, report->filters);
    for (unsigned layer = 0; layer < RN_LAYER_COUNT; layer++) {
        rn_buf_append_text(out, layer == 0 ? "" : ",");
        append_layer(report, layer, required, out);
    }
    rn_buf_append_text(out, "]}");
}

static void append_calls(enum rn_role role, struct rn_buf *out)
{
    size_t count;
    const struct rn_syscall_rule *rules = rn_syscall_rules(&count);
    const char *separator = "";
    for (size_t i = 0; i < count; i++) {
        if ((rules[i].roles & (1u << role)) == 0) {
            continue;
        }
        rn_buf_append_format(out, "%s{\"call\":\"%s\",\"when\":\"%s\",\"reason\":\"%s\"}",
                             separator, rules[i].name, rules[i].condition, rules[i].reason);
        separator = ",";
    }
}

static void append_role(enum rn_role role, struct rn_buf *out)
{
    size_t instructions;
    rn_filter_program(role, &instructions);
    rn_buf_append_format(out, "{\"role\":\"%s\",\"instructions\":%zu,\"calls\":[",
                         rn_role_name(role), instructions);
    append_calls(role, out);
    rn_buf_append_text(out, "]}");
}

static void append_layer_lists(struct rn_buf *out)
{
    for (unsigned layer = 0; layer < RN_LAYER_COUNT; layer++) {
        const struct rn_layer_info *info = rn_layer_info((enum rn_layer)layer);
        rn_buf_append_format(out, "%s{\"name\":\"%s\",\"strict\":%s,\"best_effort\":%s,",
                             layer == 0 ? "" : ",", info->name,
                             boolean(has(rn_policy_required(RN_POLICY_STRICT), layer)),
                             boolean(has(rn_policy_required(RN_POLICY_BEST_EFFORT), layer)));
        rn_buf_append_format(out, "\"protects\":\"%s\",\"remedy\":\"%s\"}", info->protects,
                             info->remedy);
    }
}

void rn_policy_to_json(struct rn_buf *out)
{
    rn_buf_append_format(out, "{\"v\":1,\"flavour\":\"%s\",\"roles\":[", rn_wall_flavour());
    for (unsigned role = 0; role < RN_ROLE_COUNT; role++) {
        rn_buf_append_text(out, role == 0 ? "" : ",");
        append_role((enum rn_role)role, out);
    }
    rn_buf_append_text(out, "],\"layers\":[");
    append_layer_lists(out);
    rn_buf_append_text(out, "]}");
}
