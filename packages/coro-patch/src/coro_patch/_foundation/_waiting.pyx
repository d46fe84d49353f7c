"""Queues of coroutines that wait for one thing.

What belongs here: what a lock, a queue and the end of a thread have in common. They run
in any OS thread, and a finalizer may call them again in the middle of themselves; so
nothing here allocates or drops a Python object while a queue is being changed.

Any OS thread may wait: the first time that it does, core gives it a scheduler, and from
then on it is woken like any coroutine.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport INT64_MAX, int64_t

from coro.interface.capi cimport CORO_FOREVER, CORO_READ, CORO_WRITE, CoroCAPI, Coro_Import

import _thread

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    const int POLLIN
    const int POLLOUT
    int coro_finalizing()
    int coro_wait_for_event(int fd, int events, int64_t longest) nogil

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

# Free, and so never waited for: it only looks at its arguments.
cdef object judge = _thread.allocate_lock()

try:
    AtExitError = PythonFinalizationError
except NameError:  # new in 3.13
    AtExitError = RuntimeError


cdef Waiter *new_waiter() except NULL:
    """A waiter for the running coroutine; it is in no queue."""
    cdef Waiter *waiter
    coroutine = core.current()
    waiter = <Waiter *> PyMem_Malloc(sizeof(Waiter))
    if waiter == NULL:
        raise MemoryError("no memory for a coroutine that waits")
    waiter.previous = waiter.next = NULL
    waiter.queued = waiter.starved = waiter.given = False
    Py_INCREF(coroutine)
    waiter.coroutine = <PyObject *> coroutine
    return waiter


cdef void free_waiter(Queue *queue, Waiter *waiter) noexcept:
    cdef PyObject *coroutine = waiter.coroutine
    remove(queue, waiter)
    PyMem_Free(waiter)
    Py_DECREF(<object> coroutine)


cdef void append(Queue *queue, Waiter *waiter) noexcept:
    waiter.queued = True
    waiter.next = NULL
    waiter.previous = queue.last
    if queue.last != NULL:
        queue.last.next = waiter
    else:
        queue.first = waiter
    queue.last = waiter


cdef void prepend(Queue *queue, Waiter *waiter) noexcept:
    waiter.queued = True
    waiter.previous = NULL
    waiter.next = queue.first
    if queue.first != NULL:
        queue.first.previous = waiter
    else:
        queue.last = waiter
    queue.first = waiter


cdef void remove(Queue *queue, Waiter *waiter) noexcept:
    if not waiter.queued:
        return
    waiter.queued = False
    if waiter.previous != NULL:
        waiter.previous.next = waiter.next
    else:
        queue.first = waiter.next
    if waiter.next != NULL:
        waiter.next.previous = waiter.previous
    else:
        queue.last = waiter.previous


cdef Waiter *take_first(Queue *queue) noexcept:
    """The one that has waited longest, taken out of the queue; NULL if nobody waits."""
    cdef Waiter *waiter = queue.first
    if waiter != NULL:
        remove(queue, waiter)
    return waiter


cdef int wake(Waiter *waiter) except -1:
    """1 if this ends its wait; 0 if something else did so before."""
    return core.wake(<object> waiter.coroutine)


cdef int wake_one(Queue *queue) except -1:
    """Wake the first whose wait this ends; 0 if there is none."""
    cdef Waiter *waiter
    while True:
        waiter = take_first(queue)
        if waiter == NULL:
            return 0
        if wake(waiter):
            return 1


cdef int wake_all(Queue *queue) except -1:
    while wake_one(queue):
        pass
    return 0


cdef int prepare_to_wait() except -1:
    """Before the last look at what is waited for: a thread that has no scheduler gets one, and other
    OS threads run meanwhile."""
    cdef int is_main = 0
    if core.running(&is_main) == NULL and not coro_finalizing():
        core.now()
    return 0


cdef int park(const char *why, PyObject *on, int64_t deadline) except -1:
    """`CoroCAPI.park`; when the interpreter is being torn down, nobody is left to wake the
    caller, and a wait that has no end is an error."""
    if not coro_finalizing():
        return core.park(why, on, deadline)
    if deadline == CORO_FOREVER:
        raise AtExitError(f"cannot wait for a {why.decode()} at interpreter shutdown")
    return wait_in_ruins(-1, 0, deadline)


cdef int wait_fd(int fd, int events, int64_t deadline) except -1:
    """`CoroCAPI.wait_fd`, also when the interpreter is being torn down."""
    return wait_in_ruins(fd, events, deadline) if coro_finalizing() else core.wait_fd(fd, events, deadline)


cdef int wait_in_ruins(int fd, int events, int64_t deadline) except -1:
    """When the interpreter is being torn down the OS thread waits: there is no other coroutine."""
    cdef int ready, interest = (POLLIN if events & CORO_READ else 0) | (POLLOUT if events & CORO_WRITE else 0)
    cdef int64_t left = -1
    while True:
        if deadline != CORO_FOREVER:
            left = max(0, deadline - core.now())
        with nogil:
            ready = coro_wait_for_event(fd, interest, left)
        if ready >= 0:
            return ready
        PyErr_CheckSignals()
        if deadline != CORO_FOREVER and core.now() >= deadline:
            return 0


cdef int64_t deadline_in(int64_t length) noexcept:
    cdef int64_t now = core.now()
    return now + length if length < INT64_MAX - now else CORO_FOREVER


cdef bint is_length(object seconds) except -1:
    """Whether this Python takes it for a length of time; up to 3.14 only ints and floats are,
    from 3.15 on all real numbers. Negative ones are not told from others."""
    if isinstance(seconds, (int, float)):
        return True
    try:
        judge.acquire(True, seconds)
    except Exception:
        return False
    judge.release()
    return True


cdef int64_t seconds_to_ns(object seconds) except? -1:
    """A length that the original has accepted, rounded up as it does."""
    cdef double value = float(seconds) * 1e9
    cdef int64_t length
    if value >= 9e18:
        return INT64_MAX
    length = <int64_t> value
    return length + (length < value)
