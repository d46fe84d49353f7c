/* What differs between operating systems and between Pythons in the C that the emulation
 * calls, in one place. Which names are replaced in which Python stands in _table.py. */
#ifndef CORO_PATCH_PLATFORM_H
#define CORO_PATCH_PLATFORM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <semaphore.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/signalfd.h>
#include <sys/sysmacros.h>
#endif

/* --- Python ----------------------------------------------------------------- */

/* Public from 3.13 on. */
#if PY_VERSION_HEX >= 0x030D0000
#define coro_finalizing() Py_IsFinalizing()
#else
#define coro_finalizing() _Py_IsFinalizing()
#endif

/* Attribute access with the dict given: what Python's own _thread._local uses. Private,
 * but exported by every Python from 3.11 to 3.15; only some headers declare it. */
PyAPI_FUNC(PyObject *) _PyObject_GenericGetAttrWithDict(PyObject *, PyObject *, PyObject *, int);
PyAPI_FUNC(int) _PyObject_GenericSetAttrWithDict(PyObject *, PyObject *, PyObject *, PyObject *);

/* "Exception ignored in thread started by ...", in the words of each Python. */
#if PY_VERSION_HEX >= 0x030D0000
#define coro_thread_failed(function) \
    PyErr_FormatUnraisable("Exception ignored in thread started by %R", function)
#else
#if PY_VERSION_HEX >= 0x030C0000
PyAPI_FUNC(void) _PyErr_WriteUnraisableMsg(const char *, PyObject *);
#endif
#define coro_thread_failed(function) _PyErr_WriteUnraisableMsg("in thread started by", function)
#endif

/* What `_thread._shutdown` says of an exception, which it does not raise. */
#if PY_VERSION_HEX >= 0x030E0000
#define coro_shutdown_failed() \
    PyErr_FormatUnraisable("Exception ignored while joining a thread in _thread._shutdown()")
#else
#define coro_shutdown_failed() PyErr_WriteUnraisable(NULL)
#endif

/* Let a type say that it is the original: "_thread.lock". `name` is kept. */
static inline int
coro_call_type(PyObject *type, const char *name)
{
    PyTypeObject *t = (PyTypeObject *)type;
    if (t->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        const char *dot = strrchr(name, '.');
        PyObject *module = PyUnicode_FromStringAndSize(name, dot - name);
        int failed = module == NULL || PyObject_SetAttrString(type, "__module__", module) < 0;
        Py_XDECREF(module);
        return failed ? -1 : 0;
    }
    t->tp_name = name;
    PyType_Modified(t);
    return 0;
}

/* Python's socket object. The same from 3.10 to 3.15; `_socket.pyx` compares it with a
 * live socket when it is loaded and does without if it differs. */
typedef struct {
    PyObject_HEAD
    int fd;
    int family;
    int type;
    int protocol;
    PyObject *(*errorhandler)(void);
    int64_t timeout; /* ns; negative: none */
} CoroPySocket;

/* Whether a weak reference, or NULL, is one to `thing`. */
static inline int
coro_refers_to(PyObject *reference, PyObject *thing)
{
    return reference != NULL && ((PyWeakReference *)reference)->wr_object == thing;
}

/* --- sockets ---------------------------------------------------------------- */

#ifndef MSG_ERRQUEUE
#define MSG_ERRQUEUE 0
#endif

/* SOCK_STREAM and its kin, without the flags that Linux adds to the type. */
#define CORO_KIND_OF_SOCKET(type) ((type) & 0xf)

static inline int
coro_is_nonblocking(int fd)
{
    int mode = fcntl(fd, F_GETFL);
    return mode < 0 ? -1 : (mode & O_NONBLOCK) != 0;
}

static inline int
coro_set_nonblocking(int fd, int on)
{
    int mode = fcntl(fd, F_GETFL);
    if (mode < 0)
        return -1;
    return fcntl(fd, F_SETFL, on ? mode | O_NONBLOCK : mode & ~O_NONBLOCK);
}

/* SO_RCVTIMEO or SO_SNDTIMEO in ns; 0 if none is set. */
static inline int64_t
coro_socket_limit(int fd, int option)
{
    struct timeval limit;
    socklen_t size = sizeof(limit);
    if (getsockopt(fd, SOL_SOCKET, option, &limit, &size) < 0 || size != sizeof(limit))
        return 0;
    return limit.tv_sec * INT64_C(1000000000) + limit.tv_usec * INT64_C(1000);
}

/* Whether a read(2) that gives less than was asked for has taken all there was. So it is with TCP,
 * if nothing unusual was asked of it: a layer above it (TCP_ULP) has records, and below SO_RCVLOWAT
 * the poller tells of nothing. */
static inline int
coro_empties_by_short_read(int fd)
{
#if defined(__linux__)
    int protocol = 0, least = 0;
    char layer[16];
    socklen_t protocol_size = sizeof(protocol), least_size = sizeof(least), layer_size = sizeof(layer);
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_size) == 0 && protocol == IPPROTO_TCP
        && getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, &least_size) == 0 && least <= 1
        && (getsockopt(fd, IPPROTO_TCP, TCP_ULP, layer, &layer_size) < 0 || layer_size == 0);
#else
    return 0;
#endif
}

/* The error of the last connect(2), or of asking for it. */
static inline int
coro_socket_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

static inline int
coro_has_peer(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    return getpeername(fd, (struct sockaddr *)&address, &size) == 0 || errno != ENOTCONN;
}

/* On Linux a socket that was connected without waiting counts as connecting until connect(2)
 * is called again: then it is connected, as after a connect that waited. */
static inline void
coro_settle_connection(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getpeername(fd, (struct sockaddr *)&address, &size) == 0)
        (void)connect(fd, (struct sockaddr *)&address, size);
}

