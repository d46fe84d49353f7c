"""`_queue`: SimpleQueue.

What belongs here: the queue that the standard library has in C. `queue.Queue` and its
kin are Python on top of `threading`.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t

from coro.interface.capi cimport CoroCAPI, Coro_Import
from coro_patch._foundation._identity cimport in_coroutine
from coro_patch._foundation._waiting cimport (
    Queue, Waiter, append, deadline_in, free_waiter, new_waiter, park, prepend, seconds_to_ns,
    wake_one,
)

import _queue
from collections import deque
from types import GenericAlias

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    int coro_call_type(object type, const char *name) except -1

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

Empty = _queue.Empty

# Never empty: it judges arguments in the words of this Python.
cdef object judge = _queue.SimpleQueue()


cdef class SimpleQueue:
    """A queue without a bound: see `queue.SimpleQueue`.

    `put` may be called by a finalizer or a signal handler in the middle of another `put`
    or `get` of the same queue.
    """

    cdef object __weakref__
    cdef object items
    cdef Queue getters

    __class_getitem__ = classmethod(GenericAlias)

    def __cinit__(self):
        self.items = deque()

    def put(self, item, block=True, timeout=None):
        """Put `item` on the queue; this never waits, the other arguments are ignored."""
        self.items.append(item)
        wake_one(&self.getters)

    def put_nowait(self, item):
        """Put `item` on the queue."""
        self.put(item)

    def get(self, block=True, timeout=None):
        """Take the oldest item, waiting for one if there is none.

        Args:
            block: whether to wait.
            timeout: the longest to wait, in seconds; None for no limit.

        Raises:
            Empty: there is none, after `timeout` seconds or if `block` is false.
            ValueError, TypeError, OverflowError: as the original for `timeout`.
        """
        cdef int64_t length = INT64_MAX if block else 0
        if block and timeout is not None:
            judge.put(None)
            judge.get(True, timeout)
            length = seconds_to_ns(timeout)
        if length and in_coroutine():
            core.selfish_act()  # who feeds its own queue would never let others run
        try:
            return self.items.popleft()
        except IndexError:
            pass
        if length:
            self.wait(length)
        try:
            return self.items.popleft()
        except IndexError:
            raise Empty from None

    cdef int wait(self, int64_t length) except -1:
        """Until there is an item, or the time is up."""
        cdef int64_t deadline = deadline_in(length)
        cdef Waiter *waiter = new_waiter()
        append(&self.getters, waiter)
        try:
            while not self.items:
                if not park("queue", <PyObject *> self, deadline):
                    break
                if not waiter.queued and not self.items:
                    prepend(&self.getters, waiter)  # another was faster
        except BaseException:
            if not waiter.queued and self.items:
                wake_one(&self.getters)
            raise
        finally:
            free_waiter(&self.getters, waiter)
        return 0

    def get_nowait(self):
        """Take the oldest item.

        Raises:
            Empty: there is none.
        """
        return self.get(False)

    def empty(self):
        """Whether there is no item now."""
        return not self.items

    def qsize(self):
        """How many items there are now."""
        return len(self.items)


coro_call_type(SimpleQueue, "_queue.SimpleQueue")
