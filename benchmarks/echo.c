/* An echo server and a load generator in C, with epoll and nothing else.
 *
 *     echo server                            prints its port, and serves for ever
 *     echo load PORT CONNECTIONS SIZE COUNT  sends COUNT requests; each waits for its echo
 *
 * The server marks what the kernel asks of every server: a recv and a send for each
 * request, and a share of an epoll_wait. The generator is in C so that the servers, and
 * not their client, are at their limit. Both expect requests that fit into one segment.
 */

#define _GNU_SOURCE /* accept4 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER = 65536, BACKLOG = 1024 };

static char buffer[BUFFER];

static int check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static void watch(int poller, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static _Noreturn void serve(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct epoll_event events[EVENTS];
    int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    int poller = check(epoll_create1(0), "epoll_create1");

    check(bind(listener, (struct sockaddr *)&address, size), "bind");
    check(listen(listener, BACKLOG), "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &size), "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    watch(poller, listener);

    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        if (count < 0 && errno == EINTR)
            continue;
        check(count, "epoll_wait");
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                watch(poller, check(accept4(listener, NULL, NULL, SOCK_NONBLOCK), "accept4"));
                continue;
            }
            ssize_t came = recv(fd, buffer, BUFFER, 0);
            if (came <= 0 || send(fd, buffer, came, MSG_NOSIGNAL) != came)
                close(fd);
        }
    }
}

static int load(int port, int connections, size_t size, long count)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event events[EVENTS];
    int poller = check(epoll_create1(0), "epoll_create1");
    char request[BUFFER];
    long sent = 0;

    memset(request, 'x', sizeof(request));
    for (int i = 0; i < connections; i++) {
        int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
        check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
        watch(poller, fd);
        if (sent < count)
            sent += check(send(fd, request, size, 0), "send") == (int)size;
    }
    for (long answered = 0; answered < sent;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        if (ready < 0 && errno == EINTR)
            continue;
        check(ready, "epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (recv(fd, buffer, BUFFER, 0) != (ssize_t)size || memcmp(buffer, request, size) != 0) {
                fprintf(stderr, "echo load: the echo is not what was sent\n");
                return 1;
            }
            answered++;
            if (sent < count)
                sent += check(send(fd, request, size, 0), "send") == (int)size;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "server") == 0)
        serve();
    if (argc == 6 && strcmp(argv[1], "load") == 0)
        return load(atoi(argv[2]), atoi(argv[3]), strtoul(argv[4], NULL, 10), atol(argv[5]));
    fprintf(stderr, "usage: echo server | echo load PORT CONNECTIONS SIZE COUNT\n");
    return 2;
}
