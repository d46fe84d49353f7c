"""Tools for tests of programs that use coro.

What belongs here: what a test needs to control time and the order in which coroutines run,
and to see that nothing was left behind. pytest has them as fixtures and as the marker ``coro``:
see `coro._pytest_plugin`.
"""

from coro.testing._leaks import LeakError, counts, leak_check
from coro.testing._orders import find_race, shuffled
from coro.testing._quiet import virtual_clock, wait_all_blocked

__all__ = [
    "LeakError",
    "counts",
    "find_race",
    "leak_check",
    "shuffled",
    "virtual_clock",
    "wait_all_blocked",
]
