// Faults that are handled, stacks, limits, descriptors, mappings, folders that go away.
#include "parts.h"

static void faults(void) {
    int all[] = {SIGSYS, SIGSEGV, SIGTRAP, SIGILL, SIGBUS, SIGFPE};
    for (unsigned n = 0; n < sizeof all / sizeof *all; n++) handle(all[n], counts, 0);
    for (unsigned n = 0; n < sizeof all / sizeof *all; n++) {
        raise(all[n]);
        must(seen[all[n]] == 1);
        reads();
    }
    handle(SIGSEGV, jumps, 0);
    handle(SIGILL, jumps, 0);
    handle(SIGTRAP, counts, 0);
    for (int n = 0; n < 200; n++) {
        if (!sigsetjmp(back, 1)) *(volatile char *)8 = 1;
        if (!sigsetjmp(back, 1)) __builtin_trap();
        // Bad pointers are for the kernel to refuse.
        must(open((char *)16, O_RDONLY) == -1 && errno == EFAULT);
        struct stat *nowhere = (struct stat *)16;
        must(syscall(SYS_newfstatat, AT_FDCWD, file, nowhere, 0) == -1 && errno == EFAULT);
        must(syscall(SYS_connect, 0, 16, 16) == -1);
        reads();
    }
#ifdef __x86_64__
    for (int n = 0; n < 100; n++) __asm__ volatile("int3");
    must(seen[SIGTRAP] == 101);
#endif
    must(seen[SIGSEGV] == 201 && seen[SIGILL] == 201);
}

// Data that looks like code, which linkers may put right beside it.
#define LINE 0x90, 0x90, 0x90, 0xb8, 1, 1, 0, 0, 0x0f, 0x05, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90,
#define LINES LINE LINE LINE LINE LINE LINE LINE LINE
static const unsigned char table[] = {LINES LINES LINES LINES LINES LINES LINES LINES};
static void tables(void) {
    // On the stack: made by code, not read from a table.
    volatile unsigned char line[16] = {0x90, 0x90, 0x90, 0xb8, 1, 1, 0, 0, 0x0f, 0x05, 0xc3};
    for (int n = 11; n < 16; n++) line[n] = 0x90;
    const volatile unsigned char *at = table;
    for (unsigned n = 0; n < sizeof table; n++) must(at[n] == line[n % sizeof line]);
}

// A fault inside of a call's arguments, with handlers that map the page.
static char *lazy;
static void maps(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    char *at = (char *)((unsigned long)info->si_addr & ~4095ul);
    must(at == lazy && mprotect(at, 4096, PROT_READ | PROT_WRITE) == 0);
}
static void pages(void) {
    lazy = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(lazy != MAP_FAILED);
    handle(SIGSEGV, maps, 0);
    must(open(lazy, O_RDONLY) == -1 && errno == EFAULT);
    strcpy(lazy, file);
    must(open(lazy, O_RDONLY) >= 0);
    // A path that ends with its page.
    char *two = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(munmap(two + 4096, 4096) == 0);
    char *at = two + 4096 - strlen(file) - 1;
    strcpy(at, file);
    must(open(at, O_RDONLY) >= 0);
    at = two + 4096 - strlen(file);
    memcpy(at, file, strlen(file));
    must(open(at, O_RDONLY) == -1 && errno == EFAULT);
}

static void *small(void *stop) {
    do {
        reads();
        usleep(100);
    } while (stop && !*(volatile int *)stop);
    return 0;
}
static void small_stacks(void) {
    pthread_attr_t attributes;
    must(pthread_attr_init(&attributes) == 0);
    must(pthread_attr_setstacksize(&attributes, 16384) == 0);
    for (int round = 0; round < 20; round++) {
        pthread_t threads[20];
        for (int n = 0; n < 20; n++) must(pthread_create(&threads[n], &attributes, small, 0) == 0);
        for (int n = 0; n < 20; n++) must(pthread_join(threads[n], 0) == 0);
    }
    struct rlimit stack = {65536, 65536};
    must(setrlimit(RLIMIT_STACK, &stack) == 0);
    for (int n = 0; n < 20; n++) runs();
    // The least that this program and the dynamic loader do with, nearly.
    struct rlimit less = {24576, 24576};
    must(setrlimit(RLIMIT_STACK, &less) == 0);
    for (int n = 0; n < 20; n++) runs();
}

