"""Tells of coroutines that do not let others run.

What belongs here: the watchdog, which looks at the schedulers from outside, and how seldom it
says so.

A coroutine that computes for long, or blocks its OS thread, holds up all others of that thread;
and as it does not come back, nobody in the thread can tell. So a real OS thread looks, a few
times in the span that is allowed: a scheduler that has not handed over since, and does not sleep
in a poll, is stuck, and the stack of its thread shows where. The scheduler counts hand-overs
anyway, so being watched costs nothing.

**A bystander.** The watchdog wakes nobody, and must not keep a dead end from being told: the
scheduler has to find its id in `bystanders` for as long as the thread exists, and no longer, as
ids are used again. So whoever starts the thread waits until it has put its id there. And the id
is taken out in C, by the last step of an iterator that the thread's function is: from there to
the end of the thread the GIL stays held, and nobody sees the one without the other.

**Locks.** A signal handler may switch the watchdog on or off in the middle of doing just that.
Nothing here waits for a lock that another one may hold: each watchdog looks whether it is still
the one that is in use.
"""

import atexit
import contextlib
import functools
import math
import numbers
import operator
import os
import sys
import time
from _thread import allocate_lock, get_ident, start_new_thread
from collections import OrderedDict
from collections.abc import Callable, Hashable
from types import FrameType
from typing import Any

from coro import _failures
from coro._diagnostics._stderr import print_stderr_for
from coro._diagnostics._waits import brief
from coro._scheduler import Scheduler, all_schedulers, bystanders, coro
from coro.tb import stack_string

Notifier = Callable[[coro, float, str], object]

NS_PER_SECOND = 1_000_000_000
LOOKS = 4  # in the span that is allowed
SHORTEST_SLEEP, LONGEST_SLEEP = 0.001, 3600.0  # s, between two looks
FRAMES = 40  # of a stack, at most

BURST = 10  # reports at once; one more becomes due in each REFILL
REFILL = 6 * NS_PER_SECOND
LONGEST_GAP = 3600 * NS_PER_SECOND
REMEMBERED = 1000  # coroutines and places

# The real one, whatever is emulated later.
_current_frames = sys._current_frames


def set_latency_warning(seconds: float | None, notifier: Notifier | None = None) -> float:
    """Tell of coroutines that run for long without letting others run.

    While such a one is stuck, a line on stderr tells who it is, for how long it has run at
    least, and where it stands (`coro.tb.stack_string`). The same coroutine at the same place is
    told again at intervals that double; and there are ten reports at once at most, and ten more
    a minute. A program that is alone in its OS thread is stuck for nobody and is not told.

    The watch is kept by a real OS thread, for all OS threads of the process. It needs the GIL:
    of a function in C that keeps it, it tells when that has returned. It goes on in a child of
    fork() (of which Python 3.12 and later warn, as for every program with threads).

    Args:
        seconds: how long a coroutine may run, measured to a quarter of that; None or 0 to
            switch the warnings off, as they are at first.
        notifier: called as ``notifier(co, seconds, where)`` instead of printing: the
            coroutine, how long it has run at least, and its stack. It runs in the watching
            thread and must not wait for a coroutine.

    Returns:
        the seconds that were set until now; 0.0 if the warnings were off.

    Raises:
        TypeError: `seconds` is no number, or `notifier` cannot be called.
        ValueError: `seconds` is negative or no finite number.
        RuntimeError: the system gives no thread (pthread_create(3)).
    """
    global _watchdog
    allowed = 0.0 if seconds is None else _seconds(seconds)
    if notifier is not None and not callable(notifier):
        raise TypeError(f"notifier must be callable or None, not {type(notifier).__name__}")
    following = _Watchdog(allowed, notifier) if allowed else None
    before, _watchdog = _watchdog, following
    if before is not None:
        before.end()
    if following is not None:
        try:
            following.start()
        except RuntimeError:
            if _watchdog is following:
                _watchdog = None
            raise
    return 0.0 if before is None else before.seconds


def _seconds(seconds: Any) -> float:
    if not isinstance(seconds, numbers.Real):
        raise TypeError(f"seconds must be a number or None, not {type(seconds).__name__}")
    value = float(seconds)
    if not 0 <= value < math.inf:
        raise ValueError(f"seconds must be a finite number and not negative, not {value}")
    return value


