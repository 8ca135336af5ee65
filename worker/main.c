/*
 * main.c: runeward-worker. With --zygote first it becomes the zygote of a trust domain; executed by
 * a zygote it becomes a worker (process.h).
 */
#include <string.h>

#include "worker/process.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--zygote") == 0) {
        return rn_zygote_main(argc, argv);
    }
    rn_process_run(argc, argv, RN_ROLE_WORKER, rn_worker_main);
}
