"""`_thread.lock` and `_thread.RLock`.

What belongs here: the two kinds of lock, with the surface of the originals.

A lock that is released is free at once: up to 3.12 `threading` asserts just that. Who
waits is woken and has to take it like anybody else. If somebody was faster, the waiter
goes back to the head of the queue, and the next release gives the lock to it directly. So
a lock is neither handed to and fro at every turn nor kept from anybody for ever.

A try that need not wait, and a release, never switch and never touch the scheduler. With one
exception: threads that turn round and round over locks that are free, until another has done
something, are preempted in plain Python. So one that takes locks without waiting for many
milliseconds lets the others run, before it takes the next.
"""

cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from coro.interface.capi cimport CoroCAPI, Coro_Import
from coro_patch._foundation._identity cimport identity, in_coroutine
from coro_patch._foundation._waiting cimport (
    Queue, Waiter, append, deadline_in, free_waiter, new_waiter, park, prepend,
    seconds_to_ns, take_first, wake, wake_one,
)

from coro_patch._foundation._waiting import AtExitError

import _thread
import sys

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    int coro_finalizing()
    int coro_call_type(object type, const char *name) except -1

cdef object original_lock = _thread.LockType
# Free, and so never waited for: it judges arguments, in the words of this Python.
cdef object judge = _thread.allocate_lock()

cdef bint lock_can_be_called = sys.version_info >= (3, 13)
cdef bint NO_ARGUMENTS = sys.version_info >= (3, 15)

# When the interpreter is torn down nobody is left to release a lock: from 3.15 on no
# acquire waits for it, not even for a while.
cdef bint ACQUIRE_FAILS_AT_EXIT = sys.version_info >= (3, 15)

cdef enum:
    TAKEN_IN_A_ROW = 32       # so often is the clock looked at
    SELFISH_TIME = 1_000_000  # ns; so much counts as one selfish act

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef int countdown = TAKEN_IN_A_ROW
cdef int64_t last_act = 0


cdef inline int64_t real_time() noexcept:
    """ns on a clock that goes on when the virtual one stands still."""
    cdef timespec since_boot
    clock_gettime(CLOCK_MONOTONIC, &since_boot)
    return since_boot.tv_sec * 1_000_000_000 + since_boot.tv_nsec


cdef struct Gate:
    bint held
    Queue waiters


cdef bint enter(Gate *gate, PyObject *on, int64_t length) except -1:
    """Take what the gate guards, waiting for up to `length` ns; whether it was taken."""
    global countdown
    if length == 0:
        if gate.held:
            return False
        gate.held = True
        return True
    countdown -= 1
    if countdown <= 0:
        share_time()
    if not gate.held:
        gate.held = True
        return True
    return wait_to_enter(gate, on, length)


cdef int share_time() except -1:
    """Let the others run, if it is time for them. Nothing has been taken yet."""
    global countdown, last_act
    cdef int64_t now = real_time()
    countdown = TAKEN_IN_A_ROW
    if now - last_act >= SELFISH_TIME and in_coroutine():
        last_act = now
        core.selfish_act()
    return 0


cdef bint wait_to_enter(Gate *gate, PyObject *on, int64_t length) except -1:
    if ACQUIRE_FAILS_AT_EXIT and coro_finalizing():
        raise AtExitError("cannot acquire lock at interpreter finalization")
    cdef int64_t deadline = deadline_in(length)
    cdef Waiter *waiter = new_waiter()
    cdef int woken
    append(&gate.waiters, waiter)
    try:
        while gate.held:  # no more, perhaps: to make a waiter may have let another thread run
            woken = park("lock", on, deadline)
            if waiter.given:
                return True
            if not gate.held:
                break
            if not woken:
                return False
            if not waiter.queued:
                waiter.starved = True
                prepend(&gate.waiters, waiter)
        gate.held = True
        return True
    except BaseException:
        if waiter.given:
            leave(gate)
        elif not waiter.queued and not gate.held:
            wake_one(&gate.waiters)
        raise
    finally:
        free_waiter(&gate.waiters, waiter)


cdef int leave(Gate *gate) except -1:
    cdef Waiter *waiter
    while True:
        waiter = take_first(&gate.waiters)
        if waiter == NULL:
            gate.held = False
            return 0
        gate.held = waiter.given = waiter.starved
        if wake(waiter):
            return 0
        waiter.given = False


cdef int64_t length_of(blocking, timeout) except -2:
    """How long to wait, ns: what the arguments of `acquire` say.

    Raises:
        what the original raises for arguments that it refuses.
    """
    if timeout is -1 or type(timeout) is int and timeout == -1:
        return INT64_MAX if blocking else 0
    judge.acquire(blocking, timeout)
    judge.release()
    if not blocking:
        return 0
    return INT64_MAX if timeout == -1 else seconds_to_ns(timeout)


