"""Time limits, protection from them, and sleeping.

What belongs here: what a program does with time. The heap of timers is in `_timers`,
the delivery of an interrupt in `_scheduler`.

A timeout interrupts a wait with an `Interrupted` of its own and turns that one, and no
other, into `TimeoutError` where the timeout began. So an inner timeout does not take an
outer one's interrupt for its own, and code in between sees an order to leave, not an
error to handle. A wait that has been served already wins over a timeout that expires in
the same turn; the timeout then strikes at the next wait, if one comes before its end.

A shield stands in the chain of a coroutine's timeouts. Those further out do not count while it
stands there; when it leaves, they strike at the next wait, like any that come too late.
"""

from libc.stdint cimport INT64_MAX, int64_t

from coro._duration cimport deadline_after, nanoseconds
from coro._scheduler cimport (
    Interrupter, Scheduler, coro, new_coroutine, start_coroutine, this_scheduler,
)
from coro._timers cimport is_set

from coro.errors import Interrupted
from coro.errors import TimeoutError as CoroTimeoutError

cdef object NO_MESSAGE = object()  # nobody called schedule()


cdef class timeout(Interrupter):
    """timeout(seconds)\n--\n
    ``with timeout(seconds): ...`` limits how long the block may wait.

    Only waits are interrupted; code that computes is not. Timeouts may be nested.

    Args:
        seconds: how long, from the beginning of the block; None for no limit.

    Raises:
        TimeoutError: at the end of the block, if it was interrupted.
        ValueError, TypeError: `seconds` is negative or NaN, or is no number.
    """

    cdef int64_t length
    cdef object seconds
    cdef object raised  # the Interrupted that was delivered

    def __init__(self, seconds):
        self.seconds = seconds
        self.length = INT64_MAX if seconds is None else nanoseconds(seconds, "seconds")

    def __repr__(self):
        return f"<timeout of {self.seconds} seconds>"

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, kind, error, traceback):
        self.end()
        if error is not None and error is self.raised:
            raise self.expired() from error
        return False

    @property
    def pending(self):
        """Whether it will fire: it is in use, has a limit, and its moment has not come."""
        return is_set(self)

    @property
    def expired_at(self):
        """When it fires or fired, ns of the clock; None if it has no limit."""
        return None if self.when == 0 else self.when

    cdef object interrupt(self):
        # In the middle of a wait: no code of the program may run, not even the repr of a number.
        length = self.seconds if type(self.seconds) in (int, float) else self.length / 1e9
        self.raised = Interrupted(f"interrupted by a timeout of {length} seconds")
        return self.raised

    cdef int begin(self) except -1:
        cdef Scheduler here = this_scheduler()
        cdef coro me = here.runner()
        cdef int64_t when
        if self.owner is not None:
            raise RuntimeError(f"{self!r} is in use: make a new one for each block")
        self.raised = None
        self.when = 0
        when = deadline_after(here.clock(), self.length)
        if when != INT64_MAX:
            here.timers.add(self, when)
        return self.enter(me)

    cdef int end(self) except -1:
        if self.owner is None:
            raise RuntimeError(f"{self!r} is not in use")
        self.owner.scheduler.timers.cancel(self)
        return self.leave()

    cdef object expired(self):
        return CoroTimeoutError(f"timed out after {self.seconds} seconds")


cdef class ScopeLimit(timeout):
    """The time limit of a `coro.scope`, which can also strike before its time.

    Args:
        seconds: as for `timeout`.
        when_up: called in a coroutine of its own when the time is up.
    """

    cdef object when_up
    cdef readonly bint struck  # by `strike`

    def __init__(self, seconds, when_up):
        self.seconds = seconds
        self.length = INT64_MAX if seconds is None else nanoseconds(seconds, "timeout")
        self.when_up = when_up

    cdef int fire(self) except -1:
        timeout.fire(self)
        if not self.struck:
            start_coroutine(new_coroutine(self.owner.scheduler, self.when_up, (), None, None))
        return 0

    def __exit__(self, kind, error, traceback):
        self.when_up = None  # the scope's, which holds this
        self.end()

    @property
    def is_up(self):
        """Whether it is in force, has fired in time, and was not delivered yet."""
        return self.due and not self.struck

    @property
    def delivered(self):
        """The exception that was raised by it, or None."""
        return self.raised

    def strike(self):
        """Interrupt the owner where it waits next, if that has not happened yet."""
        if self.owner is None or self.due or self.raised is not None:
            return
        self.owner.scheduler.timers.cancel(self)
        self.struck = True
        self.fire()

    cdef object interrupt(self):
        self.raised = Interrupted(
            "interrupted because a coroutine of the scope has failed" if self.struck else
            f"interrupted by a scope's time limit of {self.length / 1e9} seconds")
        return self.raised


