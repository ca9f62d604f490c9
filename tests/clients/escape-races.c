/* Races for descriptors and folders: one thread changes files by path, or uses local sockets, another
 * puts a folder, a file or a socket that is denied behind the descriptors that are at work, the
 * program's and a checker's, or at their paths: escape-races TECHNIQUE read|write|unix FILE ALLOWED_FILE.
 * Prints what it read, or MARK when something was changed; each works where nothing guards it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "techniques.h"

static const char *file, *allowed_file;
static char folder[4096], allowed_folder[4096];
static int good, bad, held, next;
static volatile int stop;

static void folder_of(const char *path, char *into, size_t size) {
    snprintf(into, size, "%.*s", (int)(strrchr(path, '/') - path), path);
}

/* How long a race is run. What can be won is won within a tenth of one. */
#define SECONDS 2

static const char *name_of(const char *path) { return strrchr(path, '/') + 1; }

static void *replace(void *unused) {
    (void)unused;
    while (!stop) {
        dup2(good, held);
        dup2(bad, held);
        dup2(bad, next);
        dup2(bad, next + 1);
        close(next);
        close(next + 1);
    }
    return NULL;
}

/* What one round does, and whether it reached what is denied. */
static int race(const char *right, const char *wrong, void (*round)(void), int (*is_out)(void)) {
    pthread_t thread;
    time_t end = time(NULL) + SECONDS;
    int out = 0;
    good = open(right, O_PATH), bad = open(wrong, O_PATH);
    held = open(right, O_PATH), next = held + 1;
    if (good < 0 || bad < 0 || held < 0) return perror("open"), 1;
    pthread_create(&thread, NULL, replace, NULL);
    while (!out && time(NULL) < end) {
        round();
        out = is_out();
    }
    stop = 1;
    pthread_join(thread, NULL);
    if (!out) fprintf(stderr, "never in %d s\n", SECONDS);
    return !out;
}

/* Moves -------------------------------------------------------------------------------------- */

static char moved[4200], own[4200];
static off_t length;

/* Whether the file is there that may not be read; any other goes back. */
static int is_moved(void) {
    struct stat status;
    if (stat(moved, &status)) return 0;
    if (status.st_size == length) return 1;
    rename(moved, own);
    return 0;
}

static void move(void) {
    renameat(held, name_of(file), AT_FDCWD, moved);
    if (!is_moved()) rename(own, moved);
}

static int race_of_moves(void) {
    char buffer[4096];
    struct stat status;
    /* Tells what may be read from what may not. */
    if (stat(file, &status)) return perror("stat"), 1;
    length = status.st_size;
    if (strcmp(file, allowed_file) && truncate(allowed_file, 1)) return perror("truncate"), 1;
    snprintf(moved, sizeof moved, "%s/moved", allowed_folder);
    snprintf(own, sizeof own, "%s/%s", allowed_folder, name_of(file));
    if (race(allowed_folder, folder, move, is_moved)) return 1;
    int fd = open(moved, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof buffer);
    if (n > 0) fwrite(buffer, 1, n, stdout);
    rename(moved, file);
    return n <= 0;
}

/* Entries ------------------------------------------------------------------------------------ */

static void change_entries(void) {
    char path[4200];
    mkdirat(held, "made", 0755);
    symlinkat("/", held, "linked");
    mknodat(held, "node", S_IFIFO | 0644, 0);
    const char *const names[] = {"made", "linked", "node"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", allowed_folder, names[i]);
        if (i == 0) rmdir(path), mkdir(path, 0755);
        if (i == 1) unlink(path), symlink("/", path);
        if (i == 2) unlink(path), mknod(path, S_IFIFO | 0644, 0);
    }
}

static int is_made(void) {
    char path[4200];
    struct stat status;
    const char *const names[] = {"made", "linked", "node"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (!lstat(path, &status)) return puts(MARK) >= 0;
    }
    return 0;
}

static int race_of_entries(void) { return race(allowed_folder, folder, change_entries, is_made); }

static void remove_file(void) {
    char path[4200];
    unlinkat(held, name_of(file), 0);
    snprintf(path, sizeof path, "%s/%s", allowed_folder, name_of(file));
    unlink(path);
    close(open(path, O_WRONLY | O_CREAT, 0644));
}

static int is_removed(void) {
    struct stat status;
    /* Created anew at once, where it is allowed. */
    if (!strcmp(folder, allowed_folder)) return puts(MARK) >= 0;
    return lstat(file, &status) ? puts(MARK) >= 0 : 0;
}

static int race_of_removals(void) { return race(allowed_folder, folder, remove_file, is_removed); }

/* Objects ------------------------------------------------------------------------------------ */

static void change_object(void) {
    char path[64];
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct timeval times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    snprintf(path, sizeof path, "/proc/self/fd/%d", held);
    chmod(path, 0604);
    utimensat(AT_FDCWD, path, old, 0);
    chmod(allowed_file, 0604);
    utimensat(AT_FDCWD, allowed_file, old, 0);
    utimes(allowed_file, times);
    setxattr(allowed_file, "user.made", "1", 1, 0);
}

static int is_changed(void) {
    struct stat status;
    if (stat(file, &status)) return 0;
    if ((status.st_mode & 07777) == 0604 || status.st_mtime == 1000) return puts(MARK) >= 0;
    return 0;
}

static int race_of_objects(void) { return race(allowed_file, file, change_object, is_changed); }

/* Local sockets ------------------------------------------------------------------------------ */