@cython.final
cdef class lock:
    """A lock: see `threading.Lock`. Waiting for it lets other coroutines run."""

    cdef object __weakref__
    cdef Gate gate

    def __init__(self):
        if not lock_can_be_called:
            raise TypeError("cannot create '_thread.lock' instances")

    def __repr__(self):
        return f"<{'locked' if self.gate.held else 'unlocked'} _thread.lock object at {id(self):#x}>"

    def acquire(self, blocking=True, timeout=-1):
        """Take the lock. Returns whether it was taken; False only if `blocking` is false
        or `timeout` seconds have passed."""
        if blocking is True and timeout is -1:
            return enter(&self.gate, <PyObject *> self, INT64_MAX)
        return enter(&self.gate, <PyObject *> self, length_of(blocking, timeout))

    def acquire_lock(self, blocking=True, timeout=-1):
        """An obsolete synonym of acquire()."""
        return enter(&self.gate, <PyObject *> self, length_of(blocking, timeout))

    def release(self):
        """Release the lock, which the caller need not have taken.

        Raises:
            RuntimeError: it is not locked.
        """
        self.give_back()

    cdef int give_back(self) except -1:
        if not self.gate.held:
            raise RuntimeError("release unlocked lock")
        return leave(&self.gate)

    def release_lock(self):
        """An obsolete synonym of release()."""
        self.give_back()

    def locked(self):
        """Whether the lock is taken."""
        return self.gate.held

    def locked_lock(self):
        """An obsolete synonym of locked()."""
        return self.gate.held

    def __enter__(self):
        return enter(&self.gate, <PyObject *> self, INT64_MAX)

    def __exit__(self, *error):
        self.give_back()

    def _at_fork_reinit(self):
        forget(&self.gate)


cdef int forget(Gate *gate) except -1:
    """In a forked child: nobody holds it, and those who waited are the parent's."""
    gate.held = False
    gate.waiters.first = gate.waiters.last = NULL
    return 0


@cython.binding(False)  # like a builtin: no method when it stands in the body of a class
def allocate_lock():
    """Make a new lock: see `threading.Lock`."""
    return lock.__new__(lock)


cdef class RLock:
    """A lock that its owner can take again: see `threading.RLock`."""

    cdef object __weakref__
    cdef Gate gate
    cdef unsigned long owner
    cdef unsigned long count

    def __cinit__(self, *args, **kwargs):
        # Up to 3.14 the original, too, takes any arguments; later, those that an `__init__` takes.
        if NO_ARGUMENTS and (args or kwargs) and type(self).__init__ is object.__init__:
            raise TypeError(f"RLock() takes no {'positional' if args else 'keyword'} arguments")

    def __repr__(self):
        return (f"<{'locked' if self.count else 'unlocked'} {type_name(self)} object "
                f"owner={self.owner} count={self.count} at {id(self):#x}>")

    cdef bint take(self, int64_t length) except -1:
        cdef unsigned long me = identity()
        if self.count and self.owner == me:
            self.count += 1
            return True
        if not enter(&self.gate, <PyObject *> self, length):
            return False
        self.owner = me
        self.count = 1
        return True

    cdef int give_up(self) except -1:
        self.owner = self.count = 0
        return leave(&self.gate)

    def acquire(self, blocking=True, timeout=-1):
        """Take the lock, or take it once more if it is the caller's."""
        if blocking is True and timeout is -1:
            return self.take(INT64_MAX)
        return self.take(length_of(blocking, timeout))

    def release(self):
        """Undo one acquire().

        Raises:
            RuntimeError: the caller has not taken it.
        """
        self.give_back()

    cdef int give_back(self) except -1:
        if self.count == 0 or self.owner != identity():
            raise RuntimeError("cannot release un-acquired lock")
        if self.count > 1:
            self.count -= 1
            return 0
        return self.give_up()

    def __enter__(self):
        return self.take(INT64_MAX)

    def __exit__(self, *error):
        self.give_back()

    def locked(self):
        """Whether somebody has taken it."""
        return self.count > 0

    # for threading.Condition

    def _is_owned(self):
        return self.count > 0 and self.owner == identity()

    def _recursion_count(self):
        return self.count if self.owner == identity() else 0

    def _release_save(self):
        if self.count == 0:
            raise RuntimeError("cannot release un-acquired lock")
        state = (self.count, self.owner)
        self.give_up()
        return state

    def _acquire_restore(self, state, /):
        cdef unsigned long count, owner
        if not isinstance(state, tuple):
            raise TypeError(
                f"_acquire_restore() argument 1 must be 2-item tuple, not {type(state).__name__}")
        count, owner = state
        enter(&self.gate, <PyObject *> self, INT64_MAX)
        self.owner = owner
        self.count = count

    def _at_fork_reinit(self):
        self.owner = self.count = 0
        forget(&self.gate)


cdef object type_name(self):
    kind = type(self)
    return "_thread.RLock" if kind is RLock else kind.__name__


coro_call_type(lock, "_thread.lock")
coro_call_type(RLock, "_thread.RLock")
