/*
 * spawner.h: processes behind the wall, from the supervisor's side.
 *
 * A spawner keeps the two program images open. A zygote serves one trust domain: it is pid 1 of the
 * domain's namespaces and makes workers and compilers from the images. A child is one of those.
 *
 *     host --clone--> (gone at once) --exec--> helper --clone--> zygote --vfork+exec--> children
 *
 * The host process gets no child, no zombie and no SIGCHLD out of this; it is never forked, its
 * address space is never copied. Only a host that is init or a subreaper gets helpers and zygotes as
 * children; each is waited for here, by its pidfd. A zygote lives as long as its control socket and its
 * host: rn_zygote_free, or the end of the host however it comes, ends it and every process of its
 * domain, also while a process that the host forked still holds the socket.
 *
 * Deadlines: the supervisor kills by pidfd. As a backstop against a stalled host, a zygote looks
 * about once a second at the first 8 bytes of each child's control segment (rn_kill_deadline): if
 * they hold a CLOCK_MONOTONIC time in nanoseconds that has passed, it kills the child. 0: no
 * deadline. The host writes the word with an atomic store, without telling anybody.
 *
 * Threads: every function is thread safe; a zygote's functions take its lock while they wait for an
 * answer (a spawn takes 0.1 to 1 ms). Spawners are immutable after rn_spawner_new.
 * Zygotes run no foreign code; sizes and states of their packets are checked anyway.
 */
#ifndef RN_SUPERVISOR_SPAWNER_H
#define RN_SUPERVISOR_SPAWNER_H

#include "policy/process.h"

#include <sys/types.h>

struct rn_spawner;
struct rn_zygote;

struct rn_spawner_options {
    const char *worker_path;   /* the runeward-worker program */
    const char *compiler_path; /* the runeward-compiler program */
    enum rn_policy policy;
    uint64_t require;  /* layers required beyond the policy's list */
    uint64_t give_up;  /* layers to do without, of RN_LAYERS_TO_GIVE_UP */
    uint32_t uid_base; /* as root: domains get uids from here; 0: the default range */
};

/* Why starting something failed, for people: which step, which layer, what to do about it. */
struct rn_spawn_failure {
    const char *step; /* static storage: "worker image", "namespaces", "layer" ... */
    int error;        /* errno, or 0 */
    bool has_layer;   /* `layer` is the required layer that is missing */
    enum rn_layer layer;
    bool has_end;   /* it ended by itself, before it was ready: */
    bool signalled; /* `code` is a signal number, else an exit code */
    int code;
};

/* Opens the images. RN_E_SETUP with the step in *out_failure. */
enum rn_error rn_spawner_new(const struct rn_spawner_options *options,
                             struct rn_spawner **out_spawner,
                             struct rn_spawn_failure *out_failure) RN_MUST_CHECK;
/* The compiler's image, open for reading; borrowed. */
int rn_spawner_compiler_fd(const struct rn_spawner *spawner);
/* Its zygotes must be gone. Accepts NULL. */
void rn_spawner_free(struct rn_spawner *spawner);

/*
 * Starts the zygote of a new trust domain and waits until its namespaces stand (1 to 10 ms).
 * RN_E_WALL_REFUSED: a required layer is missing, named in *out_failure. RN_E_SETUP,
 * RN_E_TIMED_OUT, RN_E_NO_MEMORY. The spawner must outlive the zygote.
 */
enum rn_error rn_zygote_new(struct rn_spawner *spawner, struct rn_zygote **out_zygote,
                            struct rn_spawn_failure *out_failure) RN_MUST_CHECK;
/* Kills the zygote and with it every process of the domain; waits, for a second at most, for the end
 * of one that is the host's child. Accepts NULL. */
void rn_zygote_free(struct rn_zygote *zygote);

/*
 * Layers that hold for all children of the zygote and cannot be seen on them from outside; and why
 * others that it tried are missing.
 */
