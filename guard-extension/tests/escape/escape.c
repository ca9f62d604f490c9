// Ways around what is decided about system calls. `escape WAY FILE PORT PROGRAM`: exit code 0 when
// the way led to the file's content, a connection to the port, or the program's start.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *file, *program;
static int port;
static char allowed[4096];

static long raw(long number, long a, long b, long c, long d) {
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

static int holds_secret(int fd) {
    char text[7] = {0};
    if (fd < 0) return 0;
    int got = pread(fd, text, 6, 0) == 6 && !strcmp(text, "secret");
    close(fd);
    return got;
}

static struct sockaddr_in target(void) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int is_connected(int fd) {
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    return fd >= 0 && !getpeername(fd, (void *)&peer, &length) && ntohs(peer.sin_port) == port;
}

static int status_of(pid_t child) {
    int status = -1;
    waitpid(child, &status, 0);
    return status == 0;
}

// Files ---------------------------------------------------------------------------------------

static int raw_open(void) { return holds_secret(raw(SYS_open, (long)file, O_RDONLY, 0, 0)); }
static int high_bits(void) {
    return holds_secret(raw((1L << 32) | SYS_open, (long)file, O_RDONLY, 0, 0));
}
static int x32(void) {
    return holds_secret(raw(0x40000000 | SYS_open, (long)file, O_RDONLY, 0, 0));
}
static int own_root(void) {
    char path[8192];
    snprintf(path, sizeof path, "/proc/self/root%s", file);
    return holds_secret(open(path, O_RDONLY));
}
static int task_root(void) {
    char path[8192];
    snprintf(path, sizeof path, "/proc/self/task/%ld/root/proc/thread-self/root%s", raw(SYS_gettid, 0, 0, 0, 0), file);
    return holds_secret(open(path, O_RDONLY));
}
static int parents_root(void) {
    char path[8192];
    snprintf(path, sizeof path, "/proc/%d/root%s", getppid(), file);
    return holds_secret(open(path, O_RDONLY));
}
static int cwd_link(void) {
    char directory[4096], path[8192];
    strcpy(directory, file);
    char *name = strrchr(directory, '/');
    *name++ = 0;
    if (chdir(directory)) return 0;
    snprintf(path, sizeof path, "/proc/self/cwd/%s", name);
    return holds_secret(open(path, O_RDONLY));
}
static int path_descriptor(void) {
    int fd = open(file, O_PATH);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (holds_secret(open(path, O_RDONLY))) return 1;
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    return holds_secret(open(path, O_RDONLY));
}
static int many_links(void) {
    char from[8192], to[8192];
    strcpy(to, file);
    for (int i = 0; i < 20; i++) {
        snprintf(from, sizeof from, "%s.link%d", allowed, i);
        unlink(from);
        if (symlink(to, from)) return 0;
        strcpy(to, from);
    }
    return holds_secret(open(to, O_RDONLY));
}
static int hard_link(void) {
    char path[8192];
    snprintf(path, sizeof path, "%s.hard", allowed);
    unlink(path);
    return !link(file, path) && holds_secret(open(path, O_RDONLY));
}
static int moved(void) {
    char path[8192];
    snprintf(path, sizeof path, "%s.moved", allowed);
    unlink(path);
    if (rename(file, path)) return 0;
    int got = holds_secret(open(path, O_RDONLY));
    rename(path, file);
    return got;
}
static int exchanged(void) {
    if (syscall(SYS_renameat2, AT_FDCWD, file, AT_FDCWD, allowed, 2)) return 0;
    int got = holds_secret(open(allowed, O_RDONLY));
    syscall(SYS_renameat2, AT_FDCWD, allowed, AT_FDCWD, file, 2);
    return got;
}
static int by_handle(void) {
    struct { struct file_handle head; char room[128]; } handle = {.head.handle_bytes = 128};
    int mount, root = open("/", O_RDONLY | O_DIRECTORY);
    if (name_to_handle_at(AT_FDCWD, file, &handle.head, &mount, 0)) return 0;
    return holds_secret(open_by_handle_at(root < 0 ? AT_FDCWD : root, &handle.head, O_RDONLY));
}
static int write_only_then_map(void) {
    int fd = open(file, O_RDWR);
    char *text = fd < 0 ? MAP_FAILED : mmap(0, 6, PROT_READ, MAP_SHARED, fd, 0);
    return text != MAP_FAILED && !memcmp(text, "secret", 6);
}
static int uring(void) {
    char parameters[120] = {0};
    return syscall(SYS_io_uring_setup, 4, parameters) >= 0;
}
static int new_namespace(void) { return !unshare(CLONE_NEWNS) || !unshare(CLONE_NEWUSER); }
static int changed_root(void) {
    char directory[4096];
    strcpy(directory, file);
    char *name = strrchr(directory, '/');
    *name++ = 0;
    char path[4096];
    snprintf(path, sizeof path, "/%s", name);
    pid_t child = fork();
    if (!child) _exit(chroot(directory) || chdir("/") || !holds_secret(open(path, O_RDONLY)));
    return status_of(child);
}

static char flipped[2][4096];
static char *volatile_path;
static volatile int goes_on;
static void *flip_text(void *arg) {
    (void)arg;
    // Same length, so that only the content races.
    while (goes_on) {
        memcpy(volatile_path, flipped[0], strlen(flipped[0]) + 1);
        memcpy(volatile_path, flipped[1], strlen(flipped[1]) + 1);
    }
    return 0;
}
static int race(void *(*flip)(void *), int (*attempt)(void)) {
    pthread_t thread;
    int got = 0;
    goes_on = 1;
    pthread_create(&thread, 0, flip, 0);
    for (int n = 0; n < 20000 && !got; n++) got = attempt();
    goes_on = 0;
    pthread_join(thread, 0);
    return got;
}
static int attempt_text(void) { return holds_secret(open(volatile_path, O_RDONLY)); }
static int race_text(void) {
    volatile_path = malloc(4096);
    strcpy(flipped[0], allowed);
    strcpy(flipped[1], file);
    strcpy(volatile_path, allowed);
    return race(flip_text, attempt_text);
}
static char race_path[4200];
static void *flip_link(void *arg) {
    char other[4300];
    (void)arg;
    snprintf(other, sizeof other, "%s.new", race_path);
    for (int n = 0; goes_on; n++) {
        unlink(other);
        if (symlink(n % 2 ? file : allowed, other) || rename(other, race_path)) continue;
    }
    return 0;
}
static int attempt_link(void) { return holds_secret(open(race_path, O_RDONLY)); }
static int race_link(void) {
    snprintf(race_path, sizeof race_path, "%s.race", allowed);
    return race(flip_link, attempt_link);
}

// Connections ---------------------------------------------------------------------------------

static int raw_connect(void) {
    struct sockaddr_in to = target();
    long fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0, 0);
    raw(SYS_connect, fd, (long)&to, sizeof to, 0);
    return is_connected(fd);
}
static int mapped(void) {
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr);
    return !connect(socket(AF_INET6, SOCK_STREAM, 0), (void *)&to, sizeof to);
}
static int unspecified(void) {
    struct sockaddr_in to = target();
    to.sin_addr.s_addr = 0;
    return !connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof to);
}
static int multipath(void) {
    struct sockaddr_in to = target();
    int fd = socket(AF_INET, SOCK_STREAM, 262);
    return fd >= 0 && !connect(fd, (void *)&to, sizeof to);
}
static int fast_open(void) {
    struct sockaddr_in to = target();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part,
                             .msg_iovlen = 1};
    return sendmsg(fd, &message, MSG_FASTOPEN) == 1;
}
static int long_address(void) {
    union { struct sockaddr_in to; char room[128]; } address = {.to = target()};
    return !connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address);
}
static union { struct sockaddr_in to; char room[16]; } racing;
static void *flip_address(void *arg) {
    (void)arg;
    while (goes_on) {
        *(volatile uint16_t *)&racing.to.sin_port = htons(1);
        *(volatile uint16_t *)&racing.to.sin_port = htons(port);
    }
    return 0;
}
static int attempt_address(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (void *)&racing, sizeof racing);
    int got = is_connected(fd);
    close(fd);
    return got;
}
static int race_address(void) {
    racing.to = target();
    return race(flip_address, attempt_address);
}

