/* What differs between operating systems in the socket calls, in one place. */
#ifndef CORO_SOCK_PLATFORM_H
#define CORO_SOCK_PLATFORM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <Python.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

/* Where there is no MSG_NOSIGNAL, Python's ignoring of SIGPIPE does. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* Linux: hands a TCP socket over to an upper protocol, such as the kernel's TLS. */
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

static inline int
coro_fd_setup(int fd)
{
    int mode = fcntl(fd, F_GETFL);
    if (mode < 0)
        return -1;
    return mode & O_NONBLOCK ? 0 : fcntl(fd, F_SETFL, mode | O_NONBLOCK);
}

/* A socket that does not block and is not inherited. */
static inline int
coro_socket(int domain, int type, int protocol)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
    return socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
#else
    int fd = socket(domain, type, protocol);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || coro_fd_setup(fd) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
#endif
}

static inline int
coro_accept(int listener, struct sockaddr *address, socklen_t *size)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
    return accept4(listener, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    int fd = accept(listener, address, size);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || coro_fd_setup(fd) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
#endif
}

/* The type flags that socket(2) takes beside the type itself. */
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
#define CORO_TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#else
#define CORO_TYPE_FLAGS 0
#endif

/* Raise the OSError of errno, of the subclass that fits it; always -1. */
static inline int
coro_raise_errno(void)
{
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

#endif /* CORO_SOCK_PLATFORM_H */
