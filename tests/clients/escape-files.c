/* Ways around rules for files and programs, and around the changed code: escape-files TECHNIQUE
 * read|write|exec FILE ALLOWED_FILE. Prints what it read, or MARK when the file was cut; each works
 * where nothing guards it. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "techniques.h"

static const char *self, *file, *allowed_file;

static int failed(const char *what) {
    perror(what);
    return 1;
}

static int show(int fd) {
    char buffer[4096];
    ssize_t n = pread(fd, buffer, sizeof buffer, 0);
    if (n > 0) fwrite(buffer, 1, n, stdout);
    fflush(stdout);
    return n > 0 ? 0 : 1;
}

static int open_plain(const char *path) {
    int fd = open(path, O_RDONLY);
    return fd < 0 ? failed("open") : show(fd);
}

/* The folder that a path is in. */
static const char *folder_of(const char *path, char *into, size_t size) {
    snprintf(into, size, "%.*s", (int)(strrchr(path, '/') - path), path);
    return into;
}

static const char *name_of(const char *path) { return strrchr(path, '/') + 1; }

/* A name in the folder that a path is in. */
static void beside(const char *path, const char *name, char *into, size_t size) {
    char folder[4096];
    snprintf(into, size, "%s/%s-%d", folder_of(path, folder, sizeof folder), name, getpid());
}

/* Changed code -------------------------------------------------------------------------------- */

