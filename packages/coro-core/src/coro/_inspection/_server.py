"""The side that is looked at: a socket, and coroutines that answer.

What belongs here: who may ask, and what an asker can cost. What is told is `_snapshot`'s.

There is no OS thread for this. With a second thread, fork() warns, and a dead end cannot be told
from a wait for that thread. A coroutine that accepts and one for each asker do it, daemons, so
that a program in which all others are stuck is still told so. The price: a process that lets no
coroutine run does not answer.

No timer runs while nobody has to be waited for, because a timer would hide a dead end too. How
often there is a new screen is the asker's affair, who asks again.

**Who may ask**: the user whose process it is, and root. The folder is theirs alone, the socket
too, and the kernel says of each connection who has made it (SO_PEERCRED, unix(7)).

**What an asker can cost**: an asker that does not read is cut off after some seconds; there are
few at a time; a request is short, and an answer is made in slices.
"""

from __future__ import annotations

import _socket
import atexit
import contextlib
import errno
import json
import os
import struct
import sys
from collections.abc import Iterator
from typing import Any

from coro._inspection import _address, _statistics
from coro._inspection._columns import SORTS
from coro._inspection._snapshot import Snapshots
from coro._scheduler import Scheduler, scheduler
from coro.errors import ClosedError

VERSION = 1
SWITCH = "CORO_INSPECT"
ASKERS = 8  # at a time
LONGEST_REQUEST = 4096  # bytes
PATIENCE = 10.0  # seconds for an asker to read on
IDLE = 60  # seconds without a request after which an asker gives way to another
PAUSE = 1.0  # seconds, if there is no descriptor left to accept with
READ, WRITE = 1, 2

WANTS = ("process", "watch", "snapshot", "stacks")

failure: OSError | None = None
"""Why the socket could not be made when it was last tried; None if it could."""

_server: _Server | None = None


class BadRequestError(Exception):
    """The asker is told what is wrong with the request."""


def start() -> str:
    """Begin to answer, in the scheduler of the calling OS thread. Returns the socket's path.

    Raises:
        OSError: the socket cannot be made.
    """
    global _server, failure
    if _server is None:
        failure = None
        try:
            _server = _Server(scheduler())
        except OSError as error:
            failure = error.with_traceback(None)
            raise
        atexit.register(stop)
    return _server.path


def start_quietly() -> bool:
    """The same as part of something else: whether there is something to stop now."""
    if os.environ.get(SWITCH) == "0" or not scheduler().in_main_thread or _server is not None:
        return False
    with contextlib.suppress(OSError):
        start()
    return _server is not None


def stop() -> None:
    """Answer no more."""
    global _server
    if _server is not None:
        server, _server = _server, None
        atexit.unregister(stop)
        server.close()


def _after_fork_in_child() -> None:
    """The socket is the parent's, and its coroutines are not here. But its descriptors are: kept
    open, they would take the parent's place when that ends, and never answer."""
    global _server
    if _server is not None:
        server, _server = _server, None
        atexit.unregister(stop)
        server.leave_to_parent()
    while _statistics.watchers():
        _statistics.unwatch()


os.register_at_fork(after_in_child=_after_fork_in_child)


class _Server:
    """The socket, and who is connected to it."""

    def __init__(self, here: Scheduler) -> None:
        self.here = here
        self.askers: list[_Asker] = []
        self.listener, self.path = _listen()
        self.identity = _identity(self.path)
        self.coroutine = here.spawn(self.accept, thread_name="inspection")
        self.coroutine.daemon = True

    def accept(self) -> None:
        """Take in whoever comes. Runs in a coroutine of its own, until the socket is closed."""
        try:
            while not _is_closed(self.listener):
                try:
                    fd, _ = self.listener._accept()  # type: ignore[attr-defined]
                except BlockingIOError:
                    self.here.wait_for_descriptor(self.listener.fileno(), READ)
                except OSError as error:
                    if error.errno not in _FOR_NOW:
                        return  # somebody has closed the descriptor
                    self.here.wait("inspection", PAUSE)
                else:
                    self.admit(_socket.socket(fileno=fd))
        except ClosedError:
            pass
        finally:
            if _server is self:  # the coroutine was shut down, or its OS thread has ended
                stop()

    def admit(self, connection: _socket.socket) -> None:
        """Serve a connection, if it may ask and there is room."""
        connection.setblocking(False)
        pid, uid = peer(connection)
        if uid not in (os.geteuid(), 0):
            connection.close()
            return
        if len(self.askers) >= ASKERS:
            self.make_room()
        if len(self.askers) >= ASKERS:
            with contextlib.suppress(OSError):
                connection.send(_line({"version": VERSION, "error": "too many others look at it"}), _NO_SIGNAL)
            connection.close()
            return
        asker = _Asker(self, connection)
        self.askers.append(asker)
        self.here.spawn(asker.serve, thread_name=f"inspection for process {pid}").daemon = True

    def make_room(self) -> None:
        """Cut off who has asked nothing for the longest time: a ``top`` that was stopped, most likely."""
        idle = [asker for asker in self.askers if asker.idle_since is not None]
        if idle:
            longest = min(idle, key=lambda asker: asker.idle_since or 0)
            if _statistics.clock() - (longest.idle_since or 0) > IDLE * 1_000_000_000:
                longest.close()

    def close(self) -> None:
        """Answer no more. Nothing is waited for: the coroutines see that their sockets are closed."""
        if _identity(self.path) == self.identity:  # or somebody has put another in its place
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        _close(self.here, self.listener)
        for asker in self.askers.copy():
            asker.close()

    def leave_to_parent(self) -> None:
        """Forked: let go of the descriptors, and of nothing else."""
        self.listener.close()
        for asker in self.askers:
            asker.connection.close()


