"""Clients inside: a coroutine for each, in the process of the server."""

from __future__ import annotations

from part import Part
from server import Address, EchoServer, make_socket, stop
from talk import PATIENCE, EchoError, exchange, finish, payloads

import coro


def connect(address: Address) -> coro.sock:
    """A connection to the server."""
    connection = make_socket(address)
    connection.connect(address)
    return connection


class Inside(Part):
    """Clients that are coroutines of this process."""

    place = "inside"

    def __init__(self, connections: int, requests: int, size: int) -> None:
        super().__init__(connections, requests, size)
        self.sockets: list[coro.sock] = []
        self.clients: list[coro.coro] = []

    def connect(self, server: EchoServer) -> None:
        with self.connecting(server):
            for _ in range(self.connections):
                self.sockets.append(connect(server.address))

    def talk(self) -> None:
        with self.talking():
            for number, connection in enumerate(self.sockets):
                self.clients.append(coro.spawn(self.converse, number, connection, thread_name=f"client {number}"))
            self.look()
            for client in self.clients:
                client.join()

    def converse(self, number: int, connection: coro.sock) -> None:
        """The whole conversation of one client. Runs in a coroutine of its own."""
        sent = 0
        try:
            for payload in payloads(f"inside {number}", self.requests, self.size):
                seconds = coro.with_timeout(PATIENCE, exchange, connection, payload, sent)
                self.tally.count(payload, seconds)
                self.done += 1
                sent += len(payload)
            coro.with_timeout(PATIENCE, finish, connection, coro.SHUT.WR, sent)
        except (EchoError, OSError) as error:
            self.tally.fail(number, error)

    def close(self) -> None:
        stop(self.clients)
        for connection in self.sockets:
            connection.close()
