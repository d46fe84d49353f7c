"""gevent: a greenlet for each connection, and its cooperative sockets. See `command`."""

from __future__ import annotations

from time import process_time

import gevent
from command import (
    BACKLOG,
    HOST,
    READ_SIZE,
    TOTAL,
    Measured,
    announce,
    crowds,
    main,
    nothing,
    peak_bytes,
    sleep_lengths,
)
from gevent.lock import Semaphore
from gevent.queue import Queue
from gevent.server import DatagramServer, StreamServer
from gevent.socket import create_connection, socket

# --- servers ----------------------------------------------------------------------


def serve_streams(handle) -> None:  # type: ignore[no-untyped-def]
    server = StreamServer((HOST, 0), handle, backlog=BACKLOG)
    server.start()
    announce(server.server_port)
    server.serve_forever()


def serve_echo() -> None:
    def echo(connection: socket, address: object) -> None:
        with connection:
            while data := connection.recv(READ_SIZE):
                connection.sendall(data)

    serve_streams(echo)


def serve_churn() -> None:
    serve_streams(lambda connection, address: connection.close())


def serve_bulk() -> None:
    def count(connection: socket, address: object) -> None:
        total = 0
        with connection:
            while data := connection.recv(READ_SIZE):
                total += len(data)
            connection.sendall(TOTAL.pack(total))

    serve_streams(count)


def serve_proxy(port: int) -> None:
    def pass_on(source: socket, target: socket) -> None:
        while data := source.recv(READ_SIZE):
            target.sendall(data)

    def serve(client: socket, address: object) -> None:
        with client, create_connection((HOST, port)) as server:
            back = gevent.spawn(pass_on, server, client)
            pass_on(client, server)
            back.kill()

    serve_streams(serve)


def serve_udp() -> None:
    class Echo(DatagramServer):  # type: ignore[misc]
        def handle(self, data: bytes, address: object) -> None:
            self.socket.sendto(data, address)

    server = Echo((HOST, 0))
    server.start()
    announce(server.server_port)
    server.serve_forever()


# --- workloads --------------------------------------------------------------------


def run_yield(count: int) -> Measured:
    def take_turns() -> None:
        sleep = gevent.sleep
        for _ in range(count // 2):
            sleep(0)

    both = [gevent.spawn(take_turns), gevent.spawn(take_turns)]
    began = process_time()
    for each in both:
        each.join()
    return {"yield": (process_time() - began) / count}


def run_lone_yield(count: int) -> Measured:
    sleep = gevent.sleep
    began = process_time()
    for _ in range(count):
        sleep(0)
    return {"lone_yield": (process_time() - began) / count}


def run_spawn_join(count: int) -> Measured:
    spawn = gevent.spawn
    began = process_time()
    for _ in range(count):
        spawn(nothing).join()
    return {"spawn_join": (process_time() - began) / count}


def run_spawn_many(count: int) -> Measured:
    spawn = gevent.spawn
    began = process_time()
    for crowd in crowds(count):
        gevent.joinall([spawn(nothing) for _ in range(crowd)])
    return {"spawn_many": (process_time() - began) / count}


def run_timeout(count: int) -> Measured:
    with_timeout = gevent.with_timeout
    began = process_time()
    for _ in range(count):
        with_timeout(10, nothing)
    return {"timeout": (process_time() - began) / count}


def run_sleepers(count: int) -> Measured:
    lengths = sleep_lengths(count)
    memory, began = peak_bytes(), process_time()
    sleepers = [gevent.spawn(gevent.sleep, length) for length in lengths]
    for sleeper in sleepers:
        sleeper.join()
    seconds = process_time() - began
    return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}


def run_lock(count: int) -> Measured:
    lock = Semaphore()  # its fastest lock
    began = process_time()
    for _ in range(count):
        with lock:
            pass
    return {"lock": (process_time() - began) / count}


def run_queue(count: int) -> Measured:
    there, back = Queue(), Queue()

    def answer() -> None:
        for _ in range(count):
            back.put(there.get())

    answering = gevent.spawn(answer)
    began = process_time()
    for number in range(count):
        there.put(number)
        back.get()
    answering.join()
    return {"queue": (process_time() - began) / count}


def run_threads(count: int) -> Measured:
    apply = gevent.get_hub().threadpool.apply
    began = process_time()
    for _ in range(count):
        apply(nothing)
    return {"threads": (process_time() - began) / count}


if __name__ == "__main__":
    main(globals())