/* The bare instruction, in this program's own text. */
static long __attribute__((noinline)) bare(long n, long a, long b, long c) {
    long result;
    register long r10 __asm__("r10") = 0;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

static int by_call(long (*call)(long, long, long, long)) {
    long fd = call(SYS_openat, AT_FDCWD, (long)file, O_RDONLY);
    return fd < 0 ? 1 : show(fd);
}

/* Has the kernel drop the pages that were changed, so that the file's come back. */
static int dropped(int advice) {
    long page = (long)bare & ~4095;
    if (madvise((void *)page, 8192, advice)) return failed("madvise");
    return by_call(bare);
}

static int dropped_pages(void) { return dropped(MADV_DONTNEED); }
static int dropped_locked_pages(void) { return dropped(24); }

/* A mapping of this program's file: its first page alone is looked at when it is mapped. */
extern char __executable_start[];

static int in_mapping(int lengthened) {
    int fd = open("/proc/self/exe", O_RDONLY);
    long place = (char *)bare - __executable_start, length = (place & ~4095) + 4096;
    char *code = mmap(NULL, lengthened ? 4096 : length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (code == MAP_FAILED) return failed("mmap");
    /* MREMAP_DONTUNMAP: what is left behind is read from the file once more. */
    char *moved = lengthened ? mremap(code, 4096, length, MREMAP_MAYMOVE)
                             : mremap(code, length, length, MREMAP_MAYMOVE | 4);
    if (moved == MAP_FAILED) return failed("mremap");
    return by_call((void *)((lengthened ? moved : code) + place));
}

static int lengthened_mapping(void) { return in_mapping(1); }
static int left_mapping(void) { return in_mapping(0); }

/* Prefixes that change nothing about the instruction. */
#define PREFIXED(name, bytes)                                                                      \
    static long __attribute__((noinline)) name(long n, long a, long b, long c) {                   \
        long result;                                                                               \
        register long r10 __asm__("r10") = 0;                                                      \
        __asm__ volatile(".byte " bytes ", 0x0f, 0x05" : "=a"(result)                              \
                         : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");     \
        return result;                                                                             \
    }
PREFIXED(with_rex, "0x48")
PREFIXED(with_repeat, "0xf3")
PREFIXED(with_many, "0x64, 0x66, 0x66, 0x2e, 0x4f")

static int prefixed_rex(void) { return by_call(with_rex); }
static int prefixed_repeat(void) { return by_call(with_repeat); }
static int prefixed_many(void) { return by_call(with_many); }

static int bare_call(void) { return by_call(bare); }

/* Code of its own in a file, which is mapped as a library's is: the bare instruction and a return,
 * then `filler`, which leaves room for a check or does not. */
static char *library;

static long in_library(long n, long a, long b, long c) {
    long result;
    register long r10 __asm__("r10") = 0;
    __asm__ volatile("call *%1" : "=a"(result) : "r"(library), "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

static int by_library(int filler) {
    char bytes[4096], path[4200];
    memset(bytes, filler, sizeof bytes);
    memcpy(bytes, "\x0f\x05\xc3", 3);
    beside(self, "library.so", path, sizeof path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0755);
    if (fd < 0 || write(fd, bytes, sizeof bytes) != sizeof bytes) return failed("write");
    library = mmap(NULL, sizeof bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    unlink(path);
    if (library == MAP_FAILED) return failed("mmap");
    return by_call(in_library);
}

static int library_with_room(void) { return by_library(0x90); }
static int library_without_room(void) { return by_library(0); }

/* Pages of a file, each of them code: the last bytes of the first are a call but for the end of its
 * instruction, with which the second begins; the third holds the whole call. */
#define PAGE 4096
static const char CALL[] = "\x89\xf8\x48\x89\xf7\x48\x89\xd6\x48\x89\xca\x0f\x05\xc3";

static int pages_of_code(void) {
    static char bytes[4 * PAGE];
    char path[4200];
    memset(bytes, 0x90, sizeof bytes);
    memcpy(bytes + PAGE - 12, CALL, sizeof CALL - 1);
    memcpy(bytes + 2 * PAGE, CALL, sizeof CALL - 1);
    beside(self, "pages", path, sizeof path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0755);
    if (fd >= 0 && write(fd, bytes, sizeof bytes) != sizeof bytes) fd = -1;
    close(fd);
    fd = open(path, O_RDONLY);
    unlink(path);
    return fd;
}

static char *code_at(char *place, int fd, int page) {
    return mmap(place, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | (place ? MAP_FIXED : 0), fd, page * PAGE);
}

/* The pages side by side, each mapped by itself. */
static int side_by_side(int first, int second, int is_moved, long call) {
    int fd = pages_of_code();
    char *place = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fd < 0 || place == MAP_FAILED || code_at(place, fd, first) == MAP_FAILED) return failed("mmap");
    char *other = code_at(is_moved ? NULL : place + PAGE, fd, second);
    if (is_moved && other != MAP_FAILED)
        other = mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGE);
    return other == MAP_FAILED ? failed("mmap") : by_call((void *)(place + call));
}

static int split_call(void) { return side_by_side(0, 1, 0, PAGE - 12); }
static int joined_call(void) { return side_by_side(0, 1, 1, PAGE - 12); }
static int neighbouring_code(void) { return side_by_side(0, 2, 0, PAGE); }

/* As many mappings as there may be but for `left`, so that one in the middle of another cannot be
 * taken away again, and no descriptor to change it through. */
static int with_mappings_left(int left) {
    int fd = pages_of_code(), spare = dup(fd);
    struct rlimit files = {spare + 1, spare + 1};
    char *place = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fd < 0 || place == MAP_FAILED) return failed("mmap");
    munmap(place + PAGE, PAGE);
    code_at(place, fd, 1);
    code_at(place + 2 * PAGE, fd, 3);
    /* Each page that is protected otherwise makes two mappings more, at an end of a mapping one. */
    size_t length = 1L << 30;
    char *edges = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *many = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t at = PAGE; at < length; at += 2 * PAGE)
        if (mprotect(many + at, PAGE, PROT_READ)) break;
    mprotect(edges, PAGE, PROT_READ);
    for (int i = 0; i < left; i++) munmap(many + (2 * i + 1) * PAGE, PAGE);
    close(spare);
    setrlimit(RLIMIT_NOFILE, &files);
    code_at(place + PAGE, fd, 2);
    signal(SIGSEGV, _exit);
    return by_call((void *)(place + PAGE));
}

static int code_that_stays(void) {
    int got = 1;
    for (int left = 0; left < 8 && got; left++) {
        pid_t pid = fork();
        if (pid == 0) _exit(with_mappings_left(left));
        waitpid(pid, &got, 0);
    }
    return got != 0;
}

/* A program of two parts side by side, which reads a file and writes it out. */
static int program_in_halves(void) {
    static char bytes[4 * PAGE];
    static const char FIRST[] = "\xbf\x00\x40\x00\x10\x31\xf6\x31\xd2\xb8\x02\x00\x00\x00\x0f";
    static const char SECOND[] =
        "\x05\x89\xc7\xbe\x00\x48\x00\x10\xba\x00\x04\x00\x00\x31\xc0\x0f\x05" /* read */
        "\x85\xc0\x7e\x17\x89\xc2\xbf\x01\x00\x00\x00\xbe\x00\x48\x00\x10\xb8\x01\x00\x00\x00\x0f\x05"
        "\x31\xff\xeb\x05\xbf\x01\x00\x00\x00\xb8\x3c\x00\x00\x00\x0f\x05"; /* exit */
    const long base = 0x10000000;
    Elf64_Ehdr head = {.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1, .e_phoff = sizeof head,
                       .e_entry = base + 2 * PAGE - (sizeof FIRST - 1), .e_ehsize = sizeof head,
                       .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 4};
    Elf64_Phdr parts[4] = {{.p_offset = 0, .p_vaddr = base, .p_flags = PF_R},
                           {.p_offset = PAGE, .p_vaddr = base + PAGE, .p_flags = PF_R | PF_X},
                           {.p_offset = 3 * PAGE, .p_vaddr = base + 2 * PAGE, .p_flags = PF_R | PF_X},
                           {.p_offset = 2 * PAGE, .p_vaddr = base + 4 * PAGE, .p_flags = PF_R | PF_W}};
    char path[4200];
    int status = 1;
    memcpy(head.e_ident, ELFMAG "\2\1\1", 7);
    for (int i = 0; i < 4; i++) {
        parts[i].p_type = PT_LOAD;
        parts[i].p_filesz = parts[i].p_memsz = parts[i].p_align = PAGE;
    }
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, parts, sizeof parts);
    memcpy(bytes + 2 * PAGE - (sizeof FIRST - 1), FIRST, sizeof FIRST - 1);
    memcpy(bytes + 3 * PAGE, SECOND, sizeof SECOND - 1);
    strcpy(bytes + 2 * PAGE, file);
    beside(self, "halves", path, sizeof path);
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
    if (to < 0 || write(to, bytes, sizeof bytes) != sizeof bytes) return failed("write");
    close(to);
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, path, NULL);
        _exit(failed("execl"));
    }
    waitpid(pid, &status, 0);
    unlink(path);
    return status != 0;
}