/* --- any descriptor ---------------------------------------------------------- */

enum {
    CORO_PLAIN,    /* a file on a disk, or no descriptor: nothing to wait for */
    CORO_PIPE,
    CORO_SOCKET,
    CORO_TERMINAL, /* and what else is a character device */
    CORO_EVENTS    /* eventfd, timerfd, inotify ...: of no type that fstat(2) knows */
};

static inline int
coro_kind_of_file(int fd)
{
    struct stat about;
    if (fstat(fd, &about) < 0)
        return CORO_PLAIN;
    switch (about.st_mode & S_IFMT) {
    case S_IFIFO:
        return CORO_PIPE;
    case S_IFSOCK:
        return CORO_SOCKET;
    case S_IFCHR:
#ifdef __linux__
        if (major(about.st_rdev) == 1) /* /dev/null and its kin */
            return CORO_PLAIN;
#endif
        return CORO_TERMINAL;
    case 0:
        return CORO_EVENTS;
    default:
        return CORO_PLAIN;
    }
}

/* Whether a call would not wait now; 1 also for what cannot be polled. */
static inline int
coro_is_ready(int fd, int events)
{
    struct pollfd one = {fd, (short)events, 0};
    return poll(&one, 1, 0) != 0;
}

/* Wait for so many ns at most, rounded up to ms; -1 for ever. 1 if something has happened, 0 if
 * nothing has, -1 if a signal came or the wait was too long for one call. */
static inline int
coro_wait_for_event(int fd, int events, int64_t longest)
{
    struct pollfd one = {fd, (short)events, 0};
    int64_t ms = longest < 0 ? -1 : longest / 1000000 + (longest % 1000000 != 0);
    int ready = poll(&one, 1, ms < 1000000 ? (int)ms : 1000000);
    return ready == 0 && ms >= 1000000 ? -1 : ready;
}

/* read(2) and write(2) that fail with EAGAIN where they would wait, whatever the mode of the
 * descriptor. Linux has a flag for it, for pipes from 6.4 on. Without it the descriptor is
 * polled first: then a reader in another process or OS thread can still be quicker, and this
 * one waits. */
static inline ssize_t
coro_read_now(int fd, void *buffer, size_t size, int kind)
{
    if (kind == CORO_SOCKET)
        return recv(fd, buffer, size, MSG_DONTWAIT);
#ifdef RWF_NOWAIT
    if (kind != CORO_TERMINAL) {
        struct iovec one = {buffer, size};
        ssize_t n = preadv2(fd, &one, 1, -1, RWF_NOWAIT);
        if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
            return n;
    }
#endif
    if (!coro_is_ready(fd, POLLIN)) {
        errno = EAGAIN;
        return -1;
    }
    return read(fd, buffer, size);
}

/* A terminal that says it is ready has room for one byte at least. */
static inline ssize_t
coro_write_now(int fd, const void *buffer, size_t size, int kind)
{
    if (kind == CORO_SOCKET)
        return send(fd, buffer, size, MSG_DONTWAIT);
#ifdef RWF_NOWAIT
    if (kind == CORO_PIPE) {
        struct iovec one = {(void *)buffer, size};
        ssize_t n = pwritev2(fd, &one, 1, -1, RWF_NOWAIT);
        if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
            return n;
    }
#endif
    if (!coro_is_ready(fd, POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    /* A pipe that is ready has room for so much. */
    return write(fd, buffer, kind == CORO_PIPE && size > PIPE_BUF ? PIPE_BUF : size);
}

/* Descriptors that are readable while one of the signals is pending; -1 where there are none. */
static inline int
coro_signal_descriptor(const sigset_t *signals)
{
#ifdef __linux__
    return signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC);
#else
    (void)signals;
    return -1;
#endif
}

/* --- Python's classes --------------------------------------------------------- */

/* Set (or, with NULL, delete) an attribute of a class that is written in C, which Python's code
 * may not change. */
static inline int
coro_set_in_class(PyObject *type, PyObject *name, void *value)
{
    PyTypeObject *t = (PyTypeObject *)type;
    unsigned long fixed = t->tp_flags & Py_TPFLAGS_IMMUTABLETYPE;
    int failed;
    t->tp_flags &= ~fixed;
    failed = PyType_Type.tp_setattro(type, name, (PyObject *)value);
    t->tp_flags |= fixed;
    return failed;
}

/* --- semaphores --------------------------------------------------------------- */

/* Take a semaphore if that needs no wait: 1, or 0; -1 and an exception. */
static inline int
coro_semaphore_try(sem_t *semaphore)
{
    while (sem_trywait(semaphore) < 0) {
        if (errno == EAGAIN)
            return 0;
        if (errno != EINTR) {
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
    }
    return 1;
}

/* Take a semaphore, waiting for at most about `longest` ns, without the GIL: 1, or 0. It may
 * return early. macOS has no sem_timedwait(3). */
static inline int
coro_semaphore_wait(sem_t *semaphore, int64_t longest)
{
#ifdef __APPLE__
    struct timespec pause = {0, 5000000};
    if (sem_trywait(semaphore) == 0)
        return 1;
    if (longest < pause.tv_nsec)
        pause.tv_nsec = (long)longest;
    nanosleep(&pause, NULL);
    return sem_trywait(semaphore) == 0;
#else
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += longest / 1000000000;
    end.tv_nsec += longest % 1000000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec += 1;
        end.tv_nsec -= 1000000000;
    }
    return sem_timedwait(semaphore, &end) == 0;
#endif
}

/* Raise the OSError of `error`, of the subclass that fits it; always -1. */
static inline int
coro_raise_error(int error)
{
    errno = error;
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

#endif /* CORO_PATCH_PLATFORM_H */
