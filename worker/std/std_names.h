/*
 * std_names.h: the names of the standard library, made by the build (write_names.c).
 *
 * In the program that makes them there are none yet: `entries` is NULL.
 */
#ifndef RN_WORKER_STD_STD_NAMES_H
#define RN_WORKER_STD_STD_NAMES_H

struct rn_names;

extern const struct rn_names rn_std_names;

#endif
