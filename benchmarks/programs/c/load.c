/* Load generators for servers on loopback: closed loops that look at every byte.
 *
 *     load echo  PORT CONNECTIONS SIZE COUNT   messages; each waits for its echo
 *     load udp   PORT CONNECTIONS SIZE COUNT   the same with datagrams
 *     load churn PORT CONNECTIONS COUNT        connections that the server accepts and closes
 *     load bulk  PORT CONNECTIONS SIZE COUNT   bytes one way, in sends of SIZE; then the server
 *                                              tells how many have come, in 8 bytes (network order)
 *
 * They are in C so that the servers, and not their client, are at their limit. CONNECTIONS are under
 * way at any time, each with one thing: the next begins when the one before is done. What is
 * printed is one line of JSON: how many, the seconds that all of it took, and of each one's time
 * the median and the highest of 99 and 99.9 in a hundred, in seconds.
 *
 * Messages of any size come and go in pieces. epoll is level-triggered, so one call for what it
 * tells is enough: what is left, it tells again. Servers read on only when the rest of their own
 * send has gone; the generator always reads, so the two never wait for each other.
 */

#include <time.h>

#include "common.h"

enum {
    PERIOD = 251,     /* a prime: pieces that are lost, doubled or exchanged do not fit */
    LOST_AFTER = 500, /* milliseconds without any datagram, after which they are sent again */
};

struct client {
    int fd;
    uint32_t watched;
    const char *out;  /* what is still to be sent ... */
    size_t left;      /* ... and its size */
    const char *echo; /* what is still to come back ... */
    size_t due;       /* ... and its size */
    const char *message;
    uint64_t began; /* ns */
};

static char buffer[BUFFER];
static char *pattern;
static uint64_t *times; /* ns; of each that is done */
static long begun, answered, count;

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "load: %s\n", why);
    exit(1);
}

static void make_pattern(size_t size)
{
    pattern = checked(malloc(size + PERIOD));
    for (size_t i = 0; i < size + PERIOD; i++)
        pattern[i] = i % PERIOD;
}

static const char *next_message(void)
{
    return pattern + begun++ % PERIOD;
}

static void done(struct client *client)
{
    times[answered++] = now() - client->began;
}

static int by_size(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

    return (a > b) - (a < b);
}

static double highest_of(double share)
{
    return times[(long)((answered - 1) * share)] * 1e-9;
}

static void report(uint64_t began)
{
    double seconds = (now() - began) * 1e-9;

    qsort(times, answered, sizeof(*times), by_size);
    printf("{\"count\": %ld, \"seconds\": %.9f, \"p50\": %.9f, \"p99\": %.9f, \"p999\": %.9f}\n", answered, seconds,
           highest_of(0.5), highest_of(0.99), highest_of(0.999));
}

/* --- streams ------------------------------------------------------------------------- */

/* Send what the socket takes. */
static void push(struct client *client)
{
    ssize_t sent = send(client->fd, client->out, client->left, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0 && try_again())
        return;
    if (sent < 0)
        give_up("a connection broke");
    client->out += sent;
    client->left -= sent;
}

/* Read a piece of the echo, and look at it. */
static void pull(struct client *client)
{
    ssize_t came = recv(client->fd, buffer, BUFFER, MSG_DONTWAIT);

    if (came < 0 && try_again())
        return;
    if (came <= 0)
        give_up("a connection broke");
    if ((size_t)came > client->due - client->left /* more than was sent */ || memcmp(buffer, client->echo, came) != 0)
        give_up("an echo is not what was sent");
    client->echo += came;
    client->due -= came;
}

static void begin(struct client *client, size_t size)
{
    client->out = client->echo = next_message();
    client->left = client->due = size;
    client->began = now();
}

