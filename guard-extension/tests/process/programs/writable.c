/* Code in memory that is written to as well: of the program, and of a file that it maps. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
/* mov rax, rdi; syscall; ret */
#define CODE "0x48, 0x89, 0xf8, 0x0f, 0x05, 0xc3"
static const unsigned char code[4096] = {0x48, 0x89, 0xf8, 0x0f, 0x05, 0xc3};
#else
/* mov x8, x0; svc 0; ret */
#define CODE "0xe8, 0x03, 0x00, 0xaa, 0x01, 0x00, 0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6"
static const unsigned char code[4096] = {0xe8, 0x03, 0x00, 0xaa, 0x01, 0x00,
                                         0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6};
#endif

__asm__(".section .own, \"awx\", %progbits\n"
        ".balign 4096\n"
        "call: .byte " CODE "\n"
        ".balign 64\n"
        "beside: .quad 0\n"
        ".balign 4096\n"
        ".text\n"
        ".globl call, beside\n"
        ".hidden call, beside\n");
extern long call(long number);
extern long beside;

int main(void)
{
    char name[] = "/tmp/guard-writable-XXXXXX";
    int file = mkstemp(name);
    char *page;

    beside = 1;
    if (call(SYS_getpid) != getpid() || beside != 1)
        return 1;
    if (write(file, code, sizeof code) != sizeof code)
        return 2;
    page = mmap(NULL, sizeof code, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, file, 0);
    unlink(name);
    if (page == MAP_FAILED)
        return 3;
    page[64] = 1;
    return ((long (*)(long))page)(SYS_getpid) == getpid() ? 0 : 4;
}
