"""A TCP proxy: what comes in at one port goes on to a server, and its answers go back.

    python examples/proxy.py 9001 127.0.0.1:9000

Two coroutines serve each client, one for each direction. `coro.scope` holds them together: it ends when
both have ended, and if one fails, it ends the other.
"""

from __future__ import annotations

import contextlib
import socket
import sys

import coro

CONNECT_TIME = 10  # seconds that the server may take to accept
PATIENCE = 300  # seconds that both sides together may be silent


def pass_on(source: coro.sock, target: coro.sock) -> None:
    """Send to `target` what `source` sends, and tell it when there will be no more."""
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def serve(client: coro.sock, server_address: tuple[str, int]) -> None:
    with client, coro.create_connection(server_address, timeout=CONNECT_TIME) as server:
        client.settimeout(PATIENCE)
        server.settimeout(PATIENCE)
        with coro.scope() as directions:
            directions.spawn(pass_on, client, server)
            directions.spawn(pass_on, server, client)


def tell(error: OSError) -> None:
    print(f"proxy: {error}", file=sys.stderr, flush=True)


def serve_one(client: coro.sock, server_address: tuple[str, int]) -> None:
    """Serve a client. That a connection breaks is no fault of this program, and told in a line."""
    try:
        serve(client, server_address)
    except* OSError as errors:
        tell(errors.exceptions[0])  # type: ignore[arg-type]


def main(port: str, server: str) -> None:
    host, _, server_port = server.rpartition(":")
    listener = coro.create_server(("127.0.0.1", int(port)))

    def accept() -> None:
        print(f"proxy: 127.0.0.1:{listener.getsockname()[1]} goes to {server}", flush=True)
        while True:
            client, _ = listener.accept()
            coro.spawn(serve_one, client, (host, int(server_port)))

    coro.spawn(accept)
    with contextlib.suppress(KeyboardInterrupt):
        coro.event_loop()


if __name__ == "__main__":
    if len(sys.argv) != 3 or ":" not in sys.argv[2]:
        sys.exit("usage: python examples/proxy.py PORT HOST:PORT")
    main(*sys.argv[1:])