cdef class shield(Interrupter):
    """shield()\n--\n
    ``with shield(): ...`` lets the block come to its end before it is interrupted.

    Time limits that began outside of the block, and `Shutdown` and any other `Interrupted` that
    is raised in the coroutine by somebody else, are held back. They strike at the first wait
    after the block; its end itself raises nothing, so a result is not lost there. Time limits
    that begin inside work as ever, and other exceptions than `Interrupted` come through:
    Ctrl-C above all.
    """

    def __cinit__(self):
        self.shields = True

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __enter__(self):
        cdef Scheduler here = this_scheduler()
        cdef coro me = here.runner()
        if self.owner is not None:
            raise RuntimeError(f"{self!r} is in use: make a new one for each block")
        self.enter(me)
        return self

    def __exit__(self, kind, error, traceback):
        if self.owner is None:
            raise RuntimeError(f"{self!r} is not in use")
        self.leave()


cdef class Vigil(shield):
    """A shield that wakes the coroutine when it has something to hold back."""

    def __cinit__(self):
        self.watches = True

    def asked(self):
        """Whether an interrupt has come, or had when it began, that was not asked for yet."""
        news, self.news = self.news, False
        return bool(news)


def check_interrupts():
    """Raise what would interrupt the running coroutine if it waited now."""
    cdef Scheduler here = this_scheduler()
    here.deliver(here.runner())


def with_timeout(seconds, fun, /, *args, **kwargs):
    """Call ``fun(*args, **kwargs)``, interrupting it when it waits beyond `seconds`.

    Args:
        seconds: how long the call may take; None for no limit.
        fun: what to call.

    Returns:
        what `fun` returns.

    Raises:
        TimeoutError: the time was up.
        ValueError, TypeError: `seconds` is negative or NaN, or is no number.
    """
    cdef timeout limit = timeout(seconds)
    limit.begin()
    try:
        return fun(*args, **kwargs)
    except Interrupted as error:
        if error is limit.raised:
            raise limit.expired() from error
        raise
    finally:
        limit.end()


def sleep_relative(seconds):
    """Sleep for `seconds`; let others run at least once, even for 0.

    Returns:
        None; or the value that `schedule` ended the sleep early with.

    Raises:
        ValueError, TypeError: `seconds` is negative or NaN, or is no number.
    """
    cdef int64_t length = nanoseconds(seconds, "seconds")
    cdef Scheduler here = this_scheduler()
    if length == 0:
        here.yield_slice()
        return None
    return sleep_until(here, deadline_after(here.clock(), length))


def sleep_absolute(when):
    """Sleep until `now()` is `when`, an int of ns; let others run at least once.

    Returns:
        as `sleep_relative`.
    """
    cdef Scheduler here = this_scheduler()
    cdef int64_t moment
    if not isinstance(when, int):
        raise TypeError(f"when must be an int of nanoseconds as now() gives it, "
                        f"not {type(when).__name__}")
    moment = INT64_MAX if when >= INT64_MAX else max(0, when)
    if moment <= here.clock():
        here.yield_slice()
        return None
    return sleep_until(here, moment)


cdef object sleep_until(Scheduler here, int64_t when):
    cdef coro me = here.runner()
    me.message = NO_MESSAGE
    while here.park("sleep", NULL, when) and me.message is NO_MESSAGE:
        pass  # woken late by something that it waited for before
    message, me.message = me.message, None
    return None if message is NO_MESSAGE else message


def now():
    """The monotonic clock, an int of nanoseconds; its zero has no meaning (clock_gettime(2))."""
    return this_scheduler().clock()


def now_usec():
    """The monotonic clock, an int of microseconds."""
    return this_scheduler().clock() // 1000
