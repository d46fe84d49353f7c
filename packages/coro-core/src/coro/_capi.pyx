"""Fills the table of `coro.interface`'s C side and exports it as a capsule.

What belongs here: nothing but the hand-over from the table's plain functions to the
scheduler. See coro_capi.h for what each promises.
"""

from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t

from coro._scheduler cimport (
    close_everywhere, coro, open_everywhere, running_here, this_scheduler, wait_fd,
)
from coro.interface.capi cimport (
    CORO_CAPI_CAPSULE, CORO_CAPI_MAJOR, CORO_CAPI_MINOR, CORO_SCRATCH_SIZE, CoroCAPI,
)

cdef extern from *:
    const char *CORO_DISTRIBUTION  # "coro-core 1.2.3", from the build

cdef extern from "_platform.h":
    int64_t coro_clock_ns()


cdef int64_t now() noexcept:
    try:
        return this_scheduler().clock()
    except Exception:
        return coro_clock_ns()


cdef object current():
    return this_scheduler().runner()


cdef int selfish_act() except -1:
    return this_scheduler().selfish_act()


cdef int park(const char *why, PyObject *on, int64_t deadline) except -1:
    return this_scheduler().park(why, on, deadline)


cdef int wake(object coroutine) except -1:
    if not isinstance(coroutine, coro):
        raise TypeError(f"only a coroutine can be woken, not {type(coroutine).__name__}")
    if (<coro> coroutine).scheduler is None:
        return 0
    return (<coro> coroutine).scheduler.resume(<coro> coroutine)


cdef int wait_fd_here(int fd, int events, int64_t deadline) except -1:
    return wait_fd(this_scheduler(), fd, events, deadline)


cdef int open_fd(int fd) except -1:
    return open_everywhere(fd)


cdef int close_fd(int fd) except -1:
    return close_everywhere(fd, False)


cdef int release_fd(int fd) except -1:
    return close_everywhere(fd, True)


cdef char *scratch(Py_ssize_t *size) except NULL:
    size[0] = CORO_SCRATCH_SIZE
    return this_scheduler().scratch


cdef PyObject *running(int *is_main) noexcept:
    return running_here(is_main)


cdef CoroCAPI table

VERSION = (CORO_CAPI_MAJOR, CORO_CAPI_MINOR)
PROVIDER = CORO_DISTRIBUTION.decode()

table.major = CORO_CAPI_MAJOR
table.minor = CORO_CAPI_MINOR
table.size = sizeof(CoroCAPI)
table.reserved = 0
table.provider = CORO_DISTRIBUTION
table.now = now
table.current = current
table.selfish_act = selfish_act
table.park = park
table.wake = wake
table.wait_fd = wait_fd_here
table.open_fd = open_fd
table.close_fd = close_fd
table.release_fd = release_fd
table.scratch = scratch
table.running = running

_C_API = PyCapsule_New(&table, CORO_CAPI_CAPSULE, NULL)
