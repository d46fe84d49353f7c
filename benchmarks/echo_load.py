"""A load generator for echo servers in Python, for where no C compiler is; see echo.c.

python echo_load.py PORT CONNECTIONS SIZE COUNT
"""

from __future__ import annotations

import select
import socket
import sys


def main() -> None:
    port, connections, size, count = map(int, sys.argv[1:])
    request = b"x" * size
    clients: dict[int, socket.socket] = {}
    poller = select.epoll()
    sent = 0
    for _ in range(connections):
        client = socket.create_connection(("127.0.0.1", port))
        clients[client.fileno()] = client
        poller.register(client, select.EPOLLIN)
        if sent < count:
            client.sendall(request)
            sent += 1
    answered = 0
    while answered < sent:
        for fd, _ in poller.poll():
            if clients[fd].recv(size) != request:
                sys.exit("echo_load: the echo is not what was sent")
            answered += 1
            if sent < count:
                clients[fd].sendall(request)
                sent += 1


if __name__ == "__main__":
    main()
