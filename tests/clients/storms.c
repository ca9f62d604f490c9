// Children, threads and signals in numbers, and jumps between stacks.
#include "parts.h"

static void vforks(void) {
    for (int n = 0; n < 300; n++) {
        pid_t child = vfork();
        must(child >= 0);
        if (!child) {
            int nothing = open("/dev/null", O_WRONLY);
            dup2(nothing, 1);
            char *words[] = {(char *)program, 0}, *none[] = {0};
            execve("/nowhere/at/all", words, none);
            if (n % 3 == 0) _exit(errno == ENOENT ? 0 : 2);
            execve(program, words, none);
            _exit(3);
        }
        must(ends_with(child) == 0);
        reads();
    }
}
static void *vfork_thread(void *none) {
    for (int n = 0; n < 60; n++) runs();
    return none;
}
static void vfork_threads(void) {
    pthread_t threads[8];
    for (int n = 0; n < 8; n++) must(pthread_create(&threads[n], 0, vfork_thread, 0) == 0);
    for (int n = 0; n < 8; n++) must(pthread_join(threads[n], 0) == 0);
}
static void *reader(void *stop) {
    while (!*(volatile int *)stop) reads();
    return 0;
}
static void forks_of_threads(void) {
    volatile int stop = 0;
    pthread_t threads[4];
    for (int n = 0; n < 4; n++) must(pthread_create(&threads[n], 0, reader, (void *)&stop) == 0);
    for (int n = 0; n < 150; n++) {
        pid_t child = fork();
        must(child >= 0);
        if (!child) {
            reads();
            if (n % 5 == 0) runs();
            _exit(0);
        }
        must(ends_with(child) == 0);
    }
    stop = 1;
    for (int n = 0; n < 4; n++) must(pthread_join(threads[n], 0) == 0);
}

// A storm of signals around calls that are made again and calls that end.
static void storm(void) {
    handle(SIGALRM, on_tick, 0);
    handle(SIGUSR1, on_tick, SA_RESTART);
    pid_t parent = getpid(), child = fork();
    if (!child)
        while (1) {
            kill(parent, SIGUSR1);
            usleep(150);
            if (getppid() != parent) _exit(0);
        }
    struct itimerval tick = {{0, 333}, {0, 333}};
    must(setitimer(ITIMER_REAL, &tick, 0) == 0);
    for (int n = 0; n < 100; n++) runs();
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    for (int n = 0; n < 3000; n++) {
        char byte = n;
        while (send(ends[0], &byte, 1, 0) != 1) must(errno == EINTR);
        while (recv(ends[1], &byte, 1, 0) != 1) must(errno == EINTR);
        must(byte == (char)n);
        int from;
        while ((from = open(file, O_RDONLY)) < 0) must(errno == EINTR);
        close(from);
    }
    struct itimerval off = {{0, 0}, {0, 0}};
    must(setitimer(ITIMER_REAL, &off, 0) == 0 && seen[SIGALRM] > 10);
    kill(child, SIGKILL);
    ends_with(child);
}

// Stacks of the program's own, and jumps between them from within signals.
static ucontext_t main_context, other_context;
static void other(void) {
    for (int n = 0; n < 1000; n++) {
        reads();
        swapcontext(&other_context, &main_context);
    }
}
static void contexts(void) {
    char *stack = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(getcontext(&other_context) == 0);
    other_context.uc_stack.ss_sp = stack;
    other_context.uc_stack.ss_size = 16384;
    other_context.uc_link = &main_context;
    makecontext(&other_context, other, 0);
    for (int n = 0; n < 1000; n++) {
        swapcontext(&main_context, &other_context);
        reads();
    }
    // Leaves a handler that interrupted a call by a jump, again and again.
    handle(SIGALRM, jumps, SA_NODEFER);
    int pipes[2];
    must(pipe(pipes) == 0);
    for (int n = 0; n < 300; n++) {
        struct itimerval once = {{0, 0}, {0, 300}};
        if (!sigsetjmp(back, 1)) {
            setitimer(ITIMER_REAL, &once, 0);
            while (1) {
                char path[4096];
                int from = open(file, O_RDONLY);
                if (from >= 0) close(from);
                if (n % 2) {
                    char byte;
                    struct iovec part = {&byte, 1};
                    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
                    recvmsg(pipes[0], &message, 0);
                    read(pipes[0], &byte, 1);
                }
                readlink("/proc/self/exe", path, sizeof path);
            }
        }
        // A descriptor may have been left open by the jump.
        if (n % 50 == 0) closefrom(pipes[1] + 1);
    }
    reads(), runs();
}

