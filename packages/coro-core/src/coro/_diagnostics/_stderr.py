"""Lines on the console of the program.

What belongs here: text for the program's own stderr, from wherever it comes: a coroutine, the
scheduler, any OS thread, a program that ends.

Each text is one write(2) to the descriptor of `sys.__stderr__`. So it comes out whole between
the lines of others; it does not go to what `sys.stderr` is set to for the time of a test or a
session; and no lock of a buffered file is held, which at the exit of the interpreter would be
fatal for a thread that is cut off with it.
"""

import contextlib
import os
import select
import sys
import time
from _thread import get_ident
from typing import Any

from coro._scheduler import all_schedulers

PATIENCE = 100  # ms that a stderr that does not block may take to accept more

# The real ones, whatever is emulated later.
_write = os.write
_poll = select.poll


def write_stderr(s: str) -> None:
    """Write a text as it is to the program's stderr, and never fail for that.

    It blocks the OS thread as any write to stderr does. If stderr is in non-blocking mode and
    full, and stays so for a tenth of a second, the rest of the text is lost. Without a stderr,
    or with one that is closed, all of it is.

    Raises:
        TypeError: `s` is no str.
    """
    if not isinstance(s, str):
        raise TypeError(f"s must be a str, not {type(s).__name__}")
    stream: Any = sys.__stderr__ or sys.stderr
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        try:
            fd = stream.fileno()
        except (AttributeError, OSError):  # no file of the system: the text of an embedding program
            stream.write(s)
            return
        _write_all(fd, s.encode(stream.encoding, "backslashreplace"))


def print_stderr(s: object) -> None:
    """Print a line to the program's stderr, as ``id:<tab>time text``: the id of the running
    coroutine (``-`` in an OS thread that has none), the time as of `time.ctime`.

    Args:
        s: what to print; the end of the line is added if it has none. See `write_stderr`.
    """
    print_stderr_for(_running_id(), s)


def print_stderr_for(who: int | str, s: object) -> None:
    """`print_stderr` in the name of another coroutine, given by its id."""
    line = f"{who}:\t{time.ctime(time.time())} {s}"  # ctime() alone may lag behind time() by a tick
    write_stderr(line if line.endswith("\n") else line + "\n")


def _write_all(fd: int, data: bytes) -> None:
    refused = False
    while data:
        try:
            data = data[_write(fd, data) :]
            refused = False
        except BlockingIOError:
            if refused or not _becomes_writable(fd):
                return
            refused = True


def _becomes_writable(fd: int) -> bool:
    poll = _poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(PATIENCE))


def _running_id() -> int | str:
    """Not by `coro.current`: that would make a scheduler for an OS thread that has none."""
    me = get_ident()
    for each in all_schedulers():
        if each.thread_ident == me and each.current is not None:
            return each.current.id
    return "-"