/* Out of the way of the numbers that are raced for. */
enum { OWN = 100, THERE = 101, HERE = 102 };

/* Its first number may be raced for: then there is none this time. */
static int socket_at(int number, int kind) {
    int s = socket(AF_UNIX, kind, 0);
    return s >= 0 && dup2(s, number) >= 0 && !close(s);
}

static socklen_t local(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strncpy(address->sun_path, path, sizeof address->sun_path - 1);
    return sizeof *address;
}

/* By the descriptor and by the path, in turns. */
static const char *either(const char *path) {
    static char link[64];
    static unsigned turn;
    snprintf(link, sizeof link, "/proc/self/fd/%d", held);
    return turn++ % 2 ? path : link;
}

static void connect_once(void) {
    struct sockaddr_un address;
    socklen_t length = local(&address, either(allowed_file));
    close(OWN);
    socket_at(OWN, SOCK_STREAM);
    connect(OWN, (void *)&address, length);
}

static int is_connected(void) {
    struct sockaddr_un peer = {0};
    socklen_t length = sizeof peer;
    return !getpeername(OWN, (void *)&peer, &length) && !strcmp(peer.sun_path, file);
}

static int race_of_local_connections(void) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char buffer[4096];
    if (race(allowed_file, file, connect_once, is_connected)) return 1;
    if (write(OWN, request, sizeof request - 1) < 0) return perror("write"), 1;
    ssize_t n = read(OWN, buffer, sizeof buffer);
    if (n > 0) fwrite(buffer, 1, n, stdout);
    return n <= 0;
}

static char here[4200];

static void send_once(void) {
    struct sockaddr_un address;
    char data[16];
    socklen_t length = local(&address, either(here));
    struct iovec part = {"x", 1};
    struct mmsghdr messages[2] = {
        {.msg_hdr = {.msg_name = &address, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1}},
    };
    messages[1] = messages[0];
    sendto(OWN, "x", 1, 0, (void *)&address, length);
    sendmsg(OWN, &messages[0].msg_hdr, 0);
    sendmmsg(OWN, messages, 2, 0);
    while (recv(HERE, data, sizeof data, MSG_DONTWAIT) > 0) continue;
}

static int is_sent(void) {
    char data[16];
    return recv(THERE, data, sizeof data, MSG_DONTWAIT) > 0 && puts(MARK) >= 0;
}

static int race_of_local_sends(void) {
    struct sockaddr_un address;
    char there[4200];
    snprintf(there, sizeof there, "%s/datagrams", folder);
    snprintf(here, sizeof here, "%s/datagrams", allowed_folder);
    unlink(there);
    unlink(here);
    if (!socket_at(OWN, SOCK_DGRAM) || !socket_at(THERE, SOCK_DGRAM) || !socket_at(HERE, SOCK_DGRAM)) return 1;
    socklen_t length = local(&address, there);
    if (bind(THERE, (void *)&address, length)) return perror("bind"), 1;
    length = local(&address, here);
    if (strcmp(here, there) && bind(HERE, (void *)&address, length)) return perror("bind"), 1;
    return race(here, there, send_once, is_sent);
}

/* A name for a socket below a folder that is exchanged for a link elsewhere, all the time. */
static char way[4200], other_way[4200];

static void *exchange(void *unused) {
    (void)unused;
    while (!stop) renameat2(AT_FDCWD, way, AT_FDCWD, other_way, RENAME_EXCHANGE);
    return NULL;
}

static int race_of_bindings(void) {
    char there[4200], path[4300];
    struct sockaddr_un address;
    struct stat status;
    pthread_t thread;
    time_t end = time(NULL) + SECONDS;
    int out = 0;
    /* Without it the name may be made: a limit. */
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0) return 77;
    snprintf(there, sizeof there, "%s/bound", folder);
    snprintf(way, sizeof way, "%s/way", allowed_folder);
    snprintf(other_way, sizeof other_way, "%s/other", allowed_folder);
    snprintf(path, sizeof path, "%s/bound", way);
    unlink(there);
    if (mkdir(way, 0755) || symlink(folder, other_way)) return perror("way"), 1;
    pthread_create(&thread, NULL, exchange, NULL);
    while (!out && time(NULL) < end) {
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        bind(s, (void *)&address, local(&address, path));
        close(s);
        out = !lstat(there, &status);
        unlink(path);
    }
    stop = 1;
    pthread_join(thread, NULL);
    if (out) return puts(MARK) < 0;
    fprintf(stderr, "never in %d s\n", SECONDS);
    return 1;
}

/* -------------------------------------------------------------------------------------------- */

static const struct technique TECHNIQUES[] = {
    {"race-of-moves", race_of_moves, "read"},
    {"race-of-entries", race_of_entries, "write"},
    {"race-of-removals", race_of_removals, "write"},
    {"race-of-objects", race_of_objects, "write"},
    {"race-of-bindings", race_of_bindings, "write"},
    {"race-of-local-connections", race_of_local_connections, "unix"},
    {"race-of-local-sends", race_of_local_sends, "unix"},
};

int main(int count, char **words) {
    if (count != 5) return 2;
    file = words[3], allowed_file = words[4];
    folder_of(file, folder, sizeof folder);
    folder_of(allowed_file, allowed_folder, sizeof allowed_folder);
    return run_technique(TECHNIQUES, sizeof TECHNIQUES / sizeof *TECHNIQUES, words[1], words[2]);
}
