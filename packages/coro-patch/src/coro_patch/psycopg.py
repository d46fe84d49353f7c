"""PostgreSQL's drivers, psycopg2 and psycopg 3, made to wait without blocking.

What belongs here: what tells each of them how to wait. Both speak with the server through
libpq, a C library that opens its own sockets, so the emulation of `socket` does not see them;
but both let somebody else wait for the descriptor.

- psycopg2 has a wait callback for the whole process, `wait` below. It runs until
  ``connection.poll()`` says that the operation is complete. If the wait ends by an exception,
  such as a time limit, psycopg2 closes the connection. While there is a callback it refuses
  COPY and large objects, and a connection serves one statement at a time.
- psycopg 3 picks a function of `psycopg.waiting` when it is imported: one in C, which calls
  poll() itself, if it has its C part, else one in Python. The one in Python, on the emulated
  `select.poll`, is what is wanted, and it is made to take it. A statement that is interrupted is
  cancelled in the server, as psycopg does it on Ctrl-C, and the connection stays usable.

libpq looks up names itself for psycopg2, and blocks meanwhile: give it a numeric ``hostaddr``, or
a UNIX socket. psycopg 3 asks Python, whose look-ups are emulated.
"""

import importlib
import importlib.util
from types import ModuleType
from typing import Any

from coro.errors import Interrupted
from coro.interface import READ, WRITE, scheduler
from coro_patch._installing._install import is_object_patched

__all__ = ["install", "uninstall", "wait"]

#: (where, name, before, after)
_changes: list[tuple[Any, str, Any, Any]] = []
#: psycopg2's wait callback before ours
_callback_before: list[Any] = []


def install() -> None:
    """Make the drivers that are installed wait without blocking. It may be called again.

    They are imported, if the program has not done so.

    Raises:
        ImportError: neither psycopg nor psycopg2 is installed.
        RuntimeError: psycopg is, and `select` is not emulated.
    """
    names = [name for name in ("psycopg", "psycopg2") if importlib.util.find_spec(name)]
    if not names:
        raise ImportError("neither psycopg nor psycopg2 is installed")
    if "psycopg" in names:
        _install_3()
    if "psycopg2" in names:
        _install_2(importlib.import_module("psycopg2.extensions"))


def uninstall() -> None:
    """Let them wait as they do by themselves."""
    for place, name, before, after in reversed(_changes):
        if getattr(place, name) is after:
            setattr(place, name, before)
    _changes.clear()
    if _callback_before:
        extensions = importlib.import_module("psycopg2.extensions")
        before = _callback_before.pop()
        if extensions.get_wait_callback() is wait:
            extensions.set_wait_callback(before)


def wait(connection: Any) -> None:
    """psycopg2's wait callback: wait until the operation of a connection is complete.

    Args:
        connection: psycopg2's.

    Raises:
        psycopg2.OperationalError: the connection is in a state that there is not.
    """
    extensions: Any = importlib.import_module("psycopg2.extensions")
    here = scheduler()
    while (state := connection.poll()) != extensions.POLL_OK:
        if state == extensions.POLL_READ:
            here.wait_for_descriptor(connection.fileno(), READ)
        elif state == extensions.POLL_WRITE:
            here.wait_for_descriptor(connection.fileno(), WRITE)
        else:
            raise extensions.OperationalError(f"bad state from poll: {state}")


def _install_2(extensions: ModuleType) -> None:
    before = extensions.get_wait_callback()
    if before is not wait:
        _callback_before[:] = [before]
        extensions.set_wait_callback(wait)


def _install_3() -> None:
    if not is_object_patched("select", "poll"):
        raise RuntimeError(
            "psycopg would wait with select.poll, which is not emulated: call coro.install_thread_emulation() first"
        )
    waiting: Any = importlib.import_module("psycopg.waiting")
    # `wait_poll` is there from 3.2 on; before, `wait_selector` is all but as good.
    _change(waiting, "wait", getattr(waiting, "wait_poll", waiting.wait_selector))
    connection: Any = importlib.import_module("psycopg.connection")
    # What makes it cancel a statement in the server (from 3.2 on).
    interrupts = getattr(connection, "_INTERRUPTED", None)
    if interrupts is not None:
        every = interrupts if isinstance(interrupts, tuple) else (interrupts,)
        if Interrupted not in every:
            _change(connection, "_INTERRUPTED", (*every, Interrupted))


def _change(place: Any, name: str, after: Any) -> None:
    before = getattr(place, name)
    if before is not after:
        setattr(place, name, after)
        _changes.append((place, name, before, after))
