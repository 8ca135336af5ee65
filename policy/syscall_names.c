/* syscall_names.c: the table that filter_gen.c makes. */
#include "policy/syscall_names.h"

#include <linux/audit.h>
#include <stddef.h>

#include "base/check.h"

static const char *const names[] = {
#include "policy_syscall_names.inc"
};

static const struct {
    uint32_t arch;
    const char *name;
} arches[] = {
#if defined(__aarch64__)
    {AUDIT_ARCH_AARCH64, "aarch64"},
    {AUDIT_ARCH_ARM, "arm"},
#else
    {AUDIT_ARCH_X86_64, "x86_64"},
    {AUDIT_ARCH_I386, "i386"},
#endif
};

const char *rn_syscall_name(uint32_t number)
{
    return number < RN_COUNT_OF(names) ? names[number] : NULL;
}

const char *rn_syscall_arch_name(uint32_t arch)
{
    for (size_t i = 0; i < RN_COUNT_OF(arches); i++) {
        if (arches[i].arch == arch) {
            return arches[i].name;
        }
    }
    return NULL;
}

bool rn_syscall_arch_is_ours(uint32_t arch)
{
    return arch == arches[0].arch;
}