/* This program once more, whose section headers call its code data. */
static int code_called_data(void) {
    static char bytes[8 << 20];
    char path[4200];
    int from = open("/proc/self/exe", O_RDONLY), status = 1;
    ssize_t length = 0, n;
    beside(self, "data", path, sizeof path);
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
    if (from < 0 || to < 0) return failed("open");
    while ((n = read(from, bytes + length, sizeof bytes - length)) > 0) length += n;
    Elf64_Ehdr *head = (void *)bytes;
    Elf64_Shdr *section = (void *)(bytes + head->e_shoff);
    for (int i = 0; i < head->e_shnum; i++) section[i].sh_flags &= ~SHF_EXECINSTR;
    if (write(to, bytes, length) != length) return failed("write");
    close(to);
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, path, "bare-call", "read", file, allowed_file, NULL);
        _exit(failed("execl"));
    }
    waitpid(pid, &status, 0);
    unlink(path);
    return status != 0;
}

/* Names --------------------------------------------------------------------------------------- */

/* A thread that leaves the table of descriptors: what /proc/self says of its numbers is about
 * others. */
static volatile int step;

static void *with_own_descriptors(void *got) {
    char path[4200];
    if (unshare(CLONE_FILES)) return NULL;
    step = 1;
    while (step == 1) usleep(100);
    beside(allowed_file, "moved", path, sizeof path);
    if (rename(file, path)) perror("rename");
    *(int *)got = open_plain(path);
    rename(path, file);
    return NULL;
}

static int own_descriptors(void) {
    pthread_t thread;
    char folder[4096];
    int got = 1;
    pthread_create(&thread, NULL, with_own_descriptors, &got);
    while (!step) usleep(100);
    int good = open(folder_of(allowed_file, folder, sizeof folder), O_RDONLY | O_DIRECTORY);
    for (int n = 3; n < 32; n++)
        if (n != good) dup2(good, n);
    step = 2;
    pthread_join(thread, NULL);
    return got;
}

/* Puts another folder in the place of the one above what may be read: what is in it is called as
 * that is. */