class _Asker:
    """A connection, and what it was told."""

    def __init__(self, server: _Server, connection: _socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.received = b""
        self.snapshots = Snapshots()
        self.idle_since: int | None = None  # ns; None while it is answered

    def serve(self) -> None:
        """Answer until there is nothing more to answer. Runs in a coroutine of its own."""
        try:
            while (request := self.receive()) is not None:
                self.answer(request)
        except OSError:  # it is gone, or does not read
            pass
        except BadRequestError as error:
            with contextlib.suppress(OSError):
                self.tell({"version": VERSION, "error": str(error)})
        finally:
            self.close()

    def close(self) -> None:
        self.snapshots.end()
        if self in self.server.askers:
            self.server.askers.remove(self)
        _close(self.server.here, self.connection)

    def answer(self, request: bytes) -> None:
        want, sort, limit = _parse(request)
        first: dict[str, Any] = {"version": VERSION}
        try:
            for line in self.lines(want, sort, limit):
                self.tell({**first, **line})
                first = {}
            self.tell({"end": True})
        except OSError:
            raise
        except Exception as error:  # a mistake of ours: the asker's affair, and not the program's
            raise BadRequestError(f"the answer failed: {type(error).__name__}: {error}") from None

    def lines(self, want: str, sort: str | None, limit: int | None) -> Iterator[dict[str, Any]]:
        if want == "watch":
            self.snapshots.watch()
        if want in ("process", "watch"):
            yield {"process": self.snapshots.process()}
        else:
            yield from self.snapshots.answer(sort, limit, stacks=want == "stacks")

    def receive(self) -> bytes | None:
        """The next request; None if no more will come. One that is here already has to wait a turn:
        who asks and asks shares with the others."""
        has_waited = False
        while b"\n" not in self.received:
            if len(self.received) > LONGEST_REQUEST:
                raise BadRequestError(f"a request is one line of no more than {LONGEST_REQUEST} bytes")
            self.idle_since = _statistics.clock()
            try:
                data = self.connection.recv(LONGEST_REQUEST)
            except BlockingIOError:
                self.server.here.wait_for_descriptor(self.connection.fileno(), READ)
                has_waited = True
            else:
                if not data:
                    return None
                self.received += data
        self.idle_since = None
        if not has_waited:
            self.server.here.wait("inspection", 0)
        request, _, self.received = self.received.partition(b"\n")
        return request

    def tell(self, line: dict[str, Any]) -> None:
        rest = memoryview(_line(line))
        while rest:
            try:
                rest = rest[self.connection.send(rest, _NO_SIGNAL) :]
            except BlockingIOError:
                if not self.server.here.wait_for_descriptor(self.connection.fileno(), WRITE, PATIENCE):
                    raise TimeoutError("it does not read what it asked for") from None


_FOR_NOW = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED)

_NO_SIGNAL = getattr(_socket, "MSG_NOSIGNAL", 0)  # the program may have let SIGPIPE kill it


def _listen() -> tuple[_socket.socket, str]:
    """A listening socket in the first folder that will do, and its path."""
    problem = OSError("no folder for the socket")
    for folder in _address.folders_to_serve_in():
        path = os.path.join(folder, str(os.getpid()))
        try:
            _address.make_private(folder)
            return _listen_at(path), path
        except OSError as error:
            problem = error
    raise problem


def _listen_at(path: str) -> _socket.socket:
    """It appears under its name when it listens, in the place of one that a dead process has left.

    Its mode is set by chmod(2) and not by a umask, which is the whole process's: other OS threads
    may make files just now. Nobody else can reach it before, since the folder is private.
    """
    unborn = f"{path}.unborn"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(unborn)
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.bind(unborn)
        os.chmod(unborn, 0o600)
        listener.listen(ASKERS)
        os.rename(unborn, path)
    except BaseException:
        listener.close()
        with contextlib.suppress(OSError):
            os.unlink(unborn)
        raise
    return listener


def peer(connection: _socket.socket) -> tuple[int, int]:
    """The process and the user at the other end. Where the system does not tell: 0 and our own,
    since none but the owner of the folder and root can have come so far."""
    if not hasattr(_socket, "SO_PEERCRED"):
        return 0, os.geteuid()
    credentials = struct.Struct("3i")
    data = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, credentials.size)
    pid, uid, _ = credentials.unpack(data)
    return pid, uid


def _parse(request: bytes) -> tuple[str, str | None, int | None]:
    try:
        fields = json.loads(request)
    except (ValueError, RecursionError):
        raise BadRequestError("a request is one line of JSON") from None
    if not isinstance(fields, dict) or fields.get("want") not in WANTS:
        raise BadRequestError(f"what is wanted must be one of {', '.join(WANTS)}")
    sort, limit = fields.get("sort"), fields.get("limit")
    if sort is not None and sort not in list(SORTS):
        raise BadRequestError(f"sort must be one of {', '.join(SORTS)}")
    if limit is not None and not (isinstance(limit, int) and 1 <= limit <= sys.maxsize):
        raise BadRequestError("limit must be a number from 1 on")
    return fields["want"], sort, limit


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _identity(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        return found.st_dev, found.st_ino
    return None


def _is_closed(connection: _socket.socket) -> bool:
    return connection.fileno() < 0


def _close(here: Scheduler, connection: _socket.socket) -> None:
    if not _is_closed(connection):
        here.forget_descriptor(connection.fileno(), stays_open=False)
        connection.close()