const struct rn_wall_report *rn_zygote_report(const struct rn_zygote *zygote);

struct rn_spawn_request {
    enum rn_role role;
    int socket_fd;                     /* the child's end; borrowed, still the caller's */
    int segment_fds[RN_SEGMENT_COUNT]; /* -1: none; borrowed */
    uint64_t arena_size;               /* rounded up to pages */
    uint64_t stack_size;               /* 0: 8 MiB */
    uint32_t cpu_seconds;              /* backstop by RLIMIT_CPU; 0: none */
};

/* A live child. The owner closes pidfd; pid is its number as the host sees it, for reports only. */
struct rn_child {
    uint64_t id; /* never reused by this zygote */
    int pidfd;
    pid_t pid;
};

/*
 * The child has been executed when this returns, and builds its own part of the wall while the
 * caller goes on; its first message proves that it stands (or rn_zygote_next_exit tells why not).
 * RN_E_CLOSED: the zygote has gone. RN_E_SYSTEM: errno in *out_failure. RN_E_TIMED_OUT.
 */
enum rn_error rn_zygote_spawn(struct rn_zygote *zygote, const struct rn_spawn_request *request,
                              struct rn_child *out_child,
                              struct rn_spawn_failure *out_failure) RN_MUST_CHECK;

/* Kills a child through its pidfd; harmless when it has ended. */
void rn_child_kill(const struct rn_child *child);

/* What the kernel says that a child does. */
struct rn_child_stat {
    char state;     /* 'R': it runs, or waits for a processor */
    unsigned flags; /* PF_... of the kernel */
};

/* False: there is nothing to be read; it may have ended. */
bool rn_child_stat(const struct rn_child *child, struct rn_child_stat *out_stat);

/* How a child ended, as the zygote saw it. */
struct rn_child_exit {
    uint64_t id;
    bool signalled;       /* `code` is a signal number, else an exit code */
    int code;             /* SIGSYS: a violation; see rn_wall_layer_of_exit for exit codes */
    bool deadline;        /* the zygote killed it at its deadline */
    uint64_t cpu_ns;      /* user and system time of its life */
    uint64_t memory_peak; /* largest resident size, bytes */
};

/*
 * The next end not yet told, without waiting for one. For a spawn under way it waits at most `wait_ns`,
 * UINT64_MAX: until that is done. RN_E_WOULD_BLOCK: none, or none known yet; RN_E_CLOSED: the zygote
 * has gone, and all children with it. Poll rn_zygote_fd for reading to learn when to ask (a spawn may
 * have read notices already: ask once after each spawn).
 */
enum rn_error rn_zygote_next_exit(struct rn_zygote *zygote, uint64_t wait_ns,
                                  struct rn_child_exit *out_exit) RN_MUST_CHECK;
int rn_zygote_fd(const struct rn_zygote *zygote);

/* The first word of a control segment. */
struct rn_kill_deadline {
    _Atomic uint64_t monotonic_ns;
};

/*
 * Looks at a live child from outside (policy/look.h) and adds what its zygote, which runs no
 * foreign code, says of layers that cannot be seen. The child's own word is not asked. Meaningful
 * after the child's first message. RN_E_NOT_FOUND: it has ended. Layers that this user may not look
 * at stay inactive with EACCES or EPERM, except those without which no process gets as far as
 * speaking.
 */
enum rn_error rn_child_report(const struct rn_zygote *zygote, const struct rn_child *child,
                              struct rn_wall_report *out_report) RN_MUST_CHECK;

/*
 * The same in two steps, so that the one is done while the child starts: what it has from its zygote may
 * be looked at as soon as it was executed, its own layers after its first message.
 */
void rn_child_look_early(const struct rn_child *child, struct rn_wall_report *out_early);
enum rn_error rn_child_report_late(const struct rn_zygote *zygote, const struct rn_child *child,
                                   const struct rn_wall_report *early,
                                   struct rn_wall_report *out_report) RN_MUST_CHECK;

#endif
