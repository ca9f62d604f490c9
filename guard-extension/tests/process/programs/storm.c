// Calls that pass through the check, under everything that can go wrong around a system call.
// Prints one line per storm; ends with 0 when all kept their promise.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TRUE
#define TRUE "/bin/true"
#endif

extern char **environ;
static const char *file;
static int failures;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
            failures++;                                                         \
            return;                                                             \
        }                                                                       \
    } while (0)

static int open_and_close(void) {
    int fd = open(file, O_RDONLY);
    if (fd < 0) return -1;
    char byte;
    ssize_t got = read(fd, &byte, 1);
    close(fd);
    return got == 1 ? 0 : -1;
}

// Registers, vectors and flags survive a checked call.
#ifdef __x86_64__
static void registers(void) {
    for (int round = 0; round < 1000; round++) {
        uint64_t out[8] = {0};
        unsigned char before[256], after[256];
        for (int i = 0; i < 256; i++) before[i] = (unsigned char)(i * 7 + round);
        long result;
        uint64_t flags;
        // In the red zone, too: nothing below the stack pointer is touched by the instruction.
        __asm__ volatile(
            "movups 0(%[b]), %%xmm0\n movups 16(%[b]), %%xmm1\n movups 112(%[b]), %%xmm7\n"
            "movups 128(%[b]), %%xmm8\n movups 240(%[b]), %%xmm15\n"
            "mov $0x1111, %%rbx\n mov $0x2222, %%r12\n mov $0x3333, %%r13\n"
            "mov $0x4444, %%r14\n mov $0x5555, %%r15\n"
            "movq $0x77, -8(%%rsp)\n movq $0x88, -120(%%rsp)\n"
            "stc\n"
            "syscall\n"
            "pushfq\n popq %[flags]\n"
            "mov %%rbx, 0(%[o])\n mov %%r12, 8(%[o])\n mov %%r13, 16(%[o])\n"
            "mov %%r14, 24(%[o])\n mov %%r15, 32(%[o])\n"
            "movups %%xmm0, 0(%[a])\n movups %%xmm1, 16(%[a])\n movups %%xmm7, 112(%[a])\n"
            "movups %%xmm8, 128(%[a])\n movups %%xmm15, 240(%[a])\n"
            : "=a"(result), [flags] "=&r"(flags)
            : "a"(SYS_open), "D"(file), "S"(O_RDONLY), "d"(0), [b] "r"(before), [a] "r"(after),
              [o] "r"(out)
            : "rcx", "r11", "rbx", "r12", "r13", "r14", "r15", "memory", "xmm0", "xmm1", "xmm7",
              "xmm8", "xmm15", "cc");
        CHECK(result >= 0);
        close((int)result);
        CHECK(out[0] == 0x1111 && out[1] == 0x2222 && out[2] == 0x3333 && out[3] == 0x4444);
        CHECK(out[4] == 0x5555);
        CHECK(flags & 1);
        CHECK(!memcmp(before, after, 32) && !memcmp(before + 112, after + 112, 32));
        CHECK(!memcmp(before + 240, after + 240, 16));
    }
}
#else
// x0 to x30, the flags, the 16 bytes below the stack pointer, v0 to v31.
struct state {
    uint64_t x[31], flags, below[2];
    __attribute__((aligned(16))) unsigned char v[512];
};
// Makes a call with all registers as given, x30 being where they are, and says how they are then.
void call_with(const struct state *before, struct state *after);
#define TO_15 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define TO_29 "17,18,19,20,21,22,23,24,25,26,27,28,29"
__asm__(
    ".text\n.globl call_with\ncall_with:\n"
    "sub sp, sp, #176\n stp x19, x20, [sp]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n"
    "stp x25, x26, [sp, #48]\n stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n"
    "stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n"
    "stp d14, d15, [sp, #144]\n str x1, [sp, #160]\n"
    "mov x30, x0\n ldr x16, [x30, #248]\n msr nzcv, x16\n"
    "ldp x16, x17, [x30, #256]\n stp x16, x17, [sp, #-16]\n"
    ".irp r," TO_15 ",16," TO_29 ",30,31\n ldr q\\r, [x30, #272 + 16 * \\r]\n .endr\n"
    ".irp r," TO_15 ",16," TO_29 "\n ldr x\\r, [x30, #8 * \\r]\n .endr\n"
    "svc #0\n"
    "str x16, [sp, #168]\n ldr x16, [sp, #160]\n"
    ".irp r," TO_15 "," TO_29 ",30\n str x\\r, [x16, #8 * \\r]\n .endr\n"
    "ldr x17, [sp, #168]\n str x17, [x16, #128]\n mrs x17, nzcv\n str x17, [x16, #248]\n"
    "ldp x17, x18, [sp, #-16]\n stp x17, x18, [x16, #256]\n"
    ".irp r," TO_15 ",16," TO_29 ",30,31\n str q\\r, [x16, #272 + 16 * \\r]\n .endr\n"
    "ldp x19, x20, [sp]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n"
    "ldp x25, x26, [sp, #48]\n ldp x27, x28, [sp, #64]\n ldp x29, x30, [sp, #80]\n"
    "ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n"
    "ldp d14, d15, [sp, #144]\n add sp, sp, #176\n ret\n");

