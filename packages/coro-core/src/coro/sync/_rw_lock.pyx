"""The read-write lock: many who read, or one who writes."""

from libc.stdint cimport INT64_MAX

from coro._scheduler cimport coro
from coro.sync._waiting cimport about_to_wait, first_waiter, serve, this_coroutine, wait_in

from coro.errors import LockError

cdef enum:
    READ = 0
    WRITE = 1


cdef class rw_lock(Waitable):
    """rw_lock()\n--\n
    A lock that many hold for reading, or one for writing.

    Readers and writers stand in one queue, so neither can starve the other: a reader that
    comes after a writer waits with it. Each may lock as often as it likes. Who writes may
    read too, and goes on reading when it ends writing first; who only reads cannot begin to
    write, since two who tried would wait for each other.

    ``with lock.reading(): ...`` and ``with lock.writing(): ...`` hold it for a block.
    ``len(lock)`` is how many wait.
    """

    def __cinit__(self):
        self.readers = {}

    def __repr__(self):
        holders = (f"written by {self.writer!r}" if self.writer is not None else
                   f"read by {len(self.readers)}" if self.readers else "unlocked")
        return f"<rw_lock {holders}, {len(self)} waiting>"

    @property
    def held_by(self):
        """Who holds it, for reading or writing: a tuple of coroutines."""
        writers = () if self.writer is None else (self.writer,)
        return (*writers, *(each for each in self.readers if each is not self.writer))

    def read_lock(self):
        """Lock it for reading, waiting for a writer and for those who came before.

        Returns:
            whether it had to wait.
        """
        cdef coro me = this_coroutine()
        if self.may_read(me):
            self.begin_read(me)
            return False
        me = about_to_wait()
        try:
            wait_in(&self.waiters, b"read lock", self, READ, INT64_MAX)
        except BaseException:
            if me.waiter.served:
                self.end_read(me)
            else:
                self.serve_waiters()  # who waited behind this one may come in now
            raise
        return True

    def try_read_lock(self):
        """Lock it for reading if that needs no waiting.

        Returns:
            False if it is locked now; True if it would have had to wait.
        """
        cdef coro me = this_coroutine()
        if not self.may_read(me):
            return True
        self.begin_read(me)
        return False

    def read_unlock(self):
        """Undo one `read_lock`.

        Raises:
            LockError: the caller does not hold it for reading.
        """
        cdef coro me = this_coroutine()
        if me not in self.readers:
            raise LockError(f"only who holds a read lock can unlock it, and {me!r} holds none of {self!r}")
        self.end_read(me)

    def write_lock(self):
        """Lock it for writing, waiting until nobody else holds it and those before had it.

        Returns:
            whether it had to wait.

        Raises:
            LockError: the caller holds it for reading only.
        """
        cdef coro me = this_coroutine()
        if self.may_write(me):
            self.writer = me
            self.depth += 1
            return False
        me = about_to_wait()
        try:
            wait_in(&self.waiters, b"write lock", self, WRITE, INT64_MAX)
        except BaseException:
            if me.waiter.served:
                self.end_write()
            else:
                self.serve_waiters()  # who waited behind this one may come in now
            raise
        return True

    def try_write_lock(self):
        """Lock it for writing if that needs no waiting.

        Returns:
            False if it is locked now; True if it would have had to wait.

        Raises:
            LockError: the caller holds it for reading only.
        """
        cdef coro me = this_coroutine()
        if not self.may_write(me):
            return True
        self.writer = me
        self.depth += 1
        return False

    def write_unlock(self):
        """Undo one `write_lock`.

        Raises:
            LockError: the caller does not hold it for writing.
        """
        cdef coro me = this_coroutine()
        if self.writer is not me:
            raise LockError(f"only who holds a write lock can unlock it, and {me!r} holds none of {self!r}")
        self.end_write()

    def reading(self):
        """A context manager that holds it for reading."""
        return Held(self.read_lock, self.read_unlock)

    def writing(self):
        """A context manager that holds it for writing."""
        return Held(self.write_lock, self.write_unlock)

    cdef bint may_read(self, coro me) except -1:
        if self.writer is not None:
            return self.writer is me
        return me in self.readers or first_waiter(&self.waiters) is None

    cdef bint may_write(self, coro me) except -1:
        if self.writer is not None:
            return self.writer is me
        if me in self.readers:
            raise LockError(f"{me!r} holds this lock for reading: unlock that before write_lock()")
        return not self.readers and first_waiter(&self.waiters) is None

    cdef int begin_read(self, coro me) except -1:
        self.readers[me] = self.readers.get(me, 0) + 1
        return 0

    cdef int end_read(self, coro me) except -1:
        if self.readers[me] > 1:
            self.readers[me] -= 1
        else:
            del self.readers[me]
            self.serve_waiters()
        return 0

    cdef int end_write(self) except -1:
        self.depth -= 1
        if self.depth == 0:
            self.writer = None
            self.serve_waiters()
        return 0

    cdef int serve_waiters(self) except -1:
        """Let in those who come next: a writer, or readers up to the next writer."""
        cdef coro following
        while self.writer is None:
            following = first_waiter(&self.waiters)
            if following is None:
                return 0
            if following.waiter.wanted == READ:
                self.begin_read(following)
            elif self.readers:
                return 0
            else:
                self.writer = following
                self.depth = 1
            serve(following)
        return 0


cdef class Held:
    """Calls one function at the beginning of a block and another at its end."""

    cdef object begin, end

    def __init__(self, begin, end):
        self.begin = begin
        self.end = end

    def __enter__(self):
        self.begin()

    def __exit__(self, kind, error, traceback):
        self.end()
