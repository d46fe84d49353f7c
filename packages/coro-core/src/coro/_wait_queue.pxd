"""Queues of coroutines that wait for something other than a descriptor or a moment.

What belongs here: the queue's own structure. Who is served when, the modules of `coro.sync`
know. A place in a queue is part of the coroutine object, because a suspended stack may not be
pointed into, and a coroutine waits in one queue at a time.
"""

from cpython.ref cimport PyObject


cdef struct Waiter:
    Waiter *previous
    Waiter *next
    WaitQueue *queue      # NULL while in none
    PyObject *coroutine   # borrowed: a waiting coroutine is kept alive by all_threads
    Py_ssize_t wanted     # what that means, the owner of the queue knows
    bint served           # it got what it waited for


cdef struct WaitQueue:
    Waiter *first
    Waiter *last
    Py_ssize_t length


cdef inline void enqueue(WaitQueue *queue, Waiter *waiter) noexcept:
    """Append a waiter, which is in no queue."""
    waiter.queue = queue
    waiter.next = NULL
    waiter.previous = queue.last
    if queue.last != NULL:
        queue.last.next = waiter
    else:
        queue.first = waiter
    queue.last = waiter
    queue.length += 1


cdef inline void dequeue(Waiter *waiter) noexcept:
    """Take a waiter out of its queue, if it is in one."""
    cdef WaitQueue *queue = waiter.queue
    if queue == NULL:
        return
    if waiter.previous != NULL:
        waiter.previous.next = waiter.next
    else:
        queue.first = waiter.next
    if waiter.next != NULL:
        waiter.next.previous = waiter.previous
    else:
        queue.last = waiter.previous
    queue.length -= 1
    waiter.queue = NULL
