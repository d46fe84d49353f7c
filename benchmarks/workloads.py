"""The small workloads: one library, one workload, one fresh process.

    python workloads.py LIBRARY WORKLOAD COUNT

It prints a JSON object: what it measured, by name. Each workload stands here once for each
library, as `LIBRARY_WORKLOAD`, and they differ in nothing but what the library asks for.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Callable
from time import process_time

Measured = dict[str, float]


def nothing() -> None:
    pass


def sleep_lengths(count: int) -> list[float]:
    """Seconds, in no order, so that timers come and go all over the heap."""
    source = random.Random(count)
    return [source.uniform(0.1, 1.0) for _ in range(count)]


def peak_bytes() -> int:
    """The most memory that this process has had in RAM until now, see proc(5)."""
    with open("/proc/self/status") as status:
        high_water_mark = next(line for line in status if line.startswith("VmHWM:"))
    return int(high_water_mark.split()[1]) * 1024


# coro


def coro_yield(count: int) -> Measured:
    import coro

    def take_turns() -> None:
        yield_slice = coro.yield_slice
        for _ in range(count // 2):
            yield_slice()

    both = [coro.spawn(take_turns), coro.spawn(take_turns)]
    began = process_time()
    for each in both:
        each.join()
    return {"yield": (process_time() - began) / count}


def coro_spawn_join(count: int) -> Measured:
    import coro

    spawn = coro.spawn
    began = process_time()
    for _ in range(count):
        spawn(nothing).join()
    return {"spawn_join": (process_time() - began) / count}


def coro_timeout(count: int) -> Measured:
    import coro

    with_timeout = coro.with_timeout
    began = process_time()
    for _ in range(count):
        with_timeout(10, nothing)
    return {"timeout": (process_time() - began) / count}


def coro_sleepers(count: int) -> Measured:
    import coro

    lengths = sleep_lengths(count)
    memory, began = peak_bytes(), process_time()
    sleepers = [coro.spawn(coro.sleep_relative, length) for length in lengths]
    for sleeper in sleepers:
        sleeper.join()
    seconds = process_time() - began
    return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}


def coro_mutex(count: int) -> Measured:
    from coro.sync import mutex

    lock = mutex()
    began = process_time()
    for _ in range(count):
        with lock:
            pass
    return {"mutex": (process_time() - began) / count}


def coro_ping_pong(count: int) -> Measured:
    import coro
    from coro.sync import fifo

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
    return {"ping_pong": (process_time() - began) / count}


# gevent


def gevent_yield(count: int) -> Measured:
    import gevent

    def take_turns() -> None:
        sleep = gevent.sleep
        for _ in range(count // 2):
            sleep(0)

    both = [gevent.spawn(take_turns), gevent.spawn(take_turns)]
    began = process_time()
    for each in both:
        each.join()
    return {"yield": (process_time() - began) / count}


def gevent_spawn_join(count: int) -> Measured:
    import gevent

    spawn = gevent.spawn
    began = process_time()
    for _ in range(count):
        spawn(nothing).join()
    return {"spawn_join": (process_time() - began) / count}


def gevent_timeout(count: int) -> Measured:
    import gevent

    with_timeout = gevent.with_timeout
    began = process_time()
    for _ in range(count):
        with_timeout(10, nothing)
    return {"timeout": (process_time() - began) / count}


def gevent_sleepers(count: int) -> Measured:
    import gevent

    lengths = sleep_lengths(count)
    memory, began = peak_bytes(), process_time()
    sleepers = [gevent.spawn(gevent.sleep, length) for length in lengths]
    for sleeper in sleepers:
        sleeper.join()
    seconds = process_time() - began
    return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}


def gevent_mutex(count: int) -> Measured:
    from gevent.lock import Semaphore

    lock = Semaphore()  # its fastest lock
    began = process_time()
    for _ in range(count):
        with lock:
            pass
    return {"mutex": (process_time() - began) / count}


def gevent_ping_pong(count: int) -> Measured:
    import gevent
    from gevent.queue import Queue

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
    return {"ping_pong": (process_time() - began) / count}


# asyncio


def asyncio_yield(count: int) -> Measured:
    async def take_turns() -> None:
        for _ in range(count // 2):
            await asyncio.sleep(0)

    async def run() -> float:
        began = process_time()
        await asyncio.gather(take_turns(), take_turns())
        return (process_time() - began) / count

    return {"yield": asyncio.run(run())}


def asyncio_spawn_join(count: int) -> Measured:
    async def do_nothing() -> None:
        pass

    async def run() -> float:
        began = process_time()
        for _ in range(count):
            await asyncio.create_task(do_nothing())
        return (process_time() - began) / count

    return {"spawn_join": asyncio.run(run())}


def asyncio_timeout(count: int) -> Measured:
    async def run() -> float:
        began = process_time()
        for _ in range(count):
            async with asyncio.timeout(10):
                nothing()
        return (process_time() - began) / count

    return {"timeout": asyncio.run(run())}


def asyncio_sleepers(count: int) -> Measured:
    async def run() -> Measured:
        lengths = sleep_lengths(count)
        memory, began = peak_bytes(), process_time()
        sleepers = [asyncio.create_task(asyncio.sleep(length)) for length in lengths]
        for sleeper in sleepers:
            await sleeper
        seconds = process_time() - began
        return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}

    return asyncio.run(run())


def asyncio_mutex(count: int) -> Measured:
    async def run() -> float:
        lock = asyncio.Lock()
        began = process_time()
        for _ in range(count):
            async with lock:
                pass
        return (process_time() - began) / count

    return {"mutex": asyncio.run(run())}


def asyncio_ping_pong(count: int) -> Measured:
    async def run() -> float:
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
        return (process_time() - began) / count

    return {"ping_pong": asyncio.run(run())}


def main() -> None:
    library, workload, count = sys.argv[1:]
    run: Callable[[int], Measured] = globals()[f"{library}_{workload}"]
    run(min(int(count), 1000))  # imports, and what each library does only once
    print(json.dumps(run(int(count))))


if __name__ == "__main__":
    main()
