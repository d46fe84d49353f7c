/* Everything that differs between operating systems, in one place.
 *
 * Cython sources include this header and call what it defines; none of them asks
 * which system it runs on. A facility that the platform lacks is still declared:
 * its functions fail with ENOSYS and its CORO_HAVE_ macro is 0.
 */
#ifndef CORO_PLATFORM_H
#define CORO_PLATFORM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define CORO_NS_PER_SECOND INT64_C(1000000000)
#define CORO_NS_PER_MILLISECOND INT64_C(1000000)

static inline int64_t
coro_clock_read(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t); /* cannot fail for the clocks named here */
    return (int64_t)t.tv_sec * CORO_NS_PER_SECOND + t.tv_nsec;
}

static inline int64_t
coro_clock_ns(void)
{
    return coro_clock_read(CLOCK_MONOTONIC);
}

/* A cheaper clock that moves by a timer tick (1 to 10 ms), where there is one. */
static inline int64_t
coro_clock_tick(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
    return coro_clock_read(CLOCK_MONOTONIC_COARSE);
#else
    return coro_clock_read(CLOCK_MONOTONIC);
#endif
}

/* Let the processor fetch two lines of its cache (128 bytes), while it goes on with other things.
 * Tens of thousands of coroutines and their stacks are in no cache, and where each is, only the one
 * before says: so those that come next are fetched ahead. Any address will do. */
static inline void
coro_prefetch(const void *memory)
{
#ifdef __GNUC__
    __builtin_prefetch(memory);
    __builtin_prefetch((const char *)memory + 64);
#endif
}

/* Milliseconds for poll(2) and epoll_wait(2): rounded up, so that a timer is due
 * when they return; negative means without end. */
static inline int
coro_milliseconds(int64_t ns)
{
    const int64_t longest = INT64_C(86400000);
    int64_t ms;
    if (ns < 0)
        return -1;
    ms = ns / CORO_NS_PER_MILLISECOND + (ns % CORO_NS_PER_MILLISECOND != 0);
    return (int)(ms < longest ? ms : longest);
}

static inline int
coro_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* A pipe whose ends do not block and are not inherited. */
static inline int
coro_pipe(int ends[2])
{
#ifdef __linux__
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC);
#else
    int i, saved;
    if (pipe(ends) < 0)
        return -1;
    for (i = 0; i < 2; i++) {
        if (fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0 ||
            fcntl(ends[i], F_SETFD, FD_CLOEXEC) < 0) {
            saved = errno;
            close(ends[0]);
            close(ends[1]);
            errno = saved;
            return -1;
        }
    }
    return 0;
#endif
}

/* ------------------------------------------------------------------ epoll -- */

#ifdef __linux__
#define CORO_HAVE_EPOLL 1
#include <sys/epoll.h>
#include <sys/syscall.h>

/* epoll_pwait2(2) takes nanoseconds but came with Linux 5.11 only. */
static inline int
coro_epoll_wait(int epoll, struct epoll_event *events, int room, int64_t ns)
{
#ifdef SYS_epoll_pwait2
    static int missing = 0;
    if (ns > 0 && !missing) {
        struct timespec t;
        int n;
        t.tv_sec = (time_t)(ns / CORO_NS_PER_SECOND);
        t.tv_nsec = (long)(ns % CORO_NS_PER_SECOND);
        n = (int)syscall(SYS_epoll_pwait2, epoll, events, room, &t, NULL, (size_t)0);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) /* EPERM: from a sandbox */
            return n;
        missing = 1;
    }
#endif
    return epoll_wait(epoll, events, room, coro_milliseconds(ns));
}

#else
#define CORO_HAVE_EPOLL 0
struct epoll_event {
    uint32_t events;
    union {
        uint64_t u64;
    } data;
};
#define EPOLLIN 1
#define EPOLLPRI 2
#define EPOLLOUT 4
#define EPOLLERR 8
#define EPOLLHUP 16
#define EPOLLRDHUP 8192
#define EPOLLET (1u << 31)
#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
#define EPOLL_CLOEXEC 0
static inline int
epoll_create1(int flags)
{
    (void)flags;
    errno = ENOSYS;
    return -1;
}
static inline int
epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    (void)epoll, (void)op, (void)fd, (void)event;
    errno = ENOSYS;
    return -1;
}
static inline int
coro_epoll_wait(int epoll, struct epoll_event *events, int room, int64_t ns)
{
    (void)epoll, (void)events, (void)room, (void)ns;
    errno = ENOSYS;
    return -1;
}
#endif /* __linux__ */

#ifdef POLLRDHUP
#define CORO_POLLRDHUP POLLRDHUP
#else
#define CORO_POLLRDHUP 0
#endif

#endif /* CORO_PLATFORM_H */
