/* What the programs in C of the benchmarks share: errors that end them, sockets on loopback,
 * and a wrapper of epoll that knows what it watches a descriptor for. */

#ifndef CORO_BENCH_COMMON_H
#define CORO_BENCH_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4 */
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    BUFFER = 65536,
    BACKLOG = 1024,
};

static inline int check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static inline void *checked(void *memory)
{
    if (memory == NULL) {
        perror("malloc");
        exit(1);
    }
    return memory;
}

static inline bool try_again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return address;
}

static inline int connected(int kind, int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = check(socket(AF_INET, kind, 0), "socket");

    check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
    return fd;
}

/* A socket at a free port, which is printed: whoever has started this program waits for it. The
 * program ends with whoever that is. */
static inline int bound(int kind)
{
    check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int fd = check(socket(AF_INET, kind, 0), "socket");

    check(bind(fd, (struct sockaddr *)&address, size), "bind");
    if (kind == SOCK_STREAM)
        check(listen(fd, BACKLOG), "listen");
    check(getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* Watch a descriptor for `events`; `watched` remembers what it is watched for, 0 at first. */
static inline void watch(int poller, int fd, void *data, uint32_t *watched, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = data};

    if (events == *watched)
        return;
    check(epoll_ctl(poller, *watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    *watched = events;
}

/* How many descriptors are ready; a signal is nobody's business here. */
static inline int wait_for(int poller, struct epoll_event *events, int milliseconds)
{
    int ready = epoll_wait(poller, events, EVENTS, milliseconds);

    return ready < 0 && errno == EINTR ? 0 : check(ready, "epoll_wait");
}

#endif
