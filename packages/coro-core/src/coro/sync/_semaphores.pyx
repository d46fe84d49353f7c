"""The semaphore, and the inverted one."""

from libc.stdint cimport INT64_MAX

from coro._scheduler cimport coro
from coro.sync._waiting cimport about_to_wait, first_waiter, serve, wait_in

from coro.errors import LockError

cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX


cdef Py_ssize_t amount(str name, Py_ssize_t value) except -1:
    if value < 0:
        raise ValueError(f"{name} must not be negative, but is {value}")
    return value


cdef class semaphore(Waitable):
    """semaphore(value, limit=None)\n--\n
    A number of things that coroutines take and bring back.

    Those who wait get them in the order in which they came, even if a later one wants fewer.
    ``with sem: ...`` holds one for a block. ``int(sem)`` is `avail`, ``len(sem)`` how many wait.

    Args:
        value: how many there are at first.
        limit: how many there can be; None for no limit. With a limit, bringing back too many
            is an error.

    Attributes:
        avail: how many are there now.

    Raises:
        ValueError: `value` is negative, or more than `limit`.
    """

    def __cinit__(self, Py_ssize_t value, limit=None):
        self.limit = PY_SSIZE_T_MAX if limit is None else limit
        self.avail = amount("value", value)
        if value > self.limit:
            raise ValueError(f"value must not be more than limit, but {value} is more than {self.limit}")

    def __repr__(self):
        return f"<semaphore {self.avail} available, {len(self)} waiting>"

    def __int__(self):
        return self.avail

    def acquire(self, Py_ssize_t value=1):
        """Take `value` of them, waiting until there are so many and those before had theirs.

        Returns:
            whether it had to wait.

        Raises:
            ValueError: `value` is negative, or more than there can be.
        """
        return bool(self.take(amount("value", value)))

    def release(self, Py_ssize_t value=1):
        """Bring `value` of them back. Never waits.

        Raises:
            LockError: there would be more than there can be.
            ValueError: `value` is negative.
        """
        if amount("value", value) > self.limit - self.avail:
            raise LockError(f"{value} more would be too many: {self.avail} of {self.limit} are here already")
        self.avail += value
        self.serve_waiters()

    def __enter__(self):
        self.take(1)
        return self

    def __exit__(self, kind, error, traceback):
        self.release(1)

    cdef int take(self, Py_ssize_t value) except -1:
        cdef coro me
        if value > self.limit:
            raise ValueError(f"value must not be more than the limit of {self.limit}, but is {value}")
        if not self.has_now(value):
            me = about_to_wait()
        if self.has_now(value):
            self.avail -= value
            return False
        try:
            wait_in(&self.waiters, b"semaphore", self, value, INT64_MAX)
        except BaseException:
            if me.waiter.served:
                self.avail += value
            self.serve_waiters()  # the next may want fewer
            raise
        return True

    cdef bint has_now(self, Py_ssize_t value) except -1:
        return value <= self.avail and (self.waiters.length == 0 or first_waiter(&self.waiters) is None)

    cdef int serve_waiters(self) except -1:
        cdef coro following
        while self.waiters.length:
            following = first_waiter(&self.waiters)
            if following is None or following.waiter.wanted > self.avail:
                return 0
            self.avail -= following.waiter.wanted
            serve(following)
        return 0


cdef class inverted_semaphore(Waitable):
    """inverted_semaphore(value=0)\n--\n
    A count of work under way: who waits for it goes on when it is zero.

    Whoever begins calls `acquire`, whoever ends `release`, and neither waits. ``with sem: ...``
    does both. ``int(sem)`` is `value`, ``len(sem)`` how many wait.

    Args:
        value: the count at first.

    Attributes:
        value: the count.

    Raises:
        ValueError: `value` is negative.
    """

    def __cinit__(self, Py_ssize_t value=0):
        self.value = amount("value", value)

    def __repr__(self):
        return f"<inverted_semaphore at {self.value}, {len(self)} waiting>"

    def __int__(self):
        return self.value

    def acquire(self, Py_ssize_t value=1):
        """Add `value`. Never waits.

        Raises:
            ValueError: `value` is negative.
            OverflowError: the count would be too large.
        """
        if amount("value", value) > PY_SSIZE_T_MAX - self.value:
            raise OverflowError(f"{value} more would be too many: the count is {self.value}")
        self.value += value

    def release(self, Py_ssize_t value=1):
        """Take `value` away; at zero, wake all who wait. Never waits.

        Raises:
            LockError: the count would be less than zero.
            ValueError: `value` is negative.
        """
        cdef coro following
        if amount("value", value) > self.value:
            raise LockError(f"the count is {self.value}: {value} cannot be taken away")
        self.value -= value
        if self.value == 0:
            while True:
                following = first_waiter(&self.waiters)
                if following is None:
                    return
                serve(following)

    def block_till_zero(self):
        """Wait until the count is zero, or has been meanwhile. Returns at once if it is."""
        if self.value:
            about_to_wait()
        if self.value:
            wait_in(&self.waiters, b"zero", self, 0, INT64_MAX)

    def __enter__(self):
        self.acquire(1)
        return self

    def __exit__(self, kind, error, traceback):
        self.release(1)
