"""An echo server: each connection has a coroutine of its own.

python examples/echo_server.py [PORT]
"""

import contextlib
import sys

import coro


def echo(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def serve(listener):
    print("listening at port", listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        coro.spawn(echo, connection)


if __name__ == "__main__":
    listener = coro.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000))
    coro.spawn(serve, listener)
    with contextlib.suppress(KeyboardInterrupt):
        coro.event_loop()
