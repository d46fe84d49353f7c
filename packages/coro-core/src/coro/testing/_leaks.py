"""Whether a test gave back what it took.

What belongs here: counting what exists before and after, and naming what is left.
"""

import contextlib
import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from coro._scheduler import all_threads, get_live_coros, scheduler, yield_slice


class LeakError(AssertionError):
    """Something was left behind."""


def counts() -> dict[str, int]:
    """What exists now in this thread's scheduler and this process, by kind."""
    found = {"coroutines": get_live_coros(), **scheduler().counts()}
    found["OS threads"] = threading.active_count()
    with contextlib.suppress(OSError):
        found["open descriptors"] = len(os.listdir("/proc/self/fd"))
    return found


@contextlib.contextmanager
def leak_check() -> Iterator[None]:
    """Check that coroutines, timers, registrations, descriptors and OS threads are given back.

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
    lines = [f"\n  {co!r}" for co in all_threads.values()]
    lines += [f"\n  OS thread {thread.name!r}" for thread in threading.enumerate()]
    with contextlib.suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                lines.append(f"\n  descriptor {entry.name}: {entry.readlink()}")
    return "".join(lines)
