/*
 * forbidden_call.c: the worker with one function that tries to open a file: `base64::encode`.
 *
 * Linked into test programs beside everything of runeward-worker, and of runeward-worker-diagnose.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/std/std.h"

/* The linker puts this in the place of the library's own (CMakeLists.txt). */
enum rn_outcome __real_rn_std_base64_encode(struct rn_vm *vm, struct rn_value *args,
                                            uint32_t count);
enum rn_outcome __wrap_rn_std_base64_encode(struct rn_vm *vm, struct rn_value *args,
                                            uint32_t count);
enum rn_outcome __wrap_rn_std_base64_encode(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)!syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC, 7);
    return __real_rn_std_base64_encode(vm, args, count);
}
