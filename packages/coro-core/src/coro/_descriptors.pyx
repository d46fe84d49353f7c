"""What is known of each descriptor number, and who waits on it.

What belongs here: the table and its queues. Talking to the kernel belongs to the
pollers, waking coroutines to the scheduler.

The kernel gives a number out again as soon as it is closed, and an event that was
on its way for the old owner may arrive after that. So every number carries a
generation: it travels with the registration through the kernel and back, and an
event whose generation is not the number's present one is dropped.

News that comes while nobody waits is noted, not lost: with edge-triggered polling
the kernel tells each change once. So is news that only woke somebody who had not
announced the descriptor: it may have been looking, in a select, for the owner.
"""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memset

from coro.errors import ClosedError

cdef extern from "_platform.h":
    bint coro_is_open(int fd)

cdef enum:
    FIRST_ROOM = 64


cdef class Descriptors:
    """A table of `DescriptorEntry`, by number."""

    def __dealloc__(self):
        PyMem_Free(self.table)

    cdef DescriptorEntry *get(self, int fd) except NULL:
        """The entry of `fd`, made if need be. Valid until the next `get`."""
        cdef DescriptorEntry *table
        cdef Py_ssize_t room
        if fd < 0:
            raise ClosedError(f"the descriptor is closed (its number is {fd})")
        if fd >= self.room:
            if not coro_is_open(fd):  # or any number would make the table as large
                raise ClosedError(f"descriptor {fd} is closed")
            room = max(FIRST_ROOM, self.room)
            while room <= fd:
                room *= 2
            table = <DescriptorEntry *> PyMem_Realloc(self.table, <size_t> room * sizeof(DescriptorEntry))
            if table == NULL:
                raise MemoryError("no memory for the table of descriptors")
            memset(table + self.room, 0, <size_t> (room - self.room) * sizeof(DescriptorEntry))
            self.table = table
            self.room = room
        return self.table + fd

    cdef DescriptorEntry *find(self, int fd) noexcept:
        """The entry of `fd`, or NULL if nothing was ever known of that number."""
        return self.table + fd if 0 <= fd < self.room else NULL

    cdef void enqueue(self, int fd, FdWaiter *waiter) noexcept:
        """Append `waiter` to the queue of `fd`, for which `get` has been called."""
        cdef DescriptorEntry *entry = self.table + fd
        waiter.fd = fd
        waiter.came = 0
        waiter.next = NULL
        waiter.previous = entry.last
        if entry.last != NULL:
            entry.last.next = waiter
        else:
            entry.first = waiter
        entry.last = waiter
        self.waiting += not waiter.daemon

    cdef void dequeue(self, FdWaiter *waiter) noexcept:
        """Take `waiter` out of its queue, if it is in one."""
        cdef DescriptorEntry *entry
        if waiter.fd < 0:
            return
        entry = self.table + waiter.fd
        if waiter.previous != NULL:
            waiter.previous.next = waiter.next
        else:
            entry.first = waiter.next
        if waiter.next != NULL:
            waiter.next.previous = waiter.previous
        else:
            entry.last = waiter.previous
        waiter.fd = -1
        self.waiting -= not waiter.daemon

    cdef void reset(self, int fd) noexcept:
        """The number has changed hands: nothing known of it holds any more."""
        cdef DescriptorEntry *entry = self.find(fd)
        if entry == NULL:
            return
        self.registered -= entry.registered
        entry.generation += 1
        entry.registered = False
        entry.unpollable = False
        entry.hung_up = False
        entry.news = 0

    cdef void forget_all(self) noexcept:
        """After fork: no registration and no waiter is the child's."""
        cdef int fd
        for fd in range(self.room):
            self.reset(fd)
            self.table[fd].first = NULL
            self.table[fd].last = NULL
        self.waiting = 0
