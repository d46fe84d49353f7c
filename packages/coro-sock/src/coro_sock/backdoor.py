"""A Python prompt in the running program: ``coro.backdoor``.

    coro.spawn(coro.backdoor.serve, unix_path="/run/program/backdoor")

    $ nc -U /run/program/backdoor
    >>> len(coro.all_threads)
    1041

What belongs here: who may connect, and a session for each who does. The prompt is in `_console`,
what the keys of a telnet client mean in `_telnet`.

Whoever gets in can do all that the program can. So it is a UNIX socket for the program's own user:
connecting needs the permission to write to its file, which is made for that user alone, and the
kernel tells who is at the other end (SO_PEERCRED), which is checked too, should somebody change the
file's mode. With TCP there is neither.

A session is two coroutines. One runs the statements, so a statement that waits suspends its session
and nothing else; the other reads meanwhile, or nobody would see Ctrl-C. A statement that
computes keeps the whole program waiting, as anywhere.
"""

import _socket
import contextlib
import errno
import itertools
import os
import select
import stat
import struct
import sys
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import coro
from coro import Shutdown, current, new, oserrors, sleep_relative, spawn
from coro.interface import scheduler
from coro_sock._console import LIMIT, Console
from coro_sock._create import unix_sock
from coro_sock._serve import create_server
from coro_sock._sock import sock
from coro_sock._telnet import Keyboard, Typed

__all__ = ["serve"]

#: Seconds that a statement may take to end when the backdoor is closed.
GRACE = 1.0

#: Seconds until the next try when no connection can be accepted.
PAUSE = 0.1

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_numbers = itertools.count(1)

#: The listeners and the connections: what a forked child must let go of, or clients would wait at a
#: door behind which there is nobody.
_sockets: weakref.WeakSet[sock] = weakref.WeakSet()


def serve(
    unix_path: str | bytes | os.PathLike[str] | os.PathLike[bytes] | None = None,
    *,
    address: tuple[Any, ...] | None = None,
    allow_tcp: bool = False,
    namespace: Mapping[str, Any] | None = None,
    welcome: str | None = None,
) -> NoReturn:
    """Let those who connect type Python at a prompt, until this coroutine is shut down.

    Each connection is a session in coroutines of its own, with names of its own. ``exit()`` or
    Ctrl-D ends it and Ctrl-C interrupts a statement that waits. What the statements print and
    what they raise goes to the client only; what functions of the program print goes where it
    always does.

    At the end the socket's file is removed and the sessions are ended.

    Args:
        unix_path: where to make the socket. Only the program's own user and root are let in.
            A socket that a dead process has left there is replaced.
        address: ``(host, port)`` to listen at instead, with `allow_tcp`.
        allow_tcp: let everybody in who can connect to `address`.
        namespace: the names that each session begins with, copied for it; ``{"coro": coro}``
            unless given. To change what belongs to the program, go through a module or an object.
        welcome: what a session begins with, a line or more.

    Raises:
        Shutdown: it was shut down. It never returns.
        ValueError: neither or both of `unix_path` and `address` are given, or TCP is not allowed.
        FileExistsError: there is another kind of file at `unix_path`.
        OSError: the system refuses; EADDRINUSE if another process listens there.
    """
    if (unix_path is None) == (address is None):
        raise ValueError("a backdoor needs either unix_path or address")
    if address is not None and not allow_tcp:
        raise ValueError(
            "a backdoor over TCP lets everybody run code in this program who can connect to it, other "
            "users of this machine included: use unix_path, or say allow_tcp=True if that is what you want"
        )
    if namespace is None:
        namespace = {"coro": coro}
    if welcome is None:
        welcome = f"Python {sys.version.split()[0]} in process {os.getpid()}; exit() or Ctrl-D ends this session"
    sessions: set[_Session] = set()
    with _daemon(), _listening(unix_path, address) as listener:
        _sockets.add(listener)
        try:
            while True:
                connection = _accept(listener)
                if unix_path is not None and not _may_enter(connection):
                    connection.close()
                    continue
                sessions.difference_update([each for each in sessions if each.co.dead])
                sessions.add(_Session(connection, namespace, welcome))
        finally:
            _end(sessions)


@contextlib.contextmanager
def _daemon() -> Iterator[None]:
    """While this block runs, the calling coroutine waits for no work of the program: that somebody
    might come does not hide a dead end. But the main coroutine would be told of its own wait."""
    me = current()
    before = me.daemon
    me.daemon = before or me is not scheduler().main
    try:
        yield
    finally:
        me.daemon = before


def _accept(listener: sock) -> sock:
    while True:
        try:
            return listener.accept()[0]
        except ConnectionAbortedError:
            pass
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            sleep_relative(PAUSE)


def _end(sessions: "set[_Session]") -> None:
    for each in sessions:
        each.co.shutdown()
    with contextlib.suppress(TimeoutError), coro.timeout(GRACE):
        for each in sessions:
            each.co.join()
    for each in sessions:
        each.connection.close()  # of one that never began, or does not end


# -- listening