// Programs ------------------------------------------------------------------------------------

static int start(const char *path, char **arguments, char **variables) {
    pid_t child = fork();
    if (!child) {
        execve(path, arguments, variables);
        _exit(126);
    }
    return status_of(child);
}
static int plain_start(void) {
    char *arguments[] = {(char *)program, 0};
    return start(program, arguments, environ);
}
static int by_loader(void) {
    char *arguments[] = {"ld.so", (char *)program, 0};
    return start("/lib64/ld-linux-x86-64.so.2", arguments, environ);
}
static int in_memory(void) {
    char buffer[65536];
    int from = open(program, O_RDONLY), to = memfd_create("p", 0);
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, got) != got) return 0;
    pid_t child = fork();
    if (!child) {
        char *arguments[] = {"p", 0};
        syscall(SYS_execveat, to, "", arguments, environ, AT_EMPTY_PATH);
        _exit(126);
    }
    return status_of(child);
}
static int unguarded_child(const char *variable) {
    // A child that drops what guards it, and reads the file.
    char *self = realpath("/proc/self/exe", 0);
    char *arguments[] = {self, "raw-open", (char *)file, "1", (char *)program, allowed, 0};
    char *variables[] = {(char *)variable, 0};
    return start(self, arguments, variables);
}
static int bare_child(void) { return unguarded_child(0); }
static int other_preload(void) { return unguarded_child("LD_PRELOAD=/nowhere.so"); }
static int other_rendezvous(void) { return unguarded_child("GUARD_RENDEZVOUS=nobody,monitor"); }

