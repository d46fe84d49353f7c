"""The echo server of the demo.

What belongs here: the side that listens. Each connection has a coroutine of its own, which
reads and writes as if nothing else existed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import coro

#: An address as sockets take it: host and port, or the path of a UNIX socket.
Address = tuple[str, int] | str

Handler = Callable[[coro.sock], None]

READ_SIZE = 65536


def echo(connection: coro.sock) -> None:
    """Send everything back that comes, until the other side has no more to say."""
    while data := connection.recv(READ_SIZE):
        connection.sendall(data)


def make_socket(address: Address) -> coro.sock:
    """A new socket of the address's family."""
    if isinstance(address, str):
        return coro.unix_sock()
    return coro.tcp6_sock() if ":" in address[0] else coro.tcp_sock()


class EchoServer:
    """Listens at an address and serves each connection in its own coroutine.

    Args:
        address: where to listen; port 0 for any that is free.
        backlog: how many connections may wait to be accepted.
        handler: serves one connection. The tests put servers here that make mistakes.

    Attributes:
        address: where clients find it, with the port that it got.

    Raises:
        OSError: it cannot listen there.
    """

    def __init__(self, address: Address, backlog: int, handler: Handler = echo) -> None:
        self.handler = handler
        self.serving: set[coro.coro] = set()
        self.listener = make_socket(address)
        try:
            if not isinstance(address, str):
                self.listener.set_reuse_addr()
            self.listener.bind(address)
            self.listener.listen(backlog)
        except BaseException:
            self.listener.close()
            raise
        self.address = address if isinstance(address, str) else self.find_address()
        self.acceptor = coro.spawn(self.accept, thread_name="acceptor")

    def find_address(self) -> Address:
        """The host and port that it listens at; loopback, if that is every address."""
        host, port = self.listener.getsockname()[:2]
        loopback = "::1" if self.listener.domain == coro.AF.INET6 else "127.0.0.1"
        return host or loopback, port

    def accept(self) -> None:
        """Accept connections until the listener is closed."""
        with contextlib.suppress(coro.ClosedError):
            while True:
                connection, _ = self.listener.accept()
                self.serving.add(coro.spawn(self.serve, connection, thread_name=f"server {connection.fd}"))

    def serve(self, connection: coro.sock) -> None:
        """The life of a connection, on the server's side."""
        try:
            # A client that is interrupted does not say good-bye.
            with connection, contextlib.suppress(ConnectionError):
                self.handler(connection)
        finally:
            self.serving.discard(coro.current())

    def wait_for_connections(self, number: int) -> None:
        """Wait until that many connections are accepted."""
        while len(self.serving) < number:
            coro.sleep_relative(0.005)

    def stop(self) -> None:
        """Stop listening, end what still goes on, and wait until all is closed."""
        self.listener.close()
        if isinstance(self.address, str):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.address)
        stop([self.acceptor, *self.serving])


def stop(coroutines: list[coro.coro]) -> None:
    """Tell coroutines to end, and wait until they have."""
    for each in coroutines:
        each.shutdown()
    for each in coroutines:
        each.join()
