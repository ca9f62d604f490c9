/* Races for descriptors: one thread changes files by path, another puts a folder or a file that is
 * denied behind the descriptors that are at work, the program's and a checker's: escape-races
 * TECHNIQUE read|write FILE ALLOWED_FILE. Prints what it read, or MARK when something was changed;
 * each works where nothing guards it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
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
    time_t end = time(NULL) + 4;
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
    if (!out) fprintf(stderr, "never in 4 s\n");
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

/* -------------------------------------------------------------------------------------------- */

static const struct technique TECHNIQUES[] = {
    {"race-of-moves", race_of_moves, "read"},
    {"race-of-entries", race_of_entries, "write"},
    {"race-of-removals", race_of_removals, "write"},
    {"race-of-objects", race_of_objects, "write"},
};

int main(int count, char **words) {
    if (count != 5) return 2;
    file = words[3], allowed_file = words[4];
    folder_of(file, folder, sizeof folder);
    folder_of(allowed_file, allowed_folder, sizeof allowed_folder);
    return run_technique(TECHNIQUES, sizeof TECHNIQUES / sizeof *TECHNIQUES, words[1], words[2]);
}
