"""What it takes to watch coroutines change their state.

What belongs here: the contract. The scheduler calls an observer only while there is one
(`coro._scheduler.observe`), so watching costs nothing when nobody looks. Statistics and the
profiler are observers.

An observer is called inside the scheduler, where nothing can wait and no exception can be
raised: one that is, is printed and forgotten. It should read a clock, add, and return.
"""


cdef class Observer:
    """Is told of every change. Does nothing itself."""

    cdef void readied(self, object co) noexcept:
        """`co` waits in the ready queue from now on. Called in any OS thread."""

    cdef void resumed(self, object co) noexcept:
        """`co` runs from now on, in this OS thread."""

    cdef void suspended(self, object co) noexcept:
        """`co` has run until now: it waits, lets others run, or has ended."""


cdef class Callbacks(Observer):
    """Calls two functions with the coroutine, for who is no part of this distribution.

    Args:
        on_suspended, on_resumed: what to call.
    """

    def __init__(self, on_suspended, on_resumed):
        self.on_suspended = on_suspended
        self.on_resumed = on_resumed

    cdef void resumed(self, object co) noexcept:
        self.on_resumed(co)

    cdef void suspended(self, object co) noexcept:
        self.on_suspended(co)
