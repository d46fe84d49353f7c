"""trio: a task for each connection, in a nursery. See `command`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import process_time

import trio
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

# --- servers ----------------------------------------------------------------------


def serve_streams(handle: Callable[[trio.SocketStream], Awaitable[None]]) -> None:
    async def serve() -> None:
        [listener] = await trio.open_tcp_listeners(0, host=HOST, backlog=BACKLOG)
        announce(listener.socket.getsockname()[1])
        await trio.serve_listeners(handle, [listener])

    trio.run(serve)


async def pass_on(source: trio.SocketStream, target: trio.SocketStream) -> None:
    while data := await source.receive_some(READ_SIZE):
        await target.send_all(data)


def serve_echo() -> None:
    async def echo(stream: trio.SocketStream) -> None:
        await pass_on(stream, stream)

    serve_streams(echo)


def serve_churn() -> None:
    async def close(stream: trio.SocketStream) -> None:
        await stream.aclose()

    serve_streams(close)


def serve_bulk() -> None:
    async def count(stream: trio.SocketStream) -> None:
        total = 0
        while data := await stream.receive_some(READ_SIZE):
            total += len(data)
        await stream.send_all(TOTAL.pack(total))

    serve_streams(count)


def serve_proxy(port: int) -> None:
    async def serve(client: trio.SocketStream) -> None:
        async with await trio.open_tcp_stream(HOST, port) as server, trio.open_nursery() as nursery:
            nursery.start_soon(pass_on, server, client)
            await pass_on(client, server)
            nursery.cancel_scope.cancel()

    serve_streams(serve)


def serve_udp() -> None:
    async def echo() -> None:
        socket = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        await socket.bind((HOST, 0))
        announce(socket.getsockname()[1])
        while True:
            data, address = await socket.recvfrom(READ_SIZE)
            await socket.sendto(data, address)

    trio.run(echo)


# --- workloads --------------------------------------------------------------------


async def do_nothing() -> None:
    pass


def run_yield(count: int) -> Measured:
    async def take_turns() -> None:
        for _ in range(count // 2):
            await trio.lowlevel.checkpoint()

    async def run() -> float:
        began = process_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_turns)
            nursery.start_soon(take_turns)
        return (process_time() - began) / count

    return {"yield": trio.run(run)}


def run_lone_yield(count: int) -> Measured:
    async def run() -> float:
        began = process_time()
        for _ in range(count):
            await trio.lowlevel.checkpoint()
        return (process_time() - began) / count

    return {"lone_yield": trio.run(run)}


def run_spawn_join(count: int) -> Measured:
    async def run() -> float:
        began = process_time()
        for _ in range(count):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(do_nothing)
        return (process_time() - began) / count

    return {"spawn_join": trio.run(run)}


def run_spawn_many(count: int) -> Measured:
    async def run() -> float:
        began = process_time()
        for crowd in crowds(count):
            async with trio.open_nursery() as nursery:
                for _ in range(crowd):
                    nursery.start_soon(do_nothing)
        return (process_time() - began) / count

    return {"spawn_many": trio.run(run)}


def run_timeout(count: int) -> Measured:
    async def run() -> float:
        began = process_time()
        for _ in range(count):
            with trio.fail_after(10):
                nothing()
        return (process_time() - began) / count

    return {"timeout": trio.run(run)}


def run_sleepers(count: int) -> Measured:
    async def run() -> Measured:
        lengths = sleep_lengths(count)
        memory, began = peak_bytes(), process_time()
        async with trio.open_nursery() as nursery:
            for length in lengths:
                nursery.start_soon(trio.sleep, length)
        seconds = process_time() - began
        return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}

    return trio.run(run)


def run_lock(count: int) -> Measured:
    async def run() -> float:
        lock = trio.Lock()
        began = process_time()
        for _ in range(count):
            async with lock:
                pass
        return (process_time() - began) / count

    return {"lock": trio.run(run)}


def run_queue(count: int) -> Measured:
    async def run() -> float:
        there_in, there = trio.open_memory_channel[int](1)
        back_in, back = trio.open_memory_channel[int](1)

        async def answer() -> None:
            for _ in range(count):
                await back_in.send(await there.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            began = process_time()
            for number in range(count):
                await there_in.send(number)
                await back.receive()
            return (process_time() - began) / count

    return {"queue": trio.run(run)}


def run_threads(count: int) -> Measured:
    async def run() -> float:
        began = process_time()
        for _ in range(count):
            await trio.to_thread.run_sync(nothing)
        return (process_time() - began) / count

    return {"threads": trio.run(run)}


if __name__ == "__main__":
    main(globals())
