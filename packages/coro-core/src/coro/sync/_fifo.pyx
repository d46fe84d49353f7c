"""The fifo: a queue of things between coroutines.

An item that is pushed while somebody waits is handed to that one and never stands in the
queue, so who comes later cannot take it. A pusher that waits for room is given a place, and
pushes itself when it runs: so one that is interrupted has pushed nothing.
"""

from libc.stdint cimport INT64_MAX

from coro._scheduler cimport DONE, coro
from coro._wait_queue cimport WaitQueue
from coro.sync._waiting cimport about_to_wait, first_waiter, serve, wait_in

from collections import deque
from types import GenericAlias

from coro.errors import FifoClosed


cdef enum:
    # What one got who waited, in `Waiter.wanted`.
    REFUSED  # nothing: the fifo was closed
    GIVEN    # a thing, or a place for one


cdef class fifo:
    """fifo(limit=None)\n--\n
    A queue of things: first in, first out; who waits is served in the order of coming.

    ``len(things)`` is how many are in it, and iterating shows them without taking any.
    ``for thing in iter(things.pop, last): ...`` takes them as they come.

    Args:
        limit: how many it holds at most; who pushes more waits. None for no limit.

    Raises:
        ValueError: `limit` is less than 1.
    """

    def __cinit__(self, limit=None):
        self.items = deque()
        self.promised = []
        if limit is not None:
            self.limit = limit
            if self.limit < 1:
                raise ValueError(f"limit must be 1 or more, or None for no limit, not {limit}")

    __class_getitem__ = classmethod(GenericAlias)

    def __repr__(self):
        closed = " closed," if self.is_closed else ""
        return (f"<fifo{closed} {len(self.items)} in it, {self.poppers.length} waiting to pop, "
                f"{self.pushers.length} to push>")

    def __len__(self):
        return len(self.items)

    def __bool__(self):
        return len(self.items) > 0

    def __iter__(self):
        return iter(list(self.items))

    @property
    def waiting(self):
        """How many wait to pop."""
        return self.poppers.length

    @property
    def closed(self):
        """Whether it is closed."""
        return bool(self.is_closed)

    def push(self, thing):
        """Add a thing at the end, waiting for room if there is a limit.

        Raises:
            FifoClosed: it is closed, or was closed meanwhile; the thing is not in it.
        """
        self.put(thing, False)

    def push_front(self, thing):
        """Add a thing before all others, waiting for room if there is a limit.

        Raises:
            FifoClosed: it is closed, or was closed meanwhile; the thing is not in it.
        """
        self.put(thing, True)

    def pop(self):
        """Take the first thing, waiting until there is one.

        Raises:
            FifoClosed: it is closed, and nothing is left in it.
        """
        return self.get()

    def pop_all(self):
        """Take all things, waiting until there is one.

        Returns:
            a list of one or more.

        Raises:
            FifoClosed: it is closed, and nothing is left in it.
        """
        cdef list things = [self.get()]
        things.extend(self.items)
        self.items.clear()
        self.give_room()
        return things

    def top(self):
        """The first thing, which stays in it.

        Raises:
            IndexError: there is none.
        """
        if not self.items:
            raise IndexError("the fifo is empty: it has no top")
        return self.items[0]

    def close(self):
        """Let nothing more in. What is in it can still be popped; who waits to pop or to push gets
        `FifoClosed`. Safe to call again."""
        self.is_closed = True
        refuse_all(&self.poppers)
        refuse_all(&self.pushers)

    cdef int put(self, object thing, bint in_front) except -1:
        if self.is_closed:
            raise self.closed_error()
        if self.promised:
            self.forget_parents_pushers()
        if self.is_full():
            self.wait_for_room()
        if self.hand_to_popper(thing):
            self.give_room()  # the place was not needed
        elif in_front:
            self.items.appendleft(thing)
        else:
            self.items.append(thing)
        return 0

    cdef bint is_full(self) except -1:
        """Whether there is no room, or what there is belongs to those who wait for it."""
        return self.limit and (len(self.items) + len(self.promised) >= self.limit
                               or self.pushers.length and first_waiter(&self.pushers) is not None)

    cdef int forget_parents_pushers(self) except -1:
        """After a fork, those who were given a place may never run here."""
        cdef coro each
        self.promised = [each for each in self.promised if each.state != DONE]
        return 0

    cdef int wait_for_room(self) except -1:
        """Wait for a place, and leave it for the caller's thing."""
        cdef coro me = about_to_wait()
        if self.is_full() and not self.is_closed:
            try:
                wait_in(&self.pushers, b"room", self, REFUSED, INT64_MAX)
            except BaseException:
                if me.waiter.served and me.waiter.wanted == GIVEN:
                    self.promised.remove(me)
                    self.give_room()
                raise
            if me.waiter.wanted == GIVEN:
                self.promised.remove(me)
        if self.is_closed:
            raise self.closed_error()
        return 0

    cdef int give_room(self) except -1:
        """Let in those who wait to push, as many as there is room for."""
        cdef coro following
        while self.pushers.length and len(self.items) + len(self.promised) < self.limit:
            following = first_waiter(&self.pushers)
            if following is None:
                break
            self.promised.append(following)
            following.waiter.wanted = GIVEN
            serve(following)
        return 0

    cdef object get(self):
        cdef coro me
        if not self.items and not self.is_closed:
            me = about_to_wait()
        if self.items:
            thing = self.items.popleft()
            self.give_room()
            return thing
        if self.is_closed:
            raise self.closed_error()
        try:
            wait_in(&self.poppers, b"pop", self, REFUSED, INT64_MAX)
        except BaseException:
            thing, me.handed = me.handed, None
            if me.waiter.served and me.waiter.wanted == GIVEN and not self.hand_to_popper(thing):
                self.items.appendleft(thing)
            raise
        thing, me.handed = me.handed, None
        if me.waiter.wanted == REFUSED:
            raise self.closed_error()
        return thing

    cdef bint hand_to_popper(self, object thing) except -1:
        """Give it to the first who waits to pop. Whether there is one."""
        cdef coro following
        if self.poppers.length == 0:
            return False
        following = first_waiter(&self.poppers)
        if following is None:
            return False
        following.handed = thing
        following.waiter.wanted = GIVEN
        serve(following)
        return True

    cdef object closed_error(self):
        return FifoClosed("this fifo is closed: nothing can be pushed any more, and nothing is left to pop")


cdef int refuse_all(WaitQueue *waiters) except -1:
    """Let all go on who wait there, with nothing."""
    cdef coro following
    while True:
        following = first_waiter(waiters)
        if following is None:
            return 0
        serve(following)
