"""The moment when nothing else can run: waiting for it, and letting time jump at it.

What belongs here: what a test uses in place of sleeping "to give it time".
"""

import contextlib
from collections.abc import Iterator

from coro._scheduler import scheduler


@contextlib.contextmanager
def virtual_clock() -> Iterator[None]:
    """While this block runs, time in this thread passes only by jumps.

    When nothing is ready and no watched descriptor has news, the clock jumps to the next
    timer at once: an hour's timeout takes no time. With no timer set and nobody waiting
    on a descriptor, `DeadlockError` says so. What happens in other threads or processes
    takes real time, of which this clock knows nothing: a timer comes before their answer.

    Raises:
        RuntimeError: it is on already.
    """
    here = scheduler()
    here.use_virtual_clock(True)
    try:
        yield
    finally:
        here.use_virtual_clock(False)


def wait_all_blocked() -> None:
    """Wait until all other coroutines of this thread wait, and none is ready.

    Timers that are due and descriptors that have news count as ready. What another thread or
    process will do does not: nobody can know. Time does not pass, nor does the virtual clock
    jump. When several wait here, all of them go on.
    """
    scheduler().wait_all_blocked()
