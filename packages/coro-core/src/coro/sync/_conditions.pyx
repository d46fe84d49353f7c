"""Waiting for news: the condition variable, which wakes those who wait now, and the event,
which remembers."""

from libc.stdint cimport INT64_MAX, int64_t

from coro._duration cimport deadline_after, nanoseconds
from coro._scheduler cimport coro, exception_of, require_exception, this_scheduler
from coro.sync._waiting cimport about_to_wait, all_waiters, first_waiter, serve, wait_in

from coro.errors import TimeoutError as CoroTimeoutError

cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    # How one was woken, in `Waiter.wanted`.
    NOT_YET
    CHOSEN  # instead of another
    WITH_ALL


cdef class condition_variable(Waitable):
    """condition_variable()\n--\n
    A place to wait until somebody says that there is news.

    A wake that finds nobody is forgotten. Coroutines of one OS thread need no lock around it:
    nothing runs between the look at a condition and the wait. ``len(condition)`` is how many
    wait.
    """

    def __repr__(self):
        return f"<condition_variable, {len(self)} waiting>"

    def wait(self):
        """Wait to be woken.

        Returns:
            what the one who woke gave: `args`, an empty tuple unless it gave something else.
        """
        return self.wait_until(INT64_MAX)

    def wait_timeout(self, timeout):
        """Wait to be woken, for `timeout` seconds at the most; None for no limit.

        Returns:
            as `wait`.

        Raises:
            TimeoutError: the time was up.
            ValueError, TypeError: `timeout` is negative or NaN, or is no number.
        """
        cdef int64_t length = INT64_MAX if timeout is None else nanoseconds(timeout, "timeout")
        return self.wait_until(deadline_after(this_scheduler().clock(), length))

    def wake_one(self, args=()):
        """Wake the one that has waited longest.

        Args:
            args: what its `wait` returns.

        Returns:
            whether there was one.
        """
        return self.wake(1, args, CHOSEN) > 0

    def wake_n(self, Py_ssize_t count, args=()):
        """Wake the `count` that have waited longest.

        Args:
            args: what their `wait` returns.

        Returns:
            how many there were.

        Raises:
            ValueError: `count` is negative.
        """
        if count < 0:
            raise ValueError(f"count must not be negative, but is {count}")
        return self.wake(count, args, CHOSEN)

    def wake_all(self, args=()):
        """Wake all that wait now.

        Args:
            args: what their `wait` returns.

        Returns:
            how many there were.
        """
        return self.wake(PY_SSIZE_T_MAX, args, WITH_ALL)

    def raise_all(self, the_exception):
        """Raise an exception in all that wait now.

        Args:
            the_exception: an exception, or a class of exceptions.

        Returns:
            how many there were. One that is in a `coro.shield` counts, though an `Interrupted`
            is held back there.

        Raises:
            TypeError: `the_exception` is neither.
        """
        cdef coro each
        cdef Py_ssize_t count = 0
        require_exception("the_exception", the_exception)
        for each in all_waiters(&self.waiters):
            error = exception_of("the_exception", the_exception)
            if each.waiter.queue == &self.waiters:  # still: making an exception may have let others run
                each.raise_exception(error)
                count += 1
        return count

    cdef object wait_until(self, int64_t deadline):
        cdef coro me = about_to_wait()
        cdef bint woken
        try:
            woken = wait_in(&self.waiters, b"condition", self, NOT_YET, deadline)
        except BaseException:
            args, me.handed = me.handed, None
            if me.waiter.served and me.waiter.wanted == CHOSEN:
                self.wake(1, args, CHOSEN)
            raise
        args, me.handed = me.handed, None
        if not woken:
            raise CoroTimeoutError("timed out while waiting on a condition_variable")
        return args

    cdef Py_ssize_t wake(self, Py_ssize_t count, object args, int how) except -1:
        cdef coro following
        cdef Py_ssize_t woken = 0
        while woken < count:
            following = first_waiter(&self.waiters)
            if following is None:
                break
            following.handed = args
            following.waiter.wanted = how
            serve(following)
            woken += 1
        return woken


cdef class event(Waitable):
    """event()\n--\n
    Something that happens once: who waits goes on when it has, and who comes later at once.

    `len(event)` is how many wait.
    """

    def __repr__(self):
        return f"<event {'set' if self.happened else 'not set'}, {len(self)} waiting>"

    def set(self):
        """It has happened: wake all who wait."""
        cdef coro following
        self.happened = True
        while True:
            following = first_waiter(&self.waiters)
            if following is None:
                return
            serve(following)

    def clear(self):
        """It has not happened any more: who comes now waits. Who was woken goes on."""
        self.happened = False

    def is_set(self):
        """Whether it has happened."""
        return bool(self.happened)

    def wait(self, timeout=None):
        """Wait until it has happened.

        Args:
            timeout: the longest to wait, in seconds; None for no limit.

        Returns:
            whether it has: False if the time was up.

        Raises:
            ValueError, TypeError: `timeout` is negative or NaN, or is no number.
        """
        return self.wait_for(b"event", self, timeout)

    cdef bint wait_for(self, const char *why, object on, object timeout) except -1:
        cdef int64_t length = INT64_MAX if timeout is None else nanoseconds(timeout, "timeout")
        if not self.happened:
            about_to_wait()
        return self.happened or wait_in(
            &self.waiters, why, on, 0, deadline_after(this_scheduler().clock(), length))


cdef class named_event(event):
    """named_event(why)\n--\n
    An event of which reports do not tell: what is waited for is `why`. For the library itself."""

    def __cinit__(self, str why not None):
        self.why = why.encode()

    def wait(self, timeout=None):
        """As `event.wait`."""
        return self.wait_for(self.why, None, timeout)
