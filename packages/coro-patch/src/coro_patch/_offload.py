"""Calls that can only block run in a real OS thread.

What belongs here: which calls need one. The threads themselves are coro-core's.
"""

from collections.abc import Callable
from typing import Any

from coro.interface import RealThreads
from coro_patch._identity import runs_in_coroutine

# So many that nothing waits for a thread in practice: some calls, such as a poll, have no limit
# of time, and others must not queue behind them.
_threads = RealThreads(1000)


def offload(why: str, function: Callable[..., Any], *args: Any) -> Any:
    """``function(*args)`` in a real thread, while other coroutines run.

    Args:
        why: what the coroutine waits for, for reports.

    Raises:
        what `function` raises.
    """
    if not runs_in_coroutine():  # nothing here would be held up
        return function(*args)
    return _threads.call(why, function, *args)
