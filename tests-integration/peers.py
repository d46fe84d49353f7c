"""Programs in other processes that the tests talk to over real sockets.

What belongs here: starting such a program, waiting until it is ready and stopping it,
whatever it is; and the few lines that every test of a server or a client needs.

The standard streams of a peer are coro's sockets. So a test waits for what the peer says as
it waits for anything else: its other coroutines run meanwhile, and its time limit holds.
"""

import contextlib
import grp
import http.client
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import pytest

import coro

#: Seconds. How long a test may take, more than enough; and how long a program that was
#: told to end may take until it is killed.
PATIENCE = 60
GRACE = 10

#: An address as coro's sockets take it.
Address = Any

#: The HTTP server of the examples, as a program.
HTTP_SERVER = [sys.executable, "-W", "error", Path(__file__).resolve().parent.parent / "examples" / "http_server.py"]

KINDS = ["ipv4", "ipv6", "unix"]


def program(name: str) -> str:
    """The path of a program. The test skips if it is not installed."""
    # Servers are for root only, some distributions believe.
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


#: What the fixture `start` is.
Start = Callable[..., "Peer"]


class Peer:
    """A program in another process, in a session of its own.

    Args:
        command: the program and its arguments.

    Attributes:
        process: the process.
        talk: the other end of its standard input and output, a socket.
        output, errors: what it writes, as files to read from.
    """

    def __init__(self, *command: object) -> None:
        with contextlib.ExitStack() as opened:
            self.talk, theirs = _pair(opened)
            error_stream, their_errors = _pair(opened)
            with theirs, their_errors:
                self.process = subprocess.Popen(
                    list(map(str, command)),
                    stdin=theirs,
                    stdout=theirs,
                    stderr=their_errors,
                    start_new_session=True,
                )
            self.output = opened.enter_context(self.talk.makefile("rb"))
            self.errors = opened.enter_context(error_stream.makefile("rb"))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def read_line(self) -> str:
        """The next line that it writes. The test fails if there is none."""
        line = self.output.readline().decode()
        assert line.endswith("\n"), f"{self.process.args} ended: {line}{self.errors.read().decode()}"
        return line.rstrip("\n")

    def read_error_line(self, beginning: str) -> str:
        """The rest of the next line on its standard error that begins like this."""
        for line in self.errors:
            if line.startswith(beginning.encode()):
                return line.decode().removeprefix(beginning).strip()
        pytest.fail(f"{self.process.args} ended and never said {beginning!r}")

    def end_input(self) -> None:
        """Let it read the end of its standard input."""
        self.talk.shutdown(coro.SHUT.WR)

    def finish(self) -> bytes:
        """Wait until it ends by itself, without any complaint, and return what it wrote."""
        output, errors = self.output.read(), self.errors.read()
        # Who closes both streams is as good as gone.
        assert self.process.wait(GRACE) == 0, errors.decode()
        assert errors == b""
        return output

    def kill(self) -> None:
        """End it with no chance to say good-bye."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Tell it to end if it still runs, and see to it that it does."""
        try:
            self.process.terminate()
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        finally:
            self._opened.close()


def _pair(opened: contextlib.ExitStack) -> tuple[coro.sock, coro.sock]:
    """Two connected sockets, one for us and one that the peer inherits and that blocks."""
    ours, theirs = coro.socketpair()
    os.set_blocking(theirs.fd, True)
    return opened.enter_context(ours), theirs


def free_port() -> int:
    """A port at which nobody listened a moment ago."""
    with coro.tcp_sock() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def on_free_port(
    command: Callable[[int], list[object]], ask: Callable[[], object], log: Path
) -> Iterator[tuple[Peer, int]]:
    """Runs a server that has to be told its port, on another one if somebody was faster.

    Args:
        command: what to run with this port.
        ask: asks the server for something. It is ready when this raises nothing.
        log: where it writes what is wrong.
    """
    for _ in range(5):
        port = free_port()
        with Peer(*command(port)) as peer:
            if _gets_ready(peer, ask):
                yield peer, port
                return
    pytest.fail(f"{command(port)} does not run:\n{log.read_text() if log.exists() else ''}")


def _gets_ready(peer: Peer, ask: Callable[[], object]) -> bool:
    with coro.timeout(PATIENCE):
        while peer.process.poll() is None:
            try:
                ask()
            except (OSError, EOFError):
                coro.sleep_relative(0.01)
            else:
                return True
    return False


#: It needs no root. But if it is root it has to be told to stay so, or its workers become
#: somebody who may not read the files.
NGINX = """
daemon off;
{user}
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
}}
"""