static void registers(void) {
    for (int round = 0; round < 1000; round++) {
        struct state before, after;
        for (size_t i = 0; i < sizeof before; i++) ((unsigned char *)&before)[i] = i * 7 + round;
        before.flags = (uint64_t)(round & 15) << 28;
        before.x[0] = (uint64_t)AT_FDCWD;
        before.x[1] = (uint64_t)file;
        before.x[2] = O_RDONLY;
        before.x[3] = 0;
        before.x[8] = SYS_openat;
        before.x[30] = (uint64_t)&before;
        call_with(&before, &after);
        long result = (long)after.x[0];
        CHECK(result >= 0);
        close((int)result);
        after.x[0] = before.x[0];
        CHECK(!memcmp(&before, &after, sizeof before));
    }
}
#endif

static void *opener(void *arg) {
    for (long n = (long)arg; n > 0; n--)
        if (open_and_close()) return (void *)1;
    return 0;
}

static void threads(void) {
    for (int round = 0; round < 4; round++) {
        pthread_t all[100];
        for (int i = 0; i < 100; i++) CHECK(!pthread_create(&all[i], 0, opener, (void *)100L));
        for (int i = 0; i < 100; i++) {
            void *failed;
            pthread_join(all[i], &failed);
            CHECK(!failed);
        }
    }
}

static volatile sig_atomic_t ticks;
static void tick(int signal) {
    (void)signal;
    int kept = errno;
    if (open_and_close()) failures++;
    ticks++;
    errno = kept;
}

static void timer(long micros) {
    struct itimerval value = {{0, micros}, {0, micros}};
    setitimer(ITIMER_REAL, &value, 0);
}

// Handlers that make checked calls themselves, on the alternate stack and not.
static void handlers(void) {
    static char stack[64 << 10];
    for (int alternate = 0; alternate < 2; alternate++) {
        stack_t settings = {.ss_sp = stack, .ss_size = sizeof stack};
        sigaltstack(&settings, 0);
        struct sigaction action = {.sa_handler = tick};
        action.sa_flags = SA_RESTART | (alternate ? SA_ONSTACK : 0);
        sigaction(SIGALRM, &action, 0);
        ticks = 0;
        timer(200);
        for (int n = 0; n < 20000; n++) CHECK(!open_and_close());
        timer(0);
        CHECK(ticks > 10);
        sigset_t mask;
        sigprocmask(SIG_BLOCK, 0, &mask);
        CHECK(!sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGALRM));
    }
    stack_t off = {.ss_flags = SS_DISABLE};
    sigaltstack(&off, 0);
    signal(SIGALRM, SIG_DFL);
}

