from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t


cdef enum:
    # What came for a waiter, beside the READ and WRITE bits of the interface.
    CLOSED = 32


cdef struct FdWaiter:
    FdWaiter *previous
    FdWaiter *next
    PyObject *coroutine  # borrowed: a waiting coroutine is kept alive by all_threads
    int fd               # -1 while not in a queue
    int wanted
    uint32_t generation  # of the number, when it began to wait
    bint announced       # it takes the news; another one leaves them, as it may only look
    bint daemon          # it waits for no work of the program
    int came


cdef struct DescriptorEntry:
    FdWaiter *first
    FdWaiter *last
    uint32_t generation
    bint registered
    bint unpollable      # a regular file: always ready
    bint hung_up         # end of file, hang-up or an error was reported
    int news             # READ and WRITE bits that came while nobody waited to take them


cdef class Descriptors:
    cdef DescriptorEntry *table
    cdef Py_ssize_t room
    cdef readonly Py_ssize_t waiting     # coroutines in queues, without daemons
    cdef readonly Py_ssize_t registered  # descriptors known to the poller

    cdef DescriptorEntry *get(self, int fd) except NULL
    cdef DescriptorEntry *find(self, int fd) noexcept
    cdef void enqueue(self, int fd, FdWaiter *waiter) noexcept
    cdef void dequeue(self, FdWaiter *waiter) noexcept
    cdef void reset(self, int fd) noexcept
    cdef void forget_all(self) noexcept
