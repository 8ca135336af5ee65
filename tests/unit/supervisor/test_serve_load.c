/*
 * A daemon under 64 clients, while others are slow, half-close, vanish, or send nonsense.
 *
 * usage: test_supervisor_serve_load [SECONDS]
 *
 * Those are of another trust domain, as one's neighbours are. The same calls are made twice: among
 * themselves, and beside the others. Every one must succeed both times. Prints the times of both;
 * longer runs are of more use for those than the short one of ctest.
 */
#include "tests/unit/supervisor/daemon.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shm/message.h"

#define CLIENTS 64
#define OTHERS 16
/* Each client asks this often, so that the machine is not full when nobody disturbs. */
#define PAUSE_US 20000
#define TIMES_MAX 200000

static const char script[] =
    "pub fn main() { 1 }\n"
    "pub fn spin() { loop {} }\n"
    "pub fn flood() { loop { println!(\"0123456789012345678901234567\"); } }\n";

static unsigned seconds = 2;
static atomic_bool ending;
static atomic_bool disturbing;
static _Atomic uint64_t failures;

struct times {
    pthread_mutex_t lock;
    uint64_t *us;
    size_t count;
};
static struct times times = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void pause_us(unsigned us)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

static void note(uint64_t us)
{
    pthread_mutex_lock(&times.lock);
    if (times.count < TIMES_MAX) {
        times.us[times.count++] = us;
    }
    pthread_mutex_unlock(&times.lock);
}

/* A client that behaves: a connection and a Vm of its own, one call after the other. */
static void *behave(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    rune_supervisor *client = daemon_connect();
    rune_vm *vm = NULL;
    assert_int_equal(rune_connect_vm(client, "a", NULL, &vm, NULL), RUNE_OK);
    while (!atomic_load(&ending)) {
        uint64_t begun = now_us();
        rune_const_value *value = NULL;
        rune_error *error = NULL;
        if (rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error) != RUNE_OK) {
            print_message("a call failed: %s\n", rune_error_message(error));
            rune_error_free(error);
            atomic_fetch_add(&failures, 1);
        }
        rune_value_unref(value);
        note(now_us() - begun);
        pause_us(PAUSE_US / 2 + (unsigned)rand_r(&seed) % PAUSE_US);
    }
    rune_vm_free(vm);
    rune_supervisor_free(client);
    return NULL;
}

/* Those that do not */

static int open_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, daemon_socket, strlen(daemon_socket));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void send_message(int fd, uint32_t *sequence, const struct rn_message *message)
{
    uint8_t packet[RN_PACKET_MAX];
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    size_t size = rn_outgoing_packet(&outgoing, (*sequence)++, packet);
    (void)!send(fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_open_and_call(int fd, const char *item)
{
    uint32_t sequence = 0;
    struct rn_message open = {.type = RN_MESSAGE_CLIENT_OPEN,
                              .call = 1,
                              .body = (const uint8_t *)"othera",
                              .body_size = 6,
                              .as.CLIENT_OPEN = {.domain_size = 5}};
    struct rn_message call = {
        .type = RN_MESSAGE_CLIENT_CALL,
        .call = 2,
        .body = (const uint8_t *)item,
        .body_size = strlen(item),
        .as.CLIENT_CALL = {.vm = 1, .credit = 100, .item_size = (uint32_t)strlen(item)}};
    send_message(fd, &sequence, &open);
    send_message(fd, &sequence, &call);
}

/* Lets a script print, and reads nothing. */
static void be_slow(void)
{
    int fd = open_raw();
    send_open_and_call(fd, "flood");
    pause_us(200000);
    close(fd);
}

static void close_half(void)
{
    int fd = open_raw();
    send_open_and_call(fd, "main");
    (void)shutdown(fd, SHUT_WR);
    pause_us(50000);
    close(fd);
}

static void vanish(void)
{
    int fd = open_raw();
    send_open_and_call(fd, "main");
    pause_us(2000);
    close(fd);
    pause_us(20000);
}

static void send_nonsense(void)
{
    uint8_t bytes[300];
    int fd = open_raw();
    memset(bytes, 0x5a, sizeof(bytes));
    for (int i = 0; i < 50; i++) {
        (void)!send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    pause_us(10000);
    close(fd);
}

static void *misbehave(void *argument)
{
    static void (*const ways[])(void) = {be_slow, close_half, vanish, send_nonsense};
    void (*way)(void) = ways[(uintptr_t)argument % 4];
    while (!atomic_load(&ending)) {
        if (atomic_load(&disturbing)) {
            way();
        } else {
            pause_us(10000);
        }
    }
    return NULL;
}

/* Measuring */

static int by_value(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

static uint64_t report(const char *what)
{
    pthread_mutex_lock(&times.lock);
    size_t count = times.count;
    qsort(times.us, count, sizeof(*times.us), by_value);
    uint64_t p99 = count > 0 ? times.us[count * 99 / 100] : 0;
    print_message("%-10s %7zu calls, ms: median %7.2f  p90 %7.2f  p99 %7.2f  max %7.2f\n", what,
                  count, count > 0 ? (double)times.us[count / 2] / 1e3 : 0,
                  count > 0 ? (double)times.us[count * 9 / 10] / 1e3 : 0, (double)p99 / 1e3,
                  count > 0 ? (double)times.us[count - 1] / 1e3 : 0);
    assert_true(count > 0);
    times.count = 0;
    pthread_mutex_unlock(&times.lock);
    return p99;
}

static void forget(void)
{
    pthread_mutex_lock(&times.lock);
    times.count = 0;
    pthread_mutex_unlock(&times.lock);
}

static void test_healthy_clients_are_served(void **state)
{
    pthread_t threads[CLIENTS + OTHERS];
    (void)state;
    times.us = calloc(TIMES_MAX, sizeof(*times.us));
    for (uintptr_t i = 0; i < CLIENTS + OTHERS; i++) {
        void *(*entry)(void *) = i < CLIENTS ? behave : misbehave;
        assert_int_equal(pthread_create(&threads[i], NULL, entry, (void *)i), 0);
    }
    sleep(1);
    forget();
    sleep(seconds);
    uint64_t quiet = report("quiet");
    atomic_store(&disturbing, true);
    sleep(1);
    forget();
    sleep(seconds);
    uint64_t disturbed = report("disturbed");
    print_message("p99 disturbed / quiet: %.2f\n", (double)disturbed / (double)quiet);
    for (int64_t until = now_ms() + PATIENCE_MS; daemon_status("protocol_errors") == 0;) {
        assert_true(now_ms() < until); // those who misbehave get to it at last
        pause_us(10000);
    }
    atomic_store(&ending, true);
    for (int i = 0; i < CLIENTS + OTHERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&failures), 0);
    daemon_await("calls_now", 0);
    free(times.us);
}

static void make_room(rune_server_options *options)
{
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_CONNECTIONS, 256), 0);
}

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    daemon_start(script, make_room);
    return failed;
}

static int tear_down(void **state)
{
    daemon_stop();
    daemon_remove();
    return harness_tear_down(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_healthy_clients_are_served)};
    seconds = argc > 1 ? (unsigned)atoi(argv[1]) : seconds;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