static int folder_above(void) {
    char folder[4096], above[4096], denied[4096], made[4200], within[8400], path[8800];
    folder_of(allowed_file, folder, sizeof folder);
    folder_of(folder, above, sizeof above);
    folder_of(file, denied, sizeof denied);
    snprintf(made, sizeof made, "%s.made", above);
    snprintf(within, sizeof within, "%s/%s", made, name_of(folder));
    snprintf(path, sizeof path, "%s/%s", folder, name_of(file));
    /* There is no other one. */
    if (!strcmp(folder, denied)) return 1;
    if (mkdir(made, 0755)) return failed("mkdir");
    int got = 1;
    if (rename(denied, within)) return failed("rename");
    if (renameat2(AT_FDCWD, made, AT_FDCWD, above, RENAME_EXCHANGE)) {
        perror("renameat2");
    } else {
        got = open_plain(path);
        if (renameat2(AT_FDCWD, made, AT_FDCWD, above, RENAME_EXCHANGE)) perror("exchange back");
    }
    if (rename(within, denied)) perror("rename back");
    rmdir(made);
    return got;
}

/* A file that is called as what has no name any more, and may have another name for that. */
static int called_deleted(void) {
    char from[4200], to[4200];
    beside(file, "x", from, sizeof from - 16);
    strcat(from, " (deleted)");
    beside(allowed_file, "y", to, sizeof to);
    if (rename(file, from)) return failed("rename");
    int got = link(from, to) ? failed("link") : open_plain(to);
    unlink(to);
    rename(from, file);
    return got;
}

static int through_folders_descriptor(void) {
    char folder[4096], path[4300];
    int fd = open(folder_of(file, folder, sizeof folder), O_PATH | O_DIRECTORY);
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d/%s", fd, name_of(file));
    return open_plain(path);
}

static int as_other_root(void) {
    char folder[4096], path[4200];
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};
    int root = open(folder_of(file, folder, sizeof folder), O_PATH | O_DIRECTORY);
    snprintf(path, sizeof path, "/../%s", name_of(file));
    int fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    return fd < 0 ? failed("openat2") : show(fd);
}

/* As long as a path may be, and up to the end of what can be read. */
static int long_path(void) {
    char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(memory + 4096, 4096);
    size_t length = strlen(file), at = 0;
    while (at + 2 + length < 4095) memcpy(memory + at, "/.", 2), at += 2;
    if (at + length < 4095) memcpy(memory + at++, "/", 1);
    memcpy(memory + at, file, length + 1);
    return open_plain(memory);
}

/* Out of what may be read by the kernel's own steps. */
static int climbing(void) {
    char folder[4096], denied[4096], path[12600];
    folder_of(allowed_file, folder, sizeof folder);
    folder_of(file, denied, sizeof denied);
    snprintf(path, sizeof path, "%s/./../%s/../%s//%s", folder, name_of(folder), name_of(denied), name_of(file));
    return open_plain(path);
}

/* A working folder that another thread changes for its process alone. */
static void *elsewhere(void *got) {
    char folder[4096];
    unshare(CLONE_FS);
    if (!chdir(folder_of(file, folder, sizeof folder))) *(int *)got = open_plain(name_of(file));
    return NULL;
}

static int own_working_folder(void) {
    pthread_t thread;
    char folder[4096];
    int got = 1;
    if (chdir(folder_of(allowed_file, folder, sizeof folder))) return failed("chdir");
    pthread_create(&thread, NULL, elsewhere, &got);
    pthread_join(thread, NULL);
    return got;
}

/* Files that are changed ---------------------------------------------------------------------- */

static int good, bad, held, next;
static volatile int stop;

static void *replace(void *unused) {
    (void)unused;
    while (!stop) {
        dup2(good, held);
        dup2(bad, held);
        dup2(bad, next);
    }
    return NULL;
}

/* Cuts a file by its descriptor's name, while another thread puts another file in the descriptor's
 * place, and in that of the one that comes next, which is a checker's. */
static int race_of_cuts(void) {
    pthread_t thread;
    struct stat status;
    char path[64];
    time_t end = time(NULL) + 5;
    good = open(allowed_file, O_PATH), bad = open(file, O_PATH);
    held = open("/", O_PATH), next = open("/", O_PATH);
    if (bad < 0 || next < 0) return failed("open");
    close(next);
    snprintf(path, sizeof path, "/proc/self/fd/%d", held);
    pthread_create(&thread, NULL, replace, NULL);
    while (time(NULL) < end) {
        truncate(path, 0);
        truncate(allowed_file, 0);
        if (!stat(file, &status) && status.st_size == 0) {
            stop = 1;
            puts(MARK);
            return 0;
        }
    }
    stop = 1;
    fprintf(stderr, "never in 5 s\n");
    return 1;
}

