"""Calls that can only block run in a real OS thread.

What belongs here: which calls need one. The threads themselves are coro-core's.
"""

import sys
from collections.abc import Callable
from typing import Any

from coro.interface import RealThreads
from coro_patch._foundation._identity import runs_in_coroutine

# So many that nothing waits for a thread in practice: some calls, such as a poll, have no limit
# of time, and others must not queue behind them.
_threads = RealThreads(1000)

_ENDS_EARLY: bool = sys.version_info[:2] == (3, 12)


def offload(why: str, function: Callable[..., Any], *args: Any) -> Any:
    """``function(*args)`` in a real thread, while other coroutines run.

    Args:
        why: what the coroutine waits for, for reports.

    Raises:
        what `function` raises.
    """
    if not runs_in_coroutine() or no_more_threads():  # it holds up nobody, or has to
        return function(*args)
    return _threads.call(why, function, *args)


def no_more_threads() -> bool:
    """Whether Python starts no thread any more, although coroutines still run.

    3.12 alone refuses new ones as soon as `threading` has seen the main one end, before the
    functions of `atexit` run.
    """
    main = getattr(sys.modules.get("threading"), "_main_thread", None) if _ENDS_EARLY else None
    return getattr(main, "_is_stopped", False)
