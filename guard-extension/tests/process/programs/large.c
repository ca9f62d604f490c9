/* Much code that never runs, with -DWRITTEN and -z notext an address in it that the dynamic loader
 * writes. Prints how much of its files is in memory, in KiB. */
#include <stdio.h>

int main(void);

__asm__(".text\n"
        ".fill 16 << 20, 1, 0x90\n"
        ".balign 8\n"
        ".globl written\n"
        ".hidden written\n"
        "written:\n"
#ifdef WRITTEN
        ".quad main\n"
#else
        ".quad 0\n"
#endif
        ".text\n");
extern int (*const written)(void);

int main(void)
{
    char line[128];
    int kib;
    FILE *status = fopen("/proc/self/status", "r");

    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "RssFile: %d", &kib) == 1)
            printf("%d\n", kib);
#ifdef WRITTEN
    return written == main ? 0 : 1;
#else
    return written ? 1 : 0;
#endif
}
