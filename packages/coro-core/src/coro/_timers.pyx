"""Timers: a heap of moments, each with something to do when it comes.

What belongs here: keeping timers in order, and cancelling them. What a timer does
(wake a sleeper, interrupt a coroutine) belongs to the subclass that overrides
`Timer.fire`; when to look at the heap belongs to the scheduler.

Nearly all timers are timeouts that never fire, so cancelling matters as much as
adding. Each timer knows its place in the heap: cancelling moves the last entry into
the gap and sifts it. Timeouts of one length are added in the order in which they
expire, so a new one stays at the end of the array, and to take it away again from
there moves nothing: a `with_timeout` that does not fire costs two stores. Nothing
is left behind for later, so the heap is never larger than the timers that are set.

Each entry has four children. With many timers, what costs time is to tell those that move their
new places, since each lies somewhere else in memory; so the heap is flat, which takes half the moves,
and the children that are compared lie side by side in the array.

Timers of one moment fire in the order in which they were added.
"""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport INT64_MAX

cdef extern from "_platform.h":
    void coro_prefetch(const void *memory) noexcept

cdef enum:
    CHILDREN_BITS = 2  # each entry has four
    CHILDREN = 1 << CHILDREN_BITS
    FIRST_ROOM = 64


cdef class Timer:
    """A moment with something to do. Subclasses say what, in `fire`."""

    def __cinit__(self):
        self.position = NOT_IN_HEAP

    cdef int fire(self) except -1:
        """Called once by the scheduler when the moment has come; must not switch."""
        raise NotImplementedError("a Timer without fire()")


cdef class TimerHeap:
    """A heap of timers, the earliest first."""

    def __dealloc__(self):
        self.clear()
        PyMem_Free(self.entries)

    def __len__(self):
        return self.used

    cdef int add(self, Timer timer, int64_t when) except -1:
        """Set `timer` to fire at `when`, ns."""
        cdef HeapEntry entry
        cdef HeapEntry *entries
        cdef Py_ssize_t room
        if is_set(timer):
            raise RuntimeError("the timer is set already")
        if self.used == self.room:
            room = self.room * 2 if self.room else FIRST_ROOM
            entries = <HeapEntry *> PyMem_Realloc(self.entries, room * sizeof(HeapEntry))
            if entries == NULL:
                raise MemoryError("no memory for another timer")
            self.entries = entries
            self.room = room
        timer.when = when
        entry.when = when
        entry.order = self.next_order
        entry.timer = <PyObject *> timer
        Py_INCREF(timer)
        self.next_order += 1
        self.used += 1
        self.sift_up(self.used - 1, entry)
        return 0

    cdef int cancel(self, Timer timer) except -1:
        """Take `timer` out. 1 if it was set, 0 if it had fired or been cancelled."""
        if not is_set(timer):
            return 0
        self.take(timer.position)
        return 1

    cdef int64_t earliest(self) noexcept:
        """When the next timer fires, ns; INT64_MAX if there is none."""
        return self.entries[0].when if self.used else INT64_MAX

    cdef Timer pop_due(self, int64_t now):
        """The next timer whose moment is not after `now`, taken out; or None."""
        cdef Timer timer
        cdef int i
        if self.used == 0 or self.entries[0].when > now:
            return None
        timer = self.take(0)
        for i in range(min(self.used, 1 + CHILDREN)):  # one of these is the next
            coro_prefetch(self.entries[i].timer)
        return timer

    cdef void shift(self, int64_t length) noexcept:
        """The clock was changed by `length`: all timers keep the time that they have left."""
        cdef Py_ssize_t i
        for i in range(self.used):
            self.entries[i].when += length
            (<Timer> self.entries[i].timer).when += length

    cdef void clear(self) noexcept:
        while self.used:
            self.used -= 1
            timer = <Timer> self.entries[self.used].timer
            timer.position = NOT_IN_HEAP
            Py_DECREF(timer)

    cdef Timer take(self, Py_ssize_t position):
        timer = <Timer> self.entries[position].timer
        cdef HeapEntry last
        self.used -= 1
        if position != self.used:
            last = self.entries[self.used]
            if position and before(last, self.entries[(position - 1) >> CHILDREN_BITS]):
                self.sift_up(position, last)
            else:
                self.sift_down(position, last)
        timer.position = NOT_IN_HEAP
        Py_DECREF(timer)
        return timer

    cdef inline void place(self, Py_ssize_t position, HeapEntry entry) noexcept:
        self.entries[position] = entry
        (<Timer> entry.timer).position = position

    cdef void sift_up(self, Py_ssize_t position, HeapEntry entry) noexcept:
        cdef Py_ssize_t parent
        while position:
            parent = (position - 1) >> CHILDREN_BITS
            if not before(entry, self.entries[parent]):
                break
            self.place(position, self.entries[parent])
            position = parent
        self.place(position, entry)

    cdef void sift_down(self, Py_ssize_t position, HeapEntry entry) noexcept:
        cdef Py_ssize_t child, other, end
        while True:
            child = (position << CHILDREN_BITS) + 1
            if child >= self.used:
                break
            end = min(child + CHILDREN, self.used)
            for other in range(child + 1, end):
                if before(self.entries[other], self.entries[child]):
                    child = other
            if not before(self.entries[child], entry):
                break
            self.place(position, self.entries[child])
            position = child
        self.place(position, entry)


cdef inline bint before(HeapEntry a, HeapEntry b) noexcept:
    return a.when < b.when or (a.when == b.when and a.order < b.order)


class HeapProbe:
    """The heap's operations for tests of its laws; timers are named by any object."""

    def __init__(self):
        self._heap = TimerHeap()

    def __len__(self):
        return len(self._heap)

    def add(self, timer, when):
        (<TimerHeap> self._heap).add(timer, when)

    def holds(self, timer):
        return is_set(timer)

    def cancel(self, timer):
        return bool((<TimerHeap> self._heap).cancel(timer))

    def pop_due(self, now):
        return (<TimerHeap> self._heap).pop_due(now)

    def earliest(self):
        when = (<TimerHeap> self._heap).earliest()
        return None if when == INT64_MAX else when
