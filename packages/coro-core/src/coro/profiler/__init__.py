"""Where the time goes: CPU and wall time by function and by coroutine::

    with coro.profiler.start() as profile:
        work()
    profile.print_stats()
    profile.save_html("profile.html")

or, as Shrapnel had it, ``coro.profiler.go(work, profile_filename="profile.html")``; or
`start` and `stop` anywhere in a running program. What was going on at the start is
known from the start on: a coroutine that has long been waiting in a function is there.

A profile is of the OS thread that starts it, with all its coroutines; each thread may have
one. It takes a fraction of a microsecond for each call. **CPU** is the time that the
thread spent computing, as the kernel counts it; steps of less than 20 us between two calls
are taken for computing without asking the kernel. **Wall** is the time that passed while a
call was open, with all that its coroutine waited for. Calls of functions of Cython, coro's own
among them, are no events for a profiler, here as in cProfile: their time is their caller's
own; what they wait for stands under the caller as ``waits: read``, say.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from coro.profiler._analysis import Coroutine, Edge, Function, FunctionStats
from coro.profiler._collector import Collector, in_this_thread
from coro.profiler._profile import Profile

__all__ = ["Coroutine", "Edge", "Function", "FunctionStats", "Profile", "go", "start", "stop"]

R = TypeVar("R")


def start() -> Profile:
    """Begin to profile this OS thread.

    Returns:
        the profile, which has numbers once it is stopped; ``with`` stops it at the end of
        the block.

    Raises:
        RuntimeError: this OS thread has a profiler already; or cProfile runs.
    """
    return Profile(Collector(str(Path(__file__).parent)))


def stop() -> Profile:
    """End the profile of this OS thread, from whichever of its coroutines.

    Raises:
        RuntimeError: there is none.
    """
    collector = in_this_thread()
    if collector is None:
        raise RuntimeError("no profile runs in this OS thread: start() one first")
    profile: Profile = collector.owner
    return profile.stop()


def go(fun: Callable[..., R], /, *args: Any, profile_filename: str = "coro_profile.html", **kwargs: Any) -> R:
    """Call ``fun(*args, **kwargs)`` under the profiler and write a report, also if it raises.

    Args:
        fun: what to call.
        profile_filename: the report: for ``.html`` a page, for ``.txt`` collapsed stacks of
            wall time, and for any other name data for `pstats`.

    Returns:
        what `fun` returns.

    Raises:
        RuntimeError: as `start`.
    """
    profile = start()
    try:
        with profile:
            return fun(*args, **kwargs)
    finally:
        if profile.complete:  # not in a process that fun forked
            profile.save(profile_filename)
