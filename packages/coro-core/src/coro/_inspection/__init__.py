"""Looking into a running process from outside: ``python -m coro ps``, ``dump`` and ``top``.

What belongs here: both sides of it. In the process that is looked at, `_server` answers on a
private UNIX socket, whose place `_address` knows, with what `_snapshot` finds out. The commands
are the other side: `_commands` reads the command line, `_client` asks, and `_ps`, `_dump` and
`_top` show the answer as `_table` lays it out.

**The protocol** is one line of JSON for a request and some lines of JSON for its answer. A
request is an object with ``want``:

- ``process``: what kind of process this is;
- ``watch``: count run times and delays from now on, until this connection ends;
- ``snapshot``: the coroutines, with what they did since the request before on this connection;
  ``sort`` and ``limit`` choose the first few by a column;
- ``stacks``: the coroutines, and where each stands.

The first line of an answer is ``{"version": 1, "process": {...}}``. Lines ``{"coroutines": [...]}``
follow for the latter two, and the last one is ``{"end": true}``. ``{"version": 1, "error": "..."}``
takes the place of an answer. Fields may be added under one version; readers pass over those that
they do not know.

This module is imported with the event loop, so it imports nothing itself.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

__all__ = ["served", "start_inspection", "stop_inspection"]


def start_inspection() -> str:
    """Let ``python -m coro ps``, ``dump`` and ``top`` look into this process.

    `event_loop` does so by itself; this is for programs that have none. It answers whenever the
    coroutines of the calling OS thread take turns. Nothing happens if it is on already.

    Returns:
        the path of the UNIX socket.

    Raises:
        OSError: the socket cannot be made.
    """
    from coro._inspection import _server

    return _server.start()


def stop_inspection() -> None:
    """Take back `start_inspection`: who looks at the moment is cut off. Nothing happens if it is off."""
    from coro._inspection import _server

    _server.stop()


@contextlib.contextmanager
def served() -> Iterator[None]:
    """What `event_loop` does about it, for as long as it runs.

    Only in Python's main thread, and not if it is on already or ``CORO_INSPECT=0`` stands in the
    environment. A program does not fail because nobody can look into it: if the socket cannot be
    made, `_server.failure` keeps the reason.
    """
    ours = _started()
    try:
        yield
    finally:
        if ours:
            stop_inspection()


def _started() -> bool:
    """Whether it is `served` that has switched it on."""
    if os.environ.get("CORO_INSPECT") == "0":
        return False
    try:  # the program may have left the place where its modules are, or have no descriptors left
        from coro._inspection import _server
    except (ImportError, OSError):
        return False
    return _server.start_quietly()
