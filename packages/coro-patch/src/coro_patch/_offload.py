"""Calls that can only block run in a real OS thread.

What belongs here: waiting in a coroutine for what a real thread does.
"""

import _thread
from collections.abc import Callable
from typing import Any

from coro.interface import scheduler
from coro_patch._identity import runs_in_coroutine

# The real one, whatever is emulated later.
_start_new_thread = _thread.start_new_thread


def offload(why: str, function: Callable[..., Any], *args: Any) -> Any:
    """``function(*args)`` in a real thread, while other coroutines run.

    Args:
        why: what the coroutine waits for, for reports.

    Raises:
        what `function` raises.
    """
    if not runs_in_coroutine():  # nothing here would be held up
        return function(*args)
    here = scheduler()
    me: Any = here.current
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append((function(*args), None))
        except BaseException as error:
            outcome.append((None, error))
        here.wake(me)  # if it still waits; a wait for something else sees that it is not meant

    _start_new_thread(work, ())
    while not outcome:
        here.wait(why)
    result, error = outcome.pop()
    if error is not None:
        try:
            raise error
        finally:
            del error  # its traceback holds this frame
    return result