// Other processes, and this one ---------------------------------------------------------------

static int guards_memory(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", getppid());
    return open(path, O_RDONLY) >= 0;
}
static int guards_variables(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", getppid());
    return open(path, O_RDONLY) >= 0;
}
static int own_memory(void) { return open("/proc/self/mem", O_RDWR) >= 0; }
static int stop_guard(void) { return !kill(getppid(), SIGCONT); }
static int signal_group(void) { return !kill(-getpgid(getppid()), SIGCONT); }
static int starve_guard(void) { return !setpriority(PRIO_PROCESS, getppid(), 5); }
static int trace_guard(void) { return !ptrace(PTRACE_SEIZE, getppid(), 0, 0); }
static int take_descriptor(void) {
    int fd = syscall(SYS_pidfd_open, getppid(), 0);
    return syscall(SYS_pidfd_getfd, fd, 0, 0) >= 0;
}

int main(int count, char **a) {
    if (count < 6) return 64;
    file = a[2], port = atoi(a[3]), program = a[4];
    strcpy(allowed, a[5]);
    struct { const char *name; int (*run)(void); } ways[] = {
        {"raw-open", raw_open}, {"high-bits", high_bits}, {"x32", x32}, {"own-root", own_root},
        {"task-root", task_root}, {"parents-root", parents_root}, {"cwd-link", cwd_link},
        {"path-descriptor", path_descriptor}, {"many-links", many_links},
        {"hard-link", hard_link}, {"moved", moved}, {"exchanged", exchanged},
        {"by-handle", by_handle}, {"mapped-file", write_only_then_map}, {"io-uring", uring},
        {"namespace", new_namespace}, {"changed-root", changed_root}, {"race-text", race_text},
        {"race-link", race_link}, {"raw-connect", raw_connect}, {"mapped-address", mapped},
        {"unspecified", unspecified}, {"multipath", multipath}, {"fast-open", fast_open},
        {"long-address", long_address}, {"race-address", race_address},
        {"start", plain_start}, {"by-loader", by_loader}, {"in-memory", in_memory},
        {"bare-child", bare_child}, {"other-preload", other_preload},
        {"other-rendezvous", other_rendezvous}, {"guards-memory", guards_memory},
        {"guards-variables", guards_variables}, {"own-memory", own_memory},
        {"stop-guard", stop_guard}, {"signal-group", signal_group},
        {"starve-guard", starve_guard}, {"trace-guard", trace_guard},
        {"take-descriptor", take_descriptor},
    };
    if (!strcmp(a[1], "list")) {
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) puts(ways[i].name);
        return 0;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(a[1], ways[i].name)) return ways[i].run() ? 0 : 1;
    return 64;
}
