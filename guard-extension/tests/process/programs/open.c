/* Has a system call that no jump can be placed for: branches land on it and behind it, and there is
   no padding near. It is never made. */
#include <stdio.h>

__asm__(".text\n"
        "closed_in: .rept 200\n cltd\n .endr\n"
        "je 2f\n je 1f\n"
        "jmp 1f\n"
        "1: syscall\n"
        "2: add %ecx, %eax\n"
        "je 3f\n"
        "3: .rept 200\n cltd\n .endr\n"
        "ret\n");

int main(void) {
    puts("here");
    return 0;
}
