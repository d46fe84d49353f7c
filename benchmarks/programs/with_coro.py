"""coro: a coroutine for each connection, and blocking calls. See `command`."""

from __future__ import annotations

from time import process_time

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

import coro
from coro.sync import fifo, mutex

# --- servers ----------------------------------------------------------------------


def listen() -> coro.sock:
    listener = coro.tcp_sock()
    listener.bind((HOST, 0))
    listener.listen(BACKLOG)
    announce(listener.getsockname()[1])
    return listener


def serve_echo() -> None:
    def echo(connection: coro.sock) -> None:
        with connection:
            while data := connection.recv(READ_SIZE):
                connection.sendall(data)

    listener = listen()
    while True:
        connection, _ = listener.accept()
        coro.spawn(echo, connection)


def serve_churn() -> None:
    listener = listen()
    while True:
        for connection, _ in listener.accept_many():
            connection.close()


def serve_bulk() -> None:
    def count(connection: coro.sock) -> None:
        total = 0
        with connection:
            while data := connection.recv(READ_SIZE):
                total += len(data)
            connection.sendall(TOTAL.pack(total))

    listener = listen()
    while True:
        connection, _ = listener.accept()
        coro.spawn(count, connection)


def serve_proxy(port: int) -> None:
    def pass_on(source: coro.sock, target: coro.sock) -> None:
        while data := source.recv(READ_SIZE):
            target.sendall(data)

    def serve(client: coro.sock) -> None:
        with client, coro.tcp_sock() as server:
            server.connect((HOST, port))
            back = coro.spawn(pass_on, server, client)
            pass_on(client, server)
            back.shutdown()

    listener = listen()
    while True:
        connection, _ = listener.accept()
        coro.spawn(serve, connection)


def serve_udp() -> None:
    socket = coro.udp_sock()
    socket.bind((HOST, 0))
    announce(socket.getsockname()[1])
    while True:
        data, address = socket.recvfrom(READ_SIZE)
        socket.sendto(data, address)


# --- workloads --------------------------------------------------------------------


def run_yield(count: int) -> Measured:
    def take_turns() -> None:
        yield_slice = coro.yield_slice
        for _ in range(count // 2):
            yield_slice()

    both = [coro.spawn(take_turns), coro.spawn(take_turns)]
    began = process_time()
    for each in both:
        each.join()
    return {"yield": (process_time() - began) / count}


def run_lone_yield(count: int) -> Measured:
    yield_slice = coro.yield_slice
    began = process_time()
    for _ in range(count):
        yield_slice()
    return {"lone_yield": (process_time() - began) / count}


def run_spawn_join(count: int) -> Measured:
    spawn = coro.spawn
    began = process_time()
    for _ in range(count):
        spawn(nothing).join()
    return {"spawn_join": (process_time() - began) / count}


def run_spawn_many(count: int) -> Measured:
    spawn = coro.spawn
    began = process_time()
    for crowd in crowds(count):
        for each in [spawn(nothing) for _ in range(crowd)]:
            each.join()
    return {"spawn_many": (process_time() - began) / count}


def run_timeout(count: int) -> Measured:
    with_timeout = coro.with_timeout
    began = process_time()
    for _ in range(count):
        with_timeout(10, nothing)
    return {"timeout": (process_time() - began) / count}


def run_sleepers(count: int) -> Measured:
    lengths = sleep_lengths(count)
    memory, began = peak_bytes(), process_time()
    sleepers = [coro.spawn(coro.sleep_relative, length) for length in lengths]
    for sleeper in sleepers:
        sleeper.join()
    seconds = process_time() - began
    return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}


def run_lock(count: int) -> Measured:
    lock = mutex()
    began = process_time()
    for _ in range(count):
        with lock:
            pass
    return {"lock": (process_time() - began) / count}


def run_queue(count: int) -> Measured:
    there: fifo[int] = fifo()
    back: fifo[int] = fifo()

    def answer() -> None:
        for _ in range(count):
            back.push(there.pop())

    answering = coro.spawn(answer)
    began = process_time()
    for number in range(count):
        there.push(number)
        back.pop()
    answering.join()
    return {"queue": (process_time() - began) / count}


def run_threads(count: int) -> Measured:
    run_in_thread = coro.run_in_thread
    began = process_time()
    for _ in range(count):
        run_in_thread(nothing)
    return {"threads": (process_time() - began) / count}


if __name__ == "__main__":
    main(globals())
