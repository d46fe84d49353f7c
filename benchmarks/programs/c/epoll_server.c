/* Servers in C with epoll and nothing else: what the kernel itself costs.
 *
 *     epoll_server echo         echoes streams
 *     epoll_server udp          echoes datagrams
 *     epoll_server churn        accepts connections, and closes them
 *     epoll_server bulk         reads to the end, and tells how many bytes that were
 *     epoll_server http         answers each request that has no body with 1 KiB of text
 *     epoll_server proxy PORT   connects each connection to that port, and passes on what comes
 *
 * It prints its port, and serves until it is ended. It does what every server must: a
 * recv and a send for whatever has come, and a share of an epoll_wait.
 *
 * epoll is level-triggered, so one call for what it tells is enough: what is left, it tells again.
 * A send that takes less than it is given has filled the socket's buffer, and the rest waits until
 * epoll tells of room (EPOLLOUT). Meanwhile nothing is read from where it came: a client that does
 * not read cannot fill the memory here.
 */

#include "common.h"

enum {
    PAGE = 1024, /* bytes of what is told over HTTP */
};

struct connection {
    int fd;
    uint32_t watched;
    struct connection *other; /* where to send what comes: itself, or the other side of a proxy */
    const char *out;          /* what is still to be sent to the other ... */
    size_t left;              /* ... and its size */
    char *kept;               /* what `out` is in, if that is not the buffer */
    uint64_t came;            /* bulk: bytes */
};

static char buffer[BUFFER];
static int poller, listener, upstream;

static struct connection *watch_new(int fd)
{
    struct connection *connection = checked(calloc(1, sizeof(*connection)));

    connection->fd = fd;
    connection->other = connection;
    watch(poller, fd, connection, &connection->watched, EPOLLIN);
    return connection;
}

static void close_one(struct connection *connection)
{
    close(connection->fd);
    free(connection->kept);
    free(connection);
}

/* Send what the socket takes. False if the connection is broken. */
static bool push(struct connection *from)
{
    ssize_t sent = send(from->other->fd, from->out, from->left, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0)
        return try_again();
    from->out += sent;
    from->left -= sent;
    return true;
}

/* What a connection is watched for: room for the rest of what the other one gave it, and more
 * from itself unless a rest of that waits. */
static void watch_anew(struct connection *connection)
{
    struct connection *other = connection->other;
    uint32_t events = (connection->left > 0 ? 0 : EPOLLIN) | (other->left > 0 && other->other == connection ? EPOLLOUT : 0);

    if (other == connection)
        events = connection->left > 0 ? EPOLLOUT : EPOLLIN;
    watch(poller, connection->fd, connection, &connection->watched, events);
}

/* Pass on what has come, or the rest of what came before. False if the connection has ended. */
static bool pass_on(struct connection *from)
{
    if (from->left == 0) {
        ssize_t came = recv(from->fd, buffer, BUFFER, 0);
        if (came <= 0)
            return came < 0 && try_again();
        from->out = buffer;
        from->left = came;
    }
    if (!push(from))
        return false;
    if (from->left == 0) {
        free(from->kept);
        from->kept = NULL;
    } else if (from->kept == NULL) { /* the next connection needs the buffer */
        from->kept = checked(malloc(from->left));
        from->out = memcpy(from->kept, from->out, from->left);
    }
    watch_anew(from);
    if (from->other != from)
        watch_anew(from->other);
    return true;
}

static void serve_echo(struct connection *connection, uint32_t events)
{
    (void)events;
    if (!pass_on(connection))
        close_one(connection);
}

static void serve_bulk(struct connection *connection, uint32_t events)
{
    (void)events;
    ssize_t came = recv(connection->fd, buffer, BUFFER, 0);

    if (came < 0 && try_again())
        return;
    if (came > 0) {
        connection->came += came;
        return;
    }
    uint64_t told = htobe64(connection->came);
    if (send(connection->fd, &told, sizeof(told), MSG_NOSIGNAL) != sizeof(told))
        perror("send");
    close_one(connection);
}