static int cut(void) { return truncate(file, 0) ? failed("truncate") : puts(MARK) < 0; }

static int cut_when_opened(void) {
    return open(file, O_RDONLY | O_TRUNC) < 0 ? failed("open") : puts(MARK) < 0;
}

/* Programs ------------------------------------------------------------------------------------ */

static int started(char *const words[]) {
    execv(words[0], words);
    return failed(words[0]);
}

static int plain_start(void) { return started((char *[]){(char *)file, NULL}); }

/* The dynamic loader maps the program as it maps libraries. */
static int by_dynamic_loader(void) {
    return started((char *[]){"/lib64/ld-linux-x86-64.so.2", (char *)file, NULL});
}

static int by_interpreter(void) {
    char path[4200], line[4300];
    beside(allowed_file, "script", path, sizeof path);
    snprintf(line, sizeof line, "#!%s\n", file);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
    if (fd < 0 || write(fd, line, strlen(line)) < 0) return failed("write");
    close(fd);
    return started((char *[]){path, NULL});
}

static int by_link(void) {
    char path[4200];
    beside(allowed_file, "link", path, sizeof path);
    if (symlink(file, path)) return failed("symlink");
    return started((char *[]){path, NULL});
}

/* Puts a link to the program in the place of one that may be started, while that is started. */
static char racing[4200], linked[4200];

static void *exchange(void *unused) {
    (void)unused;
    while (!stop) renameat2(AT_FDCWD, racing, AT_FDCWD, linked, RENAME_EXCHANGE);
    return NULL;
}

static int race_of_programs(void) {
    pthread_t thread;
    time_t end = time(NULL) + 5;
    int status = 1;
    beside(self, "racing", racing, sizeof racing);
    beside(self, "linked", linked, sizeof linked);
    if (link(self, racing) || symlink(file, linked)) return failed("link");
    pthread_create(&thread, NULL, exchange, NULL);
    while (status && time(NULL) < end) {
        pid_t pid = fork();
        if (pid == 0) {
            /* Without words this program does nothing. */
            execl(racing, racing, NULL);
            _exit(1);
        }
        waitpid(pid, &status, 0);
    }
    stop = 1;
    pthread_join(thread, NULL);
    unlink(racing);
    unlink(linked);
    return status != 0;
}

static const struct technique TECHNIQUES[] = {
    {"dropped-pages", dropped_pages, "read"},
    {"dropped-locked-pages", dropped_locked_pages, "read"},
    {"lengthened-mapping", lengthened_mapping, "read"},
    {"left-mapping", left_mapping, "read"},
    {"prefixed-rex", prefixed_rex, "read"},
    {"prefixed-repeat", prefixed_repeat, "read"},
    {"prefixed-many", prefixed_many, "read"},
    {"bare-call", bare_call, "read"},
    {"library-with-room", library_with_room, "read"},
    {"library-without-room", library_without_room, "read"},
    {"split-call", split_call, "read"},
    {"joined-call", joined_call, "read"},
    {"neighbouring-code", neighbouring_code, "read"},
    {"code-that-stays", code_that_stays, "read"},
    {"program-in-halves", program_in_halves, "read"},
    {"code-called-data", code_called_data, "read"},
    {"own-descriptors", own_descriptors, "read"},
    {"folder-above", folder_above, "read"},
    {"called-deleted", called_deleted, "read"},
    {"through-folders-descriptor", through_folders_descriptor, "read"},
    {"as-other-root", as_other_root, "read"},
    {"long-path", long_path, "read"},
    {"climbing", climbing, "read"},
    {"own-working-folder", own_working_folder, "read"},
    {"race-of-cuts", race_of_cuts, "write"},
    {"cut", cut, "write"},
    {"cut-when-opened", cut_when_opened, "write"},
    {"plain-start", plain_start, "exec"},
    {"by-dynamic-loader", by_dynamic_loader, "exec"},
    {"by-interpreter", by_interpreter, "exec"},
    {"by-link", by_link, "exec"},
    {"race-of-programs", race_of_programs, "exec"},
};

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc < 5) return 2;
    self = argv[0], file = argv[3], allowed_file = argv[4];
    return run_technique(TECHNIQUES, sizeof TECHNIQUES / sizeof *TECHNIQUES, argv[1], argv[2]);
}
