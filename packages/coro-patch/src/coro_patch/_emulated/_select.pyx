"""`select`: waiting for many descriptors.

What belongs here: `select`, `poll` and `epoll`. Each asks the kernel first, without waiting.
If nothing is ready the coroutine waits, and then asks again:

- for one descriptor, as for any other read or write;
- for many, on a private epoll descriptor that watches them all: an epoll descriptor can
  itself be polled. It lives as long as one wait, so what the program does with the numbers
  in between needs no bookkeeping;
- where there is no epoll, in a real OS thread.
"""

cimport cython
from libc.stdint cimport int64_t

from coro.interface.capi cimport CORO_FOREVER, CORO_READ, CORO_WRITE, CoroCAPI, Coro_Import
from coro_patch._foundation._identity cimport in_coroutine
from coro_patch._foundation._waiting cimport deadline_in, is_length, park, seconds_to_ns

import select as select_module

from coro_patch._foundation._offload import offload

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    int coro_call_type(object type, const char *name) except -1

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef object original_select = select_module.select
cdef object original_poll = select_module.poll
cdef object original_poll_object = type(original_poll())
cdef object original_epoll = getattr(select_module, "epoll", None)

cdef int POLLIN = select_module.POLLIN
cdef int POLLOUT = select_module.POLLOUT
cdef int POLLPRI = select_module.POLLPRI
# What has a meaning for poll() and the same value for epoll.
cdef int COMMON = POLLIN | POLLOUT | POLLPRI


cdef int64_t deadline_of(object timeout, double unit) except? -1:
    """`timeout` in units of so many seconds; None or a negative one is for ever."""
    if timeout is None or timeout < 0:
        return CORO_FOREVER
    return deadline_in(seconds_to_ns(float(timeout) * unit))


cdef bint wait(dict wanted, int64_t deadline) except -1:
    """Wait until one of the descriptors may be ready; False when the time is up.

    Args:
        wanted: poll's events, by the number of the descriptor.
    """
    if not wanted:
        return park("select", NULL, deadline)
    if len(wanted) == 1:
        for fd, events in wanted.items():
            if events & COMMON and not events & POLLPRI:
                return core.wait_fd(fd, ((CORO_READ if events & POLLIN else 0)
                                         | (CORO_WRITE if events & POLLOUT else 0)), deadline)
    if original_epoll is None:
        return wait_in_thread(wanted, deadline)
    return wait_in_epoll(wanted, deadline)


cdef bint wait_in_epoll(dict wanted, int64_t deadline) except -1:
    cdef object watcher = original_epoll()
    cdef int number = watcher.fileno()
    try:
        for fd, events in wanted.items():
            try:
                watcher.register(fd, events & COMMON)
            except OSError:
                return True  # closed, or a file that is always ready: the kernel tells
        return core.wait_fd(number, CORO_READ, deadline)
    finally:
        core.close_fd(number)
        watcher.close()


cdef bint wait_in_thread(dict wanted, int64_t deadline) except -1:
    watcher = original_poll()
    for fd, events in wanted.items():
        watcher.register(fd, events)
    milliseconds = None
    if deadline != CORO_FOREVER:
        milliseconds = max(0, (deadline - core.now() + 999_999) // 1_000_000)
    return bool(offload("poll", watcher.poll, milliseconds))


cdef object plain(timeout):
    """A timeout as a number that can be compared, if the original takes it for one."""
    if timeout is None or isinstance(timeout, (int, float)) or not is_length(timeout):
        return timeout
    return float(timeout)


cdef bint is_timeout(timeout):
    """Whether the original takes it for a timeout; what it refuses is left to it."""
    return timeout is None or isinstance(timeout, (int, float)) and timeout < 9e9


cdef int share_time() except -1:
    """Something is always ready for one who leaves it where it is, until others have run."""
    if in_coroutine():
        core.selfish_act()
    return 0


cdef object number_of(thing):
    return thing if isinstance(thing, int) else thing.fileno()


cdef object as_sequence(things):
    """What an iterator gives can be had only once."""
    return things if isinstance(things, (list, tuple)) else list(things)


@cython.binding(False)  # like a builtin: no method when it stands in the body of a class
def select(rlist, wlist, xlist, timeout=None, /):
    """Wait until some of the descriptors are ready: see `select.select`."""
    cdef dict wanted
    cdef int64_t deadline
    timeout = plain(timeout)
    share_time()
    if (not in_coroutine() or not is_timeout(timeout)
            or timeout is not None and not timeout > 0):
        return original_select(rlist, wlist, xlist, timeout)
    try:
        rlist, wlist, xlist = as_sequence(rlist), as_sequence(wlist), as_sequence(xlist)
    except TypeError:
        return original_select(rlist, wlist, xlist, 0)
    deadline = deadline_of(timeout, 1)
    while True:
        found = original_select(rlist, wlist, xlist, 0)
        if found[0] or found[1] or found[2]:
            return found
        wanted = {}
        for things, events in ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLPRI)):
            for thing in things:
                number = number_of(thing)
                wanted[number] = wanted.get(number, 0) | events
        if not wait(wanted, deadline):
            return original_select(rlist, wlist, xlist, 0)


