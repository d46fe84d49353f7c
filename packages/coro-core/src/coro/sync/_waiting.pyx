"""Waiting in a queue, and being served from it: what all of `coro.sync` have in common.

What belongs here: the two sides of a wait. What is waited for, each class knows.

**Handing over.** Whoever has something to give (a lock, an item) gives it to the first in the
queue and marks it `served`, so that nobody who comes by before that one runs can take it away:
first come, first served. One that is about to be interrupted is passed over.

**Interrupts.** An exception may strike between being served and running. Who waited then
gives back what it got (its `waiter.served` says whether it did), and the next one gets it.
So an interrupt leaves no trace, and no wake-up is lost. A time limit that expires in that gap
does not interrupt: what has come has come.

**OS threads.** Nothing here lets go of the GIL between a look and what follows from it, so
all of this may be used between OS threads; waking is the scheduler's business. Giving needs
no scheduler in the giver's thread, nor does taking what is there.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport int64_t

from coro._scheduler cimport DONE, Scheduler, coro, this_scheduler
from coro._wait_queue cimport Waiter, WaitQueue, dequeue, enqueue


cdef class Waitable:
    """What has one queue: its length is how many wait, and says nothing of whether it is true."""

    def __len__(self):
        return self.waiters.length

    def __bool__(self):
        return True


cdef bint wait_in(
        WaitQueue *queue, const char *why, object on, Py_ssize_t wanted, int64_t deadline) except -1:
    """Wait in `queue` until served. False if the moment `deadline` came first.

    `on` is what the queue belongs to, for reports; None to tell nothing of it. The caller has
    asked `about_to_wait`, so only a wait that began can raise here. If it does, the caller looks
    at its `waiter.served`, and gives back what it got.
    """
    cdef Scheduler here = this_scheduler()
    cdef coro me = here.running
    me.waiter.coroutine = <PyObject *> me
    me.waiter.wanted = wanted
    me.waiter.served = False
    me.handed = None
    enqueue(queue, &me.waiter)
    try:
        while not me.waiter.served and here.park(why, <PyObject *> on if on is not None else NULL, deadline):
            pass
        return me.waiter.served
    finally:
        dequeue(&me.waiter)


cdef coro first_waiter(WaitQueue *queue):
    """The first that can be served, or None."""
    cdef Waiter *waiter = queue.first
    cdef Waiter *following
    cdef coro co
    while waiter != NULL:
        following = waiter.next
        co = <coro> waiter.coroutine
        if co.state == DONE:  # left behind by fork
            dequeue(waiter)
        elif not co.is_leaving():
            return co
        waiter = following
    return None


cdef list all_waiters(WaitQueue *queue):
    """All that can be served."""
    cdef Waiter *waiter = queue.first
    cdef list found = []
    cdef coro co
    while waiter != NULL:
        co = <coro> waiter.coroutine
        if co.state != DONE and not co.is_leaving():
            found.append(co)
        waiter = waiter.next
    return found


cdef int serve(coro co) except -1:
    """Let it go on with what it waited for."""
    co.waiter.served = True
    dequeue(&co.waiter)
    return co.scheduler.resume(co)


cdef coro about_to_wait():
    """The running coroutine, or an error if it may not wait now. Comes before the `try` that
    gives back: whoever is refused here got nothing. And before the last look at what is waited
    for: in a thread that has no scheduler yet it makes one, and others run meanwhile."""
    cdef coro me = this_scheduler().runner()
    if me.waiter.queue != NULL:
        raise RuntimeError("a finalizer that runs in the middle of a wait cannot wait itself: "
                           "start a coroutine from it")
    return me


cdef coro this_coroutine():
    """The running coroutine, or an error inside the scheduler, where nobody can hold anything."""
    cdef Scheduler here = this_scheduler()
    return here.running if here.running is not None else here.runner()