// Root may become anybody, who is to start programs as before: nobody, and as him a child whose
// parent has ended.
static void other_user(void) {
    const uid_t nobody = 65534;
    if (geteuid() != 0) return;
    must(setgid(nobody) == 0 && setuid(nobody) == 0);
    // Where it is built others may not look.
    if (access(program, X_OK)) return;
    for (int n = 0; n < 20; n++) runs();
    must(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid_t child = fork();
    must(child >= 0);
    if (!child) {
        if (fork()) _exit(0);
        while (getppid() == child) usleep(100);
        runs();
        _exit(0);
    }
    int status;
    must(ends_with(child) == 0 && waitpid(-1, &status, 0) > 0 && status == 0);
}

// The least alternative stack that the kernel takes, with calls made on it all the time.
static void least_stack(void) {
    static char room[65536] __attribute__((aligned(64)));
    stack_t other = {.ss_sp = room, .ss_size = sysconf(_SC_MINSIGSTKSZ) + 1024};
    must(sigaltstack(&other, 0) == 0);
    handle(SIGPROF, on_tick, SA_ONSTACK | SA_RESTART);
    struct itimerval tick = {{0, 200}, {0, 200}};
    must(setitimer(ITIMER_PROF, &tick, 0) == 0);
    for (int n = 0; n < 30000; n++) reads();
    struct itimerval off = {{0, 0}, {0, 0}};
    must(setitimer(ITIMER_PROF, &off, 0) == 0 && seen[SIGPROF] > 10);
}

// Down to the guard page and back, over and over.
static int deep(int n) {
    volatile char room[512];
    room[0] = n;
    if (n % 64 == 0) {
        int from = open(file, O_RDONLY | O_CLOEXEC);
        if (from >= 0) close(from);
    }
    return deep(n + 1) + room[0];
}
static void recursion(void) {
    static char room[65536];
    stack_t other = {.ss_sp = room, .ss_size = sizeof room};
    must(sigaltstack(&other, 0) == 0);
    handle(SIGSEGV, jumps, SA_ONSTACK);
    for (int n = 0; n < 50; n++)
        if (!sigsetjmp(back, 1)) deep(1);
    must(seen[SIGSEGV] == 50);
    reads(), runs();
}

static void descriptors(void) {
    must(syscall(SYS_close_range, 3, ~0u, 0) == 0);
    reads(), runs();
    closefrom(3);
    for (int n = 3; n < 70000; n++) close(n);
    int lowest = open(file, O_RDONLY);
    must(lowest == 3);
    close(3);
    reads(), runs();
    must(syscall(SYS_close_range, 3, ~0u, 4) == 0);
    must(syscall(SYS_close_range, 3, ~0u, 2) == 0);
    runs();
    // No descriptor at all: errors have nowhere to go, so that they are codes.
    closefrom(0);
    for (int n = 0; n < 10; n++) {
        int from = open(file, O_RDONLY);
        struct stat is;
        if (from != 0 || stat(file, &is) || access(file, R_OK)) _exit(8);
        close(from);
        pid_t child = vfork();
        if (!child) {
            char *words[] = {(char *)program, 0}, *none[] = {0};
            execve(program, words, none);
            _exit(7);
        }
        // It cannot print, and may say so by its code.
        int status = ends_with(child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) _exit(9);
    }
}
static void many_descriptors(void) {
    struct rlimit most;
    must(getrlimit(RLIMIT_NOFILE, &most) == 0);
    most.rlim_cur = most.rlim_max > 65536 ? 65536 : most.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &most) == 0);
    int from = open(file, O_RDONLY);
    must(from >= 0 && dup2(from, most.rlim_cur - 1) == (int)most.rlim_cur - 1);
    char above[4096];
    must(strlen(file) < sizeof above);
    strcpy(above, file);
    *strrchr(above, '/') = 0;
    int folder = open(above, O_RDONLY | O_DIRECTORY);
    int high = fcntl(folder, F_DUPFD_CLOEXEC, most.rlim_cur / 2);
    must(folder >= 0 && high >= 0);
    must(openat(high, strrchr(file, '/') + 1, O_RDONLY) >= 0);
    must(fchdir(high) == 0);
    reads(), runs();
    // No more than there are.
    struct rlimit few = {16, 16};
    must(setrlimit(RLIMIT_NOFILE, &few) == 0);
    closefrom(3);
    for (int n = 3; n < 16; n++) must(open(file, O_RDONLY) == n);
    must(open(file, O_RDONLY) == -1 && errno == EMFILE);
    struct stat is;
    must(stat(file, &is) == 0 && access(file, R_OK) == 0);
    must(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EMFILE);
    close(15);
    reads();
    close(14), close(13), close(12);
    runs();
    // Programs that are given the last free number.
    int none;
    while ((none = open(file, O_RDONLY)) >= 0) continue;
    must(errno == EMFILE);
    must(access(file, R_OK) == 0);
}
static void full_children(void) {
    // A child that starts with nearly every number taken.
    struct rlimit few = {16, 16};
    closefrom(3);
    must(setrlimit(RLIMIT_NOFILE, &few) == 0);
    for (int n = 3; n < 13; n++) must(open(file, O_RDONLY) == n);
    runs();
}