class _Watchdog:
    """The thread that watches, and what it has seen.

    Args:
        seconds: how long a coroutine may run.
        notifier: whom to tell; None for stderr.
    """

    def __init__(self, seconds: float, notifier: Notifier | None) -> None:
        self.seconds = seconds
        self.notifier = notifier
        self.rate = Rate(int(seconds * NS_PER_SECOND))
        self.ident: list[int] = []  # of its thread, once that has begun
        self.begun, self.told_to_end, self.ended = allocate_lock(), allocate_lock(), allocate_lock()
        for each in (self.begun, self.told_to_end, self.ended):
            each.acquire()
        self._seen: dict[int, tuple[int, int]] = {}  # main: (hand-overs, since when so many)

    def start(self) -> None:
        last = functools.partial(bystanders.difference_update, self.ident)
        steps: Any = (self._run, last)
        start_new_thread(any, (map(operator.call, steps),))  # neither returns true
        self.begun.acquire()

    def end(self) -> None:
        with contextlib.suppress(RuntimeError):  # somebody else was faster
            self.told_to_end.release()

    def _run(self) -> None:
        """What the thread does. It raises nothing: the step after it must follow."""
        try:
            self.ident.append(get_ident())
            bystanders.update(self.ident)
            self.begun.release()
            sleep = min(max(self.seconds / LOOKS, SHORTEST_SLEEP), LONGEST_SLEEP)
            while _watchdog is self and not self.told_to_end.acquire(timeout=sleep):
                self.look(time.monotonic_ns())
        except BaseException as error:
            _failures.report_unraisable(error, set_latency_warning)
        finally:
            self.notifier = None  # it dies here, while this thread is a bystander
            self.ended.release()

    def look(self, now: int) -> None:
        """Look at all schedulers once. It is `now` ns."""
        seen, self._seen = self._seen, {}
        for each in all_schedulers():
            ident, handovers = each.main.id, each.handovers  # the thread's own is given out again
            before, since = seen.get(ident, (-1, now))
            if each.asleep or handovers != before:
                since = now
            self._seen[ident] = handovers, since
            length = (now - since) / NS_PER_SECOND
            if length >= self.seconds and ident not in self.ident:
                self._judge(each, handovers, length, now)

    def _judge(self, scheduler: Scheduler, handovers: int, length: float, now: int) -> None:
        co = scheduler.current
        if co is None or all(other is co for other in scheduler.coroutines()):
            return
        frame = _current_frames().get(scheduler.thread_ident)
        if frame is None:
            return
        place, where = _place(frame), stack_string(frame, FRAMES)
        del frame
        if scheduler.handovers != handovers:  # it went on meanwhile: this may be another's stack
            return
        if self.rate.allows(now, ("episode", scheduler.main.id, handovers), ("place", co.id, *place)):
            self._tell(co, length, where)

    def _tell(self, co: coro, length: float, where: str) -> None:
        untold = self.rate.take_untold()
        notifier = self.notifier
        if notifier is None:
            others = f"; {untold} other reports were left out before this one" if untold else ""
            print_stderr_for(co.id, f"High Latency: ({length:.3f}s) for <{brief(co)}> at {where}{others}")
            return
        try:
            notifier(co, length, where)
        except BaseException as error:
            _failures.report_unraisable(error, notifier)


def _place(frame: FrameType) -> tuple[str, str]:
    """The function: the lines of a loop are one place."""
    return frame.f_code.co_filename, frame.f_code.co_qualname


class Rate:
    """How often something may be told: each subject at intervals that double, and all of them
    together no more than `BURST` at once and one in each `REFILL`.

    Args:
        gap: the first interval, ns.
    """

    def __init__(self, gap: int) -> None:
        self.gap = gap
        self.untold = 0
        self._due: OrderedDict[Hashable, tuple[int, int]] = OrderedDict()  # when again; the gap then
        self._left = BURST
        self._refilled: int | None = None

    def allows(self, now: int, *subjects: Hashable) -> bool:
        """Whether to tell of something `now` (ns) that all these subjects stand for."""
        if any(now < self._due[each][0] for each in subjects if each in self._due):
            return False
        for each in subjects:
            _, gap = self._due.pop(each, (0, self.gap))
            self._due[each] = now + gap, min(2 * gap, LONGEST_GAP)
        while len(self._due) > REMEMBERED:
            self._due.popitem(last=False)
        if self._refilled is None:
            self._refilled = now
        refills = (now - self._refilled) // REFILL
        self._left = min(BURST, self._left + refills)
        self._refilled += refills * REFILL
        if not self._left:
            self.untold += 1
            return False
        self._left -= 1
        return True

    def take_untold(self) -> int:
        """How many were left out for being too many, since this was asked last."""
        untold, self.untold = self.untold, 0
        return untold


_watchdog: _Watchdog | None = None


def _after_fork_in_child() -> None:
    """The thread is the parent's: begin anew."""
    global _watchdog
    left_behind = _watchdog
    if left_behind is None:
        return
    bystanders.difference_update(left_behind.ident)
    _watchdog = None
    set_latency_warning(left_behind.seconds, left_behind.notifier)


def _at_exit() -> None:
    """Let the thread end before the interpreter does, unless it hangs in the notifier."""
    watchdog = _watchdog
    if watchdog is not None:
        set_latency_warning(None)
        watchdog.ended.acquire(timeout=1)


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