static void send_on(int poller, struct client *client)
{
    if (client->left > 0)
        push(client);
    watch(poller, client->fd, client, &client->watched, client->left > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void echo(int port, int connections, size_t size)
{
    struct epoll_event events[EVENTS];
    int poller = check(epoll_create1(0), "epoll_create1");
    struct client *clients = checked(calloc(connections, sizeof(*clients)));

    for (int i = 0; i < connections; i++)
        clients[i].fd = connected(SOCK_STREAM, port);
    uint64_t began = now();
    for (int i = 0; i < connections && begun < count; i++) {
        begin(&clients[i], size);
        send_on(poller, &clients[i]);
    }
    while (answered < begun) {
        int ready = wait_for(poller, events, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            bool asked = client->due > 0;
            if (events[i].events & ~EPOLLOUT)
                pull(client);
            if (asked && client->due == 0) {
                done(client);
                if (begun < count)
                    begin(client, size);
            }
            send_on(poller, client);
        }
    }
    report(began);
}

static void bulk(int port, int connections, size_t size)
{
    struct epoll_event events[EVENTS];
    int poller = check(epoll_create1(0), "epoll_create1");
    struct client *clients = checked(calloc(connections, sizeof(*clients)));
    uint64_t *sent = checked(calloc(connections, sizeof(*sent)));
    int open = connections;

    for (int i = 0; i < connections; i++)
        clients[i].fd = connected(SOCK_STREAM, port);
    uint64_t began = now();
    for (int i = 0; i < connections; i++)
        watch(poller, clients[i].fd, &clients[i], &clients[i].watched, EPOLLOUT);
    while (open > 0) {
        int ready = wait_for(poller, events, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (client->watched == EPOLLIN) { /* all is sent: the server tells what has come */
                uint64_t came;
                if (recv(client->fd, &came, sizeof(came), MSG_WAITALL) != sizeof(came))
                    give_up("a connection broke");
                if (be64toh(came) != sent[client - clients])
                    give_up("the server has not got what was sent");
                close(client->fd);
                open--;
                continue;
            }
            if (client->left == 0 && begun < count) {
                client->out = next_message();
                client->left = size;
                client->began = now();
                sent[client - clients] += size;
            }
            if (client->left > 0) {
                push(client);
                if (client->left == 0)
                    done(client);
            } else {
                check(shutdown(client->fd, SHUT_WR), "shutdown");
                watch(poller, client->fd, client, &client->watched, EPOLLIN);
            }
        }
    }
    report(began);
}

static void start_connection(int poller, struct client *client, int port)
{
    begun++;
    client->began = now();
    client->fd = connected(SOCK_STREAM, port);
    client->watched = 0;
    watch(poller, client->fd, client, &client->watched, EPOLLIN);
}

/* The server closes first, and what it closed would wait for a minute in TIME_WAIT and keep the
 * client's port. A reset from here ends that. */
static void churn(int port, int connections)
{
    struct epoll_event events[EVENTS];
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int poller = check(epoll_create1(0), "epoll_create1");
    struct client *clients = checked(calloc(connections, sizeof(*clients)));
    uint64_t began = now();

    for (int i = 0; i < connections && begun < count; i++)
        start_connection(poller, &clients[i], port);
    while (answered < begun) {
        int ready = wait_for(poller, events, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (recv(client->fd, buffer, 1, MSG_DONTWAIT) != 0)
                give_up("a connection was not closed in order");
            check(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), "setsockopt");
            close(client->fd);
            done(client);
            if (begun < count)
                start_connection(poller, client, port);
        }
    }
    report(began);
}

/* --- datagrams ----------------------------------------------------------------------- */

static void send_datagram(struct client *client, size_t size)
{
    if (send(client->fd, client->message, size, 0) != (ssize_t)size && errno != ECONNREFUSED)
        give_up("a datagram was not sent");
}

static void begin_datagram(struct client *client, size_t size)
{
    client->message = next_message();
    client->began = now();
    send_datagram(client, size);
}

static void udp(int port, int connections, size_t size)
{
    struct epoll_event events[EVENTS];
    int poller = check(epoll_create1(0), "epoll_create1");
    struct client *clients = checked(calloc(connections, sizeof(*clients)));
    uint64_t began = now();

    for (int i = 0; i < connections && begun < count; i++) {
        clients[i].fd = connected(SOCK_DGRAM, port);
        watch(poller, clients[i].fd, &clients[i], &clients[i].watched, EPOLLIN);
        begin_datagram(&clients[i], size);
    }
    while (answered < begun) {
        int ready = wait_for(poller, events, LOST_AFTER);
        for (int i = 0; ready == 0 && i < connections; i++)
            if (clients[i].message != NULL)
                send_datagram(&clients[i], size);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            ssize_t came = recv(client->fd, buffer, BUFFER, MSG_DONTWAIT);
            if (came < 0 && try_again())
                continue;
            /* One that was sent again may come back twice: the second is no answer to the next. */
            if (client->message == NULL || came != (ssize_t)size || memcmp(buffer, client->message, size) != 0)
                continue;
            client->message = NULL;
            done(client);
            if (begun < count)
                begin_datagram(client, size);
        }
    }
    report(began);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    bool has_size = strcmp(what, "churn") != 0;

    if (argc != (has_size ? 6 : 5)) {
        fprintf(stderr, "usage: load echo|udp|bulk PORT CONNECTIONS SIZE COUNT | load churn PORT CONNECTIONS COUNT\n");
        return 2;
    }
    int port = atoi(argv[2]), connections = atoi(argv[3]);
    size_t size = has_size ? strtoul(argv[4], NULL, 10) : 0;
    count = atol(argv[argc - 1]);
    times = checked(calloc(count > 0 ? count : 1, sizeof(*times)));
    make_pattern(size);
    if (strcmp(what, "echo") == 0)
        echo(port, connections, size);
    else if (strcmp(what, "udp") == 0)
        udp(port, connections, size);
    else if (strcmp(what, "bulk") == 0)
        bulk(port, connections, size);
    else if (strcmp(what, "churn") == 0)
        churn(port, connections);
    else
        return 2;
    return 0;
}
