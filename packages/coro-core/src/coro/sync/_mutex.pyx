"""The mutex: one coroutine at a time."""

from libc.stdint cimport INT64_MAX

from coro._scheduler cimport coro
from coro.sync._waiting cimport about_to_wait, first_waiter, serve, this_coroutine, wait_in

from coro.errors import LockError


cdef class mutex(Waitable):
    """mutex()\n--\n
    A lock that one coroutine holds at a time, as often as it likes.

    Those who wait get it in the order in which they came. ``with lock: ...`` holds it for a
    block. ``len(lock)`` is how many wait.
    """

    def __repr__(self):
        return f"<mutex {'unlocked' if self.owner is None else f'held by {self.owner!r}'}, {len(self)} waiting>"

    @property
    def held_by(self):
        """Who holds it: a tuple of one coroutine, or of none."""
        return () if self.owner is None else (self.owner,)

    def lock(self):
        """Lock it, waiting until it is free. Who holds it already holds it once more.

        Returns:
            whether it had to wait.
        """
        return self.acquire()

    def trylock(self):
        """Lock it if that needs no waiting.

        Returns:
            False if it is locked now; True if another coroutine holds it, as `lock` says that
            it would have had to wait.
        """
        cdef coro me = this_coroutine()
        if self.owner is not None and self.owner is not me:
            return True
        return self.acquire()

    def unlock(self):
        """Undo one `lock`; with the last one, the first who waits gets it.

        Returns:
            whether somebody got it.

        Raises:
            LockError: the caller does not hold it.
        """
        return self.release()

    def locked(self):
        """Whether somebody holds it."""
        return self.owner is not None

    def has_lock(self, thread=None):
        """Whether a coroutine holds it: `thread`, or the caller if not given."""
        return self.owner is not None and self.owner is (this_coroutine() if thread is None else thread)

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, kind, error, traceback):
        self.release()

    cdef bint acquire(self) except -1:
        cdef coro me = this_coroutine()
        if self.owner is None:
            self.owner = me
            self.depth = 1
            return False
        if self.owner is me:
            self.depth += 1
            return False
        me = about_to_wait()
        try:
            wait_in(&self.waiters, b"lock", self, 1, INT64_MAX)
        except BaseException:
            if me.waiter.served:
                self.hand_over()
            raise
        return True

    cdef bint release(self) except -1:
        if self.owner is None:
            raise LockError("this mutex is not locked: nobody can unlock it")
        if self.owner is not this_coroutine():
            raise LockError(f"only who holds a mutex can unlock it: {self.owner!r}")
        self.depth -= 1
        return False if self.depth else self.hand_over()

    cdef bint hand_over(self) except -1:
        """Let the first who waits have it. Whether there was one."""
        cdef coro following = first_waiter(&self.waiters)
        self.owner = following
        if following is None:
            return False
        self.depth = 1
        serve(following)
        return True