static sigjmp_buf back;
static void jump(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

// Jumps out of calls that are under way: a FIFO that nobody opens for writing blocks open(2).
static void jumps(void) {
    char fifo[64];
    snprintf(fifo, sizeof fifo, "/tmp/guard-storm-%d", getpid());
    unlink(fifo);
    CHECK(!mkfifo(fifo, 0600));
    struct sigaction action = {.sa_handler = jump, .sa_flags = SA_NODEFER};
    sigaction(SIGALRM, &action, 0);
    volatile int count = 0;
    for (volatile int n = 0; n < 2000; n++) {
        if (sigsetjmp(back, 1) == 0) {
            struct itimerval once = {{0, 0}, {0, 100}};
            setitimer(ITIMER_REAL, &once, 0);
            open(fifo, O_RDONLY);
        } else {
            count++;
        }
        timer(0);
        CHECK(!open_and_close());
    }
    unlink(fifo);
    CHECK(count == 2000);
    signal(SIGALRM, SIG_DFL);
}

static volatile int goes_on;
static void *background(void *arg) {
    (void)arg;
    while (goes_on)
        if (open_and_close()) failures++;
    return 0;
}

// Forks while other threads are inside of checked calls.
static void forks(void) {
    pthread_t all[4];
    goes_on = 1;
    for (int i = 0; i < 4; i++) CHECK(!pthread_create(&all[i], 0, background, 0));
    for (int n = 0; n < 300; n++) {
        pid_t child = fork();
        if (child == 0) {
            for (int i = 0; i < 10; i++)
                if (open_and_close()) _exit(1);
            pid_t grandchild = fork();
            if (grandchild == 0) _exit(open_and_close() ? 1 : 0);
            int status;
            waitpid(grandchild, &status, 0);
            _exit(status ? 2 : 0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    goes_on = 0;
    for (int i = 0; i < 4; i++) pthread_join(all[i], 0);
}

// Children that share memory until they become another program, or fail to.
static void spawns(void) {
    pthread_t all[2];
    goes_on = 1;
    for (int i = 0; i < 2; i++) CHECK(!pthread_create(&all[i], 0, background, 0));
    for (int n = 0; n < 150; n++) {
        char *arguments[] = {"true", 0};
        pid_t child;
        int status;
        CHECK(!posix_spawn(&child, TRUE, 0, 0, arguments, environ));
        waitpid(child, &status, 0);
        CHECK(status == 0);
        CHECK(posix_spawn(&child, "/nowhere", 0, 0, arguments, environ) == ENOENT);
        child = vfork();
        if (child == 0) {
            execve("/nowhere", arguments, environ);
            execve(TRUE, arguments, environ);
            _exit(9);
        }
        waitpid(child, &status, 0);
        CHECK(status == 0);
        CHECK(!open_and_close());
    }
    goes_on = 0;
    for (int i = 0; i < 2; i++) pthread_join(all[i], 0);
}

// Threads cancelled in a blocking call, ended with calls under way, many of them at a time.
static char fifo[64];
static void *blocked(void *arg) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    char byte;
    if (*(int *)arg >= 0)
        recvfrom(*(int *)arg, &byte, 1, 0, (struct sockaddr *)&from, &length);
    else
        open(fifo, O_RDONLY);
    return 0;
}

static void cancels(void) {
    int pair[2], none = -1;
    CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    snprintf(fifo, sizeof fifo, "/tmp/guard-cancel-%d", getpid());
    unlink(fifo);
    CHECK(!mkfifo(fifo, 0600));
    for (int round = 0; round < 10; round++) {
        pthread_t all[150];
        // musl acts on a request only where the thread is at its own instruction: not in a call that
        // is made in place of another, as open(2) is.
#ifdef MUSL
        none = pair[0];
#endif
        for (int i = 0; i < 150; i++)
            CHECK(!pthread_create(&all[i], 0, blocked, i % 3 ? &none : &pair[0]));
        usleep(2000);
        for (int i = 0; i < 150; i++) pthread_cancel(all[i]);
        for (int i = 0; i < 150; i++) {
            void *result;
            CHECK(!pthread_join(all[i], &result));
            CHECK(result == PTHREAD_CANCELED);
        }
        CHECK(!open_and_close());
    }
    unlink(fifo);
}

// A blocking call that a handler interrupts ends with EINTR, as natively.
static void nothing(int signal) { (void)signal; }
static void interruptions(void) {
    int pair[2];
    CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGALRM, &action, 0);
    for (int n = 0; n < 100; n++) {
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        char byte;
        timer(500);
        ssize_t got = recvfrom(pair[0], &byte, 1, 0, (struct sockaddr *)&from, &length);
        int error = errno;
        timer(0);
        CHECK(got == -1 && error == EINTR);
    }
    signal(SIGALRM, SIG_DFL);
}

int main(int count, char **arguments) {
    file = count > 1 ? arguments[1] : "/etc/hostname";
    const char *only = count > 2 ? arguments[2] : "";
    struct { const char *name; void (*run)(void); } storms[] = {
        {"registers", registers}, {"threads", threads}, {"handlers", handlers}, {"jumps", jumps},
        {"forks", forks}, {"spawns", spawns}, {"interruptions", interruptions},
        {"cancels", cancels},
    };
    for (size_t i = 0; i < sizeof storms / sizeof *storms; i++) {
        if (*only && strcmp(only, storms[i].name)) continue;
        int before = failures;
        storms[i].run();
        printf("%s: %s\n", storms[i].name, failures == before ? "ok" : "FAILED");
        fflush(stdout);
    }
    return failures != 0;
}
