/*
 * bpf.c: classic BPF, the part that system-call filters may use.
 *
 * Written from the kernel's description of the machine (networking/filter), not from the library
 * that makes the filters, so that the two check each other.
 */
#include "tests/wall/bpf.h"

#include <string.h>

struct machine {
    uint32_t a;
    uint32_t x;
    uint32_t memory[BPF_MEMWORDS];
};

static bool load(struct machine *m, const struct sock_filter *inst, const struct seccomp_data *data)
{
    switch (BPF_MODE(inst->code)) {
    case BPF_ABS:
        if (inst->k % 4 != 0 || inst->k > sizeof(*data) - 4) {
            return false;
        }
        memcpy(&m->a, (const uint8_t *)data + inst->k, sizeof(m->a));
        return true;
    case BPF_IMM:
        m->a = inst->k;
        return true;
    case BPF_MEM:
        m->a = m->memory[inst->k % BPF_MEMWORDS];
        return true;
    default:
        return false;
    }
}

static bool calculate(struct machine *m, const struct sock_filter *inst)
{
    uint32_t operand = BPF_SRC(inst->code) == BPF_X ? m->x : inst->k;
    switch (BPF_OP(inst->code)) {
    case BPF_AND:
        m->a &= operand;
        return true;
    case BPF_OR:
        m->a |= operand;
        return true;
    case BPF_ADD:
        m->a += operand;
        return true;
    case BPF_SUB:
        m->a -= operand;
        return true;
    default:
        return false;
    }
}

static bool jump(const struct machine *m, const struct sock_filter *inst, size_t *pc)
{
    uint32_t operand = BPF_SRC(inst->code) == BPF_X ? m->x : inst->k;
    bool taken;
    switch (BPF_OP(inst->code)) {
    case BPF_JA:
        *pc += inst->k;
        return true;
    case BPF_JEQ:
        taken = m->a == operand;
        break;
    case BPF_JGT:
        taken = m->a > operand;
        break;
    case BPF_JGE:
        taken = m->a >= operand;
        break;
    case BPF_JSET:
        taken = (m->a & operand) != 0;
        break;
    default:
        return false;
    }
    *pc += taken ? inst->jt : inst->jf;
    return true;
}

bool bpf_run(const struct sock_filter *program, size_t count, const struct seccomp_data *data,
             uint32_t *out_verdict)
{
    struct machine m = {0};
    size_t pc = 0;
    while (pc < count) {
        const struct sock_filter *inst = &program[pc++];
        bool sound = true;
        switch (BPF_CLASS(inst->code)) {
        case BPF_RET:
            *out_verdict = BPF_RVAL(inst->code) == BPF_A ? m.a : inst->k;
            return true;
        case BPF_LD:
            sound = load(&m, inst, data);
            break;
        case BPF_LDX:
            m.x = BPF_MODE(inst->code) == BPF_MEM ? m.memory[inst->k % BPF_MEMWORDS] : inst->k;
            break;
        case BPF_ST:
            m.memory[inst->k % BPF_MEMWORDS] = m.a;
            break;
        case BPF_STX:
            m.memory[inst->k % BPF_MEMWORDS] = m.x;
            break;
        case BPF_ALU:
            sound = calculate(&m, inst);
            break;
        case BPF_JMP:
            sound = jump(&m, inst, &pc);
            break;
        case BPF_MISC:
            sound = false;
            break;
        }
        if (!sound) {
            return false;
        }
    }
    return false;
}
