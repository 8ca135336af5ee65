/*
 * counters.c: keeps the counters of a coverage build in one file, for every process of the tree.
 *
 * The C compiler's own runtime writes counters when a process exits. Processes behind the wall can
 * open nothing then, and most of them are killed. Here the counters of a program lie in pages of
 * their own (counters.ld), and a shared mapping of a file takes the place of those pages before
 * main: what a process counted is in the file at once, however it ends. Processes of one program
 * share their counters, whose additions are atomic.
 *
 *      ┌──────────────┬─────────────┬─────────────┬──
 *      │ keys of slots │ counters of │ counters of │ ...   the file, sparse
 *      │               │ a program   │ another one │
 *      └──────────────┴─────────────┴─────────────┴──
 *
 * A slot's key is taken from the program's build id. Started with RN_COUNTERS=write in its
 * environment, a program only hands the counters of its slot to the runtime, which adds them to the
 * .gcda files. Part of coverage builds alone; without the file, the runtime works as ever.
 *
 * A walled program cannot open the file either. A zygote keeps a descriptor of it at
 * RN_COUNTERS_FD, for the children that it executes (counters_walled.c). They close it here.
 */
#include "tests/tools/counters.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS 1024
#define HEADER_SIZE ((size_t)SLOTS * sizeof(uint64_t))
#define SLOT_SIZE ((size_t)4 << 20)
#define FILE_SIZE ((off_t)(HEADER_SIZE + SLOTS * SLOT_SIZE))

extern uint8_t rn_counters_start[] __attribute__((visibility("hidden")));
extern uint8_t rn_counters_end[] __attribute__((visibility("hidden")));
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

void __real___gcov_exit(void);
void __real___gcov_dump(void);
void __real___gcov_reset(void);
void __real___gcov_reset_int(void);
void __wrap___gcov_exit(void);
void __wrap___gcov_dump(void);
void __wrap___gcov_reset(void);
void __wrap___gcov_reset_int(void);

static bool counting; /* the file is mapped, and the runtime has nothing to do */

void __wrap___gcov_exit(void)
{
    if (!counting) {
        __real___gcov_exit();
    }
}

void __wrap___gcov_dump(void)
{
    if (!counting) {
        __real___gcov_dump();
    }
}

void __wrap___gcov_reset(void)
{
    if (!counting) {
        __real___gcov_reset();
    }
}

// What the runtime's fork() calls in the child.
void __wrap___gcov_reset_int(void)
{
    if (!counting) {
        __real___gcov_reset_int();
    }
}

// The first bytes of this program's or library's build id, never 0; 0 without one.
static uint64_t key_of_program(void)
{
    const uint8_t *base = (const uint8_t *)&__ehdr_start;
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)(const void *)(base + __ehdr_start.e_phoff);
    for (unsigned i = 0; i < __ehdr_start.e_phnum; i++) {
        const uint8_t *at = base + headers[i].p_vaddr;
        const uint8_t *end = at + headers[i].p_memsz;
        while (headers[i].p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)at;
            const uint8_t *text = at + sizeof(*note) + ((note->n_namesz + 3u) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID && note->n_descsz >= sizeof(uint64_t)) {
                uint64_t key;
                memcpy(&key, text, sizeof(key));
                return key | 1;
            }
            at = text + ((note->n_descsz + 3u) & ~3u);
        }
    }
    return 0;
}

static bool is_counters_file(int fd)
{
    struct stat64 info;
    return fstat64(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == FILE_SIZE;
}

// The file is there when somebody wants to count; it may be new, and empty.
static int open_file(void)
{
    int fd = open64(RN_COUNTERS_FILE, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && !is_counters_file(fd) && ftruncate64(fd, FILE_SIZE) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

// Where in the file the program's counters are; 0 when there is no room.
static off_t find_slot(int fd, uint64_t key)
{
    void *page = mmap64(NULL, HEADER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return 0;
    }
    _Atomic uint64_t *keys = page;
    off_t found = 0;
    for (size_t i = 0; i < SLOTS && found == 0; i++) {
        uint64_t owner = 0;
        if (__atomic_compare_exchange_n((uint64_t *)(uintptr_t)&keys[i], &owner, key, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
            owner == key) {
            found = (off_t)(HEADER_SIZE + i * SLOT_SIZE);
        }
    }
    munmap(page, HEADER_SIZE);
    return found;
}

static bool is_main_program(void)
{
    return getauxval(AT_PHDR) == (uintptr_t)&__ehdr_start + __ehdr_start.e_phoff;
}

static void count_into(int fd)
{
    size_t size = (size_t)(rn_counters_end - rn_counters_start);
    uint64_t key = key_of_program();
    off_t offset = key == 0 || size > SLOT_SIZE ? 0 : find_slot(fd, key);
    if (offset != 0 && mmap64(rn_counters_start, size, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_FIXED, fd, offset) != MAP_FAILED) {
        counting = true;
    }
}

static void write_counters(int fd)
{
    size_t size = (size_t)(rn_counters_end - rn_counters_start);
    uint64_t key = key_of_program();
    off_t offset = key == 0 || size > SLOT_SIZE ? 0 : find_slot(fd, key);
    if (offset != 0 && pread64(fd, rn_counters_start, size, offset) == (ssize_t)size) {
        __real___gcov_dump();
    }
    __real___gcov_reset();
    if (is_main_program()) {
        _exit(0);
    }
}

void rn_counters_map(int argc, char **argv, char **environment);

__attribute__((constructor)) void rn_counters_map(int argc, char **argv, char **environment)
{
    (void)environment;
    const char *role = argc > 1 ? argv[1] : "";
    const char *wanted = getenv("RN_COUNTERS");
    if (strcmp(role, "--child") == 0 && is_counters_file(RN_COUNTERS_FD)) {
        count_into(RN_COUNTERS_FD);
        close(RN_COUNTERS_FD);
        return;
    }
    int fd = open_file();
    if (fd < 0) {
        return;
    }
    if (wanted != NULL && strcmp(wanted, "write") == 0) {
        write_counters(fd);
    } else {
        count_into(fd);
    }
    if (strcmp(role, "--zygote") == 0) {
        dup2(fd, RN_COUNTERS_FD);
    }
    close(fd);
}
