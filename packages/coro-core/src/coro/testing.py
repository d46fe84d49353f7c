"""Tools for tests of programs that use coro.

What belongs here: what a test needs to control time and to see that nothing was left
behind.
"""

import contextlib
import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from coro._scheduler import get_live_coros, scheduler, yield_slice

__all__ = ["LeakError", "counts", "leak_check", "virtual_clock"]


class LeakError(AssertionError):
    """Something was left behind."""


@contextlib.contextmanager
def virtual_clock() -> Iterator[None]:
    """While this block runs, time in this thread passes only by jumps.

    When nothing is ready and no watched descriptor has news, the clock jumps to the next
    timer at once: an hour's timeout takes no time. With no timer set and nobody waiting
    on a descriptor, `DeadlockError` says so. What happens in other threads or processes
    takes real time, of which this clock knows nothing.
    """
    here = scheduler()
    here.use_virtual_clock(True)
    try:
        yield
    finally:
        here.use_virtual_clock(False)


def counts() -> dict[str, int]:
    """What exists now in this thread's scheduler and this process, by kind."""
    found = {"coroutines": get_live_coros(), **scheduler().counts()}
    found["OS threads"] = threading.active_count()
    with contextlib.suppress(OSError):
        found["open descriptors"] = len(os.listdir("/proc/self/fd"))
    return found


@contextlib.contextmanager
def leak_check() -> Iterator[None]:
    """Check that coroutines, timers, registrations and descriptors are given back.

    Raises:
        LeakError: there are more at the end of the block than at its beginning.
    """
    _settle()
    before = counts()
    yield
    _settle()
    after = counts()
    left = {kind: after[kind] - before[kind] for kind in after if after[kind] > before[kind]}
    if left:
        raise LeakError("left behind: " + ", ".join(f"{n} {kind}" for kind, n in left.items()) + _details())


def _settle() -> None:
    for _ in range(3):  # an end may wake another, whose end wakes a third
        yield_slice()
    gc.collect()


def _details() -> str:
    from coro._scheduler import all_threads

    lines = [f"\n  {co!r}" for co in all_threads.values()]
    with contextlib.suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                lines.append(f"\n  descriptor {entry.name}: {entry.readlink()}")
    return "".join(lines)
