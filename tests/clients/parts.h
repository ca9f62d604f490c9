// What the programs of this folder share that do what few do to their own process. Each part of one
// runs in a child.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static const char *program, *file;

#define must(true)                                                                       \
    do {                                                                                 \
        if (!(true)) {                                                                   \
            dprintf(2, "line %d: %s: %s\n", __LINE__, #true, strerror(errno));           \
            _exit(1);                                                                    \
        }                                                                                \
    } while (0)

static void reads(void) {
    char text[256];
    int from = open(file, O_RDONLY | O_CLOEXEC);
    must(from >= 0);
    must(read(from, text, sizeof text) > 0);
    must(close(from) == 0);
    struct stat is;
    must(stat(file, &is) == 0 && is.st_size > 0);
    must(access("/nowhere/at/all", R_OK) == -1 && errno == ENOENT);
}

static int ends_with(pid_t child) {
    int status;
    pid_t ended;
    do ended = waitpid(child, &status, 0);
    while (ended == -1 && errno == EINTR);
    return ended == child ? status : -1;
}

static void runs(void) {
    posix_spawn_file_actions_t actions;
    must(posix_spawn_file_actions_init(&actions) == 0);
    must(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
    pid_t child;
    char *words[] = {(char *)program, 0}, *none[] = {0};
    must(posix_spawn(&child, program, &actions, 0, words, none) == 0);
    must(ends_with(child) == 0);
    posix_spawn_file_actions_destroy(&actions);
}

// Handlers of the signals that faults raise.
static volatile sig_atomic_t seen[65];
static sigjmp_buf back;
__attribute__((unused)) static void counts(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    seen[number]++;
}
static void jumps(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    seen[number]++;
    siglongjmp(back, number);
}
static void handle(int number, void (*how)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = how, .sa_flags = SA_SIGINFO | flags};
    must(sigaction(number, &action, 0) == 0);
}
__attribute__((unused)) static void on_tick(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    int kept = errno;
    seen[number]++;
    int from = open(file, O_RDONLY | O_CLOEXEC);
    if (from >= 0) close(from);
    access("/nowhere", R_OK);
    errno = kept;
}
// What a program consists of; ended by one without a name.
struct part {
    const char *name;
    void (*run)(void);
    // By a policy, so that it runs when it is asked for only.
    int is_refused;
};

// Arguments: what to print when all went well, a program, a file to read, then the parts to run;
// without, all but those that a policy refuses.
static int run_parts(const struct part *parts, int count, char **a) {
    if (count < 4) return 64;
    program = a[2], file = a[3];
    int failed = 0;
    for (int n = 0; parts[n].name; n++) {
        int is_wanted = count == 4 && !parts[n].is_refused;
        for (int k = 4; k < count; k++) is_wanted |= !strcmp(a[k], parts[n].name);
        if (!is_wanted) continue;
        pid_t child = fork();
        if (!child) {
            alarm(30);
            parts[n].run();
            _exit(0);
        }
        int status = ends_with(child);
        if (status != 0) dprintf(2, "%s: ended with %x\n", parts[n].name, status);
        failed += status != 0;
    }
    if (!failed) puts(a[1]);
    return failed != 0;
}
