/* What differs between operating systems in the socket calls, in one place.
 *
 * Cython sources see what stands here through _platform.pxd; none of them asks which
 * system it runs on. A facility that the platform lacks is still declared and fails as
 * the kernel would.
 */
#ifndef CORO_SOCK_PLATFORM_H
#define CORO_SOCK_PLATFORM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <Python.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/sockios.h>
#include <sys/sendfile.h>
#endif

/* Where there is no MSG_NOSIGNAL, Python's ignoring of SIGPIPE does. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif
#ifndef MSG_ERRQUEUE
#define MSG_ERRQUEUE 0
#endif

/* Linux: hands a TCP socket over to an upper protocol, such as the kernel's TLS. */
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/* Linux: a receive tells what is left to be received, as ancillary data. */
#if defined(__linux__) && !defined(TCP_INQ)
#define TCP_INQ 36
#define TCP_CM_INQ TCP_INQ
#endif
#ifdef TCP_INQ
#define CORO_TCP_INQ TCP_INQ
#else
#define CORO_TCP_INQ (-1) /* no option's number */
#endif

#ifndef IOV_MAX
#define IOV_MAX 16 /* the least that POSIX allows */
#endif

/* The type flags that socket(2) takes beside the type itself. (They may be enum constants,
 * which the preprocessor takes for 0.) */
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
#define CORO_HAVE_TYPE_FLAGS 1
#define CORO_TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#else
#define CORO_HAVE_TYPE_FLAGS 0
#define CORO_TYPE_FLAGS 0
#endif

/* ------------------------------------------------------------ making them -- */

/* Let it not block. */
static inline int
coro_fd_setup(int fd)
{
    int mode = fcntl(fd, F_GETFL);
    if (mode < 0)
        return -1;
    return mode & O_NONBLOCK ? 0 : fcntl(fd, F_SETFL, mode | O_NONBLOCK);
}