@cython.final
cdef class poll_object:
    """A set of descriptors to poll: see `select.poll`."""

    cdef object __weakref__
    cdef object original
    cdef dict wanted
    cdef bint busy

    def __cinit__(self, original=None):
        if type(original) is not original_poll_object:
            raise TypeError("cannot create 'select.poll' instances")
        self.original = original
        self.wanted = {}

    def register(self, fd, eventmask=POLLIN | POLLPRI | POLLOUT, /):
        """Watch a descriptor for some events, or for others than until now."""
        self.original.register(fd, eventmask)
        self.wanted[number_of(fd)] = eventmask

    def modify(self, fd, eventmask, /):
        """Watch a descriptor that is registered for other events."""
        self.original.modify(fd, eventmask)
        self.wanted[number_of(fd)] = eventmask

    def unregister(self, fd, /):
        """Watch a descriptor no more."""
        self.original.unregister(fd)
        self.wanted.pop(number_of(fd), None)

    def poll(self, timeout=None, /):
        """Wait for at most `timeout` milliseconds. Returns ``[(fd, events), ...]``."""
        cdef int64_t deadline
        if self.busy:
            raise RuntimeError("concurrent poll() invocation")
        timeout = plain(timeout)
        share_time()
        if not in_coroutine() or not is_timeout(timeout) or timeout == 0:
            return self.original.poll(timeout)
        self.busy = True
        try:
            deadline = deadline_of(timeout, 1e-3)
            while True:
                found = self.original.poll(0)
                if found:
                    return found
                if not wait(self.wanted.copy(), deadline):
                    return self.original.poll(0)
        finally:
            self.busy = False


coro_call_type(poll_object, "select.poll")


@cython.binding(False)
def poll():
    """Make a set of descriptors to poll: see `select.poll`."""
    return poll_object.__new__(poll_object, original_poll())


class epoll:
    """An epoll descriptor: see `select.epoll`."""

    __slots__ = ("__weakref__", "_original")

    def __init__(self, sizehint=-1, flags=0):
        self._original = original_epoll(sizehint, flags)

    @classmethod
    def fromfd(cls, fd, /):
        """One for a descriptor that exists."""
        made = cls.__new__(cls)
        made._original = original_epoll.fromfd(fd)
        return made

    @property
    def closed(self):
        return self._original.closed

    def __enter__(self):
        self._original.__enter__()
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Close it. Who waits on it gets `ClosedError`."""
        if not self._original.closed:
            core.close_fd(self._original.fileno())
        self._original.close()

    def fileno(self):
        return self._original.fileno()

    def register(self, fd, eventmask=POLLIN | POLLPRI | POLLOUT):
        """Watch a descriptor for some events."""
        self._original.register(fd, eventmask)

    def modify(self, fd, eventmask):
        """Watch a descriptor that is registered for other events."""
        self._original.modify(fd, eventmask)

    def unregister(self, fd):
        """Watch a descriptor no more."""
        self._original.unregister(fd)

    def poll(self, timeout=None, maxevents=-1):
        """Wait for at most `timeout` seconds. Returns ``[(fd, events), ...]``."""
        cdef int64_t deadline
        original = self._original
        timeout = plain(timeout)
        share_time()
        if not in_coroutine() or not is_timeout(timeout) or timeout == 0:
            return original.poll(timeout, maxevents)
        deadline = deadline_of(timeout, 1)
        while True:
            found = original.poll(0, maxevents)
            if found:
                return found
            if not core.wait_fd(original.fileno(), CORO_READ, deadline):
                return original.poll(0, maxevents)


epoll.__module__ = "select"
