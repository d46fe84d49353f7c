"""`_multiprocessing`: SemLock, on which the locks, semaphores, conditions and events of
`multiprocessing` stand.

What belongs here: taking a semaphore that processes share. A try never waits. Who has to
wait does so in a real thread, in sem_timedwait(3): nothing tells a poller that a semaphore
was released, and asking again and again would either be late or keep idle processes busy (of
a pool's workers all but one always wait here). Only the first of the coroutines that wait for
one object has a thread, the others queue behind it, so there are not more threads than locks.

A thread cannot be told to stop waiting; an interrupt leaves it behind. It looks around once
in a while, and if it gets the semaphore nevertheless, it gives it back.

Who holds a lock is a coroutine, so the object counts for itself. The original still makes
the semaphore, shares it, closes it, and judges releases.
"""

cimport cython
from cpython.float cimport PyFloat_AsDouble
from libc.stdint cimport INT64_MAX, int64_t
from posix.unistd cimport getpid

from coro.interface.capi cimport CORO_FOREVER, CoroCAPI, Coro_Import
from coro_patch._foundation._identity cimport identity, in_coroutine
from coro_patch._foundation._waiting cimport deadline_in, park, seconds_to_ns

import _multiprocessing

from coro_patch._foundation._offload import no_more_threads, offload
from coro_patch._emulated._thread_locks import allocate_lock

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "<semaphore.h>" nogil:
    ctypedef struct sem_t:
        pass
    int sem_post(sem_t *semaphore)

cdef extern from "_platform.h":
    int coro_semaphore_try(sem_t *semaphore) except -1
    int coro_semaphore_wait(sem_t *semaphore, int64_t longest) nogil

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef object original_SemLock = _multiprocessing.SemLock

cdef int RECURSIVE_MUTEX = 0
# How long a thread that was left behind may stay, ns.
cdef int64_t LOOK_AROUND = 1_000_000_000
# Between two tries where there can be no thread, ns.
cdef int64_t PAUSE = 1_000_000


@cython.final
cdef class Wait:
    """One wait for a semaphore, in a real thread."""

    cdef object semlock  # it keeps the semaphore open
    cdef sem_t *semaphore
    cdef int64_t deadline
    cdef bint taken, abandoned

    def __call__(self):
        cdef int64_t left = LOOK_AROUND
        cdef bint taken
        while not self.abandoned:
            if self.deadline != CORO_FOREVER:
                left = self.deadline - core.now()
                if left <= 0:
                    return
            with nogil:
                taken = coro_semaphore_wait(self.semaphore, min(left, LOOK_AROUND))
            if taken:
                if self.abandoned:
                    sem_post(self.semaphore)
                else:
                    self.taken = True
                return


cdef sem_t *semaphore_of(semlock) except NULL:
    return <sem_t *> <size_t> semlock.handle


cdef bint wait(semlock, int64_t deadline) except -1:
    """Take the semaphore, waiting for it; False if the time was up."""
    cdef Wait job = Wait.__new__(Wait)
    if no_more_threads() and in_coroutine():
        return ask_again(semlock, deadline)
    job.semlock = semlock
    job.semaphore = semaphore_of(semlock)
    job.deadline = deadline
    try:
        offload("semaphore", job)
    except BaseException:
        job.abandoned = True
        if job.taken:
            sem_post(job.semaphore)
        raise
    return job.taken


cdef bint ask_again(semlock, int64_t deadline) except -1:
    """At the exit of 3.12, where no thread can be had, but whoever has it may have to run."""
    while not coro_semaphore_try(semaphore_of(semlock)):
        if core.now() >= deadline:
            return False
        park("semaphore", NULL, min(deadline, deadline_in(PAUSE)))
    return True


class SemLock(original_SemLock):
    """A semaphore that processes share: see `multiprocessing.synchronize`."""

    _held = 0       # by coroutines of this process: acquire()s minus release()s
    _holder = 0     # who has acquired it last
    _gate = None    # held by the one that has a thread to wait in
    _process = 0    # whose gate that is

    def acquire(self, block=True, timeout=None):
        """Take the semaphore. Returns whether it was taken; False only if `block` is false
        or `timeout` seconds have passed."""
        cdef bint recursive = self.kind == RECURSIVE_MUTEX
        cdef unsigned long me = identity()
        cdef int64_t length = INT64_MAX
        if recursive and self._held and self._holder == me:
            self._held += 1
            return True
        if not block:
            length = 0
        elif timeout is not None:
            length = max(0, seconds_to_ns(PyFloat_AsDouble(timeout)))
        if not coro_semaphore_try(semaphore_of(self)):
            if length == 0 or not self._wait(deadline_in(length)):
                return False
        self._held += 1
        self._holder = me
        return True

    def _wait(self, int64_t deadline):
        if not in_coroutine():
            return wait(self, deadline)
        if self._process != getpid():  # those who waited in the parent do not here
            self._process = getpid()
            self._gate = allocate_lock()
        gate = self._gate
        if not gate.acquire(True, -1 if deadline == CORO_FOREVER else max(0, deadline - core.now()) * 1e-9):
            return False
        try:
            return coro_semaphore_try(semaphore_of(self)) or wait(self, deadline)
        finally:
            gate.release()

    def release(self):
        """Give the semaphore back.

        Raises:
            AssertionError: a recursive lock that somebody else holds.
            ValueError: it was given back too often.
        """
        if self.kind != RECURSIVE_MUTEX:
            original_SemLock.release(self)
            self._held -= 1
            return
        if not self._is_mine():
            raise AssertionError("attempt to release recursive lock not owned by thread")
        self._held -= 1
        if not self._held:
            sem_post(semaphore_of(self))

    def __enter__(self):
        return self.acquire()

    def __exit__(self, kind=None, value=None, traceback=None, /):
        self.release()

    def _count(self):
        """How often this process has acquired it, and not yet released."""
        return self._held

    def _is_mine(self):
        """Whether the caller has it."""
        return self._held > 0 and self._holder == identity()

    def _after_fork(self):
        """In a forked child: it has acquired nothing."""
        self._held = 0


SemLock.__module__ = "_multiprocessing"
