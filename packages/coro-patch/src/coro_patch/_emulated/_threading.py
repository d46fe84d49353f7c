"""`threading`: what it keeps of the main thread.

What belongs here: objects that `threading` made when it was imported, made anew so that
emulated threads can wait for them. `threading` itself is the standard library's own.
"""

import functools
import threading
from typing import Any

from coro_patch._emulated._thread import _make_thread_handle, runs_in_emulated_thread
from coro_patch._emulated._thread_local import _local
from coro_patch._emulated._thread_locks import allocate_lock

_kept: list[Any] = []


def main_sentinel(original: Any) -> Any:
    """The lock that is held as long as the main thread lives (up to 3.12).

    The original stays with Python, which releases it when the main thread ends: it must
    live until then. It is the same lock whenever it is asked for anew.
    """
    known: set[Any] = vars(threading)["_shutdown_locks"]
    sentinel = allocate_lock()
    sentinel.acquire()
    if original in known:
        known.discard(original)
        known.add(sentinel)
    _kept.append(original)
    return sentinel


def restore_main_sentinel(original: Any, sentinel: Any) -> None:
    """Undo `main_sentinel`."""
    known: set[Any] = vars(threading)["_shutdown_locks"]
    if sentinel in known:
        known.discard(sentinel)
        known.add(original)


def main_handle(original: Any) -> Any:
    """The handle of the main thread (from 3.13 on)."""
    return _make_thread_handle(original.ident)


class _Farewell:
    """Stands in a local: when the coroutine of a dummy thread ends, `threading` forgets the thread."""

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread

    def __del__(self) -> None:
        active: dict[int | None, threading.Thread] = vars(threading)["_active"]
        if active.get(self._thread.ident) is self._thread:
            del active[self._thread.ident]


_farewells = _local()


def dummy_thread(original: Any) -> Any:
    """``_DummyThread.__init__``: those of coroutines would stay in `threading.enumerate` for ever.
    Those of threads do (up to 3.12)."""

    @functools.wraps(original)
    def __init__(self: threading.Thread) -> None:
        original(self)
        if not runs_in_emulated_thread():
            _farewells.mine = _Farewell(self)

    return __init__


def new_local(original: Any) -> Any:
    """A local, empty."""
    return _local()
