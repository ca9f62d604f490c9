// What calls cost: one line each, nanoseconds per call, the best of several rounds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *file;
static char *around, *linked, *folder;
static struct sockaddr_in to;
static struct sockaddr_un local = {AF_UNIX};
static int zero, null, datagrams;
static char byte;

static void getppid_(void) { syscall(SYS_getppid); }
static void read_(void) { (void)!read(zero, &byte, 1); }
static void write_(void) { (void)!write(null, &byte, 1); }
static void map_(void) { munmap(mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096); }
static void open_(void) { close(open(file, O_RDONLY)); }
static void around_(void) { close(open(around, O_RDONLY)); }
static void linked_(void) { close(open(linked, O_RDONLY)); }
static void proc_(void) { close(open("/proc/self/stat", O_RDONLY)); }
static void sendto_(void) { sendto(datagrams, "x", 1, MSG_DONTWAIT, (void *)&to, sizeof to); }
static void stat_(void) { (void)!access(file, R_OK); }
static void udp(void) { connect(datagrams, (void *)&to, sizeof to); }
static void tcp(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct linger now = {1, 0};
    connect(fd, (void *)&to, sizeof to);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}
static void local_(void) {
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (connect(fd, (void *)&local, sizeof local)) perror("local");
    close(fd);
}
static void exec_(void) {
    pid_t child = vfork();
    if (!child) {
        char *arguments[] = {"true", 0};
        execv("/bin/true", arguments);
        _exit(1);
    }
    waitpid(child, 0, 0);
}

static void folder_(void) { mkdir(folder, 0755), rmdir(folder); }
static void *wait_(void *unused) { return pause(), unused; }
// From now on another thread has the same descriptors: to be the last.
static void among_threads(void) {
    static pthread_t other;
    if (!other) pthread_create(&other, 0, wait_, 0);
}
static void folder_threads(void) { among_threads(), folder_(); }
static void local_threads(void) { among_threads(), local_(); }

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int count, char **a) {
    file = a[1];
    to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(a[2]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // By way of the directory's parent, and by a link of its own.
    const char *name = strrchr(file, '/');
    const char *directory = name;
    while (directory > file && *--directory != '/') {}
    asprintf(&around, "%.*s/..%s", (int)(name - file), file, directory);
    asprintf(&linked, "%s.link", file);
    asprintf(&folder, "/tmp/guard-cost-%d", getpid());
    zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
    datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    snprintf(local.sun_path, sizeof local.sun_path, "/tmp/guard-cost-%d.socket", getpid());
    if (bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&local, sizeof local)) perror("bind");
    struct { const char *name; void (*run)(void); int rounds; } calls[] = {
        {"getppid", getppid_, 20000}, {"read", read_, 20000}, {"write", write_, 20000},
        {"mmap+munmap", map_, 5000}, {"access", stat_, 5000}, {"open+close", open_, 5000},
        {"open+close, ..", around_, 5000}, {"open+close, link", linked_, 5000},
        {"open+close, /proc/self", proc_, 5000}, {"sendto udp", sendto_, 5000},
        {"connect udp", udp, 5000}, {"connect tcp", tcp, 300}, {"vfork+exec", exec_, 20},
        {"connect local", local_, 1000}, {"mkdir+rmdir", folder_, 300},
        {"connect local, threads", local_threads, 100},
        {"mkdir+rmdir, threads", folder_threads, 100},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (calls[i].run == linked_ && access(linked, F_OK)) continue;
        double best = 1e18;
        for (int round = 0; round < 15; round++) {
            double start = now();
            for (int n = 0; n < calls[i].rounds; n++) calls[i].run();
            double each = (now() - start) / calls[i].rounds;
            if (each < best) best = each;
        }
        printf("%s %.0f\n", calls[i].name, best);
    }
    unlink(local.sun_path);
    return 0;
}
