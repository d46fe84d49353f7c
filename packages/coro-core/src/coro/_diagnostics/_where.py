"""Where coroutines stand.

What belongs here: the stacks of coroutines as text, for somebody who looks at a running program.
"""

import sys

from coro._scheduler import all_threads, coro
from coro.tb import stack_string


def where(co: coro) -> str:
    """Where a coroutine stands: its stack, in one line, innermost frame first.

    Args:
        co: a coroutine, of any OS thread.

    Returns:
        ``[directory/file function|line]`` for each frame, as of `coro.tb.stack_string`; ``[]``
        if it has no stack: it has not begun to run, or has ended.

    Raises:
        TypeError: `co` is no coroutine.
    """
    if not isinstance(co, coro):
        raise TypeError(f"co must be a coroutine, not {type(co).__name__}")
    frame = co.get_frame()
    if frame is not None and frame is sys._getframe():  # the caller asks for itself
        frame = frame.f_back
    return "[]" if frame is None else stack_string(frame)


def where_all() -> dict[int, tuple[str, coro, str]]:
    """Where all coroutines stand that were started and have not ended, in all OS threads.

    Returns:
        by id: name, coroutine, and its stack as `where` tells it.
    """
    return {co.id: (co.get_name(), co, where(co)) for co in all_threads.values()}
