"""The exceptions of coro.

What belongs here: every exception that coro itself raises, with nothing but its
meaning. The errors of the operating system are in `coro.oserrors`.

`Interrupted` and what derives from it tell a coroutine to stop what it waits for.
They derive from `BaseException`, so that an ``except Exception`` around a
piece of work does not swallow the order to leave it. All others are ordinary
exceptions.
"""

from __future__ import annotations

import builtins
import errno

from coro import oserrors

TYPE_CHECKING = False  # typing takes as long to import as the rest of core
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from coro._diagnostics._waits import Wait

__all__ = [
    "FAILURE",
    "SUCCESS",
    "ClosedError",
    "DeadCoroutine",
    "DeadlockError",
    "FifoClosed",
    "InParallelError",
    "Interrupted",
    "LockError",
    "NotStartedError",
    "ScheduleError",
    "Shutdown",
    "SimultaneousError",
    "TimeoutError",
    "WakeUp",
]


class Interrupted(BaseException):
    """The coroutine was told to stop what it waits for."""


class Shutdown(Interrupted):
    """The coroutine was told to end (`coro.shutdown`); ending by it is no failure."""


class TimeoutError(builtins.TimeoutError):  # noqa: A001 - Shrapnel's name
    """A `with_timeout`, a `timeout` block or a ``join(timeout)`` ran out of time.

    It is a builtin `TimeoutError` too, so both spellings of ``except`` work.
    """


class WakeUp(Exception):
    """For programs: raise it in a sleeping coroutine to wake it up. Never raised by coro."""


class ScheduleError(RuntimeError):
    """The coroutine's state does not allow what was asked for."""


class DeadCoroutine(ScheduleError):
    """The coroutine has ended."""


class NotStartedError(ScheduleError):
    """The coroutine was created with `new` and has not been started."""


class ClosedError(oserrors.EBADF):
    """The descriptor is closed, or was closed while the coroutine waited on it.

    It is `oserrors.EBADF`, so an `OSError` with ``errno`` set to ``EBADF``.
    """

    def __init__(self, *args: object) -> None:
        if len(args) == 1:
            args = (errno.EBADF, *args)
        super().__init__(*args)


class LockError(RuntimeError):
    """A lock, a semaphore or a fifo was used against its rules."""


class FifoClosed(LockError):
    """The fifo is closed: nothing can be pushed any more, and nothing is left to pop."""


class SimultaneousError(RuntimeError):
    """Two coroutines wait on one thing that only one may wait on.

    Attributes:
        co: the coroutine that was refused.
        other: the coroutine that waits already.
        subject: what they both want.
    """

    def __init__(self, co: object, other: object, subject: object) -> None:
        super().__init__(co, other, subject)
        self.co = co
        self.other = other
        self.subject = subject

    def __str__(self) -> str:
        return f"{self.co!r} cannot wait on {self.subject}: {self.other!r} waits on it already"


#: How a call of `in_parallel` ended: the first item of each pair in `InParallelError.result_list`.
SUCCESS = "success"
FAILURE = "failure"


class InParallelError(Exception):
    """Some of the calls of `in_parallel` have failed. Its cause is the first failure of the list.

    Attributes:
        result_list: for each call, in order, ``(SUCCESS, value)`` or ``(FAILURE, exc_info)``, where
            `exc_info` is a tuple of the exception's class, the exception and its traceback.
    """

    def __init__(self, result_list: list[tuple[str, Any]]) -> None:
        super().__init__(result_list)
        self.result_list = result_list

    def __str__(self) -> str:
        failures = [result for status, result in self.result_list if status == FAILURE]
        return f"{len(failures)} of {len(self.result_list)} calls failed, the first by {failures[0][1]!r}"


class DeadlockError(RuntimeError):
    """Nothing can ever run again in this thread: everybody waits for somebody.

    Raised in the thread's main coroutine. The message lists who waits on what, since when and
    who holds it; those who wait in a circle come first.

    Attributes:
        waits: the same as data, a list of `coro._diagnostics._waits.Wait`: coroutine, why, on, since, holders.
    """

    def __init__(self, message: str = "", waits: Iterable[Wait] = ()) -> None:
        super().__init__(message)
        self.waits: list[Wait] = list(waits)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args  # coroutines stay in their process
