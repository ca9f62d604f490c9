// Files changed by path while another thread shares the descriptors: every result and error number
// is the kernel's.
#include "parts.h"
#include <sys/xattr.h>

#define fails(with, call) must((call) == -1 && errno == (with))

static void *waits(void *unused) { return pause(), unused; }

// A folder of its own beside `file`, and a second thread.
static void begin(void) {
    pthread_t other;
    char *folder = strdup(file);
    *strrchr(folder, '/') = 0;
    must(chdir(folder) == 0);
    char own[] = "changes-XXXXXX";
    must(mkdtemp(own) != 0 && chdir(own) == 0);
    must(pthread_create(&other, 0, waits, 0) == 0);
}

static mode_t mode_of(const char *path) {
    struct stat is;
    must(lstat(path, &is) == 0);
    return is.st_mode & 07777;
}

static void entries(void) {
    begin();
    umask(027);
    must(mkdir("a", 0777) == 0 && mode_of("a") == 0750);
    fails(EEXIST, mkdir("a", 0777));
    fails(ENOENT, mkdir("no/a", 0777));
    must(symlink("a", "link") == 0 && mkdir("link/b", 0700) == 0);
    fails(EEXIST, symlink("a", "link"));
    must(rename("link/b", "b") == 0);
    fails(ENOENT, rename("no", "b"));
    fails(ENOTEMPTY, rmdir("a/.."));
    fails(ENOTDIR, rmdir("link"));
    fails(EISDIR, unlink("a"));
    fails(ENOENT, unlink("no"));
    must(mknod("pipe", S_IFIFO | 0600, 0) == 0);
    fails(EEXIST, mknod("pipe", S_IFIFO | 0600, 0));
    must(close(open("file", O_CREAT | O_WRONLY, 0666)) == 0 && link("file", "second") == 0);
    fails(EEXIST, link("file", "second"));
    must(symlink("loop", "loop") == 0);
    fails(ELOOP, mkdir("loop/a", 0700));
}

static void descriptors(void) {
    begin();
    must(mkdir("a", 0700) == 0 && mkdir("b", 0700) == 0);
    must(close(open("file", O_CREAT | O_WRONLY, 0600)) == 0);
    int folder = open("a", O_RDONLY | O_DIRECTORY);
    must(folder >= 0 && mkdirat(folder, "in", 0700) == 0);
    must(renameat2(folder, "in", AT_FDCWD, "file", RENAME_EXCHANGE) == 0);
    fails(EEXIST, renameat2(folder, "in", AT_FDCWD, "b", RENAME_NOREPLACE));
    fails(ENOTDIR, unlinkat(folder, "in", AT_REMOVEDIR));
    must(unlinkat(folder, "in", 0) == 0 && rmdir("file") == 0);
    fails(EBADF, mkdirat(99, "in", 0700));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
    must(chmod(path, 0750) == 0 && mode_of("a") == 0750);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), folder);
    must(chmod(path, 0751) == 0 && mode_of("a") == 0751);
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", folder);
    must(chmod(path, 0752) == 0 && mode_of("a") == 0752);
    // In a folder that is gone.
    must(mkdir("gone", 0700) == 0 && chdir("gone") == 0 && rmdir("../gone") == 0);
    fails(ENOENT, mkdir("a", 0700));
}

static void attributes(void) {
    begin();
    must(close(open("file", O_CREAT | O_WRONLY, 0600)) == 0 && symlink("file", "link") == 0);
    must(chmod("link", 0604) == 0 && mode_of("file") == 0604);
    must(chown("file", -1, -1) == 0 && lchown("link", -1, -1) == 0);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 2}};
    struct stat is;
    must(utimensat(AT_FDCWD, "link", times, 0) == 0);
    must(stat("file", &is) == 0 && is.st_mtime == 2);
    must(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW) == 0);
    must(lstat("link", &is) == 0 && is.st_mtime == 2);
    fails(EFAULT, utimensat(AT_FDCWD, "file", (void *)1, 0));
    if (setxattr("file", "user.a", "1", 1, 0) == 0) {
        fails(EEXIST, setxattr("file", "user.a", "1", 1, XATTR_CREATE));
        must(removexattr("file", "user.a") == 0);
        fails(ENODATA, removexattr("file", "user.a"));
    }
}

static void paths(void) {
    begin();
    char longest[5000], name[300];
    memset(longest, 'a', sizeof longest - 1), longest[sizeof longest - 1] = 0;
    memset(name, 'a', sizeof name - 1), name[sizeof name - 1] = 0;
    fails(EFAULT, mkdir((char *)1, 0700));
    fails(ENOENT, mkdir("", 0700));
    fails(ENAMETOOLONG, mkdir(longest, 0700));
    fails(ENAMETOOLONG, mkdir(name, 0700));
}

static void *churns(void *number) {
    char first[32], second[32];
    for (int n = 0; n < 200; n++) {
        snprintf(first, sizeof first, "a%ld-%d", (long)number, n);
        snprintf(second, sizeof second, "b%ld-%d", (long)number, n);
        must(mkdir(first, 0700) == 0 && rename(first, second) == 0);
        must(chmod(second, 0711) == 0 && rmdir(second) == 0);
    }
    return 0;
}

// Threads that change files at once, a timer that interrupts them, children meanwhile: nobody waits
// for a child that is not its own.
static void at_once(void) {
    begin();
    handle(SIGALRM, counts, SA_RESTART);
    struct itimerval often = {{0, 500}, {0, 500}}, never = {0};
    must(setitimer(ITIMER_REAL, &often, 0) == 0);
    pthread_t all[8];
    for (long n = 0; n < 8; n++) must(pthread_create(&all[n], 0, churns, (void *)n) == 0);
    for (int n = 0; n < 20; n++) {
        pid_t child = fork();
        if (!child) _exit(mkdir("child", 0700) || rmdir("child"));
        must(ends_with(child) == 0);
    }
    for (int n = 0; n < 8; n++) must(pthread_join(all[n], 0) == 0);
    must(setitimer(ITIMER_REAL, &never, 0) == 0 && seen[SIGALRM] > 0);
    fails(ECHILD, waitpid(-1, 0, WNOHANG));
}

static const struct part parts[] = {
    {"entries", entries},
    {"descriptors", descriptors},
    {"attributes", attributes},
    {"paths", paths},
    {"at once", at_once},
    {0},
};

int main(int count, char **a) {
    return run_parts(parts, count, a);
}
