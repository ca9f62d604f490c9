// Starts a program in turn as it is and under guard: `starts ROUNDS RENDEZVOUS LOADER PROGRAM
// [ARGUMENT...]`. One line for each pair: microseconds of both, most KiB resident of both.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void start(char **arguments, char **variables, double *micros, long *kib) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t child;
    int status;
    struct rusage used;
    double begin = now();
    if (posix_spawn(&child, arguments[0], &actions, 0, arguments, variables) != 0) {
        perror(arguments[0]);
        exit(1);
    }
    wait4(child, &status, 0, &used);
    *micros = now() - begin;
    *kib = used.ru_maxrss;
    if (status != 0) {
        fprintf(stderr, "%s ended with %d\n", arguments[0], status);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&actions);
}

int main(int count, char **a) {
    if (count < 5) return 64;
    int rounds = atoi(a[1]), variables = 0;
    while (environ[variables]) variables++;
    char **with = calloc(variables + 2, sizeof *with), **guarded = calloc(count, sizeof *guarded);
    memcpy(with, environ, variables * sizeof *with);
    char rendezvous[256];
    snprintf(rendezvous, sizeof rendezvous, "GUARD_RENDEZVOUS=%s", a[2]);
    with[variables] = rendezvous;
    guarded[0] = a[3], guarded[1] = a[4];
    for (int n = 4; n < count; n++) guarded[n - 2] = a[n];
    // The first ones fill caches, of the kernel and of the extension.
    for (int round = -3; round < rounds; round++) {
        double micros[2];
        long kib[2];
        start(a + 4, environ, &micros[0], &kib[0]);
        start(guarded, with, &micros[1], &kib[1]);
        if (round >= 0) printf("%.1f %.1f %ld %ld\n", micros[0], micros[1], kib[0], kib[1]);
        if (round < 0) usleep(100000);
    }
    return 0;
}
