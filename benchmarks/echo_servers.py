"""One echo server for each library, written as its users would write it.

    python echo_servers.py LIBRARY

It prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import cast

READ_SIZE = 65536
BACKLOG = 1024


def exit_with_input() -> None:
    """End this process when its standard input ends. An OS thread waits for that."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def announce(port: int) -> None:
    print(port, flush=True)


def serve_coro() -> None:
    import coro

    def echo(connection: coro.sock) -> None:
        with connection:
            while data := connection.recv(READ_SIZE):
                connection.sendall(data)

    listener = coro.tcp_sock()
    listener.bind(("127.0.0.1", 0))
    listener.listen(BACKLOG)
    announce(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        coro.spawn(echo, connection)


def serve_gevent() -> None:
    from gevent.server import StreamServer
    from gevent.socket import socket

    def echo(connection: socket, address: object) -> None:
        with connection:
            while data := connection.recv(READ_SIZE):
                connection.sendall(data)

    server = StreamServer(("127.0.0.1", 0), echo, backlog=BACKLOG)
    server.start()
    announce(server.server_port)
    server.serve_forever()


class Echo(asyncio.Protocol):
    """A callback for what has come, instead of a coroutine: asyncio's cheapest way."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def serve_protocol() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=BACKLOG)
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def serve_asyncio() -> None:
    asyncio.run(serve_protocol())


def serve_uvloop() -> None:
    import uvloop

    uvloop.run(serve_protocol())


SERVERS = {"coro": serve_coro, "gevent": serve_gevent, "asyncio": serve_asyncio, "uvloop": serve_uvloop}


if __name__ == "__main__":
    exit_with_input()
    SERVERS[sys.argv[1]]()
