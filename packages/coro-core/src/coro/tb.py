"""Stacks and tracebacks in one line, for logs.

What belongs here: the compact text of frames, ``[directory/file function|line] [...]``. It is
made of names and numbers that the frames have at hand: no source is read, and nothing raises, so
that it can be used where something is wrong already. Its form is that of Shrapnel's ``coro.tb``.
"""

import os.path
import sys
from types import FrameType, TracebackType
from typing import Any

__all__ = ["stack_string", "traceback_string"]


def stack_string(f: FrameType | None = None, limit: int | None = None) -> str:
    """A stack in one line, innermost frame first.

    Args:
        f: its innermost frame, such as `coro.coro.get_frame` gives; the caller's if None.
        limit: the most frames to show; None for all. ``...`` stands for the others.

    Returns:
        ``[directory/file function|line]`` for each frame, with blanks between them.
    """
    frame: Any = sys._getframe(1) if f is None else f
    places: list[str] = []
    while frame is not None:
        if limit is not None and len(places) >= limit:
            return " ".join([*places, "..."])
        places.append(f"[{_place(frame, getattr(frame, 'f_lineno', None))}]")
        frame = getattr(frame, "f_back", None)
    return " ".join(places) or "[]"


def traceback_string(
    exc_type: type[BaseException] | BaseException | None = None,
    exc_value: BaseException | None = None,
    exc_tb: TracebackType | None = None,
) -> str:
    """An exception and where it came from, in one line.

    Args:
        exc_type, exc_value, exc_tb: as in `sys.exc_info`, which is asked if `exc_type` is None.
            An exception alone will do too.

    Returns:
        the repr of a tuple of four strs: where it was raised, its class, what it says, and the
        places on its way, the one where it was raised last. Without a traceback, the first is
        ``"?"`` and the last ``"[]"``.
    """
    if exc_type is None:
        exc_type, exc_value, exc_tb = sys.exc_info()
    elif isinstance(exc_type, BaseException):
        exc_value, exc_tb = exc_type, exc_type.__traceback__
        exc_type = type(exc_value)
    places: list[str] = []
    link: Any = exc_tb
    while link is not None:
        places.append(_place(getattr(link, "tb_frame", None), getattr(link, "tb_lineno", None)))
        link = getattr(link, "tb_next", None)
    ways = " ".join(f"[{place}]" for place in places)
    return repr((places[-1] if places else "?", _str(exc_type), _str(exc_value), ways or "[]"))


def _place(frame: Any, line: int | None) -> str:
    code = getattr(frame, "f_code", None)
    directory, file = os.path.split(str(getattr(code, "co_filename", "?")))
    parent = os.path.basename(directory)
    name = getattr(code, "co_name", "?")
    return f"{parent + '/' if parent else ''}{file} {name}|{'?' if line is None else line}"


def _str(thing: object) -> str:
    try:
        return str(thing)
    except Exception as error:
        return f"<{type(thing).__name__}, its str raises {type(error).__name__}>"
