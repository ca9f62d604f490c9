// Prints what a program can find out about what it was started as.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

extern char etext, __ehdr_start;

int main(int count, char **arguments) {
    char path[4096] = {0}, name[64] = {0};
    for (int i = 0; i < count; i++) printf("argument %d \"%s\"\n", i, arguments[i]);
    printf("exe %s\n", readlink("/proc/self/exe", path, sizeof path) > 0 ? path : "?");
    snprintf(name, sizeof name, "/proc/%d/exe", getpid());
    memset(path, 0, sizeof path);
    printf("exe by number %s\n", readlink(name, path, sizeof path) > 0 ? path : "?");
    FILE *file = fopen("/proc/self/comm", "r");
    printf("comm %s", file && fgets(name, sizeof name, file) ? name : "?\n");
    printf("execfn %s\n", (char *)getauxval(AT_EXECFN));
    printf("headers %ld count %lu base %lu\n", (long)(getauxval(AT_PHDR) - (unsigned long)&__ehdr_start),
           getauxval(AT_PHNUM), getauxval(AT_BASE));
    printf("variable A=%s preload=%s\n", getenv("A") ? getenv("A") : "",
           getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "");
    void *memory = malloc(1 << 20);
    printf("memory %d\n", memory != 0);
    return 0;
}