static void mappings(void) {
    // More than there is memory, and at addresses of the program's own choice.
    char *huge = mmap(0, 1ul << 42, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(huge != MAP_FAILED);
    for (int n = 0; n < 100; n++) {
        char *at = huge + ((unsigned long)n << 34);
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
        must(mmap(at, 4096, PROT_READ | PROT_WRITE, flags, -1, 0) == at);
        strcpy(at, file);
        must(open(at, O_RDONLY | O_CLOEXEC) >= 0);
    }
    must(munmap(huge, 1ul << 42) == 0);
    for (unsigned long at = 0x10000; at < 0x200000; at += 0x10000) {
        char *page = mmap((void *)at, 4096, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (page != (char *)at) continue;
        strcpy(page, file);
        int from = open(page, O_RDONLY);
        must(from >= 0 && close(from) == 0 && munmap(page, 4096) == 0);
    }
    char *pages = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(pages != MAP_FAILED);
    pages = mremap(pages, 1 << 20, 1 << 24, MREMAP_MAYMOVE);
    must(pages != MAP_FAILED && madvise(pages, 1 << 24, MADV_DONTNEED) == 0);
    reads(), runs();
}
static void locked(void) {
    struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &most);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) must(munlockall() == 0 || 1);
    reads(), runs();
    struct rlimit space = {1ul << 29, 1ul << 29};
    must(setrlimit(RLIMIT_AS, &space) == 0);
    reads(), runs();
    struct rlimit data = {1ul << 26, 1ul << 26};
    must(setrlimit(RLIMIT_DATA, &data) == 0);
    reads(), runs();
    struct rlimit cpu = {60, 60}, no_core = {0, 0}, size = {1 << 20, 1 << 20};
    must(setrlimit(RLIMIT_CPU, &cpu) == 0 && setrlimit(RLIMIT_CORE, &no_core) == 0);
    must(setrlimit(RLIMIT_FSIZE, &size) == 0);
    reads(), runs();
}
static void persona(void) {
    must(personality(ADDR_NO_RANDOMIZE) != -1);
    for (int n = 0; n < 10; n++) runs();
    must(personality(ADDR_COMPAT_LAYOUT) != -1);
    reads(), runs();
}

// A filter of the program's own.
static void set(struct sock_fprog *filter) {
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter) == 0);
}
static void own_filter(void) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof lines / sizeof *lines, lines};
    set(&filter);
    must(syscall(SYS_mkdir, "/nowhere/at/all", 0) == -1 && errno == ENOTTY);
    handle(SIGSYS, counts, 0);
    for (int n = 1; n < 20; n++) {
        syscall(SYS_getppid);
        must(seen[SIGSYS] == n);
    }
    reads(), runs();
}
// Only what glibc's own calls are: no openat2.
static void old_filter(void) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof lines / sizeof *lines, lines};
    set(&filter);
    reads(), runs();
}

