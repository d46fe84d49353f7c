"""The small workloads: one library, one workload, one fresh process.

    python workloads.py LIBRARY WORKLOAD COUNT

It prints a JSON object: what it measured, by name. Each workload stands twice here, once
for each library, and the two differ in nothing but the library's names.
"""

from __future__ import annotations

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


WORKLOADS: dict[str, Callable[[int], Measured]] = {
    "coro yield": coro_yield,
    "coro spawn_join": coro_spawn_join,
    "coro timeout": coro_timeout,
    "coro sleepers": coro_sleepers,
    "gevent yield": gevent_yield,
    "gevent spawn_join": gevent_spawn_join,
    "gevent timeout": gevent_timeout,
    "gevent sleepers": gevent_sleepers,
}


def main() -> None:
    library, workload, count = sys.argv[1:]
    run = WORKLOADS[f"{library} {workload}"]
    run(min(int(count), 1000))  # imports, and what each library does only once
    print(json.dumps(run(int(count))))


if __name__ == "__main__":
    main()