/* The same for a new one, which is not inherited either; `fd`, or -1 and it is closed. */
static inline int
coro_fd_setup_new(int fd)
{
    int saved;
    if (fd < 0 || (fcntl(fd, F_SETFD, FD_CLOEXEC) >= 0 && coro_fd_setup(fd) >= 0))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static inline int
coro_socket(int domain, int type, int protocol)
{
#if CORO_HAVE_TYPE_FLAGS
    return socket(domain, type | CORO_TYPE_FLAGS, protocol);
#else
    return coro_fd_setup_new(socket(domain, type, protocol));
#endif
}

static inline int
coro_socketpair(int domain, int type, int protocol, int ends[2])
{
#if CORO_HAVE_TYPE_FLAGS
    return socketpair(domain, type | CORO_TYPE_FLAGS, protocol, ends);
#else
    if (socketpair(domain, type, protocol, ends) < 0)
        return -1;
    ends[0] = coro_fd_setup_new(ends[0]);
    ends[1] = coro_fd_setup_new(ends[1]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return 0;
    if (ends[0] >= 0 || ends[1] >= 0)
        close(ends[0] >= 0 ? ends[0] : ends[1]);
    return -1;
#endif
}

static inline int
coro_accept(int listener, struct sockaddr *address, socklen_t *size)
{
#if CORO_HAVE_TYPE_FLAGS
    return accept4(listener, address, size, CORO_TYPE_FLAGS);
#else
    return coro_fd_setup_new(accept(listener, address, size));
#endif
}

/* Whether accept(2) has something to say. It makes a descriptor and a file before it looks, and when nobody
 * waits to be accepted, the file is given back later and in a roundabout way: ten times as dear as to ask. */
static inline int
coro_may_accept(int listener)
{
    struct pollfd asked = {.fd = listener, .events = POLLIN};
    return poll(&asked, 1, 0) != 0;
}

static inline int
coro_dup(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* After an attempt to connect has failed. The kernel sees that it has when connect(2) is
 * called again, and says ECONNABORTED then, unless it is told that all is over. */
static inline void
coro_unconnect(int fd)
{
#ifdef __linux__
    struct sockaddr nobody;
    memset(&nobody, 0, sizeof(nobody));
    nobody.sa_family = AF_UNSPEC;
    (void)connect(fd, &nobody, sizeof(nobody));
#else
    (void)fd;
#endif
}

/* ---------------------------------------------------------- what they are -- */

/* 1 if it is a socket, 0 if another file; -1 and errno. */
static inline int
coro_is_socket(int fd)
{
    struct stat status;
    return fstat(fd, &status) < 0 ? -1 : S_ISSOCK(status.st_mode) != 0;
}

/* An option that is an int; `otherwise` where it cannot be had. */
static inline int
coro_int_option(int fd, int level, int option, int otherwise)
{
    int value = otherwise;
    socklen_t size = sizeof(value);
    return getsockopt(fd, level, option, &value, &size) < 0 ? otherwise : value;
}

static inline int
coro_socket_domain(int fd)
{
#ifdef SO_DOMAIN
    return coro_int_option(fd, SOL_SOCKET, SO_DOMAIN, AF_UNSPEC);
#else
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &size) < 0 ? AF_UNSPEC
                                                                     : address.ss_family;
#endif
}

static inline int
coro_socket_type(int fd)
{
    return coro_int_option(fd, SOL_SOCKET, SO_TYPE, 0);
}

static inline int
coro_socket_protocol(int fd)
{
#ifdef SO_PROTOCOL
    return coro_int_option(fd, SOL_SOCKET, SO_PROTOCOL, 0);
#else
    return 0;
#endif
}

/* ------------------------------------------------------- what is left (tcp(7)) -- */

/* Let `coro_recv_and_tell` learn what is left, or not any more. -1 where that is not known. */
static inline int
coro_tell_what_is_left(int fd, int on)
{
    return setsockopt(fd, IPPROTO_TCP, CORO_TCP_INQ, &on, sizeof(on));
}

/* recv(2) without flags; and whether anything is left to be received, or the end of the
 * stream: 1 if so, 0 if not, -1 if that is not known. */
static inline ssize_t
coro_recv_and_tell(int fd, char *buffer, size_t size, int *left)
{
    ssize_t n;
#ifdef TCP_INQ
    union {
        struct cmsghdr header; /* for its alignment */
        char space[CMSG_SPACE(sizeof(int))];
    } told;
    struct iovec part;
    struct msghdr message;
    part.iov_base = buffer;
    part.iov_len = size;
    memset(&message, 0, sizeof(message));
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = told.space;
    message.msg_controllen = sizeof(told.space);
    n = recvmsg(fd, &message, 0);
    *left = -1;
    if (n >= 0 && message.msg_controllen >= CMSG_LEN(sizeof(int))
        && told.header.cmsg_level == IPPROTO_TCP && told.header.cmsg_type == TCP_CM_INQ) {
        int amount;
        memcpy(&amount, CMSG_DATA(&told.header), sizeof(amount));
        *left = amount != 0;
    }
#else
    n = recv(fd, buffer, size, 0);
    *left = -1;
#endif
    return n;
}

/* ------------------------------------------------- how much is there to do -- */

#ifdef POLLRDHUP
#define CORO_POLL_READ (POLLIN | POLLPRI | POLLRDHUP)
#else
#define CORO_POLL_READ (POLLIN | POLLPRI)
#endif

/* 1 if a read, or a write, would not wait now, as the pollers see it; 0 if it would; -1 and
 * errno. */
static inline int
coro_is_ready(int fd, int for_writing)
{
    struct pollfd one;
    int n;
    one.fd = fd;
    one.events = for_writing ? POLLOUT : CORO_POLL_READ;
    one.revents = 0;
    do
        n = poll(&one, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0 && one.revents & POLLNVAL) {
        errno = EBADF;
        return -1;
    }
    return n;
}

/* How many bytes can be read, of a listener how many connections accepted. What the
 * kernel counts for no file of this kind is 1: something. */
static inline long
coro_readable_amount(int fd)
{
    int amount = 0;
#ifdef SO_ACCEPTCONN
    if (coro_int_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 0)) {
#if defined(__linux__)
        struct tcp_info info; /* of a listener, tcpi_unacked is its queue */
        socklen_t size = sizeof(info);
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_unacked)
            return (long)info.tcpi_unacked;
#endif
        return 1;
    }
#endif
    return ioctl(fd, FIONREAD, &amount) < 0 ? 1 : amount;
}

/* How many bytes there is room for, by the kernel's own accounts: it counts its
 * overhead too, so this is an estimate. At least 1. */
static inline long
coro_writable_amount(int fd, int is_socket)
{
    long room = 0;
    int used = 0;
    if (is_socket) {
        room = coro_int_option(fd, SOL_SOCKET, SO_SNDBUF, 0);
#if defined(SIOCOUTQ)
        if (ioctl(fd, SIOCOUTQ, &used) == 0)
            room -= used;
#elif defined(FIONWRITE)
        if (ioctl(fd, FIONWRITE, &used) == 0)
            room -= used;
#endif
    }
#ifdef F_GETPIPE_SZ
    else if ((room = fcntl(fd, F_GETPIPE_SZ)) > 0 && ioctl(fd, FIONREAD, &used) == 0)
        room -= used;
#endif
    return room > 1 ? room : 1;
}

/* ---------------------------------------------------------------- sendfile -- */

/* sendfile(2), which moves *offset on. ENOSYS where it is missing or different. */
static inline ssize_t
coro_sendfile(int fd, int source, int64_t *offset, size_t count)
{
#ifdef __linux__
    off_t at = (off_t)*offset;
    ssize_t n = sendfile(fd, source, &at, count);
    *offset = at;
    return n;
#else
    (void)fd, (void)source, (void)offset, (void)count;
    errno = ENOSYS;
    return -1;
#endif
}

#endif /* CORO_SOCK_PLATFORM_H */
