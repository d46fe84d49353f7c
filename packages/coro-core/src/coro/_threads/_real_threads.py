"""Blocking functions in real OS threads, while the coroutine waits.

What belongs here: a bounded number of threads and the queue before them. What is worth a
thread others decide.

A thread takes jobs until none is left, and then it ends. Idle threads would save little, as
one is started in some tens of microseconds, and cost more: the scheduler has to take every
other thread for one that may still wake somebody, so that dead ends would stay hidden; and
no thread survives a fork.

**No lock.** A handler of a signal or a finalizer may run between any two bytecodes, start a
job of its own and wait for it: a lock that is held there would stop every thread. Here each
step is one operation of a container, which nothing can divide, and the order of the steps
does the rest. Who queues a job looks for a permit to start a thread *afterwards*; a thread
that found the queue empty gives its permit back *before* it looks once more. So at least one
of them sees the other. Whoever holds a permit answers for the queue.
"""

import _thread
import contextlib
import copy
import functools
import os
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar, TypeVarTuple, cast

from coro._scheduler import current
from coro.sync._conditions import named_event

Args = TypeVarTuple("Args")
Result = TypeVar("Result")
Outcome = tuple[Any, BaseException | None]

# The real one, whatever is emulated later.
_start_new_thread = _thread.start_new_thread


class RealThreads:
    """Real OS threads in which blocking functions run while coroutines wait.

    The coroutines of several OS threads may share one. The threads do not hold up the end of
    the program: what runs in them then is cut off, as it is for daemon threads.

    Args:
        limit: how many threads may run at once; further calls queue, first come first served.

    Raises:
        TypeError, ValueError: `limit` is no int, or less than 1.
    """

    def __init__(self, limit: int) -> None:
        if not isinstance(limit, int):
            raise TypeError(f"limit must be an int, not {type(limit).__name__}")
        if limit < 1:
            raise ValueError(f"limit must be 1 or more, not {limit}")
        self.limit = limit
        self._begin_empty()
        _all.add(self)

    def _begin_empty(self) -> None:
        self._jobs: OrderedDict[_Job, None] = OrderedDict()  # a queue that can be left midway
        self._permits: list[None] = [None] * self.limit

    def __repr__(self) -> str:
        return f"<RealThreads: {self.running} of {self.limit} run, {self.queued} jobs queued>"

    @property
    def running(self) -> int:
        """How many threads run now."""
        return self.limit - len(self._permits)

    @property
    def queued(self) -> int:
        """How many calls wait for a thread."""
        return len(self._jobs)

    def call(self, why: str, function: Callable[[*Args], Result], *args: *Args) -> Result:
        """``function(*args)`` in a real thread, while other coroutines run.

        The function sees the caller's context variables; what it sets stays its own. An
        interrupt of the caller cannot stop it: it runs on to its end, and what it returns or
        raises is dropped. If no thread has begun with it yet, none will.

        Args:
            why: what the coroutine waits for, for reports.
            function: what to call. It must not use what belongs to the caller's thread.

        Returns:
            what `function` returns.

        Raises:
            what `function` raises; RuntimeError: the system gives no thread (pthread_create(3)).
        """
        current()  # raises where nothing can wait: before anything has begun
        job = _Job(why, functools.partial(copy_context().run, function, *args))
        jobs = self._jobs
        jobs[job] = None
        try:
            self._hire()
            job.settled.wait()
            assert job.outcome is not None
            result, error = job.outcome
        finally:
            jobs.pop(job, None)
            job.wanted, job.outcome = False, None  # the traceback of an error holds the job
        if error is None:
            return cast(Result, result)
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def _hire(self) -> None:
        """Start one more thread, if the limit allows it."""
        permits = self._permits
        permit: list[None] = []  # filled in the block that gives it back
        try:
            try:
                permit.append(permits.pop())
            except IndexError:
                return  # who is done first looks into the queue
            _start_new_thread(self._work, ())
            permit.clear()
        except Exception as error:
            permits.extend(permit)
            permit.clear()
            if len(permits) == self.limit:  # nobody is left who would ever look
                self._refuse(error)
        finally:
            permits.extend(permit)  # a handler of a signal has raised

    def _refuse(self, error: Exception) -> None:
        while self._jobs:
            with contextlib.suppress(KeyError):
                job, _ = self._jobs.popitem(last=False)
                job.settle((None, copy.copy(error)))

    def _work(self) -> None:
        """What a thread does: one job after another."""
        jobs, permits = self._jobs, self._permits  # after a fork the child has others
        while True:
            try:
                job, _ = jobs.popitem(last=False)
            except KeyError:
                permits.append(None)
                if not jobs:
                    return
                try:
                    permits.pop()
                except IndexError:
                    return
            else:
                with contextlib.suppress(Exception):  # no memory to tell the caller of the outcome
                    job.run()


class _Job:
    """One call, and the coroutine that waits for its outcome."""

    __slots__ = ("outcome", "settled", "wanted", "work")

    def __init__(self, why: str, work: Callable[[], Any]) -> None:
        self.settled = named_event(why)
        self.wanted: Any = True  # until the caller is interrupted, at any moment
        self.work = [work]  # until it is taken
        self.outcome: Outcome | None = None

    def run(self) -> None:
        self.settle(_outcome(self.work))

    def settle(self, outcome: Outcome) -> None:
        if not self.wanted:
            return
        self.outcome = outcome
        del outcome  # the caller's alone: nothing of it is to die in this thread
        if not self.wanted:  # interrupted just now
            self.outcome = None
            return
        self.settled.set()


def _outcome(work: list[Callable[[], Any]]) -> Outcome:
    try:
        return work.pop()(), None
    except BaseException as error:
        return None, error


_all: weakref.WeakSet[RealThreads] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """The threads are the parent's, and so are those who wait for them."""
    for each in list(_all):
        each._jobs.clear()
        each._begin_empty()


os.register_at_fork(after_in_child=_after_fork_in_child)