/* A request comes in one piece: its client sends it so, and waits for the answer before the next. */
static void serve_http(struct connection *connection, uint32_t events)
{
    static char answer[2048];
    static int size = 0;

    if (size == 0)
        size = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%0*d",
                        PAGE, PAGE, 0);
    (void)events;
    ssize_t came = recv(connection->fd, buffer, BUFFER, 0);
    if (came < 0 && try_again())
        return;
    bool whole = came >= 4 && memcmp(buffer + came - 4, "\r\n\r\n", 4) == 0;
    if (!whole || send(connection->fd, answer, size, MSG_NOSIGNAL) != size)
        close_one(connection);
}

/* When one side ends, both do: the clients of the benchmark send no more after that. The events
 * of the other side may be among those that are told next, so it is closed by its own. */
static void serve_proxy(struct connection *connection, uint32_t events)
{
    struct connection *other = connection->other;
    bool alive = other != connection;

    if (alive && other->left > 0 && events & EPOLLOUT)
        alive = pass_on(other);
    if (alive && connection->left == 0 && events & ~EPOLLOUT)
        alive = pass_on(connection);
    if (alive)
        return;
    if (other != connection) {
        other->other = other;
        other->left = 0;
        check(shutdown(other->fd, SHUT_RDWR) < 0 && errno != ENOTCONN ? -1 : 0, "shutdown");
        watch(poller, other->fd, other, &other->watched, EPOLLIN);
    }
    close_one(connection);
}

static void accept_proxy(int fd)
{
    struct connection *client = watch_new(fd), *server = watch_new(connected(SOCK_STREAM, upstream));

    client->other = server;
    server->other = client;
}

static void accept_kept(int fd)
{
    watch_new(fd);
}

static void accept_closed(int fd)
{
    close(fd);
}

static void serve_udp(struct connection *connection, uint32_t events)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    ssize_t came = recvfrom(connection->fd, buffer, BUFFER, MSG_DONTWAIT, (struct sockaddr *)&address, &size);

    (void)events;
    if (came >= 0 && sendto(connection->fd, buffer, came, 0, (struct sockaddr *)&address, size) < 0)
        perror("sendto");
}

static _Noreturn void serve(int kind, void (*accepted)(int), void (*ready)(struct connection *, uint32_t))
{
    struct epoll_event events[EVENTS];

    poller = check(epoll_create1(0), "epoll_create1");
    int main_socket = bound(kind);
    listener = kind == SOCK_STREAM ? main_socket : -1;
    watch_new(main_socket);
    for (;;) {
        int count = wait_for(poller, events, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->fd == listener)
                accepted(check(accept4(listener, NULL, NULL, SOCK_NONBLOCK), "accept4"));
            else
                ready(connection, events[i].events);
        }
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (argc == 2 && strcmp(what, "echo") == 0)
        serve(SOCK_STREAM, accept_kept, serve_echo);
    else if (argc == 2 && strcmp(what, "udp") == 0)
        serve(SOCK_DGRAM, NULL, serve_udp);
    else if (argc == 2 && strcmp(what, "churn") == 0)
        serve(SOCK_STREAM, accept_closed, serve_echo);
    else if (argc == 2 && strcmp(what, "bulk") == 0)
        serve(SOCK_STREAM, accept_kept, serve_bulk);
    else if (argc == 2 && strcmp(what, "http") == 0)
        serve(SOCK_STREAM, accept_kept, serve_http);
    else if (argc == 3 && strcmp(what, "proxy") == 0) {
        upstream = atoi(argv[2]);
        serve(SOCK_STREAM, accept_proxy, serve_proxy);
    }
    fprintf(stderr, "usage: epoll_server echo|udp|churn|bulk|http | epoll_server proxy PORT\n");
    return 2;
}