@contextlib.contextmanager
def running_nginx(folder: Path, http: Callable[[int], str]) -> Iterator[int]:
    """Runs an nginx; the port that it was given.

    Args:
        folder: for what is its own.
        http: what it does, with this port; it has to listen at ``folder/socket``, too.
    """
    executable = program("nginx")
    user = ""
    if os.geteuid() == 0:
        user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};"

    def command(port: int) -> list[object]:
        text = NGINX.format(user=user, folder=folder, http=http(port))
        (folder / "configuration").write_text(text)
        return [executable, "-p", folder, "-c", folder / "configuration"]

    def ask() -> None:
        with HTTPClient(str(folder / "socket")) as client:
            client.ask("HEAD", "/")

    with on_free_port(command, ask, folder / "error.log") as (_, port):
        yield port


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[tuple[str, int]]:
    """Runs a Redis server that forgets everything when it ends; the path and the port where it listens."""
    path, log = str(folder / "socket"), folder / "log"
    redis = program("redis-server")

    def command(port: int) -> list[object]:
        places = ["--bind", "127.0.0.1", "--port", port, "--unixsocket", path]
        return [redis, *places, "--save", "", "--appendonly", "no", "--dir", folder, "--logfile", log]

    def ask() -> None:
        with connect(path) as client:
            client.sendall(b"PING\r\n")
            assert client.recv_exact(5) == b"+PONG"

    with on_free_port(command, ask, log) as (_, port):
        yield path, port


# Addresses


def make(kind: str) -> coro.sock:
    """A stream socket of that kind. The test skips if this machine has none."""
    match kind:
        case "ipv4":
            return coro.tcp_sock()
        case "unix":
            return coro.unix_sock()
        case "ipv6" if coro.has_ipv6():
            return coro.tcp6_sock()
        case _:
            pytest.skip(f"this machine has no {kind}")


def free_address(kind: str, folder: Path) -> Address:
    """An address of that kind to listen at; its port is 0, for any that is free."""
    if kind == "unix":
        return str(folder / "socket")
    address = ("127.0.0.1" if kind == "ipv4" else "::1", 0)
    with make(kind) as probe:
        try:
            probe.bind(address)
        except OSError as error:
            pytest.skip(f"this machine has no loopback address of {kind}: {error}")
    return address


def kind_of(address: Address) -> str:
    if isinstance(address, str):
        return "unix"
    return "ipv6" if ":" in address[0] else "ipv4"


def listen(address: Address) -> coro.sock:
    """A socket that listens there."""
    listener = make(kind_of(address))
    try:
        listener.bind(address)
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener


def address_of(listener: coro.sock) -> Address:
    """Where others find it."""
    address = listener.getsockname()
    return address if isinstance(address, str) else address[:2]


def connect(address: Address) -> coro.sock:
    """A socket that is connected to the address."""
    client = make(kind_of(address))
    try:
        client.connect(address)
    except BaseException:
        client.close()
        raise
    return client


def wait_for(what: Callable[[], object]) -> None:
    """Wait for something that another process does and of which nobody tells us."""
    while not what():
        coro.sleep_relative(0.005)


class HTTPClient(http.client.HTTPConnection):
    """The standard library's client of HTTP on a socket of coro's."""

    def __init__(self, address: Address) -> None:
        super().__init__("localhost")
        self.address = address

    def connect(self) -> None:
        self.sock = connect(self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(self, method: str, path: str, **more: Any) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        self.request(method, path, **more)
        with self.getresponse() as answer:
            return answer.status, answer.read()


# Coroutines


@contextlib.contextmanager
def ended(started: list[coro.coro]) -> Iterator[list[coro.coro]]:
    """At the end of the block these coroutines have ended: by themselves and without an error, or the test fails."""
    try:
        yield started
        for each in started:
            each.join()
    finally:
        for each in started:
            each.shutdown()
        for each in started:
            each.join()
    for each in started:
        each.result()


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Call ``work(0)``, ``work(1)`` ... each in a coroutine of its own. Returns what they return."""
    with ended([coro.spawn(work, each) for each in range(number)]) as started:
        pass
    return [each.result() for each in started]


def in_threads(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Call ``work(0)``, ``work(1)`` ... each in a thread of its own. Returns what they return."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(work, range(number)))


def real_threads() -> int:
    """How many OS threads this process has, without that of pytest's watchdog."""
    return len(list(Path("/proc/self/task").iterdir())) - 1


@contextlib.contextmanager
def meanwhile(work: Callable[..., object], *arguments: object) -> Iterator[coro.coro]:
    """Call ``work(*arguments)`` in another coroutine, which must have ended well at the end of the block."""
    with ended([coro.spawn(work, *arguments)]) as [started]:
        yield started


@contextlib.contextmanager
def serve(handler: Callable[[coro.sock], object], address: Address) -> Iterator[Address]:
    """Serve each connection in a coroutine of its own.

    Args:
        handler: called with the connection, which is closed afterwards.
        address: where to listen.

    Returns:
        a context, which is where clients connect to. At its end all must have been served.
    """

    def attend(connection: coro.sock) -> None:
        with connection:
            handler(connection)

    def accept() -> None:
        with contextlib.suppress(coro.ClosedError):
            while True:
                serving.append(coro.spawn(attend, listener.accept()[0]))

    with listen(address) as listener, ended([]) as serving:
        acceptor = coro.spawn(accept)
        try:
            yield address_of(listener)
        finally:
            listener.close()
            acceptor.join()
