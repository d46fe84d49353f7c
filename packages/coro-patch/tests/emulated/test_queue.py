"""`queue`: SimpleQueue, and the queues on top of `threading`."""

import contextlib
import gc
import importlib
import queue
import sys
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro.interface import scheduler


def test_first_in_first_out(both: str) -> None:
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for n in range(3):
        waiting.put(n, block=False, timeout=-1)
    assert waiting.qsize() == 3
    assert [waiting.get(), waiting.get_nowait(), waiting.get(timeout=1)] == [0, 1, 2]
    assert waiting.empty()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((True, -1), ValueError),
        ((True, "1"), TypeError),
        ((True, 1e300), OverflowError),
        ((False, -1), queue.Empty),
        ((True, 0), queue.Empty),
        ((True, 1e-4), queue.Empty),
    ],
)
def test_errors(both: str, arguments: tuple[bool, float], error: type[Exception]) -> None:
    with pytest.raises(error):
        queue.SimpleQueue().get(*arguments)


def test_who_waits_is_served_in_order(emulated: None) -> None:
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    got = []
    threads = [threading.Thread(target=lambda n=n: got.append((n, waiting.get()))) for n in range(3)]
    for thread in threads:
        thread.start()
    for n in range(3):
        waiting.put(n)
    for thread in threads:
        thread.join()
    assert got == [(0, 0), (1, 1), (2, 2)]


def test_time_runs_out(virtual: None) -> None:
    start = coro.now()
    with pytest.raises(queue.Empty):
        queue.SimpleQueue().get(timeout=60)
    assert coro.now() - start == 60_000_000_000


def test_an_interrupted_get_passes_the_item_on(virtual: None) -> None:
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    got = []
    first, second = (coro.spawn(lambda: got.append(waiting.get())) for _ in range(2))
    coro.sleep_relative(1)
    waiting.put("item")
    first.shutdown()
    second.join(1)
    assert got == ["item"]


def test_a_finalizer_may_put(emulated: None) -> None:
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Finalized:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            waiting.put("finalized")

    Finalized()
    gc.collect()
    assert waiting.get(timeout=1) == "finalized"


def test_between_real_threads_and_coroutines(emulated: None) -> None:
    there: queue.SimpleQueue[int] = queue.SimpleQueue()
    back: queue.Queue[int] = queue.Queue(2)

    def real_thread() -> None:
        for _ in range(100):
            back.put(there.get() + 1)

    coro.get_original("_thread", "start_new_thread")(real_thread, ())
    coro.spawn(lambda: [there.put(n) for n in range(100)])
    assert [back.get(timeout=30) for _ in range(100)] == list(range(1, 101))
    assert scheduler().current is coro.current()


@pytest.mark.parametrize("make", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_bounded_queues(both: str, make: Callable[[int], "queue.Queue[int]"]) -> None:
    waiting = make(1)
    got = []

    def consumer() -> None:
        while (item := waiting.get()) >= 0:
            got.append(item)
            waiting.task_done()
        waiting.task_done()

    thread = threading.Thread(target=consumer)
    thread.start()
    for n in (*range(50), -1):
        waiting.put(n, timeout=30)
    waiting.join()
    thread.join()
    assert got == list(range(50))
    waiting.put(1)
    with pytest.raises(queue.Full):
        waiting.put(2, timeout=1e-3)


@given(
    items=st.lists(st.integers(0, 3), max_size=20),
    getters=st.lists(st.tuples(st.integers(0, 5), st.sampled_from([None, 1.5, 4.5])), max_size=8),
)
def test_nothing_is_lost_or_had_twice(virtual: None, items: list[int], getters: list[tuple[int, float | None]]) -> None:
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    got: list[int] = []

    def getter(limit: int, timeout: float | None) -> None:
        try:
            for _ in range(limit):
                got.append(coro.with_timeout(20, waiting.get, True, timeout))
        except (queue.Empty, coro.TimeoutError):
            pass

    workers = [coro.spawn(getter, *each) for each in getters]
    for number, pause in enumerate(items):
        if pause:
            coro.sleep_relative(pause)
        waiting.put(number)
    for each in workers:
        each.join()
        each.result()
    rest = [waiting.get_nowait() for _ in range(waiting.qsize())]
    assert sorted(got + rest) == list(range(len(items)))


def test_a_thread_that_looks_again_and_again_lets_the_others_run(both: str) -> None:
    items: queue.Queue[int] = queue.Queue()
    found: list[int] = []

    def look() -> None:
        while not found:
            with contextlib.suppress(queue.Empty):
                found.append(items.get(block=False))

    looking = threading.Thread(target=look)
    looking.start()
    items.put(1)
    looking.join()
    assert found == [1]


def test_a_second_import_gets_the_same_queue(both: str) -> None:
    first = sys.modules.pop("_queue")
    spec = first.__spec__
    try:
        again = importlib.import_module("_queue")
        if both == "emulated":
            assert again.SimpleQueue is queue.SimpleQueue
            assert again.Empty is queue.Empty
            assert again.__spec__ is spec
    finally:
        sys.modules["_queue"] = first


def test_who_feeds_its_own_queue_lets_others_run(emulated: None) -> None:
    mine: queue.SimpleQueue[None] = queue.SimpleQueue()
    enough = []

    def feed() -> None:
        while not enough:
            mine.put(None)
            mine.get()

    thread = threading.Thread(target=feed)
    thread.start()
    time.sleep(0)
    enough.append(True)
    thread.join()
