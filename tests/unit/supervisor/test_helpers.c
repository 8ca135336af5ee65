/*
 * Where the helpers are looked for: never where the one who starts the host, or its working
 * directory, would like it. The program is its own hosts: started again as `--find` it says which
 * worker it would execute; found as a worker, it leaves a file behind.
 */
#include "tests/unit/supervisor/harness.h"

#include "base/alloc.h"
#include "supervisor/supervisor.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u
#define EXIT_NOT_SECURE 77

/* A folder with `bin` and a worker in `libexec/runeward` that somebody else put there. */
static char foreign[] = "/tmp/runeward-helpers-XXXXXX";
static char self[PATH_MAX];

static void in_foreign(char *path, const char *name)
{
    (void)snprintf(path, PATH_MAX, "%s/%s", foreign, name);
}

static int set_up(void **state)
{
    (void)state;
    static const char *const folders[] = {"bin", "libexec", "libexec/runeward"};
    static const char *const helpers[] = {"runeward-worker", "runeward-compiler"};
    char path[PATH_MAX];
    assert_non_null(mkdtemp(foreign));
    assert_int_equal(chmod(foreign, 0755), 0);
    for (size_t i = 0; i < RN_COUNT_OF(folders); i++) {
        in_foreign(path, folders[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    for (size_t i = 0; i < RN_COUNT_OF(helpers); i++) {
        (void)snprintf(path, sizeof(path), "%s/libexec/runeward/%s", foreign, helpers[i]);
        assert_int_equal(symlink(self, path), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const files[] = {"libexec/runeward/runeward-worker",
                                        "libexec/runeward/runeward-compiler", "bin/host",
                                        "bin/ran"};
    static const char *const folders[] = {"libexec/runeward", "libexec", "bin", ""};
    char path[PATH_MAX];
    for (size_t i = 0; i < RN_COUNT_OF(files); i++) {
        in_foreign(path, files[i]);
        (void)unlink(path);
    }
    for (size_t i = 0; i < RN_COUNT_OF(folders); i++) {
        in_foreign(path, folders[i]);
        (void)rmdir(path);
    }
    return 0;
}

/* The child's side: what it would execute, on standard output. */
static int find(bool must_be_secure)
{
    char *worker = NULL;
    char *compiler = NULL;
    if (must_be_secure && getauxval(AT_SECURE) == 0) {
        return EXIT_NOT_SECURE;
    }
    if (rn_helpers_find(NULL, "runeward-worker", &worker, &compiler) == RN_OK) {
        (void)fputs(worker, stdout);
    }
    rn_free(worker);
    rn_free(compiler);
    return 0;
}

struct start {
    const char *program; /* what is executed ... */
    const char *name;    /* ... and how it is called */
    const char *mode;
    const char *folder; /* the working directory, or NULL */
    bool as_nobody;
};

static void execute(const struct start *start, int out_fd)
{
    bool good = dup2(out_fd, STDOUT_FILENO) >= 0;
    good = good && (!start->folder || chdir(start->folder) == 0);
    good = good && (!start->as_nobody || (setgid(NOBODY) == 0 && setuid(NOBODY) == 0));
    if (good) {
        (void)execl(start->program, start->name, start->mode, (char *)NULL);
    }
    _exit(1);
}

/* The worker that such a host would execute; "" if there is none. */
static int worker_of(const struct start *start, char *out_path)
{
    int ends[2];
    int status = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        execute(start, ends[1]);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], out_path, PATH_MAX - 1);
    close(ends[0]);
    assert_true(size >= 0);
    out_path[size] = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_the_name_of_a_program(void **state)
{
    (void)state;
    char name[PATH_MAX];
    char folder[PATH_MAX];
    char expected[PATH_MAX];
    char found[PATH_MAX];
    in_foreign(name, "bin/host");
    in_foreign(folder, "bin");
    (void)snprintf(expected, sizeof(expected), "%.*s/../libexec/runeward/runeward-worker",
                   (int)(strrchr(self, '/') - self), self);
    const struct start starts[] = {
        {self, self, "--find", NULL, false},
        {self, name, "--find", NULL, false},
        {self, "./host", "--find", folder, false},
        {self, "host", "--find", folder, false},
    };
    for (size_t i = 0; i < RN_COUNT_OF(starts); i++) {
        assert_int_equal(worker_of(&starts[i], found), 0);
        assert_string_equal(found, expected);
    }
}

static void copy_program(const char *to)
{
    uint8_t bytes[65536];
    int in = open(self, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    ssize_t size;
    assert_true(in >= 0 && out >= 0);
    while ((size = read(in, bytes, sizeof(bytes))) > 0) {
        assert_int_equal(write(out, bytes, (size_t)size), size);
    }
    assert_int_equal(size, 0);
    assert_int_equal(fchmod(out, 04755), 0);
    close(in);
    close(out);
}

/* Even its own folder is not asked: a link to such a program may be anywhere. */
static void test_a_program_with_more_rights_than_its_user(void **state)
{
    (void)state;
    char program[PATH_MAX];
    char found[PATH_MAX];
    if (geteuid() != 0) {
        skip();
    }
    in_foreign(program, "bin/host");
    copy_program(program);
    const struct start start = {program, program, "--find-secure", NULL, true};
    int code = worker_of(&start, found);
    if (code == EXIT_NOT_SECURE) {
        skip(); // the file system grants nothing
    }
    assert_int_equal(code, 0);
    assert_null(strstr(found, foreign));
}

/* Where none is found, whoever reads that learns where they were looked for. */
static void test_what_is_searched(void **state)
{
    (void)state;
    char expected[PATH_MAX];
    char *searched = rn_helpers_searched(NULL);
    assert_non_null(searched);
    (void)snprintf(expected, sizeof(expected), "%.*s/../libexec/runeward, ",
                   (int)(strrchr(self, '/') - self), self);
    assert_ptr_equal(strstr(searched, expected), searched);
    assert_non_null(strstr(searched, "/../../libexec/runeward, /"));
    rn_free(searched);
    searched = rn_helpers_searched("/nowhere");
    assert_string_equal(searched, "/nowhere");
    rn_free(searched);
}

/* A host in a folder of somebody else's, with a library that it loaded by a relative name. */
static int start_with_library(void)
{
    char folder[PATH_MAX];
    rune_supervisor *made = NULL;
    int size = (int)(strrchr(RN_LIBRARY, '/') - RN_LIBRARY);
    (void)snprintf(folder, sizeof(folder), "%.*s", size, RN_LIBRARY);
    void *library = chdir(folder) == 0 ? dlopen("./libruneward.so", RTLD_NOW) : NULL;
    in_foreign(folder, "bin");
    if (!library || chdir(folder) != 0) {
        return 1;
    }
    __typeof__(&rune_supervisor_new) new_one;
    __typeof__(&rune_supervisor_free) free_one;
    *(void **)&new_one = dlsym(library, "rune_supervisor_new");
    *(void **)&free_one = dlsym(library, "rune_supervisor_free");
    (void)!new_one(NULL, &made, NULL);
    free_one(made);
    return 0;
}

static void test_a_library_with_a_relative_name(void **state)
{
    (void)state;
    char ran[PATH_MAX];
    int status = 0;
    in_foreign(ran, "bin/ran");
    pid_t child = fork();
    if (child == 0) {
        _exit(start_with_library());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_not_equal(access(ran, F_OK), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--zygote") == 0) {
        return creat("ran", 0600) < 0; // in the host's working directory
    }
    if (argc > 1) {
        return find(strcmp(argv[1], "--find-secure") == 0);
    }
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (size < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_name_of_a_program),
        cmocka_unit_test(test_what_is_searched),
        cmocka_unit_test(test_a_program_with_more_rights_than_its_user),
        cmocka_unit_test(test_a_library_with_a_relative_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
