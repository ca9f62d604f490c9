/* Prints FILE. */
#include <stdio.h>

int main(int argc, char **argv) {
    char buffer[4096];
    size_t length;
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (!file) {
        perror("open");
        return 1;
    }
    while ((length = fread(buffer, 1, sizeof buffer, file)) > 0) fwrite(buffer, 1, length, stdout);
    return 0;
}
