/* An echo server and a load generator in C, with epoll and nothing else.
 *
 *     echo server                            prints its port, and serves until its input ends
 *     echo load PORT CONNECTIONS SIZE COUNT  sends COUNT messages; each waits for its echo
 *
 * The server marks what the kernel asks of every server: a recv and a send for whatever
 * has come, and a share of an epoll_wait. The generator is in C so that the servers, and
 * not their client, are at their limit. On each connection it has one message under way,
 * and it looks at every byte that comes back.
 *
 * Messages of any size come and go in pieces. epoll is level-triggered, so one call for
 * what it tells is enough: what is left, it tells again. A send that takes less than it is
 * given has filled the socket's buffer, and the rest waits until epoll tells of room
 * (EPOLLOUT). Meanwhile the server reads no more from that connection: a client that does
 * not read cannot fill its memory. The generator does read, so the two never wait for
 * each other.
 */

#define _GNU_SOURCE /* accept4 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    BUFFER = 65536,
    BACKLOG = 1024,
    PERIOD = 251, /* a prime: pieces that are lost, doubled or exchanged do not fit */
};

struct connection {
    int fd;
    uint32_t watched; /* what epoll watches it for */
    const char *out;  /* what is still to be sent ... */
    size_t left;      /* ... and its size */
    char *kept;       /* server: what `out` is in, if that is not the buffer */
    const char *echo; /* generator: what is still to come back ... */
    size_t due;       /* ... and its size */
};

static char buffer[BUFFER];

static int check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static void *checked(void *memory)
{
    if (memory == NULL) {
        perror("malloc");
        exit(1);
    }
    return memory;
}

static bool try_again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static void watch(int poller, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    int change = connection->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (events == connection->watched)
        return;
    check(epoll_ctl(poller, change, connection->fd, &event), "epoll_ctl");
    connection->watched = events;
}

static struct connection *watch_new(int poller, int fd)
{
    struct connection *connection = checked(calloc(1, sizeof(*connection)));

    connection->fd = fd;
    watch(poller, connection, EPOLLIN);
    return connection;
}

/* Send what the socket takes. False if the connection is broken. */
static bool push(struct connection *connection)
{
    ssize_t sent = send(connection->fd, connection->out, connection->left, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0)
        return try_again();
    connection->out += sent;
    connection->left -= sent;
    return true;
}

/* Echo what has come, or the rest of what came before. False if the connection has ended. */
static bool echo(int poller, struct connection *connection)
{
    if (connection->left == 0) {
        ssize_t came = recv(connection->fd, buffer, BUFFER, 0);
        if (came <= 0)
            return came < 0 && try_again();
        connection->out = buffer;
        connection->left = came;
    }
    if (!push(connection))
        return false;
    if (connection->left == 0) {
        free(connection->kept);
        connection->kept = NULL;
    } else if (connection->kept == NULL) { /* the next connection needs the buffer */
        connection->kept = checked(malloc(connection->left));
        connection->out = memcpy(connection->kept, connection->out, connection->left);
    }
    watch(poller, connection, connection->left > 0 ? EPOLLOUT : EPOLLIN);
    return true;
}

static void serve(void)
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
    watch_new(poller, listener);
    watch_new(poller, STDIN_FILENO);

    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        if (ready < 0 && errno == EINTR)
            continue;
        check(ready, "epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->fd == listener) {
                watch_new(poller, check(accept4(listener, NULL, NULL, SOCK_NONBLOCK), "accept4"));
            } else if (connection->fd == STDIN_FILENO) {
                if (read(STDIN_FILENO, buffer, BUFFER) <= 0)
                    return;
            } else if (!echo(poller, connection)) {
                close(connection->fd);
                free(connection->kept);
                free(connection);
            }
        }
    }
}

static _Noreturn void give_up(void)
{
    fprintf(stderr, "echo load: a connection broke, or an echo is not what was sent\n");
    exit(1);
}

/* Read a piece of the echo, and look at it. */
static void pull(struct connection *connection)
{
    ssize_t came = recv(connection->fd, buffer, BUFFER, MSG_DONTWAIT);

    if (came < 0 && try_again())
        return;
    if (came <= 0 || (size_t)came > connection->due - connection->left /* more than was sent */
        || memcmp(buffer, connection->echo, came) != 0)
        give_up();
    connection->echo += came;
    connection->due -= came;
}

static void begin(struct connection *connection, const char *message, size_t size)
{
    connection->out = connection->echo = message;
    connection->left = connection->due = size;
}

/* Send what is left, if anything is. */
static void send_on(int poller, struct connection *connection)
{
    if (connection->left > 0 && !push(connection))
        give_up();
    watch(poller, connection, connection->left > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void load(int port, int connections, size_t size, long count)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event events[EVENTS];
    struct connection *connection;
    int poller = check(epoll_create1(0), "epoll_create1");
    char *pattern = checked(malloc(size + PERIOD));
    long begun = 0, answered = 0;

    for (size_t i = 0; i < size + PERIOD; i++)
        pattern[i] = i % PERIOD;
    for (int i = 0; i < connections; i++) {
        int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
        check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
        connection = watch_new(poller, fd);
        if (begun < count)
            begin(connection, pattern + begun++ % PERIOD, size);
        send_on(poller, connection);
    }
    while (answered < begun) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        if (ready < 0 && errno == EINTR)
            continue;
        check(ready, "epoll_wait");
        for (int i = 0; i < ready; i++) {
            connection = events[i].data.ptr;
            bool asked = connection->due > 0;
            if (events[i].events & ~EPOLLOUT)
                pull(connection);
            if (asked && connection->due == 0) {
                answered++;
                if (begun < count)
                    begin(connection, pattern + begun++ % PERIOD, size);
            }
            send_on(poller, connection);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "server") == 0) {
        serve();
    } else if (argc == 6 && strcmp(argv[1], "load") == 0) {
        load(atoi(argv[2]), atoi(argv[3]), strtoul(argv[4], NULL, 10), atol(argv[5]));
    } else {
        fprintf(stderr, "usage: echo server | echo load PORT CONNECTIONS SIZE COUNT\n");
        return 2;
    }
    return 0;
}
