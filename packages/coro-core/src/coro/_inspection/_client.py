"""The side that looks: finding a process's socket, asking, and saying why there is no answer.

What belongs here: everything between a command and the answer as data. It uses plain blocking
sockets, as there is nothing else to do meanwhile.

Whoever answers must be the process that was meant. The kernel says who listens (SO_PEERCRED):
this leaves out what somebody else has put in its place, and another process that has the same
number in a container.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
from collections.abc import Iterator
from typing import Any

from coro._inspection import _address
from coro._inspection._columns import Row
from coro._inspection._server import SWITCH, VERSION, peer
from coro._inspection._table import clean

PATIENCE = 5.0  # seconds
LONGEST_LINE = 1 << 24  # bytes of an answer


class NoAnswerError(Exception):
    """Why there is nothing to show, as a sentence for the user."""


class Connection:
    """A process that answers.

    Args:
        pid: its number.
        patience: how long to wait for each line of an answer, in seconds.

    Raises:
        NoAnswerError: it does not answer; the message says why, as far as that can be known.
    """

    def __init__(self, pid: int, patience: float = PATIENCE) -> None:
        self.pid = pid
        self.patience = patience
        self.socket = _connect(pid, patience)
        self.lines = self.socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error: object) -> None:
        self.lines.close()
        self.socket.close()

    def ask(self, want: str, **fields: Any) -> tuple[dict[str, Any], list[Row]]:
        """Ask, and wait for the answer.

        Args:
            want, **fields: the request; see `coro._inspection`.

        Returns:
            what is told of the process, and its coroutines.
        """
        process: dict[str, Any] = {}
        rows: list[Row] = []
        try:
            with contextlib.suppress(BrokenPipeError):  # it may have said why it closed
                self.socket.sendall(json.dumps({"want": want, **fields}).encode() + b"\n")
            for line in self._answer():
                process.update(line.get("process", {}))
                rows.extend(line.get("coroutines", []))
            if not all(isinstance(row["id"], int) for row in rows):
                raise TypeError
        except (TypeError, ValueError, KeyError, AttributeError):
            raise NoAnswerError(f"process {self.pid} answers in a language that nobody here understands") from None
        except TimeoutError:
            raise NoAnswerError(_stuck(self.pid, self.patience)) from None
        except OSError:
            raise NoAnswerError(self._over()) from None
        return process, rows

    def _answer(self) -> Iterator[dict[str, Any]]:
        first = True
        while True:
            try:
                line = harmless(json.loads(self.lines.readline(LONGEST_LINE) or b"null"))
            except ValueError:
                line = None
            if line is None:
                raise NoAnswerError(self._over())
            if "error" in line:
                raise NoAnswerError(f"process {self.pid} does not tell: {line['error']}")
            if first and line.get("version") != VERSION:
                raise NoAnswerError(
                    f"process {self.pid} speaks version {line.get('version')} of this language, and this is "
                    f"version {VERSION}: look with the coro-core that the process uses"
                )
            first = False
            yield line
            if "end" in line:
                return

    def _over(self) -> str:
        if not _exists(self.pid):
            return f"process {self.pid} has ended"
        return f"process {self.pid} answers no more: its event loop has ended, or it has run another program"


def harmless(answer: Any) -> Any:
    """What a process has answered, made fit for a terminal: root may look at a process that somebody
    else has written, and no character of it is to move the cursor, or do more."""
    if isinstance(answer, str):
        return clean(answer)
    if isinstance(answer, list):
        return [harmless(each) for each in answer]
    if isinstance(answer, dict):
        return {harmless(key): harmless(value) for key, value in answer.items()}
    return answer


def processes_that_serve() -> list[int]:
    """The numbers of this user's processes that have a socket. What dead ones left is removed."""
    found = set()
    for folder in _address.folders_to_look_in():
        with contextlib.suppress(OSError):
            _address.check_private(folder)
            for name in os.listdir(folder):
                if name.isdecimal() and not _remove_if_dead(os.path.join(folder, name), int(name)):
                    found.add(int(name))
    return sorted(found)


def _connect(pid: int, patience: float) -> socket.socket:
    refused = False
    for path in _address.places(pid):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(patience)
            connection.connect(path)
            if peer_pid(connection) in (pid, None):
                return connection
        except (BlockingIOError, TimeoutError):  # its queue is full, so it accepts nobody
            connection.close()
            raise NoAnswerError(_stuck(pid, patience)) from None
        except ConnectionRefusedError:
            refused = True
            _remove_if_dead(path, pid)
        except OSError:
            pass
        connection.close()
    raise NoAnswerError(_why_not(pid, refused))


def peer_pid(connection: socket.socket) -> int | None:
    """The number of the process at the other end; None where the system does not tell. 0 is one
    that has no number here: in another container."""
    return peer(connection)[0] if hasattr(socket, "SO_PEERCRED") else None


def _remove_if_dead(path: str, pid: int) -> bool:
    """Remove the socket of a process that has ended; whether that is so.

    Between the look and the removal another process would have to start under the same number,
    and come to its event loop: that takes a thousand times as long.
    """
    if _exists(pid):
        return False
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(0)
        try:
            connection.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                os.unlink(path)
        except OSError:
            pass
        else:  # of a process in a container that shares the folder: we have no number for it
            pass
    return True


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _why_not(pid: int, refused: bool) -> str:
    """Why a process has no socket that answers, as far as that can be known."""
    if not _exists(pid):
        return f"there is no process {pid}"
    uid = _address.owner(pid)
    if os.geteuid() not in (uid, 0):
        return f"process {pid} belongs to another user ({_user_name(uid)}): only its owner and root may look"
    if refused:
        return f"process {pid} has a coro socket but does not listen: it has run another program since"
    if _address.environment(pid).get(SWITCH) == "0":
        return f"process {pid} has no coro socket: it was started with {SWITCH}=0"
    if not _uses_coro(pid):
        return f"process {pid} does not use coro"
    return (
        f"process {pid} has no coro socket: it is not in event_loop() and has not called start_inspection(), "
        "its coro is older than this, or it could not make the socket"
    )


def _stuck(pid: int, patience: float) -> str:
    return (
        f"process {pid} does not answer within {patience:g} seconds: it is stopped, or stuck in code that lets "
        "no other coroutine run. coro.set_latency_warning() in the program tells of such code, and py-spy shows it"
    )


def _uses_coro(pid: int) -> bool:
    """Whether a process has loaded the scheduler; True if that cannot be known."""
    try:
        with open(f"/proc/{pid}/maps", "rb") as maps:
            return any(b"/coro/_scheduler." in line for line in maps)
    except OSError:
        return True


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