static void *executes(void *none) {
    char *words[] = {(char *)program, 0}, *variables[] = {0};
    usleep(1000);
    execve(program, words, variables);
    return none;
}
static void exec_of_threads(void) {
    for (int n = 0; n < 40; n++) {
        pid_t child = fork();
        if (!child) {
            int nothing = open("/dev/null", O_WRONLY);
            dup2(nothing, 1);
            volatile int stop = 0;
            pthread_t threads[4];
            for (int k = 0; k < 3; k++) pthread_create(&threads[k], 0, reader, (void *)&stop);
            pthread_create(&threads[3], 0, executes, 0);
            pause();
        }
        must(ends_with(child) == 0);
    }
}

// One waits in poll, one in a read, one in accept: closed and cancelled under them.
static void *waits(void *from) {
    char byte;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
    read((int)(long)from, &byte, 1);
    while (1) reads();
    return from;
}
static void cancels(void) {
    int pipes[2];
    must(pipe(pipes) == 0);
    for (int n = 0; n < 300; n++) {
        pthread_t thread;
        must(pthread_create(&thread, 0, waits, (void *)(long)(n % 2 ? pipes[0] : -1)) == 0);
        usleep(n % 7 * 30);
        must(pthread_cancel(thread) == 0 && pthread_join(thread, 0) == 0);
    }
    reads(), runs();
}

static int light(void *none) {
    (void)none;
    reads();
    return 0;
}
static void clones(void) {
    static char stack[65536] __attribute__((aligned(16)));
    for (int n = 0; n < 100; n++) {
        int flags = (int[]){0, CLONE_VM | CLONE_VFORK, CLONE_FILES, CLONE_FS | CLONE_FILES}[n % 4];
        pid_t child = clone(light, stack + sizeof stack, flags | SIGCHLD, 0);
        must(child > 0 && ends_with(child) == 0);
    }
}

static void *reads_once(void *none) {
    reads();
    return none;
}
static void threads(void) {
    for (int round = 0; round < 10; round++) {
        static pthread_t all[300];
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 65536);
        for (int n = 0; n < 300; n++)
            must(pthread_create(&all[n], &attributes, reads_once, 0) == 0);
        for (int n = 0; n < 300; n++) must(pthread_join(all[n], 0) == 0);
    }
}

static void times(void) {
    // Timeouts and flags at their limits.
    struct pollfd none = {-1, 0, 0};
    must(poll(&none, 1, 1) == 0);
    int events = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event;
    must(events >= 0 && epoll_wait(events, &event, 1, 1) == 0);
    sigset_t set;
    sigfillset(&set);
    must(sigprocmask(SIG_BLOCK, &set, 0) == 0);
    reads(), runs();
    sigset_t is;
    must(sigprocmask(SIG_SETMASK, 0, &is) == 0);
    for (int n = 1; n < 65; n++)
        if (n != SIGKILL && n != SIGSTOP && n != 32 && n != 33) must(sigismember(&is, n) == 1);
}

static const struct part parts[] = {
    {"vforks", vforks},
    {"vfork threads", vfork_threads},
    {"forks of threads", forks_of_threads},
    {"storm", storm},
    {"contexts", contexts},
    {"exec of threads", exec_of_threads},
    {"cancels", cancels},
    {"clones", clones},
    {"threads", threads},
    {"times", times},
    {0},
};

int main(int count, char **a) {
    return run_parts(parts, count, a);
}
