/* Connects to a host by its name, over TCP, and says so. names HOST PORT */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **word) {
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found;
    if (count != 3 || getaddrinfo(word[1], word[2], &want, &found)) {
        puts("no such name");
        return 1;
    }
    for (; found; found = found->ai_next) {
        int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
        if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0) {
            puts("reached");
            return 0;
        }
        close(fd);
    }
    puts("not reached");
    return 2;
}
