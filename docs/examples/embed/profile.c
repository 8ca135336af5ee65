/*
 * profile.c: where a script spends its budget, counted: the same figures on every run and machine.
 *
 *      profile
 */
#include "example.h"

static const char source[] = "fn is_prime(n) {\n"
                             "    for d in 2..n {\n"
                             "        if d * d > n { break; }\n"
                             "        if n % d == 0 { return false; }\n"
                             "    }\n"
                             "    n > 1\n"
                             "}\n"
                             "\n"
                             "pub fn main() {\n"
                             "    (0..100).iter().filter(|n| is_prime(n)).count()\n"
                             "}\n";

static rune_supervisor *start_counting(void)
{
    rune_supervisor *supervisor;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_error *error = NULL;
    rune_supervisor_options_set_profile(options, true);
    must(rune_supervisor_new(options, &supervisor, &error), &error);
    rune_supervisor_options_free(options);
    return supervisor;
}

static void show(const rune_profile *profile)
{
    rune_profile_report *report;
    rune_profile_function function;
    rune_profile_line line;
    rune_error *error = NULL;
    must(rune_profile_report_new(profile, &report, &error), &error);
    for (size_t i = 0; rune_profile_report_function(report, i, &function); i++) {
        printf("%-16s %5llu calls %6llu here %6llu with what it called\n", function.function,
               (unsigned long long)function.calls, (unsigned long long)function.self,
               (unsigned long long)function.total);
    }
    size_t dearest = rune_profile_report_dearest(report, 0);
    if (rune_profile_report_line(report, dearest, &line)) {
        printf("line %u ran %llu times and took %llu\n", line.line, (unsigned long long)line.hits,
               (unsigned long long)line.spent);
    }
    rune_profile_report_free(report);
}

int main(void)
{
    rune_record *record;
    rune_error *error = NULL;
    rune_supervisor *supervisor = start_counting();
    rune_unit *unit = build(supervisor, NULL, NULL, source);
    rune_vm *vm = make_vm(supervisor, NULL, unit);
    must(rune_vm_call_record(vm, "main", NULL, 0, NULL, &record, &error), &error);
    const rune_profile *profile = rune_record_profile(record);
    if (!profile) {
        fputs("nothing was counted\n", stderr);
        return 1;
    }
    printf("budget %llu, all of it found: %s\n",
           (unsigned long long)rune_record_usage(record)->budget,
           rune_profile_spent(profile) == rune_record_usage(record)->budget ? "yes" : "no");
    show(profile);
    rune_record_free(record);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_supervisor_free(supervisor);
    return 0;
}
