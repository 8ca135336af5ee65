/* bpf.h: runs a system-call filter as the kernel would. */
#ifndef RN_TESTS_WALL_BPF_H
#define RN_TESTS_WALL_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The filter's verdict on `data`; false when the program is not one that the kernel would load. */
bool bpf_run(const struct sock_filter *program, size_t count, const struct seccomp_data *data,
             uint32_t *out_verdict);

#endif
