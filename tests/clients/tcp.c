/* Connects to HOST PORT, asks for / and prints the answer. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char buffer[4096];
    ssize_t length;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (argc < 3 || s < 0) return 2;
    inet_pton(AF_INET, argv[1], &address.sin_addr);
    address.sin_port = htons(atoi(argv[2]));
    if (connect(s, (struct sockaddr *)&address, sizeof address)) {
        perror("connect");
        return 1;
    }
    if (write(s, "GET / HTTP/1.0\r\n\r\n", 18) != 18) return 1;
    while ((length = read(s, buffer, sizeof buffer)) > 0) fwrite(buffer, 1, length, stdout);
    return 0;
}
