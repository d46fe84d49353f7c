"""eventlet: a green thread for each connection, and its green sockets. See `command`."""

from __future__ import annotations

from time import process_time

import eventlet
import eventlet.queue
import eventlet.semaphore
import eventlet.tpool
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
from eventlet.green import socket

# --- servers ----------------------------------------------------------------------


def serve_streams(handle) -> None:  # type: ignore[no-untyped-def]
    listener = eventlet.listen((HOST, 0), backlog=BACKLOG)
    announce(listener.getsockname()[1])
    # It limits how many are served at a time to 1,000 unless it is told otherwise.
    eventlet.serve(listener, handle, concurrency=20_000)


def serve_echo() -> None:
    def echo(connection: socket.socket, address: object) -> None:
        while data := connection.recv(READ_SIZE):
            connection.sendall(data)

    serve_streams(echo)


def serve_churn() -> None:
    serve_streams(lambda connection, address: None)


def serve_bulk() -> None:
    def count(connection: socket.socket, address: object) -> None:
        total = 0
        while data := connection.recv(READ_SIZE):
            total += len(data)
        connection.sendall(TOTAL.pack(total))

    serve_streams(count)


def serve_proxy(port: int) -> None:
    def pass_on(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(READ_SIZE):
            target.sendall(data)

    def serve(client: socket.socket, address: object) -> None:
        with eventlet.connect((HOST, port)) as server:
            back = eventlet.spawn(pass_on, server, client)
            pass_on(client, server)
            back.kill()

    serve_streams(serve)


def serve_udp() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((HOST, 0))
    announce(server.getsockname()[1])
    while True:
        data, address = server.recvfrom(READ_SIZE)
        server.sendto(data, address)


# --- workloads --------------------------------------------------------------------


def run_yield(count: int) -> Measured:
    def take_turns() -> None:
        sleep = eventlet.sleep
        for _ in range(count // 2):
            sleep(0)

    both = [eventlet.spawn(take_turns), eventlet.spawn(take_turns)]
    began = process_time()
    for each in both:
        each.wait()
    return {"yield": (process_time() - began) / count}


def run_lone_yield(count: int) -> Measured:
    sleep = eventlet.sleep
    began = process_time()
    for _ in range(count):
        sleep(0)
    return {"lone_yield": (process_time() - began) / count}


def run_spawn_join(count: int) -> Measured:
    spawn = eventlet.spawn
    began = process_time()
    for _ in range(count):
        spawn(nothing).wait()
    return {"spawn_join": (process_time() - began) / count}


def run_spawn_many(count: int) -> Measured:
    spawn = eventlet.spawn
    began = process_time()
    for crowd in crowds(count):
        for each in [spawn(nothing) for _ in range(crowd)]:
            each.wait()
    return {"spawn_many": (process_time() - began) / count}


def run_timeout(count: int) -> Measured:
    with_timeout = eventlet.with_timeout
    began = process_time()
    for _ in range(count):
        with_timeout(10, nothing)
    return {"timeout": (process_time() - began) / count}


def run_sleepers(count: int) -> Measured:
    lengths = sleep_lengths(count)
    memory, began = peak_bytes(), process_time()
    sleepers = [eventlet.spawn(eventlet.sleep, length) for length in lengths]
    for sleeper in sleepers:
        sleeper.wait()
    seconds = process_time() - began
    return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}


def run_lock(count: int) -> Measured:
    lock = eventlet.semaphore.Semaphore()
    began = process_time()
    for _ in range(count):
        with lock:
            pass
    return {"lock": (process_time() - began) / count}


def run_queue(count: int) -> Measured:
    there, back = eventlet.queue.LightQueue(), eventlet.queue.LightQueue()

    def answer() -> None:
        for _ in range(count):
            back.put(there.get())

    answering = eventlet.spawn(answer)
    began = process_time()
    for number in range(count):
        there.put(number)
        back.get()
    answering.wait()
    return {"queue": (process_time() - began) / count}


def run_threads(count: int) -> Measured:
    execute = eventlet.tpool.execute
    began = process_time()
    for _ in range(count):
        execute(nothing)
    return {"threads": (process_time() - began) / count}


if __name__ == "__main__":
    main(globals())
