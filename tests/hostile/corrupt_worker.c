/*
 * corrupt_worker.c: the worker, whose memory somebody writes over.
 *
 * Everything of runeward-worker, and one power more: a call whose seed begins with CORRUPT_MAGIC writes
 * arbitrary bytes anywhere in the arena before each of its turns, as a script could that had found a way
 * past the verifier. The seed decides where, what and how often, so that a round can be had again.
 * Whatever the real code then does with itself, it does behind the real wall.
 */
#include <string.h>

#include "tests/hostile/corrupt_worker.h"
#include "worker/vm/pages.h"
#include "worker/worker.h"

/* What a call of the test has of the heap, about. */
#define HEAP_IN_USE (256u << 10)

static struct rn_mapping arena;
static uint64_t state; /* of the generator; 0: nothing is written */

static uint64_t draw(void)
{
    // splitmix64
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Where: the worker's own tables, the table of its pages or what lies at the beginning of them, anywhere. */
static uint8_t *draw_place(void)
{
    size_t own = sizeof(struct rn_worker);
    size_t table = arena.size / (RN_PAGE_SIZE + 1); // about: pages.h
    switch (draw() % 4) {
    case 0:
        return arena.data + draw() % own;
    case 1:
        return arena.data + own + draw() % (HEAP_IN_USE / RN_PAGE_SIZE);
    case 2:
        return arena.data + own + table + draw() % HEAP_IN_USE;
    default:
        return arena.data + draw() % arena.size;
    }
}

static void write_word(uint8_t *place, uint64_t word)
{
    uintptr_t aligned = (uintptr_t)place & ~(uintptr_t)7;
    memcpy((void *)aligned, &word, sizeof(word));
}

static void write_something(void)
{
    uint8_t *place = draw_place();
    switch (draw() % 5) {
    case 0:
        *place ^= (uint8_t)(1u << draw() % 8);
        break;
    case 1:
        *place = (uint8_t)draw();
        break;
    case 2: // the address of something else
        write_word(place, (uintptr_t)draw_place());
        break;
    case 3: // the number of something else, or a size
        write_word(place, draw() >> draw() % 64);
        break;
    default:
        write_word(place, draw() % 2 == 0 ? 0 : UINT64_MAX);
        break;
    }
}

/* The linker puts these in the place of the worker's own (CMakeLists.txt). */

enum rn_error __real_rn_call_tags_decode(const void *bytes, size_t size,
                                         struct rn_call_tags *out_tags);
enum rn_error __wrap_rn_call_tags_decode(const void *bytes, size_t size,
                                         struct rn_call_tags *out_tags);
enum rn_error __wrap_rn_call_tags_decode(const void *bytes, size_t size,
                                         struct rn_call_tags *out_tags)
{
    enum rn_error error = __real_rn_call_tags_decode(bytes, size, out_tags);
    if (error == RN_OK) {
        uint64_t seed = out_tags->values[RN_CALL_TAG_SEED];
        state = seed >> 32 == CORRUPT_MAGIC ? seed : 0;
    }
    return error;
}

enum rn_error __real_rn_worker_turn(struct rn_worker *worker);
enum rn_error __wrap_rn_worker_turn(struct rn_worker *worker);
enum rn_error __wrap_rn_worker_turn(struct rn_worker *worker)
{
    if (state != 0) {
        for (uint64_t left = 1 + draw() % (UINT64_C(1) << draw() % 8); left > 0; left--) {
            write_something();
        }
    }
    return __real_rn_worker_turn(worker);
}

static int corrupt_main(struct rn_process *process)
{
    arena = process->arena;
    return rn_worker_main(process);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--zygote") == 0) {
        return rn_zygote_main(argc, argv);
    }
    rn_process_run(argc, argv, RN_ROLE_WORKER, corrupt_main);
}
