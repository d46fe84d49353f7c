/* An echo server in C with io_uring, by its system calls alone: what the kernel itself costs if it
 * is asked in batches.
 *
 *     uring_server echo
 *
 * It prints its port, and serves until it is ended. One call hands over what is to be
 * done and fetches what is done; a connection has one receive or one send under way. A send is told
 * to send all (MSG_WAITALL), so its completion is the end of it. Each connection has a buffer of
 * its own, as the kernel writes into it at a time of its choice.
 *
 * See io_uring(7), io_uring_setup(2), io_uring_enter(2).
 */

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common.h"

enum {
    ENTRIES = 4096,
};

enum { ACCEPT, RECEIVE, SEND };

enum { OPERATION = 3 }; /* the bits of `user_data` that tell which it is */

struct connection {
    int fd;
    char buffer[];
};

static struct {
    int fd;
    unsigned *head, *tail, mask; /* of the queue of what is to be done */
    struct io_uring_sqe *entries;
    unsigned *done_head, *done_tail, done_mask;
    struct io_uring_cqe *done;
    unsigned queued;
} ring;

static void set_up(void)
{
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE, .cq_entries = 4 * ENTRIES};
    ring.fd = check(syscall(SYS_io_uring_setup, ENTRIES, &parameters), "io_uring_setup");
    size_t size = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
    size_t other = parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned);
    char *rings = mmap(NULL, size > other ? size : other, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
                       IORING_OFF_SQ_RING);
    char *entries = mmap(NULL, parameters.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);

    if (rings == MAP_FAILED || entries == MAP_FAILED)
        check(-1, "mmap");
    ring.head = (unsigned *)(rings + parameters.sq_off.head);
    ring.tail = (unsigned *)(rings + parameters.sq_off.tail);
    ring.mask = *(unsigned *)(rings + parameters.sq_off.ring_mask);
    ring.entries = (struct io_uring_sqe *)entries;
    ring.done_head = (unsigned *)(rings + parameters.cq_off.head);
    ring.done_tail = (unsigned *)(rings + parameters.cq_off.tail);
    ring.done_mask = *(unsigned *)(rings + parameters.cq_off.ring_mask);
    ring.done = (struct io_uring_cqe *)(rings + parameters.cq_off.cqes);
    unsigned *order = (unsigned *)(rings + parameters.sq_off.array);
    for (unsigned i = 0; i < parameters.sq_entries; i++)
        order[i] = i;
}

/* Hand over what is queued; if `least` is 1, come back when something is done. */
static void enter(unsigned least)
{
    int taken = syscall(SYS_io_uring_enter, ring.fd, ring.queued, least, IORING_ENTER_GETEVENTS, NULL, 0);

    if (taken < 0 && try_again())
        return;
    ring.queued -= check(taken, "io_uring_enter");
}

/* Queue an operation; what is done tells `about` and `what`. */
static struct io_uring_sqe *queue(int operation, int fd, void *about, int what)
{
    unsigned tail = *ring.tail;

    while (tail - __atomic_load_n(ring.head, __ATOMIC_ACQUIRE) > ring.mask)
        enter(0);
    struct io_uring_sqe *entry = &ring.entries[tail & ring.mask];
    memset(entry, 0, sizeof(*entry));
    entry->opcode = operation;
    entry->fd = fd;
    entry->user_data = (uintptr_t)about | what; /* malloc() leaves these bits free */
    __atomic_store_n(ring.tail, tail + 1, __ATOMIC_RELEASE);
    ring.queued++;
    return entry;
}

static void accept_next(int listener)
{
    queue(IORING_OP_ACCEPT, listener, NULL, ACCEPT)->ioprio = IORING_ACCEPT_MULTISHOT;
}

static void receive(struct connection *connection)
{
    struct io_uring_sqe *entry = queue(IORING_OP_RECV, connection->fd, connection, RECEIVE);

    entry->addr = (uintptr_t)connection->buffer;
    entry->len = BUFFER;
}

static void send_back(struct connection *connection, int size)
{
    struct io_uring_sqe *entry = queue(IORING_OP_SEND, connection->fd, connection, SEND);

    entry->addr = (uintptr_t)connection->buffer;
    entry->len = size;
    entry->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
}

static void begin(int fd)
{
    struct connection *connection = checked(malloc(sizeof(*connection) + BUFFER));

    connection->fd = fd;
    receive(connection);
}

int main(int argc, char **argv)
{
    if (argc != 2 || strcmp(argv[1], "echo") != 0) {
        fprintf(stderr, "usage: uring_server echo\n");
        return 2;
    }
    set_up();
    int listener = bound(SOCK_STREAM);
    accept_next(listener);
    for (;;) {
        enter(1);
        unsigned head = *ring.done_head, tail = __atomic_load_n(ring.done_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++) {
            struct io_uring_cqe *done = &ring.done[head & ring.done_mask];
            int what = done->user_data & OPERATION, result = done->res;
            struct connection *connection = (struct connection *)(uintptr_t)(done->user_data & ~(uint64_t)OPERATION);
            if (what == ACCEPT) {
                if (result >= 0)
                    begin(result);
                if (!(done->flags & IORING_CQE_F_MORE))
                    accept_next(listener);
            } else if (result <= 0) {
                close(connection->fd);
                free(connection);
            } else if (what == RECEIVE) {
                send_back(connection, result);
            } else {
                receive(connection);
            }
        }
        __atomic_store_n(ring.done_head, tail, __ATOMIC_RELEASE);
    }
}
