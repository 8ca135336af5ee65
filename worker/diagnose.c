/*
 * diagnose.c: runeward-worker-diagnose: the worker, for `runeward replay --diagnose` and nothing else.
 *
 * The same code behind the same wall, but for one verdict of its filter: a system call that is not
 * permitted is not made, either, and brings the process here instead of ending it at once. Here it says,
 * by the one way out that it has, which call that was and where the script stands (TRAP), and then makes
 * another forbidden one: with SIGSYS blocked, the kernel ends it as it ends any worker.
 *
 * What it says is the word of a process that may have been taken over. A supervisor that does not
 * diagnose refuses the message, and the program too, since it catches a signal.
 */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "worker/worker.h"

#define STACK_SIZE 65536u
#define BY_FILTER 1 /* the kernel's SYS_SECCOMP, which not every C library names */

/* A handler gets nothing but the signal: what it needs is here. */
static struct {
    struct rn_worker *worker; /* NULL: the loop has not begun */
    uint8_t stack[STACK_SIZE];
    uint8_t fault[RN_FAULT_SIZE_MAX];
    uint8_t packet[RN_PACKET_MAX];
} trapped;

/* The call whose turn it is; a worker that diagnoses has one only. */
static struct rn_slot *find_slot(struct rn_worker *worker)
{
    for (uint32_t i = 0; i < RN_WORKER_FIRST_SLOTS; i++) {
        if (worker->first_slots[i].phase != RN_PHASE_FREE) {
            return &worker->first_slots[i];
        }
    }
    return NULL;
}

static void read_arguments(const ucontext_t *context, struct rn_fields_TRAP *fields)
{
#if defined(__x86_64__)
    const greg_t *regs = context->uc_mcontext.gregs;
    fields->a = (uint64_t)regs[REG_RDI];
    fields->b = (uint64_t)regs[REG_RSI];
    fields->c = (uint64_t)regs[REG_RDX];
    fields->d = (uint64_t)regs[REG_R10];
    fields->e = (uint64_t)regs[REG_R8];
    fields->f = (uint64_t)regs[REG_R9];
#elif defined(__aarch64__)
    const unsigned long long *regs = context->uc_mcontext.regs;
    fields->a = regs[0];
    fields->b = regs[1];
    fields->c = regs[2];
    fields->d = regs[3];
    fields->e = regs[4];
    fields->f = regs[5];
#else
    (void)context;
    (void)fields;
#endif
}

/* Where the script stands, as an error would have it. */
static size_t describe_place(struct rn_slot *slot)
{
    struct rn_buf out;
    struct rn_fault fault = {.kind = RN_UTF8("seccomp"), .message = RN_UTF8("")};
    if (slot->vm && slot->phase == RN_PHASE_BLOCKED) {
        const struct rn_vm_error_report *report = rn_vm_take_down(slot->vm);
        fault.frames_total = report->frames_total;
        for (uint32_t i = 0; i < report->frame_count && i < RN_FAULT_FRAMES_MAX; i++) {
            fault.frames[fault.frame_count++] =
                (struct rn_fault_frame){.function = report->frames[i].function,
                                        .pc = report->frames[i].pc,
                                        .standard = report->frames[i].standard};
        }
    }
    rn_buf_init_fixed(&out, trapped.fault, sizeof(trapped.fault));
    rn_fault_encode(&fault, &out);
    return out.size;
}

static void tell(struct rn_worker *worker, struct rn_slot *slot, const siginfo_t *info,
                 const ucontext_t *context)
{
    struct rn_message message = {
        .type = RN_MESSAGE_TRAP,
        .call = slot->id,
        .body = trapped.fault,
        .body_size = describe_place(slot),
        .as.TRAP = {.number = (uint32_t)info->si_syscall, .arch = info->si_arch}};
    struct rn_outgoing outgoing;
    read_arguments(context, &message.as.TRAP);
    rn_outgoing_init(&outgoing, &message);
    size_t size = rn_outgoing_packet(&outgoing, slot->sequence_out, trapped.packet);
    (void)!rn_lane_send_socket(&worker->lane, trapped.packet, size, RN_WAIT_NEVER);
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
    struct rn_worker *worker = trapped.worker;
    struct rn_slot *slot = worker && info->si_code == BY_FILTER ? find_slot(worker) : NULL;
    (void)signal;
    if (slot) {
        tell(worker, slot, info, context);
    }
    (void)!syscall(SYS_getppid);
    rn_process_exit(1);
}

/* Before the wall, which leaves no call to do this by. */
static bool catch_traps(void)
{
    stack_t stack = {.ss_sp = trapped.stack, .ss_size = sizeof(trapped.stack)};
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    return sigaltstack(&stack, NULL) == 0 && sigaction(SIGSYS, &action, NULL) == 0;
}

static int serve(struct rn_process *process)
{
    trapped.worker = (void *)process->arena.data;
    return rn_worker_main(process);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--zygote") == 0) {
        return rn_zygote_main(argc, argv);
    }
    if (!catch_traps()) {
        rn_process_exit(rn_wall_exit_code(RN_LAYER_SECCOMP));
    }
    rn_process_run(argc, argv, RN_ROLE_WORKER, serve);
}