// Folders moved and removed below the program, chroot where it is allowed, names of all kinds.
static void folders(void) {
    char old[] = "/tmp/edges-XXXXXX";
    umask(022);
    must(mkdtemp(old) && chdir(old) == 0);
    must(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0 && symlink("a/b", "l") == 0);
    int made = open("l/../b/f", O_CREAT | O_EXCL | O_RDWR, 0640);
    must(made >= 0 && write(made, "x", 1) == 1);
    struct stat is;
    must(stat("a/b/f", &is) == 0 && (is.st_mode & 0777) == 0640);
    must(rename("a/b/f", "l/g") == 0 && link("l/g", "h") == 0 && unlink("h") == 0);
    must(symlink("loop", "loop") == 0 && open("loop", O_RDONLY) == -1 && errno == ELOOP);
    must(open("l", O_RDONLY | O_NOFOLLOW) == -1 && errno == ELOOP);
    must(open("a/b/g/", O_RDONLY) == -1 && errno == ENOTDIR);
    must(open("a/b/g/.", O_RDONLY) == -1 && errno == ENOTDIR);
    must(open("a/", O_RDONLY | O_DIRECTORY) >= 0);
    must(open("", O_RDONLY) == -1 && errno == ENOENT);
    must(open("none", O_RDONLY) == -1 && errno == ENOENT);
    must(open("none/", O_CREAT | O_RDWR, 0600) == -1 && errno == EISDIR);
    must(open("a", O_RDWR) == -1 && errno == EISDIR);
    must(open("a", O_CREAT | O_RDWR, 0600) == -1 && errno == EISDIR);
    must(open("a/b/g", O_CREAT | O_EXCL | O_RDWR, 0600) == -1 && errno == EEXIST);
    must(symlink("to", "dangling") == 0);
    must(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600) == -1 && errno == EEXIST);
    made = open("dangling", O_CREAT | O_RDWR, 0600);
    must(made >= 0 && stat("to", &is) == 0);
    must(mkdir("dangling", 0700) == -1 && errno == EEXIST);
    must(rmdir("a") == -1 && errno == ENOTEMPTY);
    must(open("to", O_TMPFILE | O_RDWR, 0600) == -1 && errno == ENOTDIR);
    must(open(".", O_TMPFILE | O_RDWR, 0600) >= 0);
    must(mkfifo("pipe", 0600) == 0);
    must(open("pipe", O_WRONLY | O_NONBLOCK) == -1 && errno == ENXIO);
    pid_t child = fork();
    if (!child) {
        int end = open("pipe", O_WRONLY);
        _exit(write(end, "y", 1) != 1);
    }
    char byte = 0;
    int end = open("pipe", O_RDONLY);
    must(end >= 0 && read(end, &byte, 1) == 1 && byte == 'y' && ends_with(child) == 0);
    char longest[5000];
    memset(longest, 'n', 300), longest[300] = 0;
    must(open(longest, O_RDONLY) == -1 && errno == ENAMETOOLONG);
    for (int n = 0; n < 4998; n += 2) memcpy(longest + n, "./", 3);
    must(open(longest, O_RDONLY) == -1 && errno == ENAMETOOLONG);
    longest[4094] = 0;
    must(open(longest, O_RDONLY) >= 0);
    // Deeper than a path can say.
    char deep[201];
    memset(deep, 'd', 200), deep[200] = 0;
    for (int n = 0; n < 18; n++) must(mkdir(deep, 0700) == 0 && chdir(deep) == 0);
    made = open("f", O_CREAT | O_RDWR, 0600);
    must(made >= 0 && stat("f", &is) == 0 && access("../..", R_OK) == 0 && unlink("f") == 0);
    for (int n = 0; n < 18; n++) must(chdir("..") == 0 && rmdir(deep) == 0);
    // The working folder is gone.
    must(chdir("a") == 0 && unlink("b/g") == 0 && rmdir("b") == 0 && rmdir("../a") == 0);
    must(open("none", O_RDONLY) == -1 && errno == ENOENT);
    must(open("none", O_CREAT | O_RDWR, 0600) == -1 && errno == ENOENT);
    must(stat(".", &is) == 0);
    reads(), runs();
    must(chdir(old) == 0);
    must(unlink("l") == 0 && unlink("loop") == 0 && unlink("dangling") == 0 && unlink("to") == 0);
    must(unlink("pipe") == 0 && chdir("/") == 0 && rmdir(old) == 0);
}

static void addresses(void) {
    // Connections and errors of sockets as without Guard, without a server.
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    must(s >= 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/none-at-all"};
    must(connect(s, (void *)&name, sizeof name) == -1 && errno == ENOENT);
    must(connect(s, (void *)16, 16) == -1 && errno == EFAULT);
    int from = open(file, O_RDONLY);
    must(send(s, "x", 1, MSG_NOSIGNAL) == -1 && errno == ENOTCONN);
    close(s), close(from);
}

static const struct part parts[] = {
    {"faults", faults},
    {"tables", tables},
    {"pages", pages},
    {"small stacks", small_stacks},
    {"other user", other_user},
    {"least stack", least_stack},
    {"recursion", recursion},
    {"descriptors", descriptors},
    {"many descriptors", many_descriptors},
    {"full children", full_children},
    {"mappings", mappings},
    {"locked", locked},
    {"persona", persona},
    {"own filter", own_filter, 1},
    {"old filter", old_filter, 1},
    {"folders", folders},
    {"addresses", addresses},
    {0},
};

int main(int count, char **a) {
    return run_parts(parts, count, a);
}