@contextlib.contextmanager
def _listening(unix_path: Any, address: Any) -> Iterator[sock]:
    """A socket that listens while this block runs."""
    if unix_path is None:
        with create_server(address, family=_socket.AF_INET6 if ":" in address[0] else _socket.AF_INET) as listener:
            yield listener
        return
    path = os.fspath(unix_path)
    if not path or path[:1] in ("\0", b"\0"):
        raise ValueError("unix_path must be the path of a file: an abstract address has no permissions")
    with unix_sock() as listener:
        with contextlib.suppress(OSError):
            os.fchmod(listener.fd, 0o600)  # Linux: the mode that the file is made with
        try:
            listener.bind(path)
        except oserrors.EADDRINUSE:
            _remove_stale(path)
            listener.bind(path)
        made = os.lstat(path)
        try:
            os.chmod(path, 0o600)  # elsewhere: nobody can connect before listen()
            listener.listen()
            yield listener
        finally:
            with contextlib.suppress(FileNotFoundError):
                found = os.lstat(path)
                if (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino):
                    os.unlink(path)


def _remove_stale(path: str | bytes) -> None:
    """Remove the socket at `path`, if nobody listens there."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "a backdoor cannot be made: there is another kind of file", path)
        with unix_sock() as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
                return
            except (BlockingIOError, oserrors.EPROTOTYPE):
                pass  # its backlog is full, or it is for datagrams: somebody is there
        raise oserrors.EADDRINUSE(errno.EADDRINUSE, "another process listens there", path)


def _may_enter(connection: sock) -> bool:
    """Whether the peer, on a UNIX socket, is the program's own user or root."""
    if not hasattr(_socket, "SO_PEERCRED"):
        return True  # the file's mode has to do
    credentials = struct.Struct("3i")
    _, uid, _ = credentials.unpack(connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, credentials.size))
    return uid in (0, os.geteuid())


# -- sessions


class _Session:
    """A connection and its prompt.

    Attributes:
        connection: its socket.
        co: the coroutine that runs the statements, and lives as long as the session.
    """

    def __init__(self, connection: sock, namespace: Mapping[str, Any], welcome: str) -> None:
        self.connection = connection
        _sockets.add(connection)
        self.console = Console(namespace, self.write, self.next_line)
        self.here = scheduler()
        self.lines: deque[bytes | Typed] = deque()
        self.queued = 0  # bytes of `lines`
        self.at_end = False
        self.executing = False
        number = next(_numbers)
        self.co = spawn(self.run, welcome, thread_name=f"backdoor session {number}")
        self.reader = new(self.read, thread_name=f"backdoor session {number}, reading")

    def run(self, welcome: str) -> None:
        with self.connection:
            self.reader.start()
            try:
                self.write(f"{welcome}\n")
                while True:
                    self.run_statement()
            except (EOFError, SystemExit, KeyboardInterrupt):
                pass
            finally:
                self.reader.shutdown()

    def run_statement(self) -> None:
        try:
            self.write(self.console.prompt)
            line = self.next_line()
            self.executing = True
            self.console.push(line)
        except KeyboardInterrupt:
            self.console.forget()
            self.write("\nKeyboardInterrupt\n")
        except _BadLine as error:
            self.console.forget()
            self.write(f"{error}\n")
        finally:
            self.executing = False

    def write(self, text: str) -> None:
        """Send text to the client. What a coroutine prints that outlives the session is lost."""
        try:
            self.connection.sendall(text.encode(errors="backslashreplace"))
        except OSError:
            if current() is self.co:
                raise Shutdown("the client of this session has gone") from None

    def next_line(self) -> str:
        """The next line that was typed, without its end.

        Raises:
            EOFError: none will come.
            KeyboardInterrupt: Ctrl-C was typed.
            _BadLine: it cannot be used.
        """
        while not self.lines:
            if self.at_end:
                raise EOFError("the client has nothing more to say")
            self.here.wait("backdoor: a line")
        typed = self.lines.popleft()
        if typed is Typed.INTERRUPT:
            raise KeyboardInterrupt
        if isinstance(typed, Typed):
            raise _BadLine(f"the line is longer than {LIMIT} bytes, and was dropped")
        self.queued -= len(typed) + 1
        self.here.wake(self.reader)
        try:
            return typed.decode()
        except UnicodeDecodeError as error:
            raise _BadLine(f"the line is not UTF-8, and was dropped: {error}") from None

    # -- in the other coroutine

    def read(self) -> None:
        keyboard = Keyboard(LIMIT)
        try:
            while not self.at_end and (data := self.connection.recv(1 << 16)):
                for typed, text in keyboard.feed(data):
                    self.take(typed, text)
                while self.queued > LIMIT:
                    self.here.wait("backdoor: room for more lines")
        except OSError:
            self.co.shutdown()
            return
        self.at_end = True
        self.here.wake(self.co)
        if _hung_up(self.connection):
            self.co.shutdown()

    def take(self, typed: Typed, text: bytes) -> None:
        match typed:
            case Typed.QUESTION:
                self.connection.sendall(text)
                return
            case Typed.LINE:
                self.lines.append(text)
                self.queued += len(text) + 1  # its end, too: a line may be empty
            case Typed.TOO_LONG:
                self.lines.append(typed)
            case Typed.INTERRUPT:
                self.lines.clear()
                self.queued = 0
                if self.executing:
                    self.co.raise_exception(KeyboardInterrupt)
                else:
                    self.lines.append(typed)
            case Typed.END:
                self.at_end = True
        self.here.wake(self.co)


class _BadLine(ValueError):
    """A line that is no text."""


def _hung_up(connection: sock) -> bool:
    """Whether the client has closed its side for both directions. If it has only nothing more to
    say (``nc -N``), it still wants to see what comes of it. TCP does not tell the two apart."""
    watch = select.poll()
    watch.register(connection.fd, 0)
    return bool(watch.poll(0))


def _after_fork_in_child() -> None:
    for each in list(_sockets):
        each.close()


os.register_at_fork(after_in_child=_after_fork_in_child)
