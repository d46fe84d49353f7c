"""Blocking functions in real threads, for programs; and a way in from real threads.

What belongs here: what users see of real threads. How a bounded number of them does its work is
told in `_real_threads`.
"""

import functools
import os
import threading
import weakref
from _thread import get_ident
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from coro._scheduler import main_scheduler, scheduler
from coro._threads._real_threads import RealThreads
from coro.errors import ScheduleError
from coro.sync._conditions import named_event

P = ParamSpec("P")
Result = TypeVar("Result")

DEFAULT_LIMIT = 64


class ThreadPool:
    """Real OS threads for the blocking functions of one part of a program.

    ``with ThreadPool(limit) as pool: ...`` shuts it down at the end of the block.

    Coroutines of several OS threads may share a pool. It holds no threads while it has nothing to
    do, and those it has do not hold up the end of the program.

    Args:
        limit: how many calls may run at once; others wait, first come first served.

    Raises:
        TypeError, ValueError: `limit` is no int, or less than 1.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._threads = RealThreads(limit)
        self._calls: dict[_Call, None] = {}  # those that run or will
        self._waiters: list[named_event] = []
        self._closed = False
        _pools.add(self)

    def __repr__(self) -> str:
        state = "shut down" if self._closed else f"up to {self.limit} threads"
        return f"<ThreadPool: {state}, {len(self._calls)} calls>"

    @property
    def limit(self) -> int:
        """How many calls may run at once."""
        return self._threads.limit

    def run(self, fun: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Result:
        """``fun(*args, **kwargs)`` in a real thread, while other coroutines run.

        It sees the context variables of the caller; what it sets stays its own. If the caller is
        interrupted, a call that has not begun never does. One that runs cannot be stopped: it goes
        on to its end, and what it returns or raises is dropped.

        Args:
            fun: what to call. It must not use what belongs to the caller's OS thread.

        Returns:
            what `fun` returns.

        Raises:
            what `fun` raises; TypeError: it cannot be called; RuntimeError: the pool was shut down,
            or the system gives no thread (pthread_create(3)).
        """
        if not callable(fun):
            raise TypeError(f"fun must be callable, not {type(fun).__name__}")
        call = _Call(functools.partial(fun, *args, **kwargs))
        self._calls[call] = None
        try:
            if self._closed:  # now that whoever closes it waits for this call
                raise RuntimeError("the pool was shut down: make a new ThreadPool, or use coro.run_in_thread")
            return cast(Result, self._threads.call("a real thread", self._work, call))
        finally:
            if call.take() is not None:  # it has not begun
                self._ended(call)

    def shutdown(self) -> None:
        """Take no more calls, and wait until those that were made before have ended.

        Calls that wait for a thread still get one: whoever made them waits for what they return.
        Those whose callers were interrupted are waited for, too. If this is interrupted, the pool
        is shut down all the same; it may be called again, to wait.
        """
        self._closed = True
        ended = named_event("the calls of a ThreadPool")
        self._waiters.append(ended)
        try:
            if self._calls:
                ended.wait()
        finally:
            self._waiters.remove(ended)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def _work(self, call: "_Call") -> Any:
        """In a real thread."""
        work = call.take()
        if work is None:
            return None  # its caller was interrupted a moment ago
        try:
            return work()
        finally:
            del work
            self._ended(call)

    def _ended(self, call: "_Call") -> None:
        self._calls.pop(call, None)  # not there after a fork
        if not self._calls:
            for ended in list(self._waiters):
                ended.set()


class _Call:
    """What to call, for the one that takes it first: a thread, or a caller that gives up."""

    __slots__ = ("__weakref__", "_work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = [work]

    def take(self) -> Callable[[], Any] | None:
        try:
            return self._work.pop()
        except IndexError:
            return None


def run_in_thread(fun: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Result:
    """``fun(*args, **kwargs)`` in a real thread, while other coroutines run.

    For what blocks and cannot be helped: a C library, a slow computation that lets go of the GIL.
    There are at most 64 such threads, unless `set_thread_limit` says otherwise; further calls wait,
    first come first served. A `ThreadPool` of one's own keeps a part of the program from using them
    all up. See `ThreadPool.run` for arguments, results and interrupts.
    """
    return _default.run(fun, *args, **kwargs)


def set_thread_limit(limit: int) -> int:
    """Set how many calls of `run_in_thread` may run at once. Those made before do not count.

    Args:
        limit: 1 or more; 64 unless set.

    Returns:
        the number until now.

    Raises:
        TypeError, ValueError: `limit` is no int, or less than 1.
    """
    global _default
    before, _default = _default.limit, ThreadPool(limit)
    return before


def call_soon_threadsafe(fun: Callable[..., object], /, *args: Any) -> None:
    """Have ``fun(*args)`` called soon by a coroutine of Python's main thread; from any OS thread.

    This is the way in for threads that do not use coro. Each call is a coroutine of its own; they
    begin in the order in which they were asked for. An exception that `fun` raises is told as that
    of any coroutine. For another OS thread, call the method of this name of its scheduler
    (`coro.interface.scheduler`).

    Raises:
        TypeError: `fun` cannot be called.
        ScheduleError: the main thread has not used coro, or does so no more.
    """
    there = main_scheduler()
    if there is None:
        if get_ident() != threading.main_thread().ident:
            raise ScheduleError(
                "Python's main thread has no scheduler: let it call coro.current(), or anything else "
                "of coro, before others hand it work"
            )
        there = scheduler()
    there.call_soon_threadsafe(fun, *args)


_pools: weakref.WeakSet[ThreadPool] = weakref.WeakSet()
_default = ThreadPool()


def _after_fork_in_child() -> None:
    """The calls are the parent's, and so are those who wait for them."""
    for pool in list(_pools):
        pool._calls.clear()
        pool._waiters.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
