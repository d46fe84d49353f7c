"""A load generator for echo servers in Python, for where no C compiler is; see echo.c.

python echo_load.py PORT CONNECTIONS SIZE COUNT
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys

READ_SIZE = 65536
PERIOD = 251


class Client:
    """A connection, and the message that it has under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.unsent = self.due = memoryview(b"")

    def begin(self, message: memoryview) -> None:
        self.unsent = self.due = message

    @property
    def events(self) -> int:
        """What epoll should watch it for."""
        return select.EPOLLIN | (select.EPOLLOUT if self.unsent else 0)

    def push(self) -> None:
        """Send what the socket takes."""
        if self.unsent:
            with contextlib.suppress(BlockingIOError):
                self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def pull(self) -> None:
        """Read a piece of the echo, and look at it."""
        with contextlib.suppress(BlockingIOError):
            came = self.socket.recv(READ_SIZE)
            if not came or len(came) > len(self.due) - len(self.unsent) or self.due[: len(came)] != came:
                sys.exit("echo_load: a connection broke, or an echo is not what was sent")
            self.due = self.due[len(came) :]


def main() -> None:
    port, connections, size, count = map(int, sys.argv[1:])
    pattern = memoryview((bytes(range(PERIOD)) * (size // PERIOD + 2))[: size + PERIOD])
    clients: dict[int, Client] = {}
    poller = select.epoll()
    begun = answered = 0

    def begin(client: Client) -> None:
        nonlocal begun
        if begun < count:
            start = begun % PERIOD
            client.begin(pattern[start : start + size])
            client.push()
            begun += 1

    for _ in range(connections):
        client = Client(port)
        begin(client)
        clients[client.socket.fileno()] = client
        poller.register(client.socket, client.events)
    while answered < begun:
        for fd, events in poller.poll():
            client = clients[fd]
            watched, asked = client.events, bool(client.due)
            if events & ~select.EPOLLOUT:
                client.pull()
            if asked and not client.due:
                answered += 1
                begin(client)
            else:
                client.push()
            if client.events != watched:
                poller.modify(fd, client.events)


if __name__ == "__main__":
    main()
