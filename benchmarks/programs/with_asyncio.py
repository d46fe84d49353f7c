"""asyncio, with its own event loop or uvloop's; streams, and protocols, which are its cheapest way:
callbacks for what has come, and no coroutine. See `command`.

    python with_asyncio.py asyncio|uvloop streams|protocol serve NAME [PORT]
    python with_asyncio.py asyncio|uvloop streams run NAME COUNT
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from time import process_time
from typing import Any, cast

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

# --- servers with streams ---------------------------------------------------------

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve_streams(handle: Handle) -> None:
    server = await asyncio.start_server(handle, HOST, 0, backlog=BACKLOG)
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(READ_SIZE):
        writer.write(data)
        await writer.drain()


async def streams_echo() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await pass_on(reader, writer)
        writer.close()

    await serve_streams(echo)


async def streams_churn() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    await serve_streams(close)


async def streams_bulk() -> None:
    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        total = 0
        while data := await reader.read(READ_SIZE):
            total += len(data)
        writer.write(TOTAL.pack(total))
        writer.close()

    await serve_streams(count)


async def streams_proxy(port: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(HOST, port)
        back = asyncio.create_task(pass_on(server_reader, writer))
        await pass_on(reader, server_writer)
        back.cancel()
        server_writer.close()
        writer.close()

    await serve_streams(serve)


# --- servers with protocols -------------------------------------------------------


async def serve_protocol(factory: Callable[[], asyncio.Protocol]) -> None:
    server = await asyncio.get_running_loop().create_server(factory, HOST, 0, backlog=BACKLOG)
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def protocol_echo() -> None:
    await serve_protocol(Echo)


class Close(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


async def protocol_churn() -> None:
    await serve_protocol(Close)


class Count(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.total = 0

    def data_received(self, data: bytes) -> None:
        self.total += len(data)

    def eof_received(self) -> None:
        self.transport.write(TOTAL.pack(self.total))


async def protocol_bulk() -> None:
    await serve_protocol(Count)


class Side(asyncio.Protocol):
    """One side of a proxy. What comes before there is another side waits (uvloop's transports cannot be paused
    yet when connection_made is called); what the other side cannot send holds this one up."""

    def __init__(self, other: Side | None, port: int = 0) -> None:
        self.other = other
        self.port = port
        self.early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self.other is None:
            self.transport.pause_reading()
            self.connecting = asyncio.create_task(self.connect())
        else:
            self.other.other = self
            self.transport.write(self.other.early)
            self.other.transport.resume_reading()

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: Side(self), HOST, self.port)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)
        else:
            self.early += data

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()


async def protocol_proxy(port: int) -> None:
    await serve_protocol(lambda: Side(None, port))


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.transport.sendto(data, address)


async def protocol_udp() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(EchoDatagrams, local_addr=(HOST, 0))
    announce(transport.get_extra_info("sockname")[1])
    await asyncio.Event().wait()


# --- workloads --------------------------------------------------------------------


async def do_nothing() -> None:
    pass


async def streams_yield(count: int) -> Measured:
    async def take_turns() -> None:
        for _ in range(count // 2):
            await asyncio.sleep(0)

    both = [asyncio.create_task(take_turns()), asyncio.create_task(take_turns())]
    began = process_time()
    for each in both:
        await each
    return {"yield": (process_time() - began) / count}


async def streams_lone_yield(count: int) -> Measured:
    began = process_time()
    for _ in range(count):
        await asyncio.sleep(0)
    return {"lone_yield": (process_time() - began) / count}


async def streams_spawn_join(count: int) -> Measured:
    began = process_time()
    for _ in range(count):
        await asyncio.create_task(do_nothing())
    return {"spawn_join": (process_time() - began) / count}


async def streams_spawn_many(count: int) -> Measured:
    began = process_time()
    for crowd in crowds(count):
        async with asyncio.TaskGroup() as group:
            for _ in range(crowd):
                group.create_task(do_nothing())
    return {"spawn_many": (process_time() - began) / count}


async def streams_timeout(count: int) -> Measured:
    began = process_time()
    for _ in range(count):
        async with asyncio.timeout(10):
            nothing()
    return {"timeout": (process_time() - began) / count}


async def streams_sleepers(count: int) -> Measured:
    lengths = sleep_lengths(count)
    memory, began = peak_bytes(), process_time()
    sleepers = [asyncio.create_task(asyncio.sleep(length)) for length in lengths]
    for sleeper in sleepers:
        await sleeper
    seconds = process_time() - began
    return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}


async def streams_lock(count: int) -> Measured:
    lock = asyncio.Lock()
    began = process_time()
    for _ in range(count):
        async with lock:
            pass
    return {"lock": (process_time() - began) / count}


async def streams_queue(count: int) -> Measured:
    there: asyncio.Queue[int] = asyncio.Queue()
    back: asyncio.Queue[int] = asyncio.Queue()

    async def answer() -> None:
        for _ in range(count):
            await back.put(await there.get())

    answering = asyncio.create_task(answer())
    began = process_time()
    for number in range(count):
        await there.put(number)
        await back.get()
    await answering
    return {"queue": (process_time() - began) / count}


async def streams_threads(count: int) -> Measured:
    began = process_time()
    for _ in range(count):
        await asyncio.to_thread(nothing)
    return {"threads": (process_time() - began) / count}


def in_loop(loop: str, function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    if loop == "uvloop":
        import uvloop

        return lambda *arguments: uvloop.run(function(*arguments))
    return lambda *arguments: asyncio.run(function(*arguments))


if __name__ == "__main__":
    _, loop, style, what, name, *rest = sys.argv
    main({f"{what}_{name}": in_loop(loop, globals()[f"{style}_{name}"])}, [what, name, *rest])
